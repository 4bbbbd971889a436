"""The one table of the access log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from ledger.db import Base, Id, code, pk


class AccessLog(Base):
    """One act that leaves no entry in a trail. Rows are only ever added.

    The person is a plain number beside the account name of that day: the log stands below the
    room of persons, and a line must stay readable by itself.
    """

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_at_id", "at", "id"),
        Index("ix_access_log_username_at", "username", "at"),
        Index("ix_access_log_action_at", "action", "at"),
    )

    id: Mapped[pk]
    at: Mapped[datetime]
    person_id: Mapped[int | None] = mapped_column(Id)
    username: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[code]
    subject: Mapped[str] = mapped_column(default="")
    detail: Mapped[str] = mapped_column(String(500), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    success: Mapped[bool] = mapped_column(default=True)
