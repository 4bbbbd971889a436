"""A hotline pushes while the server is cut down twice; then answers go back to a platform that
fails half the time. The bench's own run, small."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

import engines
from bench.ground import Ground
from bench.hotline import Found, Server, answer, check_orders, free_port, push
from cast import Cast
from ledger.audit import verify
from ledger.db import db, keyring
from ledger.hotline import practice_setup
from ledger.hotline.practice import Line
from ledger.hotline.practice_orders import Mix
from ledger.hotline.practice_receiver import Manner, Receiver
from ledger.trail.check import Report, check_ledger

pytestmark = pytest.mark.processes

ORDERS = 80
ANSWERED = 3
CLIENTS = 8
KILLS = 2


@dataclass(frozen=True)
class Place(Ground):
    """The test's own ledger, with its keys."""

    def environment(self) -> dict[str, str]:
        return engines.environment(self.url, self.data_dir)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_orders_survive_kills_and_answers_a_failing_platform(
    app: Flask, cast: Cast, database_url: str, tmp_path: Path, engine: str
) -> None:
    if engine == "sqlite":
        pytest.skip("minutes in all: SQLite is cut down in test_kill and test_worker_killed")
    receiver = Receiver("127.0.0.1", 0, {}, Manner(fail=0.5))
    with app.app_context():
        client = practice_setup.client("12345", cast.units["office"], receiver.url)
        db.session.remove()
        db.engine.dispose()
    receiver.trust(client.key.key_id, client.key.bytes)
    server = Server(Place(database_url, tmp_path), free_port())
    server.start()
    line = Line(server.url, client.key)
    mix = Mix(ORDERS, repeat=0.2, conflict=0.05, updates=0.1)
    try:
        found = Found(push(server, [client.key], mix, CLIENTS, KILLS))
        assert server.kills == KILLS
        assert found.tally.retried, "the kills must come amid pushes"
        check_orders(app, found, mix, line)
        answer(app, found, client, receiver, cast.units["office"], ANSWERED)
    finally:
        line.close()
        server.stop()
        receiver.stop()
    assert found.wrong == []
    assert found.messages > ANSWERED * 2
    assert found.failed
    with app.app_context():
        assert verify, "its import brings every kind of stream that is checked"
        assert list(check_ledger(db.engine, keyring(), Report())) == []
