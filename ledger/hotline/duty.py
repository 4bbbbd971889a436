"""值班表: stretches of time, who keeps them, and the hours that nobody keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from ..config import SHANGHAI

LONGEST = timedelta(days=7)
"""Of one shift: a week's stand-by; more is a slip of the pen."""

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Turn:
    """One shift as the roster shows it."""

    id: int
    person_id: int
    name: str
    starts_at: datetime
    ends_at: datetime
    line: str
    note: str

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at

    @property
    def words(self) -> str:
        """18:00–次日08:30, by Shanghai's clock."""
        return stretch_words((self.starts_at, self.ends_at))


@dataclass(frozen=True)
class Day:
    """One day of the roster. `gaps`: hours out of office that nobody keeps."""

    day: date
    is_today: bool
    turns: Sequence[Turn]
    gaps: Sequence[str]
    doubled: Sequence[str]

    @property
    def name(self) -> str:
        return f"{self.day.month}月{self.day.day}日 周{'一二三四五六日'[self.day.weekday()]}"


def problem(starts_at: datetime, ends_at: datetime) -> str:
    """Why this is no shift; '' where it is one."""
    if ends_at <= starts_at:
        return "结束时间必须晚于开始时间"
    if ends_at - starts_at > LONGEST:
        return f"一个班次最长{LONGEST.days}天，请分成几个班次"
    return ""


def clash(starts_at: datetime, ends_at: datetime, others: Iterable[Turn]) -> Turn | None:
    """One of the same person's shifts that lies across these hours."""
    return next((o for o in others if o.starts_at < ends_at and starts_at < o.ends_at), None)


def uncovered(wanted: Sequence[Stretch], kept: Iterable[Stretch]) -> list[Stretch]:
    """What of the wanted stretches nobody keeps."""
    left = list(wanted)
    for begins, ends in sorted(kept):
        rest = []
        for start, end in left:
            if ends <= start or end <= begins:
                rest.append((start, end))
                continue
            if start < begins:
                rest.append((start, begins))
            if ends < end:
                rest.append((ends, end))
        left = rest
    return left


def out_of_hours(day: date, working: Sequence[Stretch]) -> list[Stretch]:
    """The hours of that day in Shanghai in which the office is not at work."""
    start = datetime.combine(day, time(), SHANGHAI)
    return uncovered([(start, start + timedelta(days=1))], working)


def doubled(turns: Sequence[Turn]) -> list[str]:
    """Names of those who keep the same line at the same time."""
    found = []
    for place, one in enumerate(turns):
        for other in turns[place + 1 :]:
            if one.line == other.line and clash(one.starts_at, one.ends_at, [other]):
                found.append(f"{one.name}、{other.name}")
    return found


def days_of(
    first: date,
    count: int,
    turns: Sequence[Turn],
    working: Mapping[date, Sequence[Stretch]],
    today: date,
) -> list[Day]:
    """The roster day by day. A shift stands under the day on which it begins; gaps are told from
    today on, and only where a roster is kept at all."""
    found = []
    for day in (first + timedelta(days=n) for n in range(count)):
        own = [turn for turn in turns if turn.starts_at.astimezone(SHANGHAI).date() == day]
        gaps: list[Stretch] = []
        if turns and day >= today:
            kept = [(turn.starts_at, turn.ends_at) for turn in turns]
            gaps = uncovered(out_of_hours(day, working[day]), kept)
        words = [stretch_words(gap) for gap in gaps]
        found.append(Day(day, day == today, own, words, doubled(own)))
    return found


def stretch_words(stretch: Stretch) -> str:
    start, end = (moment.astimezone(SHANGHAI) for moment in stretch)
    apart = (end.date() - start.date()).days
    if apart == 1 and end.time() == time():
        return f"{start:%H:%M}–24:00"
    near = {0: "", 1: "次日"}.get(apart, f"{end.month}月{end.day}日")
    return f"{start:%H:%M}–{near}{end:%H:%M}"
