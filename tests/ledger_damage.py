"""Plain SQL on a ledger with its triggers dropped: what somebody with the database could do."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask
from sqlalchemy import text

from ledger.audit.verify import verify_command
from ledger.db import db
from ledger.trail import triggers


def sql(app: Flask, *statements: str, **values: Any) -> None:
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        for statement in statements:
            connection.execute(text(statement), values)
        connection.commit()
        connection.invalidate()


def scalar(app: Flask, statement: str, **values: Any) -> Any:
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(text(statement), values).scalar()


def drop_triggers(app: Flask) -> None:
    names = triggers.SQLITE
    on = ""
    with app.app_context():
        if db.engine.dialect.name == "postgresql":
            names, on = triggers.POSTGRESQL, " ON entry"
    sql(app, *(f"DROP TRIGGER {name}{on}" for name in names))


def relay_triggers(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        triggers.create(connection)


def damage(app: Flask, *statements: str, **values: Any) -> None:
    """The statements with the triggers gone, which then stand again as if nothing had been."""
    drop_triggers(app)
    sql(app, *statements, **values)
    relay_triggers(app)


def verify(app: Flask) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `ledger verify --json`."""
    result = app.test_cli_runner().invoke(verify_command, ["--json"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, json.loads(result.stdout)


def problems(app: Flask) -> list[tuple[str, int | None, str]]:
    code, found = verify(app)
    assert code == (0 if found["ok"] else 1)
    assert found["ok"] == (not found["problems"])
    return [(one["appeal"], one["seq"], one["what"]) for one in found["problems"]]
