"""Formulas of what is counted, in dated versions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Integer, String, select
from sqlalchemy.orm import Mapped, mapped_column

from ..db import Base, db, pk

FIRST = datetime.fromisoformat("2000-01-01T00:00:00+08:00")
BASICALLY = 90
"""What 基本满意 counts of 满意 until an office decides otherwise, in percent."""


class Formula(Base):
    """How satisfaction is reckoned from a moment on. Figures of a period go by the formula in
    force at its end, so that what was published once is reckoned the same again."""

    __tablename__ = "figure_formula"

    id: Mapped[pk]
    effective_at: Mapped[datetime] = mapped_column(unique=True)
    basically_percent: Mapped[int] = mapped_column(Integer)
    basis: Mapped[str] = mapped_column(String(200), default="")


def formula_at(at: datetime) -> Formula:
    """The formula in force for what is told as of `at`."""
    found = db.session.scalar(
        select(Formula)
        .where(Formula.effective_at <= at)
        .order_by(Formula.effective_at.desc())
        .limit(1)
    )
    return found or Formula(effective_at=FIRST, basically_percent=BASICALLY, basis="")


def lay_formula() -> None:
    """The first version; nothing where there is one."""
    if db.session.scalar(select(Formula.id).limit(1)) is None:
        db.session.add(
            Formula(effective_at=FIRST, basically_percent=BASICALLY, basis="系统初始口径")
        )
        db.session.flush()
