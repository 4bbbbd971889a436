"""`ledger demo-hotline`: what it pushes, what it makes of the answers, and how it ends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from werkzeug.serving import make_server

from cast import Cast
from ledger.cli import commands
from ledger.db import db, now
from ledger.hotline import clients
from ledger.hotline.practice import Key, Line
from ledger.hotline.practice_orders import Mix, plan
from ledger.hotline.practice_receiver import Manner, Receiver
from ledger.hotline.pushing import push_here
from ledger.hotline.sweeps import register
from ledger.work import outbox

KEY = Key("practice-key", "a secret that only this test knows")


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


def play(app: Flask, url: str, *more: str) -> Result:
    command = next(one for one in commands() if one.name == "demo-hotline")
    said = ["--url", url, "--patience", "20", "--wait", "0", *more]
    return app.test_cli_runner().invoke(command, said)


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_plan_is_the_seed_s() -> None:
    at = now()
    mix = Mix(200, repeat=0.2, conflict=0.05, updates=0.1, seed=7)
    steps = plan(mix, at)
    assert steps == plan(mix, at)
    kinds = [step.kind for step in steps]
    assert (kinds.count("create"), kinds.count("repeat"), kinds.count("conflict")) == (200, 40, 10)
    assert {step.body["order_number"] for step in steps if step.kind == "create"}.isdisjoint(
        step.body["order_number"] for step in plan(Mix(200, seed=8), at) if step.kind == "create"
    )


@pytest.mark.parametrize("engine", ["sqlite"])
def test_a_play_from_orders_to_answers(app: Flask, cast: Cast, url: str) -> None:
    mix = ("--orders", "20", "--repeat", "0.2", "--conflict", "0.1", "--updates", "0.5")
    stop = threading.Event()
    register()

    def worker() -> None:
        """What `ledger serve` runs beside the web server."""
        with app.app_context():
            while not stop.wait(0.3):
                outbox.drain(now())
                push_here(now())

    hand = threading.Thread(target=worker, daemon=True)
    hand.start()
    try:
        first = play(app, url, *mix, "--work", "3", "--json")
    finally:
        stop.set()
        hand.join(30)
    assert first.exit_code == 0, first.output
    found = told(first)
    assert (found["created"], found["repeated"], found["conflicts"]) == (20, 4, 2)
    assert (found["acknowledged"], found["missing"], found["unexpected"]) == (20, 0, [])
    updates = found["updates"]
    assert updates["taken"] > updates["repeated"] == updates["conflicts"] > 0
    assert found["answers"]["delivered"] >= 3 * 4
    assert found["answers"]["out_of_order"] == found["answers"]["forged"] == 0

    again = play(app, url, *mix, "--json")
    assert again.exit_code == 0, again.output
    assert (told(again)["created"], told(again)["repeated"]) == (0, 24)
    assert told(again)["acknowledged"] == 20 and told(again)["sound"]
    with app.app_context():
        (partner,) = clients.all_clients()
        good = [key for key in partner.keys if key.is_good(now())]
        assert len(partner.keys) == 2 and len(good) == 1, "the one before was ended"
        db.session.remove()

    refused = play(app, url, "--orders", "1", "--key-id", "ak-none", "--secret", "none")
    assert refused.exit_code == 1
    assert "密钥" in refused.stderr
    half = play(app, url, "--orders", "1", "--key-id", "ak-none")
    assert half.exit_code == 2


def test_what_the_receiver_notices() -> None:
    receiver = Receiver("127.0.0.1", 0, {KEY.key_id: KEY.bytes}, Manner(die_after=6, dead_for=0.2))
    line = Line(receiver.url, KEY, patience=20)
    forger = Line(receiver.url, Key(KEY.key_id, "another"))

    def say(number: str, sequence: int, event_id: str, **more: str) -> int:
        event = {"event_id": event_id, "sequence": sequence, "order_number": number}
        return line.push("", {**event, "sub_number": "", "event": "accepted", **more}).status

    try:
        assert [say("A", 1, "a1"), say("A", 1, "a1"), say("A", 2, "a2")] == [200, 200, 200]
        answers = receiver.answers
        assert (answers.repeated, answers.out_of_order, answers.late_starts({"A"})) == (1, 0, 0)
        assert say("A", 4, "a4") == 200 and answers.out_of_order == 1
        assert say("A", 1, "a1") == 200 and answers.out_of_order == 2, "after a later one"
        # The sixth is its last for now; the next waits until it listens again.
        assert say("B", 2, "b2") == 200 and answers.late_starts({"B"}) == 1
        assert say("B", 2, "b2", event="closed") == 200 and answers.changed == 1
        assert forger.push("", {}).status == 401 and answers.forged == 1
        assert len(answers.events) == 4
    finally:
        receiver.stop()
