"""The shape of what is typed when the office records something for a unit that works offline: what
the unit itself would fill in, and after it how the office came to know."""

from __future__ import annotations

from typing import Any

from wtforms.validators import ValidationError
from wtforms.widgets import TelInput

from ..firms import phones
from ..web import Choice, Day, Files, LongText, Radio, Text
from . import act_forms, outcome_forms
from .act_forms import ActForm
from .behalf import NAME_LENGTH
from .story import ON_BEHALF

SOURCES = {code: name for code, name in ON_BEHALF.items() if code != "sheet"}
"""What is chosen by hand; a sheet comes in by its own door."""

WHOM = "代哪个单位办理"
"""Asked only where several units of the appeal work offline."""


def sound_phone(_form: object, field: Any) -> None:
    try:
        phones.normalise(field.data or "")
    except ValueError as error:
        raise ValidationError(str(error)) from error


class BehalfForm(ActForm):
    source = Radio("代录来源", SOURCES, default="phone", required=True)
    counterpart = Text(
        "对方姓名、职务", NAME_LENGTH, required=True, help="承办单位的答复人，如：李明，综合股股长"
    )
    counterpart_phone = Text("对方电话", 40, widget=TelInput(), validators=[sound_phone])
    behalf_note = LongText(
        "代录说明", 2000, rows=2, help="何时、怎样得到这一情况；没有照片的必须写明"
    )
    files = Files("照片、附件")


class SignOnBehalfForm(BehalfForm, act_forms.SignForm):
    handler_name = Text("经办人", 100, help="与对方不是同一人的填")


class ContactOnBehalfForm(BehalfForm, act_forms.ContactForm):
    pass


class ProgressOnBehalfForm(BehalfForm, act_forms.ProgressForm):
    pass


class AnswerOnBehalfForm(BehalfForm, outcome_forms.AnswerForm):
    files = Files("照片、佐证附件")


class ReturnOnBehalfForm(BehalfForm, act_forms.AskReturnForm):
    hand = Radio(WHOM, required=True)


class ExtensionOnBehalfForm(BehalfForm, act_forms.AskExtensionForm):
    hand = Radio(WHOM, required=True)


class PaperKeyForm(ActForm):
    approver = Choice("签批人", required=True, blank="请选择签批的销号审批人")
    signed_on = Day("签批日期", required=True)
    note = LongText("销号意见", 2000, rows=2, help="照签批件上的意见填写")
    files = Files("签批件照片", required=True)
