"""SELECTs over units, persons and posts, for the pages that keep them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import joinedload, selectinload

from ledger.db import db

from .directory import directory
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


def unit(unit_id: int) -> Unit | None:
    return db.session.get(Unit, unit_id)


def units_by_id(ids: Collection[int]) -> Sequence[Unit]:
    """Read at once; `unit` finds them without asking again as long as they are held."""
    return db.session.scalars(select(Unit).where(Unit.id.in_(ids))).all() if ids else ()


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


def phone_of(person_id: int | None) -> str:
    """A person's own telephone number, '' where none is kept."""
    return db.session.scalar(select(Person.phone).where(Person.id == person_id)) or ""


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


def staffed_units(day: date, roles: Collection[str]) -> frozenset[int]:
    """The units in which somebody with an open account holds one of these posts on `day`."""
    wanted = tuple(sorted(roles))
    return directory().keep(("staffed", day, wanted), lambda: _staffed(day, wanted))


def _staffed(day: date, roles: tuple[str, ...]) -> frozenset[int]:
    return frozenset(
        db.session.scalars(
            select(Post.unit_id)
            .join(Post.person)
            .where(
                Post.role.in_(roles),
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
