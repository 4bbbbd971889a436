"""截至17日24时: moments as people give them, and waiting until they are over."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic, sleep

from sqlalchemy import select, text

from ..appeals.intervals import TABLE
from ..config import SHANGHAI
from ..db import db, is_sqlite, now, writing
from ..deadlines import clocks

PATIENCE = 15.0
"""Seconds to wait for what was begun before a moment."""
READING = timedelta(seconds=30)
"""Who began so long ago and has written nothing only reads."""
GAP = timedelta(milliseconds=50)
"""A writer takes his moment just before his transaction begins."""
LONG_PAST = timedelta(hours=1)
"""No act takes as long."""

_SAID = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?"
    r"(Z|[+-]\d{2}:?\d{2})?)?"
)


class BadMoment(ValueError):
    """A moment that makes no sense; `field` is as_of or base."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class Unsettled(Exception):
    """Somebody who began before the moment has not ended yet."""


def read_moment(typed: str, field: str) -> datetime:
    """2026-11-20T24:00, 2026-11-20 17:00, or 2026-11-20, which is its 24:00. Shanghai's clock
    where no zone is given. Raises BadMoment."""
    words = unicodedata.normalize("NFKC", typed[:60]).strip()
    found = _SAID.fullmatch(words)
    wrong = BadMoment(field, f"“{words[:30]}”不是时间，请写成 2026-11-20T24:00 或 2026-11-20 17:00")
    if found is None:
        raise wrong
    year, month, day, hour, minute, second, part, zone = found.groups()
    whole = (int(minute or 0), int(second or 0), int((part or "").ljust(6, "0")))
    is_end = hour is None or int(hour) == 24
    if is_end and any(whole):
        raise wrong
    try:
        clock = time(0 if is_end else int(hour), *whole)
        at = datetime.combine(date(int(year), int(month), int(day)), clock, SHANGHAI)
        if zone:
            at = datetime.fromisoformat(at.replace(tzinfo=None).isoformat() + zone)
        at = (at + timedelta(days=is_end)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise wrong from error
    if not 1990 <= at.year <= 2200:
        raise wrong
    return at


BUSY = "截止时间之前开始的业务还没有全部提交，请稍后再试"


def check(at: datetime, base: datetime, present: datetime, *, is_given: bool) -> None:
    """Raises BadMoment where no figures are to be had of these. `is_given`: somebody asked for
    this base."""
    if at > present:
        raise BadMoment("as_of", f"截止时间{clocks.shown_end(at)}还没有到，请改为不晚于现在的时间")
    if base >= at:
        raise BadMoment("base", "截止时间应晚于基准时间，请核对两个时间")
    first = first_at() if is_given else base
    if first is None or base < first:
        told = "台账还没有记录" if first is None else f"台账的第一条记录在{clocks.shown(first)}"
        raise BadMoment("base", f"{told}，基准时间早于此，没有可比的数据，请改为之后的时间")


def first_at() -> datetime | None:
    """When the first appeal came into this ledger."""
    return db.session.scalar(select(TABLE.c.from_at).order_by(TABLE.c.from_at).limit(1))


_RUNNING = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend' AND xact_start <= :limit"
    " AND (backend_xid IS NOT NULL OR xact_start > :reading)"
)


def settle(at: datetime) -> None:
    """Wait until whoever began before `at` has ended: the moment of an entry is taken before its
    commit, and on PostgreSQL commits come in another order.

    To be called before figures are read: what was read until then is let go. Raises Unsettled
    where it takes too long.
    """
    if now() - at > LONG_PAST:
        return
    if is_sqlite():
        with writing():  # one writes at a time: whoever did is over
            return
    db.session.rollback()  # what this one has read until now is not to be waited for
    sleep(GAP.total_seconds())
    ends = monotonic() + PATIENCE
    waited_for: set[tuple[int, datetime]] | None = None
    while True:
        asked = {"limit": at + GAP, "reading": now() - READING}
        with db.engine.connect() as connection:
            running = {(row.pid, row.xact_start) for row in connection.execute(_RUNNING, asked)}
        waited_for = running if waited_for is None else waited_for & running
        if not waited_for:
            return
        if monotonic() > ends:
            raise Unsettled
        sleep(0.02)
