"""Which units a form of handing out offers, and which of them a category usually means."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import CategoryFacts, catalogue
from ..config import SHANGHAI
from ..people import queries as people
from ..people.directory import directory
from . import lifecycle

if TYPE_CHECKING:
    from .acts import Drawing


def offer_units(form: Any, drawing: Drawing) -> None:
    region = directory().units[drawing.appeal.office_id].region_code
    offered = offered_in(region, drawing.at)
    for name in ("unit_id", "assist_ids"):
        if name in form:
            form[name].choices = offered


def offered_in(region: str, at: datetime) -> dict[str, list[tuple[str, str]]]:
    """Whom the office of that region may hand an appeal to."""
    day = at.astimezone(SHANGHAI).date()
    return directory().keep(("units offered", region, day), lambda: _units_offered(region, day))


def _units_offered(region: str, day: date) -> dict[str, list[tuple[str, str]]]:
    """Those of the owner's region that handle, who has somebody to sign first."""
    handles = lifecycle.BY_CODE["sign_for"]
    roles = {who.role for who in handles.by}
    staffed = people.staffed_units(day, roles)
    ready: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for unit in directory().within([region], active_only=True):
        if unit.is_office and unit.region_code == region:
            continue
        row = (str(unit.id), unit.name)
        (ready if unit.id in staffed else others).append(row)
    return {"有经办人的单位": ready, "其他单位（尚无经办人）": others}


def usual_lead(drawing: Drawing) -> str:
    """The id of the unit that usually leads in the chosen category, '' for none."""
    found = _category(drawing)
    return str(found.default_lead_id or "") if found else ""


def usual_assists(drawing: Drawing) -> list[str]:
    """The ids of the units that usually assist in the chosen category."""
    found = _category(drawing)
    return [str(one) for one in found.assist_ids] if found else []


def _category(drawing: Drawing) -> CategoryFacts | None:
    named = drawing.chosen.get("category_id", "")
    wanted = int(named) if named.isdecimal() and len(named) < 18 else drawing.appeal.category_id
    return catalogue().categories.get(wanted or 0)


def prefill_unit(form: Any, drawing: Drawing) -> None:
    """The category's usual lead and assists; without them, whoever is chosen already. What runs
    on already is not handed out again."""
    offered = {str(choice.value) for choice in form.unit_id.iter_choices()}
    leads = (usual_lead(drawing), drawing.chosen.get("unit_id", ""))
    form.unit_id.data = next((lead for lead in leads if lead in offered), "")
    assists = usual_assists(drawing) or getattr(drawing.chosen, "getlist", _none)("assist_ids")
    out = {form.unit_id.data, *(str(a.unit_id) for a in drawing.appeal.assists if a.is_open)}
    form.assist_ids.data = [one for one in assists if one in offered and one not in out]


def _none(_name: str) -> list[str]:
    return []


def on_units(drawing: Drawing) -> tuple[Any, ...]:
    appeal = drawing.appeal
    day = drawing.at.astimezone(SHANGHAI).date()
    running = tuple(a.unit_id for a in appeal.assists if a.is_open)
    return (appeal.category_id, appeal.office_id, day, running)
