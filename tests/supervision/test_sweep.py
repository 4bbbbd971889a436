"""What the clock does: reminders once a day, papers suggested once a limit, nothing lost."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from cast import Cast
from ledger.appeals import sweeps as of_appeals
from ledger.appeals.models import Appeal, Deadline
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.deadlines.calendar import Calendar
from ledger.deadlines.limits import Caps
from ledger.people.models import Unit
from ledger.supervision import sweeps
from ledger.supervision.models import Reminder
from ledger.supervision.rules import Due, Watched, called_for, look_again
from ledger.trail.act import EXPLICIT
from ledger.work.models import Outbox
from supervision_ground import at_work, due_of, issue, problems, reminders, told

CALENDAR = Calendar()
CAPS = Caps()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


# A Tuesday's end; yellow from Tuesday's beginning.
CLOCK = Watched("answer", at("2026-11-24T00:00"), at("2026-11-25T00:00"))
LATE, NOTICE, ORDER = Due("late"), Due("notice", "notice"), Due("order", "order")


@pytest.mark.parametrize(
    ("moment", "wanted", "again"),
    [
        ("2026-11-23T23:59", [], "2026-11-24T00:00"),
        ("2026-11-24T00:00", [Due("warn")], "2026-11-25T00:00:00.000001"),
        ("2026-11-25T00:00", [Due("warn")], "2026-11-25T00:00:00.000001"),
        # 到期次日: the working day after the last.
        ("2026-11-25T00:01", [LATE, NOTICE], "2026-11-26T08:30"),
        ("2026-11-27T09:00", [LATE, NOTICE], "2026-11-30T08:30"),
        # A Saturday: a paper may be drafted, nobody is reminded.
        ("2026-11-28T09:00", [NOTICE], "2026-11-30T08:30"),
        ("2026-12-01T08:30", [LATE, ORDER], "2026-12-02T08:30"),
    ],
)
def test_what_a_limit_calls_for(moment: str, wanted: list[Due], again: str) -> None:
    assert called_for(CLOCK, at(moment), CAPS, CALENDAR) == wanted
    assert look_again(CLOCK, at(moment), CALENDAR) == at(again)


def test_days_off_are_left_alone_but_for_what_is_critical() -> None:
    # Yellow from a Friday on, due on a Sunday at noon.
    weekend = (at("2026-11-27T00:00"), at("2026-11-29T12:00"))
    usual, critical = Watched("sign", *weekend), Watched("sign", *weekend, critical=True)
    for moment, of_usual, again, of_critical, then in (
        ("2026-11-28T09:00", [], "2026-11-29T12:00:00.000001",
         [Due("warn")], "2026-11-29T12:00:00.000001"),
        ("2026-11-29T13:00", [], "2026-11-30T08:30", [LATE], "2026-11-30T08:30"),
        ("2026-12-04T09:00", [LATE], "2026-12-07T08:30", [LATE], "2026-12-05T08:30"),
    ):  # fmt: skip
        for clock, wanted, later in ((usual, of_usual, again), (critical, of_critical, then)):
            assert called_for(clock, at(moment), CAPS, CALENDAR) == wanted
            assert look_again(clock, at(moment), CALENDAR) == at(later)
    # A hold is looked at on its day, not on the working day before it.
    hold = Watched("hold_review", at("2026-11-24T00:00"), at("2026-11-26T00:00"))
    assert called_for(hold, at("2026-11-24T09:00"), CAPS, CALENDAR) == []
    assert look_again(hold, at("2026-11-24T09:00"), CALENDAR) == at("2026-11-25T00:00")
    assert called_for(hold, at("2026-11-25T09:00"), CAPS, CALENDAR) == [Due("warn")]
    # Until when a return may be asked for is no duty.
    assert called_for(Watched("return", *weekend), at("2026-12-04T09:00"), CAPS, CALENDAR) == []


def test_rules_are_data_and_of_answers_alone() -> None:
    late = at("2026-12-31T09:00")
    assert called_for(CLOCK, late, Caps(order_from_days=0), CALENDAR) == [LATE, NOTICE]
    assert called_for(CLOCK, late, Caps(order_from_days=0, notice_from_days=0), CALENDAR) == [LATE]
    for stage in ("accept", "sign", "review", "call_back", "close", "hold_review", "rule_return"):
        clock = Watched(stage, CLOCK.warn_at, CLOCK.due_at, reworks=9)
        assert called_for(clock, late, CAPS, CALENDAR) == [LATE]
    again = Watched("rework", CLOCK.warn_at, CLOCK.due_at, reworks=2)
    early = at("2026-11-20T09:00")
    assert called_for(again, early, CAPS, CALENDAR) == [Due("rework", "order")]
    first = Watched("rework", CLOCK.warn_at, CLOCK.due_at, reworks=1)
    assert called_for(first, early, CAPS, CALENDAR) == []


def test_a_matter_is_reminded_of_once_a_day_and_a_paper_suggested_once(cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.do(number, lambda a, moment: a.sign_for(by=cast.actor("chen"), at=moment))
    cast.do(
        number, lambda a, moment: a.contact("phone", "已联系", by=cast.actor("chen"), at=moment)
    )
    due = due_of(cast, number)
    with cast.app.app_context():
        assert sweeps.sweep(due - timedelta(days=6)).reminders == 0
        # The last of its days, which is a working day.
        warned = sweeps.sweep(due - timedelta(hours=2))
        assert (warned.reminders, warned.drafts) == (1, 0)
        # What is twice is the same as once.
        assert sweeps.sweep(due - timedelta(hours=1)).looked_at == 0
    morning = at_work(cast, due + timedelta(hours=9))
    with cast.app.app_context():
        late = sweeps.sweep(morning)
        assert (late.reminders, late.drafts) == (2, 1)
        assert sweeps.sweep(morning + timedelta(hours=1)).looked_at == 0
    assert reminders(cast, number) == [
        ("warn", "", False), ("late", "", False), ("notice", "notice", True),
    ]  # fmt: skip
    with cast.app.app_context():
        # Days after: one reminder a working day, and the notice gives way to the order.
        for day in range(1, 15):
            sweeps.sweep(morning + timedelta(days=day))
    found = reminders(cast, number)
    assert [one for one in found if one[1]] == [
        ("notice", "notice", False),
        ("order", "order", True),
    ]
    assert 8 <= sum(one[0] == "late" for one in found) <= 11
    assert told(cast) == len(found)
    with cast.app.app_context():
        body = json.loads(
            db.session.scalars(
                select(Outbox.body).where(Outbox.topic == "reminder").order_by(Outbox.id)
            ).first()
            or ""
        )
        db.session.remove()
    assert (body["event"], body["appeal"], body["unit"]) == ("warn", number, cast.units["bureau"])
    assert body["stage"] == "answer"
    # Answered: nothing is suggested any more, and nobody reminded.
    cast.answer(number)
    with cast.app.app_context():
        assert sweeps.sweep(morning + timedelta(days=15)).moot == 1
    assert not any(waits for _, _, waits in reminders(cast, number))
    assert problems(cast) == []


def test_nothing_is_suggested_beside_what_somebody_issued(cast: Cast) -> None:
    number, mild = cast.reach("assigned"), cast.reach("assigned")
    due = due_of(cast, number)
    morning = at_work(cast, due + timedelta(hours=9))
    issue(cast, number, "notice")
    with cast.app.app_context(), writing():
        db.session.get_one(Unit, cast.units["bureau"]).kind = "town"
        db.session.commit()
    with cast.app.app_context():
        sweeps.sweep(morning)
    assert [one[1] for one in reminders(cast, number) if one[1]] == []
    assert [one[1] for one in reminders(cast, mild) if one[1]] == ["notice"]
    with cast.app.app_context():
        sweeps.sweep(due + timedelta(days=12))
    # An order is more than what was issued; to a township it is a 转办单, which is as much more.
    assert [one[1] for one in reminders(cast, number) if one[1]] == ["transfer"]


def test_a_joined_appeal_is_the_matter_of_its_master(cast: Cast) -> None:
    """Fifteen firms, one station: nobody is told fifteen times of one thing."""
    master, *others = (cast.reach("registered") for _ in range(3))
    with cast.app.app_context(), writing():
        rows = {a.number: a for a in db.session.scalars(select(Appeal))}
        db.session.execute(
            update(Appeal).where(Appeal.number.in_(others)).values(master_id=rows[master].id),
            execution_options={EXPLICIT: True},
        )
        db.session.commit()
    due = at_work(cast, due_of(cast, master, "accept") + timedelta(minutes=5))
    with cast.app.app_context():
        done = sweeps.sweep(due)
        assert (done.looked_at % 3, done.reminders) == (0, 1)
        assert sweeps.sweep(due).looked_at == 0
    assert told(cast) == 1
    assert [len(reminders(cast, one)) for one in (master, *others)] == [1, 0, 0]


def test_receipt_is_deemed_in_the_same_round_and_in_batches(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [cast.reach("assigned") for _ in range(3)]
    monkeypatch.setattr(of_appeals, "BATCH", 2)
    monkeypatch.setattr(sweeps, "BATCH", 2)
    at_night = due_of(cast, numbers[-1], "sign") + timedelta(minutes=1)
    with cast.app.app_context():
        done = sweeps.sweep(at_night)
        assert done.received == 3
        signing = select(Reminder.id).join(Deadline, Deadline.id == Reminder.deadline_id)
        late = signing.where(Deadline.stage == "sign", Reminder.event == "late")
        assert db.session.scalars(late).all() == []
        assert sweeps.sweep(at_night).received == 0
    assert problems(cast) == []


def test_what_a_unit_has_not_replied_to_in_time(cast: Cast) -> None:
    number = cast.reach("assigned")
    issue(cast, number)
    with cast.app.app_context():
        at_last = db.session.scalars(select(Appeal)).one().head_at
        assert at_last is not None
    late = at_work(cast, at_last + timedelta(days=2, hours=1))
    with cast.app.app_context():
        for _ in range(2):
            sweeps.sweep(late)
    off = at_work(cast, late, working=False)
    with cast.app.app_context():
        sweeps.sweep(off)
    assert [one[0] for one in reminders(cast, number)].count("unanswered") == 1
    again = at_work(cast, off)
    cast.do(
        number, lambda a, moment: a.withdraw("void", "重复登记", by=cast.actor("zhou"), at=moment)
    )
    with cast.app.app_context():
        sweeps.sweep(again)
        assert sweeps._owed(again + timedelta(days=9), 0) == []
    assert [one[0] for one in reminders(cast, number)].count("unanswered") == 1


def test_a_second_rework_suggests_an_order_at_once(cast: Cast) -> None:
    number = cast.reach("reviewed")
    for drafts in (0, 1):
        cast.call_back(number, "unsatisfied")
        with cast.app.app_context():
            assert sweeps.sweep(now()).drafts == drafts
        cast.answer(number)
        cast.review(number)
    assert ("rework", "order", True) in reminders(cast, number)
