"""A listed row as the screen says it: one line of the ledger, of a desk or of a firm's page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Row

from ..catalogue.queries import Catalogue, catalogue
from ..catalogue.words import KINDS, URGENCIES
from ..config import SHANGHAI
from ..deadlines import clocks
from ..deadlines.calendar import Calendar, local_day
from ..deadlines.queries import load_calendar
from ..people.actor import Actor
from ..people.directory import directory
from ..people.regions import region_name
from . import lifecycle
from .lifecycle import ENDS, Facts, Verdict
from .record import NEVER

STAGES: dict[str, str] = {
    "accept": "受理、交办",
    "assign": "交办",
    "answer": "办结",
    "rework": "重办",
    "review": "审核",
    "call_back": "回访",
    "close": "销号",
    "hold_review": "挂账复核",
}
"""What is due, by the clock that the appeal is judged by."""

HIDDEN = "保密"


@dataclass(frozen=True)
class Act:
    """A verb that whoever reads the line may do now."""

    label: str
    url: str
    at_once: bool
    """By one click, without a form."""


class Line(NamedTuple):
    """Not a dataclass: a list makes fifty of them, and these are made four times as fast."""

    id: int
    number: str
    label: str
    title: str
    appellant: str
    hidden: bool
    """The appellant is 保密 for whoever reads this."""
    category: str
    kind: str
    channel: str
    region: str
    office: str
    unit: str
    state: str
    tone: str
    marks: tuple[tuple[str, str], ...]
    """(words, tone) beside the state."""
    urgency: str
    urgency_tone: str
    time: str
    light: str
    due: str
    """A sentence for the tooltip of the time left."""
    registered: str
    registered_day: str
    waits_for: str
    """Whose turn it is, in words, for those whose turn it is not; '' where it is the unit's,
    which the line names."""
    act: Act | None = None
    row: Row[Any] | None = None

    @property
    def url(self) -> str:
        return f"/appeals/{self.number}"


def lines(rows: Iterable[Row[Any]], at: datetime, acts: dict[int, Act] | None = None) -> list[Line]:
    """The rows in words; with the act that each offers, where `acts` names one."""
    words = Words(at)
    return [words.line(row, (acts or {}).get(row.id)) for row in rows]


class Words:
    """What the lines of one page say alike is looked up once."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.year = at.astimezone(SHANGHAI).year
        self.book = catalogue()
        self.calendar = load_calendar()
        self.units = directory().units
        self._times: dict[Any, tuple[str, str, str]] = {}

    def line(self, row: Row[Any], act: Act | None) -> Line:
        time, light, due = self.time(row)
        lead = self.units.get(row.lead_unit_id or 0)
        local = row.registered_at.astimezone(SHANGHAI)
        day = local.date().isoformat()
        knows, state, urgency = row.knows, row.state, row.urgency
        return Line(
            id=row.id,
            number=row.number,
            label=row.label,
            title=row.title,
            appellant=row.appellant_name if knows else HIDDEN,
            hidden=not knows,
            category=_leaf(self.book, row.category_id),
            kind=KINDS.get(row.kind, row.kind),
            channel=self.book.channel_name(row.channel),
            region=region_name(row.region_code) or row.region_code,
            office=self.units[row.office_id].label,
            unit=lead.label if lead is not None else "",
            state=_state(state, row.round, row.lead_signed, row.undetermined, row.asked),
            tone="end" if state in ENDS else "now" if state in _AT_OFFICE else "",
            marks=_marks(row),
            urgency=URGENCIES.get(urgency, urgency),
            urgency_tone=_URGENT.get(urgency, ""),
            time=time,
            light=light,
            due=due,
            registered=f"{local:%m-%d %H:%M}" if local.year == self.year else day,
            registered_day=day,
            waits_for="待认定"
            if row.undetermined and state == "reviewed"
            else _WAITS.get(state, ""),
            act=act,
            row=row,
        )

    def time(self, row: Row[Any]) -> tuple[str, str, str]:
        """As time_words; many of a page end alike."""
        key = (
            (row.due_at, row.warn_at <= self.at, row.due_spec, row.due_stage, row.opening)
            if row.is_open
            else row.closed_at
        )
        found = self._times.get(key)
        if found is None:
            found = self._times[key] = time_words(row, self.at, self.calendar)
        return found


_state = lru_cache(maxsize=256)(
    lambda state, round_no, signed, undetermined, asked: lifecycle.label(
        state,
        round_no=round_no,
        signed=bool(signed),
        undetermined=bool(undetermined),
        asked=asked or 0,
    )
)
_AT_OFFICE = frozenset({"registered", "accepted", "answered", "confirmed"})
_URGENT = {"critical": "bad", "urgent": "now"}
_WAITS = {
    "registered": "待办公室受理",
    "accepted": "待办公室交办",
    "joined": "随主件办理",
    "answered": "待办公室审核",
    "reviewed": "待回访",
    "confirmed": "待销号审批人销号",
    "held": "挂账跟踪",
}


def time_words(row: Row[Any], at: datetime, calendar: Calendar) -> tuple[str, str, str]:
    """Time left in words, its light, and the sentence behind it; for what has ended, since when."""
    if not row.is_open:
        if row.closed_at is not None:
            return f"{row.closed_at.astimezone(SHANGHAI).date().isoformat()}销号", "", ""
        return "", "", ""
    if row.due_at >= NEVER - timedelta(days=2):
        return ("未设时限" if row.opening else "不计时"), "", ""
    words = clocks.words(at, row.due_at, row.due_spec, calendar)
    light = clocks.light_of(at, row.warn_at, row.due_at)
    stage = STAGES.get(row.due_stage, "")
    due = f"应于{clocks.shown_end(row.due_at)}前{stage}"
    return words, light, due


def _leaf(book: Catalogue, category_id: int | None) -> str:
    found = book.categories.get(category_id or 0)
    return found.name if found is not None else ""


def _marks(row: Row[Any]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    if row.instructed:
        found.append(("领导批办件", "now"))
    if row.stranded and row.is_open:
        found.append(("车辆滞留", "bad"))
    if (row.asked or 0) & lifecycle.EXTENSION and row.is_open:
        found.append(("延期待审批", "now"))
    if row.master_id is not None and row.state != lifecycle.MERGED:
        found.append(("并案", ""))
    elif row.joined_count:
        found.append(("并案主件", ""))
    if (row.asked or 0) & lifecycle.HOLD and row.is_open:
        found.append(("挂账待审批", "now"))
    if row.details_asked and row.is_open:
        found.append(("待补充", ""))
    if row.recurred_at is not None and not row.is_open:
        found.append(("再次反映", "bad"))
    if row.rework_suggested_at is not None:
        found.append(("建议重办", "bad"))
    if row.close_stopped and row.is_open:
        found.append(("热线回访不满意", "bad"))
    if row.opening:
        found.append(("期初", ""))
    return tuple(found)


NEXT = (
    "accept",
    "assign",
    "sign_for",
    "sign_off",
    "answer",
    "review",
    "uphold",
    "close",
    "call_back",
)
"""The acts that carry an appeal on; the first that is allowed now is offered in the row."""

ON_BEHALF = ("sign_for_on_behalf", "answer_on_behalf")
"""What the office does for a unit that works offline."""

AT_ONCE = frozenset({"sign_for"})


def next_acts(
    facts: dict[int, Facts], rows: Iterable[Row[Any]], actor: Actor, wanted: tuple[str, ...] = NEXT
) -> dict[int, Act]:
    """By the appeals' ids: the first of `wanted` that `actor` may do now."""
    found: dict[int, Act] = {}
    for row in rows:
        for code in wanted:
            on_behalf = code in ON_BEHALF
            verb = lifecycle.BY_CODE[code.removesuffix("_on_behalf") if on_behalf else code]
            if lifecycle.may(verb.code, facts[row.id], actor, on_behalf=on_behalf):
                url = f"/appeals/{row.number}/{code.replace('_', '-')}"
                label = lifecycle.ON_BEHALF[verb.code] if on_behalf else verb.label
                found[row.id] = Act(label, url, code in AT_ONCE)
                break
    return found


def refusals(facts: dict[int, Facts], actor: Actor, code: str) -> dict[int, str]:
    """By the appeals' ids: why `actor` may not do `code`."""
    verdicts: dict[int, Verdict] = {i: lifecycle.may(code, f, actor) for i, f in facts.items()}
    return {i: v.reason for i, v in verdicts.items() if not v}


def days_held(since: datetime | None, at: datetime) -> int:
    """Calendar days in Shanghai from a hand-off until now."""
    return 0 if since is None else (local_day(at) - local_day(since)).days
