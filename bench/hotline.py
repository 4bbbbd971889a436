"""A hotline pushes, the server is cut down in the middle, and answers go back to a platform that
fails.

    python -m bench.hotline [--orders 10000] [--clients 8] [--engine sqlite] [--kill 2] [--json]

`ledger serve` on an empty ledger; orders from the practice partner over HTTP with 20 % repeats, 5 %
other content under used numbers and updates out of order; SIGKILL of the server and all it started,
and a start anew. Every acknowledged order must stand in the ledger exactly once, none may be lost,
and `verify` must pass. Then an office works on some of them, while the platform fails half the
time: every answer must be delivered at least once, in order for each order, and marked once.

The limit is what the bare driver does in the same run, before and after: one row and one durable
commit each, by as many writers.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import multiprocessing
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from flask import Flask
from sqlalchemy import func, select, update

from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.db import db, now, writing
from ledger.hotline import practice_office, practice_setup
from ledger.hotline.commands import office_named
from ledger.hotline.practice import Line, Play, Tally, missing
from ledger.hotline.practice_orders import Mix, plan
from ledger.hotline.practice_receiver import Manner, Receiver
from ledger.hotline.practice_setup import Client
from ledger.hotline.push_models import OrderMessage, PushTurn

from . import clone, ground
from .city import lay as lay_city
from .server import ROOT, Running

SOURCE: Final = "12345"
FIRMS: Final = 200
BARE_SECONDS: Final = 3.0
PATIENCE: Final = 180.0
DELIVERED_WITHIN: Final = 300.0
ANSWERED: Final = 200
"""Appeals that the office works on."""


# -- the limit ---------------------------------------------------------------------------------


def bare_commits(place: ground.Ground, writers: int, seconds: float = BARE_SECONDS) -> float:
    """Durable commits of one row each a second, by so many processes."""
    url = place.url.replace("postgresql+psycopg://", "postgresql://")
    file = place.data_dir / "bare.db"
    if place.is_sqlite:
        for old in place.data_dir.glob("bare.db*"):
            old.unlink()
        _open_sqlite(file).execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, body TEXT)")
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS bare_commit")
            connection.execute("CREATE TABLE bare_commit (id bigserial PRIMARY KEY, body text)")
    context = multiprocessing.get_context("spawn")
    with context.Pool(writers) as pool:
        pool.map(_ready, range(writers))
        where = str(file) if place.is_sqlite else url
        rates = pool.starmap(_commit, [(place.is_sqlite, where, seconds)] * writers, chunksize=1)
    if not place.is_sqlite:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE bare_commit")
    return sum(rates)


def _ready(_: int) -> None:
    time.sleep(0.2)


def _open_sqlite(file: Path | str) -> sqlite3.Connection:
    raw = sqlite3.connect(file, isolation_level=None, timeout=30)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    return raw


def _commit(is_sqlite: bool, where: str, seconds: float) -> float:
    body = json.dumps({"order_number": "YL00010000001", "content": "货车不能通行。" * 20})
    count, began = 0, time.perf_counter()
    if is_sqlite:
        raw = _open_sqlite(where)
        # The ledger's own way of taking turns: SQLite's would make the limit smaller.
        lock = os.open(f"{where}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        while time.perf_counter() - began < seconds:
            fcntl.flock(lock, fcntl.LOCK_EX)
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("INSERT INTO bare (body) VALUES (?)", (body,))
            raw.execute("COMMIT")
            fcntl.flock(lock, fcntl.LOCK_UN)
            count += 1
        os.close(lock)
    else:
        with psycopg.connect(where) as connection:
            while time.perf_counter() - began < seconds:
                connection.execute("INSERT INTO bare_commit (body) VALUES (%s)", (body,))
                connection.commit()
                count += 1
    return count / (time.perf_counter() - began)


# -- the server --------------------------------------------------------------------------------


@dataclass
class Server:
    """`ledger serve`, cut down and started anew on the same port."""

    place: ground.Ground
    port: int
    running: Running | None = None
    kills: int = 0
    down: float = 0.0
    """Seconds from a kill until it answers again."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.running = Running.start(self.place, self.port)

    def kill(self) -> None:
        """SIGKILL for it and all it started, the youngest first."""
        assert self.running is not None
        began = time.perf_counter()
        for pid in reversed(_family(self.running.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.running.process.wait(10)
        self.kills += 1
        self.start()
        self.down += time.perf_counter() - began

    def stop(self) -> None:
        if self.running is not None:
            self.running.stop()


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
        except OSError:
            continue
        found += [int(child) for child in children]
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- one run -----------------------------------------------------------------------------------


@dataclass
class Found:
    """What a run shows; `wrong` says what must not be."""

    tally: Tally
    there: int = 0
    worked_on: int = 0
    messages: int = 0
    received: int = 0
    failed: int = 0
    answer_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def must(self, right: bool, words: str) -> None:
        if not right:
            self.wrong.append(words)


def push(server: Server, keys: list[Any], mix: Mix, clients: int, kills: int) -> Tally:
    """Raises Unreachable where the server stays away."""
    steps = plan(mix, now())
    marks = [len(steps) * (turn + 1) // (kills + 1) for turn in range(kills)]
    pushed, over = threading.Semaphore(0), threading.Event()
    play = Play(server.url, keys, steps, clients, PATIENCE)
    failures: list[BaseException] = []

    def cut() -> None:
        count = 0
        try:
            for mark in marks:
                while count < mark and not over.is_set():
                    count += pushed.acquire(timeout=0.2)
                if not over.is_set():
                    server.kill()
        except BaseException as error:
            failures.append(error)

    killer = threading.Thread(target=cut, daemon=True)
    killer.start()
    try:
        tally = play.push(lambda _: pushed.release())
    finally:
        over.set()
        killer.join()
    if failures:
        raise failures[0]
    return tally


def check_orders(app: Flask, found: Found, mix: Mix, line: Line) -> None:
    """Every acknowledged order once, none lost: by the ledger's rows and by its own word."""
    with app.app_context():
        rows = db.session.execute(
            select(ExternalOrder.order_number, ExternalOrder.sub_number, Appeal.number)
            .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
            .where(ExternalOrder.source_system == SOURCE)
        ).all()
        appeals = db.session.scalar(select(func.count(Appeal.id)))
        db.session.remove()
    there = Counter((row[0], row[1]) for row in rows)
    kept = {row[0]: row[2] for row in rows}
    tally = found.tally
    found.there = len(there)
    found.must(set(there.values()) <= {1}, "an order stands twice")
    found.must(len(tally.acknowledged) == mix.orders, "not every order was acknowledged")
    found.must(kept == tally.acknowledged, "rows differ from what was acknowledged")
    found.must(appeals == len(rows), "an order has two appeals, or none")
    found.must(not missing(line, tally.acknowledged), "the interface does not know an order")
    found.must(tally.conflicts == round(mix.orders * mix.conflict), "a conflict was not told")
    found.must(not tally.unexpected, f"unexpected: {tally.unexpected[:3]}")


def wait_until_delivered(client: Client) -> int:
    """How many are left when it has taken too long. The pauses between attempts pass at once: they
    grow, and would be measured instead of what is done between them."""
    until = time.monotonic() + DELIVERED_WITHIN
    while (left := client.undelivered()) and time.monotonic() < until:
        time.sleep(0.3)
        with writing() as at:
            # The turn first, as whoever pushes does.
            db.session.execute(update(PushTurn).values(rest_until=None))
            waiting = update(OrderMessage).where(OrderMessage.state == "waiting")
            db.session.execute(waiting.values(run_at=at))
            db.session.commit()
    return left


def answer(
    app: Flask,
    found: Found,
    client: Client,
    receiver: Receiver,
    office_id: int,
    count: int,
) -> None:
    """The office works; everything that the hotline must hear reaches it."""
    began = time.perf_counter()
    with app.app_context():
        hands = practice_office.office_of(office_id, now())
        wanted = sorted(found.tally.acknowledged.values())[:count]
        found.worked_on = practice_office.work(wanted, hands)
        left = wait_until_delivered(client)
        found.answer_seconds = time.perf_counter() - began
        found.must(left == 0, f"{left} answers were not delivered")
        rows = db.session.execute(
            select(
                ExternalOrder.order_number,
                ExternalOrder.sub_number,
                OrderMessage.sequence,
                OrderMessage.event_id,
                OrderMessage.state,
                OrderMessage.done_at,
            )
            .join(ExternalOrder, ExternalOrder.id == OrderMessage.order_id)
            .order_by(OrderMessage.order_id, OrderMessage.sequence)
        ).all()
        db.session.remove()
    told = receiver.answers
    found.messages, found.received, found.failed = len(rows), told.received, told.failed
    sent: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for number, sub_number, sequence, event_id, _, _ in rows:
        sent.setdefault((number, sub_number), []).append((sequence, event_id))
    ids = {taken: event_id for event_id, taken in told.events.items()}
    came = {
        order: [(taken.sequence, ids[taken]) for taken in taken_of]
        for order, taken_of in told.by_order.items()
    }
    found.must(bool(rows) and came == sent, "what came is not what was sent, in its order")
    found.must(
        all([s for s, _ in of] == list(range(1, len(of) + 1)) for of in sent.values()),
        "a sequence has a gap",
    )
    found.must(all(row[4] == "delivered" and row[5] for row in rows), "an answer is not marked")
    found.must({row[3] for row in rows} <= told.acknowledged, "marked, and never acknowledged")
    found.must(told.out_of_order + told.forged + told.changed == 0, "an answer was not sound")


def verify(place: ground.Ground) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", "verify"],
        cwd=ROOT,
        env={**os.environ, **place.environment(), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def run(given: argparse.Namespace) -> dict[str, Any]:
    place = ground.begin(given.engine, "hotline")
    app = clone.laid(place)
    with app.app_context():
        lay_city(FIRMS, given.seed)
        db.session.remove()
    before = bare_commits(place, given.clients)
    receiver = Receiver("127.0.0.1", 0, {}, Manner(fail=given.fail, seed=given.seed))
    with app.app_context():
        office_id = office_named(None).id
        client = practice_setup.client(SOURCE, office_id, receiver.url)
        db.session.remove()
        db.engine.dispose()
    receiver.trust(client.key.key_id, client.key.bytes)
    mix = Mix(given.orders, given.repeat, given.conflict, seed=given.seed)
    server = Server(place, free_port())
    server.start()
    line = Line(server.url, client.key)
    try:
        found = Found(push(server, [client.key], mix, given.clients, given.kill))
        found.must(server.kills == given.kill, "the server was not killed as often as asked")
        check_orders(app, found, mix, line)
        answer(app, found, client, receiver, office_id, given.answers)
    finally:
        line.close()
        server.stop()
        receiver.stop()
    verify_began = time.perf_counter()
    found.must(verify(place), "verify finds a problem")
    verified = time.perf_counter() - verify_began
    after = bare_commits(place, given.clients)
    return _summary(given, found, server, (before + after) / 2, verified)


def _summary(
    given: argparse.Namespace, found: Found, server: Server, bare: float, verified: float
) -> dict[str, Any]:
    tally = found.tally
    up = tally.seconds - server.down
    pushes, creates = tally.pushed / up, tally.created / up
    answers = found.messages / found.answer_seconds if found.answer_seconds else 0.0
    return {
        "engine": given.engine,
        "orders": given.orders,
        "clients": given.clients,
        "killed": server.kills,
        "pushed": tally.pushed,
        "created": tally.created,
        "repeated": tally.repeated,
        "conflicts": tally.conflicts,
        "refused": tally.refused,
        "retried": tally.retried,
        "updates": vars(tally.updates),
        "acknowledged": len(tally.acknowledged),
        "in_the_ledger": found.there,
        "seconds": round(tally.seconds, 1),
        "seconds_down": round(server.down, 1),
        "pushes_per_second": round(pushes, 1),
        "orders_per_second": round(creates, 1),
        "bare_commits_per_second": round(bare, 1),
        "pushes_to_bare": round(pushes / bare, 3),
        "orders_to_bare": round(creates / bare, 3),
        "answers": {
            "acts": found.worked_on,
            "messages": found.messages,
            "received": found.received,
            "failed": found.failed,
            "seconds": round(found.answer_seconds, 1),
            "per_second": round(answers, 1),
        },
        "verify_seconds": round(verified, 1),
        "wrong": found.wrong,
    }


def report(found: dict[str, Any]) -> str:
    """For reading."""
    answers = found["answers"]
    lines = [
        f"{found['engine']}: {found['orders']:,} orders by {found['clients']} clients in"
        f" {found['seconds']} s, killed {found['killed']} times ({found['seconds_down']} s down)",
        f"  pushed {found['pushed']:,}: created {found['created']:,}, repeated"
        f" {found['repeated']:,}, conflicts {found['conflicts']:,}, refused {found['refused']:,};"
        f" retried {found['retried']:,}; acknowledged {found['acknowledged']:,}, in the ledger"
        f" {found['in_the_ledger']:,}",
        f"  {found['pushes_per_second']} pushes/s, {found['orders_per_second']} orders/s; bare"
        f" durable commits {found['bare_commits_per_second']}/s; ratio {found['pushes_to_bare']}"
        f" and {found['orders_to_bare']}",
        f"  answers: {answers['messages']:,} of {answers['acts']:,} acts in {answers['seconds']} s"
        f" ({answers['per_second']}/s), received {answers['received']:,} times, failed"
        f" {answers['failed']:,} times",
        f"  verify {found['verify_seconds']} s",
    ]
    return "\n".join([*lines, *(f"  WRONG: {words}" for words in found["wrong"])])


def main() -> None:
    parser = argparse.ArgumentParser(description="Orders pushed, a server killed, answers back.")
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--repeat", type=float, default=0.2)
    parser.add_argument("--conflict", type=float, default=0.05)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--kill", type=int, default=2)
    parser.add_argument("--answers", type=int, default=ANSWERED, help="appeals worked on")
    parser.add_argument("--fail", type=float, default=0.5)
    parser.add_argument("--engine", choices=ground.ENGINES, default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = run(given)
    print(json.dumps(found, ensure_ascii=False) if given.json else report(found))
    sys.exit(1 if found["wrong"] else 0)


if __name__ == "__main__":
    main()
