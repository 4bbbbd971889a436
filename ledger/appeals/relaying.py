"""代为联系: a confidential appellant is reached by the hotline or the office, never by the unit.

The unit puts what it wants to know by 请补充; what was said comes back in the words of whoever
spoke with him, and ends the units' limits of first contact.
"""

from __future__ import annotations

from datetime import datetime

from ..people.actor import Actor
from .closing import WAYS
from .confidence import names_him
from .record import AppealRecord, Invalid


class Relaying(AppealRecord):
    """代为联系."""

    __abstract__ = True

    def relay(
        self,
        way: str,
        words: str,
        *,
        by: Actor,
        at: datetime,
        happened_at: datetime | None = None,
    ) -> None:
        """Raises Invalid where the words say who he is: every unit reads them."""
        if way not in WAYS:
            raise Invalid("way", "请选择联系方式")
        if not words.strip():
            raise Invalid("words", "请填写联系情况")
        if told := names_him(self, words):
            raise Invalid("words", f"承办单位看得到联系情况，请删去其中的“{told}”")
        with self.act("relay", by=by, at=at, happened_at=happened_at) as act:
            act.data["way"] = way
            act.texts["note"] = words
            for given in self.assignments:
                if not given.is_open:
                    continue
                if given.contacted_at is None:
                    given.contacted_at = happened_at or at
                self.end_clocks(at, "contact", assignment=given)
            if self.details_asked:
                self.details_asked = False
                self.details_question = ""
