"""The acts of holds, outside records and the superior's office on an appeal's page. Rows of the
table stand in acts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..catalogue.words import DIRECTIONS
from ..config import SHANGHAI
from ..deadlines.calendar import DAY, local_day
from . import assist_acts, beyond
from .act_forms import end_of_day
from .outside import Paper
from .record import Invalid
from .sight import forget_sight
from .superiors import superior_office

if TYPE_CHECKING:
    from ..people.directory import UnitRow
    from .acts import Doing, Drawing

# -- holds -------------------------------------------------------------------------------------


def offer_reasons(form: Any, _drawing: Drawing) -> None:
    form.reason_code.choices = dict(catalogue().reason_choices("hold"))


def offer_ask_hold(form: Any, drawing: Drawing) -> None:
    assist_acts.offer_hand("ask_hold")(form, drawing)
    offer_reasons(form, drawing)


def prefill_hold(form: Any, drawing: Drawing) -> None:
    form.hold_review_on.data = drawing.at.astimezone(SHANGHAI).date() + 15 * DAY


def on_ask_hold(drawing: Drawing) -> tuple[Any, ...]:
    return (local_day(drawing.at), *assist_acts.on_hand("ask_hold")(drawing))


def prefill_rule_hold(form: Any, drawing: Drawing) -> None:
    for at in on_asked_hold(drawing):
        form.hold_review_on.data = local_day(at)


def on_asked_hold(drawing: Drawing) -> tuple[Any, ...]:
    return tuple(row.proposed_at for row in drawing.appeal.open_requests("hold")[:1])


def ask_hold(do: Doing) -> None:
    form = do.form
    do.appeal.ask_hold(
        form.reason_code.data,
        form.basis.data,
        end_of_day(form.hold_review_on.data),
        hand=assist_acts.hand(form),
        **do.hand_seen,
    )


def rule_hold(do: Doing) -> None:
    form = do.form
    do.appeal.rule_hold(
        form.granted.data == "granted",
        form.ruling.data or "",
        review_at=end_of_day(form.hold_review_on.data),
        **do.hand_seen,
    )


def review_hold(do: Doing) -> None:
    review_at = end_of_day(do.form.hold_review_on.data)
    do.appeal.review_hold(do.form.note.data, review_at, **do.hand_seen)


def hold(do: Doing) -> None:
    form = do.form
    do.appeal.hold(
        form.reason.data,
        end_of_day(form.hold_review_on.data),
        reason_code=form.reason_code.data,
        **do.hand_seen,
    )


# -- letters -----------------------------------------------------------------------------------


def _paper(form: Any, direction: str) -> Paper:
    return Paper(
        direction=direction,
        party=form.party.data,
        kind=form.paper.data,
        sent_on=form.sent_on.data,
        summary=form.summary.data,
        letter_number=form.letter_number.data or "",
        handler_name=form.handler_name.data or "",
        follow_on=form.follow_on.data,
    )


def write_out(do: Doing) -> None:
    paper = _paper(do.form, do.form.direction.data)
    do.appeal.write_out(paper, attachments=do.files(), **do.hand)


def prefill_today(form: Any, drawing: Drawing) -> None:
    form.sent_on.data = local_day(drawing.at)


def on_today(drawing: Drawing) -> tuple[Any, ...]:
    return (local_day(drawing.at),)


def offer_records(form: Any, drawing: Drawing) -> None:
    """Those that wait for something first."""
    rows = sorted(
        drawing.appeal.outside_records,
        key=lambda r: (r.replied_on is not None and r.follow_on is None, r.id),
    )
    form.record_id.choices = {str(row.id): beyond.named(row) for row in rows}


def prefill_reply(form: Any, drawing: Drawing) -> None:
    values = [str(choice.value) for choice in form.record_id.iter_choices()]
    form.record_id.data = values[0] if len(values) == 1 else ""
    form.replied_on.data = local_day(drawing.at)


def on_words(_drawing: Drawing) -> None:
    """Holds words of the appeal in its choices."""


def note_reply(do: Doing) -> None:
    form = do.form
    replied = form.came.data == "yes"
    do.appeal.note_reply(
        int(form.record_id.data),
        form.words.data,
        replied=replied,
        on=form.replied_on.data if replied else None,
        number=(form.reply_number.data or "") if replied else "",
        follow_on=form.follow_on.data,
        attachments=do.files(),
        **do.hand,
    )


LETTER = "letter"
"""The channel 商请函."""


def warn_no_reply(drawing: Drawing) -> Sequence[str]:
    """Before closing: who wrote to us is owed an answer."""
    appeal = drawing.appeal
    came = [row for row in appeal.outside_records if row.direction == "in"]
    if appeal.channel == LETTER and not came:
        return ("本件来源为商请函，尚未登记来函，请登记来函和我方复函。",)
    if any(row.replied_on is None for row in came):
        word = DIRECTIONS["in"]
        return (f"{word}的来函尚未登记我方复函；已复函的请“登记回复”，也可以在销号后补登。",)
    return ()


# -- the superior ------------------------------------------------------------------------------

RAISED_INSIDE = frozenset({"reason"})


def _superior(drawing: Drawing) -> UnitRow | None:
    return superior_office(drawing.appeal.office_id, local_day(drawing.at))


def offer_raise(form: Any, drawing: Drawing) -> None:
    """What is sent is kept here only where the superior has no ledger of this kind."""
    if _superior(drawing) is None:
        return
    for field in list(form.shown()):
        if field.short_name not in RAISED_INSIDE:
            del form[field.short_name]


def prefill_raise(form: Any, drawing: Drawing) -> None:
    if "sent_on" in form:
        prefill_today(form, drawing)


def on_superior(drawing: Drawing) -> tuple[Any, ...]:
    superior = _superior(drawing)
    return (local_day(drawing.at), None if superior is None else superior.id)


def about_raise(drawing: Drawing) -> Sequence[str]:
    superior = _superior(drawing)
    if superior is None:
        return ("上级牵头办公室尚未使用本系统：请另行报送，并在这里登记报送情况。",)
    running = "、".join(a.unit.label for a in drawing.appeal.assignments if a.is_open)
    ends = f"；{running}的交办件随之解除" if running else ""
    return (
        f"提请后本件移交{superior.name}受理、交办，编号不变{ends}。"
        "本办公室仍可查看、补充，上级裁定后交回本办公室。",
    )


def raise_(do: Doing) -> None:
    form = do.form
    if "party" not in form:
        do.appeal.raise_up(form.reason.data, **do.hand_seen)
        forget_sight()
        return
    held = bool(form.hold.data)
    if held and form.hold_review_on.data is None:
        raise Invalid("hold_review_on", "请填写下次复核日期")
    do.appeal.raise_outside(
        form.reason.data,
        _paper(form, "out"),
        review_at=end_of_day(form.hold_review_on.data) if held else None,
        attachments=do.files(),
        **do.hand_seen,
    )


def about_hand_back(drawing: Drawing) -> Sequence[str]:
    appeal: Any = drawing.appeal
    running = "、".join(a.unit.label for a in appeal.assignments if a.is_open)
    ends = f"；{running}的交办件随之解除" if running else ""
    return (f"交回{beyond.raised_by(appeal)}继续办理{ends}。",)


def hand_back(do: Doing) -> None:
    do.appeal.hand_back(do.form.ruling.data, **do.hand_seen)
    forget_sight()
