"""Pages of the hotlines' orders: a file is tried or taken in, and its result stays to be read."""

from __future__ import annotations

import json

from flask import Blueprint, Flask, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..appeals.queries import office_for
from ..catalogue.queries import catalogue
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Seat
from ..sheets import SheetError
from ..web import Choice, Files, Form, NotFound, Refused, Tick, see_other
from . import queries
from .intake import Summary
from .orders import COLUMNS
from .permissions import importing_seat
from .taking import take

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

MOST_BYTES = 20 * 1024 * 1024


class OrdersForm(Form):
    """A hotline's file."""

    channel = Choice("来源渠道", required=True)
    file = Files("工单文件", required=True)
    dry_run = Tick("试导入（只检查，不写入）")


def init_app(app: Flask) -> None:
    """Register the room's pages."""
    app.register_blueprint(blueprint)


def _seat() -> Seat:
    seat = importing_seat(current_actor())
    if seat is None:
        raise Refused("只有牵头办公室的交办员和热线话务员可以导入工单。")
    return seat


@blueprint.route("/orders", methods=["GET", "POST"])
def orders() -> ResponseReturnValue:
    """Upload a file, or try it; the office is the one of the post."""
    seat = _seat()
    form = OrdersForm()
    hotlines = {c.code: c.name for c in catalogue().channels.values() if c.source_system}
    form.channel.choices = hotlines
    problem, summary, status = "", None, 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            try:
                summary = _take(form, seat)
            except SheetError as error:
                problem = str(error)
            else:
                if summary.run_id is not None:
                    return see_other(url_for("imports.result", run_id=summary.run_id))
                status = 200
    page = render_template(
        "imports/orders.html",
        form=form,
        problem=problem,
        summary=summary,
        runs=queries.runs_of(_office_id(seat)),
        channels=hotlines,
        columns=[words[0] for words in COLUMNS.values()],
    )
    return page, status


def _office_id(seat: Seat) -> int:
    if seat.is_office:
        return seat.unit_id
    office = office_for(seat.region_code)
    if office is None:
        raise NotFound("本地区还没有牵头办公室。")
    return office.id


def _take(form: OrdersForm, seat: Seat) -> Summary:
    upload = form.file.data[0].file
    data = upload.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise SheetError("文件超过20MB，请分成几个文件导入")
    summary = take(
        data,
        upload.filename or "",
        channel=form.channel.data,
        office_id=_office_id(seat),
        by=current_actor(),
        dry_run=bool(form.dry_run.data),
    )
    if summary.run_id is not None:
        with writing() as at:
            access.record("orders_imported", subject=f"import/{summary.run_id}", at=at)
            db.session.commit()
    return summary


@blueprint.get("/<int:run_id>")
def result(run_id: int) -> ResponseReturnValue:
    """What became of each row; a conflict shows both texts."""
    seat = _seat()
    run = queries.find_run(run_id, _office_id(seat))
    if run is None:
        raise NotFound("没有这次导入，或您无权查看。")
    actor, at = current_actor(), now()
    conflicts = [
        (found, json.loads(found.line.theirs) if found.line.theirs else {})
        for found in queries.outcomes(run, actor, at, ["conflict"])
    ]
    return render_template(
        "imports/result.html",
        run=run,
        conflicts=conflicts,
        rejected=queries.outcomes(run, actor, at, ["rejected"]),
        others=queries.outcomes(run, actor, at, ["created", "repeated"]),
        most=queries.LINES,
        channel=catalogue().channel_name(run.channel),
    )
