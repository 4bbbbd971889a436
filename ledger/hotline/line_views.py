"""线路: which numbers are answered at the desk. A system administrator's page."""

from __future__ import annotations

from typing import Any

from flask import flash, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from .. import access
from ..catalogue.queries import catalogue
from ..db import db, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import directory
from ..web import NotFound, Refused, see_other
from . import call_queries
from .calls import HotlineLine
from .desk_forms import LineForm
from .desk_views import blueprint

HOME = "/hotline/lines"
DUTY = "system_admin"
NOT_BY_LINE = frozenset({"carried", "portal"})


def keeps_lines(actor: Actor) -> bool:
    return DUTY in actor.roles


def _need() -> None:
    if not keeps_lines(current_actor()):
        raise Refused("线路由系统管理员设置。")


@blueprint.get("/lines")
def lines() -> ResponseReturnValue:
    _need()
    units = directory().units
    return render_template(
        "hotline/lines.html",
        lines=call_queries.every_line(),
        channel_name=catalogue().channel_name,
        office_name=lambda office_id: units[office_id].name if office_id in units else "各办公室",
    )


@blueprint.route("/lines/new", methods=["GET", "POST"])
def line_new() -> ResponseReturnValue:
    _need()
    return _edit(None)


@blueprint.route("/lines/<int:line_id>", methods=["GET", "POST"])
def line_edit(line_id: int) -> ResponseReturnValue:
    _need()
    line = db.session.get(HotlineLine, line_id)
    if line is None:
        raise NotFound("没有这条线路，或您无权查看。")
    return _edit(line)


def _edit(line: HotlineLine | None) -> ResponseReturnValue:
    form = LineForm()
    form.channel.choices = {
        code: name for code, name in catalogue().channel_choices() if code not in NOT_BY_LINE
    }
    if line is not None and line.channel not in form.channel.choices:
        form.channel.choices[line.channel] = catalogue().channel_name(line.channel)
    form.office_id.choices = {str(o.id): o.name for o in directory().offices}
    if not form.is_submitted():
        if line is not None:
            _show(form, line)
        return _page(form, line)
    if not form.validate():
        return _page(form, line, 422)
    line_id = None if line is None else line.id
    try:
        with writing() as at:
            kept = HotlineLine() if line_id is None else db.session.get_one(HotlineLine, line_id)
            _take(form, kept)
            db.session.add(kept)
            db.session.flush()
            words = "新增" if line_id is None else "修改"
            state = "在用" if kept.active else "停用"
            access.record("line_kept", f"{kept.number} {kept.name}", f"{words}，{state}", at=at)
            db.session.commit()
    except IntegrityError:
        db.session.rollback()
        form.number.errors = [f"号码{form.number.data}已有线路，请核对"]
        return _page(form, line, 409)
    flash("线路已保存。", "success")
    return see_other(url_for("calls.lines"))


def _show(form: Any, line: HotlineLine) -> None:
    form.number.data, form.name.data, form.channel.data = line.number, line.name, line.channel
    form.cross_region.data = "yes" if line.cross_region else "no"
    form.office_id.data = str(line.office_id or "")
    form.position.data = str(line.position)
    form.active.data = "yes" if line.active else "no"


def _take(form: Any, line: HotlineLine) -> None:
    line.number, line.name, line.channel = form.number.data, form.name.data, form.channel.data
    line.cross_region = bool(form.cross_region.answer)
    line.office_id = int(form.office_id.data) if form.office_id.data else None
    line.position = int(form.position.data or 0)
    line.active = form.active.answer is not False


def _page(form: LineForm, line: HotlineLine | None, status: int = 200) -> ResponseReturnValue:
    return render_template("hotline/line_edit.html", form=form, line=line), status
