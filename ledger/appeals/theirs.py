"""上级要求反馈时限: what the due time that a hotline stated makes of ours (design §5). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ..deadlines import clocks
from ..deadlines.calendar import Calendar

BOUND: Final = ("answer", "rework")
"""Stages of the lead's answer: what a hotline waits for. An assist keeps within the lead's."""

SAID: Final = "按"
"""How a sentence begins where a hotline's due time counts, and nothing else does."""

EVENT: Final = "交办"
"""What the limits of a lead's answer count from."""


def beside_theirs(
    ours: clocks.Due | None,
    orders: Iterable[Any],
    since: datetime,
    calendar: Calendar,
    *,
    first_round: bool,
) -> clocks.Due | None:
    """The earliest of our due time and what each open order of a hotline leaves us.

    What was asked for before a later round began has passed: such a round heeds only what still
    lies ahead of it.
    """
    found = ours
    for order in orders:
        theirs = order.their_due_at
        if theirs is None or order.state != "open" or not order.is_theirs:
            continue
        if first_round or theirs > since:
            found = clocks.against_theirs(
                found, theirs, order.received_at, calendar, order.source_system
            )
    return found


def event_of(clock: Any) -> str | None:
    """The word for what a clock's limit was counted from, also where a hotline's due time came
    before its end; None where it came otherwise."""
    counted = clocks.counted_from(clock.sentence, clock.started_at)
    if counted is None and clock.stage in BOUND and clock.sentence.startswith(SAID):
        return EVENT
    return counted
