"""Which appeals hold the words asked for: the newest of them, or a condition to stand among others.

The newest hits come from the index itself: FTS5 reads them backwards, GIN is asked stretch by
stretch. In any other order there are two ways. By the index: all hits at once, right for rare
words. By the rows: whatever the rest of the query gives, in its order, is looked at until the page
is full, right for common words. Left to the planner, PostgreSQL walks the table for a rare word
and SQLite lists half the ledger for a common one; so the way is settled by how the hits are spread,
about: that is remembered for a minute, and says how hits are looked for, never which there are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    table,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.elements import True_
from sqlalchemy.sql.expression import cast

from ..db import db, is_sqlite
from .ddl import COARSE, FINE, INDEX, SAMPLED, search_text
from .tokens import Words

FEW = 2000
"""Hits that are read all at once without further thought."""

NEAR = 4
"""Stretches of FINE ids that are asked first."""

LOOKED_AT, COMMON = 500, 0.05
"""Newest appeals that are looked at for a single character, and what share of them is common."""

KEPT_SECONDS = 60
MOST_KEPT = 1000

_Condition = ColumnElement[bool]
_fts = table(INDEX, column("rowid"), column(INDEX))


@dataclass(frozen=True)
class Spread:
    """How the hits lie in the ledger, about."""

    hits: int
    recent: float
    """Their share among the newest appeals."""
    early: float
    """And among the oldest."""
    by_walk: bool = False
    """A common character: the prefix of so many tokens that GIN takes longer to put them together
    than it takes to look at the newest appeals one by one."""
    sample: tuple[int, ...] = ()
    """On PostgreSQL one in SAMPLED of the hits."""

    @property
    def is_few(self) -> bool:
        return self.hits <= FEW

    def is_rare(self, wanted: int, oldest: bool = False) -> bool:
        """By the index costs as many steps as there are hits, by the rows as many as there are
        rows between `wanted` hits: the lesser."""
        return self.hits <= wanted / max(self.early if oldest else self.recent, 1e-9)


@dataclass(frozen=True)
class Finder:
    words: Words

    @property
    def spread(self) -> Spread:
        """As remembered; looked at anew after a while."""
        kept: dict[Words, tuple[float, Spread]]
        kept = current_app.extensions.setdefault("ledger_spreads", {})
        found = kept.get(self.words)
        if found is None or found[0] < time.monotonic():
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = (time.monotonic() + KEPT_SECONDS, _spread(self.words))
            kept[self.words] = found
        return found[1]

    # -- the newest --------------------------------------------------------------------------

    def newest(
        self,
        limit: int,
        *,
        appeal_id: Any = None,
        among: Sequence[_Condition] = (),
        knows: _Condition | bool = True,
        below: int = 0,
        above: int = 0,
    ) -> list[int]:
        """The ids of hits, the latest first: below an id where one is given, or above one, and
        then the nearest first.

        `among`: what else must be true of the row whose id is `appeal_id`; where there is nothing,
        every appeal that holds the words is meant. For `knows` see `matching`.
        """
        if is_sqlite():
            hits = self._streamed(appeal_id, among, knows)
            if below or above:
                hits = hits.where(_fts.c.rowid < below if below else _fts.c.rowid > above)
            ordered = hits.order_by(_fts.c.rowid if above else _fts.c.rowid.desc())
            return _ids(ordered.limit(limit))
        columns, conditions = self._asked(appeal_id, among, knows)
        if self.spread.by_walk:
            return _ids(self._walked(appeal_id, columns, conditions, below, above).limit(limit))
        found: list[int] = []
        for stretches, low, high in self._stretches(below, above):
            hits = _hits(self.words, *columns, stretches=stretches)
            rows = func.unnest(func.array(hits.scalar_subquery())).column_valued("hit")
            wanted = select(rows).where(rows.between(low, high))
            if conditions:
                wanted = select(appeal_id).where(_listed(appeal_id, hits), *conditions)
                wanted = wanted.where(appeal_id.between(low, high))
            key = wanted.selected_columns[0]
            wanted = wanted.order_by(key if above else key.desc())
            found += _ids(wanted.limit(limit - len(found)))
            if len(found) == limit:
                break
        return found

    def _walked(
        self,
        appeal_id: Any,
        columns: Sequence[str],
        conditions: Sequence[_Condition],
        below: int,
        above: int,
    ) -> Select[Any]:
        rows = search_text.alias()
        number = rows.c.appeal_id
        walk = select(number).where(or_(*(_holds(rows.c[name], self.words) for name in columns)))
        if conditions:
            walk = walk.where(exists(literal(1)).where(appeal_id == number, *conditions))
        if below or above:
            walk = walk.where(number < below if below else number > above)
        return walk.order_by(number if above else number.desc())

    def count(
        self,
        cap: int,
        *,
        appeal_id: Any = None,
        among: Sequence[_Condition] = (),
        knows: _Condition | bool = True,
    ) -> int:
        """How many there are, counted no further than `cap`."""
        if not is_sqlite():
            return len(self.newest(cap, appeal_id=appeal_id, among=among, knows=knows))
        some = self._streamed(appeal_id, among, knows).limit(cap).subquery()
        counted = select(func.count()).select_from(some)
        return db.session.connection().execute(counted).scalar_one()

    def _streamed(
        self, appeal_id: Any, among: Sequence[_Condition], knows: _Condition | bool
    ) -> Select[Any]:
        columns, conditions = self._asked(appeal_id, among, knows)
        hits = select(_fts.c.rowid).where(_matches(self.words, *columns))
        if conditions:
            # As EXISTS it is asked of the hits one after the other, until there are enough.
            hits = hits.where(exists(literal(1)).where(appeal_id == _fts.c.rowid, *conditions))
        return hits

    def _asked(
        self, appeal_id: Any, among: Sequence[_Condition], knows: _Condition | bool
    ) -> tuple[tuple[str, ...], list[_Condition]]:
        """The columns to look in, and what else must be true of a hit."""
        conditions = list(among)
        if not isinstance(knows, bool | True_):
            conditions.append(or_(knows, self._beside(appeal_id, "common")))
        return (("common",) if knows is False else ("common", "sealed")), conditions

    def _stretches(self, below: int, above: int) -> Iterator[tuple[list[str], int, int]]:
        """Stretches of ids one after the other, as tokens, and the lowest and highest id."""
        top = db.session.scalar(select(func.max(search_text.c.appeal_id))) or 0
        low, high = above + 1, below - 1 if below else top
        if self.spread.is_few:
            yield [], low, high
            return
        size, token, many = FINE, "Ｙ", NEAR + 1
        while low <= high:
            first = (low if above else high) // size
            while size == COARSE and many > 1 and self._expected(first, many, bool(above)) > FEW:
                many //= 2
            last = first + many - 1 if above else max(first - many + 1, 0)
            stretch = range(min(first, last), max(first, last) + 1)
            start, end = max(low, stretch[0] * size), min(high, (stretch[-1] + 1) * size - 1)
            yield [f"'{token}{number}'" for number in stretch], start, end
            low, high = (end + 1, high) if above else (low, start - 1)
            size, token, many = COARSE, "Ｚ", 8

    def _expected(self, first: int, many: int, upwards: bool) -> int:
        start = first if upwards else first - many + 1
        ids = range(start * COARSE, (start + many) * COARSE)
        return SAMPLED * sum(number in ids for number in self.spread.sample)

    # -- in any order ------------------------------------------------------------------------

    def matching(
        self, appeal_id: Any, *, knows: _Condition | bool, wanted: int, oldest: bool = False
    ) -> ColumnElement[bool]:
        """The appeals that hold every term.

        `appeal_id` is the column of the query this will stand in. `knows` says of its rows whether
        a confidential appellant may be known (sight.identity_visible_to), or that he always or
        never may: one whose identity is hidden is not found by it. `wanted` is the most rows the
        query will take, from the `oldest` on or from the newest.
        """
        if isinstance(knows, True_):
            knows = True
        if self.spread.is_rare(wanted, oldest):
            return self._by_index(appeal_id, knows)
        return self.by_rows(appeal_id, knows)

    # -- by the index ------------------------------------------------------------------------

    def _by_index(self, appeal_id: Any, knows: _Condition | bool) -> _Condition:
        if isinstance(knows, bool):
            columns = ("common", "sealed") if knows else ("common",)
            return _listed(appeal_id, _hits(self.words, *columns))
        return or_(
            _listed(appeal_id, _hits(self.words, "common")),
            and_(_listed(appeal_id, _hits(self.words, "sealed")), knows),
        )

    # -- by the rows -------------------------------------------------------------------------

    def by_rows(self, appeal_id: Any, knows: _Condition | bool) -> _Condition:
        if isinstance(knows, True_):
            knows = True
        common = self._beside(appeal_id, "common")
        if knows is False:
            return common
        sealed = self._beside(appeal_id, "sealed")
        return or_(common, sealed) if knows is True else or_(common, and_(knows, sealed))

    def _beside(self, appeal_id: Any, name: str) -> _Condition:
        """A subquery for one value is never turned into a join, whatever the planner thinks."""
        rows = search_text.alias()
        found: _Condition = (
            select(_holds(rows.c[name], self.words))
            .where(rows.c.appeal_id == appeal_id)
            .correlate_except(rows)
            .scalar_subquery()
        )
        return found


def _ids(wanted: Select[Any]) -> list[int]:
    """Not by way of the session, which takes longer over a thousand numbers than the index."""
    return [row[0] for row in db.session.connection().execute(wanted).all()]


def _spread(words: Words) -> Spread:
    top = db.session.scalar(select(func.max(search_text.c.appeal_id))) or 0
    if not top:
        return Spread(0, 0.0, 0.0)
    if is_sqlite():
        hits = select(_fts.c.rowid).where(_matches(words, "common", "sealed"))
        newest = _ids(hits.order_by(_fts.c.rowid.desc()).limit(FEW + 1))
        if len(newest) <= FEW:
            return Spread(len(newest), len(newest) / top, len(newest) / top)
        oldest = _ids(hits.order_by(_fts.c.rowid).limit(NEAR))
        recent = len(newest) / (top - newest[-1] + 1)
        return Spread(max(len(newest), int(recent * top)), recent, NEAR / oldest[-1])
    if any(len(phrase) == 1 for phrase in words.phrases):
        looked_at = search_text.c.appeal_id > top - LOOKED_AT
        held = select(func.count()).where(looked_at, _holds(search_text.c.common, words))
        share = (db.session.scalar(held) or 0) / LOOKED_AT
        if share > COMMON:
            return Spread(int(share * top), share, share, by_walk=True)
    last = top // FINE
    near = range(max(last - NEAR, 0), last + 1)
    newest, sample = db.session.execute(
        select(
            func.array(
                _hits(words, "common", stretches=[f"'Ｙ{n}'" for n in near]).scalar_subquery()
            ),
            func.array(_hits(words, "common", stretches=["'Ｗ'"]).scalar_subquery()),
        )
    ).one()
    recent = len(newest) / (top - near[0] * FINE + 1)
    begun = [number for number in sample if number <= top // 8]
    early = SAMPLED * len(begun) / max(top // 8, 1)
    return Spread(max(SAMPLED * len(sample), len(newest)), recent, early, sample=tuple(sample))


# -- how each engine says it -----------------------------------------------------------------


def _holds(tokens: Any, words: Words) -> _Condition:
    """The tokens of a row, looked through as text."""
    find = func.instr if is_sqlite() else func.strpos
    return and_(*(find(tokens, phrase) > 0 for phrase in words.phrases))


def _matches(words: Words, *columns: str) -> _Condition:
    """FTS5: a phrase a term, a prefix for a single character. All terms in one of the columns:
    `sealed`, where there is any, has what `common` has, so that no column need be named for
    both."""
    parts = [f'"{anchor}"' for anchor in words.anchors]
    parts += [f'"{phrase}"{"*" if len(phrase) == 1 else ""}' for phrase in words.phrases]
    asked = " AND ".join(parts)
    if len(columns) == 1:
        asked = f"{{{columns[0]}}} : ({asked})"
    return _fts.c[INDEX].op("MATCH", is_comparison=True)(asked)


def _hits(words: Words, *columns: str, stretches: Sequence[str] = ()) -> Any:
    if is_sqlite():
        return select(_fts.c.rowid).where(_matches(words, *columns))
    rows = search_text.alias()
    # Not by OR: of each hit of either index the tokens would then be worked out once more.
    return union(
        *(
            select(rows.c.appeal_id).where(_holds_grams(rows, words, name, stretches))
            for name in columns
        )
    )


def _holds_grams(rows: Any, words: Words, name: str, stretches: Sequence[str]) -> _Condition:
    """tsquery: every pair of characters; then, where a term has more than one pair, that they
    stand in a row."""
    grams = dict.fromkeys(
        f"'{gram}'{':*' if len(gram) == 1 else ''}"
        for gram in (*words.anchors, *(g for phrase in words.phrases for g in phrase.split()))
    )
    asked = " & ".join(grams)
    if stretches:
        asked += f" & ({' | '.join(stretches)})"
    tokens = rows.c[name]
    vector = func.search_grams(tokens, rows.c.appeal_id)
    found: list[_Condition] = [vector.op("@@", is_comparison=True)(cast(asked, TSQUERY))]
    if name == "sealed":
        found.append(tokens != text("''"))
    found += [func.strpos(tokens, phrase) > 0 for phrase in words.phrases if " " in phrase]
    return and_(*found)


def _listed(appeal_id: Any, hits: Select[Any]) -> _Condition:
    if is_sqlite():
        found: _Condition = appeal_id.in_(hits)
        return found
    # As an array: read once, and the planner goes by it, not along some index in search of it.
    listed: _Condition = appeal_id == func.any(func.array(hits.scalar_subquery()))
    return listed
