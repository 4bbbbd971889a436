"""Reading a file into rows of text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from . import guard
from .cells import BadCell, as_text
from .encodings import BROKEN, REPLACED, decode, is_garbled
from .errors import SheetError
from .headers import Column, Columns, Header, Merged, Vocabulary, find

if TYPE_CHECKING:
    import python_calamine as calamine

HEADER_WITHIN = 20
MOST_ROWS = 200_000
MOST_BYTES = 256 * 1024 * 1024
MOST_COLUMNS = 500

Raw = Iterable[Sequence[object]]


@dataclass(frozen=True)
class Row:
    """One row that has anything in it."""

    number: int
    """As Excel shows it: the file's first row is 1."""
    cells: dict[str, str]
    """By field, or by the column's own title; every column of the header is here."""
    problems: tuple[str, ...] = ()
    """Why this row cannot be trusted, in Chinese; such a row is not to be imported."""
    as_was: dict[str, str] | None = None
    """The cells before words in them were replaced by ours; None where none was."""


@dataclass(frozen=True)
class _Table:
    """One worksheet before its header is known. `raw()` starts again at row 1 each time."""

    name: str
    raw: Callable[[], Raw]
    merged: Merged = ()
    height: int = 0
    hidden: bool = False
    even: bool = False
    """Whether every row must have as many fields as the header (csv)."""


@dataclass(frozen=True)
class Sheet:
    """A table with its header understood. Iterating yields its rows; it may be done again."""

    kind: str
    encoding: str
    """Empty for a workbook."""
    name: str
    """The worksheet's; empty for csv."""
    header: Header
    problems: tuple[str, ...]
    """About the columns, in Chinese; they stop nothing."""
    table: _Table
    most_rows: int

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.header.columns

    @property
    def header_row(self) -> int:
        """The last row of the header, as Excel shows it."""
        return self.header.rows[-1] + 1

    @property
    def below(self) -> int:
        """How many rows lie below the header, blank ones included."""
        return max(self.table.height - self.header_row, 0)

    @property
    def fields(self) -> frozenset[str]:
        return self.header.fields

    def __iter__(self) -> Iterator[Row]:
        """Rows below the header, without blank ones and without the header's own repetitions."""
        columns = self.columns
        width = max(column.index for column in columns) + 1
        places = [(column.index, column.name, column.title) for column in columns]
        body = islice(enumerate(self.table.raw(), 1), self.header_row, None)
        seen = 0
        for number, values in body:
            if not any(values):
                continue
            row = _row(number, values, places, width, self.table.even)
            if row is None:
                continue
            seen += 1
            if seen > self.most_rows:
                raise SheetError(f"文件超过{self.most_rows}行，请分成几个文件导入")
            yield row

    def first(self, count: int) -> list[Row]:
        return list(islice(self, count))


def read(
    source: bytes | str | PathLike[str],
    filename: str,
    columns: Columns,
    *,
    required: Iterable[str] = (),
    mapping: Mapping[str, str] | None = None,
    most_rows: int = MOST_ROWS,
) -> Sheet:
    """Open a table, choose its worksheet and find its header.

    `source` is the content or a path; the kind is told by the content, never by `filename`.
    `columns` are the synonyms; `mapping` (a column's key → field, '' for none) overrules them;
    a header without the `required` fields is none. Raises SheetError in Chinese, also when
    there are more than `most_rows` rows, before any row is yielded.
    """
    data = source if isinstance(source, bytes) else _load(Path(source), filename)
    if len(data) > MOST_BYTES:
        raise SheetError(f"文件超过{MOST_BYTES // 1024 // 1024}MB，请分成几个文件导入")
    kind = guard.kind_of(data, filename)
    encoding = ""
    if kind == guard.CSV:
        text, encoding = decode(data)
        tables = [_csv_table(text)]
    else:
        tables = _workbook_tables(data)
    vocabulary = Vocabulary(columns, mapping)
    table, header, starts = _choose(tables, vocabulary, tuple(required))
    _require(header, starts, vocabulary, tuple(required), columns)
    assert header is not None  # _require has raised
    problems = list(header.problems)
    if table.hidden:
        problems.append(f"数据取自隐藏的工作表“{table.name}”，请核对")
    sheet = Sheet(kind, encoding, table.name, header, tuple(problems), table, most_rows)
    if table.height > most_rows:
        filled = sum(any(map(_is_filled, values)) for values in table.raw())
        if filled - header.rows[-1] - 1 > most_rows:
            raise SheetError(f"文件有{filled}行，超过一次{most_rows}行的上限，请分成几个文件导入")
    return sheet


def _load(path: Path, filename: str) -> bytes:
    guard_name = filename or path.name
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SheetError(f"文件超过{MOST_BYTES // 1024 // 1024}MB，请分成几个文件导入")
        return path.read_bytes()
    except OSError as error:
        raise SheetError(f"无法打开文件“{guard_name}”：{error.strerror}") from None


def _is_filled(value: object) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _row(
    number: int,
    values: Sequence[object],
    places: list[tuple[int, str, str]],
    width: int,
    even: bool,
) -> Row | None:
    cells: dict[str, str] = {}
    problems: list[str] = []
    filled = repeats = 0
    have = len(values)
    for index, name, title in places:
        text = ""
        if index < have:
            try:
                text = as_text(values[index])
            except BadCell as error:
                problems.append(f"“{title}”：{error}")
                filled += 1
        if text:
            filled += 1
            if text == title:
                repeats += 1
            if REPLACED in text:
                problems.append(f"“{title}”里有乱码，请对照原文件改正")
        cells[name] = text
    beyond = have > width and any(map(_is_filled, values[width:]))
    if not filled and not beyond:
        return None
    if filled and repeats == filled and filled > 1:
        return None
    if even and (have < width or beyond):
        problems.insert(0, f"这一行有{have}栏，表头有{width}栏，请检查分隔符和引号")
    elif beyond:
        problems.insert(0, "表头以外的列里还有内容，请检查是否错位")
    return Row(number, cells, tuple(problems))


def _choose(
    tables: list[_Table], vocabulary: Vocabulary, required: tuple[str, ...]
) -> tuple[_Table, Header | None, list[list[str]]]:
    """The worksheet whose header explains most; a hidden one only where no other fits."""
    best: tuple[tuple[bool, bool, int], _Table, Header | None, list[list[str]]] | None = None
    for table in tables:
        top = list(_top(table))
        header = find(top, table.merged, vocabulary, HEADER_WITHIN)
        fields = header.fields if header else frozenset()
        rank = (fields.issuperset(required) and bool(fields), not table.hidden, len(fields))
        if best is None or rank > best[0]:
            best = (rank, table, header, [cells for _, cells in top])
    if best is None:
        raise SheetError("工作簿里没有工作表；请检查是否选错了文件")
    return best[1:]


def _top(table: _Table) -> Iterator[tuple[int, list[str]]]:
    """The first rows that are not blank, as text, numbered from 0."""
    given = 0
    for number, values in enumerate(table.raw()):
        cells = []
        for value in values[:MOST_COLUMNS]:
            try:
                cells.append(as_text(value).replace("\n", ""))
            except BadCell:
                cells.append("")
        if any(cells):
            yield number, cells
            given += 1
            # One more than may be the header's first: the second row of a header in two.
            if given > HEADER_WITHIN:
                return


def _require(
    header: Header | None,
    starts: list[list[str]],
    vocabulary: Vocabulary,
    required: tuple[str, ...],
    columns: Columns,
) -> None:
    if is_garbled("\n".join(" ".join(cells) for cells in starts)):
        raise SheetError(BROKEN)
    if not starts:
        raise SheetError("文件里没有数据；请检查是否选错了文件")
    enough = min(2, len(columns))
    mapped = any(vocabulary.mapping.values())
    if header is None or (len(header.fields) < enough and not mapped):
        looked = "、".join(words[0] for words in columns.values() if words)
        raise SheetError(f"前{HEADER_WITHIN}行里没有找到表头；表头应有这些列（顺序不限）：{looked}")
    missing = [name for name in required if name not in header.fields]
    if missing:
        words = "；".join(_also(columns[name]) for name in missing)
        raise SheetError(f"表头在第{header.rows[-1] + 1}行，但缺少：{words}")


def _also(words: tuple[str, ...]) -> str:
    others = "、".join(words[1:5])
    return f"“{words[0]}”" + (f"（也可写作{others}）" if others else "")


def _csv_table(text: str) -> _Table:
    delimiter = _delimiter(text)
    height = _check_fields(text, delimiter)

    def raw() -> Iterator[list[object]]:
        for fields in csv.reader(StringIO(text, newline=""), delimiter=delimiter):
            yield list(fields)

    return _Table("", raw, height=height, even=True)


def _check_fields(text: str, delimiter: str) -> int:
    """How many rows there are.

    A quotation mark without its pair swallows all rows that follow it, and a field may be longer
    than the reader takes: told before any row is given, as rows that were given are written.
    """
    last_start = line = rows = 0
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        for _ in reader:
            last_start, line = line, reader.line_num
            rows += 1
    except csv.Error:
        if '"' in text:
            raise SheetError(_unpaired(reader.line_num)) from None
        raise SheetError(
            f"第{reader.line_num}行的内容过长，无法分栏；请检查是否选错了文件，或另存为xlsx"
        ) from None
    if text.count('"') % 2 and (line - last_start > 1 or text.rstrip().endswith('"')):
        raise SheetError(_unpaired(last_start + 1))
    return rows


def _unpaired(line: int) -> str:
    return f"第{line}行附近的引号不成对，后面的内容无法分栏；请改正后再上传，或另存为xlsx"


def _delimiter(text: str) -> str:
    """What parts the fields: that of comma, tab, semicolon and bar which the top has most of."""
    top = "\n".join(text.split("\n", HEADER_WITHIN)[:HEADER_WITHIN])
    return max(",\t;|", key=top.count)


def _workbook_tables(data: bytes) -> list[_Table]:
    # Loaded where used: most requests never open a workbook.
    import python_calamine as calamine

    try:
        workbook = calamine.CalamineWorkbook.from_filelike(BytesIO(data))
        tables = []
        for position, about in enumerate(workbook.sheets_metadata):
            if about.typ != calamine.SheetTypeEnum.WorkSheet:
                continue
            sheet = workbook.get_sheet_by_index(position)
            if sheet.start is None:
                continue
            hidden = about.visible != calamine.SheetVisibleEnum.Visible
            tables.append(_worksheet(about.name, sheet, hidden))
        return tables
    except calamine.PasswordError:
        raise SheetError(guard.LOCKED) from None
    except (calamine.CalamineError, ValueError, OSError):
        raise SheetError(guard.DAMAGED) from None
    except BaseException as error:
        # A panic inside the reader is no Exception, and must not end the worker.
        if type(error).__name__ == "PanicException":
            raise SheetError(guard.DAMAGED) from None
        raise


def _worksheet(name: str, sheet: calamine.CalamineSheet, hidden: bool) -> _Table:
    left = sheet.start[1] if sheet.start else 0
    merged = [
        ((top, max(first - left, 0)), (bottom, last - left))
        for (top, first), (bottom, last) in sheet.merged_cell_ranges or ()
    ]
    # Its total height is the place of the last row, counted from 0.
    return _Table(name, sheet.iter_rows, merged, sheet.total_height + 1, hidden)
