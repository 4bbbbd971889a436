"""Appeals are found by their words as long as these are theirs, by whoever may find them so."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from cast import Cast
from ledger.appeals import indexing
from ledger.appeals.filters import Filters
from ledger.appeals.models import Appeal, ExternalOrder
from ledger.appeals.queries import ledger_page
from ledger.db import db, now
from ledger.search.ddl import search_text


def found(cast: Cast, typed: str, by: str = "zhou", **more: Any) -> list[str]:
    with cast.app.app_context():
        filters = Filters.read({"q": typed}).with_(**more)
        at = now()
        page = ledger_page(cast.actor(by, at), at, filters)
        assert page.count == len(page.rows)
        return [row.number for row in page.rows]


def test_an_appeal_is_found_by_each_of_its_fields(cast: Cast) -> None:
    number = cast.register(
        title="请求放行",
        content="澄江收费站入口关闭",
        appellant_name="寻乌县顺达物流有限公司",
        uscc="91360734MA35XXXX0K",
        plates="赣B12345 赣B1234挂",
        place="G35济广高速",
    )
    cast.register(content="另一件", appellant_name="别家", place="")
    for typed in (
        "放行",
        "费站",
        "顺达物流",
        "91360734ma35",
        "赣b·12345",
        "1234挂",
        "Ｇ３５",
        "济广 放行",
        number,
        number[-6:],
    ):
        assert found(cast, typed) == [number], typed
    assert found(cast, "13807970001") == []
    assert found(cast, "放行 别家") == []


def test_an_appeal_is_found_by_its_label(cast: Cast) -> None:
    number = cast.register()
    with cast.app.app_context():
        label = db.session.query(Appeal.label).filter_by(number=number).scalar()
    assert found(cast, label) == [number]
    assert found(cast, label.replace("-", "－")) == [number]


def test_an_outside_order_added_later_is_found(cast: Cast) -> None:
    number = cast.register()
    assert found(cast, "GZ20260123") == []

    def attach(appeal: Appeal, at: Any) -> None:
        with appeal.act("supplement", by=cast.actor("zhou"), at=at):
            appeal.external_orders.append(
                ExternalOrder(source_system="12345", order_number="GZ20260123001", received_at=at)
            )

    cast.do(number, attach)
    assert found(cast, "gz20260123") == [number]


def test_a_correction_is_found_by_the_new_words_alone(cast: Cast) -> None:
    number = cast.register(title="请求放行", content="澄江收费站入口关闭")
    cast.do(
        number,
        lambda a, at: a.correct(
            {"content": "南桥收费站入口关闭"}, "听错", by=cast.actor("lin"), at=at
        ),
    )
    assert found(cast, "南桥") == [number]
    assert found(cast, "澄江") == []


def test_the_newest_come_first_and_filters_narrow(cast: Cast) -> None:
    first, second = cast.register(), cast.register(kind="complaint")
    assert found(cast, "收费站") == [second, first]
    assert found(cast, "收费站", kind="complaint") == [second]
    assert found(cast, "收费站", sort="oldest") == [first, second]


def test_what_one_may_not_see_is_not_found(cast: Cast) -> None:
    number = cast.register()
    assert found(cast, "收费站", by="yuan") == []
    assert found(cast, "收费站", by="chen") == []
    cast.accept(number)
    cast.assign(number)
    assert found(cast, "收费站", by="chen") == [number]
    assert found(cast, "收费站", by="shen") == []


def test_a_hidden_appellant_is_not_found_by_the_unit(cast: Cast) -> None:
    secret = "澄江收费站入口关闭，顺达物流有限公司的赣B12345被劝返"
    number = cast.register(
        content=secret,
        title="赣B12345被劝返",
        appellant_name="顺达物流有限公司",
        contact_name="刘经理",
        plates="赣B12345",
        uscc="91360734MA35XXXX0K",
        confidential=True,
    )
    cast.accept(number)
    cast.assign(number)
    for typed in ("顺达物流", "赣B12345", "B1234", "91360734MA35", "刘经理", "顺达 收费站"):
        assert found(cast, typed, by="chen") == [], typed
    assert found(cast, "收费站 劝返", by="chen") == [number]
    for typed in ("顺达物流", "赣B12345", "91360734MA35", "顺达 收费站"):
        assert found(cast, typed) == [number], typed
    # The liaison who registered it knows, and so does the operator who is called again.
    assert found(cast, "顺达物流", by="lin") == [number]
    assert found(cast, "顺达物流", by="tang") == [number]


def test_made_confidential_later_it_is_hidden_at_once(cast: Cast) -> None:
    number = cast.register(appellant_name="顺达物流有限公司")
    cast.accept(number)
    cast.assign(number)
    assert found(cast, "顺达", by="chen") == [number]
    cast.do(
        number,
        lambda a, at: a.correct({"confidential": True}, "要求保密", by=cast.actor("zhou"), at=at),
    )
    assert found(cast, "顺达", by="chen") == []
    assert found(cast, "顺达") == [number]


def test_nothing_of_a_failed_act_is_indexed(cast: Cast) -> None:
    class Stopped(Exception):
        pass

    number = cast.register()

    def fail(appeal: Appeal, at: Any) -> None:
        appeal.correct({"content": "南桥收费站"}, "听错", by=cast.actor("lin"), at=at)
        raise Stopped

    with pytest.raises(Stopped):
        cast.do(number, fail)
    assert found(cast, "南桥") == []


def test_reindexing_makes_the_same_rows(cast: Cast) -> None:
    cast.register()
    cast.register(confidential=True, plates="赣B12345")
    with cast.app.app_context():
        whole = search_text.select().order_by(search_text.c.appeal_id)
        before = db.session.execute(whole).all()
        db.session.execute(search_text.update().values(common="", sealed=""))
        db.session.commit()
        assert indexing.rebuild(batch=1) == 2
        assert db.session.execute(whole).all() == before


def test_the_command_rebuilds(cast: Cast) -> None:
    cast.register()
    result = cast.app.test_cli_runner().invoke(indexing.reindex)
    assert result.exit_code == 0, result.output
    assert "1件" in result.output
    assert len(found(cast, "收费站")) == 1


def test_the_ledger_opens_whatever_is_typed(cast: Cast, hostile: tuple[str, ...]) -> None:
    cast.register()
    client = cast.client("zhou")
    for typed in hostile:
        url = "/appeals/?q=" + quote(typed.encode("utf-8", "replace"))
        assert client.get(url).status_code == 200, typed


def test_the_address_carries_the_words() -> None:
    filters = Filters.read({"q": "  寻乌\u3000物流 "})
    assert filters.given() == {"q": "寻乌 物流"}
    for sort in ("due", "registered"):
        chosen = Filters.read({"q": "寻乌", "sort": sort})
        assert chosen.sort == sort
        assert Filters.read(chosen.given()) == chosen
    assert not Filters.read({"q": "\x00\u200b"}).given()
