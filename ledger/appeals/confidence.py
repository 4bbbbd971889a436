"""What is written to a confidential appeal is read by its units: it must not say who he is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..search.tokens import fold

TELLING = ("appellant_name", "contact_name", "spot_name", "uscc", "phone", "spot_phone")
SHORTEST = 2
"""Characters of a name: a single one stands in every text."""


def names_him(appeal: Any, words: str) -> str:
    """Which of what tells who the appellant of a confidential appeal is stands in `words`; '' where
    nothing does, or where nothing is hidden."""
    if not appeal.confidential:
        return ""
    told = [getattr(appeal, name) or "" for name in TELLING]
    return first_named(words, [*told, *(appeal.plates or "").split()])


def first_named(words: str, telling: Iterable[str]) -> str:
    """The first of `telling` that stands in `words`; '' where none does."""
    folded = fold(words)
    return next((one for one in telling if len(fold(one)) >= SHORTEST and fold(one) in folded), "")
