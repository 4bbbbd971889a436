"""并案办理: several appellants, one matter, handled once (design §3, Joined appeals).

What is joined has its master's lead and due time and goes with it to the call-back; each such
step is an entry of its own on each of them, in the transaction of the master's. An answer that is
sent back takes those along that were not called back yet; what was confirmed or closed stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from ..db import db
from ..people.actor import Actor, system
from ..people.directory import directory
from ..trail.act import Act
from ..trail.canonical import Plain
from . import joined_queries
from .joined_queries import FOLLOWED
from .opening import Opening
from .parts import Assignment
from .record import Invalid

if TYPE_CHECKING:
    from typing import Self

    from sqlalchemy import ColumnElement

PAST_REVIEW = ("reviewed", "confirmed")
"""States of a master whose answer has passed: what joins it goes to the call-back at once."""

MOST_JOINED = 200
"""So many may be handled with one master: every step of it is an entry on each of them."""


class Joining(Opening):
    """并案办理、解除并案、随主件办理、逐户答复."""

    __abstract__ = True

    _left = cast(Any, None)
    """The act in which it left its master, and that one."""

    def join(
        self, master: Self, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """Handled with `master` from now on; it keeps its number, appellant, call-back and closing.

        Raises Invalid for a master that is not open, joined or merged itself, of another office,
        or the appeal itself.
        """
        self._join(master, reason, by=by, at=at, seen=seen)
        master.gather([self], at=at)

    def join_all(
        self, others: Sequence[Self], reason: str, *, by: Actor, at: datetime
    ) -> None:
        """The same of several, which are joined to this one."""
        if self.joined_count + len(others) > MOST_JOINED:
            raise Invalid("master", f"一个主件最多并入{MOST_JOINED}件")
        for one in others:
            try:
                one._join(self, reason, by=by, at=at)
            except Invalid as problem:
                raise Invalid("master", f"{one.label}：{problem.reason}") from problem
        self.gather(others, at=at)

    def _join(
        self, master: Self, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        self._check_master(master)
        with self.act("join", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["master"] = master.label
            self.master_id = master.id
            self.handled_with_id = master.id
            self._release_all(at, "joined")
            # It is handed off with its master.
            self.end_clocks(at, "accept", "assign")
            self.lapse_clocks(at)
            self.accepted_at = self.accepted_at or at
            self.category_id = self.category_id or master.category_id
            self.lead_unit_id = master.lead_unit_id
            self._disown_answer()
            if master.state in PAST_REVIEW:
                self._pass_with(master, at)
            else:
                self.state = "joined"

    def _disown_answer(self) -> None:
        """It waits for its master's; an earlier one stands in the ink."""
        self._forget_call()
        self._forget_answer()
        self.particulars = ""
        self.outcome = ""
        self.account = ""
        self.public_reply = ""

    def _check_master(self, master: Self) -> None:
        if master.id == self.id:
            raise Invalid("master", "不能并入本件自身")
        if not master.is_open:
            raise Invalid("master", f"主件{master.label}不在办，不能并入该件")
        if master.is_joined:
            raise Invalid("master", f"{master.label}已并入其他诉求办理，请并入它的主件")
        if master.office_id != self.office_id:
            raise Invalid("master", "只能并入本办公室的诉求")
        if self.handled_with_id not in (None, self.master_id, master.id):
            # 回避 goes on by that one's answer, and by no other's beside it.
            raise Invalid("master", "本件已随另一主件答复过，须单独办理，或并入原主件")
        if master.joined_count >= MOST_JOINED:
            raise Invalid("master", f"一个主件最多并入{MOST_JOINED}件")

    def unjoin(
        self,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        master: Self | None = None,
        seen: int | None = None,
    ) -> None:
        """Handled alone again, from 待交办 on; or with another `master` at once (改并)."""
        if not reason.strip():
            raise Invalid("reason", "请填写理由")
        if master is not None:
            if master.id == self.master_id:
                raise Invalid("master", f"本件已并入{master.label}，请另选主件")
            self._check_master(master)
        with self.act("unjoin", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["former"] = self._master().label
            self._leave_master()
            self.state = "accepted"
            self.start_clock("assign", at, "解除并案")
        if master is not None:
            self.join(master, reason, by=by, at=at)

    def word_reply(
        self, words: str, *, by: Actor, at: datetime, reason: str = "", seen: int | None = None
    ) -> None:
        """逐户答复: what this firm is told, where the master's words do not quite fit it."""
        self.check_reply(words)
        if words.strip() == self.public_reply.strip():
            raise Invalid("public_reply", "答复没有修改")
        with self.act("word_reply", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            self.public_reply = words

    # -- with the master -------------------------------------------------------------------

    def gather(self, others: Iterable[Self], *, at: datetime, left: bool = False) -> None:
        """The master's own trail tells what joins it, and what leaves it."""
        labels: list[Plain] = [one.label for one in others]
        with self.act("gather", by=system(), at=at) as act:
            act.data["left" if left else "joined"] = labels
            self.joined_count += -len(labels) if left else len(labels)

    def after_act(self, act: Act) -> None:
        if self._left is not None and self._left[0] is act:
            _, master = self._left
            self._left = None
            master.gather([self], at=act.at, left=True)
        if self.joined_count and act.verb != "gather":
            self._take_along(act)

    def _take_along(self, act: Act) -> None:
        """What is joined follows a step of its master, in ascending id."""
        kind = type(self)
        lags = kind.state == "joined"
        if self.state not in PAST_REVIEW:
            lags &= or_(
                *(getattr(kind, name).is_distinct_from(getattr(self, name)) for name in FOLLOWED)
            )
        if act.verb == "send_back":
            lags |= kind.state == "reviewed"
        for one in self._joined(lags):
            if one.state == "reviewed":
                one._wait_again(self, act)
            else:
                one._follow(self, act)

    def _joined(self, which: ColumnElement[bool]) -> Sequence[Self]:
        kind = type(self)
        found: Sequence[Self] = db.session.scalars(
            select(kind)
            .where(kind.master_id == self.id, which)
            .order_by(kind.id)
            .with_for_update(of=kind)
            .options(
                selectinload(kind.assignments),
                selectinload(kind.deadlines),
            )
            .execution_options(populate_existing=True)
        ).all()
        return found

    def _follow(self, master: Self, step: Act) -> None:
        with self.act("follow", by=system(), at=step.at) as act:
            self._say_step(act, master, step)
            self.lead_unit_id = master.lead_unit_id
            self.category_id = self.category_id or master.category_id
            if master.state in PAST_REVIEW:
                self._pass_with(master, step.at)
            elif self.due_at != master.due_at:
                act.data["due"] = master.due_at.isoformat()

    def _pass_with(self, master: Self, at: datetime) -> None:
        """To the call-back with the master's answer; with words of its own where it has some."""
        self.state = "reviewed"
        self.answered_at = master.answered_at
        self.reviewed_at = at
        self.outcome = master.outcome
        self.public_reply = self.public_reply or master.public_reply
        self.start_clock("call_back", at, "审核")

    def _wait_again(self, master: Self, step: Act) -> None:
        """The answer it bore was sent back."""
        with self.act("follow", by=system(), at=step.at) as act:
            self._say_step(act, master, step)
            self.state = "joined"
            self.lead_unit_id = master.lead_unit_id
            self._disown_answer()
            self.lapse_clocks(step.at)

    def _say_step(self, act: Act, master: Self, step: Act) -> None:
        act.data["master"] = master.label
        act.data["step"] = step.verb
        act.data["by"] = step.by.name
        if master.lead_unit_id is not None and self.lead_unit_id != master.lead_unit_id:
            act.data["unit"] = directory().units[master.lead_unit_id].name

    # -- alone again -----------------------------------------------------------------------

    def _leave_master(self) -> None:
        if not self.is_joined:
            return
        self._left = (db.session().info["act"], self._master())
        self.master_id = None
        self.lead_unit_id = None
        if not self.outcome:  # it bears no answer of that master's
            self.handled_with_id = None

    def _rework(self, by: Actor, at: datetime, words: str) -> Assignment | None:
        """Dissatisfied alone, it is reworked alone, with the master's lead."""
        if not self.is_joined:
            return super()._rework(by, at, words)
        again = super()._rework(by, at, words)
        lead_unit_id = self.lead_unit_id
        self._leave_master()
        self.lead_unit_id = lead_unit_id
        return again

    def send_back(
        self,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        reason_code: str = "",
        seen: int | None = None,
    ) -> None:
        """Sent back alone, it is handled alone: the master's lead gets it as its own."""
        if not self.is_joined:
            super().send_back(reason, by=by, at=at, reason_code=reason_code, seen=seen)
            return
        if not reason.strip():
            raise Invalid("reason", "请写明缺什么、怎么补")
        with self.act("send_back", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["reason"] = reason
            lead = self.lead
            self._leave_master()
            self._forget_call()
            self.told_at = None
            self.lapse_clocks(at)
            if lead is None or not lead.unit.active:
                self.state = "accepted"
                self.start_clock("assign", at, "退回")
                return
            self.state = "assigned"
            self.assigned_at = at
            act.assignment = self._offer(lead.unit, "lead", by, at, "", reason)
            self._start_unit_clocks(act.assignment, at)

    # -- what is asked of the master -------------------------------------------------------

    def _master(self) -> Self:
        found: Self = db.session.get_one(type(self), self.master_id)
        return found

    def _clock_of_master(self) -> dict[str, object]:
        if self.state != "joined":
            return {}
        master = self._master()
        return {name: getattr(master, name) for name in FOLLOWED if name != "lead_unit_id"}

    def _shared(self) -> list[Assignment]:
        found = select(Assignment).where(Assignment.appeal_id == self.handled_with_id)
        return list(db.session.scalars(found.order_by(Assignment.id)))

    def _joined_named(self) -> str:
        return joined_queries.joined_named(db.session.connection(), self.id)

    def _master_answered(self) -> bool:
        return joined_queries.master_answered(db.session.connection(), self.master_id)

    def _master_reply(self) -> str:
        return joined_queries.master_reply(db.session.connection(), self.master_id)

    def _handled_streams(self) -> list[str]:
        own = super()._handled_streams()
        if self.handled_with_id is None:
            return own
        return [*own, db.session.get_one(type(self), self.handled_with_id).stream]
