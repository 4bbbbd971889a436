"""诉求15件，涉及事项1个: how many appeals a filter lets through, and of how many matters.

What is joined is one matter with its master; so are two that are joined to the same master where
the master itself is not among those counted. One figure for the list and whatever reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from . import lifecycle
from .filters import Filters
from .models import Appeal
from .queries import COUNT_CAP, Page, conditions_of
from .sight import visible_to

IS_JOINED = and_(Appeal.master_id.is_not(None), Appeal.state != lifecycle.MERGED)
"""As the index of the joined ones says it."""


@dataclass(frozen=True)
class Matters:
    """`capped`: there are more than were counted."""

    appeals: int
    matters: int
    capped: bool


def matters(
    actor: Actor,
    at: datetime,
    conditions: Sequence[ColumnElement[bool]],
    *,
    cap: int | None = COUNT_CAP,
) -> Matters:
    """Of the appeals that `actor` may see under these conditions; no further than `cap`, or all
    where that is None."""
    seen = visible_to(actor, at.astimezone(SHANGHAI).date())
    matter = case((IS_JOINED, Appeal.master_id), else_=Appeal.id).label("matter")
    counted: Any = select(matter).where(*conditions, seen)
    if cap is not None:
        counted = counted.limit(cap + 1)
    found = counted.subquery()
    total, distinct = db.session.execute(
        select(func.count(), func.count(found.c.matter.distinct())).select_from(found)
    ).one()
    return Matters(total, distinct, cap is not None and total > cap)


def matters_of(actor: Actor, at: datetime, filters: Filters, page: Page) -> int:
    """How many matters a page of the ledger is of; 0 where that says nothing more than the count
    of its appeals. A ledger without joined appeals is asked for one row of an empty index."""
    if page.capped or page.count < 2:
        return 0
    shown = any(row.master_id is not None or row.joined_count for row in page.rows)
    if not shown and (page.count <= len(page.rows) or not _any_joined()):
        return 0
    conditions = conditions_of(filters, actor, at, wanted=COUNT_CAP + 1)
    found = matters(actor, at, conditions)
    return found.matters if found.matters < found.appeals else 0


def _any_joined() -> bool:
    return db.session.scalar(select(Appeal.id).where(IS_JOINED).limit(1)) is not None
