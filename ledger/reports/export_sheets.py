"""The file of an export, written row by row: a workbook to be printed, or csv.

In constant memory XlsxWriter keeps one row: whatever is written to a row above the last is lost
without a word. The vertical merge of the header therefore comes last in its row.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from ..config import SHANGHAI
from ..deadlines.clocks import shown
from ..sheets.harmless import guarded
from .export_columns import GROUPS, NUMBERED, Beside, Cell, Column, Telling, is_late

ROWS_A_SHEET: Final = 1_000_000
"""A worksheet has 1,048,576 rows."""
LONGEST: Final = 32_767
"""Characters of a cell."""

TITLE: Final = "企业诉求台账"
SUMMARY: Final = "汇总"
PAPER: Final[dict[str, int]] = {"a3": 8, "a4": 9}

Rows = Iterable[list[tuple[Any, Beside]]]


@dataclass(frozen=True)
class Head:
    """What stands about an export on the sheet itself."""

    unit: str
    at: datetime
    paper: str
    maker: str
    """Account and moment, as they stand in the footer and the properties."""


@dataclass
class Totals:
    """What the summary says, counted as the rows pass."""

    rows: int = 0
    states: Counter[str] = field(default_factory=Counter)
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    units: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, row: Any, told: Telling) -> None:
        self.rows += 1
        kind = "在办" if row.is_open else "已销号" if row.state == "closed" else "其他办结"
        category = told.names.category_name(row.category_id) if row.category_id else "未定"
        unit = told.units.get(row.lead_unit_id, "") if row.lead_unit_id else "未交办"
        kinds = (kind, "超期") if row.is_open and is_late(row, told.at) else (kind,)
        self.states.update(kinds)
        self.categories.setdefault(category, Counter()).update(kinds)
        self.units.setdefault(unit, Counter()).update(kinds)


_EPOCH = date(1899, 12, 30).toordinal()


def _serial(value: date) -> float:
    """A date as a worksheet counts it."""
    days = value.toordinal() - _EPOCH
    if isinstance(value, datetime):
        return days + (value.hour * 60 + value.minute) / 1440
    return days


class Book:
    """The workbook, sheet after sheet."""

    def __init__(self, path: Path, columns: Sequence[Column], head: Head, told: Telling) -> None:
        import xlsxwriter

        self.columns, self.head, self.told = columns, head, told
        self.totals = Totals()
        self.cells = [
            (place, None if column.code == NUMBERED else column.told)
            for place, column in enumerate(columns)
        ]
        self.book = xlsxwriter.Workbook(
            str(path), {"constant_memory": True, "tmpdir": str(path.parent)}
        )
        self.book.set_properties(
            {
                "title": TITLE,
                "author": head.maker,
                "comments": f"{head.maker}导出",
                "created": head.at.astimezone(SHANGHAI).replace(tzinfo=None),
            }
        )
        add = self.book.add_format
        plain = {"border": 1, "valign": "top", "text_wrap": True, "font_size": 9}
        number = {**plain, "align": "center", "text_wrap": False, "shrink": True}
        self.formats = {
            "title": add({"bold": True, "font_size": 18, "align": "center", "valign": "vcenter"}),
            "line": add({"font_size": 10}),
            "right": add({"font_size": 10, "align": "right"}),
            "head": add(
                {
                    **plain,
                    "bold": True,
                    "align": "center",
                    "valign": "vcenter",
                    "bg_color": "#DCE6F1",
                }
            ),
            "text": add({**plain, "num_format": "@"}),
            "number": add(number),
            # A number that does not fit would be shown as #####.
            "day": add({**number, "num_format": "yyyy-mm-dd"}),
            "moment": add({**number, "num_format": "yyyy-mm-dd hh:mm"}),
        }

    def part(self, title: str, rows: Rows, *, is_optional: bool) -> Iterator[int]:
        """A sheet with these rows, and another where it is full; tells after each batch how many
        rows stand in the book."""
        number = 0
        sheet = None if is_optional else self._begin(title)
        for batch in rows:
            for row, beside in batch:
                if sheet is None:
                    sheet = self._begin(title)
                elif number and number % ROWS_A_SHEET == 0:
                    self._end(sheet, ROWS_A_SHEET)
                    sheet = self._begin(f"{title}（{number // ROWS_A_SHEET + 1}）")
                place = number % ROWS_A_SHEET
                number += 1
                self._row(sheet, FIRST + place, number, row, beside)
                self.totals.add(row, self.told)
            yield self.totals.rows
        if sheet is not None:
            full = number and number % ROWS_A_SHEET == 0
            self._end(sheet, ROWS_A_SHEET if full else number % ROWS_A_SHEET)

    def _begin(self, title: str) -> Any:
        sheet, last = self.book.add_worksheet(title), len(self.columns) - 1
        for place, column in enumerate(self.columns):
            sheet.set_column(place, place, column.width)
        self._paper(sheet)
        sheet.repeat_rows(2, 3)
        sheet.freeze_panes(FIRST, 0)
        self._across(sheet, 0, 0, last, f"{TITLE}（{title}）", "title")
        half = max(last // 2, 0)
        until = f"截至：{shown(self.head.at)}"
        if last:
            self._across(sheet, 1, 0, half, f"填报单位：{self.head.unit}", "line")
            self._across(sheet, 1, half + 1, last, until, "right")
        else:
            self._across(sheet, 1, 0, 0, until, "line")
        shape, tall = self.formats["head"], []
        for group, some in groupby(enumerate(self.columns), lambda one: one[1].group):
            places = [place for place, _ in some]
            if group == "remarks":
                tall = places
                continue
            self._across(sheet, 2, places[0], places[-1], GROUPS[group], "head")
        for place in tall:  # last in its row
            sheet.merge_range(2, place, 3, place, self.columns[place].title, shape)
        for place, column in enumerate(self.columns):
            if place not in tall:
                sheet.write_string(3, place, column.title, shape)
        return sheet

    def _paper(self, sheet: Any) -> None:
        sheet.set_landscape()
        sheet.set_paper(PAPER[self.head.paper])
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        sheet.center_horizontally()
        mark = self.head.maker.replace("&", "&&")
        sheet.set_footer(f"&L&8{mark}&C第&P页 共&N页")

    def _across(self, sheet: Any, row: int, first: int, last: int, words: str, shape: str) -> None:
        if first == last:
            sheet.write_string(row, first, words, self.formats[shape])
        else:
            sheet.merge_range(row, first, row, last, words, self.formats[shape])

    def _row(self, sheet: Any, place: int, number: int, row: Any, beside: Beside) -> None:
        formats, told = self.formats, self.told
        text = formats["text"]
        for column, tell in self.cells:
            cell = number if tell is None else tell(row, beside, told)
            if cell is None or cell == "":
                sheet.write_blank(place, column, None, text)
            elif isinstance(cell, str):
                sheet.write_string(place, column, guarded(cell)[:LONGEST], text)
            elif isinstance(cell, int):
                sheet.write_number(place, column, cell, formats["number"])
            else:
                shape = "moment" if isinstance(cell, datetime) else "day"
                sheet.write_number(place, column, _serial(cell), formats[shape])

    def _end(self, sheet: Any, rows: int) -> None:
        last = len(self.columns) - 1
        if rows:
            sheet.autofilter(FIRST - 1, 0, FIRST + rows - 1, last)
        signed = "填表人：　　　　　　审核人：　　　　　　联系电话："
        self._across(sheet, FIRST + rows, 0, last, signed, "line")

    def finish(self) -> int:
        """The summary, and the file; gives how many rows it has."""
        sheet, formats = self.book.add_worksheet(SUMMARY), self.formats
        self._paper(sheet)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, len(COUNTED) + 1, 12)
        self._across(sheet, 0, 0, len(COUNTED) + 1, f"{TITLE}（{SUMMARY}）", "title")
        words = f"填报单位：{self.head.unit}　截至：{shown(self.head.at)}"
        self._across(sheet, 1, 0, len(COUNTED) + 1, words, "line")
        row = 2
        both: tuple[tuple[str, Mapping[str, Counter[str]]], ...] = (
            ("诉求类别", self.totals.categories),
            ("主办单位", self.totals.units),
        )
        for title, counts in both:
            for place, head in enumerate((title, *COUNTED.values(), "合计")):
                sheet.write_string(row, place, head, formats["head"])
            lines = sorted(counts.items(), key=lambda one: (-_all(one[1]), one[0]))
            for name, counted in [*lines, ("合计", self.totals.states)]:
                row += 1
                sheet.write_string(row, 0, guarded(name), formats["text"])
                for place, kind in enumerate(COUNTED, 1):
                    sheet.write_number(row, place, counted[kind], formats["number"])
                sheet.write_number(row, len(COUNTED) + 1, _all(counted), formats["number"])
            row += 2
        self.book.close()
        return self.totals.rows


FIRST: Final = 4
"""The first row below the header."""

COUNTED: Final[dict[str, str]] = {
    "在办": "在办",
    "超期": "其中超期",
    "已销号": "已销号",
    "其他办结": "其他办结",
}


def _all(counted: Counter[str]) -> int:
    return counted.total() - counted["超期"]


def as_csv(
    path: Path,
    columns: Sequence[Column],
    told: Telling,
    rows: Rows,
    tell: Callable[[int], None],
) -> int:
    """One table with its header in the first row, in UTF-8 with a mark of it; gives its rows."""
    number = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([column.title for column in columns])
        for batch in rows:
            for row, beside in batch:
                number += 1
                writer.writerow(
                    number if c.code == NUMBERED else _plain(c.told(row, beside, told))
                    for c in columns
                )
            tell(number)
    return number


def _plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M")
    return guarded(str(cell))
