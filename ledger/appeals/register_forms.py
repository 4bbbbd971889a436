"""The shape of what is typed when an appeal is logged."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from wtforms import Field
from wtforms.validators import ValidationError
from wtforms.widgets import TelInput

from ..catalogue.queries import Catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from ..firms import names, phones
from ..firms.models import Firm
from ..web import Choice, Files, Form, Hidden, LocalMoment, LongText, Radio, Text, Tick, YesNo
from . import plates
from .intake import Registration

PHONE_GIVEN = {"given": "已提供", "withheld": "保密", "none": "未留"}
UNNAMED = {"anonymous": "匿名", "unverified": "待核实"}
"""Appellant types that need no name: what stands in its place."""
EARLY = timedelta(minutes=5)
"""By how much a clock at the desk may be ahead of ours."""

NOT_BY_HAND = frozenset({"carried"})
"""Channels that only a command may name."""


def _read_by(read: Callable[[str], object]) -> Callable[[object, Any], None]:
    """What `read` says against the text, said by the field."""

    def check(_form: object, field: Any) -> None:
        try:
            read(field.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error

    return check


class _Starred:
    """Marks what must be filled in one way or another; the form itself says which."""

    field_flags = {"required": True}  # noqa: RUF012  # WTForms reads it from the class

    def __call__(self, _form: object, _field: object) -> None:
        return


class RegisterForm(Form):
    """In the order in which a caller tells it; the keyboard follows the same order."""

    template = "appeals/new.html"
    landing = "appeals.receipt"
    draft = "register"
    """Under which name what was typed is kept."""
    """Where it leads once it was taken."""

    token = Hidden("提交标识", 64)
    firm_id = Hidden("企业", 20)

    appellant_name = Text("诉求主体", 200, validators=[_Starred()])
    appellant_type = Choice("主体类型", APPELLANT_TYPES, blank=None, default="firm")
    contact_name = Text("联系人", 100)
    phone = Text(
        "联系电话",
        40,
        widget=TelInput(),
        validators=[_Starred(), _read_by(phones.normalise)],
    )
    phone_given = Radio("联系电话情况", PHONE_GIVEN, default="given")
    # Its id is not its name: the page's main part is called content already.
    content = LongText("诉求内容", 5000, rows=6, required=True, id="appeal-content")
    channel = Choice("来源渠道", required=True)
    kind = Choice("诉求类型", KINDS, blank=None, default="help")
    urgency = Choice("紧急程度", URGENCIES, blank=None, default="normal")
    received_at = LocalMoment("接收时间")
    region_code = Choice("所属地区", blank=None)

    category_id = Choice("诉求类别", blank="暂不确定，受理时选")
    complained_unit = Text("被反映单位", 200)
    place = Text("地点", 200)
    stranded = YesNo("车辆是否滞留", default="no")
    stranded_since = LocalMoment("滞留起始时间")
    plates = Text(
        "车牌号", 400, validators=[_read_by(plates.read)], help="可填多个，牵引车、挂车分开写"
    )
    spot_name = Text("现场联系人", 100)
    spot_phone = Text(
        "现场联系电话", 40, widget=TelInput(), validators=[_read_by(phones.normalise)]
    )
    route_from = Text("起点", 100)
    route_to = Text("终点", 100)
    goods = Text("货物", 100)
    identity = Radio("身份公开", {"open": "实名", "confidential": "要求保密"}, default="open")
    files = Files("照片、附件", rows=1)

    title = Text("标题", 60, help="不填则取诉求内容首句")
    uscc = Text("统一社会信用代码", 40, validators=[_read_by(names.clean_uscc)])
    industry = Text("所属行业", 100)
    chain = Text("所属产业链", 100)
    white_list = Tick("白名单企业")
    wish = LongText("诉求人期望", 2000, rows=2)
    order_system = Choice("外部工单来源", blank="无")
    order_number = Text("外部工单编号", 64)

    def offer(self, book: Catalogue, regions: list[tuple[str, str]]) -> None:
        """Fill in the choices that are data."""
        self.channel.choices = dict(
            choice for choice in book.channel_choices() if choice[0] not in NOT_BY_HAND
        )
        self.category_id.choices = dict(book.category_choices())
        self.region_code.choices = dict(regions)
        self.order_system.choices = {
            channel.source_system: channel.name
            for channel in book.channels.values()
            if channel.source_system and channel.active
        }

    def prefill(self, at: datetime) -> None:
        self.received_at.data = at

    def beside(self) -> dict[str, Any]:
        """What its template shows besides."""
        return {}

    @property
    def happened(self) -> datetime | None:
        """When it was registered by the typist's word, where that is not now."""
        return None

    def validate_appellant_name(self, field: Field) -> None:
        if not names.fold(field.data or "") and self.appellant_type.data not in UNNAMED:
            raise ValidationError("请填写“诉求主体”；暂不清楚的，主体类型选“待核实”")

    def validate_phone(self, field: Field) -> None:
        if self.phone_given.data == "given" and not field.data:
            raise ValidationError("请填写“联系电话”，或选择“保密”“未留”")
        if self.phone_given.data != "given" and field.data:
            raise ValidationError(
                f"已填写联系电话，又选择了“{PHONE_GIVEN.get(self.phone_given.data, '')}”，"
                "请改选“已提供”或清空号码；不愿让承办单位知道身份的，在“身份公开”中选“要求保密”"
            )

    def validate_phone_given(self, field: Field) -> None:
        if not field.data:
            raise ValidationError("请选择“已提供”“保密”或“未留”")

    def validate_stranded_since(self, field: Field) -> None:
        if field.data is not None and not self.stranded.answer:
            raise ValidationError("填写了滞留起始时间，请将“车辆是否滞留”选为“是”，或清空时间")

    def validate_order_number(self, field: Field) -> None:
        if field.data and not self.order_source:
            raise ValidationError("请选择“外部工单来源”")
        if self.order_system.data and not field.data:
            raise ValidationError("请填写“外部工单编号”，没有编号的将来源选为“无”")

    def validate_firm_id(self, field: Field) -> None:
        data = field.data or ""
        if data and not (data.isascii() and data.isdecimal() and len(data) < 18):
            raise ValidationError("所选企业无效，请重新选择")
        if data and self.appellant_type.data == "anonymous":
            raise ValidationError("匿名诉求不能关联企业，请更改主体类型，或选“暂不关联企业”")

    def validate_at(self, at: datetime) -> bool:
        """What depends on the clock: no moment lies ahead."""
        sound = True
        for field in (self.received_at, self.stranded_since):
            if field.data is not None and field.data > at + EARLY:
                field.errors = [*field.errors, f"“{field.label.text}”不能晚于现在，请核对"]
                sound = False
        return sound

    def validate_against(self, firm: Firm) -> bool:
        """Whether the chosen firm can be whom the typed name means."""
        typed = names.fold(self.appellant_name.data or "")
        if not self._stands_for_firm or not typed or typed.isascii():
            return True  # found by code or telephone number, or somebody of the firm
        if _is_short_for(typed, firm.name_folded):
            return True
        self.appellant_name.errors = [
            f"填写的名称与所选企业“{firm.name}”不一致，请另选企业，或选“都不是，暂不关联企业”"
        ]
        return False

    @property
    def _stands_for_firm(self) -> bool:
        return self.appellant_type.data in ("firm", "sole_trader", "association")

    @property
    def order_source(self) -> str:
        """The system an external order number belongs to; the channel's where none was chosen."""
        if self.order_system.data:
            return str(self.order_system.data)
        offered = {str(choice.value) for choice in self.order_system.iter_choices()}
        return self.channel.data if self.channel.data in offered else ""

    @property
    def order(self) -> tuple[str, str] | None:
        """Source system and number; None where no outside order was named."""
        number = unicodedata.normalize("NFKC", self.order_number.data or "").strip()
        return (self.order_source, number) if number else None

    def registration(self, at: datetime, firm: Firm | None) -> Registration:
        """What was typed, in the words of the ledger. The form must have been validated."""
        name = self.appellant_name.data or UNNAMED.get(self.appellant_type.data, "")
        if firm is not None and self._stands_for_firm:
            name = firm.name
        stranded = bool(self.stranded.answer)
        received = self.received_at.data or at
        return Registration(
            appellant_name=name,
            appellant_type=self.appellant_type.data,
            content=self.content.data,
            channel=self.channel.data,
            received_at=min(received, at),
            title=self.title.data or "",
            kind=self.kind.data,
            # A lorry that cannot move is 特急 whatever was left standing in the other box.
            urgency="critical" if stranded else self.urgency.data,
            category_id=int(self.category_id.data) if self.category_id.data else None,
            region_code=self.region_code.data,
            uscc=names.clean_uscc(self.uscc.data or "") or (firm.uscc or "" if firm else ""),
            industry=self.industry.data or (firm.industry if firm else ""),
            chain=self.chain.data or (firm.chain if firm else ""),
            white_list=self.white_list.data or bool(firm and firm.white_list),
            confidential=self.identity.data == "confidential",
            real_name=self.appellant_type.data != "anonymous",
            contact_name=self.contact_name.data or "",
            phone_given=self.phone_given.data,
            phone=phones.normalise(self.phone.data or "") or None,
            spot_name=self.spot_name.data or "",
            spot_phone=phones.normalise(self.spot_phone.data or "") or None,
            wish=self.wish.data or "",
            place=self.place.data or "",
            route_from=self.route_from.data or "",
            route_to=self.route_to.data or "",
            goods=self.goods.data or "",
            plates=" ".join(plates.read(self.plates.data or "")),
            stranded=stranded,
            stranded_since=self.stranded_since.data if stranded else None,
            complained_unit=self.complained_unit.data or "",
        )


def _is_short_for(typed: str, name: str) -> bool:
    """Whether the letters of `typed` stand in `name` in that order: 寻乌顺达 for 寻乌县顺达物流."""
    rest = iter(name)
    return all(letter in rest for letter in typed)
