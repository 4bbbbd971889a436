"""A database server that was started anew meanwhile is not the next visitor's trouble."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from ledger import db as database
from ledger.db import db


def _lose(app: Flask) -> None:
    """End the server's side of the connection that lies in the pool."""
    with app.app_context():
        own = db.session.scalar(text("SELECT pg_backend_pid()"))
        db.session.remove()
        url = db.engine.url
    other = create_engine(url)
    with other.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:own)"), {"own": own})
    other.dispose()


@pytest.fixture
def on_postgres(app: Flask) -> Flask:
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite has no server")
    return app


def test_one_that_lay_idle_is_tried_first(
    on_postgres: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 0)
    _lose(on_postgres)
    with on_postgres.app_context():
        assert db.session.scalar(text("SELECT 1")) == 1


def test_after_one_failure_all_are_opened_anew(on_postgres: Flask) -> None:
    _lose(on_postgres)
    with on_postgres.app_context():
        with pytest.raises(OperationalError):
            db.session.scalar(text("SELECT 1"))
        db.session.remove()
        assert db.session.scalar(text("SELECT 1")) == 1
