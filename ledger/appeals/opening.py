"""期初导入 and 核定时限: an old ledger's row taken over, and the due time the office gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from ..catalogue.queries import catalogue
from ..deadlines import clocks
from ..people.actor import Actor
from ..people.models import Unit
from .closing import Closing
from .intake import Registration
from .parts import Assignment
from .record import Invalid
from .standing import MAIN_CLOCK

if TYPE_CHECKING:
    from ..firms.models import Firm
    from .parts import ExternalOrder


@dataclass(frozen=True)
class Carried:
    """How far an old ledger had come with a row. Moments carry their zone."""

    state: str
    """registered, assigned or closed."""
    registered_at: datetime
    row: str
    """The row whole, as JSON text: it stays in the entry."""
    accepted_at: datetime | None = None
    assigned_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None
    handler_name: str = ""
    outcome: str = ""
    account: str = ""
    public_reply: str = ""
    satisfaction: str = ""
    solved: str = ""


class Opening(Closing):
    """期初导入、核定时限."""

    __abstract__ = True

    @classmethod
    def carry_over(
        cls,
        known: Registration,
        carried: Carried,
        *,
        office: Unit,
        by: Actor,
        at: datetime,
        firm: Firm | None = None,
        unit: Unit | None = None,
        external_orders: Iterable[ExternalOrder] = (),
    ) -> Self:
        """An old ledger's row with its own dates and state; shown 期初, no clock runs.

        Raises Invalid for a state it cannot arrive in, or a unit in charge that is not named.
        """
        if carried.state not in ("registered", "assigned", "closed"):
            raise Invalid("state", "期初导入的状态只能是待受理、办理中或已销号")
        if carried.state == "assigned" and unit is None:
            raise Invalid("unit", "办理中的诉求要有承办单位")
        # As it was registered then, and then as far as the old ledger had come with it.
        appeal = cls._blank(known, office=office, by=by, at=carried.registered_at, firm=firm)
        appeal.state = carried.state
        appeal.opening = True
        with appeal.act("carry_over", by=by, at=at) as act:
            act.begin_stream()
            appeal.external_orders.extend(external_orders)
            act.personal["row"] = carried.row
            if act.seat is not None:
                appeal.registrar_unit_id = act.seat.unit_id
            if carried.state != "registered":
                appeal._arrive(carried, unit, by)
        return appeal

    def _arrive(self, carried: Carried, unit: Unit | None, by: Actor) -> None:
        since = carried.assigned_at or carried.accepted_at or carried.registered_at
        self.accepted_at = carried.accepted_at or since
        self.account = carried.account
        self.public_reply = carried.public_reply
        self.outcome = carried.outcome if carried.outcome in catalogue().outcomes else ""
        if unit is not None:
            self.assigned_at = since
            self.lead_unit_id = unit.id
            self.assignments.append(
                Assignment(
                    unit=unit,
                    unit_id=unit.id,
                    part="lead",
                    state="answered" if carried.state == "closed" else "taken",
                    round=1,
                    assigned_at=since,
                    assigned_by_id=by.id,
                    signed_at=since,
                    handler_name=carried.handler_name,
                    deemed=False,
                    release_reason="",
                )
            )
        if carried.state == "closed":
            ended = carried.closed_at or carried.answered_at or since
            self.answered_at = carried.answered_at
            self.satisfaction = carried.satisfaction
            self.solved = carried.solved
            self.closed_at = ended
            self.ended_at = ended

    def set_due(
        self,
        due_at: datetime,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        assist: int | None = None,
        seen: int | None = None,
    ) -> None:
        """核定时限: the due time of the clock that the state is judged by, or of an open `assist`'s
        answer, by the office's word.

        Both the first and the new due time stay. Raises Invalid where the state has no clock.
        """
        if not reason.strip():
            raise Invalid("reason", "请填写核定时限的理由")
        self._check_due(due_at, at)
        stages = MAIN_CLOCK.get(self.state)
        if not stages:
            raise Invalid("due_at", "本件现在没有需要核定的时限")
        given = None if assist is None else self._open_assist(assist, due_at)
        with self.act("set_due", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            if given is not None:
                was = next(iter(self.running("assist", assignment=given)), None)
                act.data["unit"] = given.unit.name
            else:
                was = self.main_clock()
                given = self.lead if self.state == "assigned" else None
            stage = was.stage if was is not None else "assist" if assist else stages[0]
            if was is not None:
                was.end(at, "lapsed")
            act.assignment = given
            ends = "反馈" if assist else "办结"
            again = self.start_clock(
                stage,
                at,
                "核定",
                assignment=given,
                until=due_at,
                why=f"由交办人核定，应于{clocks.shown_end(due_at)}前{ends}。",
            )
            if again is not None and was is not None:
                again.original_due_at = was.original_due_at
            if given is not None:
                self._keep_within(given, at)

    def _open_assist(self, assignment_id: int, due_at: datetime) -> Assignment:
        """The assist whose due time is to be set, which may not lie behind the lead's."""
        found = next((a for a in self.assists if a.id == assignment_id and a.is_open), None)
        if found is None:
            raise Invalid("assignment_id", "没有这个在办的协办件，请重新选择")
        if self.state == "held":
            raise Invalid("assignment_id", "挂账期间各单位的时限暂停，请恢复办理后核定")
        self._check_beside_lead(due_at, "due_at")
        return found
