"""The operator's desk: one page from ringing to saved, by keyboard alone.

A call and what becomes of it are one commit. A new appeal goes the way of every registration; what
goes to an appeal that is there already is a verb of the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..appeals import asides, lifecycle
from ..appeals.attachment_views import Taken, forget, store, take_files
from ..appeals.lines import lines
from ..appeals.models import Appeal
from ..appeals.parts import Submission
from ..appeals.queries import find, office_for
from ..appeals.record import Invalid
from ..appeals.record import Refused as VerbRefused
from ..appeals.register_views import (
    digest,
    drawn,
    expected_answer,
    fresh_token,
    is_token,
    own_region,
    regions_of,
    registration,
    seat_of,
)
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db, now, writing
from ..deadlines.calendar import end_of, start_of
from ..firms import phones
from ..firms.models import Firm
from ..people import drafts
from ..people.acting import current_actor
from ..people.actor import Actor, Seat
from ..people.directory import UnitRow
from ..web import NotFound, Refused, see_other, wants_fragment
from . import call_queries, desk_saving
from .alike_views import handled_with
from .calls import OF_AN_APPEAL, OUTCOMES, CallRecord, HotlineLine
from .desk_forms import DeskForm
from .desk_saving import SavedBefore
from .known import Known, known

blueprint = Blueprint("calls", __name__, url_prefix="/hotline")

HOME = "/hotline/desk"
LOOK = "look"
"""Of `aside`: what is known of the number is shown; nothing is kept."""

_OUTSIDE = re.compile(r"[\x21-\x7e]{1,64}")
"""What a telephone system may call a call."""


def init_app(app: Flask) -> None:
    """Register the desk, the calls and the lines."""
    from . import call_views, confidential_views, line_views

    _ = call_views  # hangs its routes
    confidential_views.init_desk(app)
    app.register_blueprint(blueprint)
    doors = app.extensions.setdefault("ledger_doors", {})
    doors[HOME] = may_sit
    doors[line_views.HOME] = line_views.keeps_lines


def may_sit(actor: Actor) -> bool:
    return bool(lifecycle.may("register", None, actor))


def outcomes_for(actor: Actor) -> list[str]:
    """What this person may bring about, as the table of acts has it."""
    return [
        code
        for code in OUTCOMES
        if code not in OF_AN_APPEAL
        or not lifecycle.BY_CODE[code].roles.isdisjoint(actor.roles | {"registrar"})
    ]


class Desk:
    """Whoever sits at it, and the office for which he answers."""

    def __init__(self) -> None:
        self.actor = current_actor()
        found = seat_of(self.actor)
        office = office_for(own_region(found))
        if found is None or office is None:
            raise Refused("所属地区还没有牵头办公室，不能登记来电。请联系系统管理员设置。")
        self.seat: Seat = found
        self.office: UnitRow = office
        self.lines: Sequence[HotlineLine] = call_queries.lines_of(office.id)

    def form(self, **given: Any) -> DeskForm:
        made = DeskForm(**given)
        made.offer_lines(self.lines, outcomes_for(self.actor))
        made.offer(catalogue(), regions_of(self.seat))
        made.draft = _draft_key(made)
        return made

    def draw(self, form: DeskForm, status: int = 200, **shown: Any) -> ResponseReturnValue:
        self.dress(form)
        return drawn(form, self.seat, status, **shown)

    def dress(self, form: DeskForm) -> None:
        """Have the form's page show what is known, whoever draws it."""
        form.around = lambda: _shown(self, form)


def _draft_key(form: DeskForm) -> str:
    """A call of its own has a draft of its own: no caller's words come up before another."""
    call = form.call.data or ""
    return f"{DeskForm.draft}:{form.line.data}:{call}"[:200] if call else DeskForm.draft


# -- drawing it --------------------------------------------------------------------------------


def _shown(desk: Desk, form: DeskForm) -> dict[str, Any]:
    at = now()
    follows = request.form.get("firm_by") == "phone"
    found = known(desk.actor, at, _number(form), _firm(form), follows=follows)
    declined = "firm_id" in request.form and not request.form["firm_id"] and not follows
    day = at.astimezone(SHANGHAI).date()
    counted = call_queries.counts(
        [desk.office.id], start_of(day), end_of(day), taken_by_id=desk.actor.id
    )
    return {
        "known": found,
        "picked": None if declined else found.firm,
        "outcomes": OUTCOMES,
        "offered": outcomes_for(desk.actor),
        "today": counted,
        "open_lines": lines(found.open, at),
        "closed_lines": lines(found.closed, at),
        "saved": None,
        "twin": None,
        "other_draft": False,
        "strange": "",
        **form.more,
    }


def _number(form: DeskForm) -> str:
    """What was typed as far as it is a number."""
    try:
        return phones.normalise(form.phone.data or "")
    except phones.PhoneError:
        return ""


def _firm(form: DeskForm) -> Firm | None:
    data = form.firm_id.data or ""
    if not (data.isascii() and data.isdecimal() and len(data) < 18):
        return None
    return db.session.get(Firm, int(data))


@blueprint.route("/desk", methods=["GET", "POST"])
def desk() -> ResponseReturnValue:
    here = Desk()
    if request.method == "POST":
        return _sent(here)
    return _opened(here)


def _opened(desk: Desk, **more: Any) -> ResponseReturnValue:
    """A fresh page for a call; or what this person had begun of the same call."""
    number, strange = _line_asked(desk)
    call = request.args.get("call", "").strip()
    if call and not _OUTSIDE.fullmatch(call):
        call, strange = "", "电话系统传来的来电标识无效，本次来电按无标识登记。"
    form = desk.form(formdata=None)
    form.line.data, form.call.data = number, call
    form.draft = _draft_key(form)
    line = form.chosen_line
    twin = call_queries.known_call(line, call)
    if twin is not None:
        # Another matter of the same caller is another record, without the system's name for it.
        form.call.data = ""
    draft = drafts.kept(desk.actor.id, form.draft)
    phone = request.args.get("phone", "").strip()[:40]
    same = draft is not None and phone in ("", draft.fields.get("phone", ""))
    if draft is not None and same and twin is None:
        form = desk.form(formdata=draft.fields)
        form.call.data = call
        form.draft = _draft_key(form)
    else:
        if phone or call:
            form.prefill(now())
        form.phone.data = phone
        form.region_code.data = own_region(desk.seat)
    form.token.data = fresh_token()
    form.more = {
        "twin": _twin_shown(twin, desk.actor),
        "other_draft": draft is not None and not same,
        "strange": strange,
        **more,
    }
    return desk.draw(form, draft_at=draft.at if draft is not None and same else None)


def _line_asked(desk: Desk) -> tuple[str, str]:
    """Number of the line of the address, else of the last call; and what is strange about it."""
    numbers = [line.number for line in desk.lines]
    asked = request.args.get("line", "").strip()[:40]
    if asked in numbers:
        return asked, ""
    last = call_queries.last_line_of(desk.actor.id)
    usual = last if last in numbers else (numbers[0] if numbers else "")
    return usual, f"没有号码为“{asked}”的线路，请核对线路。" if asked else ""


def _twin_shown(call: CallRecord | None, actor: Actor) -> dict[str, Any] | None:
    """A call that was saved before, as far as this person may read it."""
    if call is None:
        return None
    own = call_queries.find(call.id, actor)
    words = OUTCOMES[call.outcome]
    return {
        "words": f"{call.taken_by_name}已记录（{words}）",
        "url": url_for("calls.call", call_id=call.id) if own is not None else "",
    }


@blueprint.get("/desk/saved/<number>")
def saved(number: str) -> ResponseReturnValue:
    """The desk, ready for the next call, above it what became of the last one."""
    here, at = Desk(), now()
    if number.startswith("call-"):
        key = number.removeprefix("call-")
        ok = key.isascii() and key.isdecimal() and len(key) < 16
        call = call_queries.find(int(key), here.actor) if ok else None
        if call is None:
            raise NotFound("没有这条来电记录，或您无权查看。")
        appeal = None if call.appeal is None else find(call.appeal.number, here.actor, at)
    else:
        appeal = find(number, here.actor, at)
        if appeal is None:
            raise NotFound
        call = call_queries.of_appeal(appeal.id, here.actor)
    return _opened(here, saved=_saved_shown(call, appeal, here.actor))


def _saved_shown(call: CallRecord | None, appeal: Appeal | None, actor: Actor) -> dict[str, Any]:
    outcome = call.outcome if call is not None else "appeal"
    own = appeal is not None and appeal.registrar_id == actor.id and outcome == "appeal"
    return {
        "call": call,
        "words": OUTCOMES[outcome],
        "appeal": appeal,
        "code": appeal.query_code if appeal is not None and own else "",
        "expected": expected_answer(appeal) if appeal is not None and own else None,
    }


# -- what is known, while somebody types -------------------------------------------------------


@blueprint.post("/desk/known")
def desk_known() -> ResponseReturnValue:
    """The fragment beside the form. A firm found by the number alone is put into the form; one
    that was chosen by hand stays."""
    here = Desk()
    form = here.form()
    form.prefill(now())
    if not wants_fragment():
        return here.draw(form)
    return render_template("hotline/known.html", form=form, swaps=_swaps(), **_shown(here, form))


def _swaps() -> bool:
    """Whether the firm beside the form follows the number: not where one was chosen by hand, or
    asked for and declined."""
    if "by_hand" in request.form:
        return False
    by_phone = request.form.get("firm_by") == "phone"
    return by_phone or "firm_id" not in request.form


# -- saving ------------------------------------------------------------------------------------


def _sent(desk: Desk) -> ResponseReturnValue:
    form = desk.form()
    desk.dress(form)
    if pick := request.form.get("to", ""):
        form.become.data, _, form.appeal.data = pick.partition(":")
    aside = request.form.get("aside", "")
    if pick or aside == LOOK:
        return _look(desk, form)
    if form.call.data and not _OUTSIDE.fullmatch(form.call.data):
        form.call.data = ""
    if form.become.data == "appeal" or aside in asides.ALL:
        return _register(desk, form, saving=aside not in asides.ALL)
    return _save(desk, form)


def _look(desk: Desk, form: DeskForm) -> ResponseReturnValue:
    """Without a script: the page again with what is known of the number, all typed kept."""
    if not is_token(form.token.data):
        form.token.data = fresh_token()
    taken, _problems = take_files(form.files)
    store(taken)
    form.prefill(now())
    _fill_from(form, known(desk.actor, now(), _number(form), _firm(form), follows=True))
    return desk.draw(form, taken=taken, firm=_firm(form))


def _fill_from(form: DeskForm, found: Known) -> None:
    """What is empty is filled with what is known."""
    if not form.contact_name.data:
        form.contact_name.data = found.contact
    if not form.appellant_name.data and found.name:
        form.appellant_name.data = found.name
        form.appellant_type.data = found.appellant_type


def _register(desk: Desk, form: DeskForm, *, saving: bool) -> ResponseReturnValue:
    actor, seat = desk.actor, desk.seat
    firm = _firm(form)
    if saving:
        _settle(form, firm)
        twin = call_queries.known_call(form.chosen_line, form.call.data or "")
        if twin is not None and Submission.of(actor.id or 0, form.token.data or "") is None:
            return _twice(desk, form, twin.id)

    def then(appeal: Appeal, at: datetime) -> Sequence[str]:
        desk_saving.record(
            form,
            office_id=desk.office.id,
            by=actor,
            seat=seat,
            at=at,
            firm=appeal.firm,
            appeal=appeal,
        )
        other = request.form.get("join", "")
        return handled_with(other, appeal, actor, at) if other else ()

    try:
        return registration(form, actor, seat, then)
    except SavedBefore as before:
        return _twice(desk, form, before.call_id)
    except IntegrityError:
        db.session.rollback()
        twin = call_queries.known_call(form.chosen_line, form.call.data or "")
        if twin is None:
            raise
        return _twice(desk, form, twin.id)


def _settle(form: DeskForm, firm: Firm | None) -> None:
    """Who he is is known by his number, where nobody typed it."""
    if not form.contact_name.data:
        form.contact_name.data = desk_saving.contact_named(firm, _number(form))


def _save(desk: Desk, form: DeskForm) -> ResponseReturnValue:
    actor = desk.actor
    if not is_token(form.token.data):
        form.token.data = fresh_token()
    if (again := _again(desk, form)) is not None:
        return again
    form.region_code.data = form.region_code.data or own_region(desk.seat)
    firm = _firm(form)
    _settle(form, firm)
    sound = form.validate()
    sound = form.validate_at(now()) and sound
    taken, problems = take_files(form.files)
    if not sound or problems:
        return desk.draw(form, 422, taken=taken, firm=firm)
    store(taken)
    status = 422
    try:
        with writing() as at:
            call = desk_saving.save_other(
                form,
                office_id=desk.office.id,
                by=actor,
                seat=desk.seat,
                at=at,
                firm=firm,
                taken=taken,
                digest=digest(),
            )
            drafts.drop(actor.id, form.draft)
            db.session.commit()
        forget(taken)
        return see_other(url_for("calls.saved", number=desk_saving.saved_as(call)))
    except Invalid as invalid:
        if invalid.field in form:
            form[invalid.field].errors = [invalid.reason]
        else:
            form.form_errors.append(invalid.reason)
    except VerbRefused as refused:
        status = refused.status
        form.appeal.errors = [_instead(form, refused.reason)]
    except SavedBefore as before:
        return _again(desk, form, taken) or _twice(desk, form, before.call_id, taken)
    except IntegrityError:
        db.session.rollback()
        twin = call_queries.known_call(form.chosen_line, form.call.data or "")
        again = _again(desk, form, taken)
        if again is not None:
            return again
        if twin is None:
            raise
        return _twice(desk, form, twin.id, taken)
    return _again(desk, form, taken) or desk.draw(form, status, taken=taken, firm=_firm(form))


def _instead(form: DeskForm, reason: str) -> str:
    """What the table says, and what may be meant."""
    if form.become.data != "recur" and "已销号" in reason:
        return f"{reason}已销号的请改选“{OUTCOMES['recur']}”。"
    if form.become.data == "recur":
        return f"{reason}未销号的请改选“{OUTCOMES['supplement']}”或“{OUTCOMES['urge']}”。"
    return reason


def _again(
    desk: Desk, form: DeskForm, taken: Sequence[Taken] | None = None
) -> ResponseReturnValue | None:
    """The same form was sent before: a double click gets the first one's result; other words under
    the same token come back with a fresh one."""
    earlier = Submission.of(desk.actor.id or 0, form.token.data or "")
    if earlier is None:
        return None
    if earlier.digest == digest():
        forget(taken or ())
        return see_other(url_for("calls.saved", number=earlier.result))
    if taken is None:
        form.validate()
        taken, _problems = take_files(form.files)
    form.token.data = fresh_token()
    form.call.data = ""
    return desk.draw(form, 409, taken=taken, firm=_firm(form), before=earlier.result)


def _twice(
    desk: Desk, form: DeskForm, call_id: int, taken: Sequence[Taken] | None = None
) -> ResponseReturnValue:
    """409: the telephone system's call has its record. What was typed stands; sent again it is a
    further record, without the system's name for the call."""
    if taken is None:
        taken, _problems = take_files(form.files)
        store(taken)
    form.more = {"twin": _twin_shown(db.session.get(CallRecord, call_id), desk.actor)}
    form.call.data = ""
    form.token.data = fresh_token()
    return desk.draw(form, 409, taken=taken, firm=_firm(form))
