"""认可补录时间 on an appeal's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..web import LongText, Radio
from .act_forms import ActForm
from .judging import stated

if TYPE_CHECKING:
    from .acts import Doing, Drawing


class CountStatedForm(ActForm):
    entry = Radio("认可哪条记录的补录时间", required=True)
    reason = LongText(
        "认可理由", 2000, rows=2, required=True, help="如：现场已处置，系统内次日补录，有通话记录"
    )


def offer(form: Any, drawing: Drawing) -> None:
    form.entry.choices = {str(one.seq): one.words for one in stated(drawing.appeal.deadlines)}


def prefill(form: Any, drawing: Drawing) -> None:
    found = stated(drawing.appeal.deadlines)
    form.entry.data = str(found[0].seq) if len(found) == 1 else ""


def on_stated(drawing: Drawing) -> tuple[Any, ...]:
    return tuple(stated(drawing.appeal.deadlines))


def count_stated(do: Doing) -> None:
    do.appeal.count_stated(int(do.form.entry.data), do.form.reason.data, **do.hand_seen)
