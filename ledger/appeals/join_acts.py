"""The acts of joined appeals on a page. Rows of the table stand in acts.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .joined_queries import masters_open
from .record import Invalid

if TYPE_CHECKING:
    from .acts import Doing, Drawing
    from .models import Appeal

NONE = "没有这个编号的诉求，或您无权查看，请核对编号"


def offer_masters(form: Any, drawing: Drawing) -> None:
    """Those of the office with which others are handled already; another one by its number."""
    appeal = drawing.appeal
    found = masters_open(appeal.office_id, drawing.actor, drawing.at)
    form.master_id.choices = {
        row.number: f"{row.label} {row.title}（已并入{row.joined_count}件）"
        for row in found
        if row.id not in (appeal.id, appeal.master_id)
    }
    if not form.master_id.choices:
        del form.master_id


def prefill_master(form: Any, drawing: Drawing) -> None:
    """The one that was found to be alike (/hotline/alike), where the form is opened from there."""
    wanted = drawing.chosen.get("master", "")
    if wanted.isprintable() and len(wanted) <= form.master.max_len:
        form.master.data = wanted


def prefill_reply(form: Any, drawing: Drawing) -> None:
    appeal = drawing.appeal
    form.public_reply.data = appeal.public_reply or appeal.master_reply


def about_review(drawing: Drawing) -> Sequence[str]:
    """What goes along with the master."""
    appeal = drawing.appeal
    named = appeal.joined_named
    if not named:
        return ()
    return (
        f"并入本件的{named}随本件一并办理，转入待回访时采用本件的答复；"
        "与某户情况不完全相符的，可在“逐户答复”中改写。",
    )


def join(do: Doing) -> None:
    master = _master(do)
    if master is None:
        raise Invalid("master", "请选择主件，或填写主件编号")
    do.appeal.join(master, do.form.reason.data or "", **do.hand_seen)


def unjoin(do: Doing) -> None:
    do.appeal.unjoin(do.form.reason.data, master=_master(do), **do.hand_seen)


def word_reply(do: Doing) -> None:
    form = do.form
    do.appeal.word_reply(
        form.public_reply.data, reason=form.reason.data or "", **do.hand_seen
    )


def _master(do: Doing) -> Appeal | None:
    form = do.form
    wanted = form.master.data or (form.master_id.data if "master_id" in form else "")
    if not wanted:
        return None
    found = do.others.get(wanted)
    if found is None:
        raise Invalid("master", NONE)
    return found
