"""The rows of an export, read by key in batches: as the list has them, through `visible_to`.

All batches are read in one transaction of their own, so that an appeal that moves on meanwhile is
neither missed nor told twice, and the totals are those of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    func,
    or_,
    select,
)

from ..appeals.filters import Filters
from ..appeals.models import Appeal, Assignment, Deadline, ExternalOrder
from ..appeals.queries import conditions_of, sorted_by, visible_to
from ..appeals.sight import knows_column
from ..config import SHANGHAI
from ..db import db, is_sqlite
from ..people.actor import Actor
from ..trail.models import Entry, EntryText
from .export_columns import ALWAYS, STEPS, TOLD, WITH_NOTE, Beside, Column, Step

BATCH: Final = 1000
ALL: Final = 2**31
"""So many rows are wanted, for whoever must choose how to find them."""


@dataclass(frozen=True)
class Part:
    """A sheet's share of the rows."""

    title: str
    condition: ColumnElement[bool]
    is_optional: bool = False
    """There only where it has rows."""


PARTS: Final = (
    Part("在办", Appeal.is_open.is_(True)),
    Part("已销号", and_(Appeal.is_open.is_(False), Appeal.state == "closed")),
    Part("其他办结", and_(Appeal.is_open.is_(False), Appeal.state != "closed"), is_optional=True),
)


@contextmanager
def reading() -> Iterator[Connection]:
    """A connection that sees the ledger as it stood at its first look."""
    with db.engine.connect() as connection:
        if not is_sqlite():
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def count(actor: Actor, at: datetime, filters: Filters, most: int = ALL) -> int:
    """How many rows there are, counted no further than `most`."""
    seen = visible_to(actor, at.astimezone(SHANGHAI).date())
    conditions = conditions_of(filters, actor, at, wanted=most)
    some = select(Appeal.id).where(*conditions, seen).limit(most).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def batches(
    connection: Connection,
    actor: Actor,
    at: datetime,
    filters: Filters,
    part: Part | None,
    columns: Sequence[Column],
) -> Iterator[list[tuple[Any, Beside]]]:
    """The rows of a part in the list's order, those of all parts where none is named."""
    key, descending = sorted_by(filters)
    day = at.astimezone(SHANGHAI).date()
    names = dict.fromkeys([*ALWAYS, key.key, *(n for column in columns for n in column.needs)])
    query = select(
        *(getattr(Appeal, name) for name in names),
        *_number(columns),
        knows_column(actor, day).label("knows"),
    ).where(*conditions_of(filters, actor, at, wanted=ALL), visible_to(actor, day))
    if part is not None:
        query = query.where(part.condition)
    order = (key.desc(), Appeal.id.desc()) if descending else (key, Appeal.id)
    query = query.order_by(*order).limit(BATCH)
    beside = {column.beside for column in columns} - {""}
    first = query
    last_key, last_id = (
        bindparam("last_key", type_=key.type),
        bindparam("last_id", type_=BigInteger),
    )
    if descending:
        query = query.where(key <= last_key, or_(key < last_key, Appeal.id < last_id))
    else:
        query = query.where(key >= last_key, or_(key > last_key, Appeal.id > last_id))
    found = connection.execute(first).all()
    while found:
        yield _with_beside(connection, found, beside)
        if len(found) < BATCH:
            return
        place = {"last_key": getattr(found[-1], key.key), "last_id": found[-1].id}
        found = connection.execute(query, place).all()


def _number(columns: Sequence[Column]) -> list[Any]:
    """The number is what leads to an appeal's entries."""
    return [Appeal.number] if any(column.beside == "steps" for column in columns) else []


def _with_beside(
    connection: Connection, rows: Sequence[Any], wanted: set[str]
) -> list[tuple[Any, Beside]]:
    found = {row.id: Beside() for row in rows}
    ids = list(found)
    if "orders" in wanted:
        for appeal_id, number in connection.execute(_ORDERS, {"ids": ids}):
            if number not in found[appeal_id].orders:
                found[appeal_id].orders.append(number)
    if "assignments" in wanted:
        for one in connection.execute(_ASSIGNMENTS, {"ids": ids}):
            beside = found[one.appeal_id]
            if one.part == "lead":
                beside.handler = (one.handler_name, one.handler_phone or "")
            elif one.unit_id not in beside.assists:
                beside.assists.append(one.unit_id)
    if "deadlines" in wanted:
        for appeal_id, due_at in connection.execute(_DUE, {"ids": ids}):
            found[appeal_id].due_at = due_at
    if "steps" in wanted:
        streams = {f"appeal/{row.number}": row.id for row in rows}
        asked = {"streams": list(streams)}
        for stream, at, verb, unit_id, unit, note in connection.execute(_STEPS, asked):
            found[streams[stream]].steps.append(Step(at, verb, unit_id, unit, note or ""))
    return [(row, found[row.id]) for row in rows]


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_ORDERS = (
    select(ExternalOrder.appeal_id, ExternalOrder.order_number)
    .where(ExternalOrder.appeal_id.in_(_IDS))
    .order_by(ExternalOrder.id)
)
_ASSIGNMENTS = (
    select(
        Assignment.appeal_id,
        Assignment.part,
        Assignment.unit_id,
        Assignment.handler_name,
        Assignment.handler_phone,
    )
    .where(
        Assignment.appeal_id.in_(_IDS),
        Assignment.part.in_(("lead", "assist")),
        Assignment.state != "released",
    )
    .order_by(Assignment.id)
)
_DUE = (
    select(Deadline.appeal_id, Deadline.due_at)
    .where(Deadline.appeal_id.in_(_IDS), Deadline.stage.in_(("answer", "rework")))
    .order_by(Deadline.id)
)


def _last_steps() -> Any:
    last = func.row_number().over(partition_by=Entry.stream, order_by=Entry.seq.desc())
    told = (
        select(
            Entry.id,
            Entry.stream,
            Entry.seq,
            Entry.at,
            Entry.verb,
            Entry.post_unit_id,
            Entry.post_unit,
            last.label("place"),
        )
        .where(
            Entry.stream.in_(bindparam("streams", expanding=True)),
            Entry.verb.in_(TOLD),
        )
        .subquery()
    )
    note = and_(
        EntryText.entry_id == told.c.id,
        EntryText.place == "note",
        told.c.verb.in_(WITH_NOTE),
        EntryText.erased_by.is_(None),
    )
    return (
        select(
            told.c.stream,
            told.c.at,
            told.c.verb,
            told.c.post_unit_id,
            told.c.post_unit,
            EntryText.body,
        )
        .outerjoin_from(told, EntryText, note)
        .where(told.c.place <= STEPS)
        .order_by(told.c.stream, told.c.seq)
    )


_STEPS = _last_steps()
