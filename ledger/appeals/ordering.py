"""One matter, several orders: 关联外部工单, 外部工单撤回, 重办建议 and what the office says to it.

An order of a hotline's stands and ends for itself. What the hotline does with it never ends the
appeal: that the office alone does.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import inspect, select

from ..db import db
from ..deadlines.queries import load_calendar
from ..people.actor import Actor
from .lifecycle import MERGED
from .opening import Opening
from .parts import ExternalOrder
from .record import Invalid, Refused
from .their_times import lowered

OPEN, ENDED = "open", "ended"
ORDER_STATES: dict[str, str] = {OPEN: "在办", ENDED: "已撤回"}
"""An order, in the eyes of the hotline that gave it out."""

NOT_THEIRS = "不是本平台转来的工单。"


class Ordering(Opening):
    """关联外部工单、外部工单撤回、重办建议、回应重办建议."""

    __abstract__ = True

    def link_order(self, order: ExternalOrder, words: str, *, by: Actor, at: datetime) -> None:
        """A further order of the same matter; `order` is new, and of no appeal yet."""
        self._check_source(order, by)
        with self.act("link_order", by=by, at=at) as act:
            act.data["order"] = _told(order)
            act.texts["note"] = words
            self.external_orders.append(order)
            if order.their_due_at is not None:
                act.data["their_due"] = order.their_due_at.isoformat()
                self._keep_within_theirs(order, at)

    def end_order(self, order: ExternalOrder, reason: str, *, by: Actor, at: datetime) -> None:
        """The hotline took its order back; the appeal lives on."""
        if not reason.strip():
            raise Invalid("reason", "请填写撤回理由")
        self._check_source(order, by)
        with self.act("end_order", by=by, at=at) as act:
            if order not in self.external_orders:
                raise Invalid("order_id", "本件没有该外部工单，请重新选择")
            if order.state == ENDED:
                raise Invalid("order_id", f"工单{order.full_number}已经撤回")
            act.data["order"] = _told(order)
            act.texts["reason"] = reason
            order.state = ENDED

    def suggest_rework(
        self,
        order_number: str,
        words: str,
        *,
        by: Actor,
        at: datetime,
        order: ExternalOrder | None = None,
    ) -> None:
        """重办建议: stands on the office's desk until it acts or sets it aside.

        `order` is the new one (a further sub-number) that came with it.
        """
        if not words.strip():
            raise Invalid("words", "请填写要求重办的内容")
        if order is not None:
            self._check_source(order, by)
        with self.act("suggest_rework", by=by, at=at) as act:
            act.data["order"] = order_number if order is None else _told(order)
            act.texts["note"] = words
            if order is not None:
                self.external_orders.append(order)
                if order.their_due_at is not None:
                    act.data["their_due"] = order.their_due_at.isoformat()
                    self._keep_within_theirs(order, at)
            if self.rework_suggested_at is None:
                self.rework_suggested_at = at

    def answer_suggestion(
        self,
        taken_up: bool,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """Taken up (the office goes on by an act of its own), or set aside with the reason."""
        if not taken_up and not reason.strip():
            raise Invalid("reason", "不采纳的，请填写理由")
        with self.act("answer_suggestion", by=by, at=at, seen=seen) as act:
            act.data["taken_up"] = taken_up
            act.texts["reason"] = reason
            self.rework_suggested_at = None

    def sources_merged(self) -> frozenset[str]:
        merged = inspect(type(self)).local_table
        return frozenset(
            db.session.scalars(
                select(ExternalOrder.source_system)
                .join(merged, merged.c.id == ExternalOrder.appeal_id)
                .where(merged.c.master_id == self.id, merged.c.state == MERGED)
            )
        )

    @staticmethod
    def _check_source(order: ExternalOrder, by: Actor) -> None:
        if by.kind == "client" and order.source_system != by.source_system:
            raise Refused(403, NOT_THEIRS)

    def _keep_within_theirs(self, order: ExternalOrder, at: datetime) -> None:
        """A clock that runs is frozen: only the entry of this very order moves it, and never to a
        later time."""
        lead = self.lead
        if self.state != "assigned" or lead is None:
            return
        calendar = load_calendar()
        for clock in self.running("answer", "rework", assignment=lead):
            if lowered(clock, [order], calendar, after=at):
                self._keep_within(lead, at)


def _told(order: ExternalOrder) -> str:
    return f"{order.source_system} {order.full_number}"
