"""The acts that answer, and what an answer leaves over. Rows of the table stand in acts.py."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..deadlines.calendar import DAY
from ..deadlines.queries import caps_in_force
from . import assist_acts, outcomes

if TYPE_CHECKING:
    from .acts import Doing, Drawing


def answer(do: Doing) -> None:
    form = do.form
    do.appeal.answer(
        form.outcome.data or "" if "outcome" in form else "",
        form.account.data,
        form.public_reply.data or "",
        evidence=form.evidence.data or "",
        particulars=form.particulars,
        attachments=do.files(),
        hand=assist_acts.hand(form),
        receipt_meant=form.receipt_meant,
        **do.hand_seen,
    )


def offer_direct(form: Any, _drawing: Drawing) -> None:
    form.outcome.choices = dict(catalogue().outcome_choices())


def prefill_direct(form: Any, drawing: Drawing) -> None:
    """What was sent back is mended, not written anew."""
    appeal = drawing.appeal
    if appeal.answered_directly:
        form.outcome.data = appeal.outcome
        form.account.data = appeal.account
        form.public_reply.data = appeal.public_reply
        form.evidence.data = appeal.evidence
        form.fill(outcomes.read(appeal.particulars))


def on_direct(drawing: Drawing) -> tuple[Any, ...] | None:
    return None if drawing.appeal.answered_directly else ()


def answer_directly(do: Doing) -> None:
    form = do.form
    do.appeal.answer_directly(
        form.outcome.data,
        form.account.data,
        form.public_reply.data,
        evidence=form.evidence.data or "",
        particulars=form.particulars,
        attachments=do.files(),
        receipt_meant=form.receipt_meant,
        **do.hand_seen,
    )


def review_day(drawing: Drawing) -> date:
    """When what is put on hold is looked at again: as the unit proposes, as far as may be."""
    today = drawing.at.astimezone(SHANGHAI).date()
    proposed = outcomes.read(drawing.appeal.particulars).get("next_review_on", "")
    day = date.fromisoformat(proposed) if proposed else today + 15 * DAY
    latest = today + caps_in_force(drawing.at).hold_review_days * DAY
    return min(day, latest) if day > today else today + DAY


def link_remainder(do: Doing) -> None:
    do.appeal.link_remainder(**do.hand_seen)


def about_remainder(drawing: Drawing) -> list[str]:
    appeal = drawing.appeal
    left = outcomes.left_over(appeal.outcome, appeal.particulars)
    return [f"遗留问题：{left}"] if left and appeal.remainder_id is None else []
