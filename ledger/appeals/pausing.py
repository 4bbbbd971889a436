"""A hold that a unit asks for, and what is looked at again while it lasts: 申请挂账、挂账审批、
挂账复核."""

from __future__ import annotations

from datetime import datetime

from ..deadlines.queries import caps_in_force
from ..people.actor import Actor
from .intake import _known_reason
from .parts import Assignment
from .record import Invalid
from .requesting import Requesting


class Pausing(Requesting):
    """Holding itself, and going on, stand in handling.py."""

    __abstract__ = True

    def ask_hold(
        self,
        reason_code: str,
        basis: str,
        review_at: datetime | None,
        *,
        by: Actor,
        at: datetime,
        hand: int | None = None,
        seen: int | None = None,
    ) -> None:
        """申请挂账 until `review_at`. Clocks run on until it is granted. Asking counts as signing
        for."""
        _known_reason("hold", reason_code)
        if not basis.strip():
            raise Invalid("basis", "请写明申请挂账的理由")
        self._check_review(review_at, at)
        with self.act("ask_hold", by=by, at=at, hand=hand, seen=seen) as act:
            act.data["reason"] = reason_code
            given: Assignment = act.assignment
            self._receipted(given, by, at)
            days = caps_in_force(at).extension_ruling_days
            request = self._ask("hold", given, reason_code, basis, days, asker=by.id, at=at)
            request.proposed_at = review_at

    def rule_hold(
        self,
        granted: bool,
        ruling: str,
        *,
        by: Actor,
        at: datetime,
        review_at: datetime | None = None,
        seen: int | None = None,
    ) -> None:
        """挂账审批. Granted: held from now on, to be looked at again at `review_at`, or when the
        unit proposed. Refused: the unit goes on."""
        if not granted and not ruling.strip():
            raise Invalid("ruling", "不同意挂账的，请写明理由")
        if granted:
            for request in self.open_requests("hold")[:1]:
                review_at = review_at or request.proposed_at
                self._check_review(review_at, at)
        with self.act("rule_hold", by=by, at=at, seen=seen) as act:
            request = self.open_requests("hold")[0]
            act.assignment = self.given_of(request)
            act.data["granted"] = granted
            self._rule(request, granted, ruling, by, at)
            if granted:
                request.granted_until = review_at
                self._hold(at, self.state, review_at, request.reason_code)

    def review_hold(
        self,
        note: str,
        review_at: datetime | None,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """挂账复核: looked at, and held on until it is looked at again."""
        if not note.strip():
            raise Invalid("note", "请写明复核情况")
        self._check_review(review_at, at)
        with self.act("review_hold", by=by, at=at, seen=seen) as act:
            act.texts["note"] = note
            self.end_clocks(at, "hold_review")
            self._review_by(review_at, at, "挂账复核")
