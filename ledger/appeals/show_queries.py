"""SELECTs of an appeal's page beside the appeal itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from ..config import SHANGHAI
from ..db import db
from ..people import queries as people
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.models import Person, Unit
from . import lifecycle
from .lifecycle import Facts
from .models import Appeal
from .sight import identity_visible_to, visible_to

MOST = 20


def same_appellant_open(
    appeal: Appeal, actor: Actor, at: datetime
) -> Sequence[Any]:
    """Number, label and title of this appellant's other open appeals of the same office."""
    day = at.astimezone(SHANGHAI).date()
    alike: list[ColumnElement[bool]] = []
    if appeal.firm_id is not None:
        alike.append(Appeal.firm_id == appeal.firm_id)
    if appeal.phone_index is not None:
        alike.append(Appeal.phone_index == appeal.phone_index)
    if not alike:
        return []
    return db.session.execute(
        select(Appeal.number, Appeal.label, Appeal.title)
        .where(
            Appeal.id != appeal.id,
            Appeal.office_id == appeal.office_id,
            Appeal.is_open.is_(True),
            or_(*alike),
            visible_to(actor, day),
            identity_visible_to(actor, day),
        )
        .order_by(Appeal.id.desc())
        .limit(MOST)
    ).all()


def merged_into(appeal: Appeal, actor: Actor, at: datetime) -> Sequence[Any]:
    """Number, label and title of what was merged into this one, as far as `actor` may see it."""
    day = at.astimezone(SHANGHAI).date()
    return db.session.execute(
        select(Appeal.number, Appeal.label, Appeal.title)
        .where(Appeal.master_id == appeal.id, visible_to(actor, day))
        .order_by(Appeal.id)
        .limit(MOST)
    ).all()


def may_see(number: str, actor: Actor, at: datetime) -> bool:
    day = at.astimezone(SHANGHAI).date()
    found = select(Appeal.id).where(Appeal.number == number, visible_to(actor, day))
    return db.session.scalar(found) is not None


def persons_who_may(verb: str, facts: Facts, at: datetime) -> list[tuple[str, str]]:
    """Name and unit of everybody who could do `verb` on this appeal now."""
    day = at.astimezone(SHANGHAI).date()
    roles = {who.role for who in lifecycle.BY_CODE[verb].by}
    near: dict[int, Person] = {}
    for post in people.posts_in_force(day):
        if post.role in roles:
            near[post.person_id] = post.person
    found = []
    for person in near.values():
        verdict = lifecycle.may(verb, replace(facts, close_stopped=False), actor_of(person, at))
        if verdict and verdict.seat is not None:
            found.append((person.name, verdict.seat.unit_name))
    return found


def names_of_units(ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.execute(select(Unit.id, Unit.name).where(Unit.id.in_(ids)))
    return {row.id: row.name for row in rows}


def names_of_persons(ids: Sequence[int]) -> dict[int, str]:
    rows = db.session.execute(select(Person.id, Person.name).where(Person.id.in_(ids)))
    return {row.id: row.name for row in rows}
