"""What is looked after by the clock: drafts that nobody came back to."""

from __future__ import annotations

from ..work.sweeps import register_sweep
from . import drafts

SECONDS = 6 * 60 * 60


def register() -> None:
    register_sweep("drafts", SECONDS, drafts.forget_old)
