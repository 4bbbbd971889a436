"""Dates as people and programs write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.sheets import BadCell, day, moment
from ledger.sheets.cells import SHANGHAI, as_text, clean


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    "cell",
    [
        "2019/4/25 9:32:09",
        "2019-04-25 09:32:09",
        "2019-04-25T09:32:09",
        "2019-04-25T01:32:09Z",
        "2019-04-25T09:32:09.123+08:00",
        "2019年4月25日 9时32分09秒",
        "2019年04月25日9:32:09",
        "2019.4.25 9:32:09",
        "2019/4/25 上午9:32:09",
        "2019/4/25 9:32:09 AM",
        "2019年4月25日 星期四 9:32:09",
        "２０１９－０４－２５　０９：３２：０９",
        "20190425093209",
        "20190425 09:32:09",
        "43580.3973263889",
    ],
)
def test_an_instant_to_the_second(cell: str) -> None:
    assert moment(cell) == at(2019, 4, 25, 9, 32, 9)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2019年4月25日 9时32分", at(2019, 4, 25, 9, 32)),
        ("2019年4月25日9时", at(2019, 4, 25, 9)),
        ("2019-4-25 9点30", at(2019, 4, 25, 9, 30)),
        ("2019/4/25 下午3:05", at(2019, 4, 25, 15, 5)),
        ("2019/4/25 3:05 PM", at(2019, 4, 25, 15, 5)),
        ("2019/4/25 中午12:10", at(2019, 4, 25, 12, 10)),
        ("2019/4/25 12:10 AM", at(2019, 4, 25, 0, 10)),
        ("2019-04-25 24:00", at(2019, 4, 26)),
        ("20190425", at(2019, 4, 25)),
        ("2019.4.25", at(2019, 4, 25)),
        ("2019年4月25号", at(2019, 4, 25)),
        ("43580", at(2019, 4, 25)),
        ("", None),
    ],
)
def test_other_shapes(cell: str, expected: datetime | None) -> None:
    assert moment(cell) == expected


def test_a_day_alone() -> None:
    assert day("2019年4月25日") == date(2019, 4, 25)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("4月25日", "没有年份"),
        ("4-25 9:30", "没有年份"),
        ("4/25/2019", "分不清年、月、日"),
        ("19-4-25", "分不清年、月、日"),
        ("2019-13-01", "没有“2019-13-01”这个日期"),
        ("2019-02-29", "没有“2019-02-29”这个日期"),
        ("2019-04-25 25:00", "没有"),
        ("0019-04-25", "年份不对"),
        ("昨天", "不是能识别的日期"),
        ("2019年4月", "不是能识别的日期"),
        ("1556155929", "不是能识别的日期"),
        ("9" * 5000, "不是能识别的日期"),
    ],
)
def test_what_is_no_date_is_told(cell: str, says: str) -> None:
    with pytest.raises(BadCell, match=says):
        moment(cell)


@pytest.mark.parametrize("cell", ["无", "-", "—", "/", " － ", "　", "_x000D_", "\x00"])
def test_written_nothing_is_nothing(cell: str) -> None:
    assert as_text(cell) == ""


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("无锡", "无锡"),
        ("2549.0", "2549"),
        ("10.0.0.0", "10.0.0.0"),
        ('="0123"', "0123"),
        ("'913607345678901234", "913607345678901234"),
        ("\t913607345678901234", "913607345678901234"),
        ("a\u202eb", "ab"),
        ("甲_x000D_\n乙", "甲\n乙"),
        ("9.14E+5", "9.14E+5"),
    ],
)
def test_marks_that_programs_leave_are_cleaned(cell: str, text: str) -> None:
    assert as_text(cell) == text


@given(st.text())
def test_cleaning_twice_changes_nothing_more_and_any_text_is_taken(text: str) -> None:
    once = clean(text)
    assert "\x00" not in once
    assert once == once.strip()
    with suppress(BadCell):
        moment(text)
