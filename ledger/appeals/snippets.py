"""Where in the long text of a listed appeal the words stand that it was found by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape
from sqlalchemy import select

from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from ..search.marks import Piece, snippet
from ..search.tokens import Words, fold
from ..trail.models import ERASED
from .models import Appeal
from .sight import admits

_NOTHING, _BEGINS, _ENDS = Markup(""), Markup("<mark>"), Markup("</mark>")


def snippets(rows: Sequence[Any], words: Words, actor: Actor, at: datetime) -> dict[int, Markup]:
    """By the appeals' ids: some forty characters of the content about its first hit, hits marked,
    of those rows that do not show every word in their title, appellant or number.

    `rows`: what a list shows (LINE_COLUMNS and `knows`). Of an appeal whose appellant is hidden
    from `actor` there is none: he may have been named in the content.
    """
    asked = [row.id for row in rows if row.knows and not _shows(row, words)]
    if not asked:
        return {}
    day = at.astimezone(SHANGHAI).date()
    found = db.session.connection().execute(
        select(Appeal.id, Appeal.content).where(Appeal.id.in_(asked), admits(actor, day))
    )
    made: dict[int, Markup] = {}
    for appeal_id, content in found:
        if content and content != ERASED:
            pieces = snippet(content, words.terms)
            if pieces:
                made[appeal_id] = _NOTHING.join(map(_html, pieces))
    return made


def _html(piece: Piece) -> Markup:
    words = escape(piece[0])
    return _BEGINS + words + _ENDS if piece[1] else words


def _shows(row: Any, words: Words) -> bool:
    shown = fold(f"{row.title}\n{row.appellant_name}\n{row.label}\n{row.number}")
    return all(term in shown for term in words.terms)
