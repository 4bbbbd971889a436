"""工作日历与办理时限: the page on which everybody can look up what a due time rests on."""

from __future__ import annotations

from calendar import Calendar as Weeks
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, render_template, request

from ledger.catalogue.words import KINDS, URGENCIES
from ledger.config import SHANGHAI
from ledger.db import config, now
from ledger.web import NotFound

from .calendar import Calendar
from .clocks import in_words
from .limits import CAP_WORDS, POLICY, SPECS, Caps, Rule
from .queries import (
    calendar_years,
    days_named,
    load_calendar,
    names_of_categories,
    names_of_channels,
    version_in_force,
)

blueprint = Blueprint("deadlines", __name__, url_prefix="/deadlines")


@dataclass(frozen=True)
class Day:
    """One square of the year."""

    day: date
    working: bool
    name: str
    """The holiday, or 调休上班; '' on an ordinary day."""


@dataclass(frozen=True)
class Month:
    number: int
    weeks: list[list[Day | None]]
    """Monday first; None outside the month."""
    working: int


@blueprint.get("/")
def show() -> str:
    at = now()
    wanted = request.args.get("year", "")
    years = {row.year_number: row for row in calendar_years()}
    this_year = at.astimezone(SHANGHAI).year
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) == 4 else None
    if number is None and not wanted:
        number = this_year if this_year in years else max(years, default=None)
    if number is None or number not in years:
        raise NotFound("日历中没有这一年。请从页面上的年份中选择。")
    calendar = load_calendar()
    named = {row.on_day: row for row in days_named(number, config().region)}
    months = _months(number, calendar, {day: row.name for day, row in named.items()})
    version = version_in_force(at)
    return render_template(
        "deadlines/show.html",
        year=years[number],
        years=sorted(years.values(), key=lambda row: row.year_number, reverse=True),
        months=months,
        working_days=sum(month.working for month in months),
        named=list(named.values()),
        hours=calendar.hours,
        version=version,
        rules=version.rules,
        stages=SPECS,
        in_words=in_words,
        applies_to=_applies_to(version.rules),
        caps=_caps(version.caps),
    )


def _months(year: int, calendar: Calendar, names: dict[date, str]) -> list[Month]:
    def square(day: date) -> Day:
        working = calendar.is_working(day)
        name = names.get(day, "")
        return Day(day, working, "调休上班" if working and name else name)

    found: list[Month] = []
    for number in range(1, 13):
        weeks = [
            [square(day) if day.month == number else None for day in week]
            for week in Weeks().monthdatescalendar(year, number)
        ]
        working = sum(day.working for week in weeks for day in week if day is not None)
        found.append(Month(number, weeks, working))
    return found


def _applies_to(rules: tuple[Rule, ...]) -> dict[str, str]:
    """What each line stands for, in words, by its name."""
    categories = names_of_categories() | {POLICY: "政策性、跨区域类"}
    channels = names_of_channels()
    found: dict[str, str] = {}
    for rule in rules:
        words = (
            channels.get(rule.channel, rule.channel),
            KINDS.get(rule.kind, rule.kind),
            categories.get(rule.category, rule.category),
            URGENCIES.get(rule.urgency, rule.urgency),
        )
        found[rule.name] = "、".join(filter(None, words)) or "其他全部"
    return found


def _caps(caps: Caps) -> list[tuple[str, int]]:
    return [(word, getattr(caps, name)) for name, word in CAP_WORDS.items()]
