"""转办 on an appeal's page: to whom it is passed on, and what is done to it there. Rows of the
table stand in acts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..deadlines import clocks
from ..deadlines.calendar import end_of, last_day
from ..people import queries as people
from ..people.directory import directory
from . import asked, assist_acts, lifecycle
from .assist_acts import hand, hands, named_units, offer_hand, on_hand
from .lifecycle import ASSIGNMENT_STATES
from .sub_units import sub_units

if TYPE_CHECKING:
    from .acts import Doing, Draw, Drawing

KINDS = {"rule_child_return": "return", "rule_child_extension": "extension"}


# -- to whom -----------------------------------------------------------------------------------


def offer_sub_units(form: Any, drawing: Drawing) -> None:
    """The own sub-units that do not have it yet, those with somebody to sign first."""
    offer_hand("pass_on")(form, drawing)
    staffed = people.staffed_units(
        drawing.at.astimezone(SHANGHAI).date(), lifecycle.BY_CODE["sign_for"].roles
    )
    ready: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    # What was sent stays, also where another was quicker: the verb says so.
    for unit_id, name in _free(drawing, busy_too=bool(form.sub_unit_ids.raw_data)):
        (ready if unit_id in staffed else others).append((str(unit_id), name))
    form.sub_unit_ids.choices = {"有经办人的单位": ready, "其他单位（尚无经办人）": others}


def _free(drawing: Drawing, *, busy_too: bool = False) -> list[tuple[int, str]]:
    appeal = drawing.appeal
    busy = {given.unit_id for given in appeal.assignments if given.is_open and not busy_too}
    found = {
        unit.id: unit.name
        for mine in hands("pass_on", drawing)
        for unit in sub_units(mine.unit_id, appeal.office_id)
        if unit.id not in busy
    }
    return list(found.items())


def on_sub_units(drawing: Drawing) -> tuple[Any, ...]:
    day = drawing.at.astimezone(SHANGHAI).date()
    return (day, *(unit_id for unit_id, _ in _free(drawing)), *on_hand("pass_on")(drawing))


def limit_of_children(drawing: Drawing) -> Sequence[str]:
    """Inside which time it can be passed on."""
    appeal: Any = drawing.appeal
    found = []
    for mine in hands("pass_on", drawing):
        clock = appeal.own_clock(mine)
        if clock is not None:
            unit = directory().units[mine.unit_id].name
            found.append(f"{unit}的时限为{clocks.shown_end(clock.due_at)}，下级的时限不能晚于此。")
    return found


# -- what was passed on ------------------------------------------------------------------------


def offer_children_of(verb: str) -> Draw:
    """Those that this actor may do it to; where there is one alone it is chosen."""

    def offer(form: Any, drawing: Drawing) -> None:
        found = _open_to(verb, drawing)
        if form.assignment_id.raw_data:
            # What was sent stays: the verb says what became of it.
            found = [a for a in drawing.appeal.assignments if a.part == "child"]
        form.assignment_id.choices = {
            str(a.id): f"{directory().units[a.unit_id].name}（{ASSIGNMENT_STATES[a.state]}）"
            for a in found
        }

    return offer


def _open_to(verb: str, drawing: Drawing) -> list[Any]:
    facts = drawing.appeal.facts(drawing.at, drawing.actor)
    return [
        a
        for a in drawing.appeal.assignments
        if a.part == "child" and lifecycle.may(verb, facts, drawing.actor, a.id)
    ]


def on_children_of(verb: str) -> Any:
    def depends(drawing: Drawing) -> tuple[Any, ...]:
        return tuple((a.id, a.state) for a in _open_to(verb, drawing))

    return depends


def about_rulings(verb: str) -> Any:
    """What each of them asks."""

    def about(drawing: Drawing) -> Sequence[str]:
        kind = KINDS[verb]
        rows = [drawing.appeal.request_below(kind, a) for a in _open_to(verb, drawing)]
        return asked.about_below(drawing, [row for row in rows if row is not None])

    return about


def on_proposed(drawing: Drawing) -> tuple[Any, ...]:
    verb = "rule_child_extension"
    rows = [drawing.appeal.request_below("extension", a) for a in _open_to(verb, drawing)]
    proposed = tuple(row.proposed_at for row in rows if row is not None)
    return (proposed, *on_children_of(verb)(drawing))


def prefill_extension(form: Any, drawing: Drawing) -> None:
    found = _open_to("rule_child_extension", drawing)
    if len(found) == 1:
        form.assignment_id.data = str(found[0].id)
        row = drawing.appeal.request_below("extension", found[0])
        if row is not None:
            form.until.data = last_day(row.proposed_at)


# -- what they answered ------------------------------------------------------------------------


def answers_below(drawing: Drawing) -> list[Any]:
    """What the sub-units answered to the assignment that is being answered for."""
    mine = [a.id for a in hands("answer", drawing)]
    return [
        a
        for a in drawing.appeal.assignments
        if a.parent_id is not None and a.parent_id in mine and a.state == "answered"
    ]


def tell_answers(drawing: Drawing) -> Sequence[str]:
    """Above the form of one's own answer."""
    book = catalogue()
    said = []
    for one in answers_below(drawing):
        unit = directory().units[one.unit_id].name
        reply = f"建议答复：{one.public_reply}" if one.public_reply else ""
        result = f"（{book.outcome_name(one.outcome)}）" if one.outcome else ""
        said.append(f"{unit}已反馈{result}：{one.account}\n{reply}".strip())
    return said


def prefill_from_below(form: Any, given: Any, drawing: Drawing) -> None:
    """An answer that is not begun yet starts from what the sub-units answered."""
    if given.account or given.answered_at is not None:
        return
    below = [a for a in answers_below(drawing) if a.parent_id == given.id]
    if not below:
        return
    units = directory().units
    form.account.data = "\n".join(f"{units[a.unit_id].name}：{a.account}" for a in below)
    form.evidence.data = "\n".join(
        f"{units[a.unit_id].name}：{a.evidence}" for a in below if a.evidence
    )
    if len(below) == 1:
        form.outcome.data = below[0].outcome
        form.public_reply.data = below[0].public_reply


def prefill_answer(form: Any, drawing: Drawing) -> None:
    assist_acts.prefill_answer(form, drawing)
    mine = assist_acts.hand_of("answer", drawing)
    if mine is not None:
        prefill_from_below(form, mine, drawing)


def on_answer(drawing: Drawing) -> tuple[Any, ...] | None:
    return None if answers_below(drawing) else assist_acts.on_answer(drawing)


# -- what they do ------------------------------------------------------------------------------


def pass_on(do: Doing) -> None:
    form = do.form
    do.appeal.pass_on(
        named_units(form.sub_unit_ids),
        letter_number=form.letter_number.data or "",
        note=form.words.data or "",
        due_at=form.due_at.data,
        rhythm=form.rhythm.data,
        hand=hand(form),
        **do.hand_seen,
    )


def waive_child(do: Doing) -> None:
    do.appeal.waive_child(int(do.form.assignment_id.data), do.form.reason.data, **do.hand_seen)


def release_child(do: Doing) -> None:
    do.appeal.release_child(int(do.form.assignment_id.data), do.form.reason.data, **do.hand_seen)


def send_back_child(do: Doing) -> None:
    do.appeal.send_back_child(int(do.form.assignment_id.data), do.form.reason.data, **do.hand_seen)


def rule_child_return(do: Doing) -> None:
    form = do.form
    do.appeal.rule_child_return(
        int(form.assignment_id.data),
        form.granted.data == "granted",
        form.ruling.data or "",
        **do.hand_seen,
    )


def rule_child_extension(do: Doing) -> None:
    form = do.form
    do.appeal.rule_child_extension(
        int(form.assignment_id.data),
        form.granted.data == "granted",
        form.ruling.data or "",
        until=end_of(form.until.data) if form.until.data else None,
        **do.hand_seen,
    )
