"""What a unit asks of whoever handed off, and how it is ruled on: 退单 and 延期."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..deadlines import clocks
from ..deadlines.calendar import last_day
from ..deadlines.queries import caps_in_force, load_calendar
from ..people.actor import Actor
from ..people.models import Unit
from .behalf import Behalf
from .intake import _known_reason
from .opening import Opening
from .parts import Assignment, Deadline, Request
from .record import Invalid

RULED = {"return": "rule_return", "extension": "rule_extension", "hold": "rule_hold"}
"""The clock of the ruling, by the kind of request."""
RULED_BELOW = {"return": "rule_child_return", "extension": "rule_child_extension"}
"""The same where the unit that passed it on rules."""


class Requesting(Opening):
    """退单申请、退单裁定、延期申请、延期审批."""

    __abstract__ = True

    # -- return ----------------------------------------------------------------------------

    def ask_return(
        self,
        reason_code: str,
        basis: str,
        *,
        by: Actor,
        at: datetime,
        hand: int | None = None,
        behalf: Behalf | None = None,
        seen: int | None = None,
    ) -> None:
        """退单申请: not ours. Its clocks run on. Asking counts as signing for."""
        _known_reason("return", reason_code)
        if not basis.strip():
            raise Invalid("basis", "请写明退单的依据")
        with self.act("ask_return", by=by, at=at, hand=hand, behalf=behalf, seen=seen) as act:
            act.data["reason"] = reason_code
            given: Assignment = act.assignment
            self._receipted(given, by, at, behalf)
            given.state = "contested"
            given.returns += 1
            days = caps_in_force(at).return_ruling_days
            asker = None if behalf else by.id
            self._ask("return", given, reason_code, basis, days, asker=asker, at=at)

    def rule_return(
        self,
        granted: bool,
        ruling: str,
        *,
        by: Actor,
        at: datetime,
        unit: Unit | None = None,
        due_at: datetime | None = None,
        letter_number: str = "",
        conference_id: int | None = None,
        seen: int | None = None,
    ) -> None:
        """退单裁定, final. Upheld: `unit` leads from now on, with limits of its own; without one
        the appeal waits for a hand-off. Refused: the same unit goes on. `conference_id` names
        the conference that studied it."""
        if not granted and not ruling.strip():
            raise Invalid("ruling", "不同意退单的，请写明裁定意见")
        joint_study = self.is_joint_study
        if joint_study and not ruling.strip():
            raise Invalid("ruling", "本轮再次退单的，请写明会商研究的情况和结论")
        if unit is not None:
            self._check_successor(unit, granted, due_at, at)
        with self.act("rule_return", by=by, at=at, seen=seen) as act:
            request = self.open_requests("return")[0]
            given = act.assignment = self.given_of(request)
            act.data["granted"] = granted
            if joint_study:
                act.data["joint_study"] = True
            if conference_id is not None:
                self._name_conference(request, conference_id)
                act.data["conference"] = conference_id
            self._rule(request, granted, ruling, by, at)
            if not granted:
                given.state = "taken"
                return
            self._let_go(given, at, "return_upheld")
            if given.part != "lead":
                return
            if unit is None:
                self.lead_unit_id = None
                self.state = "accepted"
                self.start_clock("assign", at, "同意退单")
                return
            act.data["unit"] = unit.name
            self.assigned_at = at
            self._end_assist_of(unit, at)
            again = self._offer(unit, "lead", by, at, letter_number, "", given.rhythm)
            self._start_unit_clocks(again, at, due_at=due_at)

    def _name_conference(self, request: Request, conference_id: int) -> None:
        if conference_id not in {one.id for one in self.conferences}:
            raise Invalid("conference", "没有这次会商，请重新选择")
        request.conference_id = conference_id

    def _check_successor(
        self, unit: Unit, granted: bool, due_at: datetime | None, at: datetime
    ) -> None:
        if not granted:
            raise Invalid("unit_id", "不同意退单的，由原单位继续办理，请不要选择改派单位")
        self._check_hand_off(unit, due_at, at)
        for request in self.open_requests("return")[:1]:
            if self.given_of(request).part != "lead":
                raise Invalid("unit_id", "协办单位退单的，主办单位不变，请不要选择改派单位")
            if self.given_of(request).unit_id == unit.id:
                raise Invalid("unit_id", f"“{unit.name}”正在申请退单，请另选改派单位")

    # -- extension -------------------------------------------------------------------------

    def ask_extension(
        self,
        until: datetime | None,
        reason_code: str,
        basis: str,
        *,
        firm_told: bool,
        by: Actor,
        at: datetime,
        hand: int | None = None,
        behalf: Behalf | None = None,
        seen: int | None = None,
    ) -> None:
        """延期申请, until the end of a working day. Asking counts as signing for."""
        _known_reason("extension", reason_code)
        if until is None:
            raise Invalid("until", "请填写申请延至的日期")
        if not basis.strip():
            raise Invalid("basis", "请写明延期的理由")
        if not firm_told:
            raise Invalid("firm_told", "申请延期前应先向企业说明，请说明后勾选")
        with self.act("ask_extension", by=by, at=at, hand=hand, behalf=behalf, seen=seen) as act:
            act.data["reason"] = reason_code
            given: Assignment = act.assignment
            clock = self._check_extension(given, until, at)
            self._receipted(given, by, at, behalf)
            caps = caps_in_force(at)
            days = caps.extension_ruling_days
            asker = None if behalf else by.id
            request = self._ask("extension", given, reason_code, basis, days, asker=asker, at=at)
            request.proposed_at = until
            request.firm_told = True
            longer = self.working_days(clock.due_at, until)
            # What was passed on is ruled on by whoever did, inside his own time.
            request.by_manager = given.part != "child" and longer > caps.extension_manager_days

    def rule_extension(
        self,
        granted: bool,
        ruling: str,
        *,
        by: Actor,
        at: datetime,
        until: datetime | None = None,
        seen: int | None = None,
    ) -> None:
        """延期审批: granted until the date that was asked for, or an earlier one. Both due times
        stay."""
        if not granted and not ruling.strip():
            raise Invalid("ruling", "不同意延期的，请写明理由")
        with self.act("rule_extension", by=by, at=at, seen=seen) as act:
            request = self.open_requests("extension")[0]
            given = act.assignment = self.given_of(request)
            act.data["granted"] = granted
            if granted:
                self._extend(request, given, until, at)
            self._rule(request, granted, ruling, by, at)

    def _extend(
        self, request: Any, given: Assignment, until: datetime | None, at: datetime
    ) -> None:
        """Until the date that was asked for, or an earlier one."""
        until = until or request.proposed_at
        if until > request.proposed_at:
            raise Invalid("until", f"不能晚于所申请的{clocks.shown_end(request.proposed_at)}")
        was = self._check_extension(given, until, at)
        request.granted_until = until
        given.extensions += 1
        was.end(at, "extended")
        again = self.start_clock(
            was.stage,
            at,
            "延期",
            assignment=given,
            until=until,
            why=f"原时限{clocks.shown_end(was.due_at)}，经批准延期，"
            f"应于{clocks.shown_end(until)}前办结。",
            spec=was.spec,
        )
        if again is not None:
            again.original_due_at = was.original_due_at

    def _check_extension(self, given: Assignment, until: datetime, at: datetime) -> Deadline:
        """The clock that would be extended. Raises Invalid where `until` is no date for it."""
        clock = self.answer_clock(given)
        most = None if clock is None else self.extension_limit(given, clock.due_at)
        if clock is None or most is None:
            raise Invalid("until", "按时限规定，本件不得延期")
        if until <= max(clock.due_at, at):
            shown = clocks.shown_end(max(clock.due_at, at))
            raise Invalid("until", f"新的办结日期应晚于{shown}")
        if not load_calendar().is_working(last_day(until)):
            raise Invalid("until", "新的办结日期应为工作日")
        above = self.clock_above(given)
        if above is not None and until > above.due_at:
            shown = clocks.shown_end(above.due_at)
            raise Invalid("until", f"不能晚于转办单位的时限（{shown}）")
        if until > most:
            raise Invalid("until", f"按规定最长可延至{clocks.shown_end(most)}")
        if given.part == "assist":
            self._check_beside_lead(until, "until")
        return clock

    @staticmethod
    def working_days(due_at: datetime, until: datetime) -> int:
        """How many working days an extension gives."""
        return load_calendar().working_days_between(last_day(due_at), last_day(until))

    # -- both ------------------------------------------------------------------------------

    def _ask(
        self,
        kind: str,
        given: Assignment,
        reason_code: str,
        basis: str,
        days: int,
        *,
        asker: int | None,
        at: datetime,
    ) -> Request:
        """`days`: working days within which it is to be ruled on. `asker`: None where the office
        recorded it for a unit."""
        request = Request(
            assignment_id=given.id,
            kind=kind,
            state="asked",
            asked_at=at,
            asked_by_id=asker,
            reason_code=reason_code,
            basis=basis,
        )
        self.requests.append(request)
        event = {"return": "申请退单", "extension": "申请延期", "hold": "申请挂账"}[kind]
        spec, due = clocks.ruling(at, days, load_calendar(), event)
        self.start_clock(
            _ruling_of(given, kind),
            at,
            event,
            assignment=given,
            until=due.at,
            why=due.sentence,
            spec=spec,
        )
        return request

    def _rule(self, request: Request, granted: bool, ruling: str, by: Actor, at: datetime) -> None:
        request.state = "granted" if granted else "refused"
        request.ruled_at = at
        request.ruled_by_id = by.id
        request.ruling = ruling
        given = self.given_of(request)
        self.end_clocks(at, _ruling_of(given, request.kind), assignment=given)


def _ruling_of(given: Assignment, kind: str) -> str:
    return (RULED_BELOW if given.part == "child" else RULED)[kind]
