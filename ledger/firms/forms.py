"""The shape of what is typed about a firm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wtforms.validators import ValidationError

from ledger.web import Choice, Day, Form, Hidden, LongText, Text, Tick

from . import names, phones
from .models import PARTS


def _read_by(read: Callable[[str], object]) -> Callable[[object, Any], None]:
    """What `read` says against the text, said by the field."""

    def check(_form: object, field: Any) -> None:
        try:
            read(field.data or "")
        except ValueError as error:
            raise ValidationError(str(error)) from error

    return check


def _named(_form: object, field: Any) -> None:
    if field.data and not names.fold(field.data):
        raise ValidationError(f"请填写“{field.label.text}”，不能只有空格")


class FirmForm(Form):
    """Facts of a firm: registering and correcting."""

    name = Text("企业名称", 200, required=True, validators=[_named])
    uscc = Text(
        "统一社会信用代码",
        40,
        validators=[_read_by(names.clean_uscc)],
        help="18位；不清楚时可留空，以后补登",
    )
    region_code = Choice("所在地区", blank="外地或不详")
    industry = Text("行业", 100)
    chain = Text("产业链", 100)
    white_list = Tick("列入白名单")
    white_list_note = Text("白名单批次、文号", 200)
    address = Text("地址", 200)
    note = LongText("备注", 2000, rows=3)


class NewFirmForm(FirmForm):
    """With its first contact, since whoever registers a firm has just spoken to somebody."""

    contact_name = Text("联系人", 100)
    contact_title = Text("联系人职务", 100)
    contact_phone = Text("联系电话", 40, validators=[_read_by(phones.normalise)])
    not_the_same = Tick("已核对，不是同一家企业，仍要登记")


class CorrectionForm(FirmForm):
    """With the version that the form was drawn of."""

    active = Tick("在册", help="注销、吊销、迁出的企业取消勾选，登记诉求时不再提示")
    version = Hidden("版本", 20)
    not_the_same = Tick("已核对，不是同一家企业，仍要保存")

    @property
    def seen(self) -> int:
        """0, which no firm has, where the number was tampered with."""
        return int(self.version.data) if (self.version.data or "").isdecimal() else 0


class ContactForm(Form):
    name = Text("姓名", 100, required=True)
    title = Text("职务", 100)
    phone = Text("电话", 40, required=True, validators=[_read_by(phones.normalise)])


class RevealForm(Form):
    reason = Text(
        "查看事由", 100, required=True, help="将记入访问日志，请勿填写姓名、号码等个人信息"
    )


class LiaisonForm(Form):
    """Who looks after the firm from a day on; nobody where the person is left blank."""

    part = Choice("职责", PARTS.items(), blank=None, required=True)
    person_id = Choice("人员", blank="（不再安排）")
    starts_on = Day("起始日期", required=True)
