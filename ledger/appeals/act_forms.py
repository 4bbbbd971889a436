"""The shape of what is typed when something is done to an appeal. One form for each act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Any

from wtforms import Field
from wtforms.validators import ValidationError
from wtforms.widgets import TelInput

from ..catalogue.words import APPELLANT_TYPES, KINDS, SATISFACTION, SOLVED, URGENCIES
from ..config import SHANGHAI
from ..deadlines.rhythm import ONCE, RHYTHMS
from ..firms import names, phones
from ..web import (
    Choice,
    Day,
    Files,
    Form,
    Hidden,
    LocalMoment,
    LongText,
    Radio,
    Several,
    Text,
    Tick,
    YesNo,
)
from . import outcomes, plates
from .closing import WAYS

LONG = 5000
BACKDATED = "默认为现在；事后补录的，填实际发生时间"
WITHDRAWALS = {"appellant": "诉求人撤回", "void": "登记作废（编号保留）"}
RETURN_RULINGS = {"granted": "同意退单（改派）", "refused": "不同意退单（请继续办理）"}
EXTENSION_RULINGS = {"granted": "同意延期", "refused": "不同意延期"}
REFUSALS = {"assigned": "退回承办单位重新办理", "reviewed": "退回重新回访"}


def _read_by(read: Callable[[str], object]) -> Callable[[object, Any], None]:
    """What `read` says against the text, said by the field."""

    def check(_form: object, field: Any) -> None:
        try:
            read(field.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error

    return check


def end_of_day(on: date | None) -> datetime | None:
    """The last minute of a day in Shanghai: a review date is kept by any hour of that day."""
    return None if on is None else datetime.combine(on, time(23, 59), SHANGHAI)


class ActForm(Form):
    """What every act carries: the version of the appeal that the form was drawn from."""

    seen = Hidden("页面版本", 20)

    @property
    def seen_version(self) -> int | None:
        raw = self.seen.data or ""
        return int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 10 else None

    def shown(self) -> Iterator[Field]:
        """The fields that somebody fills in, in the order of their declaration."""
        return (field for field in self if field.type not in ("Hidden", "CSRFTokenField"))


class SupplementForm(ActForm):
    words = LongText("补充内容", LONG, rows=4)
    happened_at = LocalMoment("获知时间", help=BACKDATED)
    files = Files("附件")


class AttachForm(ActForm):
    files = Files("附件", required=True)


class AskDetailsForm(ActForm):
    question = LongText("需要补充什么", 2000, rows=3, required=True)


VERIFIED = {key: label for key, label in APPELLANT_TYPES.items() if key != "unverified"}
"""Acceptance needs to know what kind of appellant it is."""


class AcceptForm(ActForm):
    category_id = Choice("诉求类别", required=True)
    urgency = Choice("紧急程度", URGENCIES, blank=None, required=True)
    kind = Choice("诉求类型", KINDS, blank=None, required=True)
    appellant_type = Choice("主体类型", VERIFIED, blank="请先核实", required=True)
    note = LongText("受理意见", 2000, rows=2)


ASSISTS_DUE = "留空则按时限规定计算，不晚于主办时限；各协办单位可以另行核定"


REPORTS = "办结反馈前，承办单位按此频次报阶段反馈"


class AssignForm(ActForm):
    unit_id = Choice("主办单位", required=True)
    assist_ids = Several("协办单位")
    due_at = LocalMoment("应办结时间", help="留空则按时限规定计算")
    assist_due_at = LocalMoment("协办应反馈时间", help=ASSISTS_DUE)
    rhythm = Radio("反馈频次", RHYTHMS, default=ONCE, help=REPORTS)
    letter_number = Text("文号", 100)
    reader_ids = Several("抄送单位、领导", help="只供查阅，不承担办理")
    words = LongText("交办意见", 2000, rows=2)


class AcceptAndAssignForm(ActForm):
    category_id = Choice("诉求类别", required=True)
    unit_id = Choice("主办单位", required=True)
    assist_ids = Several("协办单位")
    urgency = Choice("紧急程度", URGENCIES, blank=None, required=True)
    kind = Choice("诉求类型", KINDS, blank=None, required=True)
    appellant_type = Choice("主体类型", VERIFIED, blank="请先核实", required=True)
    due_at = LocalMoment("应办结时间", help="留空则按时限规定计算")
    assist_due_at = LocalMoment("协办应反馈时间", help=ASSISTS_DUE)
    rhythm = Radio("反馈频次", RHYTHMS, default=ONCE, help=REPORTS)
    letter_number = Text("文号", 100)
    reader_ids = Several("抄送单位、领导", help="只供查阅，不承担办理")
    words = LongText("交办意见", 2000, rows=2)


class AddAssistForm(ActForm):
    assist_ids = Several("协办单位", required=True)
    assist_due_at = LocalMoment("协办应反馈时间", help=ASSISTS_DUE)
    rhythm = Radio("反馈频次", RHYTHMS, default=ONCE, help=REPORTS)
    letter_number = Text("文号", 100)
    words = LongText("交办意见", 2000, rows=2)
    reason = LongText("增加协办的理由", 2000, rows=2, required=True)


class OfAssistForm(ActForm):
    """What is done to one assist, with a reason."""

    assignment_id = Radio("协办单位", required=True)
    reason = LongText("理由", 2000, rows=3, required=True)


class SendBackAssistForm(ActForm):
    assignment_id = Radio("协办单位", required=True)
    reason = LongText("缺什么、怎么补", 2000, rows=3, required=True)


class ChangeLeadForm(ActForm):
    unit_id = Choice("新的主办单位", required=True)
    due_at = LocalMoment("应办结时间", help="留空则按时限规定，自变更时重新计算")
    letter_number = Text("文号", 100)
    words = LongText("交办意见", 2000, rows=2)
    reason = LongText("变更理由", 2000, rows=3, required=True)


class RecallForm(ActForm):
    reason_code = Choice("收回情形", required=True)
    release_assists = Tick("同时解除协办", help="不勾选的，协办单位继续办理")
    reason = LongText("理由", 2000, rows=3, required=True)


class EndorseForm(ActForm):
    note = LongText("追认意见", 2000, rows=2)


class SetDueForm(ActForm):
    assignment_id = Radio("核定哪个时限")
    due_at = LocalMoment("应办结时间", required=True)
    reason = LongText("核定理由", 2000, rows=2, required=True)


class RecomputeForm(ActForm):
    version = Choice("采用的版本", required=True)
    reason = LongText("重算理由", 2000, rows=2, required=True)


class DeclineForm(ActForm):
    reason_code = Choice("不予受理的情形", required=True)
    told = LongText(
        "告知诉求人的情况", 2000, rows=2, required=True, help="何时、用什么方式、告知了谁"
    )
    note = LongText("说明", 2000, rows=2, help="情形为“其他”的必须写明")


class MergeForm(ActForm):
    master_id = Choice("同一诉求主体的在办诉求", blank="不在下列，填编号")
    master = Text("主件编号", 40, help="如 360734-2026-000123")
    reason = LongText("合并理由", 2000, rows=2)


class ReasonForm(ActForm):
    reason = LongText("理由", 2000, rows=3, required=True)


class HandForm(ActForm):
    """What a unit does with its assignment. `hand` stands there only for whoever has several."""

    hand = Radio("为哪个单位办理", required=True)


class ReopenForm(ActForm):
    reason_code = Choice("撤销情形", required=True)
    reason = LongText("撤销理由", 2000, rows=3, required=True)


class SignForm(HandForm):
    handler_name = Text("经办人", 100)
    handler_phone = Text(
        "经办人电话", 40, widget=TelInput(), validators=[_read_by(phones.normalise)]
    )


class ContactForm(HandForm):
    way = Radio("联系方式", WAYS, default="phone", required=True)
    happened_at = LocalMoment("联系时间", help=BACKDATED)
    words = LongText("联系情况", LONG, rows=4, required=True)


class RelayForm(ActForm):
    way = Radio("联系方式", WAYS, default="phone", required=True)
    happened_at = LocalMoment("联系时间", help=BACKDATED)
    words = LongText(
        "联系情况",
        LONG,
        rows=4,
        required=True,
        help="承办单位看得到，不要写诉求人姓名、电话、企业名称、车牌",
    )


class ProgressForm(HandForm):
    words = LongText("进展情况", LONG, rows=4, required=True)
    planned_at = LocalMoment("计划办结时间")
    happened_at = LocalMoment("发生时间", help=BACKDATED)
    files = Files("附件")


class AskReturnForm(HandForm):
    reason_code = Choice("退单情形", required=True)
    basis = LongText(
        "退单依据", 2000, rows=3, required=True, help="职责依据、属地依据，建议由哪个单位承办"
    )


class RuleReturnForm(ActForm):
    granted = Radio("裁定", RETURN_RULINGS, required=True)
    unit_id = Choice("改派主办单位", blank="暂不改派，退回待交办")
    due_at = LocalMoment("应办结时间", help="改派的，留空则按时限规定重新计算")
    letter_number = Text("文号", 100)
    conference = Choice("依据的会商", blank="未登记会商")
    ruling = LongText("裁定意见", 2000, rows=3, help="不同意的、会商研究的必须写明")


class AskExtensionForm(HandForm):
    until = Day("申请延至", required=True, help="该日24:00前办结")
    reason_code = Choice("延期情形", required=True)
    basis = LongText("延期理由", 2000, rows=3, required=True)
    firm_told = Tick("已向企业说明延期的原因和新的办结时间")


class RuleExtensionForm(ActForm):
    granted = Radio("审批意见", EXTENSION_RULINGS, required=True)
    until = Day("同意延至", help="可早于、不能晚于所申请的日期")
    ruling = LongText("审批理由", 2000, rows=3, help="不同意的必须写明")


class SendBackForm(ActForm):
    reason_code = Choice("退回情形", required=True)
    reason = LongText("缺什么、怎么补", 2000, rows=3, required=True)


class Confirming(Form):
    """A reply that was questioned is taken where it is sent again as it stands."""

    receipt = Hidden("确认", 40)

    @property
    def receipt_meant(self) -> bool:
        said: str = self.receipt.data or ""
        return said == outcomes.digest(self.public_reply.data)


LINK = "审核通过的同时，将遗留问题登记为同一诉求主体的关联诉求"


class ReviewForm(Confirming, ActForm):
    public_reply = LongText("对企业的答复", LONG, rows=4, help="可在单位答复的基础上修改")
    hold_review_on = Day("下次复核日期", help="转上级、长期推进的转入挂账跟踪，须定期复核")
    remainder = Tick(LINK)
    note = LongText("审核意见", 2000, rows=2)


class CallBackForm(ActForm):
    way = Radio("回访方式", WAYS, default="phone", required=True)
    reached = YesNo("是否接通", default="yes", required=True)
    contacted = YesNo("承办单位是否联系")
    solved = Radio("是否解决", SOLVED)
    satisfaction = Radio("是否满意", SATISFACTION)
    words = LongText("诉求人意见", LONG, rows=3, help="不满意的必须写明；未接通的写明情况")

    def validate(self, extra_validators: Any = None) -> bool:
        """The three answers are wanted only of whoever was reached."""
        sound: bool = super().validate(extra_validators)
        if self.reached.data != "yes":
            return sound
        for field in (self.contacted, self.solved, self.satisfaction):
            if not field.data and not field.errors:
                field.errors = [f"请选择“{field.label.text}”"]
                sound = False
        return sound


class ReviewAndCallBackForm(Confirming, CallBackForm):
    public_reply = LongText("对企业的答复", LONG, rows=4, help="可在单位答复的基础上修改")
    remainder = Tick(LINK)
    note = LongText("审核意见", 2000, rows=2)


class AttemptForm(ActForm):
    way = Radio("联系方式", WAYS, default="phone", required=True)
    happened_at = LocalMoment("联系时间", help=BACKDATED)
    words = LongText("情况", 2000, rows=2, help="如：无人接听、关机、拒接")


class UpholdForm(ActForm):
    reason_code = Choice("认定情形", required=True)
    basis = LongText("认定依据", 2000, rows=3, required=True)


class CloseForm(ActForm):
    note = LongText("销号意见", 2000, rows=2)


class RefuseForm(ActForm):
    to = Radio("退回到", REFUSALS, required=True)
    reason_code = Choice("不予销号的情形", required=True)
    reason = LongText("不予销号的理由", 2000, rows=3, required=True)


class TellForm(ActForm):
    way = Radio("告知方式", WAYS, default="phone", required=True)
    happened_at = LocalMoment("告知时间", help=BACKDATED)
    words = LongText("告知情况", 2000, rows=2)


class RecurForm(ActForm):
    words = LongText("再次反映的内容", LONG, rows=4, required=True)


class WithdrawForm(ActForm):
    way = Radio("撤回方式", WITHDRAWALS, required=True)
    said = LongText(
        "诉求人如何表示撤回", 2000, rows=2, help="何时、用什么方式表示；登记作废的不必填"
    )
    reason = LongText("理由", 2000, rows=2, required=True)


class HoldForm(ActForm):
    hold_review_on = Day("下次复核日期", required=True)
    reason_code = Choice("挂账情形", required=True)
    reason = LongText("挂账理由", 2000, rows=3, required=True)


class ResumeForm(ActForm):
    settled = Tick("上级或外地的答复已能了结此事，直接转回访")
    reason = LongText("恢复办理的理由", 2000, rows=3, required=True)


class CorrectForm(ActForm):
    """Drawn with what stands now; only what differs from it is a correction."""

    appellant_name = Text("诉求主体", 200)
    appellant_type = Choice("主体类型", APPELLANT_TYPES, blank=None)
    kind = Choice("诉求类型", KINDS, blank=None)
    urgency = Choice("紧急程度", URGENCIES, blank=None)
    category_id = Choice("诉求类别", blank="未定")
    uscc = Text("统一社会信用代码", 40, validators=[_read_by(names.clean_uscc)])
    contact_name = Text("联系人", 100)
    phone = Text(
        "联系电话",
        40,
        widget=TelInput(),
        validators=[_read_by(phones.normalise)],
        help="不改请留空",
    )
    spot_name = Text("现场联系人", 100)
    spot_phone = Text(
        "现场联系电话",
        40,
        widget=TelInput(),
        validators=[_read_by(phones.normalise)],
        help="不改请留空",
    )
    title = Text("标题", 60)
    content = LongText("诉求内容", LONG, rows=5)
    wish = LongText("诉求人期望", 2000, rows=2)
    place = Text("地点", 200)
    plates = Text("车牌号", 400, validators=[_read_by(plates.read)], help="几个车牌用空格隔开")
    route_from = Text("起点", 100)
    route_to = Text("终点", 100)
    goods = Text("货物", 100)
    complained_unit = Text("被反映单位", 200)
    industry = Text("所属行业", 100)
    chain = Text("所属产业链", 100)
    confidential = Tick("为诉求人保密")
    cross_region = Tick("跨区域事项")
    reason = LongText("更正理由", 2000, rows=2, required=True)


class RevealForm(Form):
    """Why somebody who does not handle the appeal wants a whole number."""

    which = Hidden("号码", 20)
    assignment = Hidden("交办件", 20)
    reason = Text("查看理由", 200, required=True, help="理由和查看人一并记入访问日志")
