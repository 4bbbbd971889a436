"""What one page costs, counted inside one process: queries, rows visited, processor time.

Rows: on PostgreSQL the sum of EXPLAIN ANALYZE over the page's own queries, rows dropped by filters
included; on SQLite, which does not tell, the steps of its virtual machine in tens, of which every
row visited takes several.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from ledger.db import db
from ledger.people.models import Person

STEP = 10
"""Steps of SQLite's virtual machine between two calls of the counter."""


@dataclass(frozen=True)
class Visit:
    status: int
    queries: int
    visited: int
    """Rows on PostgreSQL, steps of the virtual machine on SQLite."""
    anew: int
    """The same where something was written since, and nothing read is kept."""
    cpu_ms: float
    """Processor time of a warm request, both of Python and of SQLite; without a server."""


def client(app: Flask, username: str) -> FlaskClient:
    """A browser in which `username` has signed in."""
    with app.app_context():
        key = db.session.scalar(select(Person.fs_uniquifier).where(Person.username == username))
        db.session.remove()
    found = app.test_client()
    with found.session_transaction() as session:
        session.update(_user_id=key, _fresh=True, seen=int(time.time()))
    return found


class _Counter:
    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []
        self.steps = 0

    def tick(self) -> int:
        self.steps += STEP
        return 0


@contextmanager
def _counting(app: Flask, counter: _Counter) -> Iterator[None]:
    with app.app_context():
        engine = db.engine

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        counter.statements.append((statement, parameters))

    def out(raw: Any, *_: Any) -> None:
        raw.set_progress_handler(counter.tick, STEP)

    def back(raw: Any, *_: Any) -> None:
        if raw is not None:
            raw.set_progress_handler(None, 0)

    sqlite = engine.dialect.name == "sqlite"
    event.listen(engine, "before_cursor_execute", note)
    if sqlite:
        event.listen(engine, "checkout", out)
        event.listen(engine, "checkin", back)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)
        if sqlite:
            event.remove(engine, "checkout", out)
            event.remove(engine, "checkin", back)


def visit(app: Flask, browser: FlaskClient, path: str, times: int = 10) -> Visit:
    """Get the page a few times for the clock, then once to count."""
    for _ in range(2):
        browser.get(path)
    begun = time.process_time()
    for _ in range(times):
        browser.get(path)
    cpu = (time.process_time() - begun) / times
    status, queries, visited = _counted(app, browser, path)
    with app.app_context():
        db.engine.dispose()  # and with the connections whatever they keep
    _, _, anew = _counted(app, browser, path)
    return Visit(status, queries, visited, anew, cpu * 1000)


def _counted(app: Flask, browser: FlaskClient, path: str) -> tuple[int, int, int]:
    """Status, queries and rows of one request."""
    counter = _Counter()
    with _counting(app, counter):
        status = browser.get(path).status_code
    queries = [(s, p) for s, p in counter.statements if not s.startswith(("BEGIN", "PRAGMA"))]
    with app.app_context():
        sqlite = db.engine.dialect.name == "sqlite"
        visited = counter.steps if sqlite else sum(_rows(s, p) for s, p in queries)
        db.session.remove()
    return status, len(queries), visited


def _rows(statement: str, parameters: Any) -> int:
    if not statement.lstrip().upper().startswith(("SELECT", "WITH")):
        return 0
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
    with db.engine.connect() as connection:
        found = connection.exec_driver_sql(explained, parameters).scalar_one()
    plan = json.loads(found) if isinstance(found, str) else found
    return _visited(plan[0]["Plan"])


def _visited(node: dict[str, Any]) -> int:
    own = 0
    if "Scan" in node["Node Type"]:
        each = node.get("Actual Rows", 0) + sum(
            node.get(dropped, 0)
            for dropped in ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        )
        own = round(each * node.get("Actual Loops", 1))
    return own + sum(_visited(child) for child in node.get("Plans", ()))
