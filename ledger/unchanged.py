"""What was read is kept until anything is written.

An office looks at its lists far more often than it writes, and how many appeals a filter lets
through takes a thousand rows to count. SQLite tells a connection whether another one has committed,
PostgreSQL which transactions a statement sees: where that is what it was, so is everything that was
read. Nothing is kept across a change, whatever it was that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from sqlalchemy import Connection

from .db import BEGAN, WRITE, db, snapshot

MOST = 256
"""Results that a connection keeps."""

_KEPT = "ledger_unchanged"

T = TypeVar("T")


def unchanged(key: Hashable, read: Callable[[], T]) -> T:
    """What `read` gives, which must turn on the database and `key` alone, not on the clock.

    It is handed out again as it is: not to be changed by whoever takes it. Inside a write
    transaction everything is read anew.
    """
    connection = db.session.connection()
    edition = None if connection.get_execution_options().get(WRITE) else _edition(connection)
    if edition is None:
        return read()
    of, kept = connection.info.get(_KEPT, (None, {}))
    if of != edition or len(kept) >= MOST:
        kept = {}
        connection.info[_KEPT] = (edition, kept)
    if key not in kept:
        kept[key] = read()
    found: T = kept[key]
    return found


def _edition(connection: Connection) -> Hashable:
    """Two equal ones of a connection see the same database; None where this transaction has itself
    written."""
    if connection.dialect.name == "sqlite":
        # Of the driver itself: by way of the engine it takes longer than a row.
        raw: Any = connection.connection.driver_connection
        (others,) = raw.execute("PRAGMA data_version").fetchone()
        changes = raw.total_changes
        return (others, changes) if changes == connection.info.get(BEGAN) else None
    return snapshot()
