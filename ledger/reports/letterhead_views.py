"""文书模板: an office's own letterheads, looked at, put in place and taken away."""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, Flask, flash, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from .. import access
from ..appeals.show_queries import names_of_persons
from ..db import db, writing
from ..files.naming import safe_name
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..web import NotFound, Refused, as_download, see_other, shanghai
from . import paper_check, paper_docx
from .paper_kinds import HEADS, PAPERS, Paper
from .paper_models import Letterhead

blueprint = Blueprint("letterheads", __name__, url_prefix="/reports/letterheads")
HOME = "/reports/letterheads/"
CODES = ", ".join(paper.code for paper in HEADS)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.extensions.setdefault("ledger_doors", {})[HOME] = lambda actor: bool(offices_of(actor))


def offices_of(actor: Actor) -> list[UnitRow]:
    """The offices whose letterheads this actor keeps: a coordinator those of his own, a system
    administrator all."""
    own = {seat.unit_id for seat in actor.seats_as("coordinator")}
    every = bool(actor.seats_as("system_admin"))
    return [unit for unit in directory().offices if unit.active and (every or unit.id in own)]


def _offices() -> list[UnitRow]:
    found = offices_of(current_actor())
    if not found:
        raise Refused("文书模板由牵头办公室的交办员或系统管理员管理。")
    return found


def _office(office_id: int) -> UnitRow:
    found = next((office for office in _offices() if office.id == office_id), None)
    if found is None:
        raise NotFound("没有这个牵头办公室，或您无权管理它的文书模板。")
    return found


def _address(office: UnitRow, paper: Paper) -> str:
    return f"{HOME}{office.id}/{paper.code}"


@blueprint.get("/")
def index() -> ResponseReturnValue:
    offices = _offices()
    wanted = request.args.get("office_id", "")
    office = next((one for one in offices if str(one.id) == wanted), offices[0])
    kept = {row.paper: row for row in Letterhead.all_of(office.id)}
    names = names_of_persons([row.kept_by_id for row in kept.values()])
    rows = []
    for paper in HEADS:
        own = kept.get(paper.code)
        said = f"{shanghai(own.kept_at)} {names.get(own.kept_by_id, '')}" if own else ""
        rows.append((paper, own.name if own else "", said, _address(office, paper)))
    return render_template(
        "reports/letterheads.html", offices=offices, office=office, rows=rows, home=HOME
    )


@blueprint.get(f"/<int:office_id>/<any({CODES}):code>")
def edit(office_id: int, code: str) -> ResponseReturnValue:
    return _edit_page(_office(office_id), PAPERS[code])


def _edit_page(
    office: UnitRow, paper: Paper, problems: list[str] | None = None, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "reports/letterhead.html",
        office=office,
        paper=paper,
        own=Letterhead.of(office.id, paper.code),
        problems=problems or [],
        address=_address(office, paper),
        back=f"{HOME}?office_id={office.id}",
        most=paper_check.MOST_BYTES // 1024 // 1024,
        item=paper_docx.ITEM,
    )
    return page, status


@blueprint.post(f"/<int:office_id>/<any({CODES}):code>")
def keep(office_id: int, code: str) -> ResponseReturnValue:
    office, paper, actor = _office(office_id), PAPERS[code], current_actor()
    file = request.files.get("file")
    if not isinstance(file, FileStorage) or not file.filename:
        return _edit_page(office, paper, ["请选择模板文件"], 422)
    content = file.stream.read(paper_check.MOST_BYTES + 1)
    name = safe_name(file.filename)
    try:
        paper_check.check(content, name, paper)
    except paper_check.Unusable as refused:
        return _edit_page(office, paper, refused.problems, 422)
    with writing() as at:
        Letterhead.keep(office.id, paper.code, name, content, actor.id or 0, at)
        access.record("letterhead_kept", office.code, f"{paper.name} {name}", at=at)
        db.session.commit()
    flash(f"已启用{office.label}的{paper.name}模板。", "success")
    return see_other(_address(office, paper))


@blueprint.post(f"/<int:office_id>/<any({CODES}):code>/remove")
def remove(office_id: int, code: str) -> ResponseReturnValue:
    office, paper = _office(office_id), PAPERS[code]
    with writing() as at:
        kept = Letterhead.of(office.id, paper.code)
        if kept is None:
            raise NotFound("没有上传过这个模板，或他人已恢复内置模板。")
        db.session.delete(kept)
        access.record("letterhead_removed", office.code, paper.name, at=at)
        db.session.commit()
    flash(f"已恢复内置的{paper.name}模板。", "success")
    return see_other(_address(office, paper))


@blueprint.get(f"/<int:office_id>/<any({CODES}):code>/<any(own, builtin, sample):which>")
def file(office_id: int, code: str, which: str) -> ResponseReturnValue:
    """The template that is in use, the built-in one to begin with, or a trial paper."""
    office, paper = _office(office_id), PAPERS[code]
    own = Letterhead.of(office.id, paper.code)
    if which == "own" and own is None:
        raise NotFound("没有上传过这个模板。")
    content = paper_docx.built_in(paper) if own is None or which == "builtin" else own.content
    if which == "sample":
        made = paper_check.sample(paper)
        made.values["落款单位"] = office.name
        content = paper_docx.fill(content, made)
    word = {"own": "模板", "builtin": "内置模板", "sample": "样张"}[which]
    name = f"{paper.name}（{word}）.docx"
    return as_download(BytesIO(content), name=name, mimetype=paper_docx.MEDIA_TYPE)
