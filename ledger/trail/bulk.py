"""Acts on new streams, written together: what makes an import of a hundred thousand rows bearable.

Inside `gathering()` a verb that begins a stream runs as ever, and so do further verbs on it. Each
act is read off as it ends, and its entry worded and chained as Act does it, letter for letter
(tests/hotline/test_bulk.py); only the writing waits for the end, and is then one statement a
table. What a verb does to rows that stand already is not gathered: the flush would refuse it, as
it does everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, lru_cache
from itertools import count
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Date,
    Dialect,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.orm import RelationshipDirection, Session
from sqlalchemy.types import TypeEngine

from ..db import Base, Moment, db
from ..work.models import Outbox
from .act import (
    GATHERING,
    Act,
    Inking,
    Stream,
    TrailBypassed,
    Trailed,
    after,
    columns_of,
    inking,
    is_writable,
)
from .canonical import (
    FIELDS,
    Plain,
    entry_hash,
    first_prev,
    moment_text,
    plain,
    plain_canonical,
    quick,
)
from .models import ERASED, HELD_SERIALS, Entry, EntryText, keep_serials, ledger_id


class Ungathered(Exception):
    """A row failed after an act of its own was gathered: the batch has to go row by row."""


_Alike = Callable[[dict[str, Any]], Sequence[str]]


@dataclass(frozen=True)
class _Plan:
    """How rows of a class are read without a flush."""

    table: Table
    trail: str
    """What payloads call it; '' where they do not name it."""
    defaults: dict[str, object]
    """What the flush would set where nothing was."""
    names: tuple[str, ...]
    """Names of the columns, side by side with what `values` gives."""
    values: Callable[[dict[str, Any]], tuple[Any, ...]]
    plain: tuple[tuple[str, str, bool], ...]
    """In the order of a payload: a column, how it begins there, and whether it holds words."""
    alike: _Alike
    """What a payload says of a new row in the columns that many have alike."""
    others: tuple[tuple[str, str, bool], ...]
    """Of `plain`, the columns that are told of a new row besides."""
    words: tuple[tuple[str, bool], ...]
    """In the order of the columns: those of words, and whether they are personal."""
    above: tuple[tuple[str, str, str], ...]
    """Relationships to one row: their name, the column they set, and from which of the other."""
    below: tuple[tuple[str, str], ...]
    """Relationships to many rows: their name, and the column they set there."""


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
    defaults: dict[str, object] = {}
    for key, column in attributes:
        default = column.default
        if default is not None and not default.is_scalar:
            raise TypeError(f"{table.name}.{column.name}: only plain defaults are gathered")
        defaults[key] = None if default is None else default.arg
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
    inked = columns_of(cls) if issubclass(cls, Trailed) else ()
    told = tuple(
        (column.name, f'"{column.name}":', column.kind != "plain")
        for column in sorted(inked, key=lambda column: column.name)
    )
    few = {key for key, column in attributes if _has_few_values(column.type)}
    alike = tuple((name, begins) for name, begins, words in told if name in few and not words)
    return _Plan(
        table=table,
        trail=cls.__trail__ if issubclass(cls, Trailed) else "",
        defaults=defaults,
        names=tuple(column.name for _, column in attributes),
        values=itemgetter(*(key for key, _ in attributes)),
        plain=told,
        alike=_alike(alike),
        others=tuple(one for one in told if one[:2] not in alike),
        words=tuple((c.name, c.kind == "personal") for c in inked if c.kind != "plain"),
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

    root: Any
    rows: dict[int, tuple[object, _Plan, dict[str, Any]]] = field(default_factory=dict)
    """By identity: the row, and what stood in it."""


class Gathering:
    """Acts of one batch. See the module."""

    def __init__(self, session: Session, ids: Ids) -> None:
        self._session = session
        self._ids = ids
        self._laid: dict[int, _Laid] = {}
        self._entries: list[tuple[Any, ...]] = []
        self._texts: list[tuple[Any, ...]] = []
        self._outbox: list[tuple[Any, ...]] = []
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
        rows = _rows(root)
        for row in rows:
            if id(row) not in laid.rows:
                _fill(row)
        _refuse_unwritable(act, rows)
        root.settle(act.at)
        seq = root.version = (root.version or 0) + 1
        texts: list[Inking] = []
        payload = self._worded(act, laid, texts)
        at = after(root.head_at, act.at)
        prev = root.head or first_prev(self._ledger, root.stream)
        fields = act.fields(seq, at, prev, payload)
        root.head = entry_hash(fields)
        root.head_at = at
        entry_id = self._ids.next(_ENTRY)
        self._entries.append((entry_id, root.head, *_fields_of(fields)))
        self._texts += [(entry_id, t.place, t.salt, t.body, t.sealed) for t in texts]
        self._outbox.append((entry_id, act.verb, root.stream, at, at, *_WAITING.values()))
        self._laid[id(root)] = laid
        root.after_entry(act, seq, at)

    def write(self) -> None:
        """Write everything. Raises IntegrityError where the engine knows of a row already."""
        connection = self._session.connection()
        written: dict[type, list[tuple[Any, ...]]] = {}
        for laid in self._laid.values():
            root = laid.root
            laid.rows[id(root)][2].update(
                version=root.version, head=root.head, head_at=root.head_at
            )
            for row, plan, stands in laid.rows.values():
                written.setdefault(type(row), []).append(plan.values(stands))
        whole = [
            *((_plan(cls).table, _plan(cls).names, rows) for cls, rows in written.items()),
            (_ENTRY, ("id", "hash", *FIELDS), self._entries),
            (_TEXT, ("entry_id", "place", "salt", "body", "sealed"), self._texts),
            (_OUTBOX, (*_SAID, *_WAITING), self._outbox),
        ]
        for table, names, rows in sorted(whole, key=lambda one: _places()[one[0].name]):
            insert_rows(connection, table, names, rows)
        for laid in self._laid.values():
            laid.root.after_rows()

    def _worded(self, act: Act, laid: _Laid, texts: list[Inking]) -> str:
        """What Act.payload says of what changed since the last act, letter for letter; new rows
        get their ids. Of the rows of a batch most columns are alike, and are words at once."""
        root = laid.root
        plan = _plan(type(root))
        self._number(root, plan)
        for name, key in plan.below:
            for row in vars(root).get(name, ()):
                if id(row) not in laid.rows:
                    _fill(row)  # one that settling has added
                    vars(row)[key] = root.id
                    self._number(row, _plan(type(row)))
        said: dict[str, dict[str, str]] = {}
        for row in _rows(root):
            plan = _plan(type(row))
            stands = vars(row)
            for name, key, other in plan.above:
                if (target := stands.get(name)) is not None:
                    stands[key] = getattr(target, other)
            _, _, before = laid.rows.get(id(row), _NEW)
            laid.rows[id(row)] = (row, plan, stands.copy())
            if not plan.trail:
                continue
            place = "" if row is root else str(stands["id"])
            within = f"{plan.trail}.{place}." if place else f"{plan.trail}."
            was = before.get
            # Of a new row nothing stood before.
            told, parts = (plan.plain, []) if before else (plan.others, [*plan.alike(stands)])
            for name, personal in plan.words:
                value = stands[name]
                if value and value != was(name) and value != ERASED:
                    texts.append(inking(within + name, value, personal=personal))
            parts += [
                begins + _said(value)
                for name, begins, words in told
                if (value := stands[name]) != was(name)
                and not (words and value and value != ERASED)
            ]
            if parts:
                parts.sort()
                said.setdefault(plan.trail, {})[place] = f"{{{','.join(parts)}}}"
        texts += [inking(n, words, personal=False) for n, words in act.texts.items() if words]
        texts += [inking(n, words, personal=True) for n, words in act.personal.items() if words]
        body = []
        if act.data:
            body.append(f'"data":{plain_canonical(plain(act.data))}')
        if said:
            tables = (f'"{table}":{_braced(rows)}' for table, rows in sorted(said.items()))
            body.append(f'"set":{{{",".join(tables)}}}')
        if texts:
            committed: dict[str, Plain] = {one.place: one.commitment for one in texts}
            body.append(f'"texts":{plain_canonical(committed)}')
        return f"{{{','.join(body)}}}"

    def _number(self, row: object, plan: _Plan) -> None:
        if plan.trail:
            stands = vars(row)
            if stands.get("id") is None:
                stands["id"] = self._ids.next(plan.table)


_NEW: tuple[None, None, dict[str, Any]] = (None, None, {})


def _rows(root: Any) -> list[Any]:
    stands = vars(root)
    rows = [root]
    for name, _ in _plan(type(root)).below:
        if name in stands:
            rows += stands[name]
    return rows


def _fill(row: object) -> None:
    """Set what the flush would set."""
    stands, defaults = vars(row), _plan(type(row)).defaults
    for key in defaults.keys() - stands.keys():
        stands[key] = defaults[key]


def _refuse_unwritable(act: Act, rows: list[Any]) -> None:
    # All words at once; where something is wrong, the act finds out with which.
    words = "".join([v for row in rows for v in vars(row).values() if isinstance(v, str)])
    trailed = () if is_writable(words) else (row for row in rows if isinstance(row, Trailed))
    act.refuse_unwritable(trailed)


def _said(value: object) -> str:
    """A column's value as it stands in a payload."""
    if isinstance(value, str):
        return encode_basestring(value)
    if value is False:
        return "false"
    if value is True:
        return "true"
    if isinstance(value, datetime):
        return f'"{moment_text(value)}"'
    if isinstance(value, int):
        return str(plain(value))
    return quick(plain(value))


def _alike(columns: tuple[tuple[str, str], ...]) -> _Alike:
    """Words a set of values once, and not for every row that has the same."""

    @lru_cache(maxsize=512, typed=True)
    def tell(*values: object) -> list[str]:
        told = zip(columns, values, strict=True)
        return [begins + _said(value) for (_, begins), value in told if value is not None]

    names = [name for name, _ in columns]
    return lambda stands: tell(*map(stands.__getitem__, names))


def _has_few_values(of: TypeEngine[Any]) -> bool:
    """Flags and codes; all else is as various as the rows."""
    return isinstance(of, Boolean) or (isinstance(of, String) and (of.length or 100) <= 40)


def _braced(rows: dict[str, str]) -> str:
    return "{" + ",".join(f'"{place}":{words}' for place, words in sorted(rows.items())) + "}"


def _of(cls: type[Base]) -> Table:
    table = cls.__table__
    assert isinstance(table, Table)
    return table


_ENTRY, _TEXT, _OUTBOX = _of(Entry), _of(EntryText), _of(Outbox)
_fields_of = itemgetter(*FIELDS)
_SAID = ("entry_id", "topic", "lane", "run_at", "created_at")
_WAITING = {
    column.name: None if column.default is None else column.default.arg  # type: ignore[attr-defined]
    for column in _OUTBOX.columns
    if not column.primary_key and column.name not in _SAID
}


@cache
def _places() -> dict[str, int]:
    """Of the tables, where each comes after those it refers to."""
    return {table.name: place for place, table in enumerate(Base.metadata.sorted_tables)}


def insert_rows(
    connection: Connection, table: Table, names: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """As the driver takes them: the compiler's handling of each value would cost as much as all
    the rest. `names`: of the columns, as they stand in each row."""
    if not rows:
        return
    statement, taken = _prepared(connection.dialect, table, tuple(names))
    columns = list(zip(*rows, strict=True))
    bound = (columns[n] if bind is None else map(bind, columns[n]) for n, bind in taken)
    connection.exec_driver_sql(statement, list(zip(*bound, strict=True)))


_NAMED = re.compile(r"%\((\w+)\)s")

_Taken = list[tuple[int, Callable[[Any], Any] | None]]
"""For each mark of a statement: where its value stands in a row, and what makes it the engine's."""

_statements: dict[tuple[str, str, tuple[str, ...]], tuple[str, _Taken]] = {}


def _prepared(dialect: Dialect, table: Table, names: tuple[str, ...]) -> tuple[str, _Taken]:
    key = (dialect.name, table.name, names)
    if key not in _statements:
        compiled = insert(table).inline().compile(dialect=dialect, column_keys=names)
        order = compiled.positiontup or _NAMED.findall(str(compiled))
        taken = [(names.index(name), _bind(dialect, table.columns[name].type)) for name in order]
        _statements[key] = (_NAMED.sub("%s", str(compiled)), taken)
    return _statements[key]


def _bind(dialect: Dialect, of: TypeEngine[Any]) -> Callable[[Any], Any] | None:
    impl = of.dialect_impl(dialect)
    bind = impl.bind_processor(dialect)
    # The rows of a batch share most of their moments.
    alike = bind is not None and isinstance(impl, Moment | Boolean | Date)
    return lru_cache(1000)(bind) if bind is not None and alike else bind


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
