"""Many real processes at one ledger: forked once everything is imported, let go together."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask

from ledger.appeals.models import Appeal
from ledger.appeals.queries import find
from ledger.appeals.record import Refused
from ledger.db import db, now, writing
from ledger.people.acting import actor_of
from ledger.people.actor import Actor
from ledger.people.models import Person
from ledger.trail.act import StaleForm

Doing = Callable[[Appeal | None, Actor, datetime, int], Any]

FIFTY = 50
PATIENCE = 60
"""Seconds after which a hand that has not come back counts as stuck."""


@dataclass(frozen=True)
class Said:
    """What one process came back with."""

    what: str
    """done, refused 403, refused 409, stale, or the words of an error nobody foresaw."""
    waited: float
    """Seconds from asking for the write lock to the end of the transaction."""
    result: Any = None


@dataclass(frozen=True)
class Crowd:
    """What all of them came back with."""

    said: list[Said]

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.what for one in self.said)

    @property
    def worst(self) -> float:
        return max(one.waited for one in self.said)

    def results(self) -> list[Any]:
        return [one.result for one in self.said if one.what == "done"]


def at_once(
    app: Flask,
    doing: Doing,
    people: list[int],
    number: str | None = None,
    *,
    times: int = 1,
    drawn: int | None = None,
) -> Crowd:
    """One process for each of `people`, each doing `doing` on the appeal `number`.

    As a request does it: the actor is known before, the appeal is loaded through what he may see,
    locked, inside the one write transaction.
    """
    with app.app_context():
        _rehearse(doing, people[0], number)
        db.session.remove()
        db.engine.dispose()  # a connection must not be shared over a fork
    context = multiprocessing.get_context("fork")
    start = context.Barrier(len(people))
    queue: Any = context.SimpleQueue()
    hands = [
        context.Process(target=_hand, args=(app, doing, person, number, times, start, queue))
        for person in people
    ]
    for hand in hands:
        hand.start()
    said = [queue.get() for _ in range(len(people) * times)]
    for hand in hands:
        hand.join(PATIENCE)
        assert hand.exitcode == 0
    return Crowd(said)


def _rehearse(doing: Doing, person_id: int, number: str | None) -> None:
    """Once, and taken back: what is forked has its statements compiled, as a server's worker has
    after its first request."""
    actor = actor_of(db.session.get_one(Person, person_id), now())
    with writing() as at:
        appeal = find(number, actor, at, lock=True) if number is not None else None
        doing(appeal, actor, at, 0)


def _hand(
    app: Flask, doing: Doing, person_id: int, number: str | None, times: int, start: Any, queue: Any
) -> None:
    with app.app_context():
        actor = actor_of(db.session.get_one(Person, person_id), now())
        db.session.rollback()
        start.wait(PATIENCE)
        for turn in range(times):
            began = time.perf_counter()
            what, result = _try(doing, actor, number, turn)
            queue.put(Said(what, time.perf_counter() - began, result))
        db.session.remove()
        db.engine.dispose()


def _try(doing: Doing, actor: Actor, number: str | None, turn: int) -> tuple[str, Any]:
    try:
        with writing() as at:
            appeal = None
            if number is not None:
                appeal = find(number, actor, at, lock=True)
                if appeal is None:
                    return "not found", None
            result = doing(appeal, actor, at, turn)
            db.session.commit()
    except Refused as refused:
        return f"refused {refused.status}", refused.reason
    except StaleForm as stale:
        return "stale", stale.columns
    except Exception:
        return traceback.format_exc(), None
    return "done", result
