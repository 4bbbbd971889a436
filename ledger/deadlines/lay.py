"""What a new ledger's time starts from; `ledger db upgrade` lays it, again and again.

The caller holds the write transaction, appends an entry for whatever is returned (each knows
how to `describe()` itself) and commits.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import select

from ledger.db import db
from ledger.trail.models import Entry

from .calendar import DEFAULT_HOURS
from .limits import DEFAULTS, Caps
from .models import FIRST_DAY, CalendarYear, HoursVersion, LimitVersion, OfficeHours
from .queries import count_versions

SOURCE = "国务院办公厅关于{year}年部分节假日安排的通知"

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""The first version has no beginning: matters carried over are older than the ledger."""


def lay_calendar() -> list[CalendarYear]:
    """Lay the years that the package chinesecalendar knows, and the next one as provisional.

    A year once published is left alone, whatever the office has since corrected in it; a
    provisional one is published when a newer package brings its arrangement. Returns the years
    laid or published now.
    """
    known = {
        row.year_number: row
        for row in db.session.scalars(select(CalendarYear).where(CalendarYear.region_code == ""))
    }
    known_years = arranged()
    laid: list[CalendarYear] = []
    for year in range(min(known_years), max(known_years) + 2):
        row = known.get(year)
        if row is None:
            row = CalendarYear(year_number=year, region_code="", published=False, source="")
            db.session.add(row)
            laid.append(row)
        if row.published or year not in known_years:
            continue
        row.publish(SOURCE.format(year=year))
        for day, (working, name) in sorted(known_years[year].items()):
            row.declare(day, working, name)
        if row not in laid:
            laid.append(row)
    db.session.flush()
    return laid


def lay_hours() -> list[HoursVersion]:
    """Lay the hours that an office has until it says otherwise. Gives what no entry tells of."""
    if db.session.scalar(select(OfficeHours.id).limit(1)) is None:
        db.session.add_all(HoursVersion("", FIRST_DAY, DEFAULT_HOURS).rows())
        db.session.flush()
    versions = HoursVersion.of(db.session.scalars(select(OfficeHours)))
    streams = [one.stream for one in versions]
    told = set(db.session.scalars(select(Entry.stream).where(Entry.stream.in_(streams))))
    return [one for one in versions if one.stream not in told]


def arranged() -> dict[int, dict[date, tuple[bool, str]]]:
    """The package's days off and make-up workdays, by year.

    A year counts as arranged once its National Day is in: a few days at the turn of a year come
    with the notice of the year before.
    """
    from chinese_calendar.constants import Holiday, holidays, workdays

    names = {holiday.value: holiday.chinese for holiday in Holiday}
    days: dict[int, dict[date, tuple[bool, str]]] = {}
    for working, named in ((False, holidays), (True, workdays)):
        for day, name in named.items():
            days.setdefault(day.year, {})[day] = (working, names.get(name, str(name)))
    return {year: found for year, found in days.items() if date(year, 10, 1) in found}


def lay_limits(at: datetime) -> LimitVersion | None:
    """Lay the first version of the limits; None where there already is one."""
    if count_versions():
        return None
    version = LimitVersion.publish(
        "默认时限",
        DEFAULTS,
        Caps(),
        at=at,
        effective_from=ALWAYS,
        note="建账时的默认时限，可由系统管理员发布新版本调整",
    )
    db.session.add(version)
    db.session.flush()
    return version
