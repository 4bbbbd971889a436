"""The streams of calendar and limits: what was published, by whom, and what came since."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from ledger.access import record
from ledger.db import db
from ledger.people.acting import current_actor
from ledger.people.regions import region_name
from ledger.people.roles import label
from ledger.trail.models import Entry
from ledger.trail.publish import publish

from .clocks import shown
from .models import CalendarYear, HoursVersion, LimitVersion
from .telling import Described

Differ = Callable[[Described | None, Described], list[str]]


@dataclass(frozen=True)
class Published:
    """One entry, told."""

    entry_id: int
    stream: str
    seq: int
    at: datetime
    who: str
    name: str
    """Of the version; the year."""
    reason: str
    changes: list[str]

    @property
    def sentence(self) -> str:
        said = "；".join(self.changes)
        return f"{shown(self.at)} {self.who}：{self.name}" + (f"（{said}）" if said else "")


def newest(streams: Iterable[str]) -> int:
    """The number of the latest entry of these streams: what a form was drawn from."""
    wanted = list(streams)
    return db.session.scalar(select(func.max(Entry.id)).where(Entry.stream.in_(wanted))) or 0


def told(streams: Sequence[str], differ: Differ, after: int = 0) -> list[Published]:
    """What was published in these streams, the latest first; only what came `after` a number."""
    rows = db.session.scalars(
        select(Entry)
        .where(Entry.stream.in_(streams))
        .order_by(Entry.id)
        .options(selectinload(Entry.texts))
    )
    found: list[Published] = []
    last: dict[str, Described] = {}
    latest: Described | None = None
    for row in rows:
        data: dict[str, Any] = json.loads(row.payload)["data"]
        # A year begins with nothing; a new table, with the one that it was made from.
        before = last.get(row.stream, None if "year" in data else latest)
        last[row.stream] = latest = data
        if row.id > after:
            post = f"（{row.post_unit} {label(row.post_role)}）" if row.post_role else ""
            found.append(
                Published(
                    entry_id=row.id,
                    stream=row.stream,
                    seq=row.seq,
                    at=row.at,
                    who=f"{row.actor_name}{post}",
                    name=data.get("name") or _year(data),
                    reason=next((t.body or "" for t in row.texts if t.place == "reason"), ""),
                    changes=differ(before, data),
                )
            )
    return found[::-1]


def _year(data: Described) -> str:
    region = region_name(data["region_code"]) or data["region_code"]
    return f"{data['year']}年工作日历" + (f"（{region}）" if region else "")


def append(
    row: LimitVersion | CalendarYear | HoursVersion, *, at: datetime, reason: str = ""
) -> None:
    """The entry that says how the row stands now, by whoever is signed in; and the access log."""
    actor = current_actor()
    seat = next(iter(actor.seats_as("system_admin")), None)
    db.session.flush()
    texts = {"reason": reason}
    publish(row.stream, "publish", row.describe(), by=actor, at=at, seat=seat, texts=texts)
    if isinstance(row, LimitVersion):
        record("limits_published", subject=row.stream, detail=row.name, at=at)
    elif isinstance(row, HoursVersion):
        record("hours_published", subject=row.stream, detail=row.name, at=at)
    else:
        record("calendar_changed", subject=row.stream, detail=reason, at=at)
