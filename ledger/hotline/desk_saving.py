"""What is written when a call is saved: the call, and what became of it, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import select

from ..appeals import plates
from ..appeals.attachment_views import Taken, to_rows
from ..appeals.confidence import names_him
from ..appeals.models import Appeal
from ..appeals.parts import Submission
from ..appeals.queries import find, numbers_meant
from ..appeals.record import Invalid
from ..db import db
from ..firms import phones
from ..firms.models import Firm, FirmContact
from ..people.actor import Actor, Seat
from . import call_queries
from .calls import CallRecord
from .desk_forms import DeskForm

URGE = "ledger_urge"
"""Under which name the room of supervision offers its urging: it stands beside this one."""


class SavedBefore(Exception):
    """The telephone system's call has its record already."""

    def __init__(self, call_id: int) -> None:
        super().__init__(call_id)
        self.call_id = call_id


def record(
    form: DeskForm,
    *,
    office_id: int,
    by: Actor,
    seat: Seat,
    at: datetime,
    firm: Firm | None,
    appeal: Appeal | None = None,
) -> CallRecord:
    """The call as its own row, flushed. Raises SavedBefore."""
    line = form.chosen_line
    assert line is not None, "the form was validated"
    outside = form.call.data or ""
    if (earlier := call_queries.known_call(line, outside)) is not None:
        raise SavedBefore(earlier.id)
    assert by.id is not None, "only persons sit at the desk"
    confidential = form.identity.data == "confidential"
    call = CallRecord(
        office_id=office_id,
        line_id=line.id,
        outside_id=outside or None,
        began_at=form.began_at(at),
        ended_at=at,
        taken_by_id=by.id,
        taken_by_name=by.name,
        taken_unit_id=seat.unit_id,
        taken_role=seat.role,
        caller_name=form.contact_name.data or "",
        phone=phones.normalise(form.phone.data or "") or None,
        appellant_type=form.appellant_type.data,
        appellant_name=form.appellant_name.data or (firm.name if firm is not None else ""),
        firm_id=None if firm is None else firm.id,
        plates=" ".join(plates.read(form.plates.data or "")),
        place=form.place.data or "",
        stuck_since=form.stuck_since(at),
        said=form.content.data or "",
        confidential=confidential or (appeal is not None and appeal.confidential),
        outcome=form.become.data,
        void_reason=(form.void_reason.data or "") if form.become.data == "nothing" else "",
        answer=(form.answer.data or "") if form.become.data == "answered" else "",
        appeal_id=None if appeal is None else appeal.id,
    )
    db.session.add(call)
    db.session.flush()
    return call


def meant(form: DeskForm, by: Actor, at: datetime) -> str:
    """Number of the appeal that the form names. Raises Invalid."""
    typed = form.appeal.data or ""
    found = numbers_meant(typed, by, at)
    if len(found) > 1:
        labels = "、".join(label for _number, label in found[:5])
        raise Invalid("appeal", f"“{typed}”可能是{labels}，请写全编号")
    if not found:
        raise Invalid("appeal", f"没有编号为“{typed}”的诉求，或您无权查看，请核对")
    return found[0][0]


def save_other(
    form: DeskForm,
    *,
    office_id: int,
    by: Actor,
    seat: Seat,
    at: datetime,
    firm: Firm | None,
    taken: Sequence[Taken],
    digest: str,
) -> CallRecord:
    """A call that begins no appeal. Inside the write transaction, which the caller commits.

    Raises Invalid, Refused, SavedBefore.
    """
    appeal: Appeal | None = None
    if form.goes_to_appeal:
        appeal = find(meant(form, by, at), by, at, lock=True)
        if appeal is None:
            raise Invalid("appeal", "没有这件诉求，或您无权查看，请核对编号")
        words = form.content.data or ""
        if told := names_him(appeal, words):
            raise Invalid(
                "content",
                f"{appeal.label}为诉求人保密，所写内容承办单位看得到，请删去其中的“{told}”",
            )
        _VERBS[form.become.data](appeal, words, by, at, taken)
    call = record(form, office_id=office_id, by=by, seat=seat, at=at, firm=firm, appeal=appeal)
    Submission.note(by.id or 0, form.token.data, digest, saved_as(call), at)
    return call


def saved_as(call: CallRecord) -> str:
    """Under which name a submission remembers a call that began no appeal."""
    return f"call-{call.id}"


Verb = Callable[[Appeal, str, Actor, datetime, Sequence[Taken]], None]


def _supplement(
    appeal: Appeal, words: str, by: Actor, at: datetime, taken: Sequence[Taken]
) -> None:
    appeal.supplement(words, by=by, at=at, attachments=to_rows(taken, by, at))


def _urge(appeal: Appeal, words: str, by: Actor, at: datetime, _taken: Sequence[Taken]) -> None:
    urge: Callable[..., Any] = current_app.extensions[URGE]
    urge(appeal, f"企业来电催办：{words}", by=by, at=at)


def _recur(appeal: Appeal, words: str, by: Actor, at: datetime, _taken: Sequence[Taken]) -> None:
    appeal.recur(words, by=by, at=at)


_VERBS: dict[str, Verb] = {"supplement": _supplement, "urge": _urge, "recur": _recur}


def contact_named(firm: Firm | None, phone: str) -> str:
    """Whose number it is at this firm; '' where it is nobody's."""
    if firm is None or not phone:
        return ""
    rows = db.session.scalars(
        select(FirmContact).where(FirmContact.firm_id == firm.id, FirmContact.active)
    )
    return next((contact.name for contact in rows if contact.phone == phone), "")
