"""From the person who is signed in to the actor whom the table of acts knows."""

from __future__ import annotations

from datetime import datetime

from flask import g
from sqlalchemy import select

from ..config import SHANGHAI
from ..db import db, now
from .actor import Actor, Seat
from .directory import Known, directory
from .models import DutyShift, Person
from .sign_in import current


def actor_of(person: Person | Known, at: datetime) -> Actor:
    """The person with the seats his posts give him at that moment."""
    posts = person.posts_at(at.astimezone(SHANGHAI).date())
    return Actor(
        kind="person",
        id=person.id,
        name=person.name,
        home_unit_id=person.home_unit_id,
        home_unit_path=person.home_unit.path,
        seats=tuple(
            Seat(
                role=post.role,
                unit_id=post.unit_id,
                unit_path=post.unit.path,
                unit_name=post.unit.name,
                region_code=post.unit.region_code,
                is_office=post.unit.is_office,
                on_duty=post.role != "duty_officer" or _on_duty(person.id, post.unit_id, at),
            )
            for post in posts
        ),
    )


def _on_duty(person_id: int, unit_id: int, at: datetime) -> bool:
    """On the roster of that unit now; where no roster is kept, the post itself is enough."""
    kept = db.session.scalar(select(DutyShift.id).where(DutyShift.unit_id == unit_id).limit(1))
    if kept is None:
        return True
    here = select(DutyShift.id).where(
        DutyShift.unit_id == unit_id,
        DutyShift.person_id == person_id,
        DutyShift.starts_at <= at,
        DutyShift.ends_at > at,
    )
    return db.session.scalar(here.limit(1)) is not None


def current_actor() -> Actor:
    """Whoever is signed in, as of now; kept for the request."""
    person = current()
    kept: tuple[int, Actor] | None = g.get("ledger_actor")
    if kept is None or kept[0] != person.id:
        kept = (person.id, _actor_now(person, now()))
        g.ledger_actor = kept
    return kept[1]


def _actor_now(person: Known, at: datetime) -> Actor:
    day = at.astimezone(SHANGHAI).date()
    if "duty_officer" in person.roles_at(day):
        return actor_of(person, at)  # a matter of the hour, not of the day
    return directory().keep(("actor", person.fs_uniquifier, day), lambda: actor_of(person, at))
