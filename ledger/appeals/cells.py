"""What a line of the ledger looks like on a desk: the same cells as the macros of
templates/appeals/index/_cells.html draw elsewhere, for pages that draw dozens of them at once.
Each is HTML already, every word in it escaped.

What does not turn on the hour is kept by the row's version, and the few words that come again and
again are escaped once a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from flask_wtf.csrf import generate_csrf
from markupsafe import escape
from sqlalchemy import Row

from ..deadlines.clocks import LIGHTS
from ..people.directory import directory
from .lines import Act, Line, Words

MOST = 2000
"""So many rows are kept."""


class Cells(NamedTuple):
    """A row of a desk. `waits` says whose turn it is, where nothing is offered."""

    row: Row[Any]
    act: str
    time: str
    number: str
    title: str
    urgency: str
    """Only where it presses."""
    appellant: str
    state: str
    unit: str
    day: str
    waits: str


def cells(rows: Iterable[Row[Any]], at: datetime, acts: Mapping[int, Act]) -> list[Cells]:
    """The rows; with the act that each offers, where `acts` names one."""
    words = Words(at)
    kept: dict[Any, tuple[str, ...]] = directory().keep(("cells of desks", words.book.mark), dict)
    if len(kept) > MOST:
        kept.clear()
    found = []
    for row in rows:
        key = (row.id, row.version, row.knows)
        lasting = kept.get(key)
        if lasting is None:
            lasting = kept[key] = _lasting(words.line(row, None))
        said, light, due = words.time(row)
        left = time_left(said, light, due) if said else ""
        offered = acts.get(row.id)
        act = "" if offered is None else _act(row.label, offered)
        found.append(Cells(row, act, left, *lasting))
    return found


def _lasting(line: Line) -> tuple[str, ...]:
    title, name = escape(line.title), escape(line.appellant)
    marks = "".join(f" {badge(said, tone)}" for said, tone in line.marks)
    about = 'class="none"' if line.hidden else f'title="{name}"'
    return (
        f'<a class="number" href="{line.url}">{escape(line.label)}</a>',
        f'<a href="{line.url}" title="{title}">{title}</a>{marks}',
        f" {badge(line.urgency, line.urgency_tone)}" if line.urgency_tone else "",
        f"<span {about}>{name}</span>",
        badge(line.state, line.tone),
        str(escape(line.unit or "—")),
        line.registered_day,
        waits_for(line.waits_for),
    )


def _act(label: str, offered: Act) -> str:
    said = f'{escape(offered.label)}<span class="visually-hidden">{escape(label)}</span>'
    if not offered.at_once:
        return f'<a class="btn btn-quiet" href="{offered.url}">{said}</a>'
    return (
        f'<form class="one-button" method="post" action="{offered.url}">'
        f'<input type="hidden" name="csrf_token" value="{escape(generate_csrf())}">'
        f'<button class="btn btn-primary">{said}</button></form>'
    )


@lru_cache(maxsize=256)
def badge(words: str, tone: str) -> str:
    tone = f" tone-{tone}" if tone else ""
    return f'<span class="badge-state{tone}">{escape(words)}</span>'


@lru_cache(maxsize=1024)
def time_left(words: str, light: str, due: str, *, whole: bool = False) -> str:
    """As the macro of templates/_parts.html; `whole` spells the light out, where there is room."""
    card = f"{WHOLE[light]} " if whole and light in WHOLE else CARDS.get(light, "")
    light = f" light-{light}" if light else ""
    about = f' title="{escape(due)}"' if due else ""
    return f'<span class="time-left{light}"{about}>{card}{escape(words)}</span>'


CARDS = {
    "normal": '<span class="visually-hidden">正常 </span>',
    "yellow": "黄牌 ",
    "red": "红牌 ",
}
"""The light in words (design §5): no colour speaks alone."""
WHOLE: Mapping[str, str] = {str(light): words for light, words in LIGHTS.items()}


@lru_cache(maxsize=64)
def waits_for(words: str) -> str:
    return f'<span class="none">{escape(words)}</span>'
