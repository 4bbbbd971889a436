"""Uploaded files that nobody took in; what hotlines are told of their orders."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy import Table, delete

from ..db import db, writing
from ..work.outbox import register_topic
from ..work.sweeps import register_sweep
from .api_models import ApiIdempotency, ApiNonce
from .drafts import delete_old
from .hearing import VERBS
from .messages import fan_out, forget
from .pushing import push
from .signing import NEAR

SECONDS = 60 * 60
PUSH_SECONDS = 2
REMEMBERED = timedelta(days=7)
"""An Idempotency-Key."""

_log = structlog.get_logger("ledger.hotline")


def register() -> None:
    register_sweep("import_drafts", SECONDS, forget_drafts)
    for verb in sorted(VERBS):
        register_topic(verb, fan_out)
    register_topic("erase", forget)
    register_sweep("push", PUSH_SECONDS, push)
    register_sweep("api_used_once", SECONDS, forget_used)


def forget_used(at: datetime) -> int:
    """What a signature or an Idempotency-Key was used for once. Says how many rows went."""
    with writing():
        gone = sum(
            db.session.connection().execute(delete(table).where(table.c.at < at - age)).rowcount
            for table, age in (
                (cast(Table, ApiNonce.__table__), 2 * NEAR),
                (cast(Table, ApiIdempotency.__table__), REMEMBERED),
            )
        )
        db.session.commit()
    return gone


def forget_drafts(at: datetime) -> int:
    """Delete them a day after their upload. Says how many files went."""
    gone = delete_old(at)
    if gone:
        _log.info("uploaded files deleted", count=gone)
    return gone
