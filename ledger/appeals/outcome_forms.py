"""The shape of an answer: the outcome, what it has to say for itself, and two texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from ..web import Day, Files, LocalMoment, LongText, Radio, Text
from . import outcomes
from .act_forms import LONG, ActForm, Confirming, HandForm
from .outcomes import PARTICULARS


class _Starred:
    """Marks what the chosen outcome requires; the form itself says whether it is missing."""

    field_flags = {"required": True}  # noqa: RUF012  # WTForms reads it from the class

    def __call__(self, _form: object, _field: object) -> None:
        return


def _field(name: str) -> Any:
    one = PARTICULARS[name]
    checks = [_Starred()] if one.must else []
    if one.shape == "day":
        return Day(one.label, help=one.help, validators=checks)
    if one.shape == "moment":
        return LocalMoment(one.label, help=one.help, validators=checks)
    if one.shape == "text":
        return LongText(one.label, 2000, rows=3, help=one.help, validators=checks)
    return Text(one.label, 200, help=one.help, validators=checks)


class OutcomeForm(Confirming, ActForm):
    """What every final answer says, whoever gives it."""

    outcome = Radio("办理结果", required=True)
    remaining = _field("remaining")
    points = _field("points")
    document = _field("document")
    document_number = _field("document_number")
    clause = _field("clause")
    checked_by = _field("checked_by")
    checked_at = _field("checked_at")
    checked_how = _field("checked_how")
    checked_result = _field("checked_result")
    referred_to = _field("referred_to")
    referred_way = _field("referred_way")
    referred_on = _field("referred_on")
    next_step = _field("next_step")
    next_review_on = _field("next_review_on")
    account = LongText(
        "内部办理情况", LONG, rows=5, required=True, help="供办公室审核，不对企业公开"
    )
    public_reply = LongText(
        "对企业的答复",
        LONG,
        rows=5,
        required=True,
        help="企业看到的就是这段文字：写明查明了什么、怎么处理、依据和联系方式",
    )
    evidence = LongText(
        "佐证说明", LONG, rows=3, help="没有附件的，写明核实人、核实时间、方式和结果"
    )
    files = Files("佐证附件")

    assists = False
    """Whether an assist answers by it: with an account alone."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Everything that the chosen outcome requires is missed at once."""
        sound: bool = super().validate(extra_validators)
        if self.assists or "outcome" not in self or self.outcome.errors:
            return sound
        for name, words in outcomes.missing(self.outcome.data, self.particulars).items():
            if not self[name].errors:
                self[name].errors = [words]
                sound = False
        return sound

    @property
    def particulars(self) -> dict[str, str]:
        """By name, as outcomes.py keeps them."""
        given: dict[str, str] = {}
        for name in PARTICULARS:
            value = self[name].data if name in self else None
            if isinstance(value, datetime | date):
                value = value.isoformat()
            if value:
                given[name] = str(value)
        return given

    def fill(self, given: Mapping[str, str]) -> None:
        """What an earlier answer said."""
        for name, said in given.items():
            shape = PARTICULARS[name].shape if name in PARTICULARS else ""
            if name not in self:
                continue
            if shape == "day":
                self[name].data = date.fromisoformat(said)
            elif shape == "moment":
                self[name].data = datetime.fromisoformat(said)
            else:
                self[name].data = said

    def leave_to_lead(self) -> None:
        """An assist has neither outcome nor particulars to tell: that is the lead's to say."""
        for name in ("outcome", *PARTICULARS):
            del self[name]


class AnswerForm(HandForm, OutcomeForm):
    """A unit's answer."""


class DirectForm(OutcomeForm):
    """The office's own."""
