"""办理结果: what each requires, what is left over, what a mere receipt is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast, said
from ledger.appeals import outcomes
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid
from ledger.appeals.replay import check_appeal
from ledger.catalogue.lay import OUTCOMES
from ledger.db import db, now

WORDS = {
    "account": "已与收费站、路政核对。",
    "public_reply": "您好，您反映的问题已有结果，详见说明。",
}
PROOF = "陈经办当日现场核实，车辆已通行。"
NEEDS = {
    "resolved": set(),
    "partly": {"remaining"},
    "explained": {"points"},
    "unsupported": {"document", "clause"},
    "unfounded": {"checked_by", "checked_at", "checked_how", "checked_result"},
    "unverifiable": {"checked_by", "checked_at", "checked_how", "checked_result"},
    "referred": {"referred_to", "referred_way", "referred_on"},
    "long_term": {"next_step", "next_review_on"},
}


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def page(cast: Cast, who: str, number: str, rest: str = "") -> str:
    return cast.client(who).get(f"/appeals/{number}{rest}").get_data(as_text=True)


def appeal(cast: Cast, number: str) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.number == number)).one()


def sound(cast: Cast, *numbers: str) -> None:
    with cast.app.app_context():
        assert [p for number in numbers for p in check_appeal(db.engine, number)] == []


def test_every_outcome_of_the_catalogue_says_what_it_needs() -> None:
    assert {row[0] for row in OUTCOMES} == set(NEEDS)
    at = now()
    whole = said(at)
    for code, names in NEEDS.items():
        assert set(outcomes.missing(code, {})) == names
        assert set(outcomes.missing(code, dict.fromkeys(names, " "))) == names
        assert outcomes.problem(code, whole, at) is None
        kept = outcomes.read(outcomes.written(code, whole))
        assert names <= set(kept) <= {one.name for one in outcomes.wanted(code)}
        assert [label for label, _ in outcomes.told(outcomes.written(code, whole))] == [
            one.label for one in outcomes.wanted(code)
        ]
    later = (at + timedelta(hours=1)).isoformat()
    for code, name, value in (
        ("unfounded", "checked_at", later),
        ("unfounded", "checked_at", "昨天"),
        ("unfounded", "checked_at", "2026-11-20T09:30"),
        ("referred", "referred_on", f"{at + timedelta(days=2):%Y-%m-%d}"),
        ("long_term", "next_review_on", f"{at - timedelta(days=1):%Y-%m-%d}"),
    ):
        wrong = outcomes.problem(code, {**whole, name: value}, at)
        assert wrong is not None and wrong[0] == name
    assert outcomes.told("〔已依法删除〕") == [("办理结果要件", "〔已依法删除〕")]
    assert all(map(outcomes.is_receipt, ("收悉", "您好，已收到。", "来件收悉！")))
    assert not outcomes.is_receipt("来件收悉，收费站入口已于当日恢复通行。")
    assert not outcomes.is_receipt("已恢复通行")


def test_each_is_asked_shown_and_kept(cast: Cast) -> None:
    with cast.app.app_context():
        whole = {**said(now()), "checked_at": "2026-11-02T09:30"}
    numbers = []
    for code, names in NEEDS.items():
        number = cast.reach("assigned")
        numbers.append(number)
        typed = {"outcome": code, **WORDS, "evidence": PROOF}
        if names:
            answer = post(cast, "chen", number, "answer", **typed)
            assert answer.status_code == 422
            html = answer.get_data(as_text=True)
            for name in names:
                assert f"请填写“{outcomes.PARTICULARS[name].label}”" in html
            assert WORDS["account"] in html
        # What belongs to other outcomes does no harm, and is not kept.
        assert post(cast, "chen", number, "answer", **typed, **whole).status_code == 303
        for who in ("chen", "zhou"):
            html = page(cast, who, number)
            for one in outcomes.wanted(code):
                shown = whole[one.name].replace("T", " ")
                assert html.count(shown) >= 2, (code, one.name, "on the article and in its trail")
        if code != "partly":
            assert whole["remaining"] not in page(cast, "zhou", number)
    # Mended after a send-back, not typed anew; a second outcome takes the place of the first.
    number = numbers[list(NEEDS).index("unfounded")]
    back = {"reason": "请写明依据", "reason_code": "no_basis"}
    assert post(cast, "zhou", number, "send-back", **back).status_code == 303
    form = page(cast, "chen", number, "/answer")
    assert 'value="2026-11-02T09:30"' in form and whole["checked_result"] in form
    again = {"outcome": "explained", **WORDS, "points": "说明如下。"}
    assert post(cast, "chen", number, "answer", **again).status_code == 303
    with cast.app.app_context():
        assert outcomes.read(appeal(cast, number).particulars) == {"points": "说明如下。"}
    assert whole["checked_result"] in page(cast, "zhou", number), "in the trail for ever"
    assert "未说明政策法规依据" in page(cast, "zhou", number)
    sound(cast, *numbers)


def test_proof_is_asked_where_the_particulars_are_none(cast: Cast) -> None:
    number = cast.reach("assigned")
    for code in ("resolved", "partly"):
        typed = {"outcome": code, **WORDS, "remaining": "夜间时段未定"}
        answer = post(cast, "chen", number, "answer", **typed)
        assert answer.status_code == 422 and "请上传佐证附件或写明" in answer.get_data(as_text=True)
    assert post(
        cast, "chen", number, "answer", outcome="explained", **WORDS, points="已说明"
    ).status_code == 303


def test_what_is_left_becomes_a_linked_appeal(cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.answer(number, outcome="partly")
    form = page(cast, "zhou", number, "/review")
    assert "遗留问题：夜间放行时段尚未确定" in form
    reply = {"public_reply": WORDS["public_reply"]}
    assert post(cast, "zhou", number, "review", remainder="y", **reply).status_code == 303
    with cast.app.app_context():
        old = appeal(cast, number)
        new = db.session.get_one(Appeal, old.remainder_id)
        assert (new.origin_id, new.state) == (old.id, "registered")
        assert new.content == said(now())["remaining"] and new.title.endswith("（遗留问题）")
        assert (new.appellant_name, new.phone, new.office_id) == (
            old.appellant_name,
            old.phone,
            old.office_id,
        )
        assert old.state == "reviewed"
        numbers = (number, new.number)
        labels = (old.label, new.label)
    for here, there in ((0, 1), (1, 0)):
        html = page(cast, "zhou", numbers[here])
        assert f'<a href="/appeals/{numbers[there]}">{labels[there]}</a>' in html
        assert html.count(numbers[there]) >= 2, "and in the trail"
    assert f'href="/appeals/{numbers[1]}"' not in page(cast, "chen", number), "not the unit's yet"
    # Left unticked it can be done afterwards, and once only.
    other = cast.reach("assigned")
    cast.answer(other, outcome="partly")
    assert post(cast, "zhou", other, "review", **reply).status_code == 303
    assert "登记遗留问题" in page(cast, "zhou", other)
    assert "登记遗留问题" not in page(cast, "wu", other)
    for _click in (1, 2):
        assert post(cast, "zhou", other, "link-remainder").status_code == 303
    with cast.app.app_context():
        assert db.session.scalar(select(db.func.count()).select_from(Appeal)) == 4
    plain = cast.reach("answered")
    assert post(cast, "zhou", plain, "link-remainder").status_code == 409
    sound(cast, *numbers, other)


def test_a_mere_receipt_is_taken_when_sent_twice(cast: Cast) -> None:
    number = cast.reach("assigned")
    typed = {"outcome": "resolved", "account": "已办理。", "evidence": PROOF}
    typed["public_reply"] = "收悉"
    asked = post(cast, "chen", number, "answer", **typed)
    html = asked.get_data(as_text=True)
    assert asked.status_code == 422 and "只说“收悉”不是答复" in html
    sign = html.partition('name="receipt" value="')[2].partition('"')[0]
    changed = {**typed, "public_reply": "已收到"}
    other = post(cast, "chen", number, "answer", **changed, receipt=sign)
    assert other.status_code == 422, "other words are questioned anew"
    assert post(cast, "chen", number, "answer", **typed, receipt=sign).status_code == 303
    assert "答复只是回执，经再次提交确认" in page(cast, "zhou", number)
    asked = post(cast, "zhou", number, "review", public_reply="您好，来件收悉")
    assert asked.status_code == 422
    sound(cast, number)


def test_the_reply_begins_with_the_account(cast: Cast) -> None:
    number = cast.reach("assigned")
    typed = {"outcome": "resolved", "account": "已协调放行两辆车。", "public_reply": ""}
    brought = post(cast, "chen", number, "answer", **typed, aside="bring")
    html = brought.get_data(as_text=True)
    assert brought.status_code == 200 and html.count("已协调放行两辆车。") == 2
    kept = post(
        cast, "chen", number, "answer", **{**typed, "public_reply": "您好："}, aside="bring"
    ).get_data(as_text=True)
    assert "您好：\n已协调放行两辆车。" in kept
    with cast.app.app_context():
        assert appeal(cast, number).state == "assigned"


def test_an_assist_answers_with_an_account_alone(cast: Cast) -> None:
    number = cast.reach("accepted")
    typed = {"unit_id": cast.units["bureau"], "assist_ids": [cast.units["police"]]}
    assert post(cast, "zhou", number, "assign", **typed).status_code == 303
    form = page(cast, "he", number, "/answer")
    assert 'name="outcome"' not in form and 'name="remaining"' not in form
    assert post(cast, "he", number, "answer", account="").status_code == 422
    assert post(cast, "he", number, "answer", account="已派员疏导。").status_code == 303
    assert "已派员疏导。" in page(cast, "chen", number)
    assert post(cast, "chen", number, "answer", account="已办理。").status_code == 422
    sound(cast, number)


WAYS = (
    ("assigned", "zhou", "recall", "recall", {"reason": "交办有误"}),
    ("answered", "zhou", "send-back", "send_back", {"reason": "缺照片"}),
    ("confirmed", "wu", "refuse-closing", "refuse", {"to": "assigned", "reason": "未解决"}),
    ("closed", "zhou", "reopen", "reopen", {"reason": "又被劝返"}),
)


def test_the_ways_back_name_a_reason_of_the_catalogue(cast: Cast) -> None:
    from ledger.catalogue.queries import catalogue

    for state, who, act, kind, typed in WAYS:
        number = cast.reach(state)
        with cast.app.app_context():
            code, name = catalogue().reason_choices(kind)[0]
        assert name in page(cast, who, number, f"/{act}")
        for wrong in ({}, {"reason_code": "no_such"}):
            assert post(cast, who, number, act, **typed, **wrong).status_code == 422
        assert post(cast, who, number, act, **typed, reason_code=code).status_code == 303
        html = page(cast, who, number)
        assert name in html and typed["reason"] in html
        with cast.app.app_context(), pytest.raises(Invalid) as wrong_code:
            appeal(cast, cast.reach("assigned")).recall(
                "收回", by=cast.actor("zhou"), at=now(), reason_code="no_such"
            )
        assert wrong_code.value.field == "reason_code"
        with cast.app.app_context():
            db.session.rollback()
        sound(cast, number)


def test_the_second_rework_suggests_an_order(cast: Cast) -> None:
    number = cast.reach("reviewed")
    for turn in (1, 2):
        cast.call_back(number, "unsatisfied")
        hints = {who: "建议发督办单" in page(cast, who, number) for who in ("zhou", "du", "ma")}
        assert set(hints.values()) == {turn == 2}
        if turn == 1:
            cast.answer(number)
            cast.review(number)
    assert page(cast, "chen", number).count("建议发督办单") == 1, "in the trail, no hint"
    sound(cast, number)
