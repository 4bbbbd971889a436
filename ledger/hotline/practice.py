"""The practice partner: a hotline's platform that pushes orders over real HTTP, and mischief.

Several hands push at once, each step until the ledger has answered it: a connection that broke, a
server that is down and a limit that was reached are waited out and tried again, signed anew. What
the ledger answered is judged here; what is in the ledger, by whoever may look into it.
"""

from __future__ import annotations

import json
import secrets as random_secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import requests

from .practice_orders import Step
from .signing import sign

BASE: Final = "/api/v1"
TIMEOUT: Final = 30
PATIENCE: Final = 120.0
"""Seconds for which one step is tried."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
EXAMPLES: Final = 20
PAGE: Final = 100


class Unreachable(Exception):
    """The ledger did not answer, or does not know the key. The message is for the screen."""


@dataclass(frozen=True)
class Key:
    """What signs."""

    key_id: str
    secret: str

    @property
    def bytes(self) -> bytes:
        return self.secret.encode()


@dataclass(frozen=True)
class Answer:
    """What the ledger said to one request."""

    status: int
    said: dict[str, Any]
    retried: int
    """How often it had to be sent again before it was answered."""

    @property
    def slug(self) -> str:
        """The problem's name, '' where there is none."""
        return str(self.said.get("type", "")).rpartition("/")[2] if self.status >= 400 else ""


class Line:
    """One connection to the ledger; each hand has its own."""

    def __init__(self, url: str, key: Key, patience: float = PATIENCE) -> None:
        parts = urlsplit(url.rstrip("/"))
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._base = f"{parts.path}{BASE}"
        self._key = key
        self._patience = patience
        self._session = requests.Session()
        # Neither a proxy nor a password file of this machine has a say in it.
        self._session.trust_env = False

    def push(self, path: str, body: dict[str, Any], once: str = "") -> Answer:
        """`once`: the Idempotency-Key under which it may be sent again and again."""
        more = {"Content-Type": "application/json"}
        if once:
            more["Idempotency-Key"] = once
        return self._until_answered("POST", path, json.dumps(body, ensure_ascii=False), more)

    def ask(self, path: str, **query: str) -> Answer:
        target = f"{path}?{urlencode(query)}" if query else path
        return self._until_answered("GET", target, "", {})

    def close(self) -> None:
        self._session.close()

    def _until_answered(self, method: str, path: str, text: str, more: dict[str, str]) -> Answer:
        until, pause, tries = time.monotonic() + self._patience, FIRST_PAUSE, 0
        while True:
            try:
                answer = self._once(method, f"{self._base}{path}", text.encode(), more)
            except requests.RequestException as error:
                why, wait = f"{type(error).__name__}", pause
            else:
                if answer.status_code < 500 and answer.status_code != 429:
                    return Answer(answer.status_code, _json(answer), tries)
                why, wait = f"HTTP {answer.status_code}", max(pause, _after(answer))
            if time.monotonic() + wait > until:
                raise Unreachable(f"{self._root} 没有答复（{why}），已重试{tries}次")
            time.sleep(wait)
            tries, pause = tries + 1, min(pause * 2, LONGEST_PAUSE)

    def _once(
        self, method: str, target: str, body: bytes, more: dict[str, str]
    ) -> requests.Response:
        stamp, nonce = int(time.time()), random_secrets.token_urlsafe(24)
        headers = {
            "X-Key-Id": self._key.key_id,
            "X-Timestamp": str(stamp),
            "X-Nonce": nonce,
            "X-Signature": sign(self._key.bytes, method, target, stamp, nonce, body),
            **more,
        }
        return self._session.request(
            method,
            self._root + target,
            data=body or None,
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
        )


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _after(answer: requests.Response) -> float:
    after = answer.headers.get("Retry-After", "")
    return min(float(after), 60.0) if after.isdecimal() else 0.0


@dataclass
class Updates:
    """Of supplements, urges and withdrawals."""

    taken: int = 0
    repeated: int = 0
    early: int = 0
    """Came before their order, and were sent again after it."""
    conflicts: int = 0
    refused: int = 0


@dataclass
class Tally:
    """What the ledger answered, in sums."""

    pushed: int = 0
    created: int = 0
    repeated: int = 0
    suggested: int = 0
    conflicts: int = 0
    refused: int = 0
    updates: Updates = field(default_factory=Updates)
    retried: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    """The appeal of each order that the ledger said it has."""
    fresh: set[str] = field(default_factory=set)
    """Orders that this play brought."""
    seconds: float = 0.0

    def expect(self, right: bool, step: Step, answer: Answer) -> None:
        if not right and len(self.unexpected) < EXAMPLES:
            self.unexpected.append(
                f"{step.kind} {step.path} {step.body.get('update_id', step.order_number)}:"
                f" {answer.status} {answer.slug} {answer.said.get('detail', '')}"
            )

    def refuse(self, answer: Answer) -> None:
        name = answer.slug or str(answer.status)
        self.refusals[name] = self.refusals.get(name, 0) + 1


class Play:
    """The steps of a plan, pushed by several hands."""

    def __init__(
        self, url: str, keys: Sequence[Key], steps: Sequence[Step], hands: int, patience: float
    ) -> None:
        """Hands take the keys in turn."""
        self.tally = Tally()
        self._lines = [Line(url, keys[hand % len(keys)], patience) for hand in range(hands)]
        self._steps = deque(steps)
        self._run = random_secrets.token_hex(6)
        self._lock = threading.Lock()
        self._settled: set[str] = set()
        """Orders whose first push was answered, well or not."""
        self._updated: set[str] = set()
        """Orders of which an update is under way: a platform sends one after another."""
        self._failed: list[Exception] = []

    def push(self, on_progress: Callable[[int], None] | None = None) -> Tally:
        """Raises Unreachable where the ledger stayed silent for too long."""
        began = time.perf_counter()
        hands = [
            threading.Thread(target=self._hand, args=(line, on_progress), daemon=True)
            for line in self._lines
        ]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        self.tally.seconds = time.perf_counter() - began
        if self._failed:
            raise self._failed[0]
        return self.tally

    def _hand(self, line: Line, on_progress: Callable[[int], None] | None) -> None:
        try:
            while (step := self._next()) is not None:
                self._send(line, step)
                if on_progress is not None:
                    on_progress(self.tally.pushed)
        except Exception as error:  # of a thread: raised by whoever waits for it
            with self._lock:
                self._failed.append(error)
                self._steps.clear()
        finally:
            line.close()

    def _next(self) -> Step | None:
        """The next that may be sent; what waits for its order is passed over."""
        while True:
            with self._lock:
                for place, step in enumerate(self._steps):
                    if self._may_go(step):
                        del self._steps[place]
                        if step.kind == "update":
                            self._updated.add(step.order_number)
                        return step
                if not self._steps:
                    return None
            time.sleep(0.005)  # the last orders are under way in other hands

    def _may_go(self, step: Step) -> bool:
        if step.waits and step.order_number not in self._settled:
            return False
        return step.kind != "update" or step.order_number not in self._updated

    def _send(self, line: Line, step: Step) -> None:
        mark = step.body.get("update_id", step.order_number)
        # A repeat is what a platform's second program sends: under a key of its own.
        once = f"{self._run}-{mark}" if step.kind == "create" else ""
        answer = line.push(step.path, dict(step.body), once)
        with self._lock:
            self.tally.pushed += 1
            self.tally.retried += answer.retried
            if step.kind == "update":
                self._updated.discard(step.order_number)
                self._judge_update(step, answer)
                return
            self._judge_order(step, answer)
            if step.kind == "create":
                self._settled.add(step.order_number)

    def _judge_order(self, step: Step, answer: Answer) -> None:
        tally = self.tally
        if answer.status in (200, 201, 202):
            appeal = str(answer.said.get("appeal", ""))
            before = tally.acknowledged.setdefault(step.order_number, appeal)
            tally.expect(step.kind != "conflict" and bool(appeal), step, answer)
            tally.expect(before == appeal, step, answer)
        if answer.status == 201:
            tally.created += 1
            tally.fresh.add(step.order_number)
        elif answer.status == 200:
            tally.repeated += 1
        elif answer.status == 202:
            tally.suggested += 1
        elif answer.status == 409 and answer.slug == "order-conflict":
            tally.conflicts += 1
            tally.expect(step.kind == "conflict", step, answer)
        else:
            tally.refused += 1
            tally.refuse(answer)
            tally.expect(False, step, answer)

    def _judge_update(self, step: Step, answer: Answer) -> None:
        updates = self.tally.updates
        if answer.status == 201:
            updates.taken += 1
        elif answer.status == 200:
            updates.repeated += 1
        elif answer.status == 404 and answer.said.get("retry") is True and not step.waits:
            updates.early += 1
            self._steps.append(Step(step.kind, step.order_number, step.path, step.body, waits=True))
        elif answer.status == 409 and answer.slug == "update-conflict":
            updates.conflicts += 1
        else:
            updates.refused += 1
            self.tally.refuse(answer)


# -- what stands there -------------------------------------------------------------------------


def orders_there(line: Line) -> Iterator[dict[str, Any]]:
    """All orders of the key's source, page by page. Raises Unreachable where that is refused."""
    after = ""
    while True:
        query = {"limit": str(PAGE), **({"after": after} if after else {})}
        answer = line.ask("/orders", **query)
        if answer.status != 200:
            raise Unreachable(f"不能查询工单（{answer.status} {answer.said.get('detail', '')}）")
        yield from answer.said["orders"]
        after = str(answer.said.get("next") or "")
        if not after:
            return


def missing(line: Line, acknowledged: dict[str, str]) -> list[str]:
    """Orders that the ledger said it has, and which it does not have, or not for that appeal."""
    found: dict[str, list[str]] = {}
    for order in orders_there(line):
        found.setdefault(str(order["order_number"]), []).append(str(order["appeal"]))
    return sorted(n for n, appeal in acknowledged.items() if found.get(n) != [appeal])
