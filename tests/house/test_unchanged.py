"""What was read is kept exactly until anything is written, by whomever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, func, select, text

from ledger.db import Stamp, db, writing
from ledger.unchanged import MOST, unchanged

PUT = text("INSERT INTO stamp (name, mark) VALUES (:name, 'x')")


@pytest.fixture
def other(app: Flask) -> Iterator[Connection]:
    """A connection of another process, as far as the ledger is concerned."""
    with app.app_context():
        engine = create_engine(db.engine.url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _count() -> int:
    """Of the stamps; every reading anew adds 1000."""
    global _readings
    _readings += 1
    return 1000 * _readings + (db.session.scalar(select(func.count()).select_from(Stamp)) or 0)


_readings = 0


def _kept() -> int:
    found = unchanged("stamps", _count)
    db.session.rollback()
    return found


def test_it_is_read_once_and_kept_from_one_request_to_the_next(app: Flask) -> None:
    with app.app_context():
        first = _kept()
        db.session.remove()
    with app.app_context():
        assert _kept() == first


def test_what_another_commits_is_seen_at_once(app: Flask, other: Connection) -> None:
    with app.app_context():
        first = _kept()
        other.execute(PUT, {"name": "theirs"})
        assert _kept() == first, "not committed yet"
        other.commit()
        assert _kept() == first + 1001


def test_so_is_what_the_same_connection_wrote(app: Flask) -> None:
    with app.app_context():
        first = _kept()
        with writing():
            db.session.execute(PUT, {"name": "ours"})
            assert unchanged("stamps", _count) % 1000 == first % 1000 + 1, "kept while writing"
            db.session.commit()
        assert _kept() % 1000 == first % 1000 + 1
        db.session.execute(PUT, {"name": "unannounced"})
        assert unchanged("stamps", _count) % 1000 == first % 1000 + 2
        db.session.rollback()
        assert _kept() % 1000 == first % 1000 + 1, "what was rolled back is kept"


def test_one_reading_sees_one_database(app: Flask, other: Connection) -> None:
    """What was read stays as it was until the request ends; what another committed meanwhile, and
    on PostgreSQL could be read already, is kept for no later one."""
    with app.app_context():
        first = unchanged("stamps", _count)
        other.execute(PUT, {"name": "later"})
        other.commit()
        assert unchanged("stamps", _count) == first
        assert unchanged("late", _count) % 1000 == first % 1000 + (
            db.engine.dialect.name == "postgresql"
        )
        db.session.rollback()
        assert unchanged("late", _count) % 1000 == first % 1000 + 1
        db.session.rollback()
        assert _kept() % 1000 == first % 1000 + 1


def test_it_keeps_no_more_than_so_many(app: Flask) -> None:
    with app.app_context():
        first = unchanged(0, _count)
        for key in range(1, MOST + 1):
            unchanged(key, _count)
        assert unchanged(0, _count) > first
