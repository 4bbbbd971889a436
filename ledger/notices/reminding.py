"""Reminders told on: supervision decides what is due and when, here it finds those it is for.

What supervision has no limit of is asked for here: the replies that instructions are waiting for.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import exists, select

from ..appeals.instructions import Instruction, InstructionUnit
from ..appeals.models import Appeal, Deadline
from ..config import SHANGHAI
from ..db import db, writing
from ..deadlines.queries import load_calendar
from ..work.models import Outbox
from .models import Notice
from .rules import UNITS, reminded, reminder
from .telling import Told, persons_of, posts_of, put

TOPIC = "reminder"
MOST = 5000
"""Units a round: the rest is found by the next."""


def tell_reminder(row: Outbox, at: datetime) -> None:
    """The outbox's handler, in the transaction that marks the row done."""
    said: dict[str, Any] = json.loads(row.body)
    event = reminder(said["stage"], said["event"])
    if not event or _is_met(said["deadline"]):
        return
    appeal = db.session.get_one(Appeal, said["matter"], populate_existing=True)
    day, told = at.astimezone(SHANGHAI).date(), Told()
    for to in reminded(said["stage"]):
        if to in UNITS:
            told.units[said["unit"]] = event
            told.add(posts_of(day).of_unit(said["unit"]), event)
        else:
            told.add(persons_of(to, appeal, at), event)
    put(appeal, told, f"{event} {said['day']}", at, since=row.created_at)


def _is_met(deadline_id: int | None) -> bool:
    """Meanwhile: the row may have waited."""
    if deadline_id is None:
        return False
    ended = select(Deadline.ended_at).where(Deadline.id == deadline_id)
    return db.session.scalar(ended) is not None


def remind_of_replies(at: datetime) -> int:
    """Units that have not replied to an instruction by the day before its limit, or since; on
    working days. Says how many."""
    day = at.astimezone(SHANGHAI).date()
    if not load_calendar().is_working(day):
        return 0
    once = f"reply_due {day}"
    units = _owing(day, once)
    for appeal_id, named in units.items():
        told = Told(units=dict.fromkeys(named, "reply_due"))
        for unit_id in named:
            told.add(posts_of(day).of_unit(unit_id), "reply_due")
        with writing():
            put(db.session.get_one(Appeal, appeal_id), told, once, at)
            db.session.commit()
    return len(units)


def _owing(day: date, once: str) -> dict[int, list[int]]:
    """The units of each appeal that are to be told; in the order of the index of what waits."""
    told = exists().where(Notice.appeal_id == InstructionUnit.appeal_id, Notice.once == once)
    waiting = (
        select(InstructionUnit.appeal_id, InstructionUnit.unit_id)
        .join(Instruction, Instruction.id == InstructionUnit.instruction_id)
        .where(
            InstructionUnit.replied_at.is_(None),
            Instruction.reply_by <= day + timedelta(days=1),
            ~told,
        )
        .order_by(InstructionUnit.unit_id, InstructionUnit.appeal_id)
        .limit(MOST)
    )
    units: dict[int, list[int]] = {}
    for row in db.session.execute(waiting):
        # At a unit where nobody is, nobody could be told twice either.
        if posts_of(day).of_unit(row.unit_id):
            units.setdefault(row.appeal_id, []).append(row.unit_id)
    db.session.rollback()
    return units
