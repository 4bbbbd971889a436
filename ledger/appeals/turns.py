"""Whose turn it is, as SQL: the conditions behind the lists of 我的待办.

They narrow what visible_to lets through and never widen it. What they promise agrees with the
table of acts: what stands under 待我回访 or 待我销号 may be called back or closed by who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, or_, select
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import config
from ..deadlines.calendar import end_of
from ..deadlines.queries import caps_in_force
from ..firms.queries import served_by
from ..people.actor import Actor, Seat
from ..people.models import Unit
from ..trail.models import Entry
from . import unit_sight
from .filters import UNIT_VIEWS, Filters
from .instructions import OFFICE_READERS, UNIT_READERS, InstructionUnit
from .lifecycle import (
    BY_CODE,
    BY_MANAGER,
    EXTENSION,
    FIRST_KEY,
    HOLD,
    OPEN_ASSIGNMENT,
    RETURN,
    SIGNING,
)
from .models import Appeal, Assignment
from .parts import Request, UnitSight
from .sight import sight_of

Condition = ColumnElement[bool]

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
"""Compared with instead of IS NOT NULL, which SQLite does not look up in an index."""

_SUMS = range(1, SIGNING * 2)
MANAGER_RULES = tuple(n for n in _SUMS if n & EXTENSION and n & BY_MANAGER)
OFFICE_RULES = tuple(
    n
    for n in _SUMS
    if n & (RETURN | HOLD) or (n & EXTENSION and not n & BY_MANAGER)
)
RULABLE = tuple(sorted(BY_CODE["rule_return"].frm))
"""What is asked of each, and the states in which it can be ruled on."""


@dataclass(frozen=True)
class Way:
    """Rows that lie together in an index for each of these values, in the order of their due
    times."""

    column: Any
    values: tuple[Any, ...]
    conditions: tuple[Condition, ...] = ()
    apart: bool = False
    """Whether the due time is bounded: then an index serves one value at a time."""

    @property
    def all(self) -> Condition:
        return and_(self.column.in_(self.values), *self.conditions)

    @property
    def counted(self) -> list[Condition]:
        """In so many ranges of the index."""
        return self.each if self.apart else [self.all]

    @property
    def each(self) -> list[Condition]:
        return [and_(self.column == value, *self.conditions) for value in self.values]


def turn(filters: Filters, actor: Actor, at: datetime) -> list[Condition]:
    """What the filters' view asks; nothing where they name none."""
    if not filters.view:
        return []
    if filters.view in UNIT_VIEWS:
        given = select(UnitSight.appeal_id).where(*(way.all for way in ways(filters, at)))
        return [Appeal.id.in_(given)]
    if found := ways(filters, at):
        return [or_(*(way.all for way in found))]
    return [_TURNS[filters.view](filters, actor, at)]


def ways(filters: Filters, at: datetime) -> list[Way]:
    """The view in parts that do not overlap, where it is made of such; of a unit's views they are
    ways into UnitSight."""
    if filters.view == "office_turn":
        return _office_turn(at)
    pressing = {
        "owes_report": UnitSight.owes_report_at < at,
        "own_due": UnitSight.own_warn_at <= at,
    }
    if filters.view in pressing:
        which = (pressing[filters.view],)
        return [Way(UnitSight.unit_id, (filters.unit_id,), which, apart=True)]
    duties = _DUTIES.get(filters.view)
    if duties is None:
        return []
    return [Way(UnitSight.duty, duties, (UnitSight.unit_id == filters.unit_id,))]


# -- the office --------------------------------------------------------------------------------


def _office_turn(at: datetime) -> list[Way]:
    """What waits for the office itself, and what a unit is late with."""
    return [
        Way(Appeal.state, ("registered", "accepted", "answered", "reviewed", "confirmed")),
        Way(Appeal.state, ("assigned", "joined"), (Appeal.due_at < at,), apart=True),
    ]


def _recurred(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    # Not by the index of states: nearly all are closed, and few of them recurred.
    return and_(func.coalesce(Appeal.state, "") == "closed", Appeal.recurred_at.is_not(None))


def _unendorsed(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return and_(Appeal.is_open.is_(True), Appeal.duty_unendorsed.is_(True))


def _to_rule(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    """As the table's scope 'own_office' for a coordinator; what a manager rules on is not his."""
    own = sorted({seat.unit_id for seat in actor.seats_as("coordinator")})
    return and_(
        Appeal.asked.in_(OFFICE_RULES),
        Appeal.state.in_(RULABLE),
        Appeal.office_id.in_(own),
    )


def _on_behalf(filters: Filters, actor: Actor, _at: datetime) -> Condition:
    """As the table's scope 'on_behalf': what units that work offline have in hand."""
    own = {seat.unit_id for seat in actor.seats_as("coordinator")}
    if filters.office_id:
        own &= {filters.office_id}
    # The statement is kept, and units change their way of working: it has to ask them.
    offline = select(Unit.id).where(Unit.offline.is_(True))
    given = select(UnitSight.appeal_id).where(
        UnitSight.unit_id.in_(offline), UnitSight.duty.in_(unit_sight.AT_UNIT)
    )
    # Not by the index of offices: these are few of all that an office has open.
    return and_((Appeal.office_id + 0).in_(sorted(own)), Appeal.id.in_(given))


def _to_approve(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    """Extensions so long that a manager rules on them."""
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    return and_(
        Appeal.asked.in_(MANAGER_RULES),
        Appeal.state.in_(RULABLE),
        Appeal.office_id.in_(sight.covered_by(actor.seats_as("manager"))),
    )


def _rule_below(filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    """As the table's scope 'parent': what sub-units of `unit_id` ask of it."""
    child, above = aliased(Assignment), aliased(Assignment)
    asked = (
        select(literal(1))
        .select_from(Request)
        .join(child, child.id == Request.assignment_id)
        .join(above, above.id == child.parent_id)
        .where(
            Request.appeal_id == Appeal.id,
            Request.state == "asked",
            above.unit_id + 0 == filters.unit_id,
            above.state.in_(sorted(OPEN_ASSIGNMENT)),
        )
    )
    return and_(Appeal.asked_below > 0, Appeal.state.in_(RULABLE), exists(asked))


def _reports_owed(_filters: Filters, _actor: Actor, at: datetime) -> Condition:
    """应报未报: a report that some unit owes is late."""
    return Appeal.report_due_at < at


def _hold_due(_filters: Filters, _actor: Actor, at: datetime) -> Condition:
    """Whose review is due today, or was before."""
    return and_(
        Appeal.state == "held", Appeal.due_at <= end_of(at.astimezone(SHANGHAI).date())
    )


def _follow_up(_filters: Filters, _actor: Actor, at: datetime) -> Condition:
    return and_(
        Appeal.follow_up_on.is_not(None),
        Appeal.follow_up_on <= at.astimezone(SHANGHAI).date(),
        # What was closed may still owe somebody a letter. Not by the index of states.
        func.coalesce(Appeal.state, "").not_in(("declined", "merged", "withdrawn")),
    )


def _coordination(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    """What is put before the leaders of a jurisdiction."""
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    return and_(
        Appeal.is_open.is_(True),
        Appeal.coordination_asked.is_(True),
        Appeal.office_id.in_(sight.covered_by(actor.seats_as("manager"))),
    )


def _duty(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return and_(
        Appeal.is_open.is_(True),
        Appeal.urgency == "critical",
        Appeal.state.in_(("registered", "accepted")),
    )


# -- instructions ------------------------------------------------------------------------------


def _instructed(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return Appeal.instructed.is_(True)


def _to_reply(filters: Filters, actor: Actor, _at: datetime) -> Condition:
    """Put to a unit of his own, which has not reported: nobody else is told to which it was put."""
    mine = {seat.unit_id for seat in actor.seats_as(*UNIT_READERS)}
    if filters.unit_id:
        mine &= {filters.unit_id}
    return Appeal.id.in_(
        select(InstructionUnit.appeal_id).where(
            InstructionUnit.replied_at.is_(None), InstructionUnit.unit_id.in_(sorted(mine))
        )
    )


def _replies_due(_filters: Filters, actor: Actor, _at: datetime) -> Condition:
    """Of the appeals of an office of his: some unit has not reported."""
    own = sorted({seat.unit_id for seat in actor.seats_as(*OFFICE_READERS)})
    waiting = select(InstructionUnit.appeal_id).where(InstructionUnit.replied_at.is_(None))
    return and_(
        Appeal.instructed.is_(True), Appeal.office_id.in_(own), Appeal.id.in_(waiting)
    )


# -- liaison and operator ----------------------------------------------------------------------


def _known(actor: Actor, at: datetime) -> Condition:
    """As the table's scope 'known' for a liaison: the firms he looks after, and what he or his
    unit registered."""
    seats = actor.seats_as("liaison")
    if not seats or actor.id is None:
        return Appeal.registrar_id == actor.id
    return or_(
        Appeal.firm_id.in_(served_by(actor.id, at.astimezone(SHANGHAI).date())),
        Appeal.registrar_id == actor.id,
        Appeal.registrar_unit_id.in_(sorted({s.unit_id for s in seats})),
    )


def _to_supplement(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    return and_(Appeal.is_open.is_(True), Appeal.details_asked.is_(True), _known(actor, at))


def _to_tell(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    answered = Appeal.state.in_(("answered", "reviewed", "confirmed", "closed"))
    return and_(
        answered, Appeal.answered_at > LONG_AGO, Appeal.told_at.is_(None), _known(actor, at)
    )


def _served(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    if actor.id is None:
        return false()
    return Appeal.firm_id.in_(served_by(actor.id, at.astimezone(SHANGHAI).date()))


def _to_call(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    ways = [
        and_(Appeal.office_id.in_(sight.covered_by([seat])), _not_barred(seat))
        for seat in actor.seats_as("operator")
    ]
    ways += [
        and_(
            or_(
                Appeal.firm_id.in_(served_by(actor.id or 0, sight.day)),
                Appeal.registrar_id == actor.id,
                Appeal.registrar_unit_id == seat.unit_id,
            ),
            _not_barred(seat),
        )
        for seat in actor.seats_as("liaison")
    ]
    return and_(
        Appeal.is_open.is_(True),
        Appeal.state == "reviewed",
        Appeal.undetermined.is_(False),
        _no_first_key(actor),
        _any(ways),
    )


# -- the second key ----------------------------------------------------------------------------


def _confirmed_in_reach(actor: Actor, at: datetime) -> Condition:
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    return and_(
        Appeal.is_open.is_(True),
        Appeal.state == "confirmed",
        Appeal.office_id.in_(sight.covered_by(actor.seats_as("closer"))),
    )


def _may_close(actor: Actor, at: datetime) -> Condition:
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    me = actor.id or 0
    ways = [
        and_(Appeal.office_id.in_(sight.covered_by([seat])), _not_barred(seat))
        for seat in actor.seats_as("closer")
    ]
    found = [
        Appeal.close_stopped.is_(False),
        func.coalesce(Appeal.caller_id, 0) != me,
        func.coalesce(Appeal.upholder_id, 0) != me,
        _no_first_key(actor),
        _any(ways),
    ]
    if config().strict_home_unit:
        found.append(_not_assigned_to(_ids(actor.home_unit_path)))
    return and_(*found)


def _to_close(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    return and_(_confirmed_in_reach(actor, at), _may_close(actor, at))


def _others_close(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    return and_(_confirmed_in_reach(actor, at), ~_may_close(actor, at))


def _to_uphold(_filters: Filters, actor: Actor, at: datetime) -> Condition:
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    caps = caps_in_force(at)
    tried = [Appeal.attempts >= caps.attempts]
    if caps.attempt_half_days > 1:
        # The half-days stand apart by blanks.
        blanks = "% " * (caps.attempt_half_days - 1) + "%"
        tried.append(Appeal.attempt_half_days.like(blanks))
    in_vain = or_(
        Appeal.undetermined.is_(True),
        Appeal.phone_given == "none",
        Appeal.phone_index.is_(None),
        and_(*tried),
    )
    ways = [
        and_(Appeal.office_id.in_(sight.covered_by([seat])), _not_barred(seat))
        for seat in actor.seats_as("closer", "manager")
    ]
    return and_(
        Appeal.is_open.is_(True),
        Appeal.state == "reviewed",
        in_vain,
        _no_first_key(actor),
        _any(ways),
    )


def _any(ways: Iterable[Condition]) -> Condition:
    found = list(ways)
    return or_(*found) if found else false()


def _ids(path: str) -> list[int]:
    """The unit with that path, and those above it."""
    return [int(part) for part in path.split("/") if part]


def _not_assigned_to(unit_ids: list[int]) -> Condition:
    """Neither holds nor held by one of these units, otherwise than by an upheld return; of a
    joined appeal nor its master."""
    given = aliased(Assignment)

    def at(appeal_id: Any) -> Condition:
        return exists(
            select(literal(1)).where(
                given.appeal_id == appeal_id,
                given.unit_id.in_(unit_ids),
                given.release_reason != "return_upheld",
            )
        )

    return and_(~at(Appeal.id), ~_and_with(at(Appeal.handled_with_id)))


def _and_with(asked: Condition) -> Condition:
    """Asked of those few alone that are or were handled with another."""
    return and_(Appeal.handled_with_id.is_not(None), asked)


def _not_barred(seat: Seat) -> Condition:
    """回避 (b): a post in a handling unit, or in a unit below one."""
    return _not_assigned_to(_ids(seat.unit_path))


def _no_first_key(actor: Actor) -> Condition:
    """回避 (a): whoever answered, in any round, under any post; of a joined appeal also its
    master."""
    master = aliased(Appeal)

    def answered(number: Any, *of: Condition) -> Condition:
        return exists(
            select(literal(1)).where(
                *of,
                Entry.stream == literal("appeal/") + number,
                Entry.verb.in_(sorted(FIRST_KEY)),
                Entry.actor_kind == "person",
                # Not by the index of persons: one who calls back all day has thousands of entries.
                Entry.actor_id + 0 == actor.id,
            )
        )

    its_master = master.id == Appeal.handled_with_id
    return and_(~answered(Appeal.number), ~_and_with(answered(master.number, its_master)))


_DUTIES = {
    "to_sign": unit_sight.TO_SIGN,
    "at_unit": unit_sight.AT_UNIT,
    "in_hand": unit_sight.IN_HAND,
    "sent_back": unit_sight.SENT_BACK,
    "to_sign_off": unit_sight.TO_SIGN_OFF,
}

_TURNS: dict[str, Callable[[Filters, Actor, datetime], Condition]] = {
    "recurred": _recurred,
    "unendorsed": _unendorsed,
    "to_rule": _to_rule,
    "to_approve": _to_approve,
    "rule_below": _rule_below,
    "reports_owed": _reports_owed,
    "on_behalf": _on_behalf,
    "hold_due": _hold_due,
    "follow_up": _follow_up,
    "coordination": _coordination,
    "duty": _duty,
    "to_supplement": _to_supplement,
    "to_call": _to_call,
    "to_tell": _to_tell,
    "served": _served,
    "to_close": _to_close,
    "others_close": _others_close,
    "to_uphold": _to_uphold,
    "instructed": _instructed,
    "to_reply": _to_reply,
    "replies_due": _replies_due,
}
