"""What leaves the house: lines gathered into messages, claimed with a lease, tried again.

A worker that dies between sending and noting it is followed by another that sends the message
once more, under the same number: told at least once, and recognisable. Nobody else sends it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, and_, or_, select

from ..config import SmsGateway
from ..db import config, db, writing
from ..people.models import Person
from ..work.jobs import worker_name
from . import times
from .models import NoticeAddress, NoticeDelivery
from .rules import MOST_LINES, message
from .sending import Unsent, send_message, send_to_address

LEASE = timedelta(minutes=3)
MOST_ATTEMPTS = 8
GATHER = 5 * MOST_LINES
"""Lines of one message at most; it shows MOST_LINES of them."""
ROUND = 100
"""Messages sent in one round of the sweep: then others have their turn."""

_log = structlog.get_logger("ledger.notices")


@dataclass(frozen=True)
class Message:
    """One message in hand."""

    head_id: int
    way: str
    person_id: int | None
    address_id: int | None
    urgent: bool
    words: str
    attempt: int
    worker: str


def deliver(at: datetime, worker: str | None = None) -> int:
    """Send what is due, one message after another; says how many were tried."""
    tried = 0
    while tried < ROUND and (found := claim(at, worker or worker_name())) is not None:
        tried += 1
        try:
            send(found)
        except Unsent as unsent:
            _log.warning("notice not sent", message=found.head_id, way=found.way)
            put_off(found, str(unsent))
        else:
            done(found)
    return tried


def _ways() -> list[str]:
    """Without a gateway, text messages wait for whoever exports them."""
    return ["apprise"] if config().sms is None else ["apprise", "sms"]


def _due(at: datetime) -> Select[NoticeDelivery]:
    """By its head alone is a message claimed: no two workers hold parts of one."""
    row = NoticeDelivery
    return (
        select(row)
        .where(
            row.way.in_(_ways()),
            or_(
                and_(row.state == "waiting", row.run_at <= at),
                and_(row.state == "sending", row.leased_until < at),
            ),
            or_(row.head_id.is_(None), row.head_id == row.id),
        )
        .order_by(row.run_at, row.id)
        .limit(1)
    )


def claim(at: datetime, worker: str) -> Message | None:
    """Take the next message that is due, or whose worker let its lease run out."""
    while True:
        if db.session.scalar(_due(at).with_only_columns(NoticeDelivery.id)) is None:
            db.session.rollback()
            return None
        with writing() as begun:
            now = max(at, begun)
            head = db.session.scalar(
                _due(now)
                .with_for_update(skip_locked=True)
                .execution_options(populate_existing=True)
            )
            if head is None:
                return None
            rows = _gathered(head, now)
            head.attempts += 1
            if head.attempts > MOST_ATTEMPTS:  # its worker died of it each time
                _settle(rows, "failed", now, "多次发送中断")
                db.session.commit()
                continue
            for row in rows:
                row.head_id, row.state, row.leased_by = head.id, "sending", worker
                row.leased_until = now + LEASE
            found = Message(
                head_id=head.id,
                way=head.way,
                person_id=head.person_id,
                address_id=head.address_id,
                urgent=head.urgent,
                words=message([row.line for row in rows], head.id),
                attempt=head.attempts,
                worker=worker,
            )
            db.session.commit()
            return found


def _gathered(head: NoticeDelivery, now: datetime) -> list[NoticeDelivery]:
    """The lines of its message: those it had when it was tried before, else all of the same
    recipient that are due."""
    row = NoticeDelivery
    if head.head_id is not None:
        same = select(row).where(row.head_id == head.id).order_by(row.id)
        return list(db.session.scalars(same.execution_options(populate_existing=True)))
    others = (
        select(row)
        .where(
            row.way == head.way,
            row.person_id == head.person_id,
            row.unit_id == head.unit_id,
            row.address_id == head.address_id,
            row.urgent == head.urgent,
            row.state == "waiting",
            row.head_id.is_(None),
            row.run_at <= now,
            row.id > head.id,
        )
        .order_by(row.id)
        .limit(GATHER - 1)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    return [head, *db.session.scalars(others)]


def send(found: Message) -> None:
    """Outside any transaction. Raises Unsent."""
    if found.way == "sms":
        gateway = config().sms
        person = None if found.person_id is None else db.session.get(Person, found.person_id)
        phone = person.phone if person is not None and person.active else None
        db.session.rollback()
        send_by_gateway(gateway, phone, found)
        return
    address = None
    if found.address_id is not None:
        address = db.session.scalar(
            select(NoticeAddress.address).where(NoticeAddress.id == found.address_id)
        )
    db.session.rollback()
    if address is None:
        raise Unsent("通知地址已删除")
    send_to_address(address, found.words)


def send_by_gateway(gateway: SmsGateway | None, phone: str | None, found: Message) -> None:
    if gateway is None:
        raise Unsent("没有配置短信网关")
    if phone is None:
        raise Unsent("没有手机号，或人员已停用")
    send_message(gateway, phone, found.words, found.head_id)


def done(found: Message) -> None:
    with writing() as at:
        _settle(_mine(found), "sent", at)
        db.session.commit()


def put_off(found: Message, why: str) -> None:
    """Tried again later; given up after MOST_ATTEMPTS, for the administrator to see."""
    with writing() as at:
        rows = _mine(found)
        if found.attempt >= MOST_ATTEMPTS:
            _settle(rows, "failed", at, why)
        for row in rows:
            row.error = why[:200]
            row.leased_until = None
            if found.attempt < MOST_ATTEMPTS:
                row.state = "waiting"
                later = at + times.pause_after(found.attempt)
                row.run_at = times.allowed_at(later, urgent=row.urgent)
        db.session.commit()


def _mine(found: Message) -> Sequence[NoticeDelivery]:
    """Its rows, while this worker still holds them."""
    return db.session.scalars(
        select(NoticeDelivery)
        .where(
            NoticeDelivery.head_id == found.head_id,
            NoticeDelivery.state == "sending",
            NoticeDelivery.leased_by == found.worker,
        )
        .order_by(NoticeDelivery.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _settle(rows: Sequence[Any], state: str, at: datetime, error: str = "") -> None:
    for row in rows:
        row.state, row.done_at, row.error = state, at, error[:200]
        row.leased_until = None


def try_again(delivery_id: int, at: datetime) -> bool:
    """What was given up is tried anew, from its first attempt. The caller commits."""
    row = db.session.get(NoticeDelivery, delivery_id, with_for_update=True)
    if row is None or row.state != "failed":
        return False
    row.state, row.attempts, row.error, row.run_at = "waiting", 0, "", at
    row.head_id = None
    row.done_at = None
    return True
