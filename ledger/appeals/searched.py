"""The newest appeals that hold the words asked for, from the index itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.sql.elements import True_

from ..db import db
from ..people.actor import Actor
from ..search.query import finder
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

    def ids(self, limit: int, *, below: int = 0, above: int = 0) -> list[int]:
        """The latest entered first; those above an id in their own order."""
        found = finder(self.filters.words)
        sight = sight_of(self.actor, self.day)
        if sight.sees_all and not self.conditions:
            return found.newest(limit, below=below, above=above)
        knows = knows_column(self.actor, self.day)
        narrow = not sight.offices or any(getattr(self.filters, name) for name in NARROW)
        if not narrow or found.spread.is_few:
            # Hit by hit: each is looked up, until there are enough.
            among = [*self.conditions, admits(self.actor, self.day)]
            return found.newest(
                limit, appeal_id=Appeal.id, among=among, knows=knows, below=below, above=above
            )
        wanted = select(Appeal.id).where(
            *self.conditions,
            visible_to(self.actor, self.day),
            found.by_rows(Appeal.id, knows),
        )
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
