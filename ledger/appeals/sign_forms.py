"""The shape of what is typed when the head of a unit signs its answer."""

from __future__ import annotations

from ..web import LongText, Radio
from .act_forms import HandForm

SENT = "sent"
DECISIONS = {SENT: "同意报送", "returned": "退回经办人"}


class SignOffForm(HandForm):
    decision = Radio("审签", DECISIONS, required=True)
    words = LongText("审签意见", 2000, rows=3, help="退回经办人的，必须写明哪里要改")
