"""Reading calendar and limits, kept in memory until the stamp says they changed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from ledger.catalogue.models import Category, Channel
from ledger.db import config, db, mark_of
from ledger.trail.models import Entry

from .calendar import DEFAULT_HOURS, Calendar, Hours
from .limits import POLICY, Caps, Rule, match
from .models import (
    FIRST_DAY,
    CalendarDay,
    CalendarYear,
    HoursVersion,
    LimitVersion,
    OfficeHours,
)

Found = TypeVar("Found")


@dataclass(frozen=True)
class InForce:
    """A version of the limits, detached from the session."""

    version_id: int
    name: str
    effective_from: datetime
    note: str
    rules: tuple[Rule, ...]
    caps: Caps


@dataclass
class _Kept:
    mark: str = ""
    found: dict[str, Any] = field(default_factory=dict)


def _keep(key: str, read: Callable[[], Found]) -> Found:
    """What `read` found, from this process's memory while the stamp is the same.

    The mark is read before the rows: rows that are newer than their mark are read once more,
    never kept too long.
    """
    mark = mark_of("deadlines")
    kept: _Kept = current_app.extensions.setdefault("ledger.deadlines", _Kept())
    if kept.mark != mark:
        kept = current_app.extensions["ledger.deadlines"] = _Kept(mark)
    if key not in kept.found:
        kept.found[key] = read()
    found: Found = kept.found[key]
    return found


def regions_above(region_code: str) -> list[str]:
    """The State Council's arrangement (''), then province, city, county, each over the former."""
    above = [f"{region_code[:2]}0000", f"{region_code[:4]}00", region_code]
    return list(dict.fromkeys(["", *above])) if region_code else [""]


def load_calendar(region_code: str | None = None) -> Calendar:
    """The calendar of a region (GB/T 2260); of the ledger's own where none is named."""
    region = config().region if region_code is None else region_code
    return _keep(f"calendar {region}", lambda: _read_calendar(region))


def _read_calendar(region: str) -> Calendar:
    return calendar_if(region, {})


def calendar_if(
    region: str, named: Mapping[tuple[str, date], bool | None], published: int | None = None
) -> Calendar:
    """A region's calendar as it would be with these days, by region and date, worked or not
    (None: not named any more), and with that year published. Read anew."""
    regions = regions_above(region)
    years = set(
        db.session.scalars(
            select(CalendarYear.year_number).where(
                CalendarYear.published, CalendarYear.region_code == ""
            )
        )
    )
    if published is not None:
        years.add(published)
    known: dict[tuple[str, date], bool | None] = {
        (row.region_code, row.on_day): row.working
        for row in db.session.execute(
            select(
                CalendarDay.region_code,
                CalendarDay.on_day,
                CalendarDay.working,
                CalendarYear.year_number,
            )
            .join(CalendarDay.year)
            .where(CalendarDay.region_code.in_(regions))
        )
        # Days typed in ahead of the notice wait until it is published.
        if row.region_code or row.year_number in years
    }
    known.update(named)
    days: dict[date, bool] = {}
    for (_, day), working in sorted(known.items(), key=lambda row: regions.index(row[0][0])):
        if working is not None:
            days[day] = working
    return with_hours(Calendar(days, frozenset(years)), region, hours_versions(regions))


def hours_versions(regions: Sequence[str]) -> list[HoursVersion]:
    """The office hours that were published for these regions, by the day they take effect."""
    rows = db.session.scalars(select(OfficeHours).where(OfficeHours.region_code.in_(regions)))
    return HoursVersion.of(rows)


def drop_hours(version: HoursVersion) -> None:
    """What stands for its region and day goes: another is put in its place."""
    rows = db.session.scalars(
        select(OfficeHours).where(
            OfficeHours.region_code == version.region_code,
            OfficeHours.effective_on == version.effective_on,
        )
    )
    for row in rows:
        db.session.delete(row)
    db.session.flush()


def with_hours(calendar: Calendar, region: str, versions: Iterable[HoursVersion]) -> Calendar:
    """The calendar with a region's hours by their days: its own from the first that it has on,
    those of the region above before."""
    line: list[tuple[date, Hours]] = [(FIRST_DAY, DEFAULT_HOURS)]
    known = list(versions)
    for place in regions_above(region):
        own = [(one.effective_on, one.hours) for one in known if one.region_code == place]
        line = [one for one in line if not own or one[0] < own[0][0]] + own
    return replace(calendar, hours=line[0][1], later=tuple(line[1:]))


def _versions() -> tuple[InForce, ...]:
    """All published versions by the moment they take effect; of two at once the later counts."""
    rows = db.session.scalars(
        select(LimitVersion)
        .options(selectinload(LimitVersion.rules), selectinload(LimitVersion.caps))
        .order_by(LimitVersion.effective_from, LimitVersion.id)
    )
    return tuple(
        InForce(row.id, row.name, row.effective_from, row.note, row.as_rules(), row.as_caps())
        for row in rows
    )


def versions_published() -> tuple[InForce, ...]:
    """All versions by the moment they take effect, also those that have not yet."""
    return _keep("limits", _versions)


def version_in_force(at: datetime) -> InForce:
    """The limits for what starts at this moment. LookupError before `ledger db upgrade`."""
    versions = versions_published()
    place = bisect_right(versions, at, key=lambda version: version.effective_from)
    if not place:
        raise LookupError("no limits are laid; run `ledger db upgrade`")
    return versions[place - 1]


def limits_in_force(at: datetime) -> tuple[int, tuple[Rule, ...]]:
    """The version's id and its rules."""
    version = version_in_force(at)
    return version.version_id, version.rules


def rule_in_force(
    at: datetime, channel: str, kind: str, category_path: tuple[str, ...], urgency: str
) -> tuple[int, Rule]:
    """The version's id, and the line of its table that applies (see `limits.match`)."""
    version = version_in_force(at)
    key = " ".join(
        ("rule", str(version.version_id), channel, kind, urgency, "/".join(category_path))
    )
    rule = _keep(key, lambda: match(version.rules, channel, kind, category_path, urgency))
    return version.version_id, rule


def caps_in_force(at: datetime) -> Caps:
    return version_in_force(at).caps


def category_path(category: Category | None) -> tuple[str, ...]:
    """What `limits.match` asks of a category: POLICY where it is marked, codes from the root."""
    if category is None:
        return ()
    ids = [int(part) for part in category.path.split("/") if part]
    rows = db.session.execute(
        select(Category.id, Category.code, Category.policy).where(Category.id.in_(ids))
    )
    line = sorted(rows, key=lambda row: ids.index(row[0]))
    marks = (POLICY,) if any(policy for _, _, policy in line) else ()
    return (*marks, *(code for _, code, _ in line))


def calendar_years() -> list[CalendarYear]:
    """The State Council's years, latest first, without their days."""
    return list(
        db.session.scalars(
            select(CalendarYear)
            .where(CalendarYear.region_code == "")
            .order_by(CalendarYear.year_number.desc())
        )
    )


def arrangements(year: int) -> list[CalendarYear]:
    """A year's arrangements, the State Council's first, with their days."""
    return list(
        db.session.scalars(
            select(CalendarYear)
            .where(CalendarYear.year_number == year)
            .options(selectinload(CalendarYear.days))
            .order_by(CalendarYear.region_code)
        )
    )


def calendar_editions(first: int, last: int) -> dict[str, int]:
    """Which entry of its stream each year's calendar stands at: "2027" → 3, by region too."""
    streams = {
        row.stream: row.stream.removeprefix("calendar/")
        for year in range(first, last + 1)
        for row in arrangements(year)
    }
    rows = db.session.execute(
        select(Entry.stream, func.max(Entry.seq))
        .where(Entry.stream.in_(streams))
        .group_by(Entry.stream)
        .order_by(Entry.stream)
    )
    return {streams[stream]: seq for stream, seq in rows}


def lock_calendar(year: int) -> None:
    """Nobody else changes this year before the transaction ends; then load it again."""
    db.session.execute(
        select(CalendarYear.id)
        .where(CalendarYear.year_number == year)
        .order_by(CalendarYear.id)
        .limit(1)
        .with_for_update()
    )


def lock_hours() -> None:
    """Nobody else publishes hours before the transaction ends; then load them again."""
    db.session.execute(
        select(OfficeHours.id).order_by(OfficeHours.id).limit(1).with_for_update()
    )


def lock_limits() -> None:
    """Nobody else publishes before the transaction ends; then load them again."""
    db.session.execute(
        select(LimitVersion.id).order_by(LimitVersion.id).limit(1).with_for_update()
    )


def limit_versions() -> list[LimitVersion]:
    """All versions as rows, the one that takes effect last first."""
    return list(
        db.session.scalars(
            select(LimitVersion)
            .options(selectinload(LimitVersion.rules), selectinload(LimitVersion.caps))
            .order_by(LimitVersion.effective_from.desc(), LimitVersion.id.desc())
        )
    )


def days_named(year: int, region_code: str) -> list[CalendarDay]:
    """The days off and make-up workdays that fall in a year, for a region and those above it."""
    return list(
        db.session.scalars(
            select(CalendarDay)
            .where(
                CalendarDay.region_code.in_(regions_above(region_code)),
                CalendarDay.on_day.between(date(year, 1, 1), date(year, 12, 31)),
            )
            .order_by(CalendarDay.on_day, CalendarDay.region_code)
        )
    )


def names_of_categories() -> dict[str, str]:
    """Screen names by code."""
    return dict(db.session.execute(select(Category.code, Category.name)).all())


def names_of_channels() -> dict[str, str]:
    """Screen names by code."""
    return dict(db.session.execute(select(Channel.code, Channel.name)).all())


def count_versions() -> int:
    return db.session.scalar(select(func.count(LimitVersion.id))) or 0
