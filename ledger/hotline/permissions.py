"""Who takes files in. Pure."""

from __future__ import annotations

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
