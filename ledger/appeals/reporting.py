"""Reports while a unit handles: the first by the table of limits or by the rhythm that was chosen
at the hand-off, the next by the rhythm, until the unit has answered."""

from __future__ import annotations

from datetime import datetime

from ..deadlines import clocks
from ..deadlines.queries import load_calendar
from ..deadlines.rhythm import ONCE, RHYTHMS, next_report
from .copying import Copying
from .parts import Assignment
from .record import Invalid


class Reporting(Copying):
    """反馈频次: 一次性、每日、每周、每月."""

    __abstract__ = True

    @staticmethod
    def _check_rhythm(rhythm: str) -> None:
        if rhythm not in RHYTHMS:
            raise Invalid("rhythm", "请选择反馈频次")

    def _await_report(self, given: Assignment, at: datetime, event: str) -> None:
        """Of a lead's two limits for its first report the earlier one; of the others the rhythm's
        alone."""
        by_rhythm = self._by_rhythm(given, at, event)
        if given.part == "lead":
            usual = clocks.due(at, self.rule(at)[1].spec("report"), load_calendar(), event)
            if usual is not None and (by_rhythm is None or usual.at <= by_rhythm.at):
                self.start_clock("report", at, event, assignment=given)
                return
        self._start_report(given, at, event, by_rhythm)

    def _reported(self, given: Assignment, at: datetime) -> None:
        """A report has come: the next is due by the rhythm, counted from this one."""
        self.end_clocks(at, "report", assignment=given)
        for clock in self.deadlines:
            if clock.assignment is given and clock.stage == "report" and clock.ended_as == "paused":
                clock.ended_as = "met"
        self._start_report(given, at, "反馈", self._by_rhythm(given, at, "反馈"))
        if self.state == "held":
            self.end_clocks(at, "report", ended_as="paused", assignment=given)

    def _report_again(self, given: Assignment, at: datetime) -> None:
        """Sent back, it reports on as before."""
        if not self.running("report", assignment=given):
            self._start_report(given, at, "退回", self._by_rhythm(given, at, "退回"))

    def _by_rhythm(self, given: Assignment, at: datetime, event: str) -> clocks.Due | None:
        rhythm = given.rhythm or ONCE
        every_day = self.urgency == "critical"
        return next_report(at, rhythm, load_calendar(), event, every_day=every_day)

    def _start_report(
        self, given: Assignment, at: datetime, event: str, due: clocks.Due | None
    ) -> None:
        if due is not None:
            self.start_clock("report", at, event, assignment=given, until=due.at, why=due.sentence)
