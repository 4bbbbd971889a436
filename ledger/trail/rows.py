"""The rows of an act, written by plain statements: a flush takes several times as long, under the
lock that everybody waits for.

The session is told afterwards: its rows are then as a flush would leave them. Whatever is out of
the ordinary is left to a flush; what is kept is the same either way
(tests/trail/test_rows_by_hand.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, inspect, update
from sqlalchemy.orm import (
    InstanceState,
    Mapper,
    PassiveFlag,
    RelationshipDirection,
    Session,
    make_transient,
    make_transient_to_detached,
)
from sqlalchemy.orm.attributes import get_history

from ..db import Base
from ..prepared import tell

UNREAD = PassiveFlag.PASSIVE_NO_INITIALIZE
"""What was never read was not changed either: asking for changes reads nothing."""


@dataclass(frozen=True)
class _Shape:
    """What there is to know of a class whose rows are written by hand."""

    table: Table
    place: int
    """Of the table, where each comes after those it refers to."""
    columns: dict[str, str]
    """Attribute → column, but for the id."""
    defaults: dict[str, Any]
    """What the flush would set where nothing was."""
    above: tuple[tuple[str, str, str], ...]
    """Relationships to one row: their name, the column they set, and from which of the other."""
    below: tuple[tuple[str, str], ...]
    """Relationships to many rows: their name, and the column they set there."""


_shapes: dict[type, _Shape | None] = {}


def _shape(cls: type[Base]) -> _Shape | None:
    if cls not in _shapes:
        _shapes[cls] = _shaped(cls, inspect(cls))
    return _shapes[cls]


def _shaped(cls: type[Base], mapper: Mapper[Any]) -> _Shape | None:
    table = mapper.local_table
    if not isinstance(table, Table) or [c.name for c in mapper.primary_key] != ["id"]:
        return None
    columns = {a.key: a.columns[0].name for a in mapper.column_attrs if a.key != "id"}
    defaults = {}
    for key in columns:
        default = mapper.columns[key].default
        if default is not None:
            if not default.is_scalar:
                return None
            defaults[key] = default.arg  # type: ignore[attr-defined]
    above, below = [], []
    for relation in mapper.relationships:
        if relation.viewonly:
            continue
        if len(relation.local_remote_pairs or ()) != 1:
            return None
        ((local, remote),) = relation.local_remote_pairs or ()
        other = relation.mapper.get_property_by_column(remote).key
        if relation.direction is RelationshipDirection.MANYTOONE:
            above.append((relation.key, mapper.get_property_by_column(local).key, other))
        elif relation.direction is RelationshipDirection.ONETOMANY:
            below.append((relation.key, other))
        else:
            return None
    place = cls.metadata.sorted_tables.index(table)
    return _Shape(table, place, columns, defaults, tuple(above), tuple(below))


@dataclass(frozen=True)
class _Row:
    of: Any
    state: InstanceState[Any]
    shape: _Shape


class Rows:
    """The new and the changed rows of an act on their way to the engine."""

    def __init__(self, session: Session, dirty: Sequence[_Row], new: Sequence[_Row]) -> None:
        self._session = session
        self._connection: Connection = session.connection()
        self._dirty = dirty
        self._new = sorted(new, key=lambda row: row.shape.place)

    def insert(self) -> None:
        """The new ones; they have their ids then."""
        for row in self._dirty:
            _hand_down(row)
        for row in self._new:
            values = row.state.dict
            for name, key, other in row.shape.above:
                target = values.get(name)
                if target is not None:
                    values[key] = getattr(target, other)
            for key in row.shape.columns:
                if key not in values:
                    values[key] = row.shape.defaults.get(key)
            values["id"] = _insert(self._connection, row.shape, values)
            _hand_down(row)

    def update(self) -> None:
        """The changed ones, but for those of their columns that nobody set."""
        for row in self._dirty:
            unmodified = row.state.unmodified
            names = tuple(
                key
                for key in row.shape.columns
                if key not in unmodified and get_history(row.of, key, UNREAD).has_changes()
            )
            if names:
                _update(self._connection, row.shape, names, row.state.dict)

    def settle(self) -> None:
        """Tell the session that its rows are the engine's."""
        rows = [row.of for row in (*self._dirty, *self._new)]
        for row in rows:
            make_transient(row)
            make_transient_to_detached(row)
        self._session.add_all(rows)


def by_hand(session: Session, dirty: Iterable[Any], new: Iterable[Any]) -> Rows | None:
    """The rows of an act, which are all that the session has in hand; None where a flush is to
    write them."""
    if session.deleted or session.in_nested_transaction():
        # A savepoint that is rolled back must know which rows to read again.
        return None
    fresh = [_Row(row, inspect(row), shape) for row in new if (shape := _shape(type(row)))]
    made = {id(row.of) for row in fresh}
    shaped = [
        _Row(row, inspect(row), shape)
        for row in dirty
        if id(row) not in made and (shape := _shape(type(row)))
    ]
    mine = {id(row.of) for row in shaped}
    if mine != {id(row) for row in session.dirty} or made != {id(row) for row in session.new}:
        return None
    for row in (*shaped, *fresh):
        for name, _ in row.shape.below:
            if not _only_adds(row, name, made):
                return None
    for row in fresh:
        for name, _, _ in row.shape.above:
            target = row.state.dict.get(name)
            if target is not None and id(target) in made and type(target) is type(row.of):
                return None  # which comes first only a flush knows
    return Rows(session, shaped, fresh)


def _only_adds(row: _Row, name: str, made: set[int]) -> bool:
    if name not in row.state.dict or name in row.state.unmodified:
        return True
    history = get_history(row.of, name, UNREAD)
    return not history.deleted and all(id(one) in made for one in history.added or ())


def _hand_down(row: _Row) -> None:
    """The id of a row to those below it."""
    for name, key in row.shape.below:
        if name in row.state.dict and name not in row.state.unmodified:
            for one in get_history(row.of, name, UNREAD).added or ():
                inspect(one).dict[key] = row.of.id


def _insert(connection: Connection, shape: _Shape, values: dict[str, Any]) -> int:
    def made() -> Any:
        table = shape.table
        return (
            insert(table)
            .values({name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names})
            .returning(table.c.id)
        )

    names = shape.columns.values()
    said = {f"new_{column}": values[key] for key, column in shape.columns.items()}
    found: int = tell(connection, ("insert", shape.table.name), said, made).scalar_one()
    return found


def _update(
    connection: Connection, shape: _Shape, names: tuple[str, ...], values: dict[str, Any]
) -> None:
    def made() -> Any:
        table = shape.table
        to_set = {
            shape.columns[key]: bindparam(f"new_{key}", type_=table.c[shape.columns[key]].type)
            for key in names
        }
        return update(table).where(table.c.id == bindparam("row")).values(to_set)

    said = {f"new_{key}": values[key] for key in names}
    tell(connection, ("update", shape.table.name), {**said, "row": values["id"]}, made)


