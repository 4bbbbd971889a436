from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.config import SHANGHAI
from ledger.deadlines.calendar import Calendar, end_of, last_day, local_day
from ledger.deadlines.lay import arranged

HOLIDAYS = Path(__file__).parents[3] / "shared/data/holidays"


def _span(first: str, last: str, working: bool = False) -> dict[date, bool]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return {start + timedelta(i): working for i in range((end - start).days + 1)}


def _worked(*days: str) -> dict[date, bool]:
    return {date.fromisoformat(day): True for day in days}


# 国办 2021-10-25
YEAR_2022 = (
    _span("2022-01-01", "2022-01-03")
    | _span("2022-01-31", "2022-02-06")
    | _span("2022-04-03", "2022-04-05")
    | _span("2022-04-30", "2022-05-04")
    | _span("2022-06-03", "2022-06-05")
    | _span("2022-09-10", "2022-09-12")
    | _span("2022-10-01", "2022-10-07")
    | _worked("2022-01-29", "2022-01-30", "2022-04-02", "2022-04-24", "2022-05-07")
    | _worked("2022-10-08", "2022-10-09")
)

YEAR_2026 = (
    _span("2026-01-01", "2026-01-03")
    | _span("2026-02-15", "2026-02-23")
    | _span("2026-04-04", "2026-04-06")
    | _span("2026-05-01", "2026-05-05")
    | _span("2026-06-19", "2026-06-21")
    | _span("2026-09-25", "2026-09-27")
    | _span("2026-10-01", "2026-10-07")
    | _worked("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
)

CALENDAR = Calendar(YEAR_2022 | YEAR_2026, frozenset({2022, 2026}))


def at(text: str) -> datetime:
    """An instant from Shanghai wall clock; 24:00 is the next day's 00:00."""
    if text.endswith(" 24:00"):
        return at(f"{text[:-6]} 00:00") + timedelta(days=1)
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


days = st.dates(date(2021, 6, 1), date(2028, 6, 1))
moments = st.integers(0, 7 * 366 * 1440).map(
    lambda minutes: at("2021-06-01 00:00") + timedelta(minutes=minutes)
)
counts = st.integers(1, 60)
hours = st.integers(1, 6000).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        ("2022-04-29", 5, "2022-05-10"),
        ("2022-04-22", 2, "2022-04-25"),
        ("2022-09-30", 1, "2022-10-08"),
        ("2022-09-30", 5, "2022-10-12"),
        ("2022-01-28", 2, "2022-01-30"),
        ("2022-06-02", 1, "2022-06-06"),
        ("2022-04-01", 1, "2022-04-02"),
        ("2022-04-30", 2, "2022-05-06"),
        ("2022-10-08", 1, "2022-10-09"),
    ],
)
def test_working_days_count_from_the_next_day_with_make_up_days(
    start: str, n: int, end: str
) -> None:
    first, last = date.fromisoformat(start), date.fromisoformat(end)
    assert CALENDAR.add_working_days(first, n) == last
    assert CALENDAR.working_days_between(first, last) == n


def test_a_year_nobody_published_is_provisional_not_without_holidays() -> None:
    assert CALENDAR.is_provisional(date(2027, 1, 1))
    assert CALENDAR.is_working(date(2027, 1, 1))
    assert not CALENDAR.is_provisional(date(2026, 12, 31))
    assert CALENDAR.provisional_years(date(2026, 12, 30), date(2027, 1, 1)) == (2027,)
    assert CALENDAR.provisional_years(date(2026, 1, 1), date(2026, 12, 31)) == ()
    assert CALENDAR.provisional_years(date(2026, 12, 31), date(2029, 1, 1)) == (2027, 2028, 2029)


def test_a_day_named_in_an_unpublished_year_is_no_guess() -> None:
    calendar = Calendar({date(2027, 1, 1): False}, frozenset({2026}))
    assert not calendar.is_provisional(date(2027, 1, 1))
    assert calendar.provisional_years(date(2026, 12, 30), date(2027, 1, 1)) == ()
    assert calendar.provisional_years(date(2026, 12, 30), date(2027, 1, 2)) == (2027,)


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-11-20 09:00", 120, "2026-11-20 11:00"),
        ("2026-11-20 11:00", 120, "2026-11-20 15:30"),
        ("2026-11-20 10:00", 120, "2026-11-20 12:00"),
        ("2026-11-20 16:00", 120, "2026-11-20 18:00"),
        ("2026-11-20 17:30", 120, "2026-11-23 10:00"),
        ("2026-11-21 03:00", 60, "2026-11-23 09:30"),
        ("2026-09-30 17:00", 120, "2026-10-08 09:30"),
        ("2026-02-13 17:00", 120, "2026-02-14 09:30"),
    ],
)
def test_working_hours_skip_noon_night_and_holidays(start: str, minutes: int, end: str) -> None:
    amount = timedelta(minutes=minutes)
    assert CALENDAR.add_working_hours(at(start), amount) == at(end)
    assert CALENDAR.working_hours_between(at(start), at(end)) == amount


def test_no_working_hours_is_the_start_itself_and_nothing_lies_backwards() -> None:
    sunday = at("2026-11-22 10:00")
    assert CALENDAR.add_working_hours(sunday, timedelta()) == sunday
    assert CALENDAR.working_hours_between(sunday, at("2026-11-20 10:00")) == timedelta()
    assert CALENDAR.working_days_between(date(2026, 11, 20), date(2026, 11, 16)) == 0


def test_hours_are_data_and_may_run_to_midnight() -> None:
    night = Calendar({}, frozenset({2026}), ((time(20), time(0)),))
    start = at("2026-11-20 23:00")
    assert night.add_working_hours(start, timedelta(hours=1)) == at("2026-11-20 24:00")
    assert night.add_working_hours(start, timedelta(hours=2)) == at("2026-11-23 21:00")


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ((time(12), time(8)),),
        ((time(8), time(12)), (time(11), time(18))),
        ((time(14), time(18)), (time(8), time(12))),
    ],
)
def test_hours_that_make_no_sense_are_refused(wrong: tuple[tuple[time, time], ...]) -> None:
    with pytest.raises(ValueError, match="hours"):
        Calendar(hours=wrong)


def test_midnight_belongs_to_the_day_it_ends() -> None:
    assert end_of(date(2026, 11, 20)) == at("2026-11-21 00:00")
    assert last_day(end_of(date(2026, 11, 20))) == date(2026, 11, 20)
    assert local_day(end_of(date(2026, 11, 20))) == date(2026, 11, 21)
    with pytest.raises(ValueError, match="zone"):
        local_day(datetime(2026, 11, 20))  # noqa: DTZ001


@given(days, counts, counts)
def test_working_days_add_up(day: date, a: int, b: int) -> None:
    assert CALENDAR.add_working_days(
        CALENDAR.add_working_days(day, a), b
    ) == CALENDAR.add_working_days(day, a + b)


@given(days, days, counts)
def test_a_later_start_never_ends_earlier(a: date, b: date, n: int) -> None:
    first, second = sorted((a, b))
    assert CALENDAR.add_working_days(first, n) <= CALENDAR.add_working_days(second, n)


@given(days, counts)
def test_working_days_there_and_counted_agree(day: date, n: int) -> None:
    end = CALENDAR.add_working_days(day, n)
    assert CALENDAR.is_working(end)
    assert CALENDAR.working_days_between(day, end) == n
    assert CALENDAR.add_working_days(end, -1) < end


@given(moments, hours)
def test_working_hours_end_inside_hours(start: datetime, amount: timedelta) -> None:
    end = CALENDAR.add_working_hours(start, amount)
    assert any(opens < end <= closes for opens, closes in CALENDAR.working_hours(last_day(end)))
    assert CALENDAR.working_hours_between(start, end) == amount


@given(moments, moments, hours)
def test_working_hours_are_monotone(a: datetime, b: datetime, amount: timedelta) -> None:
    first, second = sorted((a, b))
    assert CALENDAR.add_working_hours(first, amount) <= CALENDAR.add_working_hours(second, amount)


@given(moments, hours, hours)
def test_working_hours_add_up(start: datetime, a: timedelta, b: timedelta) -> None:
    once = CALENDAR.add_working_hours(start, a + b)
    assert CALENDAR.add_working_hours(CALENDAR.add_working_hours(start, a), b) == once


def laid() -> Calendar:
    years = arranged()
    named = {day: worked for year in years.values() for day, (worked, _) in year.items()}
    return Calendar(named, frozenset(years))


def test_what_is_laid_agrees_with_the_notices() -> None:
    calendar = laid()
    for day, worked in CALENDAR.exceptions.items():
        assert calendar.is_working(day) is worked, day
    assert {2022, 2026} <= calendar.published
    assert 2027 not in calendar.published


@pytest.mark.realdata
@pytest.mark.skipif(not HOLIDAYS.is_dir(), reason="../shared/data/holidays is not here")
def test_what_is_laid_agrees_with_the_published_files() -> None:
    calendar = laid()
    for year in range(2021, 2026):
        found = json.loads((HOLIDAYS / f"holiday-cn_{year}.json").read_text("utf-8"))
        named = {date.fromisoformat(row["date"]): not row["isOffDay"] for row in found["days"]}
        theirs = Calendar(named, frozenset({year}))
        day = date(year, 1, 1)
        while day.year == year:
            if day not in named and day >= date(year, 12, 25):
                # The last days of a year may stand in the next year's file.
                day += timedelta(1)
                continue
            assert calendar.is_working(day) is theirs.is_working(day), day
            day += timedelta(1)


@pytest.mark.parametrize(("year", "days_worked"), [(2022, 249), (2025, 248)])
def test_a_year_has_its_working_days(year: int, days_worked: int) -> None:
    assert laid().working_days_between(date(year - 1, 12, 31), date(year, 12, 31)) == days_worked
