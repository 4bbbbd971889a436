"""The engine, the naming of constraints, the column idioms and the way to write.

Both engines are served by the same portable SQL. On SQLite a write takes a file lock beside
the database before BEGIN IMMEDIATE: SQLite's own lock is not fair, and a session that has read
and then writes fails at once when another committed in between.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    Text,
    event,
    inspect,
    text,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column
from sqlalchemy.types import TypeDecorator

from .ciphers import Keyring
from .config import Config

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column declared INTEGER."""

WRITE = "ledger_write"


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


_MARKS = "ledger_marks"


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
        connection.info.pop(_MARKS, None)
        connection.execute(_MARK, {"name": name, "mark": uuid4().hex})

    for kind in kinds:
        for change in ("after_insert", "after_update", "after_delete"):
            event.listen(kind, change, stamp)


def mark_of(name: str) -> str:
    """The mark under a name, '' before anything was stamped; all are read at once, and once a
    transaction: a page asks a dozen times."""
    connection = db.session.connection()
    here = (connection.get_transaction(), connection.get_nested_transaction())
    kept = connection.info.get(_MARKS)
    if kept is None or kept[0] != here:
        rows = connection.exec_driver_sql("SELECT name, mark FROM stamp")
        kept = connection.info[_MARKS] = (here, {row[0]: row[1] for row in rows})
    marks: dict[str, str] = kept[1]
    return marks.get(name, "")


def init_app(app: Flask, settings: Config) -> None:
    """Bind the application to its database and keys."""
    app.config["LEDGER"] = settings
    app.config["LEDGER_KEYRING"] = Keyring(settings.field_keys)
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    options: dict[str, Any] = {"pool_pre_ping": not settings.is_sqlite}
    if settings.is_sqlite:
        path = settings.database_url.removeprefix("sqlite:///")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        options["connect_args"] = {"timeout": 30}
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    with app.app_context():
        if settings.is_sqlite:
            _prepare_sqlite(db.engine)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(raw: Any, _record: object) -> None:
        # The driver must not open transactions of its own: _begin does.
        raw.isolation_level = None
        cursor = raw.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA recursive_triggers=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextmanager
def writing() -> Iterator[datetime]:
    """Open the one write transaction of a request; yields the moment it began, in UTC.

    Ends whatever was read before. On SQLite waits for the file lock beside the database and
    begins IMMEDIATE. What is not committed inside is rolled back on leaving; the lock is held
    until then. Load rows again inside.
    """
    db.session.rollback()
    lock: int | None = None
    if is_sqlite():
        path = db.engine.url.database or ":memory:"
        if path != ":memory:":
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
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
            os.close(lock)
