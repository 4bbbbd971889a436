"""The columns of 台账 as offices keep it, and what stands in a row's cells. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from ..appeals.lifecycle import BY_CODE, STATES
from ..appeals.record import NEVER
from ..catalogue.words import KINDS, SATISFACTION, SOLVED, URGENCIES
from ..config import SHANGHAI
from ..firms.phones import mask
from ..hotline.feedback_sheet import HIDDEN, hidden, without_numbers

Cell = str | int | date | datetime | None
"""A datetime without a zone is the time in Shanghai."""

ALWAYS: Final = (
    "id", "is_open", "state", "category_id", "lead_unit_id", "due_at", "on_time", "confidential",
    "appellant_name", "contact_name", "spot_name", "uscc", "plates",
)  # fmt: skip
"""Columns of an appeal that the summary and the masks need."""

PHONES_GIVEN: Final[dict[str, str]] = {"withheld": "保密", "none": "未留"}

STEPS: Final = 5
"""Lines of 办理进展, the last ones."""

TOLD: Final = (
    "accept", "decline", "assign", "change_lead", "add_assist", "pass_on", "sign_for", "receive",
    "contact", "relay", "progress", "ask_return", "rule_return", "ask_extension",
    "rule_extension", "hold", "ask_hold", "rule_hold", "review_hold", "resume", "urge", "order",
    "answer", "answer_directly", "send_back", "review", "attempt", "call_back", "uphold",
    "refuse_closing", "close", "recur", "reopen", "join", "unjoin", "withdraw", "raise",
)  # fmt: skip
"""Entries that 办理进展 tells. Instructions are never among them."""

WITH_NOTE: Final = ("progress", "contact", "relay", "review_hold")
"""Those of them that are told with their words. Talks of a call-back are not: they name people."""

AGAIN: Final = frozenset({"registered", "accepted", "assigned"})
"""States in which an appeal has no answer, or an earlier one that did not hold."""


class Names(Protocol):
    """What a catalogue says for its codes."""

    def category_name(self, category_id: int | None) -> str: ...
    def channel_name(self, code: str) -> str: ...
    def outcome_name(self, code: str) -> str: ...


class Step(NamedTuple):
    """An entry as 办理进展 tells it."""

    at: datetime
    verb: str
    unit_id: int | None
    unit: str
    """As it was called then."""
    note: str


@dataclass
class Beside:
    """What stands of an appeal in other tables."""

    orders: list[str] = field(default_factory=list)
    handler: tuple[str, str] = ("", "")
    assists: list[int] = field(default_factory=list)
    due_at: datetime | None = None
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Telling:
    """How cells are told to whoever exports."""

    names: Names
    units: Mapping[int, str]
    at: datetime
    whole: bool
    """Whether numbers stand in full; never those of a confidential appellant."""

    def number(self, row: Any, number: str | None) -> str:
        if not number:
            return ""
        return number if self.whole and not row.confidential else mask(number)

    def words(self, row: Any, text: str) -> str:
        """Without numbers; for whoever may not know the appellant, without what tells him."""
        if row.confidential and not row.knows:
            names = {row.appellant_name, row.contact_name, row.spot_name, row.uscc}
            text = hidden(text, {*names, *row.plates.split()})
        return text if self.whole and not row.confidential else without_numbers(text)

    def identity(self, row: Any, text: str) -> str:
        return HIDDEN if text and row.confidential and not row.knows else text


@dataclass(frozen=True)
class Column:
    code: str
    group: str
    title: str
    width: int
    """So that all usual ones can be read on A3, and the narrow choice on A4."""
    told: Callable[[Any, Beside, Telling], Cell]
    needs: tuple[str, ...] = ()
    """Columns of the appeal."""
    beside: str = ""
    """What else it needs: orders, assignments, deadlines, steps."""
    usual: bool = True
    """Whether it stands there unless one says otherwise."""


def _day(at: datetime | None) -> Cell:
    return None if at is None or at == NEVER else at.astimezone(SHANGHAI).date()


def _end(at: datetime | None) -> Cell:
    """A due time: the day where it ends with the day, else to the minute."""
    if at is None or at == NEVER:
        return None
    local = at.astimezone(SHANGHAI)
    if (local.hour, local.minute) == (0, 0):
        return local.date() - timedelta(days=1)
    return local.replace(tzinfo=None, second=0, microsecond=0)


def is_late(row: Any, at: datetime) -> bool | None:
    """Of an open one whether it is overdue now, of another whether its answer came too late; None
    where there was no limit."""
    if row.is_open:
        return None if row.due_at == NEVER else bool(row.due_at < at)
    return None if row.on_time is None else not row.on_time


def _late(row: Any, _beside: Beside, told: Telling) -> Cell:
    late = is_late(row, told.at)
    return "" if late is None else "是" if late else "否"


def _phone(row: Any, _beside: Beside, told: Telling) -> Cell:
    if row.phone_given in PHONES_GIVEN:
        return PHONES_GIVEN[row.phone_given]
    if row.confidential and not row.knows:
        return HIDDEN
    return told.number(row, row.phone)


def _handler(row: Any, beside: Beside, told: Telling) -> Cell:
    name, number = beside.handler
    shown = number if told.whole else mask(number)
    return f"{name} {shown}".strip()


def _is_in_hand(row: Any) -> bool:
    return (row.held_from if row.state == "held" else row.state) in AGAIN


def _is_answered(row: Any) -> bool:
    """What was answered and is handled again is not yet answered."""
    return row.answered_at is not None and not _is_in_hand(row)


def _is_called(row: Any) -> bool:
    """The appellant was asked about the answer that stands, not about the one before."""
    if _is_in_hand(row):
        return False
    return None in (row.called_at, row.answered_at) or row.called_at >= row.answered_at


def _result(row: Any, _beside: Beside, told: Telling) -> Cell:
    if not _is_answered(row):
        return ""
    outcome = told.names.outcome_name(row.outcome) if row.outcome else ""
    reply = told.words(row, row.public_reply)
    return f"{outcome}：{reply}" if outcome and reply else outcome or reply


def _steps(row: Any, beside: Beside, told: Telling) -> Cell:
    lines = []
    for step in beside.steps:
        day = step.at.astimezone(SHANGHAI).date()
        kind = BY_CODE.get(step.verb)
        unit = told.units.get(step.unit_id or 0, step.unit)
        line = f"{day} {unit}{kind.done if kind else step.verb}"
        lines.append(f"{line}：{told.words(row, step.note)}" if step.note else line)
    return "\n".join(lines)


def _remarks(row: Any, _beside: Beside, _told: Telling) -> Cell:
    said = (
        (row.state == "held", "挂账跟踪"),
        (not row.is_open and row.state != "closed", STATES[row.state]),
        (row.joined_count > 0, "并案主件"),
        (row.master_id is not None and row.state != "merged", "并案件"),
        (row.coordination_asked, "提请协调"),
        (row.recurred_at is not None, "再次反映"),
        (row.stranded, "车辆滞留"),
        (row.white_list, "白名单企业"),
        (row.confidential, "要求保密"),
        (row.opening, "期初导入"),
    )
    return "；".join(words for there, words in said if there)


CALLED: Final = ("called_at", "answered_at", "held_from")

GROUPS: Final[dict[str, str]] = {
    "basic": "基本情况",
    "given": "交办情况",
    "handled": "办理情况",
    "called": "回访销号",
    "remarks": "备注",
}

NUMBERED: Final = "serial"
"""序号: the writer counts."""


def _columns() -> Iterable[Column]:
    yield Column(NUMBERED, "basic", "序号", 4, lambda r, b, t: None)
    yield Column("number", "basic", "编号", 12, lambda r, b, t: r.label, ("label",))
    yield Column(
        "registered",
        "basic",
        "登记日期",
        10,
        lambda r, b, t: _day(r.registered_at),
        ("registered_at",),
    )
    yield Column(
        "channel",
        "basic",
        "来源",
        8,
        lambda r, b, t: t.names.channel_name(r.channel),
        ("channel",),
    )
    yield Column(
        "order", "basic", "外部工单号", 13, lambda r, b, t: "、".join(b.orders), beside="orders"
    )
    yield Column(
        "appellant",
        "basic",
        "企业（诉求人）",
        16,
        lambda r, b, t: t.identity(r, r.appellant_name),
    )
    yield Column("contact", "basic", "联系人", 7, lambda r, b, t: t.identity(r, r.contact_name))
    yield Column("phone", "basic", "电话", 12, _phone, ("phone", "phone_given"))
    yield Column(
        "category",
        "basic",
        "类别",
        10,
        lambda r, b, t: t.names.category_name(r.category_id) if r.category_id else "",
    )
    yield Column(
        "content", "basic", "诉求内容", 30, lambda r, b, t: t.words(r, r.content), ("content",)
    )
    yield Column(
        "uscc",
        "basic",
        "统一社会信用代码",
        19,
        lambda r, b, t: t.identity(r, r.uscc),
        usual=False,
    )
    yield Column(
        "kind", "basic", "诉求类型", 7, lambda r, b, t: KINDS[r.kind], ("kind",), usual=False
    )
    yield Column(
        "urgency", "given", "紧急程度", 5, lambda r, b, t: URGENCIES[r.urgency], ("urgency",)
    )
    yield Column(
        "lead",
        "given",
        "主办",
        10,
        lambda r, b, t: t.units.get(r.lead_unit_id, "") if r.lead_unit_id else "",
    )
    yield Column(
        "assists",
        "given",
        "协办",
        10,
        lambda r, b, t: "、".join(t.units.get(one, "") for one in b.assists),
        beside="assignments",
    )
    yield Column("handler", "given", "经办人及电话", 11, _handler, beside="assignments")
    yield Column(
        "assigned", "given", "交办日期", 10, lambda r, b, t: _day(r.assigned_at), ("assigned_at",)
    )
    yield Column("due", "given", "办结时限", 11, lambda r, b, t: _end(b.due_at), beside="deadlines")
    yield Column("progress", "handled", "办理进展", 28, _steps, beside="steps")
    yield Column(
        "result",
        "handled",
        "办理结果",
        20,
        _result,
        ("answered_at", "held_from", "outcome", "public_reply"),
    )
    yield Column(
        "answered",
        "handled",
        "办结日期",
        10,
        lambda r, b, t: _day(r.answered_at) if _is_answered(r) else None,
        ("answered_at", "held_from"),
    )
    yield Column("late", "handled", "是否超期", 5, _late)
    yield Column("state", "handled", "当前状态", 8, lambda r, b, t: STATES[r.state], usual=False)
    yield Column(
        "solved",
        "called",
        "是否解决",
        7,
        lambda r, b, t: SOLVED.get(r.solved, "") if _is_called(r) else "",
        ("solved", *CALLED),
    )
    yield Column(
        "satisfaction",
        "called",
        "满意度",
        7,
        lambda r, b, t: SATISFACTION.get(r.satisfaction, "") if _is_called(r) else "",
        ("satisfaction", *CALLED),
    )
    yield Column(
        "called",
        "called",
        "回访日期",
        10,
        lambda r, b, t: _day(r.called_at) if _is_called(r) else None,
        CALLED,
    )
    yield Column(
        "is_closed",
        "called",
        "是否销号",
        5,
        lambda r, b, t: "是" if r.state == "closed" else "否",
    )
    yield Column(
        "closed",
        "called",
        "销号日期",
        10,
        lambda r, b, t: _day(r.closed_at) if r.state == "closed" else None,
        ("closed_at",),
    )
    yield Column(
        "remarks", "remarks", "备注", 9, _remarks,
        ("joined_count", "master_id", "coordination_asked", "recurred_at", "stranded",
         "white_list", "opening"),
    )  # fmt: skip


COLUMNS: Final[dict[str, Column]] = {column.code: column for column in _columns()}

USUAL: Final = tuple(code for code, column in COLUMNS.items() if column.usual)

NARROW: Final = (
    "serial", "number", "registered", "appellant", "category", "content", "urgency", "lead",
    "due", "progress", "result", "late", "remarks",
)  # fmt: skip
"""Those of a sheet of A4."""

MOST: Final[dict[str, int]] = {"a3": len(COLUMNS), "a4": len(NARROW)}
"""By paper, so many columns can still be read on it."""

PAPERS: Final[dict[str, str]] = {"a3": "A3横向", "a4": "A4横向（最多13栏）"}


class BadColumns(ValueError):
    """They cannot be exported so; the message says why."""


def chosen(codes: Sequence[str], paper: str) -> tuple[Column, ...]:
    """The columns with these codes in the order of the sheet, the usual ones where none is named.

    Raises BadColumns.
    """
    unknown = [code for code in codes if code not in COLUMNS]
    if unknown:
        raise BadColumns(f"没有“{unknown[0]}”这一栏")
    wanted = set(codes) or set(NARROW if paper == "a4" else USUAL)
    found = tuple(column for code, column in COLUMNS.items() if code in wanted)
    if len(found) == 1 and found[0].code == NUMBERED:
        raise BadColumns("除序号外，至少选择一栏")
    if len(found) > MOST[paper]:
        raise BadColumns(f"A4纸最多{MOST[paper]}栏，已选{len(found)}栏，请减少栏目或改用A3")
    return found
