"""A real server and a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

import chromium
import engines
from live import QUIET, Live, serving


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """Skipped where there is no Chromium; in CI that is a failure."""
    path = chromium.path()
    if path is None:
        words = "no Chromium on this machine (python -m tests.chromium installs one)"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(params=engines.ENGINES)
def live(request: pytest.FixtureRequest, chrome: Browser, tmp_path: Path) -> Iterator[Live]:
    """The cast's county, served with its worker; the console must stay silent."""
    with serving(str(request.param), tmp_path) as url:
        here = Live(url, chrome)
        yield here
        for context in here.contexts.values():
            context.close()
        assert here.complaints == []
