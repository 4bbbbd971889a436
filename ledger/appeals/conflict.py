"""What became of an appeal since a form was drawn from it, field by field. Pure.

Told from the entries alone: the rows as they were at the version that the form was drawn from,
against the rows as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from ..deadlines.clocks import shown_end
from ..trail.replay import Rows, apply_body, read
from .lifecycle import OPEN_ASSIGNMENT, STATES, label
from .standing import MAIN_CLOCK
from .story import IDENTITY, WITHHELD, Ink, Names, Reader

WORDS: Mapping[str, Mapping[str, str]] = {
    "appellant_type": APPELLANT_TYPES,
    "kind": KINDS,
    "urgency": URGENCIES,
}
NONE = "（空）"


class Changed(NamedTuple):
    """One field: what the form's reader saw, and what stands now."""

    label: str
    was: str
    now: str


def changed(
    inks: Iterable[Ink], seen: int, reader: Reader, unit_name: Callable[[int], str]
) -> list[Changed]:
    """The fields that differ between version `seen` and now, the weightiest first."""
    rows: Rows = {}
    before: dict[str, str] | None = None
    for ink in inks:
        if before is None and ink.seq > seen:
            before = _told(rows, reader, unit_name)
        texts = {place: text.words for place, text in ink.texts.items()}
        apply_body(rows, read(ink.form, ink.payload), texts)
    if before is None:
        return []
    after = _told(rows, reader, unit_name)
    return [
        Changed(name, before.get(name) or NONE, after.get(name) or NONE)
        if name not in _hidden(reader)
        else Changed(name, WITHHELD, WITHHELD)
        for name in dict.fromkeys([*before, *after])
        if before.get(name, "") != after.get(name, "")
    ]


def _hidden(reader: Reader) -> set[str]:
    if reader.knows_identity:
        return set()
    return {words for name, words in reader.fields.items() if name in IDENTITY}


def _told(rows: Rows, reader: Reader, unit_name: Callable[[int], str]) -> dict[str, str]:
    """What a page says of these rows, by the field's name on the screen."""
    appeal = rows.get("appeal", {}).get("", {})
    handed = list(rows.get("assignment", {}).values())
    told = {
        "诉求状态": _state(appeal, handed),
        "主办单位": _unit(appeal.get("lead_unit_id"), unit_name),
        "协办单位": "、".join(
            _unit(row.get("unit_id"), unit_name)
            for row in handed
            if row.get("part") == "assist" and row.get("state") in OPEN_ASSIGNMENT
        ),
        "应办结": _due(appeal, rows),
        "办理结果": _outcome(appeal, reader.names),
        "对企业的答复": str(appeal.get("public_reply") or ""),
        "下次复核日期": str(appeal.get("hold_review_on") or ""),
    }
    for name, words in reader.fields.items():
        told[words] = _value(name, appeal.get(name), reader.names)
    return told


def _state(appeal: Mapping[str, Any], handed: Iterable[Mapping[str, Any]]) -> str:
    state = appeal.get("state")
    if state not in STATES:
        return ""
    leads = [row for row in handed if row.get("part") == "lead" and row.get("state") != "released"]
    return label(
        state,
        round_no=int(appeal.get("round") or 1),
        signed=bool(leads and leads[-1].get("signed_at")),
        undetermined=bool(appeal.get("undetermined")),
    )


def _unit(unit_id: Any, unit_name: Callable[[int], str]) -> str:
    return unit_name(int(unit_id)) if unit_id else ""


def _outcome(appeal: Mapping[str, Any], names: Names) -> str:
    code = str(appeal.get("outcome") or "")
    return names.outcome_name(code) if code else ""


def _due(appeal: Mapping[str, Any], rows: Rows) -> str:
    """The due time by which its state is judged."""
    stages = MAIN_CLOCK.get(str(appeal.get("state")), ())
    running = [
        datetime.fromisoformat(str(row["due_at"]).replace("Z", "+00:00"))
        for row in rows.get("deadline", {}).values()
        if row.get("stage") in stages and not row.get("ended_at") and row.get("due_at")
    ]
    return shown_end(min(running)) if running else ""


def _value(name: str, value: Any, names: Names) -> str:
    if name == "category_id":
        return names.category_name(value)
    if name in WORDS:
        return WORDS[name].get(str(value), "")
    if isinstance(value, bool):
        return "是" if value else "否"
    if name in ("phone", "spot_phone"):
        return f"尾号{str(value)[-4:]}" if value else ""
    return "" if value is None else str(value)
