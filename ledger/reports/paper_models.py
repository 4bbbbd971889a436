"""Letterheads: the Word templates that offices keep for their papers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, code, db, pk


class Letterhead(Base):
    """An office's own template of one paper. In the database, not in a folder: it is small, and
    every machine that serves the ledger must have it."""

    __tablename__ = "letterhead"
    __table_args__ = (UniqueConstraint("office_id", "paper"),)

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    paper: Mapped[code]
    name: Mapped[str] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(Integer)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    kept_at: Mapped[datetime]
    kept_by_id: Mapped[int] = mapped_column(Id)

    @classmethod
    def of(cls, office_id: int, paper: str) -> Letterhead | None:
        return db.session.scalar(select(cls).where(cls.office_id == office_id, cls.paper == paper))

    @classmethod
    def keep(
        cls, office_id: int, paper: str, name: str, content: bytes, by_id: int, at: datetime
    ) -> None:
        """In place of the one before."""
        kept = cls.of(office_id, paper)
        if kept is None:
            kept = cls(office_id=office_id, paper=paper)
            db.session.add(kept)
        kept.name, kept.content, kept.size = name, content, len(content)
        kept.kept_at, kept.kept_by_id = at, by_id

    @classmethod
    def all_of(cls, office_id: int) -> Sequence[Any]:
        """Without their bytes."""
        return db.session.execute(
            select(cls.paper, cls.name, cls.size, cls.kept_at, cls.kept_by_id).where(
                cls.office_id == office_id
            )
        ).all()
