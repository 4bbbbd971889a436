"""The row of one attachment. Its bytes lie in the attachments directory under `stored_name`."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ledger.db import COMMITTED, Base, Id, pk
from ledger.trail.act import Trailed


class Attachment(Trailed, Base):
    """One file of an appeal, brought by the entry it names."""

    __tablename__ = "attachment"
    __trail__: ClassVar[str] = "attachment"
    __trail_key__: ClassVar[frozenset[str]] = frozenset({"id", "appeal_id"})

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(Id, ForeignKey("appeal.id"), index=True)
    entry_seq: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    """Its place among the files of one entry, from 0."""
    name: Mapped[str] = mapped_column(info=COMMITTED)
    """As the person called it, cleaned by `naming.safe_name`."""
    caption: Mapped[str] = mapped_column(String(500), default="", info=COMMITTED)
    media_type: Mapped[str] = mapped_column(String(120))
    """Told by the content, never by the browser."""
    size: Mapped[int]
    """Bytes."""
    sha256: Mapped[str] = mapped_column(String(64))
    """Small hexadecimal letters."""
    stored_name: Mapped[str] = mapped_column(String(80), unique=True)
    uploaded_by_id: Mapped[int | None] = mapped_column(Id, ForeignKey("person.id"))
    uploaded_at: Mapped[datetime]
    draft_of_id: Mapped[int | None] = mapped_column(Id)
    """The assignment whose answer, not signed yet, it came with."""

    @property
    def is_picture(self) -> bool:
        return self.media_type.startswith("image/")
