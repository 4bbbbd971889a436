"""What the trail tells of holds asked for, letters, conferences and the superior's office. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ..catalogue.words import DIRECTIONS, PAPERS
from ..deadlines.calendar import local_day
from ..deadlines.clocks import shown
from ..trail.replay import Rows

Say = Iterator[tuple[str, str]]
Texts = Mapping[str, str]


def _first(changed: Mapping[str, Any], table: str) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(changed.get(table, {}).values()), {})
    return found


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")) if value else None


def _asked(_data: Any, changed: Mapping[str, Any], _rows: Rows, _texts: Texts) -> Say:
    proposed = _moment(_first(changed, "request").get("proposed_at"))
    yield "建议复核", f"{local_day(proposed)}" if proposed else ""


def _paper(_data: Any, changed: Mapping[str, Any], _rows: Rows, _texts: Texts) -> Say:
    row = _first(changed, "outside_record")
    if not row:
        return
    number = f" {row['letter_number']}" if row.get("letter_number") else ""
    yield (
        DIRECTIONS.get(row.get("direction", ""), ""),
        (f"{PAPERS.get(row.get('kind', ''), '')}{number}（{row.get('sent_on')}）"),
    )
    yield "下次跟进", str(row.get("follow_on") or "")


def _reply(data: Mapping[str, Any], changed: Mapping[str, Any], rows: Rows, _texts: Texts) -> Say:
    record = rows.get("outside_record", {}).get(str(data.get("record")), {})
    number = f" {record['letter_number']}" if record.get("letter_number") else ""
    came = DIRECTIONS.get(record.get("direction", ""), "")
    paper = PAPERS.get(record.get("kind", ""), "")
    yield "所涉", f"{record.get('sent_on')}{came}的{paper}{number}"
    row = _first(changed, "outside_record")
    if data.get("replied"):
        yield "回复日期", str(record.get("replied_on") or "")
        yield "复函文号", str(record.get("reply_number") or "")
    yield "下次跟进", str(row.get("follow_on") or "")


def _raised(data: Mapping[str, Any], changed: Mapping[str, Any], rows: Rows, texts: Texts) -> Say:
    yield "移交", str(data.get("office", ""))
    yield from _paper(data, changed, rows, texts)


def _handed_back(data: Mapping[str, Any], _changed: Any, _rows: Rows, _texts: Texts) -> Say:
    yield "交回", str(data.get("office", ""))


def _conferred(
    data: Mapping[str, Any], changed: Mapping[str, Any], _rows: Rows, texts: Texts
) -> Say:
    row = _first(changed, "conference")
    held = _moment(row.get("held_at"))
    yield "纪要", str(row.get("number", ""))
    yield "会商时间", shown(held) if held else ""
    matters = int(row.get("matters") or 1)
    yield "研究诉求", f"{matters}件" if matters > 1 else ""
    units = list(data.get("units", ()))
    points = changed.get("conference_point", {})
    for key in sorted(points, key=lambda one: int(points[one].get("place", 0))):
        point = points[key]
        place = int(point.get("place", 0))
        unit = units[place - 1] if 0 < place <= len(units) else ""
        agreed = texts.get(f"conference_point.{key}.agreed", "")
        yield f"议定事项{place}", f"{agreed}（{unit}，{point.get('due_on')}前）"


def _fulfilled(
    data: Mapping[str, Any], _changed: Mapping[str, Any], rows: Rows, _texts: Texts
) -> Say:
    point = rows.get("conference_point", {}).get(str(data.get("point")), {})
    yield "议定事项", str(point.get("agreed", ""))
    yield "落实日期", str(point.get("done_on") or "")


def _of_order(data: Mapping[str, Any], _changed: Any, _rows: Rows, _texts: Texts) -> Say:
    yield "外部工单", str(data.get("order", ""))
    if data.get("reached") is False:
        yield "是否接通", "否"
    called_at = _moment(data.get("called_at"))
    yield "热线回访时间", shown(called_at) if called_at else ""


TOLD: dict[str, Callable[[Any, Any, Rows, Texts], Say]] = {
    "return_order": _of_order,
    "undo_return": _of_order,
    "their_call_back": _of_order,
    "ask_hold": _asked,
    "write_out": _paper,
    "note_reply": _reply,
    "raise": _raised,
    "hand_back": _handed_back,
    "confer": _conferred,
    "fulfil": _fulfilled,
}


def conference(rows: Rows, conference_id: Any) -> str:
    """会商纪要〔2026〕3号; without a number by its time."""
    row = rows.get("conference", {}).get(str(conference_id), {})
    held = _moment(row.get("held_at"))
    return str(row.get("number") or (f"{shown(held)}会商" if held else "会商"))
