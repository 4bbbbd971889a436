"""One act: the rows change and the entry that says so is written, or neither.

`Act` is a context manager around the body of a verb. Whatever the body changes on trailed rows
is read off the session when it ends and becomes the entry's payload, so that no column can be
changed without ink: replaying the payloads gives the rows back (see replay.py). Flushing a
trailed change outside an act raises TrailBypassed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, cast

from sqlalchemy import Insert, Table, Update, bindparam, event, insert, inspect, select, update
from sqlalchemy.orm import (
    ORMExecuteState,
    RelationshipDirection,
    Session,
    SessionTransaction,
    UOWTransaction,
    object_session,
    selectinload,
)
from sqlalchemy.orm.attributes import History, get_history, set_committed_value

from ..ciphers import commit
from ..db import Base, Secret, db, keyring
from ..people.actor import Actor, Seat
from ..prepared import tell
from ..work.models import Outbox
from .canonical import (
    ALGORITHM,
    FORM,
    Plain,
    entry_hash,
    first_prev,
    plain,
    plain_canonical,
    quick,
)
from .models import ERASED, Entry, EntryText, ledger_id
from .replay import sets
from .rows import UNREAD, by_hand

ColumnKind = Literal["plain", "committed", "personal"]

EXPLICIT = "ledger_derived_only"
"""Execution option of a bulk UPDATE that touches derived columns alone."""


class TrailBypassed(RuntimeError):
    """A trailed row was about to change without an entry. A fault of the program."""


class StaleForm(Exception):
    """A field the verb sets has changed since the form was drawn.

    `columns` are "appeal..title", "assignment.12.state"; `since` the entries that came between,
    with their texts, detached.
    """

    def __init__(self, columns: list[str], since: list[Entry]) -> None:
        super().__init__(", ".join(columns))
        self.columns = columns
        self.since = since


class Unwritable(ValueError):
    """Words that not every engine keeps: a NUL, or half of a character (a lone surrogate)."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class Trailed:
    """A row every column of which is set by an entry, or marked derived.

    `__trail__` names it in payloads; `__trail_key__` lists the columns that only say which row
    of which stream it is, and never change; `__trail_root__` is the one of them that holds the
    id of the row at the head of the stream.
    """

    __trail__: ClassVar[str]
    __trail_key__: ClassVar[frozenset[str]] = frozenset({"id"})
    __trail_root__: ClassVar[str] = "appeal_id"


class Stream(Trailed):
    """The row at the head of a stream: an appeal, a bulletin. Counts its entries."""

    version: Any
    head: Any
    head_at: Any

    @property
    def stream(self) -> str:
        raise NotImplementedError

    @property
    def ink_state(self) -> str:
        raise NotImplementedError

    @property
    def ink_round(self) -> int:
        return 1

    def settle(self, at: datetime) -> None:
        """Last touch before the rows are written: derived columns, the number of a new row."""

    def after_rows(self) -> None:
        """The rows have their ids: what is derived from them in tables below is written now."""

    def after_entry(self, act: Act, seq: int, at: datetime) -> None:
        """The entry is worded: what is kept of the stream's course is written beside it."""

    def after_act(self, act: Act) -> None:
        """The entry is written: what follows from it in other streams is done now."""

    def unwritable(self, place: str) -> Exception:
        """What is raised for words that cannot be kept."""
        return Unwritable(place)


@dataclass(frozen=True)
class Column:
    name: str
    kind: ColumnKind


_columns: dict[str, tuple[Column, ...]] = {}


def columns_of(cls: type[Trailed]) -> tuple[Column, ...]:
    """The columns of a trailed class that entries set."""
    if (known := _columns.get(cls.__trail__)) is not None:
        return known
    found = []
    for attribute in inspect(cls).column_attrs:
        column = attribute.columns[0]
        if attribute.key in cls.__trail_key__ or column.info.get("derived"):
            continue
        kind: ColumnKind = "plain"
        if isinstance(column.type, Secret):
            kind = "personal"
        elif column.info.get("committed"):
            kind = "committed"
        found.append(Column(attribute.key, kind))
    return _columns.setdefault(cls.__trail__, tuple(found))


_Single = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
_singles: dict[str, _Single] = {}


def _single(cls: type[Trailed]) -> _Single:
    """Relationships to one row: their names, the columns they set, and from which of the other."""
    if (known := _singles.get(cls.__trail__)) is not None:
        return known
    mapper = inspect(cls)
    found = tuple(
        (
            relation.key,
            tuple(
                (mapper.get_property_by_column(local).key, str(remote.key))
                for local, remote in relation.local_remote_pairs or ()
            ),
        )
        for relation in mapper.relationships
        if not relation.viewonly and relation.direction is RelationshipDirection.MANYTOONE
    )
    return _singles.setdefault(cls.__trail__, found)


def _touched(row: Trailed) -> Iterator[tuple[Column, History]]:
    """The columns that entries set and somebody has set, with what they were and are."""
    changed = inspect(row).committed_state
    for column in columns_of(type(row)):
        if column.name in changed:
            yield column, get_history(row, column.name, UNREAD)


Change = tuple[str, str, Column, object]
"""Table, key, column and value of what an entry sets. The key is the row's id as text, '' for the
stream's own. A bare tuple: there are dozens an act."""


class Inking(NamedTuple):
    """A text behind a commitment, as its row will be."""

    place: str
    salt: str
    body: str | None
    sealed: str | None
    commitment: str


@dataclass(frozen=True)
class _Change:
    row: Trailed
    column: Column
    value: object


GATHERING = "gathering"
"""Key of a session's info: what takes acts on new streams, to write them together."""


class Gatherer(Protocol):
    """See bulk.py."""

    def take(self, act: Act) -> None: ...

    def holds(self, root: Stream) -> bool: ...


class Act:
    """See the module. `data` and `texts` are for the verb to fill: plain facts and free words.

    Raises StaleForm on leaving where `seen`, the version the form was drawn from, is older
    than an entry that set a field this act sets too.
    """

    def __init__(
        self,
        root: Stream,
        verb: str,
        *,
        by: Actor,
        seat: Seat | None,
        at: datetime,
        happened_at: datetime | None = None,
        on_behalf: str = "",
        seen: int | None = None,
    ) -> None:
        self.root = root
        self.verb = verb
        self.by = by
        self.seat = seat
        self.at = at
        self.happened_at = happened_at
        self.on_behalf = on_behalf
        self.seen = seen
        self.assignment: Any = None
        self.data: dict[str, Plain] = {}
        self.texts: dict[str, str] = {}
        self.personal: dict[str, str] = {}
        self._session: Session = db.session()
        self._quiet: Any = None
        self._inked: set[tuple[int, str]] = set()
        self._new: set[int] = set()
        self._writing = False
        self.from_state = ""
        self._gatherer: Gatherer | None = self._session.info.get(GATHERING)

    def begin_stream(self) -> None:
        """The root is new, and this act its first."""
        if self._gatherer is None:
            self._session.add(self.root)

    def __enter__(self) -> Act:
        session = self._session
        if session.info.get("act"):
            raise TrailBypassed("an act inside an act")
        if self._gatherer is not None:
            if self._gatherer.holds(self.root):
                self.from_state = self.root.ink_state
            session.info["act"] = self
            return self
        session.flush()
        session.info["act"] = self
        # Nothing may reach the rows before it is read off for the ink.
        self._quiet = session.no_autoflush
        self._quiet.__enter__()
        if inspect(self.root).persistent:
            self.from_state = self.root.ink_state
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session = self._session
        if self._gatherer is not None:
            session.info.pop("act", None)
            if kind is None:
                self._gatherer.take(self)
            return
        done = False
        try:
            if kind is None:
                self._write()
                done = True
        finally:
            self._quiet.__exit__(kind, error, trace)
            session.info.pop("act", None)
            if not done:
                # Rows may have changed, or even been written, without their entry: whoever
                # catches the exception has to roll back before anything is committed.
                session.info["torn"] = self.verb
        if done:
            self.root.after_act(self)

    # -- what changed ----------------------------------------------------------------------

    def admits(self, row: Trailed, column: str) -> bool:
        """Whether the entry about to be written says so: asked by the flush."""
        return id(row) in self._new or (id(row), column) in self._inked

    def admits_new(self, row: Trailed) -> bool:
        return id(row) in self._new

    @property
    def is_writing(self) -> bool:
        """Whether what changed has been read off: only then may a flush come."""
        return self._writing

    def _fill_keys(self, rows: list[Trailed]) -> None:
        """A unit or firm set by its relationship changes the column only in the flush: too late
        for the ink."""
        for row in rows:
            changed = inspect(row).committed_state
            for relation, pairs in _single(type(row)):
                if relation not in changed or not get_history(row, relation, UNREAD).has_changes():
                    continue
                target = getattr(row, relation)
                for local, remote in pairs:
                    setattr(row, local, getattr(target, remote) if target is not None else None)

    def _changes(self, rows: list[Trailed]) -> list[_Change]:
        changes = []
        for row in rows:
            for column, history in _touched(row):
                if history.added:
                    changes.append(_Change(row, column, history.added[0]))
                elif history.deleted:
                    changes.append(_Change(row, column, None))
        return changes

    def refuse_unwritable(self, rows: Iterable[Trailed]) -> None:
        """Before any flush: the engines would each refuse in their own way, halfway through."""
        for row in rows:
            state = inspect(row)
            stands, changed = state.dict, state.committed_state
            for column in columns_of(type(row)):
                if state.persistent and column.name not in changed:
                    continue  # as the engine keeps it
                value = stands.get(column.name)
                if isinstance(value, str) and not is_writable(value):
                    raise self.root.unwritable(f"{type(row).__trail__}.{column.name}")
        for place, words in [*self.texts.items(), *self.personal.items()]:
            if (
                "." in place
                or len(place) > 120
                or (place in self.texts) == (place in self.personal)
            ):
                raise ValueError(f"not a place of an entry's own: {place!r}")
            if not is_writable(words):
                raise self.root.unwritable(place)
        for name, value in self.data.items():
            if not is_writable(quick(plain(value))):
                raise self.root.unwritable(name)

    def _refuse_foreign(self, rows: Iterable[Trailed]) -> None:
        for row in rows:
            mine = (
                row is self.root
                if isinstance(row, Stream)
                else getattr(row, row.__trail_root__) == self.root.id  # type: ignore[attr-defined]
            )
            if not mine:
                raise TrailBypassed(f"a {type(row).__trail__} row of another stream")

    def _write(self) -> None:
        session = self._session
        root = self.root
        if root not in session:
            raise TrailBypassed("the row at the head of the stream is in no session")
        dirty = [row for row in session.dirty if isinstance(row, Trailed)]
        new = [row for row in session.new if isinstance(row, Trailed)]
        self._fill_keys(dirty)
        self.refuse_unwritable([*dirty, *new])
        root.settle(self.at)
        # settle may have touched a row that nothing else did.
        dirty = [row for row in session.dirty if isinstance(row, Trailed)]
        changes = self._changes(dirty)
        self._refuse_foreign(dict.fromkeys(change.row for change in changes))
        if self.seen is not None:
            self._refuse_stale(changes)
        seq = (root.version or 0) + 1
        root.version = seq
        self._inked = {(id(change.row), change.column.name) for change in changes}
        self._new = {id(row) for row in new}
        self._writing = True
        rows = by_hand(session, list(dict.fromkeys([root, *dirty])), new)
        if rows is None:
            session.flush()
        else:
            for row in dirty:
                _refuse_uninked(row, self)
            rows.insert()
        if new:
            self._refuse_foreign(new)
            for row in new:
                # What was written by hand has every column in hand; a flush leaves its own unread.
                stands: Any = inspect(row).dict if rows is not None else _Read(row)
                changes += [
                    _Change(row, column, value)
                    for column in columns_of(type(row))
                    if (value := stands[column.name]) is not None
                ]
        root.after_rows()
        at = after(root.head_at, self.at)
        texts: list[Inking] = []
        fields = self.fields(
            seq,
            at,
            root.head or first_prev(ledger_id(session), root.stream),
            self.payload(
                (
                    (
                        type(c.row).__trail__,
                        "" if c.row is root else str(c.row.id),  # type: ignore[attr-defined]
                        c.column,
                        c.value,
                    )
                    for c in changes
                ),
                texts.append,
            ),
        )
        head = entry_hash(fields)
        root.head, root.head_at = head, at
        if rows is None or id(root) in self._new:
            self._keep_head(head, at)
        if rows is not None:
            rows.update()
            rows.settle()
        self._ink(fields, head, at, texts)
        root.after_entry(self, seq, at)
        session.info.setdefault("inked", {}).setdefault(root.stream, seq)

    def _keep_head(self, head: str, at: datetime) -> None:
        """Known only when the rows have their ids, and so not written along with them."""
        root: Any = self.root
        table = inspect(type(root)).local_table
        named = {"row": root.id, "hash": head, "moment": at}
        tell(self._session.connection(), ("head", table.name), named, lambda: _head(table))
        set_committed_value(root, "head", head)
        set_committed_value(root, "head_at", at)

    def _ink(self, fields: dict[str, Any], head: str, at: datetime, texts: list[Inking]) -> None:
        """The entry, its texts and the outbox: nobody holds these rows in hand, and plain
        statements write them in a fraction of the time."""
        connection = self._session.connection()
        said = {**fields, "hash": head}
        entry_id = tell(connection, "entry", said, lambda: _named(Entry, said, Entry.id)).scalar()
        if texts:
            connection.execute(
                _TEXTS,
                [
                    {
                        "entry_id": entry_id,
                        "place": text.place,
                        "salt": text.salt,
                        "body": text.body,
                        "sealed": text.sealed,
                    }
                    for text in texts
                ],
            )
        waiting = {"topic": self.verb, "lane": self.root.stream, "run_at": at, "created_at": at}
        row = {**_WAITING, "entry_id": entry_id, **waiting}
        tell(connection, "outbox", row, lambda: _named(Outbox, row))

    # -- the entry -------------------------------------------------------------------------

    def fields(self, seq: int, at: datetime, prev: str, payload: str) -> dict[str, Any]:
        """The entry's FIELDS. The rows have their ids."""
        root, seat = self.root, self.seat
        return {
            "stream": root.stream,
            "seq": seq,
            "at": at,
            "happened_at": self.happened_at or at,
            "form": FORM,
            "verb": self.verb,
            "from_state": self.from_state,
            "to_state": root.ink_state,
            "round": root.ink_round,
            "assignment_id": self.assignment.id if self.assignment is not None else None,
            "actor_kind": self.by.kind,
            "actor_id": self.by.id,
            "actor_name": self.by.name,
            "post_unit_id": seat.unit_id if seat else None,
            "post_unit": seat.unit_name if seat else "",
            "post_role": seat.role if seat else "",
            "on_behalf": self.on_behalf,
            "payload": payload,
            "prev": prev,
            "algorithm": ALGORITHM,
        }

    def payload(self, changes: Iterable[Change], keep: Callable[[Inking], object]) -> str:
        """The entry's payload. `keep` is handed each text behind a commitment."""
        rows: dict[str, dict[str, dict[str, Plain]]] = {}
        texts: dict[str, Plain] = {}

        def ink(place: str, words: str, *, personal: bool) -> None:
            text = inking(place, words, personal=personal)
            keep(text)
            texts[place] = text.commitment

        for table, key, column, value in changes:
            if column.kind != "plain" and value and value != ERASED:
                place = f"{table}.{key}.{column.name}" if key else f"{table}.{column.name}"
                ink(place, str(value), personal=column.kind == "personal")
            else:
                rows.setdefault(table, {}).setdefault(key, {})[column.name] = plain(value)
        for place, words in self.texts.items():
            if words:
                ink(place, words, personal=False)
        for place, words in self.personal.items():
            if words:
                ink(place, words, personal=True)
        body: dict[str, Plain] = {}
        if rows:
            body["set"] = rows  # type: ignore[assignment]
        if texts:
            body["texts"] = texts
        if self.data:
            body["data"] = plain(self.data)
        return plain_canonical(body)

    # -- two hands at once -----------------------------------------------------------------

    def _refuse_stale(self, changes: list[_Change]) -> None:
        assert self.seen is not None
        # What this very transaction wrote (受理并交办) is no other hand's.
        own = self._session.info.get("inked", {}).get(self.root.stream)
        if self.seen == self.root.version or self.seen + 1 == own:
            return
        mine = {
            f"{type(c.row).__trail__}.{'' if c.row is self.root else c.row.id}.{c.column.name}"  # type: ignore[attr-defined]
            for c in changes
        }
        since = list(
            self._session.scalars(
                select(Entry)
                .where(
                    Entry.stream == self.root.stream,
                    Entry.seq > self.seen,
                    Entry.seq < (own or self.root.version + 1),
                )
                .order_by(Entry.seq)
                .options(selectinload(Entry.texts))
            )
        )
        clashing = sorted(mine & {name for entry in since for name in touched(entry.payload)})
        if clashing:
            # Readable also when the session has been rolled back, or is gone.
            for entry in since:
                for text in entry.texts:
                    self._session.expunge(text)
                self._session.expunge(entry)
            raise StaleForm(clashing, since)


class _Read:
    """A row's attributes as a mapping."""

    def __init__(self, row: Trailed) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        return getattr(self._row, name)


_TEXTS = insert(cast(Table, EntryText.__table__))
_WAITING = {
    column.name: column.default.arg
    for column in Outbox.__table__.columns
    if column.default is not None
}


def _named(kind: type[Base], names: Iterable[str], *given: Any) -> Insert:
    """An INSERT of a row whose values are called by their columns' names."""
    table = cast(Table, kind.__table__)
    bound = {name: bindparam(name, type_=table.c[name].type) for name in names}
    return insert(table).values(bound).returning(*given)


def _head(table: Any) -> Update:
    return (
        update(table)
        .where(table.c.id == bindparam("row"))
        .values(head=bindparam("hash"), head_at=bindparam("moment"))
    )


def after(head_at: datetime | None, at: datetime) -> datetime:
    """The moment of a stream's next entry: no two stand at the same."""
    if head_at is not None and at <= head_at:
        return head_at + timedelta(microseconds=1)
    return at


def inking(place: str, words: str, *, personal: bool) -> Inking:
    salt = secrets.token_bytes(16)
    commitment = commit(words, salt)
    if not personal:
        return Inking(place, salt.hex(), words, None, commitment)
    # A phone number is short enough to be guessed from its commitment and salt.
    ring = keyring()
    return Inking(
        place,
        ring.encrypt(salt.hex(), f"entry_text.{place}.salt"),
        None,
        ring.encrypt(words, f"entry_text.{place}"),
        commitment,
    )


def is_writable(words: str) -> bool:
    """Whether every engine keeps these words: no NUL, no lone surrogate."""
    if "\x00" in words:
        return False
    if words.isascii():
        return True
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True


def touched(payload: str) -> set[str]:
    """Columns an entry set, as "assignment.12.state" and "appeal..title"."""
    return {".".join(where) for where in sets(json.loads(payload))}


# -- nothing goes round it ---------------------------------------------------------------------


@event.listens_for(Session, "before_flush")
def _no_change_without_ink(session: Session, _context: UOWTransaction, _rows: object) -> None:
    for row in session.deleted:
        if isinstance(row, Trailed | Entry | EntryText):
            raise TrailBypassed(f"{type(row).__name__} rows are never deleted")
    act: Act | None = session.info.get("act")
    writing = act is not None and act.is_writing
    for row in session.dirty:
        if isinstance(row, Entry) and session.is_modified(row):
            raise TrailBypassed("an entry is never changed")
        if isinstance(row, EntryText) and not writing and session.is_modified(row):
            raise TrailBypassed("a text is changed by an erasure alone")
    if writing:
        return
    for row in session.new:
        if isinstance(row, Trailed):
            raise TrailBypassed(f"a {type(row).__trail__} row without an entry")
    for row in session.dirty:
        if isinstance(row, Trailed):
            _refuse_uninked(row, None)


@event.listens_for(Trailed, "before_insert", propagate=True)
def _no_row_without_ink(_mapper: object, _connection: object, row: Trailed) -> None:
    act: Act | None = _act_of(row)
    if act is None or not act.admits_new(row):
        raise TrailBypassed(f"a {type(row).__trail__} row without an entry")


@event.listens_for(Trailed, "before_update", propagate=True)
def _no_column_without_ink(_mapper: object, _connection: object, row: Trailed) -> None:
    """The last moment: relationships have set their columns, and what changes now is final."""
    _refuse_uninked(row, _act_of(row))


def _act_of(row: Trailed) -> Act | None:
    session = object_session(row)
    found: Act | None = session.info.get("act") if session is not None else None
    return found


def _refuse_uninked(row: Trailed, act: Act | None) -> None:
    for column, history in _touched(row):
        if history.has_changes() and not (act is not None and act.admits(row, column.name)):
            raise TrailBypassed(f"{type(row).__trail__}.{column.name} without an entry")
    for name in type(row).__trail_key__ - inspect(row).unmodified:
        history = get_history(row, name, UNREAD)
        if any(value is not None for value in history.deleted or ()):
            raise TrailBypassed(f"{type(row).__trail__}.{name} never changes")


@event.listens_for(Session, "do_orm_execute")
def _no_bulk_without_ink(state: ORMExecuteState) -> None:
    if not (state.is_update or state.is_delete or state.is_insert):
        return
    name = getattr(getattr(state.statement, "table", None), "name", "")
    kept = {
        mapper.local_table.name  # type: ignore[attr-defined]
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Trailed | Entry | EntryText)
    }
    if name in kept and not state.execution_options.get(EXPLICIT):
        raise TrailBypassed(f"a bulk change of {name} rows")


@event.listens_for(Session, "before_commit")
def _no_torn_commit(session: Session) -> None:
    if session.info.get("torn"):
        raise TrailBypassed(f"the act {session.info['torn']} failed and was not rolled back")


@event.listens_for(Session, "after_soft_rollback")
def _mended(session: Session, _previous: SessionTransaction) -> None:
    session.info.pop("torn", None)


@event.listens_for(Session, "after_transaction_end")
def _over(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop("torn", None)
        session.info.pop("inked", None)
