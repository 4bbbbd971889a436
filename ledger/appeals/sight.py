"""Who may see which appeals (design §6): one predicate, as SQL.

List, count, item, history, attachment, search, export: whatever answers from appeals passes
through `visible_to`; whatever is reached through firm, person, code, phone or plate through
`identity_visible_to` besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from flask import g, has_app_context
from sqlalchemy import ColumnElement, exists, false, literal, or_, select, true, union
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import db
from ..firms.queries import served_by
from ..people.actor import Actor, Seat
from ..people.directory import directory
from .models import Appeal
from .parts import Copy, FormerOwner, UnitSight

OFFICE_ROLES = ("coordinator", "closer", "duty_officer", "manager", "supervisor")
FEW = 12
"""Units asked one by one for what they see; more are asked together."""

HANDLING_ROLES = ("handler", "unit_lead")


@dataclass(frozen=True)
class Sight:
    """What an actor's seats open to him, worked out once a request."""

    every_office: tuple[tuple[int, str], ...]
    """All offices of this ledger and their regions."""
    offices: tuple[int, ...]
    """Offices whose region lies in the jurisdiction of an office role or operator post."""
    own_offices: tuple[int, ...]
    """Offices in which he holds an office role: what they ever owned stays in sight."""
    liaison_id: int | None
    liaison_units: tuple[int, ...]
    units: tuple[int, ...]
    """Handling units: one's own and those below."""
    leader_id: int | None
    """Whoever holds a leader's post: what is copied to him in person."""
    day: date
    beyond: bool = True
    """Whether anything is seen otherwise than through `offices`. Where there is nothing, the
    predicate is a single column, and lists are read straight from an index in their order."""

    @property
    def is_everywhere(self) -> bool:
        return len(self.offices) == len(self.every_office)

    @property
    def sees_all(self) -> bool:
        """visible_to is true of every appeal of this ledger."""
        return self.is_everywhere and bool(self.offices)

    @property
    def is_of_few_units(self) -> bool:
        """Nothing but what some units see, and those few enough to be asked one by one."""
        persons = self.liaison_id is not None or self.leader_id is not None
        others = self.offices or self.own_offices or persons
        return not others and 0 < len(self.units) <= FEW

    def covered_by(self, seats: Iterable[Seat]) -> tuple[int, ...]:
        """The offices in the jurisdiction of these seats."""
        held = tuple(seats)
        return tuple(i for i, region in self.every_office if any(s.covers(region) for s in held))


def sight_of(actor: Actor, day: date) -> Sight:
    """Kept for the request, since every query of a page asks."""
    key = (actor, day)
    kept: dict[Any, Sight] = g.setdefault("ledger_sight", {}) if has_app_context() else {}
    if key not in kept:
        sight = directory().keep(("sight", actor, day), lambda: _of_posts(actor, day))
        if sight.offices:
            beyond = not sight.is_everywhere and _sees_beyond(sight)
            sight = sight if beyond == sight.beyond else replace(sight, beyond=beyond)
        kept[key] = sight
    return kept[key]


def forget_sight() -> None:
    """An appeal has passed to another office: what was worked out for this request may not hold
    any more."""
    g.pop("ledger_sight", None)


def _of_posts(actor: Actor, day: date) -> Sight:
    wide = actor.seats_as(*OFFICE_ROLES, "operator")
    handling = actor.seats_as(*HANDLING_ROLES) + tuple(
        s for s in actor.seats_as("coordinator") if s.is_office
    )
    liaisons = actor.seats_as("liaison")
    book = directory()
    offices = tuple((office.id, office.region_code) for office in book.offices)
    own = {s.unit_id for s in actor.seats_as(*OFFICE_ROLES) if s.is_office}
    units = book.below({s.unit_path for s in handling}) if handling else ()
    return Sight(
        every_office=offices,
        offices=tuple(i for i, region in offices if any(s.covers(region) for s in wide)),
        own_offices=tuple(sorted(own)),
        liaison_id=actor.id if liaisons else None,
        liaison_units=tuple(sorted({s.unit_id for s in liaisons})),
        units=units,
        leader_id=actor.id if actor.seats_as("manager") else None,
        day=day,
    )


def _sees_beyond(sight: Sight) -> bool:
    ways = [*_personal(sight), *_handled(sight)]
    if not ways:
        return False
    outside = select(Appeal.id).where(Appeal.office_id.not_in(sight.offices), or_(*ways))
    return db.session.scalar(outside.limit(1)) is not None


def _jurisdiction(sight: Sight) -> list[ColumnElement[bool]]:
    if not sight.offices:
        return []
    if sight.is_everywhere and len(sight.offices) > 1:
        return [true()]
    return [Appeal.office_id.in_(sight.offices)]


def _personal(sight: Sight) -> list[ColumnElement[bool]]:
    """Ways beside the jurisdiction that also show the appellant. Each is a list of ids, so that
    every one is read by its own index."""
    ways: list[ColumnElement[bool]] = []
    if sight.own_offices:
        owned = select(FormerOwner.appeal_id).where(FormerOwner.office_id.in_(sight.own_offices))
        ways.append(Appeal.id.in_(owned))
    if sight.liaison_id is not None:
        # Another name for the table: inside a query of appeals it must not be taken for that one.
        mine = aliased(Appeal)
        ways.append(
            Appeal.id.in_(
                union(
                    select(mine.id).where(mine.firm_id.in_(served_by(sight.liaison_id, sight.day))),
                    select(mine.id).where(mine.registrar_id == sight.liaison_id),
                    select(mine.id).where(mine.registrar_unit_id.in_(sight.liaison_units)),
                )
            )
        )
    return ways


def _handled(sight: Sight) -> list[ColumnElement[bool]]:
    """Ways that do not show a confidential appellant."""
    ways: list[ColumnElement[bool]] = []
    if sight.units:
        held = select(UnitSight.appeal_id).where(UnitSight.unit_id.in_(sight.units))
        ways.append(Appeal.id.in_(held))
    if sight.leader_id is not None:
        mine = Copy.person_id == sight.leader_id
        ways.append(Appeal.id.in_(select(Copy.appeal_id).where(mine, Copy.ended_at.is_(None))))
    return ways


def _in_own_right(sight: Sight) -> list[ColumnElement[bool]]:
    """The ways to see an appeal that also show its appellant, confidential or not."""
    return [*_jurisdiction(sight), *(_personal(sight) if sight.beyond else [])]


def visible_to(actor: Actor, day: date) -> ColumnElement[bool]:
    """The one predicate (design §6): which appeals `actor` may see on that day in Shanghai.

    Machines and the system come by other doors and are not asked here.
    """
    return _visible(sight_of(actor, day))


@lru_cache(maxsize=512)
def _visible(sight: Sight) -> ColumnElement[bool]:
    # Put together once for all who see alike: every query of every page holds it.
    ways = [*_in_own_right(sight), *(_handled(sight) if sight.beyond else [])]
    return or_(*ways) if ways else false()


def admits(actor: Actor, day: date) -> ColumnElement[bool]:
    """The same predicate, asked of each row that something else has found: no list of all that
    `actor` may see is made for it. The two agree (tests/appeals/test_sight_kept.py)."""
    sight = sight_of(actor, day)
    ways = _jurisdiction(sight)
    if sight.beyond:
        if sight.own_offices:
            ways.append(_has(FormerOwner.appeal_id, FormerOwner.office_id, sight.own_offices))
        if sight.liaison_id is not None:
            ways += [
                Appeal.firm_id.in_(served_by(sight.liaison_id, sight.day)),
                Appeal.registrar_id == sight.liaison_id,
                Appeal.registrar_unit_id.in_(sight.liaison_units),
            ]
        if sight.units:
            ways.append(_has(UnitSight.appeal_id, UnitSight.unit_id, sight.units))
        if sight.leader_id is not None:
            mine = Copy.person_id == sight.leader_id
            copied = select(literal(1)).where(
                mine, Copy.ended_at.is_(None), Copy.appeal_id == Appeal.id
            )
            ways.append(exists(copied))
    return or_(*ways) if ways else false()


def _has(appeal_id: Any, owner: Any, wanted: tuple[int, ...]) -> ColumnElement[bool]:
    return exists(select(literal(1)).where(owner.in_(wanted), appeal_id == Appeal.id))


def identity_visible_to(actor: Actor, day: date) -> ColumnElement[bool]:
    """Of these appeals, whose appellant `actor` may know: for every answer that is reached
    through firm, person, USCC, phone or plate. Stands beside visible_to, not in its place."""
    return or_(Appeal.confidential.is_(False), *_in_own_right(sight_of(actor, day)))


def knows_column(actor: Actor, day: date) -> ColumnElement[bool]:
    """The same beside rows that visible_to let through: nothing to ask where every way in shows
    the appellant too."""
    sight = sight_of(actor, day)
    if not (sight.beyond and (sight.units or sight.leader_id is not None)):
        return true()
    return identity_visible_to(actor, day)


def knows_identity(appeal: Appeal, actor: Actor, at: datetime) -> bool:
    """Whether `actor`, who sees this appeal, may know who its appellant is."""
    if not appeal.confidential:
        return True
    ways = _in_own_right(sight_of(actor, at.astimezone(SHANGHAI).date()))
    if not ways:
        return False
    found = select(Appeal.id).where(Appeal.id == appeal.id, or_(*ways))
    return db.session.scalar(found) is not None
