"""Files on their way in, and what became of them row by row for the person who has to settle it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import Base, Id, Secret, code, long_text, pk


class ImportRun(Base):
    """One file taken in, or tried."""

    __tablename__ = "import_run"

    id: Mapped[pk]
    kind: Mapped[code]
    channel: Mapped[code]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    file_sha256: Mapped[str] = mapped_column(String(64))
    begun_at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(Id, index=True)
    by_name: Mapped[str] = mapped_column(String(100))
    rows: Mapped[int] = mapped_column("row_count", Integer, default=0)
    created: Mapped[int] = mapped_column(Integer, default=0)
    repeated: Mapped[int] = mapped_column(Integer, default=0)
    conflicts: Mapped[int] = mapped_column(Integer, default=0)
    rejected: Mapped[int] = mapped_column(Integer, default=0)
    finished: Mapped[bool] = mapped_column(Boolean, default=False)
    last_row: Mapped[int] = mapped_column(Integer, default=0)
    """The row of the file up to which it is in, written with what is in: where to go on."""
    job_id: Mapped[int | None] = mapped_column(Id)
    """The job that does it, or did last; None where a command took the file in."""
    stopped_by_name: Mapped[str | None] = mapped_column(String(100))
    """Who called that job off."""
    sheet_name: Mapped[str | None] = mapped_column(String(80))
    """Stored name of the file with what became of each row, for as long as it is kept."""

    lines: Mapped[list[ImportLine]] = relationship(
        back_populates="run", order_by="ImportLine.row_number"
    )


class ImportLine(Base):
    """A row that did not simply become an appeal, or the appeal it became."""

    __tablename__ = "import_line"
    __table_args__ = (Index("ix_import_line_run", "run_id", "outcome", "row_number"),)

    id: Mapped[pk]
    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id"))
    row_number: Mapped[int] = mapped_column(Integer)
    outcome: Mapped[code]  # created, repeated, conflict, rejected
    reason: Mapped[str] = mapped_column(String(500), default="")
    order_number: Mapped[str] = mapped_column(String(140), default="")
    appeal_id: Mapped[int | None] = mapped_column(ForeignKey("appeal.id"), index=True)
    theirs: Mapped[str | None] = mapped_column(Secret("import_line.theirs"))
    """Title and content of a conflicting row, for the two to be laid side by side."""
    settled_at: Mapped[datetime | None]
    settled_by_id: Mapped[int | None] = mapped_column(Id)
    settled_by_name: Mapped[str | None] = mapped_column(String(100))
    settled_how: Mapped[str | None] = mapped_column(String(40))
    """An act's code, or one of `settling.WITHOUT_AN_ACT`."""

    run: Mapped[ImportRun] = relationship(back_populates="lines")


class ImportDraft(Base):
    """A file that was uploaded and is looked at before it is taken in.

    Its bytes lie under `drafts.directory()` until it was taken in; where nobody does so, for a day.
    """

    __tablename__ = "import_draft"

    id: Mapped[pk]
    kind: Mapped[code]
    channel: Mapped[code]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    file_sha256: Mapped[str] = mapped_column(String(64))
    stored_name: Mapped[str] = mapped_column(String(80), unique=True)
    size: Mapped[int] = mapped_column("byte_count", Integer)
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the header as it was found; what a corrected mapping is remembered under."""
    mapping: Mapped[long_text]
    """JSON: a column's key → field, '' for none. Empty where the synonyms stand uncorrected."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    by_id: Mapped[int | None] = mapped_column(Id, index=True)
    by_name: Mapped[str] = mapped_column(String(100))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("import_run.id"), index=True)
    """The run that took it in, from that run's beginning."""
    trial_job_id: Mapped[int | None] = mapped_column(Id)
    """The job that tried it last, where it is too large to be tried at once."""
    trial_mark: Mapped[str] = mapped_column(String(16), default="")
    """How columns and values were understood then."""

    run: Mapped[ImportRun | None] = relationship()


class ImportMapping(Base):
    """What an office said of the columns of a header: the next file of that header starts here."""

    __tablename__ = "import_mapping"
    __table_args__ = (
        UniqueConstraint(
            "office_id", "kind", "channel", "fingerprint", name="uq_import_mapping_header"
        ),
    )

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[code]
    channel: Mapped[code]
    fingerprint: Mapped[str] = mapped_column(String(64))
    mapping: Mapped[long_text]
    saved_at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(Id)
    by_name: Mapped[str] = mapped_column(String(100))


class ValueMapping(Base):
    """What an office said of a word that a column of a channel's files holds."""

    __tablename__ = "value_mapping"
    __table_args__ = (
        UniqueConstraint("office_id", "channel", "field", "theirs", name="uq_value_mapping_word"),
    )

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    channel: Mapped[code]
    field: Mapped[code]
    theirs: Mapped[str] = mapped_column(String(200))
    """Folded, as `values.fold` does."""
    ours: Mapped[str] = mapped_column(String(60))
    """A code of ours; empty where it is to be taken as if nothing was written there."""
    saved_at: Mapped[datetime]
    by_id: Mapped[int | None] = mapped_column(Id)
    by_name: Mapped[str] = mapped_column(String(100))
