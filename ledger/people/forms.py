"""The shape of what is typed about sign-ins, units, persons and posts."""

from __future__ import annotations

from typing import Any

from wtforms.validators import ValidationError

from ledger.web import Choice, Day, Files, Form, Password, Phone, Text, Tick, YesNo

from . import passwords, regions, roles, usernames
from .models import UNIT_KINDS


class SignInForm(Form):
    username = Text("用户名", max_len=64, required=True)
    password = Password("密码", required=True)


class PasswordForm(Form):
    current_password = Password("原密码", required=True)
    new_password = Password("新密码", required=True, help=passwords.RULE)
    again_password = Password("再次输入新密码", required=True)

    def __init__(self, *args: Any, username: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._username = username

    def validate_new_password(self, field: Any) -> None:
        new = passwords.normal(field.data or "")
        if why := passwords.problem(new, username=self._username):
            raise ValidationError(why)
        if new == passwords.normal(self.current_password.data or ""):
            raise ValidationError("新密码不得与原密码相同。")

    def validate_again_password(self, field: Any) -> None:
        if field.data != self.new_password.data:
            raise ValidationError("两次输入的新密码不一致，请重新输入。")


class PlainForm(Form):
    """Nothing but its token: one button."""


class SearchForm(Form):
    class Meta(Form.Meta):
        csrf = False

    text = Text("姓名或用户名", max_len=50)
    unit = Choice("单位（含下级）", blank="全部单位")


class UnitForm(Form):
    code = Text("单位编码", max_len=40, required=True, help="本系统内唯一，如 360734-JT")
    name = Text("单位名称", max_len=100, required=True)
    short_name = Text("简称", max_len=40)
    kind = Choice("单位类型", UNIT_KINDS.items(), required=True)
    parent = Choice("上级单位", blank="（无上级单位）")
    region_code = Text(
        "行政区划代码", max_len=6, required=True, help="GB/T 2260 六位代码，如 360734"
    )
    number_prefix = Text("编号字头", max_len=4, help="台账编号开头的字，不填则取行政区划名的首字")
    is_office = YesNo("牵头办公室", required=True)
    offline = YesNo("办理方式", yes="线下（由牵头办公室代录）", no="线上", required=True)
    needs_sign_off = YesNo("反馈须经单位负责人审签", required=True)
    contact_a = Text("联系人A", max_len=50)
    contact_a_phone = Phone("联系人A电话")
    contact_b = Text("联系人B", max_len=50)
    contact_b_phone = Phone("联系人B电话")
    duty_phone = Phone("24小时电话")

    def validate_region_code(self, field: Any) -> None:
        if not regions.is_region(field.data):
            raise ValidationError("行政区划代码应为 GB/T 2260 的六位代码，如 360734（寻乌县）。")

    def validate_number_prefix(self, field: Any) -> None:
        if field.data and not field.data.isalnum():
            raise ValidationError("编号字头只能用汉字、字母或数字。")


class PersonForm(Form):
    name = Text("姓名", max_len=50, required=True)
    home_unit = Choice("所属单位（人事关系）", required=True)
    phone = Phone("手机")


class NewPersonForm(PersonForm):
    username = Text(
        "用户名", max_len=32, required=True, help="登录用，建立后不能修改；字母不分大小写"
    )

    def validate_username(self, field: Any) -> None:
        field.data = usernames.fold(field.data)
        if why := usernames.problem(field.data):
            raise ValidationError(why)


class ReasonForm(Form):
    reason = Text("原因", max_len=200, required=True)


class GrantForm(Form):
    role = Choice("岗位", roles.LABELS.items(), required=True)
    unit = Choice("任岗单位", required=True)
    starts_on = Day("开始日期", required=True)
    ends_on = Day("停止日期", help="当日起不再有效；长期有效的不填")
    reason = Text("授予依据", max_len=200, required=True)

    def validate_ends_on(self, field: Any) -> None:
        if field.data and self.starts_on.data and field.data <= self.starts_on.data:
            raise ValidationError("停止日期应晚于开始日期。")


class EndForm(Form):
    ends_on = Day("停止日期", required=True, help="当日起不再有效")
    reason = Text("停止原因", max_len=200, required=True)


class RosterForm(Form):
    file = Files("名册文件", rows=1, required=True, help="xlsx、xls 或 csv，第一行为表头")
    dry_run = Tick("只检查，不写入")
