"""An import as work that outlives the request: asked for once, done by whoever holds its job.

A small file is done in the request that asks for it, by the same steps; where that process ends in
the middle, the worker goes on. What is in is in: stopping undoes nothing, and going on begins
behind the last batch, so that the counts are those of the whole file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from sqlalchemy import func, select

from .. import access
from ..appeals.record import Refused
from ..db import db, now, writing
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.models import Person
from ..sheets import Sheet, SheetError
from ..web import Conflict
from ..work import jobs
from ..work.jobs import Impossible, Running
from ..work.models import Job
from . import drafts, result_sheet, values
from .intake import Summary
from .kinds import KINDS, FileKind
from .models import ImportDraft, ImportRun
from .taking import NoSuchChannel

IMPORT, TRIAL = "import", "import_trial"

AT_ONCE = 2000
"""Rows up to which a file is tried and taken in while its uploader waits."""
MOST_LISTED = 10_000
"""Rows that a trial names."""

_log = structlog.get_logger("ledger.hotline")


def register() -> None:
    jobs.register_job(IMPORT, _carry_on)
    jobs.register_job(TRIAL, _try)


# -- asking ------------------------------------------------------------------------------------


def take_in(draft: ImportDraft, kind: FileKind, by: Actor) -> int:
    """正式导入, once; gives the run's id. A large file is in when its job is done.

    Raises SheetError, NoSuchChannel, Gone, AlreadyTaken, Refused.
    """
    draft_id, name = draft.id, draft.file_name
    data = drafts.load(draft)
    begun: list[Running] = []

    def claim(run: ImportRun) -> None:
        drafts.claim(draft_id, run)
        running = _ask(run, by, sheet.below, run.begun_at, at_once=sheet.below <= AT_ONCE)
        if running is not None:
            begun.append(running)

    taking = kind.taking(
        office_id=draft.office_id,
        channel=draft.channel,
        by=by,
        mapping=drafts.mapping_of(draft),
        claim=claim,
    )
    sheet = taking.open(data, name)
    run_id = taking.begin(data, name)
    for running in begun:
        try:
            jobs.carry_out(running)
        except jobs.Cancelled:
            db.session.rollback()
        except Impossible as problem:
            if not _rows_in(run_id):
                drafts.release(draft_id, run_id)
                raise problem.__cause__ or problem from None
    return run_id


def _ask(run: ImportRun, by: Actor, rows: int, at: datetime, *, at_once: bool) -> Running | None:
    """The job that does it, inside the caller's write; in hand already where it is done at once."""
    job = jobs.ask(IMPORT, str(run.id), at=at, by_id=by.id)
    job.total = rows
    db.session.flush()
    run.job_id, run.stopped_by_name = job.id, None
    return jobs.begin(job, at) if at_once else None


def _rows_in(run_id: int) -> int:
    return db.session.scalar(select(ImportRun.rows).where(ImportRun.id == run_id)) or 0


def stop(run_id: int, by: Actor) -> bool:
    """取消: what is in stays in. False where nothing was under way."""
    with writing() as at:
        run = _locked(run_id)
        if run.finished or run.job_id is None or not jobs.cancel(run.job_id, at):
            return False
        run.stopped_by_name = by.name
        access.record("import_stopped", subject=f"import/{run_id}", at=at)
        db.session.commit()
        return True


def go_on(run_id: int, by: Actor) -> bool:
    """继续, behind what is in. False where it is under way or over. Raises Conflict."""
    with writing() as at:
        run = _locked(run_id)
        before = db.session.get(Job, run.job_id) if run.job_id else None
        if run.finished or (before is not None and before.state in jobs.ACTIVE):
            return False
        draft = drafts.of_run(run_id)
        if draft is None or not drafts.still_there(draft):
            raise Conflict(GONE)
        _ask(run, by, before.total if before else 0, at, at_once=False)
        if before is not None:
            db.session.get_one(Job, run.job_id).progress = before.progress
        access.record("import_resumed", subject=f"import/{run_id}", at=at)
        db.session.commit()
        return True


GONE = "原文件已清除，不能接着导入；请重新上传同一文件，已导入的不会重复。"


def _locked(run_id: int) -> ImportRun:
    return db.session.get_one(ImportRun, run_id, with_for_update=True, populate_existing=True)


# -- doing -------------------------------------------------------------------------------------


def _carry_on(running: Running) -> None:
    """From the first row, or behind the last batch that is in; done again, it does nothing."""
    run = db.session.get(ImportRun, int(running.request), populate_existing=True)
    draft = drafts.of_run(int(running.request))
    if run is None or draft is None or run.job_id != running.id or run.sheet_name:
        return
    by = _whoever(run)
    sheet: Sheet | None = None

    def hold(row: int, at: datetime) -> None:
        assert sheet is not None
        running.hold(max(row - sheet.header_row, 0), sheet.below, at)

    try:
        taking = KINDS[run.kind].taking(
            office_id=draft.office_id,
            channel=draft.channel,
            by=by,
            mapping=drafts.mapping_of(draft),
            hold=hold,
        )
        sheet = taking.open(drafts.bytes_of(draft), draft.file_name)
        if not run.finished:
            taking.go_on(sheet, run)
    except drafts.Gone as problem:
        raise Impossible(GONE) from problem
    except (SheetError, NoSuchChannel) as problem:
        raise Impossible(str(problem)) from problem
    except Refused as problem:
        raise Impossible(problem.reason) from problem
    _lay_out(int(running.request), sheet, by, running)
    drafts.forget_bytes(draft)


def _whoever(run: ImportRun) -> Actor:
    """Whoever asked for it, with the posts he has now. Raises Impossible."""
    person = db.session.get(Person, run.by_id) if run.by_id else None
    by = actor_of(person, now()) if person is not None and person.active else None
    if by is None or KINDS[run.kind].may(by) is None:
        raise Impossible(f"{run.by_name}已没有导入这类文件的岗位，请由在岗人员重新上传同一文件")
    return by


def _lay_out(run_id: int, sheet: Sheet, by: Actor, running: Running) -> None:
    """The sheet with what became of each row. Where the disk does not take it, the import stands
    all the same."""
    try:
        name = result_sheet.make(
            run_id,
            sheet,
            reader=by,
            at=now(),
            tell=lambda: running.tell(sheet.below, sheet.below),
        )
    except OSError as problem:
        _log.error("result sheet not written", run=run_id, error=type(problem).__name__)
        return
    with writing():
        _locked(run_id).sheet_name = name
        db.session.commit()


# -- how far it is -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """Work under way, as a page tells it."""

    state: str
    """waiting, running, again (waits after a fault), stopped, failed, broken (nobody knows of it
    any more); done."""
    done: int = 0
    rows: int = 0
    ahead: int = 0
    """How many of the same queue come first."""
    reason: str = ""

    @property
    def percent(self) -> int:
        return min(self.done * 100 // self.rows, 100) if self.rows else 0

    @property
    def moves(self) -> bool:
        return self.state in ("waiting", "running", "again")


_STATES: Mapping[str, str] = {"cancelled": "stopped", "done": "done", "failed": "failed"}


def progress_of_job(job: Job | None) -> Progress:
    """Of any work that stands in the queue."""
    if job is None:
        return Progress("broken")
    if job.state in _STATES:
        return Progress(_STATES[job.state], job.progress, job.total, reason=job.result or "")
    if job.state == "running":
        return Progress("running", job.progress, job.total)
    return Progress(
        "again" if job.attempts else "waiting", job.progress, job.total, ahead=_ahead(job)
    )


def _ahead(job: Job) -> int:
    before = select(func.count(Job.id)).where(Job.state.in_(jobs.ACTIVE), Job.id < job.id)
    return db.session.scalar(before) or 0


def progress_of(run: ImportRun) -> Progress:
    """Of an import; `done` only where it is."""
    if run.finished:
        return Progress("done")
    job = db.session.get(Job, run.job_id, populate_existing=True) if run.job_id else None
    found = progress_of_job(job)
    return Progress("broken", found.done, found.rows) if found.state == "done" else found


def progress_of_all(runs: Iterable[ImportRun]) -> dict[int, Progress]:
    """Of those that are not finished, by the run's id."""
    going = {run.job_id: run.id for run in runs if not run.finished and run.job_id}
    if not going:
        return {}
    found = db.session.scalars(select(Job).where(Job.id.in_(sorted(going))))
    return {going[job.id]: progress_of_job(job) for job in found}


def may_go_on(run: ImportRun, by: Actor) -> bool:
    """Whoever asked for it, for as long as its file is kept: the rows are taken in as his."""
    if run.finished or run.by_id != by.id:
        return False
    draft = drafts.of_run(run.id)
    return draft is not None and drafts.still_there(draft)


# -- trying ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """A trial: what came of it, or how far it is."""

    summary: Summary | None = None
    progress: Progress | None = None
    at: datetime | None = None
    """When it was done, where that was not now."""
    unknown: Sequence[values.Unknown] = ()
    """Words that were asked for then, where that was not before."""


def begin_trial(draft: ImportDraft, kind: FileKind, by: Actor) -> bool:
    """Ask for the trial of a large file; of a small one each look is a trial. Says whether it is
    large.

    Raises SheetError, NoSuchChannel, Gone, AlreadyTaken.
    """
    draft_id, mark = draft.id, drafts.mark_of(draft)
    data = drafts.load(draft)
    rows = drafts.look(data, draft.file_name, kind, drafts.mapping_of(draft)).below
    if rows <= AT_ONCE or kind.changes is not None:
        return False
    with writing() as at:
        row = db.session.get_one(
            ImportDraft, draft_id, with_for_update=True, populate_existing=True
        )
        if row.trial_job_id is not None:
            if row.trial_mark == mark and _state_of(row.trial_job_id) in jobs.ACTIVE:
                return True
            jobs.cancel(row.trial_job_id, at)
        job = jobs.ask(TRIAL, str(draft_id), at=at, by_id=by.id)
        job.total = rows
        db.session.flush()
        row.trial_job_id, row.trial_mark = job.id, mark
        db.session.commit()
    return True


def _state_of(job_id: int) -> str:
    return db.session.scalar(select(Job.state).where(Job.id == job_id)) or ""


def trial_of(draft: ImportDraft, kind: FileKind, by: Actor) -> Tried:
    """Neither summary nor progress where a large file was not tried as it is understood now.

    Raises SheetError, NoSuchChannel, Gone, AlreadyTaken.
    """
    if draft.run_id is not None:
        raise drafts.AlreadyTaken(draft.run_id)
    if draft.trial_job_id is not None and draft.trial_mark == drafts.mark_of(draft):
        job = db.session.get(Job, draft.trial_job_id, populate_existing=True)
        progress = progress_of_job(job)
        if job is None or progress.state != "done" or not job.result:
            return Tried(progress=progress)
        told = json.loads(job.result)
        return Tried(
            Summary.of(told["summary"]),
            at=job.finished_at,
            unknown=[values.Unknown(**word) for word in told["unknown"]],
        )
    data = drafts.load(draft)
    sheet = drafts.look(data, draft.file_name, kind, drafts.mapping_of(draft))
    if sheet.below <= AT_ONCE or kind.changes is not None:
        return Tried(drafts.try_out(draft, kind, by))
    return Tried()


def trial_progress(draft: ImportDraft) -> Progress:
    job_id = draft.trial_job_id
    return progress_of_job(db.session.get(Job, job_id, populate_existing=True) if job_id else None)


def _try(running: Running) -> str | None:
    draft = db.session.get(ImportDraft, int(running.request), populate_existing=True)
    job = db.session.get_one(Job, running.id)
    person = db.session.get(Person, job.created_by_id) if job.created_by_id else None
    if draft is None or draft.run_id is not None or person is None:
        return None
    rows, told = job.total, 0

    def tell(row: int) -> None:
        nonlocal told
        if row - told >= AT_ONCE:
            told = row
            running.tell(min(row, rows), rows)

    try:
        taking = KINDS[draft.kind].taking(
            office_id=draft.office_id,
            channel=draft.channel,
            by=actor_of(person, now()),
            mapping=drafts.mapping_of(draft),
        )
        summary = taking.weigh(drafts.load(draft), draft.file_name, tell)
    except (SheetError, NoSuchChannel) as problem:
        raise Impossible(str(problem)) from problem
    except (drafts.Gone, drafts.AlreadyTaken):
        return None
    del summary.problems[MOST_LISTED:]
    found = {
        "summary": summary.as_dict(),
        "unknown": [asdict(word) for word in taking.words.unknown()],
    }
    return json.dumps(found, ensure_ascii=False)


def words_to_ask(draft: ImportDraft, kind: FileKind, by: Actor) -> list[values.Unknown]:
    """Words of the file that nobody said the meaning of.

    Raises SheetError, NoSuchChannel, Gone, AlreadyTaken.
    """
    if draft.trial_job_id is not None and draft.trial_mark == drafts.mark_of(draft):
        tried = trial_of(draft, kind, by)
        if tried.summary is not None:
            return list(tried.unknown)
    return drafts.unknown(draft, kind, by)
