"""Reading what became of imported files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from ..appeals.models import Appeal
from ..appeals.queries import visible_to
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from .models import ImportLine, ImportRun

LINES = 500
"""Lines a result page shows; a larger file's other lines are told by their number."""


@dataclass(frozen=True)
class Outcome:
    """A line of an import with the appeal it led to, where the reader may see that appeal."""

    line: ImportLine
    number: str
    label: str
    title: str
    content: str


def runs_of(office_id: int, size: int = 20) -> Sequence[ImportRun]:
    """An office's imports, the latest first."""
    latest = select(ImportRun).where(ImportRun.office_id == office_id)
    return db.session.scalars(latest.order_by(ImportRun.id.desc()).limit(size)).all()


def find_run(run_id: int, office_id: int) -> ImportRun | None:
    return db.session.scalar(
        select(ImportRun).where(ImportRun.id == run_id, ImportRun.office_id == office_id)
    )


def outcomes(run: ImportRun, actor: Actor, at: datetime, kinds: Sequence[str]) -> list[Outcome]:
    """Lines of these outcomes by row, at most LINES, with both texts of a conflict at hand."""
    day = at.astimezone(SHANGHAI).date()
    rows = db.session.execute(
        select(ImportLine, Appeal.number, Appeal.label, Appeal.title, Appeal.content)
        .outerjoin(Appeal, (Appeal.id == ImportLine.appeal_id) & visible_to(actor, day))
        .where(ImportLine.run_id == run.id, ImportLine.outcome.in_(kinds))
        .order_by(ImportLine.row_number, ImportLine.id)
        .limit(LINES)
    )
    return [
        Outcome(line, number or "", label or "", title or "", content or "")
        for line, number, label, title, content in rows
    ]
