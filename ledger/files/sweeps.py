"""Stored bytes that no row names: what an upload left behind whose commit never came."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from ..db import config, db
from ..work.sweeps import register_sweep
from . import check
from .queries import known_names

SECONDS = 60 * 60
KEPT = timedelta(days=1)

_log = structlog.get_logger("ledger.files")


def register() -> None:
    register_sweep("files", SECONDS, delete_orphans)


def delete_orphans(at: datetime) -> int:
    """Delete them a day after they were written. Says how many."""
    directory = config().attachments_dir
    if not directory.is_dir():
        return 0
    gone = check.sweep(directory, lambda names: _asked(names), older_than=at - KEPT)
    if gone:
        _log.info("orphan files deleted", count=len(gone))
    return len(gone)


def _asked(names: list[str]) -> list[str]:
    known = list(known_names(names))
    db.session.rollback()  # no read transaction stays open while the disk is walked
    return known
