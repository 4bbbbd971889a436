"""From the person who is signed in to the actor whom the table of acts knows."""

from __future__ import annotations

from datetime import datetime

from flask import g
from sqlalchemy import select

from ..config import SHANGHAI
from ..db import db, now
from .actor import Actor, Seat
from .models import DutyShift, Person
from .sign_in import current_person


def actor_of(person: Person, at: datetime) -> Actor:
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
                on_duty=post.role != "duty_officer" or _on_duty(person, post.unit_id, at),
            )
            for post in posts
        ),
    )


def _on_duty(person: Person, unit_id: int, at: datetime) -> bool:
    """On the roster of that unit now; where no roster is kept, the post itself is enough."""
    kept = db.session.scalar(select(DutyShift.id).where(DutyShift.unit_id == unit_id).limit(1))
    if kept is None:
        return True
    here = select(DutyShift.id).where(
        DutyShift.unit_id == unit_id,
        DutyShift.person_id == person.id,
        DutyShift.starts_at <= at,
        DutyShift.ends_at > at,
    )
    return db.session.scalar(here.limit(1)) is not None


def current_actor() -> Actor:
    """Whoever is signed in, as of now; kept for the request."""
    person = current_person()
    kept: tuple[int, Actor] | None = g.get("ledger_actor")
    if kept is None or kept[0] != person.id:
        kept = (person.id, actor_of(person, now()))
        g.ledger_actor = kept
    return kept[1]
