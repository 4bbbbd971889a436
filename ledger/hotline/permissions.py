"""Who takes hotlines' files in. Pure."""

from __future__ import annotations

from ..people.actor import Actor, Seat

IMPORTERS = ("coordinator", "operator")


def importing_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` may import; None where he may not."""
    return next((seat for seat in actor.seats_as(*IMPORTERS) if seat.is_office), None)
