"""A cell's value as text, and text as an instant.

Every format is brought to the same text, so that one logical file gives the same rows
whether it came as a workbook or as csv.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

EMPTY = frozenset({"无", "-", "--", "—", "——", "－", "–", "/", "／", "\\", "N/A", "n/a"})
"""What people write where there is nothing; only as the whole cell."""

MOST_EXACT = 10**15
"""A spreadsheet number keeps 15 digits; an order number or USCC beyond that is lost."""

EARLIEST, LATEST = 1949, 2100


class BadCell(ValueError):
    """A cell that is not what its column says. The message is Chinese."""


_CARRIAGE = re.compile(r"_x000[dD]_\n?")
_GONE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_LINE = re.compile("\r\n?|[\u2028\u2029]")
_TRAILING = re.compile(r"[ \u3000\xa0]+\n")
_PLAIN = re.compile(r"[^\x00-\x20_\x7f-\xa0\u2000-\u206f\u3000\ufeff]*")
_ORDINARY = re.compile(
    r"[^\x00-\x20\x7f-\xa0\u2000-\u206f\u3000\ufeff='TFNn无/／\\—–－-]"
    r"[^\x00-\x20_\x7f-\xa0\u2000-\u206f\u3000\ufeff]*"
).fullmatch
_WHOLE_FLOAT = re.compile(r"-?\d+\.0")
_FORMULA = re.compile(r'="([^"]*)"')
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[eE]\+(\d+)")


def clean(text: str) -> str:
    """Text without the marks that spreadsheets and web exports leave in it.

    Line breaks inside a cell stay, as plain newlines; tabs become blanks.
    """
    if not _PLAIN.fullmatch(text):
        text = _CARRIAGE.sub("\n", text)
        text = _LINE.sub("\n", text)
        text = _GONE.sub("", text.replace("\t", " ").replace("\xa0", " "))
        text = _TRAILING.sub("\n", text).strip()
    if text in EMPTY:
        return ""
    first = text[:1]
    if first == "=" and (inner := _FORMULA.fullmatch(text)):
        return inner[1].strip()
    if first == "'" and text[1:2].isalnum():
        return text[1:]
    if text[-2:] == ".0" and _WHOLE_FLOAT.fullmatch(text):
        return text[:-2]
    if text in ("TRUE", "True"):
        return "是"
    if text in ("FALSE", "False"):
        return "否"
    return text


def as_text(value: object) -> str:
    """One value as a workbook reader gives it.

    Raises BadCell for a number that has lost its last digits, and for anything unknown.
    """
    if isinstance(value, str):
        # Nearly every cell of a large file leaves here.
        if not value or (_ORDINARY(value) and value[-2:-1] != "." and value[-3:-2] != "+"):
            return value
        text = clean(value)
        # A column is only destroyed if Excel wrote it so; an amount never has twelve digits.
        if text[-3:-2] == "+" and (power := _SCIENTIFIC.fullmatch(text)) and int(power[1]) >= 11:
            raise BadCell(_ruined(text))
        return text
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        if not math.isfinite(value):
            return ""
        if abs(value) >= MOST_EXACT:
            raise BadCell(_ruined(f"{value:.0f}"))
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, datetime):
        return f"{_to_second(value):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, time):
        return f"{value:%H:%M:%S}"
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
    if value is None:
        return ""
    raise BadCell("单元格的类型无法识别")


def _ruined(shown: str) -> str:
    return (
        f"“{shown}”是数值格式，Excel只保留前15位，后面的数字已经丢失；"
        "请把这一列设为文本格式，从原系统重新取数"
    )


def _to_second(value: datetime) -> datetime:
    """Serial numbers miss the second by a few microseconds."""
    return (value + timedelta(microseconds=500_000)).replace(microsecond=0)


_DAY = r"(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?"
_WEEKDAY = r"(?:\s*[(（]?(?:星期|周|礼拜)[一二三四五六日天][)）]?)?"
_HALF = r"(?:(?P<half>上午|下午|凌晨|早上|中午|晚上|AM|PM)\s*)?"
_CLOCK = (
    r"(?P<hour>\d{1,2})\s*(?:[:时点]\s*(?P<minute>\d{1,2})\s*分?)?"
    r"(?:(?<=\d):\s*(?P<second>\d{1,2})(?:\.\d+)?|(?<=分)\s*(?P<second2>\d{1,2})\s*秒)?"
    r"(?:(?<=\d)[时点]整?)?"
)
_ZONE = r"(?:\s*(?P<zone>Z|[+-]\d{2}:?\d{2}))?"
_AFTERWARDS = r"(?:\s*(?P<after>AM|PM))?"
_TEXT = re.compile(
    rf"{_DAY}{_WEEKDAY}(?:[\sT,]*{_HALF}{_CLOCK}{_AFTERWARDS}{_ZONE})?", re.IGNORECASE
)
_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\s*(\d{2}):?(\d{2})(?::?(\d{2}))?)?")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_NO_YEAR = re.compile(r"\d{1,2}\s*[-/.月]\s*\d{1,2}\s*[日号]?(\D.*)?")
_YEAR_LAST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(\D.*)?")
_HOW = "请写成“2019-04-25 09:32”的样子"


def moment(cell: str) -> datetime | None:
    """The instant a cell names, in Asia/Shanghai; None for an empty cell, midnight for a day.

    24:00 is the next day's 00:00. A bare number of five digits is a spreadsheet's serial day
    (1900 system). Raises BadCell where the year is missing or the order of day and month is
    anybody's guess.
    """
    text = unicodedata.normalize("NFKC", cell).strip()
    if not text:
        return None
    if found := _TEXT.fullmatch(text):
        return _moment_of(found, cell)
    if found := _DIGITS.fullmatch(text):
        year, month, of_month, hour, minute, second = (int(part or 0) for part in found.groups())
        return _build(cell, year, month, of_month, hour, minute, second)
    if _SERIAL.fullmatch(text):
        # Day 60 is a 29 February 1900 that never was; from 61 on the count starts a day earlier.
        whole = datetime(1899, 12, 30) + timedelta(days=float(text))  # noqa: DTZ001
        whole = _to_second(whole)
        if EARLIEST <= whole.year <= LATEST:
            return whole.replace(tzinfo=SHANGHAI)
    if _YEAR_LAST.fullmatch(text):
        raise BadCell(f"日期“{_short(cell)}”分不清年、月、日，{_HOW}")
    if _NO_YEAR.fullmatch(text):
        raise BadCell(f"日期“{_short(cell)}”没有年份，{_HOW}")
    raise BadCell(f"“{_short(cell)}”不是能识别的日期，{_HOW}")


def day(cell: str) -> date | None:
    """The day a cell names, as `moment`."""
    at = moment(cell)
    return None if at is None else at.date()


def _moment_of(found: re.Match[str], cell: str) -> datetime:
    hour = int(found["hour"] or 0)
    half = (found["half"] or found["after"] or "").upper()
    if half in ("下午", "晚上", "PM", "中午") and (1 if half == "中午" else 0) <= hour < 12:
        # 中午11点 is before noon; 中午1点 and 下午1点 are after it.
        if half != "中午" or hour < 10:
            hour += 12
    elif half in ("上午", "凌晨", "AM") and hour == 12:
        hour = 0
    at = _build(
        cell,
        int(found["year"]),
        int(found["month"]),
        int(found["day"]),
        hour,
        int(found["minute"] or 0),
        int(found["second"] or found["second2"] or 0),
    )
    zone = (found["zone"] or "").upper()
    if not zone:
        return at
    if zone == "Z":
        return at.replace(tzinfo=UTC).astimezone(SHANGHAI)
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    offset = sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return (at.replace(tzinfo=UTC) - offset).astimezone(SHANGHAI)


def _build(
    cell: str, year: int, month: int, of_month: int, hour: int, minute: int, second: int
) -> datetime:
    if not EARLIEST <= year <= LATEST:
        raise BadCell(f"日期“{_short(cell)}”的年份不对，{_HOW}")
    midnight = hour == 24 and minute == 0 and second == 0
    try:
        at = datetime(
            year, month, of_month, 0 if midnight else hour, minute, second, tzinfo=SHANGHAI
        )
    except ValueError:
        raise BadCell(f"没有“{_short(cell)}”这个日期或时间，{_HOW}") from None
    return at + timedelta(days=1) if midnight else at


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 30 else text[:30] + "…"
