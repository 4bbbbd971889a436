"""Clients of the interface: made and ended by the system administrator, known by their keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from .. import access
from ..appeals.record import Invalid
from ..catalogue.queries import catalogue
from ..db import db, now
from ..people.models import Unit
from .api_models import USUAL_RATE, ApiClient, ApiKey
from .platforms import Key, Platform

GRACE = timedelta(days=7)
"""An old key is good for so long beside the one that takes its place."""
MOST_RATE = 1_000_000


def sources() -> dict[str, str]:
    """Source systems with the names of their channels."""
    return {
        one.source_system: one.name
        for one in catalogue().channels.values()
        if one.source_system and one.active
    }


def channel_of(source_system: str) -> str:
    """The channel whose orders that hotline gives out. Raises Invalid."""
    for one in catalogue().channels.values():
        if one.source_system == source_system and one.active:
            return one.code
    raise Invalid("source_system", f"没有来源平台“{source_system}”，请先在来源渠道中启用")


@dataclass(frozen=True)
class Made:
    """A key that was made: the one moment in which its secret is shown."""

    client_id: int
    key_id: str
    secret: str


def add(
    source_system: str,
    office: Unit,
    name: str,
    *,
    at: datetime,
    callback_url: str = "",
    rate: int = USUAL_RATE,
    by_id: int | None = None,
) -> Made:
    """Raises Invalid naming the field."""
    channel_of(source_system)
    if not office.is_office:
        raise Invalid("office_id", "请选择牵头办公室")
    client = ApiClient(
        source_system=source_system,
        office_id=office.id,
        active=True,
        rate_minute=0,
        rate_taken=0,
        created_at=at,
        created_by_id=by_id,
    )
    _fill(client, name, callback_url, rate)
    db.session.add(client)
    db.session.flush()
    _log("api_client_added", client, at=at)
    return new_key(client, at=at, by_id=by_id)


def change(
    client: ApiClient, name: str, callback_url: str, rate: int, active: bool, *, at: datetime
) -> None:
    _fill(client, name, callback_url, rate)
    client.active = active
    _log("api_client_changed", client, at=at, detail="在用" if active else "停用")


def _fill(client: ApiClient, name: str, callback_url: str, rate: int) -> None:
    if not name.strip():
        raise Invalid("name", "请填写名称")
    if not 1 <= rate <= MOST_RATE:
        raise Invalid("rate", f"每分钟请求数应在1到{MOST_RATE}之间")
    client.name, client.rate = name.strip()[:100], rate
    client.callback_url = _address(callback_url.strip())


def _address(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.fragment
        _ = parts.port
    except ValueError:
        good = False
    if not good or len(url) > 400 or not url.isascii() or any(c <= " " for c in url):
        raise Invalid("callback_url", "回告地址应以http://或https://开头，不超过400个字符")
    if parts.username is not None:
        raise Invalid("callback_url", "回告地址中不要写用户名、密码")
    return url


def new_key(client: ApiClient, *, at: datetime, by_id: int | None = None) -> Made:
    made = Made(client.id, f"ak-{secrets.token_hex(8)}", secrets.token_urlsafe(32))
    db.session.add(
        ApiKey(
            client_id=client.id,
            key_id=made.key_id,
            secret=made.secret,
            created_at=at,
            created_by_id=by_id,
        )
    )
    _log("api_key_added", client, at=at, detail=made.key_id)
    return made


def rotate(client: ApiClient, *, at: datetime, by_id: int | None = None) -> Made:
    """A new key; those in force end after a grace."""
    for key in client.keys:
        if key.ended_at is None or key.ended_at > at + GRACE:
            key.ended_at = at + GRACE
    return new_key(client, at=at, by_id=by_id)


def end_key(key: ApiKey, *, at: datetime) -> None:
    """At once. Raises Invalid where it has ended."""
    if not key.is_good(at):
        raise Invalid("key_id", "该密钥已经停用")
    key.ended_at = at
    _log("api_key_ended", key.client, at=at, detail=key.key_id)


def _log(action: str, client: ApiClient, *, at: datetime, detail: str = "") -> None:
    access.record(action, subject=f"接入方{client.id} {client.name}", detail=detail, at=at)


def all_clients() -> Sequence[ApiClient]:
    return db.session.scalars(
        select(ApiClient).options(selectinload(ApiClient.keys)).order_by(ApiClient.id)
    ).all()


def client_of(client_id: int, *, lock: bool = False) -> ApiClient | None:
    wanted = select(ApiClient).where(ApiClient.id == client_id)
    return db.session.scalar(wanted.with_for_update() if lock else wanted)


def key_named(key_id: str) -> ApiKey | None:
    return db.session.scalar(select(ApiKey).where(ApiKey.key_id == key_id))


class Clients:
    """The platforms that answers are pushed to (platforms.Book)."""

    def platforms(self) -> Sequence[Platform]:
        wanted = select(ApiClient).where(ApiClient.active.is_(True), ApiClient.callback_url != "")
        return [
            Platform(one.id, one.name, one.source_system, one.office_id, one.callback_url)
            for one in db.session.scalars(wanted.order_by(ApiClient.id))
        ]

    def key_of(self, client_id: int) -> Key | None:
        at = now()
        found = select(ApiKey).where(ApiKey.client_id == client_id).order_by(ApiKey.id.desc())
        key = next((one for one in db.session.scalars(found) if one.is_good(at)), None)
        return None if key is None else Key(key.key_id, key.secret.encode())
