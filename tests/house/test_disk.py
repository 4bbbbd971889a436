"""What was written stands on the disk when `writing` is left; nobody waits for it under a lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, event, func, select, text

import engines
from cast import Cast
from ledger.db import Stamp, db, writing

NORMAL, FULL = 1, 2


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Flask]:
    app = engines.application(engines.fresh("sqlite", tmp_path), tmp_path)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def _synchronous() -> int:
    return int(db.session.connection().exec_driver_sql("PRAGMA synchronous").scalar_one())


def test_an_act_waits_for_the_disk_after_it_has_let_go_of_the_lock(
    sqlite: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []
    lock = f"{db.engine.url.database}.lock"

    def synced(handle: int) -> None:
        with open(lock, "rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where it is still held
        name = os.readlink(f"/proc/self/fd/{handle}")
        seen.append((name, os.fstat(handle).st_size))

    monkeypatch.setattr(os, "fdatasync", synced)
    with writing():
        db.session.add(Stamp(name="kept", mark="x"))
        db.session.commit()
        assert seen == []
    ((name, size),) = seen
    assert name.endswith("ledger.db-wal")
    assert size > 0
    assert db.session.scalar(select(func.count()).where(Stamp.name == "kept")) == 1


def test_whoever_does_not_wait_himself_has_sqlite_wait(sqlite: Flask) -> None:
    with writing():
        assert _synchronous() == NORMAL
    assert _synchronous() == FULL
    db.session.rollback()
    with writing():
        db.session.execute(text("DELETE FROM stamp"))
        db.session.commit()
    assert _synchronous() == FULL


def test_who_numbers_lets_go_of_the_counter_before_the_disk(cast: Cast) -> None:
    """On PostgreSQL; and waits for it all the same."""
    said: list[str] = []
    with cast.app.app_context():
        if db.engine.dialect.name == "sqlite":
            pytest.skip("one lock for everything")
        with writing():  # the tests' server is told not to wait at all
            name = db.session.scalar(select(func.current_database()))
            db.session.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = on'))
            db.session.commit()
        db.session.remove()
        db.engine.dispose()

        @event.listens_for(db.engine, "before_cursor_execute")
        def _note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            said.append(statement)

        @event.listens_for(db.engine, "commit")
        def _commit(connection: Connection) -> None:
            waits = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
            said.append(f"COMMIT {waits}")

    number = cast.register()
    told = [one for one in said if one.startswith("COMMIT") or "emit_message" in one]
    message = "SELECT pg_logical_emit_message(true, 'ledger', '')"
    assert told[-3:] == ["COMMIT off", message, "COMMIT on"]
    said.clear()
    cast.accept(number)
    assert [one for one in said if one.startswith("COMMIT")][-1] == "COMMIT on"
    assert "COMMIT off" not in said


def test_a_disk_that_fails_is_no_success(sqlite: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(OSError, match="Input/output"), writing():
        db.session.add(Stamp(name="lost", mark="x"))
        db.session.commit()
    monkeypatch.undo()
    with writing():  # and the lock is free
        db.session.rollback()
