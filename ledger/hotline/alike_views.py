"""疑似重复: what is typed is looked up while it is typed, before a second appeal is born.

Nothing here stops anybody: the form beside it registers as before. A button adds what was typed to
the appeal that is there already, or registers it and has it handled with that one (并案办理).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, flash, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..appeals import acts, lifecycle, plates, record
from ..appeals.attachment_views import forget, store, take_files, to_rows
from ..appeals.models import Appeal
from ..appeals.parts import Submission
from ..appeals.queries import entries_of, find, knows_identity
from ..appeals.register_forms import RegisterForm
from ..appeals.register_views import digest, is_token, regions_of, registration, seat_of
from ..catalogue.queries import catalogue
from ..catalogue.words import URGENCIES
from ..db import db, keyring, now, writing
from ..firms import names, phones
from ..firms.models import Firm
from ..firms.queries import named
from ..people import drafts
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import (
    NotFound,
    Refused,
    page_or_fragment,
    read_moment,
    see_other,
    shanghai,
    typed_fields,
)
from . import likeness
from .likeness import Matter
from .likeness_queries import Alike, alike, matter_of

blueprint = Blueprint("alike", __name__, url_prefix="/hotline/alike")

LONGEST = 6000
"""Characters of a field that are looked at: no form takes more."""

SHORTEST_NUMBER = 7
"""Digits of a telephone that is somebody's: 12345 and 110 are everybody's."""

MOST_NAMESAKES = 3

ADVICE = "建议并案："
"""Begins the note by which whoever registers advises the office, which alone may join."""

NOTHING = "请先填写诉求内容，再补充到已有诉求。"


def init_app(app: Flask) -> None:
    """Register the room's pages."""
    app.register_blueprint(blueprint)


@dataclass(frozen=True)
class Candidate:
    """A line of the list: what it is, why it is there, what may be done with it."""

    number: str
    label: str
    title: str
    state: str
    urgency: str
    is_open: bool
    is_joined: bool
    why: Sequence[str]
    may_add: bool
    may_join: bool
    may_recur: bool
    may_merge: bool


# -- while somebody types ----------------------------------------------------------------------


@blueprint.route("", methods=["GET", "POST"])
def look() -> ResponseReturnValue:
    """What is like the form's matter: a fragment beside it, or a page of its own."""
    actor = current_actor()
    seat_of(actor)
    return _look(actor, now())


def _look(actor: Actor, at: datetime, status: int = 200, problem: str = "") -> ResponseReturnValue:
    typed = _typed(at)
    found = alike(typed, actor, at)
    return page_or_fragment(
        "hotline/alike.html",
        "hotline/_alike.html",
        status,
        rows=[_candidate(one, actor, at) for one in found],
        asked=typed != Matter(typed.at),
        joins=_joins(actor),
        # The desk has buttons of its own: a call is saved with what becomes of it.
        at_desk="become" in request.values,
        problem=problem,
        fields=typed_fields(),
        token=request.values.get("token", ""),
    )


def _joins(actor: Actor) -> bool:
    """Whether he may join what he registers; who may not, advises it."""
    return not actor.roles.isdisjoint(lifecycle.BY_CODE["join"].roles)


def _typed(at: datetime) -> Matter:
    """Read as far as it can be read: half a number finds nothing, and stops nobody."""
    firm_ids, uscc = _firms()
    ring = keyring()
    blinds = {
        blind
        for field in ("phone", "spot_phone")
        if (number := _number(_plain(field)))
        for blind in ring.blinds(number, phones.PHONE)
    }
    category = _plain("category_id")
    return Matter(
        at=min(read_moment(_plain("received_at")[:60]) or at, at),
        firm_ids=firm_ids,
        name=_plain("appellant_name"),
        uscc=uscc,
        phones=frozenset(blinds),
        plates=frozenset(_plates(_plain("plates"))),
        place=_plain("place"),
        content=_plain("content"),
        category_id=int(category) if _is_key(category) else None,
    )


def _plain(field: str) -> str:
    text = request.values.get(field, "")[:LONGEST]
    return "".join(one for one in text if one.isprintable() or one == "\n").strip()


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 18


def _number(raw: str) -> str:
    try:
        number = phones.normalise(raw)
    except phones.PhoneError:
        return ""
    return number if len(number) >= SHORTEST_NUMBER else ""


def _plates(raw: str) -> list[str]:
    try:
        return plates.read(raw)
    except plates.PlateError:
        return []


def _firms() -> tuple[frozenset[int], str]:
    """Ids of the firms that may be meant, and the credit code that was typed."""
    chosen, uscc = _plain("firm_id"), ""
    ids = {int(chosen)} if _is_key(chosen) else set()
    try:
        uscc = names.clean_uscc(_plain("uscc")) or ""
    except names.UsccError:
        uscc = ""
    if uscc and (firm := Firm.with_uscc(uscc)) is not None:
        ids.add(firm.id)
    if not ids and (name := _plain("appellant_name")):
        ids = {firm.id for firm in named(name)[:MOST_NAMESAKES]}
    return frozenset(ids), uscc


def _candidate(one: Alike, actor: Actor, at: datetime) -> Candidate:
    row = one.row
    why = [*one.likeness.why, likeness.since(row.registered_at, at)]
    return Candidate(
        number=row.number,
        label=row.label,
        title=row.title,
        state=lifecycle.label(
            row.state,
            round_no=row.round,
            signed=row.lead_signed,
            undetermined=row.undetermined,
            asked=row.asked or 0,
        ),
        urgency=URGENCIES[row.urgency] if row.urgency != "normal" else "",
        is_open=row.is_open,
        is_joined=one.is_joined,
        why=why,
        may_add=one.may("supplement", actor),
        may_join=row.is_open and not one.is_joined,
        may_recur=one.may("recur", actor),
        may_merge=one.likeness.is_same_appellant and row.is_open and not one.is_joined,
    )


# -- added to what is there --------------------------------------------------------------------


@blueprint.post("/<number>/supplement")
def supplement(number: str) -> ResponseReturnValue:
    """What was typed becomes a supplement of an appeal that is there already."""
    actor, at = current_actor(), now()
    appeal = find(number, actor, at)
    if appeal is None:
        raise NotFound
    form = RegisterForm()
    form.offer(catalogue(), regions_of(seat_of(actor)))
    token = form.token.data if is_token(form.token.data) else ""
    if token and (earlier := Submission.of(actor.id or 0, token)) is not None:
        return _sent_before(earlier, actor, at)
    if form.content.errors or not form.content.data:
        return _look(actor, at, 422, "".join(form.content.errors) or NOTHING)
    taken, problems = take_files(form.files)
    if problems:
        return _look(actor, at, 422, "；".join(form.files.errors))
    store(taken)
    db.session.commit()
    try:
        with writing() as at:
            locked = find(number, actor, at, lock=True)
            if locked is None:
                raise NotFound
            words = _words(form, locked)
            locked.supplement(words, by=actor, at=at, attachments=to_rows(taken, actor, at))
            if token:
                Submission.note(actor.id or 0, token, digest(), number, at)
            drafts.drop(actor.id, form.draft)
            db.session.commit()
    except record.Refused as refused:
        return _look(actor, now(), refused.status, refused.reason)
    except IntegrityError:
        db.session.rollback()
        earlier = Submission.of(actor.id or 0, token)
        if earlier is None:
            raise
        return _sent_before(earlier, actor, at)
    forget(taken)
    flash("已补充到本件，没有另行登记。", "success")
    return see_other(f"/appeals/{number}")


def _sent_before(earlier: Submission, actor: Actor, at: datetime) -> ResponseReturnValue:
    if earlier.digest == digest():
        return see_other(f"/appeals/{earlier.result}")
    return _look(actor, at, 409, "本页先前已提交过一次，这次填写的内容没有提交。请重新打开登记页。")


_ADDED = ("place", "plates", "wish", "goods", "complained_unit")
"""Named in the supplement where they say what the appeal does not. Never who it is: units read
it."""


def _words(form: RegisterForm, appeal: Appeal) -> str:
    lines = [f"（{_received(form)}再次反映，补充到本件）", form.content.data]
    for name in _ADDED:
        field = form[name]
        if field.data and not field.errors and field.data != getattr(appeal, name):
            lines.append(f"{field.label.text}：{field.data}")
    phone = _number(form.phone.data or "")
    if phone and phone != appeal.phone and not appeal.confidential:
        lines.append(f"来电号码与登记的不同，尾号{phones.tail(phone)}")
    return "\n".join(lines)


def _received(form: RegisterForm) -> str:
    received = form.received_at.data
    return "" if received is None else f"{shanghai(received)} "


# -- registered, and handled with it -----------------------------------------------------------


@blueprint.post("/<number>/join")
def join(number: str) -> ResponseReturnValue:
    """Registered as always, and in the same transaction joined to the other; where that is the
    office's to do, the office is advised to."""
    actor = current_actor()

    def then(appeal: Appeal, at: datetime) -> Sequence[str]:
        return handled_with(number, appeal, actor, at)

    if find(number, actor, now()) is None:
        raise NotFound
    return registration(RegisterForm(), actor, seat_of(actor), then)


def handled_with(number: str, appeal: Appeal, actor: Actor, at: datetime) -> Sequence[str]:
    """Join what was just registered to the appeal of that number, or advise the office to; gives
    what there is to tell. Inside the transaction that registers it."""
    master = find(number, actor, at, lock=True)
    if master is None:
        raise NotFound
    if lifecycle.may("join", appeal.facts(at, actor), actor):
        appeal.join(master, "登记时查重，系同一事项", by=actor, at=at)
        return (f"已登记，并与{master.label}并案办理。",)
    note = f"{ADVICE}登记时查重，疑与{master.label}系同一事项，请受理时核定。"
    appeal.supplement(note, by=actor, at=at)
    return (f"已登记，并建议办公室与{master.label}并案办理。",)


# -- beside an appeal that waits to be accepted ------------------------------------------------


@blueprint.get("/of/<number>")
def of_appeal(number: str) -> ResponseReturnValue:
    """疑似重复: for the office, before it accepts what is registered."""
    actor, at = current_actor(), now()
    appeal = find(number, actor, at)
    if appeal is None or not knows_identity(appeal, actor, at):
        raise NotFound
    facts = appeal.facts(at, actor)
    if not any(lifecycle.may(verb, facts, actor) for verb in ("accept", "join", "merge")):
        raise Refused("您的岗位不受理诉求。")
    found = alike(matter_of(appeal), actor, at, besides=appeal.id)
    may: dict[str, Any] = {
        verb: bool(acts.may(acts.BY_URL[verb], appeal, facts, actor)) for verb in ("join", "merge")
    }
    return page_or_fragment(
        "hotline/alike_of.html",
        "hotline/_alike_of.html",
        rows=[_candidate(one, actor, at) for one in found],
        number=appeal.number,
        label=appeal.label,
        title=appeal.title,
        advised=_advised(appeal),
        may=may,
    )


def _advised(appeal: Appeal) -> list[str]:
    """What whoever registered it advised, in his own words."""
    return [
        text.body.removeprefix(ADVICE)
        for entry in entries_of(appeal)
        if entry.verb == "supplement"
        for text in entry.texts
        if text.body is not None and text.body.startswith(ADVICE)
    ]
