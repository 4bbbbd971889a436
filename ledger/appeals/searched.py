"""The newest appeals that hold the words asked for, from the index itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.sql.elements import True_

from ..db import db, is_sqlite
from ..people.actor import Actor
from ..search.query import Finder
from .filters import Filters
from .models import Appeal
from .sight import admits, knows_column, sight_of, visible_to

NARROW = ("unit_id", "lead_unit_id", "firm_id", "closed_on", "view")
"""Filters that few appeals pass, with an index of their own."""


@dataclass(frozen=True)
class Searched:
    """A search as one person sees it. `conditions`: of the filters, but for the words."""

    actor: Actor
    day: date
    filters: Filters
    conditions: Sequence[ColumnElement[bool]]

    def page(self, size: int, cap: int, *, below: int = 0, above: int = 0) -> tuple[list[int], int]:
        """The ids of those entered last, or the nearest below an id, or above one in their own
        order; and how many there are in all, counted no further than `cap`."""
        found = Finder(self.filters.words)
        sight = sight_of(self.actor, self.day)
        knows = knows_column(self.actor, self.day)
        narrow = not sight.offices or any(getattr(self.filters, name) for name in NARROW)
        if narrow and not found.spread.is_few:
            ids = self._by_rows(found, size, below, above)
            if not below and not above and len(ids) < size:
                return ids, len(ids)
            return ids, len(self._by_rows(found, cap, 0, 0))
        # Hit by hit: each is looked up, until there are enough.
        how: dict[str, Any] = {}
        if self.conditions or not sight.sees_all:
            among = [*self.conditions, admits(self.actor, self.day)]
            how = {"appeal_id": Appeal.id, "among": among, "knows": knows}
        if not below and not above and not is_sqlite():
            ids = found.newest(cap, **how)
            return ids[:size], len(ids)
        ids = found.newest(size, below=below, above=above, **how)
        if not below and not above and len(ids) < size:
            return ids, len(ids)
        return ids, found.count(cap, **how)

    def _by_rows(self, found: Finder, limit: int, below: int, above: int) -> list[int]:
        knows = knows_column(self.actor, self.day)
        seen = visible_to(self.actor, self.day)
        wanted = select(Appeal.id).where(*self.conditions, seen, found.by_rows(Appeal.id, knows))
        if below or above:
            wanted = wanted.where(Appeal.id < below if below else Appeal.id > above)
        wanted = wanted.order_by(Appeal.id if above else Appeal.id.desc())
        return list(db.session.scalars(wanted.limit(limit)))

    def known(self, ids: Sequence[int]) -> list[tuple[int, bool]]:
        """The ids, and of each whether its appellant may be known."""
        knows = knows_column(self.actor, self.day)
        if isinstance(knows, True_):
            return [(i, True) for i in ids]
        asked: Any = select(Appeal.id).where(Appeal.id.in_(ids), knows)
        known = set(db.session.scalars(asked))
        return [(i, i in known) for i in ids]
