"""A hotline's own due time beside ours (design §5). Touches what it is handed, reads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..deadlines import clocks
from ..deadlines.calendar import Calendar


def lowered(clock: Any, orders: Iterable[Any], calendar: Calendar, *, after: datetime) -> bool:
    """Move a clock that runs by a limit to the earlier of its due time and theirs less a day.

    What the office fixed itself has no limit, and stands. Of a rework only orders that are due
    `after` that moment count: an older one asked for what was answered already.
    """
    moved = False
    for order in orders:
        theirs = order.their_due_at
        if theirs is None or order.state != "open" or not clock.spec:
            continue
        if clock.stage == "rework" and theirs <= after:
            continue
        ours = clocks.Due(clock.due_at, clock.sentence, clock.provisional)
        due = clocks.against_theirs(ours, theirs, order.received_at, calendar, order.source_system)
        if due.at >= clock.due_at:
            continue
        clock.due_at, clock.sentence, clock.provisional = due.at, due.sentence, due.provisional
        clock.warn_at = clocks.yellow_from(
            clock.started_at, max(due.at, clock.started_at), clock.spec, calendar
        )
        if clock.stage != "rework":  # what is looked at from its beginning goes on so
            clock.look_at = clock.warn_at
        moved = True
    return moved
