"""Rows of what goes back to hotline platforms by push, and whose turn it is to send it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, code, pk


class OrderMessage(Base):
    """回告: one thing a hotline is told of one of its orders, in the words that stood then.

    state: queued (an earlier one of the order is not done) → waiting → delivered; failed after the
    last attempt, then waiting again or set_aside by a person.
    """

    __tablename__ = "order_message"
    __table_args__ = (
        UniqueConstraint("order_id", "sequence", name="uq_order_message_sequence"),
        Index("ix_order_message_event_id", "event_id", unique=True),
        Index("ix_order_message_state", "state", "id"),
        Index(
            "ix_order_message_due",
            "client_id",
            "run_at",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[pk]
    order_id: Mapped[int] = mapped_column(ForeignKey("external_order.id"))
    sequence: Mapped[int] = mapped_column(Integer)
    event_id: Mapped[str] = mapped_column(String(36))
    event: Mapped[code]
    entry_id: Mapped[int] = mapped_column(Id)
    """The entry that calls for it."""
    client_id: Mapped[int | None] = mapped_column(Id)
    """The platform that is to hear it; None where none has an address."""
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    body: Mapped[str] = mapped_column(Text)
    """Canonical JSON, the same for every attempt."""
    state: Mapped[code]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    run_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(Id)
    settled_by_name: Mapped[str] = mapped_column(String(100), default="")
    settled_for: Mapped[str] = mapped_column(String(500), default="")
    """Why it was set aside."""


class PushTurn(Base):
    """Which worker speaks to a platform now, and until when nobody does because it is away."""

    __tablename__ = "push_turn"

    client_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    leased_by: Mapped[str] = mapped_column(String(80), default="")
    leased_until: Mapped[datetime | None]
    rest_until: Mapped[datetime | None]
    rests: Mapped[int] = mapped_column(Integer, default=0)
    """In a row."""
