"""One tokeniser for both engines, for what is indexed and for what is asked. Pure.

A text is folded and cut at blanks into runs; a run "abcd" becomes the tokens "ab bc cd d". A term
of one character is then the prefix of a token, a longer one a row of tokens one after the other:
exactly what LIKE '%term%' finds in the folded text, punctuation, digits and letters included. The
single character at a run's end keeps what stands before a blank from touching what comes after.

Every ledger number begins alike, and every order number of a day: pairs of digits would find them
among all others only. So stretches of digits and letters also give anchors, six characters each,
which are asked for besides and never alone.

Tokens hold no ASCII but letters and digits: other ASCII is written in its full-width form, which
folding leaves free. So no token can mean anything to FTS5, to tsquery or to LIKE.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from operator import add

MOST_ASKED = 100
"""Characters of a query that count; what comes after is left aside, and the page says so."""

MOST_TERMS = 10

MOST_INDEXED = 30_000
"""Folded characters of one appeal that are indexed: a tsvector holds no more than 1 MiB."""

_DASHES: dict[int, str | None] = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
# Plates and names come with and without the dot: 赣B·12345. Zero-width characters are not seen.
_DOTS = (0xB7, 0x2022, 0x2027, 0x30FB)
_UNSEEN = (0xAD, 0x2060, 0xFEFF, *range(0x200B, 0x2010), *range(0xFE00, 0xFE10))
DROPPED: dict[int, str | None] = dict.fromkeys([*_DOTS, *_UNSEEN])
_FOLDING: dict[int, str | None] = {**DROPPED, **_DASHES}
# Controls, NUL among them, and halves of characters, which no engine keeps.
_BREAKS = re.compile("[\x00-\x20\x7f-\x9f\ud800-\udfff\\s]+")
_ANCHOR = 6
_MARK = "Ｘ"
"""Begins an anchor. Folding leaves no full-width letter, so that no term can begin with it."""
_STRETCH = re.compile(f"[0-9a-z－]{{{_ANCHOR},}}")
_MOST_ANCHORS = 24
_PLAIN = re.compile("[0-9A-Za-z\u3001\u3002\u4e00-\u9fff，！？：；（）－ -]*").fullmatch
"""What has no other spelling but for capitals and dashes: most texts of an appeal."""

_GUARDED = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F) if not chr(code).isalnum()}


def fold(text: str) -> str:
    """As it is compared: full-width and half-width, capitals, kinds of dashes and middle dots
    do not count; any stretch of blanks and controls is one blank."""
    text = unicodedata.normalize("NFKC", text).casefold()
    # Folding case may take a normal form apart again.
    text = unicodedata.normalize("NFKC", text).translate(_FOLDING)
    return _BREAKS.sub(" ", text).strip()


def tokens(texts: Iterable[str]) -> str:
    """The tokens of one appeal's texts, blanks between them."""
    found: list[str] = []
    room = MOST_INDEXED
    for text in texts:
        for run in _guarded(text).split():
            if room <= 0:
                break
            run = run[:room]
            room -= len(run)
            found += map(add, run, run[1:])
            found.append(run[-1])
            found += _anchors(run)
    return " ".join(found)


def _guarded(text: str) -> str:
    if _PLAIN(text):
        return text.lower().replace("-", "－")
    return fold(text).translate(_GUARDED)


@dataclass(frozen=True)
class Words:
    """What was asked: folded terms, all of which an appeal must hold. False where none were."""

    terms: tuple[str, ...]
    cut: bool = False
    """Whether more was typed than is searched for."""

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def phrases(self) -> tuple[str, ...]:
        """For each term what stands in `tokens` where the term stands in the text."""
        return tuple(phrase(term) for term in self.terms)

    @property
    def anchors(self) -> tuple[str, ...]:
        """Tokens that stand wherever the terms do, most telling first; mostly none."""
        found = [a for term in self.terms for a in reversed(_anchors(term.translate(_GUARDED)))]
        return tuple(dict.fromkeys(found))[:_MOST_ANCHORS]


def read(typed: str) -> Words:
    """The terms in what was typed. Anything may be typed."""
    folded = fold(typed[: MOST_ASKED + 1])
    cut = len(typed) > MOST_ASKED or len(folded) > MOST_ASKED
    terms = list(dict.fromkeys(folded[:MOST_ASKED].split()))
    # What another term holds is found with it.
    terms = [t for t in terms if not any(t != other and t in other for other in terms)]
    return Words(tuple(terms[:MOST_TERMS]), cut or len(terms) > MOST_TERMS)


def phrase(term: str) -> str:
    """A folded term as its tokens; a single character as itself."""
    term = term.translate(_GUARDED)
    return term if len(term) == 1 else " ".join(map("".join, pairwise(term)))


def _anchors(guarded: str) -> list[str]:
    if len(guarded) < _ANCHOR:
        return []
    return [
        _MARK + stretch[at : at + _ANCHOR]
        for stretch in _STRETCH.findall(guarded)
        for at in range(len(stretch) - _ANCHOR + 1)
    ]
