"""What notices are tried with: the handlers as the worker registers them, and a robot."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from ledger.notices import sweeps
from ledger.work import outbox
from notices.notice_hands import Robots


@pytest.fixture
def robots(monkeypatch: pytest.MonkeyPatch) -> Robots:
    found = Robots()
    monkeypatch.setitem(sys.modules, "apprise", found.as_module())
    return found


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The outbox's handlers, as the worker registers them; gone again afterwards."""
    before = {topic: list(found) for topic, found in outbox._handlers.items()}
    sweeps.register()
    yield
    outbox._handlers.clear()
    outbox._handlers.update(before)
