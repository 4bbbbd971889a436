"""What of a reconciliation is shown and handed out: its lines by page, and as a workbook."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from sqlalchemy import select

from ..appeals import lifecycle
from ..appeals.acts import ACTS, Act
from ..appeals.models import Appeal
from ..appeals.queries import visible_to
from ..config import SHANGHAI
from ..db import db
from ..deadlines.clocks import shown
from ..firms import phones
from ..people.actor import Actor
from ..sheets.harmless import guarded
from . import reconcile_words as words
from .feedback_sheet import without_numbers
from .orders import is_confidential
from .reconcile_models import Reconciliation, ReconciliationLine

LINES = 50
"""Lines a page."""
CHUNK = 1000
TOLD = 60
"""Characters of what a row says that are shown."""


@dataclass(frozen=True)
class Laid:
    """A line with the appeal it is about, where the reader may see that appeal."""

    line: ReconciliationLine
    number: str
    label: str
    state: str
    title: str
    acts: tuple[Act, ...] = ()
    confidential: bool = False

    @property
    def advice(self) -> str:
        line = self.line
        return line.reason or words.advice(line.finding, line.their_meaning, line.our_meaning)

    @property
    def owes_reply(self) -> bool:
        line = self.line
        return line.finding == "differs" and words.owes_reply(line.their_meaning, line.our_meaning)

    @property
    def way(self) -> str:
        return words.WAYS.get(self.line.settled_how or "", "")


@dataclass(frozen=True)
class Page:
    rows: Sequence[Laid]
    before: int | None
    after: int | None
    """Line numbers from which the neighbouring pages are read; None where there is none."""


def page(
    of: int,
    finding: str,
    actor: Actor,
    at: datetime,
    *,
    settled: bool,
    after: int | None = None,
    before: int | None = None,
) -> Page:
    """One page by key, read in either direction."""
    key = ReconciliationLine.id
    wanted = _joined(actor, at).where(
        ReconciliationLine.reconciliation_id == of,
        ReconciliationLine.finding == finding,
        ReconciliationLine.settled_at.is_not(None)
        if settled
        else ReconciliationLine.settled_at.is_(None),
    )
    if before is not None:
        wanted = wanted.where(key < before).order_by(key.desc())
    else:
        wanted = wanted.where(key > (after or 0)).order_by(key)
    rows = [_laid(row, actor) for row in db.session.execute(wanted.limit(LINES + 1))]
    more, rows = len(rows) > LINES, rows[:LINES]
    if before is not None:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    has_before = more if before is not None else bool(after)
    has_after = True if before is not None else more
    return Page(
        rows,
        rows[0].line.id if has_before else None,
        rows[-1].line.id if has_after else None,
    )


def _joined(actor: Actor, at: datetime) -> Any:
    day = at.astimezone(SHANGHAI).date()
    return select(
        ReconciliationLine,
        Appeal.number,
        Appeal.label,
        Appeal.title,
        Appeal.state,
        Appeal.round,
        Appeal.lead_signed,
        Appeal.undetermined,
        Appeal.asked,
        Appeal.confidential,
    ).outerjoin(Appeal, (Appeal.id == ReconciliationLine.appeal_id) & visible_to(actor, day))


def _laid(row: Any, actor: Actor) -> Laid:
    line: ReconciliationLine = row[0]
    if row.number is None:
        theirs: dict[str, str] = json.loads(line.theirs) if line.theirs else {}
        return Laid(line, "", "", "", _told(theirs), confidential=is_confidential(theirs))
    state = lifecycle.label(
        row.state,
        round_no=row.round,
        signed=row.lead_signed,
        undetermined=row.undetermined,
        asked=row.asked or 0,
    )
    wanted = words.acts_for(line.finding, line.their_meaning, line.our_meaning)
    acts = tuple(
        act for act in map(ACTS.get, wanted) if act is not None and _open(act, row.state, actor)
    )
    return Laid(line, row.number, row.label, state, row.title, acts, row.confidential)


def _open(act: Act, state: str, actor: Actor) -> bool:
    """Whether the table has the act for somebody of these roles in this state; whatever else
    stands in its way is said on its own page."""
    verb = lifecycle.BY_CODE[act.verbs[0]]
    return state in verb.frm and bool(actor.roles & set(verb.roles))


def _told(cells: Mapping[str, str]) -> str:
    """The first words of a row that only their list has, without numbers."""
    told = " ".join((cells.get("title") or cells.get("content", "")).split())
    return without_numbers(told if len(told) <= TOLD else f"{told[: TOLD - 1]}…")


def unknown_words(of: int) -> list[str]:
    """Words for a state that nobody knows yet, at most LINES."""
    rows = db.session.scalars(
        select(ReconciliationLine.their_word)
        .where(
            ReconciliationLine.reconciliation_id == of,
            ReconciliationLine.finding == "unknown",
            ReconciliationLine.settled_at.is_(None),
        )
        .distinct()
        .order_by(ReconciliationLine.their_word)
        .limit(LINES)
    )
    return list(dict.fromkeys(words.bare(word) for word in rows))


# -- as a workbook -----------------------------------------------------------------------------

_HEADS = (
    ("差异", 16), ("工单编号", 22), ("子单号", 10), ("原文件行", 9), ("平台状态", 16),
    ("台账编号", 20), ("台账状态", 14), ("标题", 40), ("联系电话", 16),
    ("处理", 16), ("处理人", 10), ("处理时间", 18), ("说明", 40),
)  # fmt: skip


def workbook(row: Reconciliation, actor: Actor, at: datetime) -> tuple[bytes, int]:
    """Every line, and how many there are."""
    import xlsxwriter

    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    sheet = book.add_worksheet("对账差异")
    head = book.add_format({"bold": True, "border": 1, "bg_color": "#E7E6E6", "num_format": "@"})
    plain = book.add_format({"valign": "top", "text_wrap": True, "border": 1, "num_format": "@"})
    for place, (title, width) in enumerate(_HEADS):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, head)
    sheet.freeze_panes(1, 2)
    number = 0
    for number, laid in enumerate(_all(row.id, actor, at), 1):
        for place, text in enumerate(_cells(laid)):
            sheet.write_string(number, place, guarded(text), plain)
    book.close()
    return out.getvalue(), number


def _all(of: int, actor: Actor, at: datetime) -> Iterator[Laid]:
    after = 0
    while True:
        rows = db.session.execute(
            _joined(actor, at)
            .where(ReconciliationLine.reconciliation_id == of, ReconciliationLine.id > after)
            .order_by(ReconciliationLine.id)
            .limit(CHUNK)
        ).all()
        for row in rows:
            yield _laid(row, actor)
            after = row[0].id
            db.session.expunge(row[0])
        if len(rows) < CHUNK:
            return


def _cells(laid: Laid) -> list[str]:
    line = laid.line
    theirs: dict[str, str] = json.loads(line.theirs) if line.theirs else {}
    return [
        words.FINDINGS[line.finding],
        line.order_number,
        line.sub_number,
        str(line.row_number or ""),
        line.their_word,
        laid.label,
        laid.state or words.MEANINGS.get(line.our_meaning, ""),
        "（为诉求人保密）" if laid.confidential else without_numbers(laid.title),
        _phone(theirs.get("phone", "")),
        laid.way or "待处理",
        line.settled_by_name or "",
        shown(line.settled_at) if line.settled_at else "",
        line.note or laid.advice,
    ]


def _phone(text: str) -> str:
    """Of what stood in the column of telephones, nothing that can be rung."""
    try:
        number = phones.normalise(text)
    except phones.PhoneError:
        return without_numbers(text)
    return phones.mask(number) if number else ""
