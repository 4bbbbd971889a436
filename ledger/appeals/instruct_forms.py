"""The forms of 批示 and of what is reported on it."""

from __future__ import annotations

from ..web import Choice, Day, Files, LongText, Radio, Several, Text
from .act_forms import ActForm
from .instructions import SOURCES


class InstructForm(ActForm):
    """Leader, day and source stand there for the office alone, which records on behalf."""

    leader_id = Choice("批示领导", blank="不在下列，填写姓名和职务")
    leader_name = Text("领导姓名和职务", 100, help="不在左边名单中的填写")
    dated_on = Day("批示日期")
    source = Choice("批示来源", SOURCES)
    words = LongText("批示内容", 2000, rows=4, required=True, help="代录的照录原文")
    instructed_ids = Several("办理单位", required=True)
    reply_by = Day("反馈期限", help="该日前报批示办理情况，可不填")
    files = Files("附件", rows=1, help="代录纸质批示的，上传批示原件照片")


class ReplyInstructionForm(ActForm):
    named_id = Radio("回复哪件批示", required=True)
    words = LongText("批示办理情况", 5000, rows=5, required=True)
    files = Files("附件", rows=1)
