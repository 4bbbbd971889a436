"""Where in the long text of a listed appeal the words stand that it was found by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..db import Reader
from ..search.marks import marked, snippet
from ..search.tokens import Words, fold
from ..trail.models import ERASED
from .models import Appeal

_read = Reader((Appeal.id, Appeal.content), 50)


def snippets(rows: Sequence[Any], words: Words) -> dict[int, str]:
    """By the appeals' ids: some forty characters of the content about its first hit, as HTML with
    the hits marked, of those rows that do not show every word in their title, appellant or number.

    `rows`: what a list shows (LINE_COLUMNS and `knows`), so they came through visible_to. Of an
    appeal whose appellant is hidden there is none: he may have been named in the content.
    """
    asked = [(row.id,) for row in rows if row.knows and not _shows(row, words)]
    return {
        appeal_id: marked(said)
        for appeal_id, content in (_read(asked) if asked else ())
        if content and content != ERASED and (said := snippet(content, words.terms))
    }


def _shows(row: Any, words: Words) -> bool:
    shown = fold(f"{row.title}\n{row.appellant_name}\n{row.label}\n{row.number}")
    return all(term in shown for term in words.terms)
