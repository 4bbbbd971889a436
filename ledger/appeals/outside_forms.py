"""The shape of what is typed about holds, outside records and the superior's office."""

from __future__ import annotations

from ..catalogue.words import PAPERS
from ..web import Choice, Day, Files, LongText, Radio, Text, Tick
from .act_forms import LONG, ActForm, HandForm

DIRECTIONS = {"out": "发出（我方致函、请示、报告、电话等）", "in": "收到（来函、来电等）"}
HOLD_RULINGS = {"granted": "同意挂账", "refused": "不同意挂账（请继续办理）"}
REPLIED = {"yes": "已回复（来函的，为我方已复）", "no": "尚未回复，继续跟进"}
FOLLOW = "到期列入办公室待办；不需要跟进的不填"


# Fields stand on a form in the order in which they were made.
_DIRECTION = Radio("收发", DIRECTIONS, required=True)
_REASON = LongText(
    "提请理由", 2000, rows=3, required=True, help="本级无法解决的原因、请上级解决什么"
)


class AskHoldForm(HandForm):
    reason_code = Choice("挂账情形", required=True)
    hold_review_on = Day("建议复核日期", required=True)
    basis = LongText(
        "挂账理由", 2000, rows=3, required=True, help="等待谁、等待什么，已做了哪些工作"
    )


class RuleHoldForm(ActForm):
    granted = Radio("审批意见", HOLD_RULINGS, required=True)
    hold_review_on = Day("下次复核日期", help="同意挂账的，默认为所建议的日期")
    ruling = LongText("审批理由", 2000, rows=3, help="不同意的必须写明")


class ReviewHoldForm(ActForm):
    note = LongText("复核情况", 2000, rows=3, required=True, help="等待事项的进展，是否仍需挂账")
    hold_review_on = Day("下次复核日期", required=True)


class PaperForm(ActForm):
    """A paper, call or message, as it is entered."""

    party = Text("对方单位", 200, required=True, help="如：赣州市专班办公室、广东省交通运输厅")
    paper = Choice("公文种类", PAPERS, required=True)
    letter_number = Text("文号", 100)
    sent_on = Day("日期", required=True)
    handler_name = Text("经办人", 100, help="默认为本人")
    summary = LongText("主要内容", LONG, rows=3, required=True)
    follow_on = Day("下次跟进日期", help=FOLLOW)
    files = Files("文件")


class WriteOutForm(PaperForm):
    direction = _DIRECTION


class NoteReplyForm(ActForm):
    record_id = Radio("哪一条", required=True)
    came = Radio("回复情况", REPLIED, required=True)
    words = LongText("回复内容或跟进情况", LONG, rows=3, required=True)
    replied_on = Day("回复日期", help="已回复的必须填写")
    reply_number = Text("复函文号", 100)
    follow_on = Day("下次跟进日期", help="尚未回复的必须填写；已回复仍需跟进的也可填写")
    files = Files("文件")


class RaiseForm(PaperForm):
    """To the superior's office where it uses this ledger: the reason alone stands then."""

    reason = _REASON
    follow_on = Day("下次跟进日期", required=True, help="到期列入办公室待办")
    hold = Tick("转入挂账跟踪", help="勾选的，各项时限暂停，到复核日期复核；不勾选的，照常办理")
    hold_review_on = Day("下次复核日期", help="转入挂账的必须填写")


class HandBackForm(ActForm):
    ruling = LongText(
        "裁定意见", 2000, rows=4, required=True, help="随件交回，由下级办公室继续办理"
    )
