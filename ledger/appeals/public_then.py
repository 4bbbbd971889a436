"""What the public words of an appeal were when an entry was written: read from the ink, so that
whoever is told of it later hears what stood then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from ..catalogue.queries import catalogue
from ..db import db
from ..people.directory import directory
from ..trail.models import ERASED, Entry, EntryText
from ..trail.replay import Rows, apply_body, read
from .models import Appeal
from .public_known import known_of
from .public_words import Known, Said, say

REPLY = "appeal.public_reply"
"""The one text that leaves the house."""


@dataclass(frozen=True)
class Then:
    """An appeal as it stood."""

    said: Said
    orders: Mapping[int, str]
    """State of each external order it bore."""


def said_now(appeal: Appeal) -> Said:
    """Of an appeal in hand, as it stands."""
    return say(known_of(appeal, _unit_name, catalogue().reason_name, _master))


def _master(appeal: Appeal) -> Appeal:
    return db.session.get_one(Appeal, appeal.master_id)


def _unit_name(unit_id: int) -> str:
    unit = directory().units.get(unit_id)
    return "" if unit is None else unit.name or unit.label


def said_then(appeal_id: int, entry_id: int) -> Then:
    """As of the entry with this id, that one included: entries are numbered in the order in which
    they take effect, also across the streams that one act moves."""
    rows = _rows(appeal_id, entry_id)

    def master_of(appeal: Any) -> Any:
        return _standing(appeal.master_id, _rows(appeal.master_id, entry_id))

    appeal = _standing(appeal_id, rows)
    known: Known = known_of(appeal, _unit_name, catalogue().reason_name, master_of)
    orders = {int(key): row.get("state", "") for key, row in rows.get("external_order", {}).items()}
    return Then(say(known), orders)


def _rows(appeal_id: int, entry_id: int) -> Rows:
    number = db.session.scalar(select(Appeal.number).where(Appeal.id == appeal_id))
    wanted = (
        select(Entry.id, Entry.form, Entry.payload)
        .where(Entry.stream == f"appeal/{number}", Entry.id <= entry_id)
        .order_by(Entry.seq)
    )
    entries = db.session.execute(wanted).all()
    replies: dict[int, str | None] = dict(
        db.session.execute(
            select(EntryText.entry_id, EntryText.body).where(
                EntryText.entry_id.in_([entry.id for entry in entries]), EntryText.place == REPLY
            )
        ).all()
    )
    rows: Rows = {}
    for entry in entries:
        words = replies.get(entry.id)
        apply_body(rows, read(entry.form, entry.payload), {} if words is None else {REPLY: words})
        if entry.id in replies and words is None:
            rows["appeal"][""]["public_reply"] = ERASED
    return rows


_UNSET: dict[str, dict[str, Any]] = {
    "appeal": {
        "state": "registered", "round": 1, "master_id": None, "lead_unit_id": None,
        "hold_review_on": None, "end_reason": "", "public_reply": "",
    },
    "assignment": {"unit_id": None, "part": "", "state": "", "round": 1},
    "deadline": {"assignment_id": None, "stage": "", "due_at": None, "ended_as": ""},
}  # fmt: skip
"""What is asked of each row; an entry is silent about what is NULL in a new one."""


def _standing(appeal_id: int, rows: Rows) -> SimpleNamespace:
    """Rows of a replay in the shape of an appeal."""
    return SimpleNamespace(
        id=appeal_id,
        **_columns("appeal", rows.get("appeal", {}).get("", {})),
        assignments=_children("assignment", rows),
        deadlines=_children("deadline", rows),
    )


def _children(table: str, rows: Rows) -> list[SimpleNamespace]:
    found = rows.get(table, {}).items()
    return [SimpleNamespace(id=int(key), **_columns(table, row)) for key, row in found]


def _columns(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _read(name, row.get(name, unset)) for name, unset in _UNSET[table].items()}


def _read(name: str, value: Any) -> Any:
    if value is None or not name.endswith(("_at", "_on")):
        return value
    return date.fromisoformat(value) if name.endswith("_on") else datetime.fromisoformat(value)
