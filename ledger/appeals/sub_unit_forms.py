"""The shape of what a unit types when it passes an assignment on, and of what it rules on then."""

from __future__ import annotations

from ..deadlines.rhythm import ONCE, RHYTHMS
from ..web import Day, LocalMoment, LongText, Radio, Several, Text
from .act_forms import EXTENSION_RULINGS, ActForm, HandForm

RETURN_RULINGS = {"granted": "同意退单", "refused": "不同意退单（请继续办理）"}
OF_WHICH = "下级单位"


class PassOnForm(HandForm):
    sub_unit_ids = Several("转办的下级单位", required=True)
    due_at = LocalMoment("下级应反馈时间", help="留空则与本单位时限相同；另定的不能晚于本单位时限")
    rhythm = Radio("反馈频次", RHYTHMS, default=ONCE, help="办结反馈前，下级单位按此频次报阶段反馈")
    letter_number = Text("文号", 100)
    words = LongText("转办意见", 2000, rows=2)


class OfChildForm(ActForm):
    """What is done to one assignment that was passed on, with a reason."""

    assignment_id = Radio(OF_WHICH, required=True)
    reason = LongText("理由", 2000, rows=3, required=True)


class SendBackChildForm(ActForm):
    assignment_id = Radio(OF_WHICH, required=True)
    reason = LongText("缺什么、怎么补", 2000, rows=3, required=True)


class RuleChildReturnForm(ActForm):
    assignment_id = Radio(OF_WHICH, required=True)
    granted = Radio("裁定", RETURN_RULINGS, required=True)
    ruling = LongText("裁定意见", 2000, rows=3, help="不同意的必须写明")


class RuleChildExtensionForm(ActForm):
    assignment_id = Radio(OF_WHICH, required=True)
    granted = Radio("审批意见", EXTENSION_RULINGS, required=True)
    until = Day("同意延至", help="可早于、不能晚于所申请的日期")
    ruling = LongText("审批理由", 2000, rows=3, help="不同意的必须写明")
