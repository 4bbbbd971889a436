"""Which appeals of an office a recomputation would touch. Reads rows, never entities."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import defer

from ..config import SHANGHAI
from ..db import db
from ..deadlines.limits import Rule
from ..deadlines.queries import InForce, load_calendar
from ..people.actor import Actor
from .models import Appeal, Deadline, ExternalOrder
from .reckoning import Reckoned, reckon, rule_of
from .sight import visible_to

BATCH = 100
"""Appeals shown, and reckoned again, at once."""
CHUNK = 500
MOST = 5000
"""Open appeals gone through for one page."""


class Touched(NamedTuple):
    """An appeal with the clocks that would come to something else."""

    id: int
    number: str
    label: str
    title: str
    version: int
    clocks: list[Reckoned]


@dataclass(frozen=True)
class Found:
    appeals: list[Touched]
    looked_at: int
    after: int | None
    """Where to go on; None at the end."""


def touched(
    actor: Actor, at: datetime, offices: Collection[int], version: InForce | None, after: int
) -> Found:
    """Open appeals of these offices, by id after `after`."""
    calendar = load_calendar()
    found: list[Touched] = []
    looked_at = 0
    rules: dict[tuple[Any, ...], Rule | None] = {}
    while looked_at < MOST:
        rows = _appeals(actor, at, offices, after)
        clocks = _clocks([row.id for row in rows])
        orders = _orders([row.id for row in rows])
        for row in rows:
            looked_at += 1
            after = row.id
            key = (row.channel, row.kind, row.category_id, row.cross_region, row.urgency)
            if version is not None and key not in rules:
                rules[key] = rule_of(version, row)
            changed = reckon(
                clocks.get(row.id, ()), version, rules.get(key), calendar, orders.get(row.id, ())
            )
            if changed:
                found.append(
                    Touched(row.id, row.number, row.label, row.title, row.version, changed)
                )
                if len(found) == BATCH:
                    return Found(found, looked_at, after)
        if len(rows) < CHUNK:
            return Found(found, looked_at, None)
    return Found(found, looked_at, after)


def _appeals(actor: Actor, at: datetime, offices: Collection[int], after: int) -> list[Any]:
    return list(
        db.session.execute(
            select(
                Appeal.id,
                Appeal.number,
                Appeal.label,
                Appeal.title,
                Appeal.version,
                Appeal.channel,
                Appeal.kind,
                Appeal.category_id,
                Appeal.cross_region,
                Appeal.urgency,
            )
            .where(
                Appeal.office_id.in_(sorted(offices)),
                Appeal.is_open,
                Appeal.id > after,
                visible_to(actor, at.astimezone(SHANGHAI).date()),
            )
            .order_by(Appeal.id)
            .limit(CHUNK)
        )
    )


def _clocks(appeals: Iterable[int]) -> dict[int, list[Any]]:
    rows = db.session.execute(
        select(
            Deadline.appeal_id,
            Deadline.stage,
            Deadline.round,
            Deadline.spec,
            Deadline.started_at,
            Deadline.due_at,
            Deadline.sentence,
        )
        .where(Deadline.appeal_id.in_(list(appeals)), Deadline.ended_at.is_(None))
        .order_by(Deadline.appeal_id, Deadline.due_at, Deadline.id)
    )
    return {key: list(group) for key, group in groupby(rows, key=lambda row: row.appeal_id)}


def _orders(appeals: Iterable[int]) -> dict[int, list[ExternalOrder]]:
    """Those that state a due time of their own."""
    found: dict[int, list[ExternalOrder]] = {}
    rows = db.session.scalars(
        select(ExternalOrder)
        .where(
            ExternalOrder.appeal_id.in_(list(appeals)), ExternalOrder.their_due_at.is_not(None)
        )
        .order_by(ExternalOrder.id)
        .options(defer(ExternalOrder.raw))
    )
    for row in rows:
        found.setdefault(row.appeal_id, []).append(row)
    return found
