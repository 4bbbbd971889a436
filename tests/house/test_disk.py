"""On SQLite what was written stands on the disk when `writing` is left, and not in the lock's time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text

import engines
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
