"""The practice partner's own door: takes the answers that the ledger pushes, and misbehaves.

It judges every answer as a careful platform would: the signature, the clock, the nonce, the event
number that stays the same over retries, and the sequence of each order.
"""

from __future__ import annotations

import hmac
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from .signing import sign

PATH: Final = "/answers"
SKEW: Final = 300
MOST_BYTES: Final = 1 << 20
IDLE_SECONDS: Final = 15


@dataclass(frozen=True)
class Manner:
    """How the receiver behaves."""

    fail: float = 0.0
    """The share of answers that fail: refused, cut off, or taken and then not acknowledged."""
    delay: float = 0.0
    """Seconds before each acknowledgement."""
    die_after: int = 0
    """After so many answers nobody listens any more; 0 = never."""
    dead_for: float = 5.0
    """Seconds until somebody listens again; 0 = for good."""
    seed: int = 1


@dataclass(frozen=True)
class Taken:
    """One event as it was first taken."""

    order: tuple[str, str]
    sequence: int
    event: str
    body: bytes


@dataclass
class Answers:
    """What came, judged."""

    events: dict[str, Taken] = field(default_factory=dict)
    by_order: dict[tuple[str, str], list[Taken]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    received: int = 0
    repeated: int = 0
    out_of_order: int = 0
    changed: int = 0
    """The same event number with another content."""
    forged: int = 0
    """Not signed, signed with an unknown key, stale, or a nonce used before."""
    unreadable: int = 0
    failed: int = 0
    """That this side failed on purpose."""
    last_at: float = 0.0

    def take(self, event_id: str, taken: Taken) -> None:
        known = self.events.get(event_id)
        come = self.by_order.setdefault(taken.order, [])
        if known is not None:
            self.repeated += 1
            self.changed += known.body != taken.body
            # What was followed by another had been acknowledged: it does not come again.
            self.out_of_order += come[-1] is not known
            return
        if come and taken.sequence != come[-1].sequence + 1:
            self.out_of_order += 1
        self.events[event_id] = taken
        come.append(taken)

    def late_starts(self, fresh: set[str]) -> int:
        """Of the orders that are new, those whose first answer was not number one."""
        return sum(
            come[0].sequence != 1 for (number, _), come in self.by_order.items() if number in fresh
        )


class Receiver:
    """Listens in threads of its own until stopped."""

    def __init__(
        self, host: str, port: int, secrets: Mapping[str, bytes], manner: Manner | None = None
    ) -> None:
        """Raises OSError where the address is taken."""
        self.answers = Answers()
        self._secrets = dict(secrets)
        self._manner = manner or Manner()
        self._dice = random.Random(f"receiver {self._manner.seed}")  # noqa: S311  # a play
        self._lock = threading.Lock()
        self._nonces: set[tuple[str, str]] = set()
        self._stopped = threading.Event()
        self._server: ThreadingHTTPServer | None = self._listen(host, port)
        self.host, self.port = host, int(self._server.server_address[1])
        self._begin(self._server)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{PATH}"

    def trust(self, key_id: str, secret: bytes) -> None:
        """Answers may be signed with this key too."""
        self._secrets[key_id] = secret

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    # -- listening ---------------------------------------------------------------------------

    def _listen(self, host: str, port: int) -> ThreadingHTTPServer:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = IDLE_SECONDS

            def do_POST(self) -> None:
                receiver._serve(self)

            def log_message(self, *_: object) -> None:
                """Standard output is the summary's."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """The ledger hung up, or was killed: it will come again."""

        return Server((host, port), Handler)

    @staticmethod
    def _begin(server: ThreadingHTTPServer) -> None:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _die(self) -> None:
        with self._lock:
            server, self._server = self._server, None
        if server is None:
            return
        server.shutdown()
        server.server_close()
        if self._manner.dead_for and not self._stopped.wait(self._manner.dead_for):
            risen = self._listen(self.host, self.port)
            with self._lock:
                self._server = risen
            self._begin(risen)

    # -- one answer --------------------------------------------------------------------------

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        length = request.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            request.close_connection = True
            self._say(request, 413)
            return
        body = request.rfile.read(int(length))
        fate, dies = self._judge(request, body)
        if self._manner.delay:
            time.sleep(self._manner.delay)
        if fate is None:
            request.close_connection = True  # cut off: no word at all
        else:
            self._say(request, fate)
        if dies:
            threading.Thread(target=self._die, daemon=True).start()

    def _judge(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int | None, bool]:
        """The status to answer with, None for none, and whether that was the last for now."""
        with self._lock:
            answers = self.answers
            answers.received += 1
            answers.last_at = time.monotonic()
            dies = answers.received == self._manner.die_after
            if not self._is_signed(request, body):
                answers.forged += 1
                return 401, dies
            fails = self._dice.random() < self._manner.fail
            way = self._dice.choice(("refused", "cut", "kept")) if fails else ""
            answers.failed += fails
            if way in ("refused", "cut"):
                return (503 if way == "refused" else None), dies
            try:
                event_id, taken = _read(body)
            except (ValueError, KeyError, TypeError):
                answers.unreadable += 1
                return 422, dies
            answers.take(event_id, taken)
            if way:
                return 500, dies
            answers.acknowledged.add(event_id)
            return 200, dies

    def _is_signed(self, request: BaseHTTPRequestHandler, body: bytes) -> bool:
        said: Callable[[str], str] = lambda name: request.headers.get(name, "")  # noqa: E731
        key_id, stamp, nonce = said("X-Key-Id"), said("X-Timestamp"), said("X-Nonce")
        secret = self._secrets.get(key_id)
        if secret is None or not stamp.isdecimal() or abs(time.time() - int(stamp)) > SKEW:
            return False
        wanted = sign(secret, "POST", request.path, int(stamp), nonce, body)
        if not hmac.compare_digest(wanted.encode(), said("X-Signature").encode()):
            return False
        if (key_id, nonce) in self._nonces:
            return False
        self._nonces.add((key_id, nonce))
        return True

    @staticmethod
    def _say(request: BaseHTTPRequestHandler, status: int) -> None:
        request.send_response(status)
        request.send_header("Content-Length", "0")
        request.end_headers()


def _read(body: bytes) -> tuple[str, Taken]:
    told: dict[str, Any] = json.loads(body)
    order = (str(told["order_number"]), str(told["sub_number"]))
    return str(told["event_id"]), Taken(order, int(told["sequence"]), str(told["event"]), body)
