from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.config import SHANGHAI
from ledger.deadlines.calendar import Calendar, end_of, last_day
from ledger.deadlines.clocks import (
    Due,
    against_theirs,
    due,
    due_after_hold,
    due_after_send_back,
    furthest,
    in_words,
    left,
    light,
    parse,
    ruling,
    shown_end,
    words,
    working_days_before,
    yellow_from,
)
from ledger.deadlines.lay import arranged

YEARS = arranged()
CALENDAR = Calendar(
    {day: worked for year in (2022, 2026) for day, (worked, _) in YEARS[year].items()},
    frozenset({2022, 2026}),
)


def at(text: str) -> datetime:
    """An instant from Shanghai wall clock; 24:00 is the next day's 00:00."""
    if text.endswith(" 24:00"):
        return at(f"{text[:-6]} 00:00") + timedelta(days=1)
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


moments = st.integers(0, 7 * 366 * 1440).map(
    lambda minutes: at("2021-06-01 00:00") + timedelta(minutes=minutes)
)
SPECS = ["15m", "30m", "2h", "24h", "2wh", "8wh", "1wd", "2wd", "7wd", "30wd", "today", "today@16"]
specs = st.sampled_from(SPECS)


def must(found: Due | None) -> Due:
    assert found is not None
    return found


# --- the text of a limit -----------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS)
def test_a_limit_reads_and_writes(spec: str) -> None:
    assert str(parse(spec)) == spec


def test_nothing_is_no_limit() -> None:
    assert parse("") is None
    assert due(at("2026-11-20 09:30"), "", CALENDAR) is None
    assert in_words("") == "不设时限"


@pytest.mark.parametrize(
    "wrong",
    ["0wd", "7", "wd", "07wd", "7 wd", "7wd ", "7WD", "７wd", "-1h", "1.5h", "99999h", "1000wd"],
)
def test_an_amount_that_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="时限"):
        parse(wrong)


@pytest.mark.parametrize("wrong", ["today@24", "today@", "today@016", "1wd\n", "\x00", "x" * 9000])
def test_a_limit_that_makes_no_sense_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="时限"):
        parse(wrong)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("15m", "15分钟"),
        ("2h", "2小时"),
        ("2wh", "2个工作小时"),
        ("7wd", "7个工作日"),
        ("today", "当日"),
        ("today@16", "当日（16:00后为次一工作日12:00前）"),
    ],
)
def test_a_limit_is_said(spec: str, said: str) -> None:
    assert in_words(spec) == said


# --- due ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "spec", "end"),
    [
        ("2022-04-29 10:00", "5wd", "2022-05-10 24:00"),
        ("2022-04-29 23:59", "5wd", "2022-05-10 24:00"),
        ("2022-04-22 00:00", "2wd", "2022-04-25 24:00"),
        ("2022-09-30 10:00", "1wd", "2022-10-08 24:00"),
        ("2022-01-28 10:00", "2wd", "2022-01-30 24:00"),
        ("2026-11-20 23:50", "15m", "2026-11-21 00:05"),
        ("2026-11-20 22:00", "2h", "2026-11-20 24:00"),
        ("2026-11-20 17:30", "2wh", "2026-11-23 10:00"),
        ("2026-11-20 16:00", "today@16", "2026-11-20 24:00"),
        ("2026-11-20 16:01", "today@16", "2026-11-23 12:00"),
        ("2026-11-20 23:00", "today", "2026-11-20 24:00"),
        ("2026-11-21 09:00", "today", "2026-11-23 12:00"),
        ("2026-11-21 09:00", "today@16", "2026-11-23 12:00"),
        ("2026-10-10 09:00", "today", "2026-10-10 24:00"),
        ("2026-10-09 17:00", "today@16", "2026-10-10 12:00"),
    ],
)
def test_due(start: str, spec: str, end: str) -> None:
    found = must(due(at(start), spec, CALENDAR))
    assert found.at == at(end)
    assert found.at.tzinfo is UTC
    assert f"应于{end}前完成" in found.sentence
    assert not found.provisional


@pytest.mark.parametrize(
    ("start", "spec", "event", "sentence"),
    [
        (
            "2026-11-20 09:30",
            "7wd",
            "交办",
            "自2026-11-20 09:30交办起7个工作日（交办次日起算，含末日），"
            "应于2026-12-01 24:00前完成。",
        ),
        (
            "2026-12-25 09:30",
            "7wd",
            "交办",
            "自2026-12-25 09:30交办起7个工作日（交办次日起算，含末日），"
            "应于2027-01-05 24:00前完成；"
            "2027年放假安排尚未公布，暂按周一至周五推算。",
        ),
        (
            "2026-11-20 09:30",
            "2h",
            "登记",
            "自2026-11-20 09:30登记起2小时（昼夜连续计算），应于2026-11-20 11:30前完成。",
        ),
        (
            "2026-11-20 17:30",
            "2wh",
            "交办",
            "自2026-11-20 17:30交办起2个工作小时（工作时间08:30—12:00、14:30—18:00），"
            "应于2026-11-23 10:00前完成。",
        ),
        (
            "2026-11-20 17:00",
            "today@16",
            "登记",
            "自2026-11-20 17:00登记，已过16:00，顺延至下一工作日，应于2026-11-23 12:00前完成。",
        ),
        (
            "2026-11-21 09:00",
            "today",
            "登记",
            "自2026-11-21 09:00登记，当日为非工作日，顺延至下一工作日，"
            "应于2026-11-23 12:00前完成。",
        ),
        (
            "2026-11-20 09:00",
            "today",
            "登记",
            "自2026-11-20 09:00登记，当日办理，应于2026-11-20 24:00前完成。",
        ),
    ],
)
def test_a_due_time_explains_itself(start: str, spec: str, event: str, sentence: str) -> None:
    found = must(due(at(start), spec, CALENDAR, event))
    assert found.sentence == sentence
    assert found.provisional is ("尚未公布" in sentence)


def test_the_night_clock_never_asks_the_calendar() -> None:
    assert not must(due(at("2027-05-01 00:00"), "24h", CALENDAR)).provisional
    assert must(due(at("2027-05-01 00:00"), "today", CALENDAR)).provisional
    assert must(due(at("2027-05-01 00:00"), "2wh", CALENDAR)).provisional


def test_the_last_evening_of_a_published_year_is_certain() -> None:
    found = must(due(at("2026-12-30 09:00"), "1wd", CALENDAR))
    assert found.at == at("2027-01-01 00:00")
    assert not found.provisional
    assert "2026-12-31 24:00" in found.sentence


@given(moments, moments, specs)
def test_a_later_start_is_never_due_earlier(a: datetime, b: datetime, spec: str) -> None:
    first, second = sorted((a, b))
    assert must(due(first, spec, CALENDAR)).at <= must(due(second, spec, CALENDAR)).at


@given(moments, st.integers(1, 40), st.integers(1, 40))
def test_whole_days_add_up(start: datetime, a: int, b: int) -> None:
    once = must(due(start, f"{a + b}wd", CALENDAR)).at
    halfway = must(due(start, f"{a}wd", CALENDAR)).at - timedelta(microseconds=1)
    assert must(due(halfway, f"{b}wd", CALENDAR)).at == once


@given(moments, st.integers(1, 60))
def test_working_days_end_at_the_end_of_a_working_day(start: datetime, n: int) -> None:
    found = must(due(start, f"{n}wd", CALENDAR)).at
    assert CALENDAR.is_working(last_day(found))
    assert found == end_of(last_day(found))


@given(moments, specs)
def test_due_comes_after_the_start(start: datetime, spec: str) -> None:
    assert must(due(start, spec, CALENDAR)).at > start


@given(moments, specs)
def test_due_is_provisional_just_where_a_guess_was_needed(start: datetime, spec: str) -> None:
    """Whatever the unpublished year will bring, a due time that is not provisional stands."""
    found = must(due(start, spec, CALENDAR))
    closed = {
        date(year, 1, 1) + timedelta(i): False
        for year in range(2021, 2030)
        if year not in CALENDAR.published
        for i in range(300)
    }
    otherwise = Calendar(closed | dict(CALENDAR.exceptions), CALENDAR.published)
    if not found.provisional:
        assert must(due(start, spec, otherwise)).at == found.at


@given(moments, specs, st.sampled_from(["登记", "交办", "反馈", "审核"]))
def test_anybody_can_reckon_again_from_the_sentence(start: datetime, spec: str, event: str) -> None:
    sentence = must(due(start, spec, CALENDAR, event)).sentence
    shown = re.match(r"自(\d{4}-\d\d-\d\d \d\d:\d\d)", sentence)
    assert shown
    assert must(due(at(shown[1]), spec, CALENDAR, event)).sentence == sentence


def test_seconds_turn_no_rule() -> None:
    for spec in SPECS:
        for clock in ("16:00", "11:59", "23:59", "00:00", "17:59"):
            start = at(f"2026-11-20 {clock}")
            late = must(due(start + timedelta(seconds=59), spec, CALENDAR))
            assert late.sentence == must(due(start, spec, CALENDAR)).sentence


def test_midnight_is_shown_as_the_end_of_a_day() -> None:
    assert shown_end(at("2026-11-20 24:00")) == "2026-11-20 24:00"
    assert shown_end(at("2027-01-01 00:00")) == "2026-12-31 24:00"
    assert shown_end(at("2026-11-20 12:00")) == "2026-11-20 12:00"


# --- stopping and going on ---------------------------------------------------------------------


def test_what_is_left() -> None:
    end = at("2026-12-01 24:00")
    assert left(at("2026-11-26 10:00"), end, "7wd", CALENDAR) == 3
    assert left(at("2026-12-03 10:00"), end, "7wd", CALENDAR) == 0
    start, stop = at("2026-11-20 09:00"), at("2026-11-20 11:00")
    assert left(start, stop, "24h", CALENDAR) == timedelta(hours=2)
    assert left(stop, start, "24h", CALENDAR) == timedelta()
    assert left(at("2026-11-20 17:30"), at("2026-11-23 10:00"), "2wh", CALENDAR) == timedelta(
        hours=2
    )


@pytest.mark.parametrize(
    ("spec", "answered", "due_at", "resumed", "end", "said"),
    [
        (
            "7wd",
            "2026-11-26 10:00",
            "2026-12-01 24:00",
            "2026-11-27 10:00",
            "2026-12-02 24:00",
            "剩余3个工作日",
        ),
        (
            "7wd",
            "2026-12-01 10:00",
            "2026-12-01 24:00",
            "2026-12-02 10:00",
            "2026-12-03 24:00",
            "最短1个工作日",
        ),
        (
            "7wd",
            "2026-12-03 10:00",
            "2026-12-01 24:00",
            "2026-12-04 10:00",
            "2026-12-07 24:00",
            "最短1个工作日",
        ),
        (
            "24h",
            "2026-11-20 10:00",
            "2026-11-20 20:00",
            "2026-11-20 12:00",
            "2026-11-20 22:00",
            "剩余10小时",
        ),
        (
            "24h",
            "2026-11-20 19:30",
            "2026-11-20 20:00",
            "2026-11-21 01:00",
            "2026-11-21 03:00",
            "最短2小时",
        ),
        (
            "2wh",
            "2026-11-20 09:00",
            "2026-11-20 10:00",
            "2026-11-20 15:00",
            "2026-11-23 24:00",
            "最短1个工作日",
        ),
        (
            "30wh",
            "2026-11-20 09:00",
            "2026-11-25 18:00",
            "2026-11-20 15:00",
            "2026-11-26 12:00",
            "剩余工作时间27小时30分",
        ),
        (
            "",
            "2026-11-26 10:00",
            "2026-12-01 24:00",
            "2026-11-27 10:00",
            "2026-12-02 24:00",
            "剩余3个工作日",
        ),
    ],
)
def test_a_send_back_resumes_with_what_was_left(
    spec: str, answered: str, due_at: str, resumed: str, end: str, said: str
) -> None:
    found = due_after_send_back(at(answered), at(due_at), at(resumed), spec, CALENDAR)
    assert found.at == at(end)
    assert said in found.sentence
    assert f"应于{end}前完成" in found.sentence


@pytest.mark.parametrize(
    ("spec", "held", "due_at", "resumed", "end"),
    [
        ("7wd", "2026-11-24 10:00", "2026-12-01 24:00", "2026-12-08 10:00", "2026-12-15 24:00"),
        ("7wd", "2026-11-24 10:00", "2026-12-01 24:00", "2026-11-24 16:00", "2026-12-01 24:00"),
        # Two working days late when held, two working days late when resumed.
        ("7wd", "2026-12-03 10:00", "2026-12-01 24:00", "2026-12-10 10:00", "2026-12-08 24:00"),
        ("today", "2026-11-23 09:00", "2026-11-23 12:00", "2026-11-24 09:00", "2026-11-24 12:00"),
        ("24h", "2026-11-24 10:00", "2026-11-24 20:00", "2026-11-26 09:00", "2026-11-26 19:00"),
        ("24h", "2026-11-24 21:00", "2026-11-24 20:00", "2026-11-26 09:00", "2026-11-26 08:00"),
        ("8wh", "2026-11-24 17:00", "2026-11-25 09:30", "2026-11-26 11:00", "2026-11-26 15:30"),
        ("8wh", "2026-11-24 10:30", "2026-11-24 09:30", "2026-11-26 11:00", "2026-11-26 10:00"),
    ],
)
def test_a_hold_moves_the_due_time_on(
    spec: str, held: str, due_at: str, resumed: str, end: str
) -> None:
    found = due_after_hold(at(held), at(due_at), at(resumed), spec, CALENDAR)
    assert found.at == at(end)
    assert f"应于{end}前完成" in found.sentence


def test_a_hold_across_an_unpublished_new_year_is_provisional() -> None:
    found = due_after_hold(
        at("2026-12-20 10:00"), at("2026-12-25 24:00"), at("2027-01-08 10:00"), "7wd", CALENDAR
    )
    assert found.provisional
    assert "2027年放假安排尚未公布" in found.sentence


@given(moments, st.integers(0, 20000), st.integers(0, 20000), specs)
def test_a_send_back_never_shortens(start: datetime, a: int, b: int, spec: str) -> None:
    end = must(due(start, spec, CALENDAR)).at
    answered = start + timedelta(minutes=a)
    resumed = answered + timedelta(minutes=b)
    found = due_after_send_back(answered, end, resumed, spec, CALENDAR).at
    assert found > resumed
    assert found >= end or answered > end


@given(moments, st.integers(0, 20000), st.integers(0, 20000), specs)
def test_a_hold_never_shortens(start: datetime, a: int, b: int, spec: str) -> None:
    end = must(due(start, spec, CALENDAR)).at
    held = start + timedelta(minutes=a)
    found = due_after_hold(held, end, held + timedelta(minutes=b), spec, CALENDAR).at
    assert found >= end


# --- beside the hotline's own due time ---------------------------------------------------------


def test_theirs_less_a_working_day_where_that_is_earlier() -> None:
    received = at("2026-11-16 09:00")
    ours = due(received, "7wd", CALENDAR)
    found = against_theirs(ours, at("2026-11-24 24:00"), received, CALENDAR)
    assert found.at == at("2026-11-23 24:00")
    assert found.sentence == (
        "按12345要求2026-11-24 24:00前办结，预留1个工作日审核，应于2026-11-23 24:00前完成。"
    )


def test_ours_where_it_is_earlier() -> None:
    received = at("2026-11-16 09:00")
    ours = due(received, "3wd", CALENDAR)
    assert against_theirs(ours, at("2026-11-24 24:00"), received, CALENDAR) == ours


def test_never_less_than_two_thirds_of_what_they_gave() -> None:
    received = at("2026-11-20 09:00")
    ours = due(received, "7wd", CALENDAR)
    found = against_theirs(ours, at("2026-11-20 18:00"), received, CALENDAR, "12328")
    assert found.at == at("2026-11-20 15:00")
    assert "按12328要求2026-11-20 18:00前办结" in found.sentence
    assert "三分之二" in found.sentence


def test_an_end_at_an_hour_keeps_the_hour_and_one_on_a_day_off_gives_none() -> None:
    received = at("2026-11-09 09:00")
    at_five = against_theirs(None, at("2026-11-20 17:00"), received, CALENDAR)
    assert at_five.at == at("2026-11-19 17:00")
    on_sunday = against_theirs(None, at("2026-11-22 24:00"), received, CALENDAR)
    assert on_sunday.at == at("2026-11-19 24:00")


def test_theirs_already_past_stands() -> None:
    received = at("2026-11-20 09:00")
    found = against_theirs(
        due(received, "7wd", CALENDAR), at("2026-11-18 24:00"), received, CALENDAR
    )
    assert found.at == at("2026-11-18 24:00")
    assert "收到时已过该时限" in found.sentence


@given(moments, st.integers(1, 60 * 24 * 60), specs)
def test_against_theirs_holds_its_bounds(received: datetime, minutes: int, spec: str) -> None:
    ours = must(due(received, spec, CALENDAR))
    theirs = received + timedelta(minutes=minutes)
    found = against_theirs(ours, theirs, received, CALENDAR).at
    assert found <= min(ours.at, theirs)
    assert found == ours.at or found >= received + (theirs - received) * 2 / 3


# --- words and light ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "due_at", "spec", "said"),
    [
        ("2026-11-20 09:00", "2026-11-23 24:00", "7wd", "剩余1个工作日"),
        ("2026-11-21 09:00", "2026-11-23 24:00", "7wd", "剩余1个工作日"),
        ("2026-11-16 09:00", "2026-11-23 24:00", "7wd", "剩余5个工作日"),
        ("2026-11-23 00:00", "2026-11-23 24:00", "7wd", "今日到期"),
        ("2026-11-23 24:00", "2026-11-23 24:00", "7wd", "剩余不足1分钟"),
        ("2026-11-20 09:00", "2026-11-20 12:20", "24h", "剩余3小时20分"),
        ("2026-11-20 09:00", "2026-11-20 12:00", "24h", "剩余3小时"),
        ("2026-11-20 09:00", "2026-11-20 09:20", "30m", "剩余20分"),
        ("2026-11-20 17:30", "2026-11-23 10:00", "2wh", "剩余工作时间2小时"),
        ("2026-11-20 20:00", "2026-11-20 24:00", "8wh", "剩余4小时"),
        ("2026-11-23 08:00", "2026-11-23 12:00", "today", "今日12:00到期"),
        ("2026-11-21 08:00", "2026-11-22 24:00", "", "剩余1天16小时"),
        ("2026-11-20 09:00", "2026-11-23 24:00", "", "剩余1个工作日"),
        ("2026-11-23 03:00", "2026-11-20 24:00", "7wd", "超期2天3小时"),
        ("2026-11-22 00:00", "2026-11-20 24:00", "7wd", "超期1天"),
        ("2026-11-21 03:20", "2026-11-20 24:00", "7wd", "超期3小时20分"),
        ("2026-11-20 09:20", "2026-11-20 09:00", "2h", "超期20分"),
    ],
)
def test_time_is_said(now: str, due_at: str, spec: str, said: str) -> None:
    if said == "剩余不足1分钟":
        # 24:00 is on time; the day it is has already changed.
        assert words(at(now), at(due_at), spec, CALENDAR) == said
        later = at(now) + timedelta(seconds=1)
        assert words(later, at(due_at), spec, CALENDAR) == "超期不足1分钟"
        return
    assert words(at(now), at(due_at), spec, CALENDAR) == said


@pytest.mark.parametrize(
    ("now", "started", "due_at", "spec", "shows"),
    [
        ("2026-11-27 23:59", "2026-11-20 09:00", "2026-12-01 24:00", "7wd", "normal"),
        ("2026-11-30 00:00", "2026-11-20 09:00", "2026-12-01 24:00", "7wd", "yellow"),
        ("2026-12-01 24:00", "2026-11-20 09:00", "2026-12-01 24:00", "7wd", "yellow"),
        ("2026-12-02 00:01", "2026-11-20 09:00", "2026-12-01 24:00", "7wd", "red"),
        # The working day before a Monday is the Friday.
        ("2026-11-20 08:00", "2026-11-16 09:00", "2026-11-23 24:00", "5wd", "yellow"),
        ("2026-11-19 23:00", "2026-11-16 09:00", "2026-11-23 24:00", "5wd", "normal"),
        ("2026-11-21 00:59", "2026-11-20 09:00", "2026-11-21 09:00", "24h", "normal"),
        ("2026-11-21 01:00", "2026-11-20 09:00", "2026-11-21 09:00", "24h", "yellow"),
        ("2026-11-23 08:49", "2026-11-20 17:00", "2026-11-23 09:30", "2wh", "normal"),
        ("2026-11-23 08:50", "2026-11-20 17:00", "2026-11-23 09:30", "2wh", "yellow"),
        ("2026-11-20 18:59", "2026-11-20 09:00", "2026-11-20 24:00", "today", "normal"),
        ("2026-11-20 19:00", "2026-11-20 09:00", "2026-11-20 24:00", "today", "yellow"),
        ("2026-11-19 13:00", "2026-11-19 12:00", "2026-11-20 24:00", "1wd", "normal"),
        ("2026-11-20 12:00", "2026-11-19 12:00", "2026-11-20 24:00", "1wd", "yellow"),
    ],
)
def test_light(now: str, started: str, due_at: str, spec: str, shows: str) -> None:
    assert light(at(now), at(started), at(due_at), spec, CALENDAR) == shows


@given(moments, specs)
def test_yellow_comes_before_red_and_not_before_the_start(start: datetime, spec: str) -> None:
    end = must(due(start, spec, CALENDAR)).at
    yellow = yellow_from(start, end, spec, CALENDAR)
    assert start <= yellow <= end
    assert light(yellow, start, end, spec, CALENDAR) == "yellow"


@given(moments, st.integers(0, 30000), specs)
def test_words_and_light_agree(start: datetime, minutes: int, spec: str) -> None:
    end = must(due(start, spec, CALENDAR)).at
    now = start + timedelta(minutes=minutes)
    said = words(now, end, spec, CALENDAR)
    assert said.startswith("超期") is (light(now, start, end, spec, CALENDAR) == "red")


def test_shown_in_shanghai_whatever_zone_came() -> None:
    start = datetime.combine(date(2026, 11, 20), time(9, 30), SHANGHAI)
    found = must(due(start, "7wd", CALENDAR))
    assert found == due(start.astimezone(UTC), "7wd", CALENDAR)


@pytest.mark.parametrize(
    ("end", "days", "last"),
    [
        ("2026-11-25 24:00", 1, "2026-11-24 24:00"),
        ("2026-11-23 24:00", 1, "2026-11-20 24:00"),
        ("2026-11-25 09:30", 1, "2026-11-24 09:30"),
        ("2026-11-25 24:00", 3, "2026-11-20 24:00"),
        # Due on a Sunday: the Friday is the last day that is worked, and is left.
        ("2026-11-22 18:00", 1, "2026-11-19 24:00"),
        ("2026-11-25 24:00", 0, "2026-11-25 24:00"),
    ],
)
def test_so_many_working_days_are_left_before_the_end(end: str, days: int, last: str) -> None:
    assert working_days_before(at(end), days, CALENDAR) == at(last)


@pytest.mark.parametrize(
    ("end", "spec", "most"),
    [
        ("2026-11-25 24:00", "10wd", "2026-12-09 24:00"),
        ("2026-09-29 24:00", "2wd", "2026-10-08 24:00"),
        ("2026-11-25 09:30", "1wd", "2026-11-26 24:00"),
        ("2026-11-25 09:30", "24h", "2026-11-26 09:30"),
        ("2026-11-25 17:00", "2wh", "2026-11-26 09:30"),
    ],
)
def test_an_extension_moves_a_due_time_so_far_at_most(end: str, spec: str, most: str) -> None:
    assert furthest(at(end), spec, CALENDAR) == at(most)


def test_where_there_is_no_limit_to_extend_by_none_may_be() -> None:
    assert furthest(at("2026-11-25 24:00"), "", CALENDAR) is None


@pytest.mark.parametrize(
    ("asked", "days", "end"),
    [
        ("2026-11-20 16:30", 0, "2026-11-20 24:00"),
        ("2026-11-21 10:00", 0, "2026-11-23 12:00"),
        ("2026-11-20 16:30", 1, "2026-11-23 24:00"),
    ],
)
def test_what_is_asked_is_ruled_on_by_its_own_limit(asked: str, days: int, end: str) -> None:
    _, found = ruling(at(asked), days, CALENDAR, "申请退单")
    assert found.at == at(end)
    assert f"自{asked}申请退单" in found.sentence
