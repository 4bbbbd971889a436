"""Uploading as a person does it: choose a file, see what was found, correct it, try it, take it
in, and read what became of each row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..appeals import record
from ..appeals.acts import Act, open_to
from ..appeals.models import Appeal
from ..catalogue.queries import catalogue
from ..db import db, now
from ..people.acting import current_actor
from ..people.actor import Actor
from ..sheets import Row, Sheet, SheetError
from ..web import Choice, Files, Form, NotFound, Radio, Refused, as_download, see_other
from . import (
    alike_views,
    api_views,
    client_views,
    desk_views,
    drafts,
    duty_views,
    feedback_sheet,
    feedback_views,
    handover_views,
    queries,
    return_views,
    settling,
    underway,
    underway_views,
    value_views,
)
from .clients import Clients
from .drafts import AlreadyTaken, BadMapping, Gone
from .intake import CONFLICT, Problem, Unusable
from .kinds import KINDS, FileKind
from .models import ImportDraft, ImportLine, ImportRun
from .permissions import carrying_seat
from .platforms import kept_by
from .queries import Lines, Place, Reach
from .settling import Phrase
from .taking import NoSuchChannel
from .template import XLSX

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

SHOWN = 10
"""Rows of the file that are shown as they are understood."""

CHANGED = "您试导入之后，这个文件的列对应关系已被改动。请重新试导入，核对后再正式导入。"


class UploadForm(Form):
    """A file of a kind that asks for no channel."""

    file = Files("文件", required=True)


class ChannelForm(UploadForm):
    channel = Choice("来源渠道", required=True)


class AnyChannelForm(UploadForm):
    channel = Choice(
        "来源渠道", blank="按表中逐行写明的", help="表中没有写明渠道的行，按这里选的登记。"
    )


class SettlingForm(Form):
    how = Radio("处理方式", required=True)


def init_app(app: Flask) -> None:
    """Register the room's pages."""
    app.register_blueprint(blueprint)
    app.register_blueprint(feedback_views.blueprint)
    return_views.init_app(app)
    api_views.init_app(app)
    kept_by(Clients())
    client_views.init_app(app)
    app.register_blueprint(underway_views.blueprint)
    app.register_blueprint(value_views.blueprint)
    app.extensions.setdefault("ledger_desks", []).append(underway_views.desk_of)
    underway.register()
    alike_views.init_app(app)
    desk_views.init_app(app)
    duty_views.init_app(app)
    handover_views.init_app(app)
    doors = app.extensions.setdefault("ledger_doors", {})
    doors["/imports/"] = lambda actor: any(kind.may(actor) for kind in KINDS.values())


def _reaches() -> dict[str, Reach]:
    found = queries.reach_of(current_actor())
    if not found:
        raise Refused("您的岗位不能导入文件。")
    return found


# -- choose ------------------------------------------------------------------------------------


@blueprint.route("/", methods=["GET", "POST"])
def start() -> ResponseReturnValue:
    """Choose what kind of file it is, its channel and the file."""
    reaches = _reaches()
    code = request.args.get("kind", "")
    if code in KINDS and code not in reaches:
        raise Refused("您的岗位不能导入这类文件。")
    reach = reaches.get(code) or next(iter(reaches.values()))
    kind = reach.kind
    form = _upload_form(kind)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            try:
                draft_id = _upload(form, reach)
            except SheetError as problem:
                form.file.errors = [f"{problem}。"]
            else:
                return see_other(_after_upload(kind, draft_id))
    runs = queries.runs_of(current_actor(), reaches.values())
    page = render_template(
        "imports/start.html",
        kinds=[r.kind for r in reaches.values()],
        kind=kind,
        sheets=feedback_sheet.waiting(reach.office_id, current_actor(), now())
        if kind.changes is not None
        else (),
        form=form,
        names=[(words[0], name in kind.required) for name, words in kind.columns.items()],
        most=drafts.MOST_BYTES // 1024 // 1024,
        waiting=_named(queries.drafts_of(current_actor(), reaches.values(), now() - drafts.KEPT)),
        runs=_named(runs),
        waits=queries.unsettled(runs),
        keeps_values=carrying_seat(current_actor()) is not None,
        going=underway.progress_of_all(runs),
    )
    return page, status


def _after_upload(kind: FileKind, draft_id: int) -> str:
    """Where the columns are given, there is nothing to choose."""
    step = "imports.draft" if kind.changes is None else "imports.trial"
    return url_for(step, draft_id=draft_id)


def _upload_form(kind: FileKind) -> UploadForm:
    channels = kind.channels()
    if not channels:
        return UploadForm()
    form = ChannelForm() if kind.needs_channel else AnyChannelForm()
    form.channel.choices = dict(channels)
    return form


def _upload(form: UploadForm, reach: Reach) -> int:
    upload = form.file.data[0].file
    return drafts.begin(
        upload.read(drafts.MOST_BYTES + 1),
        upload.filename or "",
        reach.kind,
        channel=(form.channel.data or "") if "channel" in form else "",
        office_id=reach.office_id,
        by=current_actor(),
    )


def _named(rows: Any) -> list[tuple[Any, str, str]]:
    """Each with the name of its kind and of its channel."""
    return [(row, KINDS[row.kind].name, _channel_name(row.channel)) for row in rows]


def _channel_name(channel: str) -> str:
    return catalogue().channel_name(channel) if channel else "—"


@blueprint.get("/orders")
def orders() -> ResponseReturnValue:
    """Where the page for orders alone used to be."""
    return see_other(url_for("imports.start", kind="orders"))


@blueprint.get("/blank/<code>")
def blank(code: str) -> ResponseReturnValue:
    """An empty workbook to fill in."""
    reach = _reaches().get(code)
    if reach is None or reach.kind.blank is None:
        raise NotFound("没有这个模板，或您无权下载。")
    return as_download(BytesIO(reach.kind.blank()), name=reach.kind.blank_name, mimetype=XLSX)


# -- see what was found, and correct it --------------------------------------------------------


@dataclass(frozen=True)
class Heading:
    """A column of the file as the page shows it."""

    title: str
    key: str
    sample: str
    field: str
    choosable: bool


@dataclass(frozen=True)
class Understood:
    """A row of the file as it would be taken."""

    number: int
    cells: list[str]
    reason: str


def _found(draft_id: int) -> tuple[ImportDraft, Reach]:
    reaches = _reaches()
    draft = queries.find_draft(draft_id, current_actor(), reaches.values())
    if draft is None:
        raise Gone
    return draft, reaches[draft.kind]


@blueprint.errorhandler(AlreadyTaken)
def _already_taken(error: AlreadyTaken) -> ResponseReturnValue:
    """409: a file goes in once. A second click finds the first one's result."""
    db.session.rollback()
    run = db.session.get_one(ImportRun, error.run_id)
    return render_template("imports/taken.html", run=run, kind=KINDS[run.kind]), 409


@blueprint.get("/drafts/<int:draft_id>")
def draft(draft_id: int) -> ResponseReturnValue:
    found, reach = _found(draft_id)
    return _draft_page(found, reach.kind)


def _draft_page(
    draft: ImportDraft,
    kind: FileKind,
    *,
    problem: str = "",
    chosen: Mapping[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """What the file holds. `chosen` is what was chosen and could not be kept."""
    data = drafts.load(draft)
    sheet = drafts.look(data, draft.file_name, kind, drafts.mapping_of(draft))
    rows: list[Row] = []
    try:
        rows = sheet.first(SHOWN)
    except SheetError as error:
        problem = problem or str(error)
    fields = [name for name in kind.columns if name in sheet.fields]
    page = render_template(
        "imports/draft.html",
        draft=draft,
        kind=kind,
        channel=_channel_name(draft.channel),
        sheet=sheet,
        headings=_headings(sheet, rows, chosen or {}),
        options=[(name, words[0], name in kind.required) for name, words in kind.columns.items()],
        missing=drafts.missing(sheet, kind),
        names=[kind.columns[name][0] for name in fields],
        rows=_understood(draft, kind, rows, fields),
        problem=problem,
    )
    return make_response(page, status)


def _headings(sheet: Sheet, rows: list[Row], chosen: Mapping[str, str]) -> list[Heading]:
    open_to_choice = drafts.choosable(sheet)
    return [
        Heading(
            title=column.title,
            key=column.key,
            sample=next((r.cells[column.name] for r in rows if r.cells[column.name]), ""),
            field=chosen.get(column.key, column.field or ""),
            choosable=open_to_choice.get(column.key) is column,
        )
        for column in sheet.columns
    ]


def _understood(
    draft: ImportDraft, kind: FileKind, rows: list[Row], fields: list[str]
) -> list[Understood]:
    try:
        made = kind.make(draft.office_id, draft.channel)
    except NoSuchChannel as error:
        return [Understood(row.number, [], str(error)) for row in rows[:1]]
    found = []
    for row in rows:
        reason = "；".join(row.problems)
        if not reason:
            try:
                made.understand(row)
            except Unusable as error:
                reason = str(error)
        found.append(Understood(row.number, [row.cells.get(name, "") for name in fields], reason))
    return found


def _keep_columns(draft: ImportDraft, kind: FileKind) -> ResponseReturnValue | None:
    """Keep what was chosen for the columns, if this form chose; what comes back is a refusal."""
    keys, fields = request.form.getlist("key"), request.form.getlist("field")
    if not keys:
        return None
    chosen = dict(zip(keys, fields, strict=False))
    try:
        if len(keys) != len(fields):
            raise BadMapping("提交的对应关系不完整，请重新选择")
        old = drafts.mapping_of(draft)
        sheet = drafts.look(drafts.load(draft), draft.file_name, kind, old)
        mapping = drafts.merged(sheet, kind, old, chosen)
        if mapping is not None:
            drafts.correct(draft.id, kind, mapping, current_actor())
    except (BadMapping, SheetError) as problem:
        return _draft_page(draft, kind, problem=str(problem), chosen=chosen, status=422)
    return None


@blueprint.post("/drafts/<int:draft_id>/columns")
def columns(draft_id: int) -> ResponseReturnValue:
    """Keep the corrected mapping."""
    found, reach = _found(draft_id)
    refusal = _keep_columns(found, reach.kind)
    if refusal is not None:
        return refusal
    flash("列的对应关系已保存，下次上传同样表头的文件时自动采用。", "success")
    return see_other(url_for("imports.draft", draft_id=draft_id))


# -- try it, take it in ------------------------------------------------------------------------


@blueprint.post("/drafts/<int:draft_id>/trial")
def begin_trial(draft_id: int) -> ResponseReturnValue:
    """Keep the mapping and try the file."""
    found, reach = _found(draft_id)
    refusal = _keep_columns(found, reach.kind)
    if refusal is not None:
        return refusal
    found, _reach = _found(draft_id)
    actor = current_actor()
    try:
        large = underway.begin_trial(found, reach.kind, actor)
        asked = [] if large else underway.words_to_ask(found, reach.kind, actor)
    except (SheetError, NoSuchChannel) as problem:
        return _draft_page(found, reach.kind, problem=str(problem), status=422)
    step = "values.of_draft" if asked else "imports.trial"
    return see_other(url_for(step, draft_id=draft_id))


@blueprint.get("/drafts/<int:draft_id>/trial")
def trial(draft_id: int) -> ResponseReturnValue:
    """试导入: what would come of it. Writes nothing."""
    found, reach = _found(draft_id)
    try:
        tried = underway.trial_of(found, reach.kind, current_actor())
    except (SheetError, NoSuchChannel) as problem:
        return _draft_page(found, reach.kind, problem=str(problem), status=422)
    summary = tried.summary
    if summary is None:
        return underway_views.trial_page(found, reach.kind, tried.progress)
    if reach.kind.changes is not None:
        return render_template(
            "imports/changes.html",
            draft=found,
            kind=reach.kind,
            summary=summary,
            mark=drafts.mark_of(found),
            changes=drafts.changes(found, reach.kind, current_actor()),
        )
    in_conflict = [p for p in summary.problems if p.reason.startswith(CONFLICT)]
    rejected = [p for p in summary.problems if not p.reason.startswith(CONFLICT)]
    return render_template(
        "imports/trial.html",
        draft=found,
        kind=reach.kind,
        channel=_channel_name(found.channel),
        summary=summary,
        tried_at=tried.at,
        asked=len(tried.unknown),
        mark=drafts.mark_of(found),
        lists=[
            _problem_list("conflicts", "内容不一致", summary.conflicts, in_conflict, draft_id),
            _problem_list("rejected", "不能导入", summary.rejected, rejected, draft_id),
        ],
    )


@dataclass(frozen=True)
class ProblemList:
    """Some of the rows of one list of a trial."""

    name: str
    title: str
    count: int
    rows: list[Problem]
    first: str | None
    after: str | None


def _problem_list(
    name: str, title: str, count: int, problems: list[Problem], draft_id: int
) -> ProblemList:
    behind = _row_asked(f"{name}-after")
    rest = [p for p in problems if behind is None or p.row > behind]
    rows = rest[: queries.LINES]
    here = url_for("imports.trial", draft_id=draft_id, _anchor=name)
    further = None
    if len(rest) > len(rows):
        place: dict[str, Any] = {f"{name}-after": rows[-1].row}
        further = url_for("imports.trial", draft_id=draft_id, _anchor=name, **place)
    return ProblemList(name, title, count, rows, here if behind is not None else None, further)


@blueprint.post("/drafts/<int:draft_id>/run")
def take(draft_id: int) -> ResponseReturnValue:
    """正式导入."""
    found, reach = _found(draft_id)
    if found.run_id is not None:
        return _second_click(found.run_id)
    refusal = _keep_columns(found, reach.kind)
    if refusal is not None:
        return refusal
    found, _reach = _found(draft_id)
    mark = request.form.get("mark")
    if mark is not None and mark != drafts.mark_of(found):
        return _draft_page(found, reach.kind, problem=CHANGED, status=409)
    actor = current_actor()
    try:
        if mark is None and underway.words_to_ask(found, reach.kind, actor):
            return see_other(url_for("values.of_draft", draft_id=draft_id))
        run_id = underway.take_in(found, reach.kind, actor)
    except (SheetError, NoSuchChannel) as problem:
        return _draft_page(_found(draft_id)[0], reach.kind, problem=str(problem), status=422)
    except record.Refused as refused:
        return _draft_page(
            _found(draft_id)[0], reach.kind, problem=refused.reason, status=refused.status
        )
    except AlreadyTaken as taken:
        return _second_click(taken.run_id)
    return see_other(url_for("imports.result", run_id=run_id))


def _second_click(run_id: int) -> ResponseReturnValue:
    """Whoever sees the import under way is led to it; what is done is not done again."""
    db.session.rollback()
    run = db.session.get_one(ImportRun, run_id, populate_existing=True)
    if not run.finished and run.by_id == current_actor().id:
        return see_other(url_for("imports.result", run_id=run_id))
    raise AlreadyTaken(run_id)


# -- what became of it -------------------------------------------------------------------------


@dataclass(frozen=True)
class Laid:
    """A conflict laid out: both texts side by side, and what settles it."""

    line: ImportLine
    appeal: Appeal | None
    ours: list[tuple[str, list[Phrase]]]
    theirs: list[tuple[str, list[Phrase]]]
    acts: list[Act]
    ways: dict[str, str]
    named: str
    """The title the file has, to look a firm up by."""


@dataclass(frozen=True)
class Paged:
    """Lines of one list with the way to its other pages."""

    rows: list[Any]
    before: str | None
    after: str | None


def _found_run(run_id: int) -> ImportRun:
    run = queries.find_run(run_id, current_actor(), _reaches().values())
    if run is None:
        raise NotFound("没有这次导入，或您无权查看。")
    return run


@blueprint.get("/<int:run_id>")
def result(run_id: int) -> ResponseReturnValue:
    """What became of each row; a conflict shows both texts, those that wait come first."""
    return _result_page(_found_run(run_id))


def _result_page(run: ImportRun, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    actor, at = current_actor(), now()
    progress = underway.progress_of(run)
    if progress.moves and not run.finished:
        # Asked for again and again: what came of the rows is told when they are in.
        return make_response(
            render_template(
                "imports/going.html",
                run=run,
                progress=progress,
                kind=KINDS[run.kind],
                channel=_channel_name(run.channel),
            )
        )
    waiting = queries.conflicts(run, actor, at, _place("conflicts"), settled=False)
    settled = queries.conflicts(run, actor, at, _place("settled"), settled=True)
    rejected = queries.outcomes(run, actor, at, ["rejected"], _place("rejected"))
    others = queries.outcomes(run, actor, at, ["created", "repeated"], _place("others"))
    page = render_template(
        "imports/result.html",
        run=run,
        progress=progress,
        may_go_on=underway.may_go_on(run, actor),
        kept_until=underway_views.kept_until(run),
        week=drafts.SHEET_KEPT,
        kind=KINDS[run.kind],
        channel=_channel_name(run.channel),
        unsettled=queries.unsettled([run]).get(run.id, 0),
        conflicts=_paged(run, "conflicts", waiting, _laid(run, waiting, actor, at)),
        settled=_paged(run, "settled", settled, list(settled.rows)),
        rejected=_paged(run, "rejected", rejected, list(rejected.rows)),
        others=_paged(run, "others", others, list(others.rows)),
        words=settling.words,
        problem=problem,
    )
    return make_response(page, status)


def _laid(run: ImportRun, waiting: Lines, actor: Actor, at: datetime) -> list[Laid]:
    met = [found.appeal for found in waiting.rows if found.appeal is not None]
    kind = KINDS[run.kind]
    done = queries.acts_since(met, settling.verbs(kind.settled_by), run.begun_at)
    found = []
    for row in waiting.rows:
        line, appeal = row.line, row.appeal
        theirs = json.loads(line.theirs) if line.theirs else {}
        ours = _ours(kind, appeal, theirs, line.reason) if appeal is not None else {}
        pairs = {
            name: settling.compared(ours.get(name, ""), theirs.get(name, ""))
            if name in ours and theirs.get(name) and kind.ours is None
            else ([Phrase(ours.get(name, ""), False)], [Phrase(theirs.get(name, ""), False)])
            for name in ("title", "content")
        }
        found.append(
            Laid(
                line,
                appeal,
                [(name, pair[0]) for name, pair in pairs.items()],
                [(name, pair[1]) for name, pair in pairs.items()],
                settling.offered(open_to(appeal, appeal.facts(at), actor), kind.settled_by)
                if appeal
                else [],
                settling.ways(line, done.get(line.appeal_id, ()), kind.settled_by),
                theirs.get("title", ""),
            )
        )
    return found


def _ours(
    kind: FileKind, appeal: Appeal, theirs: Mapping[str, str], reason: str
) -> Mapping[str, str]:
    if kind.ours is None:
        return {"title": appeal.title, "content": appeal.content}
    return kind.ours(appeal, theirs, reason.removeprefix(f"{CONFLICT}："))


def _row_asked(name: str) -> int | None:
    """A row number of the address; what no row can bear is none."""
    asked = request.args.get(name, type=int)
    return asked if asked is not None and 0 <= asked <= queries.LARGEST else None


def _place(name: str) -> Place:
    return Place(_row_asked(f"{name}-after"), _row_asked(f"{name}-before"))


def _paged(run: ImportRun, name: str, lines: Lines, rows: list[Any]) -> Paged:
    def page(direction: str, row: int | None) -> str | None:
        place: dict[str, Any] = {f"{name}-{direction}": row}
        return (
            None if row is None else url_for("imports.result", run_id=run.id, _anchor=name, **place)
        )

    return Paged(rows, page("before", lines.before), page("after", lines.after))


@blueprint.post("/<int:run_id>/conflicts/<int:line_id>/settlement")
def settle(run_id: int, line_id: int) -> ResponseReturnValue:
    """Write down that a conflict is settled, by whom and how."""
    run, actor, at = _found_run(run_id), current_actor(), now()
    line = queries.find_conflict(run_id, line_id)
    if line is None:
        raise NotFound("没有这一行，或您无权查看。")
    met = queries.appeals_of([line], actor, at)
    by = KINDS[run.kind].settled_by
    done = queries.acts_since(met.values(), settling.verbs(by), run.begun_at)
    form = SettlingForm()
    form.how.choices = settling.ways(line, done.get(line.appeal_id or 0, ()), by)
    if not form.validate_on_submit():
        said = "；".join(error for errors in form.errors.values() for error in errors)
        return _result_page(run, problem=f"第{line.row_number}行没有标为已处理：{said}", status=422)
    settled = settling.settle(run_id, line_id, form.how.data, actor)
    flash(f"第{settled.row_number}行已处理：{settling.words(settled.settled_how)}。", "success")
    return see_other(url_for("imports.result", run_id=run_id, _anchor="conflicts"))
