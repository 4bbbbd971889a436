"""A platform that hears: a server of its own in a thread, told how to answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import select, update

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.catalogue.models import Channel
from ledger.db import db, now, writing
from ledger.hotline import clients, pushing
from ledger.hotline.platforms import Key, Platform, kept_by
from ledger.hotline.sweeps import register
from ledger.work import outbox

KEY = Key("k-1", b"a secret of the platform's own")
SOURCE = "12345"


class Hearing:
    """What reached it, in order; `answers(body)` is the status it gives, None: it hangs up."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.answers: Callable[[dict[str, Any]], int | None] = lambda _body: 200
        self.forged = 0
        self.key = KEY
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                said = ("POST", self.path, self.headers["X-Timestamp"], self.headers["X-Nonce"])
                text = "\n".join((*said, hashlib.sha256(raw).hexdigest()))
                made = hmac.new(outer.key.secret, text.encode(), hashlib.sha256).digest()
                if self.headers["X-Signature"] != base64.b64encode(made).decode():
                    outer.forged += 1
                body = json.loads(raw)
                status = outer.answers(body)
                if status is None:
                    self.connection.close()
                    return
                outer.heard.append({**body, "http": status, "raw": raw.decode()})
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write("平台繁忙".encode() * 400 if status >= 400 else b"{}")

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hear?county=360734"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def taken(self, number: str | None = None) -> list[dict[str, Any]]:
        """What it said it took, the same event once."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.heard:
            if one["http"] == 200 and number in (None, one["order_number"]):
                found.setdefault(one["event_id"], one)
        return list(found.values())

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Book:
    """Platforms that a test names."""

    def __init__(self, found: Sequence[Platform]) -> None:
        self.found = list(found)

    def platforms(self) -> Sequence[Platform]:
        return self.found

    def key_of(self, _client_id: int) -> Key | None:
        return KEY


@contextmanager
def hearing(cast: Cast, *, client: bool = False, source: str = SOURCE) -> Iterator[Hearing]:
    """That hotline's channel gives answers back by push, and its platform listens; with `client`
    the one that the system administrator has made."""
    one = Hearing()
    with cast.app.app_context(), writing():
        for channel in db.session.scalars(select(Channel).where(Channel.source_system == source)):
            channel.return_way = "push"
        db.session.commit()
    book = Book([Platform(7, f"市{source}平台", source, cast.units["office"], one.url)])
    was = kept_by(book)
    if client:
        kept_by(was)
        one.key = _made(cast, one.url)
    register()
    try:
        yield one
    finally:
        kept_by(was)
        one.stop()


def _made(cast: Cast, url: str) -> Key:
    with cast.app.app_context(), writing() as at:
        made = clients.add(SOURCE, cast.unit("office"), "市12345平台", at=at, callback_url=url)
        db.session.commit()
        return Key(made.key_id, made.secret.encode())


def reported(cast: Cast, number: str, sub: str = "", source: str = SOURCE, **known: Any) -> str:
    """An appeal that a hotline's order brought; gives the appeal's number."""
    from ledger.appeals.intake import Registration
    from ledger.people.actor import system

    with cast.app.app_context(), writing() as at:
        order = ExternalOrder(
            source_system=source, order_number=number, sub_number=sub, state="open",
            received_at=at, their_due_at=at + timedelta(days=5),
        )  # fmt: skip
        facts = {
            "appellant_name": "寻乌县顺达物流有限公司",
            "content": "澄江收费站入口关闭，两辆货车被劝返，请协调放行。",
            "channel": source,
            "received_at": at,
            "phone": "13807970001",
            **known,
        }
        appeal = Appeal.register(
            Registration(**facts),
            office=cast.unit("office"),
            by=system("工单导入"),
            at=at,
            external_orders=[order],
        )
        db.session.commit()
        return appeal.number


def told(cast: Cast, later: timedelta = timedelta(0)) -> int:
    """Fan out what happened, and push it; says how many messages were tried."""
    with cast.app.app_context():
        outbox.drain(now())
        tried = pushing.push_here(now() + later)
        db.session.remove()
        return tried


def rested(cast: Cast) -> None:
    """The pauses pass."""
    from ledger.hotline.push_models import OrderMessage, PushTurn

    with cast.app.app_context(), writing() as at:
        db.session.execute(
            update(OrderMessage).where(OrderMessage.state == "waiting").values(run_at=at)
        )
        db.session.execute(update(PushTurn).values(rest_until=None))
        db.session.commit()
