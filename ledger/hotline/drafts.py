"""A file between its upload and its taking in: kept on disk, its columns looked at and corrected.

What an office says of a header is remembered for the next file of the same header, office, kind
and channel. A draft is taken in once; its bytes go when it is wholly in, after a day where nobody
began to take it in, and after a week in any case.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import and_, delete, or_, select, union_all
from sqlalchemy.exc import IntegrityError

from .. import access, sheets
from ..db import config, db, writing
from ..files.check import INCOMING, CheckedFile, discard, keep, path_of, sweep
from ..files.naming import safe_name
from ..people.actor import Actor
from ..sheets import Column, Sheet, SheetError
from ..web import NotFound
from . import values
from .intake import Summary
from .kinds import KINDS, FileKind
from .models import ImportDraft, ImportMapping, ImportRun
from .taking import NoSuchChannel

KEPT = timedelta(days=1)
SHEET_KEPT = timedelta(days=7)
"""How long, from an import's beginning, what is not wholly in may be gone on with, and the sheet
with what became of each row may be fetched."""
MOST_BYTES = 20 * 1024 * 1024


class Gone(NotFound):
    """The draft, or what it is of, is no longer there."""

    def __init__(self) -> None:
        super().__init__(
            "没有这个待导入的文件，或您无权查看；上传一天后仍未导入的文件已自动清除，请重新上传。"
        )


class AlreadyTaken(Exception):
    """Somebody took the draft in already, or is about to."""

    def __init__(self, run_id: int) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class BadMapping(ValueError):
    """Columns cannot be understood so; the message says why."""


def directory() -> Path:
    """Where the bytes of drafts lie, apart from the attachments, which are kept for good."""
    return config().data_dir / "imports"


# -- the columns -------------------------------------------------------------------------------


def look(data: bytes, name: str, kind: FileKind, mapping: Mapping[str, str]) -> Sheet:
    """The table, also where a required column is still to be named. Raises SheetError."""
    try:
        return sheets.read(data, name, kind.columns, required=kind.required, mapping=mapping)
    except SheetError as problem:
        try:
            return sheets.read(data, name, kind.columns, mapping=mapping)
        except SheetError:
            # The first says more: which columns are looked for.
            raise problem from None


def missing(sheet: Sheet, kind: FileKind) -> list[str]:
    """What must be there and is not, as the office calls it."""
    return [kind.columns[name][0] for name in kind.required if name not in sheet.fields]


def choosable(sheet: Sheet) -> dict[str, Column]:
    """The columns whose meaning may be chosen, by key: they have a name, and it is the first such.

    The reader gives a column without a name its place for one; it cannot be told by that.
    """
    found: dict[str, Column] = {}
    for column in sheet.columns:
        if column.key and column.title != f"第{column.index + 1}列":
            found.setdefault(column.key, column)
    return found


def fingerprint(sheet: Sheet) -> str:
    """The same for the same names in any order."""
    return hashlib.sha256("\x1f".join(sorted(c.key for c in sheet.columns)).encode()).hexdigest()


def mapping_of(draft: ImportDraft) -> dict[str, str]:
    found: dict[str, str] = json.loads(draft.mapping) if draft.mapping else {}
    return found


def mark_of(draft: ImportDraft) -> str:
    """Tells how columns and words are understood from another way to, for whoever tried a file and
    now wants it taken in."""
    said = values.mark(draft.office_id, channel_of(draft))
    return hashlib.sha256(f"{draft.mapping}{said}".encode()).hexdigest()[:16]


def channel_of(draft: ImportDraft) -> str:
    """The channel under which its words are remembered."""
    try:
        return KINDS[draft.kind].make(draft.office_id, draft.channel).channel
    except NoSuchChannel:
        return draft.channel


def merged(
    sheet: Sheet, kind: FileKind, old: Mapping[str, str], chosen: Mapping[str, str]
) -> dict[str, str] | None:
    """The mapping after a person chose; None where all stays as it was. Raises BadMapping."""
    now = {key: column.field or "" for key, column in choosable(sheet).items()}
    wanted = {key: chosen.get(key, field) for key, field in now.items()}
    if wanted == now:
        return None
    named: dict[str, str] = {}
    for key, field in wanted.items():
        if not field:
            continue
        if field not in kind.columns:
            raise BadMapping("对应的栏目无效，请重新选择")
        title = choosable(sheet)[key].title
        if field in named:
            raise BadMapping(
                f"“{named[field]}”和“{title}”都对应了“{kind.columns[field][0]}”，只能选其中一列"
            )
        named[field] = title
    return {**old, **wanted}


def _recalled(kind: FileKind, channel: str, office_id: int, mark: str) -> ImportMapping | None:
    return db.session.scalar(
        select(ImportMapping).where(
            ImportMapping.office_id == office_id,
            ImportMapping.kind == kind.code,
            ImportMapping.channel == channel,
            ImportMapping.fingerprint == mark,
        )
    )


def correct(draft_id: int, kind: FileKind, mapping: Mapping[str, str], by: Actor) -> None:
    """Keep the mapping, for this draft and for the next file of its header.

    Raises SheetError where the header can no longer be found so, Gone, AlreadyTaken.
    """
    draft = db.session.get_one(ImportDraft, draft_id)
    data = load(draft)
    before = look(data, draft.file_name, kind, mapping_of(draft))
    after = look(data, draft.file_name, kind, mapping)
    if after.header.rows != before.header.rows:
        raise SheetError(
            f"按这样的对应关系，表头会落到第{after.header_row}行，请至少为两列选择栏目后再试"
        )
    text = json.dumps(dict(sorted(mapping.items())), ensure_ascii=False)
    with writing() as at:
        draft = _locked(draft_id)
        draft.mapping = text
        where = (kind, draft.channel, draft.office_id, draft.fingerprint)
        known = _recalled(*where)
        if known is None:
            known = ImportMapping(
                kind=kind.code,
                channel=draft.channel,
                office_id=draft.office_id,
                fingerprint=draft.fingerprint,
                **_said(text, at, by),
            )
            try:
                with db.session.begin_nested():
                    db.session.add(known)
            except IntegrityError:  # a colleague's draft of the same header, at the same moment
                known = _recalled(*where)
                assert known is not None
        for name, value in _said(text, at, by).items():
            setattr(known, name, value)
        db.session.commit()


def _said(text: str, at: datetime, by: Actor) -> dict[str, object]:
    return {"mapping": text, "saved_at": at, "by_id": by.id, "by_name": by.name}


# -- the draft ---------------------------------------------------------------------------------


def begin(
    data: bytes, filename: str, kind: FileKind, *, channel: str, office_id: int, by: Actor
) -> int:
    """Keep an uploaded file and give its draft's id. Raises SheetError for what is no table."""
    if len(data) > MOST_BYTES:
        raise SheetError(
            f"文件有{len(data) / 1024 / 1024:.1f}MB，超过{MOST_BYTES // 1024 // 1024}MB的上限，"
            "请分成几个文件导入"
        )
    # Before its name is made fit for keeping: a lock file is told by how its name begins.
    name = "".join(char for char in filename if char.isprintable())
    sheet = look(data, name, kind, {})
    mark = fingerprint(sheet)
    known = _recalled(kind, channel, office_id, mark)
    fits = known is not None and _still_fits(data, name, kind, known.mapping, sheet)
    mapping = known.mapping if known is not None and fits else ""
    kept = _store(data, safe_name(name))
    try:
        stored_name = keep(kept, directory())
        with writing() as at:
            draft = ImportDraft(
                kind=kind.code,
                channel=channel,
                office_id=office_id,
                file_name=kept.name,
                file_sha256=kept.sha256,
                stored_name=stored_name,
                size=kept.size,
                fingerprint=mark,
                mapping=mapping,
                created_at=at,
                by_id=by.id,
                by_name=by.name,
            )
            db.session.add(draft)
            db.session.commit()
            return draft.id
    finally:
        discard(kept)  # there only where it could not be kept


def _still_fits(data: bytes, name: str, kind: FileKind, mapping: str, plain: Sheet) -> bool:
    """What was said of the header may name a column that is no longer asked for."""
    said = json.loads(mapping)
    if not set(said.values()) <= {"", *kind.columns}:
        return False
    with suppress(SheetError):
        return look(data, name, kind, said).header.rows == plain.header.rows
    return False


def _store(data: bytes, name: str) -> CheckedFile:
    incoming = directory() / INCOMING
    incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, temporary = tempfile.mkstemp(dir=incoming)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    digest = hashlib.sha256(data).hexdigest()
    return CheckedFile(name, "application/octet-stream", len(data), digest, Path(temporary))


def load(draft: ImportDraft) -> bytes:
    """The bytes that were uploaded. Raises Gone, AlreadyTaken."""
    if draft.run_id is not None:
        raise AlreadyTaken(draft.run_id)
    draft_id = draft.id
    try:
        data = path_of(draft.stored_name, directory()).read_bytes()
    except FileNotFoundError:
        # Perhaps another window took it in since this one looked.
        db.session.rollback()
        _locked(draft_id)
        raise Gone from None
    if hashlib.sha256(data).hexdigest() != draft.file_sha256:
        raise Gone
    return data


def try_out(draft: ImportDraft, kind: FileKind, by: Actor) -> Summary:
    """试导入. Raises SheetError, NoSuchChannel, Gone, AlreadyTaken."""
    data = load(draft)
    taking = kind.taking(
        office_id=draft.office_id, channel=draft.channel, by=by, mapping=mapping_of(draft)
    )
    return taking.weigh(data, draft.file_name)


def unknown(draft: ImportDraft, kind: FileKind, by: Actor) -> list[values.Unknown]:
    """The words of its columns that nobody said the meaning of. Raises as `try_out`."""
    taking = kind.taking(
        office_id=draft.office_id, channel=draft.channel, by=by, mapping=mapping_of(draft)
    )
    if not taking.kind.valued:
        return []
    return values.ask(taking.open(load(draft), draft.file_name), taking.words)


def changes(draft: ImportDraft, kind: FileKind, by: Actor) -> Sequence[Any]:
    """Every row as it will be, where the kind says so. Raises as `try_out`."""
    if kind.changes is None:
        return ()
    taking = kind.taking(
        office_id=draft.office_id, channel=draft.channel, by=by, mapping=mapping_of(draft)
    )
    return kind.changes(taking.kind, taking.open(load(draft), draft.file_name))


def release(draft_id: int, run_id: int) -> None:
    """Nothing of it went in: let it be tried again."""
    with writing():
        draft = db.session.get(ImportDraft, draft_id, with_for_update=True, populate_existing=True)
        if draft is not None and draft.run_id == run_id:
            draft.run_id = None
            db.session.commit()


def claim(draft_id: int, run: ImportRun) -> None:
    """Inside the write that begins the run. Raises Gone, AlreadyTaken."""
    _locked(draft_id).run_id = run.id
    access.record("file_imported", subject=f"import/{run.id}", detail=run.kind, at=run.begun_at)


def of_run(run_id: int) -> ImportDraft | None:
    """What a run takes in; None where a command did."""
    return db.session.scalar(select(ImportDraft).where(ImportDraft.run_id == run_id))


def still_there(draft: ImportDraft) -> bool:
    return path_of(draft.stored_name, directory()).is_file()


def bytes_of(draft: ImportDraft) -> bytes:
    """Those of a draft that is being taken in. Raises Gone."""
    try:
        data = path_of(draft.stored_name, directory()).read_bytes()
    except FileNotFoundError:
        raise Gone from None
    if hashlib.sha256(data).hexdigest() != draft.file_sha256:
        raise Gone
    return data


def forget_bytes(draft: ImportDraft) -> None:
    path_of(draft.stored_name, directory()).unlink(missing_ok=True)


def _locked(draft_id: int) -> ImportDraft:
    """Inside a write. Raises Gone, AlreadyTaken."""
    draft = db.session.get(ImportDraft, draft_id, with_for_update=True, populate_existing=True)
    if draft is None:
        raise Gone
    if draft.run_id is not None:
        raise AlreadyTaken(draft.run_id)
    return draft


# -- tidying up --------------------------------------------------------------------------------


def delete_old(at: datetime) -> int:
    """Forget what was not taken in within a day, and all bytes that no draft or import needs."""
    limit = at - KEPT
    with writing():
        old = delete(ImportDraft).where(
            ImportDraft.created_at < limit, ImportDraft.run_id.is_(None)
        )
        db.session.execute(old)
        db.session.commit()
    where = directory()
    if not where.is_dir():
        return 0
    return len(sweep(where, partial(_needed, since=at - SHEET_KEPT), older_than=limit))


def _needed(names: list[str], since: datetime) -> list[str]:
    """Of these: files that wait for their import or are not wholly in, and sheets that tell what
    became of each row."""
    recent = ImportRun.begun_at >= since
    files = (
        select(ImportDraft.stored_name)
        .outerjoin(ImportRun, ImportRun.id == ImportDraft.run_id)
        .where(
            ImportDraft.stored_name.in_(names),
            or_(ImportDraft.run_id.is_(None), and_(recent, ImportRun.finished.is_(False))),
        )
    )
    sheets_ = select(ImportRun.sheet_name).where(ImportRun.sheet_name.in_(names), recent)
    known = [name for name in db.session.scalars(union_all(files, sheets_)) if name]
    db.session.rollback()  # no read transaction stays open while the disk is walked
    return known
