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
ACTIVE = ("waiting", "running")
"""The states of a job that is not over."""

_log = structlog.get_logger("ledger.work")


class Cancelled(Exception):
    """The job was called off, or its lease passed to another worker: stop, and undo nothing."""


class Impossible(Exception):
    """It cannot be done however often it is tried; the message, in Chinese, becomes the result."""


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
            self.hold(progress, total, at)
            db.session.commit()

    def hold(self, progress: int, total: int, at: datetime) -> None:
        """The same in the caller's own write transaction: what it writes there is written by
        whoever holds the job, and by nobody else. Raises Cancelled."""
        job = _mine(self)
        if progress > job.progress:
            job.attempts = 1  # none of those that failed did so at what comes now
        job.progress, job.total = progress, total
        job.leased_until = at + LEASE


Function = Callable[[Running], str | None]
"""Does the work and gives its result, which the job's row keeps (as ciphertext)."""

_registry: dict[str, Function] = {}


def register_job(kind: str, function: Function) -> None:
    _registry[kind] = function


@cache
def worker_name() -> str:
    """Of this process, as leases know it; unlike that of any other, also after a restart."""
    return f"{_host()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def _host() -> str:
    return socket.gethostname().replace(":", "-")[:30]


def ask(kind: str, request: str, *, at: datetime, by_id: int | None) -> Job:
    """A new job; the caller commits."""
    if kind not in _registry:
        raise KeyError(kind)
    job = Job(kind=kind, request=request, run_at=at, created_at=at, created_by_id=by_id)
    db.session.add(job)
    return job


def begin(job: Job, at: datetime) -> Running:
    """Take a job that was just asked for in hand at once; the caller commits, then `carry_out`s
    it. Where this process ends in the middle, a worker goes on."""
    job.attempts, job.state = 1, "running"
    job.leased_by, job.leased_until = worker_name(), at + LEASE
    db.session.flush()
    return Running(job.id, job.kind, job.request, job.leased_by, job.attempts)


def cancel(job_id: int, at: datetime) -> bool:
    """Call a job off that is not over; the caller commits. What it has done stays done."""
    job = db.session.get(Job, job_id, with_for_update=True, populate_existing=True)
    if job is None or job.state not in ACTIVE:
        return False
    job.state, job.finished_at, job.leased_until = "cancelled", at, None
    return True


def let_go_of_the_dead() -> int:
    """End the leases of processes of this machine that are no more; says how many.

    For a worker that begins: whoever restarts a server need not wait for leases to run out.
    """
    with writing() as at:
        held = db.session.scalars(
            select(Job).where(Job.state == "running", Job.leased_until >= at).with_for_update()
        )
        orphans = [job for job in held if _is_dead(job.leased_by)]
        for job in orphans:
            job.leased_until = at - LEASE
        db.session.commit()
        return len(orphans)


def _is_dead(worker: str) -> bool:
    """Whether the name is of a process of this machine that has ended. After a restart of a
    container another process may bear its number."""
    host, _, rest = worker.partition(":")
    number = rest.partition(":")[0]
    if host != _host() or not number.isdecimal():
        return False
    if int(number) == os.getpid():
        return worker != worker_name()
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


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


def carry_out(running: Running) -> None:
    """Do what was begun; raises what the work raises, once the job's row says that it failed."""
    try:
        result = _registry[running.kind](running)
    except Cancelled:
        raise
    except Exception as error:
        _end(running, "failed", str(error) if isinstance(error, Impossible) else None)
        raise
    _end(running, "done", result)


def _end(running: Running, state: str, result: str | None) -> None:
    """Raises Cancelled."""
    with writing() as at:
        job = _mine(running)
        job.state, job.result, job.finished_at = state, result, at
        job.leased_until = None
        db.session.commit()


def _run(running: Running) -> None:
    try:
        try:
            result = _registry[running.kind](running)
        except Impossible as problem:
            _end(running, "failed", str(problem))
        else:
            _end(running, "done", result)
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
    job = db.session.scalar(
        select(Job)
        .where(Job.id == running.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if job is None or job.state != "running" or job.leased_by != running.worker:
        raise Cancelled(running.id)
    return job
