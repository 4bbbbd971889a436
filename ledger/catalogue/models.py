"""Channels, categories, outcomes, reasons: rows that an office may add to without a release.

A code, once used, is never changed or deleted: appeals and entries keep it. What is no longer
wanted becomes inactive and stops being offered.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ledger.db import DERIVED, Base, pk, stamped
from ledger.db import code as short


class Channel(Base):
    """来源渠道: by which way an appeal reached us."""

    __tablename__ = "channel"

    id: Mapped[pk]
    code: Mapped[short] = mapped_column(unique=True)
    name: Mapped[str]
    source_system: Mapped[short] = mapped_column(default="")
    """The hotline whose own order number comes along ('12345', '12328'); '' where none does."""
    return_way: Mapped[short] = mapped_column(default="none")
    """One of words.RETURN_WAYS."""
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class Category(Base):
    """诉求类别: one knot of the tree."""

    __tablename__ = "category"

    id: Mapped[pk]
    code: Mapped[short] = mapped_column(unique=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"), index=True)
    path: Mapped[str] = mapped_column(default="", index=True, info=DERIVED)
    """Ids from the root down to itself, "/1/4/": a subtree is a prefix."""
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)
    policy: Mapped[bool] = mapped_column(default=False)
    """Waits for a policy or another region by its nature: the longer limits apply."""
    default_lead_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    default_assists: Mapped[str] = mapped_column(default="")
    """Ids of units, comma-separated; a proposal for the form, so no table of its own."""

    parent: Mapped[Category | None] = relationship(remote_side="Category.id")

    @property
    def assist_ids(self) -> list[int]:
        return [int(part) for part in self.default_assists.split(",") if part.strip().isdecimal()]

    def suggest(self, lead_id: int | None, assist_ids: list[int]) -> None:
        """Propose who handles this category; an assist that is the lead is left out."""
        self.default_lead_id = lead_id
        distinct = dict.fromkeys(unit for unit in assist_ids if unit != lead_id)
        self.default_assists = ",".join(map(str, distinct))

    def place_under(self, parent: Category | None) -> None:
        """Set the parent and the path; both rows must have been flushed."""
        self.parent_id = None if parent is None else parent.id
        self.path = f"{'/' if parent is None else parent.path}{self.id}/"


class Outcome(Base):
    """办理结果: what the unit's answer came to."""

    __tablename__ = "outcome"

    id: Mapped[pk]
    code: Mapped[short] = mapped_column(unique=True)
    name: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    earns_rework: Mapped[bool] = mapped_column(default=True)
    """Whether a dissatisfied call-back starts a new round."""
    holds: Mapped[bool] = mapped_column(default=False)
    """Whether review leads to 挂账跟踪 instead of the call-back."""
    needs_evidence: Mapped[bool] = mapped_column(default=True)
    """Whether an attachment, or an account of how it was checked, must come along."""
    evidence: Mapped[str] = mapped_column(default="")
    """What the answer must show, in words for the form."""


class Reason(Base):
    """理由: a reason code of one kind of act."""

    __tablename__ = "reason"
    __table_args__ = (UniqueConstraint("kind", "code"),)

    id: Mapped[pk]
    kind: Mapped[short]
    """One of words.REASON_KINDS."""
    code: Mapped[short]
    name: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


stamped("catalogue", Channel, Category, Outcome, Reason)
