"""Reading uploaded files and what became of them: each through what its reader may upload."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import selectinload

from ..appeals.models import Appeal
from ..appeals.queries import office_for, visible_to
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..trail.models import Entry
from . import kinds
from .kinds import FileKind
from .models import ImportDraft, ImportLine, ImportRun

LINES = 500
"""Lines of one list that a page shows; the others stand on the pages that follow."""
CONFLICTS = 20
"""Conflicts a page: each brings two long texts and the acts that its reader may do."""
LARGEST = 2**31 - 1
"""Of what a column of row numbers holds."""


@dataclass(frozen=True)
class Reach:
    """How far somebody's right to upload a kind of file goes."""

    kind: FileKind
    office_id: int
    everyone: bool
    """What colleagues of the office uploaded, too; otherwise only what he uploaded himself."""


def reach_of(actor: Actor) -> dict[str, Reach]:
    """What this actor may upload and for which office, by the kind's code."""
    found: dict[str, Reach] = {}
    for code, kind in kinds.open_to(actor).items():
        seat = kind.may(actor)
        assert seat is not None, "open_to() has asked"
        office_id: int | None = seat.unit_id
        if not seat.is_office:
            office = office_for(seat.region_code)
            office_id = office.id if office else None
        if office_id is not None:
            found[code] = Reach(kind, office_id, everyone=seat.is_office)
    return found


def _within(
    table: type[ImportRun] | type[ImportDraft], reaches: Iterable[Reach], actor: Actor
) -> ColumnElement[bool]:
    """The rows of these kinds that the actor may see."""
    seen = []
    for reach in reaches:
        where = [table.kind == reach.kind.code, table.office_id == reach.office_id]
        if not reach.everyone:
            where.append(table.by_id == actor.id)
        seen.append(and_(*where))
    return or_(false(), *seen)


def runs_of(actor: Actor, reaches: Iterable[Reach], size: int = 20) -> Sequence[ImportRun]:
    """The imports that the actor may look into, the latest first."""
    latest = select(ImportRun).where(_within(ImportRun, reaches, actor))
    return db.session.scalars(latest.order_by(ImportRun.id.desc()).limit(size)).all()


def going_of(actor: Actor, since: datetime, large: int, size: int = 20) -> Sequence[ImportRun]:
    """What this actor took in since then and is not finished, or was too large to be waited for and
    is finished since the day before; the latest first."""
    wanted = select(ImportRun).where(
        ImportRun.by_id == actor.id,
        ImportRun.begun_at >= since,
        ImportRun.job_id.is_not(None),
        or_(ImportRun.finished.is_(False), ImportRun.rows > large),
    )
    return db.session.scalars(wanted.order_by(ImportRun.id.desc()).limit(size)).all()


def find_run(run_id: int, actor: Actor, reaches: Iterable[Reach]) -> ImportRun | None:
    return db.session.scalar(
        select(ImportRun).where(ImportRun.id == run_id, _within(ImportRun, reaches, actor))
    )


def drafts_of(
    actor: Actor, reaches: Iterable[Reach], since: datetime, size: int = 20
) -> Sequence[ImportDraft]:
    """Files uploaded since then that nobody took in yet, the latest first."""
    waiting = select(ImportDraft).where(
        ImportDraft.run_id.is_(None),
        ImportDraft.created_at >= since,
        _within(ImportDraft, reaches, actor),
    )
    return db.session.scalars(waiting.order_by(ImportDraft.id.desc()).limit(size)).all()


def find_draft(draft_id: int, actor: Actor, reaches: Iterable[Reach]) -> ImportDraft | None:
    return db.session.scalar(
        select(ImportDraft).where(ImportDraft.id == draft_id, _within(ImportDraft, reaches, actor))
    )


# -- what became of the rows -------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A line of an import with the appeal it led to, where the reader may see that appeal."""

    line: ImportLine
    number: str
    label: str
    title: str


@dataclass(frozen=True)
class Conflict:
    """A conflicting line and the appeal it met, where the reader may see that appeal."""

    line: ImportLine
    appeal: Appeal | None


@dataclass(frozen=True)
class Lines:
    """Some lines of an import in the order of the file. `before` and `after` are the row numbers
    from which the neighbouring pages are read; None where there is none."""

    rows: Sequence[Any]
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True)
class Place:
    """Where in a list its reader stands: behind a row, before one, or at the beginning."""

    after: int | None = None
    before: int | None = None


def outcomes(
    run: ImportRun, actor: Actor, at: datetime, kinds: Sequence[str], place: Place
) -> Lines:
    """Lines that became these, at most LINES."""
    day = at.astimezone(SHANGHAI).date()
    wanted = (
        select(ImportLine, Appeal.number, Appeal.label, Appeal.title)
        .outerjoin(Appeal, (Appeal.id == ImportLine.appeal_id) & visible_to(actor, day))
        .where(ImportLine.run_id == run.id, ImportLine.outcome.in_(kinds))
    )
    return _some(
        wanted,
        place,
        LINES,
        lambda line, number, label, title: Outcome(line, number or "", label or "", title or ""),
    )


def conflicts(run: ImportRun, actor: Actor, at: datetime, place: Place, *, settled: bool) -> Lines:
    """Conflicts with the appeals they met, at most CONFLICTS."""
    wanted = select(ImportLine).where(
        ImportLine.run_id == run.id,
        ImportLine.outcome == "conflict",
        ImportLine.settled_at.is_not(None) if settled else ImportLine.settled_at.is_(None),
    )
    found = _some(wanted, place, CONFLICTS, lambda line: Conflict(line, None))
    met = appeals_of([row.line for row in found.rows], actor, at)
    rows = [replace(row, appeal=met.get(row.line.appeal_id)) for row in found.rows]
    return replace(found, rows=rows)


def appeals_of(lines: Iterable[ImportLine], actor: Actor, at: datetime) -> dict[int, Appeal]:
    """The appeals that lines met, by id, where the actor may see them."""
    ids = {line.appeal_id for line in lines if line.appeal_id is not None}
    if not ids:
        return {}
    wanted = (
        select(Appeal)
        .where(Appeal.id.in_(sorted(ids)), visible_to(actor, at.astimezone(SHANGHAI).date()))
        .options(selectinload(Appeal.assignments), selectinload(Appeal.external_orders))
    )
    return {appeal.id: appeal for appeal in db.session.scalars(wanted)}


def _some(wanted: Any, place: Place, size: int, made: Any) -> Lines:
    """One page by key, read in either direction."""
    key = ImportLine.row_number
    backwards = place.before is not None
    if backwards:
        wanted = wanted.where(key < place.before).order_by(key.desc(), ImportLine.id.desc())
    else:
        if place.after is not None:
            wanted = wanted.where(key > place.after)
        wanted = wanted.order_by(key, ImportLine.id)
    found = [made(*row) for row in db.session.execute(wanted.limit(size + 1))]
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Lines([])
    has_before = more if backwards else place.after is not None
    has_after = True if backwards else more
    return Lines(
        found,
        found[0].line.row_number if has_before else None,
        found[-1].line.row_number if has_after else None,
    )


def find_conflict(run_id: int, line_id: int, *, lock: bool = False) -> ImportLine | None:
    wanted = select(ImportLine).where(
        ImportLine.id == line_id,
        ImportLine.run_id == run_id,
        ImportLine.outcome == "conflict",
    )
    return db.session.scalar(wanted.with_for_update() if lock else wanted)


def unsettled(runs: Iterable[ImportRun]) -> dict[int, int]:
    """How many conflicts of each still wait for somebody, by the run's id."""
    waiting = (
        select(ImportLine.run_id, func.count(ImportLine.id).label("waiting"))
        .where(
            ImportLine.run_id.in_([run.id for run in runs]),
            ImportLine.outcome == "conflict",
            ImportLine.settled_at.is_(None),
        )
        .group_by(ImportLine.run_id)
    )
    found = db.session.execute(waiting).all()
    return {row.run_id: row.waiting for row in found}


def acts_since(
    appeals: Iterable[Appeal], verbs: Sequence[str], since: datetime
) -> dict[int, set[str]]:
    """Which of these verbs each appeal has in its trail since then, by the appeal's id."""
    ids = {appeal.stream: appeal.id for appeal in appeals}
    found: dict[int, set[str]] = {}
    if ids:
        rows = db.session.execute(
            select(Entry.stream, Entry.verb).where(
                Entry.stream.in_(sorted(ids)), Entry.verb.in_(verbs), Entry.at >= since
            )
        )
        for stream, verb in rows:
            found.setdefault(ids[stream], set()).add(verb)
    return found
