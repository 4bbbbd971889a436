"""结果回填, and what the hotline heard when it called back itself (design §3).

Whether an order waits to be filled in is derived: its answer stands, and the hotline was not told
of it since. What undoes the answer has it wait again when the next one passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, case, func, inspect, null, select, update

from ..catalogue.queries import catalogue
from ..catalogue.words import SATISFACTION, SOLVED
from ..config import SHANGHAI
from ..db import db
from ..deadlines import clocks
from ..deadlines.calendar import local_day
from ..people.actor import Actor
from ..trail.act import EXPLICIT
from .lifecycle import MERGED
from .opening import Opening
from .ordering import OPEN as OPEN_ORDER
from .parts import ExternalOrder
from .record import NEVER, Invalid

TOLD: Final[frozenset[str]] = frozenset({"reviewed", "confirmed", "closed", "declined"})
"""States with something to tell whoever asked: a reply that has passed, or why there is none."""

NO_WORDS = "热线平台回访结果为不满意，未附诉求人意见。"
UNREACHED = "unreached"


@dataclass(frozen=True)
class TheirCallBack:
    """What a hotline heard when it called back; `solved` and `satisfied` are '' where nobody was
    reached."""

    reached: bool
    contacted: bool = False
    solved: str = ""
    satisfied: str = ""
    words: str = ""
    happened_at: datetime | None = None

    @property
    def is_bad(self) -> bool:
        return self.reached and self.satisfied == "unsatisfied"

    @property
    def code(self) -> str:
        """As the order keeps it."""
        if not self.reached:
            return UNREACHED
        return f"{self.satisfied} {self.solved} {'contacted' if self.contacted else 'not'}"

    @classmethod
    def of(cls, code: str) -> TheirCallBack | None:
        """What an order keeps; None where it keeps nothing."""
        if not code:
            return None
        if code == UNREACHED:
            return cls(reached=False)
        satisfied, solved, contacted = code.split(" ")
        return cls(True, contacted == "contacted", solved, satisfied)

    @property
    def said(self) -> str:
        if not self.reached:
            return "未接通"
        named = (
            SATISFACTION[self.satisfied],
            SOLVED[self.solved],
            "承办单位已联系" if self.contacted else "承办单位未联系",
        )
        return "、".join(named)


class Returning(Opening):
    """回填热线、撤销回填、热线平台回访结果."""

    __abstract__ = True

    def return_order(
        self, order: ExternalOrder, *, by: Actor, at: datetime, words: str = ""
    ) -> None:
        """Somebody has filled the answer in on the hotline's own platform."""
        with self.act("return_order", by=by, at=at) as act:
            self._check_own(order)
            if order.return_due_at is None:
                raise Invalid("order_id", f"工单{order.full_number}没有待回填的结果，或已经回填")
            act.data["order"] = f"{order.source_system} {order.full_number}"
            act.texts["note"] = words
            order.returned_at = at
            order.returned_by_id = by.id

    def undo_return(self, order: ExternalOrder, reason: str, *, by: Actor, at: datetime) -> None:
        """It was marked by mistake: it waits again."""
        if not reason.strip():
            raise Invalid("reason", "请填写撤销回填的理由")
        with self.act("undo_return", by=by, at=at) as act:
            self._check_own(order)
            if order.returned_at is None:
                raise Invalid("order_id", f"工单{order.full_number}没有回填，不需要撤销")
            act.data["order"] = f"{order.source_system} {order.full_number}"
            act.texts["reason"] = reason
            order.returned_at = None
            order.returned_by_id = None

    def take_their_call_back(
        self, result: TheirCallBack, *, order: ExternalOrder, by: Actor, at: datetime
    ) -> str:
        """The hotline has called back: nobody calls the firm again. Says what it became: call_back
        (in 待回访), stopped (待销号, dissatisfied: no close until the office has decided), recur
        (已销号, dissatisfied), or note: kept, and offered when the call-back is due."""
        self._check_result(result, at)
        with self.act("their_call_back", by=by, at=at) as act:
            self._check_own(order)
            act.data["order"] = f"{order.source_system} {order.full_number}"
            act.data["reached"] = result.reached
            if result.reached:
                act.data["satisfaction"] = result.satisfied
                act.data["solved"] = result.solved
                act.data["contacted"] = result.contacted
            if result.happened_at is not None:
                act.data["called_at"] = result.happened_at.isoformat()
            act.texts["note"] = result.words
            order.their_result = result.code
            if self.state == "confirmed" and result.is_bad and self._is_of_answer(result):
                self.close_stopped = True
                return "stopped"
        if self.state == MERGED:
            return self._master_hears(result, by=by, at=at)
        return self._hears(result, by=by, at=at)

    def _master_hears(self, result: TheirCallBack, *, by: Actor, at: datetime) -> str:
        """One appellant, one matter: what was merged is called back with its master."""
        master = db.session.get_one(type(self), self.master_id, with_for_update=True)
        return master._hears(result, by=by, at=at)

    def _hears(self, result: TheirCallBack, *, by: Actor, at: datetime) -> str:
        if not result.reached or not self._is_of_answer(result):
            return "note"
        if self.state == "reviewed" and not self.undetermined:
            self.call_back(
                by=by,
                at=at,
                contacted=result.contacted,
                solved=result.solved,
                satisfaction=result.satisfied,
                words=result.words or (NO_WORDS if result.is_bad else ""),
            )
            return "call_back"
        if self.state == "closed" and result.is_bad:
            self.recur(result.words or NO_WORDS, by=by, at=at)
            return "recur"
        return "note"

    def _is_of_answer(self, result: TheirCallBack) -> bool:
        """Whether they called back about the answer that stands: not before it passed."""
        called_at, passed_at = result.happened_at, self.reviewed_at
        if called_at is None or passed_at is None:
            return True
        day = called_at.astimezone(SHANGHAI)
        if (day.hour, day.minute, day.second) == (0, 0, 0):  # told by the day alone
            return local_day(called_at) >= local_day(passed_at)
        return called_at >= passed_at

    def _check_own(self, order: ExternalOrder) -> None:
        if order not in self.external_orders:
            raise Invalid("order_id", "本件没有该外部工单，请重新选择")

    @staticmethod
    def _check_result(result: TheirCallBack, at: datetime) -> None:
        if result.happened_at is not None and result.happened_at > at:
            raise Invalid("at", "回访时间不能晚于现在")
        if not result.reached:
            return
        if result.satisfied not in SATISFACTION:
            raise Invalid("satisfied", "回访结果应为满意、基本满意或不满意")
        if result.solved not in SOLVED:
            raise Invalid("solved", "解决情况应为已解决、部分解决或未解决")

    # -- what waits ------------------------------------------------------------------------

    def _settle_returns(self) -> None:
        if not inspect(self).persistent:
            return  # what is begun has nothing to tell yet
        state = inspect(self).attrs.state.history
        was = state.deleted[0] if state.deleted else self.state
        reworded = self._is_touched("public_reply")
        moved = was != self.state and bool({was, self.state} & (TOLD | {MERGED}))
        if not moved and not (reworded and self.state in TOLD) and not self._orders_at_hand:
            return
        passed_at = self._passed_at()
        for order in self.external_orders:
            if was in TOLD and self.state not in TOLD and order.their_result:
                order.their_result = ""  # of an answer that stands no more
            if reworded and was == self.state and passed_at and order.returned_at is not None:
                order.returned_at = order.returned_by_id = None
            due_at = _due_at(order, passed_at)
            if order.return_due_at != due_at:
                order.return_due_at = due_at
        if moved or reworded:
            self._settle_merged(passed_at)

    @property
    def _orders_at_hand(self) -> bool:
        """Else none was touched."""
        return "external_orders" in vars(self)

    def _passed_at(self) -> datetime | None:
        """Since when there is something to tell; None where nothing is, as of what was closed
        before the ledger was begun."""
        if self.state == MERGED:
            master = db.session.get(type(self), self.master_id)
            return None if master is None or master.state == MERGED else master._passed_at()
        if self.state not in TOLD:
            return None
        return self.ended_at if self.state == "declined" else self.reviewed_at

    def _settle_merged(self, passed_at: datetime | None) -> None:
        """The orders of what was merged into it wait for its answer."""
        orders: Table = inspect(ExternalOrder).local_table  # type: ignore[assignment]
        appeals = inspect(type(self)).local_table
        merged = select(appeals.c.id).where(
            appeals.c.master_id == self.id, appeals.c.state == MERGED
        )
        waits: ColumnElement[Any] = null()
        if passed_at is not None:
            told = orders.c.returned_at >= passed_at
            waits = case(
                (told | (orders.c.state != OPEN_ORDER), None),
                else_=func.coalesce(orders.c.their_due_at, NEVER),
            )
        db.session.execute(
            update(orders)
            .where(orders.c.appeal_id.in_(merged), orders.c.source_system.not_like("%:%"))
            .values(return_due_at=waits)
            .execution_options(**{EXPLICIT: True})
        )


def _due_at(order: ExternalOrder, passed_at: datetime | None) -> datetime | None:
    if passed_at is None or order.state != OPEN_ORDER or not order.is_theirs:
        return None
    if order.returned_at is not None and order.returned_at >= passed_at:
        return None
    return order.their_due_at or NEVER


def results_in_words(orders: Iterable[Any]) -> list[str]:
    """What hotlines heard of an answer, for whoever is about to call back."""
    return [
        f"{one.source_system}工单{one.full_number}热线平台回访结果：{found.said}。"
        for one in orders
        if (found := TheirCallBack.of(one.their_result)) is not None
    ]


def returned_in_words(order: Any) -> list[str]:
    """How the answer stands in the hotline's eyes: 已回填, 待回填, and what it heard itself."""
    said = []
    told_by = catalogue().hotlines().get(order.source_system)
    way = "" if told_by is None else told_by.return_way
    if way == "push":
        said.append("接口推送回告")
    elif order.return_due_at is not None and way == "manual":
        said.append("待回填")
    elif order.returned_at is not None:
        said.append(f"{clocks.shown(order.returned_at)}已回填")
    if (heard := TheirCallBack.of(order.their_result)) is not None:
        said.append(f"平台回访：{heard.said}")
    return said
