"""Which days and hours an office works: pure arithmetic over a calendar that is data.

Days are dates of Asia/Shanghai; instants are aware datetimes, answered in UTC. Holidays and
make-up workdays (调休) are exceptions to Monday–Friday, by year of the State Council's notice
(国务院办公厅关于部分节假日安排的通知).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from ledger.config import SHANGHAI

Hours = tuple[tuple[time, time], ...]

DEFAULT_HOURS: Hours = ((time(8, 30), time(12, 0)), (time(14, 30), time(18, 0)))

DAY = timedelta(days=1)


def check_hours(hours: Hours) -> None:
    """Raises ValueError for hours that nobody can work."""
    previous = -1
    for opens, closes in hours:
        start, end = _minute(opens), _minute(closes) or 24 * 60
        if not previous < start < end:
            raise ValueError("office hours must follow one another")
        previous = end
    if not hours:
        raise ValueError("an office needs hours")


def local_day(at: datetime) -> date:
    """The Shanghai date of an instant. Refuses a datetime without its zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return at.astimezone(SHANGHAI).date()


def last_day(end: datetime) -> date:
    """The day an end belongs to: 00:00 is the 24:00 of the day before."""
    return local_day(end - timedelta(microseconds=1))


def at_clock(day: date, clock: time) -> datetime:
    """An instant in UTC from a Shanghai day and wall clock."""
    return datetime.combine(day, clock, SHANGHAI).astimezone(UTC)


def start_of(day: date) -> datetime:
    """00:00 of a Shanghai day, in UTC."""
    return at_clock(day, time())


def end_of(day: date) -> datetime:
    """24:00 of a Shanghai day, which is the next day's 00:00, in UTC."""
    return start_of(day + DAY)


@dataclass(frozen=True, eq=False)
class Calendar:
    """The working days and hours of one region. Each is only equal to itself."""

    exceptions: Mapping[date, bool] = field(default_factory=dict)
    """Day → whether it is worked; whatever is not named follows Monday–Friday."""
    published: frozenset[int] = frozenset()
    """The years whose arrangement is known. Days of other years are a guess."""
    hours: Hours = DEFAULT_HOURS
    """Opening and closing, Shanghai wall clock, in order; closing at 00:00 means 24:00."""
    later: tuple[tuple[date, Hours], ...] = ()
    """Hours that take the place of the former from a day on, in the order of their days."""

    def __post_init__(self) -> None:
        check_hours(self.hours)
        for _, hours in self.later:
            check_hours(hours)

    def hours_on(self, day: date) -> Hours:
        """The hours in force on a day, should it be worked."""
        found = self.hours
        for since, hours in self.later:
            if since <= day:
                found = hours
        return found

    def is_working(self, day: date) -> bool:
        named = self.exceptions.get(day)
        return day.weekday() < 5 if named is None else named

    def is_provisional(self, day: date) -> bool:
        """Nobody has said yet whether this day is worked: Monday–Friday is only assumed.

        The last days of a published year may still be moved by the next year's notice (the
        holiday of 元旦 2023 began on 2022-12-31); that is not foreseen here.
        """
        return day.year not in self.published and day not in self.exceptions

    def provisional_years(self, first: date, last: date) -> tuple[int, ...]:
        """The years of which a guessed day lies in [first, last]."""
        return tuple(
            year
            for year in range(first.year, last.year + 1)
            if year not in self.published
            and any(
                self.is_provisional(day)
                for day in _days(max(first, date(year, 1, 1)), min(last, date(year, 12, 31)))
            )
        )

    def add_working_days(self, day: date, n: int) -> date:
        """The n-th working day after `day`; before it when n is negative; `day` itself for 0."""
        step = DAY if n > 0 else -DAY
        for _ in range(abs(n)):
            day += step
            while not self.is_working(day):
                day += step
        return day

    def working_day_until(self, day: date) -> date:
        """`day` if it is worked, otherwise the last working day before it."""
        return day if self.is_working(day) else self.add_working_days(day, -1)

    def working_days_between(self, a: date, b: date) -> int:
        """How many working days lie in (a, b]; 0 when b is not after a."""
        return _between(self, a, b)

    def working_hours(self, day: date) -> list[tuple[datetime, datetime]]:
        """The intervals worked on a Shanghai day, in UTC."""
        if not self.is_working(day):
            return []
        return [
            (at_clock(day, opens), at_clock(day, closes) if closes != time() else end_of(day))
            for opens, closes in self.hours_on(day)
        ]

    def add_working_hours(self, start: datetime, amount: timedelta) -> datetime:
        """The instant, in UTC, at which `amount` of office hours from `start` is used up.

        Ends inside office hours, their last instant included; never earlier than `start`.
        """
        if amount <= timedelta():
            return start.astimezone(UTC)
        for opens, closes in self._intervals(local_day(start)):
            begin = max(opens, start)
            if begin >= closes:
                continue
            if closes - begin >= amount:
                return (begin + amount).astimezone(UTC)
            amount -= closes - begin
        raise AssertionError("unreachable: the intervals do not end")

    def working_hours_between(self, a: datetime, b: datetime) -> timedelta:
        """Office hours in [a, b]; nothing when b is not after a."""
        total = timedelta()
        if b <= a:
            return total
        for opens, closes in self._intervals(local_day(a)):
            if opens >= b:
                break
            total += max(timedelta(), min(closes, b) - max(opens, a))
        return total

    def _intervals(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        while True:
            yield from self.working_hours(day)
            day += DAY


@lru_cache(maxsize=4096)
def _between(calendar: Calendar, a: date, b: date) -> int:
    # A list asks it of every line, and mostly of the same few days.
    return sum(calendar.is_working(day) for day in _days(a + DAY, b))


def _days(first: date, last: date) -> Iterator[date]:
    return (first + DAY * i for i in range((last - first).days + 1))


def _minute(clock: time) -> int:
    return clock.hour * 60 + clock.minute
