"""Several lists asked about at once: how many, and the first of each, in one statement apiece.

A statement about a desk's lists takes longer to be put together than to be answered. So each is
kept, by all that it is made of but the moment, and asked again with another moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.sql import true

from ..config import SHANGHAI
from ..db import config, db
from ..deadlines.calendar import end_of, start_of
from ..deadlines.queries import caps_in_force
from ..people.actor import Actor
from ..prepared import ask
from .filters import UNIT_VIEWS, Filters
from .models import Appeal
from .queries import by_unit, conditions_of, read_list, sorted_by
from .sight import admits, knows_column, sight_of
from .turns import LONG_AGO, ways


def count(actor: Actor, at: datetime, asked: Sequence[tuple[Filters, int]]) -> list[int]:
    """How many there are behind each of the filters, counted no further than its cap and one."""
    if not asked:
        return []

    def made() -> Any:
        columns: list[Any] = []
        for filters, cap in asked:
            for part in _parts(filters, actor, at):
                some = part.limit(cap + 1).correlate(None).subquery()
                columns.append(select(func.count()).select_from(some).scalar_subquery())
        return select(*columns)

    found = iter(_answer("count", actor, at, asked, made).one())
    numbers = []
    for filters, cap in asked:
        parts = range(_ranges(filters.view))
        numbers.append(min(sum(next(found) for _ in parts), cap + 1))
    return numbers


@cache
def _ranges(view: str) -> int:
    """In how many parts a list is counted."""
    return sum(len(way.counted) for way in ways(Filters(view=view), LONG_AGO)) or 1


def first(actor: Actor, at: datetime, asked: Sequence[tuple[Filters, int]]) -> list[list[Any]]:
    """The first rows behind each of the filters, in the columns that the table of acts asks for."""
    if not asked:
        return []

    def made() -> Any:
        knows = knows_column(actor, at.astimezone(SHANGHAI).date())
        found = []
        for place, (filters, size) in enumerate(asked):
            key, descending = sorted_by(filters)
            for part in _parts(filters, actor, at, key=key):
                by, last = part.selected_columns[1], part.selected_columns[0]
                order = (by.desc(), last.desc()) if descending else (by, last)
                some = part.order_by(*order).limit(size).subquery()
                row = select(literal(place).label("place"), some.c[1].label("key"), some.c[0])
                if not isinstance(knows, type(true())):
                    row = row.join(Appeal, Appeal.id == some.c[0])
                found.append(row.add_columns(knows.label("knows")))
        return union_all(*found)

    rows: list[list[Any]] = [[] for _ in asked]
    for place, key, appeal_id, sure in _answer("first", actor, at, asked, made):
        rows[place].append((key, appeal_id, sure))
    wanted: list[list[tuple[int, bool]]] = []
    for (filters, size), found in zip(asked, rows, strict=True):
        found.sort(reverse=sorted_by(filters)[1])
        wanted.append([(appeal_id, sure) for _, appeal_id, sure in found[:size]])
    read = iter(read_list([one for some in wanted for one in some]))
    return [[next(read) for _ in some] for some in wanted]


def _parts(filters: Filters, actor: Actor, at: datetime, *, key: Any = None) -> list[Select[Any]]:
    """Ids, of a list by each of its ways; with the `key`, those that lie in its order."""
    ids = [Appeal.id] if key is None else [Appeal.id, key]
    day = at.astimezone(SHANGHAI).date()
    found = ways(filters, at)
    if not found:
        return [select(*ids).where(*conditions_of(filters, actor, at), admits(actor, day))]
    rest = conditions_of(filters.with_(view="", unit_id=0), actor, at)
    of_unit = filters.view in UNIT_VIEWS
    if not (of_unit and filters.unit_id in sight_of(actor, day).units):
        rest.append(admits(actor, day))
    parts = []
    for way in found:
        for which in way.counted if key is None else way.each:
            part = select(*ids).where(which, *rest)
            parts.append(by_unit(part) if of_unit else part)
    return parts


def _answer(
    kind: str,
    actor: Actor,
    at: datetime,
    asked: Sequence[tuple[Filters, int]],
    made: Callable[[], Any],
) -> Any:
    day = at.astimezone(SHANGHAI).date()
    moments = {"at": at, "day": day, "day_begins": start_of(day), "day_ends": end_of(day)}
    sight = sight_of(actor, day)
    key = (kind, actor, sight, caps_in_force(at), config().strict_home_unit, tuple(asked))
    return ask(db.session.connection(), key, moments, made)
