"""Rows are drained once, by whoever comes first, and by the next where he dies."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update

import engines
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.sweeps import receive_unsigned
from ledger.db import db, now, writing
from ledger.files import sweeps as file_sweeps
from ledger.trail.models import Entry
from ledger.work import jobs, outbox, sweeps, worker
from ledger.work.jobs import Cancelled, Running
from ledger.work.models import Job, Outbox


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test registers its own."""
    monkeypatch.setattr(jobs, "_registry", {})
    monkeypatch.setattr(outbox, "_handlers", {})
    monkeypatch.setattr(sweeps, "_registry", {})


@pytest.fixture
def inside(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        yield app


def ask(kind: str = "count", request: str = "x") -> int:
    with writing() as at:
        job = jobs.ask(kind, request, at=at, by_id=None)
        db.session.commit()
        return job.id


def row(job_id: int) -> Job:
    db.session.expire_all()
    return db.session.get_one(Job, job_id)


def test_a_job_is_done_once_and_keeps_its_result(inside: Flask) -> None:
    seen: list[str] = []

    def work(running: Running) -> str:
        seen.append(running.request)
        running.tell(1, 2)
        return "两行"

    jobs.register_job("count", work)
    job_id = ask(request="甲")
    assert jobs.drain(now()) == 1
    assert jobs.drain(now()) == 0
    assert seen == ["甲"]
    done = row(job_id)
    assert (done.state, done.result, done.progress, done.total) == ("done", "两行", 1, 2)
    assert done.leased_until is None


def test_what_fails_is_tried_again_later_and_given_up_in_the_end(inside: Flask) -> None:
    def work(_running: Running) -> None:
        raise OSError("the disk")

    jobs.register_job("count", work)
    job_id = ask()
    at = now()
    assert jobs.drain(at) == 1
    first = row(job_id)
    assert (first.state, first.attempts) == ("waiting", 1)
    assert first.run_at > at
    for _ in range(jobs.MOST_ATTEMPTS):
        at += timedelta(hours=2)
        jobs.drain(at)
    assert (row(job_id).state, row(job_id).attempts) == ("failed", jobs.MOST_ATTEMPTS)


def test_a_lease_is_taken_over_when_its_worker_died(inside: Flask) -> None:
    jobs.register_job("count", lambda _running: "done")
    job_id = ask()
    dead = jobs.claim(now(), "the one that dies")
    assert dead is not None
    assert jobs.claim(now(), "another") is None, "a lease that runs is nobody else's"

    taken = jobs.claim(now() + jobs.LEASE * 2, "another")
    assert taken is not None
    assert (taken.id, taken.attempt) == (job_id, 2)
    with pytest.raises(Cancelled):
        dead.tell(1, 1)
    assert row(job_id).leased_by == "another"


def test_a_job_that_takes_every_worker_down_is_given_up(inside: Flask) -> None:
    jobs.register_job("count", lambda _running: None)
    job_id = ask()
    at = now()
    for n in range(jobs.MOST_ATTEMPTS):
        assert jobs.claim(at, f"worker {n}") is not None
        at += jobs.LEASE * 2
    assert jobs.claim(at, "one more") is None
    assert row(job_id).state == "failed"


def test_a_cancelled_job_stops_at_its_next_word(inside: Flask) -> None:
    def work(running: Running) -> None:
        with writing():
            db.session.execute(update(Job).values(state="cancelled"))
            db.session.commit()
        running.tell(1, 2)
        raise AssertionError("went on")

    jobs.register_job("count", work)
    job_id = ask()
    jobs.drain(now())
    assert row(job_id).state == "cancelled"


# -- the outbox --------------------------------------------------------------------------------


def send(*lanes: str, topic: str = "close") -> None:
    with writing() as at:
        db.session.execute(update(Outbox).values(state="done"))
        for lane in lanes:
            db.session.add(Outbox(topic=topic, lane=lane, run_at=at, created_at=at))
            db.session.flush()
        db.session.commit()


def states() -> Counter[str]:
    db.session.expire_all()
    return Counter(db.session.scalars(select(Outbox.state)))


def test_what_nobody_waits_for_is_done(inside: Flask) -> None:
    send(*"ab" * (outbox.BATCH))
    assert outbox.drain(now()) == 2 * outbox.BATCH
    assert outbox.drain(now()) == 0
    assert set(states()) == {"done"}


def test_rows_of_a_lane_go_in_their_order(inside: Flask) -> None:
    went: list[int] = []
    outbox.register_topic("close", lambda message, _at: went.append(message.id))
    send("a", "b", "a", "a")
    assert outbox.drain(now()) == 4
    assert went == sorted(went)
    assert len(went) == 4


def test_a_handler_that_fails_holds_its_lane_alone_and_leaves_nothing_written(
    inside: Flask,
) -> None:
    def handle(message: Outbox, at: object) -> None:
        message.body = "half-written"
        if message.lane == "a":
            raise ValueError("not now")

    outbox.register_topic("close", handle)
    send("a", "a", "b")
    outbox.drain(now())
    rows = db.session.scalars(select(Outbox).where(Outbox.topic == "close")).all()
    db.session.expire_all()
    assert {(r.lane, r.state, r.attempts, r.body) for r in rows} == {
        ("a", "waiting", 1, ""),
        ("a", "waiting", 0, ""),
        ("b", "done", 0, "half-written"),
    }
    for n in range(outbox.MOST_ATTEMPTS):
        outbox.drain(now() + timedelta(hours=2 * (n + 1)))
    assert states()["failed"] >= 1


def test_many_rows_are_one_transaction(inside: Flask) -> None:
    begun: set[object] = set()

    def handle(_message: Outbox, at: object) -> None:
        begun.add(db.session.connection().get_transaction())

    outbox.register_topic("close", handle)
    send(*"abcdefghij")
    assert outbox.drain(now()) == 10
    assert len(begun) < 10
    assert set(states()) == {"done"}


# -- two workers -------------------------------------------------------------------------------

WORKER = """
import sys
from datetime import timedelta
from ledger import create_app
from ledger.db import db, now, writing
from ledger.work import jobs, outbox
from ledger.work.models import Outbox
from ledger.access.models import AccessLog

def mark(action, subject, at):
    db.session.add(AccessLog(at=at, username="", action=action, subject=subject, detail="",
                             address="", success=True))

def work(running):
    with writing() as at:
        mark("job", str(running.id), at)
        db.session.commit()

jobs.register_job("count", work)
outbox.register_topic("close", lambda message, at: mark("outbox", str(message.id), at))
app = create_app()
with app.app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    jobs.drain(now())
    outbox.drain(now())
"""


@pytest.mark.processes
def test_two_workers_never_do_one_row_twice(app: Flask, database_url: str, tmp_path: Path) -> None:
    from ledger.access.models import AccessLog

    count = 60
    jobs.register_job("count", lambda _running: None)
    with app.app_context():
        with writing() as at:
            for n in range(count):
                jobs.ask("count", str(n), at=at, by_id=None)
            db.session.commit()
        send(*(f"lane {n % 7}" for n in range(count)))
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    env |= engines.environment(database_url, tmp_path)
    both = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode == 0
    with app.app_context():
        for action in ("job", "outbox"):
            done = db.session.scalars(
                select(AccessLog.subject).where(AccessLog.action == action)
            ).all()
            assert len(done) == len(set(done)) == count
        assert set(states()) == {"done"}
        assert set(db.session.scalars(select(Job.state))) == {"done"}


# -- sweeps ------------------------------------------------------------------------------------


LATER = timedelta(days=60)
"""Past every limit of signing."""


def test_what_is_not_signed_for_in_time_counts_as_received_once(cast: Cast) -> None:
    late, signed = cast.reach("assigned"), cast.reach("assigned")
    cast.do(signed, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    with cast.app.app_context():
        assert receive_unsigned(now()) == 0
        assert receive_unsigned(now() + LATER) == 1
        assert receive_unsigned(now() + LATER) == 0
        appeals = {a.number: a for a in db.session.scalars(select(Appeal))}
        deemed, taken = appeals[late].lead, appeals[signed].lead
        assert deemed is not None
        assert taken is not None
        assert (deemed.state, deemed.deemed) == ("taken", True)
        assert (taken.state, taken.deemed) == ("taken", False)
        clock = next(d for d in appeals[late].deadlines if d.stage == "sign")
        assert clock.ended_as == "lapsed"
        entries = db.session.scalars(
            select(Entry).where(Entry.stream == appeals[late].stream, Entry.verb == "receive")
        ).all()
        assert [(e.actor_kind, e.actor_id) for e in entries] == [("system", None)]


def test_bytes_without_a_row_go_after_a_day(inside: Flask) -> None:
    from ledger.db import config

    folder = config().attachments_dir / "ab" / "cd"
    folder.mkdir(parents=True)
    old, young = folder / ("abcd" + "0" * 28), folder / ("abcd" + "1" * 28)
    for path in (old, young):
        path.write_bytes(b"x")
    two_days = time.time() - 2 * 86400
    os.utime(old, (two_days, two_days))
    assert file_sweeps.delete_orphans(now()) == 1
    assert file_sweeps.delete_orphans(now()) == 0
    assert young.exists()
    assert not old.exists()


def test_a_sweep_that_fails_is_logged_without_what_it_was_about(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_at: object) -> None:
        raise ValueError("13807970001")

    assert not worker.once(app, sweeps.Registered("bad", 1, fail))
    assert worker.once(app, sweeps.Registered("good", 1, lambda at: None))
    said = capsys.readouterr()
    assert "13807970001" not in said.out + said.err


def test_nothing_waits_after_all_that_the_cast_did(cast: Cast) -> None:
    cast.reach("closed")
    with cast.app.app_context():
        outbox.drain(now())
        left = select(func.count()).select_from(Outbox).where(Outbox.state != "done")
        assert db.session.scalar(left) == 0
