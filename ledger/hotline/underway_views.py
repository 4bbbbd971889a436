"""Watching an import that is under way, stopping it, going on with it, and fetching its rows."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, flash, make_response, render_template, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..appeals.desks import Desk
from ..db import db, writing
from ..files.check import path_of
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import NotFound, Refused, as_download, see_other, wants_fragment
from . import drafts, queries, result_sheet, underway
from .kinds import KINDS, FileKind
from .models import ImportDraft, ImportRun
from .template import XLSX
from .underway import Progress

SHOWN_FOR = timedelta(days=1)
"""How long an import stands on the desk of whoever asked for it."""

blueprint = Blueprint("underway", __name__, url_prefix="/imports")


def _reaches() -> list[queries.Reach]:
    found = queries.reach_of(current_actor())
    if not found:
        raise Refused("您的岗位不能导入文件。")
    return list(found.values())


def _run(run_id: int) -> ImportRun:
    run = queries.find_run(run_id, current_actor(), _reaches())
    if run is None:
        raise NotFound("没有这次导入，或您无权查看。")
    return run


def kept_until(run: ImportRun) -> datetime | None:
    """Until when the sheet with its rows may be fetched; None where there is none."""
    if not run.sheet_name or not path_of(run.sheet_name, drafts.directory()).is_file():
        return None
    return run.begun_at + drafts.SHEET_KEPT


# -- an import -----------------------------------------------------------------------------------


@blueprint.get("/<int:run_id>/progress")
def progress(run_id: int) -> ResponseReturnValue:
    """How far it is, for the page that asks again and again; then on to the result."""
    run = _run(run_id)
    found = underway.progress_of(run)
    if not wants_fragment() or not found.moves:
        return see_other(url_for("imports.result", run_id=run_id))
    return make_response(
        render_template("imports/_progress.html", run=run, progress=found, kind=KINDS[run.kind])
    )


@blueprint.post("/<int:run_id>/stop")
def stop(run_id: int) -> ResponseReturnValue:
    """取消."""
    run = _run(run_id)
    if underway.stop(run.id, current_actor()):
        flash("已取消导入。已经导入的保留在台账中，其余各行没有导入。", "success")
    else:
        flash("这次导入已经结束，没有取消。", "warning")
    return see_other(url_for("imports.result", run_id=run_id))


@blueprint.post("/<int:run_id>/resumption")
def go_on(run_id: int) -> ResponseReturnValue:
    """继续."""
    run, actor = _run(run_id), current_actor()
    if run.by_id != actor.id:
        raise Refused("只有导入人本人可以接着导入；您可以重新上传同一文件，已导入的不会重复。")
    if underway.go_on(run.id, actor):
        flash("已接着导入，从中断的地方往后继续，已导入的不会重复。", "success")
    else:
        flash("这次导入正在进行或已经完成。", "warning")
    return see_other(url_for("imports.result", run_id=run_id))


@blueprint.get("/<int:run_id>/rows.xlsx")
def rows(run_id: int) -> ResponseReturnValue:
    """The file as it was, with what became of each row."""
    run = _run(run_id)
    if kept_until(run) is None or run.sheet_name is None:
        raise NotFound("这次导入没有结果表，或已过保留期自动清除。")
    path, name = path_of(run.sheet_name, drafts.directory()), result_sheet.name_of(run.file_name)
    with writing() as at:
        access.record("exported", f"导入结果表（{run.file_name}）", f"{run.rows}行", at=at)
        db.session.commit()
    return as_download(path, name=name, mimetype=XLSX)


# -- a trial -------------------------------------------------------------------------------------


def trial_page(
    draft: ImportDraft, kind: FileKind, progress: Progress | None
) -> ResponseReturnValue:
    """A large file that is being tried, or is to be."""
    page = render_template("imports/trying.html", draft=draft, kind=kind, progress=progress)
    return make_response(page)


@blueprint.get("/drafts/<int:draft_id>/trial/progress")
def trial_progress(draft_id: int) -> ResponseReturnValue:
    draft = queries.find_draft(draft_id, current_actor(), _reaches())
    if draft is None:
        raise drafts.Gone
    found = underway.trial_progress(draft)
    if not wants_fragment() or not found.moves:
        return see_other(url_for("imports.trial", draft_id=draft_id))
    return make_response(render_template("imports/_trying.html", draft=draft, progress=found))


# -- at the desk ---------------------------------------------------------------------------------


def desk_of(actor: Actor, at: datetime) -> Desk | None:
    """His imports that are under way or stopped, and large ones that are done since the day before;
    None where there is none, and for who imports nothing."""
    if not any(kind.may(actor) for kind in KINDS.values()):
        return None
    runs = queries.going_of(actor, at - SHOWN_FOR, underway.AT_ONCE)
    told = underway.progress_of_all(runs)
    links = [
        (_said(run, told.get(run.id)), url_for("imports.result", run_id=run.id), run.file_name)
        for run in runs
    ]
    return Desk("imports", "导入文件", links=links) if links else None


def _said(run: ImportRun, progress: Progress | None) -> str:
    if run.finished:
        return f"导入已完成，共{run.rows}行"
    if progress is None or not progress.moves:
        return "导入已停止"
    return "排队等待导入" if progress.state == "waiting" else f"正在导入，{progress.percent}%"
