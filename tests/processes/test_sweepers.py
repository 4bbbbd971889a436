"""Several workers sweep at once, and one is cut down: each matter is reminded of once a day."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from flask import Flask
from sqlalchemy import func, select

from cast import Cast
from ledger.appeals import sweeps as of_appeals
from ledger.appeals.models import Assignment, Deadline
from ledger.db import db
from ledger.supervision import sweeps
from ledger.supervision.models import Reminder
from ledger.trail.models import Entry
from ledger.work.models import Outbox
from supervision_ground import asked, at_work, due_of, problems

pytestmark = pytest.mark.processes

APPEALS = 14
SWEEPERS = 3
PATIENCE = 120


def _sweep(app: Flask, at: datetime, start: Any, dies: bool) -> None:
    """`dies`: cut down in the middle of a batch, after its rows and before its commit."""
    with app.app_context():
        if dies:

            def cut(*_: object) -> None:
                os.kill(os.getpid(), signal.SIGKILL)

            mock.patch.object(sweeps, "_tell", cut).start()
        start.wait(PATIENCE)
        if dies:
            sweeps.remind(at, sweeps.Swept())
        sweeps.sweep(at)
        db.session.remove()
        db.engine.dispose()


def _run(cast: Cast, at: datetime, hands: list[bool]) -> list[int | None]:
    """One process for each of the hands, let go together; how each ended."""
    context = multiprocessing.get_context("fork")
    start = context.Barrier(len(hands))
    with cast.app.app_context():
        db.session.remove()
        db.engine.dispose()  # a connection must not be shared over a fork
    processes = [context.Process(target=_sweep, args=(cast.app, at, start, dies)) for dies in hands]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    return [process.exitcode for process in processes]


def test_nothing_is_doubled_and_nothing_lost(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [cast.reach("assigned") for _ in range(APPEALS)]
    at = at_work(cast, due_of(cast, numbers[-1]) + timedelta(hours=9))
    # So that many batches are under way at once.
    monkeypatch.setattr(sweeps, "BATCH", 5)
    monkeypatch.setattr(of_appeals, "BATCH", 3)

    assert _run(cast, at, [True]) == [-signal.SIGKILL]
    assert asked(cast, lambda: db.session.scalar(select(func.count(Reminder.id)))) == 0
    assert _run(cast, at, [False] * SWEEPERS) == [0] * SWEEPERS
    # On PostgreSQL what another hand held waited for the next round.
    assert _run(cast, at, [False]) == [0]

    def count(query: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in asked(cast, lambda: db.session.execute(query).all())]

    received = select(Entry.stream, func.count()).where(Entry.verb == "receive")
    assert count(received.group_by(Entry.stream).order_by(Entry.stream)) == [
        (f"appeal/{number}", 1) for number in sorted(numbers)
    ]
    assert count(select(Assignment.state, func.count()).group_by(Assignment.state)) == [
        ("taken", APPEALS)
    ]
    by_event = select(Reminder.event, func.count(), func.count(func.distinct(Reminder.matter_id)))
    assert count(by_event.group_by(Reminder.event).order_by(Reminder.event)) == [
        ("late", APPEALS, APPEALS),
        ("notice", APPEALS, APPEALS),
    ]
    outbox = select(func.count()).where(Outbox.topic == sweeps.TOPIC)
    assert count(outbox) == count(select(func.count(Reminder.id)))
    due = select(func.count(Deadline.id)).where(Deadline.ended_at.is_(None), Deadline.look_at <= at)
    assert count(due) == [(0,)]
    assert problems(cast) == []
