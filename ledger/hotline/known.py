"""What is known of whoever calls: his firm, its appeals and the last calls, as far as the person
at the desk may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, select, true

from ..appeals.models import Appeal
from ..appeals.queries import LINE_COLUMNS
from ..appeals.sight import admits, identity_visible_to
from ..config import SHANGHAI
from ..db import db, keyring
from ..firms import phones
from ..firms.models import Firm, FirmContact
from ..people.actor import Actor
from .call_queries import seen_by
from .calls import CallRecord

FIRMS = 5
OPEN = 10
CLOSED = 5
CALLS = 5
MOST = 100
"""Of the rows about a number or a firm, those that are looked at."""


@dataclass(frozen=True)
class Known:
    """`firms` by their contacts' number; `name` and `appellant_type` of a caller without a firm,
    by what was said of the number last."""

    phone: str = ""
    firm: Firm | None = None
    """The one whose appeals are shown: chosen on the form, or the only one with this number."""
    by_phone: bool = False
    firms: Sequence[Firm] = ()
    contact: str = ""
    title: str = ""
    name: str = ""
    appellant_type: str = ""
    open: Sequence[Row[Any]] = ()
    closed: Sequence[Row[Any]] = ()
    calls: Sequence[CallRecord] = ()

    @property
    def is_asked(self) -> bool:
        return bool(self.phone or self.firm)

    @property
    def is_new(self) -> bool:
        """Nothing at all is known."""
        return not (self.firms or self.firm or self.open or self.closed or self.calls)


@dataclass
class _Caller:
    contact: str = ""
    title: str = ""
    firms: list[Firm] = field(default_factory=list)


def known(
    actor: Actor, at: datetime, phone: str, chosen: Firm | None, *, follows: bool = False
) -> Known:
    """`phone` normalised, '' for none; `chosen` on the form: by hand it stands whatever the number
    says, `follows` where the number had chosen it."""
    blinds = list(keyring().blinds(phone, phones.PHONE)) if len(phone) >= SHORTEST else []
    if not blinds and chosen is None:
        return Known()
    caller = _by_contacts(blinds, chosen)
    if follows and chosen not in caller.firms:
        chosen = None
    firm = chosen or (caller.firms[0] if len(caller.firms) == 1 else None)
    about = _candidates(
        [Appeal.phone_index.in_(blinds), Appeal.spot_phone_index.in_(blinds)] if blinds else [],
        None if firm is None else Appeal.firm_id == firm.id,
        Appeal.registered_at,
    )
    last = _last_calls(
        actor,
        _candidates(
            [CallRecord.phone_index.in_(blinds)] if blinds else [],
            None if firm is None else CallRecord.firm_id == firm.id,
            CallRecord.began_at,
        ),
    )
    name, appellant_type = _said_of(actor, at, blinds, last) if firm is None else ("", "")
    return Known(
        phone=phone,
        firm=firm,
        by_phone=firm is not None and firm in caller.firms and (follows or chosen is None),
        firms=caller.firms,
        contact=caller.contact,
        title=caller.title,
        name=name,
        appellant_type=appellant_type,
        open=_appeals(actor, at, about, still_open=True),
        closed=_appeals(actor, at, about, still_open=False),
        calls=last,
    )


SHORTEST = 7
"""Digits from which a number is looked for: a shorter one is still being typed."""


def _candidates(
    by_number: list[ColumnElement[bool]], by_firm: ColumnElement[bool] | None, key: Any
) -> list[int]:
    """Ids of the latest rows about the number and the firm, each found by its own index: together
    with the conditions of sight an engine would rather walk all that an office has."""
    table = key.class_
    parts: list[Any] = [select(table.id).where(one).limit(MOST) for one in by_number]
    if by_firm is not None:
        parts.append(
            select(table.id).where(by_firm).order_by(key.desc(), table.id.desc()).limit(MOST)
        )
    found: set[int] = set()
    for part in parts:
        found.update(db.session.scalars(part))
    return sorted(found)


def _by_contacts(blinds: list[str], chosen: Firm | None) -> _Caller:
    caller = _Caller()
    if not blinds:
        return caller
    rows = db.session.execute(
        select(FirmContact, Firm)
        .join(Firm, Firm.id == FirmContact.firm_id)
        .where(FirmContact.active, Firm.active, FirmContact.phone_index.in_(blinds))
        .order_by(Firm.id, FirmContact.id)
        .limit(FIRMS)
    ).all()
    for contact, firm in rows:
        if firm not in caller.firms:
            caller.firms.append(firm)
        if not caller.contact or (chosen is not None and firm.id == chosen.id):
            caller.contact, caller.title = contact.name, contact.title
    return caller


def _appeals(
    actor: Actor, at: datetime, about: list[int], *, still_open: bool
) -> Sequence[Row[Any]]:
    if not about:
        return ()
    day = at.astimezone(SHANGHAI).date()
    wanted: Any = select(*LINE_COLUMNS, true().label("knows")).where(
        Appeal.id.in_(about),
        admits(actor, day),
        # Reached through a number or a firm: what would betray a confidential appellant is absent.
        identity_visible_to(actor, day),
    )
    if still_open:
        wanted = wanted.where(Appeal.is_open.is_(True)).order_by(Appeal.id.desc()).limit(OPEN)
    else:
        wanted = wanted.where(Appeal.state == "closed")
        wanted = wanted.order_by(Appeal.closed_at.desc(), Appeal.id.desc()).limit(CLOSED)
    return db.session.execute(wanted).all()


def _last_calls(actor: Actor, about: list[int]) -> Sequence[CallRecord]:
    if not about:
        return ()
    return db.session.scalars(
        select(CallRecord)
        .where(CallRecord.id.in_(about), seen_by(actor))
        .order_by(CallRecord.began_at.desc(), CallRecord.id.desc())
        .limit(CALLS)
    ).all()


def _said_of(
    actor: Actor, at: datetime, blinds: list[str], calls: Sequence[CallRecord]
) -> tuple[str, str]:
    """Name and kind of whoever called from this number last and is no firm's contact."""
    day = at.astimezone(SHANGHAI).date()
    found = db.session.execute(
        select(Appeal.appellant_name, Appeal.appellant_type)
        .where(
            Appeal.id.in_(_candidates([Appeal.phone_index.in_(blinds)], None, Appeal.id)),
            admits(actor, day),
            identity_visible_to(actor, day),
        )
        .order_by(Appeal.id.desc())
        .limit(1)
    ).first()
    if found is not None and found.appellant_type not in ("anonymous", "unverified"):
        return found.appellant_name, found.appellant_type
    call = next((call for call in calls if call.appellant_name), None)
    return (call.appellant_name, call.appellant_type) if call is not None else ("", "")
