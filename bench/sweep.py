"""How long a round of the sweep takes over many open appeals, few of them due.

    python -m bench.sweep [--n 100000] [--engine sqlite] [--due 100]

Every appeal is open; one in `due` has limits that ran out two working days ago, so that it is
reminded of, papers are suggested, and what is not signed for counts as received. Each size is swept
twice in a process of its own: the first round does what is due, the second finds nothing. The limit
is what the bare driver does in the same run: a reminder, an outbox row and a moved pointer each.
Prints seconds, appeals a second, the share of the limit, and how far memory grew; the smaller size
is there to be compared with, since neither may grow with what is not due.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Table, case, func, select, update

from ledger import create_app
from ledger.appeals import intervals, unit_sight
from ledger.appeals.models import Appeal, Deadline
from ledger.db import db, now
from ledger.deadlines.calendar import local_day, start_of
from ledger.deadlines.queries import load_calendar
from ledger.supervision import sweeps
from ledger.supervision.rules import next_morning

from . import clone, ground
from .city import Prototypes
from .city import lay as lay_city

SECONDS_ALLOWED = 10.0
"""A round over 100,000 open appeals, 1 % of them due."""
MEMORY_ALLOWED = 32.0
"""MiB by which a round may grow its process, whatever the size of the ledger."""
OPEN_DAYS = 20
UNITS = {"sqlite": "?", "postgresql": "%s"}


class OpenCloner(clone.Cloner):
    """Open appeals alone, registered of late."""

    def _plan(self, count: int) -> Iterator[tuple[clone.Prototype, datetime]]:
        weights = [p.course.share / len(p.course.channels) for p in self.open]
        for index in range(count):
            chosen = self.dice.choices(self.open, weights)[0]
            ago = timedelta(days=OPEN_DAYS) * (1 - index / max(count, 1))
            yield chosen, self.at - ago - chosen.span


def prepare(engine: str, count: int, due: int) -> ground.Ground:
    """The prepared ledger of that size."""
    name = f"sweep_{count}_{due}"
    place, ready = ground.prepared(engine, name)
    if ready:
        return place
    place = ground.begin(engine, name)
    app = clone.laid(place)
    with app.app_context():
        at = now()
        city = lay_city(max(200, min(count // 20, 10_000)), clone.SEED)
        built = Prototypes(city, at - timedelta(days=OPEN_DAYS * 3)).build()
        reader = clone.Reader(city)
        prototypes = [reader.read(number, course) for number, course in built]
        cloner = OpenCloner(city, prototypes, at, clone.SEED)
        db.session.rollback()
        clone.write(db.engine, cloner.batches(count - len(built)))
        unit_sight.rebuild()
        intervals.rebuild()
        db.session.remove()
        _set_clocks(at, due)
        clone.settle(db.engine)
        db.session.remove()
        db.engine.dispose()
    ground.done(place)
    return place


def _set_clocks(at: datetime, due: int) -> None:
    """One appeal in so many is late, all others are far off."""
    table = cast(Table, Deadline.__table__)
    late = table.c.appeal_id % due == 0
    with db.engine.begin() as connection:
        connection.execute(
            update(table)
            .where(table.c.ended_at.is_(None))
            .values(
                due_at=case((late, at - timedelta(days=4)), else_=at + timedelta(days=60)),
                warn_at=case((late, at - timedelta(days=5)), else_=at + timedelta(days=59)),
                look_at=case((late, at - timedelta(days=5)), else_=at + timedelta(days=59)),
            )
        )


@dataclass(frozen=True)
class Round:
    seconds: float
    idle: float
    """Seconds of a round that finds nothing."""
    swept: dict[str, int]
    grown: float
    """MiB by which the peak of the process grew."""
    open: int
    appeals: int
    """That were due."""


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(place: ground.Ground) -> Round:
    """In a process of its own, whose peak is the round's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (place,))


def _measure(place: ground.Ground) -> Round:
    app = create_app(place.settings())
    with app.app_context():
        at = _on_a_working_day()
        opened = db.session.scalar(select(func.count(Appeal.id)).where(Appeal.is_open.is_(True)))
        late = select(func.count(func.distinct(Deadline.appeal_id))).where(
            Deadline.ended_at.is_(None), Deadline.look_at <= at
        )
        appeals = db.session.scalar(late) or 0
        sweeps.sweep(at - timedelta(days=50))  # what a worker has compiled and read long since
        before = _peak()
        began = time.perf_counter()
        swept = sweeps.sweep(at)
        seconds = time.perf_counter() - began
        grown = _peak() - before
        began = time.perf_counter()
        again = sweeps.sweep(at)
        idle = time.perf_counter() - began
        assert not again.anything, again
        _check_next(at)
        db.session.remove()
        db.engine.dispose()
    return Round(seconds, idle, vars(swept), grown, opened or 0, appeals)


def _on_a_working_day() -> datetime:
    """Now, or on a day off the morning after: on days off hardly anybody is reminded."""
    at, calendar = now(), load_calendar()
    return at if calendar.is_working(local_day(at)) else next_morning(at, calendar)


def _check_next(at: datetime) -> None:
    """Nothing that was due was left out, or is due again on the same day."""
    tomorrow = start_of(local_day(at) + timedelta(days=1))
    left = select(func.count(Deadline.id)).where(
        Deadline.ended_at.is_(None), Deadline.look_at < tomorrow, Deadline.due_at < at
    )
    assert db.session.scalar(left) == 0


def limit(place: ground.Ground, rows: int) -> float:
    """Rows a second by the bare driver: what a reminder writes, in commits of the same size."""
    app = create_app(place.settings())
    with app.app_context():
        engine = db.engine
        mark = UNITS[engine.dialect.name]
        ids = list(db.session.scalars(select(Deadline.id).limit(rows)))
        sample = db.session.scalar(select(func.max(Appeal.id))) or 0
        unit = db.session.scalar(select(func.max(Appeal.office_id))) or 0
        db.session.remove()
        raw: Any = engine.raw_connection()
        cursor = raw.cursor()
        moment = "2026-01-01 00:00:00.000000"
        no = 0 if engine.dialect.name == "sqlite" else False
        reminder = (
            "INSERT INTO reminder (matter_id, event, assignment_key, on_day, appeal_id, unit_id,"
            f" due_at, created_at, step, waits, settled_as) VALUES ({', '.join([mark] * 11)})"
        )
        outbox = (
            "INSERT INTO outbox (topic, lane, body, state, attempts, run_at, leased_by, error,"
            f" created_at) VALUES ({', '.join([mark] * 9)})"
        )
        moved = f"UPDATE deadline SET left_seconds = 0 WHERE id = {mark}"
        began = time.perf_counter()
        for start in range(0, len(ids), sweeps.BATCH):
            if engine.dialect.name == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            for row in ids[start : start + sweeps.BATCH]:
                cursor.execute(
                    reminder,
                    (-row, "limit", 0, "2026-01-01", sample, unit, moment, moment, "", no, ""),
                )
                body = json.dumps({"reminder": row})
                cursor.execute(outbox, ("limit", "limit", body, "done", 0, moment, "", "", moment))
                cursor.execute(moved, (row,))
            if engine.dialect.name == "sqlite":
                cursor.execute("COMMIT")
            else:
                raw.commit()
        spent = time.perf_counter() - began
        raw.close()
        engine.dispose()
    return len(ids) / spent


def run(engine: str, count: int, due: int) -> None:
    rounds = []
    for size in (max(count // 10, 1000), count):
        source = prepare(engine, size, due)
        place = ground.copy(engine, source.data_dir.name.partition("-")[2])
        ground.sync()
        try:
            rounds.append(found := measure(place))
            bare = limit(place, max(found.swept["reminders"], 200))
        finally:
            ground.discard(place)
        rate = found.appeals / found.seconds
        said = found.swept
        print(
            f"{engine:10} {found.open:>8,} open, {found.appeals:>6,} due:"
            f" {found.seconds:6.2f} s, {rate:7.0f} appeals/s;"
            f" {said['looked_at']} limits, {said['reminders']} reminders"
            f" ({said['drafts']} drafts), {said['received']} received;"
            f" {said['reminders'] / found.seconds / bare:.2f} of the limit of {bare:,.0f} rows/s;"
            f" peak +{found.grown:.1f} MiB; idle {found.idle * 1000:.1f} ms",
            flush=True,
        )
    small, large = rounds
    allowed = SECONDS_ALLOWED * large.appeals / 1000
    for what, value, most in (
        ("seconds", large.seconds, max(allowed, 1.0)),
        ("MiB grown", large.grown, MEMORY_ALLOWED),
        ("idle ms", large.idle * 1000, 100.0),
    ):
        verdict = "met" if value <= most else "NOT MET"
        print(f"  {what:10} {value:8.2f}  allowed {most:8.2f}  {verdict}")
    print(f"  memory, ten times the appeals: +{small.grown:.1f} → +{large.grown:.1f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description="The sweep over many open appeals.")
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--engine", choices=ground.ENGINES, action="append")
    parser.add_argument("--due", type=int, default=100, help="one appeal in so many is due")
    given = parser.parse_args()
    for engine in given.engine or ground.ENGINES:
        run(engine, given.n, given.due)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
