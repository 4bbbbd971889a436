"""A conflict between an appeal and a file's row: where the two differ, and how it is settled.

By an act on the appeal's own page, of the one table of acts, or by a word of whoever compared
them. Nothing here changes an appeal.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from .. import access
from ..appeals.acts import ACTS, Act
from ..db import db, writing
from ..people.actor import Actor
from ..web import Conflict, NotFound
from . import queries
from .kinds import BY_ACTS
from .models import ImportLine

WITHOUT_AN_ACT: Mapping[str, str] = {
    "kept": "保留原内容",
    "sender": "已请来源单位更正",
}
"""Ways to settle that leave the appeal as it is."""

WITH_A_FIRM: Mapping[str, str] = {"firm": "已在企业库办理"}
"""Further ways where what stands in the ledger is a firm."""

MOST_PHRASES = 400
"""Longer texts are shown unmarked: comparing grows with the square of their length."""

_PHRASE = re.compile(r"[^，。；：、！？,;:!?\n]*[，。；：、！？,;:!?\n]+|[^，。；：、！？,;:!?\n]+")


@dataclass(frozen=True)
class Phrase:
    """A piece of a text, and whether the other text lacks it."""

    text: str
    differs: bool


def compared(ours: str, theirs: str) -> tuple[list[Phrase], list[Phrase]]:
    """Both texts in phrases, those that differ marked."""
    mine, others = _PHRASE.findall(ours), _PHRASE.findall(theirs)
    if max(len(mine), len(others)) > MOST_PHRASES:
        return [Phrase(ours, False)], [Phrase(theirs, False)]
    matcher = difflib.SequenceMatcher(
        None, [_bare(p) for p in mine], [_bare(p) for p in others], autojunk=False
    )
    left: list[Phrase] = []
    right: list[Phrase] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        left += _piece(mine[a:b], tag)
        right += _piece(others[c:d], tag)
    return left, right


def _bare(phrase: str) -> str:
    """As it is compared: the mark that ends a phrase makes no other one of it."""
    return re.sub(r"[\s，。；：、！？,;:!?]", "", phrase)


def _piece(phrases: list[str], tag: str) -> Iterator[Phrase]:
    if phrases:
        yield Phrase("".join(phrases), tag != "equal")


def offered(acts: Collection[Act], by: Collection[str] = BY_ACTS) -> list[Act]:
    """Of what the reader may do on the appeal now, what brings the file's text into it."""
    return [act for act in acts if act.code in by]


def verbs(by: Iterable[str]) -> list[str]:
    """What these acts leave in the trail."""
    return [ACTS[code].verbs[0] for code in by]


def ways(
    line: ImportLine, done: Collection[str], by: Collection[str] = BY_ACTS
) -> dict[str, str]:
    """How a conflict may be said to be settled; by an act only where it stands in the trail.
    `done`: the verbs that do."""
    acted = {code: words(code) for code in by if ACTS[code].verbs[0] in done}
    return {**acted, **({} if line.appeal_id else WITH_A_FIRM), **WITHOUT_AN_ACT}


def words(how: str | None) -> str:
    """How it was settled."""
    act = ACTS.get(how or "")
    if act is not None:
        return f"已在原件办理“{act.label}”"
    return {**WITHOUT_AN_ACT, **WITH_A_FIRM}.get(how or "", "")


def settle(run_id: int, line_id: int, how: str, by: Actor) -> ImportLine:
    """Write down who settled a conflict and how; the same word again changes nothing.

    Raises NotFound, and Conflict where somebody settled it otherwise.
    """
    with writing() as at:
        line = queries.find_conflict(run_id, line_id, lock=True)
        if line is None:
            raise NotFound("没有这一行，或您无权查看。")
        if line.settled_at is not None:
            if (line.settled_how, line.settled_by_id) == (how, by.id):
                return line
            raise Conflict(
                f"第{line.row_number}行已由{line.settled_by_name}处理：{words(line.settled_how)}。"
            )
        line.settled_at = at
        line.settled_by_id, line.settled_by_name = by.id, by.name
        line.settled_how = how
        access.record(
            "conflict_settled", subject=f"import/{run_id}/{line.row_number}", detail=how, at=at
        )
        db.session.commit()
        return line
