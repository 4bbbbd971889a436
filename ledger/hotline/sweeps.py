"""Uploaded files that nobody took in; what hotlines are told of their orders."""

from __future__ import annotations

from datetime import datetime

import structlog

from ..work.outbox import register_topic
from ..work.sweeps import register_sweep
from .drafts import delete_old
from .hearing import VERBS
from .messages import fan_out, forget
from .pushing import push

SECONDS = 60 * 60
PUSH_SECONDS = 2

_log = structlog.get_logger("ledger.hotline")


def register() -> None:
    register_sweep("import_drafts", SECONDS, forget_drafts)
    for verb in sorted(VERBS):
        register_topic(verb, fan_out)
    register_topic("erase", forget)
    register_sweep("push", PUSH_SECONDS, push)


def forget_drafts(at: datetime) -> int:
    """Delete them a day after their upload. Says how many files went."""
    gone = delete_old(at)
    if gone:
        _log.info("uploaded files deleted", count=gone)
    return gone
