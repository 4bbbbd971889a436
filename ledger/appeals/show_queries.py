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
from .sight import admits, identity_visible_to, knows_column, visible_to

MOST = 20
MOST_JOINED = 15


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
        .where(
            Appeal.master_id == leaf.id,
            Appeal.state == lifecycle.MERGED,
            admits(actor, day),
        )
        .order_by(Appeal.id)
        .limit(MOST)
    ).all()


def joined_to(leaf: Leaf, actor: Actor, at: datetime) -> Sequence[Any]:
    """Of what is handled with this one, the first as its page shows them."""
    if not leaf.joined_count:
        return ()
    day = at.astimezone(SHANGHAI).date()
    return db.session.execute(
        select(
            Appeal.number,
            Appeal.label,
            Appeal.appellant_name,
            Appeal.state,
            Appeal.undetermined,
            knows_column(actor, day).label("knows"),
        )
        .where(Appeal.master_id == leaf.id, Appeal.state != lifecycle.MERGED, admits(actor, day))
        .order_by(Appeal.id)
        .limit(MOST_JOINED)
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


def difficulties(ids: Sequence[int]) -> dict[int, str]:
    """What stands before the leaders about these appeals, which came through visible_to."""
    rows = db.session.execute(
        select(Appeal.id, Appeal.difficulty, Appeal.proposed_leader).where(Appeal.id.in_(ids))
    )
    return {
        row.id: f"{row.difficulty or ''}"
        + (f"（建议由{row.proposed_leader}牵头）" if row.proposed_leader else "")
        for row in rows
    }


def linked_with(leaf: Leaf, actor: Actor, at: datetime) -> Sequence[Any]:
    """Number, label, whether it came out of this one, and whether `actor` may open it: of what
    this one was left over from, and of what it left over."""
    ids = [i for i in (leaf.origin_id, leaf.remainder_id) if i is not None]
    if not ids:
        return ()
    day = at.astimezone(SHANGHAI).date()
    return db.session.execute(
        select(Appeal.number, Appeal.label, Appeal.id == leaf.remainder_id, admits(actor, day))
        .where(Appeal.id.in_(ids))
        .order_by(Appeal.id)
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


def managers_over(region_code: str, at: datetime) -> list[Actor]:
    """Everybody who is a manager over that region."""
    day, roles = at.astimezone(SHANGHAI).date(), ("manager",)
    held = directory().keep(("holders", roles, day), lambda: _holders(roles, day, at))
    return [one for one in held if any(seat.covers(region_code) for seat in one.seats)]


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
