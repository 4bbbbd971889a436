"""Pages of the register of firms, and the fragments by which other forms choose a firm."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Flask, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ledger import access
from ledger.config import SHANGHAI
from ledger.db import config, db, now, writing
from ledger.people.models import Person
from ledger.people.regions import region_name
from ledger.people.roles import label as role_label
from ledger.people.sign_in import current, current_person
from ledger.web import NotFound, Refused, page_or_fragment, see_other, wants_fragment

from . import permissions, queries
from .forms import ContactForm, CorrectionForm, FirmForm, LiaisonForm, NewFirmForm, RevealForm
from .models import FACTS, PARTS, AlreadyRegistered, ChangedMeanwhile, Firm, FirmContact
from .names import clean_uscc, fold

blueprint = Blueprint("firms", __name__, url_prefix="/firms")

NEW = "new_firm-"
"""Prefix of the new firm's fields, which may stand among those of the form that wants a firm."""

NEW_FORM = "new-firm-form"
"""Id of the empty form beside that form, to which these fields belong: forms can't be nested."""


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    app.jinja_env.globals.setdefault("region_name", region_name)


def today() -> date:
    """The office's day."""
    return now().astimezone(SHANGHAI).date()


# --- who may -----------------------------------------------------------------------------------


def _roles() -> set[str]:
    return current().roles_at(today())


def _may(act: str) -> bool:
    return permissions.may(_roles(), act)


def _need(act: str) -> None:
    if not _may(act):
        raise Refused


@blueprint.before_request
def _only_for_those_who_see() -> None:
    if not _may("see"):
        raise _nothing_here()


@blueprint.context_processor
def _asked_by_templates() -> dict[str, Callable[[str], bool]]:
    return {"may": _may}


def _nothing_here() -> NotFound:
    return NotFound("没有这家企业，或您无权查看。")


def _firm(firm_id: int) -> Firm:
    # PostgreSQL refuses a number that no id can be.
    firm = queries.find(firm_id) if firm_id < 2**63 else None
    if firm is None:
        raise _nothing_here()
    return firm


def _contact(firm: Firm, contact_id: int) -> FirmContact:
    for contact in firm.contacts:
        if contact.id == contact_id and contact.active:
            return contact
    raise _nothing_here()


# --- finding -----------------------------------------------------------------------------------


def _key(name: str) -> int | None:
    raw = request.args.get(name, "")
    return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 18 else None


@blueprint.get("/")
def index() -> ResponseReturnValue:
    q = queries.searchable(request.args.get("q", ""))
    mine, white = bool(request.args.get("mine")), bool(request.args.get("white"))
    page = queries.listing(
        day=today(),
        q=q,
        white_list=white,
        served_by_id=current().id if mine else None,
        after=_key("after"),
        before=_key("before"),
    )

    def neighbour(**key: int) -> str:
        kept: dict[str, Any] = {"q": q or None, "mine": mine or None, "white": white or None}
        return url_for(".index", **{**kept, **key})

    return page_or_fragment(
        "firms/index.html",
        "firms/_list.html",
        page=page,
        q=q,
        mine=mine,
        white=white,
        newer=None if page.before is None else neighbour(before=page.before),
        older=None if page.after is None else neighbour(after=page.after),
    )


@blueprint.get("/look-up")
def look_up() -> ResponseReturnValue:
    """Firms for what was typed so far; `from` names the field it was typed in (q).

    A firm chosen before (`firm_id`) stays chosen while other fields are typed into.
    """
    q = queries.searchable(request.args.get(request.args.get("from", "q"), ""))
    key = _key("firm_id")
    return page_or_fragment(
        "firms/look_up.html",
        "firms/_look_up.html",
        q=q,
        rows=queries.look_up(q, today()),
        # A number that was typed is no name, and has no business in a further address.
        name=None if re.fullmatch(r"[\d\s()+-]*", q) else q,
        chosen=None if key is None else queries.find(key),
    )


@blueprint.get("/<int:firm_id>/chosen")
def chosen(firm_id: int) -> ResponseReturnValue:
    """The fragment that puts a firm into another form."""
    firm = _firm(firm_id)
    if wants_fragment():
        return render_template("firms/_chosen.html", firm=firm)
    return see_other(url_for(".show", firm_id=firm.id))


# --- one firm ----------------------------------------------------------------------------------


@blueprint.get("/<int:firm_id>")
def show(firm_id: int) -> ResponseReturnValue:
    return _page(_firm(firm_id))


def _page(
    firm: Firm,
    status: int = 200,
    *,
    revealed: dict[int, str] | None = None,
    contact_form: ContactForm | None = None,
    reveal_form: RevealForm | None = None,
    asked_for: int | None = None,
    liaison_form: LiaisonForm | None = None,
) -> ResponseReturnValue:
    """The firm's page, or its contacts alone for htmx.

    `revealed`: contact id → whole number; `asked_for`: the contact whose reason was refused.
    """
    day = today()
    if liaison_form is None and _may("entrust"):
        liaison_form = _liaison_form(day, typed=False)
    return page_or_fragment(
        "firms/show.html",
        "firms/_contacts.html",
        status,
        firm=firm,
        contacts=[contact for contact in firm.contacts if contact.active],
        liaisons=firm.liaisons_on(day),
        revealed=revealed or {},
        at_once=_at_once(firm, day),
        contact_form=contact_form or ContactForm(formdata=None),
        reveal_form=reveal_form or RevealForm(formdata=None),
        asked_for=asked_for,
        liaison_form=liaison_form,
        # The room above brings the firm's appeals by a route of its own.
        appeals_url=url_for("appeals.of_firm", firm_id=firm.id),
    )


def _at_once(firm: Firm, day: date) -> bool:
    looks_after = firm.looked_after_by(current().id, day)
    return permissions.reveals_at_once(_roles(), looks_after=looks_after)


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    _need("register")
    form = NewFirmForm(prefix=NEW)
    _offer_regions(form)
    if request.method == "GET":
        form.name.data = queries.searchable(request.args.get("name", ""))
        form.region_code.data = config().region
        return _new_page(form)
    if not form.validate():
        return _new_page(form, 422)
    alike = queries.named(form.name.data)
    if alike and not form.not_the_same.data and _twin(form) is None:
        return _new_page(form, 422, alike=alike)
    try:
        with writing() as at:
            firm = Firm.register(by=current_person(), at=at, **_typed(form))
            if form.contact_name.data or form.contact_phone.data:
                firm.add_contact(
                    form.contact_name.data or "",
                    form.contact_phone.data or "",
                    form.contact_title.data or "",
                )
            db.session.commit()
    except (AlreadyRegistered, IntegrityError):
        return _new_page(form, 409, twin=_twin(form))
    if wants_fragment():
        return render_template("firms/_chosen.html", firm=firm)
    return see_other(url_for(".show", firm_id=firm.id))


def _new_page(
    form: NewFirmForm, status: int = 200, *, alike: Sequence[Firm] = (), twin: Firm | None = None
) -> ResponseReturnValue:
    if wants_fragment():
        for field in form:
            field.render_kw = {"form": NEW_FORM}
    return page_or_fragment(
        "firms/new.html",
        "firms/_new.html",
        status,
        form=form,
        alike=alike,
        twin=twin,
        belongs_to=NEW_FORM,
    )


@blueprint.route("/<int:firm_id>/edit", methods=["GET", "POST"])
def edit(firm_id: int) -> ResponseReturnValue:
    _need("correct")
    firm = _firm(firm_id)
    form = CorrectionForm(obj=firm)
    _offer_regions(form, firm)
    if request.method == "GET":
        return _edit_page(firm, form)
    if not form.validate():
        return _edit_page(firm, form, 422)
    alike = queries.named(form.name.data, besides=firm_id)
    renamed = firm.name_folded != fold(form.name.data)
    if alike and renamed and not form.not_the_same.data:
        return _edit_page(firm, form, 422, alike=alike)
    try:
        with writing():
            firm = _firm(firm_id)
            firm.correct(seen=form.seen, **_typed(form))
            db.session.commit()
    except ChangedMeanwhile:
        firm = _firm(firm_id)
        return _edit_page(firm, form, 409, changes=_differences(firm, form), fresh=True)
    except (AlreadyRegistered, IntegrityError):
        return _edit_page(_firm(firm_id), form, 409, twin=_twin(form))
    return see_other(url_for(".show", firm_id=firm_id))


def _edit_page(
    firm: Firm,
    form: CorrectionForm,
    status: int = 200,
    *,
    alike: Sequence[Firm] = (),
    twin: Firm | None = None,
    changes: Sequence[str] = (),
    fresh: bool = False,
) -> ResponseReturnValue:
    """`fresh`: the changes of others are shown, so the form may be sent again as it stands."""
    if fresh:
        form.version.data = str(firm.version)
    page = render_template(
        "firms/edit.html",
        firm=firm,
        form=form,
        alike=alike,
        twin=twin,
        changes=changes,
        stale=fresh,
    )
    return page, status


def _differences(firm: Firm, form: CorrectionForm) -> list[str]:
    """What the row holds now, for each fact that was typed otherwise."""
    words = {True: "是", False: "否", "": "空"}
    changes = []
    for column, typed in _typed(form).items():
        held = getattr(firm, column) or ("" if isinstance(typed, str) else False)
        if held != typed:
            changes.append(
                f"{form[column].label.text}：现为“{words.get(held, held)}”，"
                f"您填写的是“{words.get(typed, typed)}”"
            )
    return changes


def _typed(form: FirmForm) -> dict[str, Any]:
    """The facts as typed, as register and correct take them."""
    facts: dict[str, Any] = {}
    for column in FACTS:
        if column in form:
            data = form[column].data
            facts[column] = data if isinstance(data, bool) else (data or "")
    facts["uscc"] = clean_uscc(facts["uscc"]) or ""
    return facts


def _twin(form: FirmForm) -> Firm | None:
    """The firm that already has the typed code."""
    uscc = clean_uscc(form.uscc.data or "")
    return Firm.with_uscc(uscc) if uscc else None


def _offer_regions(form: FirmForm, firm: Firm | None = None) -> None:
    """The regions in which there are units, and the firm's own."""
    codes = {*queries.regions(), config().region, firm.region_code if firm else ""}
    form.region_code.choices = [
        (code, region_name(code, full=True) or code) for code in sorted(codes) if code
    ]


# --- its contacts ------------------------------------------------------------------------------


@blueprint.post("/<int:firm_id>/contacts")
def add_contact(firm_id: int) -> ResponseReturnValue:
    _need("correct")
    form = ContactForm()
    if not form.validate():
        return _page(_firm(firm_id), 422, contact_form=form)
    with writing():
        firm = _firm(firm_id)
        firm.add_contact(form.name.data, form.phone.data, form.title.data or "")
        db.session.commit()
    return _contacts_again(firm_id)


@blueprint.post("/<int:firm_id>/contacts/<int:contact_id>/retirement")
def retire_contact(firm_id: int, contact_id: int) -> ResponseReturnValue:
    _need("correct")
    with writing():
        _contact(_firm(firm_id), contact_id).retire()
        db.session.commit()
    return _contacts_again(firm_id)


def _contacts_again(firm_id: int) -> ResponseReturnValue:
    if wants_fragment():
        return _page(_firm(firm_id))
    return see_other(url_for(".show", firm_id=firm_id, _anchor="contacts"))


@blueprint.post("/<int:firm_id>/contacts/<int:contact_id>/phone")
def reveal(firm_id: int, contact_id: int) -> ResponseReturnValue:
    """Show one whole number, once; the access log says who saw it and why."""
    _need("reveal")
    firm = _firm(firm_id)
    _contact(firm, contact_id)
    form = RevealForm()
    reason = "办理联系"
    if not _at_once(firm, today()):
        if not form.validate():
            return _page(firm, 422, reveal_form=form, asked_for=contact_id)
        reason = form.reason.data
    with writing() as at:
        subject = f"企业{firm_id}联系人{contact_id}的电话"
        access.record("phone_read", subject, reason, person=current(), at=at)
        db.session.commit()
    # No redirect: the number must neither stand in an address nor be shown a second time.
    firm = _firm(firm_id)
    return _page(firm, revealed={contact_id: _contact(firm, contact_id).phone})


# --- who looks after it ------------------------------------------------------------------------


def _liaison_form(day: date, *, typed: bool) -> LiaisonForm:
    form = LiaisonForm(starts_on=day) if typed else LiaisonForm(formdata=None, starts_on=day)
    form.person_id.choices = [
        (str(person.id), f"{person.name}（{person.home_unit.label}）")
        for person in queries.candidates(PARTS, day)
    ]
    return form


@blueprint.post("/<int:firm_id>/liaisons")
def entrust(firm_id: int) -> ResponseReturnValue:
    _need("entrust")
    form = _liaison_form(today(), typed=True)
    if not form.validate() or not _is_able(form):
        return _page(_firm(firm_id), 422, liaison_form=form)
    with writing():
        firm = _firm(firm_id)
        from_day = form.starts_on.data or today()
        if form.person_id.data:
            person = db.session.get_one(Person, int(form.person_id.data))
            firm.serve_by(person, form.part.data, from_day)
        else:
            firm.end_part(form.part.data, from_day)
        db.session.commit()
    return see_other(url_for(".show", firm_id=firm_id, _anchor="liaisons"))


def _is_able(form: LiaisonForm) -> bool:
    """Whether the chosen person holds a post for the part on that day; notes the error if not."""
    part, chosen = form.part.data, form.person_id.data
    able = queries.candidates([part], form.starts_on.data or today())
    if not chosen or int(chosen) in {person.id for person in able}:
        return True
    wanted = "、".join(role_label(role) for role in sorted(permissions.PART_ROLES[part]))
    form.person_id.errors = [
        f"“{PARTS[part]}”须由当日在任的{wanted}担任，请另选人员，或先由安全管理员授予岗位"
    ]
    return False
