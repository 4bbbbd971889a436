"""A hotline's own due time beside ours (design §5). Touches what it is handed, reads nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ..deadlines import clocks
from ..deadlines.calendar import Calendar

BOUND: Final = ("answer", "rework")
"""Clocks of the lead's answer: what a hotline waits for. An assist keeps within the lead's."""

SAID: Final = "按"
"""How a sentence begins where a hotline's due time counts, and nothing else does."""

EVENT: Final = "交办"
"""What the limits of a lead's answer count from."""


def beside(
    ours: clocks.Due, orders: Iterable[Any], calendar: Calendar, *, later: bool, after: datetime
) -> clocks.Due:
    """The earliest of our due time and what each open order of a hotline leaves us.

    In a `later` round only orders that are due `after` that moment count: an older one asked for
    what was answered already.
    """
    for order in orders:
        theirs = order.their_due_at
        if theirs is None or order.state != "open" or (later and theirs <= after):
            continue
        due = clocks.against_theirs(ours, theirs, order.received_at, calendar, order.source_system)
        if due.at < ours.at:
            ours = due
    return ours


def lowered(clock: Any, orders: Iterable[Any], calendar: Calendar, *, after: datetime) -> bool:
    """Move a clock that runs by a limit to the earlier of its due time and theirs less a day.

    What the office fixed itself has no limit, and stands.
    """
    if not clock.spec:
        return False
    ours = clocks.Due(clock.due_at, clock.sentence, clock.provisional)
    due = beside(ours, orders, calendar, later=clock.round > 1, after=after)
    if due is ours:
        return False
    clock.due_at, clock.sentence, clock.provisional = due.at, due.sentence, due.provisional
    clock.warn_at = clocks.yellow_from(
        clock.started_at, max(due.at, clock.started_at), clock.spec, calendar
    )
    if clock.stage != "rework":  # what is looked at from its beginning goes on so
        clock.look_at = clock.warn_at
    return True


def event_of(clock: Any) -> str | None:
    """The word for what a clock's limit was counted from, also where a hotline's due time came
    before its end; None where it came otherwise."""
    counted = clocks.counted_from(clock.sentence, clock.started_at)
    if counted is None and clock.stage in BOUND and clock.sentence.startswith(SAID):
        return EVENT
    return counted
