"""What a send-back and a hold do to a due time, reckoned by hand; and hours that change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.config import SHANGHAI
from ledger.deadlines.calendar import Calendar, end_of, last_day, local_day
from ledger.deadlines.clocks import Due, due, due_after_hold, due_after_send_back, left
from ledger.deadlines.lay import arranged

KNOWN = arranged()
SUMMER = ((time(8), time(12)), (time(15), time(18)))
CALENDAR = Calendar(
    {day: worked for year in (2026,) for day, (worked, _) in KNOWN[year].items()},
    frozenset({2026}),
    later=((date(2026, 6, 1), SUMMER), (date(2026, 12, 31), ((time(9), time(17)),))),
)
"""2027 is not published: the year's end is crossed by a guess."""

moments = st.integers(0, 400 * 1440).map(
    lambda minutes: (
        datetime(2026, 2, 1, tzinfo=SHANGHAI).astimezone(UTC) + timedelta(minutes=minutes)
    )
)
spans = st.integers(0, 40 * 1440).map(lambda minutes: timedelta(minutes=minutes))
DAYS, NATURAL, OFFICE = ["1wd", "7wd", "today", "today@16"], ["30m", "2h", "24h"], ["2wh", "20wh"]
limits = st.sampled_from(DAYS + NATURAL + OFFICE)


def must(found: Due | None) -> Due:
    assert found is not None
    return found


def worked(after: date, until: date) -> int:
    """Working days in (after, until], one by one."""
    days = (after + timedelta(days=n) for n in range(1, (until - after).days + 1))
    return sum(map(CALENDAR.is_working, days))


@given(moments, limits, spans, spans)
def test_a_hold_moves_days_by_its_working_days_and_gives_hours_what_was_left(
    start: datetime, spec: str, before: timedelta, lasting: timedelta
) -> None:
    was = must(due(start, spec, CALENDAR)).at
    held = start + before
    resumed = held + lasting
    found = due_after_hold(held, was, resumed, spec, CALENDAR)
    if spec in DAYS:
        days = worked(local_day(held), local_day(resumed))
        assert worked(last_day(was), last_day(found.at)) == days
        assert (found.at == was) == (days == 0)
        assert not days or CALENDAR.is_working(last_day(found.at))
    elif spec in NATURAL or was <= held:
        assert found.at - resumed == was - held
    else:
        rest = CALENDAR.working_hours_between(held, was)
        assert CALENDAR.working_hours_between(resumed, found.at) == rest


@given(moments, limits, spans, spans, spans)
def test_two_holds_in_a_row_are_one(
    start: datetime, spec: str, before: timedelta, a: timedelta, b: timedelta
) -> None:
    was = must(due(start, spec, CALENDAR)).at
    held = start + before
    once = due_after_hold(held, was, held + a + b, spec, CALENDAR).at
    first = due_after_hold(held, was, held + a, spec, CALENDAR).at
    assert due_after_hold(held + a, first, held + a + b, spec, CALENDAR).at == once


@given(moments, limits, spans, spans)
def test_a_send_back_gives_what_was_left_and_at_least_a_working_day_or_two_hours(
    start: datetime, spec: str, before: timedelta, lasting: timedelta
) -> None:
    was = must(due(start, spec, CALENDAR)).at
    answered = start + before
    back = answered + lasting
    found = due_after_send_back(answered, was, back, spec, CALENDAR).at
    if spec in NATURAL:
        assert found - back == max(timedelta(hours=2), was - answered)
        return
    least = end_of(CALENDAR.add_working_days(local_day(back), 1))
    if spec in DAYS:
        days = max(1, worked(local_day(answered), last_day(was)))
        assert found == end_of(CALENDAR.add_working_days(local_day(back), days)) >= least
        return
    rest = left(answered, was, spec, CALENDAR)
    assert isinstance(rest, timedelta)
    assert found == max(least, CALENDAR.add_working_hours(back, rest))


@given(moments, moments, limits, spans, spans)
def test_what_is_sent_back_or_resumed_later_is_never_due_earlier(
    a: datetime, b: datetime, spec: str, before: timedelta, lasting: timedelta
) -> None:
    was = must(due(min(a, b), spec, CALENDAR)).at
    stopped = min(a, b) + before
    sooner, later = stopped + lasting, stopped + lasting + (max(a, b) - min(a, b))
    for reckon in (due_after_send_back, due_after_hold):
        first = reckon(stopped, was, sooner, spec, CALENDAR).at
        assert first <= reckon(stopped, was, later, spec, CALENDAR).at


@given(moments, st.integers(1, 600), st.integers(1, 600))
def test_office_hours_add_up_and_end_inside_hours_also_over_a_change(
    start: datetime, a: int, b: int
) -> None:
    first = CALENDAR.add_working_hours(start, timedelta(minutes=a))
    both = CALENDAR.add_working_hours(start, timedelta(minutes=a + b))
    assert CALENDAR.add_working_hours(first, timedelta(minutes=b)) == both
    assert any(opens < both <= closes for opens, closes in CALENDAR.working_hours(last_day(both)))
