"""Exports that were asked for, and how each person wants his."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, Secret, code, pk


class ExportRun(Base):
    """An export of the ledger: what was asked, by whom, and the file while it is kept."""

    __tablename__ = "export_run"

    id: Mapped[pk]
    by_id: Mapped[int] = mapped_column(Id, index=True)
    by_name: Mapped[str] = mapped_column(String(100))
    at: Mapped[datetime] = mapped_column(index=True)
    shape: Mapped[code]  # xlsx, csv
    paper: Mapped[code]  # a3, a4
    columns: Mapped[str] = mapped_column(String(1000))
    query: Mapped[str] = mapped_column(Secret("export_run.query"))
    """The filters as the list's address says them; words that were searched may be a name."""
    whole: Mapped[bool] = mapped_column(Boolean)
    """Whether telephone numbers stand in full."""
    reason: Mapped[str] = mapped_column(String(200))
    rows: Mapped[int] = mapped_column("row_count", Integer, default=0)
    job_id: Mapped[int | None] = mapped_column(Id)
    stored_name: Mapped[str | None] = mapped_column(String(80), unique=True)
    """There while the file is."""


class ExportChoice(Base):
    """What a person chose last."""

    __tablename__ = "export_choice"

    person_id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    shape: Mapped[code]
    paper: Mapped[code]
    columns: Mapped[str] = mapped_column(String(1000))
