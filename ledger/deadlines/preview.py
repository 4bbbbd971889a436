"""试算: what a table of limits comes to from one moment, before and after a change. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .calendar import Calendar
from .clocks import Due, due
from .limits import EVENTS, STAGES, Rule


@dataclass(frozen=True)
class Stage:
    """One stage of a line."""

    word: str
    before: Due | None
    after: Due | None

    @property
    def differs(self) -> bool:
        """In the due time, or only in how sure it is."""
        return self.before != self.after


@dataclass(frozen=True)
class Line:
    """One line of the table, by its name."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def differing(self) -> int:
        return sum(stage.differs for stage in self.stages)


def compare(
    start: datetime,
    before: tuple[Sequence[Rule], Calendar],
    after: tuple[Sequence[Rule], Calendar],
) -> list[Line]:
    """Every line of both tables, every stage as if what it counts from happened at `start`."""
    old, new = ({rule.name: rule for rule in rules} for rules, _ in (before, after))
    return [
        Line(
            name,
            tuple(
                Stage(
                    word,
                    _reckon(old.get(name), stage, start, before[1]),
                    _reckon(new.get(name), stage, start, after[1]),
                )
                for stage, word in STAGES.items()
            ),
        )
        for name in dict.fromkeys([*new, *old])
    ]


def _reckon(rule: Rule | None, stage: str, start: datetime, calendar: Calendar) -> Due | None:
    if rule is None:
        return None
    return due(start, rule.spec(stage), calendar, EVENTS.get(stage, "交办"))
