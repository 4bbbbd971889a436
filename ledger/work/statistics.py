"""What the engine knows of how many rows there are of what: its plans are as good as that."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from ..db import db, is_sqlite, writing
from .sweeps import register_sweep

SECONDS: Final = 24 * 60 * 60

MANY: Final = 1000
"""New rows after which it is asked anew at once."""

SAMPLE: Final = 1000
"""Rows of each index that SQLite looks at: nobody waits while it counts a million."""


def register() -> None:
    register_sweep("statistics", SECONDS, lambda _at: renew())


def renew() -> None:
    """Have the engine gather them anew. Opens and commits a write transaction of its own."""
    with writing():
        connection = db.session.connection()
        if is_sqlite():
            connection.execute(text(f"PRAGMA analysis_limit = {SAMPLE}")).close()
        connection.execute(text("ANALYZE"))
        db.session.commit()
