"""Lawful erasure: the words go, the commitments and so the chain stay.

The same words often stand more than once in a stream: a phone number where it was registered and
under "old:phone" where it was corrected, an answer in the appeal and in its assignment. Whoever
erases one erases its twins: texts of the same stream with the same words that are personal, came
with the same entry, or stand under the same column's name.

A row that reads such words reads 〔已依法删除〕 afterwards. The entry of the erasure sets it so, in
plain, and a replay of the erased text reads the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import inspect, select

from ..db import db, keyring
from .act import Stream, Trailed, columns_of
from .canonical import Plain
from .models import ERASED, Entry, EntryText


class NothingToErase(LookupError):
    """No such text stands in that entry. `places` are those that do."""

    def __init__(self, seq: int, place: str, places: list[str]) -> None:
        super().__init__(f"#{seq} {place}")
        self.seq = seq
        self.place = place
        self.places = places


@dataclass(frozen=True)
class _Standing:
    seq: int
    text: EntryText
    words: str

    @property
    def name(self) -> str:
        """The column it is about: "appeal.phone", "old:phone" and "new:phone" have one."""
        return self.text.place.rpartition(".")[2].rpartition(":")[2]

    def is_twin_of(self, other: _Standing) -> bool:
        return self.words == other.words and (
            self.seq == other.seq or self.name == other.name or self.text.sealed is not None
        )


def erase_texts(root: Stream, places: dict[int, list[str]]) -> list[Plain]:
    """Empty the texts at {seq: [places]} of a stream with their twins, inside its act of erasure.

    Rows that still hold such a text get 〔已依法删除〕 in its stead. Returns what the entry names:
    [{"seq", "place"}]. Raises NothingToErase; CipherError where the key of a sealed text is lost.
    """
    standing = _standing(root)
    named = [_find(standing, seq, place) for seq, wanted in places.items() for place in wanted]
    gone = [one for one in standing if any(one.is_twin_of(other) for other in named)]
    _blank(root, {(one.text.place, one.words) for one in gone})
    for one in gone:
        one.text.body = None
        one.text.sealed = None
        one.text.salt = ""
        one.text.erased_by = (root.version or 0) + 1
    return [{"seq": one.seq, "place": one.text.place} for one in gone]


def _standing(root: Stream) -> list[_Standing]:
    """Every text of the stream that was not erased before, opened."""
    ring = keyring()
    rows = db.session.execute(
        select(Entry.seq, EntryText)
        .join(Entry.texts)
        .where(Entry.stream == root.stream, EntryText.erased_by.is_(None))
        .order_by(Entry.seq, EntryText.place)
    )
    return [
        _Standing(
            seq,
            text,
            text.body or ""
            if text.sealed is None
            else ring.decrypt(text.sealed, f"entry_text.{text.place}"),
        )
        for seq, text in rows
    ]


def _find(standing: list[_Standing], seq: int, place: str) -> _Standing:
    here = [one for one in standing if one.seq == seq]
    for one in here:
        if one.text.place == place:
            return one
    raise NothingToErase(seq, place, [one.text.place for one in here])


def _blank(root: Stream, gone: set[tuple[str, str]]) -> None:
    for row, prefix in _rows(root):
        for column in columns_of(type(row)):
            if (f"{prefix}.{column.name}", getattr(row, column.name)) in gone:
                setattr(row, column.name, ERASED)


def _rows(root: Stream) -> Iterable[tuple[Trailed, str]]:
    yield root, type(root).__trail__
    for relation in inspect(type(root)).relationships:
        if relation.uselist and issubclass(relation.mapper.class_, Trailed):
            for row in getattr(root, relation.key):
                yield row, f"{type(row).__trail__}.{row.id}"
