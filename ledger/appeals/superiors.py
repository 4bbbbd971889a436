"""The offices above one another: who has a matter put before him, and who gets it back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ..people.directory import UnitRow, directory
from ..people.queries import staffed_units
from ..people.regions import covers, significant


def superior_office(office_id: int, day: date) -> UnitRow | None:
    """The nearest office of a region above, if somebody there takes matters in today."""
    return directory().keep(("superior", office_id, day), lambda: _superior(office_id, day))


def _superior(office_id: int, day: date) -> UnitRow | None:
    book = directory()
    own = book.units[office_id].region_code
    staffed = staffed_units(day, ("coordinator",))
    above = [
        office
        for office in book.offices
        if office.active
        and office.id in staffed
        and office.region_code != own
        and covers(office.region_code, own)
    ]
    return max(above, key=_depth, default=None)


def next_below(office_id: int, former: Iterable[int]) -> int | None:
    """Of an appeal's former owners, the highest below an office: who put it before that one."""
    units = directory().units
    own = units[office_id].region_code
    below = [
        units[one]
        for one in former
        if units[one].region_code != own and covers(own, units[one].region_code)
    ]
    found = min(below, key=_depth, default=None)
    return None if found is None else found.id


def _depth(office: UnitRow) -> int:
    """How far down its region lies; of equals the elder comes first."""
    return len(significant(office.region_code))
