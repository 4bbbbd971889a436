"""A row found by its content shows where; nobody learns from it what the list keeps from him."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event, update

from cast import Cast
from ledger.appeals.filters import Filters
from ledger.appeals.models import Appeal
from ledger.appeals.queries import ledger_page
from ledger.appeals.snippets import snippets
from ledger.db import db, now
from ledger.search.tokens import read
from ledger.trail.models import ERASED

LONG = "自上月起" * 20 + "，匝道口<堵车>两小时，" + "请尽快协调" * 20


def shown(cast: Cast, typed: str, by: str = "zhou") -> dict[str, str]:
    with cast.app.app_context():
        at = now()
        actor = cast.actor(by, at)
        rows = ledger_page(actor, at, Filters.read({"q": typed})).rows
        made = snippets(rows, read(typed))
        return {row.number: made[row.id] for row in rows if row.id in made}


def test_a_hit_in_the_content_is_shown_and_marked(cast: Cast) -> None:
    number = cast.register(title="请求放行", content=LONG)
    said = shown(cast, "匝道口")[number]
    assert said.startswith("…") and said.endswith("…")
    assert "<mark>匝道口</mark>&lt;堵车&gt;" in said
    assert len(said) < 90
    # In full width, and over a change of punctuation.
    assert "<mark>口&lt;堵</mark>" in shown(cast, "口＜堵")[number]


def test_what_the_row_shows_anyway_needs_none(cast: Cast) -> None:
    cast.register(title="匝道口堵车", content=LONG)
    assert shown(cast, "匝道口") == {}
    assert len(shown(cast, "匝道口 小时")) == 1
    cast.register(title="另一件", content="请放行", appellant_name="顺达物流")
    assert shown(cast, "顺达") == {}


def test_a_hidden_appellant_is_not_shown_by_the_content(cast: Cast) -> None:
    number = cast.register(
        title="请求放行",
        content="收费站劝返顺达物流的车",
        appellant_name="顺达物流",
        confidential=True,
    )
    cast.accept(number)
    cast.assign(number)
    assert number in shown(cast, "劝返")
    assert shown(cast, "劝返", by="chen") == {}


def test_what_was_erased_is_not_shown(cast: Cast) -> None:
    number = cast.register(title="请求放行", content=LONG)
    with cast.app.app_context():
        at = now()
        actor = cast.actor("zhou", at)
        rows = ledger_page(actor, at, Filters.read({"q": "匝道口"})).rows
        db.session.connection().execute(
            update(Appeal).where(Appeal.number == number).values(content=ERASED)
        )
        assert snippets(rows, read(ERASED[:2])) == {}
        db.session.rollback()


def test_all_rows_are_one_statement(cast: Cast) -> None:
    for _ in range(5):
        cast.register(title="请求放行", content=LONG)
    with cast.app.app_context():
        at = now()
        actor = cast.actor("zhou", at)
        rows = ledger_page(actor, at, Filters.read({"q": "匝道口"})).rows
        asked: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert len(snippets(rows, read("匝道口"))) == 5
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        assert len(asked) == 1
