"""挂账: asked for by a unit, ruled on by the office, looked at again, and gone on from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from desk_hand import blocks
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.deadlines.calendar import local_day
from request_hand import MONDAY, Seen, assigned, do

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, tzinfo=SHANGHAI)


IN_A_WEEK = end_of(date(2026, 11, 23))


def sound(cast: Cast, number: str) -> None:
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


def test_a_unit_asks_and_the_office_grants(cast: Cast) -> None:
    number = assigned(cast)
    before = Seen(cast, number)

    def ask(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.ask_hold("other_region", "须等广东省放行", IN_A_WEEK, **hand)

    do(cast, number, "chen", MONDAY + HOUR, ask)
    asked = Seen(cast, number)
    assert (asked.state, asked.due_at) == ("assigned", before.due_at), "it goes on meanwhile"
    assert asked.held["signed_at"] == MONDAY + HOUR, "whoever asks has received it"
    assert asked.running["rule_hold"]["due_at"] == datetime(2026, 11, 17, 16, 0, tzinfo=UTC)
    assert blocks(cast, "zhou", MONDAY + HOUR)["to-rule"] == [number]
    with pytest.raises(Refused) as twice:
        do(cast, number, "chen", MONDAY + HOUR, ask)
    assert (twice.value.status, twice.value.reason) == (409, "已有挂账申请待审批。")
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert 'id="act-rule-hold"' in page and "建议复核日期2026-11-23" in page

    at = MONDAY + 5 * HOUR
    do(cast, number, "zhou", at, lambda a, hand: a.rule_hold(True, "", **hand))
    held = Seen(cast, number)
    assert (held.state, held.asked, held.request["state"]) == ("held", None, "granted")
    assert held.request["granted_until"] == IN_A_WEEK
    assert set(held.running) == {"hold_review"} and held.due_at == IN_A_WEEK
    page = cast.client("chen").get(f"/appeals/{number}").text
    assert "等待外省、外市协调，下次复核 2026-11-23" in page
    assert "同意挂账" in page and "建议复核日期2026-11-23" in page

    at = MONDAY + DAY

    def resume(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.resume("广东省已放行", **hand)

    do(cast, number, "zhou", at, resume)
    again = Seen(cast, number)
    assert again.state == "assigned"
    # Held on Monday and let go on Tuesday: one working day more.
    assert again.due_at == before.due_at + DAY
    sound(cast, number)


def test_refused_the_unit_goes_on_and_other_requests_stand(cast: Cast) -> None:
    number = assigned(cast)
    before = Seen(cast, number)

    def ask(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.ask_hold("policy", "等政策", IN_A_WEEK, **hand)

    do(cast, number, "chen", MONDAY + HOUR, ask)
    with pytest.raises(Invalid) as silent:
        do(cast, number, "zhou", MONDAY + HOUR, lambda a, h: a.rule_hold(False, " ", **h))
    assert silent.value.field == "ruling"
    do(cast, number, "zhou", MONDAY + HOUR, lambda a, h: a.rule_hold(False, "政策已明确", **h))
    seen = Seen(cast, number)
    assert (seen.state, seen.due_at, seen.request["state"]) == (
        "assigned",
        before.due_at,
        "refused",
    )
    assert "rule_hold" not in seen.running
    # Asked again, and held by the office of its own accord: what was asked is granted with it.
    do(cast, number, "chen", MONDAY + 2 * HOUR, ask)
    do(cast, number, "zhou", MONDAY + 3 * HOUR, lambda a, h: a.hold("等政策", IN_A_WEEK, **h))
    seen = Seen(cast, number)
    assert (seen.state, seen.asked, seen.request["state"]) == ("held", None, "granted")
    sound(cast, number)


def test_it_is_looked_at_again_within_the_cap_and_stands_on_the_desk_that_day(cast: Cast) -> None:
    number = cast.reach("accepted")
    start = now()
    last = end_of(local_day(start) + 30 * DAY)
    with pytest.raises(Invalid) as late:
        do(cast, number, "zhou", start, lambda a, h: a.hold("等", last + DAY, **h))
    assert late.value.field == "hold_review_on"

    def hold(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.hold("等", last, reason_code="superior", **hand)

    do(cast, number, "zhou", start, hold)
    assert "hold-due" not in blocks(cast, "zhou", last - DAY)
    assert blocks(cast, "zhou", last - 10 * HOUR)["hold-due"] == [number]
    assert blocks(cast, "zhou", last + 2 * DAY)["hold-due"] == [number], "and stays when past"
    assert "hold-due" not in blocks(cast, "yuan", last)

    day = local_day(start)
    url = f"/appeals/{number}/review-hold"
    office = cast.client("zhou")
    drawn = office.get(url).text
    assert 'id="act-review-hold"' in drawn and f'value="{day + 15 * DAY}"' in drawn
    typed = {"note": "上级仍在研究", "hold_review_on": f"{day + 31 * DAY}"}
    wrong = office.post(url, data=typed)
    assert wrong.status_code == 422
    assert "复核日期最长不超过30天" in wrong.text and "上级仍在研究" in wrong.text
    assert office.post(url, data={**typed, "hold_review_on": f"{day + 9 * DAY}"}).status_code == 303
    seen = Seen(cast, number)
    assert seen.state == "held" and seen.due_at == end_of(day + 9 * DAY)
    assert [d["ended_as"] for d in seen.ended if d["stage"] == "hold_review"] == ["met"]
    page = cast.client("du").get(f"/appeals/{number}").text
    assert "挂账复核" in page and "上级仍在研究" in page
    sound(cast, number)


def reviewed_until(review_at: datetime) -> Callable[[Appeal, dict[str, Any]], None]:
    return lambda appeal, hand: appeal.review(hold_review_at=review_at, **hand)


def test_held_by_review_it_goes_back_to_the_unit_or_on_to_the_call_back(cast: Cast) -> None:
    for settled, then in ((False, "assigned"), (True, "reviewed")):
        number = cast.reach("assigned")
        cast.answer(number, outcome="referred")
        at = now()
        do(cast, number, "zhou", at, reviewed_until(end_of(local_day(at) + 9 * DAY)))
        assert Seen(cast, number).state == "held"
        page = cast.client("zhou").get(f"/appeals/{number}").text
        assert "审核转入（已转上级或外地协调）" in page
        at = now()

        def resume(appeal: Appeal, hand: dict[str, Any], settled: bool = settled) -> None:
            appeal.resume("省厅已答复", settled=settled, **hand)

        do(cast, number, "zhou", at, resume)
        assert Seen(cast, number).state == then
        sound(cast, number)
