"""How often a unit reports while it handles, and by when the next report is due. Pure."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime
from typing import Final

from .calendar import DAY, Calendar, end_of, local_day
from .clocks import Due, shown, shown_end

ONCE: Final = "once"
RHYTHMS: Final[dict[str, str]] = {
    ONCE: "一次性反馈",
    "daily": "每日反馈",
    "weekly": "每周反馈",
    "monthly": "每月反馈",
}


def next_report(
    since: datetime, rhythm: str, calendar: Calendar, event: str, *, every_day: bool = False
) -> Due | None:
    """By when to report after what happened at `since`, at 24:00; None where once is enough.

    A day off moves it to the next working day, unless `every_day` counts (特急, reported daily).
    """
    if rhythm not in RHYTHMS or rhythm == ONCE:
        return None
    first = local_day(since)
    day = _after(first, rhythm)
    if not (every_day and rhythm == "daily") and not calendar.is_working(day):
        day = calendar.add_working_days(day, 1)
    at = end_of(day)
    sentence = f"{shown(since)}{event}，{RHYTHMS[rhythm]}，应于{shown_end(at)}前反馈进展"
    years = calendar.provisional_years(first + DAY, day)
    if years:
        named = "、".join(str(year) for year in years)
        sentence += f"；{named}年放假安排尚未公布，暂按周一至周五推算"
    return Due(at, f"{sentence}。", bool(years))


def _after(day: date, rhythm: str) -> date:
    if rhythm == "daily":
        return day + DAY
    if rhythm == "weekly":
        return day + 7 * DAY
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))
