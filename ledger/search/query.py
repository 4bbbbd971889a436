"""Which appeals hold the words asked for, as a condition to stand among others.

There are two ways to one answer. By the index: all hits at once, right for rare words. By the
rows: whatever the rest of the query gives, in its order, is looked at until the page is full,
right for common words. Left to the planner, PostgreSQL walks the table for a rare word and SQLite
lists half the ledger for a common one; so a sample of the newest appeals tells how common the
words are, and the shape of the condition settles the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import g, has_app_context
from sqlalchemy import ColumnElement, Select, and_, column, func, or_, select, table, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.sql.elements import True_
from sqlalchemy.sql.expression import cast

from ..db import db, is_sqlite
from .ddl import INDEX, search_text
from .tokens import Words

SAMPLE = 1000
"""Newest appeals that are looked at to tell how common the words are."""

ENOUGH = 40
"""Hits in the sample after which no more are needed to tell."""

_Condition = ColumnElement[bool]
_fts = table(INDEX, column("rowid"), column(INDEX))


@dataclass(frozen=True)
class Finder:
    """Words, and how common they are among the newest appeals."""

    words: Words
    share: float
    total: int
    """Appeals in the ledger, about."""

    def matching(
        self, appeal_id: Any, *, knows: _Condition | bool, wanted: int
    ) -> ColumnElement[bool]:
        """The appeals that hold every term.

        `appeal_id` is the column of the query this will stand in. `knows` says of its rows whether
        a confidential appellant may be known (sight.identity_visible_to), or that he always or
        never may: one whose identity is hidden is not found by it. `wanted` is the most rows the
        query will take.
        """
        if isinstance(knows, True_):
            knows = True
        if self.is_rare(wanted):
            return self._by_index(appeal_id, knows)
        return self._by_rows(appeal_id, knows)

    def is_rare(self, wanted: int) -> bool:
        """By the index costs as many steps as there are hits, by the rows as many as there are
        rows between `wanted` hits: the lesser."""
        return self.share * self.total <= wanted / max(self.share, 1e-9)

    # -- by the index ------------------------------------------------------------------------

    def _by_index(self, appeal_id: Any, knows: _Condition | bool) -> _Condition:
        if isinstance(knows, bool):
            return _listed(appeal_id, self._hits("common", *(["sealed"] if knows else [])))
        return or_(
            _listed(appeal_id, self._hits("common")),
            and_(_listed(appeal_id, self._hits("sealed")), knows),
        )

    def _hits(self, *columns: str) -> Select[Any]:
        if is_sqlite():
            return select(_fts.c.rowid).where(_matches(self.words, *columns))
        rows = search_text.alias()
        return select(rows.c.appeal_id).where(
            or_(*(_holds_grams(rows, self.words, name) for name in columns))
        )

    # -- by the rows -------------------------------------------------------------------------

    def _by_rows(self, appeal_id: Any, knows: _Condition | bool) -> _Condition:
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


def finder(words: Words) -> Finder:
    """Looks at the sample; once a request for the same words."""
    kept: dict[Words, Finder] = g.setdefault("ledger_finders", {}) if has_app_context() else {}
    if words not in kept:
        kept[words] = _sampled(words)
    return kept[words]


def _sampled(words: Words) -> Finder:
    newest = select(func.max(search_text.c.appeal_id)).scalar_subquery()
    if is_sqlite():
        here = select(_fts.c.rowid, newest).where(
            _matches(words, "common"), _fts.c.rowid > newest - SAMPLE
        )
        rows = db.session.execute(here).all()
    else:
        # Every row of the sample is read here, so that common words stop it early.
        here = (
            select(search_text.c.appeal_id, newest)
            .where(_holds(search_text.c.common, words), search_text.c.appeal_id > newest - SAMPLE)
            .order_by(search_text.c.appeal_id.desc())
            .limit(ENOUGH)
        )
        rows = db.session.execute(here).all()
    if not rows:
        return Finder(words, 0.0, 0)
    total: int = rows[0][1]
    looked_at = SAMPLE
    if not is_sqlite() and len(rows) == ENOUGH:
        looked_at = total - rows[-1][0] + 1
    return Finder(words, len(rows) / min(looked_at, total), total)


# -- how each engine says it -----------------------------------------------------------------


def _holds(tokens: Any, words: Words) -> _Condition:
    """The tokens of a row, looked through as text."""
    find = func.instr if is_sqlite() else func.strpos
    return and_(*(find(tokens, phrase) > 0 for phrase in words.phrases))


def _matches(words: Words, *columns: str) -> _Condition:
    """FTS5: a phrase a term, a prefix for a single character. All terms in one of the columns."""
    parts = [f'"{anchor}"' for anchor in words.anchors]
    parts += [f'"{phrase}"{"*" if len(phrase) == 1 else ""}' for phrase in words.phrases]
    terms = " AND ".join(parts)
    asked = " OR ".join(f"({{{name}}} : ({terms}))" for name in columns)
    return _fts.c[INDEX].op("MATCH", is_comparison=True)(asked)


def _holds_grams(rows: Any, words: Words, name: str) -> _Condition:
    """tsquery: every pair of characters; then, where a term has more than one pair, that they
    stand in a row."""
    grams = dict.fromkeys(
        f"'{gram}'{':*' if len(gram) == 1 else ''}"
        for gram in (*words.anchors, *(g for phrase in words.phrases for g in phrase.split()))
    )
    tokens = rows.c[name]
    vector = func.array_to_tsvector(func.string_to_array(tokens, text("' '")))
    found: list[_Condition] = [
        vector.op("@@", is_comparison=True)(cast(" & ".join(grams), TSQUERY))
    ]
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
