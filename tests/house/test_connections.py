"""A database server that was started anew meanwhile is not the next visitor's trouble."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from cast import Cast
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


def _rename(app: Flask, name: str) -> None:
    """As somebody else would, and commit it."""
    with app.app_context():
        url = db.engine.url
    other = create_engine(url)
    with other.begin() as connection:
        connection.execute(text("UPDATE unit SET short_name = :name"), {"name": name})
    other.dispose()


def test_what_was_read_before_a_write_is_read_again_inside_it(cast: Cast) -> None:
    with cast.app.app_context():
        unit = cast.unit("bureau")
        assert unit.short_name == "交通局"
        _rename(cast.app, "交运局")
        with database.writing():
            assert unit.short_name == "交运局"


def test_what_was_changed_and_not_committed_is_forgotten(cast: Cast) -> None:
    """Also by a request that ends well, and by a write that begins."""
    with cast.app.app_context():
        cast.unit("bureau").short_name = "不算数"
    with cast.app.app_context():
        assert cast.unit("bureau").short_name == "交通局"
        cast.unit("bureau").short_name = "也不算数"
        with database.writing():
            assert cast.unit("bureau").short_name == "交通局"
            db.session.commit()
    with cast.app.app_context():
        assert cast.unit("bureau").short_name == "交通局"
