"""The shape of what is typed when appeals are joined, and when each firm is answered."""

from __future__ import annotations

from ..web import Choice, LongText, Text
from .act_forms import LONG, ActForm

NUMBER_HELP = "如 寻2026-0123"


class JoinForm(ActForm):
    master_id = Choice("主件", blank="不在下列，填编号")
    master = Text("主件编号", 40, help=NUMBER_HELP)
    reason = LongText("并案理由", 2000, rows=2)


class UnjoinForm(ActForm):
    master_id = Choice("改并到", blank="不改并，或填编号")
    master = Text("改并到的主件编号", 40, help=f"{NUMBER_HELP}；不改并的留空")
    reason = LongText("理由", 2000, rows=3, required=True)


class WordReplyForm(ActForm):
    public_reply = LongText(
        "对该企业的答复", LONG, rows=5, required=True, help="企业看到的就是这段文字"
    )
    reason = LongText("修改说明", 2000, rows=2)
