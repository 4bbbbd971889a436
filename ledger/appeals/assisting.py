"""Verbs of several units at once: assists beside the lead, and another lead in its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..people.actor import Actor
from ..people.models import Unit
from . import lifecycle
from .lifecycle import ASSIGNMENT_STATES
from .opening import Opening
from .parts import Assignment
from .record import Invalid, Refused


class Assisting(Opening):
    """增加协办、解除协办、免予协办反馈、退回协办重报、变更主办."""

    __abstract__ = True

    def add_assist(
        self,
        units: Sequence[Unit],
        reason: str,
        *,
        by: Actor,
        at: datetime,
        letter_number: str = "",
        note: str = "",
        due_at: datetime | None = None,
        rhythm: str = "once",
        seen: int | None = None,
    ) -> None:
        """Hand it to further units beside the lead, each with limits of its own from now on."""
        must_say(reason)
        if not units:
            raise Invalid("assist_ids", "请选择协办单位")
        self._check_assists(units, self.lead_unit_id)
        self._check_rhythm(rhythm)
        with self.act("add_assist", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["assists"] = [unit.name for unit in units]
            self._offer_assists(units, due_at, by, at, letter_number, note, rhythm)

    def release_assist(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """Its assignment ends unanswered; the unit goes on seeing what it saw."""
        must_say(reason)
        with self.act("release_assist", by=by, at=at, seen=seen) as act:
            assist = act.assignment = self._assist(assignment_id, "release_assist")
            act.texts["reason"] = reason
            act.data["unit"] = assist.unit.name
            self._let_go(assist, at, "released")

    def waive(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """The lead may answer without waiting for this assist (免予协办反馈)."""
        must_say(reason)
        with self.act("waive", by=by, at=at, seen=seen) as act:
            assist = act.assignment = self._assist(assignment_id, "waive")
            act.texts["reason"] = reason
            act.data["unit"] = assist.unit.name
            assist.state = "waived"
            assist.released_at = at
            self._stop(assist, at)

    def send_back_assist(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """Reopens the same assignment with what was left of its time."""
        if not reason.strip():
            raise Invalid("reason", "请写明缺什么、怎么补")
        with self.act("send_back_assist", by=by, at=at, seen=seen) as act:
            assist = act.assignment = self._assist(assignment_id, "send_back_assist")
            if not assist.unit.active:
                raise Invalid("assignment_id", f"“{assist.unit.name}”已停用，不能退回重报")
            act.texts["reason"] = reason
            act.data["unit"] = assist.unit.name
            self._answer_anew(assist, at, reason)
            self._pause_while_held(assist, at)

    def _assist(self, assignment_id: int, verb: str) -> Assignment:
        found = next((a for a in self.assists if a.id == assignment_id), None)
        if found is None:
            raise Invalid("assignment_id", "没有这个协办件，或已解除，请重新选择")
        row = lifecycle.BY_CODE[verb]
        if found.state not in row.assignment:
            state = ASSIGNMENT_STATES[found.state]
            raise Refused(
                409, f"协办单位{found.unit.label}的交办件现为“{state}”，不能{row.label}。"
            )
        return found

    def change_lead(
        self,
        unit: Unit,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        letter_number: str = "",
        note: str = "",
        due_at: datetime | None = None,
        seen: int | None = None,
    ) -> Assignment:
        """Another unit leads, with limits of its own from now on; the former's assignment ends,
        and so does the new lead's as an assist. The assists go on."""
        must_say(reason)
        self._check_lead(unit)
        if unit.id == self.lead_unit_id:
            raise Invalid("unit_id", f"“{unit.name}”已是主办单位，请另选")
        if due_at is not None:
            self._check_due(due_at, at)
        with self.act("change_lead", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["unit"] = unit.name
            former = self.lead
            was = None if former is None else self._last_answer_clock(former)
            if former is not None:
                act.data["former"] = former.unit.name
                self._let_go(former, at, "changed")
            self._end_assist_of(unit, at)
            rhythm = "once" if former is None else former.rhythm
            again = act.assignment = self._offer(
                unit, "lead", by, at, letter_number, note, rhythm
            )
            stage = "rework" if was is not None and was.stage == "rework" else "answer"
            self._start_unit_clocks(again, at, due_at=due_at, limit=stage)
            self._pause_while_held(again, at)
        return again


def must_say(reason: str) -> None:
    if not reason.strip():
        raise Invalid("reason", "请填写理由")
