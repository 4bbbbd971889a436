"""来电记录: the list of one's own office's calls, and one call."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..appeals.queries import find as find_appeal
from ..catalogue.words import APPELLANT_TYPES
from ..config import SHANGHAI
from ..db import db, now, writing
from ..deadlines.calendar import end_of, start_of
from ..people.acting import current_actor
from ..people.directory import directory
from ..people.roles import label as role_label
from ..web import NotFound, Refused
from . import call_queries
from .call_queries import Asked
from .calls import NOTHING, OUTCOMES, CallRecord
from .desk_forms import RevealForm
from .desk_views import blueprint, may_sit

_NO_CALL = "没有这条来电记录，或您无权查看。"


def _asked() -> Asked:
    """What the address asks for; what makes no sense there is not asked."""
    line = request.args.get("line", "")
    outcome = request.args.get("outcome", "")
    day = request.args.get("day", "")
    asked = Asked(outcome=outcome if outcome in OUTCOMES else "")
    if line.isascii() and line.isdecimal() and len(line) < 16:
        asked = replace(asked, line_id=int(line))
    try:
        found = date.fromisoformat(day)
    except ValueError:
        return asked
    return replace(asked, day=found) if 2000 <= found.year < 2100 else asked


@blueprint.get("/calls")
def calls() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    if not call_queries.may_read(actor):
        raise Refused("您的岗位不能查看来电记录。")
    asked = _asked()
    page = call_queries.listing(actor, asked, request.args.get("cursor", "")[:80])
    kept: dict[str, Any] = {
        "line": asked.line_id or None,
        "outcome": asked.outcome or None,
        "day": asked.day.isoformat() if asked.day else None,
    }
    day = asked.day or at.astimezone(SHANGHAI).date()
    offices = call_queries.offices_of(actor)
    counted = call_queries.counts(
        offices, start_of(day), end_of(day), None if offices else actor.id
    )
    return render_template(
        "hotline/calls.html",
        page=page,
        asked=asked,
        lines=call_queries.every_line(),
        outcomes=OUTCOMES,
        types=APPELLANT_TYPES,
        counted=counted,
        day=day,
        may_sit=may_sit(actor),
        tile_url=lambda outcome: url_for(
            "calls.calls", **{**kept, "outcome": outcome or None, "day": day.isoformat()}
        ),
        before=url_for("calls.calls", **kept, cursor=page.before) if page.before else None,
        after=url_for("calls.calls", **kept, cursor=page.after) if page.after else None,
    )


def _found(call_id: int) -> CallRecord:
    actor = current_actor()
    call = call_queries.find(call_id, actor)
    if call is None:
        raise NotFound(_NO_CALL)
    return call


@blueprint.get("/calls/<int:call_id>")
def call(call_id: int) -> ResponseReturnValue:
    return _page(_found(call_id))


def _page(
    call: CallRecord, status: int = 200, *, whole: str = "", form: RevealForm | None = None
) -> ResponseReturnValue:
    """`whole`: the number, once it was asked for."""
    actor = current_actor()
    appeal = None if call.appeal is None else find_appeal(call.appeal.number, actor, now())
    unit = directory().units.get(call.taken_unit_id)
    page = render_template(
        "hotline/call.html",
        call=call,
        appeal=appeal,
        outcome=OUTCOMES[call.outcome],
        nothing=NOTHING.get(call.void_reason, ""),
        type=APPELLANT_TYPES.get(call.appellant_type, ""),
        post=f"{unit.label if unit else ''} {role_label(call.taken_role)}".strip(),
        whole=whole,
        how=call_queries.reveals(actor, call) if call.phone else "",
        form=form or RevealForm(formdata=None),
    )
    return page, status


@blueprint.post("/calls/<int:call_id>/phone")
def call_phone(call_id: int) -> ResponseReturnValue:
    """Show the whole number, once; the access log says who saw it and why."""
    found = _found(call_id)
    if not found.phone:
        raise NotFound(_NO_CALL)
    form = RevealForm()
    reason = "办理联系"
    if call_queries.reveals(current_actor(), found) == "reason":
        if not form.validate():
            return _page(found, 422, form=form)
        reason = form.reason.data
    with writing() as at:
        access.record("phone_read", f"来电记录{call_id}的来电号码", reason, at=at)
        db.session.commit()
    # No redirect: the number must neither stand in an address nor be shown a second time.
    found = _found(call_id)
    return _page(found, whole=found.phone or "")
