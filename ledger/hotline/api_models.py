"""Rows of the interface for hotline platforms: who may speak, and what was said already."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import Base, Id, Secret, code, pk

USUAL_RATE = 30_000
"""Requests a minute: far more than any platform sends, less than a loop that ran wild."""


class ApiClient(Base):
    """接入方: a hotline's platform, of one source system and one office."""

    __tablename__ = "api_client"

    id: Mapped[pk]
    source_system: Mapped[code]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    callback_url: Mapped[str] = mapped_column(String(400), default="")
    """Where answers are pushed to; '' where they are not."""
    rate: Mapped[int] = mapped_column(Integer, default=USUAL_RATE)
    rate_minute: Mapped[int] = mapped_column(Integer, default=0)
    rate_taken: Mapped[int] = mapped_column(Integer, default=0)
    """Requests given out to the web processes for that minute (counted from 1970)."""
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(Id)

    keys: Mapped[list[ApiKey]] = relationship(back_populates="client", order_by="ApiKey.id")


class ApiKey(Base):
    """密钥: several are in force while one is being replaced by the next."""

    __tablename__ = "api_key"

    id: Mapped[pk]
    client_id: Mapped[int] = mapped_column(ForeignKey("api_client.id"), index=True)
    key_id: Mapped[str] = mapped_column(String(40), unique=True)
    secret: Mapped[str] = mapped_column(Secret("api_key.secret"))
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(Id)
    ended_at: Mapped[datetime | None]
    """From when on it is no good; may lie ahead."""
    used_at: Mapped[datetime | None]
    """To the minute."""

    client: Mapped[ApiClient] = relationship(back_populates="keys")

    def is_good(self, at: datetime) -> bool:
        return self.ended_at is None or self.ended_at > at


class ApiNonce(Base):
    """What a key has signed with once; of no use any more once its time stamp is stale."""

    __tablename__ = "api_nonce"
    __table_args__ = (Index("ix_api_nonce_at", "at"),)

    key_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    nonce: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class ApiMessage(Base):
    """What a platform said of an order after it had given it out, as it came."""

    __tablename__ = "api_message"
    __table_args__ = (UniqueConstraint("order_id", "update_id"),)

    id: Mapped[pk]
    client_id: Mapped[int] = mapped_column(ForeignKey("api_client.id"))
    order_id: Mapped[int] = mapped_column(ForeignKey("external_order.id"))
    kind: Mapped[code]
    update_id: Mapped[str] = mapped_column(String(100))
    digest: Mapped[str] = mapped_column(String(64))
    """Of what it says: another under the same id is another matter."""
    raw: Mapped[str | None] = mapped_column(Secret("api_message.raw"))
    happened_at: Mapped[datetime]
    late: Mapped[bool] = mapped_column(Boolean, default=False)
    """A later one had come before it."""
    at: Mapped[datetime]


class ApiIdempotency(Base):
    """An Idempotency-Key and the first answer given under it; forgotten after some days."""

    __tablename__ = "api_idempotency"
    __table_args__ = (Index("ix_api_idempotency_at", "at"),)

    client_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(Integer)
    answer: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
