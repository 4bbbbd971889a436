"""对照取值: what a file's words mean, asked for before its import; and what an office has said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, flash, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..catalogue.queries import catalogue
from ..db import db
from ..people.acting import current_actor
from ..sheets import SheetError
from ..web import NotFound, Refused, see_other
from . import drafts, queries, underway, values
from .kinds import FileKind
from .models import ImportDraft
from .permissions import carrying_seat
from .taking import NoSuchChannel
from .values import FIELDS, Unknown

blueprint = Blueprint("values", __name__, url_prefix="/imports")

DEFAULT, UNSAID = "default", ""
"""What a form gives for a word to be taken as if nothing stood there; for one unanswered."""


@dataclass(frozen=True)
class Asked:
    """A word with what may be said of it."""

    word: Unknown
    title: str
    default: str
    choices: Mapping[str, str]
    chosen: str


def _found(draft_id: int) -> tuple[ImportDraft, FileKind]:
    reaches = queries.reach_of(current_actor())
    draft = queries.find_draft(draft_id, current_actor(), reaches.values())
    if draft is None:
        raise drafts.Gone
    if draft.run_id is not None:
        raise drafts.AlreadyTaken(draft.run_id)
    return draft, reaches[draft.kind].kind


@blueprint.get("/drafts/<int:draft_id>/values")
def of_draft(draft_id: int) -> ResponseReturnValue:
    """The words of the file that are to be asked for."""
    draft, kind = _found(draft_id)
    return _page(draft, kind, {})


def _page(
    draft: ImportDraft,
    kind: FileKind,
    chosen: Mapping[tuple[str, str], str],
    *,
    problem: str = "",
    status: int = 200,
) -> ResponseReturnValue:
    try:
        words = underway.words_to_ask(draft, kind, current_actor())
    except (SheetError, NoSuchChannel) as found:
        words, problem = [], problem or str(found)
    choices = {name: FIELDS[name].choices(draft.office_id) for name in {w.field for w in words}}
    page = render_template(
        "imports/values.html",
        draft=draft,
        kind=kind,
        asked=[
            Asked(
                word,
                FIELDS[word.field].title,
                FIELDS[word.field].default,
                choices[word.field],
                chosen.get((word.field, word.theirs), UNSAID),
            )
            for word in words
        ],
        default=DEFAULT,
        problem=problem,
    )
    return make_response(page, status)


@blueprint.post("/drafts/<int:draft_id>/values")
def say(draft_id: int) -> ResponseReturnValue:
    """Remember what was said, and try the file with it."""
    draft, kind = _found(draft_id)
    given = [request.form.getlist(name) for name in ("field", "theirs", "ours")]
    chosen = {(f, t): o for f, t, o in zip(*given, strict=False)}
    if len({len(one) for one in given}) != 1 or not _all_valid(chosen, draft.office_id):
        problem = "提交的对照不完整或选项无效，请重新选择"
        return _page(draft, kind, chosen, problem=problem, status=422)
    if unsaid := sum(ours == UNSAID for ours in chosen.values()):
        problem = f"还有{unsaid}种取值没有选择；暂不能确定的请选“按默认处理”"
        return _page(draft, kind, chosen, problem=problem, status=422)
    answers = [(f, t, "" if o == DEFAULT else o) for (f, t), o in chosen.items()]
    channel, actor = drafts.channel_of(draft), current_actor()
    values.say(answers, office_id=draft.office_id, channel=channel, by=actor)
    draft, kind = _found(draft_id)
    try:
        underway.begin_trial(draft, kind, actor)
    except (SheetError, NoSuchChannel) as problem:
        return _page(draft, kind, chosen, problem=str(problem), status=422)
    flash("取值对照已保存，以后的文件自动采用。", "success")
    return see_other(url_for("imports.trial", draft_id=draft_id))


def _all_valid(chosen: Mapping[tuple[str, str], str], office_id: int) -> bool:
    return all(
        field in FIELDS
        and 0 < len(theirs) <= values.LONGEST
        and theirs == values.fold(theirs)
        and (ours in (UNSAID, DEFAULT) or ours in FIELDS[field].choices(office_id))
        for (field, theirs), ours in chosen.items()
    )


# -- what an office has said ---------------------------------------------------------------------


def _office_id() -> int:
    seat = carrying_seat(current_actor())
    if seat is None:
        raise Refused("取值对照由牵头办公室的交办员维护。")
    return seat.unit_id


@blueprint.get("/values")
def index() -> ResponseReturnValue:
    """All that the office has said, to be said otherwise or forgotten."""
    return _index(_office_id())


def _index(office_id: int, *, problem: str = "", status: int = 200) -> ResponseReturnValue:
    said = [known for known in values.of_office(office_id) if known.field in FIELDS]
    page = render_template(
        "imports/said.html",
        said=[
            (
                known,
                catalogue().channel_name(known.channel) if known.channel else "—",
                FIELDS[known.field],
                FIELDS[known.field].choices(office_id),
            )
            for known in said
        ],
        default=DEFAULT,
        problem=problem,
    )
    return make_response(page, status)


@blueprint.post("/values/<int:mapping_id>")
def change(mapping_id: int) -> ResponseReturnValue:
    """Say otherwise, or forget."""
    office_id = _office_id()
    known = values.find(mapping_id, office_id)
    if known is None or known.field not in FIELDS:
        db.session.rollback()
        raise NotFound("没有这条取值对照，或已被删除。")
    ours = request.form.get("ours", "")
    if "forget" in request.form:
        values.change(known, None, current_actor())
        flash("已删除，下次遇到这种取值时重新询问。", "success")
    elif ours == DEFAULT or ours in FIELDS[known.field].choices(office_id):
        values.change(known, "" if ours == DEFAULT else ours, current_actor())
        flash("取值对照已修改，以后的导入按新的对照办理。", "success")
    else:
        problem = f"“{FIELDS[known.field].title}”的选项无效，请重新选择"
        return _index(office_id, problem=problem, status=422)
    return see_other(url_for("values.index"))
