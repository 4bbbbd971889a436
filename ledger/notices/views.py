"""通知: the inbox, how somebody wants to be told, and what left the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..config import SHANGHAI
from ..db import config, db, now, writing
from ..people import queries as people
from ..people.acting import current_actor
from ..people.sign_in import current
from ..people.views import may, require
from ..web import Conflict, NotFound, Refused, as_download, see_other, shanghai
from . import queries
from .delivering import try_again
from .forms import AddressForm, WayForm
from .models import Notice, NoticeAddress, NoticeChoice
from .rules import EVENTS, SIGNATURE, message
from .sending import SERVICES, Unsent, masked, send_to_address, service_of

blueprint = Blueprint("notices", __name__, url_prefix="/notices")

NONE = "没有这条通知。"
NO_UNIT = "没有这个单位，或您无权查看。"
NO_ADDRESS = "没有这个通知地址。"
MOST_ADDRESSES = 10
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
STATES: Mapping[str, str] = {
    "failed": "发送失败",
    "waiting": "待发送",
    "sending": "发送中",
    "sent": "已发送",
    "exported": "已导出",
}
DELIVERY_WAYS = {"apprise": "机器人", "sms": "短信"}


def init_app(app: Flask) -> None:
    """Register the room's pages."""
    app.register_blueprint(blueprint)


def _before() -> int | None:
    typed = request.args.get("before", "")
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 16 else None


# -- the inbox ---------------------------------------------------------------------------------


@blueprint.get("/")
def index() -> str:
    at, actor, before = now(), current_actor(), _before()
    unread_only = request.args.get("unread") == "1"
    rows, more = queries.inbox(actor, at, unread_only=unread_only, before=before)
    kept: dict[str, Any] = {"unread": "1"} if unread_only else {}
    return render_template(
        "notices/index.html",
        rows=rows,
        events=EVENTS,
        seen_at=at,
        unread_only=unread_only,
        unread=queries.unread(current().id),
        newest_id=rows[0].id if rows else 0,
        may_export="coordinator" in actor.roles,
        newest=url_for("notices.index", **kept) if before is not None else None,
        older=url_for("notices.index", **kept, before=str(rows[-1].id)) if more else None,
    )


@blueprint.get("/count")
def count() -> str:
    """For the bell: nothing where all is read."""
    found = queries.unread(current().id)
    most = queries.MOST_COUNTED
    return "" if not found else f"{most}+" if found > most else str(found)


@blueprint.post("/<int:notice_id>/open")
def open_one(notice_id: int) -> ResponseReturnValue:
    """Mark it as read, and go to what it is about."""
    with writing() as at:
        number = queries.number_of(notice_id, current_actor(), at)
        if number is None:
            raise NotFound(NONE)
        queries.mark_read(current().id, at, Notice.id == notice_id)
        db.session.commit()
    if not number:
        flash("这件诉求已不在您的查看范围内，通知已标为已读。", "info")
        return see_other(url_for("notices.index"))
    return see_other(f"/appeals/{number}")


@blueprint.post("/read")
def read_all() -> ResponseReturnValue:
    """As far as the page showed: what came meanwhile stays unread."""
    typed = request.form.get("until", "")
    until = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 16 else 0
    with writing() as at:
        queries.mark_read(current().id, at, Notice.id <= until)
        db.session.commit()
    flash("通知已全部标为已读。", "success")
    return see_other(url_for("notices.index"))


# -- how one is told ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Owner:
    """Whose addresses a page is about: one's own, or a unit's."""

    name: str
    url: str
    person_id: int | None = None
    unit_id: int | None = None

    @property
    def found(self) -> list[NoticeAddress]:
        return list(queries.addresses(person_id=self.person_id, unit_id=self.unit_id))


def _myself() -> Owner:
    me = current()
    return Owner(me.name, url_for("notices.settings"), person_id=me.id)


def _unit(unit_id: int) -> Owner:
    require("keep_units")
    unit = people.unit(unit_id)
    if unit is None or not may("keep_units", unit.region_code):
        raise NotFound(NO_UNIT)
    return Owner(unit.name, url_for("notices.of_unit", unit_id=unit.id), unit_id=unit.id)


@blueprint.get("/settings")
def settings() -> ResponseReturnValue:
    return _settings(_myself())


@blueprint.post("/settings")
def choose() -> ResponseReturnValue:
    form = WayForm()
    if not form.validate():
        return _settings(_myself(), way=form, status=422)
    with writing():
        chosen = db.session.get(NoticeChoice, current().id)
        if chosen is None:
            db.session.add(NoticeChoice(person_id=current().id, way=form.way.data))
        else:
            chosen.way = form.way.data
        db.session.commit()
    flash("通知方式已保存。", "success")
    return see_other(url_for("notices.settings"))


@blueprint.get("/units/<int:unit_id>")
def of_unit(unit_id: int) -> ResponseReturnValue:
    return _settings(_unit(unit_id))


def _settings(
    owner: Owner,
    *,
    way: WayForm | None = None,
    form: AddressForm | None = None,
    said: tuple[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    if way is None and owner.person_id is not None:
        way = WayForm(formdata=None)
        way.way.data = queries.way_of(owner.person_id)
    page = render_template(
        "notices/settings.html",
        owner=owner,
        way=way,
        form=form or AddressForm(formdata=None),
        addresses=[
            (one.id, one.label, service_of(one.address), masked(one.address)) for one in owner.found
        ],
        services=SERVICES,
        has_gateway=config().sms is not None,
        said=said,
    )
    return page, status


@blueprint.post("/settings/addresses")
def add() -> ResponseReturnValue:
    return _add(_myself())


@blueprint.post("/units/<int:unit_id>/addresses")
def add_to_unit(unit_id: int) -> ResponseReturnValue:
    return _add(_unit(unit_id))


def _add(owner: Owner) -> ResponseReturnValue:
    form = AddressForm()
    if not form.validate():
        return _settings(owner, form=form, status=422)
    with writing() as at:
        found = owner.found
        if len(found) >= MOST_ADDRESSES:
            form.label.errors = [f"最多设{MOST_ADDRESSES}个通知地址，请先删除不用的"]
        elif any(one.address == form.address.data for one in found):
            form.address.errors = ["这个机器人地址已经添加过"]
        else:
            db.session.add(
                NoticeAddress(
                    person_id=owner.person_id,
                    unit_id=owner.unit_id,
                    label=form.label.data,
                    address=form.address.data,
                    created_at=at,
                    created_by_id=current().id,
                )
            )
            access.record("notice_address_added", owner.name, form.label.data, at=at)
            db.session.commit()
    if form.errors:
        return _settings(owner, form=form, status=422)
    flash("通知地址已添加，请发一条测试通知。", "success")
    return see_other(owner.url)


@blueprint.post("/settings/addresses/<int:address_id>/<any(remove, test):what>")
def change(address_id: int, what: str) -> ResponseReturnValue:
    return _change(_myself(), address_id, what)


@blueprint.post("/units/<int:unit_id>/addresses/<int:address_id>/<any(remove, test):what>")
def change_of_unit(unit_id: int, address_id: int, what: str) -> ResponseReturnValue:
    return _change(_unit(unit_id), address_id, what)


def _change(owner: Owner, address_id: int, what: str) -> ResponseReturnValue:
    one = next((a for a in owner.found if a.id == address_id), None)
    if one is None:
        raise NotFound(NO_ADDRESS)
    if what == "test":
        return _test(owner, one)
    with writing() as at:
        found = db.session.get(NoticeAddress, address_id)
        if found is not None:
            access.record("notice_address_removed", owner.name, found.label, at=at)
            db.session.delete(found)
        db.session.commit()
    flash("通知地址已删除。", "success")
    return see_other(owner.url)


def _test(owner: Owner, one: NoticeAddress) -> ResponseReturnValue:
    label, address = one.label, one.address
    db.session.rollback()  # the service is slow: nothing is held open meanwhile
    try:
        send_to_address(address, message(["这是一条测试通知，收到即设置成功。"], 0))
    except Unsent as unsent:
        return _settings(owner, said=("danger", f"“{label}”测试失败：{unsent}。"))
    return _settings(owner, said=("success", f"已向“{label}”发送测试通知，请查收。"))


# -- text messages -----------------------------------------------------------------------------


def _exporter() -> Any:
    actor = current_actor()
    if not any(seat.is_office for seat in actor.seats_as("coordinator")):
        raise Refused("短信名单由牵头办公室的交办员导出。")
    return actor


@blueprint.get("/messages")
def messages() -> str:
    rows = queries.pending_messages(_exporter())
    return render_template("notices/messages.html", rows=rows, has_gateway=config().sms is not None)


@blueprint.post("/messages")
def export() -> ResponseReturnValue:
    """Whoever exports them sends them: they are handed out once."""
    actor = _exporter()
    with writing() as at:
        rows = queries.pending_messages(actor, lock=True)
        if not rows:
            raise Conflict("没有待发的短信，可能已由他人导出。")
        book = _workbook(rows, at)
        for row, _, _ in rows:
            row.state, row.done_at = "exported", at
        access.record("exported", "短信名单", f"{len(rows)}条", at=at)
        db.session.commit()
    day = at.astimezone(SHANGHAI)
    return as_download(BytesIO(book), name=f"短信名单{day:%Y%m%d-%H%M}.xlsx", mimetype=XLSX)


HEADS: Mapping[str, int] = {
    "序号": 8,
    "单位": 28,
    "姓名": 12,
    "手机号": 16,
    "短信内容": 90,
    "通知时间": 18,
}
"""Columns of the list, and how wide they are."""


def _workbook(rows: Any, at: datetime) -> bytes:
    import xlsxwriter

    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet("短信名单")
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
    for column, (title, width) in enumerate(HEADS.items()):
        sheet.set_column(column, column, width, wrapped)
        sheet.write_string(0, column, title, bold)
    for place, (row, person, unit) in enumerate(rows, 1):
        words = f"{SIGNATURE}{row.line}（通知{row.id}）"
        told = (str(place), unit.name, person.name, person.phone or "", words,
                shanghai(row.created_at))  # fmt: skip
        for column, said in enumerate(told):
            # As text, whatever it looks like: a number loses nothing, a formula is none.
            sheet.write_string(place, column, said)
    book.set_properties({"title": "短信名单", "created": at.replace(tzinfo=None)})
    book.close()
    return out.getvalue()


# -- what went out -----------------------------------------------------------------------------


@blueprint.get("/deliveries")
def deliveries() -> str:
    """For the system administrator: how it went, never what it said."""
    require("see_deliveries")
    typed, before = request.args.get("state", ""), _before()
    state = typed if typed in STATES else ""
    rows, more = queries.deliveries(state=state, before=before)
    kept: dict[str, Any] = {"state": state} if state else {}
    return render_template(
        "notices/deliveries.html",
        rows=rows,
        states=STATES,
        ways=DELIVERY_WAYS,
        state=state,
        newest=url_for("notices.deliveries", **kept) if before is not None else None,
        older=url_for("notices.deliveries", **kept, before=str(rows[-1].id)) if more else None,
    )


@blueprint.post("/deliveries/<int:delivery_id>/again")
def again(delivery_id: int) -> ResponseReturnValue:
    require("see_deliveries")
    with writing() as at:
        if not try_again(delivery_id, at):
            raise Conflict("这条通知没有发送失败，不需要重发。")
        db.session.commit()
    flash("已重新列入待发送。", "success")
    return see_other(url_for("notices.deliveries", state="failed"))
