"""Reading the roster. Who is on duty now is kept beside the directory until a shift changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select

from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import end_of, start_of
from ..people.directory import directory
from ..people.models import DutyShift, Person, Post
from .duty import Turn

ON_ROSTER = ("coordinator", "duty_officer", "operator")
"""Posts in the office whose holders take turns."""


def turns(office_id: int, since: datetime, until: datetime) -> list[Turn]:
    """The shifts of an office that lie in these hours, in order."""
    rows = db.session.execute(
        select(
            DutyShift.id,
            DutyShift.person_id,
            Person.name,
            DutyShift.starts_at,
            DutyShift.ends_at,
            DutyShift.line,
            DutyShift.note,
        )
        .join(Person, Person.id == DutyShift.person_id)
        .where(
            DutyShift.unit_id == office_id,
            DutyShift.starts_at < until,
            DutyShift.ends_at > since,
        )
        .order_by(DutyShift.starts_at, DutyShift.line, DutyShift.id)
    )
    return [Turn(*row) for row in rows]


def turns_of(
    person_id: int, office_id: int, since: datetime, until: datetime, but: int | None = None
) -> list[Turn]:
    """Those of one person there, without the one that is being changed."""
    found = turns(office_id, since, until)
    return [turn for turn in found if turn.person_id == person_id and turn.id != but]


def shift(shift_id: int, office_id: int) -> DutyShift | None:
    return db.session.scalar(
        select(DutyShift).where(DutyShift.id == shift_id, DutyShift.unit_id == office_id)
    )


def is_kept(office_id: int) -> bool:
    """Whether the office keeps a roster at all: where none is, the post itself is enough."""
    found = select(DutyShift.id).where(DutyShift.unit_id == office_id).limit(1)
    return db.session.scalar(found) is not None


def candidates(office_id: int, day: date) -> Sequence[Person]:
    """Who may be put on the roster of that office."""
    posts = select(Post.person_id).where(
        Post.unit_id == office_id,
        Post.role.in_(ON_ROSTER),
        Post.starts_on <= day,
        or_(Post.ends_on.is_(None), Post.ends_on > day),
    )
    wanted = select(Person).where(Person.active, Person.id.in_(posts))
    return db.session.scalars(wanted.order_by(Person.name, Person.id)).all()


def on_duty(office_id: int, at: datetime) -> list[Turn]:
    """Who keeps the office at this moment."""
    day = at.astimezone(SHANGHAI).date()

    def read() -> list[Turn]:
        return turns(office_id, start_of(day), end_of(day) + timedelta(seconds=1))

    kept: list[Turn] = directory().keep(("on duty", office_id, day), read)
    return [turn for turn in kept if turn.covers(at)]
