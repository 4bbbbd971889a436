"""Jobs: longer work that somebody asked for, claimed with a lease so that no crash loses it.

A job's function runs outside any transaction and may be run again from the start, by another
worker, when the one that held it died: it must be such that twice is the same as once.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

import structlog
from sqlalchemy import Select, and_, or_, select

from ..db import db, writing
from .models import Job

LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 5

_log = structlog.get_logger("ledger.work")


class Cancelled(Exception):
    """The job was called off, or its lease passed to another worker: stop, and undo nothing."""


@dataclass(frozen=True)
class Running:
    """A job in hand."""

    id: int
    kind: str
    request: str
    worker: str
    attempt: int

    def tell(self, progress: int, total: int) -> None:
        """Say how far it is; renews the lease. To be called at least every few minutes.

        Raises Cancelled. Ends whatever transaction is open.
        """
        with writing() as at:
            job = _mine(self)
            job.progress, job.total = progress, total
            job.leased_until = at + LEASE
            db.session.commit()


Function = Callable[[Running], str | None]
"""Does the work and gives its result, which the job's row keeps (as ciphertext)."""

_registry: dict[str, Function] = {}


def register_job(kind: str, function: Function) -> None:
    _registry[kind] = function


@cache
def worker_name() -> str:
    """Of this process, as leases know it; unlike that of any other, also after a restart."""
    return f"{socket.gethostname()[:30]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def ask(kind: str, request: str, *, at: datetime, by_id: int | None) -> Job:
    """A new job; the caller commits."""
    if kind not in _registry:
        raise KeyError(kind)
    job = Job(kind=kind, request=request, run_at=at, created_at=at, created_by_id=by_id)
    db.session.add(job)
    return job


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: 30 s, doubling, at most an hour."""
    return timedelta(seconds=min(30 * 2 ** (attempts - 1), 3600))


def drain(at: datetime, worker: str | None = None) -> int:
    """Run every job that is due, one after another; says how many were begun."""
    begun = 0
    while (running := claim(at, worker or worker_name())) is not None:
        begun += 1
        _run(running)
    return begun


def claim(at: datetime, worker: str) -> Running | None:
    """Take the next job that waits, or whose worker let its lease run out; None where none is."""
    if db.session.scalar(_due(at).with_only_columns(Job.id)) is None:
        db.session.rollback()
        return None
    with writing() as now:
        job = db.session.scalar(_due(max(at, now)).with_for_update(skip_locked=True))
        if job is None:
            return None
        job.attempts += 1
        if job.attempts > MOST_ATTEMPTS:  # it took its worker down each time
            job.state, job.finished_at = "failed", now
            db.session.commit()
            return None
        job.state, job.leased_by, job.leased_until = "running", worker, now + LEASE
        running = Running(job.id, job.kind, job.request, worker, job.attempts)
        db.session.commit()
        return running


def _due(at: datetime) -> Select[Job]:
    return (
        select(Job)
        .where(
            Job.kind.in_(list(_registry)),
            or_(
                and_(Job.state == "waiting", Job.run_at <= at),
                and_(Job.state == "running", Job.leased_until < at),
            ),
        )
        .order_by(Job.run_at, Job.id)
        .limit(1)
    )


def _run(running: Running) -> None:
    try:
        result = _registry[running.kind](running)
        with writing() as at:
            job = _mine(running)
            job.state, job.result, job.finished_at = "done", result, at
            job.leased_until = None
            db.session.commit()
    except Cancelled:
        db.session.rollback()
        _log.info("job given up", job=running.id, kind=running.kind)
    except Exception as error:
        _log.warning("job failed", job=running.id, kind=running.kind, error=type(error).__name__)
        _put_off(running)


def _put_off(running: Running) -> None:
    with writing() as at:
        try:
            job = _mine(running)
        except Cancelled:
            return
        job.leased_until = None
        if job.attempts >= MOST_ATTEMPTS:
            job.state, job.finished_at = "failed", at
        else:
            job.state, job.run_at = "waiting", at + pause_after(job.attempts)
        db.session.commit()


def _mine(running: Running) -> Job:
    """The row, locked, while this worker still holds it. Raises Cancelled."""
    job = db.session.scalar(select(Job).where(Job.id == running.id).with_for_update())
    if job is None or job.state != "running" or job.leased_by != running.worker:
        raise Cancelled(running.id)
    return job
