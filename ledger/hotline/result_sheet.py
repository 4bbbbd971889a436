"""What became of each row, as a workbook: the file as it was, with 结果 and 原因 beside each row.

A row stands under the number it had in the file. Written row by row, so that a file of any size
takes little memory; text alone, so that nothing in it is a formula.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from ..appeals.models import Appeal
from ..appeals.queries import visible_to
from ..config import SHANGHAI
from ..db import db
from ..files.check import INCOMING, CheckedFile, keep
from ..people.actor import Actor
from ..sheets import Sheet
from ..sheets.cells import BadCell, as_text
from ..sheets.harmless import guarded
from . import drafts
from .intake import REJECTED
from .models import ImportLine
from .template import XLSX

RESULT, REASON = "导入结果", "说明"
WORDS = {"created": "已导入", "repeated": "已存在", "conflict": "内容不一致", "rejected": REJECTED}
ROWS_A_WORD = 10_000
"""Rows after which `tell` is called."""
_LONGEST_CELL = 32_767


def name_of(file_name: str) -> str:
    return f"{Path(file_name).stem[:100]}-导入结果.xlsx"


def make(
    run_id: int, sheet: Sheet, *, reader: Actor, at: datetime, tell: Callable[[], None]
) -> str:
    """Write it and keep it; gives its stored name. Numbers stand in it of what `reader` may see."""
    incoming = drafts.directory() / INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as made:
        path = Path(made.name)
    try:
        _write(path, incoming, sheet, _lines(run_id, reader, at), tell)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return keep(
            CheckedFile(path.name, XLSX, path.stat().st_size, digest, path), drafts.directory()
        )
    finally:
        path.unlink(missing_ok=True)  # there only where it could not be kept


def _lines(run_id: int, reader: Actor, at: datetime) -> Iterator[tuple[int, str, str]]:
    """Row number, what became of it and why, in the order of the file."""
    day = at.astimezone(SHANGHAI).date()
    last = -1
    while True:
        found = db.session.execute(
            select(ImportLine.row_number, ImportLine.outcome, ImportLine.reason, Appeal.label)
            .outerjoin(Appeal, (Appeal.id == ImportLine.appeal_id) & visible_to(reader, day))
            .where(ImportLine.run_id == run_id, ImportLine.row_number > last)
            .order_by(ImportLine.row_number)
            .limit(ROWS_A_WORD)
        ).all()
        db.session.rollback()  # no read transaction stays open while the sheet is written
        if not found:
            return
        for number, outcome, reason, label in found:
            words = WORDS.get(outcome, outcome)
            why = reason.partition("：")[2] if reason.startswith(f"{words}：") else reason
            yield number, f"{words} {label}" if label else words, "" if why == words else why
        last = found[-1].row_number


def _write(
    path: Path,
    scratch: Path,
    sheet: Sheet,
    lines: Iterator[tuple[int, str, str]],
    tell: Callable[[], None],
) -> None:
    import xlsxwriter

    place = _width(sheet)
    options = {"constant_memory": True, "tmpdir": str(scratch)}
    with xlsxwriter.Workbook(str(path), options) as book:
        told = book.add_worksheet("导入结果")
        head = book.add_format({"bold": True, "bg_color": "#DCE6F1"})
        told.set_column(place, place, 26, None)
        told.set_column(place + 1, place + 1, 60, None)
        told.freeze_panes(sheet.header_row, 0)
        told.autofilter(sheet.header_row - 1, 0, sheet.header_row + sheet.below - 1, place + 1)
        line = next(lines, None)
        for number, cells in enumerate(sheet.table.raw(), 1):
            row = number - 1
            shape = head if number == sheet.header_row else None
            for column, value in enumerate(cells[:place]):
                if text := _text(value):
                    told.write_string(row, column, text, shape)
            if number == sheet.header_row:
                told.write_string(row, place, RESULT, head)
                told.write_string(row, place + 1, REASON, head)
            if line is not None and line[0] == number:
                told.write_string(row, place, line[1])
                told.write_string(row, place + 1, guarded(line[2]))
                line = next(lines, None)
            if number % ROWS_A_WORD == 0:
                tell()


def _width(sheet: Sheet) -> int:
    """Columns of the file; a worksheet's rows are all as long, those of csv need not be."""
    rows: Iterator[Sequence[object]] = iter(sheet.table.raw())
    if sheet.table.even:
        return max((len(cells) for cells in rows), default=0)
    return len(next(rows, ()))


def _text(value: object) -> str:
    """As the ledger read it; what it could not trust as it stood."""
    if value is None or value == "":
        return ""
    try:
        text = as_text(value)
    except BadCell:
        text = str(value)
    return guarded(text)[:_LONGEST_CELL]
