"""/healthz: the process answers. /readyz: the ledger can be worked with."""

from __future__ import annotations

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ..db import db
from ..trail import triggers
from ..trail.models import ledger_id


def init_app(app: Flask) -> None:
    app.add_url_rule("/healthz", "healthz", healthz)
    app.add_url_rule("/readyz", "readyz", readyz)


def healthz() -> ResponseReturnValue:
    return jsonify(ok=True)


def readyz() -> ResponseReturnValue:
    """503 with what is wrong: no database, not migrated, or a trail trigger missing."""
    problems: list[str] = []
    try:
        db.session.execute(text("SELECT 1"))
        ledger_id(db.session())
        missing = triggers.missing(db.session.connection())
        problems += [f"trigger {name} is missing" for name in missing]
    except LookupError as error:
        problems.append(str(error))
    except SQLAlchemyError:
        problems.append("the database does not answer or is not migrated")
    return jsonify(ok=not problems, problems=problems), 503 if problems else 200
