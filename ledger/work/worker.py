"""The worker: huey gives the clock and the hands; what is to be done stands in rows.

Its queue is memory alone and may be lost at any moment: every round begins by asking the rows.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import structlog
from flask import Flask
from huey import MemoryHuey
from huey.consumer import Consumer

from ..db import db, now
from . import jobs, outbox, sweeps

HANDS = 2
"""Threads: while one is held by a long job, the other goes on with the sweeps."""

OUTBOX_SECONDS = 2
JOBS_SECONDS = 2

_log = structlog.get_logger("ledger.work")


def run(app: Flask) -> None:
    """Work until SIGTERM or SIGINT; what is in hand is brought to its end first."""
    sweeps.register_sweep("outbox", OUTBOX_SECONDS, outbox.drain)
    sweeps.register_sweep("jobs", JOBS_SECONDS, jobs.drain)
    logging.getLogger("huey").setLevel(logging.ERROR)
    huey = MemoryHuey("ledger", results=False)
    rounds = {sweep.name: sweep for sweep in sweeps.registered()}

    @huey.task()  # type: ignore[untyped-decorator]
    def round_of(name: str) -> None:
        sweep = rounds[name]
        try:
            once(app, sweep)
        finally:
            # huey's own periodic tasks know minutes only.
            round_of.schedule(args=(name,), delay=sweep.every_seconds)

    for name in rounds:
        round_of(name)
    with app.app_context():
        freed = jobs.let_go_of_the_dead()
        db.session.remove()
    _log.info("worker started", sweeps=sorted(rounds), taken_over=freed)
    # TERM is what a supervisor sends: finish what is in hand. A job that goes on for longer is
    # left to its lease.
    Consumer(huey, workers=HANDS, periodic=False, graceful_signal="TERM", shutdown_timeout=20).run()
    _log.info("worker stopped")


def once(app: Flask, sweep: sweeps.Registered) -> bool:
    """One round of one sweep. A fault is logged, without what it was about, and not raised."""
    with app.app_context():
        try:
            sweep.run(now())
            return True
        except Exception as error:
            # The message of a database error carries what was to be written.
            where = [
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)[-6:]
            ]
            _log.error("sweep failed", sweep=sweep.name, error=type(error).__name__, at=where)
            return False
        finally:
            db.session.remove()
