"""What a supervisor reads: suggestions, papers, replies owed, urgings; each through visible_to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import contains_eager

from ..appeals.models import Appeal, Deadline
from ..appeals.sight import admits, sight_of, visible_to
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..prepared import ask
from .models import Paper, Reminder, Urge

PAGE = 50
CAP = 99

OVER = ("supervisor", "manager")
UNIT_ROLES = ("handler", "unit_lead")


def watched_offices(actor: Actor, at: datetime) -> tuple[int, ...]:
    """Offices over whose appeals this actor may issue papers (lifecycle, `order`)."""
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    over = set(sight.covered_by(actor.seats_as(*OVER)))
    over.update(seat.unit_id for seat in actor.seats_as("coordinator"))
    return tuple(sorted(over))


def own_units(actor: Actor) -> tuple[int, ...]:
    """Units for which this actor may reply."""
    seats = (*actor.seats_as(*UNIT_ROLES), *actor.seats_as("coordinator"))
    return tuple(sorted({seat.unit_id for seat in seats}))


# -- of one appeal, which came through visible_to ----------------------------------------------


def papers_of(appeal_id: int) -> Sequence[Paper]:
    return db.session.scalars(
        select(Paper).where(Paper.appeal_id == appeal_id).order_by(Paper.id.desc())
    ).all()


def urgings_of(appeal_id: int) -> Sequence[Urge]:
    return db.session.scalars(
        select(Urge).where(Urge.appeal_id == appeal_id).order_by(Urge.id.desc())
    ).all()


def drafts_of(appeal_id: int) -> Sequence[Reminder]:
    """Those that still wait."""
    return db.session.scalars(
        select(Reminder)
        .join(Deadline, Deadline.id == Reminder.deadline_id)
        .where(
            Reminder.appeal_id == appeal_id,
            Reminder.waits.is_(True),
            Deadline.ended_at.is_(None),
        )
        .order_by(Reminder.id)
    ).all()


# -- one ---------------------------------------------------------------------------------------


def paper(paper_id: int, actor: Actor, at: datetime) -> Paper | None:
    day = at.astimezone(SHANGHAI).date()
    return db.session.scalar(
        select(Paper)
        .join(Paper.appeal)
        .where(Paper.id == paper_id, admits(actor, day))
        .options(contains_eager(Paper.appeal))
    )


def draft(reminder_id: int, actor: Actor, at: datetime) -> tuple[Reminder, str] | None:
    """A suggestion and the number of its appeal, for whoever may issue it."""
    day = at.astimezone(SHANGHAI).date()
    found = db.session.execute(
        select(Reminder, Appeal.number)
        .join(Appeal, Appeal.id == Reminder.appeal_id)
        .where(
            Reminder.id == reminder_id,
            Reminder.step != "",
            Appeal.office_id.in_(watched_offices(actor, at)),
            admits(actor, day),
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


# -- lists -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """`after` and `before` are cursors, '' where there is no more."""

    rows: Sequence[Row[Any]]
    before: str = ""
    after: str = ""


_OF_APPEAL: tuple[Any, ...] = (
    Appeal.number,
    Appeal.label,
    Appeal.title,
    Appeal.office_id,
    Appeal.is_open,
)

_PAPER: tuple[Any, ...] = (
    Paper.id,
    Paper.kind,
    Paper.paper_year,
    Paper.paper_number,
    Paper.letter_number,
    Paper.unit_id,
    Paper.state,
    Paper.issued_at,
    Paper.reply_due_at,
    Paper.replied_at,
    *_OF_APPEAL,
)


def drafts(actor: Actor, at: datetime, cursor: str = "") -> Page:
    """The oldest first."""
    columns: tuple[Any, ...] = (
        Reminder.id,
        Reminder.event,
        Reminder.step,
        Reminder.unit_id,
        Reminder.due_at,
        Reminder.created_at,
        *_OF_APPEAL,
    )
    query: Select[Any] = select(*columns).where(*_drafts(actor, at)).select_from(Reminder)
    query = query.join(Appeal, Appeal.id == Reminder.appeal_id)
    return _page(query, Reminder.created_at, Reminder.id, cursor)


def unanswered(actor: Actor, at: datetime, cursor: str = "") -> Page:
    """The most pressing first."""
    query = _papers().where(*_unanswered(actor, at))
    return _page(query, Paper.reply_due_at, Paper.id, cursor)


def owed(actor: Actor, at: datetime, cursor: str = "") -> Page:
    """What this actor's units have to reply to, the most pressing first."""
    query = _papers().where(*_owed(actor, at))
    return _page(query, Paper.reply_due_at, Paper.id, cursor)


def issued(actor: Actor, at: datetime, cursor: str = "") -> Page:
    """All papers in sight that concern this actor, the newest first."""
    offices, units = watched_offices(actor, at), own_units(actor)
    mine = or_(Appeal.office_id.in_(offices), Paper.unit_id.in_(units))
    query = _papers().where(mine, visible_to(actor, at.astimezone(SHANGHAI).date()))
    return _page(query, Paper.issued_at, Paper.id, cursor, descending=True)


def _papers() -> Select[Any]:
    found: Select[Any] = select(*_PAPER).select_from(Paper)
    return found.join(Appeal, Appeal.id == Paper.appeal_id)


def _drafts(actor: Actor, at: datetime) -> list[ColumnElement[bool]]:
    # What the next round of the sweep will take away is not shown any more.
    runs = exists(
        select(literal(1)).where(Deadline.id == Reminder.deadline_id, Deadline.ended_at.is_(None))
    )
    return [Reminder.waits.is_(True), runs, _of_appeals(Reminder, _watched(actor, at))]


def _unanswered(actor: Actor, at: datetime) -> list[ColumnElement[bool]]:
    return [Paper.waits.is_(True), _of_appeals(Paper, _watched(actor, at))]


def _watched(actor: Actor, at: datetime) -> list[ColumnElement[bool]]:
    """Open appeals over which this actor may issue papers."""
    seen = visible_to(actor, at.astimezone(SHANGHAI).date())
    return [
        Appeal.is_open.is_(True),
        Appeal.office_id.in_(watched_offices(actor, at)),
        seen,
    ]


def _owed(actor: Actor, at: datetime) -> list[ColumnElement[bool]]:
    seen = visible_to(actor, at.astimezone(SHANGHAI).date())
    return [
        Paper.waits.is_(True),
        Paper.unit_id.in_(own_units(actor)),
        _of_appeals(Paper, [Appeal.is_open.is_(True), seen]),
    ]


def _of_appeals(
    kind: type[Paper] | type[Reminder], conditions: list[ColumnElement[bool]]
) -> ColumnElement[bool]:
    """Asked of each row that waits: a join might begin with all the appeals in sight."""
    return exists(
        select(literal(1))
        .select_from(Appeal)
        .where(Appeal.id == kind.appeal_id, *conditions)
        .correlate(kind)
    )


def _page(query: Select[Any], key: Any, tie: Any, cursor: str, *, descending: bool = False) -> Page:
    direction, moment, last = _read(cursor)
    further = descending != (direction == "<")
    if moment is not None:
        beyond = and_(key == moment, tie < last if further else tie > last)
        bound = (key <= moment) if further else (key >= moment)
        query = query.where(bound, or_(key < moment if further else key > moment, beyond))
    order = (key.desc(), tie.desc()) if further else (key, tie)
    found = db.session.execute(query.order_by(*order).limit(PAGE + 1)).all()
    more, rows = len(found) > PAGE, list(found[:PAGE])
    backwards = direction == "<"
    if backwards:
        rows.reverse()
    if not rows:
        return Page(rows)
    first, end = _cursor("<", rows[0], key.key), _cursor(">", rows[-1], key.key)
    has_before = more if backwards else moment is not None
    has_after = more or backwards
    return Page(rows, first if has_before else "", end if has_after else "")


def _cursor(direction: str, row: Any, key: str) -> str:
    return f"{direction}{getattr(row, key).astimezone(UTC).isoformat()}~{row.id}"


def _read(cursor: str) -> tuple[str, datetime | None, int]:
    """Anything else than a cursor reads as the first page."""
    moment, _, last = cursor[1:80].partition("~")
    if cursor[:1] not in ("<", ">") or not (last.isascii() and last.isdecimal()):
        return "", None, 0
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return "", None, 0
    if found.tzinfo is None or len(last) > 15:
        return "", None, 0
    return cursor[0], found, int(last)


# -- counts ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """Each counted no further than CAP and one."""

    drafts: int = 0
    unanswered: int = 0
    overdue: int = 0
    """Of those without a reply, what is past its limit."""
    owed: int = 0
    """By this actor's own units."""
    owed_late: int = 0

    @staticmethod
    def words(count: int) -> str:
        return f"{CAP}+" if count > CAP else str(count)


def counts(actor: Actor, at: datetime) -> Counts:
    """By the indexes of what waits, in one statement; none for whom neither side concerns."""
    offices, units = watched_offices(actor, at), own_units(actor)
    names = (_WATCHED if offices else ()) + (_OWED if units else ())
    if not names:
        return Counts()

    def made() -> Any:
        # Put together once for all who see alike: it takes longer than being answered.
        unanswered = select(Paper.id).where(*_unanswered(actor, at))
        owed = select(Paper.id).where(*_owed(actor, at))
        asked = {
            "drafts": select(Reminder.id).where(*_drafts(actor, at)),
            "unanswered": unanswered,
            "overdue": unanswered.where(Paper.reply_due_at < at),
            "owed": owed,
            "owed_late": owed.where(Paper.reply_due_at < at),
        }
        return select(*(_counted(asked[name]).label(name) for name in names))

    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    key = ("supervision", sight, offices, units)
    found = ask(db.session.connection(), key, {"at": at}, made).one()
    return Counts(**dict(zip(names, found, strict=True)))


_WATCHED = ("drafts", "unanswered", "overdue")
_OWED = ("owed", "owed_late")


def _counted(query: Select[Any]) -> ScalarSelect[Any]:
    some = query.limit(CAP + 1).correlate(None).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
