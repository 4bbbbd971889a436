"""SELECTs of what waits to be filled in on hotlines' platforms, and of what was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import aliased

from ..appeals.lifecycle import MERGED
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..appeals.public_words import Known, Said, say
from ..appeals.record import NEVER
from ..appeals.sight import sight_of
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..people.models import Person

PAGE = 20
MOST_EXPORTED = 5000
MOST_COUNTED = 99
MANUAL = "manual"

Key = tuple[datetime, int]
"""What a list of these is read by: a moment, and the order's id."""


@dataclass(frozen=True)
class Filled:
    """An order and what may be told of it."""

    id: int
    source_system: str
    full_number: str
    appeal: str
    label: str
    said: Said
    due_at: datetime | None
    late: bool
    key: Key
    returned_at: datetime | None = None
    returned_by: str = ""


def manual_sources() -> dict[str, str]:
    """The hotlines whose channels say 人工回填, by name."""
    found = catalogue().hotlines().items()
    return {source: one.name for source, one in found if one.return_way == MANUAL}


def offices_of(actor: Actor, at: datetime) -> frozenset[int]:
    """Whose orders he fills in (lifecycle, return_order): of his own office as its coordinator, of
    his jurisdiction as an operator."""
    own = {seat.unit_id for seat in actor.seats_as("coordinator")}
    seen = sight_of(actor, at.astimezone(SHANGHAI).date())
    return frozenset(own | set(seen.covered_by(actor.seats_as("operator"))))


def waiting(
    actor: Actor,
    at: datetime,
    sources: Sequence[str],
    *,
    after: Key | None = None,
    most: int = PAGE,
) -> list[Filled]:
    """What waits, what is due first before the rest; one more than `most` where there is more."""
    moment = ExternalOrder.return_due_at
    wanted = _rows(actor, at, sources).where(moment.is_not(None))
    if after is not None:
        wanted = wanted.where(_behind(moment, after))
    wanted = wanted.order_by(moment, ExternalOrder.id).limit(most + 1)
    return [_filled(row, at, row.return_due_at) for row in db.session.execute(wanted)]


def returned(
    actor: Actor, at: datetime, sources: Sequence[str], *, after: Key | None = None
) -> list[Filled]:
    """What was filled in, the latest first; one more than PAGE where there is more."""
    moment = ExternalOrder.returned_at
    wanted = _rows(actor, at, sources).where(moment.is_not(None))
    if after is not None:
        before, order_id = after
        wanted = wanted.where(
            or_(moment < before, and_(moment == before, ExternalOrder.id < order_id))
        )
    wanted = wanted.order_by(moment.desc(), ExternalOrder.id.desc()).limit(PAGE + 1)
    return [_filled(row, at, row.returned_at) for row in db.session.execute(wanted)]


def one(order_id: int, actor: Actor, at: datetime) -> Filled | None:
    """Whichever way its channel is told by."""
    wanted = _rows(actor, at, None).where(ExternalOrder.id == order_id)
    row = db.session.execute(wanted).one_or_none()
    return None if row is None else _filled(row, at, row.return_due_at or at)


def counted(actor: Actor, at: datetime) -> tuple[int, int]:
    """How many wait, no further than MOST_COUNTED and one; and how many of them are overdue."""
    sources = sorted(manual_sources())
    offices = offices_of(actor, at)
    if not sources or not offices:
        return 0, 0
    due = db.session.scalars(
        select(ExternalOrder.return_due_at)
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .where(
            ExternalOrder.source_system.in_(sources),
            ExternalOrder.return_due_at.is_not(None),
            Appeal.office_id.in_(sorted(offices)),
        )
        .order_by(ExternalOrder.return_due_at)
        .limit(MOST_COUNTED + 1)
    ).all()
    return len(due), sum(one is not None and one < at for one in due)


def _rows(actor: Actor, at: datetime, sources: Sequence[str] | None) -> Any:
    master = aliased(Appeal)
    which: list[ColumnElement[bool]] = [Appeal.office_id.in_(sorted(offices_of(actor, at)))]
    if sources is not None:
        which.append(ExternalOrder.source_system.in_(sources))
    return (
        select(
            ExternalOrder.id,
            ExternalOrder.source_system,
            ExternalOrder.order_number,
            ExternalOrder.sub_number,
            ExternalOrder.their_due_at,
            ExternalOrder.return_due_at,
            ExternalOrder.returned_at,
            Person.name.label("returned_by"),
            Appeal.number,
            Appeal.label,
            Appeal.state,
            Appeal.end_reason,
            Appeal.public_reply,
            master.state.label("master_state"),
            master.end_reason.label("master_end_reason"),
            master.public_reply.label("master_reply"),
        )
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .outerjoin(master, and_(master.id == Appeal.master_id, Appeal.state == MERGED))
        .outerjoin(Person, Person.id == ExternalOrder.returned_by_id)
        .where(*which)
    )


def _behind(moment: Any, after: Key) -> ColumnElement[bool]:
    since, order_id = after
    return or_(moment > since, and_(moment == since, ExternalOrder.id > order_id))


def _filled(row: Any, at: datetime, moment: datetime) -> Filled:
    state, reason, reply = row.state, row.end_reason, row.public_reply
    if row.master_state is not None:
        state, reason, reply = row.master_state, row.master_end_reason, row.master_reply
    number = f"{row.order_number}-{row.sub_number}" if row.sub_number else row.order_number
    due_at = row.their_due_at
    waits = row.return_due_at is not None
    return Filled(
        id=row.id,
        source_system=row.source_system,
        full_number=number,
        appeal=row.number,
        label=row.label,
        said=_said(state, reason, reply or ""),
        due_at=due_at,
        late=waits and due_at is not None and due_at < at and due_at != NEVER,
        key=(moment, row.id),
        returned_at=row.returned_at,
        returned_by=row.returned_by or "",
    )


def _said(state: str, reason: str, reply: str) -> Said:
    if state == MERGED:  # its master was merged in turn
        state = "assigned"
    words = catalogue().reason_name("decline", reason) if state == "declined" else ""
    return say(Known(state, declined_for=reason, declined_words=words, public_reply=reply))
