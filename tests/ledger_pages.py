"""Reading the ledger's pages: which appeals stand on them, and what they cost the database."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event, select, update

from cast import Cast
from ledger.appeals import intervals, unit_sight
from ledger.appeals.models import Appeal
from ledger.appeals.parts import UnitSight
from ledger.appeals.record import NEVER
from ledger.db import db


def shown(page: str) -> list[str]:
    """Numbers of the appeals that a page lists, in its order."""
    return re.findall(r'<a class="number" href="/appeals/(\d{6}-\d{4}-\d{6})"', page)


def statements(cast: Cast, name: str, url: str) -> int:
    """How many SELECTs a page takes."""
    client = cast.client(name)
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    with cast.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert client.get(url).status_code == 200
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def move(cast: Cast, *numbers: str, **columns: Any) -> None:
    """Set derived columns of time behind the verbs' back: nobody waits days in a test."""
    with cast.app.app_context(), db.engine.begin() as connection:
        connection.execute(
            update(Appeal.__table__)  # type: ignore[arg-type]  # a table all the same
            .where(Appeal.number.in_(numbers))
            .values(**columns)
        )
        connection.execute(
            update(UnitSight.__table__)  # type: ignore[arg-type]  # a table all the same
            .where(UnitSight.appeal_id.in_(select(Appeal.id).where(Appeal.number.in_(numbers))))
            .values(**{name: columns[name] for name in unit_sight.KEPT if name in columns})
        )
        if "due_at" in columns:
            mine = select(Appeal.id).where(Appeal.number.in_(numbers))
            connection.execute(
                update(intervals.TABLE)
                .where(intervals.TABLE.c.appeal_id.in_(mine), intervals.TABLE.c.to_at == NEVER)
                .values(due_at=columns["due_at"])
            )
