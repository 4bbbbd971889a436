"""docs/integration.md does what it says: its numbers, its tables and its programs."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server

from cast import Cast
from ledger.appeals.public_words import STATUSES
from ledger.db import db
from ledger.hotline import practice_setup
from ledger.hotline.hearing import EVENTS
from ledger.hotline.practice import Key, Line
from ledger.hotline.problems import TITLES
from ledger.hotline.signing import sign

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "integration.md").read_text("utf-8")
KEY = Key("practice-key", "a secret that only this test knows")
NEEDED = [name for name in ("sh", "curl", "openssl") if shutil.which(name) is None]


def example(name: str) -> str:
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, name
    return found[1]


def table(name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n\|.*\n\|[-| ]+\n((?:\|.*\n)+)", TEXT)
    assert found, name
    rows = [line.strip().strip("|").split("|") for line in found[1].splitlines()]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def test_the_signature_of_the_example() -> None:
    said = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in example("signature").splitlines())
    signature = sign(
        said["密钥 secret"].encode(),
        said["方法 method"],
        said["路径 target"],
        int(said["X-Timestamp"]),
        said["X-Nonce"],
        said["请求体 body"].encode(),
    )
    assert signature == said["X-Signature"]


def test_the_tables_are_complete() -> None:
    assert [row[0] for row in table("events")] == list(EVENTS)
    problems = {row[1]: (int(row[0]), row[2]) for row in table("problems")}
    assert problems == TITLES
    told = [row[1] for row in table("words")]
    assert sorted(told) == sorted([*STATUSES.values(), "随合并后的诉求"])
    assert sorted(row[0] for row in table("words-english")) == sorted(STATUSES.values())


@pytest.fixture
def live(app: Flask, cast: Cast) -> Iterator[dict[str, str]]:
    """The environment of an engineer who was given a key to a ledger that runs."""
    with app.app_context():
        client = practice_setup.client("12345", cast.units["office"], "")
        db.session.remove()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield {
        **os.environ,
        "LEDGER": f"http://127.0.0.1:{server.server_port}",
        "KEY_ID": client.key.key_id,
        "SECRET": client.key.secret,
        "no_proxy": "127.0.0.1",
    }
    server.shutdown()
    thread.join()


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.skipif(bool(NEEDED), reason=f"without {NEEDED}")
def test_the_programs_that_push(live: dict[str, str], cast: Cast, tmp_path: Path) -> None:
    script = tmp_path / "push.sh"
    script.write_text(example("curl"))
    said = run(["sh", str(script)], {**live, "ORDER_NUMBER": "CURL1"}).splitlines()
    assert said[1::2] == ["201", "200", "201", "200"], said
    created, again, _, asked = (json.loads(line) for line in said[::2])
    assert created["appeal"] == again["appeal"] == asked["appeal"]

    program = tmp_path / "push.py"
    program.write_text(example("python"))
    printed = run([sys.executable, str(program)], {**live, "ORDER_NUMBER": "PYTHON1"}).splitlines()
    assert [line[1:4] for line in printed] == ["201", "200", "409", "201", "200"], printed


def test_the_program_that_receives(tmp_path: Path) -> None:
    program = tmp_path / "receive.py"
    program.write_text(example("receiver"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "KEY_ID": KEY.key_id,
        "SECRET": KEY.secret,
        "PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, str(program)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    event: dict[str, Any] = {
        "event_id": "e1",
        "sequence": 1,
        "order_number": "20260721000123",
        "sub_number": "",
        "event": "accepted",
        "status": "办理中",
    }
    line = Line(f"http://127.0.0.1:{port}/answers", KEY, patience=20)
    try:
        # Until it listens: a line waits.
        assert [line.push("", event).status for _ in range(2)] == [200, 200]
        forged = Line(f"http://127.0.0.1:{port}/answers", Key(KEY.key_id, "another"))
        assert forged.push("", event).status == 401
        body = json.dumps(event).encode()
        stale = int(time.time()) - 1000
        signature = sign(KEY.bytes, "POST", "/answers", stale, "n" * 16, body)
        headers = {
            "X-Key-Id": KEY.key_id,
            "X-Timestamp": str(stale),
            "X-Nonce": "n" * 16,
            "X-Signature": signature,
        }
        url = f"http://127.0.0.1:{port}/answers"
        assert requests.post(url, body, headers=headers, timeout=5).status_code == 401
    finally:
        process.terminate()
        printed, _ = process.communicate(timeout=10)
    assert printed.splitlines() == ["20260721000123 1 accepted 办理中"]
