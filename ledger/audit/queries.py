"""SELECTs over the access log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, or_, select

from ledger.access import AccessLog
from ledger.db import db

PAGE = 50

Key = tuple[datetime, int]
"""Where a page begins or ends: moment and number of a line."""


def lines(
    *,
    username: str = "",
    action: str = "",
    success: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: Key | None = None,
    after: Key | None = None,
) -> tuple[Sequence[AccessLog], bool]:
    """One page, newest first, and whether more lie beyond it in the direction asked.

    `before` goes on to older lines, `after` back to newer ones; `until` is exclusive.
    """
    query = select(AccessLog)
    if username:
        query = query.where(AccessLog.username == username)
    if action:
        query = query.where(AccessLog.action == action)
    if success is not None:
        query = query.where(AccessLog.success.is_(success))
    if since is not None:
        query = query.where(AccessLog.at >= since)
    if until is not None:
        query = query.where(AccessLog.at < until)
    if after is not None:
        at, number = after
        query = query.where(
            or_(AccessLog.at > at, and_(AccessLog.at == at, AccessLog.id > number))
        ).order_by(AccessLog.at, AccessLog.id)
    else:
        if before is not None:
            at, number = before
            query = query.where(
                or_(AccessLog.at < at, and_(AccessLog.at == at, AccessLog.id < number))
            )
        query = query.order_by(AccessLog.at.desc(), AccessLog.id.desc())
    found = list(db.session.scalars(query.limit(PAGE + 1)))
    more, found = len(found) > PAGE, found[:PAGE]
    return (found[::-1] if after is not None else found), more
