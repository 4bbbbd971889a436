"""在办情况总览: what is open now, and where it lies. Each number is a filter object and the count
of what it lets through; the open ones are read once, grouped, however many numbers are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select

from ..appeals.filters import OPEN_STATES, Filters
from ..appeals.lifecycle import STATES
from ..appeals.models import Appeal
from ..appeals.queries import conditions_of, sight_of, visible_to
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import end_of, start_of
from ..people.actor import Actor
from ..people.directory import directory

AGES = (
    ("今天", 0, 0),
    ("1–3天", 1, 3),
    ("4–7天", 4, 7),
    ("8–15天", 8, 15),
    ("16–30天", 16, 30),
    ("30天以上", 31, None),
)
"""By the days since the day of registration, both included."""
WEEK = 7
MOST = 5
"""Categories that grow, as many as are told."""


@dataclass(frozen=True)
class Tile:
    """A number, and the filters behind it."""

    label: str
    count: int
    filters: Filters
    light: str = ""

    @property
    def url(self) -> str:
        return f"/appeals/?{self.filters.query}"


@dataclass(frozen=True)
class Holder:
    """A unit in charge: what it holds, and for how long."""

    name: str
    open: Tile
    overdue: Tile
    long: int
    """Of it, registered more than a week ago."""
    oldest: int
    """Days since the first of it was registered."""


@dataclass(frozen=True)
class DayLine:
    day: date
    new: Tile
    closed: Tile


@dataclass(frozen=True)
class Growth:
    """A category, this week and the week before."""

    now: Tile
    before: Tile

    @property
    def more(self) -> int:
        return self.now.count - self.before.count


@dataclass(frozen=True)
class Overview:
    at: datetime
    tiles: list[Tile]
    states: list[Tile]
    ages: list[Tile]
    holders: list[Holder]
    days: list[DayLine]
    growing: list[Growth]


def overview(actor: Actor, at: datetime, filters: Filters) -> Overview:
    """Of what `filters` lets through and `actor` may see."""
    today = at.astimezone(SHANGHAI).date()
    open_ = filters.with_(state="open")
    rows = _open(actor, at, open_, today)

    def tile(label: str, narrowed: Filters, count: int, light: str = "") -> Tile:
        return Tile(label, count, narrowed, light)

    states = Counter[str]()
    ages = Counter[str]()
    for row in rows:
        states[row.state] += row.n
        ages[row.age] += row.n
    total = sum(states.values())
    overdue, due_today = sum(row.overdue for row in rows), sum(row.due_today for row in rows)
    days = _days(actor, at, filters, today)
    critical = sum(row.critical for row in rows)
    return Overview(
        at=at,
        tiles=[
            tile("今日登记", days[0].new.filters, days[0].new.count),
            tile("今日销号", days[0].closed.filters, days[0].closed.count),
            tile("在办", open_, total),
            tile("超期", open_.with_(light="red"), overdue, "red"),
            tile("今日到期", open_.with_(light="today"), due_today, "yellow"),
            tile("特急未结", open_.with_(urgency="critical"), critical, "red"),
        ],
        states=[
            tile(STATES[state], filters.with_(state=state), states[state]) for state in OPEN_STATES
        ],
        ages=[tile(label, _aged(open_, today, *span), ages[label]) for label, *span in AGES],
        holders=_holders(rows, open_, today),
        days=days,
        growing=_growing(actor, at, filters, today),
    )


def _aged(open_: Filters, today: date, least: int, most: int | None) -> Filters:
    since = None if most is None else today - timedelta(days=most)
    return open_.with_(since=since, until=today - timedelta(days=least))


def _where(actor: Actor, at: datetime, filters: Filters) -> list[Any]:
    """As the list that a number leads to."""
    day = at.astimezone(SHANGHAI).date()
    found = [*conditions_of(filters, actor, at), visible_to(actor, day)]
    sight = sight_of(actor, day)
    if sight.sees_all and not filters.office_id:
        # Says nothing new, and is what the indexes begin with.
        found.append(Appeal.office_id.in_(sight.offices))
    return found


def _open(actor: Actor, at: datetime, open_: Filters, today: date) -> list[Any]:
    """The open ones by state, unit in charge and age."""

    def many(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    age = case(
        *(
            (Appeal.registered_at >= start_of(today - timedelta(days=most)), label)
            for label, _, most in AGES
            if most is not None
        ),
        else_=AGES[-1][0],
    ).label("age")
    found = (
        select(
            Appeal.state,
            Appeal.lead_unit_id,
            age,
            func.count().label("n"),
            many(Appeal.due_at < at).label("overdue"),
            many(Appeal.due_at.between(at, end_of(today))).label("due_today"),
            many(Appeal.urgency == "critical").label("critical"),
            func.min(Appeal.registered_at).label("oldest"),
        )
        .where(*_where(actor, at, open_))
        .group_by(Appeal.state, Appeal.lead_unit_id, age)
    )
    return list(db.session.execute(found))


def _holders(rows: Iterable[Any], open_: Filters, today: date) -> list[Holder]:
    """Units in charge, who holds most first."""
    counts: Counter[int] = Counter()
    overdue: Counter[int] = Counter()
    oldest: dict[int, datetime] = {}
    ages: Counter[tuple[int, str]] = Counter()
    for row in rows:
        unit = row.lead_unit_id
        if unit is None:
            continue
        counts[unit] += row.n
        overdue[unit] += row.overdue
        oldest[unit] = min(oldest.get(unit, row.oldest), row.oldest)
        ages[unit, row.age] += row.n
    units = directory().units
    found = []
    for unit, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        mine = open_.with_(lead_unit_id=unit)
        days = (today - oldest[unit].astimezone(SHANGHAI).date()).days
        long_ = sum(ages[unit, label] for label, least, _ in AGES if least > WEEK)
        found.append(
            Holder(
                units[unit].label,
                Tile("在办", count, mine),
                Tile("超期", overdue[unit], mine.with_(light="red"), "red"),
                long_,
                days,
            )
        )
    return found


def _days(actor: Actor, at: datetime, filters: Filters, today: date) -> list[DayLine]:
    """In and out, day by day, the latest first."""
    found = [today - timedelta(days=back) for back in range(WEEK)]

    def per_day(column: Any) -> Any:
        spans = (column.between(start_of(day), end_of(day) - _TICK) for day in found)
        return [func.sum(case((span, 1), else_=0)) for span in spans]

    counts = []
    for column in (Appeal.registered_at, Appeal.closed_at):
        query = select(*per_day(column)).where(
            column >= start_of(found[-1]), column < end_of(today), *_where(actor, at, filters)
        )
        counts.append([count or 0 for count in db.session.execute(query).one()])
    return [
        DayLine(
            day,
            Tile("登记", new, filters.with_(since=day, until=day)),
            Tile("销号", closed, filters.with_(closed_on=day)),
        )
        for day, new, closed in zip(found, *counts, strict=True)
    ]


_TICK = timedelta(microseconds=1)


def _growing(actor: Actor, at: datetime, filters: Filters, today: date) -> list[Growth]:
    """Categories of which more was registered these seven days than the seven before."""
    book = catalogue()
    middle = today - timedelta(days=WEEK - 1)
    first = middle - timedelta(days=WEEK)
    this = case((Appeal.registered_at >= start_of(middle), 1), else_=0)
    found = db.session.execute(
        select(Appeal.category_id, func.sum(this), func.count())
        .where(
            Appeal.registered_at >= start_of(first),
            Appeal.registered_at < end_of(today),
            Appeal.category_id.is_not(None),
            *_where(actor, at, filters),
        )
        .group_by(Appeal.category_id)
    ).all()
    counted = {key: (now, both - now) for key, now, both in found}
    growing = []
    for row in book.categories.values():
        below = [counted[key] for key in book.subtree(row.id) if key in counted]
        if row.path.count("/") != TOP or not below:
            continue
        now, before = (sum(some) for some in zip(*below, strict=True))
        if now > before:
            mine = filters.with_(category_id=row.id)
            growing.append(
                Growth(
                    Tile(row.name, now, mine.with_(since=middle, until=today)),
                    Tile(row.name, before, mine.with_(since=first, until=middle - _DAY)),
                )
            )
    return sorted(growing, key=lambda one: -one.more)[:MOST]


_DAY = timedelta(days=1)
TOP = 2
"""Slashes in the path of a category of the first level."""
