"""Lines of a reconciliation, settled: brought in, looked at again, or found in order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from .. import access
from ..appeals.record import Invalid
from ..db import db, writing
from ..people.actor import Actor
from ..web import Conflict, NotFound
from . import reconcile_words as words
from .intake import Taking
from .models import ImportLine
from .orders import COLUMNS as ORDER_COLUMNS
from .orders import Order
from .reconcile_models import Reconciliation, ReconciliationLine, StateWord
from .reconciling import BATCH, Standing, own_words
from .taking import Orders

GONE = "没有这次对账，或您无权查看。"
CLOSED = "这次对账已经结束，不能再改动。需要再核对的，请重新上传清单。"
UNFINISHED = "清单还没有核对完，请稍后刷新；仍未完成的，请重新上传同一清单。"
MOST_AT_ONCE = 1000
"""Rows brought in by one click."""
NOTE_LENGTH = 200


def locked(of: int, office_id: int) -> Reconciliation:
    """Inside a write, one that may still be changed. Raises NotFound, Conflict."""
    row = db.session.scalar(
        select(Reconciliation)
        .where(Reconciliation.id == of, Reconciliation.office_id == office_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound(GONE)
    if row.closed_at is not None:
        raise Conflict(CLOSED)
    if not row.finished:
        raise Conflict(UNFINISHED)
    return row


def lines_of(of: int, ids: Iterable[int]) -> Sequence[ReconciliationLine]:
    return db.session.scalars(
        select(ReconciliationLine)
        .where(
            ReconciliationLine.reconciliation_id == of,
            ReconciliationLine.id.in_(sorted(set(ids))),
        )
        .order_by(ReconciliationLine.id)
    ).all()


def unsettled(of: Iterable[int]) -> dict[int, dict[str, int]]:
    """How many lines of each finding wait for somebody, by the reconciliation's id."""
    found: dict[int, dict[str, int]] = {}
    rows = db.session.execute(
        select(
            ReconciliationLine.reconciliation_id,
            ReconciliationLine.finding,
            func.count(ReconciliationLine.id),
        )
        .where(
            ReconciliationLine.reconciliation_id.in_(list(of)),
            ReconciliationLine.settled_at.is_(None),
        )
        .group_by(ReconciliationLine.reconciliation_id, ReconciliationLine.finding)
    )
    for reconciliation_id, finding, number in rows:
        found.setdefault(reconciliation_id, {})[finding] = number
    return found


def found_in_all(of: int) -> dict[str, int]:
    """Lines of each finding, settled ones too."""
    rows = db.session.execute(
        select(ReconciliationLine.finding, func.count(ReconciliationLine.id).label("number"))
        .where(ReconciliationLine.reconciliation_id == of)
        .group_by(ReconciliationLine.finding)
    )
    return {row.finding: row.number for row in rows}


def _settle(line: ReconciliationLine, how: str, by: Actor, at: datetime, note: str = "") -> None:
    line.settled_at, line.settled_how, line.note = at, how, note or None
    line.settled_by_id, line.settled_by_name = by.id, by.name


# -- 核对无误 -----------------------------------------------------------------------------------


def check_off(of: int, office_id: int, ids: Sequence[int], note: str, by: Actor) -> int:
    """核对无误: who, when and why; gives how many were settled. Raises Invalid."""
    if not ids:
        raise Invalid("line", "请先选择要处理的行")
    if not note.strip():
        raise Invalid("note", "请写明核对的情况，如“平台编号录错，已在平台更正”")
    if len(note) > NOTE_LENGTH:
        raise Invalid("note", f"说明最多{NOTE_LENGTH}个字")
    with writing() as at:
        locked(of, office_id)
        lines = [line for line in lines_of(of, ids) if line.settled_at is None]
        for line in lines:
            _settle(line, "checked", by, at, note.strip())
        if lines:
            subject = f"reconciliation/{of}"
            access.record("reconciliation_settled", subject, f"{len(lines)}行", at=at)
        db.session.commit()
        return len(lines)


# -- 导入 ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Brought:
    """What came of rows that were to be brought in."""

    run_id: int | None
    created: int
    known: int
    left: int
    """Not brought in, each with its reason on its line."""


def bring_in(of: int, office_id: int, ids: Sequence[int], by: Actor) -> Brought:
    """Rows that only their list has, through the engine of every import. Raises Invalid; Refused
    where `by` may not register."""
    if not ids:
        raise Invalid("line", "请先选择要导入的行")
    row = db.session.scalar(
        select(Reconciliation).where(Reconciliation.id == of, Reconciliation.office_id == office_id)
    )
    if row is None:
        raise NotFound(GONE)
    if row.closed_at is not None:
        raise Conflict(CLOSED)
    channel = row.channel
    lines = [
        (line.id, json.loads(line.theirs))
        for line in lines_of(of, ids[:MOST_AT_ONCE])
        if line.finding == "theirs_only" and line.theirs and line.settled_at is None
    ]
    if not lines:
        return Brought(None, 0, 0, 0)
    data = as_file([cells for _, cells in lines])
    taking = Taking[Order](Orders(channel, office_id), office_id=office_id, by=by)
    summary = taking.take(data, f"对账{of}导入.csv")
    with writing() as at:
        became = {
            line.row_number: line
            for line in db.session.scalars(
                select(ImportLine).where(ImportLine.run_id == summary.run_id)
            )
        }
        standing = {line.id: line for line in lines_of(of, [line_id for line_id, _ in lines])}
        left = 0
        for place, (line_id, _) in enumerate(lines, FIRST_ROW):
            line, taken = standing[line_id], became.get(place)
            if taken is None or line.settled_at is not None:
                continue
            line.appeal_id, line.reason = taken.appeal_id, taken.reason
            if taken.outcome in ("created", "repeated"):
                _settle(line, "imported" if taken.outcome == "created" else "known", by, at)
                line.theirs = None  # what it said stands with the appeal now
            else:
                left += 1
        db.session.commit()
    return Brought(summary.run_id, summary.created, summary.repeated, left)


FIRST_ROW = 2
"""Of a file with its header in the first row."""


def as_file(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Rows as the file of orders that they would have been sent in."""
    fields = [name for name in ORDER_COLUMNS if any(cells.get(name) for cells in rows)]
    for name in Orders.required:
        if name not in fields:
            fields.append(name)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([ORDER_COLUMNS[name][0] for name in fields])
    for cells in rows:
        writer.writerow([cells.get(name, "") for name in fields])
    return out.getvalue().encode("utf-8-sig")


def waiting_to_come_in(of: int) -> list[int]:
    """Lines that only their list has and nobody settled, the first of them."""
    return list(
        db.session.scalars(
            select(ReconciliationLine.id)
            .where(
                ReconciliationLine.reconciliation_id == of,
                ReconciliationLine.finding == "theirs_only",
                ReconciliationLine.settled_at.is_(None),
            )
            .order_by(ReconciliationLine.id)
            .limit(MOST_AT_ONCE)
        )
    )


# -- 重新核对 -----------------------------------------------------------------------------------


def look_again(of: int, office_id: int, by: Actor) -> int:
    """Lines that wait, laid beside ours as it stands now; gives how many have come to agree.

    A row that was not read can be told by a newer list alone; what only ours has, too, unless it
    has ended.
    """
    after, agreed = 0, 0
    while True:
        with writing() as at:
            row = locked(of, office_id)
            own = own_words(office_id, row.channel)
            lines = db.session.scalars(
                select(ReconciliationLine)
                .where(
                    ReconciliationLine.reconciliation_id == of,
                    ReconciliationLine.settled_at.is_(None),
                    ReconciliationLine.finding != "unread",
                    ReconciliationLine.id > after,
                )
                .order_by(ReconciliationLine.id)
                .limit(BATCH)
            ).all()
            standing = Standing(row.source_system, {line.order_number for line in lines})
            for line in lines:
                after = line.id
                agreed += _again(line, standing, own, by, at)
            db.session.commit()
            if len(lines) < BATCH:
                return agreed


def _again(
    line: ReconciliationLine, standing: Standing, own: Mapping[str, str], by: Actor, at: datetime
) -> bool:
    ours = standing.of(line.order_number, line.sub_number)
    if ours is None:
        return False
    if line.finding == "theirs_only":
        line.appeal_id = ours.appeal_id
        _settle(line, "known", by, at)
        return True
    was, line.appeal_id, line.our_meaning = line.our_meaning, ours.appeal_id, ours.meaning
    if line.finding == "ours_only":
        if ours.meaning != "ended" or was == "ended":
            return False
        _settle(line, "agreed", by, at)
        return True
    if line.finding == "unknown":
        line.their_meaning = words.meaning_of(words.bare(line.their_word), own)
    differs = words.compared(line.their_word, line.their_meaning, ours.meaning)
    if differs:
        line.finding = differs
        return False
    _settle(line, "agreed", by, at)
    return True


def say_words(of: int, office_id: int, said: Mapping[str, str], by: Actor) -> int:
    """What words that nobody knew mean, for this hotline's lists from now on. Raises Invalid."""
    said = {words.folded(word): meaning for word, meaning in said.items() if meaning}
    said.pop("", None)
    if not said:
        raise Invalid("meaning", "请为至少一个状态选定含义")
    if set(said.values()) - set(words.MEANINGS):
        raise Invalid("meaning", "所选含义无效，请重新选择")
    with writing() as at:
        channel = locked(of, office_id).channel
        known = {
            row.word: row
            for row in db.session.scalars(
                select(StateWord).where(
                    StateWord.office_id == office_id,
                    StateWord.channel == channel,
                    StateWord.word.in_(said),
                )
            )
        }
        for word, meaning in said.items():
            row = known.get(word)
            if row is None:
                row = StateWord(office_id=office_id, channel=channel, word=word)
                db.session.add(row)
            row.meaning, row.saved_at, row.by_id, row.by_name = meaning, at, by.id, by.name
        db.session.commit()
    return look_again(of, office_id, by)


# -- 结束 ---------------------------------------------------------------------------------------


def close(of: int, office_id: int, by: Actor) -> None:
    """结束对账. Raises Conflict while a line waits."""
    with writing() as at:
        row = locked(of, office_id)
        waiting = sum(unsettled([of]).get(of, {}).values())
        if waiting:
            raise Conflict(f"还有{waiting}行没有处理，处理完才能结束对账。")
        row.closed_at, row.closed_by_id, row.closed_by_name = at, by.id, by.name
        # Rows that were not brought in have served their end.
        db.session.execute(
            update(ReconciliationLine)
            .where(
                ReconciliationLine.reconciliation_id == of,
                ReconciliationLine.theirs.is_not(None),
            )
            .values(theirs=None)
        )
        access.record("reconciliation_settled", f"reconciliation/{of}", "结束对账", at=at)
        db.session.commit()
