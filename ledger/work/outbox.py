"""The outbox: one row for every entry, drained into whatever the upper rooms registered.

A handler runs in the transaction that marks its row done, so that what it writes happens exactly
once. It therefore writes rows only; whatever leaves the machine is a job of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, select, update
from sqlalchemy.orm import aliased

from ..db import db, writing
from .models import Outbox

BATCH = 200
MOST_ATTEMPTS = 12
EVERY = "*"
"""The topic of a handler that wants every row."""

Handler = Callable[[Outbox, datetime], object]

_log = structlog.get_logger("ledger.work")
_handlers: dict[str, list[Handler]] = {}


def register_topic(topic: str, handler: Handler) -> None:
    """Have `handler(row, at)` called for each row of a topic (a verb); EVERY for all of them."""
    known = _handlers.setdefault(topic, [])
    if handler not in known:
        known.append(handler)


def handlers_of(topic: str) -> list[Handler]:
    return [*_handlers.get(topic, ()), *_handlers.get(EVERY, ())]


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many failures: 2 s, doubling, at most an hour."""
    return timedelta(seconds=min(2**attempts, 3600))


def drain(at: datetime) -> int:
    """Deliver what is due, oldest first within a lane, until nothing is; says how many rows.

    Does not end by failing: a row whose handler raises waits and is tried again, and its lane
    waits with it until it is given up.
    """
    done = 0
    while count := _forget_unwanted():
        done += count
    while (row_id := _next(at)) is not None:
        try:
            with writing() as now:
                row = db.session.scalar(_claim(max(at, now)).where(Outbox.id == row_id))
                if row is None:  # another worker has it
                    continue
                for handler in handlers_of(row.topic):
                    handler(row, now)
                row.state, row.done_at = "done", now
                db.session.commit()
                done += 1
        except Exception as error:
            _log.warning("outbox failed", row=row_id, error=type(error).__name__)
            _put_off(row_id, type(error).__name__)
    return done


def _forget_unwanted() -> int:
    """Rows of topics that nobody handles are done by being read."""
    if EVERY in _handlers:
        return 0
    unwanted = (
        select(Outbox.id)
        .where(Outbox.state == "waiting", Outbox.topic.not_in(list(_handlers)))
        .order_by(Outbox.run_at, Outbox.id)
        .limit(BATCH)
    )
    # Asked first without the lock: an idle worker must not stand in the way of writers.
    if db.session.scalar(unwanted.limit(1)) is None:
        db.session.rollback()
        return 0
    with writing() as at:
        ids = db.session.scalars(unwanted.with_for_update(skip_locked=True)).all()
        if ids:
            db.session.execute(
                update(Outbox)
                .where(Outbox.id.in_(ids))
                .values(state="done", done_at=at)
                .execution_options(synchronize_session=False)
            )
        db.session.commit()
        return len(ids)


def _claim(at: datetime) -> Select[Outbox]:
    earlier = aliased(Outbox)
    blocked = (
        select(earlier.id)
        .where(earlier.lane == Outbox.lane, earlier.id < Outbox.id, earlier.state == "waiting")
        .exists()
    )
    return (
        select(Outbox)
        .where(Outbox.state == "waiting", Outbox.run_at <= at, ~blocked)
        .order_by(Outbox.id)
        .with_for_update(skip_locked=True, of=Outbox)
    )


def _next(at: datetime) -> int | None:
    """The oldest row that may go, read without the lock."""
    ready = _claim(at).with_for_update(skip_locked=True, of=Outbox).with_only_columns(Outbox.id)
    found = db.session.scalar(ready.limit(1))
    db.session.rollback()
    return found


def _put_off(row_id: int, error: str) -> None:
    with writing() as at:
        row = db.session.get(Outbox, row_id)
        if row is None or row.state != "waiting":
            return
        row.attempts += 1
        row.error = error
        row.run_at = at + pause_after(row.attempts)
        if row.attempts >= MOST_ATTEMPTS:
            row.state = "failed"
        db.session.commit()
