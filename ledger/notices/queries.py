"""SELECTs of the inbox, of what is to leave the house, and of what went wrong on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from ..appeals.models import Appeal
from ..appeals.sight import admits
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..people.models import Person, Unit
from ..people.regions import covers
from .models import Notice, NoticeAddress, NoticeChoice, NoticeDelivery

PAGE = 30
MOST_COUNTED = 99
MOST_EXPORTED = 5000


def unread(person_id: int) -> int:
    """How many, counted no further than MOST_COUNTED and one."""
    some = (
        select(Notice.id)
        .where(Notice.person_id == person_id, Notice.read_at.is_(None))
        .limit(MOST_COUNTED + 1)
    )
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def inbox(
    actor: Actor, at: datetime, *, unread_only: bool, before: int | None
) -> tuple[Sequence[Any], bool]:
    """A page of notices, newest first, and whether there are older ones. Of what the person may
    no longer see, `seen` is false, and nothing of the appeal is there."""
    seen = admits(actor, at.astimezone(SHANGHAI).date())
    query = (
        select(
            Notice.id,
            Notice.event,
            Notice.at,
            Notice.read_at,
            Appeal.number,
            Appeal.label,
            Appeal.title,
        )
        .outerjoin(Appeal, (Appeal.id == Notice.appeal_id) & seen)
        .where(Notice.person_id == actor.id)
        .order_by(Notice.id.desc())
        .limit(PAGE + 1)
    )
    if unread_only:
        query = query.where(Notice.read_at.is_(None))
    if before is not None:
        query = query.where(Notice.id < before)
    rows = db.session.execute(query).all()
    return rows[:PAGE], len(rows) > PAGE


def number_of(notice_id: int, actor: Actor, at: datetime) -> str | None:
    """Of the appeal that a notice of his is about: None where there is no such notice, '' where
    he may no longer see it."""
    seen = admits(actor, at.astimezone(SHANGHAI).date())
    row = db.session.execute(
        select(Notice.id, Appeal.number)
        .outerjoin(Appeal, (Appeal.id == Notice.appeal_id) & seen)
        .where(Notice.id == notice_id, Notice.person_id == actor.id)
    ).one_or_none()
    return None if row is None else row.number or ""


def mark_read(person_id: int, at: datetime, *which: ColumnElement[bool]) -> None:
    """Those of a person's notices that were unread. The caller commits."""
    db.session.execute(
        update(Notice)
        .where(Notice.person_id == person_id, Notice.read_at.is_(None), *which)
        .values(read_at=at)
        .execution_options(synchronize_session=False)
    )


def way_of(person_id: int) -> str:
    found = db.session.get(NoticeChoice, person_id)
    return "apprise" if found is None else found.way


def addresses(
    *, person_id: int | None = None, unit_id: int | None = None
) -> Sequence[NoticeAddress]:
    """Of a person, or of a unit."""
    return db.session.scalars(
        select(NoticeAddress)
        .where(NoticeAddress.person_id == person_id, NoticeAddress.unit_id == unit_id)
        .order_by(NoticeAddress.id)
    ).all()


def pending_messages(actor: Actor, *, lock: bool = False) -> Sequence[Any]:
    """Text messages that wait in his offices, those given up included: row, person and unit."""
    own = sorted({seat.unit_id for seat in actor.seats_as("coordinator") if seat.is_office})
    query = (
        select(NoticeDelivery, Person, Unit)
        .join(Person, Person.id == NoticeDelivery.person_id)
        .join(Unit, Unit.id == Person.home_unit_id)
        .where(
            NoticeDelivery.way == "sms",
            NoticeDelivery.state.in_(("waiting", "failed")),
            NoticeDelivery.office_id.in_(own),
        )
        .order_by(NoticeDelivery.id)
        .limit(MOST_EXPORTED)
    )
    if lock:
        query = query.with_for_update(of=NoticeDelivery, skip_locked=True)
    rows = db.session.execute(query.execution_options(populate_existing=lock)).all()
    regions = {seat.region_code for seat in actor.seats_as("coordinator") if seat.is_office}
    # The telephone numbers are those of officers of the region alone.
    return [row for row in rows if any(covers(region, row[2].region_code) for region in regions)]


def deliveries(*, state: str, before: int | None) -> tuple[Sequence[Any], bool]:
    """What is on its way out, newest first; never what it says."""
    query = (
        select(
            NoticeDelivery.id,
            NoticeDelivery.way,
            NoticeDelivery.state,
            NoticeDelivery.attempts,
            NoticeDelivery.error,
            NoticeDelivery.created_at,
            NoticeDelivery.run_at,
            NoticeDelivery.done_at,
            Person.name.label("person"),
            Unit.name.label("unit"),
        )
        .outerjoin(Person, Person.id == NoticeDelivery.person_id)
        .outerjoin(Unit, Unit.id == NoticeDelivery.unit_id)
        .order_by(NoticeDelivery.id.desc())
        .limit(PAGE + 1)
    )
    if state:
        query = query.where(NoticeDelivery.state == state)
    if before is not None:
        query = query.where(NoticeDelivery.id < before)
    rows = db.session.execute(query).all()
    return rows[:PAGE], len(rows) > PAGE
