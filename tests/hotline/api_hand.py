"""A platform's hand: signs and sends, and counts what stands in the ledger."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from sqlalchemy import func, select

from cast import Cast
from ledger.config import SHANGHAI
from ledger.db import Base, db, writing
from ledger.hotline import clients
from ledger.hotline.clients import Made
from ledger.hotline.signing import sign

ORDERS = "/api/v1/orders"


def connect(cast: Cast, source: str = "12345", office: str = "office", **more: Any) -> Made:
    with cast.app.app_context(), writing() as at:
        made = clients.add(source, cast.unit(office), f"{source}热线平台", at=at, **more)
        db.session.commit()
        db.session.remove()
        return made


class Platform:
    """Sends what it is told to, rightly signed unless it is told otherwise."""

    def __init__(self, app: Flask, made: Made) -> None:
        self.http = app.test_client()
        self.made = made

    def signed(
        self, method: str, path: str, body: bytes, *, at: int | None = None, nonce: str = ""
    ) -> dict[str, str]:
        stamp, nonce = int(time.time()) if at is None else at, nonce or uuid.uuid4().hex
        secret = self.made.secret.encode()
        return {
            "X-Key-Id": self.made.key_id,
            "X-Timestamp": str(stamp),
            "X-Nonce": nonce,
            "X-Signature": sign(secret, method, path, stamp, nonce, body),
        }

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        content_type: str = "application/json",
        **signing: Any,
    ) -> Any:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        said = {**self.signed(method, path, raw, **signing), **(headers or {})}
        return self.http.open(
            path, method=method, data=raw, headers=said, content_type=content_type
        )

    def push(self, number: str, **more: Any) -> Any:
        return self.send("POST", ORDERS, order(number, **more))


def ago(hours: int) -> str:
    """A moment as a platform writes it; the same for every call within the hour."""
    hour = datetime.now(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    return (hour - timedelta(hours=hours)).isoformat()


def order(number: str, **more: Any) -> dict[str, Any]:
    return {
        "order_number": number,
        "content": "澄江镇收费站入口关闭，三辆货车被劝返，请协调放行。",
        "received_at": ago(24),
        "caller": {"name": "刘经理", "phone": "13900000001"},
        "firm": {"name": "寻乌县顺达物流有限公司"},
        **more,
    }


def counts(app: Flask) -> dict[str, int]:
    """Rows of every table but the access log."""
    with app.app_context():
        found = {
            name: db.session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name != "access_log"
        }
        db.session.rollback()
        return found
