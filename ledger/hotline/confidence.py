"""What is written to a confidential appeal is read by its units: it must not say who he is."""

from __future__ import annotations

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
    folded = fold(words)
    told = [getattr(appeal, name) or "" for name in TELLING]
    told += (appeal.plates or "").split()
    for one in told:
        if len(fold(one)) >= SHORTEST and fold(one) in folded:
            return str(one)
    return ""
