"""The door of the interface: who sends this, is it his, is it new, and is it not too much.

What is refused leaves a line in the access log and nothing else. What is let in notes its nonce in
the very transaction that does what was asked: a server killed between the two has done neither.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from urllib.parse import quote

from flask import current_app, request
from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from .. import access
from ..access import AccessLog
from ..db import db, now, writing
from ..people.actor import Actor
from .api_models import ApiClient, ApiKey, ApiNonce
from .problems import Problem
from .signing import NEAR, NONCE, is_signed

MOST_BYTES = 12 * 1024 * 1024
MOST_UNKNOWN = 600
"""Refusals a minute of whoever has no good key, that are written down; beyond that it is a flood,
and a line for each would only help it."""
SERVED, REFUSED = "api_served", "api_refused"
NOBODY = "api"


@dataclass(frozen=True)
class Caller:
    """A client at the door, known by its key."""

    client_id: int
    key_row: int
    key_id: str
    name: str
    source_system: str
    office_id: int
    nonce: str

    @property
    def actor(self) -> Actor:
        return Actor("client", self.client_id, self.name, source_system=self.source_system)

    @property
    def id(self) -> None:
        """Of no person."""

    @property
    def username(self) -> str:
        """As the access log calls it."""
        return f"{NOBODY}-{self.client_id}"


@dataclass(frozen=True)
class _Unknown:
    id: None = None
    username: str = NOBODY


def body_of() -> bytes:
    """What was sent, not read further than it may go. Raises Problem."""
    request.max_content_length = MOST_BYTES
    too_large = Problem(
        "too-large", f"请求内容超过{MOST_BYTES // 1024 // 1024}MB，请压缩附件后分次发送。"
    )
    if (request.content_length or 0) > MOST_BYTES:
        raise too_large
    body = request.get_data(cache=True)
    if len(body) > MOST_BYTES:
        raise too_large
    return body


def target() -> str:
    """Path and query as they were sent."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if raw:
        return str(raw)
    query = request.query_string.decode("latin-1")
    path = request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", "")
    path = path.encode("latin-1").decode("utf-8", "replace")
    return f"{_quoted(path)}?{query}" if query else _quoted(path)


def _quoted(path: str) -> str:
    return quote(path, safe="/!$&'()*+,;=:@~-._")


def admit(at: datetime) -> Caller:
    """Raises Problem."""
    said = {name: request.headers.get(name, "") for name in _HEADERS}
    missing = [name for name, value in said.items() if not value]
    if missing:
        raise Problem(
            "unsigned", f"请求没有签名，缺少请求头：{'、'.join(missing)}。请按接口文档签名后发送。"
        )
    caller, secret = _known(said["X-Key-Id"], said["X-Nonce"], at)
    stamp, nonce = said["X-Timestamp"], said["X-Nonce"]
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise Problem("stale", "时间戳应为以秒计的Unix时间（整数），请核对后重新签名发送。")
    if not NONCE.fullmatch(nonce):
        raise Problem("bad-signature", "随机串X-Nonce应为16至64位字母、数字、下划线或短横线。")
    body = body_of()
    given = said["X-Signature"]
    if not is_signed(given, secret.encode(), request.method, target(), stamp, nonce, body):
        raise Problem(
            "bad-signature",
            "签名与请求内容不符：请核对密钥、请求方法、路径（含查询参数）、时间戳、随机串和请求体。",
        )
    if abs(at.timestamp() - int(stamp)) > NEAR.total_seconds():
        raise Problem(
            "stale",
            f"时间戳与服务器时间（{int(at.timestamp())}）相差超过300秒，请校准时钟后重新签名发送。",
        )
    _spend(caller, at)
    return caller


_HEADERS = ("X-Key-Id", "X-Timestamp", "X-Nonce", "X-Signature")


def _replayed() -> Problem:
    return Problem(
        "replayed", "该请求已经收到过（随机串重复）。需要重发的，请换用新的随机串并重新签名。"
    )


def _known(key_id: str, nonce: str, at: datetime) -> tuple[Caller, str]:
    row = None
    if key_id.isascii():
        row = db.session.connection().execute(_KEY, {"named": key_id[:64]}).one_or_none()
    ended = row is not None and row.ended_at is not None and row.ended_at <= at
    if row is None or ended or not row.active:
        raise Problem("unknown-key", "密钥不存在、已停用或已过期，请联系牵头办公室的系统管理员。")
    caller = Caller(
        row.client_id, row.id, row.key_id, row.name, row.source_system, row.office_id, nonce
    )
    return caller, row.secret


_KEY = (
    select(
        ApiKey.id,
        ApiKey.key_id,
        ApiKey.client_id,
        ApiKey.secret,
        ApiKey.ended_at,
        ApiClient.name,
        ApiClient.active,
        ApiClient.source_system,
        ApiClient.office_id,
    )
    .join(ApiClient, ApiClient.id == ApiKey.client_id)
    .where(ApiKey.key_id == bindparam("named"))
)


def note(caller: Caller, subject: str, at: datetime, detail: str = "") -> None:
    """In the transaction that does what was asked: its nonce, and its line. Raises Problem."""
    table = cast(Table, ApiNonce.__table__)
    try:
        db.session.connection().execute(
            insert(table), {"key_id": caller.key_row, "nonce": caller.nonce, "at": at}
        )
    except IntegrityError:
        db.session.rollback()
        raise _replayed() from None
    access.record(SERVED, subject=subject, detail=detail, person=caller, at=at)


def refuse(caller: Caller | None, subject: str, problem: Problem) -> None:
    """Its line in the access log."""
    db.session.rollback()
    if caller is None and _flooded():
        return
    with writing() as at:
        who = caller or _Unknown()
        key_id = request.headers.get("X-Key-Id", "")[:40]
        detail = problem.slug if caller else f"{problem.slug} {key_id}"
        access.record(REFUSED, subject=subject, detail=detail, success=False, person=who, at=at)
        db.session.commit()


def _flooded() -> bool:
    """Asked of the log itself, so that it holds over several web processes."""
    since = now().replace(second=0, microsecond=0)
    wanted = select(func.count()).where(AccessLog.username == NOBODY, AccessLog.at >= since)
    return (db.session.scalar(wanted) or 0) >= MOST_UNKNOWN


# -- how much ----------------------------------------------------------------------------------

_lock = threading.Lock()


def _spend(caller: Caller, at: datetime) -> None:
    """One of the requests that this process holds for this minute; more are fetched by the
    dozen, so that few requests write for it. Raises Problem."""
    minute = int(at.timestamp()) // 60
    held: dict[int, tuple[int, int]] = current_app.extensions.setdefault("ledger.api_rate", {})
    with _lock:
        of, left = held.get(caller.client_id, (0, 0))
        if of == minute and left > 0:
            held[caller.client_id] = (minute, left - 1)
            return
    fetched = _fetch(caller, minute)
    if not fetched:
        wait = 60 - int(at.timestamp()) % 60
        raise Problem("too-many", f"请求过于频繁，请{wait}秒后再试。", retry_after=wait)
    with _lock:
        of, left = held.get(caller.client_id, (0, 0))
        held[caller.client_id] = (minute, fetched - 1 + (left if of == minute else 0))


def _fetch(caller: Caller, minute: int) -> int:
    """So many more for this minute."""
    client, key = cast(Table, ApiClient.__table__), cast(Table, ApiKey.__table__)
    mine = client.c.id == caller.client_id
    with writing() as at:
        row = db.session.execute(
            select(client.c.rate, client.c.rate_minute, client.c.rate_taken)
            .where(mine)
            .with_for_update()
        ).one()
        taken = row.rate_taken if row.rate_minute == minute else 0
        some = max(0, min(max(1, int(row.rate) // 50), int(row.rate) - int(taken)))
        if some:
            spent = {"rate_minute": minute, "rate_taken": taken + some}
            connection = db.session.connection()
            connection.execute(update(client).where(mine).values(spent))
            connection.execute(update(key).where(key.c.id == caller.key_row).values(used_at=at))
            db.session.commit()
    return some


def headers_of(problem: Problem) -> Mapping[str, str]:
    found = {"Content-Type": "application/problem+json; charset=utf-8"}
    if problem.retry_after:
        found["Retry-After"] = str(problem.retry_after)
    return found
