"""What a limit that comes near or has passed calls for, and when to look at it again. Pure.

How long past which step is suggested stands in the versions of the limits (deadlines.limits.Caps),
dated and published as the limits themselves are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from ..appeals.standing import ANSWERS
from ..deadlines.calendar import Calendar, at_clock, last_day, local_day, start_of
from ..deadlines.clocks import due
from ..deadlines.limits import Caps

EVENTS: Final[dict[str, str]] = {
    "warn": "临期提醒",
    "late": "超期提醒",
    "unanswered": "逾期未回复督办",
    "notice": "到期未办结，拟催办通知书",
    "order": "超期未办结，拟督办单",
    "rework": "多次重办，拟督办单",
}

OF_UNITS: Final = frozenset({"sign", "contact", "report", *ANSWERS})
"""Stages that the unit with the assignment is held to."""

OF_UNITS_ABOVE: Final = frozenset({"rule_child_return", "rule_child_extension"})
"""Stages that the unit which passed it on is held to."""

OF_OFFICES: Final = frozenset(
    {
        "accept",
        "assign",
        "review",
        "call_back",
        "close",
        "hold_review",
        "rule_return",
        "rule_extension",
        "rule_hold",
    }
)

REMINDED_OF: Final = OF_UNITS | OF_UNITS_ABOVE | OF_OFFICES
"""Until when a unit may ask for a return is no duty: nobody is reminded of it."""

DAY_BEGINS = time(8, 30)
"""From when on a day's reminder of what stays overdue is made."""


@dataclass(frozen=True)
class Due:
    """What is called for now. `step` is the paper suggested, '' for a reminder alone."""

    event: str
    step: str = ""

    @property
    def once(self) -> bool:
        """Once a limit, and not once a day."""
        return bool(self.step)


@dataclass(frozen=True)
class Watched:
    """A limit that runs."""

    stage: str
    warn_at: datetime
    due_at: datetime
    reworks: int = 0
    """Of its appeal."""
    critical: bool = False
    """特急: its days off count as well."""

    @property
    def near_at(self) -> datetime:
        """From when it is told to be near. A hold is not looked at before its day."""
        if self.stage == "hold_review":
            return max(self.warn_at, start_of(last_day(self.due_at)))
        return self.warn_at

    def may_remind(self, at: datetime, calendar: Calendar) -> bool:
        """On working days, but for what is critical."""
        return self.critical or calendar.is_working(local_day(at))


def called_for(clock: Watched, at: datetime, caps: Caps, calendar: Calendar) -> list[Due]:
    """What the rules call for at that moment; nothing while it is far off. What is suggested
    waits in a list and disturbs nobody: it need not wait for a working day."""
    if clock.stage not in REMINDED_OF:
        return []
    found: list[Due] = []
    reminds = clock.may_remind(at, calendar)
    if clock.stage == "rework" and clock.reworks >= caps.order_from_rework:
        found.append(Due("rework", "order"))
    if at > clock.due_at:
        found += [Due("late")] if reminds else []
        found += _step(clock, at, caps, calendar)
    elif at >= clock.near_at and reminds:
        found.append(Due("warn"))
    return found


def _step(clock: Watched, at: datetime, caps: Caps, calendar: Calendar) -> list[Due]:
    """The highest paper that is suggested: what is sent in its stead is not sent beside it."""
    if clock.stage not in ANSWERS:
        return []
    late = calendar.working_days_between(last_day(clock.due_at), local_day(at))
    for event, days in (("order", caps.order_from_days), ("notice", caps.notice_from_days)):
        if days and late >= days:
            return [Due(event, event)]
    return []


def look_again(clock: Watched, at: datetime, calendar: Calendar) -> datetime:
    """When something may be called for next. What stays overdue is looked at every working day,
    and every day where it is critical."""
    if at < clock.near_at:
        return clock.near_at
    if at <= clock.due_at:
        passed = clock.due_at + timedelta(microseconds=1)
        if clock.may_remind(at, calendar):
            return passed
        return min(passed, next_morning(at, calendar))
    if clock.critical:
        return at_clock(local_day(at) + timedelta(days=1), DAY_BEGINS)
    return next_morning(at, calendar)


def next_morning(at: datetime, calendar: Calendar) -> datetime:
    return at_clock(calendar.add_working_days(local_day(at), 1), DAY_BEGINS)


def reply_due(kind: str, at: datetime, caps: Caps, calendar: Calendar) -> datetime:
    """By when a paper issued now is to be replied to, where nobody says otherwise."""
    days = caps.notice_reply_days if kind == "notice" else caps.order_reply_days
    found = due(at, f"{days}wd", calendar, "签发")
    assert found is not None  # there is a limit
    return found.at


def day_of(at: datetime) -> date:
    """The day in Shanghai that a reminder counts for."""
    return local_day(at)
