"""代签收、代录 on an appeal's page: for which unit, and what the verbs are handed. The rows of the
table stand in acts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..db import db
from ..deadlines.calendar import end_of
from ..firms import phones
from ..people.acting import actor_of
from ..people.models import Person
from . import assist_acts, lifecycle
from .behalf import Behalf
from .paper_key import PaperKey
from .record import Invalid
from .show_queries import actors_who_may

if TYPE_CHECKING:
    from .acts import Doing, Draw, Drawing


# -- for which unit ----------------------------------------------------------------------------


def hands(verb: str, drawing: Drawing) -> list[Any]:
    """The assignments of offline units on which this actor may do it now, the likeliest first."""
    facts = drawing.appeal.facts(drawing.at, drawing.actor)
    rows = {a.id: a for a in drawing.appeal.assignments}
    return [rows[i] for i in lifecycle.hands(verb, facts, drawing.actor, on_behalf=True)]


def offer_unit(verb: str) -> Draw:
    """The choice of a unit, where there are several. What was sent stays, also where it is no
    longer open or works online: the verb says so."""

    def offer(form: Any, drawing: Drawing) -> None:
        sent = bool(form.hand.raw_data)
        offered = drawing.appeal.assignments if sent else hands(verb, drawing)
        if len(offered) < 2 and not sent:
            del form.hand
            return
        form.hand.choices = {str(a.id): assist_acts.named(a) for a in offered}

    return offer


def offer_reasons(verb: str, kind: str) -> Draw:
    def offer(form: Any, drawing: Drawing) -> None:
        offer_unit(verb)(form, drawing)
        form.reason_code.choices = dict(catalogue().reason_choices(kind))

    return offer


def offer_answer(form: Any, drawing: Drawing) -> None:
    offer_unit("answer")(form, drawing)
    form.outcome.choices = dict(catalogue().outcome_choices())
    assist_acts.fit_answer(form, {str(a.id): a.part for a in hands("answer", drawing)})


def prefill_answer(form: Any, drawing: Drawing) -> None:
    """What was sent back is mended, not written anew."""
    found = hands("answer", drawing)
    if len(found) == 1:
        assist_acts.fill_answer(form, found[0])


def on_units(verb: str) -> Any:
    """What a form for one of several units depends on."""

    def depends(drawing: Drawing) -> tuple[Any, ...]:
        found = hands(verb, drawing)
        return tuple((a.id, a.unit_id, a.part) for a in found) if len(found) > 1 else ()

    return depends


def on_answer(drawing: Drawing) -> tuple[Any, ...] | None:
    found = hands("answer", drawing)
    if any(one.answered_at is not None or one.account for one in found):
        return None
    return (tuple(one.part for one in found), *on_units("answer")(drawing))


def about(verb: str) -> Any:
    """For whom, where nobody is asked."""

    def said(drawing: Drawing) -> Sequence[str]:
        found = hands(verb, drawing)
        if len(found) != 1:
            return ()
        return (f"承办单位：{found[0].unit.name}（线下办理，由办公室代录）。",)

    return said


# -- what they do ------------------------------------------------------------------------------


def _behalf(do: Doing) -> dict[str, Any]:
    """For which assignment and on whose behalf, as the verbs take them."""
    form = do.form
    behalf = Behalf(
        source=form.source.data,
        counterpart=form.counterpart.data or "",
        phone=phones.normalise(form.counterpart_phone.data or ""),
        note=form.behalf_note.data or "",
        files=tuple(do.files()),
    )
    return {"behalf": behalf, "hand": assist_acts.hand(form)}


def sign_for(do: Doing) -> None:
    form = do.form
    do.appeal.sign_for(
        handler_name=form.handler_name.data or "",
        handler_phone=phones.normalise(form.handler_phone.data or "") or None,
        **_behalf(do),
        **do.hand_seen,
    )


def contact(do: Doing) -> None:
    form = do.form
    do.appeal.contact(
        form.way.data,
        form.words.data,
        happened_at=form.happened_at.data,
        **_behalf(do),
        **do.hand,
    )


def progress(do: Doing) -> None:
    form = do.form
    do.appeal.progress(
        form.words.data,
        planned_at=form.planned_at.data,
        happened_at=form.happened_at.data,
        **_behalf(do),
        **do.hand,
    )


def answer(do: Doing) -> None:
    form = do.form
    do.appeal.answer(
        form.outcome.data or "" if "outcome" in form else "",
        form.account.data,
        form.public_reply.data or "",
        evidence=form.evidence.data or "",
        particulars=form.particulars,
        receipt_meant=form.receipt_meant,
        **_behalf(do),
        **do.hand_seen,
    )


def ask_return(do: Doing) -> None:
    form = do.form
    do.appeal.ask_return(form.reason_code.data, form.basis.data, **_behalf(do), **do.hand_seen)


def ask_extension(do: Doing) -> None:
    form = do.form
    do.appeal.ask_extension(
        end_of(form.until.data),
        form.reason_code.data,
        form.basis.data,
        firm_told=bool(form.firm_told.data),
        **_behalf(do),
        **do.hand_seen,
    )


# -- the second key on paper -------------------------------------------------------------------


def offer_approvers(form: Any, drawing: Drawing) -> None:
    """Whoever could close it himself, but for whoever records it."""
    facts = drawing.appeal.facts(drawing.at)
    found = actors_who_may("close", facts, drawing.at)
    form.approver.choices = {
        str(actor.id): f"{actor.name}（{unit}）"
        for actor, unit in found
        if actor.id != drawing.actor.id
    }


def close_on_paper(do: Doing) -> None:
    form = do.form
    person = db.session.get(Person, int(form.approver.data))
    if person is None:
        raise Invalid("approver", "没有这个人，请重新选择")
    paper = PaperKey(actor_of(person, do.at), form.signed_on.data, tuple(do.files()))
    do.appeal.close(note=form.note.data or "", paper=paper, **do.hand_seen)
