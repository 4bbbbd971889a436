"""A roster from a file. Laying it twice changes nothing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from .. import sheets
from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import start_of
from ..people.models import DutyShift, Person
from . import duty, duty_queries

MOST_ROWS = 1000

COLUMNS: sheets.Columns = {
    "day": ("日期", "值班日期"),
    "name": ("值班人员", "姓名", "值班员", "值班人"),
    "starts": ("开始时间", "开始", "上班时间"),
    "ends": ("结束时间", "结束", "下班时间"),
    "line": ("值守线路", "线路"),
    "note": ("备注", "说明"),
}

CREATED, EXISTING, REJECTED = "新增", "已存在", "未导入"
RESULTS = (CREATED, EXISTING, REJECTED)

_CLOCK = re.compile(r"(次日|第二天)?\s*(\d{1,2})\s*[:时点]\s*(\d{1,2})?\s*(?:分|:\d{2})?")
_AND = re.compile(r"[、,，;；/\s]+")


@dataclass(frozen=True)
class Line:
    """What became of one person of one row."""

    row: int
    name: str
    hours: str
    result: str
    reason: str = ""


class _Rejected(ValueError):
    """Why a row is not taken over; the message is the reason."""


def read(data: bytes, filename: str) -> list[sheets.Row]:
    """Raises sheets.SheetError, in Chinese."""
    wanted = ("name", "starts", "ends")
    return list(sheets.read(data, filename, COLUMNS, required=wanted, most_rows=MOST_ROWS))


def totals(lines: Iterable[Line]) -> list[tuple[str, int]]:
    counted = Counter(line.result for line in lines)
    return [(word, counted[word]) for word in RESULTS]


def lay(
    rows: Sequence[sheets.Row],
    office_id: int,
    people: Sequence[Person],
    known_lines: Collection[str],
    *,
    at: datetime,
) -> list[Line]:
    """Put on the roster what the rows say. The caller commits, or rolls back a dry run."""
    found = []
    for row in rows:
        names = [name for name in _AND.split(row.cells.get("name", "")) if name] or [""]
        for name in names:
            try:
                found.append(_lay_one(row, name, office_id, people, known_lines, at))
            except ValueError as error:
                found.append(Line(row.number, name, "", REJECTED, str(error)))
    return found


def _lay_one(
    row: sheets.Row,
    name: str,
    office_id: int,
    people: Sequence[Person],
    known_lines: Collection[str],
    at: datetime,
) -> Line:
    if row.problems:
        raise _Rejected("；".join(row.problems))
    if not name:
        raise _Rejected("缺少“值班人员”")
    person = _named(name, people)
    starts_at, ends_at = _hours(row)
    line = row.cells.get("line", "")
    if line in ("值班", "全办公室"):
        line = ""
    if line and line not in known_lines:
        raise _Rejected(f"没有“{line[:20]}”这条线路，请填线路号码，全办公室值班的留空")
    if wrong := duty.problem(starts_at, ends_at):
        raise _Rejected(wrong)
    if ends_at <= at or starts_at < start_of(at.astimezone(SHANGHAI).date()):
        raise _Rejected("班次已经过去，不能补排")
    own = duty_queries.turns_of(person.id, office_id, starts_at, ends_at)
    hours = f"{starts_at.astimezone(SHANGHAI):%Y-%m-%d} {duty.stretch_words((starts_at, ends_at))}"
    if any((o.starts_at, o.ends_at, o.line) == (starts_at, ends_at, line) for o in own):
        return Line(row.number, name, hours, EXISTING)
    if own:
        raise _Rejected(f"{name}在这段时间已有班次（{own[0].words}）")
    db.session.add(
        DutyShift(
            unit_id=office_id,
            person_id=person.id,
            starts_at=starts_at,
            ends_at=ends_at,
            line=line,
            note=row.cells.get("note", "")[:200],
        )
    )
    db.session.flush()
    return Line(row.number, name, hours, CREATED)


def _named(name: str, people: Sequence[Person]) -> Person:
    found = [one for one in people if name in (one.name, one.username)]
    if not found:
        raise _Rejected(f"“{name[:20]}”不是本办公室的交办员、值班员或话务员")
    if len(found) > 1:
        raise _Rejected(f"本办公室有多人叫“{name[:20]}”，请填用户名")
    return found[0]


def _hours(row: sheets.Row) -> tuple[datetime, datetime]:
    day = sheets.day(row.cells.get("day", ""))
    starts_at, _ = _moment(row.cells.get("starts", ""), day, "开始时间")
    local = starts_at.astimezone(SHANGHAI).date()
    ends_at, by_clock = _moment(row.cells.get("ends", ""), local, "结束时间")
    if by_clock and ends_at <= starts_at:
        ends_at += timedelta(days=1)  # 17:30 to 08:30 is the next morning's
    return starts_at, ends_at


def _moment(cell: str, day: date | None, name: str) -> tuple[datetime, bool]:
    """The instant, and whether a clock alone was given."""
    if not cell:
        raise _Rejected(f"缺少“{name}”")
    found = _CLOCK.fullmatch(unicodedata.normalize("NFKC", cell).strip())
    if found is None:
        at = sheets.moment(cell)
        if at is None:
            raise _Rejected(f"缺少“{name}”")
        return at, False
    if day is None:
        raise _Rejected(f"“{name}”只写了钟点，缺少“日期”")
    hour, minute = int(found[2]), int(found[3] or 0)
    if hour > 24 or minute > 59 or (hour == 24 and minute):
        raise _Rejected(f"“{name}”不是有效的时间：{cell[:20]}")
    at = datetime.combine(day, time(), SHANGHAI) + timedelta(hours=hour, minutes=minute)
    return (at + timedelta(days=1), False) if found[1] else (at, True)
