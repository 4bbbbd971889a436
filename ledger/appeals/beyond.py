"""Letters, conferences, holds and what is put before the leaders, as the page says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from ..catalogue.queries import Catalogue
from ..catalogue.words import DIRECTIONS, PAPERS
from ..deadlines import clocks
from ..people.directory import directory
from .show_queries import names_of_persons

if TYPE_CHECKING:
    from .leaf import Leaf
    from .models import Appeal

WITHHELD = "按规定不予显示"


class Letter(NamedTuple):
    """An outside record in words."""

    title: str
    party: str
    paper: str
    sent_on: date
    handler: str
    summary: str
    state: str
    tone: str
    answered: str
    """What its reply is called."""
    reply: str
    replied: str
    """When, and under which number."""
    files: Sequence[Any]
    reply_files: Sequence[Any]


def letters(appeal: Leaf, day: date) -> list[Letter]:
    """A letter may name the appellant: who may not know him reads that there is one."""
    found = []
    for row in appeal.outside_records:
        sent = row.direction == "out"
        state, tone = _state(row, day)
        replied = ""
        if row.replied_on is not None:
            replied = f"{row.replied_on} {row.reply_number}".strip()
        found.append(
            Letter(
                title="发往" if sent else "来自",
                party=row.party if appeal.knows else WITHHELD,
                paper=f"{PAPERS[row.kind]} {row.letter_number}".strip(),
                sent_on=row.sent_on,
                handler=row.handler_name,
                summary=row.summary if appeal.knows else WITHHELD,
                state=state,
                tone=tone,
                answered="对方回复" if sent else "我方回复",
                reply=(row.reply if appeal.knows else WITHHELD) if row.reply else "",
                replied=replied,
                files=_files(appeal, row.written_seq),
                reply_files=_files(appeal, row.reply_seq),
            )
        )
    return found


def _state(row: Any, day: date) -> tuple[str, str]:
    if row.follow_on is not None:
        late = row.follow_on <= day
        return f"{row.follow_on}跟进", "bad" if late else "now"
    if row.replied_on is not None:
        return ("已回复" if row.direction == "out" else "已复函"), "good"
    return ("已发出" if row.direction == "out" else "未复函"), ""


def _files(appeal: Leaf, seq: int | None) -> list[Any]:
    return [] if seq is None else [one for one in appeal.attachments if one.entry_seq == seq]


def named(row: Any) -> str:
    """An outside record among others."""
    number = f" {row.letter_number}" if row.letter_number else ""
    paper = f"{DIRECTIONS[row.direction]}{PAPERS[row.kind]}{number}"
    return f"{row.sent_on} {paper}（{row.party}）"


class Point(NamedTuple):
    """A point that was agreed on, in words."""

    agreed: str
    unit: str
    due_on: date
    state: str
    tone: str
    done: str


class Told(NamedTuple):
    """A conference in words."""

    name: str
    when: str
    venue: str
    matters: int
    participants: str
    conclusion: str
    points: Sequence[Point]


def conferences(appeal: Leaf, day: date) -> list[Told]:
    return [
        Told(
            name=row.number or "会商",
            when=clocks.shown(row.held_at),
            venue=row.venue,
            matters=row.matters,
            participants=row.participants,
            conclusion=row.conclusion,
            points=[_point(p, day) for p in appeal.conference_points if p.conference_id == row.id],
        )
        for row in appeal.conferences
    ]


def _point(row: Any, day: date) -> Point:
    state, tone, done = "待落实", "now", ""
    if row.done_on is not None:
        late = row.done_on > row.due_on
        state, tone = ("超期落实", "bad") if late else ("已落实", "good")
        done = f"{row.done_on} {row.done_words}"
    elif day > row.due_on:
        state, tone = "超期未落实", "bad"
    return Point(row.agreed, unit_of(row.unit_id), row.due_on, state, tone, done)


def unit_of(unit_id: int) -> str:
    return directory().units[unit_id].label


def name_of_row(row: Any) -> str:
    """会商纪要〔2026〕3号; without a number by its time."""
    return row.number or f"{clocks.shown(row.held_at)}会商"


def name_of(appeal: Leaf | Appeal, conference_id: int) -> str:
    return next((name_of_row(r) for r in appeal.conferences if r.id == conference_id), "会商")


class Waiting(NamedTuple):
    """What is put before the leaders, in words."""

    when: str
    who: str
    difficulty: str
    proposal: str
    leader: str


def coordination(appeal: Leaf) -> Waiting | None:
    if not appeal.coordination_asked or appeal.coordination_at is None:
        return None
    who = names_of_persons([appeal.coordination_by_id]).get(appeal.coordination_by_id, "")
    return Waiting(
        clocks.shown(appeal.coordination_at),
        who,
        appeal.difficulty or "",
        appeal.proposal or "",
        appeal.proposed_leader or "",
    )


def held(appeal: Leaf, book: Catalogue) -> str:
    """等待外省、外市协调，下次复核2026-12-01; '' where it is not held."""
    if appeal.state != "held":
        return ""
    why = book.reason_name("hold", appeal.hold_reason) if appeal.hold_reason else ""
    if not why and appeal.held_from == "answered":
        why = f"审核转入（{book.outcome_name(appeal.outcome)}）"
    said = [why, f"下次复核 {appeal.hold_review_on}" if appeal.hold_review_on else ""]
    return "，".join(one for one in said if one)


def raised_by(appeal: Leaf) -> str:
    """The office below that put it before this one."""
    return "" if appeal.raised_by_id is None else directory().units[appeal.raised_by_id].name
