"""Urgings, numbered papers with their replies, and reminders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, backref, mapped_column, relationship

from ..appeals.models import Appeal, Assignment
from ..appeals.record import Invalid, Refused
from ..appeals.replay import add_table
from ..appeals.urging import BY_WORD, PAPERS, WAYS, numbered
from ..config import SHANGHAI
from ..db import COMMITTED, DERIVED, Base, Id, code, db, pk
from ..deadlines.clocks import shown_end
from ..people.actor import Actor, Seat
from ..people.directory import UnitRow, directory
from ..people.models import Unit
from ..trail.act import Trailed
from ..trail.models import next_serial

WAITING = text("waits IS true")
WAITING_LITE = text("waits IS 1")

CHILD = frozenset({"id", "appeal_id"})
RANK = {kind: rank for rank, kind in enumerate(PAPERS)}


class Urge(Trailed, Base):
    """催办: one urging, by word or in writing, with what was answered and promised."""

    __tablename__ = "supervision_urge"
    __table_args__ = (Index("ix_supervision_urge_appeal_id", "appeal_id", "id"),)
    __trail__: ClassVar[str] = "supervision_urge"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    way: Mapped[code]
    urged_at: Mapped[datetime]
    urged_by_id: Mapped[int | None] = mapped_column(Id)
    spoken_to: Mapped[str] = mapped_column(String(100), info=COMMITTED)
    urging: Mapped[str] = mapped_column(Text, info=COMMITTED)
    urge_answer: Mapped[str] = mapped_column(Text, info=COMMITTED)
    promised_at: Mapped[datetime | None]

    appeal: Mapped[Appeal] = relationship(backref=backref("urgings", order_by="Urge.id"))

    @property
    def in_writing(self) -> bool:
        return self.way not in BY_WORD

    @classmethod
    def record(
        cls,
        appeal: Appeal,
        unit_id: int,
        way: str,
        *,
        by: Actor,
        at: datetime,
        spoken_to: str = "",
        urging: str = "",
        answer: str = "",
        promised_at: datetime | None = None,
        happened_at: datetime | None = None,
    ) -> Urge:
        if way not in WAYS:
            raise Invalid("way", "请选择催办方式")
        if way in BY_WORD and not spoken_to.strip():
            raise Invalid("spoken_to", "电话、当面催办的，请填写催办的是谁")
        if promised_at is not None and promised_at <= (happened_at or at):
            raise Invalid("promised_at", "承诺办结时间应晚于催办时间")
        given = hand_of(appeal, unit_id)
        with appeal.act("urge", by=by, at=at, happened_at=happened_at) as act:
            act.assignment = given
            urge = cls(
                appeal_id=appeal.id,
                assignment_id=given.id if given is not None else None,
                unit_id=unit_id,
                way=way,
                urged_at=act.happened_at or at,
                urged_by_id=by.id,
                spoken_to=spoken_to,
                urging=urging,
                urge_answer=answer,
                promised_at=promised_at,
            )
            db.session.add(urge)
            appeal.urged = (appeal.urged or 0) + 1
            act.data["urge_way"] = way
            act.data["unit"] = directory().units[unit_id].name
        return urge


@dataclass(frozen=True)
class Wording:
    """What a paper says and asks, as whoever issues it has it."""

    unit_id: int
    paper_text: str
    demand: str
    reply_due_at: datetime
    signing_body: str
    letter_number: str = ""
    meeting_at: datetime | None = None
    meeting_place: str = ""
    summoned: str = ""


class Paper(Trailed, Base):
    """A numbered paper of supervision: 催办通知书、转办单、督办单、通报、约谈.

    state: issued → replied | withdrawn. Each wants a reply by its limit.
    """

    __tablename__ = "supervision_paper"
    __table_args__ = (
        UniqueConstraint("kind", "office_id", "paper_year", "paper_number"),
        Index("ix_supervision_paper_appeal_id", "appeal_id", "id"),
        Index("ix_supervision_paper_unit_id", "unit_id", "issued_at", "id"),
        Index("ix_supervision_paper_issued_at", "issued_at", "id"),
        Index(
            "ix_supervision_paper_unit_waits",
            "unit_id",
            "reply_due_at",
            "id",
            sqlite_where=WAITING_LITE,
            postgresql_where=WAITING,
        ),
        Index(
            "ix_supervision_paper_waits",
            "reply_due_at",
            "id",
            sqlite_where=WAITING_LITE,
            postgresql_where=WAITING,
        ),
    )
    __trail__: ClassVar[str] = "supervision_paper"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"))
    kind: Mapped[code]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    """Whose series of numbers it stands in."""
    paper_year: Mapped[int] = mapped_column(Integer)
    paper_number: Mapped[int] = mapped_column(Integer)
    letter_number: Mapped[str] = mapped_column(String(100), default="")
    signing_body: Mapped[str] = mapped_column(String(200))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    state: Mapped[code]
    round: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[datetime]
    issued_by_id: Mapped[int | None] = mapped_column(Id)
    reply_due_at: Mapped[datetime]
    paper_text: Mapped[str] = mapped_column(Text, info=COMMITTED)
    demand: Mapped[str] = mapped_column(Text, info=COMMITTED)
    meeting_at: Mapped[datetime | None]
    meeting_place: Mapped[str] = mapped_column(String(200), default="", info=COMMITTED)
    summoned: Mapped[str] = mapped_column(String(200), default="", info=COMMITTED)
    replied_at: Mapped[datetime | None]
    replied_by_id: Mapped[int | None] = mapped_column(Id)
    unit_reply: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[int | None] = mapped_column(Id)
    withdrawn_for: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    waits: Mapped[bool] = mapped_column(Boolean, info=DERIVED)
    """Whether its unit still owes a reply; nobody does for an appeal that has ended."""

    appeal: Mapped[Appeal] = relationship(backref=backref("papers", order_by="Paper.id"))
    unit: Mapped[Unit] = relationship(foreign_keys="Paper.unit_id", viewonly=True)

    @property
    def number(self) -> str:
        return numbered(self.kind, self.paper_year, self.paper_number)

    @property
    def title(self) -> str:
        return PAPERS[self.kind]

    def is_late(self, at: datetime) -> bool:
        """Replied too late, or not yet and the limit has passed."""
        return self.state != "withdrawn" and (self.replied_at or at) > self.reply_due_at

    @classmethod
    def issue(
        cls,
        appeal: Appeal,
        kind: str,
        said: Wording,
        *,
        by: Actor,
        at: datetime,
        draft: Reminder | None = None,
    ) -> Paper:
        """Numbered last. `draft` is the suggestion that it settles."""
        if kind not in PAPERS:
            raise Invalid("kind", "没有这种文书")
        said = _checked(appeal, kind, said, at)
        if draft is not None:
            draft.open_for(appeal)
        given = hand_of(appeal, said.unit_id)
        with appeal.act("order", by=by, at=at) as act:
            act.assignment = given
            office = _numbering_office(appeal, act.seat)
            year = at.astimezone(SHANGHAI).year
            appeal.awaited = (appeal.awaited or 0) + 1
            if RANK[kind] >= RANK.get(appeal.supervised or "", -1):
                appeal.supervised = kind
            # The last thing: the counter is locked from here to the commit.
            last = next_serial(db.session(), f"supervision_{kind}", office, year)
            paper = cls(
                appeal_id=appeal.id,
                assignment_id=given.id if given is not None else None,
                kind=kind,
                office_id=office,
                paper_year=year,
                paper_number=last,
                letter_number=said.letter_number,
                signing_body=said.signing_body,
                unit_id=said.unit_id,
                state="issued",
                round=appeal.round,
                issued_at=at,
                issued_by_id=by.id,
                reply_due_at=said.reply_due_at,
                paper_text=said.paper_text,
                demand=said.demand,
                meeting_at=said.meeting_at,
                meeting_place=said.meeting_place,
                summoned=said.summoned,
                waits=True,
            )
            db.session.add(paper)
            act.data["done"] = "issued"
            act.data["kind"] = kind
            act.data["paper"] = paper.number
            act.data["unit"] = directory().units[said.unit_id].name
        if draft is not None:
            draft.settle("issued", by, at)
        return paper

    def answer(self, words: str, *, by: Actor, at: datetime) -> None:
        """The unit's reply, given once; also after its limit, which shows."""
        if not words.strip():
            raise Invalid("words", "请填写回复内容")
        appeal = self.appeal
        verdict = self.may_reply(by, at)
        if verdict:
            raise Refused(*verdict)
        with appeal.act("reply", by=by, at=at, put_to=frozenset({self.unit_id})) as act:
            act.assignment = self._assignment()
            self.state = "replied"
            self.replied_at = at
            self.replied_by_id = by.id
            self.unit_reply = words
            self._reply_is_no_longer_owed()
            act.data["kind"] = self.kind
            act.data["paper"] = self.number
            act.data["late"] = at > self.reply_due_at

    def may_reply(self, by: Actor, at: datetime) -> tuple[int, str] | None:
        """Why `by` may not reply to it now, with the status; None where he may."""
        verdict = self.appeal.may("reply", by, at, put_to=frozenset({self.unit_id}))
        if not verdict:
            return verdict.status, verdict.reason
        if self.state == "replied":
            return 409, f"{self.number}已经回复。"
        if self.state == "withdrawn":
            return 409, f"{self.number}已经撤销，不需要回复。"
        return None

    def withdraw(self, reason: str, *, by: Actor, at: datetime) -> None:
        """Issued by mistake: the number stays with it."""
        if not reason.strip():
            raise Invalid("reason", "请填写撤销理由")
        appeal = self.appeal
        verdict = appeal.may("order", by, at)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        if self.state == "withdrawn":
            raise Refused(409, f"{self.number}已经撤销。")
        with appeal.act("order", by=by, at=at) as act:
            act.assignment = self._assignment()
            owed = self.state == "issued"
            self.state = "withdrawn"
            self.withdrawn_at = at
            self.withdrawn_by_id = by.id
            self.withdrawn_for = reason
            if owed:
                self._reply_is_no_longer_owed()
            kinds = db.session.scalars(select(Paper).where(Paper.appeal_id == appeal.id))
            standing = [one.kind for one in kinds if one.state != "withdrawn"]
            appeal.supervised = max(standing, key=RANK.__getitem__, default=None)
            act.data["done"] = "withdrawn"
            act.data["kind"] = self.kind
            act.data["paper"] = self.number

    def _reply_is_no_longer_owed(self) -> None:
        self.waits = False
        self.appeal.awaited = (self.appeal.awaited or 1) - 1 or None

    def _assignment(self) -> Assignment | None:
        return next((a for a in self.appeal.assignments if a.id == self.assignment_id), None)


class Reminder(Base):
    """提醒: that a matter was due for something on a day; one a matter, event and day.

    A joined appeal's matter is its master's. `step` is the paper that the rules suggest, '' where
    they only remind; `waits` while nobody has issued or discarded it.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        UniqueConstraint("matter_id", "event", "assignment_key", "on_day"),
        Index("ix_reminder_deadline_id", "deadline_id", "event"),
        Index("ix_reminder_appeal_id", "appeal_id", "id"),
        Index(
            "ix_reminder_waits",
            "created_at",
            "id",
            sqlite_where=WAITING_LITE,
            postgresql_where=WAITING,
        ),
    )

    id: Mapped[pk]
    matter_id: Mapped[int] = mapped_column(Id)
    event: Mapped[code]  # warn, late, unanswered, notice, order, rework
    assignment_key: Mapped[int] = mapped_column(Id)
    """The assignment's id; 0 for the appeal itself, since a key is never NULL."""
    on_day: Mapped[date]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    deadline_id: Mapped[int | None] = mapped_column(ForeignKey("deadline.id"))
    paper_id: Mapped[int | None] = mapped_column(ForeignKey("supervision_paper.id"))
    """The paper whose reply is overdue; or that a suggestion became."""
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    """Who holds what is due."""
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]
    step: Mapped[code] = mapped_column(default="")
    waits: Mapped[bool] = mapped_column(Boolean, default=False)
    settled_as: Mapped[code] = mapped_column(default="")  # issued, discarded, moot
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(Id)

    def open_for(self, appeal: Appeal) -> None:
        """Raises Refused where somebody has settled it already."""
        if self.appeal_id != appeal.id:
            raise Refused(409, "拟稿不属于本件。")
        if not self.waits:
            done = {"issued": "已由他人签发", "discarded": "已由他人决定不予签发"}
            what = done.get(self.settled_as, "所依据的时限已有变化，拟稿已失效")
            raise Refused(409, f"{PAPERS[self.step]}（拟稿）{what}。")

    def settle(self, settled_as: str, by: Actor, at: datetime) -> None:
        self.waits = False
        self.settled_as = settled_as
        self.settled_at = at
        self.settled_by_id = by.id

    def discard(self, appeal: Appeal, reason: str, *, by: Actor, at: datetime) -> None:
        """不予签发: an entry says why nothing was issued."""
        if not reason.strip():
            raise Invalid("reason", "请填写不予签发的理由")
        verdict = appeal.may("order", by, at)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        self.open_for(appeal)
        with appeal.act("order", by=by, at=at) as act:
            act.assignment = next(
                (a for a in appeal.assignments if a.id == self.assignment_key), None
            )
            act.texts["reason"] = reason
            act.data["done"] = "discarded"
            act.data["kind"] = self.step
            act.data["unit"] = directory().units[self.unit_id].name
        self.settle("discarded", by, at)


def hand_of(appeal: Appeal, unit_id: int) -> Assignment | None:
    """The unit's assignment that is meant: an open one before others, the lead before assists.
    None for the owning office. Raises Invalid for a unit that has nothing to do with it."""
    held = [a for a in appeal.assignments if a.unit_id == unit_id and a.state != "released"]
    if not held and unit_id != appeal.office_id:
        raise Invalid("unit_id", "该单位不承办本件，请重新选择")
    return min(held, key=lambda a: (not a.is_open, a.part != "lead", -a.id), default=None)


def _checked(appeal: Appeal, kind: str, said: Wording, at: datetime) -> Wording:
    if not said.paper_text.strip():
        raise Invalid("paper_text", "请填写正文")
    if not said.demand.strip():
        raise Invalid("demand", "请填写要求")
    if not said.signing_body.strip():
        raise Invalid("signing_body", "请填写落款单位")
    if said.reply_due_at <= at:
        raise Invalid("reply_due_at", f"回复时限应晚于现在（{shown_end(at)}）")
    if kind == "talk":
        if said.meeting_at is None or not said.meeting_place.strip():
            raise Invalid("meeting_at", "约谈须写明时间和地点")
        if said.meeting_at <= at:
            raise Invalid("meeting_at", "约谈时间应晚于现在")
    hand_of(appeal, said.unit_id)
    return said


def _numbering_office(appeal: Appeal, seat: Seat | None) -> int:
    """The office under whose post it is issued; a supervisor of no office counts in the owner's."""
    return seat.unit_id if seat is not None and seat.is_office else appeal.office_id


def is_mild(unit: UnitRow) -> bool:
    """Whether a 转办单 becomes it rather than a 督办单."""
    return unit.kind in ("town", "vertical")


add_table(Urge, "催办")
add_table(Paper, "督办文书")
