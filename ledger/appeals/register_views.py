"""Logging an appeal, and the receipt that the appellant gets."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..catalogue.queries import catalogue
from ..catalogue.words import URGENCIES
from ..config import SHANGHAI
from ..db import config, db, now, writing
from ..deadlines import clocks
from ..deadlines.queries import load_calendar
from ..firms import names
from ..firms.models import Firm
from ..firms.queries import named
from ..people import drafts
from ..people.acting import current_actor
from ..people.actor import Actor, Seat
from ..people.directory import directory
from ..people.models import Unit
from ..people.regions import region_name
from ..people.roles import label as role_label
from ..web import Conflict, NotFound, Refused, see_other
from . import after, asides, attachment_views, lifecycle, record
from .attachment_views import Taken, forget, store, take_files, to_rows
from .models import Appeal, ExternalOrder
from .pages import blueprint
from .parts import Submission, order_known
from .queries import find, knows_identity, office_for, sight_of
from .register_forms import RegisterForm

_ = attachment_views  # hangs its route

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")

_CARRIED = ("csrf_token", "token", "files", "aside", "again-password")
"""Fields that say nothing of the matter."""


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    actor = current_actor()
    return registration(RegisterForm(), actor, seat_of(actor))


Then = Callable[[Appeal, datetime], Sequence[str]]
"""What is done in the same transaction with what was registered; gives what there is to tell."""


def _nothing(_appeal: Appeal, _at: datetime) -> Sequence[str]:
    return ()


def registration(
    form: RegisterForm, actor: Actor, seat: Seat | None, then: Then = _nothing
) -> ResponseReturnValue:
    """The form drawn, or what was sent with it registered."""
    form.offer(catalogue(), regions_of(seat))
    if request.method == "GET":
        return _fresh(form, actor, seat)
    if (aside := request.form.get("aside", "")) in asides.ALL:
        return _aside(aside, form, actor, seat)
    form.region_code.data = form.region_code.data or own_region(seat)
    if not is_token(form.token.data):
        form.token.data = fresh_token()
    if (earlier := Submission.of(actor.id or 0, form.token.data)) is not None:
        return _sent_before(earlier, form, seat)
    return _register(form, actor, seat, then)


def _fresh(form: RegisterForm, actor: Actor, seat: Seat | None) -> ResponseReturnValue:
    """An empty form, or what this person had begun."""
    draft = drafts.kept(actor.id, form.draft)
    if draft is None:
        form.prefill(now())
        form.region_code.data = own_region(seat)
    else:
        form = type(form)(formdata=draft.fields)
        form.offer(catalogue(), regions_of(seat))
    form.token.data = fresh_token()
    firm = None if draft is None else _chosen(form)
    return _page(form, seat, firm=firm, draft_at=draft.at if draft else None)


def _aside(
    aside: str, form: RegisterForm, actor: Actor, seat: Seat | None
) -> ResponseReturnValue:
    """Kept as a draft, or given up; nothing is registered."""
    if aside == asides.DROP:
        with writing():
            drafts.drop(actor.id, form.draft)
            db.session.commit()
        return see_other(request.path)
    if aside == asides.AUTOSAVE and Submission.of(actor.id or 0, form.token.data or "") is not None:
        return "", 204  # was sent meanwhile
    said = asides.keep(actor, form.draft)
    if aside == asides.AUTOSAVE:
        return asides.told(said)
    if not is_token(form.token.data):
        form.token.data = fresh_token()
    taken, _problems = take_files(form.files)
    store(taken)
    return _page(form, seat, taken=taken, firm=_chosen(form), said=said)


def seat_of(actor: Actor) -> Seat | None:
    verdict = lifecycle.may("register", None, actor)
    if not verdict:
        raise Refused("您的岗位不能登记诉求。")
    return verdict.seat


def own_region(seat: Seat | None) -> str:
    return (seat.region_code if seat else "") or config().region


def regions_of(seat: Seat | None) -> list[tuple[str, str]]:
    """The seat's own region, and those within it that have units."""
    own = own_region(seat)
    return directory().keep(("regions within", own), lambda: _regions_within(own))


def _regions_within(own: str) -> list[tuple[str, str]]:
    codes = {own, *(unit.region_code for unit in directory().within([own]))}
    return [(code, region_name(code) or code) for code in sorted(codes)]


def fresh_token() -> str:
    return secrets.token_urlsafe(16)


def is_token(value: str | None) -> bool:
    return _TOKEN.fullmatch(value or "") is not None


def digest() -> str:
    """Of what was typed; files left out, as one and the same may come anew or carried over."""
    typed = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _CARRIED and not name.startswith("files-")
    ]
    return hashlib.sha256(json.dumps(typed).encode()).hexdigest()


def _sent_before(
    earlier: Submission, form: RegisterForm, seat: Seat | None, taken: Sequence[Taken] | None = None
) -> ResponseReturnValue:
    """A double click or a step back gets the first receipt; another matter gets a fresh token."""
    if earlier.digest == digest():
        forget(taken or ())
        return see_other(url_for(form.landing, number=earlier.result))
    if taken is None:
        form.validate()
        taken, _problems = take_files(form.files)
    form.token.data = fresh_token()
    return _page(form, seat, 409, taken=taken, firm=_chosen(form), before=earlier.result)


def _register(
    form: RegisterForm, actor: Actor, seat: Seat | None, then: Then
) -> ResponseReturnValue:
    sound = form.validate()
    sound = form.validate_at(now()) and sound
    taken, problems = take_files(form.files)
    firm = _chosen(form)
    if form.firm_id.data and not form.firm_id.errors and firm is None:
        form.firm_id.errors = ["所选企业已不存在，请重新选择"]
        sound = False
    if firm is not None:
        sound = form.validate_against(firm) and sound
    if not sound or problems:
        return _page(form, seat, 422, taken=taken, firm=firm)
    linked = firm or _meant(form)
    nearest = office_for(form.region_code.data)
    if nearest is None:
        raise Conflict("所属地区还没有牵头办公室，暂不能登记。请联系系统管理员设置。")
    office = db.session.get_one(Unit, nearest.id)
    store(taken)
    # What was read stays in hand, and need not be read again under the write lock.
    db.session.commit()
    try:
        with writing() as at:
            order = form.order
            if order is not None and (twin := _order_twin(*order)) is not None:
                raise record.Invalid("order_number", _twin_words(twin, actor, at))
            appeal = Appeal.register(
                form.registration(at, linked),
                office=office,
                by=actor,
                at=at,
                firm=linked,
                attachments=to_rows(taken, actor, at),
                external_orders=_orders(order, form.received_at.data or at),
                happened_at=form.happened,
            )
            told = then(appeal, at)
            Submission.note(actor.id or 0, form.token.data, digest(), appeal.number, at)
            drafts.drop(actor.id, form.draft)
            db.session.commit()
    except record.Invalid as invalid:
        earlier = Submission.of(actor.id or 0, form.token.data)
        if earlier is not None:
            return _sent_before(earlier, form, seat, taken)
        _blame(form, invalid)
        return _page(form, seat, 422, taken=taken, firm=_chosen(form))
    except record.Refused as refused:
        raise Refused(refused.reason) from refused
    except IntegrityError:
        db.session.rollback()
        earlier = Submission.of(actor.id or 0, form.token.data)
        if earlier is not None:
            return _sent_before(earlier, form, seat, taken)
        twin = _order_twin(*form.order) if form.order else None
        if twin is None:
            raise
        form.order_number.errors = [_twin_words(twin, actor, now())]
        return _page(form, seat, 422, taken=taken, firm=_chosen(form))
    forget(taken)
    for said in told:
        flash(said, "info")
    return see_other(url_for(form.landing, number=appeal.number))


def _chosen(form: RegisterForm) -> Firm | None:
    """The firm that was picked; None where none was, or where it is no longer there."""
    if form.firm_id.errors or not form.firm_id.data:
        return None
    return db.session.get(Firm, int(form.firm_id.data))


def _meant(form: RegisterForm) -> Firm | None:
    """The one firm of exactly this code or name, where nobody was asked to pick.

    Without JavaScript nothing offers itself; where it was offered and declined, `firm_id` comes
    along empty.
    """
    if "firm_id" in request.form or form.appellant_type.data not in ("firm", "sole_trader"):
        return None
    if code := names.clean_uscc(form.uscc.data or ""):
        return Firm.with_uscc(code)
    same = [firm for firm in named(form.appellant_name.data or "") if firm.active]
    return same[0] if len(same) == 1 else None


def _orders(order: tuple[str, str] | None, received_at: datetime) -> list[ExternalOrder]:
    if order is None:
        return []
    system, number = order
    return [ExternalOrder(source_system=system, order_number=number, received_at=received_at)]


def _order_twin(system: str, number: str) -> str | None:
    """Number of the appeal that already has this outside order."""
    known = order_known(system, number)
    return known.appeal.number if known is not None else None


def _twin_words(twin: str, actor: Actor, at: datetime) -> str:
    appeal = find(twin, actor, at)
    if appeal is None:
        return "该外部工单已登记过，请联系牵头办公室核对；不是同一工单的，请核对编号"
    return f"该外部工单已登记为{appeal.label}，请勿重复登记；不是同一工单的，请核对编号"


def _blame(form: RegisterForm, invalid: record.Invalid) -> None:
    if invalid.field in form:
        form[invalid.field].errors = [invalid.reason]
    else:
        form.form_errors.append(invalid.reason)


def _page(
    form: RegisterForm,
    seat: Seat | None,
    status: int = 200,
    *,
    taken: Sequence[Taken] = (),
    firm: Firm | None = None,
    before: str = "",
    draft_at: datetime | None = None,
    said: str = "",
) -> ResponseReturnValue:
    """`before`: number of the appeal that the same page has already registered."""
    asked: dict[str, Any] = {"from": "appellant_name"}
    look_up = url_for("firms.look_up", **asked)
    form.appellant_name.render_kw = {
        "autocomplete": "off",
        "hx-get": look_up,
        "hx-target": "#picker",
        "hx-swap": "innerHTML",
        "hx-trigger": "input changed delay:250ms",
        "hx-sync": "this:replace",
        "hx-include": "#picker [name=firm_id]",
    }
    office = office_for(own_region(seat))
    page = render_template(
        form.template,
        form=form,
        taken=taken,
        firm=firm,
        before=before,
        draft_at=draft_at,
        said=said,
        office=office,
        registrar=current_actor().name,
        post=f"{seat.unit_name} {role_label(seat.role)}" if seat else "",
        one_region=len(list(form.region_code.iter_choices())) == 1,
        may_record_after=after.may_open(current_actor()),
        **form.beside(),
    )
    return page, status


def drawn(
    form: RegisterForm, seat: Seat | None, status: int = 200, **shown: Any
) -> ResponseReturnValue:
    """The form's page, for a room that says itself when; `shown` as `_page` takes it."""
    return _page(form, seat, status, **shown)


# --- the receipt -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expected:
    """When the appellant may reckon with an answer."""

    words: str
    """A day, or for a limit of hours a moment; "" where no limit is set."""
    sentence: str
    firm: bool
    """The clock of the answer runs already; before the hand-off it is only reckoned ahead."""
    provisional: bool
    """Counts days of a year whose holidays are not published yet."""


@blueprint.get("/<number>/receipt")
def receipt(number: str) -> ResponseReturnValue:
    actor, at = current_actor(), now()
    appeal = find(number, actor, at)
    if appeal is None:
        raise NotFound
    known = knows_identity(appeal, actor, at)
    return render_template(
        "appeals/receipt.html",
        appeal=appeal,
        known=known,
        code=appeal.query_code if _may_tell_code(appeal, actor, at) else "",
        expected=expected_answer(appeal),
        channel=catalogue().channel_name(appeal.channel),
        urgency=URGENCIES[appeal.urgency],
        uscc_warning=names.check_uscc(appeal.uscc) if known and appeal.uscc else None,
        may_register=bool(lifecycle.may("register", None, actor)),
    )


def _may_tell_code(appeal: Appeal, actor: Actor, at: datetime) -> bool:
    """With the code one passes for the appellant: for whoever logged it, and for the office."""
    if actor.id is not None and appeal.registrar_id == actor.id:
        return True
    return appeal.office_id in sight_of(actor, at.astimezone(SHANGHAI).date()).offices


def expected_answer(appeal: Appeal) -> Expected | None:
    """The running clock of the answer; before the hand-off, the time it would end if the hand-off
    used its limit to the last. None where the appeal waits for no answer."""
    running = appeal.running("answer", "rework")
    if running:
        last = max(running, key=lambda clock: clock.due_at)
        return Expected(_end(last.due_at, last.spec), last.sentence, True, last.provisional)
    waiting = appeal.running("accept", "assign")
    if not waiting:
        return None
    hand_off = max(waiting, key=lambda clock: clock.due_at)
    _version, rule = appeal.rule(hand_off.started_at)
    spec = rule.stages.get("answer", "")
    due = clocks.due(hand_off.due_at, spec, load_calendar(), "交办")
    if due is None:
        return None
    provisional = due.provisional or hand_off.provisional
    return Expected(_end(due.at, spec), "", False, provisional)


def _end(at: datetime, spec: str) -> str:
    """A limit in days ends with a day, one in hours at its hour."""
    limit = clocks.parse(spec)
    shown = clocks.shown_end(at)
    return shown if limit is not None and not limit.by_day else shown[:10]
