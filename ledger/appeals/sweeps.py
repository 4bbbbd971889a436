"""What time itself does to appeals: an assignment not signed for in time counts as received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from ..db import db, writing
from ..people.actor import system
from .lifecycle import BY_CODE
from .models import Appeal
from .parts import Assignment, Deadline

BATCH = 50
RECEIVE = BY_CODE["receive"]


def receive_unsigned(at: datetime) -> int:
    """逾期未签收，视为签收: for offered assignments whose running sign-for limit has passed.

    A part of the sweep of supervision. In batches by key, one commit a batch; says how many
    assignments. On PostgreSQL an appeal that another hand holds waits for the next round.
    """
    received = 0
    after: Any = None
    while found := _unsigned(at, after):
        after = found[-1]
        with writing() as begun:
            now = max(at, begun)
            for appeal in _locked({row.appeal_id for row in found}):
                for assignment in _unsigned_of(appeal, now):
                    appeal.receive(assignment, by=system(), at=now)
                    received += 1
            db.session.commit()
        # However many there are, no more than a batch of them is kept in hand.
        db.session.expunge_all()
    return received


def _unsigned(at: datetime, after: Any) -> Sequence[Any]:
    """The next batch by due time, read without the lock."""
    query = (
        select(Deadline.id, Deadline.due_at, Deadline.appeal_id)
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
    )
    if after is not None:
        query = query.where(
            Deadline.due_at >= after.due_at,
            or_(Deadline.due_at > after.due_at, Deadline.id > after.id),
        )
    found = db.session.execute(query).all()
    db.session.rollback()
    return found


def _locked(ids: set[int]) -> Sequence[Appeal]:
    """Read again under the lock, in ascending id."""
    return db.session.scalars(
        select(Appeal)
        .where(Appeal.id.in_(ids), Appeal.state.in_(RECEIVE.frm))
        .order_by(Appeal.id)
        .options(
            selectinload(Appeal.assignments),
            selectinload(Appeal.deadlines),
            selectinload(Appeal.requests),
            selectinload(Appeal.external_orders),
        )
        .with_for_update(of=Appeal, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()


def _unsigned_of(appeal: Appeal, at: datetime) -> list[Assignment]:
    """Asked again under the lock: it may have been signed for meanwhile."""
    return [
        assignment
        for assignment in appeal.assignments
        if assignment.state in RECEIVE.assignment
        and any(clock.due_at < at for clock in appeal.running("sign", assignment=assignment))
    ]
