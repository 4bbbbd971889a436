"""帮助: the table of acts in words and as a drawing. Nothing here is written a second time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from flask import Response, render_template

from ..people.roles import LABELS
from . import diagram
from .lifecycle import ENDS, OPEN, STATES, Row, table
from .pages import desk


@dataclass(frozen=True)
class Chapter:
    """A state, and what can be done in it beside what every open state allows."""

    state: str
    label: str
    is_end: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Sentence:
    """One act in one sentence."""

    verb: str
    label: str
    words: str


@dataclass(frozen=True)
class Help:
    begins: tuple[Row, ...]
    """What begins an appeal."""
    chapters: tuple[Chapter, ...]
    always: tuple[Row, ...]
    """What can be done as long as it is open."""
    ever: tuple[Row, ...]
    """What can be done in any state."""
    every: tuple[Sentence, ...]


@cache
def _help() -> Help:
    rows = table(LABELS)
    always = tuple(r for r in rows if set(r.frm) == OPEN)
    ever = tuple(r for r in rows if set(r.frm) == set(STATES))
    apart = {r.verb for r in (*always, *ever)}
    chapters = tuple(
        Chapter(
            state,
            label,
            state in ENDS,
            tuple(r for r in rows if state in r.frm and r.verb not in apart),
        )
        for state, label in STATES.items()
    )
    every = tuple(Sentence(r.verb, r.label, _sentence(r)) for r in rows)
    return Help(tuple(r for r in rows if not r.frm), chapters, always, ever, every)


def _sentence(row: Row) -> str:
    if not row.frm:
        when = ""
    elif set(row.frm) == set(STATES):
        when = "任何时候，"
    elif set(row.frm) == OPEN:
        when = "在办各环节，"
    else:
        when = f"{'、'.join(f'“{STATES[s]}”' for s in row.frm)}时，"
    parts = [f"{when}由{'、'.join(row.by)}办理", f"需要：{row.needs}", row.limit, row.apart]
    return "。".join(part for part in parts if part) + "。"


@desk.get("/help")
def guide() -> str:
    return render_template("help/index.html", help=_help(), states=STATES)


@desk.get("/help/diagram.svg")
def drawing() -> Response:
    return Response(_drawn(), mimetype="image/svg+xml")


@cache
def _drawn() -> str:
    return diagram.draw()
