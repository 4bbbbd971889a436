"""Doing something to an appeal: load, form, verb, commit, and the page anew.

Whatever goes wrong, the form comes back as it was typed, with what is wrong or what changed
meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Response, abort, flash, make_response, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..catalogue.queries import catalogue
from ..db import db, now, writing
from ..people import drafts
from ..people import queries as people
from ..people.acting import current_actor
from ..people.actor import Actor
from ..trail.act import StaleForm
from ..trail.models import Entry
from ..web import is_htmx, see_other, wants_fragment
from . import acts, asides, lifecycle, outcomes, signing
from .act_forms import ActForm
from .acts import BY_URL, Act, Doing, Drawing
from .assist_acts import hand
from .attachment_views import Taken, forget, store, take_files, to_rows
from .joined_queries import lock_kin_of
from .leaf import Leaf, drafts_of
from .models import Appeal
from .pages import blueprint
from .queries import entries_of
from .record import Invalid, Questioned, Refused
from .show_queries import stands
from .show_views import (
    Panel,
    address,
    article,
    changed_since,
    found,
    loaded_panels,
    panel,
    read,
    trail,
)
from .unit_choices import usual_assists, usual_lead

AT_ONCE = timedelta(minutes=2)
"""The same act by the same hand within this time is a second click, not a second act."""

CHANGED = (
    "您打开表单后，本件有了变化，您填写的内容尚未提交。请核对下列变化，仍需提交的请再次提交。"
)
TAKEN = "相同的编号刚刚由他人登记，您填写的内容没有提交。请核对后再试。"
NO_LONGER = "您填写的内容没有提交，保留在下面，可以复制。"


def _act(url: str) -> Act:
    act = BY_URL.get(url)
    if act is None:
        abort(404)
    return act


@blueprint.get("/<number>/<any({}):verb>".format(", ".join(f"'{url}'" for url in BY_URL)))
def form(number: str, verb: str) -> ResponseReturnValue:
    """The act's form: the panel alone for htmx, else the appeal's page with it standing open."""
    act, at, actor = _act(verb), now(), current_actor()
    appeal = read(number, actor, at)
    verdict = acts.may(act, appeal, appeal.facts(at), actor)
    if not verdict:
        shown = panel(act, appeal, actor, at, refusal=verdict.reason)
        return _answer(shown, appeal, actor, at, verdict.status)
    drawing = Drawing(appeal, actor, at, request.args)
    brings = usual_lead(drawing) or usual_assists(drawing)
    if is_htmx() and "category_id" in request.args and not brings:
        # Nothing to bring along: a unit chosen while we were asked must stay chosen.
        return "", 204
    shown = panel(act, appeal, actor, at, chosen=request.args, is_open=True)
    return _answer(shown, appeal, actor, at, 200)


@blueprint.post("/<number>/<any({}):verb>".format(", ".join(f"'{url}'" for url in BY_URL)))
def do(number: str, verb: str) -> ResponseReturnValue:
    act, at, actor = _act(verb), now(), current_actor()
    appeal = found(number, actor, at)
    form = acts.form_of(act, Drawing(appeal, actor, at), typed=True)
    if (aside := request.form.get("aside", "")) in asides.ALL:
        return _aside(aside, act, form, appeal, actor, at)
    sound = form.validate()
    if not sound or len(act.verbs) > 1 or _brings_files(form):
        # Else the verb's own guard says the same, and needs to be asked once only.
        verdict = acts.may(act, appeal, appeal.facts(at, actor), actor, hand(form))
        if not verdict:
            if is_second_click(act, form, appeal, actor, at):
                return _done(act, appeal, actor, at)
            refused = Refused(verdict.status, verdict.reason)
            return _refused(act, form, [], number, actor, refused)
    taken: list[Taken] = []
    if "files" in form:
        taken, problems = take_files(form.files)
        sound = _weigh_files(form, taken, sound) and not problems
    if not sound:
        return _wrong(act, form, taken, read(number, actor, at), actor, at)
    store(taken)
    _ahead = _read_ahead(appeal, form)
    try:
        with writing() as at:
            appeal, others = _locked(appeal, act, form, actor, at)
            doing = Doing(appeal, form, actor, at, form.seen_version, taken, others)
            # A note may be made twice; of all else the table of acts tells, and is asked anyway.
            if not (act.is_note and is_second_click(act, form, appeal, actor, at)):
                act.run(doing)
                drafts.drop(actor.id, drafts_of(number, act.url))
                db.session.commit()
    except IntegrityError:
        # Two hands gave the same number to two appeals: neither could see the other's.
        problem: Invalid | Refused | StaleForm = Refused(409, TAKEN)
    except (Invalid, Refused, StaleForm) as error:
        problem = error
    else:
        forget(taken)
        return _done(act, appeal, actor, at)
    shown = read(number, actor, at)
    if not is_second_click(act, form, shown, actor, at):
        return _not_done(act, form, taken, shown, actor, problem)
    forget(taken)
    return _done(act, shown, actor, at)


def _brings_files(form: ActForm) -> bool:
    """Whether files are to be taken in, which is done before the verb asks who may."""
    return "files" in form and bool(
        form["files"].data or request.form.get(f"{form['files'].name}-kept")
    )


def _read_ahead(appeal: Appeal, form: ActForm) -> tuple[object, ...]:
    """What most verbs ask for, so that it need not be read under the write lock; and the end of
    reading, by a commit, after which it stays in hand as long as it is held."""
    named = [int(form.unit_id.data)] if "unit_id" in form and form.unit_id.data else []
    for several in ("assist_ids", "sub_unit_ids"):
        if several in form:
            named += [int(one) for one in form[several].data]
    asked = appeal.requests if appeal.asked or appeal.asked_below else None
    held = (people.units_by_id(named), appeal.assignments, appeal.deadlines, asked)
    db.session.commit()
    return held


def _not_done(
    act: Act,
    form: ActForm,
    taken: Sequence[Taken],
    appeal: Leaf,
    actor: Actor,
    problem: Invalid | Refused | StaleForm,
) -> ResponseReturnValue:
    if isinstance(problem, Invalid):
        # A verb may look at what it was handed before it asks who handed it.
        verdict = acts.may(act, appeal, appeal.facts(now(), actor), actor, hand(form))
        if verdict:
            _note(form, problem)
            return _wrong(act, form, taken, appeal, actor, now())
        problem = Refused(verdict.status, verdict.reason)
    if isinstance(problem, Refused):
        return _refused(act, form, taken, appeal.number, actor, problem)
    return _stale(act, form, taken, appeal.number, actor)


def _weigh_files(form: ActForm, taken: Sequence[Taken], sound: bool) -> bool:
    """A field of files that must not be empty is also filled by what an earlier try brought."""
    files = form["files"]
    if taken and files.flags.required and not files.data:
        files.errors = [error for error in files.errors if "请选择" not in error]
        return not form.errors
    return sound


def _locked(
    appeal: Appeal, act: Act, form: ActForm, actor: Actor, at: datetime
) -> tuple[Appeal, dict[str, Appeal]]:
    """The appeal and whatever else the act names, their rows locked in ascending id."""
    number = appeal.number
    named = [one for one in act.names(form, appeal) if one]
    further = [one for one in named if one != number]
    kin = appeal.master_id is not None or appeal.joined_count > 0
    if not further and not kin:
        if not stands(appeal):
            db.session.expire_all()
            appeal = found(number, actor, at, lock=True)
        return appeal, {number: appeal} if named else {}
    db.session.expire_all()
    rows = {number: found(number, actor, at)}
    called = {number: number} if number in named else {}
    for one in further:
        other = acts.another(one, actor, at)
        if other is not None:
            rows[other.number] = other
            called[one] = other.number
    lock_kin_of(rows[number], *(row.id for row in rows.values()))
    locked = {
        row.number: found(row.number, actor, at, lock=True)
        for row in sorted(rows.values(), key=lambda row: row.id)
    }
    return locked[number], {name: locked[one] for name, one in called.items()}


def is_second_click(
    act: Act, form: ActForm, appeal: Leaf | Appeal, actor: Actor, at: datetime
) -> bool:
    """Whether this very act was done a moment ago by the same hand: shown, not done again."""
    last = entries_of(appeal)[-len(act.verbs) :]
    same = [entry.verb for entry in last] == list(act.verbs) and all(
        entry.actor_id == actor.id and at - entry.at <= AT_ONCE for entry in last
    )
    if not same or not _says_the_same(form, appeal, last):
        return False
    if not act.is_note:
        return not acts.may(act, appeal, appeal.facts(at), actor, hand(form))
    return "files" not in form


def _did(act: Act, appeal: Leaf, actor: Actor) -> bool:
    """Whether this person did it himself in this round, in another window or by another click."""
    return any(
        entry.verb == act.verbs[-1] and entry.actor_id == actor.id and entry.round == appeal.round
        for entry in entries_of(appeal)
    )


def _says_the_same(form: ActForm, appeal: Leaf | Appeal, entries: Sequence[Entry]) -> bool:
    """Whether every word typed stands in the ink already: other words must not be lost."""
    texts = [text for entry in entries for text in entry.texts]
    kept = {text.body for text in texts}
    for text in texts:
        if text.place.endswith(".particulars"):
            kept.update(outcomes.read(text.body).values())
    return all(
        field.data in kept or field.data == getattr(appeal, field.short_name, None)
        for field in form.shown()
        if field.type == "LongText" and field.data
    )


def _note(form: ActForm, invalid: Invalid) -> None:
    """The verb's complaint beside the field it names, or above the form."""
    if isinstance(invalid, Questioned):
        form.receipt.data = outcomes.digest(form[invalid.field].data)
    field = next((one for one in form if one.short_name == invalid.field), None)
    if field is None:
        form.form_errors = [*form.form_errors, invalid.reason]
    else:
        field.errors = [*field.errors, invalid.reason]


# -- what is no act ----------------------------------------------------------------------------


def _aside(
    aside: str, act: Act, form: ActForm, appeal: Appeal, actor: Actor, at: datetime
) -> ResponseReturnValue:
    """The form comes back with something done to what is typed in it; nothing to the appeal."""
    number, key = appeal.number, drafts_of(appeal.number, act.url)
    if aside == asides.DROP:
        with writing():
            drafts.drop(actor.id, key)
            db.session.commit()
        if not wants_fragment():
            return see_other(f"{address(number)}/{act.url}")
        fresh = read(number, actor, now())
        return _answer(panel(act, fresh, actor, at, is_open=True), fresh, actor, at, 200)
    if aside == asides.NOTE:
        return _keep_as_note(act, form, appeal, actor, at)
    said = ""
    if aside == asides.AUTOSAVE and _is_late(act, form, appeal, actor):
        return "", 204
    if aside in (asides.DRAFT, asides.AUTOSAVE):
        said = asides.keep(actor, key)
    if aside == asides.AUTOSAVE:
        return asides.told(said)
    taken: list[Taken] = []
    if "files" in form:
        taken, _problems = take_files(form.files)
        store(taken)
    if aside == asides.BRING:
        said = asides.bring(form)
    leaf = read(number, actor, at)
    verdict = acts.may(act, leaf, leaf.facts(at), actor, hand(form))
    shown = panel(
        act,
        leaf,
        actor,
        at,
        form=form,
        is_open=bool(verdict),
        refusal=verdict.reason,
        gives_back=True,
        taken=taken,
        said=said,
    )
    return _answer(shown, leaf, actor, at, 200)


def _keep_as_note(
    act: Act, form: ActForm, appeal: Appeal, actor: Actor, at: datetime
) -> ResponseReturnValue:
    """What was typed for an act that came too late stays as a note on the appeal."""
    number, words = appeal.number, asides.as_note(act.label, form, appeal)
    taken: list[Taken] = []
    problems: Sequence[object] = [field for field in form if field.process_errors]
    if "files" in form:
        taken, wrong = take_files(form.files)
        problems = [*problems, *wrong]
    if problems or not words:
        form.validate()
        if not words:
            form.form_errors = [*form.form_errors, "没有可以存为补充记录的文字"]
        return _wrong(act, form, taken, read(number, actor, at), actor, at)
    store(taken)
    try:
        with writing() as at:
            appeal, _others = _locked(appeal, act, form, actor, at)
            verb = asides.note_verb(appeal.facts(at, actor), actor)
            if not verb:
                raise Refused(409, "本件已不能补充记录。")
            if not _is_noted(appeal, verb, words, actor, at):
                add = appeal.supplement if verb == "supplement" else appeal.progress
                add(words, by=actor, at=at, attachments=to_rows(taken, actor, at))
                drafts.drop(actor.id, drafts_of(number, act.url))
                db.session.commit()
    except (Invalid, Refused) as problem:
        refused = problem if isinstance(problem, Refused) else Refused(409, f"{problem.reason}。")
        return _refused(act, form, taken, number, actor, refused)
    forget(taken)
    return _done(act, appeal, actor, at, f"已将所填内容存为{lifecycle.BY_CODE[verb].label}记录")


def _is_noted(appeal: Appeal, verb: str, words: str, actor: Actor, at: datetime) -> bool:
    """Whether a first click has kept these words already."""
    return any(
        entry.verb == verb and entry.actor_id == actor.id and at - entry.at <= AT_ONCE
        for entry in entries_of(appeal)[-1:]
        if any(text.body == words for text in entry.texts)
    )


def _is_late(act: Act, form: ActForm, appeal: Appeal, actor: Actor) -> bool:
    """Whether this very form was sent meanwhile, so that there is nothing left to keep of it."""
    seen = form.seen_version
    return (
        seen is not None
        and seen < appeal.version
        and any(
            entry.seq > seen and entry.verb == act.verbs[-1] and entry.actor_id == actor.id
            for entry in entries_of(appeal)
        )
    )


# -- what comes back ---------------------------------------------------------------------------


def _wrong(
    act: Act,
    form: ActForm,
    taken: Sequence[Taken],
    appeal: Leaf,
    actor: Actor,
    at: datetime,
) -> ResponseReturnValue:
    """422: the same panel, everything typed in it."""
    shown = panel(act, appeal, actor, at, form=form, is_open=True, taken=taken)
    return _answer(shown, appeal, actor, at, 422)


def _refused(
    act: Act, form: ActForm, taken: Sequence[Taken], number: str, actor: Actor, refused: Refused
) -> ResponseReturnValue:
    """403 or 409. What the same person did himself, in another window, is no refusal."""
    at = now()
    appeal = read(number, actor, at)
    since = _since(appeal, form)
    if refused.status == 409 and act.at_once and _did(act, appeal, actor):
        return _done(act, appeal, actor, at)
    shown = panel(
        act,
        appeal,
        actor,
        at,
        form=form,
        refusal=f"{refused.reason}{NO_LONGER if _has_words(form) else ''}",
        taken=taken,
        gives_back=_has_words(form),
        **_what_changed(appeal, form, since, actor),
    )
    return _answer(shown, appeal, actor, at, refused.status)


def _stale(
    act: Act, form: ActForm, taken: Sequence[Taken], number: str, actor: Actor
) -> ResponseReturnValue:
    """409: what changed is shown, and the form may be sent again as it stands."""
    at = now()
    appeal = read(number, actor, at)
    happened = _what_changed(appeal, form, _since(appeal, form), actor)
    verdict = acts.may(act, appeal, appeal.facts(at), actor, hand(form))
    form.seen.data = str(appeal.version)
    shown = panel(
        act,
        appeal,
        actor,
        at,
        form=form,
        is_open=bool(verdict),
        refusal=CHANGED if verdict else f"{verdict.reason}{NO_LONGER}",
        taken=taken,
        gives_back=True,
        **happened,
    )
    return _answer(shown, appeal, actor, at, 409)


def _since(appeal: Leaf, form: ActForm) -> list[Entry]:
    """What was done after the form was drawn; without a version, the last act alone."""
    entries = list(entries_of(appeal))
    seen = form.seen_version
    return entries[-1:] if seen is None else [entry for entry in entries if entry.seq > seen]


def _what_changed(
    appeal: Leaf, form: ActForm, since: Sequence[Entry], actor: Actor
) -> dict[str, Any]:
    """Who did what, what differs by it field by field, and whether a note may be made of it."""
    seen = form.seen_version
    if seen is None:
        seen = appeal.version - len(since)
    verb = asides.note_verb(appeal.facts(now(), actor), actor) if _has_words(form) else ""
    return {
        "changes": _told(appeal, actor, since),
        "changed": changed_since(appeal, seen, catalogue()),
        "note": lifecycle.BY_CODE[verb].label if verb else "",
    }


def _told(appeal: Leaf, actor: Actor, since: Sequence[Entry]) -> list[str]:
    """Who did what and when, in sentences."""
    wanted = {entry.seq for entry in since}
    lines = trail(appeal, catalogue(), signing.unread(appeal, actor))
    return [line.sentence for line in lines if line.seq in wanted]


def _has_words(form: ActForm) -> bool:
    return any(
        field.data for field in form.shown() if field.type in ("Text", "LongText", "Files")
    )


def _answer(
    shown: Panel, appeal: Leaf, actor: Actor, at: datetime, status: int
) -> ResponseReturnValue:
    """The panel alone where the rest of the page still holds, else the article or the page."""
    if wants_fragment() and status in (200, 422):
        context: dict[str, Any] = {"opened": shown, "address": address(appeal.number)}
        response = make_response(render_template("appeals/show/_panel.html", **context), status)
        if request.method == "POST":
            response.headers["HX-Retarget"] = f"#act-{shown.act.url}"
            response.headers["HX-Reswap"] = "outerHTML"
        return response
    context = article(appeal, actor, at, opened=shown, keep=loaded_panels())
    if wants_fragment():
        return make_response(render_template("appeals/_appeal.html", **context), status)
    return make_response(render_template("appeals/act.html", **context), status)


def _done(
    act: Act, appeal: Leaf | Appeal, actor: Actor, at: datetime, what: str = ""
) -> Response:
    """The article anew for htmx, with the news for the screen reader; a 303 for a plain browser."""
    said = f"{what or act.done_words}。{appeal.label}现为“{appeal.state_label}”。"
    if not wants_fragment():
        flash(said, "success")
        return see_other(address(appeal.number))
    keep = [code for code in loaded_panels() if code != act.code]
    context = article(read(appeal.number, actor, at), actor, at, keep=keep, said=said)
    body = render_template("appeals/_appeal.html", **context)
    response = make_response(body + render_template("appeals/show/_said.html", said=said))
    response.headers["HX-Replace-Url"] = address(appeal.number)
    return response
