"""转办: a unit passes its assignment on to its own sub-units, and rules on what it passed on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..deadlines import clocks
from ..deadlines.queries import load_calendar
from ..people.actor import Actor
from ..people.models import Unit
from .assisting import must_say
from .parts import Assignment, Deadline, Request
from .record import Invalid
from .requesting import Requesting
from .sub_units import sub_units


class Passing(Requesting):
    """转办、免予下级反馈、退回下级重报、解除转办、下级退单裁定、下级延期审批."""

    __abstract__ = True

    def pass_on(
        self,
        units: Sequence[Unit],
        *,
        by: Actor,
        at: datetime,
        letter_number: str = "",
        note: str = "",
        due_at: datetime | None = None,
        rhythm: str = "once",
        hand: int | None = None,
        seen: int | None = None,
    ) -> None:
        """转办 to several sub-units at once, each with limits of its own inside those of the unit
        that passes it on, and which stays in charge. It counts as signing for."""
        if not units:
            raise Invalid("sub_unit_ids", "请选择转办的下级单位")
        if due_at is not None:
            self._check_due(due_at, at)
        self._check_rhythm(rhythm)
        with self.act("pass_on", by=by, at=at, hand=hand, seen=seen) as act:
            parent: Assignment = act.assignment
            self._check_sub_units(units, parent)
            above = self.own_clock(parent)
            self._check_inside(due_at, above, at)
            self._receipted(parent, by, at)
            act.data["units"] = [unit.name for unit in units]
            for unit in units:
                child = self._offer(unit, "child", by, at, letter_number, note, rhythm)
                child.parent_id = parent.id
                self._start_child_clocks(child, above, at, due_at)

    def _check_sub_units(self, units: Sequence[Unit], parent: Assignment) -> None:
        own = {unit.id for unit in sub_units(parent.unit_id, self.office_id)}
        busy = {a.unit_id for a in self.assignments if a.is_open}
        for unit in units:
            if not unit.active:
                raise Invalid("sub_unit_ids", f"“{unit.name}”已停用，请取消选择")
            if unit.id not in own:
                what = f"“{unit.name}”不是“{parent.unit.name}”的下级单位，请取消选择"
                raise Invalid("sub_unit_ids", what)
            if unit.id in busy:
                raise Invalid("sub_unit_ids", f"“{unit.name}”已在办理本件，不必重复转办")

    @staticmethod
    def _check_inside(due_at: datetime | None, above: Deadline | None, at: datetime) -> None:
        if due_at is None or above is None or due_at <= above.due_at:
            return
        shown = clocks.shown_end(above.due_at)
        if above.due_at <= at:
            raise Invalid("due_at", f"本单位的时限（{shown}）已过，不能另定转办时限，请留空")
        raise Invalid("due_at", f"转办时限不能晚于本单位的时限（{shown}）")

    def _start_child_clocks(
        self, child: Assignment, above: Deadline | None, at: datetime, due_at: datetime | None
    ) -> None:
        until = due_at
        if due_at is not None:
            why = f"由转办单位核定，应于{clocks.shown_end(due_at)}前反馈。"
            self.start_clock("child", at, "转办", assignment=child, until=due_at, why=why)
        elif above is not None:
            until = above.due_at
            why = f"转办时限不晚于转办单位的时限，应于{clocks.shown_end(until)}前反馈。"
            self.start_clock(
                "child", at, "转办", assignment=child, until=until, why=why, spec=above.spec
            )
        for stage in ("sign", "contact"):
            self._start_inside(stage, child, until, at)
        self._await_report(child, at, "转办")
        self._pause_while_held(child, at)

    def _start_inside(
        self, stage: str, child: Assignment, until: datetime | None, at: datetime
    ) -> None:
        """By the table of limits, as far as its own answer is not due before."""
        spec = self.rule(at)[1].spec(stage)
        usual = clocks.due(at, spec, load_calendar(), "转办")
        if usual is None:
            return
        if until is None or not at < until < usual.at:
            self.start_clock(stage, at, "转办", assignment=child)
            return
        why = f"不晚于转办时限，应于{clocks.shown_end(until)}前完成。"
        self.start_clock(stage, at, "转办", assignment=child, until=until, why=why, spec=spec)

    # -- what becomes of it ----------------------------------------------------------------

    def waive_child(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """The unit that passed it on may answer without waiting for this one."""
        must_say(reason)
        with self.act("waive_child", by=by, at=at, hand=assignment_id, seen=seen) as act:
            act.texts["reason"] = reason
            child: Assignment = act.assignment
            act.data["unit"] = child.unit.name
            child.state = "waived"
            child.released_at = at
            self._stop(child, at)

    def release_child(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """It ends unanswered, with all that was passed on from it."""
        must_say(reason)
        with self.act("release_child", by=by, at=at, hand=assignment_id, seen=seen) as act:
            act.texts["reason"] = reason
            child: Assignment = act.assignment
            act.data["unit"] = child.unit.name
            self._let_go(child, at, "released")

    def send_back_child(
        self, assignment_id: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """Reopens it with what was left of its time, inside that of whoever passed it on."""
        if not reason.strip():
            raise Invalid("reason", "请写明缺什么、怎么补")
        with self.act("send_back_child", by=by, at=at, hand=assignment_id, seen=seen) as act:
            child: Assignment = act.assignment
            if not child.unit.active:
                raise Invalid("assignment_id", f"“{child.unit.name}”已停用，不能退回重报")
            act.texts["reason"] = reason
            act.data["unit"] = child.unit.name
            self._answer_anew(child, at, reason)
            parent = self.parent_of(child)
            if parent is not None:
                self._keep_within(parent, at)
            self._pause_while_held(child, at)

    # -- what it asks ----------------------------------------------------------------------

    def rule_child_return(
        self,
        assignment_id: int,
        granted: bool,
        ruling: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """下级退单裁定, final. Upheld: its assignment ends, and the unit above handles on or passes
        it on to another."""
        if not granted and not ruling.strip():
            raise Invalid("ruling", "不同意退单的，请写明裁定意见")
        with self.act("rule_child_return", by=by, at=at, hand=assignment_id, seen=seen) as act:
            child: Assignment = act.assignment
            act.data["granted"] = granted
            act.data["unit"] = child.unit.name
            self._rule(self._asked_of(child, "return"), granted, ruling, by, at)
            if granted:
                self._let_go(child, at, "return_upheld")
            else:
                child.state = "taken"

    def rule_child_extension(
        self,
        assignment_id: int,
        granted: bool,
        ruling: str,
        *,
        by: Actor,
        at: datetime,
        until: datetime | None = None,
        seen: int | None = None,
    ) -> None:
        """下级延期审批: never past the due time of the unit that passed it on."""
        if not granted and not ruling.strip():
            raise Invalid("ruling", "不同意延期的，请写明理由")
        with self.act("rule_child_extension", by=by, at=at, hand=assignment_id, seen=seen) as act:
            child: Assignment = act.assignment
            request = self._asked_of(child, "extension")
            act.data["granted"] = granted
            act.data["unit"] = child.unit.name
            if granted:
                self._extend(request, child, until, at)
            self._rule(request, granted, ruling, by, at)

    def _asked_of(self, child: Assignment, kind: str) -> Request:
        found: Request | None = self.request_below(kind, child)
        if found is None:
            raise Invalid("assignment_id", f"“{child.unit.name}”没有待裁定的申请，请重新选择")
        return found
