"""The clock, state by state (design §3): what runs on, what stands still, and who was in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.db import db
from request_hand import MONDAY, Seen, ask_extension, assigned, do

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

DUE = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
"""Wednesday 24:00 in Shanghai: seven working days after the Monday."""


def answer(cast: Cast, number: str, at: datetime) -> None:
    told = ("resolved", "已与收费站联系。", "您好，入口已恢复通行，感谢反映。")
    do(cast, number, "chen", at, lambda a, hand: a.answer(*told, evidence="现场核实", **hand))


def act(
    cast: Cast, number: str, who: str, at: datetime, verb: str, *args: Any, **more: Any
) -> None:
    do(cast, number, who, at, lambda a, hand: getattr(a, verb)(*args, **more, **hand))


def judged(cast: Cast, number: str) -> tuple[bool | None, bool | None]:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return appeal.on_time, appeal.on_time_original


def sound(cast: Cast, number: str) -> None:
    with cast.app.app_context():
        assert list(check_appeal(db.engine, number)) == []


def test_the_answer_that_passes_is_judged_and_none_that_was_late_is_forgiven(cast: Cast) -> None:
    # In time; sent back after the due time has passed in the office's hands: in time once more.
    number = assigned(cast)
    answer(cast, number, DUE - 2 * HOUR)
    assert judged(cast, number) == (None, None)
    act(cast, number, "zhou", DUE + 2 * DAY, "send_back", "缺佐证")
    clock = Seen(cast, number).running["answer"]
    monday = datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert (clock["due_at"], clock["original_due_at"]) == (monday, monday)
    answer(cast, number, monday - HOUR)
    act(cast, number, "zhou", monday, "review")
    assert judged(cast, number) == (True, True)
    assert "按期反馈" in cast.client("zhou").get(f"/appeals/{number}").text
    # Dissatisfied: a new answer is owed, and judged by the rework limit alone.
    told = {"contacted": True, "solved": "unsolved", "satisfaction": "unsatisfied", "words": "未办"}
    act(cast, number, "tang", monday + HOUR, "call_back", **told)
    clock = Seen(cast, number).running["rework"]
    assert clock["spec"] == "5wd" and judged(cast, number) == (None, None)
    answer(cast, number, clock["due_at"] + HOUR)
    act(cast, number, "zhou", clock["due_at"] + 2 * HOUR, "review")
    assert judged(cast, number) == (False, False)
    sound(cast, number)

    # Late, sent back, and mended within the day that it gets: late.
    late = assigned(cast)
    answer(cast, late, DUE + HOUR)
    act(cast, late, "zhou", DUE + 2 * HOUR, "send_back", "缺佐证")
    answer(cast, late, DUE + 3 * HOUR)
    act(cast, late, "zhou", DUE + 4 * HOUR, "review")
    assert judged(cast, late) == (False, False)

    # The first in time, the one that passes late: late.
    slow = assigned(cast)
    answer(cast, slow, DUE - DAY)
    act(cast, slow, "zhou", DUE - DAY, "send_back", "缺佐证")
    answer(cast, slow, DUE + 9 * DAY)
    act(cast, slow, "zhou", DUE + 10 * DAY, "review")
    assert judged(cast, slow) == (False, False)


def test_an_extension_helps_against_the_extended_due_time_alone(cast: Cast) -> None:
    number = assigned(cast)
    until = ask_extension(cast, number, MONDAY + HOUR)
    act(cast, number, "zhou", MONDAY + 2 * HOUR, "rule_extension", True, "")
    # A hold moves both due times on: three working days of it, from Thursday to Tuesday.
    held, back = MONDAY + 3 * DAY, MONDAY + 8 * DAY
    act(cast, number, "zhou", held, "hold", "等上级批复", held + 20 * DAY)
    assert set(Seen(cast, number).running) == {"hold_review"}
    act(cast, number, "chen", held + HOUR, "contact", "phone", "已联系刘经理")
    act(cast, number, "zhou", back, "resume", "已批复")
    seen = Seen(cast, number)
    clock = seen.running["answer"]
    assert clock["original_due_at"] == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert clock["due_at"] == until + 3 * DAY, "from Monday to Thursday"
    # What was done while the clocks stood still was done in the time that was left then.
    contact = next(c for c in seen.ended if c["stage"] == "contact")
    assert (contact["ended_as"], contact["ended_at"]) == ("met", held)
    answer(cast, number, clock["original_due_at"] + HOUR)
    act(cast, number, "zhou", clock["original_due_at"] + 2 * HOUR, "review")
    assert judged(cast, number) == (True, False)
    sound(cast, number)
    # The office's own review was done, also where it sends back what it reviewed.
    act(cast, number, "zhou", clock["original_due_at"] + 3 * HOUR, "send_back", "缺佐证")
    assert judged(cast, number) == (None, None)
    sound(cast, number)


def test_the_return_limit_runs_from_the_hand_off_also_after_a_deemed_receipt(cast: Cast) -> None:
    from ledger.people.actor import system

    for moment, may in ((MONDAY + DAY + 4 * HOUR, True), (MONDAY + 2 * DAY, False)):
        number = assigned(cast)

        def deem(appeal: Any, hand: dict[str, Any]) -> None:
            appeal.receive(appeal.lead, by=system(), at=hand["at"])

        do(cast, number, "zhou", MONDAY + DAY, deem)
        assert Seen(cast, number).held["deemed"] is True
        if may:
            act(cast, number, "chen", moment, "ask_return", "not_competent", "三定方案")
            assert "answer" in Seen(cast, number).running, "contested, it runs on"
            continue
        with pytest.raises(Refused) as refused:
            act(cast, number, "chen", moment, "ask_return", "not_competent", "三定方案")
        assert "现已超过时限" in refused.value.reason


def test_a_stated_time_counts_once_the_office_accepts_it(cast: Cast) -> None:
    number = assigned(cast)
    due = Seen(cast, number).running["contact"]["due_at"]
    said = {"happened_at": due - 2 * HOUR}
    act(cast, number, "chen", due + HOUR, "contact", "phone", "前一晚已联系", **said)
    clock = next(c for c in Seen(cast, number).ended if c["stage"] == "contact")
    assert clock["ended_at"] == due + HOUR > clock["due_at"], "on record it is late"
    seq = clock["stated_seq"]
    at = due + 2 * HOUR
    with pytest.raises(Refused) as refused:
        act(cast, number, "chen", at, "count_stated", seq, "属实")
    assert refused.value.status == 403
    for wrong, reason, field in ((seq + 9, "属实", "entry"), (seq, " ", "reason")):
        with pytest.raises(Invalid) as invalid:
            act(cast, number, "zhou", at, "count_stated", wrong, reason)
        assert invalid.value.field == field
    # By the page, where the entry is named.
    client = cast.client("zhou")
    form = client.get(f"/appeals/{number}/count-stated").text
    assert f"第{seq}号记录（交通局）" in form and "认可后为按期" in form
    assert client.post(f"/appeals/{number}/count-stated", data={"entry": "999", "reason": "属实"})\
        .status_code == 422  # fmt: skip
    typed = {"entry": str(seq), "reason": "有通话记录"}
    assert client.post(f"/appeals/{number}/count-stated", data=typed).status_code == 303
    clock = next(c for c in Seen(cast, number).ended if c["stage"] == "contact")
    assert clock["ended_at"] == due - 2 * HOUR <= clock["due_at"]
    page = client.get(f"/appeals/{number}").text
    assert f"第{seq}号（联系企业）" in page and "有通话记录" in page
    # Once, and only what bears on a limit.
    with pytest.raises(Invalid):
        act(cast, number, "zhou", at + HOUR, "count_stated", seq, "属实")
    assert client.get(f"/appeals/{number}/count-stated").status_code == 409
    assert "认可补录时间" not in client.get(f"/appeals/{assigned(cast)}").text
    sound(cast, number)
