"""What belongs to an appeal: its assignments, clocks, requests, outside orders and plates."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from sqlalchemy import (
    Boolean,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import COMMITTED, DERIVED, Base, Id, Secret, code, db, pk
from ..people.models import Unit
from ..trail.act import Trailed
from .standing import Given, Running

if TYPE_CHECKING:
    from .models import Appeal

CHILD = frozenset({"id", "appeal_id"})


class Assignment(Given, Trailed, Base):
    """交办件: one hand-off of an appeal to one unit, with its own clock and answer."""

    __tablename__ = "assignment"
    __table_args__ = (
        Index("ix_assignment_unit_id_state", "unit_id", "state", "appeal_id"),
        Index("ix_assignment_appeal_id", "appeal_id"),
    )
    __trail__: ClassVar[str] = "assignment"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"), index=True)
    part: Mapped[code]  # lead, assist, child
    state: Mapped[code]
    round: Mapped[int] = mapped_column(Integer)
    assigned_at: Mapped[datetime]
    assigned_by_id: Mapped[int | None] = mapped_column(Id)
    letter_number: Mapped[str] = mapped_column(String(100), default="")
    note: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    rhythm: Mapped[code] = mapped_column(default="once")
    signed_at: Mapped[datetime | None]
    deemed: Mapped[bool] = mapped_column(Boolean, default=False)
    handler_id: Mapped[int | None] = mapped_column(Id)
    handler_name: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    handler_phone: Mapped[str | None] = mapped_column(Secret("assignment.handler_phone"))
    contacted_at: Mapped[datetime | None]
    progress_at: Mapped[datetime | None]
    planned_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answered_by_id: Mapped[int | None] = mapped_column(Id)
    outcome: Mapped[code] = mapped_column(default="")
    account: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    public_reply: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    evidence: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    drafted_at: Mapped[datetime | None]
    """When an answer was last put to the head of the unit to sign."""
    signing_note: Mapped[str | None] = mapped_column(Text, info=COMMITTED)
    """Why he returned it."""
    particulars: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    """What the outcome has to say for itself (outcomes.py)."""
    sent_back_at: Mapped[datetime | None]
    sent_back_for: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    released_at: Mapped[datetime | None]
    release_reason: Mapped[code] = mapped_column(default="")
    returns: Mapped[int] = mapped_column(Integer, default=0)
    extensions: Mapped[int] = mapped_column(Integer, default=0)

    appeal: Mapped[Appeal] = relationship(back_populates="assignments")
    unit: Mapped[Unit] = relationship(lazy="joined", innerjoin=True)


class Deadline(Running, Trailed, Base):
    """时限: one running or ended clock of an appeal or of one of its assignments."""

    __tablename__ = "deadline"
    __table_args__ = (
        Index("ix_deadline_appeal_id", "appeal_id"),
        Index("ix_deadline_stage_ended_at_due_at", "stage", "ended_at", "due_at"),
        Index(
            "ix_deadline_look_at",
            "look_at",
            "id",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    __trail__: ClassVar[str] = "deadline"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"), index=True)
    stage: Mapped[code]
    round: Mapped[int] = mapped_column(Integer)
    spec: Mapped[str] = mapped_column(String(20), default="")
    limit_version_id: Mapped[int | None] = mapped_column(Id)
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    original_due_at: Mapped[datetime]
    warn_at: Mapped[datetime] = mapped_column(info=DERIVED)
    look_at: Mapped[datetime] = mapped_column(info=DERIVED)
    """When the sweep of reminders has something to do with it next, while it runs."""
    sentence: Mapped[str] = mapped_column(String(400), default="")
    provisional: Mapped[bool] = mapped_column(Boolean, default=False)
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[code] = mapped_column(default="")  # met, lapsed, paused, resumed, extended
    left_seconds: Mapped[int | None] = mapped_column(Integer)
    stated_at: Mapped[datetime | None]
    """When what ended it happened by the actor's word, where that was before it was recorded:
    counts once the office accepts it."""
    stated_seq: Mapped[int | None] = mapped_column(Integer)
    """The entry that says so."""

    appeal: Mapped[Appeal] = relationship(back_populates="deadlines")
    assignment: Mapped[Assignment | None] = relationship()

    def end(self, at: datetime, ended_as: str) -> None:
        if self.ended_at is None:
            self.ended_at = at
            self.ended_as = ended_as


class Request(Trailed, Base):
    """申请: what a unit asks and an office rules on: a return, an extension, a hold."""

    __tablename__ = "request"
    __table_args__ = (Index("ix_request_state_kind", "state", "kind"),)
    __trail__: ClassVar[str] = "request"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), index=True)
    assignment_id: Mapped[int | None] = mapped_column(ForeignKey("assignment.id"), index=True)
    kind: Mapped[code]  # return, extension, hold
    state: Mapped[code]  # asked, granted, refused, lapsed
    asked_at: Mapped[datetime]
    asked_by_id: Mapped[int | None] = mapped_column(Id)
    reason_code: Mapped[code] = mapped_column(default="")
    basis: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    proposed_at: Mapped[datetime | None]
    firm_told: Mapped[bool] = mapped_column(Boolean, default=False)
    ruled_at: Mapped[datetime | None]
    ruled_by_id: Mapped[int | None] = mapped_column(Id)
    ruling: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    granted_until: Mapped[datetime | None]
    by_manager: Mapped[bool] = mapped_column(Boolean, default=False)
    """Of an extension: so long that a manager rules on it."""
    conference_id: Mapped[int | None] = mapped_column(Id)
    """Of a return that went to joint study: the conference that studied it."""

    appeal: Mapped[Appeal] = relationship(back_populates="requests")


class ExternalOrder(Trailed, Base):
    """外部工单: a hotline's own record of the same matter; an appeal may have several."""

    __tablename__ = "external_order"
    __table_args__ = (
        UniqueConstraint("source_system", "order_number", "sub_number"),
        Index("ix_external_order_appeal_id", "appeal_id"),
        Index("ix_external_order_order_number", "order_number"),
        Index(
            "ix_external_order_return_due",
            "source_system",
            "return_due_at",
            "id",
            sqlite_where=text("return_due_at IS NOT NULL"),
            postgresql_where=text("return_due_at IS NOT NULL"),
        ),
        Index(
            "ix_external_order_returned",
            "source_system",
            "returned_at",
            "id",
            sqlite_where=text("returned_at IS NOT NULL"),
            postgresql_where=text("returned_at IS NOT NULL"),
        ),
        Index("ix_external_order_received", "source_system", "received_at", "id"),
    )
    __trail__: ClassVar[str] = "external_order"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    source_system: Mapped[code]
    order_number: Mapped[str] = mapped_column(String(64))
    sub_number: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[code] = mapped_column(default="open")
    received_at: Mapped[datetime]
    their_due_at: Mapped[datetime | None]
    matter_digest: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of title and content after NFKC without blanks and punctuation."""
    raw: Mapped[str | None] = mapped_column(Secret("external_order.raw"))
    their_result: Mapped[code] = mapped_column(default="")
    returned_at: Mapped[datetime | None]
    returned_by_id: Mapped[int | None] = mapped_column(Id)
    return_due_at: Mapped[datetime | None] = mapped_column(info=DERIVED)
    """While its answer stands and the hotline has not been told: by when it wants to be, NEVER
    where it does not say (returning.py)."""

    appeal: Mapped[Appeal] = relationship(back_populates="external_orders")

    @property
    def full_number(self) -> str:
        return f"{self.order_number}-{self.sub_number}" if self.sub_number else self.order_number

    @property
    def is_theirs(self) -> bool:
        """Whether a hotline gave the number; a list of ours (batch:2, opening:2) gives keys that
        only tell whether a row came before."""
        return ":" not in self.source_system


class AppealPlate(Base):
    """车牌, one row each, derived from the appeal's plates so that one finds it by a plate."""

    __tablename__ = "appeal_plate"
    __table_args__ = (
        UniqueConstraint("appeal_id", "plate"),
        Index("ix_appeal_plate", "plate", "appeal_id"),
    )

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    plate: Mapped[str] = mapped_column(String(20))


class Copy(Trailed, Base):
    """抄送: a unit, or a leader, who may read an appeal and do nothing about it; never both."""

    __tablename__ = "appeal_copy"
    __table_args__ = (
        Index("ix_appeal_copy_appeal_id", "appeal_id"),
        Index("ix_appeal_copy_unit_id", "unit_id", "appeal_id"),
        Index("ix_appeal_copy_person_id", "person_id", "appeal_id"),
    )
    __trail__: ClassVar[str] = "copy"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    copied_at: Mapped[datetime]
    copied_by_id: Mapped[int | None] = mapped_column(Id)
    ended_at: Mapped[datetime | None]
    """When it was taken back."""

    @property
    def stands(self) -> bool:
        return self.ended_at is None


class FormerOwner(Base):
    """Offices that owned an appeal before it moved on: what they owned they may go on seeing."""

    __tablename__ = "former_owner"
    __table_args__ = (
        UniqueConstraint("appeal_id", "office_id"),
        Index("ix_former_owner_office_id", "office_id", "appeal_id"),
    )

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))


class UnitSight(Base):
    """What a unit may see (design §6): a row for each appeal that was ever assigned to it, or is
    copied to it, with the keys that lists of them are read by. Derived (unit_sight.py), so that
    the list of a small unit never walks past what the others hold."""

    __tablename__ = "unit_sight"
    __table_args__ = (
        Index("ix_unit_sight_due", "unit_id", "due_at", "appeal_id"),
        Index("ix_unit_sight_registered", "unit_id", "registered_at", "appeal_id"),
        Index("ix_unit_sight_state", "unit_id", "state", "due_at", "appeal_id"),
        Index(
            "ix_unit_sight_open",
            "unit_id",
            "due_at",
            "appeal_id",
            sqlite_where=text("is_open IS 1"),
            postgresql_where=text("is_open IS true"),
        ),
        Index(
            "ix_unit_sight_owes_report",
            "unit_id",
            "owes_report_at",
            "due_at",
            "appeal_id",
            sqlite_where=text("owes_report_at IS NOT NULL"),
            postgresql_where=text("owes_report_at IS NOT NULL"),
        ),
        Index(
            "ix_unit_sight_own_warn",
            "unit_id",
            "own_warn_at",
            "due_at",
            "appeal_id",
            sqlite_where=text("own_warn_at IS NOT NULL"),
            postgresql_where=text("own_warn_at IS NOT NULL"),
        ),
        Index("ix_unit_sight_duty", "unit_id", "duty", "due_at", "appeal_id", "warn_at", "is_open"),
        {"sqlite_with_rowid": False},
    )

    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), primary_key=True)
    state: Mapped[code]
    is_open: Mapped[bool] = mapped_column(Boolean)
    due_at: Mapped[datetime]
    warn_at: Mapped[datetime]
    registered_at: Mapped[datetime]
    duty: Mapped[int] = mapped_column(Integer)
    """What the unit has to do with it now: a sum of SIGN, HAND and AGAIN (unit_sight.py)."""
    owes_report_at: Mapped[datetime | None]
    """By when its next report is due; None where none is."""
    own_warn_at: Mapped[datetime | None]
    """When the limit of its own answer turns yellow, as an assist or as what was passed on to it;
    the lead's is the appeal's own."""


class Submission(Base):
    """提交: one form that was sent. The same token again gets the first result, no second appeal.

    Whoever inserts it first wins; on PostgreSQL the other waits for the unique key, on SQLite
    for the write lock. Rows have no further use once no browser holds the page any more.
    """

    __tablename__ = "submission"
    __table_args__ = (UniqueConstraint("person_id", "token"),)

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    token: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    """SHA-256 of what was typed: another text under the same token is another matter."""
    result: Mapped[str] = mapped_column(String(40), default="")
    """Number of the appeal."""
    at: Mapped[datetime]

    @staticmethod
    def of(person_id: int, token: str) -> Submission | None:
        """What that person sent with that token before."""
        return db.session.scalar(
            select(Submission).where(Submission.person_id == person_id, Submission.token == token)
        )

    @staticmethod
    def note(person_id: int, token: str, digest: str, result: str, at: datetime) -> None:
        """Raises IntegrityError where another was first: nothing of this one may stay then."""
        db.session.connection().execute(
            insert(cast(Table, Submission.__table__)),
            {"person_id": person_id, "token": token, "digest": digest, "result": result, "at": at},
        )


def order_known(
    source_system: str, order_number: str, sub_number: str = ""
) -> ExternalOrder | None:
    """The outside order of that number, whoever may see its appeal."""
    return db.session.scalar(
        select(ExternalOrder).where(
            ExternalOrder.source_system == source_system,
            ExternalOrder.order_number == order_number,
            ExternalOrder.sub_number == sub_number,
        )
    )
