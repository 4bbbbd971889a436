"""Appeals whose limits run out, and who supervises them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from cast import Cast
from ledger.appeals.models import Appeal, Deadline
from ledger.audit import verify
from ledger.db import db, keyring, now, writing
from ledger.deadlines.calendar import local_day
from ledger.deadlines.queries import load_calendar
from ledger.supervision.models import Paper, Reminder, Wording
from ledger.trail.check import Report, check_ledger
from ledger.work.models import Outbox


def due_of(cast: Cast, number: str, stage: str = "answer") -> datetime:
    """When the running clock of that stage ends."""
    with cast.app.app_context():
        found = db.session.scalars(
            select(Deadline.due_at)
            .join(Appeal, Appeal.id == Deadline.appeal_id)
            .where(Appeal.number == number, Deadline.stage == stage, Deadline.ended_at.is_(None))
        ).one()
        db.session.remove()
        return found


def asked(cast: Cast, ask: Callable[[], Any]) -> Any:
    with cast.app.app_context():
        found = ask()
        db.session.remove()
        return found


def at_work(cast: Cast, at: datetime, *, working: bool = True) -> datetime:
    """The same time on the first working day from then, or on the first day off."""
    with cast.app.app_context():
        calendar = load_calendar()
        db.session.remove()
    while calendar.is_working(local_day(at)) is not working:
        at += timedelta(days=1)
    return at


def reminders(cast: Cast, number: str = "") -> list[tuple[str, str, bool]]:
    """(event, step, waits) of each, in order."""
    query = select(Reminder.event, Reminder.step, Reminder.waits).join(
        Appeal, Appeal.id == Reminder.appeal_id
    )
    if number:
        query = query.where(Appeal.number == number)
    rows = asked(cast, lambda: db.session.execute(query.order_by(Reminder.id)).all())
    return [tuple(row) for row in rows]


def told(cast: Cast) -> int:
    """Outbox rows of reminders."""
    query = select(func.count()).where(Outbox.topic == "reminder")
    found: int = asked(cast, lambda: db.session.scalar(query))
    return found


def said(cast: Cast, at: datetime, unit: str = "bureau", **more: Any) -> Wording:
    return Wording(
        **{
            "unit_id": cast.units[unit],
            "paper_text": "本件由你单位承办，至今未办结。",
            "demand": "请抓紧办理，书面回复。",
            "reply_due_at": at + timedelta(days=2),
            "signing_body": "寻乌县专班办公室",
            **more,
        }
    )


def issue(cast: Cast, number: str, kind: str = "order", by: str = "du", **more: Any) -> int:
    """A paper issued by somebody; gives its id."""

    def act(appeal: Appeal, at: datetime) -> int:
        paper = Paper.issue(appeal, kind, said(cast, at, **more), by=cast.actor(by), at=at)
        db.session.flush()
        return paper.id

    found: int = cast.do(number, act)
    return found


def with_paper(cast: Cast, paper_id: int, act: Callable[[Paper, datetime], Any]) -> Any:
    with cast.app.app_context(), writing() as at:
        found = act(db.session.get_one(Paper, paper_id), at)
        db.session.commit()
        return found


def problems(cast: Cast) -> list[Any]:
    """What `ledger verify` finds."""
    assert verify, "its import brings every kind of stream that is checked"
    with cast.app.app_context():
        db.session.remove()
        return list(check_ledger(db.engine, keyring(), Report()))


def later(days: float = 0, **more: float) -> datetime:
    return now() + timedelta(days=days, **more)
