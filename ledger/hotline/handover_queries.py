"""What a shift leaves behind: its calls, what is urgent and open, and the handovers before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from ..appeals.filters import Filters
from ..appeals.lines import Line, lines
from ..appeals.queries import ledger_page
from ..db import db
from ..people.actor import Actor
from . import call_queries
from .calls import CallRecord
from .handover import ShiftHandover

MOST_CALLS, MOST_URGENT = 100, 50
PAGE = 20
FIRST_SHIFT = timedelta(hours=24)
"""How far the first handover of an office looks back."""


def calls_of_shift(office_id: int, since: datetime, until: datetime) -> Sequence[CallRecord]:
    """The calls that the office took in these hours, the latest first, at most MOST_CALLS."""
    wanted = (
        select(CallRecord)
        .where(
            CallRecord.office_id == office_id,
            CallRecord.began_at >= since,
            CallRecord.began_at < until,
        )
        .order_by(CallRecord.began_at.desc(), CallRecord.id.desc())
        .limit(MOST_CALLS)
        .options(joinedload(CallRecord.line), joinedload(CallRecord.appeal))
    )
    return db.session.scalars(wanted).all()


def counted(office_id: int, since: datetime, until: datetime) -> dict[str, int]:
    """All of them, by what became of each."""
    return call_queries.counts([office_id], since, until)


def urgent(office_id: int, actor: Actor, at: datetime) -> list[Line]:
    """特急未了: the office's open critical appeals, the first due first."""
    filters = Filters(state="open", urgency="critical", office_id=office_id)
    return lines(ledger_page(actor, at, filters, size=MOST_URGENT).rows, at)


def waiting(office_id: int, *, lock: bool = False) -> ShiftHandover | None:
    """The one that waits for whoever comes."""
    wanted = select(ShiftHandover).where(
        ShiftHandover.office_id == office_id, ShiftHandover.in_at.is_(None)
    )
    return db.session.scalar(wanted.with_for_update() if lock else wanted)


def handover(
    handover_id: int, offices: frozenset[int], *, lock: bool = False
) -> ShiftHandover | None:
    wanted = select(ShiftHandover).where(
        ShiftHandover.id == handover_id, ShiftHandover.office_id.in_(offices)
    )
    return db.session.scalar(wanted.with_for_update() if lock else wanted)


def begins(office_id: int, at: datetime) -> datetime:
    """When the shift began that is handed over: where the last one ended."""
    last = select(ShiftHandover.ends_at).where(ShiftHandover.office_id == office_id)
    found = db.session.scalar(last.order_by(ShiftHandover.id.desc()).limit(1))
    return found or at - FIRST_SHIFT


def past(office_id: int, before: int = 0) -> tuple[list[ShiftHandover], bool]:
    """The latest first, those below an id where one is given; and whether there are more."""
    wanted = select(ShiftHandover).where(ShiftHandover.office_id == office_id)
    if before:
        wanted = wanted.where(ShiftHandover.id < before)
    found = list(db.session.scalars(wanted.order_by(ShiftHandover.id.desc()).limit(PAGE + 1)))
    return found[:PAGE], len(found) > PAGE
