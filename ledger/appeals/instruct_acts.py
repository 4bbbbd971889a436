"""批示 and the reply to it, as they are asked for on an appeal's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..config import SHANGHAI
from ..people import queries as people
from ..people.actor import Actor
from ..people.directory import directory
from . import lifecycle, unit_choices
from .instructing import NOT_ADDRESSED
from .instructions import UNIT_READERS
from .record import Invalid
from .show_queries import managers_over

if TYPE_CHECKING:
    from .acts import Doing, Drawing

ON_BEHALF = ("leader_id", "leader_name", "dated_on", "source")


def _is_his_own(drawing: Drawing) -> bool:
    """Whether he instructs as a leader, and does not record another's word."""
    facts = drawing.appeal.facts(drawing.at, drawing.actor)
    seat = lifecycle.may("instruct", facts, drawing.actor).seat
    return seat is not None and seat.role == "manager"


def _leaders(drawing: Drawing) -> dict[str, str]:
    region = directory().units[drawing.appeal.office_id].region_code
    return {str(one.id): one.name for one in managers_over(region, drawing.at)}


def _in_hand(drawing: Drawing) -> list[str]:
    """Units that have it in hand; the office where none has."""
    held = [str(one.unit_id) for one in drawing.appeal.assignments if one.is_open]
    return list(dict.fromkeys(held)) or [str(drawing.appeal.office_id)]


def offer_instruct(form: Any, drawing: Drawing) -> None:
    office = directory().units[drawing.appeal.office_id]
    form.instructed_ids.choices = {
        "牵头办公室": [(str(office.id), office.name)],
        **unit_choices.units_named(drawing),
    }
    if _is_his_own(drawing):
        for name in ON_BEHALF:
            del form[name]
        form.words.description = ""
        form.files.description = ""
    else:
        form.leader_id.choices = _leaders(drawing)


def prefill_instruct(form: Any, drawing: Drawing) -> None:
    offered = {value for some in form.instructed_ids.choices.values() for value, _ in some}
    form.instructed_ids.data = [one for one in _in_hand(drawing) if one in offered]


def on_instruct(drawing: Drawing) -> tuple[Any, ...]:
    day = drawing.at.astimezone(SHANGHAI).date()
    office_id = drawing.appeal.office_id
    return (_is_his_own(drawing), office_id, day, *_in_hand(drawing))


def instruct(do: Doing) -> None:
    form = do.form
    units = people.units_by_id([int(one) for one in form.instructed_ids.data])
    if len(units) < len(form.instructed_ids.data):
        raise Invalid("instructed_ids", "有的单位已不存在，请重新选择")
    said: dict[str, Any] = {}
    if "source" in form:
        chosen = form.leader_id.data
        leader = (int(chosen), dict(form.leader_id.choices)[chosen]) if chosen else (None, "")
        said = {
            "source": form.source.data,
            "leader": leader if chosen else (None, form.leader_name.data or ""),
            "dated_on": form.dated_on.data,
        }
    do.appeal.instruct(
        form.words.data,
        list(units),
        reply_by=form.reply_by.data,
        attachments=do.files(),
        **said,
        **do.hand,
    )


# -- the reply ---------------------------------------------------------------------------------


def _named(appeal: Any, actor: Actor) -> Sequence[Any]:
    """Rows of the units of his that an instruction was put to; what still waits comes first."""
    if not appeal.instructed:
        return ()
    mine = {seat.unit_id for seat in actor.seats_as(*UNIT_READERS)}
    rows = [one for one in appeal.instruction_units if one.unit_id in mine]
    return sorted(rows, key=lambda one: (one.replied_at is not None, one.id))


def not_addressed(appeal: Any, actor: Actor) -> str:
    return "" if _named(appeal, actor) else NOT_ADDRESSED


def offer_named(form: Any, drawing: Drawing) -> None:
    rows = {one.id: one for one in drawing.appeal.instructions}
    units = directory().units
    offered = {}
    for one in _named(drawing.appeal, drawing.actor):
        row = rows[one.instruction_id]
        replied = "，已回复，可补报" if one.replied_at is not None else ""
        offered[str(one.id)] = (
            f"{row.leader_name} {row.dated_on}批示（{units[one.unit_id].label}{replied}）"
        )
    form.named_id.choices = offered


def prefill_named(form: Any, _drawing: Drawing) -> None:
    form.named_id.data = next((str(value) for value, _, _ in form.named_id.options()), "")


def reply(do: Doing) -> None:
    form = do.form
    do.appeal.reply_instruction(
        int(form.named_id.data), form.words.data, attachments=do.files(), **do.hand
    )
