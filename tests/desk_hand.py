"""What stands on somebody's desk."""

from __future__ import annotations

from datetime import datetime

from cast import Cast
from ledger.appeals.desks import desks_of
from ledger.db import db


def blocks(cast: Cast, who: str, at: datetime) -> dict[str, list[str]]:
    """The numbers in each block, by its key, from the top."""
    with cast.app.test_request_context():
        desks = desks_of(cast.actor(who, at), at)
        found = {b.key: [row.number for row in b.rows] for d in desks for b in d.blocks}
        db.session.remove()
        return found
