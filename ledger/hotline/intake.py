"""The engine of every import that a person may repeat: each row once, whatever is sent how often.

A kind of file says what a row means, which rows are known already, and how one is brought in.
The engine decides: new rows are created, the same again is repeated, the same key with another
matter is a conflict that changes nothing, and what cannot be taken is rejected with its reason.
Rows go in by batches, each its own transaction which also says how far the file is in, so that one
cut off in the middle goes on behind its last batch, or can simply be sent again. A batch is written
together; where that cannot be, each row is its own savepoint.
"""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from .. import sheets
from ..appeals import bulk
from ..appeals.bulk import Gathering, Ids, Ungathered
from ..appeals.record import Invalid
from ..db import Base, db, writing
from ..people.actor import Actor
from ..work import statistics
from . import values
from .models import ImportLine, ImportRun

BATCH = 250
"""Rows a transaction: short enough that nobody waits for an import, long enough to be quick."""

SINGLY = 100
"""The same where each row is written by itself."""

REPEATED = "已存在"
CONFLICT = "内容不一致"
REJECTED = "未导入"


class Unusable(ValueError):
    """The row cannot be taken; the message says why, for whoever mends the file."""


class Item(Protocol):
    """A row understood."""

    @property
    def key(self) -> str:
        """What it is known by, among files of its kind."""

    @property
    def matter(self) -> str:
        """Digest of what must be equal for two rows of one key to be the same."""

    @property
    def words(self) -> str:
        """How it is called on screen: a number or a name."""

    @property
    def text(self) -> dict[str, str]:
        """Title and content, for laying a conflict side by side."""


T = TypeVar("T", bound=Item)

_Understood = tuple[int, T | str]
"""The row's number in the file; the item, or why there is none."""


@dataclass(frozen=True)
class Standing:
    """What the ledger has under a key."""

    matter: str
    appeal_id: int | None = None
    clash: str = ""
    """What to say of a row that differs; '' where it is only that its text is another one."""
    refusal: str = ""
    """Why the row cannot be taken, where only the ledger tells."""


class Kind(Protocol[T]):
    """A kind of file."""

    code: str
    channel: str
    columns: sheets.Columns
    required: tuple[str, ...]
    together: bool
    """Whether `bring` only begins appeals, so that the rows of a batch are written together."""
    valued: Mapping[str, values.Reads]
    """The columns whose words stand for something of ours, and what of them is read already."""

    def understand(self, row: sheets.Row) -> T | None:
        """None for a row that says nothing. Raises Unusable."""

    def known(self, items: Sequence[T]) -> dict[str, Standing]:
        """What of these stands already, by key. Reads only."""

    def prepare(self, items: Sequence[T]) -> None:
        """Load what bringing these in will need, once a batch."""

    def bring(self, item: T, *, by: Actor, at: datetime) -> Standing:
        """Create it. Raises Invalid; Refused where `by` may not."""


@runtime_checkable
class AsksTable(Protocol):
    """A kind whose rows stand or fall by whoever brings them in."""

    def ask_for(self, by: Actor) -> None: ...


@dataclass(frozen=True)
class Problem:
    row: int
    reason: str


@dataclass
class Summary:
    """What came of a file. `problems` names conflicting and rejected rows."""

    rows: int = 0
    created: int = 0
    repeated: int = 0
    conflicts: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    run_id: int | None = None

    def as_dict(self) -> dict[str, object]:
        found = asdict(self)
        found.pop("run_id")
        return found

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Summary:
        """What `as_dict` gave."""
        return cls(**{**told, "problems": [Problem(**problem) for problem in told["problems"]]})

    def add(self, other: Summary) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems


@dataclass
class _Line:
    """An ImportLine to be."""

    row: int
    outcome: str = "rejected"
    reason: str = ""
    words: str = ""
    appeal_id: int | None = None
    theirs: str | None = None


Hold = Callable[[int, datetime], None]
"""Called in the transaction of every batch with the row up to which it is in, before anything of
it is written; stops it by raising."""

_LINES = Base.metadata.tables[ImportLine.__tablename__]
_RUNS = Base.metadata.tables[ImportRun.__tablename__]
_COLUMNS = ("run_id", "row_number", "outcome", "reason", "order_number", "appeal_id", "theirs")

COUNTS = ("rows", "created", "repeated", "conflicts", "rejected")
_COUNTED = {"conflict": "conflicts"}
_COLUMN_OF = {"rows": "row_count"}


class Taking(Generic[T]):
    """One file of one kind, taken in or tried."""

    def __init__(
        self,
        kind: Kind[T],
        *,
        office_id: int,
        by: Actor,
        mapping: Mapping[str, str] | None = None,
        claim: Callable[[ImportRun], None] | None = None,
        hold: Hold | None = None,
    ) -> None:
        """`mapping` (a column's key → field, '' for none) overrules the synonyms. `claim` is run
        in the transaction that begins a run, and stops it by raising."""
        self.kind = kind
        self.office_id = office_id
        self.by = by
        self.mapping = mapping
        self.claim = claim
        self.hold = hold
        self.words = values.translator(office_id, kind.channel, kind.valued)
        self._ids = Ids()
        if isinstance(kind, AsksTable):
            kind.ask_for(by)

    def open(self, data: bytes, filename: str) -> sheets.Sheet:
        """Raises SheetError in Chinese where there is no such table in it."""
        return sheets.read(
            data,
            filename,
            self.kind.columns,
            required=self.kind.required,
            mapping=self.mapping,
        )

    def weigh(
        self, data: bytes, filename: str, tell: Callable[[int], None] | None = None
    ) -> Summary:
        """试导入: what would come of it. Writes nothing. `tell` is given the rows read so far."""
        summary = Summary()
        seen: dict[str, Standing] = {}
        for batch in self._batches(self.open(data, filename)):
            if tell is not None:
                tell(batch[-1][0])
            items = [item for _, item in batch if not isinstance(item, str)]
            known = self.kind.known(items)
            for row, item in batch:
                line = _Line(row)
                if isinstance(item, str):
                    line.reason = f"{REJECTED}：{item}"
                else:
                    standing = known.get(item.key) or seen.get(item.key)
                    if standing is None:
                        seen[item.key] = Standing(item.matter)
                        line.outcome = "created"
                    else:
                        _compare(line, item, standing)
                _count(summary, line)
            db.session.rollback()
        return summary

    def take(self, data: bytes, filename: str) -> Summary:
        """Bring it in. Opens and commits its own write transactions. Raises SheetError, Refused."""
        sheet = self.open(data, filename)
        summary = Summary(run_id=self.begin(data, filename))
        self._go(sheet, summary, after=0)
        return summary

    def go_on(self, sheet: sheets.Sheet, run: ImportRun) -> None:
        """Bring in what of a run's file is not in yet: all of it, or what lies behind the row up to
        which it is in. Raises as `take`, and what `hold` raises."""
        self._go(sheet, Summary(run_id=run.id), after=run.last_row, listed=False)

    def _go(
        self, sheet: sheets.Sheet, summary: Summary, *, after: int, listed: bool = True
    ) -> None:
        with unhurried():
            for batch in self._batches(sheet, after):
                summary.add(self._take_batch(batch, summary.run_id))
                if not listed:
                    summary.problems.clear()  # each stands in its line
                gc.collect(0)
        self._finish(summary.run_id)
        if summary.created >= statistics.MANY:
            statistics.renew()

    def _batches(self, sheet: sheets.Sheet, after: int = 0) -> Iterator[list[_Understood[T]]]:
        rows = iter(sheet)
        if after:
            rows = (row for row in rows if row.number > after)
        while some := list(islice(rows, BATCH)):
            if understood := list(self._understood(some)):
                yield understood

    def _understood(self, rows: Iterable[sheets.Row]) -> Iterator[_Understood[T]]:
        for row in rows:
            if row.problems:
                yield row.number, "；".join(row.problems)
                continue
            try:
                item = self.kind.understand(self.words.row(row))
            except Unusable as problem:
                yield row.number, str(problem)
            else:
                if item is not None:
                    yield row.number, item

    def begin(self, data: bytes, filename: str) -> int:
        """The run of a file that is to be taken in; gives its id."""
        with writing() as at:
            run = ImportRun(
                kind=self.kind.code,
                channel=self.kind.channel,
                office_id=self.office_id,
                file_name=filename[-200:],
                file_sha256=hashlib.sha256(data).hexdigest(),
                begun_at=at,
                by_id=self.by.id,
                by_name=self.by.name,
            )
            db.session.add(run)
            if self.claim is not None:
                db.session.flush()
                self.claim(run)
            db.session.commit()
            return run.id

    def _take_batch(self, batch: list[_Understood[T]], run_id: int | None) -> Summary:
        if self.kind.together:
            try:
                return self._write_batch(batch, run_id, together=True)
            except (IntegrityError, Ungathered):
                # Another import brought a row in the meantime (PostgreSQL; SQLite's lock forbids
                # it), or a row failed half-way through its acts: it alone is to be left out.
                pass
        done = Summary()
        for first in range(0, len(batch), SINGLY):
            done.add(self._write_batch(batch[first : first + SINGLY], run_id, together=False))
        return done

    def _write_batch(
        self, batch: list[_Understood[T]], run_id: int | None, *, together: bool
    ) -> Summary:
        done = Summary()
        lines: list[_Line] = []
        last_row = batch[-1][0]
        with writing() as at:
            if self.hold is not None:
                self.hold(last_row, at)
            # Whoever is signed in is read in the same session and must stay in it.
            before = set(db.session)
            items = [item for _, item in batch if not isinstance(item, str)]
            known = self.kind.known(items)
            self.kind.prepare(items)
            with bulk.together(self._ids, len(items)) if together else nullcontext() as gathered:
                for number, item in batch:
                    line = _Line(number)
                    if isinstance(item, str):
                        line.reason = f"{REJECTED}：{item}"
                    else:
                        self._settle(item, line, known, at, gathered)
                    line.reason = line.reason[:500]
                    _count(done, line)
                    lines.append(line)
            rows = [(run_id, *vars(line).values()) for line in lines]
            bulk.insert_rows(db.session.connection(), _LINES, _COLUMNS, rows)
            _add_to_run(run_id, done, last_row)
            db.session.commit()
            for row in set(db.session) - before:
                if row in db.session:  # plates go with their appeal
                    db.session.expunge(row)
        return done

    def _settle(
        self,
        item: T,
        line: _Line,
        known: dict[str, Standing],
        at: datetime,
        gathered: Gathering | None,
    ) -> None:
        line.words = item.words[:140]
        standing = known.get(item.key)
        if standing is None:
            try:
                standing = self._bring(item, at, gathered)
            except Invalid as problem:
                line.reason = f"{REJECTED}：{problem.reason}"
                return
            except IntegrityError:
                # As above, but now it is known which.
                known.update(self.kind.known([item]))
                if item.key not in known:
                    raise
            else:
                known[item.key] = standing
                line.outcome, line.appeal_id = "created", standing.appeal_id
                return
            standing = known[item.key]
        line.appeal_id = standing.appeal_id
        _compare(line, item, standing)

    def _bring(self, item: T, at: datetime, gathered: Gathering | None) -> Standing:
        if gathered is None:
            # A row that fails leaves nothing behind, the others of its batch stand.
            with db.session.begin_nested():
                return self.kind.bring(item, by=self.by, at=at)
        begun = len(gathered)
        try:
            return self.kind.bring(item, by=self.by, at=at)
        except Invalid as problem:
            if len(gathered) > begun:
                raise Ungathered from problem
            raise

    def _finish(self, run_id: int | None) -> None:
        with writing():
            db.session.get_one(ImportRun, run_id).finished = True
            db.session.commit()


def _add_to_run(run_id: int | None, done: Summary, last_row: int) -> None:
    """In the batch's own transaction: what the run counts is what is in."""
    columns = _RUNS.c
    counted = {columns[_COLUMN_OF.get(name, name)]: getattr(done, name) for name in COUNTS}
    db.session.connection().execute(
        update(_RUNS)
        .where(columns.id == run_id)
        .values({column: column + count for column, count in counted.items()})
        .values({columns.last_row: last_row})
    )


@contextmanager
def unhurried() -> Iterator[None]:
    """The rows of a batch refer to one another, and go together when it is written: looked through
    once then, not every few hundred of them and again with all that the process holds."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _compare(line: _Line, item: Item, standing: Standing) -> None:
    if standing.refusal:
        line.reason = f"{REJECTED}：{standing.refusal}"
        return
    if standing.matter == item.matter:
        line.outcome, line.reason = "repeated", REPEATED
        return
    line.outcome = "conflict"
    line.reason = f"{CONFLICT}：{standing.clash or f'{item.words}已登记，内容与原来不同'}"
    line.theirs = json.dumps(item.text, ensure_ascii=False)


def _count(done: Summary, line: _Line) -> None:
    done.rows += 1
    name = _COUNTED.get(line.outcome, line.outcome)
    setattr(done, name, getattr(done, name) + 1)
    if line.outcome in ("conflict", "rejected"):
        done.problems.append(Problem(line.row, line.reason))
