"""The pages of reconciliation: a list is chosen, its columns looked at, the differences dealt
with; and beside them how fast the lines' orders were handed off."""

from __future__ import annotations

import json
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from .. import access
from ..appeals import record
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db, now, writing
from ..deadlines.clocks import span_words
from ..people.acting import current_actor
from ..people.actor import Actor, Seat
from ..sheets import SheetError
from ..web import Choice, Day, Files, Form, NotFound, Refused, Text, as_download, see_other
from . import drafts, reconcile_lists, reconcile_settling, transfers
from . import reconcile_words as words
from .drafts import BadMapping
from .kinds import FileKind, hotlines
from .models import ImportDraft, ImportMapping
from .permissions import reconciling_seat, watching_seat
from .reconcile_models import Reconciliation
from .reconciling import Period, reconcile
from .taking import NoSuchChannel, Orders
from .template import XLSX

blueprint = Blueprint("reconcile", __name__, url_prefix="/hotline")

HOME = "/hotline/reconcile"
SPEED = "/hotline/transfers"
ANSWERS = "/hotline/answers"
LATEST = 20
LARGEST = 2**62
MOST_HOURS = 72

KIND = FileKind(
    "reconcile", "热线对账", reconciling_seat, words.COLUMNS, ("number",),
    lambda office_id, channel: Orders(channel, office_id), channels=hotlines,
)  # fmt: skip
"""A list's columns are looked at, corrected and remembered as those of every file are."""


class ListForm(Form):
    channel = Choice("热线", required=True)
    since = Day("所属期间起", required=True)
    until = Day("所属期间止", required=True)
    file = Files("平台清单", required=True)


class NoteForm(Form):
    note = Text("核对情况", reconcile_settling.NOTE_LENGTH)


class SpeedForm(Form):
    since = Day("接收日期起", required=True)
    until = Day("接收日期止", required=True)
    hours = Text("转办时限（小时）", 3)


def init_app(app: Flask) -> None:
    """Register the pages, and say who may open them."""
    app.register_blueprint(blueprint)
    doors = app.extensions.setdefault("ledger_doors", {})
    doors[HOME] = lambda actor: reconciling_seat(actor) is not None
    doors[SPEED] = lambda actor: (
        watching_seat(actor) is not None and reconciling_seat(actor) is None
    )


def _seat(actor: Actor) -> Seat:
    seat = reconciling_seat(actor)
    if seat is None:
        raise Refused("您的岗位不能进行热线对账。")
    return seat


# -- choose ------------------------------------------------------------------------------------


@blueprint.route("/reconcile", methods=["GET", "POST"])
def start() -> ResponseReturnValue:
    """Choose the hotline, the period and the list."""
    actor = current_actor()
    seat = _seat(actor)
    form, status = ListForm(), 200
    form.channel.choices = hotlines()
    today = now().astimezone(SHANGHAI).date()
    if request.method == "GET":
        form.since.data, form.until.data = today.replace(day=1), today
    else:
        status = 422
        period = _asked_period(form, today) if form.validate_on_submit() else None
        if period is not None:
            upload = form.file.data[0].file
            try:
                draft_id = _begin(upload, form.channel.data, seat.unit_id, actor)
            except SheetError as problem:
                form.file.errors = [f"{problem}。"]
            else:
                since, until = (day.isoformat() for day in period)
                return see_other(
                    url_for("reconcile.columns", draft_id=draft_id, since=since, until=until)
                )
    latest = db.session.scalars(
        select(Reconciliation)
        .where(Reconciliation.office_id == seat.unit_id)
        .order_by(Reconciliation.id.desc())
        .limit(LATEST)
    ).all()
    waiting = reconcile_settling.unsettled(row.id for row in latest)
    return render_template(
        "hotline/reconcile.html",
        form=form,
        most=drafts.MOST_BYTES // 1024 // 1024,
        names=[(title[0], name in KIND.required) for name, title in words.COLUMNS.items()],
        rows=[
            (row, catalogue().channel_name(row.channel), sum(waiting.get(row.id, {}).values()))
            for row in latest
        ],
    ), status


def _asked_period(form: ListForm | SpeedForm, today: date) -> Period | None:
    """Of a form whose fields are sound; None where the period is not, which its field says."""
    since, until = form.since.data, form.until.data
    assert since is not None
    assert until is not None
    period = Period(since, until)
    if fault := period.fault(today):
        form.until.errors = [fault]
        return None
    return period


def _begin(upload: Any, channel: str, office_id: int, by: Actor) -> int:
    """Keep the list; what the office said of the columns of such a header when it imported one
    holds here, too."""
    data = upload.read(drafts.MOST_BYTES + 1)
    draft_id = drafts.begin(
        data, upload.filename or "", KIND, channel=channel, office_id=office_id, by=by
    )
    draft = db.session.get_one(ImportDraft, draft_id)
    if draft.mapping:
        return draft_id
    imported = db.session.scalar(
        select(ImportMapping).where(
            ImportMapping.office_id == office_id,
            ImportMapping.kind == Orders.code,
            ImportMapping.channel == channel,
            ImportMapping.fingerprint == draft.fingerprint,
        )
    )
    if imported is not None:
        plain = drafts.look(data, draft.file_name, KIND, {})
        told: dict[str, str] = json.loads(imported.mapping)
        # A column that imports leave out may be the very one that is asked for here.
        said = {
            column.key: told.get(column.key) or (column.field or "")
            for column in drafts.choosable(plain).values()
        }
        if _once_each(said):
            try:
                drafts.correct(draft_id, KIND, said, by)
            except SheetError:
                db.session.rollback()
    return draft_id


def _once_each(said: dict[str, str]) -> bool:
    named = [field for field in said.values() if field]
    return len(named) == len(set(named)) and set(named) <= set(words.COLUMNS)


# -- look at the columns, and lay it beside ours ---------------------------------------------------


def _period() -> Period:
    try:
        period = Period(
            *(date.fromisoformat(request.values.get(name, "")) for name in ("since", "until"))
        )
    except ValueError:
        raise NotFound("对账期间无效，请返回重新选择。") from None
    if period.fault(now().astimezone(SHANGHAI).date()):
        raise NotFound("对账期间无效，请返回重新选择。")
    return period


class Begun(Exception):
    """The list is laid beside ours already, or was."""

    def __init__(self, of: int) -> None:
        super().__init__(of)
        self.of = of


@blueprint.errorhandler(Begun)
def _begun(begun: Begun) -> ResponseReturnValue:
    """A second click is led to what the first began."""
    db.session.rollback()
    return see_other(url_for("reconcile.result", of=begun.of))


def _draft(draft_id: int, seat: Seat) -> ImportDraft:
    """Raises Gone, Begun."""
    found = db.session.scalar(
        select(ImportDraft).where(
            ImportDraft.id == draft_id,
            ImportDraft.kind == KIND.code,
            ImportDraft.office_id == seat.unit_id,
        )
    )
    begun = db.session.scalar(
        select(Reconciliation.id).where(
            Reconciliation.draft_id == draft_id, Reconciliation.office_id == seat.unit_id
        )
    )
    if begun is not None:
        raise Begun(begun)
    if found is None:
        raise drafts.Gone
    return found


@blueprint.route("/reconcile/drafts/<int:draft_id>", methods=["GET", "POST"])
def columns(draft_id: int) -> ResponseReturnValue:
    """What the list's columns are taken for; sent, it is laid beside ours."""
    actor = current_actor()
    seat, period = _seat(actor), _period()
    draft = _draft(draft_id, seat)
    if request.method == "GET":
        return _columns_page(draft, period)
    keys, fields = request.form.getlist("key"), request.form.getlist("field")
    chosen = dict(zip(keys, fields, strict=False))
    name = draft.file_name
    try:
        if len(keys) != len(fields):
            raise BadMapping("提交的对应关系不完整，请重新选择")
        data = drafts.load(draft)
        sheet = drafts.look(data, name, KIND, drafts.mapping_of(draft))
        mapping = drafts.merged(sheet, KIND, drafts.mapping_of(draft), chosen)
        if mapping is not None:
            drafts.correct(draft_id, KIND, mapping, actor)
        draft = _draft(draft_id, seat)
        channel, mapping = draft.channel, drafts.mapping_of(draft)
        of = reconcile(
            data, name, channel=channel, office_id=seat.unit_id, period=period, by=actor,
            mapping=mapping, claim=lambda: _claim(draft_id, seat),
        )  # fmt: skip
    except (BadMapping, SheetError, NoSuchChannel) as problem:
        return _columns_page(_draft(draft_id, seat), period, str(problem), chosen, 422)
    return see_other(url_for("reconcile.result", of=of))


def _claim(draft_id: int, seat: Seat) -> int:
    """Inside the write that begins: of two clicks, the second waits here and is led on."""
    db.session.scalar(select(ImportDraft.id).where(ImportDraft.id == draft_id).with_for_update())
    return _draft(draft_id, seat).id


def _columns_page(
    draft: ImportDraft,
    period: Period,
    problem: str = "",
    chosen: dict[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    sheet = drafts.look(drafts.load(draft), draft.file_name, KIND, drafts.mapping_of(draft))
    try:
        rows = sheet.first(5)
    except SheetError as error:
        rows, problem = [], problem or str(error)
    open_to_choice = drafts.choosable(sheet)
    return render_template(
        "hotline/reconcile_columns.html",
        draft=draft,
        period=period,
        channel=catalogue().channel_name(draft.channel),
        sheet=sheet,
        headings=[
            (
                column,
                next((r.cells[column.name] for r in rows if r.cells[column.name]), ""),
                (chosen or {}).get(column.key, column.field or ""),
                open_to_choice.get(column.key) is column,
            )
            for column in sheet.columns
        ],
        options=[(name, title[0]) for name, title in words.COLUMNS.items()],
        missing=drafts.missing(sheet, KIND),
        stateless=not {"state", "finished", "audit"} & sheet.fields,
        problem=problem,
    ), status


# -- the differences -------------------------------------------------------------------------------


def _found(of: int, seat: Seat) -> Reconciliation:
    row = db.session.scalar(
        select(Reconciliation).where(
            Reconciliation.id == of, Reconciliation.office_id == seat.unit_id
        )
    )
    if row is None:
        raise NotFound(reconcile_settling.GONE)
    return row


def _line_asked(name: str) -> int | None:
    asked = request.args.get(name, type=int)
    return asked if asked is not None and 0 <= asked <= LARGEST else None


@blueprint.get("/reconcile/<int:of>")
def result(of: int) -> ResponseReturnValue:
    """What differs, what waits, and what was done about it."""
    return _result_page(_found(of, _seat(current_actor())))


def _result_page(row: Reconciliation, problem: str = "", status: int = 200) -> ResponseReturnValue:
    waiting = reconcile_settling.unsettled([row.id]).get(row.id, {})
    everything = reconcile_settling.found_in_all(row.id)
    asked = request.args.get("finding", "")
    finding = asked if asked in words.FINDINGS else _first(waiting, everything)
    settled = request.args.get("settled") == "1" or (finding not in waiting and not asked)
    page = reconcile_lists.page(
        row.id, finding, current_actor(), now(), settled=settled,
        after=_line_asked("after"), before=_line_asked("before"),
    )  # fmt: skip

    def at(**place: Any) -> str:
        if settled:
            place["settled"] = 1
        return url_for("reconcile.result", of=row.id, finding=finding, **place)

    return render_template(
        "hotline/reconcile_result.html",
        row=row,
        channel=catalogue().channel_name(row.channel),
        findings=words.FINDINGS,
        meanings=words.MEANINGS,
        waiting=waiting,
        everything=everything,
        total=sum(waiting.values()),
        finding=finding,
        settled=settled,
        page=page,
        here=at(),
        before=at(before=page.before) if page.before is not None else None,
        after=at(after=page.after) if page.after is not None else None,
        unknown=reconcile_lists.unknown_words(row.id) if finding == "unknown" else (),
        answers=ANSWERS if _is_served(ANSWERS) else "",
        note=request.form.get("note", "")[: reconcile_settling.NOTE_LENGTH],
        ticked=set(request.form.getlist("line")),
        problem=problem,
    ), status


def _first(waiting: dict[str, int], everything: dict[str, int]) -> str:
    order = [*words.FINDINGS]
    return next((f for f in order if f in waiting), None) or next(
        (f for f in order if f in everything), order[0]
    )


def _is_served(url: str) -> bool:
    return bool(current_app.url_map.bind("localhost").test(url, "GET"))


def _asked_lines() -> list[int]:
    """The one whose own button was pressed, or those that were ticked."""
    asked = request.form.getlist("only") or request.form.getlist("line")
    return [int(one) for one in asked if one.isascii() and one.isdecimal() and len(one) < 18]


def _back(of: int) -> ResponseReturnValue:
    return see_other(url_for("reconcile.result", of=of, finding=request.args.get("finding")))


@blueprint.post("/reconcile/<int:of>/settlement")
def settle(of: int) -> ResponseReturnValue:
    """核对无误."""
    actor = current_actor()
    seat = _seat(actor)
    row = _found(of, seat)
    form = NoteForm()
    if not form.validate_on_submit():
        said = "；".join(error for errors in form.errors.values() for error in errors)
        return _result_page(row, said, 422)
    try:
        done = reconcile_settling.check_off(
            of, seat.unit_id, _asked_lines(), form.note.data or "", actor
        )
    except record.Invalid as invalid:
        return _result_page(_found(of, seat), invalid.reason, 422)
    flash(f"已标为核对无误{done}行。", "success")
    return _back(of)


@blueprint.post("/reconcile/<int:of>/import")
def bring_in(of: int) -> ResponseReturnValue:
    """Rows that only their list has become appeals."""
    actor = current_actor()
    seat = _seat(actor)
    row = _found(of, seat)
    ids = reconcile_settling.waiting_to_come_in(of) if "all" in request.form else _asked_lines()
    try:
        done = reconcile_settling.bring_in(of, seat.unit_id, ids, actor)
    except record.Invalid as invalid:
        return _result_page(row, invalid.reason, 422)
    except record.Refused as refused:
        return _result_page(_found(of, seat), refused.reason, refused.status)
    said = f"已导入{done.created}件"
    said += f"，已登记过{done.known}件" if done.known else ""
    said += f"，未导入{done.left}行，原因见各行" if done.left else ""
    flash(f"{said}。", "warning" if done.left else "success")
    return _back(of)


@blueprint.post("/reconcile/<int:of>/again")
def again(of: int) -> ResponseReturnValue:
    """重新核对: after something was done on an appeal's own page."""
    actor = current_actor()
    agreed = reconcile_settling.look_again(of, _seat(actor).unit_id, actor)
    flash(f"已按台账现在的状态重新核对，{agreed}行已一致。", "success")
    return _back(of)


@blueprint.post("/reconcile/<int:of>/words")
def say_words(of: int) -> ResponseReturnValue:
    """What their words mean."""
    actor = current_actor()
    seat = _seat(actor)
    row = _found(of, seat)
    said = dict(zip(request.form.getlist("word"), request.form.getlist("meaning"), strict=False))
    try:
        agreed = reconcile_settling.say_words(of, seat.unit_id, said, actor)
    except record.Invalid as invalid:
        return _result_page(row, invalid.reason, 422)
    flash(f"状态的含义已保存，以后对账自动采用；{agreed}行已一致。", "success")
    return see_other(url_for("reconcile.result", of=of))


@blueprint.post("/reconcile/<int:of>/close")
def close(of: int) -> ResponseReturnValue:
    """结束对账."""
    actor = current_actor()
    reconcile_settling.close(of, _seat(actor).unit_id, actor)
    flash("对账已结束。", "success")
    return see_other(url_for("reconcile.result", of=of))


@blueprint.get("/reconcile/<int:of>/sheet")
def sheet(of: int) -> ResponseReturnValue:
    """All lines as a workbook."""
    actor, at = current_actor(), now()
    row = _found(of, _seat(actor))
    period = f"{row.since_day:%Y%m%d}-{row.until_day:%Y%m%d}"
    name = f"{catalogue().channel_name(row.channel)}对账差异（{period}）.xlsx"
    data, rows = reconcile_lists.workbook(row, actor, at)
    with writing() as moment:
        access.record("exported", f"reconciliation/{of}", f"{rows}行", at=moment)
        db.session.commit()
    return as_download(BytesIO(data), name=name, mimetype=XLSX)


# -- how fast orders were handed off -----------------------------------------------------------


@blueprint.get("/transfers")
def speed() -> ResponseReturnValue:
    """首次转办: by channel, of a period."""
    actor, at = current_actor(), now()
    if watching_seat(actor) is None:
        raise Refused("您的岗位不能查看转办时效。")
    today = at.astimezone(SHANGHAI).date()
    form = SpeedForm(request.args if request.args else None, meta={"csrf": False})
    if not request.args:
        form.since.data, form.until.data = today - timedelta(days=29), today
        form.hours.data = str(transfers.USUAL_HOURS)
    lines, hours = None, 0
    if not request.args or form.validate():
        period, hours = _asked_period(form, today), _asked_hours(form)
        if period is not None and hours:
            lines = transfers.by_channel(actor, at, *period, hours)
    return render_template(
        "hotline/transfers.html",
        form=form,
        hours=hours,
        lines=[(line, catalogue().channel_name(line.channel)) for line in lines or ()],
        span=span_words,
        wrong=lines is None,
        reconciles=reconciling_seat(actor) is not None,
    ), 422 if lines is None else 200


def _asked_hours(form: SpeedForm) -> int:
    """0 where it makes no sense, which its field says."""
    typed = (form.hours.data or str(transfers.USUAL_HOURS)).strip()
    if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= MOST_HOURS:
        return int(typed)
    form.hours.errors = [f"“转办时限（小时）”请填1至{MOST_HOURS}的整数"]
    return 0
