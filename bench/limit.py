"""The limit: what this machine's server, template engine and driver can do at most.

A bare Flask page without session, guard, permission or ORM. It reads the same fifty rows as the
ledger's first page by the same index, on the bare driver, and renders a few cells of each.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg
from flask import Flask

PATH: Final = "/__limit"

SHOWN: Final = (
    "number", "label", "title", "appellant_name", "state", "urgency", "kind", "channel",
    "registered_at", "due_at",
)  # fmt: skip

_QUERY: Final = (
    f"SELECT {', '.join(SHOWN)} FROM appeal"
    " WHERE office_id = {mark} AND is_open = {mark} ORDER BY due_at, id LIMIT 50"
)

_PAGE: Final = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>台账</title></head><body>
<table>{% for row in rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}
</table></body></html>
"""

Read = Callable[[], Sequence[Sequence[Any]]]


def _by_sqlite(path: str, office: int) -> Read:
    kept = threading.local()
    query = _QUERY.format(mark="?")

    def read() -> Sequence[Sequence[Any]]:
        if not hasattr(kept, "connection"):
            kept.connection = sqlite3.connect(path, isolation_level=None)
        found: list[tuple[Any, ...]] = kept.connection.execute(query, (office, 1)).fetchall()
        return found

    return read


def _by_psycopg(url: str, office: int) -> Read:
    kept = threading.local()
    query = _QUERY.format(mark="%s").encode()

    def read() -> Sequence[Sequence[Any]]:
        if not hasattr(kept, "connection"):
            kept.connection = psycopg.connect(url, autocommit=True)
        found: list[tuple[Any, ...]] = kept.connection.execute(query, (office, True)).fetchall()
        return found

    return read


def create_bare(url: str, office: int) -> Flask:
    """The bare page over the same database."""
    app = Flask("limit")
    template = app.jinja_env.from_string(_PAGE)
    if url.startswith("sqlite"):
        read = _by_sqlite(url.removeprefix("sqlite:///"), office)
    else:
        read = _by_psycopg(url.replace("postgresql+psycopg://", "postgresql://"), office)

    @app.get(PATH)
    def page() -> str:
        return template.render(rows=read())

    return app
