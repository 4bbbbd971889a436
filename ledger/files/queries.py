"""Which stored files have a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from ledger.db import db

from .models import Attachment


def known_names(names: Sequence[str]) -> Iterable[str]:
    """Those of the stored names that a row keeps; for `check.sweep`."""
    return db.session.scalars(
        select(Attachment.stored_name).where(Attachment.stored_name.in_(names))
    ).all()
