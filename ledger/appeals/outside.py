"""Beyond the office's own units: what is written to others and comes from them, and the superior's
office, inside this ledger or outside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ..catalogue.words import DIRECTIONS, PAPERS
from ..db import db
from ..deadlines.calendar import local_day
from ..people.actor import Actor
from ..people.models import Unit
from .opening import Opening
from .outside_parts import OutsideRecord
from .parts import FormerOwner
from .record import Invalid, Refused
from .superiors import next_below, superior_office

if TYPE_CHECKING:
    from ..files.models import Attachment

FURTHEST = timedelta(days=366)
"""A slip in the year is not taken for a decision."""


@dataclass(frozen=True)
class Paper:
    """What went out or came in, as it was typed."""

    direction: str
    party: str
    kind: str
    sent_on: date | None
    summary: str
    letter_number: str = ""
    handler_name: str = ""
    follow_on: date | None = None


class Outside(Opening):
    """登记对外联系、登记回复、提请上级协调、交回下级."""

    __abstract__ = True

    # -- letters ---------------------------------------------------------------------------

    def write_out(
        self, paper: Paper, *, by: Actor, at: datetime, attachments: Iterable[Attachment] = ()
    ) -> None:
        """登记对外联系: a paper, call or message to or from somebody outside this ledger."""
        self._check_paper(paper, at)
        with self.act("write_out", by=by, at=at):
            self._write(paper, by, attachments)

    def _check_paper(self, paper: Paper, at: datetime) -> None:
        if paper.direction not in DIRECTIONS:
            raise Invalid("direction", "请选择发出或收到")
        if not paper.party.strip():
            raise Invalid("party", "请填写对方单位")
        if paper.kind not in PAPERS:
            raise Invalid("paper", "请选择公文种类")
        if paper.sent_on is None:
            raise Invalid("sent_on", "请填写日期")
        _check_past("sent_on", paper.sent_on, at)
        if not paper.summary.strip():
            raise Invalid("summary", "请填写主要内容")
        _check_follow(paper.follow_on, at)
        alike = (paper.direction, paper.party, paper.kind, paper.sent_on, paper.summary)
        if any(
            alike == (r.direction, r.party, r.kind, r.sent_on, r.summary)
            for r in (self.outside_records if self.outside_count else ())
        ):
            raise Invalid("summary", "这条记录已经登记过，请勿重复登记")

    def _write(self, paper: Paper, by: Actor, attachments: Iterable[Attachment]) -> None:
        assert paper.sent_on is not None  # checked
        self.outside_records.append(
            OutsideRecord(
                direction=paper.direction,
                party=paper.party,
                kind=paper.kind,
                letter_number=paper.letter_number,
                sent_on=paper.sent_on,
                handler_name=paper.handler_name or by.name,
                summary=paper.summary,
                follow_on=paper.follow_on,
                reply="",
                reply_number="",
                written_seq=(self.version or 0) + 1,
            )
        )
        if files := list(attachments):
            self.attachments.extend(files)

    def note_reply(
        self,
        record_id: int,
        words: str,
        *,
        replied: bool,
        by: Actor,
        at: datetime,
        on: date | None = None,
        number: str = "",
        follow_on: date | None = None,
        attachments: Iterable[Attachment] = (),
    ) -> None:
        """登记回复: of what went out theirs, of what came in ours; or, where none has come, how it
        was looked after, and when it is to be looked after again."""
        if not words.strip():
            raise Invalid("words", "请填写回复或跟进情况")
        if replied and on is None:
            raise Invalid("replied_on", "请填写回复日期")
        if replied and on is not None:
            _check_past("replied_on", on, at)
        if not replied and follow_on is None:
            raise Invalid("follow_on", "尚未回复的，请填写下次跟进日期")
        _check_follow(follow_on, at)
        with self.act("note_reply", by=by, at=at) as act:
            record = next((r for r in self.outside_records if r.id == record_id), None)
            if record is None:
                raise Invalid("record_id", "没有这条对外联系记录，请重新选择")
            if replied and on is not None and on < record.sent_on:
                came = DIRECTIONS[record.direction]
                raise Invalid("replied_on", f"回复日期不能早于{came}日期{record.sent_on}")
            act.data["record"] = record.id
            act.data["replied"] = replied
            record.follow_on = follow_on
            if replied:
                record.reply = words
                record.replied_on = on
                record.reply_number = number
                record.reply_seq = (self.version or 0) + 1
            else:
                act.texts["note"] = words
            if files := list(attachments):
                self.attachments.extend(files)

    # -- the superior ----------------------------------------------------------------------

    def raise_up(self, reason: str, *, by: Actor, at: datetime, seen: int | None = None) -> None:
        """提请上级协调 inside this ledger: the superior's office owns it from now on, and accepts,
        hands off and rules as its own. The number stays, and so does this office's sight."""
        if not reason.strip():
            raise Invalid("reason", "请填写提请上级协调的理由")
        with self.act("raise", by=by, at=at, seen=seen) as act:
            superior = superior_office(self.office_id, local_day(at))
            if superior is None:
                raise Refused(409, "上级牵头办公室尚未使用本系统，请登记报送情况。")
            act.texts["reason"] = reason
            act.data["office"] = superior.name
            self._pass_to(superior.id, at, "raised", "提请上级协调")

    def raise_outside(
        self,
        reason: str,
        paper: Paper,
        *,
        by: Actor,
        at: datetime,
        review_at: datetime | None = None,
        attachments: Iterable[Attachment] = (),
        seen: int | None = None,
    ) -> None:
        """The same where the superior does not use this ledger: it stays as it is, or with
        `review_at` is held, and what was sent is kept."""
        if not reason.strip():
            raise Invalid("reason", "请填写提请上级协调的理由")
        if paper.follow_on is None:
            raise Invalid("follow_on", "请填写下次跟进日期")
        self._check_paper(paper, at)
        if review_at is not None:
            self._check_review(review_at, at)
        with self.act("raise", by=by, at=at, seen=seen) as act:
            if superior_office(self.office_id, local_day(at)) is not None:
                raise Refused(409, "上级牵头办公室已使用本系统，请直接提请。")
            act.texts["reason"] = reason
            self._write(paper, by, attachments)
            if review_at is not None:
                self._hold(at, self.state, review_at, "superior")

    def hand_back(self, ruling: str, *, by: Actor, at: datetime, seen: int | None = None) -> None:
        """交回下级: back to the office that put it before this one, with the ruling."""
        if not ruling.strip():
            raise Invalid("ruling", "请填写裁定意见")
        with self.act("hand_back", by=by, at=at, seen=seen) as act:
            below = db.session.get_one(Unit, self.raised_by_id)
            if not below.active:
                raise Refused(409, f"“{below.name}”已停用，不能交回。")
            act.texts["ruling"] = ruling
            act.data["office"] = below.name
            self._pass_to(below.id, at, "handed_back", "上级交回")

    def _pass_to(self, office_id: int, at: datetime, reason: str, event: str) -> None:
        """Another office owns it: what units have in hand ends, and the clocks begin anew."""
        was = self.office_id
        former = {row.office_id for row in self.former_owners}
        if was not in former:
            self.former_owners.append(FormerOwner(office_id=was))
        self._release_all(at, reason)
        self.lapse_clocks(at)
        self.office = db.session.get_one(Unit, office_id)
        self.office_id = office_id
        self.raised_by_id = next_below(office_id, {*former, was} - {office_id})
        self.lead_unit_id = None
        self.duty_unendorsed = False
        self.state = "accepted"
        self.start_clock("assign", at, event)


def _check_past(field: str, day: date, at: datetime) -> None:
    if day > local_day(at):
        raise Invalid(field, "日期不能晚于今天")
    if day < local_day(at) - 10 * FURTHEST:
        raise Invalid(field, "日期过早，请核对年份")


def _check_follow(day: date | None, at: datetime) -> None:
    if day is None:
        return
    if day < local_day(at):
        raise Invalid("follow_on", "下次跟进日期不能早于今天")
    if day > local_day(at) + FURTHEST:
        raise Invalid("follow_on", "下次跟进日期不能晚于一年以后，请核对年份")
