"""Verbs of the middle stretch: hand-off, and what the unit does until its answer is reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..deadlines import clocks
from ..deadlines.calendar import local_day
from ..deadlines.queries import caps_in_force, load_calendar
from ..deadlines.rhythm import ONCE
from ..people.actor import Actor
from ..people.models import Unit
from ..trail.act import Act
from . import outcomes
from .behalf import Behalf
from .copying import Readers
from .intake import _known_reason
from .parts import Assignment, Deadline
from .record import Invalid, Questioned, Refused
from .reporting import Reporting
from .standing import ANSWERS

if TYPE_CHECKING:
    from ..files.models import Attachment
    from ..trail.act import Act


class _How(TypedDict):
    """When, for which assignment and on whose behalf."""

    happened_at: datetime | None
    hand: int | None
    behalf: Behalf | None


class Handling(Reporting):
    """交办、收回、签收、联系企业、阶段反馈、办结反馈、退回重报、挂账、恢复."""

    __abstract__ = True

    def assign(
        self,
        unit: Unit,
        *,
        by: Actor,
        at: datetime,
        letter_number: str = "",
        note: str = "",
        due_at: datetime | None = None,
        assists: Sequence[Unit] = (),
        assist_due_at: datetime | None = None,
        rhythm: str = "once",
        readers: Readers | None = None,
        happened_at: datetime | None = None,
        seen: int | None = None,
    ) -> Assignment:
        """Hand off to a lead and any assists. `due_at` and `assist_due_at` fix the due times of
        their answers where the table's will not do.

        Raises Invalid for a unit that is closed, is the office itself, or has it already.
        """
        self._check_lead(unit)
        if due_at is not None:
            self._check_due(due_at, at)
        self._check_assists(assists, unit.id)
        self._check_rhythm(rhythm)
        readers = readers or Readers()
        self._may_copy_along(readers, [unit, *assists], by, at)
        with self.act("assign", by=by, at=at, happened_at=happened_at, seen=seen) as act:
            self.state = "assigned"
            self.assigned_at = at
            self.end_clocks(at, "assign", "accept")
            self._end_assist_of(unit, at)
            assignment = self._offer(unit, "lead", by, at, letter_number, note, rhythm)
            self._start_unit_clocks(assignment, at, due_at=due_at)
            self._offer_assists(assists, assist_due_at, by, at, letter_number, note, rhythm)
            act.data["unit"] = unit.name
            if readers:
                act.data["readers"] = list(readers.names)
                self._copy_to(readers, by, at)
            self.answered_directly = False
            if assists:
                act.data["assists"] = [one.name for one in assists]
            if act.seat is not None and act.seat.role == "duty_officer":
                self.duty_unendorsed = True
        return assignment

    def _check_hand_off(self, unit: Unit, due_at: datetime | None, at: datetime) -> None:
        self._check_lead(unit)
        if due_at is not None:
            self._check_due(due_at, at)

    def _check_lead(self, unit: Unit) -> None:
        if not unit.active:
            raise Invalid("unit_id", f"“{unit.name}”已停用，请另选主办单位")
        if unit.id == self.office_id:
            raise Invalid("unit_id", "不能交办给本办公室自身，请选择承办单位")

    def _check_assists(self, units: Sequence[Unit], lead_unit_id: int | None) -> None:
        """Each unit has an appeal once: as its lead, as one assist, or passed on to it."""
        below = {a.unit_id for a in self.assignments if a.part == "child" and a.is_open}
        busy = {a.unit_id for a in self.assists if a.is_open}
        for unit in units:
            if not unit.active:
                raise Invalid("assist_ids", f"“{unit.name}”已停用，请取消选择")
            if unit.id == self.office_id:
                raise Invalid("assist_ids", "本办公室自身不能作为协办单位，请取消选择")
            if unit.id == lead_unit_id:
                raise Invalid("assist_ids", f"“{unit.name}”是主办单位，不能同时协办，请取消选择")
            if unit.id in below:
                raise Invalid("assist_ids", f"“{unit.name}”已由其上级单位转办，请取消选择")
            if unit.id in busy:
                raise Invalid("assist_ids", f"“{unit.name}”的协办件仍在办理，不必重复交办")

    def _offer_assists(
        self,
        units: Sequence[Unit],
        due_at: datetime | None,
        by: Actor,
        at: datetime,
        letter_number: str,
        note: str,
        rhythm: str = "once",
    ) -> None:
        if due_at is not None and units:
            self._check_due(due_at, at, "assist_due_at")
            self._check_beside_lead(due_at, "assist_due_at")
        for unit in units:
            self._start_assist_clocks(
                self._offer(unit, "assist", by, at, letter_number, note, rhythm), at, due_at
            )

    def _check_beside_lead(self, due_at: datetime, field: str) -> None:
        lead = self._lead_clock()
        if lead is not None and due_at > lead.due_at:
            shown = clocks.shown_end(lead.due_at)
            raise Invalid(field, f"协办时限不能晚于主办时限（{shown}）")

    def _lead_clock(self) -> Deadline | None:
        """The running clock of the lead's answer."""
        lead = self.lead
        running = [] if lead is None else self.running("answer", "rework", assignment=lead)
        return max(running, key=lambda d: d.started_at, default=None)

    def _end_assist_of(self, unit: Unit, at: datetime) -> None:
        """A unit that is to lead assists no longer, nor has it been passed on to it."""
        for given in self.assignments:
            if given.unit_id == unit.id and given.part != "lead" and given.is_open:
                self._let_go(given, at, "changed")

    def _let_go(self, assignment: Assignment, at: datetime, reason: str) -> None:
        """It is released: its clocks end unmet, what it asked for lapses."""
        assignment.state = "released"
        assignment.released_at = at
        assignment.release_reason = reason
        self._stop(assignment, at)

    def _stop(self, assignment: Assignment, at: datetime) -> None:
        self.lapse_clocks(at, [assignment])
        for paused in self.deadlines:
            if paused.assignment is assignment and paused.ended_as == "paused":
                paused.ended_as = "lapsed"
        self._lapse_requests(assignment)
        for child in self.children_of(assignment):
            if child.is_open:
                self._let_go(child, at, assignment.release_reason or "above")

    @staticmethod
    def _check_due(due_at: datetime, at: datetime, field: str = "due_at") -> None:
        """A due time that a person gives: a slip in the year is not taken for a decision."""
        if due_at <= at:
            raise Invalid(field, "办结时限必须晚于现在")
        if due_at > at + timedelta(days=366):
            raise Invalid(field, "办结时限不能晚于一年以后，请核对年份")

    def _offer(
        self,
        unit: Unit,
        part: str,
        by: Actor,
        at: datetime,
        letter_number: str,
        note: str,
        rhythm: str = "once",
    ) -> Assignment:
        assignment = Assignment(
            unit=unit,
            unit_id=unit.id,
            part=part,
            state="offered",
            round=self.round,
            assigned_at=at,
            assigned_by_id=by.id,
            letter_number=letter_number,
            note=note,
            rhythm=rhythm,
            deemed=False,
            release_reason="",
        )
        self.assignments.append(assignment)
        if part == "lead":
            self.lead_unit_id = unit.id
        return assignment

    def _start_unit_clocks(
        self,
        assignment: Assignment,
        at: datetime,
        *,
        due_at: datetime | None = None,
        limit: str = "answer",
    ) -> None:
        self.start_clock("sign", at, "交办", assignment=assignment)
        self.start_clock("contact", at, "交办", assignment=assignment)
        self._await_report(assignment, at, "交办")
        stage = "rework" if limit == "rework" else "answer"
        if not self.rule(at)[1].spec(limit):
            limit = "answer"
        if due_at is not None:
            shown = clocks.shown_end(due_at)
            why = f"由交办人核定，应于{shown}前办结。"
            self.start_clock(stage, at, "交办", assignment=assignment, until=due_at, why=why)
        else:
            self.start_clock(stage, at, "交办", assignment=assignment, limit=limit)

    def _start_assist_clocks(
        self, assignment: Assignment, at: datetime, due_at: datetime | None = None
    ) -> None:
        """An assist's own limits, as far as the lead's answer does not come before."""
        self.start_clock("sign", at, "交办", assignment=assignment)
        self.start_clock("contact", at, "交办", assignment=assignment)
        lead = self._lead_clock()
        until, why, spec = due_at, "", ""
        if due_at is not None:
            why = f"由交办人核定，应于{clocks.shown_end(due_at)}前反馈。"
        limit = "assist" if self.rule(at)[1].spec("assist") else "answer"
        if until is None and lead is not None:
            usual = clocks.due(at, self.rule(at)[1].spec(limit), load_calendar(), "交办")
            if usual is None or usual.at > lead.due_at:
                until, spec = lead.due_at, lead.spec
                why = f"协办时限不晚于主办时限，应于{clocks.shown_end(until)}前反馈。"
        self.start_clock(
            "assist",
            at,
            "交办",
            assignment=assignment,
            limit=limit,
            until=until,
            why=why,
            spec=spec,
        )
        self._await_report(assignment, at, "交办")
        self._pause_while_held(assignment, at)

    def _pause_while_held(self, assignment: Assignment, at: datetime) -> None:
        """While an appeal is held, a clock that begins waits with the others."""
        if self.state == "held":
            self.end_clocks(at, ended_as="paused", assignment=assignment)

    def endorse(self, *, by: Actor, at: datetime, note: str = "", seen: int | None = None) -> None:
        """What the duty officer accepted and handed off stands: the office says so (追认)."""
        with self.act("endorse", by=by, at=at, seen=seen) as act:
            act.texts["note"] = note
            self.duty_unendorsed = False

    def recall(
        self,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "",
        release_assists: bool = False,
        seen: int | None = None,
    ) -> None:
        """Take the lead assignment back; assists run on unless released."""
        if not reason.strip():
            raise Invalid("reason", "请填写收回理由")
        if reason_code:
            _known_reason("recall", reason_code)
        with self.act("recall", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            lead = self.lead
            if lead is not None:
                act.assignment = lead
                self._let_go(lead, at, "recalled")
            going = [a for a in self.assists if a.is_open] if release_assists else []
            for assist in going:
                self._let_go(assist, at, "recalled")
            if going:
                act.data["assists"] = [assist.unit.name for assist in going]
            self.lead_unit_id = None
            self.state = "accepted"
            self.start_clock("assign", at, "收回")

    def sign_for(
        self,
        *,
        by: Actor,
        at: datetime,
        handler_name: str = "",
        handler_phone: str | None = None,
        happened_at: datetime | None = None,
        hand: int | None = None,
        behalf: Behalf | None = None,
        seen: int | None = None,
    ) -> None:
        how: _How = {"happened_at": happened_at, "hand": hand, "behalf": behalf}
        with self.act("sign_for", by=by, at=at, seen=seen, **how) as act:
            self._sign(act.assignment, by, at, handler_name, handler_phone, behalf)

    def _sign(
        self,
        assignment: Assignment,
        by: Actor,
        at: datetime,
        handler_name: str = "",
        handler_phone: str | None = None,
        behalf: Behalf | None = None,
    ) -> None:
        if assignment.state == "offered":
            assignment.state = "taken"
        if assignment.signed_at is None:
            assignment.signed_at = at
        if behalf is not None and not handler_name:
            # Whoever keys it handles nothing; whoever spoke for the unit does.
            handler_name, handler_phone = behalf.counterpart.strip(), behalf.phone or None
        assignment.handler_id = None if behalf else by.id
        assignment.handler_name = handler_name or by.name
        if handler_phone:
            assignment.handler_phone = handler_phone
        self.end_clocks(at, "sign", assignment=assignment)

    def _receipted(
        self, assignment: Assignment, by: Actor, at: datetime, behalf: Behalf | None = None
    ) -> None:
        """Whoever answers or asks has received it."""
        if assignment.handler_id is None:
            self._sign(assignment, by, at, assignment.handler_name, behalf=behalf)

    def receive(self, assignment: Assignment, *, by: Actor, at: datetime) -> None:
        """What is not signed for within its limit counts as received (逾期未签收，视为签收)."""
        if assignment.state != "offered":
            raise Refused(409, "交办件已签收或已解除。")
        with self.act("receive", by=by, at=at) as act:
            act.assignment = assignment
            assignment.state = "taken"
            assignment.signed_at = at
            assignment.deemed = True
            self.end_clocks(at, "sign", ended_as="lapsed", assignment=assignment)

    def contact(
        self,
        way: str,
        words: str,
        *,
        by: Actor,
        at: datetime,
        happened_at: datetime | None = None,
        hand: int | None = None,
        behalf: Behalf | None = None,
    ) -> None:
        if not words.strip():
            raise Invalid("words", "请填写联系情况")
        how: _How = {"happened_at": happened_at, "hand": hand, "behalf": behalf}
        with self.act("contact", by=by, at=at, **how) as act:
            act.data["way"] = way
            act.texts["note"] = words
            if act.assignment.contacted_at is None:
                act.assignment.contacted_at = happened_at or at
            self.end_clocks(at, "contact", assignment=act.assignment)

    def progress(
        self,
        words: str,
        *,
        by: Actor,
        at: datetime,
        planned_at: datetime | None = None,
        attachments: Iterable[Attachment] = (),
        happened_at: datetime | None = None,
        hand: int | None = None,
        behalf: Behalf | None = None,
    ) -> None:
        if not words.strip():
            raise Invalid("words", "请填写进展情况")
        how: _How = {"happened_at": happened_at, "hand": hand, "behalf": behalf}
        with self.act("progress", by=by, at=at, **how) as act:
            act.texts["note"] = words
            act.assignment.progress_at = at
            if planned_at is not None:
                act.assignment.planned_at = planned_at
            if files := list(attachments):
                self.attachments.extend(files)
            self._reported(act.assignment, at)

    def answer(
        self,
        outcome: str,
        account: str,
        public_reply: str,
        *,
        by: Actor,
        at: datetime,
        evidence: str = "",
        particulars: Mapping[str, str] | None = None,
        attachments: Iterable[Attachment] = (),
        happened_at: datetime | None = None,
        hand: int | None = None,
        behalf: Behalf | None = None,
        seen: int | None = None,
        receipt_meant: bool = False,
    ) -> None:
        """The lead's final answer: the first key; or an assist's, which leaves the appeal as it
        is and needs an account alone. Answering counts as signing for.

        Raises Invalid where the outcome's particulars or evidence are missing: an attachment, or
        an account of how it was checked (who, when, how, result); Questioned for a mere receipt
        (收悉) that is not `receipt_meant`.
        """
        files, given = list(attachments), particulars or {}
        if not account.strip():
            raise Invalid("account", "请填写内部办理情况")
        shown = bool(files) or (behalf is not None and bool(behalf.files))
        how: _How = {"happened_at": happened_at, "hand": hand, "behalf": behalf}
        with self.act("answer", by=by, at=at, seen=seen, **how) as act:
            assignment: Assignment = act.assignment
            # What an assist says is for the lead; the firm hears the lead.
            if assignment.part == "lead" or outcome:
                self.check_outcome(outcome, evidence, shown, given, at)
            if assignment.part == "lead" or public_reply.strip():
                self._check_reply(public_reply, act, receipt_meant)
            self._receipted(assignment, by, at, behalf)
            assignment.answered_by_id = by.id
            assignment.outcome = outcome
            assignment.account = account
            assignment.public_reply = public_reply
            assignment.evidence = evidence
            assignment.particulars = outcomes.written(outcome, given)
            if files:
                self.attachments.extend(files)
            if self._is_to_be_signed(act, assignment, by):
                self._put_to_head(assignment, files, at)
            else:
                self._deliver(assignment, at)

    @staticmethod
    def _is_to_be_signed(act: Act, assignment: Assignment, by: Actor) -> bool:
        """Whether the head of the unit is to sign the answer first. What he answers himself is
        signed, and goes out under his post."""
        if not assignment.unit.needs_sign_off or act.on_behalf:
            return False
        heads = [s for s in by.seats_as("unit_lead") if s.unit_id == assignment.unit_id]
        act.seat = next(iter(heads), act.seat)
        return not heads

    def _put_to_head(
        self, assignment: Assignment, files: Iterable[Attachment], at: datetime
    ) -> None:
        """The answer waits for its signature, the clocks run on; the return that was asked for is
        given up, an extension is not."""
        if assignment.state == "contested":
            for request in self.open_requests("return"):
                if request.assignment_id == assignment.id:
                    request.state = "lapsed"
            self.end_clocks(at, "rule_return", ended_as="lapsed", assignment=assignment)
        assignment.state = "signing"
        assignment.drafted_at = at
        assignment.signing_note = None
        for file in files:
            file.draft_of_id = assignment.id

    def _deliver(self, assignment: Assignment, at: datetime) -> None:
        """The answer that stands on the assignment reaches whoever handed off."""
        if assignment.drafted_at is not None:
            assignment.signing_note = None
            for file in self.attachments:
                if file.draft_of_id == assignment.id:
                    file.draft_of_id = None
        assignment.state = "answered"
        assignment.answered_at = at
        self.end_clocks(at, *ANSWERS, assignment=assignment)
        self._stop(assignment, at)
        if assignment.part != "lead":
            return
        self.state = "answered"
        self.answered_at = at
        self.outcome = assignment.outcome
        self.account = assignment.account
        self.public_reply = assignment.public_reply
        self.particulars = assignment.particulars
        self.start_clock("review", at, "反馈")

    @classmethod
    def _check_reply(cls, public_reply: str, act: Act, receipt_meant: bool) -> None:
        if not (receipt_meant and outcomes.is_receipt(public_reply)):
            cls.check_reply(public_reply)
        else:
            act.data["receipt"] = True

    @staticmethod
    def check_reply(public_reply: str) -> None:
        """Raises Invalid where there is none, Questioned for a mere receipt."""
        if not public_reply.strip():
            raise Invalid("public_reply", "请填写对企业的答复")
        if outcomes.is_receipt(public_reply):
            raise Questioned(
                "public_reply",
                "只说“收悉”不是答复，请写明办理结果；确需照此答复的，请再次提交，即为确认",
            )

    @staticmethod
    def check_outcome(
        outcome: str, evidence: str, has_files: bool, given: Mapping[str, str], at: datetime
    ) -> None:
        found = catalogue().outcomes.get(outcome)
        if found is None:
            raise Invalid("outcome", "请选择办理结果")
        if wrong := outcomes.problem(outcome, given, at):
            raise Invalid(*wrong)
        if outcomes.proves_itself(outcome):
            return
        if found.needs_evidence and not evidence.strip() and not has_files:
            wanted = found.evidence or "核实人、核实时间、方式和结果"
            raise Invalid("evidence", f"结果为“{found.name}”的，请上传佐证附件或写明：{wanted}")

    def send_back(
        self,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "",
        seen: int | None = None,
    ) -> None:
        """退回重报: reopens the same assignment with what was left of its time."""
        if not reason.strip():
            raise Invalid("reason", "请写明缺什么、怎么补")
        if reason_code:
            _known_reason("send_back", reason_code)
        with self.act("send_back", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            self.end_clocks(at, "review")  # has been done
            act.assignment = self._back_to_lead(at, reason)

    def _back_to_lead(self, at: datetime, reason: str) -> Assignment | None:
        """Assigned again under the same lead; accepted where there is none to go back to."""
        self._forget_call()
        self._forget_answer()
        self.lapse_clocks(at)
        lead = self.lead
        if lead is None or not lead.unit.active:
            self.state = "accepted"
            self.lead_unit_id = None
            self.start_clock("assign", at, "退回")
            return None
        self.state = "assigned"
        self._answer_anew(lead, at, reason)
        return lead

    def _answer_anew(self, assignment: Assignment, at: datetime, reason: str) -> None:
        """It is taken again, with what was left of its time."""
        was = self._last_answer_clock(assignment)
        assignment.state = "taken"
        assignment.sent_back_at = at
        assignment.sent_back_for = reason
        self._report_again(assignment, at)
        if was is None:
            stage = "answer" if assignment.part == "lead" else assignment.part
            self.start_clock(stage, at, "退回", assignment=assignment)
            return
        answered, calendar = was.ended_at or at, load_calendar()
        due = clocks.due_after_send_back(answered, was.due_at, at, was.spec, calendar)
        first = clocks.due_after_send_back(answered, was.original_due_at, at, was.spec, calendar)
        deadline = self.start_clock(
            was.stage,
            at,
            "退回",
            assignment=assignment,
            until=due.at,
            why=due.sentence,
            spec=was.spec,
        )
        if deadline is not None:
            deadline.original_due_at = first.at

    def _last_answer_clock(self, assignment: Assignment) -> Deadline | None:
        clocks_ = [
            d for d in self.deadlines if d.assignment is assignment and d.stage in ANSWERS
        ]
        return max(clocks_, key=lambda d: d.started_at, default=None)

    # -- hold ------------------------------------------------------------------------------

    def _hold(
        self, at: datetime, held_from: str, review_at: datetime | None, reason_code: str = ""
    ) -> None:
        self._check_review(review_at, at)
        for deadline in self.running():
            deadline.end(at, "paused")
        self.state = "held"
        self.held_from = held_from
        self.hold_reason = reason_code or None
        self._review_by(review_at, at, "挂账")

    @staticmethod
    def _check_review(review_at: datetime | None, at: datetime) -> None:
        if review_at is None:
            raise Invalid("hold_review_on", "请填写下次复核日期")
        if review_at <= at:
            raise Invalid("hold_review_on", "复核日期必须晚于今天")
        most = caps_in_force(at).hold_review_days
        if local_day(review_at) - local_day(at) > timedelta(days=most):
            raise Invalid("hold_review_on", f"复核日期最长不超过{most}天")

    def _review_by(self, review_at: datetime | None, at: datetime, event: str) -> None:
        assert review_at is not None  # checked
        self.hold_review_on = review_at.astimezone(SHANGHAI).date()
        self.start_clock(
            "hold_review",
            at,
            event,
            until=review_at,
            why=f"挂账跟踪，应于{clocks.shown_end(review_at)}前复核。",
        )

    def hold(
        self,
        reason: str,
        review_at: datetime | None,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "other",
        seen: int | None = None,
    ) -> None:
        """挂账跟踪: waits for a superior, another province or a policy; all clocks pause. What a
        unit asked for by a request is granted with it."""
        _known_reason("hold", reason_code)
        if not reason.strip():
            raise Invalid("reason", "请填写挂账理由")
        with self.act("hold", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            for request in self.open_requests("hold"):
                request.state = "granted"
                request.ruled_at, request.ruled_by_id = at, by.id
                self.end_clocks(at, "rule_hold", assignment=self.given_of(request))
            self._hold(at, self.state, review_at, reason_code)

    def resume(
        self, reason: str, *, by: Actor, at: datetime, settled: bool = False,
        seen: int | None = None,
    ) -> None:
        """Back to where it was held from; held by review: a new answer, or where the outside
        reply `settled` it, on to the call-back (design §3)."""
        if not reason.strip():
            raise Invalid("reason", "请填写恢复办理的理由")
        with self.act("resume", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            was_from, self.held_from, self.hold_review_on = self.held_from, "", None
            self.hold_reason = None
            self.end_clocks(at, "hold_review")
            if was_from == "answered":
                if settled:
                    self.state = "reviewed"
                    self.reviewed_at = at
                    self.start_clock("call_back", at, "恢复办理")
                else:
                    act.assignment = self._back_to_lead(at, reason)
                return
            self.state = was_from
            self._run_on(at)
            if was_from == "assigned":
                self._leave_closed_unit(at)

    def _run_on(self, at: datetime) -> None:
        """The clocks that the hold paused run on with what was left, but for what was done
        meanwhile (signing, contact and reports are taken while held)."""
        calendar = load_calendar()
        for old in [d for d in self.deadlines if d.ended_as == "paused"]:
            old.ended_as = "resumed"
            if old.assignment is not None and _is_done(old.stage, old.assignment):
                if old.assignment.is_open:
                    old.ended_as = "met"  # while the clock stood still
                continue
            held = old.ended_at or at
            due = clocks.due_after_hold(held, old.due_at, at, old.spec, calendar)
            first = clocks.due_after_hold(held, old.original_due_at, at, old.spec, calendar)
            again = self.start_clock(
                old.stage,
                at,
                "恢复",
                assignment=old.assignment,
                until=due.at,
                why=due.sentence,
                spec=old.spec,
            )
            if again is not None:
                again.original_due_at = first.at

    def _keep_within(self, given: Assignment, at: datetime) -> None:
        """What was passed on from it is due no later than it is itself."""
        above = self.own_clock(given)
        for child in self.children_of(given):
            clock = self.own_clock(child) if child.is_open else None
            if clock is None or above is None:
                continue
            if clock.is_running and clock.due_at > above.due_at:
                clock.end(at, "lapsed")
                why = f"转办单位的时限已变，应于{clocks.shown_end(above.due_at)}前反馈。"
                again = self.start_clock(
                    "child",
                    at,
                    "转办",
                    assignment=child,
                    until=above.due_at,
                    why=why,
                    spec=above.spec,
                )
                if again is not None:
                    again.original_due_at = clock.original_due_at
            self._keep_within(child, at)

    def _leave_closed_unit(self, at: datetime) -> None:
        """Accepted instead, where the lead's unit was closed while the appeal was held."""
        lead = self.lead
        if lead is not None and lead.unit.active:
            return
        if lead is not None:
            self._let_go(lead, at, "changed")
        self.state = "accepted"
        self.lead_unit_id = None
        self.start_clock("assign", at, "恢复办理")


def _is_done(stage: str, assignment: Assignment) -> bool:
    """Whether what a clock of this assignment waits for has come, or is not awaited any more."""
    if not assignment.is_open:
        return True
    came = {
        "sign": assignment.signed_at,
        "contact": assignment.contacted_at,
        "report": assignment.progress_at if assignment.rhythm == ONCE else None,
    }
    return came.get(stage) is not None
