"""Reading calls: of one's own office, by key; counted by what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select
from sqlalchemy.orm import joinedload

from ..appeals.queries import office_for
from ..db import db
from ..deadlines.calendar import end_of, start_of
from ..people.actor import Actor
from .calls import OUTCOMES, CallRecord, HotlineLine

PAGE = 50
OFFICE = ("operator", "coordinator", "duty_officer", "closer", "manager", "supervisor")
"""Who reads the calls that an office took."""
AT_ONCE = frozenset({"operator", "coordinator", "duty_officer"})
"""Who is shown a number by one click: they call back. Others of the office give a reason."""


def offices_of(actor: Actor) -> tuple[int, ...]:
    """The offices whose calls `actor` may read: his own, not those of a whole jurisdiction."""
    found: dict[int, None] = {}
    for seat in actor.seats_as(*OFFICE):
        if seat.is_office:
            found[seat.unit_id] = None
        elif seat.role == "operator" and (office := office_for(seat.region_code)) is not None:
            found[office.id] = None
    return tuple(found)


def may_read(actor: Actor) -> bool:
    return bool(offices_of(actor) or actor.seats_as("liaison"))


def reveals(actor: Actor, call: CallRecord) -> str:
    """By what right the number of a call that he reads is shown: 'once' by one click, 'reason'."""
    dealt = call.taken_by_id == actor.id or not AT_ONCE.isdisjoint(actor.roles)
    return "once" if dealt else "reason"


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """Which calls: those of his office; of a liaison officer those that he took himself. No
    handling unit reads any, so that no confidential caller is met here."""
    ways: list[ColumnElement[bool]] = []
    if offices := offices_of(actor):
        ways.append(CallRecord.office_id.in_(offices))
    if actor.seats_as("liaison") and actor.id is not None:
        ways.append(CallRecord.taken_by_id == actor.id)
    return or_(false(), *ways)


def lines_of(office_id: int | None) -> Sequence[HotlineLine]:
    """The lines that an office answers, in their order."""
    own: ColumnElement[bool] = HotlineLine.office_id.is_(None)
    if office_id is not None:
        own = or_(own, HotlineLine.office_id == office_id)
    wanted = select(HotlineLine).where(HotlineLine.active.is_(True), own)
    return db.session.scalars(wanted.order_by(HotlineLine.position, HotlineLine.id)).all()


def every_line() -> Sequence[HotlineLine]:
    wanted = select(HotlineLine).order_by(HotlineLine.position, HotlineLine.id)
    return db.session.scalars(wanted).all()


def last_line_of(person_id: int | None) -> str:
    """Number of the line on which this person took the last call."""
    found = db.session.scalar(
        select(HotlineLine.number)
        .join(CallRecord, CallRecord.line_id == HotlineLine.id)
        .where(CallRecord.taken_by_id == person_id)
        .order_by(CallRecord.began_at.desc(), CallRecord.id.desc())
        .limit(1)
    )
    return found or ""


def known_call(line: HotlineLine | None, outside_id: str) -> CallRecord | None:
    """The call that the telephone system calls so, whoever may read it."""
    if line is None or not outside_id:
        return None
    return db.session.scalar(
        select(CallRecord).where(CallRecord.line_id == line.id, CallRecord.outside_id == outside_id)
    )


def find(call_id: int, actor: Actor) -> CallRecord | None:
    return db.session.scalar(select(CallRecord).where(CallRecord.id == call_id, seen_by(actor)))


def of_appeal(appeal_id: int, actor: Actor) -> CallRecord | None:
    """The call from which it was registered."""
    return db.session.scalar(
        select(CallRecord)
        .where(
            CallRecord.appeal_id == appeal_id,
            CallRecord.outcome == "appeal",
            seen_by(actor),
        )
        .limit(1)
    )


@dataclass(frozen=True)
class Asked:
    """What the list is narrowed to."""

    line_id: int = 0
    outcome: str = ""
    day: date | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.line_id:
            found.append(CallRecord.line_id == self.line_id)
        if self.outcome:
            found.append(CallRecord.outcome == self.outcome)
        if self.day is not None:
            found.append(CallRecord.began_at >= start_of(self.day))
            found.append(CallRecord.began_at < end_of(self.day))
        return found


@dataclass(frozen=True)
class Calls:
    """A stretch of the list, the latest first. `before` and `after` are cursors, '' for none."""

    rows: Sequence[CallRecord]
    before: str = ""
    after: str = ""


def listing(actor: Actor, asked: Asked, cursor: str = "") -> Calls:
    """One page by key: '>moment~id' for what follows that row, '<moment~id' for what is before."""
    direction, moment, last_id = _read(cursor)
    wanted: Select[CallRecord] = select(CallRecord).where(seen_by(actor), *asked.conditions())
    key = CallRecord.began_at
    backwards = direction == "<"
    if moment is not None:
        if backwards:
            further = or_(key > moment, and_(key == moment, CallRecord.id > last_id))
        else:
            further = or_(key < moment, and_(key == moment, CallRecord.id < last_id))
        wanted = wanted.where(further)
    order = (key, CallRecord.id) if backwards else (key.desc(), CallRecord.id.desc())
    wanted = wanted.order_by(*order).limit(PAGE + 1)
    wanted = wanted.options(joinedload(CallRecord.line), joinedload(CallRecord.firm))
    found = list(db.session.scalars(wanted))
    more, found = len(found) > PAGE, found[:PAGE]
    if backwards:
        found.reverse()
    if not found:
        return Calls([])
    has_before = more if backwards else moment is not None
    has_after = True if backwards else more
    return Calls(
        found,
        _cursor("<", found[0]) if has_before else "",
        _cursor(">", found[-1]) if has_after else "",
    )


def _cursor(direction: str, call: CallRecord) -> str:
    return f"{direction}{call.began_at.isoformat()}~{call.id}"


def _read(cursor: str) -> tuple[str, datetime | None, int]:
    moment, _, last = cursor[1:].partition("~")
    try:
        found, number = datetime.fromisoformat(moment), int(last)
    except ValueError:
        return "", None, 0
    if cursor[:1] not in ("<", ">") or found.tzinfo is None or not 0 < number < 2**53:
        return "", None, 0
    return cursor[:1], found, number


def counts(
    offices: Sequence[int], since: datetime, until: datetime, taken_by_id: int | None = None
) -> dict[str, int]:
    """How many calls these offices took from `since` until before `until`, by what became of them
    (every outcome is there, 即时答复 among them); where somebody is named, those he took himself,
    for whichever office if none is given."""
    wanted = (
        select(CallRecord.outcome, func.count())
        .where(CallRecord.began_at >= since, CallRecord.began_at < until)
        .group_by(CallRecord.outcome)
    )
    if offices or taken_by_id is None:
        wanted = wanted.where(CallRecord.office_id.in_(offices))
    if taken_by_id is not None:
        wanted = wanted.where(CallRecord.taken_by_id == taken_by_id)
    found: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    for outcome, count in db.session.execute(wanted):
        found[outcome] = count
    return found
