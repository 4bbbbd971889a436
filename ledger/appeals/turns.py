"""Whose turn it is, as SQL: the conditions behind the lists of 我的待办.

They narrow what visible_to lets through and never widen it. What they promise agrees with the
table of acts: what stands under 待我回访 or 待我销号 may be called back or closed by who reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, or_, select
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import config
from ..deadlines.queries import caps_in_force
from ..firms.queries import served_by
from ..people.actor import Actor, Seat
from ..trail.models import Entry
from .filters import Filters
from .lifecycle import FIRST_KEY, OPEN_ASSIGNMENT
from .models import Appeal, Assignment
from .sight import sight_of

Condition = ColumnElement[bool]

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
"""Compared with instead of IS NOT NULL, which SQLite does not look up in an index."""

IN_HAND = tuple(sorted(OPEN_ASSIGNMENT - {"offered"}))


def turn(filters: Filters, actor: Actor, at: datetime) -> list[Condition]:
    """What the filters' view asks; nothing where they name none."""
    if not filters.view:
        return []
    return [_TURNS[filters.view](filters, actor, at)]


# -- the office --------------------------------------------------------------------------------


def _office_turn(_filters: Filters, _actor: Actor, at: datetime) -> Condition:
    """What waits for the office itself, and what a unit is late with."""
    waiting = Appeal.state.in_(("registered", "accepted", "answered", "reviewed", "confirmed"))
    return and_(
        Appeal.is_open.is_(True), or_(waiting, and_(Appeal.state != "held", Appeal.due_at < at))
    )


def _recurred(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    # A list of ids: they are few, and SQLite would else walk the closed ones in their order.
    again = aliased(Appeal)
    return and_(
        Appeal.state == "closed",
        Appeal.id.in_(select(again.id).where(again.recurred_at > LONG_AGO)),
    )


def _unendorsed(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return and_(Appeal.is_open.is_(True), Appeal.duty_unendorsed.is_(True))


def _duty(_filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return and_(
        Appeal.is_open.is_(True),
        Appeal.urgency == "critical",
        Appeal.state.in_(("registered", "accepted")),
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
        found.append(~_assigned_to(_ids(actor.home_unit_path)))
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


def _assigned_to(unit_ids: list[int]) -> Condition:
    """Holds or held by one of these units, otherwise than by an upheld return."""
    given = aliased(Assignment)
    return exists(
        select(literal(1)).where(
            given.appeal_id == Appeal.id,
            given.unit_id.in_(unit_ids),
            given.release_reason != "return_upheld",
        )
    )


def _not_barred(seat: Seat) -> Condition:
    """回避 (b): a post in a handling unit, or in a unit below one."""
    return ~_assigned_to(_ids(seat.unit_path))


def _no_first_key(actor: Actor) -> Condition:
    """回避 (a): whoever answered, in any round, under any post."""
    return ~exists(
        select(literal(1)).where(
            Entry.stream == literal("appeal/") + Appeal.number,
            Entry.verb.in_(sorted(FIRST_KEY)),
            Entry.actor_kind == "person",
            # Not by the index of persons: one who calls back all day has thousands of entries.
            Entry.actor_id + 0 == actor.id,
        )
    )


# -- a unit ------------------------------------------------------------------------------------


def _at_unit(filters: Filters, *states: str) -> Condition:
    given = select(Assignment.appeal_id).where(
        Assignment.unit_id == filters.unit_id, Assignment.state.in_(states)
    )
    return and_(Appeal.state.in_(("assigned", "held")), Appeal.id.in_(given))


def _to_sign(filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return _at_unit(filters, "offered")


def _open_at_unit(filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return _at_unit(filters, *sorted(OPEN_ASSIGNMENT))


def _in_hand(filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    return _at_unit(filters, *IN_HAND)


def _sent_back(filters: Filters, _actor: Actor, _at: datetime) -> Condition:
    given = select(Assignment.appeal_id).where(
        Assignment.unit_id == filters.unit_id,
        Assignment.state.in_(IN_HAND),
        Assignment.sent_back_at > LONG_AGO,
    )
    return and_(Appeal.state.in_(("assigned", "held")), Appeal.id.in_(given))


_TURNS: dict[str, Callable[[Filters, Actor, datetime], Condition]] = {
    "office_turn": _office_turn,
    "recurred": _recurred,
    "unendorsed": _unendorsed,
    "duty": _duty,
    "to_supplement": _to_supplement,
    "to_call": _to_call,
    "to_tell": _to_tell,
    "served": _served,
    "to_close": _to_close,
    "others_close": _others_close,
    "to_uphold": _to_uphold,
    "to_sign": _to_sign,
    "at_unit": _open_at_unit,
    "in_hand": _in_hand,
    "sent_back": _sent_back,
}
