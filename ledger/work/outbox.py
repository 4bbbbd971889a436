"""The outbox: one row for every entry, drained into whatever the upper rooms registered.

A handler runs in the transaction that marks its row done, so that what it writes happens exactly
once. It therefore writes rows only; whatever leaves the machine is a job of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import aliased

from ..db import db, is_sqlite, writing
from .models import Outbox

BATCH = 200
TOGETHER = 50
"""Rows a transaction, at most: each of its own costs several times what is done for it."""

HOLD_SECONDS = 0.03
"""After which a transaction is ended: somebody waits for its lock."""

PAUSE_SECONDS = 0.02
"""Between two: whoever waits for the lock gets it."""

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
    while first := _next(at):
        try:
            count = _deliver(at, TOGETHER)
        except Exception:
            # All of them are as they were: one after another, the rest goes on without the one.
            count = 0
            for row_id in first:
                try:
                    count += _deliver(at, 1, row_id)
                except Exception as error:
                    _log.warning("outbox failed", row=row_id, error=type(error).__name__)
                    _put_off(row_id, type(error).__name__)
        done += count
        time.sleep(PAUSE_SECONDS)
    return done


def _deliver(at: datetime, most: int, row_id: int | None = None) -> int:
    """The oldest that may go, or one of them, in one transaction; says how many went."""
    with writing() as now:
        chosen = _claim(max(at, now)).limit(most)
        if row_id is not None:
            chosen = chosen.where(Outbox.id == row_id)
        until = time.monotonic() + HOLD_SECONDS
        done = 0
        for row in _foremost(db.session.scalars(chosen).all()):
            for handler in handlers_of(row.topic):
                handler(row, now)
            row.state, row.done_at = "done", now
            done += 1
            if time.monotonic() > until:
                break
        db.session.commit()
        return done


def _foremost(rows: Sequence[Outbox]) -> list[Outbox]:
    """Without those before which another worker has one of their lane in hand."""
    if is_sqlite() or not rows:
        return list(rows)
    mine = {row.id for row in rows}
    eldest = dict(
        db.session.execute(
            select(Outbox.lane, func.min(Outbox.id))
            .where(Outbox.lane.in_({row.lane for row in rows}), Outbox.state == "waiting")
            .group_by(Outbox.lane)
        ).all()
    )
    return [row for row in rows if eldest.get(row.lane) in mine]


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
    """What is due, but for what stands in its lane behind something put off."""
    earlier = aliased(Outbox)
    blocked = (
        select(earlier.id)
        .where(
            earlier.lane == Outbox.lane,
            earlier.id < Outbox.id,
            earlier.state == "waiting",
            earlier.run_at > at,
        )
        .exists()
    )
    return (
        select(Outbox)
        .where(Outbox.state == "waiting", Outbox.run_at <= at, ~blocked)
        .order_by(Outbox.id)
        .with_for_update(skip_locked=True, of=Outbox)
    )


def _next(at: datetime) -> Sequence[int]:
    """The oldest rows that may go, read without the lock."""
    ready = _claim(at).with_for_update(skip_locked=True, of=Outbox).with_only_columns(Outbox.id)
    found = db.session.scalars(ready.limit(TOGETHER)).all()
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
