"""Units, and whoever is signed in, as a process keeps them: every page asks, they hardly change.

Rows, not entities. A change of a unit, person, post or shift changes the stamp, and every process
reads anew. What follows from them alone (seats, menus, drop-downs) may be kept beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from flask import current_app
from flask_security import UserMixin
from sqlalchemy import select

from ledger.db import db, mark_of

from . import roles
from .models import Person, Post, Unit
from .regions import covers

_SHELF = "ledger.directory"
_MOST = 4000
"""Things kept beside the units; at more all are let go."""

T = TypeVar("T")


@dataclass(frozen=True)
class UnitRow:
    """A unit as pages need it."""

    id: int
    code: str
    path: str
    name: str
    label: str
    """The short name where it has one."""
    kind: str
    region_code: str
    number_prefix: str
    is_office: bool
    needs_sign_off: bool
    """Its answers are signed by its head before they go out."""
    active: bool
    duty_phone: str
    depth: int
    """0 at the top."""
    offline: bool = False


@dataclass(frozen=True)
class KnownPost:
    """A post as it stands in the row; whether it is held is a question of the day."""

    role: str
    unit: UnitRow
    starts_on: date
    ends_on: date | None

    def __str__(self) -> str:
        return f"{self.unit.label} {roles.label(self.role)}"

    @property
    def unit_id(self) -> int:
        return self.unit.id

    def is_in_force(self, day: date) -> bool:
        """As Post.is_in_force."""
        return (
            self.starts_on <= day
            and (self.ends_on is None or day < self.ends_on)
            and self.unit.active
        )


@dataclass(frozen=True)
class Known(UserMixin):
    """A person as the session and the table of acts need him; the row itself is Person."""

    id: int
    username: str
    name: str
    fs_uniquifier: str
    active: bool
    must_change_password: bool
    home_unit: UnitRow
    posts: tuple[KnownPost, ...]

    @property
    def home_unit_id(self) -> int:
        return self.home_unit.id

    def posts_at(self, day: date) -> list[KnownPost]:
        """The posts in force on `day` (Shanghai); none once disabled."""
        return [post for post in self.posts if self.active and post.is_in_force(day)]

    def roles_at(self, day: date) -> set[str]:
        return {post.role for post in self.posts_at(day)}

    def has_role(self, role: Any) -> bool:
        """Always no: rights come from posts, never from Flask-Security's own roles."""
        return False


@dataclass
class Directory:
    """All units in the order of the tree (whoever stands above first, brothers by code)."""

    mark: str
    units: dict[int, UnitRow]
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave for this key, as long as no unit, person, post or shift changes."""
        try:
            found: T = self._kept[key]
        except KeyError:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            found = self._kept[key] = make()
        return found

    @property
    def offices(self) -> tuple[UnitRow, ...]:
        """All offices, active or not, by id."""
        return self.keep(
            "offices",
            lambda: tuple(
                sorted((u for u in self.units.values() if u.is_office), key=lambda u: u.id)
            ),
        )

    def office_for(self, region_code: str) -> UnitRow | None:
        """The office that owns what is registered in a region: its own, else the nearest above."""
        near = [o for o in self.offices if o.active and covers(o.region_code, region_code)]
        # The longest significant code is the nearest; the lowest id the elder of equals.
        return max(near, key=lambda o: (len(o.region_code.rstrip("0")), -o.id), default=None)

    def within(self, regions: Collection[str], *, active_only: bool = False) -> list[UnitRow]:
        """The units of these regions and of those inside them."""
        return [
            unit
            for unit in self.units.values()
            if (unit.active or not active_only)
            and any(covers(region, unit.region_code) for region in regions)
        ]

    def below(self, paths: Collection[str]) -> tuple[int, ...]:
        """The ids of the units with these paths and of all below them, in order."""
        return tuple(sorted(u.id for u in self.units.values() if u.path.startswith(tuple(paths))))

    @property
    def offline(self) -> tuple[int, ...]:
        """The ids of the units that work offline, in order."""
        return self.keep(
            "offline", lambda: tuple(sorted(i for i, u in self.units.items() if u.offline))
        )

    def person(self, key: str) -> Known | None:
        """Whoever a session names by this key (Person.fs_uniquifier)."""
        return self.keep(("person", key), lambda: _read_person(key, self.units))


def directory() -> Directory:
    """The directory as of now: nothing is read where nothing changed."""
    mark = mark_of("people")
    kept: Directory | None = current_app.extensions.get(_SHELF)
    if kept is None or kept.mark != mark:
        kept = current_app.extensions[_SHELF] = Directory(mark, _read_units())
    return kept


def _read_units() -> dict[int, UnitRow]:
    rows = db.session.execute(select(*_COLUMNS).order_by(Unit.code, Unit.id)).all()
    codes = {row.id: (row.code, row.id) for row in rows}
    placed = []
    for row in rows:
        above = [int(part) for part in row.path.split("/") if part]
        unit = UnitRow(
            id=row.id,
            code=row.code,
            path=row.path,
            name=row.name,
            label=row.short_name or row.name,
            kind=row.kind,
            region_code=row.region_code,
            number_prefix=row.number_prefix,
            is_office=row.is_office,
            needs_sign_off=row.needs_sign_off,
            active=row.active,
            duty_phone=row.duty_phone,
            depth=max(len(above) - 1, 0),
            offline=row.offline,
        )
        placed.append(([codes.get(i, ("", i)) for i in above], unit))
    placed.sort(key=lambda one: one[0])
    return {unit.id: unit for _, unit in placed}


def _read_person(key: str, units: dict[int, UnitRow]) -> Known | None:
    row = db.session.execute(
        select(
            Person.id,
            Person.username,
            Person.name,
            Person.active,
            Person.must_change_password,
            Person.home_unit_id,
        ).where(Person.fs_uniquifier == key)
    ).one_or_none()
    if row is None:
        return None
    posts = db.session.execute(
        select(Post.role, Post.unit_id, Post.starts_on, Post.ends_on)
        .where(Post.person_id == row.id)
        .order_by(Post.id)
    )
    return Known(
        id=row.id,
        username=row.username,
        name=row.name,
        fs_uniquifier=key,
        active=row.active,
        must_change_password=row.must_change_password,
        home_unit=units[row.home_unit_id],
        posts=tuple(KnownPost(p.role, units[p.unit_id], p.starts_on, p.ends_on) for p in posts),
    )


_COLUMNS = (
    Unit.id, Unit.code, Unit.path, Unit.name, Unit.short_name, Unit.kind, Unit.region_code,
    Unit.number_prefix, Unit.is_office, Unit.needs_sign_off, Unit.active, Unit.duty_phone,
    Unit.offline,
)  # fmt: skip
