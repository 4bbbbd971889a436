"""Who acts: a person with the seats his posts give him today, or the system, a client, a firm.

Pure. A person with several posts need not choose: the table of acts finds the first seat that
may do what he asks, and the entry records that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from .regions import covers


@dataclass(frozen=True)
class Seat:
    """One post as it counts today: a role in a unit."""

    role: str
    unit_id: int
    unit_path: str
    unit_name: str
    region_code: str
    is_office: bool
    on_duty: bool = True
    """For a duty officer: on the roster now, or no roster is kept."""

    def covers(self, region_code: str) -> bool:
        """Whether a region lies in this seat's jurisdiction."""
        return covers(self.region_code, region_code)

    def within(self, unit_path: str) -> bool:
        """Whether this seat's unit is, or lies below, the unit with that path."""
        return self.unit_path.startswith(unit_path)


@dataclass(frozen=True)
class Actor:
    """Whoever a verb is done by. `id` is a person's or client's row; None for the system."""

    kind: str
    id: int | None
    name: str
    seats: tuple[Seat, ...] = ()
    home_unit_id: int | None = None
    home_unit_path: str = ""
    source_system: str = ""
    """Of a client: the hotline that speaks through it."""

    @cached_property
    def roles(self) -> frozenset[str]:
        return frozenset(seat.role for seat in self.seats)

    def seats_as(self, *roles: str) -> tuple[Seat, ...]:
        return tuple(seat for seat in self.seats if seat.role in roles)


def system(name: str = "系统") -> Actor:
    """The ledger's own hand: sweeps, and imports by command."""
    return Actor(kind="system", id=None, name=name)
