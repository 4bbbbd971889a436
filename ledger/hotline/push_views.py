"""回告情况: what was pushed to hotlines and what was not taken, for whoever sends it again or sets
it aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from .. import access
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import Conflict, Form, LongText, NotFound, Refused, see_other
from .hearing import EVENTS
from .messages import address, promote
from .platforms import platforms
from .push_models import OrderMessage
from .pushing import lock_orders, wake
from .return_queries import offices_of

blueprint = Blueprint("pushes", __name__, url_prefix="/hotline/pushes")

HOME = "/hotline/pushes/"
PAGE = 30
MOST_AT_ONCE = 500
STATES: Mapping[str, str] = {
    "failed": "推送失败",
    "waiting": "待推送",
    "queued": "排队（等前一条）",
    "delivered": "已送达",
    "set_aside": "不再推送",
}
NONE = "没有这条回告，或您无权查看。"


class AsideForm(Form):
    reason = LongText("不再推送的理由", 500, rows=2, required=True)


@dataclass(frozen=True)
class Shown:
    """A message as the page tells it: not what it says."""

    id: int
    order: str
    source: str
    sequence: int
    event: str
    state: str
    attempts: int
    error: str
    platform: str
    created_at: datetime
    run_at: datetime
    done_at: datetime | None
    settled_by: str
    settled_for: str


def looks(actor: Actor) -> bool:
    return bool(actor.seats_as("coordinator", "operator")) or _keeps_all(actor)


def _keeps_all(actor: Actor) -> bool:
    """Who keeps the platforms sees whether they are reached: numbers and faults, no appeal."""
    return "system_admin" in actor.roles


def _mine(actor: Actor, at: datetime) -> Any:
    """The messages that this actor looks after, with their orders."""
    if not looks(actor):
        raise Refused("您的岗位不查看回告情况。")
    wanted = select(OrderMessage, ExternalOrder).join(
        ExternalOrder, ExternalOrder.id == OrderMessage.order_id
    )
    if _keeps_all(actor):
        return wanted
    offices = sorted(offices_of(actor, at))
    return wanted.join(Appeal, Appeal.id == ExternalOrder.appeal_id).where(
        Appeal.office_id.in_(offices)
    )


@blueprint.get("/")
def index() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    state = request.args.get("state", "failed")
    state = state if state in STATES else "failed"
    number = " ".join(request.args.get("number", "").split())[:64]
    typed = request.args.get("before", "")
    before = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 16 else None
    wanted = _mine(actor, at).where(OrderMessage.state == state)
    if number:
        wanted = wanted.where(ExternalOrder.order_number == number)
    if before is not None:
        wanted = wanted.where(OrderMessage.id < before)
    wanted = wanted.order_by(OrderMessage.id.desc()).limit(PAGE + 1)
    found = db.session.execute(wanted).all()
    names = {one.id: one.name for one in platforms()}
    rows = [_shown(message, order, names) for message, order in found[:PAGE]]
    kept: dict[str, Any] = {"state": state, **({"number": number} if number else {})}
    return render_template(
        "hotline/pushes.html",
        states=STATES,
        state=state,
        number=number,
        rows=rows,
        newest=url_for("pushes.index", **kept) if before is not None else None,
        older=url_for("pushes.index", **kept, before=str(rows[-1].id))
        if len(found) > PAGE
        else None,
    )


def _shown(message: OrderMessage, order: ExternalOrder, names: Mapping[int, str]) -> Shown:
    return Shown(
        id=message.id,
        order=order.full_number,
        source=order.source_system,
        sequence=message.sequence,
        event=EVENTS[message.event],
        state=message.state,
        attempts=message.attempts,
        error=message.error,
        platform=names.get(message.client_id or 0, ""),
        created_at=message.created_at,
        run_at=message.run_at,
        done_at=message.done_at,
        settled_by=message.settled_by_name,
        settled_for=message.settled_for,
    )


def _locked(message_id: int, actor: Actor, at: datetime) -> tuple[OrderMessage, ExternalOrder]:
    found = db.session.execute(_mine(actor, at).where(OrderMessage.id == message_id)).one_or_none()
    if found is None:
        raise NotFound(NONE)
    lock_orders({found[0].order_id})
    db.session.refresh(found[0])
    return found[0], found[1]


@blueprint.post("/<int:message_id>/again")
def again(message_id: int) -> ResponseReturnValue:
    """From its first attempt, at once."""
    actor = current_actor()
    with writing() as at:
        message, order = _locked(message_id, actor, at)
        if message.state not in ("failed", "waiting"):
            raise Conflict(f"这条回告现为“{STATES[message.state]}”，不能重发。")
        _send_again(message, order, at)
        access.record("push_resent", f"工单 {order.full_number}", f"第{message.sequence}条", at=at)
        client_id = message.client_id
        db.session.commit()
    _wake({client_id})
    if client_id is None:
        flash("该来源仍没有可以推送的接口平台，请系统管理员先登记。", "warning")
    else:
        flash("已重新列入推送。", "success")
    return see_other(url_for("pushes.index", state=message.state))


def _send_again(message: OrderMessage, order: ExternalOrder, at: datetime) -> None:
    address(message, order)
    message.attempts, message.run_at = 0, at


def _wake(client_ids: set[int | None]) -> None:
    """In a transaction of its own: whoever pushes takes the turn before the orders, and the two
    would wait for each other."""
    with writing():
        for client_id in sorted(one for one in client_ids if one is not None):
            wake(client_id)
        db.session.commit()


@blueprint.post("/again")
def all_again() -> ResponseReturnValue:
    """Everything that failed, as after a platform was mended: MOST_AT_ONCE of them, the oldest
    first."""
    actor = current_actor()
    with writing() as at:
        wanted = _mine(actor, at).where(OrderMessage.state == "failed")
        found = db.session.execute(wanted.order_by(OrderMessage.id).limit(MOST_AT_ONCE)).all()
        lock_orders({message.order_id for message, _ in found})
        sent, woken = 0, set[int | None]()
        for message, order in found:
            db.session.refresh(message)
            if message.state == "failed":
                _send_again(message, order, at)
                sent += message.client_id is not None
                woken.add(message.client_id)
        access.record("push_resent", "全部推送失败的回告", f"{sent}条", at=at)
        db.session.commit()
    _wake(woken)
    flash(f"已将{sent}条重新列入推送。", "success")
    return see_other(url_for("pushes.index", state="failed"))


@blueprint.route("/<int:message_id>/aside", methods=["GET", "POST"])
def aside(message_id: int) -> ResponseReturnValue:
    """Not sent any more: the next message of its order has its turn."""
    actor, at = current_actor(), now()
    found = db.session.execute(_mine(actor, at).where(OrderMessage.id == message_id)).one_or_none()
    if found is None:
        raise NotFound(NONE)
    form = AsideForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            return _set_aside(message_id, form.reason.data, actor)
    shown = _shown(found[0], found[1], {})
    return render_template("hotline/aside.html", row=shown, form=form), status


def _set_aside(message_id: int, reason: str, actor: Actor) -> ResponseReturnValue:
    with writing() as at:
        message, order = _locked(message_id, actor, at)
        if message.state not in ("failed", "waiting"):
            raise Conflict(f"这条回告现为“{STATES[message.state]}”，不需要处理。")
        message.state, message.done_at = "set_aside", at
        message.settled_by_id, message.settled_by_name = actor.id, actor.name
        message.settled_for = reason
        promote(message.order_id, at)
        access.record(
            "push_set_aside", f"工单 {order.full_number}", f"第{message.sequence}条", at=at
        )
        db.session.commit()
    flash("已记为不再推送，该工单的下一条继续推送。", "success")
    return see_other(url_for("pushes.index", state="failed"))
