"""对账: a hotline's list of a period laid beside ours, row by row.

Rows go by batches, each its own transaction. What differs becomes a line; what agrees is counted.
A newer file of the same period goes on with the same reconciliation: a line it finds again keeps
what was done about it, one it no longer finds is settled by that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import aliased

from .. import access, sheets
from ..appeals.models import Appeal
from ..appeals.ordering import ENDED
from ..appeals.parts import ExternalOrder
from ..db import Base, db, writing
from ..deadlines.calendar import end_of, start_of
from ..people.actor import Actor
from ..people.models import Unit
from ..sheets import Row, SheetError
from ..trail.bulk import insert_rows
from ..web import Conflict
from . import reconcile_words as words
from .intake import Unusable
from .orders import COLUMNS as ORDER_COLUMNS
from .reconcile_models import Reconciliation, ReconciliationLine, StateWord
from .taking import source_system

BATCH = 500
LONGEST_PERIOD = 366
"""Days of one reconciliation."""

OVERTAKEN = "他人已上传更新的清单，本次对账没有完成，以他人上传的为准。"

_LINES = Base.metadata.tables[ReconciliationLine.__tablename__]
_FIELDS = (
    "reconciliation_id", "run", "finding", "row_number", "order_number", "sub_number",
    "their_word", "their_meaning", "our_meaning", "appeal_id", "reason", "theirs",
)  # fmt: skip


class Period(NamedTuple):
    since: date
    until: date

    def fault(self, today: date) -> str:
        """What is wrong with it; '' where it can be reconciled."""
        if self.until < self.since:
            return "止日不能早于起日"
        if self.since > today:
            return "起日不能晚于今天"
        if (self.until - self.since).days >= LONGEST_PERIOD:
            return f"一次对账最长{LONGEST_PERIOD}天，请分段核对"
        return ""


@dataclass(frozen=True)
class Theirs:
    """One row of their list, understood."""

    row: int
    number: str
    sub_number: str
    word: str
    meaning: str
    cells: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str]:
        return self.number, self.sub_number


class Ours(NamedTuple):
    """An order of theirs as it stands here."""

    order_id: int
    number: str
    sub_number: str
    appeal_id: int
    state: str
    order_state: str

    @property
    def meaning(self) -> str:
        if self.order_state == ENDED:
            return "ended"
        return words.OURS.get(self.state, "ended")

    @property
    def full_number(self) -> str:
        return f"{self.number}-{self.sub_number}" if self.sub_number else self.number


@dataclass(frozen=True)
class Finding:
    """A line to be."""

    finding: str
    row: int = 0
    number: str = ""
    sub_number: str = ""
    word: str = ""
    theirs: str = ""
    ours: str = ""
    appeal_id: int | None = None
    reason: str = ""
    cells: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.finding, self.number, self.sub_number


# -- ours --------------------------------------------------------------------------------------

_master = aliased(Appeal)
_STANDING = (
    select(
        ExternalOrder.id,
        ExternalOrder.order_number,
        ExternalOrder.sub_number,
        Appeal.id,
        # A merged number is answered for by its master.
        func.coalesce(_master.state, Appeal.state),
        ExternalOrder.state,
    )
    .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
    .outerjoin(_master, (_master.id == Appeal.master_id) & (Appeal.state == "merged"))
)


class Standing:
    """The orders that stand here under some numbers."""

    def __init__(self, source: str, numbers: Iterable[str]) -> None:
        wanted = {*numbers, *(n.rpartition("-")[0] for n in numbers if "-" in n)} - {""}
        self.exact: dict[tuple[str, str], Ours] = {}
        self.whole: dict[str, Ours] = {}
        self.by_number: dict[str, list[Ours]] = {}
        if not wanted:
            return
        rows = db.session.execute(
            _STANDING.where(
                ExternalOrder.source_system == source, ExternalOrder.order_number.in_(wanted)
            )
        )
        for row in rows:
            found = Ours(*row)
            self.exact[found.number, found.sub_number] = found
            self.whole[found.full_number] = found
            self.by_number.setdefault(found.number, []).append(found)

    def of(self, number: str, sub_number: str) -> Ours | None:
        """By number and sub-number; the two written as one; the only one of a number whose
        sub-number their list leaves out."""
        if found := self.exact.get((number, sub_number)):
            return found
        if sub_number:
            return None
        if found := self.whole.get(number):
            return found
        only = self.by_number.get(number, [])
        return only[0] if len(only) == 1 else None


def own_words(office_id: int, channel: str) -> dict[str, str]:
    """What the office said of this hotline's words, folded."""
    rows = db.session.execute(
        select(StateWord.word, StateWord.meaning).where(
            StateWord.office_id == office_id, StateWord.channel == channel
        )
    )
    return {row.word: row.meaning for row in rows}


# -- a file ------------------------------------------------------------------------------------


def understand(row: Row, own: Mapping[str, str]) -> Theirs:
    """Raises Unusable."""
    if row.problems:
        raise Unusable("；".join(row.problems))
    number, sub_number = (
        " ".join(row.cells.get(name, "").split()) for name in ("number", "sub_number")
    )
    if not number:
        raise Unusable("缺少工单编号")
    for name, value in (("工单编号", number), ("子单号", sub_number)):
        if len(value) > 64:
            raise Unusable(f"{name}有{len(value)}个字，超过64个字")
    word, meaning = words.read(row.cells, own)
    return Theirs(row.number, number, sub_number, word, meaning, row.cells)


def reconcile(
    data: bytes,
    filename: str,
    *,
    channel: str,
    office_id: int,
    period: Period,
    by: Actor,
    mapping: Mapping[str, str] | None = None,
    claim: Callable[[], int | None] = lambda: None,
) -> int:
    """Lay a file beside ours; gives the reconciliation's id.

    `claim` is run in the transaction that begins, gives the upload's id and stops it by raising.
    Raises SheetError, NoSuchChannel; Conflict where another file of the period overtook it.
    """
    source = source_system(channel)
    sheet = sheets.read(data, filename, words.COLUMNS, required=("number",), mapping=mapping)
    with writing() as at:
        draft_id = claim()
        # Two lists of a new period at once: the second goes on with what the first began.
        db.session.get_one(Unit, office_id, with_for_update={"of": Unit})
        row = db.session.scalars(
            select(Reconciliation)
            .where(
                Reconciliation.office_id == office_id,
                Reconciliation.channel == channel,
                Reconciliation.since_day == period.since,
                Reconciliation.until_day == period.until,
                Reconciliation.closed_at.is_(None),
            )
            .order_by(Reconciliation.id.desc())
            .limit(1)
            .with_for_update()
        ).first()
        if row is None:
            row = Reconciliation(
                office_id=office_id,
                channel=channel,
                source_system=source,
                since_day=period.since,
                until_day=period.until,
                run=0,
            )
            db.session.add(row)
        row.run += 1
        row.file_name, row.file_sha256 = filename[-200:], hashlib.sha256(data).hexdigest()
        row.draft_id, row.begun_at = draft_id, at
        row.by_id, row.by_name, row.finished = by.id, by.name, False
        db.session.flush()
        access.record("reconciled", f"reconciliation/{row.id}", channel, at=at)
        running = _Run(row.id, row.run, source, office_id, own_words(office_id, channel))
        db.session.commit()
    try:
        running.read(sheet)
        running.read_ours(period)
        running.finish()
    except SheetError:
        with writing():
            db.session.execute(
                update(Reconciliation)
                .where(Reconciliation.id == running.id, Reconciliation.run == running.run)
                .values(draft_id=None)
            )
            db.session.commit()
        raise
    return running.id


class _Run:
    """One file laid beside ours."""

    def __init__(
        self, of: int, run: int, source: str, office_id: int, own: Mapping[str, str]
    ) -> None:
        self.id, self.run, self.source, self.office_id, self.own = of, run, source, office_id, own
        self.rows = self.repeated = self.agreed = 0
        self.seen: set[tuple[str, str]] = set()
        self.met: set[int] = set()
        """Orders of ours that their list has."""

    def read(self, sheet: sheets.Sheet) -> None:
        rows = iter(sheet)
        while some := list(islice(rows, BATCH)):
            understood: list[Theirs] = []
            found: list[Finding] = []
            for row in some:
                self.rows += 1
                try:
                    theirs = understand(row, self.own)
                except Unusable as problem:
                    found.append(Finding("unread", row.number, reason=str(problem)[:500]))
                    continue
                if theirs.key in self.seen:
                    self.repeated += 1
                    continue
                self.seen.add(theirs.key)
                understood.append(theirs)
            with self._writing():
                standing = Standing(self.source, {one.number for one in understood})
                found += self._compared(understood, standing)
                self._keep(found)
                db.session.commit()

    def _compared(self, understood: Sequence[Theirs], standing: Standing) -> Iterator[Finding]:
        for one in understood:
            ours = standing.of(one.number, one.sub_number)
            told: dict[str, Any] = {
                "row": one.row, "number": one.number, "sub_number": one.sub_number,
                "word": one.word, "theirs": one.meaning,
            }  # fmt: skip
            if ours is None:
                cells = {name: one.cells[name] for name in ORDER_COLUMNS if one.cells.get(name)}
                yield Finding("theirs_only", **told, cells=json.dumps(cells, ensure_ascii=False))
                continue
            self.met.add(ours.order_id)
            differs = words.compared(one.word, one.meaning, ours.meaning)
            if differs:
                yield Finding(differs, **told, ours=ours.meaning, appeal_id=ours.appeal_id)
            else:
                self.agreed += 1

    def read_ours(self, period: Period) -> None:
        """What we received in the period and their list does not have."""
        wanted = (
            _STANDING.where(
                ExternalOrder.source_system == self.source,
                ExternalOrder.received_at >= start_of(period.since),
                ExternalOrder.received_at < end_of(period.until),
                Appeal.office_id == self.office_id,
            )
            .order_by(ExternalOrder.received_at, ExternalOrder.id)
            .add_columns(ExternalOrder.received_at)
            .limit(BATCH)
        )
        after: tuple[datetime, int] | None = None
        while True:
            behind = wanted
            if after is not None:
                at, order_id = after
                behind = wanted.where(
                    (ExternalOrder.received_at > at)
                    | ((ExternalOrder.received_at == at) & (ExternalOrder.id > order_id))
                )
            with self._writing():
                rows = db.session.execute(behind).all()
                ours = [Ours(*row[:6]) for row in rows]
                self._keep(
                    [
                        Finding(
                            "ours_only",
                            number=one.number,
                            sub_number=one.sub_number,
                            ours=one.meaning,
                            appeal_id=one.appeal_id,
                        )
                        for one in ours
                        if one.order_id not in self.met and one.order_state != ENDED
                    ]
                )
                db.session.commit()
            if len(rows) < BATCH:
                return
            after = rows[-1][6], rows[-1][0]

    def finish(self) -> None:
        """What this file no longer finds is settled by that."""
        with self._writing() as at:
            db.session.execute(
                update(ReconciliationLine)
                .where(
                    ReconciliationLine.reconciliation_id == self.id,
                    ReconciliationLine.settled_at.is_(None),
                    ReconciliationLine.run < self.run,
                )
                .values(settled_at=at, settled_how="agreed")
            )
            row = db.session.get_one(Reconciliation, self.id)
            row.rows, row.repeated, row.agreed = self.rows, self.repeated, self.agreed
            row.finished = True
            db.session.commit()

    @contextmanager
    def _writing(self) -> Iterator[datetime]:
        """A write of this run. Raises Conflict where another file overtook it."""
        with writing() as at:
            standing = db.session.scalar(
                select(Reconciliation.run)
                .where(Reconciliation.id == self.id, Reconciliation.closed_at.is_(None))
                .with_for_update()
            )
            if standing != self.run:
                raise Conflict(OVERTAKEN)
            yield at

    def _keep(self, found: Sequence[Finding]) -> None:
        known = self._known(found)
        fresh: list[Finding] = []
        for one in found:
            line = known.get(one.key)
            if line is None:
                fresh.append(one)
                continue
            line.run, line.row_number = self.run, one.row
            same = (line.their_word, line.our_meaning) == (one.word, one.ours)
            line.their_word, line.their_meaning = one.word, one.theirs
            line.our_meaning, line.appeal_id, line.theirs = one.ours, one.appeal_id, one.cells
            # What was found in order once, and is the same still, need not be looked at again;
            # what was brought in or had come to agree, and is found anew, must.
            if line.settled_at is not None and not (same and line.settled_how == "checked"):
                unsettle(line)
        db.session.flush()
        rows = [
            (
                self.id, self.run, one.finding, one.row, one.number, one.sub_number, one.word,
                one.theirs, one.ours, one.appeal_id, one.reason, one.cells,
            )
            for one in fresh
        ]  # fmt: skip
        insert_rows(db.session.connection(), _LINES, _FIELDS, rows)
        for line in known.values():
            db.session.expunge(line)

    def _known(self, found: Sequence[Finding]) -> dict[tuple[str, str, str], ReconciliationLine]:
        """Their lines of earlier files."""
        numbers = {one.number for one in found if one.number}
        if self.run == 1 or not numbers:
            return {}
        rows = db.session.scalars(
            select(ReconciliationLine).where(
                ReconciliationLine.reconciliation_id == self.id,
                ReconciliationLine.order_number.in_(numbers),
            )
        )
        return {(row.finding, row.order_number, row.sub_number): row for row in rows}


def unsettle(line: ReconciliationLine) -> None:
    line.settled_at = line.settled_by_id = line.settled_by_name = None
    line.settled_how = line.note = None
