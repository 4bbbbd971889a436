"""The four clocks: from a limit to a due time, to what is left of it, to words. Pure.

A limit is written as a short text, kept in the tables of limits:

    15m     minutes, day and night          2h      hours, day and night
    2wh     hours of office time            7wd     working days
    today   the same day                    today@16  the same day, when it came by 16:00
    (empty) no limit

Working days count from the next day, last day included, and end at 24:00 of a working day.
`today` ends at 24:00; what comes on a day off, or after the hour named, has until 12:00 of the
next working day. Everything is reckoned in Asia/Shanghai and answered in UTC. Sentences show
minutes, and no rule turns on seconds: anybody can reckon again from what is shown.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal

from ledger.config import SHANGHAI

from .calendar import DAY, Calendar, Hours, at_clock, end_of, last_day, local_day, start_of

Unit = Literal["m", "h", "wh", "wd", "today"]
Light = Literal["normal", "yellow", "red"]

LIGHTS: Final[dict[Light, str]] = {
    "normal": "正常",
    "yellow": "黄牌（临期）",
    "red": "红牌（超期）",
}

NOON = time(12)
MINUTE = timedelta(minutes=1)

LEAST_HOURS = timedelta(hours=2)
"""What a send-back leaves at least on a clock that runs day and night."""
LEAST_DAYS = 1
"""What it leaves at least on a clock of the office, in working days."""

_COUNTED = re.compile(r"([1-9][0-9]{0,3})(m|h|wh|wd)", re.ASCII)
_TODAY = re.compile(r"today(?:@([0-9]|1[0-9]|2[0-3]))?", re.ASCII)
_MOST: Final[dict[str, int]] = {"m": 9999, "h": 9999, "wh": 999, "wd": 366}

_TYPED = re.compile(r"([1-9][0-9]{0,3})(分钟|小时|个?工作小时|个?工作日)")
_TYPED_TODAY = re.compile(r"当日(?:([0-9]{1,2})(?:点|时|:00)前?)?")
_NONE = frozenset({"", "无", "不设", "不设时限", "-", "—"})

_UNIT_WORDS: Final[dict[str, str]] = {
    "m": "分钟",
    "h": "小时",
    "wh": "个工作小时",
    "wd": "个工作日",
}


@dataclass(frozen=True)
class Limit:
    """A limit, taken apart."""

    unit: Unit
    amount: int = 0
    """Of the unit; 0 for today."""
    until: int | None = None
    """The Shanghai hour after which `today` is the next working day's noon."""

    def __str__(self) -> str:
        if self.unit != "today":
            return f"{self.amount}{self.unit}"
        return "today" if self.until is None else f"today@{self.until}"

    @property
    def natural(self) -> bool:
        """Runs day and night."""
        return self.unit in ("m", "h")

    @property
    def by_day(self) -> bool:
        """Ends with a day, not with an hour reckoned from the start."""
        return self.unit in ("wd", "today")

    @property
    def length(self) -> timedelta:
        """The hours counted by the clocks that count hours."""
        return timedelta(minutes=self.amount) * (1 if self.unit == "m" else 60)

    @property
    def words(self) -> str:
        if self.unit != "today":
            return f"{self.amount}{_UNIT_WORDS[self.unit]}"
        return "当日" if self.until is None else f"当日（{self.until}:00后为次一工作日12:00前）"


@dataclass(frozen=True)
class Due:
    """A due time that can explain itself."""

    at: datetime
    """UTC. On time is what happens not after it."""
    sentence: str
    provisional: bool
    """Counts days of a year whose holidays are not published yet."""


def parse(spec: str) -> Limit | None:
    """Take a limit's text apart; None where there is no limit. ValueError names what is wrong."""
    if spec == "":
        return None
    if found := _COUNTED.fullmatch(spec):
        amount, unit = int(found[1]), found[2]
        if amount > _MOST[unit]:
            raise ValueError(f"时限“{spec}”过长，最多{_MOST[unit]}{_UNIT_WORDS[unit]}")
        # The pattern admits no other unit.
        return Limit(unit, amount)  # type: ignore[arg-type]
    if found := _TODAY.fullmatch(spec):
        return Limit("today", until=None if found[1] is None else int(found[1]))
    raise ValueError(f"时限“{spec[:20]}”无法识别，应形如 15m、2h、2wh、7wd、today、today@16")


def read(typed: str) -> str:
    """A limit as an office types it (7个工作日, 当日16点前) or as it is kept (7wd), as it is kept.

    ValueError says what is wrong.
    """
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed)).lower()
    if text in _NONE:
        return ""
    if found := _TYPED.fullmatch(text):
        words = found[2].removeprefix("个")
        unit = next(unit for unit, said in _UNIT_WORDS.items() if said.removeprefix("个") == words)
        text = f"{found[1]}{unit}"
    elif found := _TYPED_TODAY.fullmatch(text):
        text = "today" if found[1] is None else f"today@{int(found[1])}"
    try:
        return str(parse(text) or "")
    except ValueError as error:
        if "过长" in str(error):
            raise
        raise ValueError(
            f"时限“{typed[:20]}”无法识别，应形如：15分钟、2小时、2个工作小时、7个工作日、当日、当日16点前"
        ) from error


def brief(spec: str) -> str:
    """A limit as an office types it; `read` reads it again. Empty where there is none."""
    limit = parse(spec)
    if limit is None:
        return ""
    return limit.words if limit.until is None else f"当日{limit.until}点前"


def counted_from(sentence: str, started: datetime) -> str | None:
    """The word for what a limit was counted from, by the sentence that `due` gave it.

    None where the due time came otherwise: 核定, 续用 after a send-back or hold, a hotline's.
    """
    since = f"自{shown(started)}"
    found = re.match(r"([^起，。]+)[起，]", sentence.removeprefix(since))
    return found[1] if found and sentence.startswith(since) else None


def in_words(spec: str) -> str:
    """A limit for the screen: 7个工作日, 2小时, 当日; 不设时限 where there is none."""
    limit = parse(spec)
    return "不设时限" if limit is None else limit.words


def shown(at: datetime) -> str:
    """A start, to the minute, Shanghai time: 2026-11-20 09:30."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def shown_end(at: datetime) -> str:
    """A due time, to the minute: midnight is the 24:00 of the day that ends."""
    local = at.astimezone(SHANGHAI)
    if (local.hour, local.minute) == (0, 0):
        return f"{local.date() - DAY:%Y-%m-%d} 24:00"
    return local.strftime("%Y-%m-%d %H:%M")


def due(start: datetime, spec: str, calendar: Calendar, event: str = "交办") -> Due | None:
    """When a limit that runs from `start` ends, and why; None where there is no limit.

    `event` is the word for what happened at `start`: 登记, 交办, 反馈, 审核…
    """
    return _due(start, spec, calendar, event)


# A file of a thousand rows starts a thousand clocks at one moment.
@lru_cache(maxsize=128)
def _due(start: datetime, spec: str, calendar: Calendar, event: str) -> Due | None:
    limit = parse(spec)
    if limit is None:
        return None
    day = local_day(start)
    since = f"自{shown(start)}{event}"
    if limit.natural:
        at = (start + limit.length).astimezone(UTC)
        return _explained(at, f"{since}起{limit.words}（昼夜连续计算）", calendar)
    if limit.unit == "wh":
        # At 16:00:59 two hours would just miss closing time, and the sentence could not say why.
        at = calendar.add_working_hours(_minute(start), limit.length)
        why = f"{since}起{limit.words}（工作时间{_hours_over(calendar, day, last_day(at))}）"
        return _explained(at, why, calendar, day)
    if limit.unit == "wd":
        at = end_of(calendar.add_working_days(day, limit.amount))
        why = f"{since}起{limit.words}（{event}次日起算，含末日）"
        return _explained(at, why, calendar, day + DAY)
    return _due_today(start, limit, calendar, since)


def _due_today(start: datetime, limit: Limit, calendar: Calendar, since: str) -> Due:
    day = local_day(start)
    if not calendar.is_working(day):
        why = f"{since}，当日为非工作日，顺延至下一工作日"
    elif limit.until is not None and start >= at_clock(day, time(limit.until)) + MINUTE:
        why = f"{since}，已过{limit.until}:00，顺延至下一工作日"
    else:
        return _explained(end_of(day), f"{since}，当日办理", calendar, day)
    at = at_clock(calendar.add_working_days(day, 1), NOON)
    return _explained(at, why, calendar, day)


def left(stopped: datetime, due_at: datetime, spec: str, calendar: Calendar) -> timedelta | int:
    """What a limit had left when it stopped: working days as a number, hours as a duration.

    Never less than nothing.
    """
    limit = parse(spec)
    if limit is None or limit.by_day:
        return calendar.working_days_between(local_day(stopped), last_day(due_at))
    if limit.natural:
        return max(timedelta(), due_at - stopped)
    return calendar.working_hours_between(stopped, due_at)


def due_after_send_back(
    answered: datetime, due_at: datetime, resumed: datetime, spec: str, calendar: Calendar
) -> Due:
    """The due time of an answer sent back (or resumed after a hold by review).

    Resumes with what was left when the answer came, at least one working day; two hours on a
    natural clock.
    """
    since = f"{shown(resumed)}退回重报，续用"
    limit = parse(spec)
    day = local_day(resumed)
    rest = left(answered, due_at, spec, calendar)
    if isinstance(rest, int):
        days = max(LEAST_DAYS, rest)
        why = f"{since}剩余{days}个工作日（退回次日起算，含末日）"
        if rest < LEAST_DAYS:
            why = f"{since}最短{days}个工作日（退回次日起算，含末日）"
        return _explained(end_of(calendar.add_working_days(day, days)), why, calendar, day + DAY)
    if limit is not None and limit.natural:
        span = max(LEAST_HOURS, rest)
        at = (resumed + span).astimezone(UTC)
        how = "剩余" if span == rest else "最短"
        why = f"{since}{how}{_hours(_apart(resumed, at))}（昼夜连续计算）"
        return _explained(at, why, calendar)
    at = calendar.add_working_hours(resumed, rest)
    least = end_of(calendar.add_working_days(day, LEAST_DAYS))
    if at < least:
        why = f"{since}最短{LEAST_DAYS}个工作日（退回次日起算，含末日）"
        return _explained(least, why, calendar, day + DAY)
    rest = calendar.working_hours_between(_minute(resumed), _minute(at))
    why = f"{since}剩余工作时间{_hours(rest)}"
    return _explained(at, why, calendar, day)


def due_after_hold(
    held: datetime, due_at: datetime, resumed: datetime, spec: str, calendar: Calendar
) -> Due:
    """The due time once a hold ends; what was overdue when held stays overdue by as much.

    Hours: from the resumption, what was left. Days: the due day moves on by the working days in
    (held, resumed].
    """
    limit = parse(spec)
    since = f"{shown(resumed)}恢复办理"
    day = local_day(resumed)
    if limit is None or limit.by_day:
        days = calendar.working_days_between(local_day(held), day)
        end = last_day(due_at)
        at = due_at.astimezone(UTC)
        if days:
            clock = due_at - start_of(end)
            at = start_of(calendar.add_working_days(end, days)) + clock
        why = f"{since}，原时限{shown_end(due_at)}按挂账期间{days}个工作日顺延"
        return _explained(at, why, calendar, local_day(held) + DAY)
    if limit.natural or due_at <= held:
        at = (resumed + (due_at - held)).astimezone(UTC)
        why = f"{since}，挂账前已超期{_hours(_apart(at, resumed))}，继续计算"
        if due_at > held:
            why = f"{since}，续用剩余{_hours(_apart(resumed, at))}（昼夜连续计算）"
        return _explained(at, why, calendar)
    at = calendar.add_working_hours(resumed, calendar.working_hours_between(held, due_at))
    rest = calendar.working_hours_between(_minute(resumed), _minute(at))
    return _explained(at, f"{since}，续用剩余工作时间{_hours(rest)}", calendar, day)


def against_theirs(
    ours: Due | None,
    theirs: datetime,
    received: datetime,
    calendar: Calendar,
    whose: str = "12345",
) -> Due:
    """Our due time beside the one a hotline stated: the earlier of ours and theirs less a day.

    The day kept back is a working day for our review. It is kept back only as far as two thirds
    of the time from receipt to theirs remain. Where theirs had passed on receipt, it stands.
    """
    asked = f"按{whose}要求{shown_end(theirs)}前办结"
    kept = working_days_before(theirs, 1, calendar)
    floor = _two_thirds(_minute(received), _minute(theirs))
    if theirs <= received:
        at, why = theirs, f"{asked}，收到时已过该时限"
    elif kept >= floor:
        at, why = kept, f"{asked}，预留1个工作日审核"
    else:
        at = floor
        since = f"自{shown(received)}收到起"
        why = f"{asked}，不足预留1个工作日审核，按{since}时间的三分之二"
    at = at.astimezone(UTC)
    if ours is not None and ours.at <= at:
        return ours
    return _explained(at, why, calendar, local_day(received))


def _two_thirds(start: datetime, end: datetime) -> datetime:
    """Of the time between two whole minutes; a minute begun counts whole."""
    return start - (start - end) * 2 // 3 // MINUTE * MINUTE


def working_days_before(end: datetime, days: int, calendar: Calendar) -> datetime:
    """Leaves so many whole working days before `end`; an end on a day off gives nothing to work
    in."""
    if not days:
        return end.astimezone(UTC)
    day = last_day(end)
    worked = calendar.working_day_until(day)
    before = calendar.add_working_days(worked, -days)
    return end_of(before) if worked != day else start_of(before) + (end - start_of(day))


def furthest(due_at: datetime, spec: str, calendar: Calendar) -> datetime | None:
    """As far as one extension by at most `spec` may move a due time; None where none may."""
    limit = parse(spec)
    if limit is None:
        return None
    if limit.natural:
        return (due_at + limit.length).astimezone(UTC)
    if limit.unit == "wh":
        return calendar.add_working_hours(due_at, limit.length)
    return end_of(calendar.add_working_days(last_day(due_at), limit.amount))


def ruling(asked: datetime, days: int, calendar: Calendar, event: str) -> tuple[str, Due]:
    """By when what was asked is to be ruled on: the limit and its end. 0 days: the same day."""
    spec = f"{days}wd" if days else "today"
    found = due(asked, spec, calendar, event)
    assert found is not None  # there is a limit
    return spec, found


def words(now: datetime, due_at: datetime, spec: str, calendar: Calendar) -> str:
    """Time left or overdue: 剩余1个工作日, 剩余3小时20分, 今日到期, 超期2天3小时.

    What is overdue counts day and night. What is left counts as the limit does; a due time
    without a limit of ours (`spec` empty) counts by working days.
    """
    if now > due_at:
        return f"超期{span_words(now - due_at)}"
    limit = parse(spec)
    if limit is not None and not limit.by_day:
        if limit.natural:
            return f"剩余{span_words(due_at - now)}"
        if (rest := calendar.working_hours_between(now, due_at)) >= MINUTE:
            return f"剩余工作时间{_hours(rest)}"
        return f"剩余{span_words(due_at - now)}"
    today, end = local_day(now), last_day(due_at)
    if today == end:
        local = due_at.astimezone(SHANGHAI)
        clock = "" if (local.hour, local.minute) == (0, 0) else f"{local:%H:%M}"
        return f"今日{clock}到期"
    days = calendar.working_days_between(today, end)
    return f"剩余{days}个工作日" if days else f"剩余{span_words(due_at - now)}"


def yellow_from(started: datetime, due_at: datetime, spec: str, calendar: Calendar) -> datetime:
    """When the yellow light comes on, in UTC; keep it beside the due time so that SQL can ask.

    The working day before the due day; of a short limit (hours, today, one working day) the
    last third.
    """
    return _yellow_from(started, due_at, spec, calendar)


@lru_cache(maxsize=128)
def _yellow_from(started: datetime, due_at: datetime, spec: str, calendar: Calendar) -> datetime:
    limit = parse(spec)
    if limit is not None and limit.unit == "wh":
        span = calendar.working_hours_between(started, due_at)
        return calendar.add_working_hours(started, span * 2 / 3)
    end = last_day(due_at)
    hours = limit is not None and limit.natural
    if hours or calendar.working_days_between(local_day(started), end) <= 1:
        return (started + max(timedelta(), due_at - started) * 2 / 3).astimezone(UTC)
    return start_of(calendar.add_working_days(calendar.working_day_until(end), -1))


def light(
    now: datetime, started: datetime, due_at: datetime, spec: str, calendar: Calendar
) -> Light:
    """normal, yellow (黄牌·临期) or red (红牌·超期); LIGHTS has the words."""
    return light_of(now, yellow_from(started, due_at, spec, calendar), due_at)


def light_of(now: datetime, warn_at: datetime, due_at: datetime) -> Light:
    """The same, where it is known when yellow comes on."""
    if now > due_at:
        return "red"
    return "yellow" if now >= warn_at else "normal"


def _explained(at: datetime, why: str, calendar: Calendar, first: date | None = None) -> Due:
    """`first`: the first day that was looked up in the calendar; None where none was."""
    years = () if first is None else calendar.provisional_years(first, last_day(at))
    sentence = f"{why}，应于{shown_end(at)}前完成"
    if years:
        named = "、".join(str(year) for year in years)
        sentence += f"；{named}年放假安排尚未公布，暂按周一至周五推算"
    return Due(at, f"{sentence}。", bool(years))


def _minute(at: datetime) -> datetime:
    """The minute that a sentence shows."""
    return at.replace(second=0, microsecond=0)


def _apart(start: datetime, end: datetime) -> timedelta:
    """By the minutes that a sentence shows: whoever adds them up comes to the end it shows."""
    return _minute(end) - _minute(start)


def span_words(span: timedelta) -> str:
    """By the calendar's day of 24 hours: 2天3小时, 3小时20分."""
    days, rest = divmod(span, DAY)
    if not days:
        return _hours(span)
    hours = rest // timedelta(hours=1)
    return f"{days}天" + (f"{hours}小时" if hours else "")


def _hours(span: timedelta) -> str:
    """To the minute: 27小时30分, 20分; what is under a minute says so."""
    hours, minutes = divmod(span // MINUTE, 60)
    if hours:
        return f"{hours}小时" + (f"{minutes}分" if minutes else "")
    return f"{minutes}分" if minutes else "不足1分钟"


def hours_in_words(hours: Hours) -> str:
    """08:30—12:00、14:30—18:00."""
    return "、".join(
        f"{opens:%H:%M}—{'24:00' if closes == time() else format(closes, '%H:%M')}"
        for opens, closes in hours
    )


def _hours_over(calendar: Calendar, first: date, last: date) -> str:
    """The hours that count from one day to another."""
    said = [hours_in_words(calendar.hours_on(first))]
    for since, hours in calendar.later:
        if first < since <= last:
            said.append(f"{since:%Y-%m-%d}起{hours_in_words(hours)}")
    return "，".join(said)
