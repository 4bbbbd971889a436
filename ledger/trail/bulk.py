"""Acts on new streams, written together: what makes an import of a hundred thousand rows bearable.

Inside `gathering()` a verb that begins a stream runs as ever, and so do further verbs on it. Each
act is read off as it ends, its entry worded and chained by the functions that Act itself uses;
only the writing waits for the end, and is then one statement a table. What a verb does to rows
that stand already is not gathered: the flush would refuse it, as it does everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.orm import RelationshipDirection, Session

from ..db import Base, Moment, db
from ..work.models import Outbox
from .act import (
    GATHERING,
    Act,
    Change,
    Column,
    Inking,
    Stream,
    TrailBypassed,
    Trailed,
    after,
    columns_of,
)
from .canonical import entry_hash, first_prev
from .models import HELD_SERIALS, Entry, EntryText, keep_serials, ledger_id


class Ungathered(Exception):
    """A row failed after an act of its own was gathered: the batch has to go row by row."""


@dataclass(frozen=True)
class _Plan:
    """How rows of a class are read without a flush."""

    table: Table
    defaults: tuple[tuple[str, object], ...]
    """What the flush would set where nothing was."""
    names: tuple[str, ...]
    """Names of the columns, side by side with what `values` gives."""
    values: Callable[[dict[str, Any]], tuple[Any, ...]]
    inked: tuple[Column, ...]
    above: tuple[tuple[str, str, str], ...]
    """Relationships to one row: their name, the column they set, and from which of the other."""
    below: tuple[tuple[str, str], ...]
    """Relationships to many rows: their name, and the column they set there."""

    def read(self, stands: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(self.names, self.values(stands), strict=True))


_plans: dict[type, _Plan] = {}


def _plan(cls: type) -> _Plan:
    if (known := _plans.get(cls)) is None:
        known = _plans.setdefault(cls, _planned(cls))
    return known


def _planned(cls: type[Base]) -> _Plan:
    mapper = inspect(cls)
    table = cls.__table__
    assert isinstance(table, Table)
    # Whose ids stand in no payload get them from the engine.
    attributes = [
        (attribute.key, attribute.columns[0])
        for attribute in mapper.column_attrs
        if issubclass(cls, Trailed) or not attribute.columns[0].primary_key
    ]
    defaults = []
    for key, column in attributes:
        default = column.default
        if default is not None and not default.is_scalar:
            raise TypeError(f"{table.name}.{column.name}: only plain defaults are gathered")
        defaults.append((key, None if default is None else default.arg))
    above, below = [], []
    for relation in mapper.relationships:
        if relation.viewonly or not relation.local_remote_pairs:
            continue
        ((local, remote),) = relation.local_remote_pairs
        other = relation.mapper.get_property_by_column(remote).key
        if relation.direction is RelationshipDirection.MANYTOONE:
            above.append((relation.key, mapper.get_property_by_column(local).key, other))
        elif relation.direction is RelationshipDirection.ONETOMANY:
            below.append((relation.key, other))
    return _Plan(
        table=table,
        defaults=tuple(defaults),
        names=tuple(column.name for _, column in attributes),
        values=itemgetter(*(key for key, _ in attributes)),
        inked=columns_of(cls) if issubclass(cls, Trailed) else (),
        above=tuple(above),
        below=tuple(below),
    )


class Ids:
    """Row numbers known before the rows are. What one batch leaves over the next one takes."""

    def __init__(self) -> None:
        self._free: dict[str, Iterator[int]] = {}
        self._connection: Connection | None = None
        self._block = 1

    def begin(self, connection: Connection, block: int) -> None:
        """`block`: how many rows of a table are expected."""
        self._connection, self._block = connection, max(block, 1)
        if connection.dialect.name == "sqlite":
            # Whoever wrote since the last batch took numbers of his own; nobody does until the
            # commit.
            self._free = {}

    def next(self, table: Table) -> int:
        number = next(self._free.get(table.name, iter(())), None)
        if number is None:
            found = self._free[table.name] = self._take(table)
            number = next(found)
        return number

    def _take(self, table: Table) -> Iterator[int]:
        assert self._connection is not None, "begin() comes first"
        if self._connection.dialect.name == "sqlite":
            last = self._connection.scalar(select(func.max(table.c.id)))
            return count((last or 0) + 1)
        taken = self._connection.scalars(
            text(
                "SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :many)"
            ),
            {"name": table.name, "many": self._block},
        )
        return iter(taken.all())


@dataclass
class _Laid:
    """A new stream as its last act left it."""

    root: Stream
    rows: dict[int, tuple[object, _Plan, dict[str, Any]]] = field(default_factory=dict)
    """By identity: the row, and its columns' values."""


class Gathering:
    """Acts of one batch. See the module."""

    def __init__(self, session: Session, ids: Ids) -> None:
        self._session = session
        self._ids = ids
        self._laid: dict[int, _Laid] = {}
        self._written: dict[str, list[dict[str, Any]]] = {}
        self._ledger = ledger_id(session)

    def __len__(self) -> int:
        """How many streams were begun."""
        return len(self._laid)

    def holds(self, root: Stream) -> bool:
        return id(root) in self._laid

    def take(self, act: Act) -> None:
        """What an act does as it ends, but for the writing."""
        root = act.root
        if root in self._session or act.seen is not None:
            raise TrailBypassed("only new streams are gathered")
        laid = self._laid.get(id(root)) or _Laid(root)
        for row in self._rows(root):
            _fill(row)
        act.refuse_unwritable(row for row in self._rows(root) if isinstance(row, Trailed))
        root.settle(act.at)
        seq = root.version = (root.version or 0) + 1
        changes = self._changes(laid)
        at = after(root.head_at, act.at)
        texts: list[Inking] = []
        fields = act.fields(
            seq,
            at,
            root.head or first_prev(self._ledger, root.stream),
            act.payload(changes, texts.append),
        )
        root.head = entry_hash(fields)
        root.head_at = at
        entry_id = self._ids.next(_ENTRY)
        self._add(_ENTRY, {**fields, "id": entry_id, "hash": root.head})
        for one in texts:
            self._add(
                _TEXT,
                {
                    "entry_id": entry_id,
                    "place": one.place,
                    "salt": one.salt,
                    "body": one.body,
                    "sealed": one.sealed,
                    "erased_by": None,
                },
            )
        waiting = {"entry_id": entry_id, "topic": act.verb, "lane": root.stream}
        self._add(_OUTBOX, {**_WAITING, **waiting, "run_at": at, "created_at": at})
        self._laid[id(root)] = laid

    def write(self) -> None:
        """Write everything. Raises IntegrityError where the engine knows of a row already."""
        connection = self._session.connection()
        for laid in self._laid.values():
            root = laid.root
            laid.rows[id(root)][2].update(
                version=root.version, head=root.head, head_at=root.head_at
            )
            for _, plan, values in laid.rows.values():
                self._written.setdefault(plan.table.name, []).append(values)
        for table in Base.metadata.sorted_tables:
            if rows := self._written.get(table.name):
                _insert(connection, table, rows)
        for laid in self._laid.values():
            laid.root.after_rows()

    def _add(self, table: Table, row: dict[str, Any]) -> None:
        self._written.setdefault(table.name, []).append(row)

    @staticmethod
    def _rows(root: Any) -> Iterator[Any]:
        yield root
        for name, _ in _plan(type(root)).below:
            yield from vars(root).get(name, ())

    def _changes(self, laid: _Laid) -> Iterable[Change]:
        """Gives new rows their ids, and reads off all rows what changed since the last act."""
        root: Any = laid.root
        plan = _plan(type(root))
        self._number(root, plan)
        for name, key in plan.below:
            for row in vars(root).get(name, ()):
                _fill(row)
                vars(row)[key] = root.id
                self._number(row, _plan(type(row)))
        changes: list[Change] = []
        for row in self._rows(root):
            plan = _plan(type(row))
            stands = vars(row)
            for name, key, other in plan.above:
                if (target := stands.get(name)) is not None:
                    stands[key] = getattr(target, other)
            values = plan.read(stands)
            _, _, before = laid.rows.get(id(row), (row, plan, None))
            laid.rows[id(row)] = (row, plan, values)
            if not isinstance(row, Trailed):
                continue
            table = row.__trail__
            place = "" if row is root else str(stands["id"])
            for column in plan.inked:
                value = stands[column.name]
                if value is not None if before is None else value != before[column.name]:
                    changes.append((table, place, column, value))
        return changes

    def _number(self, row: object, plan: _Plan) -> None:
        if isinstance(row, Trailed):
            stands = vars(row)
            if stands.get("id") is None:
                stands["id"] = self._ids.next(plan.table)


def _fill(row: object) -> None:
    """Set what the flush would set."""
    stands = vars(row)
    for key, default in _plan(type(row)).defaults:
        if key not in stands:
            stands[key] = default


def _of(cls: type[Base]) -> Table:
    table = cls.__table__
    assert isinstance(table, Table)
    return table


_ENTRY, _TEXT, _OUTBOX = _of(Entry), _of(EntryText), _of(Outbox)
_WAITING = {
    column.name: None if column.default is None else column.default.arg  # type: ignore[attr-defined]
    for column in _OUTBOX.columns
    if not column.primary_key
}


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """As the driver takes them: the compiler's handling of each value would cost as much as all
    the rest. All rows name the same columns in the same order."""
    dialect = connection.dialect
    names = list(rows[0])
    compiled = insert(table).inline().compile(dialect=dialect, column_keys=names)
    binding = []
    for name in names:
        impl = table.columns[name].type.dialect_impl(dialect)
        if (bind := impl.bind_processor(dialect)) is not None:
            # The rows of a batch share most of their moments.
            binding.append((name, lru_cache(1000)(bind) if isinstance(impl, Moment) else bind))
    for row in rows:
        for name, bind in binding:
            row[name] = bind(row[name])
    places = compiled.positiontup
    if places is None:
        connection.exec_driver_sql(str(compiled), rows)
    else:
        connection.exec_driver_sql(str(compiled), [*map(itemgetter(*places), rows)])


@contextmanager
def gathering(ids: Ids, expected: int) -> Iterator[Gathering]:
    """Take the acts on new streams done inside, and write them on leaving.

    Nothing is written where it is left by an exception; IntegrityError where the engine refuses.
    The caller holds the write lock, and rolls back after either.
    """
    session = db.session()
    if session.info.get(GATHERING) is not None:
        raise TrailBypassed("a gathering inside a gathering")
    ids.begin(session.connection(), expected)
    found = Gathering(session, ids)
    session.info[GATHERING] = found
    held = session.info[HELD_SERIALS] = {}
    try:
        yield found
    finally:
        session.info.pop(GATHERING)
        session.info.pop(HELD_SERIALS)
    found.write()
    keep_serials(session, held)
