"""What belongs to an appeal beyond its units: letters to and from others, and conferences."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, ClassVar

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import COMMITTED, Base, code, pk
from ..trail.act import Trailed
from .parts import CHILD

if TYPE_CHECKING:
    from .models import Appeal


class OutsideRecord(Trailed, Base):
    """对外联系: one paper, call or message to or from somebody who does not use this ledger, and
    the latest reply to it. Of what came in, the reply is ours."""

    __tablename__ = "outside_record"
    __trail__: ClassVar[str] = "outside_record"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), index=True)
    direction: Mapped[code]
    party: Mapped[str] = mapped_column(String(200), info=COMMITTED)
    kind: Mapped[code]
    letter_number: Mapped[str] = mapped_column(String(100), default="")
    sent_on: Mapped[date]
    handler_name: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    summary: Mapped[str] = mapped_column(Text, info=COMMITTED)
    follow_on: Mapped[date | None]
    """When it is to be looked after next; None where nothing is awaited any more."""
    reply: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    replied_on: Mapped[date | None]
    reply_number: Mapped[str] = mapped_column(String(100), default="")
    written_seq: Mapped[int] = mapped_column(Integer)
    reply_seq: Mapped[int | None] = mapped_column(Integer)
    """Numbers of the entries that brought the record and the reply, and with them their files."""

    appeal: Mapped[Appeal] = relationship(back_populates="outside_records")


class Conference(Trailed, Base):
    """会商: a conference as it stands on one of the appeals it treated. `mark` is the same on
    all of them."""

    __tablename__ = "conference"
    __trail__: ClassVar[str] = "conference"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), index=True)
    mark: Mapped[str] = mapped_column(String(60), index=True)
    matters: Mapped[int] = mapped_column(Integer)
    """How many appeals it treated."""
    number: Mapped[str] = mapped_column(String(100), default="")
    held_at: Mapped[datetime]
    venue: Mapped[str] = mapped_column(String(200), default="", info=COMMITTED)
    participants: Mapped[str] = mapped_column(Text, info=COMMITTED)
    conclusion: Mapped[str] = mapped_column(Text, info=COMMITTED)

    appeal: Mapped[Appeal] = relationship(back_populates="conferences")


class ConferencePoint(Trailed, Base):
    """议定事项: what a conference agreed on, by which unit and until when."""

    __tablename__ = "conference_point"
    __trail__: ClassVar[str] = "conference_point"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), index=True)
    conference_id: Mapped[int] = mapped_column(ForeignKey("conference.id"))
    place: Mapped[int] = mapped_column(Integer)
    """Its place among the points of the conference, from 1."""
    agreed: Mapped[str] = mapped_column(Text, info=COMMITTED)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    due_on: Mapped[date]
    done_on: Mapped[date | None]
    done_words: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)

    appeal: Mapped[Appeal] = relationship(back_populates="conference_points")
    conference: Mapped[Conference] = relationship()
