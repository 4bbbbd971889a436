"""The shape of what is typed while somebody is on the telephone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from wtforms import Field
from wtforms.validators import ValidationError
from wtforms.widgets import TelInput

from ..appeals.confidence import first_named
from ..appeals.intake import Registration
from ..appeals.register_forms import UNNAMED, RegisterForm
from ..catalogue.queries import Catalogue
from ..catalogue.words import APPELLANT_TYPES
from ..config import SHANGHAI
from ..firms import names, phones
from ..firms.models import Firm
from ..web import Choice, Form, Hidden, LongText, Radio, Text, YesNo
from .calls import NOTHING, OF_AN_APPEAL, OUTCOMES, HotlineLine

LONGEST_HOURS = 24 * 30
"""Nobody has stood longer than this and only now calls."""

LONGEST_CALL = timedelta(hours=12)
"""A draft that lay longer tells nothing of when its call began."""


def _number(_form: object, field: Any) -> None:
    try:
        phones.normalise(field.data or "")
    except ValueError as error:
        raise ValidationError(str(error)) from error


class DeskForm(RegisterForm):
    """The registration's own fields, and what else may become of a call."""

    template = "hotline/desk.html"
    landing = "calls.saved"
    draft = "hotline_desk"

    call = Hidden("来电标识", 64)
    began = Hidden("来电时间", 40)

    phone = Text("来电号码", 40, widget=TelInput(), validators=[_number])
    line = Choice("线路", blank=None)
    appellant_name = Text("诉求主体", 200, help="已选企业的可不填")
    appellant_type = Choice("主体类型", APPELLANT_TYPES, blank=None, default="firm")
    content = LongText("来电内容", 5000, rows=5, id="appeal-content")
    stuck_hours = Text("已滞留（小时）", 10, help="如 3、1.5；一天以上的折成小时")
    cross_region = YesNo("跨区域事项")
    become = Radio("处理结果", OUTCOMES, default="appeal")
    appeal = Text("已有诉求编号", 60, help="在右侧选，或填编号，如2026-0123")
    answer = LongText("即时答复内容", 5000, rows=3)
    void_reason = Choice("无效来电情形", NOTHING, blank="请选择")

    lines: Sequence[HotlineLine] = ()
    more: Mapping[str, Any] = MappingProxyType({})
    """What its page shows this once."""

    around: Callable[[], dict[str, Any]]
    """Gives what is known of the caller; the view brings it."""

    def beside(self) -> dict[str, Any]:
        return self.around()

    def offer_lines(self, lines: Sequence[HotlineLine], outcomes: Iterable[str]) -> None:
        """The lines that are answered here, and the outcomes this person may bring about."""
        self.lines = lines
        self.line.choices = {line.number: line.label for line in lines}
        wanted = set(outcomes)
        self.become.choices = {c: words for c, words in OUTCOMES.items() if c in wanted}

    def offer(self, book: Catalogue, regions: list[tuple[str, str]]) -> None:
        super().offer(book, regions)
        if self.is_submitted():
            # It follows from the line; where that will not do, the line's own field says so.
            offered = [str(choice.value) for choice in self.channel.iter_choices() if choice.value]
            line = self.chosen_line
            wanted = line.channel if line is not None else ""
            self.channel.data = wanted if wanted in offered else next(iter(offered), "")

    @property
    def chosen_line(self) -> HotlineLine | None:
        return next((line for line in self.lines if line.number == self.line.data), None)

    @property
    def goes_to_appeal(self) -> bool:
        return self.become.data in OF_AN_APPEAL

    # -- what must be there depends on what becomes of it ------------------------------------

    def validate_line(self, field: Field) -> None:
        line = self.chosen_line
        if line is None:
            raise ValidationError("请选择“线路”；还没有可用线路的，请联系系统管理员添加")
        offered = {str(choice.value) for choice in self.channel.iter_choices()}
        if self.become.data == "appeal" and line.channel not in offered:
            raise ValidationError(f"“{line.label}”对应的来源渠道已停用，请联系系统管理员修改")

    def validate_become(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("请选择“处理结果”")

    def validate_appellant_name(self, field: Field) -> None:
        if self.become.data != "appeal" or self.appellant_type.data in UNNAMED:
            return
        if self.firm_id.data and self._stands_for_firm:
            return
        if not names.fold(field.data or ""):
            raise ValidationError("请填写“诉求主体”或选择企业；暂不清楚的，主体类型选“待核实”")

    def validate_phone(self, field: Field) -> None:
        if self.become.data == "appeal":
            super().validate_phone(field)

    def validate_phone_given(self, field: Field) -> None:
        if self.become.data == "appeal":
            super().validate_phone_given(field)

    def validate_content(self, field: Field) -> None:
        if not field.data and self.become.data != "nothing" and not field.errors:
            raise ValidationError("请填写“来电内容”")
        self._keep_his_secret(field)

    def _keep_his_secret(self, field: Field, firm: str = "") -> None:
        """What the units will read of a confidential caller does not say who he is."""
        if self.identity.data != "confidential" or self.become.data != "appeal":
            return
        typed = (self.appellant_name, self.contact_name, self.spot_name, self.uscc)
        told = [firm, *(one.data or "" for one in typed), *(self.plates.data or "").split()]
        for one in (self.phone, self.spot_phone):
            told += [one.data or "", (one.data or "").replace(" ", "").replace("-", "")]
        if named := first_named(field.data or "", told):
            raise ValidationError(f"诉求人要求保密，来电内容承办单位看得到，请删去其中的“{named}”")

    def validate_against(self, firm: Firm) -> bool:
        try:
            self._keep_his_secret(self.content, firm.name)
        except ValidationError as error:
            self.content.errors = [str(error)]
            return False
        return super().validate_against(firm)

    def validate_appeal(self, field: Field) -> None:
        if self.goes_to_appeal and not field.data:
            raise ValidationError(f"“{OUTCOMES[self.become.data]}”请选择或填写已有诉求编号")

    def validate_answer(self, field: Field) -> None:
        if self.become.data == "answered" and not field.data:
            raise ValidationError("请填写“即时答复内容”")

    def validate_void_reason(self, field: Field) -> None:
        if self.become.data == "nothing" and not field.data:
            raise ValidationError("请选择“无效来电情形”")

    def validate_files(self, field: Field) -> None:
        if field.data and self.become.data not in ("appeal", "supplement"):
            raise ValidationError("附件只能随新诉求或补充提交，请改选处理结果或去掉附件")

    def validate_stuck_hours(self, field: Field) -> None:
        if field.data and self.hours is None:
            raise ValidationError(
                f"“已滞留（小时）”请填数字，如 3、1.5，最长{LONGEST_HOURS}小时（30天）"
            )
        if field.data and self.stranded_since.data is not None:
            raise ValidationError("“已滞留（小时）”与“滞留起始时间”只填一项")

    def validate_stranded_since(self, field: Field) -> None:
        """Whoever says since when need not say that it is so."""

    # -- what was meant ----------------------------------------------------------------------

    @property
    def hours(self) -> float | None:
        """How long it has stood; None where that was not said, or not as a number."""
        typed = names.fold(self.stuck_hours.data or "").removesuffix("小时").removesuffix("h")
        try:
            found = float(typed)
        except ValueError:
            return None
        return found if 0 <= found <= LONGEST_HOURS else None

    def stuck_since(self, at: datetime) -> datetime | None:
        """Since when the lorry has stood; None where nobody said."""
        if self.stranded_since.data is not None:
            return min(self.stranded_since.data, at)
        return None if self.hours is None else at - timedelta(hours=self.hours)

    def began_at(self, at: datetime) -> datetime:
        """When it rang, by the page's own word; now where that is not said, or cannot be."""
        try:
            found = datetime.fromisoformat(self.began.data or "")
        except ValueError:
            return at
        if found.tzinfo is None:
            found = found.replace(tzinfo=SHANGHAI)
        return found if at - LONGEST_CALL <= found <= at else at

    def registration(self, at: datetime, firm: Firm | None) -> Registration:
        since = self.stuck_since(at)
        said = super().registration(at, firm)
        line = self.chosen_line
        said.cross_region = (
            bool(line and line.cross_region)
            if self.cross_region.answer is None
            else self.cross_region.answer
        )
        said.received_at = self.began_at(at)
        if since is not None:
            said.stranded, said.stranded_since, said.urgency = True, since, "critical"
        return said

    def prefill(self, at: datetime) -> None:
        """The telephone rings, or the first of its number is being typed."""
        self.began.data = self.began.data or at.isoformat(timespec="seconds")


class RevealForm(Form):
    reason = Text("查看理由", 200, required=True, help="记入访问日志")


class LineForm(Form):
    number = Text("号码", 40, required=True, help="线路号码，如12345、85097301")
    name = Text("名称", 100, required=True)
    channel = Choice("来源渠道", required=True, help="由这条线路登记的诉求的来源渠道")
    cross_region = YesNo("默认跨区域事项", default="no")
    office_id = Choice("接听办公室", blank="各办公室")
    position = Text("排序", 6, help="数字小的排在前面")
    active = YesNo("是否启用", default="yes")

    def validate_number(self, field: Field) -> None:
        try:
            field.data = phones.normalise(field.data or "")
        except ValueError as error:
            raise ValidationError("线路号码只能是3至15位数字，请核对") from error

    def validate_position(self, field: Field) -> None:
        data = field.data or ""
        if data and not (data.isascii() and data.isdecimal()):
            raise ValidationError("“排序”请填数字")
