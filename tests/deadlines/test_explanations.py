"""Every explanation reckons to its instant: a clerk with the sentence and the calendar alone.

And the turn of a year that is not published yet: what is certain stays, what is a guess says so.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.config import SHANGHAI
from ledger.deadlines.calendar import Calendar, at_clock, end_of, last_day, local_day, start_of
from ledger.deadlines.clocks import (
    Due,
    against_theirs,
    brief,
    counted_from,
    due,
    due_after_hold,
    due_after_send_back,
    parse,
    read,
    shown_end,
)
from ledger.deadlines.lay import arranged
from ledger.deadlines.limits import DEFAULTS, SPECS

PUBLISHED = arranged()
CALENDAR = Calendar(
    {day: worked for year in (2025, 2026) for day, (worked, _) in PUBLISHED[year].items()},
    frozenset({2025, 2026}),
)
NEXT = 2027

WHEN = r"(\d{4}-\d\d-\d\d \d\d:\d\d)"
SPAN = r"(?:(\d+)小时)?(?:(\d+)分)?(?:不足1分钟)?"

moments = st.integers(0, 3 * 366 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=SHANGHAI).astimezone(UTC)
    + timedelta(seconds=seconds)
)
"""To the second, over two published years and one that is not."""
around_new_year = st.integers(0, 40 * 86_400).map(
    lambda seconds: datetime(2026, 12, 5, tzinfo=SHANGHAI).astimezone(UTC)
    + timedelta(seconds=seconds)
)
spans = st.integers(0, 30 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
limits = st.sampled_from(
    [*sorted({rule.spec(stage) for rule in DEFAULTS for stage in SPECS} - {""}), "8wh", "today@9"]
)
events = st.sampled_from(["登记", "交办", "反馈", "审核", "回访", "重办", "撤销销号", "不予销号"])
days_off = st.sets(st.integers(1, 31), max_size=12).map(
    lambda days: {date(NEXT, 1, day): False for day in days}
)


def must(found: Due | None) -> Due:
    assert found is not None
    return found


def clock(text: str) -> datetime:
    """What a sentence shows, as an instant."""
    day, minute = text.split()
    if minute == "24:00":
        return end_of(date.fromisoformat(day))
    return at_clock(date.fromisoformat(day), time.fromisoformat(minute))


def length(hours: str | None, minutes: str | None) -> timedelta:
    return timedelta(hours=int(hours or 0), minutes=int(minutes or 0))


def noon_after(start: datetime, calendar: Calendar) -> datetime:
    return at_clock(calendar.add_working_days(local_day(start), 1), time(12))


def reckoned(sentence: str, calendar: Calendar) -> datetime:
    """The clerk: from the words before “应于” to the instant."""
    why = sentence.partition("，应于")[0]
    if found := re.fullmatch(rf"自{WHEN}\w+?起(\d+)(分钟|小时)（昼夜连续计算）", why):
        span = timedelta(minutes=int(found[2]) * (60 if found[3] == "小时" else 1))
        return clock(found[1]) + span
    if found := re.fullmatch(rf"自{WHEN}\w+?起(\d+)个工作小时（工作时间.*）", why):
        return calendar.add_working_hours(clock(found[1]), timedelta(hours=int(found[2])))
    if found := re.fullmatch(rf"自{WHEN}\w+?起(\d+)个工作日（\w+次日起算，含末日）", why):
        return end_of(calendar.add_working_days(local_day(clock(found[1])), int(found[2])))
    if found := re.fullmatch(rf"自{WHEN}\w+，当日办理", why):
        return end_of(local_day(clock(found[1])))
    if found := re.fullmatch(rf"自{WHEN}\w+，(当日为非工作日|已过\d+:00)，顺延至下一工作日", why):
        return noon_after(clock(found[1]), calendar)
    if found := re.fullmatch(
        rf"{WHEN}退回重报，续用(?:剩余|最短)(\d+)个工作日（退回次日起算，含末日）", why
    ):
        return end_of(calendar.add_working_days(local_day(clock(found[1])), int(found[2])))
    if found := re.fullmatch(
        rf"{WHEN}(?:退回重报|恢复办理)，续用(?:剩余|最短){SPAN}（昼夜连续计算）", why
    ):
        return clock(found[1]) + length(found[2], found[3])
    if found := re.fullmatch(rf"{WHEN}(?:退回重报|恢复办理)，续用剩余工作时间{SPAN}", why):
        return calendar.add_working_hours(clock(found[1]), length(found[2], found[3]))
    if found := re.fullmatch(rf"{WHEN}恢复办理，挂账前已超期{SPAN}，继续计算", why):
        return clock(found[1]) - length(found[2], found[3])
    if found := re.fullmatch(rf"{WHEN}恢复办理，原时限{WHEN}按挂账期间(\d+)个工作日顺延", why):
        end = clock(found[2])
        days = int(found[3])
        day = last_day(end)
        moved = calendar.add_working_days(day, days) if days else day
        return start_of(moved) + (end - start_of(day))
    if found := re.fullmatch(rf"按\w+要求{WHEN}前办结，收到时已过该时限", why):
        return clock(found[1])
    if found := re.fullmatch(rf"按\w+要求{WHEN}前办结，预留1个工作日审核", why):
        end = clock(found[1])
        day = last_day(end)
        before = calendar.add_working_days(calendar.working_day_until(day), -1)
        if calendar.is_working(day):
            return start_of(before) + (end - start_of(day))
        return end_of(before)
    found = re.fullmatch(
        rf"按\w+要求{WHEN}前办结，不足预留1个工作日审核，按自{WHEN}收到起时间的三分之二", why
    )
    assert found, sentence
    end, start = clock(found[1]), clock(found[2])
    minutes = (end - start) // timedelta(minutes=1)
    return start + timedelta(minutes=-(-2 * minutes // 3))


def holds(found: Due, calendar: Calendar = CALENDAR) -> None:
    """The clerk comes to what the sentence shows, and that is the instant, to the minute."""
    assert f"应于{shown_end(found.at)}前完成" in found.sentence
    clerk = reckoned(found.sentence, calendar)
    assert clerk == found.at.replace(second=0, microsecond=0), found.sentence


@given(moments, limits, events)
def test_a_limit(start: datetime, spec: str, event: str) -> None:
    found = must(due(start, spec, CALENDAR, event))
    holds(found)
    assert counted_from(found.sentence, start) == event


@given(moments, limits, spans, spans)
def test_a_send_back(start: datetime, spec: str, a: timedelta, b: timedelta) -> None:
    end = must(due(start, spec, CALENDAR)).at
    found = due_after_send_back(start + a, end, start + a + b, spec, CALENDAR)
    holds(found)
    assert counted_from(found.sentence, start + a + b) is None


@given(moments, limits, spans, spans)
def test_a_hold(start: datetime, spec: str, a: timedelta, b: timedelta) -> None:
    end = must(due(start, spec, CALENDAR)).at
    found = due_after_hold(start + a, end, start + a + b, spec, CALENDAR)
    holds(found)
    assert counted_from(found.sentence, start + a + b) is None


@given(moments, limits, spans)
def test_beside_a_hotline_s_own(received: datetime, spec: str, span: timedelta) -> None:
    theirs = (received + span - timedelta(days=2)).replace(second=0)
    ours = due(received, spec, CALENDAR, "登记")
    holds(against_theirs(ours, theirs, received, CALENDAR))
    holds(against_theirs(None, theirs, received, CALENDAR))


def test_what_a_person_fixed_counts_from_nothing() -> None:
    start = datetime(2026, 11, 20, 9, 30, tzinfo=SHANGHAI)
    for sentence in (
        "由交办人核定，应于2026-12-01 24:00前办结。",
        "挂账跟踪，应于2026-12-01 23:59前复核。",
        "自2026-11-20 09:31交办起7个工作日（交办次日起算，含末日），应于2026-12-01 24:00前完成。",
        "",
    ):
        assert counted_from(sentence, start) is None


@given(limits)
def test_what_is_typed_is_what_is_kept(spec: str) -> None:
    assert read(brief(spec)) == spec == read(spec)
    assert read("") == read(" 无 ") == ""
    assert brief("") == ""
    assert parse(read(brief(spec))) is not None


# -- the turn of a year -------------------------------------------------------------------------


@given(around_new_year, limits, days_off)
def test_across_a_year_end_that_is_not_published(
    start: datetime, spec: str, off: dict[date, bool]
) -> None:
    known = Calendar({**CALENDAR.exceptions, **off}, CALENDAR.published | {NEXT})
    guess, sure = must(due(start, spec, CALENDAR)), must(due(start, spec, known))
    assert guess.provisional == (f"{NEXT}年放假安排尚未公布" in guess.sentence)
    assert not sure.provisional
    assert "尚未公布" not in sure.sentence
    # A holiday never takes time away; what did not rest on the guess stands.
    assert sure.at >= guess.at
    if not guess.provisional:
        assert sure == guess
    limit = parse(spec)
    assert limit is not None
    if limit.unit == "wd":
        assert known.is_working(last_day(sure.at)) and sure.at == end_of(last_day(sure.at))
    if limit.unit == "wh":
        assert any(
            opens <= sure.at <= closes for opens, closes in known.working_hours(last_day(sure.at))
        )
    holds(guess)
    holds(sure, known)


@given(around_new_year, around_new_year, limits, days_off)
def test_a_later_start_is_never_due_earlier_whatever_the_year_brings(
    a: datetime, b: datetime, spec: str, off: dict[date, bool]
) -> None:
    known = Calendar({**CALENDAR.exceptions, **off}, CALENDAR.published | {NEXT})
    first, second = sorted((a, b))
    for calendar in (CALENDAR, known):
        assert must(due(first, spec, calendar)).at <= must(due(second, spec, calendar)).at


@given(around_new_year, st.integers(1, 20), st.integers(1, 20), days_off)
def test_whole_days_add_up_across_the_year_end(
    start: datetime, a: int, b: int, off: dict[date, bool]
) -> None:
    known = Calendar({**CALENDAR.exceptions, **off}, CALENDAR.published | {NEXT})
    for calendar in (CALENDAR, known):
        halfway = must(due(start, f"{a}wd", calendar)).at - timedelta(microseconds=1)
        once = must(due(start, f"{a + b}wd", calendar)).at
        assert must(due(halfway, f"{b}wd", calendar)).at == once
