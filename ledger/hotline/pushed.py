"""What a platform pushes becomes an order, and an order an appeal, once: by the verbs that persons
and files go through, under the client's own hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from ..appeals.intake import Registration, title_of
from ..appeals.models import Appeal, Attachment
from ..appeals.ordering import ENDED
from ..appeals.parts import ExternalOrder, FormerOwner
from ..appeals.plates import PlateError
from ..appeals.plates import read as read_plates
from ..appeals.record import Invalid, Refused
from ..appeals.returning import TheirCallBack
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..deadlines.queries import caps_in_force
from ..firms import names, phones
from ..people.directory import directory
from ..people.models import Unit
from .api_models import ApiMessage
from .clients import channel_of
from .door import Caller
from .orders import Order, matter_digest, registration
from .problems import FieldError, Problem
from .taking import FirmsNamed

SLACK = timedelta(minutes=5)
"""So far ahead may a platform's clock be."""
_FIRMS = ("firm", "sole_trader", "association")


@dataclass(frozen=True)
class Done:
    """What became of a message: the status, the order, and the appeal that bears it."""

    status: int
    order: ExternalOrder
    appeal: Appeal
    more: Mapping[str, Any]


# -- create ------------------------------------------------------------------------------------


def create(caller: Caller, said: Mapping[str, Any], raw: str, at: datetime) -> Done:
    """Inside a write transaction. Raises Problem."""
    number, sub = said["order_number"], said["sub_number"]
    _not_ahead(said["received_at"], at, "received_at")
    standing = db.session.scalars(orders_numbered(caller, number)).all()
    same = next((one for one in standing if one.sub_number == sub), None)
    if same is not None:
        return _again(caller, same, said, raw, at)
    base, words = next(iter(standing), None), said["content"]
    if base is None and said["previous"]:
        base = db.session.scalar(orders_numbered(caller, said["previous"]).limit(1))
        if base is None:
            words += f"\n（前一工单编号：{said['previous']}）"
    known = _registration({**said, "content": words}, caller, at)
    if base is not None:
        return _further(caller, base, said, raw, at)
    office = db.session.get_one(Unit, caller.office_id)
    order = _order(caller, said, raw, known.received_at)
    firm = None
    if said.get("firm"):
        found = FirmsNamed()
        found.load([(said["firm"]["name"], known.uscc)])
        firm = found.named(said["firm"]["name"], known.uscc)
    appeal = _by_verb(
        lambda: Appeal.register(
            known, office=office, by=caller.actor, at=at, firm=firm, external_orders=[order]
        )
    )
    return Done(201, order, appeal, {})


def orders_numbered(caller: Caller, number: str) -> Select[ExternalOrder]:
    return (
        select(ExternalOrder)
        .where(
            ExternalOrder.source_system == caller.source_system,
            ExternalOrder.order_number == number,
        )
        .order_by(ExternalOrder.id)
    )


def _again(
    caller: Caller, order: ExternalOrder, said: Mapping[str, Any], raw: str, at: datetime
) -> Done:
    """The number is known: the same again, other content, or a rework that is asked for."""
    appeal = bearing(caller, order, elsewhere=True, lock=said["redo"])
    if said["redo"]:
        return _redo(caller, order, appeal, said, raw, at)
    if order.matter_digest != matter_digest(said["title"], said["content"]):
        raise Problem(
            "order-conflict",
            f"工单{order.full_number}已登记，内容与原来不同：原内容不变，已列入办公室待核对的冲突。",
            more={
                "ours": _ours(order, appeal),
                "theirs": {"title": said["title"], "content": said["content"]},
            },
        )
    return Done(200, order, appeal, {})


def _ours(order: ExternalOrder, appeal: Appeal) -> dict[str, str]:
    """What the platform said under that number. An appeal that began otherwise, or bears another
    hotline's order as well, may hold what somebody else told in confidence: no word of it."""
    if order.raw:
        kept = json.loads(order.raw)
        return {"title": kept.get("title", ""), "content": kept["content"]}
    alone = {one.source_system for one in appeal.external_orders} == {order.source_system}
    if alone and order.matter_digest:
        return {"title": appeal.title, "content": appeal.content}
    return {"title": "", "content": ""}


def _redo(
    caller: Caller,
    order: ExternalOrder,
    appeal: Appeal,
    said: Mapping[str, Any],
    raw: str,
    at: datetime,
) -> Done:
    digest = digest_of(said)
    update_id = f"redo-{digest[:40]}"
    if _message(order, update_id) is not None:
        return Done(200, order, appeal, {"suggested": True})
    whole = f"{order.source_system} {order.full_number}"
    _by_verb(
        lambda: standing_for(appeal).suggest_rework(whole, said["content"], by=caller.actor, at=at)
    )
    _keep(caller, order, "redo", update_id, digest, raw, said["received_at"], at)
    return Done(202, order, appeal, {"suggested": True})


def _further(
    caller: Caller, base: ExternalOrder, said: Mapping[str, Any], raw: str, at: datetime
) -> Done:
    """A further order of a matter that is known."""
    appeal = standing_for(bearing(caller, base, elsewhere=True))
    order = _order(caller, said, raw, min(said["received_at"], at))
    by = caller.actor
    of_base = base.order_number == order.order_number
    if not (of_base or said["redo"]) and appeal.is_open:
        _by_verb(lambda: appeal.link_order(order, said["content"], by=by, at=at))
        return Done(201, order, appeal, {})
    _by_verb(lambda: appeal.suggest_rework("", said["content"], order=order, by=by, at=at))
    return Done(202, order, appeal, {"suggested": True})


def _order(
    caller: Caller, said: Mapping[str, Any], raw: str, received_at: datetime
) -> ExternalOrder:
    order = ExternalOrder()
    # As a loaded row is filled: there is no history to keep of what never was otherwise.
    vars(order).update(
        source_system=caller.source_system,
        order_number=said["order_number"],
        sub_number=said["sub_number"],
        state="open",
        received_at=received_at,
        their_due_at=said.get("their_due_at"),
        matter_digest=matter_digest(said["title"], said["content"]),
        raw=raw,
    )
    return order


def _registration(said: Mapping[str, Any], caller: Caller, at: datetime) -> Registration:
    """As a row of a file is understood: a telephone number or a plate that is none is kept as
    words, a credit code that is none is refused. Raises Problem."""
    firm = said.get("firm") or {"name": "", "uscc": ""}
    who = said.get("caller") or {"name": "", "phone": ""}
    phone, phone_note = _read(phones.normalise, who["phone"], phones.PhoneError)
    plates, plates_note = _read(
        lambda text: " ".join(read_plates(text)), " ".join(said.get("plates", ())), PlateError
    )
    try:
        uscc = names.clean_uscc(firm["uscc"]) or ""
    except names.UsccError as error:
        raise _wrong("firm.uscc", str(error)) from error
    order = Order(
        row=0,
        number=said["order_number"],
        sub_number=said["sub_number"],
        title=said["title"],
        content=said["content"],
        received_at=said["received_at"],
        their_due_at=said.get("their_due_at"),
        caller=who["name"],
        phone=phone,
        phone_note=phone_note,
        firm=firm["name"],
        uscc=uscc,
        kind=said["kind"],
        urgency=said["urgency"],
        category="",
        place=said["place"],
        plates=plates,
        plates_note=plates_note,
        confidential=said["confidential"],
        reply="",
        replied_at=None,
    )
    known = registration(
        order,
        channel=_by_verb(lambda: channel_of(caller.source_system)),
        region_code=_region(caller),
        at=at,
    )
    since = said.get("stranded_since")
    if since is not None:
        _not_ahead(since, at, "stranded_since")
    stated = who.get("type")
    return replace(
        known,
        appellant_type=_type(stated, known.appellant_type),
        title=known.title or title_of(known.content),
        category_id=_category(said["category"]),
        cross_region=said["cross_region"],
        stranded=since is not None,
        stranded_since=since,
        real_name=stated != "anonymous",
    )


def _type(stated: str | None, found: str) -> str:
    """What the platform says it is; a firm that is named stays one."""
    if stated is None or (found == "firm" and stated not in _FIRMS):
        return found
    return stated


def _read(read: Callable[[str], str], text: str, error: type[ValueError]) -> tuple[str, str]:
    try:
        return read(text), ""
    except error:
        return "", text


def _region(caller: Caller) -> str:
    return directory().units[caller.office_id].region_code


def _category(code: str) -> int | None:
    if not code:
        return None
    for one in catalogue().categories.values():
        if one.code == code and one.active:
            return one.id
    raise _wrong("category", f"没有诉求类别编码“{code}”，不清楚的请省略该栏目")


def _wrong(name: str, detail: str) -> Problem:
    return Problem("invalid", f"栏目{name}：{detail}。", [FieldError(name, detail)])


def _not_ahead(moment: datetime, at: datetime, name: str) -> None:
    if moment > at + SLACK:
        raise _wrong(name, "时间晚于现在，请核对时钟和时区")


# -- what is said of it later ------------------------------------------------------------------


def update(
    caller: Caller,
    kind: str,
    number: str,
    said: Mapping[str, Any],
    raw: str,
    at: datetime,
    files: list[Attachment] | None = None,
) -> Done:
    """Inside a write transaction. Raises Problem."""
    order = order_of(caller, number, said["sub_number"])
    appeal = bearing(caller, order)
    digest, happened = digest_of(said), said.get("at") or at
    known = _message(order, said["update_id"])
    if known is not None:
        if (known.kind, known.digest) == (kind, digest):
            return Done(200, order, appeal, {"late": known.late})
        raise Problem(
            "update-conflict",
            f"更新编号{said['update_id']}已用于另一条内容，原内容不变；确为新的更新，请换用新的更新编号。",
        )
    if order.state == ENDED:
        raise Problem("order-ended", f"工单{order.full_number}已撤回，不再接收更新。")
    _not_ahead(happened, at, "at")
    late = _is_late(order, happened) if said.get("at") else False
    _keep(caller, order, kind, said["update_id"], digest, raw, happened, at, late=late)
    _by_verb(lambda: _VERBS[kind](_Update(caller, order, appeal, said, happened, late, at, files)))
    return Done(201, order, appeal, {"late": late})


@dataclass(frozen=True)
class _Update:
    caller: Caller
    order: ExternalOrder
    appeal: Appeal
    said: Mapping[str, Any]
    happened: datetime
    late: bool
    at: datetime
    files: list[Attachment] | None

    @property
    def target(self) -> Appeal:
        return standing_for(self.appeal)

    @property
    def hand(self) -> dict[str, Any]:
        return {"by": self.caller.actor, "at": self.at}

    @property
    def happened_at(self) -> datetime | None:
        """Where it is near enough to be said so."""
        near = self.at - timedelta(hours=caps_in_force(self.at).backdate_hours)
        return (
            min(self.happened, self.at) if self.said.get("at") and self.happened >= near else None
        )

    def words(self, text: str) -> str:
        if not self.late:
            return text
        when = f"{self.happened.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        return f"【补录：平台{when}的更新，晚于其后的更新收到】{text}"


def _supplement(one: _Update) -> None:
    words = one.words(one.said["text"])
    one.target.supplement(words, happened_at=one.happened_at, **one.hand)


def _urge(one: _Update) -> None:
    record: Callable[..., object] = current_app.extensions["ledger_urge"]
    record(one.target, one.words(one.said["text"]), happened_at=one.happened_at, **one.hand)


def _withdraw(one: _Update) -> None:
    one.appeal.end_order(one.order, one.words(one.said["reason"]), **one.hand)


def _attach(one: _Update) -> None:
    one.target.attach(one.files or [], **one.hand)


def _call_back(one: _Update) -> None:
    said = one.said
    result = TheirCallBack(
        reached=said["reached"],
        contacted=said["contacted"],
        solved=said["solved"],
        satisfied=said["satisfied"],
        words=one.words(said["words"]) if said["words"] else "",
        happened_at=min(one.happened, one.at),
    )
    one.appeal.take_their_call_back(result, order=one.order, **one.hand)


_VERBS: dict[str, Callable[[_Update], None]] = {
    "supplement": _supplement,
    "urge": _urge,
    "withdrawal": _withdraw,
    "attachment": _attach,
    "call_back": _call_back,
}


def _by_verb(do: Callable[[], Any]) -> Any:
    """The table's word as the interface says it."""
    try:
        return do()
    except Refused as refused:
        raise Problem("not-now", refused.reason) from refused
    except Invalid as invalid:
        raise _wrong(invalid.field, invalid.reason) from invalid


def _message(order: ExternalOrder, update_id: str) -> ApiMessage | None:
    return db.session.scalar(
        select(ApiMessage).where(ApiMessage.order_id == order.id, ApiMessage.update_id == update_id)
    )


def _is_late(order: ExternalOrder, happened: datetime) -> bool:
    found = select(ApiMessage.id).where(
        ApiMessage.order_id == order.id, ApiMessage.happened_at > happened
    )
    return db.session.scalar(found.limit(1)) is not None


def _keep(
    caller: Caller,
    order: ExternalOrder,
    kind: str,
    update_id: str,
    digest: str,
    raw: str,
    happened: datetime,
    at: datetime,
    *,
    late: bool = False,
) -> None:
    db.session.add(
        ApiMessage(
            client_id=caller.client_id,
            order_id=order.id,
            kind=kind,
            update_id=update_id,
            digest=digest,
            raw=raw,
            happened_at=happened,
            late=late,
            at=at,
        )
    )


def digest_of(said: Mapping[str, Any]) -> str:
    def plain(value: object) -> object:
        if isinstance(value, datetime):
            return int(value.timestamp() * 1000)
        return hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)

    text = json.dumps(said, ensure_ascii=True, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


# -- where they are ----------------------------------------------------------------------------


def order_of(caller: Caller, number: str, sub: str) -> ExternalOrder:
    """Raises Problem."""
    wanted = orders_numbered(caller, number).where(ExternalOrder.sub_number == sub)
    found = db.session.scalar(wanted) if _is_sane(number) and _is_sane(sub) else None
    if found is None:
        raise unknown(number, sub)
    return found


def _is_sane(number: str) -> bool:
    return len(number) <= 64 and number.isprintable()


def unknown(number: str, sub: str) -> Problem:
    whole = f"{number}-{sub}" if sub else number
    shown = "".join(c for c in whole if c.isprintable())[:140]
    return Problem(
        "unknown-order",
        f"没有工单{shown}：尚未收到，或不属于本平台。请先推送工单，再发送更新。",
        more={"retry": True},
    )


def bearing(
    caller: Caller, order: ExternalOrder, *, elsewhere: bool = False, lock: bool = True
) -> Appeal:
    """The appeal that bears an order; for a verb with its row locked. An office's client reaches
    what its office owns or owned. Raises Problem."""
    wanted = select(Appeal).where(Appeal.id == order.appeal_id)
    if lock:
        wanted = (
            wanted.options(selectinload(Appeal.external_orders))
            .with_for_update(of=Appeal)
            .execution_options(populate_existing=True)
        )
    appeal = db.session.scalars(wanted).one()
    if is_within(caller, appeal):
        return appeal
    if elsewhere:
        raise Problem(
            "order-elsewhere",
            f"工单{order.full_number}已由其他办公室登记，请由该办公室的接入方推送。",
        )
    raise unknown(order.order_number, order.sub_number)


def is_within(caller: Caller, appeal: Appeal) -> bool:
    if appeal.office_id == caller.office_id:
        return True
    owned = select(FormerOwner.id).where(
        FormerOwner.appeal_id == appeal.id, FormerOwner.office_id == caller.office_id
    )
    return db.session.scalar(owned.limit(1)) is not None


def standing_for(appeal: Appeal) -> Appeal:
    """Itself, or what it was merged into."""
    while appeal.master_id is not None and appeal.state == "merged":
        appeal = db.session.get_one(Appeal, appeal.master_id, with_for_update=True)
    return appeal
