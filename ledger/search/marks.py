"""Which characters of a shown text were asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from markupsafe import escape

from .tokens import DROPPED, fold

Piece = tuple[str, bool]
"""A stretch of text, and whether it is a hit."""

BEFORE, AFTER = 12, 28
"""Characters shown before a hit, and from its beginning on."""


def mark(text: str, terms: Iterable[str]) -> list[Piece]:
    """The text in pieces, hits apart, for terms folded by `tokens.read`."""
    found: list[Piece] = []
    done = 0
    for start, end in _hits(text, terms):
        if start > done:
            found.append((text[done:start], False))
        found.append((text[start:end], True))
        done = end
    if done < len(text):
        found.append((text[done:], False))
    return found


def marked(pieces: Iterable[Piece]) -> str:
    """The pieces as HTML, hits in <mark>."""
    return "".join(
        f"<mark>{escape(words)}</mark>" if hit else escape(words) for words, hit in pieces
    )


def snippet(text: str, terms: Iterable[str]) -> list[Piece]:
    """What stands about the first hit of a long text, in pieces; empty where there is none."""
    wanted = tuple(terms)
    first = _first(text, wanted)
    if first is None:
        return []
    start = max(0, first[0] - BEFORE)
    end = min(len(text), max(first[1], first[0] + AFTER))
    pieces = mark(" ".join(text[start:end].split()), wanted)
    if start:
        pieces.insert(0, ("…", False))
    if end < len(text):
        pieces.append(("…", False))
    return pieces


def _first(text: str, terms: tuple[str, ...]) -> tuple[int, int] | None:
    # Mostly they stand there as they were asked for, and nothing need be folded.
    plain = [(at, at + len(term)) for term in terms if (at := text.find(term)) >= 0]
    if len(plain) == len(terms):
        return min(plain, default=None)
    return next(iter(_hits(text, terms)), None)


def _hits(text: str, terms: Iterable[str]) -> list[tuple[int, int]]:
    """Stretches of the text that hold a term, in order, none touching another."""
    folded, origin = _folded(text)
    covered: list[tuple[int, int]] = []
    for term in terms:
        at = folded.find(term)
        while term and at >= 0:
            covered.append((origin[at], origin[at + len(term) - 1] + 1))
            at = folded.find(term, at + 1)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(covered):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text folded character by character, and where each character came from."""
    folded = text.translate(_ONE)
    if _ONE.uneven.isdisjoint(text):
        return folded, range(len(text))
    parts = [_one(character) for character in text]
    folded = "".join(parts)
    if len(folded) == len(text) and "" not in parts:
        return folded, range(len(text))
    return folded, [index for index, part in enumerate(parts) for _ in part]


class _Folding(dict[int, str]):
    """What a character is folded to, worked out when it is first met."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()
        """Those met that become none or several."""

    def __missing__(self, number: int) -> str:
        if len(self) > 20_000:  # more than any county's files hold: somebody is trying
            self.clear()
        part = self[number] = _one(chr(number))
        if len(part) != 1:
            self.uneven.add(chr(number))
        return part


_ONE = _Folding()


@lru_cache(maxsize=8192)
def _one(character: str) -> str:
    # Folding strips a blank; here it still has to part two words, and no term holds a line's end.
    return "" if ord(character) in DROPPED else fold(character) or "\n"
