"""Which row is the header, and which column means what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

Columns = Mapping[str, tuple[str, ...]]
"""Field → the names its column has had over the years; the first is the one to show."""

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]
"""Merged cells as ((first row, first column), (last row, last column)), counted from 0."""

_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕")


def normal(name: str) -> str:
    """A name as it is compared: NFKC, small letters, no blanks, punctuation or marks."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LN")


def _without_remark(name: str) -> str:
    """受理时间（年月日） and 企业名称(必填) are 受理时间 and 企业名称."""
    return normal(_BRACKETS.sub("", unicodedata.normalize("NFKC", name)))


@dataclass(frozen=True)
class Column:
    """One column of the file."""

    index: int
    """Counted from 0 at the leftmost column that has anything in it."""
    title: str
    """As the file writes it, the group above it and its own name joined by “·”."""
    key: str
    """The title as it is compared; what a remembered mapping is kept under."""
    field: str | None
    """What it means; None where nobody looks for such a column."""

    @property
    def name(self) -> str:
        """Its name in a row's cells."""
        return self.field or self.title


class Vocabulary:
    """The synonyms, ready for comparing; `mapping` (key → field, '' for none) goes first."""

    def __init__(self, columns: Columns, mapping: Mapping[str, str] | None = None) -> None:
        self.columns = columns
        self.mapping = {normal(key): value for key, value in (mapping or {}).items()}
        self.synonyms: dict[str, str] = {}
        for name, words in columns.items():
            for word in words:
                self.synonyms.setdefault(normal(word), name)

    def exactly(self, title: str) -> str | None:
        key = normal(title)
        if key in self.mapping:
            return self.mapping[key] or None
        return self.synonyms.get(key)

    def about(self, title: str) -> str | None:
        key = normal(title)
        if not key or key in self.mapping:
            return None
        return self.synonyms.get(_without_remark(title))


@dataclass(frozen=True)
class Header:
    """A header that was found."""

    rows: tuple[int, ...]
    """The row or the two rows it stands in, counted from 0."""
    columns: tuple[Column, ...]
    problems: tuple[str, ...] = field(default=())

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(column.field for column in self.columns if column.field)


def match(titles: Sequence[str], rows: tuple[int, ...], vocabulary: Vocabulary) -> Header:
    """Give each title its meaning; each meaning is given once, to the nearest name."""
    taken: dict[str, int] = {}
    problems = []
    for ask in (vocabulary.exactly, vocabulary.about):
        for index, title in enumerate(titles):
            meaning = ask(title) if title else None
            if meaning is None or taken.get(meaning) == index:
                continue
            if meaning in taken:
                if ask == vocabulary.exactly:
                    problems.append(
                        f"“{titles[taken[meaning]]}”与“{title}”两列是同一项内容，"
                        f"只取前一列；如需取后一列，请调整对应关系"
                    )
                continue
            taken[meaning] = index
    meanings = {index: meaning for meaning, index in taken.items()}
    columns = []
    names = set(taken)
    last = max((index for index, title in enumerate(titles) if title), default=-1)
    for index, title in enumerate(titles[: last + 1]):
        meaning = meanings.get(index)
        # A column without a name may still hold what an old ledger must keep.
        shown = title = title or f"第{index + 1}列"
        if meaning is None:
            serial = 2
            while shown in names:
                shown = f"{title}（{serial}）"
                serial += 1
            names.add(shown)
        columns.append(Column(index, shown, normal(title), meaning))
    return Header(rows, tuple(columns), tuple(problems))


def find(
    rows: Iterable[tuple[int, list[str]]], merged: Merged, vocabulary: Vocabulary, within: int
) -> Header | None:
    """The best header that begins in the first `within` of the given (row number from 0, cells).

    A header in two rows must explain more columns than either row alone.
    """
    given = list(rows)
    best: Header | None = None
    for position, (number, cells) in enumerate(given[:within]):
        found = [match(cells, (number,), vocabulary)]
        if position + 1 < len(given) and given[position + 1][0] == number + 1:
            below = given[position + 1][1]
            titles = _joined(number, cells, below, merged, vocabulary)
            found.append(match(titles, (number, number + 1), vocabulary))
            alone = match(below, (number + 1,), vocabulary)
            if len(found[1].fields) <= len(alone.fields):
                found.pop()
        for header in found:
            if header.fields and (best is None or len(header.fields) > len(best.fields)):
                best = header
    return best


def _joined(
    number: int, upper: list[str], lower: list[str], merged: Merged, vocabulary: Vocabulary
) -> list[str]:
    """The titles of a header in two rows: a group name stands over several columns."""
    width = max(len(upper), len(lower))
    above = upper + [""] * (width - len(upper))
    below = lower + [""] * (width - len(lower))
    across = {
        index: first[1]
        for first, last in merged
        if first[0] <= number <= last[0]
        for index in range(first[1], last[1] + 1)
    }
    titles = []
    group = ""
    for index in range(width):
        # A format that keeps no merged ranges leaves the rest of a group blank.
        if above[index]:
            group = above[index]
        elif index in across and across[index] < width:
            group = above[across[index]]
        if not below[index]:
            titles.append(above[index])
            continue
        whole = f"{group}·{below[index]}" if group else below[index]
        plain = vocabulary.exactly(below[index]) or vocabulary.about(below[index])
        titles.append(whole if not plain or vocabulary.exactly(whole) else below[index])
    return titles
