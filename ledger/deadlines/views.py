"""工作日历与办理时限: the page on which everybody can look up what a due time rests on."""

from __future__ import annotations

from calendar import Calendar as Weeks
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, Flask, current_app, render_template, request

from ledger.config import SHANGHAI
from ledger.db import config, now
from ledger.people.acting import current_actor
from ledger.people.views import may
from ledger.web import NotFound

from .calendar import Calendar, local_day
from .calendar_views import next_year
from .clocks import hours_in_words, in_words, shown
from .limits import CAP_WORDS, SPECS, Caps, Rule
from .queries import (
    calendar_years,
    days_named,
    load_calendar,
    names_of_categories,
    names_of_channels,
    version_in_force,
    versions_published,
)
from .telling import applies_to

blueprint = Blueprint("deadlines", __name__, url_prefix="/deadlines")


def init_app(app: Flask) -> None:
    """The page for everybody, and those on which limits and calendar are kept."""
    from . import calendar_views, hours_views, limit_views

    app.register_blueprint(blueprint)
    app.register_blueprint(limit_views.blueprint)
    app.register_blueprint(calendar_views.blueprint)
    app.register_blueprint(hours_views.blueprint)


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
        hours=hours_in_words(calendar.hours_on(local_day(at))),
        hours_to_come=[
            (day, hours_in_words(hours)) for day, hours in calendar.later if day > local_day(at)
        ],
        version=version,
        rules=version.rules,
        stages=SPECS,
        in_words=in_words,
        applies_to=_applies_to(version.rules),
        caps=_caps(version.caps),
        coming=[one for one in versions_published() if one.effective_from > at],
        shown=shown,
        may=may,
        recompute_url=_recompute_url(),
        next_year=next_year(years.values(), at),
    )


RECOMPUTE = "/appeals/recompute"


def _recompute_url() -> str:
    """The page of the room above on which an office reckons again, for whoever has it."""
    doors = current_app.extensions.get("ledger_doors", {})
    return RECOMPUTE if RECOMPUTE in doors and doors[RECOMPUTE](current_actor()) else ""


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
    categories, channels = names_of_categories(), names_of_channels()
    return {rule.name: applies_to(vars(rule), categories, channels) for rule in rules}


def _caps(caps: Caps) -> list[tuple[str, int]]:
    return [(word, getattr(caps, name)) for name, word in CAP_WORDS.items()]
