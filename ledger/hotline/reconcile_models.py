"""对账: a hotline's list of a period laid beside ours, and what has become of each difference."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, Secret, code, pk


class Reconciliation(Base):
    """One hotline's orders of one period. A newer file of the same period goes on with it, until
    it is closed."""

    __tablename__ = "reconciliation"
    __table_args__ = (Index("ix_reconciliation_office_id", "office_id", "id"),)

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    channel: Mapped[code]
    source_system: Mapped[code]
    since_day: Mapped[date]
    until_day: Mapped[date]
    """The last day that counts."""
    run: Mapped[int] = mapped_column(Integer, default=0)
    """How many files were laid beside ours; each line bears that of the last that found it."""
    file_name: Mapped[str] = mapped_column(String(200))
    file_sha256: Mapped[str] = mapped_column(String(64))
    draft_id: Mapped[int | None] = mapped_column(Id)
    """Of the upload that is, or was last, laid beside ours: a second click finds it."""
    begun_at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(Id)
    by_name: Mapped[str] = mapped_column(String(100))
    rows: Mapped[int] = mapped_column("row_count", Integer, default=0)
    repeated: Mapped[int] = mapped_column(Integer, default=0)
    """Rows whose number an earlier row of the file bears."""
    agreed: Mapped[int] = mapped_column(Integer, default=0)
    finished: Mapped[bool] = mapped_column(Boolean, default=False)
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(Id)
    closed_by_name: Mapped[str | None] = mapped_column(String(100))


class ReconciliationLine(Base):
    """A difference. What agrees is only counted."""

    __tablename__ = "reconciliation_line"
    __table_args__ = (
        Index("ix_reconciliation_line_finding", "reconciliation_id", "finding", "id"),
        Index("ix_reconciliation_line_number", "reconciliation_id", "order_number"),
        Index(
            "ix_reconciliation_line_open",
            "reconciliation_id",
            "finding",
            "id",
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
    )

    id: Mapped[pk]
    reconciliation_id: Mapped[int] = mapped_column(ForeignKey("reconciliation.id"))
    run: Mapped[int] = mapped_column(Integer)
    finding: Mapped[code]
    """One of reconcile_words.FINDINGS."""
    row_number: Mapped[int] = mapped_column(Integer, default=0)
    """In their file; 0 for what stands there only in ours."""
    order_number: Mapped[str] = mapped_column(String(64), default="")
    sub_number: Mapped[str] = mapped_column(String(64), default="")
    their_word: Mapped[str] = mapped_column(String(100), default="")
    their_meaning: Mapped[code] = mapped_column(default="")
    our_meaning: Mapped[code] = mapped_column(default="")
    appeal_id: Mapped[int | None] = mapped_column(ForeignKey("appeal.id"), index=True)
    reason: Mapped[str] = mapped_column(String(500), default="")
    theirs: Mapped[str | None] = mapped_column(Secret("reconciliation_line.theirs"))
    """The row as JSON where ours has none: what it is brought in from."""
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(Id)
    settled_by_name: Mapped[str | None] = mapped_column(String(100))
    settled_how: Mapped[str | None] = mapped_column(String(40))
    """One of reconcile_words.WAYS."""
    note: Mapped[str | None] = mapped_column(Secret("reconciliation_line.note"))

    @property
    def full_number(self) -> str:
        return f"{self.order_number}-{self.sub_number}" if self.sub_number else self.order_number


class StateWord(Base):
    """What an office said that a hotline's word for a state means; goes before the defaults."""

    __tablename__ = "hotline_state_word"
    __table_args__ = (
        UniqueConstraint("office_id", "channel", "word", name="uq_hotline_state_word_word"),
    )

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    channel: Mapped[code]
    word: Mapped[str] = mapped_column(String(100))
    meaning: Mapped[code]
    saved_at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(Id)
    by_name: Mapped[str] = mapped_column(String(100))
