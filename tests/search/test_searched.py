"""Whoever searches, by whatever filters and in whatever order: the hits of LIKE among what he sees,
whichever way they are looked for."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.filters import ENTERED, SORTS, Filters
from ledger.appeals.models import Appeal
from ledger.appeals.queries import ledger_page, sorted_by, visible_to
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.search import query
from ledger.search.query import Spread
from ledger.search.tokens import Words, fold

WAYS = {
    "rare": Spread(hits=0, recent=0.0, early=0.0),
    "common": Spread(hits=10**9, recent=1.0, early=1.0),
    "common long ago": Spread(hits=10**9, recent=0.0, early=1.0, sample=(1, 2, 3)),
    "a common character": Spread(hits=10**9, recent=1.0, early=1.0, by_walk=True),
    "as it is": None,
}
ASKED = ("物流", "收费站", "入", "顺达 收费站", "鑫鑫", "2026-0", "车")
NARROWED: tuple[dict[str, Any], ...] = (
    {},
    {"kind": "complaint"},
    {"state": "open"},
    {"lead_unit_id": -1},
)


@pytest.fixture
def laid(cast: Cast) -> Cast:
    dice = random.Random(20261121)
    for number in range(14):
        said = "".join(dice.choices(["物流", "收费站", "入口", "顺达", "车", "。", " "], k=9))
        made = cast.register(
            title=f"第{number}件",
            content=said,
            appellant_name=dice.choice(["顺达物流", "鑫鑫冷链"]),
            kind=dice.choice(["help", "complaint"]),
            confidential=number % 5 == 0,
        )
        if number % 2:
            cast.accept(made)
            cast.assign(made)
    return cast


def may_know(by: str, row: Any) -> bool:
    """In this cast the handler alone may not know who is confidential."""
    return not row.confidential or by != "chen"


def expected(by: Any, at: Any, typed: str, filters: Filters, knows: Callable[[Any], bool]) -> Any:
    """Of what is seen, what holds each term in a text that may be known."""
    seen = select(Appeal).where(visible_to(by, at.astimezone(SHANGHAI).date()))
    found = []
    for row in db.session.scalars(seen):
        told = [row.title, row.content, row.place or "", row.number, row.label]
        if knows(row):
            told += [row.appellant_name, row.uscc or "", row.plates or ""]
        else:
            told[1] = told[1].replace(row.appellant_name, " ")
        if filters.kind and row.kind != filters.kind:
            continue
        if filters.open_only and not row.is_open:
            continue
        if filters.lead_unit_id and row.lead_unit_id != filters.lead_unit_id:
            continue
        if all(any(fold(term) in fold(text) for text in told) for term in typed.split()):
            found.append(row)
    if filters.sort == "entered":
        return [r.id for r in sorted(found, key=lambda r: -r.id)]
    key, descending = sorted_by(filters)
    found.sort(key=lambda r: (getattr(r, key.key), r.id), reverse=descending)
    return [r.id for r in found]


@pytest.mark.parametrize("way", WAYS)
def test_hits_are_those_of_like_in_every_order(
    laid: Cast, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread = WAYS[way]
    if spread is not None:
        forced: Callable[[Words], Spread] = lambda words: spread  # noqa: E731
        monkeypatch.setattr(query, "_spread", forced)
    some = 0
    with laid.app.app_context():
        at = now()
        # How words are looked for turns on how wide one sees; all five once, as it is.
        people = ("zhou", "chen", "lin", "shi", "yuan") if spread is None else ("zhou", "chen")
        for by in people:
            actor = laid.actor(by, at)
            for typed in ASKED:
                for narrowed in NARROWED:
                    for sort in SORTS | ENTERED:
                        narrow = dict(narrowed)
                        if "lead_unit_id" in narrow:
                            narrow["lead_unit_id"] = laid.units["bureau"]
                        filters = Filters(q=typed, sort=sort, **narrow)
                        wanted = expected(
                            actor,
                            at,
                            typed,
                            filters,
                            partial(may_know, by),
                        )
                        page = ledger_page(actor, at, filters)
                        where = (by, typed, narrow, sort)
                        assert [row.id for row in page.rows] == wanted, where
                        assert page.count == len(wanted), where
                        some += bool(wanted)
    assert some > 100


def test_pages_lead_on_and_back(laid: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    for spread in WAYS.values():
        laid.app.extensions.pop("ledger_spreads", None)
        if spread is not None:
            forced: Callable[..., Spread] = lambda words, spread=spread: spread  # noqa: E731
            monkeypatch.setattr(query, "_spread", forced)
        with laid.app.app_context():
            at = now()
            for by in ("zhou", "chen"):
                actor = laid.actor(by, at)
                filters = Filters(q="收费站", sort="entered")
                whole = [row.id for row in ledger_page(actor, at, filters).rows]
                assert len(whole) > 3
                page = ledger_page(actor, at, filters, size=2)
                pages = [[row.id for row in page.rows]]
                while page.after:
                    page = ledger_page(actor, at, filters, cursor=page.after, size=2)
                    assert page.count == len(whole)
                    pages.append([row.id for row in page.rows])
                assert list(chain.from_iterable(pages)) == whole
                page = ledger_page(actor, at, filters, cursor=page.before, size=2)
                assert [row.id for row in page.rows] == pages[-2]
                assert page.after
