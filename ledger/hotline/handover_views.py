"""交接班: what happened on this shift, what is handed over, and the two signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor, Seat
from ..people.directory import UnitRow, directory
from ..web import (
    Form,
    LocalMoment,
    LongText,
    NotFound,
    Refused,
    Several,
    see_other,
)
from . import duty_queries, handover_queries
from .calls import OUTCOMES
from .handover import ITEMS, NotYours, ShiftHandover
from .permissions import HANDING, offices_of

blueprint = Blueprint("handovers", __name__, url_prefix="/hotline/handovers")

HOME = "/hotline/handovers/"
NONE = "没有这份交接班记录，或您无权查看。"
LONGEST = timedelta(days=7)


class OutForm(Form):
    starts_at = LocalMoment("本班开始时间", required=True)
    ticked = Several("交接事项", {"": list(ITEMS.items())})
    words = LongText(
        "交接说明", 3000, rows=5, required=True, help="未办完的、要接着盯的、要提醒的；没有的写“无”"
    )

    @property
    def since(self) -> datetime:
        """Of a form that was validated."""
        begun: Any = self.starts_at.data
        found: datetime = begun
        return found


class InForm(Form):
    in_words = LongText("接班意见", 1000, rows=2, help="有出入的写明；没有的可不填")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    doors = app.extensions.setdefault("ledger_doors", {})
    doors[HOME] = lambda actor: bool(offices_of(actor))


def _office(actor: Actor) -> UnitRow:
    own = offices_of(actor)
    if not own:
        raise Refused("您的岗位不能查看交接班记录。")
    wanted = request.values.get("office", "")
    found = [office for office in directory().offices if office.id in own]
    chosen = next((one for one in found if not wanted or str(one.id) == wanted), None)
    if chosen is None:
        raise NotFound("没有这个办公室，或您无权查看其交接班记录。")
    return chosen


def _seat(actor: Actor, office_id: int) -> Seat:
    seat = next((s for s in actor.seats_as(*HANDING) if s.unit_id == office_id), None)
    if seat is None:
        raise Refused("交接班由本办公室的值班员、话务员、交办员签字。")
    return seat


def _hands(actor: Actor, office_id: int) -> bool:
    return any(seat.unit_id == office_id for seat in actor.seats_as(*HANDING))


# -- the page ----------------------------------------------------------------------------------


@blueprint.get("/")
def index() -> ResponseReturnValue:
    actor = current_actor()
    return _page(_office(actor), actor, now())


def _page(
    office: UnitRow,
    actor: Actor,
    at: datetime,
    status: int = 200,
    out_form: OutForm | None = None,
    in_form: InForm | None = None,
    problem: str = "",
) -> ResponseReturnValue:
    waits = handover_queries.waiting(office.id)
    since = waits.starts_at if waits is not None else handover_queries.begins(office.id, at)
    if out_form is None:
        out_form = OutForm(formdata=None)
        out_form.starts_at.data = since
        if waits is not None:
            out_form.words.data, out_form.ticked.data = waits.words, waits.ticked.split()
    elif out_form.starts_at.data is not None and not out_form.starts_at.errors:
        since = out_form.starts_at.data
    before = request.args.get("before", "")
    key = int(before) if before.isascii() and before.isdecimal() and len(before) < 16 else 0
    past, more = handover_queries.past(office.id, key)
    page = render_template(
        "hotline/handovers.html",
        office=office,
        waits=waits,
        own=waits is not None and waits.out_by_id == actor.id,
        hands=_hands(actor, office.id),
        out_form=out_form,
        in_form=in_form or InForm(formdata=None),
        problem=problem,
        since=since,
        at=at,
        calls=handover_queries.calls_of_shift(office.id, since, at),
        counted=handover_queries.counted(office.id, since, at),
        outcomes=OUTCOMES,
        urgent=handover_queries.urgent(office.id, actor, at),
        on_duty=duty_queries.on_duty(office.id, at),
        past=past,
        following=past[-1].id if more else 0,
        is_first=not key,
    )
    return page, status


# -- the two signatures ------------------------------------------------------------------------


@blueprint.post("/out")
def sign_out() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    office = _office(actor)
    seat = _seat(actor, office.id)
    form = OutForm()
    if not form.validate() or not _fits(form, at):
        return _page(office, actor, at, 422, out_form=form)
    try:
        with writing() as at:
            waits = handover_queries.waiting(office.id, lock=True)
            row = ShiftHandover.sign_out(
                waits,
                office_id=office.id,
                since=form.since,
                words=form.words.data,
                ticked=[code for code in ITEMS if code in form.ticked.data],
                calls=sum(handover_queries.counted(office.id, form.since, at).values()),
                critical=_critical(office.id, actor, at),
                by=actor,
                seat=seat,
                at=at,
            )
            db.session.commit()
            key = row.id
    except NotYours as refused:
        return _page(office, actor, now(), refused.status, form, problem=refused.reason)
    except IntegrityError:
        db.session.rollback()
        said = "他人刚刚签字交班，请核对后再办理。"
        return _page(office, actor, now(), 409, form, problem=said)
    flash("已签字交班，等待接班人签字。", "success")
    return see_other(url_for("handovers.show", handover_id=key))


def _fits(form: OutForm, at: datetime) -> bool:
    since = form.since
    if since >= at:
        form.starts_at.errors = ["“本班开始时间”不能晚于现在"]
        return False
    if at - since > LONGEST:
        form.starts_at.errors = [f"一个班次最长{LONGEST.days}天，请核对“本班开始时间”"]
        return False
    return True


def _critical(office_id: int, actor: Actor, at: datetime) -> Sequence[tuple[str, str, str]]:
    """Without their titles: an appellant may be named there."""
    return [
        (line.number, line.label, line.state)
        for line in handover_queries.urgent(office_id, actor, at)
    ]


@blueprint.post("/<int:handover_id>/in")
def sign_in(handover_id: int) -> ResponseReturnValue:
    actor, at = current_actor(), now()
    row = _found(handover_id, actor)
    office = directory().units[row.office_id]
    seat = _seat(actor, row.office_id)
    form = InForm()
    if not form.validate():
        return _show(row, actor, form, 422)
    try:
        with writing() as at:
            locked = _found(handover_id, actor, lock=True)
            seen = request.form.get("seen", "")
            if seen != locked.out_at.isoformat():
                raise NotYours(409, "交班人刚刚改过交接内容，请重新核对后签字")
            locked.sign_in(form.in_words.data or "", by=actor, seat=seat, at=at)
            db.session.commit()
    except NotYours as refused:
        row = _found(handover_id, actor)
        return _show(row, actor, form, refused.status, refused.reason)
    flash(f"已接班：{office.name}。", "success")
    return see_other(url_for("handovers.show", handover_id=handover_id))


# -- one ---------------------------------------------------------------------------------------


@blueprint.get("/<int:handover_id>")
def show(handover_id: int) -> ResponseReturnValue:
    actor = current_actor()
    return _show(_found(handover_id, actor), actor, InForm(formdata=None))


@blueprint.get("/<int:handover_id>/print")
def paper(handover_id: int) -> ResponseReturnValue:
    """As it is filed."""
    row = _found(handover_id, current_actor())
    return render_template("hotline/handover_print.html", **_shown(row))


def _found(handover_id: int, actor: Actor, *, lock: bool = False) -> ShiftHandover:
    row = handover_queries.handover(handover_id, offices_of(actor), lock=lock)
    if row is None:
        raise NotFound(NONE)
    return row


def _shown(row: ShiftHandover) -> dict[str, Any]:
    until = row.ends_at
    return {
        "row": row,
        "office": directory().units[row.office_id],
        "calls": handover_queries.calls_of_shift(row.office_id, row.starts_at, until),
        "outcomes": OUTCOMES,
    }


def _show(
    row: ShiftHandover, actor: Actor, form: InForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "hotline/handover.html",
        **_shown(row),
        form=form,
        problem=problem,
        hands=_hands(actor, row.office_id),
        own=row.out_by_id == actor.id,
        seen=row.out_at.isoformat(),
    )
    return page, status
