"""Which units a unit may pass an assignment on to: its own sub-units (转办、层层交办)."""

from __future__ import annotations

from ..people.directory import UnitRow, directory


def sub_units(unit_id: int, owner_id: int) -> tuple[UnitRow, ...]:
    """Those below the unit in the tree; of a region's office, those of its region. Never the
    office that owns the appeal, `owner_id`, nor what is disabled."""
    return directory().keep(
        ("sub units", unit_id, owner_id),
        lambda: tuple(
            unit for unit in _below(unit_id) if unit.active and unit.id not in (unit_id, owner_id)
        ),
    )


def _below(unit_id: int) -> list[UnitRow]:
    book = directory()
    own = book.units[unit_id]
    if not own.is_office:
        return [unit for unit in book.units.values() if unit.path.startswith(own.path)]
    # An office hangs beside those it coordinates: its region is what lies below it.
    return [
        unit
        for unit in book.within([own.region_code])
        if not own.path.startswith(unit.path)
        and not (unit.is_office and unit.region_code == own.region_code)
    ]
