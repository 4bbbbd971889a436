"""SELECTs of an appeal's page beside the appeal itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_, select

from ..config import SHANGHAI
from ..db import db
from ..people import queries as people
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.directory import directory
from ..people.models import Person
from ..prepared import tell
from . import lifecycle
from .leaf import Leaf
from .lifecycle import Facts
from .models import Appeal
from .sight import admits, identity_visible_to, visible_to

MOST = 20


def same_appellant_open(
    appeal: Appeal | Leaf, actor: Actor, at: datetime
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


def merged_into(leaf: Leaf, actor: Actor, at: datetime) -> Sequence[Any]:
    """Number, label and title of what was merged into this one, as far as `actor` may see it."""
    if not leaf.has_merged:
        return ()
    day = at.astimezone(SHANGHAI).date()
    return db.session.execute(
        select(Appeal.number, Appeal.label, Appeal.title)
        .where(Appeal.master_id == leaf.id, admits(actor, day))
        .order_by(Appeal.id)
        .limit(MOST)
    ).all()


def master_of(leaf: Leaf, actor: Actor, at: datetime) -> Sequence[Any]:
    """Number and label of what it was merged into, and whether `actor` may open that."""
    if leaf.master_id is None:
        return ()
    day = at.astimezone(SHANGHAI).date()
    return db.session.execute(
        select(Appeal.number, Appeal.label, admits(actor, day)).where(
            Appeal.id == leaf.master_id
        )
    ).all()


_VERSION = select(Appeal.version).where(Appeal.id == bindparam("row")).with_for_update()


def stands(appeal: Appeal) -> bool:
    """Lock its row. Whether all of it is as it was read a moment ago through `visible_to`: what
    an appeal holds, and who sees it, changes by acts alone, and each counts up its version."""
    found = tell(db.session.connection(), "version", {"row": appeal.id}, lambda: _VERSION)
    return bool(found.scalar() == appeal.version)


def persons_who_may(verb: str, facts: Facts, at: datetime) -> list[tuple[str, str]]:
    """Name and unit of everybody who could do `verb` on this appeal now."""
    return [(actor.name, unit) for actor, unit in actors_who_may(verb, facts, at)]


def actors_who_may(verb: str, facts: Facts, at: datetime) -> list[tuple[Actor, str]]:
    """Those same, with the units of the posts under which they could."""
    day = at.astimezone(SHANGHAI).date()
    roles = tuple(sorted({who.role for who in lifecycle.BY_CODE[verb].by}))
    asked = replace(facts, close_stopped=False)
    found = []
    for actor in directory().keep(("holders", roles, day), lambda: _holders(roles, day, at)):
        verdict = lifecycle.may(verb, asked, actor)
        if verdict and verdict.seat is not None:
            found.append((actor, verdict.seat.unit_name))
    return found


def _holders(roles: tuple[str, ...], day: date, at: datetime) -> list[Actor]:
    """Everybody with one of these posts on `day`, under these posts alone."""
    posts = people.posts_in_force(day)
    near = {post.person_id: post.person for post in posts if post.role in roles}
    actors = [actor_of(person, at) for person in near.values()]
    return [replace(actor, seats=actor.seats_as(*roles)) for actor in actors]


def names_of_persons(ids: Iterable[int | None]) -> dict[int | None, str]:
    """Names as they are today; '' for nobody."""
    kept: dict[int | None, str] = directory().keep("names of persons", lambda: {None: ""})
    if unknown := [i for i in ids if i not in kept]:
        rows = db.session.execute(select(Person.id, Person.name).where(Person.id.in_(unknown)))
        kept.update({row.id: row.name for row in rows})
    return kept
