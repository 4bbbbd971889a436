"""The trail, told. Pure: no application, no database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.appeals import story
from ledger.appeals.story import Ink, Reader, Text, tell

AT = datetime(2026, 11, 20, 1, 30, tzinfo=UTC)


class Names:
    def category_name(self, category_id: int | None) -> str:
        return "通行受阻" if category_id else ""

    def channel_name(self, code: str) -> str:
        return {"visit": "联络员走访"}.get(code, code)

    def outcome_name(self, code: str) -> str:
        return {"resolved": "已解决"}.get(code, code)

    def reason_name(self, kind: str, code: str) -> str:
        return f"{kind}/{code}"


def reader(*, knows: bool = True) -> Reader:
    fields = {"appellant_name": "诉求主体", "phone": "联系电话", "title": "标题"}
    return Reader(Names(), fields, {"phone": "电话"}, knows)


def ink(verb: str, seq: int = 1, payload: dict[str, Any] | None = None, **more: Any) -> Ink:
    values: dict[str, Any] = {
        "seq": seq,
        "at": AT,
        "happened_at": AT,
        "form": 1,
        "verb": verb,
        "from_state": "assigned",
        "to_state": "assigned",
        "round": 1,
        "assignment_id": None,
        "actor_kind": "person",
        "actor_name": "周交办",
        "post_unit": "专班办公室",
        "post_role": "coordinator",
        "on_behalf": "",
        "payload": json.dumps(payload or {}),
        "texts": {},
        **more,
    }
    return Ink(**values)


def register(**texts: Text) -> Ink:
    places = {f"appeal.{name}": text for name, text in texts.items()}
    payload = {
        "set": {"appeal": {"": {"channel": "visit", "state": "registered"}}},
        "texts": dict.fromkeys(places, "…"),
    }
    return ink("register", 1, payload, from_state="", to_state="registered", texts=places)


def told(line: story.Line) -> dict[str, str]:
    return {piece.label: piece.words for piece in (*line.told, *line.more)}


def test_a_line_says_who_did_what_under_which_post() -> None:
    (line,) = tell([register(title=Text("入口关闭"))], reader())
    assert (line.who, line.post, line.label) == ("周交办", "专班办公室·交办员", "登记")
    assert line.to_label == "待受理"
    assert told(line) == {"来源渠道": "联络员走访", "标题": "入口关闭"}


def test_a_number_is_masked_even_for_whoever_may_know() -> None:
    (line,) = tell([register(phone=Text("13807970001", personal=True))], reader())
    assert told(line)["联系电话"] == "138****0001"


def test_who_may_not_know_reads_that_it_is_withheld() -> None:
    entry = register(
        appellant_name=Text("顺达物流"), phone=Text("", personal=True), title=Text("入口关闭")
    )
    (line,) = tell([entry], reader(knows=False))
    assert told(line)["诉求主体"] == story.WITHHELD
    assert told(line)["联系电话"] == story.WITHHELD
    assert told(line)["标题"] == "入口关闭"


def test_a_correction_shows_old_and_new() -> None:
    payload = {"data": {"fields": ["title"]}, "texts": {"appeal.title": "…"}}
    texts = {
        "appeal.title": Text("新题"),
        "old:title": Text("旧题"),
        "new:title": Text("新题"),
        "reason": Text("核对"),
    }
    line = tell([register(), ink("correct", 2, payload, texts=texts)], reader())[1]
    assert [(t.label, t.old, t.words) for t in line.told] == [
        ("标题", "旧题", "新题"),
        ("理由", None, "核对"),
    ]


def test_a_correction_of_the_identity_is_withheld_whole() -> None:
    payload = {"data": {"fields": ["appellant_name"]}}
    texts = {"old:appellant_name": Text("甲公司"), "new:appellant_name": Text("乙公司")}
    line = tell([register(), ink("correct", 2, payload, texts=texts)], reader(knows=False))[1]
    assert "公司" not in repr(line.told)


def test_what_was_erased_by_law_says_so() -> None:
    texts = {"note": Text("〔已依法删除〕", erased=True)}
    line = tell([register(), ink("supplement", 2, texts=texts)], reader())[1]
    assert line.told[0].quiet
    assert line.told[0].words == "〔已依法删除〕"


def test_an_answer_given_anew_tells_its_outcome_though_it_is_the_same() -> None:
    first = {"set": {"assignment": {"7": {"outcome": "resolved", "state": "answered"}}}}
    again = {"set": {"assignment": {"7": {"state": "answered"}}}}
    lines = tell(
        [
            register(),
            ink("answer", 2, first, assignment_id=7),
            ink("answer", 3, again, assignment_id=7),
        ],
        reader(),
    )
    assert told(lines[2])["办理结果"] == "已解决"


def test_the_same_words_on_assignment_and_appeal_are_told_once() -> None:
    payload = {"set": {"assignment": {"7": {"outcome": "resolved"}}}}
    texts = {
        "assignment.7.public_reply": Text("您好"),
        "appeal.public_reply": Text("您好"),
        "appeal.account": Text("已联系"),
        "assignment.7.account": Text("已联系"),
    }
    line = tell([register(), ink("answer", 2, payload, assignment_id=7, texts=texts)], reader())[1]
    assert [t.label for t in line.told] == ["办理结果", "内部办理情况", "对企业的答复"]


def test_what_was_recorded_later_shows_when_it_happened() -> None:
    earlier = AT - timedelta(hours=5)
    entry = ink("contact", 2, {"data": {"way": "phone"}}, happened_at=earlier)
    assert tell([register(), entry], reader())[1].happened_at == earlier


def test_the_system_and_a_firm_are_named_as_such() -> None:
    by_system = ink("receive", 2, actor_kind="system", actor_name="系统", post_role="")
    by_firm = ink("supplement", 3, actor_kind="firm", actor_name="顺达物流", post_role="")
    lines = tell([register(), by_system, by_firm], reader(knows=False))
    assert lines[1].by_system
    assert lines[2].who == "诉求人"


def test_an_unknown_verb_of_a_later_release_is_still_told() -> None:
    assert tell([register(), ink("invented", 2)], reader())[1].label == "invented"


def test_a_talk_with_the_appellant_is_withheld_from_who_may_not_know() -> None:
    entry = ink("tell", 2, {"data": {"way": "phone"}}, texts={"note": Text("刘经理已知悉")})
    line = tell([register(), entry], reader(knows=False))[1]
    assert "刘经理" not in repr(line)


def test_an_appeal_sent_out_again_tells_whose_words_those_are_and_that_it_is_alone() -> None:
    words = Text("车辆昨晚又被劝返。")
    for verb, own, label in (
        ("call_back", "note", "诉求人意见"),
        ("refuse_closing", "reason", "不予销号理由"),
    ):
        places = {"assignment.2.note": words, own: words}
        again = {"set": {"appeal": {"": {"master_id": None}}}, "texts": dict.fromkeys(places, "…")}
        alone = told(tell([ink(verb, 1, again, texts=places)], reader())[0])
        assert alone[label] == words.words and "交办意见" not in alone
        assert alone["并案"] == "不再随原主件办理，由本件单独办理"
        again["set"] = {"appeal": {"": {"round": 2}}}
        own_way = told(tell([ink(verb, 1, again, texts=places)], reader())[0])
        assert own_way[label] == words.words and "并案" not in own_way
