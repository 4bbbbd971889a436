"""What presses a unit beside the appeal's own due time: its limit for signing, and as an assist,
or where it was passed on to it, the limit of its own answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, func, select

from ..db import db
from ..deadlines import clocks
from ..deadlines.queries import load_calendar
from .cells import Cells, badge, time_left
from .lifecycle import OPEN_ASSIGNMENT
from .models import Appeal, Assignment, Deadline
from .record import NEVER
from .unit_sight import ACTIVE


@dataclass(frozen=True)
class Own:
    """The own due time of an assist or a sub-unit, in place of the appeal's."""

    taken: bool
    due_at: datetime
    time: str
    """HTML."""
    part: str = "assist"

    def marked(self, line: Cells) -> Cells:
        mark = badge("转办" if self.part == "child" else "协办", "")
        return line._replace(title=f"{line.title} {mark}", time=self.time or line.time)


_SIGNING = (
    select(Deadline.appeal_id, Deadline.due_at, Deadline.warn_at, Deadline.spec)
    .join(Assignment, Assignment.id == Deadline.assignment_id)
    .where(
        Assignment.unit_id == bindparam("unit"),
        Deadline.appeal_id.in_(bindparam("ids", expanding=True)),
        Deadline.stage == "sign",
        Deadline.ended_at.is_(None),
    )
    .order_by(Deadline.due_at.desc())
)


def sign_by(unit_id: int, ids: list[int], at: datetime) -> dict[int, tuple[str, str]]:
    """What presses is the limit for signing, not the one for answering; of several the first."""
    calendar = load_calendar()
    found: dict[int, tuple[str, str]] = {}
    for row in db.session.connection().execute(_SIGNING, {"unit": unit_id, "ids": ids}):
        light = clocks.light_of(at, row.warn_at, row.due_at)
        found[row.appeal_id] = (clocks.words(at, row.due_at, row.spec, calendar), light)
    return found


_PRESSING = (
    select(Deadline.appeal_id, Deadline.due_at, Deadline.warn_at, Deadline.spec)
    .where(
        Deadline.appeal_id.in_(bindparam("ids", expanding=True)),
        Deadline.stage.in_(bindparam("stages", expanding=True)),
        Deadline.ended_at.is_(None),
    )
    .order_by(Deadline.due_at.desc())
)


def pressing(ids: list[int], at: datetime, *stages: str) -> dict[int, tuple[str, str]]:
    """What presses is the limit for signing or for ruling, not the one for answering; of several
    the first."""
    found: dict[int, tuple[str, str]] = {}
    if not ids:
        return found
    calendar = load_calendar()
    for row in db.session.connection().execute(_PRESSING, {"ids": ids, "stages": stages}):
        light = clocks.light_of(at, row.warn_at, row.due_at)
        found[row.appeal_id] = (clocks.words(at, row.due_at, row.spec, calendar), light)
    return found


MOST_ASSISTED = 500
"""So many of a unit's assists are looked at: more than any has."""

_ASSISTING = (
    select(
        Assignment.appeal_id,
        Assignment.state,
        Assignment.part,
        Deadline.due_at,
        Deadline.warn_at,
        Deadline.spec,
    )
    .join(Appeal, Appeal.id == Assignment.appeal_id)
    .outerjoin(
        Deadline,
        and_(
            Deadline.assignment_id == Assignment.id,
            Deadline.stage == Assignment.part,
            Deadline.ended_at.is_(None),
        ),
    )
    .where(
        Assignment.unit_id == bindparam("unit"),
        Assignment.state.in_(sorted(OPEN_ASSIGNMENT)),
        Assignment.part.in_(("assist", "child")),
        Appeal.state.in_(ACTIVE),
    )
    .order_by(func.coalesce(Deadline.due_at, NEVER), Assignment.id)
    .limit(MOST_ASSISTED)
)


def assisting_of(unit_id: int, at: datetime) -> dict[int, Own]:
    """What a unit assists in, the most pressing first."""
    calendar = load_calendar()
    found: dict[int, Own] = {}
    for row in db.session.connection().execute(_ASSISTING, {"unit": unit_id}):
        taken = row.state != "offered"
        if row.due_at is None:  # paused, while the appeal is held
            found[row.appeal_id] = Own(taken, NEVER, "", row.part)
            continue
        light = clocks.light_of(at, row.warn_at, row.due_at)
        words = clocks.words(at, row.due_at, row.spec, calendar)
        what = "转办反馈" if row.part == "child" else "协办反馈"
        due = f"应于{clocks.shown_end(row.due_at)}前{what}"
        found[row.appeal_id] = Own(taken, row.due_at, time_left(words, light, due), row.part)
    return found
