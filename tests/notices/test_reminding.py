"""From a clock that runs out to the notice: supervision decides, notices tell it on, once."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from cast import Cast
from ledger.appeals.models import Appeal, Deadline
from ledger.config import SHANGHAI
from ledger.db import db, writing
from ledger.notices.models import Notice, NoticeAddress, NoticeDelivery
from ledger.supervision import sweeps
from ledger.trail.act import EXPLICIT
from ledger.work.models import Outbox
from notices.notice_hands import KEY, fan_out
from supervision_ground import asked, at_work, due_of, issue, reminders


def swept(cast: Cast, at: datetime) -> None:
    """A round of the worker: the sweep, then the outbox."""
    with cast.app.app_context():
        sweeps.sweep(at)
        db.session.remove()
    fan_out(cast, at + timedelta(minutes=1))


def told(cast: Cast, number: str, event: str) -> dict[str, int]:
    """How often each was told of that, of that appeal."""
    names = {i: name for name, i in cast.people.items()}
    query = select(Notice.person_id).join(Appeal).where(Appeal.number == number)
    found = asked(cast, lambda: db.session.scalars(query.where(Notice.event == event)).all())
    return dict(Counter(names[person] for person in found))


def signed(cast: Cast, number: str, by: str = "chen") -> None:
    """Signed for and contacted: the answer alone is left."""
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor(by), at=at))
    cast.do(number, lambda a, at: a.contact("phone", "已联系", by=cast.actor(by), at=at))


def test_a_clock_that_runs_out_is_told_each_handler_once_a_working_day(cast: Cast) -> None:
    number = cast.reach("assigned")
    signed(cast, number)
    due = due_of(cast, number)
    with cast.app.app_context(), writing():
        bureau = cast.units["bureau"]
        db.session.add(NoticeAddress(label="群", address=KEY, created_at=due, unit_id=bureau))
        db.session.commit()
    fan_out(cast)
    assert asked(cast, lambda: db.session.scalar(select(func.count(NoticeDelivery.id)))) == 1

    for early in (due - timedelta(hours=2), due - timedelta(hours=1)):
        swept(cast, early)
    assert told(cast, number, "yellow") == {"chen": 1, "qian": 1}
    late = at_work(cast, due + timedelta(hours=9))
    swept(cast, late)
    # One row of it, beside the paper that is suggested, which is told nobody.
    assert [one[:2] for one in reminders(cast, number)] == [
        ("warn", ""), ("late", ""), ("notice", "notice"),
    ]  # fmt: skip
    assert told(cast, number, "red") == {"chen": 1, "qian": 1}
    of_red = select(Notice.once).where(Notice.event == "red")
    once = asked(cast, lambda: set(db.session.scalars(of_red)))
    assert once == {f"red {late.astimezone(SHANGHAI).date()}"}
    # The unit's own robot as well, gathered with the rest.
    gone = asked(cast, lambda: db.session.scalars(select(NoticeDelivery.line)).all())
    assert [any(word in line for line in gone) for word in ("即将到期", "已经超期")] == [True] * 2
    assert len(gone) == 3

    # A second round, and the same rows once more: nothing is added.
    swept(cast, late + timedelta(hours=1))
    with cast.app.app_context(), writing():
        for row in db.session.scalars(select(Outbox).where(Outbox.topic == sweeps.TOPIC)):
            row.state = "waiting"
        db.session.commit()
    fan_out(cast, late + timedelta(hours=2))
    assert told(cast, number, "red") == {"chen": 1, "qian": 1}
    assert asked(cast, lambda: db.session.scalar(select(func.count(NoticeDelivery.id)))) == 3
    swept(cast, at_work(cast, late, working=False))
    assert told(cast, number, "red") == {"chen": 1, "qian": 1}
    # Decided, and met before it was told: nobody hears of it.
    again = at_work(cast, at_work(cast, late, working=False))
    with cast.app.app_context():
        assert sweeps.sweep(again).reminders >= 1
        db.session.remove()
    cast.answer(number)
    fan_out(cast, again + timedelta(minutes=1))
    assert told(cast, number, "red") == {"chen": 1, "qian": 1}


def test_a_day_off_is_for_what_is_critical(cast: Cast) -> None:
    number, critical = cast.reach("assigned"), cast.register()
    cast.accept(critical, urgency="critical")
    cast.assign(critical, "police")
    issue(cast, number)
    due = max(due_of(cast, number), due_of(cast, critical))
    off = at_work(cast, due + timedelta(days=3, hours=9), working=False)
    swept(cast, off)
    handlers = told(cast, critical, "red")
    assert handlers and set(handlers.values()) == {1}
    assert told(cast, number, "red") == told(cast, number, "unanswered") == {}
    swept(cast, at_work(cast, off))
    assert told(cast, number, "red") == told(cast, number, "unanswered") == {"chen": 1, "qian": 1}


def test_what_is_joined_is_told_at_its_master_and_a_ruling_to_whom_it_is_up(cast: Cast) -> None:
    master, joined = cast.reach("registered"), cast.reach("registered")
    with cast.app.app_context(), writing():
        rows = {row.number: row for row in db.session.scalars(select(Appeal))}
        db.session.execute(
            update(Appeal).where(Appeal.number == joined).values(master_id=rows[master].id),
            execution_options={EXPLICIT: True},
        )
        # The joined one's clock alone is left, and still it is told at the master.
        db.session.execute(
            update(Deadline)
            .where(Deadline.appeal_id == rows[master].id)
            .values(ended_at=Deadline.started_at),
            execution_options={EXPLICIT: True},
        )
        db.session.commit()
    swept(cast, at_work(cast, due_of(cast, joined, "accept") + timedelta(minutes=5)))
    assert told(cast, master, "red") == {"zhou": 1}
    assert told(cast, joined, "red") == {}

    # What the office has to rule on is not the unit's lateness: both are told, each of his own.
    number = cast.reach("assigned")
    signed(cast, number)
    cast.do(
        number,
        lambda a, at: a.ask_return(
            "not_competent", "不属于本单位职责", by=cast.actor("chen"), at=at
        ),
    )
    swept(cast, at_work(cast, due_of(cast, number) + timedelta(days=5)))
    assert told(cast, number, "red") == {"chen": 1, "qian": 1, "zhou": 1}
