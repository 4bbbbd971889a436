"""Verbs of the office's own answer, and of what an answer leaves over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Self

from ..catalogue.queries import catalogue
from ..people.actor import Actor
from ..trail.models import ERASED
from . import outcomes
from .intake import Registration
from .opening import Opening
from .record import TITLE_LENGTH, Invalid, Refused

if TYPE_CHECKING:
    from ..files.models import Attachment

LEFT_OVER = "（遗留问题）"


class Answering(Opening):
    """直接答复、登记遗留问题."""

    __abstract__ = True

    def answer_directly(
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
        seen: int | None = None,
        receipt_meant: bool = False,
    ) -> None:
        """The office answers by itself: the first key, by which it becomes no handling unit.

        Raises as `answer` does.
        """
        files, given = list(attachments), particulars or {}
        if not account.strip():
            raise Invalid("account", "请填写内部办理情况")
        with self.act("answer_directly", by=by, at=at, seen=seen) as act:
            self.check_outcome(outcome, evidence, bool(files), given, at)
            self._check_reply(public_reply, act, receipt_meant)
            self.state = "answered"
            self.answered_at = at
            self.answered_directly = True
            self.outcome = outcome
            self.account = account
            self.public_reply = public_reply
            self.evidence = evidence
            self.particulars = outcomes.written(outcome, given)
            if files:
                self.attachments.extend(files)
            self.end_clocks(at, "assign")
            self.start_clock("review", at, "反馈")

    def link_remainder(self, *, by: Actor, at: datetime, seen: int | None = None) -> Self:
        """What was left unsolved becomes an appeal of its own, of the same appellant.

        Two entries: the new appeal's registration, and here which it is.
        """
        verdict = self.may("link_remainder", by, at)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        new = type(self).register(
            self._left_over(at), office=self.office, by=by, at=at, firm=self.firm, origin=self
        )
        with self.act("link_remainder", by=by, at=at, seen=seen) as act:
            self.remainder_id = new.id
            act.data["remainder"] = new.number
        return new

    def _left_over(self, at: datetime) -> Registration:
        """Who and where as here; what, as the answer says is left."""
        left = outcomes.left_over(self.outcome, self.particulars)
        channels = catalogue().channels
        own = channels.get(self.channel)
        channel = self.channel
        if own is None or not own.active:  # one that only takes over old ledgers
            channel = next(one.code for one in channels.values() if one.active)
        phone = None if self.phone in (None, "", ERASED) else self.phone
        return Registration(
            appellant_name=self.appellant_name,
            appellant_type=self.appellant_type,
            content=left,
            channel=channel,
            received_at=at,
            title=self.title[: TITLE_LENGTH - len(LEFT_OVER)] + LEFT_OVER,
            kind=self.kind,
            category_id=self.category_id,
            region_code=self.region_code,
            uscc=self.uscc,
            industry=self.industry,
            chain=self.chain,
            white_list=self.white_list,
            confidential=self.confidential,
            real_name=self.real_name,
            contact_name=self.contact_name,
            phone_given=self.phone_given if phone or self.phone_given != "given" else "none",
            phone=phone,
            place=self.place,
            route_from=self.route_from,
            route_to=self.route_to,
            goods=self.goods,
            plates=self.plates,
            complained_unit=self.complained_unit,
        )
