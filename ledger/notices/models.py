"""Rows of notices: the inbox, what is to leave the house, and where to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, Secret, code, pk

WAYS: dict[str, str] = {
    "none": "只在系统内通知",
    "apprise": "机器人通知（企业微信、钉钉、飞书等）",
    "sms": "短信",
    "both": "机器人通知和短信",
}
"""How somebody wants to be told outside the system."""


class Notice(Base):
    """站内通知: what one person was told. Its words are made when it is read."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("person_id", "appeal_id", "once"),
        Index("ix_notice_person_id_id", "person_id", "id"),
        Index(
            "ix_notice_unread",
            "person_id",
            "id",
            sqlite_where=text("read_at IS NULL"),
            postgresql_where=text("read_at IS NULL"),
        ),
        Index("ix_notice_appeal_id", "appeal_id"),
    )

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    event: Mapped[code]
    once: Mapped[str] = mapped_column(String(80))
    """The entry, or event and day of a reminder: the same is told nobody twice."""
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class NoticeChoice(Base):
    """通知方式: what a person chose; who chose nothing is told by his own addresses, if any."""

    __tablename__ = "notice_choice"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    way: Mapped[code]


class NoticeAddress(Base):
    """通知地址 of a person or of a unit: an Apprise address, which holds a key."""

    __tablename__ = "notice_address"
    __table_args__ = (
        Index("ix_notice_address_person_id", "person_id"),
        Index("ix_notice_address_unit_id", "unit_id"),
    )

    id: Mapped[pk]
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    label: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(Secret("notice_address.address"))
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(Id)


class NoticeDelivery(Base):
    """外发通知: one line on its way to one person or unit. Lines of one message share `head_id`,
    the row by which they are claimed.

    state: waiting → sending → sent | failed; exported where it went by a list of messages.
    """

    __tablename__ = "notice_delivery"
    __table_args__ = (
        Index("ix_notice_delivery_state_run_at", "state", "run_at"),
        Index("ix_notice_delivery_head_id", "head_id"),
    )

    id: Mapped[pk]
    way: Mapped[code]  # apprise, sms
    person_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    address_id: Mapped[int | None] = mapped_column(Id)
    """Of an address: each is tried by itself, so that none is told again for another's fault."""
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    """The office that owned the appeal: who exports its messages."""
    line: Mapped[str] = mapped_column(String(500))
    urgent: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[code] = mapped_column(default="waiting")
    head_id: Mapped[int | None] = mapped_column(Id)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    run_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(String(80), default="")
    error: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
