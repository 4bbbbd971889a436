"""A real server and a real Chromium, for the tests that see the ledger as its users do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
from sqlalchemy import select

import engines
from cast import PASSWORD, lay_cast
from ledger.db import db, writing
from ledger.people import sign_in
from ledger.people.models import Person

ROOT = Path(__file__).resolve().parents[1]
ARTIFACTS = ROOT / "tests" / "artifacts"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WIDE = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass
class Live:
    """A running ledger, and whoever is at its pages."""

    url: str
    browser: Browser
    contexts: dict[str, BrowserContext] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    """What the browser's console complained of: there must be nothing."""

    def page(self, username: str, size: dict[str, int] | None = None) -> Page:
        """A page in which `username` has signed in by the form."""
        if username not in self.contexts:
            context = self.browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai")
            self.contexts[username] = context
            page = context.new_page()
            self._listen(page)
            page.set_viewport_size(size or WIDE)  # type: ignore[arg-type]  # a TypedDict's shape
            page.goto(f"{self.url}/sign-in")
            page.locator("[name=username]").fill(username)
            page.locator("[name=password]").fill(PASSWORD)
            page.get_by_role("button", name="登录").click()
            page.wait_for_url(f"{self.url}/desk")
            return page
        page = self.contexts[username].pages[0]
        if size:
            page.set_viewport_size(size)  # type: ignore[arg-type]
        return page

    def _listen(self, page: Page) -> None:
        def heard(message: ConsoleMessage) -> None:
            # A refused request is the page's business; what counts is the script's and the CSP's.
            if message.type == "error" and "Failed to load resource" not in message.text:
                self.complaints.append(message.text)

        page.on("console", heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


def look(page: Page, name: str) -> None:
    """Axe finds nothing serious, nothing scrolls sideways; a picture is kept of both widths."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for size, word in ((PHONE, "phone"), (WIDE, "wide")):
        page.set_viewport_size(size)  # type: ignore[arg-type]  # a TypedDict's shape
        # Hiding the caret would take a style of Playwright's own, which the page's policy refuses.
        page.screenshot(path=ARTIFACTS / f"{name}-{word}.png", full_page=True, caret="initial")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], f"{name} scrolls sideways at {size['width']}: {width}"
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "axe.run({resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))"
    )
    serious = [
        (v["id"], [node["html"][:200] for node in v["nodes"]])
        for v in json.loads(found)
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == [], f"{name}: {serious}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(engine: str, home: Path, more: Callable[[Flask], None] | None = None) -> Iterator[str]:
    """`ledger serve` on a copy of the prepared ledger with the cast, and whatever `more` lays;
    gives its address."""
    url = engines.fresh(engine, home)
    app = engines.application(url, home)
    lay_cast(app)
    if more is not None:
        more(app)
    with app.app_context():
        hashed = sign_in.hashed(PASSWORD)
        with writing():
            for person in db.session.scalars(select(Person)):
                person.password = hashed
            db.session.commit()
        db.session.remove()
        db.engine.dispose()
    port = _free_port()
    log = (home / "server.log").open("wb")
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
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base, server, home / "server.log")
        yield base
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        log.close()
        if engine == "postgresql":
            engines.drop_postgres_database(url)


def _wait(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{base}/readyz", timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.15)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-3000:]}")
