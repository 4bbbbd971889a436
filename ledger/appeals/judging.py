"""按期: whether the answer that review let pass came in time, and what counts as its time.

A unit is judged by every answer that it gave in this assignment: what was late stays late though
it was sent back, and what came in time is not late because the office took its time. The due
times are those of the clocks, which go on with what was left (design §3, The clock).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from ..db import db
from ..deadlines import clocks
from ..deadlines.limits import STAGES
from ..people.actor import Actor
from ..trail.models import Entry
from .closing import Closing
from .record import Invalid
from .standing import is_stated


class Judging(Closing):
    """认可补录时间."""

    __abstract__ = True

    def count_stated(
        self, seq: int, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """What the entry `seq` ended counts as ended when that happened by its actor's word, not
        when it was recorded. Raises Invalid where it ended nothing, or is accepted already."""
        if not reason.strip():
            raise Invalid("reason", "请填写认可补录时间的理由")
        accepted: list[Any] = [d for d in self.deadlines if is_stated(d) and d.stated_seq == seq]
        if not accepted:
            raise Invalid("entry", "请选择一条补录的办理记录；已经认可的不必重复认可")
        with self.act("count_stated", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["entry"] = seq
            act.data["verb"] = _verb_of(self.stream, seq)
            act.data["clocks"] = [
                {"stage": d.stage, "was": d.ended_at.isoformat(), "now": ends_at(d).isoformat(),
                 "due": d.due_at.isoformat()}
                for d in accepted
            ]  # fmt: skip
            for deadline in accepted:
                deadline.ended_at = ends_at(deadline)
            if self.on_time is not None:
                self._judge()


def _verb_of(stream: str, seq: int) -> str:
    found = select(Entry.verb).where(Entry.stream == stream, Entry.seq == seq)
    return db.session.scalar(found) or ""


def ends_at(deadline: Any) -> datetime:
    """When a clock ended by what was stated: not before it began."""
    found: datetime = max(deadline.stated_at, deadline.started_at)
    return found


class Stated(NamedTuple):
    """An entry whose time can be accepted, in words."""

    seq: int
    words: str


def stated(deadlines: Iterable[Any]) -> Sequence[Stated]:
    """What can be accepted, first to last."""
    found: dict[int, list[Any]] = {}
    for deadline in deadlines:
        if is_stated(deadline):
            found.setdefault(deadline.stated_seq, []).append(deadline)
    return [Stated(seq, _words(seq, some)) for seq, some in sorted(found.items())]


def _words(seq: int, some: Sequence[Any]) -> str:
    first = some[0]
    unit = "" if first.assignment is None else f"（{first.assignment.unit.label}）"
    ends = "；".join(
        f"{STAGES.get(d.stage, d.stage)}应于{clocks.shown_end(d.due_at)}前，"
        f"认可后为{'按期' if ends_at(d) <= d.due_at else '超期'}"
        for d in some
    )
    return (
        f"第{seq}号记录{unit}：补录时间{clocks.shown(first.stated_at)}，"
        f"登记时间{clocks.shown(first.ended_at)}；{ends}"
    )
