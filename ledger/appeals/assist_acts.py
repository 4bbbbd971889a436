"""The acts of several units on an appeal's page: for which assignment somebody acts, what is done
to an assist, and the units that are named. Rows of the table stand in acts.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..people import queries as people
from ..people.directory import directory
from ..people.models import Unit
from . import lifecycle, outcomes
from .lifecycle import ASSIGNMENT_STATES
from .record import Invalid

if TYPE_CHECKING:
    from .acts import Doing, Draw, Drawing

PARTS = {"lead": "主办", "assist": "协办", "child": "转办"}


# -- for which assignment ----------------------------------------------------------------------


def offer_hand(verb: str) -> Draw:
    """The choice of an assignment, for whoever has several in hand; of no use to anybody else.

    What was sent stays, also where it is no longer open: the verb says so.
    """

    def offer(form: Any, drawing: Drawing) -> None:
        sent = bool(form.hand.raw_data)
        mine = hands(verb, drawing)
        if len(mine) < 2 and not sent:
            del form.hand
            return
        if sent:
            units = {seat.unit_id for seat in drawing.actor.seats}
            mine = [a for a in drawing.appeal.assignments if a.unit_id in units]
        form.hand.choices = {str(a.id): named(a) for a in mine}

    return offer


def hands(verb: str, drawing: Drawing) -> list[Any]:
    """The assignments on which this actor may do it now, the likeliest first."""
    appeal, actor = drawing.appeal, drawing.actor
    rows = {a.id: a for a in appeal.assignments}
    return [rows[i] for i in lifecycle.hands(verb, drawing.facts, actor)]


def on_hand(verb: str) -> Any:
    """What a form with such a choice depends on."""

    def depends(drawing: Drawing) -> tuple[Any, ...]:
        mine = hands(verb, drawing)
        return tuple((a.id, a.unit_id, a.part) for a in mine) if len(mine) > 1 else ()

    return depends


def hand_of(verb: str, drawing: Drawing) -> Any:
    """The assignment that a form is drawn for: the one chosen, else the likeliest, if any."""
    mine = hands(verb, drawing)
    chosen = drawing.chosen.get("hand", "")
    return next((a for a in mine if str(a.id) == chosen), mine[0] if mine else None)


def hand(form: Any) -> int | None:
    """The assignment that was chosen on a form that was sent."""
    return int(form.hand.data) if "hand" in form and form.hand.data else None


def named(given: Any) -> str:
    unit = directory().units[given.unit_id]
    return f"{unit.name}（{PARTS.get(given.part, given.part)}）"


def offer_answer(form: Any, drawing: Drawing) -> None:
    """What an assist says goes to the lead, who tells the firm: an account alone."""
    offer_hand("answer")(form, drawing)
    form.outcome.choices = dict(catalogue().outcome_choices())
    fit_answer(form, {str(given.id): given.part for given in hands("answer", drawing)})


def fit_answer(form: Any, mine: Mapping[str, str]) -> None:
    """An assist, or a sub-unit, has an account to give: the rest is for whoever leads. `mine`:
    the part of each assignment that may be answered."""
    chosen = form.hand.data if "hand" in form else ""
    parts = {mine[chosen]} if chosen in mine else set(mine.values())
    if not parts - {"lead"}:
        return
    for field in (form.outcome, form.public_reply):
        field.validators = ()
        field.flags.required = None
    if "lead" in parts:
        return
    form.assists = True
    if "lead" not in mine.values():
        form.leave_to_lead()
        above = "主办单位" if set(mine.values()) == {"assist"} else "转办单位"
        reply = form.public_reply
        reply.label.text, reply.description = "建议答复", f"供{above}答复企业时采用，可不填"
        form.account.description = f"供{above}和办公室参考，不对企业公开"


def prefill_answer(form: Any, drawing: Drawing) -> None:
    """What was sent back is mended, not written anew."""
    mine = hand_of("answer", drawing)
    if mine is not None:
        fill_answer(form, mine)
        if "hand" in form:
            form.hand.data = drawing.chosen.get("hand", "")


def fill_answer(form: Any, given: Any) -> None:
    if "outcome" in form:
        form.outcome.data = given.outcome
    form.fill(outcomes.read(given.particulars))
    form.account.data = given.account
    form.public_reply.data = given.public_reply
    form.evidence.data = given.evidence


def on_answer(drawing: Drawing) -> tuple[Any, ...] | None:
    mine = hand_of("answer", drawing)
    if mine is not None and (mine.answered_at is not None or mine.account):
        return None
    part = "" if mine is None else mine.part
    return (part, *on_hand("answer")(drawing))


# -- assists -----------------------------------------------------------------------------------


def offer_assists_of(verb: str) -> Draw:
    """The assists to which it can be done; where there is one alone it is chosen."""

    def offer(form: Any, drawing: Drawing) -> None:
        assists: list[Any] = list(drawing.appeal.assists)
        if not form.assignment_id.raw_data:
            assists = [a for a in assists if a.state in lifecycle.BY_CODE[verb].assignment]
        form.assignment_id.choices = {
            str(a.id): f"{directory().units[a.unit_id].name}（{ASSIGNMENT_STATES[a.state]}）"
            for a in assists
        }

    return offer


def prefill_assist(form: Any, _drawing: Drawing) -> None:
    values = [str(choice.value) for choice in form.assignment_id.iter_choices()]
    form.assignment_id.data = values[0] if len(values) == 1 else ""


def on_assists(drawing: Drawing) -> tuple[Any, ...]:
    return tuple((a.id, a.state) for a in drawing.appeal.assists)


def on_clocks(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.appeal.state, *on_assists(drawing))


MAIN = "main"
"""Stands for the clock of the appeal itself, beside its assists'."""


def offer_clocks(form: Any, drawing: Drawing) -> None:
    """Whose due time is set, where assists have theirs."""
    appeal = drawing.appeal
    assists = [a for a in appeal.assists if a.is_open and appeal.state != "held"]
    if not assists and not form.assignment_id.raw_data:
        del form.assignment_id
        return
    form.assignment_id.choices = {
        MAIN: "主办" if appeal.state == "assigned" else "本件",
        **{str(a.id): f"{directory().units[a.unit_id].name}（协办）" for a in appeal.assists},
    }


def prefill_clock(form: Any, _drawing: Drawing) -> None:
    if "assignment_id" in form:
        form.assignment_id.data = MAIN


def clock_of(form: Any) -> int | None:
    """The assist whose due time is meant; None for the appeal's own."""
    chosen = form.assignment_id.data if "assignment_id" in form else ""
    return int(chosen) if chosen and chosen != MAIN else None


def offer_recall(form: Any, drawing: Drawing) -> None:
    form.reason_code.choices = dict(catalogue().reason_choices("recall"))
    if not any(a.is_open for a in drawing.appeal.assists):
        del form.release_assists


# -- units -------------------------------------------------------------------------------------


def units_of(form: Any) -> Sequence[Unit]:
    """The assists that were ticked."""
    return named_units(form.assist_ids)


def named_units(field: Any) -> Sequence[Unit]:
    found = [people.unit(int(one)) for one in field.data]
    units = [unit for unit in found if unit is not None]
    if len(units) < len(found):
        raise Invalid(field.short_name, "有的单位已不存在，请重新选择")
    return units


# -- what they do ------------------------------------------------------------------------------


def add_assist(do: Doing) -> None:
    form = do.form
    do.appeal.add_assist(
        units_of(form),
        form.reason.data,
        letter_number=form.letter_number.data or "",
        note=form.words.data or "",
        due_at=form.assist_due_at.data,
        rhythm=form.rhythm.data,
        **do.hand_seen,
    )


def release_assist(do: Doing) -> None:
    form = do.form
    do.appeal.release_assist(int(form.assignment_id.data), form.reason.data, **do.hand_seen)


def waive(do: Doing) -> None:
    form = do.form
    do.appeal.waive(int(form.assignment_id.data), form.reason.data, **do.hand_seen)


def send_back_assist(do: Doing) -> None:
    form = do.form
    do.appeal.send_back_assist(int(form.assignment_id.data), form.reason.data, **do.hand_seen)


def recall(do: Doing) -> None:
    form = do.form
    ticked = "release_assists" in form and bool(form.release_assists.data)
    code = form.reason_code.data
    do.appeal.recall(form.reason.data, reason_code=code, release_assists=ticked, **do.hand_seen)
