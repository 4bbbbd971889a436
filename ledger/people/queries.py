"""SELECTs over units, persons and posts, for the pages that keep them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload, selectinload

from ledger.db import db

from .models import Person, Post, PostProposal, Unit
from .regions import significant

PAGE = 50


def in_regions(region_codes: Collection[str] | None) -> list[ColumnElement[bool]]:
    """Units of these regions and of those within; None for every unit."""
    if region_codes is None:
        return []
    return [or_(*(Unit.region_code.startswith(significant(code)) for code in region_codes))]


def units(*, regions: Collection[str] | None = None, active_only: bool = False) -> Sequence[Unit]:
    """In the order of the tree: whoever stands above comes first, brothers by their codes."""
    found = list(
        db.session.scalars(select(Unit).where(*in_regions(regions)).order_by(Unit.code, Unit.id))
    )
    codes = {unit.id: unit.code for unit in found}
    found.sort(key=lambda unit: [(codes.get(i, ""), i) for i in unit.ancestor_ids])
    return [unit for unit in found if unit.active] if active_only else found


@dataclass(frozen=True)
class UnitRow:
    """A unit as drop-downs need it: hundreds of them stand on a page, too many for entities."""

    id: int
    label: str
    name: str
    kind: str
    region_code: str
    is_office: bool
    active: bool
    depth: int
    """0 at the top."""


def unit_rows(
    *, regions: Collection[str] | None = None, active_only: bool = False
) -> tuple[UnitRow, ...]:
    """The same units in the same order as `units`; the very same tuple while nothing changed."""
    rows = db.session.execute(
        select(*_ROW_COLUMNS).where(*in_regions(regions)).order_by(Unit.code, Unit.id)
    )
    return _in_order(tuple(tuple(row) for row in rows), active_only)


@lru_cache(maxsize=8)
def _in_order(rows: tuple[tuple[Any, ...], ...], active_only: bool) -> tuple[UnitRow, ...]:
    """Kept by the rows themselves: units change rarely, and what changed is another key."""
    codes = {str(unit_id): (code, unit_id) for unit_id, code, *_ in rows}
    found = []
    for unit_id, _code, path, name, short, kind, region, is_office, active in rows:
        above = path.split("/")[1:-1]
        place = [codes.get(part) or ("", int(part)) for part in above]
        row = UnitRow(
            unit_id, short or name, name, kind, region, is_office, active, max(len(above) - 1, 0)
        )
        if active or not active_only:
            found.append((place, row))
    found.sort(key=lambda one: one[0])
    return tuple(row for _, row in found)


_ROW_COLUMNS = (
    Unit.id, Unit.code, Unit.path, Unit.name, Unit.short_name, Unit.kind, Unit.region_code,
    Unit.is_office, Unit.active,
)  # fmt: skip


def unit(unit_id: int) -> Unit | None:
    return db.session.get(Unit, unit_id)


def unit_by_code(code: str) -> Unit | None:
    return db.session.scalar(select(Unit).where(Unit.code == code))


def units_named(name: str) -> Sequence[Unit]:
    return db.session.scalars(select(Unit).where(Unit.name == name).order_by(Unit.id)).all()


def persons(
    *,
    regions: Collection[str] | None = None,
    unit: Unit | None = None,
    text: str = "",
    after: tuple[str, int] | None = None,
) -> Sequence[Person]:
    """One page and one more, by account name; `unit` with all below it."""
    query = (
        select(Person)
        .join(Person.home_unit)
        .where(*in_regions(regions))
        .options(selectinload(Person.posts).joinedload(Post.unit))
        .order_by(Person.username, Person.id)
        .limit(PAGE + 1)
    )
    if unit is not None:
        query = query.where(Unit.path.startswith(unit.path, autoescape=True))
    if text:
        query = query.where(
            or_(
                Person.name.contains(text, autoescape=True),
                Person.username.contains(text.lower(), autoescape=True),
            )
        )
    if after is not None:
        query = query.where(
            or_(
                Person.username > after[0],
                (Person.username == after[0]) & (Person.id > after[1]),
            )
        )
    return db.session.scalars(query).unique().all()


def person(person_id: int) -> Person | None:
    return db.session.scalar(
        select(Person)
        .where(Person.id == person_id)
        .options(
            selectinload(Person.posts).joinedload(Post.unit),
            selectinload(Person.posts).joinedload(Post.granted_by),
        )
    )


def person_by_username(username: str) -> Person | None:
    return db.session.scalar(select(Person).where(Person.username == username))


def post(post_id: int) -> Post | None:
    return db.session.get(Post, post_id, options=[joinedload(Post.person)])


def posts_in_force(day: date, *, unit_id: int | None = None) -> Sequence[Post]:
    """The posts held on `day` by persons with an open account, of one unit or of all."""
    query = (
        select(Post)
        .join(Post.person)
        .join(Post.unit)
        .where(
            Post.starts_on <= day,
            or_(Post.ends_on.is_(None), Post.ends_on > day),
            Person.active,
            Unit.active,
        )
        .options(joinedload(Post.person))
        .order_by(Post.unit_id, Post.role, Person.username)
    )
    if unit_id is not None:
        query = query.where(Post.unit_id == unit_id)
    return db.session.scalars(query).unique().all()


def staffed_units(day: date, roles: Collection[str]) -> set[int]:
    """The units in which somebody with an open account holds one of these posts on `day`."""
    return set(
        db.session.scalars(
            select(Post.unit_id)
            .join(Post.person)
            .where(
                Post.role.in_(sorted(roles)),
                Post.starts_on <= day,
                or_(Post.ends_on.is_(None), Post.ends_on > day),
                Person.active,
            )
            .distinct()
        )
    )


def open_proposals() -> Sequence[PostProposal]:
    return (
        db.session.scalars(
            select(PostProposal)
            .where(PostProposal.ruled_at.is_(None))
            .options(joinedload(PostProposal.person), joinedload(PostProposal.proposed_by))
            .order_by(PostProposal.id)
        )
        .unique()
        .all()
    )


def proposal(proposal_id: int) -> PostProposal | None:
    return db.session.get(PostProposal, proposal_id)
