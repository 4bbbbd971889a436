"""The shape of what is typed about notices."""

from __future__ import annotations

from typing import Any

from wtforms.validators import ValidationError

from ..web import Form, Radio, Text
from .models import WAYS
from .sending import address_problem


def _sound(_form: object, field: Any) -> None:
    if field.data and (problem := address_problem(field.data)):
        raise ValidationError(problem)


class WayForm(Form):
    way = Radio("系统外的通知方式", WAYS, required=True)


class AddressForm(Form):
    label = Text("名称", 40, required=True, help="如：值班群机器人")
    address = Text(
        "机器人地址", 400, required=True, validators=[_sound], help="如 wecombot://机器人的key"
    )
