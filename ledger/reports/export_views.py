"""导出台账: what to export and how, the work under way, and the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby

from flask import Blueprint, Flask, flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..appeals.desks import Desk
from ..appeals.filters import Filters
from ..db import db, now, writing
from ..hotline.underway import Progress, progress_of_job
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import (
    Form,
    NotFound,
    Radio,
    Refused,
    Several,
    Text,
    Tick,
    as_download,
    see_other,
    wants_fragment,
)
from . import export_rows, exporting
from .export_columns import COLUMNS, GROUPS, NARROW, PAPERS, USUAL, BadColumns, chosen
from .export_models import ExportRun
from .export_sheets import TITLE
from .exporting import Nothing, Wanted

SHOWN_FOR = timedelta(days=1)
"""How long a large export stands on the desk of whoever asked for it."""

blueprint = Blueprint("exports", __name__, url_prefix="/reports")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.extensions.setdefault("ledger_desks", []).append(desk_of)
    exporting.register()


def _grouped() -> dict[str, list[tuple[str, str]]]:
    by_group = groupby(COLUMNS.values(), lambda column: column.group)
    return {GROUPS[name]: [(one.code, one.title) for one in some] for name, some in by_group}


class ExportForm(Form):
    shape = Radio("文件格式", exporting.SHAPES, required=True)
    paper = Radio("纸张", PAPERS, required=True, help="CSV不分纸张，栏目数不受此限")
    columns = Several("导出栏目", _grouped(), required=True)
    whole = Tick("显示完整电话号码", help="默认只显示部分数字；要求保密的始终不完整显示")
    reason = Text("用途", max_len=100, help="显示完整电话号码的必填，记入访问日志")


def _exporter() -> Actor:
    actor = current_actor()
    if not exporting.may_export(actor):
        raise Refused("您的岗位不查看诉求，不能导出台账。")
    return actor


def _run(run_id: int) -> ExportRun:
    run = exporting.find(run_id, _exporter()) if run_id < 2**63 else None
    if run is None:
        raise NotFound("没有这次导出，或已过保留期自动清除。导出的文件只有导出人本人可以下载。")
    return run


# -- asking ------------------------------------------------------------------------------------


@blueprint.get("/export")
def export_page() -> ResponseReturnValue:
    actor = _exporter()
    choice = exporting.remembered(actor)
    preset = {"usual": USUAL, "narrow": NARROW}.get(request.args.get("preset", ""))
    form = ExportForm(
        formdata=None,
        data={
            "shape": choice.shape if choice else "xlsx",
            "paper": choice.paper if choice else "a3",
            "columns": choice.columns.split(",") if choice else USUAL,
        },
    )
    if preset is not None:
        form.columns.data = list(preset)
        form.paper.data = "a4" if preset is NARROW else "a3"
    return _page(actor, form)


def _page(actor: Actor, form: ExportForm, status: int = 200) -> ResponseReturnValue:
    filters = Filters.read(request.args)
    count = export_rows.count(actor, now(), filters, exporting.AT_ONCE + 1)
    runs = [(run, exporting.file_of(run) is not None) for run in exporting.recent(actor)]
    page = render_template(
        "reports/export.html",
        form=form,
        filters=filters,
        count=count,
        at_once=exporting.AT_ONCE,
        may_whole=exporting.may_whole(actor),
        groups=_grouped(),
        runs=runs,
        title=TITLE,
    )
    return make_response(page, status)


@blueprint.post("/export")
def export() -> ResponseReturnValue:
    actor, form = _exporter(), ExportForm()
    columns = None
    if form.validate():
        form.reason.data = form.reason.data or ""
        if form.whole.data and not form.reason.data:
            form.reason.errors = ["请填写“用途”：显示完整电话号码须写明用途"]
        try:
            paper = form.paper.data if form.shape.data == "xlsx" else "a3"
            columns = chosen(form.columns.data, paper)
        except BadColumns as problem:
            form.columns.errors = [str(problem)]
    if form.errors or columns is None:
        return _page(actor, form, 422)
    wanted = Wanted(
        Filters.read(request.args),
        columns,
        form.shape.data,
        form.paper.data,
        bool(form.whole.data),
    )
    try:
        run_id = exporting.ask(actor, now(), wanted, form.reason.data)
    except Nothing as problem:
        form.form_errors = [f"{problem}，没有导出。请修改筛选条件"]
        return _page(actor, form, 422)
    return see_other(url_for(".shown", run_id=run_id))


# -- under way and done ------------------------------------------------------------------------


def _progress(run: ExportRun) -> Progress:
    if exporting.file_of(run) is not None:
        return Progress("done", run.rows, run.rows)
    found = progress_of_job(exporting.job_of(run))
    return Progress("broken") if found.state == "done" else found


@blueprint.get("/exports/<int:run_id>")
def shown(run_id: int) -> ResponseReturnValue:
    run = _run(run_id)
    page = render_template(
        "reports/exported.html",
        run=run,
        progress=_progress(run),
        columns=[COLUMNS[code].title for code in run.columns.split(",") if code in COLUMNS],
        shapes=exporting.SHAPES,
        kept_until=run.at + exporting.KEPT,
    )
    return make_response(page)


@blueprint.get("/exports/<int:run_id>/progress")
def progress(run_id: int) -> ResponseReturnValue:
    run = _run(run_id)
    found = _progress(run)
    if not wants_fragment() or not found.moves:
        return see_other(url_for(".shown", run_id=run_id))
    return make_response(render_template("reports/_export.html", run=run, progress=found))


@blueprint.post("/exports/<int:run_id>/stop")
def stop(run_id: int) -> ResponseReturnValue:
    """取消."""
    if exporting.stop(_run(run_id)):
        flash("已取消导出，没有生成文件。", "success")
    else:
        flash("这次导出已经结束，没有取消。", "warning")
    return see_other(url_for(".shown", run_id=run_id))


@blueprint.get("/exports/<int:run_id>/file")
def file(run_id: int) -> ResponseReturnValue:
    run = _run(run_id)
    path = exporting.file_of(run)
    if path is None:
        raise NotFound("这次导出没有文件，或已过保留期自动清除，请重新导出。")
    name, kind = exporting.name_of(run), exporting.KINDS[run.shape]
    with writing() as at:
        access.record("exported", f"下载{TITLE}", f"{run.rows}行 第{run.id}号导出", at=at)
        db.session.commit()
    return as_download(path, name=name, mimetype=kind)


# -- at the desk -------------------------------------------------------------------------------


def desk_of(actor: Actor, at: datetime) -> Desk | None:
    """His large exports, since the day before; None where there is none."""
    links = [
        (_said(run), url_for("exports.shown", run_id=run.id), f"{run.rows}行")
        for run in exporting.large_of(actor, at - SHOWN_FOR)
    ]
    return Desk("exports", "导出台账", links=links) if links else None


def _said(run: ExportRun) -> str:
    found = _progress(run)
    if found.state == "done":
        return "导出已完成，可以下载"
    if not found.moves:
        return "导出已停止"
    return "排队等待导出" if found.state == "waiting" else f"正在导出，{found.percent}%"
