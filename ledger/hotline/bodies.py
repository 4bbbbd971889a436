"""What a platform may send, as schemas: the same that the description of the interface is made of.

Strict: what is not named is refused, a number is no text and a text no number. marshmallow is
heavy: whoever needs this module imports it where he needs it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate

from ..appeals.plates import PlateError
from ..appeals.plates import read as read_plates
from ..catalogue.words import APPELLANT_TYPES, KINDS, SATISFACTION, SOLVED, URGENCIES
from ..config import SHANGHAI
from ..firms import names, phones
from ..web import clean_text
from .problems import FieldError, Problem

LONGEST = 20_000
MISSING = "缺少该栏目"
UNKNOWN = "没有这个栏目，请对照接口文档核对名称"
_YEARS = (2000, 2100)
_STATED = {"required": MISSING, "null": "不能为null，没有的请省略该栏目"}
_WRONG = "格式不对"


class Words(fields.String):
    """Text, in characters."""

    def __init__(self, longest: int, *, least: int = 0, line: bool = False, **more: Any) -> None:
        self.longest, self.least, self.line = longest, least, line
        more.setdefault("error_messages", {**_STATED, "invalid": "应为文字（字符串）"})
        super().__init__(validate=validate.Length(min=least or None, max=longest), **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("应为文字（字符串）")
        try:
            text = clean_text(value, max_len=self.longest, name="内容")
        except ValueError as error:
            raise ValidationError(str(error)) from error
        text = " ".join(text.split()) if self.line else text
        if len(text) < self.least:
            raise ValidationError("不能为空")
        return text

    def _validate(self, value: Any) -> None:
        """Said above, in Chinese."""


class Number(Words):
    """An order's number: what may stand in an address."""

    def __init__(self, longest: int = 64, *, least: int = 0, **more: Any) -> None:
        super().__init__(longest, least=least, line=True, **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        text = super()._deserialize(value, attr, data, **more)
        if "/" in text or text in (".", ".."):
            raise ValidationError("编号中不能有斜杠")
        return text


class Flag(fields.Boolean):
    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("应为true或false")
        return value


class Moment(fields.DateTime):
    """RFC 3339; without an offset it is Shanghai's clock."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> datetime:
        wrong = ValidationError("应为时间，如2026-11-20T09:30:00+08:00")
        if not isinstance(value, str) or len(value) > 40 or not _RFC.fullmatch(value):
            raise wrong
        try:
            found = datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
            found = found if found.tzinfo else found.replace(tzinfo=SHANGHAI)
            if not _YEARS[0] <= found.year < _YEARS[1]:
                raise wrong
            return found.astimezone(SHANGHAI)
        except (ValueError, OverflowError):
            raise wrong from None


_RFC = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:[Zz]|[+-]\d\d:\d\d)?", re.ASCII
)


class OneOf(fields.String):
    """A code of a short list."""

    def __init__(self, codes: Mapping[str, str], **more: Any) -> None:
        self.codes = codes
        more.setdefault("error_messages", dict(_STATED))
        listed = "、".join(f"{code} {word}" for code, word in codes.items())
        more.setdefault("metadata", {"description": listed})
        super().__init__(validate=validate.OneOf(list(codes)), **more)

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> str:
        if not isinstance(value, str) or value not in self.codes:
            raise ValidationError(f"应为下列之一：{'、'.join(self.codes)}")
        return value

    def _validate(self, value: Any) -> None:
        """Said above."""


class Bytes(fields.Field[bytes]):
    """Base64."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **more: Any) -> bytes:
        if not isinstance(value, str):
            raise ValidationError("应为base64文字")
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise ValidationError("不是有效的base64编码") from None


class Body(Schema):
    class Meta:
        unknown = RAISE

    error_messages = {"unknown": UNKNOWN, "type": "应为JSON对象"}  # noqa: RUF012


def _own(**more: Any) -> dict[str, Any]:
    return {"error_messages": {**_STATED, "invalid": _WRONG, "type": _WRONG}, **more}


class CallerBody(Body):
    name = Words(100, line=True, load_default="", metadata={"description": "来电人姓名"})
    phone = Words(40, line=True, load_default="", metadata={"description": "来电号码"})
    type = OneOf(APPELLANT_TYPES)


class FirmBody(Body):
    name = Words(200, line=True, load_default="", metadata={"description": "企业名称"})
    uscc = Words(40, line=True, load_default="", metadata={"description": "统一社会信用代码"})


class OrderBody(Body):
    order_number = Number(required=True, least=1, metadata={"description": "工单编号"})
    sub_number = Number(load_default="", metadata={"description": "子单号"})
    title = Words(200, line=True, load_default="", metadata={"description": "标题"})
    content = Words(LONGEST, least=1, required=True, metadata={"description": "工单内容"})
    received_at = Moment(**_own(required=True, metadata={"description": "平台受理时间"}))
    caller = fields.Nested(CallerBody, **_own())
    firm = fields.Nested(FirmBody, **_own())
    kind = OneOf(KINDS, load_default="help")
    urgency = OneOf(URGENCIES, load_default="normal")
    category = Words(40, line=True, load_default="", metadata={"description": "诉求类别编码"})
    place = Words(200, line=True, load_default="", metadata={"description": "地点"})
    plates = fields.List(
        Words(20, least=1, line=True),
        **_own(validate=validate.Length(max=20, error="最多20个车牌号")),
    )
    stranded_since = Moment(**_own(metadata={"description": "车辆滞留起始时间"}))
    confidential = Flag(**_own(load_default=False, metadata={"description": "为来电人保密"}))
    cross_region = Flag(**_own(load_default=False, metadata={"description": "跨区域事项"}))
    their_due_at = Moment(**_own(metadata={"description": "上级要求反馈时限"}))
    redo = Flag(**_own(load_default=False, metadata={"description": "重办"}))
    previous = Number(load_default="", metadata={"description": "同一事项的前一工单编号"})


class _OfOrder(Body):
    update_id = Words(100, least=1, line=True, required=True, metadata={"description": "更新编号"})
    sub_number = Number(load_default="")


class TextBody(_OfOrder):
    text = Words(5000, least=1, required=True)
    at = Moment(**_own(metadata={"description": "发生时间"}))


class WithdrawalBody(_OfOrder):
    reason = Words(2000, least=1, required=True)
    at = Moment(**_own())


class AttachmentBody(_OfOrder):
    filename = Words(200, least=1, line=True, required=True)
    content = Bytes(
        **_own(required=True, metadata={"type": "string", "description": "文件内容（base64）"})
    )


class CallBackBody(_OfOrder):
    reached = Flag(**_own(required=True))
    solved = OneOf(SOLVED, load_default="")
    satisfied = OneOf(SATISFACTION, load_default="")
    contacted = Flag(**_own(load_default=False))
    words = Words(2000, load_default="")
    at = Moment(**_own(required=True))


# -- answers, for the description --------------------------------------------------------------


class Answer(Schema):
    class Meta:
        unknown = EXCLUDE


class OrderAnswer(Answer):
    order_number = fields.String(required=True)
    sub_number = fields.String(required=True)
    appeal = fields.String(required=True)
    label = fields.String(required=True)
    status = fields.String(required=True)
    status_note = fields.String(required=True)
    order_state = fields.String(required=True, validate=validate.OneOf(["open", "ended"]))
    public_reply = fields.String(required=True, allow_none=True)
    units = fields.List(fields.String(), required=True)
    expected_at = fields.DateTime(required=True, allow_none=True)
    received_at = fields.DateTime(required=True)
    late = fields.Boolean()
    suggested = fields.Boolean()


class OrdersAnswer(Answer):
    orders = fields.List(fields.Nested(OrderAnswer), required=True)
    next = fields.String(required=True, allow_none=True)


class FieldErrorAnswer(Answer):
    field = fields.String(required=True)
    detail = fields.String(required=True)


class TextsAnswer(Answer):
    title = fields.String(required=True)
    content = fields.String(required=True)


class ProblemAnswer(Answer):
    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    field = fields.String()
    errors = fields.List(fields.Nested(FieldErrorAnswer))
    retry = fields.Boolean()
    ours = fields.Nested(TextsAnswer)
    theirs = fields.Nested(TextsAnswer)


# -- reading -----------------------------------------------------------------------------------


def load(kind: type[Body], said: Any) -> dict[str, Any]:
    """Raises Problem naming every field that is wrong."""
    if not isinstance(said, dict):
        raise Problem("invalid", "请求内容应为JSON对象。", [FieldError("", "应为JSON对象")])
    try:
        found: dict[str, Any] = kind().load(said)
    except ValidationError as error:
        raise invalid(list(_flat(error.messages, ""))) from None
    return found


def invalid(errors: list[FieldError]) -> Problem:
    first = errors[0]
    more = f"（共{len(errors)}处）" if len(errors) > 1 else ""
    return Problem("invalid", f"栏目{first.field}：{first.detail}{more}。", errors[:50])


def _flat(messages: Any, path: str) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            shown = "".join(c for c in str(name) if c.isprintable())[:60]
            here = path if name == "_schema" else f"{path}.{shown}" if path else shown
            yield from _flat(inner, here)
        return
    for one in messages if isinstance(messages, list) else [messages]:
        yield FieldError(path, str(one))


def phone_of(text: str) -> str:
    """Raises Problem."""
    try:
        return phones.normalise(text)
    except phones.PhoneError as error:
        raise invalid([FieldError("caller.phone", str(error))]) from error


def uscc_of(text: str) -> str:
    """Raises Problem."""
    try:
        return names.clean_uscc(text) or ""
    except names.UsccError as error:
        raise invalid([FieldError("firm.uscc", str(error))]) from error


def plates_of(given: list[str]) -> str:
    """Raises Problem."""
    try:
        return " ".join(read_plates(" ".join(given)))
    except PlateError as error:
        raise invalid([FieldError("plates", str(error))]) from error
