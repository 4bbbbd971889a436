"""Who takes files in. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..people.actor import Actor, Seat

IMPORTERS = ("coordinator", "operator")
WATCHERS = (*IMPORTERS, "supervisor", "manager")
CARRIERS = ("coordinator",)
"""Who may take an old ledger over (lifecycle, carry over)."""


def importing_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` may import orders; None where he may not."""
    return _office_seat(actor, IMPORTERS)


def carrying_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` may take an old ledger over; None where he may not."""
    return _office_seat(actor, CARRIERS)


def reconciling_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` lays a hotline's list beside ours; None where he may
    not."""
    return _office_seat(actor, IMPORTERS)


def watching_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` reads how fast orders were handed off; None where he
    may not."""
    return _office_seat(actor, WATCHERS)


def _office_seat(actor: Actor, roles: tuple[str, ...]) -> Seat | None:
    return next((seat for seat in actor.seats_as(*roles) if seat.is_office), None)


OFFICE = ("coordinator", "duty_officer", "operator", "closer", "manager", "supervisor")
"""Who reads the roster of their office, and what was handed over there."""
HANDING = ("coordinator", "duty_officer", "operator")
"""Who keep the desk of an office in turn, and so hand over to one another."""


def rosters_kept(actor: Actor, offices: Iterable[int]) -> frozenset[int]:
    """Of these offices, those whose roster `actor` may change: his own as its coordinator; every
    one's as a system administrator."""
    if "system_admin" in actor.roles:
        return frozenset(offices)
    return offices_of(actor, ("coordinator",)) & frozenset(offices)


def offices_of(actor: Actor, roles: tuple[str, ...] = OFFICE) -> frozenset[int]:
    """The offices in which he holds one of these posts."""
    return frozenset(seat.unit_id for seat in actor.seats_as(*roles) if seat.is_office)
