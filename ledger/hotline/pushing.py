"""接口推送: messages leave for their platforms, in order per order, until each is taken.

A worker takes a platform's turn by a lease, and is alone in speaking to it; what it has sent it
notes when nothing is sent any more, a few dozen at a time. Killed in between, another sends the
same again under the same event_id: told at least once, and recognisable. A platform that does not
answer rests, and holds up no other: each is spoken to by a thread of its own.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import requests
import structlog
from flask import Flask, current_app
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from ..appeals.parts import ExternalOrder
from ..db import db, now, writing
from .messages import promote
from .platforms import Key, Platform, key_of, platforms
from .push_models import OrderMessage, PushTurn
from .signing import sign

LEASE = timedelta(minutes=2)
"""Longer than a batch takes at its slowest: BATCH_SECONDS and one timeout."""
BATCH = 50
BATCH_SECONDS = 20
TURN_SECONDS = 60
"""Of one platform; then it waits for its next turn like the others."""
TIMEOUT = 10
MOST_ATTEMPTS = 24
"""With ever longer pauses, some five hours."""
MOST_PAUSE = 30 * 60
MOST_REST = 2 * 60
MOST_HANDS = 16
IN_A_ROW = 3
"""So many messages without any answer, and the platform is away: one line that breaks is not."""
KEPT = 300
"""Characters of an answer that are kept."""
NO_KEY = "该平台没有可用的签名密钥"

_log = structlog.get_logger("ledger.hotline")


@dataclass(frozen=True)
class Sending:
    """One message in hand."""

    id: int
    order_id: int
    event_id: str
    body: bytes


@dataclass(frozen=True)
class Sent:
    """What came of it; `fault` is '' where the platform took it."""

    message: Sending
    fault: str = ""
    away: bool = False
    """The platform did not answer at all."""


def pause_after(attempts: int) -> timedelta:
    """Of a message that was refused: 2 s, half as long again each time, at most half an hour."""
    return timedelta(seconds=min(2 * 1.5 ** (attempts - 1), MOST_PAUSE))


def rest_after(rests: int) -> timedelta:
    """Of a platform that did not answer: 4 s, doubling, at most two minutes."""
    return timedelta(seconds=min(2 ** (rests + 1), MOST_REST))


# -- turns -------------------------------------------------------------------------------------

_hands: dict[int, threading.Thread] = {}


def push(at: datetime) -> int:
    """The sweep: a thread for each platform that has something to hear; says how many begin."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    for client_id in [key for key, hand in _hands.items() if not hand.is_alive()]:
        del _hands[client_id]
    begun = 0
    for platform in _waited_for(at):
        if platform.id in _hands or len(_hands) >= MOST_HANDS:
            continue
        hand = threading.Thread(target=_in_thread, args=(app, platform, at), daemon=True)
        _hands[platform.id] = hand
        hand.start()
        begun += 1
    return begun


def _in_thread(app: Flask, platform: Platform, at: datetime) -> None:
    with app.app_context():
        try:
            turn(platform, at)
        except Exception as error:
            _log.error("push failed", platform=platform.id, error=type(error).__name__)


def push_here(at: datetime) -> int:
    """One turn of each platform after another; says how many messages were tried."""
    return sum(turn(platform, at) for platform in _waited_for(at))


def _waited_for(at: datetime) -> list[Platform]:
    found = [one for one in platforms() if _due(one.id, at, 1)]
    db.session.rollback()
    return found


def turn(platform: Platform, at: datetime, worker: str | None = None) -> int:
    """Speak to one platform for a while; says how many messages were tried."""
    worker = worker or uuid4().hex
    if not take_turn(platform.id, worker, at):
        return 0
    begun, tried, away = time.monotonic(), 0, False
    with requests.Session() as session:
        # Neither proxies nor passwords of this machine's environment.
        session.trust_env = False
        while not away and time.monotonic() - begun < TURN_SECONDS:
            batch = _due(platform.id, max(at, now()), BATCH)
            key = key_of(platform.id)
            db.session.rollback()
            if not batch:
                break
            done = _send_all(session, platform, key, batch)
            tried += len(done)
            away = _is_away(done)
            if not settle(platform.id, worker, done, at):
                return tried  # somebody else has the turn
    end_turn(platform.id, worker, away=away, at=at)
    return tried


def take_turn(client_id: int, worker: str, at: datetime) -> bool:
    """Whether it is this worker's now."""
    try:
        with writing() as begun:
            moment = max(at, begun)
            row = _turn(client_id)
            if row is None:
                row = PushTurn(client_id=client_id, rests=0)
                db.session.add(row)
            for barred in (row.leased_until, row.rest_until):
                if barred is not None and barred > moment:
                    return False
            row.leased_by, row.leased_until, row.rest_until = worker, moment + LEASE, None
            db.session.commit()
            return True
    except IntegrityError:  # another's first row of this platform
        return False


def end_turn(client_id: int, worker: str, *, away: bool, at: datetime) -> None:
    with writing() as begun:
        row = _turn(client_id)
        if row is None or row.leased_by != worker:
            return
        row.leased_until = None
        row.rests = row.rests + 1 if away else 0
        row.rest_until = max(at, begun) + rest_after(row.rests) if away else None
        db.session.commit()


def _turn(client_id: int) -> PushTurn | None:
    return db.session.scalar(
        select(PushTurn)
        .where(PushTurn.client_id == client_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _due(client_id: int, at: datetime, most: int) -> list[Sending]:
    found = db.session.execute(
        select(OrderMessage.id, OrderMessage.order_id, OrderMessage.event_id, OrderMessage.body)
        .where(
            OrderMessage.client_id == client_id,
            OrderMessage.state == "waiting",
            OrderMessage.run_at <= at,
        )
        .order_by(OrderMessage.run_at, OrderMessage.id)
        .limit(most)
    )
    return [Sending(row.id, row.order_id, row.event_id, row.body.encode()) for row in found]


# -- one message -------------------------------------------------------------------------------


def _send_all(
    session: requests.Session, platform: Platform, key: Key | None, batch: Sequence[Sending]
) -> list[Sent]:
    """Outside any transaction. Stops where the platform is away, or takes too long."""
    begun, done = time.monotonic(), []
    for message in batch:
        one = Sent(message, NO_KEY, away=True)
        if key is not None:
            one = send(session, platform.callback_url, key, message)
        done.append(one)
        gone = len(done) >= IN_A_ROW and _is_away(done)
        if key is None or gone or time.monotonic() - begun > BATCH_SECONDS:
            break
    return done


def _is_away(done: Sequence[Sent]) -> bool:
    return all(one.away for one in done[-IN_A_ROW:])


def send(session: requests.Session, url: str, key: Key, message: Sending) -> Sent:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "ledger"}
    try:
        asked = session.prepare_request(
            requests.Request("POST", url, data=message.body, headers=headers)
        )
        asked.headers.update(_signed(key, asked.path_url, message.body))
        # A redirection is not followed: it would lead to a host that nobody named.
        with session.send(asked, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if 200 <= answer.status_code < 300:
                return Sent(message)
            said = answer.raw.read1(4 * KEPT).decode(errors="replace")
    except requests.Timeout:
        return Sent(message, f"平台{TIMEOUT}秒内没有应答", away=True)
    except (requests.RequestException, OSError, ValueError) as error:
        return Sent(message, f"连接平台失败（{type(error).__name__}）", away=True)
    words = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:KEPT]
    return Sent(message, f"平台返回HTTP {answer.status_code}" + (f"：{words}" if words else ""))


def _signed(key: Key, target: str, body: bytes) -> dict[str, str]:
    stamp, nonce = str(int(now().timestamp())), secrets.token_urlsafe(24)
    return {
        "X-Key-Id": key.key_id,
        "X-Timestamp": stamp,
        "X-Nonce": nonce,
        "X-Signature": sign(key.secret, "POST", target, stamp, nonce, body),
    }


def settle(client_id: int, worker: str, done: Sequence[Sent], at: datetime) -> bool:
    """Note what came of a batch, and let each order's next message come; False where the turn has
    passed to another, who sends them again."""
    with writing() as begun:
        moment = max(at, begun)
        row = _turn(client_id)
        if row is None or row.leased_by != worker:
            return False
        row.leased_until = moment + LEASE
        lock_orders({one.message.order_id for one in done})
        rows = {
            message.id: message
            for message in db.session.scalars(
                select(OrderMessage)
                .where(OrderMessage.id.in_([one.message.id for one in done]))
                .execution_options(populate_existing=True)
            )
        }
        for one in done:
            message = rows[one.message.id]
            if message.state != "waiting":
                continue  # a person has set it aside meanwhile
            message.attempts += 1
            message.error = one.fault[:500]
            if not one.fault:
                message.state, message.done_at = "delivered", moment
                promote(message.order_id, moment)
            elif message.attempts >= MOST_ATTEMPTS:
                message.state = "failed"
            else:
                message.run_at = moment + pause_after(message.attempts)
        db.session.commit()
        return True


def lock_orders(ids: set[int]) -> None:
    """What is queued behind what, is settled by whoever holds these rows."""
    db.session.execute(
        select(ExternalOrder.id)
        .where(ExternalOrder.id.in_(sorted(ids)))
        .order_by(ExternalOrder.id)
        .with_for_update()
    ).all()


def wake(client_id: int) -> None:
    """A platform that rested is tried at once; the caller commits."""
    db.session.execute(
        update(PushTurn)
        .where(PushTurn.client_id == client_id)
        .values(rest_until=None, rests=0)
        .execution_options(synchronize_session=False)
    )
