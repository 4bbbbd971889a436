"""When a notice leaves the house. Pure.

特急 at once; all else is gathered at 9:00 and 15:00, and nothing of it goes out from 22:00 to 7:00.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from ..config import SHANGHAI

GATHERED = (time(9), time(15))
QUIET_FROM, QUIET_UNTIL = time(22), time(7)


def send_at(at: datetime, *, urgent: bool) -> datetime:
    """The moment at which what happened at `at` is sent."""
    if urgent:
        return at
    local = at.astimezone(SHANGHAI)
    for day in (local.date(), local.date() + timedelta(days=1)):
        for hour in GATHERED:
            slot = datetime.combine(day, hour, SHANGHAI)
            if slot >= local:
                return slot.astimezone(at.tzinfo)
    raise AssertionError("there is a slot tomorrow")


def allowed_at(at: datetime, *, urgent: bool) -> datetime:
    """`at`, or the end of the quiet hours where it lies in them: for what is tried again."""
    local = at.astimezone(SHANGHAI)
    if urgent or QUIET_UNTIL <= local.time() < QUIET_FROM:
        return at
    day = local.date() + timedelta(days=1 if local.time() >= QUIET_FROM else 0)
    return datetime.combine(day, QUIET_UNTIL, SHANGHAI).astimezone(at.tzinfo)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: one minute, doubling, at most an hour."""
    return timedelta(seconds=min(60 * 2 ** (attempts - 1), 3600))
