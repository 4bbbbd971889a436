"""待回填清单: answers that people fill in on a hotline's own platform, and how each channel is
told at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from .. import access
from ..appeals import record
from ..appeals.desks import Desk, Tile
from ..appeals.filters import Filters
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..catalogue.models import Channel
from ..catalogue.words import RETURN_WAYS
from ..config import SHANGHAI
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.views import require
from ..sheets.harmless import guarded
from ..web import (
    Choice,
    Conflict,
    Form,
    LongText,
    NotFound,
    Refused,
    as_download,
    see_other,
    shanghai,
)
from . import push_views, return_queries
from .messages import PUSH
from .platforms import platforms
from .return_queries import Filled
from .template import XLSX

blueprint = Blueprint("returns", __name__, url_prefix="/hotline")

HOME = "/hotline/answers"
VIEWS = {"waiting": "待回填", "done": "已回填"}
NONE = "没有这张工单，或您无权查看。"
CHANGED = "这件诉求的答复在您打开页面之后有了变化。请按最新的答复在热线平台回填，再点“已回填”。"
FILLERS = ("operator", "coordinator")
HEADS = (
    "外部工单号", "来源渠道", "热线要求反馈时限", "办理状态", "状态说明", "答复内容", "诉求编号",
)  # fmt: skip


class UndoForm(Form):
    reason = LongText("撤销回填的理由", 500, rows=2, required=True)


class WayForm(Form):
    way = Choice("回告方式", RETURN_WAYS, required=True)


def init_app(app: Flask) -> None:
    """Register the pages; tell the rooms below of the door and of what waits at a desk."""
    app.register_blueprint(blueprint)
    app.register_blueprint(push_views.blueprint)
    doors = app.extensions.setdefault("ledger_doors", {})
    doors[HOME] = fills
    doors[push_views.HOME] = push_views.looks
    app.extensions.setdefault("ledger_desks", []).append(desk_of)


def fills(actor: Actor) -> bool:
    return bool(actor.seats_as(*FILLERS))


class _Waiting(Tile):
    """A number with rows of this room behind it."""

    @property
    def url(self) -> str:
        return HOME


def desk_of(actor: Actor, at: datetime) -> Desk | None:
    """What waits for this actor; None where nothing does."""
    if not fills(actor):
        return None
    count, late = return_queries.counted(actor, at)
    if not count:
        return None
    most = return_queries.MOST_COUNTED
    tiles: list[Tile] = [_Waiting("待回填热线平台", count, Filters(), "red" if late else "", most)]
    alarms = [f"有{late}张热线工单超过平台要求的反馈时限未回填。"] if late else []
    return Desk("returns", "热线回填", tiles, alarms=alarms)


# -- the list ----------------------------------------------------------------------------------


@blueprint.get("/answers")
def answers() -> ResponseReturnValue:
    return _page()


def _page(status: int = 200, problem: str = "") -> ResponseReturnValue:
    actor, at = current_actor(), now()
    _ask(actor)
    view = request.args.get("view", "")
    view = view if view in VIEWS else "waiting"
    offered = return_queries.manual_sources()
    channel = request.args.get("channel", "")
    channel = channel if channel in offered else ""
    sources = [channel] if channel else sorted(offered)
    after = _key(request.args.get("after", ""))
    listed = return_queries.waiting if view == "waiting" else return_queries.returned
    found = listed(actor, at, sources, after=after) if sources else []
    rows = found[: return_queries.PAGE]
    kept: dict[str, Any] = {"view": view, **({"channel": channel} if channel else {})}
    more = len(found) > len(rows)
    page = render_template(
        "hotline/answers.html",
        views=VIEWS,
        view=view,
        channels=offered,
        channel=channel,
        rows=[(row, mark_of(row)) for row in rows],
        problem=problem,
        kept=kept,
        newest=url_for("returns.answers", **kept) if after is not None else None,
        older=url_for("returns.answers", **kept, after=_written(rows[-1])) if more else None,
    )
    return page, status


def _ask(actor: Actor) -> None:
    if not fills(actor):
        raise Refused("您的岗位不办理热线回填。")


def mark_of(row: Filled) -> str:
    """Of what was shown as the answer: whoever says that he has told it, has told this."""
    told = "\n".join((row.said.status, row.said.note, row.said.public_reply))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _written(row: Filled) -> str:
    moment, order_id = row.key
    return f"{moment.isoformat()}~{order_id}"


def _key(text: str) -> return_queries.Key | None:
    """None for a place that no page of ours named."""
    moment, _, order_id = text.partition("~")
    if not order_id.isascii() or not order_id.isdecimal() or len(order_id) > 15:
        return None
    try:
        at = datetime.fromisoformat(moment.replace(" ", "+"))
    except ValueError:
        return None
    return None if at.tzinfo is None else (at, int(order_id))


# -- told, and not told after all --------------------------------------------------------------


@blueprint.post("/answers/<int:order_id>/returned")
def returned(order_id: int) -> ResponseReturnValue:
    actor = current_actor()
    _ask(actor)
    with writing() as at:
        appeal, order, shown = _locked(order_id, actor, at)
        if request.form.get("mark", "") != mark_of(shown):
            raise Conflict(CHANGED)
        try:
            appeal.return_order(order, by=actor, at=at)
        except record.Invalid as problem:
            raise Conflict(f"{problem.reason}。") from problem
        except record.Refused as refused:
            raise _refusal(refused) from refused
        db.session.commit()
    flash(f"工单{shown.full_number}已记为回填。", "success")
    return see_other(_back())


def _locked(order_id: int, actor: Actor, at: datetime) -> tuple[Appeal, ExternalOrder, Filled]:
    shown = return_queries.one(order_id, actor, at)
    if shown is None:
        raise NotFound(NONE)
    appeal = db.session.scalars(
        select(Appeal)
        .where(Appeal.number == shown.appeal)
        .with_for_update(of=Appeal)
        .execution_options(populate_existing=True)
    ).one()
    order = next(order for order in appeal.external_orders if order.id == order_id)
    again = return_queries.one(order_id, actor, at)
    assert again is not None
    return appeal, order, again


def _refusal(refused: record.Refused) -> Exception:
    return Conflict(refused.reason) if refused.status == 409 else Refused(refused.reason)


def _back() -> str:
    channel = request.args.get("channel", "")[:40]
    return url_for("returns.answers", channel=channel) if channel else HOME


@blueprint.route("/answers/<int:order_id>/undo", methods=["GET", "POST"])
def undo(order_id: int) -> ResponseReturnValue:
    actor, at = current_actor(), now()
    _ask(actor)
    shown = return_queries.one(order_id, actor, at)
    if shown is None:
        raise NotFound(NONE)
    form = UndoForm()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            return _undo(order_id, form.reason.data, actor)
    return render_template("hotline/undo.html", row=shown, form=form), status


def _undo(order_id: int, reason: str, actor: Actor) -> ResponseReturnValue:
    with writing() as at:
        appeal, order, shown = _locked(order_id, actor, at)
        try:
            appeal.undo_return(order, reason, by=actor, at=at)
        except record.Invalid as problem:
            raise Conflict(f"{problem.reason}。") from problem
        except record.Refused as refused:
            raise _refusal(refused) from refused
        db.session.commit()
    flash(f"工单{shown.full_number}已撤销回填，重新列入待回填。", "success")
    return see_other(url_for("returns.answers"))


# -- to a workbook -----------------------------------------------------------------------------


@blueprint.get("/answers/export")
def export() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    _ask(actor)
    offered = return_queries.manual_sources()
    channel = request.args.get("channel", "")
    sources = [channel] if channel in offered else sorted(offered)
    most = return_queries.MOST_EXPORTED
    rows = return_queries.waiting(actor, at, sources, most=most)[:most] if sources else []
    made = workbook(rows, offered)
    with writing() as moment:
        access.record("exported", "热线待回填清单", f"{len(rows)}行", at=moment)
        db.session.commit()
    name = f"热线待回填清单{at.astimezone(SHANGHAI):%Y%m%d-%H%M}.xlsx"
    return as_download(BytesIO(made), name=name, mimetype=XLSX)


def workbook(rows: Sequence[Filled], channels: dict[str, str]) -> bytes:
    """What may leave the house, and nothing beside it."""
    import xlsxwriter

    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("待回填")
    head = book.add_format({"bold": True, "border": 1, "bg_color": "#DCE6F1"})
    plain = book.add_format({"border": 1, "valign": "top", "text_wrap": True, "num_format": "@"})
    for column, (title, width) in enumerate(zip(HEADS, (24, 18, 18, 12, 36, 70, 24), strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, head)
    for number, row in enumerate(rows, 1):
        cells = (
            row.full_number,
            channels.get(row.source_system, row.source_system),
            shanghai(row.due_at) if row.due_at else "",
            row.said.status,
            row.said.note,
            row.said.public_reply,
            row.appeal,
        )
        for column, words in enumerate(cells):
            sheet.write_string(number, column, guarded(words), plain)
    sheet.freeze_panes(1, 0)
    book.close()
    return out.getvalue()


# -- how each channel is told ------------------------------------------------------------------


@blueprint.get("/channels")
def channels() -> ResponseReturnValue:
    require("keep_channels")
    return _channels()


def _channels(form: WayForm | None = None, of: int = 0, status: int = 200) -> ResponseReturnValue:
    found = db.session.scalars(
        select(Channel).where(Channel.source_system != "").order_by(Channel.position, Channel.id)
    ).all()
    reached = {one.source_system for one in platforms()}
    rows = []
    for channel in found:
        own = form if form is not None and channel.id == of else WayForm(formdata=None)
        if own is not form:
            own.way.data = channel.return_way
        own.way.id = f"way-{channel.id}"
        mute = channel.return_way == PUSH and channel.source_system not in reached
        rows.append((channel, own, mute))
    return render_template("hotline/channels.html", rows=rows), status


@blueprint.post("/channels/<int:channel_id>")
def set_way(channel_id: int) -> ResponseReturnValue:
    require("keep_channels")
    form = WayForm()
    if not form.validate():
        return _channels(form, channel_id, 422)
    with writing() as at:
        channel = db.session.get(Channel, channel_id, with_for_update=True)
        if channel is None or not channel.source_system:
            raise NotFound("没有这个热线渠道。")
        if channel.return_way != form.way.data:
            channel.return_way = form.way.data
            access.record("return_way", f"渠道 {channel.code}", f"回告方式 {form.way.data}", at=at)
        db.session.commit()
        said = f"“{channel.name}”的回告方式已设为{RETURN_WAYS[channel.return_way]}。"
    flash(said, "success")
    return see_other(url_for("returns.channels"))
