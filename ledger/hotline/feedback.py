"""承办单位反馈表: what units that work offline wrote on the sheet, recorded on their behalf.

A row names its appeal, its assignment and the version of the appeal it was written from. It goes
through the same verbs as on the page; what moved on since the sheet was made is a conflict, and is
never recorded over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from .. import sheets
from ..appeals import lifecycle
from ..appeals.behalf import NAME_LENGTH, Behalf
from ..appeals.models import Appeal
from ..appeals.outcomes import PARTICULARS
from ..appeals.parts import Assignment
from ..appeals.record import Invalid, Refused
from ..appeals.story import ON_BEHALF as SOURCES
from ..catalogue.queries import catalogue
from ..db import db, now
from ..deadlines.clocks import shown
from ..firms import phones
from ..people.actor import Actor, Seat
from ..trail.models import Entry, EntryText
from .intake import BATCH, Standing, Unusable
from .values import Reads

COLUMNS: sheets.Columns = {
    "number": ("台账编号", "编号"),
    "mark": ("核对码（请勿改动）", "核对码"),
    "unit": ("承办单位",),
    "title": ("标题",),
    "progress": ("办理进展", "进展情况"),
    "done": ("是否办结",),
    "outcome": ("办理结果",),
    "public_reply": ("对企业的答复", "答复内容"),
    "evidence": ("佐证（核实人、时间、方式、结果）", "佐证"),
    "handler": ("经办人及电话", "经办人"),
}

FILLED = ("progress", "done", "outcome", "public_reply", "evidence", "handler")
"""What the unit fills in; a row without any of it is passed over."""

SHEET = "sheet"
"""As story.ON_BEHALF calls the source."""

_LONGEST = 5000
_MARK = re.compile(r"(\d{1,15})-(\d{1,9})")
_PHONE = re.compile(r"\+?\d[\d\s()（）－-]{4,}\d(?:(?:转|#)\d{1,6})?")
_AROUND = re.compile(r"联系电话|联系方式|电话|手机|[\s，,、；;：:（）()]+")
_YES_NO = {"是": True, "已办结": True, "否": False, "未办结": False, "办理中": False}

PASSED_OVER = frozenset({"urge", "attempt"})
"""What may come in between without the sheet's being overtaken: it asks for this very answer."""


def recording_seat(actor: Actor) -> Seat | None:
    """The office post under which `actor` records what units write; None where he may not."""
    return next((seat for seat in actor.seats_as("coordinator") if seat.is_office), None)


@dataclass(frozen=True)
class FeedbackRow:
    """One row understood."""

    row: int
    number: str
    assignment_id: int
    version: int
    progress: str
    done: bool
    outcome: str
    public_reply: str
    evidence: str
    handler: str
    phone: str

    @property
    def key(self) -> str:
        return f"{self.number}/{self.assignment_id}"

    @property
    def matter(self) -> str:
        said = (self.progress, str(self.done), self.outcome, self.public_reply, self.evidence)
        return hashlib.sha256("\x1f".join(said).encode()).hexdigest()

    @property
    def words(self) -> str:
        return self.number

    @property
    def verb(self) -> str:
        return "answer" if self.done else "progress"

    @property
    def told(self) -> list[tuple[str, str]]:
        """What it says, labelled."""
        outcome = catalogue().outcome_name(self.outcome) if self.outcome else ""
        said = {
            "progress": self.progress,
            "outcome": outcome,
            "public_reply": self.public_reply,
            "evidence": self.evidence,
            "handler": f"{self.handler} {phones.mask(self.phone)}".strip(),
        }
        return [(COLUMNS[name][0], words) for name, words in said.items() if words]

    @property
    def text(self) -> dict[str, str]:
        content = "\n".join(f"{label}：{words}" for label, words in self.told)
        title = lifecycle.ON_BEHALF[self.verb]
        return {"title": title, "content": content, "assignment": str(self.assignment_id)}

    @property
    def behalf(self) -> Behalf:
        note = f"承办单位反馈表第{self.row}行"
        return Behalf(SHEET, self.handler, self.phone, note)


@dataclass(frozen=True)
class Change:
    """A row as it will be recorded, or why it will not."""

    row: int
    outcome: str
    """created, repeated, conflict or rejected."""
    number: str
    title: str = ""
    unit: str = ""
    label: str = ""
    told: Sequence[tuple[str, str]] = ()
    reason: str = ""
    stands: Sequence[tuple[str, str]] = ()
    """Of a conflict: what the ledger has."""


class Feedback:
    """The sheets of one office's offline units."""

    code = "feedback"
    channel = ""
    columns = COLUMNS
    required: tuple[str, ...] = ("number", "mark", "progress", "done")
    together = False
    valued: Mapping[str, Reads] = {}

    def __init__(self, office_id: int) -> None:
        self.office_id = office_id
        self.by: Actor | None = None
        self._appeals: dict[str, Appeal] = {}

    def ask_for(self, by: Actor) -> None:
        """Whom the table of acts is asked about."""
        self.by = by

    def understand(self, row: sheets.Row) -> FeedbackRow | None:
        cells = {name: row.cells.get(name, "").strip() for name in COLUMNS}
        if not any(cells[name] for name in FILLED):
            return None
        for name in FILLED:
            if len(cells[name]) > _LONGEST:
                raise Unusable(f"“{COLUMNS[name][0]}”超过{_LONGEST}字")
        if not cells["number"]:
            raise Unusable("没有台账编号，请用导出的反馈表填写")
        mark = _MARK.fullmatch(cells["mark"])
        if mark is None:
            raise Unusable("核对码已被改动，请重新导出反馈表填写")
        done = _done(cells)
        handler, phone = _handler(cells["handler"])
        if not cells["progress"]:
            raise Unusable("请填写“办理进展”")
        found = FeedbackRow(
            row=row.number,
            number=cells["number"],
            assignment_id=int(mark[1]),
            version=int(mark[2]),
            progress=cells["progress"],
            done=done,
            outcome=_outcome(cells["outcome"]) if done else "",
            public_reply=cells["public_reply"],
            evidence=cells["evidence"],
            handler=handler,
            phone=phone,
        )
        if not done and (cells["outcome"] or cells["public_reply"]):
            raise Unusable("填了办理结果或对企业的答复，“是否办结”却不是“是”，请核对")
        return found

    # -- what stands -----------------------------------------------------------------------

    def known(self, items: Sequence[FeedbackRow]) -> dict[str, Standing]:
        self._load(items)
        judged = ((item.key, self.judge(item)) for item in items)
        return {key: standing for key, standing in judged if standing is not None}

    def _load(self, items: Sequence[FeedbackRow], *, lock: bool = False) -> None:
        numbers = sorted({item.number for item in items if _is_sane(item.number)})
        wanted = (
            select(Appeal)
            .where(Appeal.number.in_(numbers), Appeal.office_id == self.office_id)
            .order_by(Appeal.id)
            .options(
                selectinload(Appeal.assignments),
                selectinload(Appeal.deadlines),
                selectinload(Appeal.requests),
            )
            .execution_options(populate_existing=True)
        )
        if lock:
            wanted = wanted.with_for_update(of=Appeal)
        self._appeals = {appeal.number: appeal for appeal in db.session.scalars(wanted)}

    def judge(self, item: FeedbackRow) -> Standing | None:
        """Why the row is not to be recorded; None where it is."""
        appeal = self._appeals.get(item.number)
        if appeal is None:
            return Standing("", refusal=f"没有编号为{item.number}的诉求，或不属于本办公室")
        given = _given(appeal, item)
        if given is None or item.version > appeal.version:
            return Standing("", refusal="核对码与台账编号不符，请重新导出反馈表填写")
        since = _since(appeal, item, given)
        if any(_said(entry, item, given) for entry in since):
            return Standing(item.matter, appeal.id)
        if since:
            told = "；".join(_sentence(entry) for entry in since[-3:])
            more = f"等{len(since)}项" if len(since) > 3 else ""
            return Standing("", appeal.id, clash=f"导出反馈表后本件已有变化：{told}{more}")
        assert self.by is not None, "ask_for() comes first"
        facts = appeal.facts(now(), self.by)
        verdict = lifecycle.may(item.verb, facts, self.by, given.id, on_behalf=True)
        if not verdict:
            return Standing("", appeal.id, refusal=verdict.reason.rstrip("。"))
        try:
            if item.done:
                Appeal.check_outcome(item.outcome, item.evidence, False, {}, now())
            if item.done and given.part == "lead":
                Appeal.check_reply(item.public_reply)
        except Invalid as problem:
            lacking = problem.field in PARTICULARS
            more = "；反馈表没有这一栏，请在诉求页面代录反馈" if lacking else ""
            return Standing("", appeal.id, refusal=f"{problem.reason}{more}")
        return None

    # -- recording -------------------------------------------------------------------------

    def prepare(self, items: Sequence[FeedbackRow]) -> None:
        """Their rows locked, in ascending id."""
        self._load(items, lock=True)

    def bring(self, item: FeedbackRow, *, by: Actor, at: datetime) -> Standing:
        standing = self.judge(item)
        if standing is not None:  # another hand came in between
            raise Invalid("number", standing.refusal or standing.clash)
        appeal = self._appeals[item.number]
        how: dict[str, Any] = {
            "behalf": item.behalf, "hand": item.assignment_id, "by": by, "at": at,
        }  # fmt: skip
        try:
            if item.done:
                appeal.answer(
                    item.outcome, item.progress, item.public_reply, evidence=item.evidence, **how
                )
            else:
                appeal.progress(item.progress, **how)
        except Refused as refused:
            raise Invalid("number", refused.reason.rstrip("。")) from refused
        return Standing(item.matter, appeal.id)

    # -- before it is recorded -------------------------------------------------------------

    def changes(self, sheet: sheets.Sheet) -> Iterator[Change]:
        """Every row as it will be, in the order of the file. Reads only."""
        rows = iter(sheet)
        seen: dict[str, str] = {}
        while some := list(islice(rows, BATCH)):
            understood = [(row, self._read(row)) for row in some]
            self._load([item for _, item in understood if isinstance(item, FeedbackRow)])
            for row, item in understood:
                if isinstance(item, str):
                    yield Change(row.number, "rejected", row.cells.get("number", ""), reason=item)
                elif item is not None:
                    yield self._change(item, before=seen.get(item.key, ""))
                    seen[item.key] = item.matter

    def _read(self, row: sheets.Row) -> FeedbackRow | str | None:
        if row.problems:
            return "；".join(row.problems)
        try:
            return self.understand(row)
        except Unusable as problem:
            return str(problem)

    def _change(self, item: FeedbackRow, *, before: str) -> Change:
        """`before`: the matter of an earlier row about the same assignment."""
        standing = self.judge(item)
        appeal = self._appeals.get(item.number)
        given = None if appeal is None else _given(appeal, item)
        outcome, reason = "created", ""
        if standing is not None:
            reason = standing.refusal or standing.clash or "已经录入"
            outcome = (
                "rejected" if standing.refusal else "conflict" if standing.clash else "repeated"
            )
        elif before:
            outcome = "repeated" if before == item.matter else "conflict"
            reason = "表中前面已有这一交办件的一行"
        return Change(
            row=item.row,
            outcome=outcome,
            number=item.number,
            title=appeal.title if appeal is not None else "",
            unit=given.unit.label if given is not None else "",
            label=lifecycle.ON_BEHALF[item.verb],
            told=item.told,
            reason=reason,
            stands=_stands(appeal, item.assignment_id)
            if appeal is not None and outcome == "conflict"
            else (),
        )


def ours(appeal: Appeal, theirs: Mapping[str, str], reason: str) -> dict[str, str]:
    """What the ledger has, beside a row in conflict with it."""
    stands = _stands(appeal, int(theirs.get("assignment", "0")))
    content = "\n".join([reason, *(f"{label}：{words}" for label, words in stands)])
    return {"title": appeal.title, "content": content}


def _stands(appeal: Appeal, assignment_id: int) -> list[tuple[str, str]]:
    """What the ledger has of an assignment: its answer, else what was last reported."""
    told = [("诉求状态", appeal.state_label)]
    given = next((a for a in appeal.assignments if a.id == assignment_id), None)
    if given is None:
        return told
    told.append(("交办件", lifecycle.ASSIGNMENT_STATES[given.state]))
    if given.account:
        return [
            *told,
            (COLUMNS["outcome"][0], catalogue().outcome_name(given.outcome)),
            ("内部办理情况", given.account),
            (COLUMNS["public_reply"][0], given.public_reply),
        ]
    last = db.session.scalar(
        select(EntryText.body)
        .join(Entry, Entry.id == EntryText.entry_id)
        .where(
            Entry.stream == appeal.stream,
            Entry.assignment_id == given.id,
            Entry.verb.in_(("progress", "contact")),
            EntryText.place == "note",
        )
        .order_by(Entry.seq.desc())
        .limit(1)
    )
    return [*told, ("最近一次反馈", last)] if last else told


def _given(appeal: Appeal, item: FeedbackRow) -> Assignment | None:
    return next((a for a in appeal.assignments if a.id == item.assignment_id), None)


def _since(appeal: Appeal, item: FeedbackRow, given: Assignment) -> list[Entry]:
    """What overtook the sheet: all that was done since it was made, but for what the ledger did by
    itself, what hurries the unit, and what other units did about their own part."""
    if item.version == appeal.version:
        return []
    entries = db.session.scalars(
        select(Entry)
        .where(Entry.stream == appeal.stream, Entry.seq > item.version)
        .order_by(Entry.seq)
        .options(selectinload(Entry.texts))
    )
    return [
        entry
        for entry in entries
        if entry.actor_kind != "system"
        and entry.verb not in PASSED_OVER
        and (
            entry.assignment_id in (None, given.id)
            or entry.verb not in lifecycle.ON_BEHALF
            or entry.from_state != entry.to_state
        )
    ]


def _said(entry: Entry, item: FeedbackRow, given: Assignment) -> bool:
    """Whether the entry is this very row, recorded before."""
    own = (entry.assignment_id, entry.on_behalf, entry.verb) == (given.id, SHEET, item.verb)
    if not own:
        return False
    if item.done:
        stands = (given.outcome, given.account, given.public_reply, given.evidence)
        return stands == (item.outcome, item.progress, item.public_reply, item.evidence)
    return any(text.place == "note" and text.body == item.progress for text in entry.texts)


def _sentence(entry: Entry) -> str:
    if entry.on_behalf:
        label = lifecycle.ON_BEHALF[entry.verb]
        label = f"{label}（{SOURCES.get(entry.on_behalf, entry.on_behalf)}）"
    else:
        label = lifecycle.BY_CODE[entry.verb].done
    return f"{shown(entry.at)} {entry.actor_name}{label}"


def _is_sane(number: str) -> bool:
    return number.isascii() and number.isprintable() and len(number) <= 40


def _done(cells: Mapping[str, str]) -> bool:
    told = cells["done"]
    if not told:
        if cells["outcome"] or cells["public_reply"]:
            raise Unusable("请填写“是否办结”：是或否")
        return False
    if told not in _YES_NO:
        raise Unusable(f"“是否办结”应填“是”或“否”，现为“{told[:20]}”")
    return _YES_NO[told]


def _outcome(told: str) -> str:
    names = dict(catalogue().outcome_choices())
    if not told:
        raise Unusable("已办结的，请填写“办理结果”")
    code = next((code for code, name in names.items() if told in (name, code)), None)
    if code is None:
        raise Unusable(f"办理结果“{told[:20]}”不在可选范围内，可填：{'、'.join(names.values())}")
    return code


def _handler(told: str) -> tuple[str, str]:
    """Name and number of whoever answered; the number may be missing."""
    found = _PHONE.search(told)
    phone = ""
    if found is not None:
        try:
            phone = phones.normalise(found[0])
        except phones.PhoneError as problem:
            raise Unusable(f"经办人及电话：{problem}") from problem
        told = told[: found.start()] + " " + told[found.end() :]
    name = " ".join(_AROUND.sub(" ", told).split())
    if not name:
        raise Unusable("请填写经办人及电话，如：李明 13800000000")
    if len(name) > NAME_LENGTH:
        raise Unusable(f"经办人姓名超过{NAME_LENGTH}字")
    return name, phone
