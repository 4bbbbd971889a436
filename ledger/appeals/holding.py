"""Who holds an appeal, and for how many days each unit has held it. Pure.

A unit holds what was handed to it until its answer is in, or it is let off; what is sent back it
holds anew. A hold of the appeal counts for no unit. The office holds whatever no lead holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ..deadlines.calendar import local_day
from .lifecycle import OPEN_ASSIGNMENT


class Stretch(NamedTuple):
    """From when to when; `until` is None while it lasts."""

    since: datetime
    until: datetime | None

    def days(self, at: datetime) -> int:
        """Calendar days in Shanghai: of stretches that follow each other they add up."""
        return (local_day(self.until or at) - local_day(self.since)).days


def stretches(given: Any, clocks: Iterable[Any]) -> list[Stretch]:
    """When a unit held this assignment: while the clocks of its answer ran, from the hand-off on.

    `clocks` are those of its own answer. What never had one was held until it ended.
    """
    found = [Stretch(c.started_at, c.ended_at) for c in sorted(clocks, key=_by_start)]
    if found:
        return [Stretch(given.assigned_at, found[0].until), *found[1:]]
    if given.state in OPEN_ASSIGNMENT:
        return [Stretch(given.assigned_at, None)]
    ended = given.released_at or given.answered_at or given.assigned_at
    return [Stretch(given.assigned_at, ended)]


def _by_start(clock: Any) -> tuple[datetime, int]:
    return clock.started_at, clock.id


@dataclass(frozen=True)
class Holding:
    """How long a unit held an appeal, as its lead or as an assist."""

    unit_id: int
    part: str
    """'' for the office."""
    days: int
    now: bool

    @property
    def words(self) -> str:
        return f"{self.days}天" if self.days else "不足1天"


def holdings(appeal: Any, stages: Sequence[str], at: datetime) -> list[Holding]:
    """The office first, then the units in the order in which they got it."""
    clocks: dict[int, list[Any]] = {}
    for clock in appeal.deadlines:
        if clock.assignment_id is not None and clock.stage in stages:
            clocks.setdefault(clock.assignment_id, []).append(clock)
    units: dict[tuple[int, str], Holding] = {}
    led, leads_now = 0, False
    for given in appeal.assignments:
        held = stretches(given, clocks.get(given.id, ()))
        days = sum(one.days(at) for one in held)
        now = appeal.is_open and held[-1].until is None
        if given.part == "lead":
            led += days
            leads_now = leads_now or now
        key = (given.unit_id, given.part)
        was = units.get(key, Holding(*key, 0, False))
        units[key] = Holding(*key, was.days + days, was.now or now)
    whole = Stretch(appeal.registered_at, appeal.ended_at or appeal.closed_at).days(at)
    office = Holding(appeal.office_id, "", max(whole - led, 0), appeal.is_open and not leads_now)
    return [office, *units.values()]
