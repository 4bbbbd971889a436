"""Whether the ledger can be worked with, as whoever watches over it asks."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import text

from ledger.db import db
from ledger.trail import triggers


def test_a_laid_ledger_is_ready(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").json == {"ok": True}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"ok": True, "problems": []})


@pytest.mark.parametrize("position", [0, 1, 2])
def test_it_is_not_ready_without_one_of_the_triggers(app: Flask, position: int) -> None:
    with app.app_context():
        postgres = db.engine.dialect.name == "postgresql"
        name = sorted(triggers.POSTGRESQL if postgres else triggers.SQLITE)[position]
        with db.engine.begin() as connection:
            connection.execute(text(f"DROP TRIGGER {name}" + (" ON entry" if postgres else "")))
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert name in str(answer.json["problems"])


def test_it_is_not_ready_with_a_trigger_that_refuses_nothing(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        if db.engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE entry DISABLE TRIGGER entry_no_update"))
        else:
            connection.execute(text("DROP TRIGGER entry_no_update"))
            connection.execute(
                text(
                    "CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN SELECT 1; END"
                )
            )
    assert app.test_client().get("/readyz").status_code == 503


def test_an_empty_database_is_healthy_and_not_ready(engine: str, tmp_path: object) -> None:
    from pathlib import Path

    import engines

    assert isinstance(tmp_path, Path)
    url = (
        f"sqlite:///{tmp_path / 'empty.db'}"
        if engine == "sqlite"
        else engines.new_postgres_database()
    )
    client = engines.application(url, tmp_path).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
