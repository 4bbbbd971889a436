"""What a line of the ledger looks like on a desk: the same cells as the macros of
templates/appeals/index/_cells.html draw elsewhere, for pages that draw dozens of them at once.
Each is HTML already, every word in it escaped.

The few words that come again and again are escaped once a process.
"""

from __future__ import annotations

from functools import lru_cache

from flask_wtf.csrf import generate_csrf
from markupsafe import escape

from .lines import Line


def number(line: Line) -> str:
    return f'<a class="number" href="{line.url}">{escape(line.label)}</a>'


def title(line: Line) -> str:
    words = escape(line.title)
    marks = "".join(f" {badge(said, tone)}" for said, tone in line.marks)
    return f'<a href="{line.url}" title="{words}">{words}</a>{marks}'


def appellant(line: Line) -> str:
    name = escape(line.appellant)
    about = 'class="none"' if line.hidden else f'title="{name}"'
    return f"<span {about}>{name}</span>"


def state(line: Line) -> str:
    return badge(line.state, line.tone)


def urgency(line: Line) -> str:
    return (
        badge(line.urgency, line.urgency_tone) if line.urgency_tone else str(escape(line.urgency))
    )


def time(line: Line) -> str:
    return time_left(line.time, line.light, line.due) if line.time else ""


def act(line: Line, *, words: bool = True) -> str:
    """The act this person may do now; where there is none, whose turn it is."""
    offered = line.act
    if offered is None:
        return waits_for(line.waits_for) if words else ""
    said = f'{escape(offered.label)}<span class="visually-hidden">{escape(line.label)}</span>'
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
def time_left(words: str, light: str, due: str) -> str:
    light = f" light-{light}" if light else ""
    about = f' title="{escape(due)}"' if due else ""
    return f'<span class="time-left{light}"{about}>{escape(words)}</span>'


@lru_cache(maxsize=64)
def waits_for(words: str) -> str:
    return f'<span class="none">{escape(words)}</span>'
