"""What the words in a file's cells mean: an office says it once, and every later file knows.

A kind of file reads most words by itself (its `valued`); those it cannot read are counted, shown
before the import, and asked for. What was said is put into the cell in our own words before the
row is understood, so that every kind takes it as it takes ours.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from .. import access
from ..catalogue.queries import Catalogue, catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from ..db import db, writing
from ..people.actor import Actor
from ..people.directory import directory
from ..people.regions import covers
from ..sheets import Row, Sheet
from .models import ValueMapping

LONGEST = 200
"""Of a word that can be asked for; what is longer is no word."""
MOST_ASKED = 200
"""Words of one column that are asked for at once, those of most rows first."""
FLAGS: Mapping[str, str] = {"yes": "是", "no": "否"}

Reads = Callable[[str], bool]
"""Whether a kind's own reading knows this text, which is not empty."""


def fold(text: str) -> str:
    """As words are compared."""
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold()


# -- what a word can mean ------------------------------------------------------------------------


def by_hand() -> dict[str, str]:
    """Channels a list may name: none whose orders bring numbers of their own."""
    return {
        known.code: known.name
        for known in catalogue().channels.values()
        if known.active and not known.source_system and known.code != "carried"
    }


def categories_by_name(book: Catalogue) -> dict[str, int]:
    """Active categories by full name and, where only one is called so, by their own."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    for row in book.categories.values():
        if not row.active:
            continue
        own = fold(row.name)
        if own in found:
            twice.add(own)
        found.setdefault(own, row.id)
    for name in twice:
        del found[name]
    for row in book.categories.values():
        if row.active:
            found[fold(row.full_name)] = row.id
    return found


def _categories(_office_id: int) -> dict[str, str]:
    return dict(catalogue().category_choices())


def _units(office_id: int) -> dict[str, str]:
    within = directory().units[office_id].region_code
    return {
        str(unit.id): unit.name
        for unit in directory().units.values()
        if unit.active and not unit.is_office and covers(within, unit.region_code)
    }


@dataclass(frozen=True)
class Field:
    """A column whose words stand for something of ours."""

    title: str
    default: str
    """What is taken where a word stays unknown, as the page says it."""
    choices: Callable[[int], Mapping[str, str]]
    """By the office's id: code and what is put into the cell for it."""


FIELDS: Mapping[str, Field] = {
    "kind": Field("诉求类型", "求助", lambda _office: KINDS),
    "urgency": Field("紧急程度", "一般", lambda _office: URGENCIES),
    "category": Field("诉求类别", "暂不归类，受理时再定", _categories),
    "confidential": Field("是否保密", "不保密", lambda _office: FLAGS),
    "unit": Field("承办单位", "按不填处理", _units),
    "type": Field("诉求主体类型", "企业", lambda _office: APPELLANT_TYPES),
    "channel": Field("来源渠道", "按导入时选定的渠道", lambda _office: by_hand()),
}


# -- putting our words into a row ----------------------------------------------------------------


class Translator:
    """For one file: what its office said, and what nobody said yet.

    `asked` counts the rows of each word that neither the office nor the kind's reading knows.
    """

    def __init__(self, said: Mapping[str, Mapping[str, str]], valued: Mapping[str, Reads]) -> None:
        self._said = said
        self._valued = valued
        self._learnt: dict[tuple[str, str], str | None] = {}
        self.asked: dict[str, Counter[str]] = {name: Counter() for name in valued}

    def row(self, row: Row) -> Row:
        changed: dict[str, str] = {}
        for name in self._valued:
            text = row.cells.get(name, "")
            if not text:
                continue
            key = (name, text)
            try:
                ours = self._learnt[key]
            except KeyError:
                ours = self._learn(name, text)
                if len(text) <= LONGEST and len(self._learnt) < 100_000:
                    self._learnt[key] = ours
            if ours is None:
                self.asked[name][text] += 1
            elif ours != text:
                changed[name] = ours
        return replace(row, cells={**row.cells, **changed}, as_was=row.cells) if changed else row

    def _learn(self, name: str, text: str) -> str | None:
        """The text for the cell; None where its meaning is to be asked for."""
        said = self._said.get(name, {}).get(fold(text))
        if said is not None:
            return said
        if len(fold(text)) > LONGEST or self._valued[name](text):
            return text
        return None

    def unknown(self) -> list[Unknown]:
        """By column, those of most rows first."""
        found = []
        for name, counts in self.asked.items():
            folded: Counter[str] = Counter()
            shown: dict[str, str] = {}
            for text, count in counts.items():
                folded[fold(text)] += count
                shown.setdefault(fold(text), text)
            found += [
                Unknown(name, key, " ".join(shown[key].split()), count)
                for key, count in folded.most_common(MOST_ASKED)
            ]
        return found


@dataclass(frozen=True)
class Unknown:
    """A word that is asked for."""

    field: str
    theirs: str
    shown: str
    rows: int


def translator(office_id: int, channel: str, valued: Mapping[str, Reads]) -> Translator:
    """With what the office has said so far. A choice that is no longer there counts as unsaid."""
    said: dict[str, dict[str, str]] = {}
    if valued:
        for known in of_channel(office_id, channel):
            field = FIELDS.get(known.field)
            words = field.choices(office_id) if field and known.field in valued else {}
            if not known.ours or known.ours in words:
                said.setdefault(known.field, {})[known.theirs] = words.get(known.ours, "")
    return Translator(said, valued)


def ask(sheet: Sheet, made: Translator) -> list[Unknown]:
    """Read the whole table for words that are to be asked for; none where no column has any."""
    if sheet.fields.isdisjoint(made.asked):
        return []
    for row in sheet:
        made.row(row)
    return made.unknown()


# -- what was said -------------------------------------------------------------------------------


def of_channel(office_id: int, channel: str) -> Sequence[ValueMapping]:
    return db.session.scalars(
        select(ValueMapping).where(
            ValueMapping.office_id == office_id, ValueMapping.channel == channel
        )
    ).all()


def of_office(office_id: int) -> Sequence[ValueMapping]:
    return db.session.scalars(
        select(ValueMapping)
        .where(ValueMapping.office_id == office_id)
        .order_by(ValueMapping.channel, ValueMapping.field, ValueMapping.theirs)
    ).all()


def find(mapping_id: int, office_id: int) -> ValueMapping | None:
    return db.session.scalar(
        select(ValueMapping).where(
            ValueMapping.id == mapping_id, ValueMapping.office_id == office_id
        )
    )


def mark(office_id: int, channel: str) -> str:
    """Tells what was said by now from what was said another time."""
    said = sorted(
        (known.field, known.theirs, known.ours) for known in of_channel(office_id, channel)
    )
    return hashlib.sha256(repr(said).encode()).hexdigest() if said else ""


def say(
    answers: Iterable[tuple[str, str, str]], *, office_id: int, channel: str, by: Actor
) -> None:
    """Remember (field, their word, our code); the later word counts."""
    with writing() as at:
        standing = {(known.field, known.theirs): known for known in of_channel(office_id, channel)}
        for field, theirs, ours in answers:
            known = standing.get((field, theirs))
            if known is None:
                known = ValueMapping(
                    office_id=office_id, channel=channel, field=field, theirs=theirs,
                    ours=ours, saved_at=at, by_id=by.id, by_name=by.name,
                )  # fmt: skip
                try:
                    with db.session.begin_nested():
                        db.session.add(known)
                except IntegrityError:  # a colleague's answer at the same moment
                    continue
                standing[field, theirs] = known
            known.ours = ours
            known.saved_at, known.by_id, known.by_name = at, by.id, by.name
        db.session.commit()


def change(known: ValueMapping, ours: str | None, by: Actor) -> None:
    """Say otherwise; None forgets it, so that it is asked for again."""
    mapping_id, what = known.id, f"{FIELDS[known.field].title}“{known.theirs}”"
    with writing() as at:
        if ours is None:
            db.session.execute(delete(ValueMapping).where(ValueMapping.id == mapping_id))
        else:
            row = db.session.get(ValueMapping, mapping_id, with_for_update=True)
            if row is None:
                return
            row.ours, row.saved_at, row.by_id, row.by_name = ours, at, by.id, by.name
        access.record("value_mapping_changed", subject=what, detail=ours or "", at=at)
        db.session.commit()
