"""What time itself does to appeals: an assignment not signed for in time counts as received."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from ..db import db, writing
from ..people.actor import system
from ..work.sweeps import register_sweep
from .lifecycle import BY_CODE
from .models import Appeal
from .parts import Assignment, Deadline

BATCH = 100
SECONDS = 60
RECEIVE = BY_CODE["receive"]


def register() -> None:
    register_sweep("receipt", SECONDS, receive_unsigned)


def receive_unsigned(at: datetime) -> int:
    """逾期未签收，视为签收: for offered assignments whose running sign-for limit has passed.

    One appeal a commit, at most BATCH of them a round. Says how many assignments.
    """
    received = 0
    for appeal_id in _with_unsigned(at):
        with writing() as begun:
            now = max(at, begun)
            appeal = db.session.get(Appeal, appeal_id, with_for_update=True, populate_existing=True)
            if appeal is None or appeal.state not in RECEIVE.frm:
                continue
            for assignment in _unsigned_of(appeal, now):
                appeal.receive(assignment, by=system(), at=now)
                received += 1
            db.session.commit()
    return received


def _with_unsigned(at: datetime) -> list[int]:
    found = db.session.scalars(
        select(Deadline.appeal_id)
        .join(Assignment, Assignment.id == Deadline.assignment_id)
        .join(Appeal, Appeal.id == Deadline.appeal_id)
        .where(
            Deadline.stage == "sign",
            Deadline.ended_at.is_(None),
            Deadline.due_at < at,
            Assignment.state.in_(RECEIVE.assignment),
            Appeal.state.in_(RECEIVE.frm),
        )
        .order_by(Deadline.due_at, Deadline.id)
        .limit(BATCH)
    ).all()
    db.session.rollback()
    return list(dict.fromkeys(found))


def _unsigned_of(appeal: Appeal, at: datetime) -> list[Assignment]:
    """Asked again under the lock: it may have been signed for meanwhile."""
    return [
        assignment
        for assignment in appeal.assignments
        if assignment.state in RECEIVE.assignment
        and any(clock.due_at < at for clock in appeal.running("sign", assignment=assignment))
    ]
