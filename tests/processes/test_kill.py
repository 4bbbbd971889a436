"""Kill −9 of the whole server in the middle of writes: what was acknowledged is there."""

from __future__ import annotations

import html
import http.cookiejar
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

import engines
from cast import PASSWORD, lay_cast
from ledger.appeals.models import Appeal
from ledger.audit import verify
from ledger.db import db, keyring, writing
from ledger.people import sign_in
from ledger.people.models import Person
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry, EntryText
from ledger.work.serve import die_with_parent

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parents[2]
WRITERS = ("lin", "tang", "lin", "tang")
ENOUGH = 40
"""Acknowledged writes after which the power is cut."""
PATIENCE = 90
UP_WITHIN = 60


class Page:
    """A browser without scripts: cookies, the token, and redirects followed."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self.token = ""

    def get(self, path: str) -> tuple[str, str]:
        """Final address and text."""
        return self._read(urllib.request.Request(self.base + path))

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        body = urllib.parse.urlencode({"csrf_token": self.token, **fields}).encode()
        return self._read(urllib.request.Request(self.base + path, data=body))

    def _read(self, request: urllib.request.Request) -> tuple[str, str]:
        with self.opener.open(request, timeout=30) as answer:
            text = answer.read().decode()
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
            if found:
                self.token = html.unescape(found[1])
            return str(answer.url), text

    def sign_in(self, username: str) -> None:
        self.get("/sign-in")
        where, _ = self.post("/sign-in", username=username, password=PASSWORD)
        assert not where.endswith("/sign-in"), where
        self.get("/appeals/new")


@dataclass
class Written:
    """What the server said it has kept, and what it answered that nobody expected."""

    numbers: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers) + len(self.notes)


def _write(page: Page, written: Written, down: threading.Event) -> None:
    """Log an appeal and add to it, over and over, until the server is gone."""
    while not down.is_set():
        try:
            where, _ = page.post(
                "/appeals/new",
                token=secrets.token_urlsafe(16),
                appellant_name="寻乌县顺达物流有限公司",
                appellant_type="firm",
                phone="13807970001",
                phone_given="given",
                content="澄江收费站入口关闭，两辆货车被劝返，请协调放行。",
                channel="visit",
                kind="help",
                urgency="normal",
                region_code=engines.REGION,
                stranded="no",
                identity="open",
            )
            number = re.search(r"/appeals/(\d{6}-\d{4}-\d{6})", where)
            assert number, where
            written.numbers.append(number[1])
            for _ in range(3):
                words = f"补充{secrets.token_hex(8)}"
                where, _ = page.post(f"/appeals/{number[1]}/supplement", words=words)
                assert number[1] in where and "supplement" not in where, where
                written.notes.append((number[1], words))
        except urllib.error.HTTPError as error:
            written.odd.append(f"{error.code} {error.url} {error.read()[:2000].decode()}")
            return
        except AssertionError as error:
            written.odd.append(str(error))
            return
        except OSError:
            return  # the line went dead: whatever was under way was not acknowledged
        except Exception as error:
            if not down.is_set():
                written.odd.append(repr(error))
            return


@contextmanager
def _serving(url: str, home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    with (home / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("ledger")),
                *("serve", "--host", "127.0.0.1", "--port", str(port)),
            ],
            env={**os.environ, **engines.environment(url, home)},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=die_with_parent,  # also where the tests themselves are killed
        )
        try:
            _wait_until_up(server, port, home / "server.log")
            yield server
        finally:
            _kill(server)


def _wait_until_up(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + UP_WITHIN
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-3000:]}")


def _kill(server: subprocess.Popen[bytes]) -> None:
    """SIGKILL for the server and all it started, the youngest first; no one is asked."""
    for pid in reversed(_family(server.pid)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    server.wait(10)


def _family(pid: int) -> list[int]:
    """The process and its descendants, parents before children (Linux)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _lay(app: Flask) -> None:
    lay_cast(app)
    with app.app_context():
        hashed = sign_in.hashed(PASSWORD)
        with writing():
            for person in db.session.scalars(select(Person)):
                person.password = hashed
            db.session.commit()
        db.session.remove()
        db.engine.dispose()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_acknowledged_survives_a_kill(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    _lay(app)
    written, down = Written(), threading.Event()
    port = _free_port()
    with _serving(database_url, tmp_path, port) as server:
        pages = []
        for username in WRITERS:
            page = Page(f"http://127.0.0.1:{port}")
            page.sign_in(username)
            pages.append(page)
        hands = [
            threading.Thread(target=_write, args=(page, written, down), daemon=True)
            for page in pages
        ]
        for hand in hands:
            hand.start()
        end = time.monotonic() + PATIENCE
        while len(written) < ENOUGH and time.monotonic() < end and not written.odd:
            time.sleep(0.02)
        assert not written.odd, written.odd[0]
        assert len(written) >= ENOUGH
        assert all(hand.is_alive() for hand in hands), "the kill must come amid writes"
        _kill(server)
        down.set()
        for hand in hands:
            hand.join(35)
    assert not written.odd, written.odd[0]
    warnings.warn(f"killed after {len(written)} acknowledged writes", stacklevel=1)
    _check(app, written)
    with _serving(database_url, tmp_path, port):
        page = Page(f"http://127.0.0.1:{port}")
        page.sign_in("tang")  # he finds whatever was registered in the county
        number, words = written.notes[-1]
        assert words in page.get(f"/appeals/{number}")[1]
        where, _ = page.post(f"/appeals/{number}/supplement", words="重启之后的补充")
        assert where.endswith(number)
    _check(app, written)


def _check(app: Flask, written: Written) -> None:
    with app.app_context():
        db.session.remove()
        kept = set(db.session.scalars(select(Appeal.number)))
        assert set(written.numbers) <= kept
        notes = {
            (stream.removeprefix("appeal/"), body)
            for stream, body in db.session.execute(
                select(Entry.stream, EntryText.body).join(EntryText.entry)
            )
        }
        assert set(written.notes) <= notes
        db.session.remove()
        assert verify, "its import brings every kind of stream that is checked"
        assert list(check_ledger(db.engine, keyring(), Report())) == []
        last = sorted(int(number.rsplit("-", 1)[1]) for number in kept)
        assert last == list(range(1, len(last) + 1)), "a number that was given out stands"
