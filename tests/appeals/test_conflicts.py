"""Two hands at one appeal: the second sees what differs, and loses nothing that he typed."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.db import db
from ledger.people.models import Draft
from ledger.trail.models import Entry, EntryText

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
ROW = re.compile(
    r'<th scope="row">(.*?)</th><td class="prose">(.*?)</td><td class="prose">(.*?)</td>', re.S
)


def post(cast: Cast, who: str, number: str, act: str, headers: Any = None, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed, headers=headers)


def drawn(cast: Cast, who: str, number: str, act: str) -> str:
    """The version that the form was drawn from."""
    html = cast.client(who).get(f"/appeals/{number}/{act}").get_data(as_text=True)
    return html.partition('name="seen" type="hidden" value="')[2].partition('"')[0]


def column(cast: Cast, number: str, name: str) -> Any:
    with cast.app.app_context():
        return db.session.scalars(
            select(getattr(Appeal, name)).where(Appeal.number == number)
        ).one()


def rows(answer: Any) -> dict[str, tuple[str, str]]:
    found = ROW.findall(answer.get_data(as_text=True))
    return {name: (unescape(was), unescape(now)) for name, was, now in found}


def notes(cast: Cast, number: str, verb: str) -> list[str]:
    with cast.app.app_context():
        return list(
            db.session.scalars(
                select(EntryText.body)
                .join(Entry, EntryText.entry_id == Entry.id)
                .where(Entry.stream == f"appeal/{number}", Entry.verb == verb)
            )
        )


def test_the_second_corrects_again_on_what_stands_now(cast: Cast) -> None:
    number = cast.reach("accepted")
    seen = drawn(cast, "zhou", number, "correct")
    first = {"place": "澄江镇收费站", "phone": "13907970002", "reason": "地点有误", "seen": seen}
    assert post(cast, "zhou", number, "correct", **first).status_code == 303
    second = {"place": "南桥镇", "reason": "司机来电说明地点", "seen": seen}
    for headers in (None, FRAGMENT):
        late = post(cast, "zhou", number, "correct", headers=headers, **second)
        html = late.get_data(as_text=True)
        assert late.status_code == 409
        assert rows(late)["地点"] == ("（空）", "澄江镇收费站")
        assert "13907970002" not in html and "13807970001" not in html
        assert "南桥镇" in html and "司机来电说明地点" in html and "更正" in html
        assert 'value="note"' in html and ">取消</a>" in html and "再次提交" in html
    now = html.partition('name="seen" type="hidden" value="')[2].partition('"')[0]
    assert now == str(int(seen) + 1)
    assert post(cast, "zhou", number, "correct", **{**second, "seen": now}).status_code == 303
    assert column(cast, number, "place") == "南桥镇"


def test_what_came_too_late_is_kept_as_a_note(cast: Cast) -> None:
    number = cast.reach("answered")
    seen = drawn(cast, "zhou", number, "send-back")
    cast.review(number)
    cast.call_back(number)
    cast.close(number)
    typed = {"reason": "缺少现场照片，请补充。", "reason_code": "no_evidence", "seen": seen}
    late = post(cast, "zhou", number, "send-back", **typed)
    html = late.get_data(as_text=True)
    assert late.status_code == 409 and typed["reason"] in html
    assert rows(late)["诉求状态"] == ("待审核", "已销号")
    assert 'value="note"' not in html, "an end takes no note"
    assert "再次提交" not in html and ">取消</a>" in html
    # Open still, but no longer for this act: the words stay as a note, once however often sent.
    number = cast.reach("accepted")
    seen = drawn(cast, "zhou", number, "assign")
    cast.assign(number, "police")
    typed = {
        "unit_id": str(cast.units["bureau"]),
        "words": "请当日反馈，联系人刘经理。",
        "seen": seen,
    }
    late = post(cast, "zhou", number, "assign", **typed)
    changed = rows(late)
    assert late.status_code == 409
    assert changed["诉求状态"] == ("待交办", "待签收")
    assert changed["主办单位"] == ("（空）", "寻乌县公安局交管大队")
    assert "应办结" in changed
    assert "存为补充记录" in late.get_data(as_text=True)
    for _click in (1, 2):
        kept = post(cast, "zhou", number, "assign", aside="note", **typed)
        assert kept.status_code == 303
    assert notes(cast, number, "supplement") == [
        "（拟办“交办”时填写，因他人已先行办理，未作办理提交）\n交办意见：请当日反馈，联系人刘经理。"
    ]
    assert column(cast, number, "lead_unit_id") == cast.units["police"]
    empty = post(cast, "zhou", number, "assign", aside="note", seen=seen)
    assert empty.status_code == 422 and "没有可以存为补充记录的文字" in empty.get_data(as_text=True)
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


def test_a_handler_keeps_it_as_a_stage_report(cast: Cast) -> None:
    number = cast.reach("assigned")
    seen = drawn(cast, "chen", number, "answer")
    cast.answer(number, by="qian")
    back = {"reason": "请写明依据", "reason_code": "no_basis"}
    assert post(cast, "zhou", number, "send-back", **back).status_code == 303
    typed = {
        "outcome": "resolved",
        "account": "我处已另行核实，入口九时开放。",
        "public_reply": "您好，入口已恢复通行，请放心。",
        "evidence": "现场核实",
        "seen": seen,
    }
    late = post(cast, "chen", number, "answer", headers=FRAGMENT, **typed)
    assert late.status_code == 409
    html = late.get_data(as_text=True)
    assert rows(late)["办理结果"] == ("（空）", "已解决")
    assert typed["account"] in html and "存为阶段反馈记录" in html
    program = (io.BytesIO(b"MZ" + bytes(64)), "入口.exe")
    kept = post(cast, "chen", number, "answer", aside="note", files=program, **typed)
    assert kept.status_code == 422, "a file that is not taken is told, and nothing is lost"
    assert typed["account"] in kept.get_data(as_text=True)
    post(cast, "chen", number, "answer", aside="draft", **typed)
    assert post(cast, "chen", number, "answer", aside="note", **typed).status_code == 303
    assert typed["account"] in notes(cast, number, "progress")[0]
    with cast.app.app_context():
        assert db.session.scalars(select(Draft.id)).all() == []
        assert check_appeal(db.engine, number) == []


def test_whoever_may_not_know_sees_no_more_by_a_conflict(cast: Cast) -> None:
    number = cast.register(confidential=True)
    cast.accept(number)
    cast.assign(number)
    seen = drawn(cast, "chen", number, "ask-return")
    change = {"appellant_name": "寻乌县宏运物流公司", "reason": "名称有误"}
    assert post(cast, "zhou", number, "correct", **change).status_code == 303
    cast.answer(number, by="qian")
    typed = {"reason_code": "not_competent", "basis": "不在辖区", "seen": seen}
    late = post(cast, "chen", number, "ask-return", **typed)
    html = late.get_data(as_text=True)
    assert late.status_code == 409 and "不在辖区" in html
    assert "宏运" not in html and "顺达物流" not in html
    assert rows(late).get("诉求主体", ("按规定不予显示",) * 2) == ("按规定不予显示",) * 2
