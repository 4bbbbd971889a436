"""Reminders by the clock: what is about to be due, what is overdue, what is to be looked at again.

One per person, matter, event and day, however many sweep; on working days, but for 特急.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import case, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import joinedload

from ..appeals.instructions import Instruction, InstructionUnit
from ..appeals.models import Appeal, Deadline
from ..config import SHANGHAI
from ..db import db, is_sqlite, writing
from ..deadlines.queries import load_calendar
from .models import Notice, Reminded
from .rules import CLOCKS, UNITS, reminder
from .telling import Told, persons_of, posts_of, put

AHEAD = timedelta(days=14)
"""No limit turns yellow longer before it is due: a working day, with the longest holiday in it."""
BATCH = 20
"""Clocks a commit: nobody waits long for the write lock."""
MOST = 5000
"""Clocks a round: the rest is found by the next."""


def remind(at: datetime) -> int:
    """Says how many clocks and instructions were told of."""
    day = at.astimezone(SHANGHAI).date()
    working = load_calendar().is_working(day)
    found = _remind_of_replies(at, day) if working else 0
    # Looked for once a round: nearly every clock that runs lies before the horizon.
    wanted = _to_remind(at, day, working)
    for first in range(0, len(wanted), BATCH):
        with writing():
            for clock in _clocks(wanted[first : first + BATCH]):
                found += _remind(clock, at, day)
            db.session.commit()
        db.session.expunge_all()  # however many there are, few are held
    return found


def _remind_of_replies(at: datetime, day: date) -> int:
    """Units that have not replied to an instruction by the day before its limit, or since."""
    once = f"reply_due {day}"
    told = exists().where(Notice.appeal_id == InstructionUnit.appeal_id, Notice.once == once)
    waiting = (
        select(InstructionUnit.id, InstructionUnit.appeal_id, InstructionUnit.unit_id)
        .join(Instruction, Instruction.id == InstructionUnit.instruction_id)
        .where(
            InstructionUnit.replied_at.is_(None),
            Instruction.reply_by <= day + timedelta(days=1),
            ~told,
        )
        .order_by(InstructionUnit.id)
        .limit(MOST)
    )
    units: dict[int, list[int]] = {}
    for row in db.session.execute(waiting):
        # At a unit where nobody is, nobody could be told twice either.
        if posts_of(day).of_unit(row.unit_id):
            units.setdefault(row.appeal_id, []).append(row.unit_id)
    db.session.rollback()
    for appeal_id, named in units.items():
        told_to = Told(units=dict.fromkeys(named, "reply_due"))
        for unit_id in named:
            told_to.add(posts_of(day).of_unit(unit_id), "reply_due")
        with writing():
            put(db.session.get_one(Appeal, appeal_id), told_to, once, at)
            db.session.commit()
    return len(units)


def _to_remind(at: datetime, day: date, working: bool) -> list[int]:
    event = case((Deadline.due_at < at, literal("red")), else_=literal("yellow"))
    told = exists().where(
        Reminded.deadline_id == Deadline.id, Reminded.day == day, Reminded.event == event
    )
    query = (
        select(Deadline.id)
        .join(Appeal, Appeal.id == Deadline.appeal_id)
        .where(
            Deadline.stage.in_(sorted(CLOCKS)),
            Deadline.ended_at.is_(None),
            Deadline.due_at < at + AHEAD,
            Deadline.warn_at <= at,
            ~told,
        )
        .order_by(Deadline.id)
        .limit(MOST)
    )
    if not working:
        query = query.where(Appeal.urgency == "critical")
    found = list(db.session.scalars(query))
    db.session.rollback()
    return found


def _clocks(ids: list[int]) -> Sequence[Deadline]:
    return db.session.scalars(
        select(Deadline)
        .where(Deadline.id.in_(ids))
        .order_by(Deadline.id)
        .options(joinedload(Deadline.appeal), joinedload(Deadline.assignment))
        .execution_options(populate_existing=True)
    ).all()


def _remind(clock: Deadline, at: datetime, day: date) -> int:
    """Asked again under the lock: it may have been met, or told of, meanwhile."""
    if clock.ended_at is not None or clock.warn_at > at:
        return 0
    if clock.stage == "hold_review" and clock.due_at.astimezone(SHANGHAI).date() > day:
        return 0
    overdue = clock.due_at < at
    said = {"deadline_id": clock.id, "day": day, "event": "red" if overdue else "yellow"}
    first = db.session.connection().execute(_if_first(is_sqlite()), said).scalar()
    if first is None:
        return 0
    event, told, appeal = reminder(clock.stage, overdue=overdue), Told(), clock.appeal
    for to in CLOCKS[clock.stage]:
        if to not in UNITS:
            told.add(persons_of(to, appeal, at), event)
        elif clock.assignment is not None:
            unit_id = clock.assignment.unit_id
            told.units[unit_id] = event
            told.add(posts_of(day).of_unit(unit_id), event)
    put(appeal, told, f"{event} {day}", at)
    return 1


@cache
def _if_first(on_sqlite: bool) -> Any:
    """Made once: it takes longer to put together than to run."""
    insert: Any = sqlite.insert(Reminded) if on_sqlite else postgresql.insert(Reminded)
    return insert.on_conflict_do_nothing().returning(Reminded.__table__.c.deadline_id)
