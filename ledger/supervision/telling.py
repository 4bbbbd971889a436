"""What the pages of supervision show, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..appeals.leaf import Leaf
from ..appeals.lines import STAGES
from ..appeals.models import Appeal
from ..appeals.urging import PAPERS, WAYS, numbered
from ..catalogue.queries import catalogue
from ..deadlines import clocks
from ..deadlines.limits import STAGES as CLOCKS
from ..deadlines.queries import load_calendar
from ..people.directory import directory
from ..people.queries import person
from ..people.regions import region_name
from .models import Paper, Urge, is_mild
from .rules import EVENTS, OF_UNITS
from .wording import Matter, safe_place


def units_offered(appeal: Appeal | Leaf) -> dict[str, str]:
    """Whom a paper or an urging may be put to: who has it in hand, the likeliest first."""
    units = directory().units
    held = [a for a in appeal.assignments if a.state != "released"]
    held.sort(key=lambda a: (not a.is_open, a.part != "lead", a.id))
    ids = list(dict.fromkeys([*(a.unit_id for a in held), appeal.office_id]))
    if appeal.state in ("registered", "accepted", "answered", "reviewed", "confirmed"):
        # The office has it in hand itself.
        ids = list(dict.fromkeys([appeal.office_id, *ids]))
    return {str(i): units[i].name for i in ids}


def step_of(kind: str, unit_id: int) -> str:
    """A 督办单 is a 转办单 where the unit answers to a line of its own, or is a township."""
    return "transfer" if kind == "order" and is_mild(directory().units[unit_id]) else kind


def matter_of(appeal: Appeal | Leaf, unit_id: int, at: datetime) -> Matter:
    """What may be said of it to a unit, and how it stands there."""
    units, calendar = directory().units, load_calendar()
    office = units[appeal.office_id]
    region = region_name(appeal.region_code or office.region_code) or office.label
    given = next(
        (a for a in appeal.assignments if a.unit_id == unit_id and a.is_open),
        None,
    )
    running = [
        d
        for d in appeal.running()
        if (given is not None and d.assignment_id == given.id and d.stage in OF_UNITS)
        or (given is None and d.stage not in OF_UNITS)
    ]
    # Whatever else runs, it is the answer that is waited for.
    running.sort(key=lambda d: (d.stage in ("sign", "contact", "report"), d.due_at))
    clock = running[0] if running else None
    awaited = CLOCKS.get(clock.stage, "办结") if clock is not None else "办结"
    names = (
        appeal.appellant_name,
        appeal.contact_name,
        appeal.spot_name,
        *(one for a in appeal.assignments for one in (a.handler_name,)),
    )
    return Matter(
        label=appeal.label,
        category=catalogue().category_name(appeal.category_id),
        place=safe_place(appeal.place, region, tuple(name for name in names if name)),
        unit=units[unit_id].label,
        office=office.label,
        stage=STAGES.get(clock.stage, awaited) if clock is not None else awaited,
        due_at=clock.due_at if clock is not None else None,
        words=clocks.words(at, clock.due_at, clock.spec, calendar) if clock is not None else "",
        missing=tuple(_missing(given)),
        late=clock is not None and at > clock.due_at,
    )


def _missing(given: Any) -> Iterable[str]:
    if given is None:
        return
    if given.signed_at is None:
        yield "签收"
    if given.contacted_at is None:
        yield "联系企业"
    yield "办结反馈" if given.part == "lead" else "协办反馈"


def counted(urgings: Iterable[Urge]) -> str:
    """电话催办2次，当面催办1次，书面催办1次."""
    found = Counter("书面" if urge.in_writing else WAYS[urge.way] for urge in urgings)
    said = [f"{way}催办{found[way]}次" for way in ("电话", "当面", "书面") if found[way]]
    return "，".join(said)


def name_of(person_id: int | None) -> str:
    found = person(person_id) if person_id is not None else None
    return found.name if found is not None else ""


@dataclass(frozen=True)
class PaperLine:
    """A paper in a list."""

    id: int
    number: str
    title: str
    letter_number: str
    unit: str
    issued: str
    reply_due: str
    state: str
    tone: str
    appeal_number: str = ""
    appeal_label: str = ""
    appeal_title: str = ""


def paper_line(row: Any, at: datetime) -> PaperLine:
    """A row of queries.unanswered and the like, or a Paper."""
    words, tone = state_words(row, at)
    return PaperLine(
        id=row.id,
        number=numbered(row.kind, row.paper_year, row.paper_number),
        title=PAPERS[row.kind],
        letter_number=row.letter_number,
        unit=directory().units[row.unit_id].label,
        issued=clocks.shown(row.issued_at),
        reply_due=clocks.shown_end(row.reply_due_at),
        state=words,
        tone=tone,
        **_appeal_of(row),
    )


def _appeal_of(row: Any) -> dict[str, str]:
    if isinstance(row, Paper):
        return {}
    return {
        "appeal_number": row.number,
        "appeal_label": row.label,
        "appeal_title": row.title,
    }


def state_words(row: Any, at: datetime) -> tuple[str, str]:
    if row.state == "withdrawn":
        return "已撤销", "end"
    if row.state == "replied":
        late = row.replied_at > row.reply_due_at
        return ("逾期回复", "bad") if late else ("已回复", "good")
    if at > row.reply_due_at:
        return "逾期未回复", "bad"
    return "待回复", "now"


@dataclass(frozen=True)
class DraftLine:
    id: int
    title: str
    why: str
    unit: str
    due: str
    since: str
    issue_url: str
    appeal_number: str = ""
    appeal_label: str = ""
    appeal_title: str = ""


def draft_line(row: Any, number: str) -> DraftLine:
    """A row of queries.drafts, or a Reminder of the appeal with that number."""
    return DraftLine(
        id=row.id,
        title=f"{PAPERS[row.step]}（拟稿）",
        why=EVENTS[row.event].partition("，")[0],
        unit=directory().units[row.unit_id].label,
        due=clocks.shown_end(row.due_at),
        since=clocks.shown(row.created_at),
        issue_url=f"/supervision/appeals/{number}/{row.step}?draft={row.id}",
        appeal_number=number,
        appeal_label=getattr(row, "label", ""),
        appeal_title=getattr(row, "title", ""),
    )


@dataclass(frozen=True)
class UrgeLine:
    at: str
    way: str
    unit: str
    by: str
    spoken_to: str
    urging: str
    answer: str
    promised: str


def urge_line(urge: Urge) -> UrgeLine:
    return UrgeLine(
        at=clocks.shown(urge.urged_at),
        way=WAYS[urge.way],
        unit=directory().units[urge.unit_id].label,
        by=name_of(urge.urged_by_id),
        spoken_to=urge.spoken_to,
        urging=urge.urging,
        answer=urge.urge_answer,
        promised=clocks.shown_end(urge.promised_at) if urge.promised_at else "",
    )
