"""The shape of what is typed in supervising."""

from __future__ import annotations

from ..appeals.urging import WAYS
from ..web import Choice, Form, Hidden, LocalMoment, LongText, Text


class Sent(Form):
    """Carries a token of its own: the same form sent twice makes one row."""

    token = Hidden("表单标识", 64)


class UrgeForm(Sent):
    unit_id = Choice("催办单位", required=True, blank=None)
    way = Choice("催办方式", WAYS, required=True)
    spoken_to = Text("催办对象", 100, help="电话、当面催办的必填，如：张科长")
    urging = LongText("催办内容", 2000, rows=3)
    answer = LongText("对方答复", 2000, rows=2)
    promised_at = LocalMoment("承诺办结时间")
    happened_at = LocalMoment("催办时间", help="默认为现在；事后补录的，填实际催办时间")


class PaperForm(Sent):
    unit_id = Choice("主送单位", required=True, blank=None)
    paper_text = LongText("正文", 3000, rows=5, required=True)
    demand = LongText("要求", 3000, rows=4, required=True)
    reply_due_at = LocalMoment(
        "回复时限", required=True, help="修改时限的，请同时修改“要求”中的日期"
    )
    signing_body = Text("落款单位", 200, required=True)
    letter_number = Text("文号", 100, help="另行编发文号的填写，如：〔2026〕3号；可不填")


class TalkForm(PaperForm):
    meeting_at = LocalMoment("约谈时间", required=True)
    meeting_place = Text("约谈地点", 200, required=True)
    summoned = Text("约谈对象", 200, help="如：分管负责同志；可不填")


class ReplyForm(Form):
    words = LongText("回复内容", 5000, rows=6, required=True)


class ReasonForm(Form):
    reason = LongText("理由", 2000, rows=3, required=True)
