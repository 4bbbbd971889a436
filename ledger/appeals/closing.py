"""Verbs of the last stretch: review, call-back, the second key, and the ways back."""

from __future__ import annotations

from datetime import datetime

from ..catalogue.queries import catalogue
from ..catalogue.words import SATISFACTION, SOLVED
from ..config import SHANGHAI
from ..deadlines.queries import caps_in_force
from ..people.actor import Actor
from .handling import Handling
from .intake import _known_reason
from .paper_key import PaperKey
from .parts import Assignment
from .record import Invalid
from .standing import judged

WAYS: dict[str, str] = {
    "phone": "电话",
    "wechat": "微信",
    "visit": "上门",
    "sms": "短信",
    "letter": "书面",
    "other": "其他",
}
"""How somebody was reached."""


class Closing(Handling):
    """审核、回访、认定、销号、不予销号、告知企业、再次反映、撤销销号."""

    __abstract__ = True

    def review(
        self,
        *,
        by: Actor,
        at: datetime,
        note: str = "",
        public_reply: str | None = None,
        hold_review_at: datetime | None = None,
        seen: int | None = None,
        receipt_meant: bool = False,
    ) -> None:
        """Lets the answer pass: to the call-back, to 挂账 (referred, long-term), or, for a 咨询
        not drawn, straight to the closer, shown 免回访."""
        outcome = catalogue().outcomes.get(self.outcome)
        with self.act("review", by=by, at=at, seen=seen) as act:
            act.texts["note"] = note
            self.end_clocks(at, "review")
            self._judge()
            if public_reply is not None and public_reply.strip():
                if public_reply != self.public_reply:
                    self._check_reply(public_reply, act, receipt_meant)
                self.public_reply = public_reply
            if outcome is not None and outcome.holds:
                self._hold(at, "answered", hold_review_at)
                return
            self.reviewed_at = at
            if self.kind == "consult" and not self.is_drawn:
                self.state = "confirmed"
                self.confirmed_at = at
                self.call_exempt = True
                self.start_clock("close", at, "审核")
                return
            self.state = "reviewed"
            self.start_clock("call_back", at, "审核")

    def _judge(self) -> None:
        """Whether the answer that passes came in time."""
        lead = self.lead
        own = [] if lead is None else [d for d in self.deadlines if d.assignment is lead]
        self.on_time, self.on_time_original = judged(own)

    def attempt(
        self,
        way: str,
        words: str,
        *,
        by: Actor,
        at: datetime,
        happened_at: datetime | None = None,
    ) -> None:
        """回访未接通. Three on two half-days allow an upholding."""
        if way not in WAYS:
            raise Invalid("way", "请选择联系方式")
        with self.act("attempt", by=by, at=at, happened_at=happened_at) as act:
            act.data["way"] = way
            act.texts["note"] = words
            local = (happened_at or at).astimezone(SHANGHAI)
            half = f"{local:%Y-%m-%d}{'a' if local.hour < 12 else 'p'}"
            self.attempts += 1
            halves = dict.fromkeys([*self.attempt_half_days.split(), half])
            self.attempt_half_days = " ".join(list(halves)[-10:])

    def call_back(
        self,
        *,
        by: Actor,
        at: datetime,
        contacted: bool,
        solved: str,
        satisfaction: str,
        words: str = "",
        way: str = "phone",
        seen: int | None = None,
    ) -> None:
        """The appellant was reached. Dissatisfied: a new round, or 待认定 where none is owed."""
        if satisfaction not in SATISFACTION:
            raise Invalid("satisfaction", "请选择是否满意")
        if solved not in SOLVED:
            raise Invalid("solved", "请选择是否解决")
        if way not in WAYS:
            raise Invalid("way", "请选择回访方式")
        if satisfaction == "unsatisfied" and not words.strip():
            raise Invalid("words", "不满意的，请写明诉求人的意见")
        with self.act("call_back", by=by, at=at, seen=seen) as act:
            # In the entry also where the columns are cleared again for a new round.
            act.data.update(
                way=way, contacted=contacted, solved=solved, satisfaction=satisfaction
            )
            act.texts["note"] = words
            self.called_at = at
            self.caller_id = by.id if by.kind == "person" else None
            self.reached = True
            self.contacted = contacted
            self.solved = solved
            self.satisfaction = satisfaction
            if self.told_at is None:
                self.told_at = at
            if satisfaction != "unsatisfied":
                self.end_clocks(at, "call_back")
                self._confirm(at, "回访")
            elif self._earns_rework(at):
                self.end_clocks(at, "call_back")
                act.assignment = self._rework(by, at, words)
                if self.suggests_order(at):
                    act.data["suggests_order"] = True
            else:
                self.undetermined = True

    def _confirm(self, at: datetime, event: str) -> None:
        self.state = "confirmed"
        self.confirmed_at = at
        self.undetermined = False
        self.start_clock("close", at, event)

    def _earns_rework(self, at: datetime) -> bool:
        outcome = catalogue().outcomes.get(self.outcome)
        owed = outcome is None or outcome.earns_rework
        return owed and self.reworks < caps_in_force(at).reworks

    def _rework(self, by: Actor, at: datetime, words: str) -> Assignment | None:
        """重办: a new assignment to the lead, in a new round, with the rework limit."""
        lead = self.lead
        self._forget_call()  # the result stands in the entry; the new round starts without one
        self._forget_answer()
        self.round += 1
        self.reworks += 1
        self.lapse_clocks(at)
        if lead is None or not lead.unit.active:
            self.state = "accepted"
            self.lead_unit_id = None
            self.start_clock("assign", at, "重办")
            return None
        self.state = "assigned"
        self.assigned_at = at
        again = self._offer(lead.unit, "lead", by, at, "", words, lead.rhythm)
        self._start_unit_clocks(again, at, limit="rework")
        return again

    def uphold(
        self,
        reason_code: str,
        basis: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """认定: why no satisfied call-back is to be had. Its own column, never satisfied."""
        _known_reason("uphold", reason_code)
        self._check_upheld(reason_code)
        if not basis.strip():
            raise Invalid("basis", "请写明认定的依据")
        with self.act("uphold", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["basis"] = basis
            self.upholder_id = by.id
            self.upheld_for = reason_code
            self.end_clocks(at, "call_back")
            self._confirm(at, "认定")

    def _check_upheld(self, reason_code: str) -> None:
        """不满意，经认定销号 and 无法回访 are counted apart: neither may pass for the other."""
        if self.undetermined and reason_code in ("unreachable", "no_contact"):
            raise Invalid("reason_code", "已回访且诉求人不满意，不能按无法回访认定")
        if not self.undetermined and reason_code in ("explained_unsatisfied", "rework_cap"):
            raise Invalid("reason_code", "没有不满意的回访结果，请选择无法回访的情形")

    def close(
        self,
        *,
        by: Actor,
        at: datetime,
        note: str = "",
        paper: PaperKey | None = None,
        seen: int | None = None,
    ) -> None:
        """销号: the second key. With `paper` it was turned by whoever approved on paper, and `by`
        records it."""
        behalf = None if paper is None else paper.behalf
        begun = self.act("close", by=by, at=at, behalf=behalf, seen=seen)
        closer = by if paper is None else paper.turned_by(self, by, at)
        with begun as act:
            act.texts["note"] = note
            if paper is not None:
                act.data["approver"] = closer.id
                act.data["signed_on"] = paper.signed_on.isoformat()
            self.state = "closed"
            self.closed_at = at
            self.ended_at = at
            self.closer_id = closer.id
            self.closer_in_unit = any(
                closer.home_unit_path.startswith(a.unit.path)
                for a in [*self.assignments, *self.shared]
                if a.release_reason != "return_upheld"
            )
            act.data["closer_in_unit"] = self.closer_in_unit
            self.end_coordination()
            self.end_clocks(at, "close")
            self.lapse_clocks(at)

    def refuse_closing(
        self,
        to: str,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "",
        seen: int | None = None,
    ) -> None:
        """`to` is "assigned" (重办, in a new round) or "reviewed" (call back again)."""
        if to not in ("assigned", "reviewed"):
            raise Invalid("to", "请选择退回重新办理或重新回访")
        if not reason.strip():
            raise Invalid("reason", "请填写不予销号的理由")
        if reason_code:
            _known_reason("refuse", reason_code)
        with self.act("refuse_closing", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            self.end_clocks(at, "close")  # has been decided
            if to == "assigned":
                act.assignment = self._rework(by, at, reason)
                if self.suggests_order(at):
                    act.data["suggests_order"] = True
                return
            self._forget_call()
            self.lapse_clocks(at)
            self.state = "reviewed"
            self.start_clock("call_back", at, "不予销号")

    def tell(
        self,
        way: str,
        words: str,
        *,
        by: Actor,
        at: datetime,
        happened_at: datetime | None = None,
    ) -> None:
        """告知企业; ends 已答复待告知企业."""
        if way not in WAYS:
            raise Invalid("way", "请选择告知方式")
        with self.act("tell", by=by, at=at, happened_at=happened_at) as act:
            act.data["way"] = way
            act.texts["note"] = words
            self.told_at = happened_at or at

    def recur(self, words: str, *, by: Actor, at: datetime) -> None:
        """再次反映: proposes 撤销销号 on the office's desk."""
        if not words.strip():
            raise Invalid("words", "请填写再次反映的内容")
        with self.act("recur", by=by, at=at) as act:
            act.texts["note"] = words
            self.recurred_at = at

    def reopen(
        self,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "",
        seen: int | None = None,
    ) -> None:
        """撤销销号: accepted again, in a new round; earlier rounds stay whole."""
        if not reason.strip():
            raise Invalid("reason", "请填写撤销的理由")
        if reason_code:
            _known_reason("reopen", reason_code)
        with self.act("reopen", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            self._leave_master()
            self._forget_call()
            self.round += 1
            self.state = "accepted"
            self.accepted_at = self.accepted_at or at
            self.ended_at = None
            self.end_reason = ""
            self.closed_at = None
            self.closer_id = None
            self.closer_in_unit = False
            self.recurred_at = None
            self.lead_unit_id = None
            self._forget_answer()
            self.start_clock("assign", at, "撤销销号")

    def erase(self, places: dict[int, list[str]], basis: str, *, by: Actor, at: datetime) -> None:
        """依法删除: empties texts behind commitments, by sequence number and place.

        The rows that still hold such a text read 〔已依法删除〕 afterwards; the chain stays whole.
        """
        from ..trail.erasure import erase_texts

        if not basis.strip():
            raise Invalid("basis", "请写明依法删除的依据")
        with self.act("erase", by=by, at=at) as act:
            act.texts["basis"] = basis
            act.data["erases"] = erase_texts(self, places)
