"""Rows of work: jobs asked for, and one outbox row for every entry of the trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, Id, Secret, pk


class Job(Base):
    """A piece of work for the worker: an import, an export, a sweep.

    state: waiting → running → done | failed | cancelled. `leased_until` lets another worker
    take over what a crashed one held.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_state_run_at", "state", "run_at"),)

    id: Mapped[pk]
    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    request: Mapped[str] = mapped_column(Secret("job.request"))
    result: Mapped[str | None] = mapped_column(Secret("job.result"))
    progress: Mapped[int] = mapped_column(Integer, default=0)
    total: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    run_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(Id, index=True)
    finished_at: Mapped[datetime | None]


class Outbox(Base):
    """What must become known elsewhere because of an entry; written in the entry's own commit.

    The upper rooms fan out from here. Delivered in order within a `lane`.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_run_at", "state", "run_at"),
        Index("ix_outbox_lane_id", "lane", "id"),
    )

    id: Mapped[pk]
    entry_id: Mapped[int | None] = mapped_column(Id, index=True)
    topic: Mapped[str] = mapped_column(String(40))
    lane: Mapped[str] = mapped_column(String(120))
    body: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    run_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    leased_by: Mapped[str] = mapped_column(String(80), default="")
    error: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
