"""Reminders by the clock: what is about to be due, what is overdue, what is to be looked at again.

One per person, matter, event and day, however many sweep; on working days, but for 特急.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite

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
    found, last = _remind_of_replies(at, day) if working else 0, 0
    while found < MOST:
        wanted = _to_remind(at, day, working, last)
        if not wanted:
            return found
        with writing():
            for deadline_id in wanted:
                found += _remind(deadline_id, at, day)
            db.session.commit()
        last = wanted[-1]
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


def _to_remind(at: datetime, day: date, working: bool, last: int) -> list[int]:
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
            Deadline.id > last,
            ~told,
        )
        .order_by(Deadline.id)
        .limit(BATCH)
    )
    if not working:
        query = query.where(Appeal.urgency == "critical")
    found = list(db.session.scalars(query))
    db.session.rollback()
    return found


def _remind(deadline_id: int, at: datetime, day: date) -> int:
    """Asked again under the lock: it may have been met, or told of, meanwhile."""
    clock = db.session.get(Deadline, deadline_id, populate_existing=True)
    if clock is None or clock.ended_at is not None or clock.warn_at > at:
        return 0
    if clock.stage == "hold_review" and clock.due_at.astimezone(SHANGHAI).date() > day:
        return 0
    overdue = clock.due_at < at
    insert: Any = sqlite.insert(Reminded) if is_sqlite() else postgresql.insert(Reminded)
    first = db.session.scalar(
        insert.values(deadline_id=clock.id, day=day, event="red" if overdue else "yellow")
        .on_conflict_do_nothing()
        .returning(Reminded.deadline_id)
    )
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
