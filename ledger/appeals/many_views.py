"""一事多企登记: one matter of several firms, logged in one submit.

Whoever joins appeals has them joined at once: to an open appeal he names, or to that of the first
firm. For everybody else all are logged, and the first one's trail proposes the joining to the
office, which does it on one page (并入多件).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..catalogue.queries import catalogue
from ..db import db, now, writing
from ..firms import names
from ..firms.models import Firm
from ..people.acting import current_actor
from ..people.actor import Actor, Seat
from ..people.directory import UnitRow
from ..people.models import Unit
from ..web import Conflict, Refused, see_other
from . import lifecycle, record
from .acts import another
from .firm_lines import FirmLine, LineProblem
from .joined_queries import masters_open
from .many_forms import ManyForm
from .models import Appeal
from .pages import blueprint
from .parts import Submission
from .queries import find, listed, office_for
from .register_views import digest, fresh_token, is_token, own_region, regions_of, seat_of

REASON = "一事多企登记，同一事项并案办理"


@blueprint.route("/new-many", methods=["GET", "POST"])
def new_many() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    seat = seat_of(actor)
    form = ManyForm()
    region = form.region_code.data or own_region(seat)
    joins = _joins(actor, office_for(region))
    form.offer(catalogue(), regions_of(seat), _masters(joins, actor, at))
    if request.method == "GET":
        form.token.data = fresh_token()
        form.received_at.data = at
        form.region_code.data = own_region(seat)
        _choose(form, request.args.get("master", "")[:40])
        return _page(form, seat, joins is not None)
    form.region_code.data = region
    if not is_token(form.token.data):
        form.token.data = fresh_token()
    if (earlier := Submission.of(actor.id or 0, form.token.data)) is not None:
        return _sent_before(earlier, form, seat, joins is not None)
    return _register(form, actor, seat, joins)


def _joins(actor: Actor, office: UnitRow | None) -> UnitRow | None:
    """The office that will own them, where this person may join its appeals."""
    roles = {who.role for who in lifecycle.BY_CODE["join"].by}
    seats = actor.seats_as(*sorted(roles))
    return office if office and any(seat.unit_id == office.id for seat in seats) else None


def _masters(office: UnitRow | None, actor: Actor, at: datetime) -> Sequence[Any] | None:
    return None if office is None else masters_open(office.id, actor, at)


def _choose(form: ManyForm, number: str) -> None:
    if number and "master" in form:
        if number in form.master_id.choices:
            form.master_id.data = number
        else:
            form.master.data = number


def _sent_before(
    earlier: Submission, form: ManyForm, seat: Seat | None, joins: bool
) -> ResponseReturnValue:
    """A double click gets the first result; another matter gets a fresh token."""
    if earlier.digest == digest():
        return see_other(url_for("appeals.show", number=earlier.result))
    form.validate()
    form.token.data = fresh_token()
    return _page(form, seat, joins, 409, before=earlier.result)


def _register(
    form: ManyForm, actor: Actor, seat: Seat | None, office: UnitRow | None
) -> ResponseReturnValue:
    joins = office is not None
    sound = form.validate()
    sound = form.validate_at(now()) and sound
    if not sound:
        return _page(form, seat, joins, 422)
    nearest = office_for(form.region_code.data)
    if nearest is None:
        raise Conflict("所属地区还没有牵头办公室，暂不能登记。请联系系统管理员设置。")
    firms = _firms_meant(form.lines)
    db.session.commit()
    try:
        with writing() as at:
            first, count = _log(form, firms, nearest, actor, at, joins=joins)
            Submission.note(actor.id or 0, form.token.data, digest(), first.number, at)
            db.session.commit()
    except _Wrong as wrong:
        form.blame(wrong.problems)
        return _page(form, seat, joins, 422)
    except record.Invalid as invalid:
        earlier = Submission.of(actor.id or 0, form.token.data)
        if earlier is not None:
            return _sent_before(earlier, form, seat, joins)
        _blame(form, invalid)
        return _page(form, seat, joins, 422)
    except record.Refused as refused:
        raise Refused(refused.reason) from refused
    except IntegrityError:
        db.session.rollback()
        earlier = Submission.of(actor.id or 0, form.token.data)
        if earlier is None:
            raise
        return _sent_before(earlier, form, seat, joins)
    flash(_said(count, joins), "success")
    return see_other(url_for("appeals.show", number=first.number))


def _said(count: int, joins: bool) -> str:
    if joins:
        return f"已登记{count}户，并案办理，本件为主件。"
    return f"已登记{count}户，各有编号；已提请牵头办公室并案办理。"


class _Wrong(Exception):
    def __init__(self, problems: list[LineProblem]) -> None:
        super().__init__()
        self.problems = problems


def _log(
    form: ManyForm,
    firms: dict[str, Firm],
    nearest: UnitRow,
    actor: Actor,
    at: datetime,
    *,
    joins: bool,
) -> tuple[Appeal, int]:
    """The master, and how many were logged. Inside the write transaction."""
    master = _master(form.master_number, actor, at) if form.master_number else None
    if master and (problems := _standing_already(master, form.lines, firms, actor, at)):
        raise _Wrong(problems)
    office = db.session.get_one(Unit, nearest.id)
    logged = [
        Appeal.register(
            form.registration(line, at, firms.get(names.fold(line.name))),
            office=office,
            by=actor,
            at=at,
            firm=firms.get(names.fold(line.name)),
        )
        for line in form.lines
    ]
    others = logged
    if master is None:
        master, others = logged[0], logged[1:]
    if not others:
        return master, len(logged)
    if joins:
        master.join_all(others, REASON, by=actor, at=at)
    else:
        labels = "、".join(one.label for one in others)
        words = f"一事多企登记：与{labels}为同一事项，建议并案办理，以本件为主件。"
        master.supplement(words, by=actor, at=at)
    return master, len(logged)


def _master(number: str, actor: Actor, at: datetime) -> Appeal:
    meant = another(number, actor, at)
    found = None if meant is None else find(meant.number, actor, at, lock=True)
    if found is None:
        raise record.Invalid("master", "没有这个编号的诉求，或您无权查看，请核对编号")
    return found


def _standing_already(
    master: Appeal,
    lines: Sequence[FirmLine],
    firms: dict[str, Firm],
    actor: Actor,
    at: datetime,
) -> list[LineProblem]:
    """Firms whose open appeal is the master, or joined to it. Of a confidential one nothing is
    told to whoever may not know it."""
    rows = db.session.execute(
        listed(actor, at).where(
            (Appeal.master_id == master.id) | (Appeal.id == master.id),
            Appeal.is_open.is_(True),
        )
    ).all()
    by_firm = {row.firm_id: row.label for row in rows if row.knows and row.firm_id is not None}
    by_name = {names.fold(row.appellant_name): row.label for row in rows if row.knows}
    problems = []
    for line in lines:
        folded = names.fold(line.name)
        firm = firms.get(folded)
        label = by_name.get(folded) or (by_firm.get(firm.id) if firm else None)
        if label:
            problems.append(LineProblem(line.at, f"{line.name}已有{label}并案在办，请删去这一行"))
    return problems


def _firms_meant(lines: Sequence[FirmLine]) -> dict[str, Firm]:
    """By folded name, those of the register that can only be meant."""
    wanted = [names.fold(line.name) for line in lines]
    rows = db.session.scalars(
        select(Firm).where(Firm.name_folded.in_(wanted), Firm.active.is_(True)).order_by(Firm.id)
    ).all()
    found: dict[str, list[Firm]] = {}
    for firm in rows:
        found.setdefault(firm.name_folded, []).append(firm)
    return {folded: same[0] for folded, same in found.items() if len(same) == 1}


def _blame(form: ManyForm, invalid: record.Invalid) -> None:
    field = "firms" if invalid.field in ("appellant_name", "phone") else invalid.field
    if field in form:
        form[field].errors = [invalid.reason]
    else:
        form.form_errors.append(invalid.reason)


def _page(
    form: ManyForm, seat: Seat | None, joins: bool, status: int = 200, *, before: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "appeals/new_many.html",
        form=form,
        before=before,
        joins=joins,
        registrar=current_actor().name,
        office=office_for(own_region(seat)),
        one_region=len(list(form.region_code.iter_choices())) == 1,
    )
    return page, status
