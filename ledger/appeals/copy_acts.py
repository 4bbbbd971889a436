"""抄送 on an appeal's page: whom it can be copied to, and how it is told. Rows of the table stand
in acts.py."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ..config import SHANGHAI
from ..people import queries as people
from ..people.directory import directory
from ..people.regions import covers
from ..web import LongText, Several
from . import lifecycle
from .act_forms import ActForm
from .copying import Readers
from .record import Invalid
from .show_queries import names_of_persons
from .unit_choices import units_offered

if TYPE_CHECKING:
    from .acts import Doing, Drawing
    from .leaf import Leaf

UNIT, LEADER = "u", "p"
"""What a reader's value begins with, before the id."""


class CopyForm(ActForm):
    reader_ids = Several("抄送单位、领导", required=True, help="只供查阅，不承担办理")
    words = LongText("抄送说明", 2000, rows=2)


class UncopyForm(ActForm):
    copy_ids = Several("取消哪些抄送", required=True)
    reason = LongText("理由", 2000, rows=2, required=True)


# -- whom --------------------------------------------------------------------------------------


def offer_readers(form: Any, drawing: Drawing) -> None:
    """Leaders and units, but for those who have it already."""
    day = drawing.at.astimezone(SHANGHAI).date()
    region = directory().units[drawing.appeal.office_id].region_code
    has = {_value(copy) for copy in _standing(drawing)}
    units = [row for rows in units_offered(region, day).values() for row in rows]
    form.reader_ids.choices = {
        "领导": [row for row in _leaders(region, day) if row[0] not in has],
        "单位": [(f"{UNIT}{key}", name) for key, name in units if f"{UNIT}{key}" not in has],
    }


def offer_readers_along(form: Any, drawing: Drawing) -> None:
    """On a form of handing out, for whoever may copy it."""
    if may_copy(drawing):
        offer_readers(form, drawing)
    elif not form.reader_ids.raw_data:
        del form.reader_ids


def may_copy(drawing: Drawing) -> bool:
    facts = drawing.appeal.facts(drawing.at, drawing.actor)
    return bool(lifecycle.may("copy", facts, drawing.actor))


def on_readers(drawing: Drawing) -> tuple[Any, ...]:
    day = drawing.at.astimezone(SHANGHAI).date()
    has = tuple(_value(copy) for copy in _standing(drawing))
    return (drawing.appeal.office_id, day, may_copy(drawing), has)


def _standing(drawing: Drawing) -> list[Any]:
    if not drawing.appeal.copied:
        return []
    return [copy for copy in drawing.appeal.copies if getattr(copy, "ended_at", None) is None]


def _value(copy: Any) -> str:
    return f"{UNIT}{copy.unit_id}" if copy.unit_id is not None else f"{LEADER}{copy.person_id}"


def _leaders(region: str, day: date) -> list[tuple[str, str]]:
    """Persons with a leader's post over that region or in it."""
    return directory().keep(("leaders", region, day), lambda: _leaders_of(region, day))


def _leaders_of(region: str, day: date) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    units = directory().units
    for post in people.posts_in_force(day):
        unit = units[post.unit_id]
        near = covers(unit.region_code, region) or covers(region, unit.region_code)
        if post.role == "manager" and near:
            found.setdefault(f"{LEADER}{post.person_id}", f"{post.person.name}（{unit.label}）")
    return list(found.items())


def readers_of(form: Any) -> Readers:
    """Those that were ticked."""
    ticked = form.reader_ids.data if "reader_ids" in form else ()
    unit_ids = [int(one[1:]) for one in ticked if one.startswith(UNIT)]
    persons = [people.person(int(one[1:])) for one in ticked if one.startswith(LEADER)]
    units = list(people.units_by_id(unit_ids))
    leaders = [one for one in persons if one is not None]
    if len(units) + len(leaders) < len(ticked):
        raise Invalid("reader_ids", "有的单位或人员已不存在，请重新选择")
    return Readers(units, leaders)


def offer_copies(form: Any, drawing: Drawing) -> None:
    names = _names(_standing(drawing))
    form.copy_ids.choices = {"已抄送": [(str(key), name) for key, name in names.items()]}


def on_copies(drawing: Drawing) -> tuple[Any, ...]:
    return tuple(copy.id for copy in _standing(drawing))


def told(appeal: Leaf) -> str:
    """工信局、马县长: to whom it is copied."""
    return "、".join(_names(appeal.copies).values()) if appeal.copied else ""


def _names(copies: Any) -> dict[int, str]:
    units = directory().units
    persons = names_of_persons([copy.person_id for copy in copies])
    return {
        copy.id: units[copy.unit_id].name
        if copy.unit_id is not None
        else persons.get(copy.person_id, "")
        for copy in copies
    }


# -- what they do ------------------------------------------------------------------------------


def copy(do: Doing) -> None:
    do.appeal.copy(readers_of(do.form), note=do.form.words.data or "", **do.hand_seen)


def uncopy(do: Doing) -> None:
    chosen = [int(one) for one in do.form.copy_ids.data]
    do.appeal.uncopy(chosen, do.form.reason.data, **do.hand_seen)
