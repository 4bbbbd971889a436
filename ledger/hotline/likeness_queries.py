"""Which appeals a matter might be the same as.

A handful of bounded questions, each answered by an index from its newest end: by firm, telephone
and plate in one statement, by place and name from the search index, which reads a few thousand
hits at most; then those rows alone, through `visible_to` and, since firm and plate lead to them,
only where the appellant may be known. What it costs does not grow with the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select, union_all

from ..appeals import lifecycle
from ..appeals.lifecycle import Facts
from ..appeals.models import Appeal
from ..appeals.parts import AppealPlate
from ..appeals.queries import LIST_COLUMNS, facts_of
from ..appeals.sight import admits, identity_visible_to
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..search.query import Finder
from ..search.tokens import read
from .likeness import SHORTEST_NAME, Likeness, Matter, asked_places, ranked

EACH = 30
"""Of every way in, the newest so many are looked at."""

MOST_PLATES = 6
"""A column of lorries: the first of them tell."""

GONE = ("merged", "withdrawn")
"""What is neither to be added to nor handled with: the master of a merged one is there itself."""

_COLUMNS: tuple[Any, ...] = (
    *LIST_COLUMNS,
    Appeal.received_at,
    Appeal.uscc,
    Appeal.spot_phone_index,
    Appeal.plates,
    Appeal.place,
    Appeal.content,
)


@dataclass(frozen=True)
class Alike:
    """One candidate, with why it is one."""

    row: Row[Any]
    likeness: Likeness
    facts: Facts

    @property
    def is_joined(self) -> bool:
        return bool(self.row.is_open and self.row.master_id is not None)

    def may(self, verb: str, actor: Actor) -> bool:
        return bool(lifecycle.may(verb, self.facts, actor))


def alike(typed: Matter, actor: Actor, at: datetime, besides: int | None = None) -> list[Alike]:
    """The likest appeals `actor` may see, apart from the one with the id `besides`."""
    ids = _reached(typed) - {besides}
    if not ids:
        return []
    day = at.astimezone(SHANGHAI).date()
    rows = db.session.execute(
        select(*_COLUMNS).where(
            Appeal.id.in_(sorted(i for i in ids if i is not None)),
            Appeal.state.not_in(GONE),
            admits(actor, day),
            identity_visible_to(actor, day),
        )
    ).all()
    likest = [(rows[place], said) for place, said in ranked([_matter(r) for r in rows], typed)]
    facts = facts_of([row for row, _said in likest], at)
    return [Alike(row, said, facts[row.id]) for row, said in likest]


def _reached(typed: Matter) -> set[int | None]:
    """Ids of what might be meant: at most EACH of every way in."""
    ids: set[int | None] = set()
    ways = [*_by_firm(typed), *_by_phone(typed), *_by_plate(typed)]
    if ways:
        ids.update(db.session.scalars(union_all(*(select(way.subquery()) for way in ways))))
    for words in _asked(typed):
        ids.update(Finder(words).newest(EACH))
    return ids


def _by_firm(typed: Matter) -> list[Select[Any]]:
    return [
        select(Appeal.id)
        .where(Appeal.firm_id == firm_id)
        .order_by(Appeal.registered_at.desc(), Appeal.id.desc())
        .limit(EACH)
        for firm_id in sorted(typed.firm_ids)
    ]


def _by_phone(typed: Matter) -> list[Select[Any]]:
    return [
        select(Appeal.id).where(column == phone).order_by(Appeal.id.desc()).limit(EACH)
        for phone in sorted(typed.phones)
        for column in (Appeal.phone_index, Appeal.spot_phone_index)
    ]


def _by_plate(typed: Matter) -> list[Select[Any]]:
    return [
        select(AppealPlate.appeal_id)
        .where(AppealPlate.plate == plate)
        .order_by(AppealPlate.appeal_id.desc())
        .limit(EACH)
        for plate in sorted(typed.plates)[:MOST_PLATES]
    ]


def _asked(typed: Matter) -> list[Any]:
    wanted = asked_places(typed.place, typed.content)
    if len(typed.name) >= SHORTEST_NAME:
        wanted.append(typed.name)
    return [words for asked in wanted if (words := read(asked))]


def _matter(row: Row[Any] | Appeal) -> Matter:
    return Matter(
        at=row.received_at,
        firm_ids=frozenset() if row.firm_id is None else frozenset({row.firm_id}),
        name=row.appellant_name,
        uscc=row.uscc,
        phones=frozenset(one for one in (row.phone_index, row.spot_phone_index) if one),
        plates=frozenset(row.plates.split()),
        place=row.place,
        content=row.content,
        category_id=row.category_id,
        is_open=row.is_open,
    )


def matter_of(appeal: Appeal) -> Matter:
    """What an appeal that is logged already says of itself."""
    return _matter(appeal)
