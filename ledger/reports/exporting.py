"""An export from its asking to its file: made at once, or by a worker where it is large.

Done again, it makes the file anew and names it once. The file is kept a week.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from sqlalchemy import delete, select

from .. import access
from ..appeals.filters import Filters
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import config, db, mark_of, now, stamped, writing
from ..files.check import INCOMING, CheckedFile, keep, path_of, sweep
from ..hotline.template import XLSX
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.directory import directory
from ..people.models import Person
from ..people.roles import ADMINISTRATORS, OFFICE
from ..web import Conflict, Refused
from ..work import jobs
from ..work.jobs import Impossible, Running
from ..work.models import Job
from ..work.sweeps import register_sweep
from . import export_rows
from .export_columns import BadColumns, Column, Telling, chosen
from .export_models import ExportChoice, ExportRun
from .export_sheets import TITLE, Book, Head, as_csv

EXPORT: Final = "export"
AT_ONCE: Final = 10_000
"""Rows up to which an export is made while one waits."""
KEPT: Final = timedelta(days=7)
SECONDS: Final = 60 * 60
UNFINISHED: Final = timedelta(days=1)
"""After which a file that nobody named is left from a process that died."""

SHAPES: Final[dict[str, str]] = {"xlsx": "Excel工作簿（台账，可直接打印）", "csv": "CSV（UTF-8）"}
KINDS: Final[dict[str, str]] = {"xlsx": XLSX, "csv": "text/csv; charset=utf-8"}

NOTHING: Final = "没有符合条件的诉求"

stamped("exports", ExportRun)


class Nothing(Exception):
    """No row is to be exported."""

    def __init__(self) -> None:
        super().__init__(NOTHING)


@dataclass(frozen=True)
class Wanted:
    """What is to be exported, and how."""

    filters: Filters
    columns: tuple[Column, ...]
    shape: str = "xlsx"
    paper: str = "a3"
    whole: bool = False

    @property
    def codes(self) -> str:
        return ",".join(column.code for column in self.columns)


def register() -> None:
    jobs.register_job(EXPORT, _carry_on)


def register_sweeps() -> None:
    register_sweep("exports", SECONDS, forget_old)


def directory_of_files() -> Path:
    return config().data_dir / "exports"


def may_export(actor: Actor) -> bool:
    return bool(actor.roles - ADMINISTRATORS)


def may_whole(actor: Actor) -> bool:
    """Whether telephone numbers may stand in full, for a reason: with those who run the ledger."""
    return bool(OFFICE & actor.roles)


# -- the file ----------------------------------------------------------------------------------


def write(
    path: Path, actor: Actor, at: datetime, wanted: Wanted, tell: Callable[[int], None]
) -> int:
    """The file as it stands `at`; gives its rows. `tell` is told of each batch."""
    names = catalogue()
    units = {unit.id: unit.label for unit in directory().units.values()}
    told = Telling(names, units, at, wanted.whole)
    with export_rows.reading() as connection:

        def rows(part: export_rows.Part | None) -> Iterator[list[Any]]:
            return export_rows.batches(connection, actor, at, wanted.filters, part, wanted.columns)

        if wanted.shape == "csv":
            return as_csv(path, wanted.columns, told, rows(None), tell)
        head = Head(unit_of(actor, wanted.filters), at, wanted.paper, maker_of(actor, at))
        book = Book(path, wanted.columns, head, told)
        try:
            for part in export_rows.PARTS:
                filled = book.part(part.title, rows(part), is_optional=part.is_optional)
                for number in filled:
                    tell(number)
        finally:
            made = book.finish()
        return made


def unit_of(actor: Actor, filters: Filters) -> str:
    """填报单位: the office that was asked for, else where the one who exports sits."""
    units = directory().units
    if filters.office_id in units:
        return units[filters.office_id].name
    seats = sorted(actor.seats, key=lambda seat: not seat.is_office)
    if seats:
        return seats[0].unit_name
    return units[actor.home_unit_id].name if actor.home_unit_id in units else ""


def maker_of(actor: Actor, at: datetime) -> str:
    """The mark of who and when."""
    number = f"（{actor.id}）" if actor.id is not None else ""
    return f"{actor.name}{number} {at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


# -- asking ------------------------------------------------------------------------------------


def ask(actor: Actor, at: datetime, wanted: Wanted, reason: str) -> int:
    """Begin an export, and make it where it is small; gives its number.

    Raises Nothing, Refused, Conflict.
    """
    if wanted.whole and not may_whole(actor):
        raise Refused("按规定，您导出的台账中电话号码只显示部分数字。")
    rows = export_rows.count(actor, at, wanted.filters, AT_ONCE + 1)
    if not rows:
        raise Nothing
    if rows > AT_ONCE:
        rows = export_rows.count(actor, at, wanted.filters)
    db.session.rollback()
    with writing() as moment:
        assert actor.id is not None
        if rows > AT_ONCE and _under_way(actor.id):
            raise Conflict("您还有一个导出正在进行，请等它完成，或取消后再导出。")
        _remember(actor.id, wanted)
        run = ExportRun(
            by_id=actor.id,
            by_name=actor.name,
            at=moment,
            shape=wanted.shape,
            paper=wanted.paper,
            columns=wanted.codes,
            query=wanted.filters.query,
            whole=wanted.whole,
            reason=reason,
            rows=rows,
        )
        db.session.add(run)
        job = jobs.ask(EXPORT, "", at=moment, by_id=actor.id)
        job.total = rows
        db.session.flush()
        job.request, run.job_id = str(run.id), job.id
        note(wanted, reason, rows, moment)
        running = jobs.begin(job, moment) if rows <= AT_ONCE else None
        run_id = run.id
        db.session.commit()
    if running is not None:
        try:
            jobs.carry_out(running)
        except Impossible as problem:
            if str(problem) == NOTHING:
                raise Nothing from problem
            raise
    return run_id


def note(
    wanted: Wanted, reason: str, rows: int, at: datetime, person: access.Who | None = None
) -> None:
    """In the access log; the caller commits. Words that were searched may be a name."""
    given = {**wanted.filters.given(), **({"q": "…"} if wanted.filters.q else {})}
    asked = " ".join(f"{name}={value}" for name, value in given.items()) or "全部"
    phones = "电话完整" if wanted.whole else "电话掩码"
    detail = f"{rows}行 {wanted.shape} {len(wanted.columns)}栏 {phones} 条件：{asked}"
    if reason:
        detail = f"{detail} 用途：{reason}"
    access.record("exported", TITLE, detail, person=person, at=at)


def _under_way(person_id: int) -> bool:
    going = (
        select(ExportRun.id)
        .join(Job, Job.id == ExportRun.job_id)
        .where(ExportRun.by_id == person_id, Job.state.in_(jobs.ACTIVE))
    )
    return db.session.scalar(going.limit(1)) is not None


def _remember(person_id: int, wanted: Wanted) -> None:
    choice = db.session.get(ExportChoice, person_id)
    if choice is None:
        choice = ExportChoice(person_id=person_id)
        db.session.add(choice)
    choice.shape, choice.paper, choice.columns = wanted.shape, wanted.paper, wanted.codes


def remembered(actor: Actor) -> ExportChoice | None:
    return db.session.get(ExportChoice, actor.id)


def columns_of(codes: str, paper: str) -> tuple[Column, ...]:
    """What was chosen, as far as there still is such a column."""
    try:
        return chosen([code for code in codes.split(",") if code], paper)
    except BadColumns:
        return chosen((), paper)


# -- doing -------------------------------------------------------------------------------------


def _carry_on(running: Running) -> None:
    run = db.session.get(ExportRun, int(running.request), populate_existing=True)
    if run is None or run.job_id != running.id or run.stored_name:
        return
    person = db.session.get(Person, run.by_id)
    at = now()
    actor = actor_of(person, at) if person is not None and person.active else None
    if actor is None or not may_export(actor) or (run.whole and not may_whole(actor)):
        raise Impossible("导出人已没有导出这份台账的岗位")
    wanted = Wanted(
        Filters.read(dict(parse_qsl(run.query))),
        columns_of(run.columns, run.paper),
        run.shape,
        run.paper,
        run.whole,
    )
    run_id, total = run.id, max(run.rows, 1)
    where = directory_of_files()
    incoming = where / INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as made:
        path = Path(made.name)
    told = 0

    def tell(number: int) -> None:
        nonlocal told
        if number - told >= AT_ONCE:
            told = number
            running.tell(min(number, total), total)

    try:
        rows = write(path, actor, at, wanted, tell)
        if not rows:
            raise Impossible(NOTHING)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        kept = CheckedFile(path.name, KINDS[wanted.shape], path.stat().st_size, digest, path)
        name = keep(kept, where)
        with writing() as moment:
            running.hold(rows, rows, moment)
            run = db.session.get_one(ExportRun, run_id, with_for_update=True)
            run.stored_name, run.rows, run.at = name, rows, at
            db.session.commit()
    finally:
        path.unlink(missing_ok=True)


def stop(run: ExportRun) -> bool:
    """取消. False where it was over."""
    with writing() as at:
        done = run.job_id is not None and jobs.cancel(run.job_id, at)
        db.session.commit()
        return done


# -- afterwards --------------------------------------------------------------------------------


def find(run_id: int, actor: Actor) -> ExportRun | None:
    """Nobody but who asked for an export has its file: what he may see another may not."""
    return db.session.scalar(
        select(ExportRun).where(ExportRun.id == run_id, ExportRun.by_id == actor.id)
    )


def recent(actor: Actor, size: int = 10) -> list[ExportRun]:
    mine = select(ExportRun).where(ExportRun.by_id == actor.id)
    return list(db.session.scalars(mine.order_by(ExportRun.id.desc()).limit(size)))


def large_of(actor: Actor, since: datetime) -> list[ExportRun]:
    """Those that a worker makes, for his desk. Whoever has none is not looked up."""
    key = ("exporters", mark_of("exports"))
    some = select(ExportRun.by_id).where(ExportRun.rows > AT_ONCE).distinct()
    if actor.id not in directory().keep(key, lambda: frozenset(db.session.scalars(some))):
        return []
    return [run for run in recent(actor) if run.rows > AT_ONCE and run.at >= since]


def job_of(run: ExportRun) -> Job | None:
    return db.session.get(Job, run.job_id, populate_existing=True) if run.job_id else None


def file_of(run: ExportRun) -> Path | None:
    """Its file while it is there."""
    if not run.stored_name:
        return None
    path = path_of(run.stored_name, directory_of_files())
    return path if path.is_file() else None


def name_of(run: ExportRun) -> str:
    return f"{TITLE}-{run.at.astimezone(SHANGHAI):%Y%m%d-%H%M}-{run.id}.{run.shape}"


def forget_old(at: datetime) -> int:
    """Exports and their files after a week. Says how many files went."""
    with writing():
        db.session.execute(delete(ExportRun).where(ExportRun.at < at - KEPT))
        db.session.commit()
    where = directory_of_files()
    return len(sweep(where, _known, at - UNFINISHED)) if where.is_dir() else 0


def _known(names: list[str]) -> list[str]:
    wanted = select(ExportRun.stored_name).where(ExportRun.stored_name.in_(names))
    return [name for name in db.session.scalars(wanted) if name is not None]
