"""纸质签批: the second key turned on paper, and recorded by another hand (design §3, Two keys)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from ..config import SHANGHAI
from ..people.actor import Actor
from . import lifecycle
from .behalf import Behalf
from .record import AppealRecord, Invalid

if TYPE_CHECKING:
    from ..files.models import Attachment


@dataclass(frozen=True)
class PaperKey:
    """Who approved, when, and the photograph that shows it."""

    approver: Actor
    signed_on: date
    files: tuple[Attachment, ...]

    @property
    def behalf(self) -> Behalf:
        return Behalf("paper", self.approver.name, files=self.files)

    def turned_by(self, appeal: AppealRecord, by: Actor, at: datetime) -> Actor:
        """The approver, who is asked of the table as if he did it himself. Raises Invalid."""
        approver = self.approver
        if not self.files:
            raise Invalid("files", "请上传签批件的照片")
        if approver.id == by.id:
            raise Invalid("approver", "签批人和代录人不能是同一人")
        verdict = lifecycle.may("close", appeal.facts(at), approver)
        if not verdict:
            reason = verdict.reason.replace("您", "该人员")
            raise Invalid("approver", f"{approver.name}不能销号本件：{reason}".rstrip("。"))
        today = at.astimezone(SHANGHAI).date()
        first = appeal.registered_at.astimezone(SHANGHAI).date()
        if not first <= self.signed_on <= today:
            raise Invalid("signed_on", "签批日期应在登记之后，不能晚于今天")
        return approver
