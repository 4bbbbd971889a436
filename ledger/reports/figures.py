"""Figures as of a moment: the one query that every page, command and paper takes them from.

What stood at a moment and what happened before it are read from how appeals stood
(appeals.intervals), so that the same question has the same answer next year. Whoever asks sees
what he may see today.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, select

from ..appeals.filters import Filters
from ..appeals.intervals import TABLE, VOID
from ..appeals.lifecycle import MERGED, OPEN
from ..appeals.models import Appeal, Assignment
from ..appeals.sight import sight_of, visible_to
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import end_of, last_day
from ..deadlines.queries import load_calendar
from ..people.actor import Actor
from ..people.regions import significant
from .measures import BY_UNITS, PASSING, Compared, Share, mean_days, mean_percent
from .models import formula_at
from .moments import first_at

Conditions = list[ColumnElement[bool]]
GONE = ("declined", MERGED, VOID)
"""Ends that leave nothing to count."""

row = TABLE.c


@dataclass(frozen=True)
class Rate:
    """A share, pooled; as the mean of the units in charge; and both ways of 考核剔除."""

    pooled: Share
    with_excluded: Share
    mean: str = ""

    @property
    def said(self) -> str:
        return self.pooled.said


@dataclass(frozen=True)
class Figures:
    """As of `at`, with what happened since `base`."""

    at: datetime
    base: datetime
    standing: dict[str, Compared]
    states: dict[str, Compared]
    passing: dict[str, Compared]
    rates: dict[str, Rate]
    handling: str
    handled: int
    call_backs: dict[str, int] = field(default_factory=dict)
    """Valid ones, and what was said in them."""
    basically_percent: int = 0


def figures(at: datetime, base: datetime, filters: Filters, actor: Actor | None = None) -> Figures:
    """Of what `filters` lets through (office, lead unit, category, kind, channel, urgency, region,
    white list; its other fields are of the day). `actor` None: of the whole ledger."""
    which = conditions(filters, actor, at)
    now, then = _standing(at, which), _standing(base, which)
    before = base - (at - base)
    first = first_at()
    earlier = _Passing(before, base, which) if first is not None and before >= first else None
    passing = _Passing(base, at, which)
    formula = formula_at(at)
    was = earlier.counts if earlier is not None else None
    return Figures(
        at=at,
        base=base,
        standing={n: Compared(v, then.numbers[n]) for n, v in now.numbers.items()},
        states={s: Compared(now.states[s], then.states[s]) for s in OPEN},
        passing={n: Compared(passing.counts[n], None if was is None else was[n]) for n in PASSING},
        rates=_rates(passing, now, formula.basically_percent),
        handling=mean_days(passing.days, passing.handled),
        handled=passing.handled,
        call_backs=dict(passing.called),
        basically_percent=formula.basically_percent,
    )


def conditions(filters: Filters, actor: Actor | None, at: datetime) -> Conditions:
    """What a stretch must be, as it was then."""
    found: Conditions = []
    if filters.office_id:
        found.append(row.office_id == filters.office_id)
    if filters.lead_unit_id:
        found.append(row.lead_unit_id == filters.lead_unit_id)
    if filters.category_id:
        found.append(row.category_id.in_(catalogue().subtree(filters.category_id)))
    for name in ("kind", "channel", "urgency"):
        if wanted := getattr(filters, name):
            found.append(row[name] == wanted)
    if filters.region_code:
        head = significant(filters.region_code)
        found.append(row.region_code.between(head.ljust(6, "0"), head.ljust(6, "9")))
    if filters.white_list:
        found.append(row.white_list.is_(True))
    if actor is not None:
        day = at.astimezone(SHANGHAI).date()
        if not sight_of(actor, day).sees_all:
            found.append(row.appeal_id.in_(select(Appeal.id).where(visible_to(actor, day))))
    return found


def standing_at(at: datetime) -> ColumnElement[bool]:
    """The stretch that an appeal stood in: entries before the moment count, later ones do not."""
    return and_(row.from_at < at, row.to_at >= at)


# -- of a moment -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Standing:
    numbers: dict[str, int]
    states: Counter[str]
    without_opening: tuple[Share, Share]
    """Closed of all that was taken in, without and with what is excluded."""


def _standing(at: datetime, which: Conditions) -> _Standing:
    today = last_day(at)
    ends, next_ends = end_of(today), end_of(today + timedelta(days=1))

    def many(condition: Any) -> Any:
        return func.sum(case((condition, 1), else_=0))

    opens = db.session.execute(
        select(
            row.state,
            row.opening,
            row.excluded,
            func.count(),
            many(row.due_at < at),
            many(row.due_at.between(at, ends)),
            many(and_(row.due_at > ends, row.due_at >= at, row.due_at <= next_ends)),
        )
        .where(row.is_open.is_(True), standing_at(at), *which)
        .group_by(row.state, row.opening, row.excluded)
    ).all()
    ended = db.session.execute(
        select(row.state, row.opening, row.excluded, func.count())
        .where(row.is_open.is_(False), standing_at(at), *which)
        .group_by(row.state, row.opening, row.excluded)
    ).all()
    matter = case((row.master_id.is_not(None), row.master_id), else_=row.appeal_id)
    matters = db.session.scalar(
        select(func.count(matter.distinct())).where(row.is_open.is_(True), standing_at(at), *which)
    )
    states: Counter[str] = Counter()
    for state, _, _, count, *_ in opens:
        states[state] += count
    taken = [one[:4] for one in opens] + [tuple(one) for one in ended if one.state not in GONE]
    every = [one[:4] for one in opens] + [tuple(one) for one in ended]
    own = [one for one in taken if not one[1]]
    counted = [one for one in own if not one[2]]
    numbers = {
        "stock": sum(states.values()),
        "matters": matters or 0,
        "overdue": sum(one[4] for one in opens),
        "due_today": sum(one[5] for one in opens),
        "due_tomorrow": sum(one[6] for one in opens),
        "held": states["held"],
        "total": _sum(taken),
        "closed_total": _sum(one for one in taken if one[0] == "closed"),
        "opening": _sum(one for one in taken if one[1]),
        "excluded": _sum(one for one in every if one[2]),
    }
    return _Standing(numbers, states, (_closed_of(counted), _closed_of(own)))


def _sum(found: Iterable[Any]) -> int:
    return sum(one[3] for one in found)


def _closed_of(found: list[Any]) -> Share:
    return Share(100 * _sum(one for one in found if one[0] == "closed"), _sum(found))


# -- of a period -------------------------------------------------------------------------------


class _Passing:
    """What happened from `since` to `at`."""

    def __init__(self, since: datetime, at: datetime, which: Conditions) -> None:
        self._since, self._at, self._which = since, at, which
        self._excluded = _excluded_at(at)
        self.counts: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.tallies: dict[tuple[int | None, bool], Counter[str]] = defaultdict(Counter)
        """By unit in charge, and whether excluded."""
        self.days = self.handled = 0
        for found in self._events():
            self._count(found)
        self._handle()
        self._hand_off()

    def _within(self) -> Conditions:
        return [row.from_at >= self._since, row.from_at < self._at, *self._which]

    def _events(self) -> Any:
        accepted = TABLE.alias("accepted")

        def in_time(name: str) -> Any:
            """A time that the office accepted afterwards counts."""
            stated = select(accepted.c.appeal_id).where(
                accepted.c.appeal_id == row.appeal_id,
                accepted.c.verb == "count_stated",
                accepted.c.round == row.round,
                accepted.c.from_at > row.from_at,
                accepted.c.from_at < self._at,
                accepted.c[name].is_(True),
            )
            return case(
                (row.verb != "review", None),
                (row[name].is_(True), 1),
                (and_(row[name].is_(False), stated.exists()), 1),
                (row[name].is_(False), 0),
            ).label(name)

        keys = (
            row.verb,
            row.came_from,
            row.state,
            row.opening,
            row.lead_unit_id,
            case((self._excluded, 1), else_=0).label("excluded"),
            row.contacted,
            row.solved,
            row.satisfaction,
            in_time("on_time"),
            in_time("on_time_original"),
        )
        told = select(*keys).where(*self._within()).subquery()
        return db.session.execute(select(*told.c, func.count().label("n")).group_by(*told.c))

    def _count(self, found: Any) -> None:
        n, verb, was, state = found.n, found.verb, found.came_from, found.state
        counts = self.counts
        if was == "":
            counts["brought" if found.opening else "new"] += n
        elif was != "closed" and state == "closed":
            counts["closed"] += n
        elif was in OPEN and state not in OPEN:
            counts["ended"] += n
        elif was not in OPEN and state in OPEN:
            counts["reopened"] += n
        rework = verb in ("call_back", "refuse_closing") and state in ("assigned", "accepted")
        counts["reworks"] += n * rework
        counts["upheld"] += n * (verb == "uphold")
        counts["returns"] += n * (verb == "ask_return")
        counts["exempt"] += n * (verb == "review" and state == "confirmed")
        if found.opening:
            return  # in no rate
        tally = self.tallies[found.lead_unit_id, bool(found.excluded)]
        tally["reworks"] += n * rework
        tally["returns"] += n * (verb == "ask_return")
        tally["attempts"] += n * (verb == "attempt")
        tally["reviews"] += n * (verb == "review")
        if verb == "review" and found.on_time is not None:
            tally["judged"] += n
            tally["on_time"] += n * found.on_time
            tally["on_time_original"] += n * (found.on_time_original or 0)
        if verb == "call_back":
            tally["valid"] += n
            tally["contacted"] += n * bool(found.contacted)
            tally["solved"] += n * (found.solved == "solved")
            tally[found.satisfaction] += n
            self.called["valid"] += n
            self.called[found.satisfaction] += n

    def _handle(self) -> None:
        """Working days of the answers that were let pass: the pairs of days are few."""
        pairs = db.session.execute(
            select(row.handed_on, row.answered_on, func.count())
            .where(
                *self._within(),
                row.verb == "review",
                row.handed_on.is_not(None),
                row.answered_on.is_not(None),
                row.opening.is_(False),
                ~self._excluded,
            )
            .group_by(row.handed_on, row.answered_on)
        )
        calendar = load_calendar()
        for handed, answered, n in pairs:
            self.days += n * calendar.working_days_between(handed, answered)
            self.handled += n

    def _hand_off(self) -> None:
        """Assignments, whose moments never change."""
        signed = and_(Assignment.signed_at < self._at, Assignment.deemed.is_(False))
        which = self._which
        found = db.session.execute(
            select(
                case((self._excluded, 1), else_=0).label("excluded"),
                func.count(),
                func.sum(case((signed, 1), else_=0)),
            )
            .select_from(Assignment)
            .join(TABLE, and_(row.appeal_id == Assignment.appeal_id, standing_at(self._at)))
            .where(
                Assignment.assigned_at >= self._since,
                Assignment.assigned_at < self._at,
                row.opening.is_(False),
                *which,
            )
            .group_by("excluded")
        )
        for excluded, n, by_hand in found:
            self.counts["handed"] += n
            tally = self.tallies[None, bool(excluded)]
            tally["handed"] += n
            tally["signed"] += by_hand


def _excluded_at(at: datetime) -> ColumnElement[bool]:
    """Of an appeal that is excluded as of the moment, whenever it happened."""
    then = TABLE.alias("then")
    some = select(then.c.appeal_id).where(
        then.c.excluded.is_(True), then.c.from_at < at, then.c.to_at >= at
    )
    if db.session.scalar(some.limit(1)) is None:
        return false()
    return row.appeal_id.in_(some)


# -- shares ------------------------------------------------------------------------------------


def _rates(passing: _Passing, now: _Standing, basically: int) -> dict[str, Rate]:
    units = {unit for unit, _ in passing.tallies if unit is not None}
    of_unit = {unit: _shares(passing.tallies[unit, False], basically) for unit in units}
    pooled = _shares(_pooled(passing, excluded=False), basically)
    whole = _shares(_pooled(passing, excluded=True), basically)
    found = {
        name: Rate(
            pooled[name],
            whole[name],
            mean_percent([one[name] for one in of_unit.values()]) if name in BY_UNITS else "",
        )
        for name in pooled
    }
    return {"closing_rate": Rate(*now.without_opening), **found}


def _pooled(passing: _Passing, *, excluded: bool) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, is_excluded), tally in passing.tallies.items():
        if excluded or not is_excluded:
            found.update(tally)
    return found


def _shares(tally: Counter[str], basically: int) -> dict[str, Share]:
    valid = tally["valid"]
    satisfied = 100 * tally["satisfied"] + basically * tally["basically"]
    return {
        "on_time": Share(100 * tally["on_time"], tally["judged"]),
        "on_time_original": Share(100 * tally["on_time_original"], tally["judged"]),
        "response": Share(100 * tally["contacted"], valid),
        "resolution": Share(100 * tally["solved"], valid),
        "satisfaction": Share(satisfied, valid),
        "sign_rate": Share(100 * tally["signed"], tally["handed"]),
        "return_rate": Share(100 * tally["returns"], tally["handed"]),
        "rework_rate": Share(100 * tally["reworks"], tally["reviews"]),
        "attempt_rate": Share(100 * tally["attempts"], tally["attempts"] + valid),
    }
