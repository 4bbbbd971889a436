"""Uploaded files that nobody took in."""

from __future__ import annotations

from datetime import datetime

import structlog

from ..work.sweeps import register_sweep
from .drafts import delete_old

SECONDS = 60 * 60

_log = structlog.get_logger("ledger.hotline")


def register() -> None:
    register_sweep("import_drafts", SECONDS, forget_drafts)


def forget_drafts(at: datetime) -> int:
    """Delete them a day after their upload. Says how many files went."""
    gone = delete_old(at)
    if gone:
        _log.info("uploaded files deleted", count=gone)
    return gone
