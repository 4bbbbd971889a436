"""From an entry to the messages that hotlines are owed for it, in the transaction that marks its
outbox row done: each told once, in order, in the words that stood then."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from sqlalchemy import or_, select

from ..appeals.lifecycle import MERGED
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder, FormerOwner
from ..appeals.public_then import Then, said_then
from ..catalogue.queries import catalogue
from ..db import db
from ..trail.models import ERASED, Entry
from ..work.models import Outbox
from .hearing import VERBS, body_of, event_of
from .platforms import platform_for
from .push_models import OrderMessage

PREFIX = "appeal/"
PUSH = "push"
NOWHERE = "没有可以推送的平台：请系统管理员登记该来源的接口平台和回告地址后重发"

DONE = ("delivered", "set_aside")


def pushed_sources() -> list[str]:
    """The hotlines whose channels say 接口推送."""
    return sorted(
        {
            one.source_system
            for one in catalogue().channels.values()
            if one.source_system and one.return_way == PUSH
        }
    )


def fan_out(row: Outbox, _at: datetime) -> None:
    """The outbox's handler, for entries of VERBS."""
    sources = pushed_sources()
    entry = None if row.entry_id is None or not sources else db.session.get(Entry, row.entry_id)
    if entry is None or not entry.stream.startswith(PREFIX) or entry.verb not in VERBS:
        return
    then: dict[int, Then] = {}
    for order, appeal_id, number, office_id in _orders(entry, sources):
        if appeal_id not in then:
            then[appeal_id] = said_then(appeal_id, entry.id)
        stood = then[appeal_id]
        if stood.orders.get(order.id) == "open":
            _tell(order, stood, entry, number, office_id)


def _orders(entry: Entry, sources: Sequence[str]) -> Sequence[tuple[ExternalOrder, int, str, int]]:
    """Those of the appeal, and of what is merged into it, locked: the messages of one order are
    numbered one after another."""
    number = entry.stream.removeprefix(PREFIX)
    appeal_id = db.session.scalar(select(Appeal.id).where(Appeal.number == number))
    if appeal_id is None:
        return []
    found = db.session.execute(
        select(ExternalOrder, Appeal.id, Appeal.number, Appeal.office_id)
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .where(
            or_(
                Appeal.id == appeal_id,
                (Appeal.master_id == appeal_id) & (Appeal.state == MERGED),
            ),
            ExternalOrder.source_system.in_(sources),
        )
        .order_by(ExternalOrder.id)
        .with_for_update(of=ExternalOrder)
    )
    return [(row[0], row[1], row[2], row[3]) for row in found]


def _tell(order: ExternalOrder, then: Then, entry: Entry, number: str, office_id: int) -> None:
    last = db.session.scalar(
        select(OrderMessage)
        .where(OrderMessage.order_id == order.id)
        .order_by(OrderMessage.sequence.desc())
        .limit(1)
    )
    event = event_of(None if last is None else json.loads(last.body), then.said)
    if event is None or (last is not None and last.entry_id >= entry.id):
        return
    sequence = 1 if last is None else last.sequence + 1
    event_id = str(uuid4())
    message = OrderMessage(
        order_id=order.id,
        sequence=sequence,
        event_id=event_id,
        event=event,
        entry_id=entry.id,
        office_id=office_id,
        run_at=entry.at,
        created_at=entry.at,
        body=body_of(
            then.said,
            event=event,
            event_id=event_id,
            sequence=sequence,
            order_number=order.order_number,
            sub_number=order.sub_number,
            appeal=number,
            at=entry.at,
        ),
    )
    if last is not None and last.state not in DONE:
        message.client_id, message.state = last.client_id, "queued"
    else:
        address(message, order, None if last is None else last.client_id)
    db.session.add(message)
    db.session.flush()


def address(message: OrderMessage, order: ExternalOrder, known: int | None = None) -> None:
    """Have it wait for the platform of its order (the one that heard before, where `known`); where
    there is none, for a person."""
    client_id = known
    if client_id is None:
        former = select(FormerOwner.office_id).where(FormerOwner.appeal_id == order.appeal_id)
        offices = [message.office_id, *db.session.scalars(former.order_by(FormerOwner.id))]
        found = platform_for(order.source_system, offices)
        client_id = None if found is None else found.id
    message.client_id = client_id
    message.state = "failed" if client_id is None else "waiting"
    message.error = NOWHERE if client_id is None else ""


def promote(order_id: int, at: datetime) -> None:
    """The next message of an order whose last one is done. The order's row is locked."""
    following = db.session.scalar(
        select(OrderMessage)
        .where(OrderMessage.order_id == order_id, OrderMessage.state == "queued")
        .order_by(OrderMessage.sequence)
        .limit(1)
        .execution_options(populate_existing=True)
    )
    if following is not None:
        order = db.session.get_one(ExternalOrder, order_id)
        address(following, order, following.client_id)
        following.run_at = max(following.run_at, at)


def forget(row: Outbox, _at: datetime) -> None:
    """依法删除: a reply that the law had erased stands in no message any more."""
    entry = None if row.entry_id is None else db.session.get(Entry, row.entry_id)
    if entry is None or not entry.stream.startswith(PREFIX):
        return
    number = entry.stream.removeprefix(PREFIX)
    own = select(Appeal.id).where(Appeal.number == number).scalar_subquery()
    told = (
        select(OrderMessage, ExternalOrder.appeal_id)
        .join(ExternalOrder, ExternalOrder.id == OrderMessage.order_id)
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .where(or_(Appeal.id == own, Appeal.master_id == own))
    )
    for message, appeal_id in db.session.execute(told).all():
        body = json.loads(message.body)
        if "public_reply" not in body:
            continue
        if said_then(appeal_id, message.entry_id).said.public_reply in (ERASED, ""):
            body["public_reply"] = ERASED
            message.body = json.dumps(
                body, ensure_ascii=False, sort_keys=True, separators=(",", ":")
            )
