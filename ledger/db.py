"""The engine, the naming of constraints, the column idioms and the way to write.

Both engines are served by the same portable SQL. On SQLite a write takes a file lock beside
the database before BEGIN IMMEDIATE: SQLite's own lock is not fair, and a session that has read
and then writes fails at once when another committed in between.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from flask import Flask, current_app, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    Text,
    bindparam,
    event,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    Mapper,
    Session,
    SessionTransaction,
    mapped_column,
    object_session,
)
from sqlalchemy.types import TypeDecorator

from .ciphers import Keyring
from .config import Config

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column declared INTEGER."""

WRITE = "ledger_write"

BEGAN = "ledger_began"
"""Of a connection to SQLite: how many rows it had ever changed, kept or rolled back, when its
transaction began."""


class Moment(TypeDecorator[datetime]):
    """An instant, kept in UTC to the microsecond; naive datetimes are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        # SQLite keeps text: read at once, without the steps between. Lists hold hundreds of them.
        if dialect.name == "sqlite":
            return _from_text
        return super().result_processor(dialect, coltype)


def _from_text(value: Any) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Secret(TypeDecorator[str]):
    """Personal text, ciphertext in the database, bound to the place ("table.field") it names."""

    impl = Text
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring().encrypt(value, self.place)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring().decrypt(value, self.place)


class Base(DeclarativeBase):
    """Every table. Lengths are in characters, with room for engines that count bytes."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        str: String(200),
        datetime: Moment(),
    }


pk = Annotated[int, mapped_column(Id, primary_key=True)]
code = Annotated[str, mapped_column(String(40))]
long_text = Annotated[str, mapped_column(Text)]

DERIVED: dict[str, Any] = {"derived": True}
"""Column info: computed from others (sort keys, counters, indexes); not set by an entry."""

COMMITTED: dict[str, Any] = {"committed": True}
"""Column info: free or personal text, which the chain holds only as a commitment."""


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


def config() -> Config:
    """The running application's configuration."""
    found: Config = current_app.config["LEDGER"]
    return found


def keyring() -> Keyring:
    """The running application's field keys."""
    found: Keyring = current_app.config["LEDGER_KEYRING"]
    return found


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def now() -> datetime:
    """The clock, for the edges (views, commands, the worker). Rules are handed their moment."""
    return datetime.now(UTC)


IDLE_SECONDS = 5
"""After which a connection to PostgreSQL is tried before it is used."""
_USED = "ledger_used"
_WROTE = "ledger_wrote"

_MARKS = "ledger_marks"
_SNAPSHOT = "ledger_snapshot"
_MARKS_AND_SNAPSHOT = (
    "SELECT name, mark, pg_current_snapshot()::text FROM (SELECT 1) AS one LEFT JOIN stamp ON true"
)


class Stamp(Base):
    """A mark that is new after every change of what a process keeps in memory under this name.

    Random, not counted: a change that is rolled back and the one that follows it would share a
    number.
    """

    __tablename__ = "stamp"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    mark: Mapped[str] = mapped_column(String(40))


_MARK = text(
    "INSERT INTO stamp (name, mark) VALUES (:name, :mark)"
    " ON CONFLICT (name) DO UPDATE SET mark = excluded.mark"
)


def stamped(name: str, *kinds: type[Base], but: Collection[str] = ()) -> None:
    """Have every change of these rows change the mark of `name`; not one of the columns `but`,
    which nobody keeps."""

    def stamp(_mapper: Mapper[Any], connection: Connection, row: Base) -> None:
        if but:
            state = inspect(row)
            touched = {c.key for c in state.mapper.column_attrs if state.attrs[c.key].history.added}
            if state.persistent and touched and touched <= set(but):
                return
        session = object_session(row)
        if session is not None:
            session.info.pop(_MARKS, None)
        connection.execute(_MARK, {"name": name, "mark": uuid4().hex})

    for kind in kinds:
        for change in ("after_insert", "after_update", "after_delete"):
            event.listen(kind, change, stamp)


def mark_of(name: str) -> str:
    """The mark under a name, '' before anything was stamped; all are read at once, and once a
    transaction: a page asks a dozen times."""
    session: Session = db.session.registry()
    marks: dict[str, str] | None = session.info.get(_MARKS)
    if marks is None:
        marks = _read_marks(session)
    return marks.get(name, "")


def _read_marks(session: Session) -> dict[str, str]:
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, mark FROM stamp").all()
    else:
        rows = connection.exec_driver_sql(_MARKS_AND_SNAPSHOT).all()
        session.info[_SNAPSHOT] = rows[0][2]
    marks = session.info[_MARKS] = {row[0]: row[1] for row in rows}
    return marks


def snapshot() -> str | None:
    """On PostgreSQL which transactions this one saw when it began to read: where two say the same,
    nothing was committed between them. None where this one has itself written."""
    session: Session = db.session.registry()
    if session.connection().info.get(_WROTE, True):
        return None
    if _SNAPSHOT not in session.info:
        _read_marks(session)
    found: str = session.info[_SNAPSHOT]
    return found


@event.listens_for(Session, "after_transaction_end")
def _forget_marks(session: Session, _transaction: SessionTransaction) -> None:
    """Of a savepoint too: what was stamped in it may have been taken back."""
    session.info.pop(_MARKS, None)
    session.info.pop(_SNAPSHOT, None)


class Reader:
    """Columns of one table by its ids, past the ORM and the compiler, whose share of a list's time
    would be the larger: the statement is the same for ever, and what it gives are plain tuples
    with names.

    Rows with a version are kept by it: of a list that is looked at again most have not changed.
    """

    def __init__(
        self,
        columns: Sequence[InstrumentedAttribute[Any]],
        most: int,
        beside: Sequence[str] = (),
        version: InstrumentedAttribute[int] | None = None,
        keep: int = 2000,
    ) -> None:
        """`columns`: the id first. `most` ids are asked for at once. `beside`: names of what is
        known of each row already. `version`: a column that is new with every change of the row;
        `keep`: so many rows are kept by it."""
        self._whole = _Fixed(columns, most)
        self._versions = None if version is None else _Fixed([columns[0], version], most)
        self._keep = keep
        made: Any = namedtuple("Read", [*(c.key for c in columns), *beside])  # type: ignore[misc]
        self._made = made._make

    def __call__(self, wanted: Sequence[Sequence[Any]]) -> list[Any]:
        """The rows in the order in which they are `wanted`: each an id, and what is known of it.
        Those that are gone are left out."""
        ids = [one[0] for one in wanted]
        found = self._current(ids)
        return [self._made((*found[one[0]], *one[1:])) for one in wanted if one[0] in found]

    def _current(self, ids: list[int]) -> dict[int, tuple[Any, ...]]:
        # What a write has in hand may yet be rolled back, and its version given to something else.
        in_hand = db.session.connection().get_execution_options().get(WRITE)
        if self._versions is None or in_hand or not ids:
            return {row[0]: row for row in self._whole(ids)}
        shelf: dict[Any, dict[Any, Any]] = current_app.extensions.setdefault("ledger.rows", {})
        kept = shelf.setdefault(self, {})
        if len(kept) > self._keep:
            kept.clear()
        keys = self._versions(ids)
        missing = [key[0] for key in keys if key not in kept]
        if missing:
            by_id = {key[0]: key for key in keys}
            for row in self._whole(missing):
                kept[by_id[row[0]]] = row
        return {key[0]: kept[key] for key in keys if key in kept}


class _Fixed:
    """A statement for some ids that is compiled once."""

    def __init__(self, columns: Sequence[InstrumentedAttribute[Any]], most: int) -> None:
        self._columns = columns
        self._most = most
        self._ready: dict[str, tuple[str, list[Any]]] = {}

    def __call__(self, ids: list[int]) -> list[tuple[Any, ...]]:
        connection = db.session.connection()
        statement, processors = self._prepared(connection.dialect)
        found: list[tuple[Any, ...]] = []
        for start in range(0, len(ids), self._most):
            some = ids[start : start + self._most]
            asked: tuple[Any, ...] = (some,)
            if connection.dialect.name == "sqlite":
                asked = (*some, *[some[-1]] * (self._most - len(some)))
            for raw in connection.exec_driver_sql(statement, asked).all():
                row = list(raw)
                for place, process in processors:
                    row[place] = process(row[place])
                found.append(tuple(row))
        return found

    def _prepared(self, dialect: Dialect) -> tuple[str, list[Any]]:
        if dialect.name not in self._ready:
            key = self._columns[0]
            wanted: Any = key.in_([0] * self._most)
            if dialect.name != "sqlite":
                wanted = key == func.any(bindparam(None, [0], ARRAY(BigInteger)))
            query = select(*self._columns).where(wanted)
            compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            # Named marks are for the compiler's own calls; here the ids come by their place.
            statement = re.sub(r"%\(\w+\)s", "%s", str(compiled))
            found = [
                (place, process)
                for place, column in enumerate(self._columns)
                if (process := column.type.dialect_impl(dialect).result_processor(dialect, None))
            ]
            self._ready[dialect.name] = (statement, found)
        return self._ready[dialect.name]


def init_app(app: Flask, settings: Config) -> None:
    """Bind the application to its database and keys."""
    app.config["LEDGER"] = settings
    app.config["LEDGER_KEYRING"] = Keyring(settings.field_keys)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    options: dict[str, Any] = {}
    if settings.is_sqlite:
        path = settings.database_url.removeprefix("sqlite:///")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        options["connect_args"] = {"timeout": 30}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    with app.app_context():
        if settings.is_sqlite:
            _prepare_sqlite(db.engine)
            app.before_request(_give_way)
        else:
            _prepare_postgres(db.engine)
            app.teardown_appcontext(_leave)


def _prepare_postgres(engine: Engine) -> None:
    """A connection that has lain idle is tried before it is used: the server may have been started
    anew meanwhile. One just used is not, which spares a busy ledger a round trip a request."""

    @event.listens_for(engine, "checkout")
    def _checkout(raw: Any, record: Any, _proxy: object) -> None:
        used = record.info.get(_USED)
        if used is None or time.monotonic() - used < IDLE_SECONDS:
            return
        try:
            raw.execute("SELECT 1")
            raw.rollback()
        except raw.OperationalError as error:
            raise DisconnectionError from error  # the pool opens another

    @event.listens_for(engine, "checkin")
    def _checkin(_raw: Any, record: Any) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.info[_WROTE] = False

    @event.listens_for(engine, "before_cursor_execute")
    def _execute(
        connection: Connection, _cursor: object, statement: str, *_more: object
    ) -> None:
        if not statement.startswith(("SELECT", "WITH", "SET LOCAL")):
            connection.info[_WROTE] = True


def plan_once() -> None:
    """Have the statements of this transaction planned once a connection, whatever their values.

    For those whose shape leaves PostgreSQL no choice: it would plan them anew each time, which
    takes longer than answering them.
    """
    if not is_sqlite():
        db.session.connection().exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")


def _leave(error: BaseException | None) -> None:
    """The end of a request."""
    if error is None:
        _end_reading()


def _end_reading() -> bool:
    """End a transaction that has only read by a commit: after a rollback the driver forgets every
    statement it had the server prepare, and planning a desk's takes as long as answering it.

    Whether it did. Whatever was changed without being committed is left to be rolled back.
    """
    if not db.session.registry.has():
        return False
    session = db.session()
    if not session.in_transaction() or session.new or session.dirty or session.deleted:
        return False
    if session.connection().info.get(_WROTE, True):
        return False
    session.commit()
    return True


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(raw: Any, _record: object) -> None:
        # The driver must not open transactions of its own: _begin does.
        raw.isolation_level = None
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        # A page that forty acts have changed is written back once.
        cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA recursive_triggers=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(WRITE)
        raw: Any = connection.connection.driver_connection
        if bool(write) is not bool(connection.info.get(_SEES_TO_DISK)):
            connection.info[_SEES_TO_DISK] = bool(write)
            raw.execute(f"PRAGMA synchronous={'NORMAL' if write else 'FULL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
        connection.info[BEGAN] = raw.total_changes


_SEES_TO_DISK = "ledger_sees_to_disk"
"""Whether a commit on this connection leaves waiting for the disk to `writing`."""

LOG_PAGES = 4000
"""Of SQLite's log, 16 MB: at more it is written back into the database."""


def _reach_disk(path: str) -> None:
    """Wait until all that was committed so far stands on the disk.

    SQLite would wait for it while everybody waits for the lock; after the lock several writers wait
    for the same disk at once. The log is a sequence: with what a writer has read from another
    before it was on the disk, that is on the disk too. What a checkpoint took out of the log
    meanwhile is in the database, and there SQLite itself has waited for it.
    """
    with suppress(FileNotFoundError):
        log = os.open(f"{path}-wal", os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fdatasync(log)
        finally:
            os.close(log)


GIVE_WAY_SECONDS = 0.1
_nobody_writes = threading.Event()
"""In this process, holding the file lock."""
_nobody_writes.set()


def _give_way() -> None:
    """Before a request that may write is looked at: let the thread that is writing finish first.

    It has the lock that everybody waits for. Threads of one process take turns at the processor,
    and what is read and checked beside it would make its time twice as long.
    """
    if request.method == "POST":
        _nobody_writes.wait(GIVE_WAY_SECONDS)


_APART = "ledger_apart"
_MAY = "ledger_may_wait_apart"


def reaches_disk_apart(session: Session) -> bool:
    """On PostgreSQL: have this write transaction give its locks back before it stands on the disk;
    `writing` waits for the disk when it has. Whether that is so: not where there is no such
    transaction to wait for, nor on engines that lack what to wait with.
    """
    connection = session.connection()
    if connection.dialect.name == "sqlite" or not connection.get_execution_options().get(WRITE):
        return False
    may: dict[str, bool] = current_app.extensions.setdefault(_MAY, {})
    if "emit" not in may:
        known = "SELECT count(*) FROM pg_proc WHERE proname = 'pg_logical_emit_message'"
        may["emit"] = bool(connection.exec_driver_sql(known).scalar_one())
    session.info[_APART] = may["emit"]
    return may["emit"]


def _await_disk() -> None:
    """Wait until all that PostgreSQL has committed stands on the disk: its log is a sequence, and
    a commit that waits for its own place in it waits for all before. An empty message is the least
    that is written to it."""
    db.session.execute(text("SELECT pg_logical_emit_message(true, 'ledger', '')"))
    db.session.commit()


@contextmanager
def writing() -> Iterator[datetime]:
    """Open the one write transaction of a request; yields the moment it began, in UTC.

    Ends whatever was read before. On SQLite waits for the file lock beside the database and
    begins IMMEDIATE. What is not committed inside is rolled back on leaving; the lock is held
    until then; on SQLite what was committed is on the disk only when this is left. Load rows again
    inside.
    """
    if not is_sqlite() and _end_reading():
        db.session.expire_all()  # as the rollback does
    db.session.rollback()
    db.session().info.pop(_APART, None)
    lock: int | None = None
    path = db.engine.url.database or ":memory:"
    if is_sqlite() and path != ":memory:":
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        _nobody_writes.clear()
    try:
        db.session.connection(execution_options={WRITE: True})
        yield now()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        # A no-op after a commit; otherwise nothing half-written stays.
        db.session.rollback()
        if lock is not None:
            _nobody_writes.set()
            os.close(lock)
            _reach_disk(path)
    if db.session().info.pop(_APART, False):
        _await_disk()
