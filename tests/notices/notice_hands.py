"""A robot that takes what it is sent, and the worker's round by hand."""

from __future__ import annotations

import types
from datetime import datetime

from cast import Cast
from ledger.db import db, now
from ledger.work import outbox

KEY = "wecombot://693a91f6-7aoc-4bc4-97a0"


class Robots:
    """Stands for the library that is loaded when something is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.refuses = False

    def as_module(self) -> types.ModuleType:
        robots = self

        class Apprise:
            def __init__(self) -> None:
                self.addresses: list[str] = []

            def add(self, address: str) -> bool:
                self.addresses.append(address)
                return True

            def notify(self, body: str) -> bool:
                if robots.refuses:
                    return False
                robots.sent += [(address, body) for address in self.addresses]
                return True

        module = types.ModuleType("apprise")
        module.Apprise = Apprise  # type: ignore[attr-defined]
        return module


def fan_out(cast: Cast, at: datetime | None = None) -> int:
    with cast.app.app_context():
        found = outbox.drain(at or now())
        db.session.remove()
        return found
