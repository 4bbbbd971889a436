"""值班: the roster of an office by week or month, kept by its coordinators; who is on duty now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..config import SHANGHAI
from ..db import db, now, writing
from ..deadlines.calendar import start_of
from ..deadlines.queries import load_calendar
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..people.models import DutyShift, Person
from ..people.sign_in import signed_in
from ..sheets import SheetError
from ..web import (
    Choice,
    Conflict,
    Files,
    Form,
    LocalMoment,
    NotFound,
    Refused,
    Text,
    Tick,
    see_other,
    shanghai,
)
from . import call_queries, duty, duty_import, duty_queries
from .permissions import offices_of, rosters_kept

blueprint = Blueprint("duty", __name__, url_prefix="/hotline/duty")

HOME = "/hotline/duty/"
SPANS = {"week": 7, "month": 31}
NO_SHIFT = "没有这个班次，或您无权查看。"
OVER = "已结束的班次是谁在值班的依据，不能修改、删除。"
BEGUN = "班次已开始，只能修改结束时间和备注；临时换人的，先改结束时间，再为接替的人排班。"


class ShiftForm(Form):
    person_id = Choice("值班人员", required=True)
    line = Choice("值守线路", blank="值班（全办公室）")
    starts_at = LocalMoment("开始时间", required=True)
    ends_at = LocalMoment("结束时间", required=True)
    note = Text("备注", 200)

    @property
    def hours(self) -> duty.Stretch:
        """Of a form that was validated."""
        starts_at: Any = self.starts_at.data
        ends_at: Any = self.ends_at.data
        return starts_at, ends_at


class ImportForm(Form):
    file = Files("值班表文件", rows=1, required=True, help="xlsx、xls 或 csv，第一行为表头")
    dry_run = Tick("只检查，不写入")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.jinja_env.globals["duty_line"] = duty_line
    app.extensions.setdefault("ledger_doors", {})[HOME] = lambda actor: bool(_seen(actor))


def _seen(actor: Actor) -> list[UnitRow]:
    """The offices whose roster he reads."""
    offices = [office for office in directory().offices if office.active]
    if "system_admin" in actor.roles:
        return offices
    own = offices_of(actor)
    return [office for office in offices if office.id in own]


@dataclass(frozen=True)
class Here:
    """The office whose roster is open, and whether it may be changed."""

    actor: Actor
    offices: Sequence[UnitRow]
    office: UnitRow
    keeps: bool


def _here(*, to_keep: bool = False) -> Here:
    actor = current_actor()
    offices = _seen(actor)
    if not offices:
        raise Refused("您的岗位不能查看值班表。")
    wanted = request.values.get("office", "")
    office = next((one for one in offices if str(one.id) == wanted), None)
    if wanted and office is None:
        raise NotFound("没有这个办公室，或您无权查看其值班表。")
    office = office or offices[0]
    keeps = office.id in rosters_kept(actor, [office.id])
    if to_keep and not keeps:
        raise Refused("值班表由本办公室交办员或系统管理员维护。")
    return Here(actor, offices, office, keeps)


# -- reading -----------------------------------------------------------------------------------


@blueprint.get("/")
def roster() -> ResponseReturnValue:
    here = _here()
    form = ShiftForm(formdata=None)
    return _page(here, form)


def _page(here: Here, form: ShiftForm, status: int = 200) -> ResponseReturnValue:
    at = now()
    today = at.astimezone(SHANGHAI).date()
    span = request.args.get("span", "week")
    span = span if span in SPANS else "week"
    first = _first(span, request.args.get("from", ""), today)
    count = SPANS[span] if span == "week" else (_next_month(first) - first).days
    last = first + timedelta(days=count)
    found = duty_queries.turns(here.office.id, start_of(first), start_of(last))
    calendar = load_calendar()
    working = {
        day: calendar.working_hours(day) for n in range(count) if (day := first + timedelta(days=n))
    }
    _offer(form, here, today)
    before = first - timedelta(days=7 if span == "week" else 1)
    page = render_template(
        "hotline/duty.html",
        form=form,
        office=here.office,
        offices=here.offices,
        keeps=here.keeps,
        span=span,
        first=first,
        last=last - timedelta(days=1),
        days=duty.days_of(first, count, found, working, today),
        earlier=[turn for turn in found if turn.starts_at < start_of(first)],
        is_kept=bool(found) or duty_queries.is_kept(here.office.id),
        on_duty=[turn for turn in found if turn.covers(at)]
        if first <= today < last
        else duty_queries.on_duty(here.office.id, at),
        at=at,
        previous=before.isoformat(),
        following=last.isoformat(),
    )
    return page, status


def _first(span: str, asked: str, today: date) -> date:
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        day = today
    if not 2000 <= day.year < 2100:
        day = today
    return day - timedelta(days=day.weekday()) if span == "week" else day.replace(day=1)


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _offer(form: ShiftForm, here: Here, today: date) -> None:
    people = duty_queries.candidates(here.office.id, today)
    form.person_id.choices = {str(one.id): one.name for one in people}
    lines = call_queries.lines_of(here.office.id)
    form.line.choices = {line.number: line.label for line in lines}


# -- keeping -----------------------------------------------------------------------------------


@blueprint.post("/add")
def add() -> ResponseReturnValue:
    here = _here(to_keep=True)
    form = ShiftForm()
    at = now()
    _offer(form, here, at.astimezone(SHANGHAI).date())
    if not form.validate() or not _fits(form, at):
        return _page(here, form, 422)
    with writing() as at:
        if _crosses(form, here.office.id):
            return _page(here, form, 422)
        row = DutyShift(unit_id=here.office.id, person_id=int(form.person_id.data))
        _fill(row, form)
        db.session.add(row)
        _log(here, "排班", row, at)
        db.session.commit()
    flash("已排班。", "success")
    return _back(here, form.hours[0])


@blueprint.route("/<int:shift_id>/edit", methods=["GET", "POST"])
def edit(shift_id: int) -> ResponseReturnValue:
    here = _here(to_keep=True)
    at = now()
    row = _changeable(shift_id, here, at)
    form = ShiftForm(obj=row if request.method == "GET" else None)
    _offer(form, here, at.astimezone(SHANGHAI).date())
    form.person_id.choices = {**form.person_id.choices, str(row.person_id): row.person.name}
    if row.line and row.line not in form.line.choices:
        form.line.choices = {**form.line.choices, row.line: row.line}
    if request.method == "GET":
        return _edit_page(here, form, row, at)
    if not form.validate() or not _fits(form, at, row):
        return _edit_page(here, form, row, at, 422)
    with writing() as at:
        row = _changeable(shift_id, here, at)
        if not _fits(form, at, row) or _crosses(form, here.office.id, row.id):
            return _edit_page(here, form, row, at, 422)
        row.person_id = int(form.person_id.data)
        _fill(row, form)
        _log(here, "改班", row, at)
        db.session.commit()
    flash("已修改班次。", "success")
    return _back(here, form.hours[0])


def _edit_page(
    here: Here, form: ShiftForm, row: DutyShift, at: datetime, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "hotline/duty_edit.html",
        form=form,
        office=here.office,
        row=row,
        begun=BEGUN if row.starts_at <= at else "",
    )
    return page, status


@blueprint.post("/<int:shift_id>/remove")
def remove(shift_id: int) -> ResponseReturnValue:
    here = _here(to_keep=True)
    with writing() as at:
        row = _changeable(shift_id, here, at)
        if row.starts_at <= at:
            raise Conflict(BEGUN)
        _log(here, "撤班", row, at)
        starts_at = row.starts_at
        db.session.delete(row)
        db.session.commit()
    flash("已撤销班次。", "success")
    return _back(here, starts_at)


def _changeable(shift_id: int, here: Here, at: datetime) -> DutyShift:
    row = duty_queries.shift(shift_id, here.office.id)
    if row is None:
        raise NotFound(NO_SHIFT)
    if row.ends_at <= at:
        raise Conflict(OVER)
    return row


def _fits(form: ShiftForm, at: datetime, row: DutyShift | None = None) -> bool:
    """What the clock says to it: nobody is put on duty afterwards."""
    starts_at, ends_at = form.hours
    if wrong := duty.problem(starts_at, ends_at):
        form.ends_at.errors = [wrong]
        return False
    if ends_at <= at:
        form.ends_at.errors = ["结束时间已经过去，不能补排已过去的班次"]
        return False
    if row is None and starts_at < start_of(at.astimezone(SHANGHAI).date()):
        form.starts_at.errors = ["开始时间不能早于今天"]
        return False
    if row is not None and row.starts_at <= at:
        same = starts_at == row.starts_at.replace(second=0, microsecond=0)
        same = same and form.person_id.data == str(row.person_id)
        if not same or form.line.data != row.line:
            form.starts_at.errors = [BEGUN]
            return False
    return True


def _crosses(form: ShiftForm, office_id: int, but: int | None = None) -> bool:
    starts_at, ends_at = form.hours
    own = duty_queries.turns_of(int(form.person_id.data), office_id, starts_at, ends_at, but)
    if (other := duty.clash(starts_at, ends_at, own)) is None:
        return False
    day = shanghai(other.starts_at)[:10]
    form.starts_at.errors = [f"{other.name}在这段时间已有班次（{day} {other.words}）"]
    return True


def _fill(row: DutyShift, form: ShiftForm) -> None:
    starts_at, ends_at = form.hours
    # A form tells no seconds: what began at some is left as it is.
    if row.id is None or row.starts_at.replace(second=0, microsecond=0) != starts_at:
        row.starts_at = starts_at
    row.ends_at = ends_at
    row.line, row.note = form.line.data or "", form.note.data or ""


def _log(here: Here, what: str, row: DutyShift, at: datetime) -> None:
    hours = f"{shanghai(row.starts_at)}至{shanghai(row.ends_at)}"
    who = directory().keep(("person", row.person_id), lambda: _name(row.person_id))
    detail = f"{what}：{who} {hours} {row.line or '值班'}"
    access.record("duty_changed", subject=here.office.name, detail=detail, at=at)


def _name(person_id: int) -> str:
    return db.session.get_one(Person, person_id).name


def _back(here: Here, at: datetime) -> ResponseReturnValue:
    day = at.astimezone(SHANGHAI).date()
    at_day: dict[str, Any] = {"office": here.office.id, "from": day.isoformat()}
    return see_other(url_for("duty.roster", **at_day))


# -- by file -----------------------------------------------------------------------------------


@blueprint.route("/import", methods=["GET", "POST"])
def take() -> ResponseReturnValue:
    """A roster from a file: each row a shift, or the reason why it is none."""
    here = _here(to_keep=True)
    form = ImportForm()
    problem, lines, status = "", None, 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            file = form.file.data[0].file
            try:
                lines = _take(here, file.read(), file.filename or "", dry_run=form.dry_run.data)
                status = 200
            except SheetError as error:
                problem = f"{error}。".replace("。。", "。")
    page = render_template(
        "hotline/duty_import.html",
        form=form,
        office=here.office,
        problem=problem,
        lines=lines,
        totals=duty_import.totals(lines or ()),
        was_dry=form.dry_run.data,
        columns=[words[0] for words in duty_import.COLUMNS.values()],
    )
    return page, status


def _take(here: Here, data: bytes, filename: str, *, dry_run: bool) -> list[duty_import.Line]:
    rows = duty_import.read(data, filename)
    with writing() as at:
        today = at.astimezone(SHANGHAI).date()
        people = duty_queries.candidates(here.office.id, today)
        known = {line.number for line in call_queries.lines_of(here.office.id)}
        lines = duty_import.lay(rows, here.office.id, people, known, at=at)
        if not dry_run:
            words = "，".join(f"{word}{n}" for word, n in duty_import.totals(lines))
            access.record(
                "duty_changed", subject=here.office.name, detail=f"导入值班表：{words}", at=at
            )
            db.session.commit()
    return lines


# -- who keeps the office now ------------------------------------------------------------------


def duty_line() -> dict[str, Any] | None:
    """For the head of an office's desk: who is on duty. None for whoever sits in no office."""
    if signed_in() is None:
        return None
    actor, at = current_actor(), now()
    own = offices_of(actor)
    office = next((one for one in directory().offices if one.id in own and one.active), None)
    if office is None:
        return None
    said = [
        f"{turn.name}（{turn.line + '，' if turn.line else ''}至{shanghai(turn.ends_at)[5:]}）"
        for turn in duty_queries.on_duty(office.id, at)
    ]
    return {"words": "、".join(said), "office_id": office.id}
