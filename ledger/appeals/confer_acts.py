"""The acts of conferences, and of what is put before the leaders, on an appeal's page. Rows of the
table stand in acts.py."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..deadlines.calendar import local_day
from ..people.directory import directory
from . import beyond, unit_choices
from .confer_forms import POINTS
from .conferring import Agreed, Held, next_number, treated_with
from .record import Invalid, Refused

if TYPE_CHECKING:
    from .acts import Doing, Drawing
    from .models import Appeal

MOST = 50
"""Matters that one conference treats."""

# -- before the leaders ------------------------------------------------------------------------


def ask_coordination(do: Doing) -> None:
    form = do.form
    do.appeal.ask_coordination(
        form.difficulty.data, form.proposal.data, leader=form.leader.data or "", **do.hand_seen
    )


# -- conferences -------------------------------------------------------------------------------


def offer_confer(form: Any, drawing: Drawing) -> None:
    office = directory().units[drawing.appeal.office_id]
    offered = {
        "牵头办公室": [(str(office.id), office.name)],
        **unit_choices.offered_to(office.region_code, drawing.at),
    }
    for place in range(1, POINTS + 1):
        form[f"unit_{place}"].choices = offered


def on_confer(drawing: Drawing) -> tuple[Any, ...]:
    return (drawing.appeal.office_id, local_day(drawing.at))


def others_named(form: Any, appeal: Appeal) -> list[str]:
    """Numbers of the further appeals that the conference treated."""
    typed = re.split(r"[\s,，、;；]+", form.others.data or "")
    found = [number for number in dict.fromkeys(typed) if number not in ("", appeal.number)]
    if len(found) >= MOST:
        raise Invalid("others", f"一次会商最多研究{MOST}件诉求，请分开登记")
    return found


def _points(form: Any) -> list[Agreed]:
    found = []
    for place in range(1, POINTS + 1):
        words, unit, until = (form[f"{name}_{place}"].data for name in ("agreed", "unit", "until"))
        if words:
            name = directory().units[int(unit)].name
            found.append(Agreed(words, int(unit), name, until, field=f"until_{place}"))
    return found


def confer(do: Doing) -> None:
    """On each of them, in ascending order of their ids, or on none."""
    form, first = do.form, do.appeal
    further = others_named(form, first)
    for number in further:
        if number not in do.others:
            raise Invalid("others", f"没有编号为“{number[:40]}”的诉求，或您无权查看，请核对编号")
    treated = sorted([first, *(do.others[n] for n in further)], key=lambda one: one.id)
    held = Held(
        held_at=form.held_at.data,
        participants=form.participants.data,
        conclusion=form.conclusion.data,
        mark=f"{first.number}/{(first.version or 0) + 1}",
        venue=form.venue.data or "",
        points=_points(form),
        matters=len(treated),
    )
    for appeal in treated:
        verdict = appeal.may("confer", do.by, do.at)
        if not verdict:
            raise Refused(verdict.status, _of(appeal, first, verdict.reason))
        appeal.check_conference(held, do.at)
    if form.numbered.data:
        held = replace(held, number=next_number(first.office_id, held.held_at))
    for appeal in treated:
        appeal.confer(held, **do.hand)


def _of(appeal: Appeal, first: Appeal, reason: str) -> str:
    return reason if appeal is first else f"{appeal.label}：{reason}"


# -- what was agreed on ------------------------------------------------------------------------


def offer_points(form: Any, drawing: Drawing) -> None:
    rows = [p for p in drawing.appeal.conference_points if p.done_on is None]
    if form.point_id.raw_data:
        rows = list(drawing.appeal.conference_points)
    form.point_id.choices = {
        str(p.id): f"{p.agreed}（{beyond.unit_of(p.unit_id)}，{p.due_on}前）" for p in rows
    }
    if all(row.matters == 1 for row in drawing.appeal.conferences):
        del form.all_matters


def prefill_fulfil(form: Any, drawing: Drawing) -> None:
    values = [str(choice.value) for choice in form.point_id.iter_choices()]
    form.point_id.data = values[0] if len(values) == 1 else ""
    form.done_on.data = local_day(drawing.at)


def fulfilled_with(form: Any, appeal: Appeal) -> list[str]:
    """Numbers of the other appeals on which the same point stands."""
    if "all_matters" not in form or not form.all_matters.data or not form.point_id.data:
        return []
    return treated_with(appeal.point(int(form.point_id.data)))


def fulfil(do: Doing) -> None:
    """On each that the conference treated, where it may still be done."""
    form = do.form
    point = do.appeal.point(int(form.point_id.data))
    found = [(do.appeal, point)]
    for number in do.others:
        other = do.others[number]
        same = other.same_point(point)
        if same is not None and other.may("fulfil", do.by, do.at):
            found.append((other, same))
    for appeal, one in sorted(found, key=lambda pair: pair[0].id):
        seen = do.seen if appeal is do.appeal else None
        appeal.fulfil(one.id, form.words.data, form.done_on.data, seen=seen, **do.hand)


# -- joint study -------------------------------------------------------------------------------


def offer_conferences(form: Any, drawing: Drawing) -> None:
    """For the ruling on a return that goes to joint study."""
    if not drawing.appeal.is_joint_study or not drawing.appeal.conference_count:
        del form.conference
        return
    rows = list(drawing.appeal.conferences)[::-1]
    form.conference.choices = {str(row.id): beyond.name_of_row(row) for row in rows}


def on_conferences(drawing: Drawing) -> tuple[Any, ...]:
    if not drawing.appeal.is_joint_study or not drawing.appeal.conference_count:
        return ()
    return tuple(row.id for row in drawing.appeal.conferences)


def conference_of(form: Any) -> int | None:
    chosen = form.conference.data if "conference" in form else ""
    return int(chosen) if chosen else None
