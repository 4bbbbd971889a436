"""首次转办: of what a line received in a period, how much was handed off in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from ..appeals.models import Appeal
from ..appeals.parts import Assignment
from ..appeals.queries import visible_to
from ..appeals.transfer import UNTRANSFERRED
from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import end_of, start_of
from ..people.actor import Actor

USUAL_HOURS = 2
"""What the rule for lorry drivers' orders over 12328 gives until the first hand-off."""


@dataclass(frozen=True)
class Line:
    """What came over one channel."""

    channel: str
    received: int = 0
    within: int = 0
    late: int = 0
    """Handed off too late, or waiting for longer than that."""
    waiting: int = 0
    """Not handed off yet, and still in time."""
    longest: timedelta = timedelta()

    @property
    def judged(self) -> int:
        return self.within + self.late

    @property
    def without(self) -> int:
        """Ended, joined or answered without a hand-off: no part of the figure."""
        return self.received - self.judged - self.waiting

    @property
    def rate(self) -> str:
        return f"{self.within * 100 / self.judged:.1f}%" if self.judged else "—"


def by_channel(actor: Actor, at: datetime, since: date, until: date, hours: int) -> list[Line]:
    """Of what was received from the first to the last of these days and `actor` may see; nothing
    that an older ledger had before."""
    first = (
        select(Assignment.appeal_id, func.min(Assignment.assigned_at).label("at"))
        .where(Assignment.part == "lead")
        .group_by(Assignment.appeal_id)
        .subquery()
    )
    rows: Any = db.session.execute(
        select(Appeal.channel, Appeal.state, Appeal.received_at, first.c.at.label("first_at"))
        .outerjoin(first, first.c.appeal_id == Appeal.id)
        .where(
            # Nothing is registered before it was received: this an index knows.
            Appeal.registered_at >= start_of(since),
            Appeal.received_at >= start_of(since),
            Appeal.received_at < end_of(until),
            Appeal.opening.is_(False),
            visible_to(actor, at.astimezone(SHANGHAI).date()),
        )
        .execution_options(yield_per=1000)
    )
    found: dict[str, Line] = {}
    limit = timedelta(hours=hours)
    for row in rows:
        line = found.get(row.channel, Line(row.channel))
        found[row.channel] = _counted(line, row, at, limit)
    return sorted(found.values(), key=lambda line: (-line.received, line.channel))


def _counted(line: Line, row: Any, at: datetime, limit: timedelta) -> Line:
    line = replace(line, received=line.received + 1)
    if row.first_at is None and row.state not in UNTRANSFERRED:
        return line
    took = max((row.first_at or at) - row.received_at, timedelta())
    line = replace(line, longest=max(line.longest, took))
    if took > limit:
        return replace(line, late=line.late + 1)
    if row.first_at is None:
        return replace(line, waiting=line.waiting + 1)
    return replace(line, within=line.within + 1)
