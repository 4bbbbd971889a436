"""Rows that are written together are the rows that the verbs write one by one."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

import engines
import ledger.db
from cast import Cast, lay_cast
from hotline.test_import_ledger import CLOSED, FRESH, OPEN
from hotline.test_import_ledger import ledger as old_ledger
from hotline.test_import_orders import HEAD, order, workbook
from ledger.appeals import bulk
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid
from ledger.db import Base, db, writing
from ledger.firms.models import Firm
from ledger.hotline import intake
from ledger.hotline.batch import Batch
from ledger.hotline.intake import Kind, Summary, Taking
from ledger.hotline.old_ledgers import OldLedgers
from ledger.hotline.taking import Orders
from ledger.people.actor import system
from ledger.search import ddl
from ledger.trail.act import TrailBypassed
from ledger.trail.bulk import Ids
from ledger.work import statistics
from ledger_damage import problems

AT = datetime(2026, 4, 20, 1, 30, tzinfo=UTC)

WRITTEN = (
    "appeal", "assignment", "deadline", "external_order", "appeal_plate", "attachment", "entry",
    "entry_text", "outbox", "serial", "unit_sight", "import_run", "import_line",
    "appeal_interval",
)  # fmt: skip

MORE = ["统一社会信用代码", "子单号", "紧急程度", "是否保密", "车牌号", "答复意见", "答复时间"]


def more(number: str, content: str, **said: str) -> list[object]:
    firm = said.pop("企业名称", "")
    return [*order(number, content, 企业名称=firm), *(said.get(name, "") for name in MORE)]


def orders() -> bytes:
    replied = {"答复意见": "您好，已协调放行。", "答复时间": "2026/4/6 10:00:00"}
    return workbook(
        more("1", "收费站关闭，货车被劝返。"),
        more("2", "通行证不被认可。", 企业名称="寻乌县顺达物流有限公司", 紧急程度="紧急"),
        more("3", "被拦三小时。", 车牌号="赣B12345 赣B1234挂", 是否保密="是"),
        more("4", "排队过长。", **replied),
        more("", "没有编号。"),
        more("1", "收费站关闭，货车被劝返。"),
        more("2", "另一件事。"),
        more("5", "子单一。", 子单号="01"),
        more("5", "子单二。", 子单号="02", 企业名称="寻乌县恒通冷链有限公司", **replied),
        more("6", "司机无处休整。", 车牌号="不清楚"),
        head=[*HEAD, *MORE],
    )


def rows_by_hand() -> bytes:
    head = ["企业名称", "联系人", "联系电话", "标题", "诉求内容", "来源渠道", "收到时间"]
    day = "2025-04-18 10:30"
    return workbook(
        ["寻乌县顺达物流有限公司", "刘经理", "13807970001", "用电", "扩容未答复。", "走访", day],
        ["寻乌县恒通冷链有限公司", "钟经理", "13807970002", "道路", "路面破损。", "走访", day],
        ["寻乌县恒通冷链有限公司", "钟经理", "13807970002", "", "", "走访", day],
        head=head,
    )


KINDS: dict[str, tuple[Callable[[int], Kind[Any]], Callable[[], bytes]]] = {
    "orders": (lambda office: Orders("12345", office), orders),
    "opening orders": (lambda office: Orders("12345", office, opening=True), orders),
    "old ledger": (
        OldLedgers,
        lambda: old_ledger(CLOSED, OPEN, FRESH, {**OPEN, "编号": "9", "承办单位": "无此单位"}),
    ),
    "by hand": (lambda office: Batch("visit", office), rows_by_hand),
}


def bring(cast: Cast, kind: Kind[Any], data: bytes, by: str = "") -> Summary:
    """By that person, or by the command's own hand. Inside an application context."""
    who = cast.actor(by, AT) if by else system("工单导入")
    return Taking[Any](kind, office_id=cast.units["office"], by=who).take(data, "orders.xlsx")


def stands() -> dict[str, list[tuple[Any, ...]]]:
    found = {}
    for name in WRITTEN:
        table = Base.metadata.tables[name]
        rows = db.session.execute(select(table).order_by(*table.primary_key.columns))
        found[name] = [tuple(row) for row in rows]
    tokens = select(ddl.search_text).order_by(ddl.search_text.c.appeal_id)
    found["search_text"] = [tuple(row) for row in db.session.execute(tokens)]
    return found


def stand_still(patched: pytest.MonkeyPatch) -> None:
    """From now on the clock stands still, and what is random comes in the same order each time."""
    salts = itertools.count()
    patched.setattr(ledger.db, "now", lambda: AT)
    # Salts are drawn in the order of the acts; nonces when rows are written, in another.
    patched.setattr(
        secrets,
        "token_bytes",
        lambda size: next(salts).to_bytes(16, "big") if size == 16 else bytes(size),
    )


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("by", ["", "zhou"])
def test_together_and_one_by_one_give_equal_ledgers(
    engine: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    by: str,
) -> None:
    make, file = KINDS[name]
    data = file()
    found = []
    for together in (True, False):
        home = tmp_path / str(together)
        home.mkdir()
        url = engines.fresh(engine, home)
        cast = lay_cast(engines.application(url, home))
        with monkeypatch.context() as patched, cast.app.app_context():
            stand_still(patched)
            patched.setattr(intake, "BATCH", 4)
            with writing() as at:
                Firm.register("寻乌县恒通冷链有限公司", by=None, at=at)
                db.session.commit()
            kind = make(cast.units["office"])
            kind.together = together
            summary = bring(cast, kind, data, by)
            found.append((summary, stands()))
            db.session.remove()
        assert problems(cast.app) == []
        with cast.app.app_context():
            db.engine.dispose()
        if engine == "postgresql":
            engines.drop_postgres_database(url)
    (one, whole), (other, singly) = found
    assert one == other
    assert one.created >= 2
    for table, rows in whole.items():
        assert rows == singly[table], table


@pytest.fixture
def numbers(cast: Cast) -> Callable[[], list[str]]:
    """The ends of all ledger numbers."""

    def read() -> list[str]:
        found = db.session.scalars(select(Appeal.number).order_by(Appeal.id)).all()
        return [number.rpartition("-")[2] for number in found]

    return read


def test_rows_that_another_import_brought_meanwhile_are_repeated_and_leave_no_gap(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, numbers: Callable[[], list[str]]
) -> None:
    with cast.app.app_context():
        bring(cast, Orders("12345", cast.units["office"]), workbook(order("1")))
        kind = Orders("12345", cast.units["office"])
        seen, asked = kind.known, itertools.count()
        # The first look comes before the other import's commit.
        monkeypatch.setattr(kind, "known", lambda items: seen(items) if next(asked) else {})
        data = workbook(order("0", "先来的"), order("1"), order("2", "后来的"))
        summary = bring(cast, kind, data)
        assert (summary.created, summary.repeated, summary.rejected) == (2, 1, 0)
        assert numbers() == ["000001", "000002", "000003"]
    assert problems(cast.app) == []


def test_a_row_that_fails_half_way_leaves_nothing_behind(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, numbers: Callable[[], list[str]]
) -> None:
    supplement = Appeal.supplement

    def failing(appeal: Appeal, words: str, **more: Any) -> None:
        if "不能" in words:
            raise Invalid("words", "不能补充")
        supplement(appeal, words, **more)

    monkeypatch.setattr(Appeal, "supplement", failing)
    head = [*HEAD, "答复意见"]
    rows = [[*order("1"), "已答复"], [*order("2"), "不能答复"], [*order("3"), ""]]
    with cast.app.app_context():
        kind = Orders("12345", cast.units["office"])
        summary = bring(cast, kind, workbook(*rows, head=head))
        assert (summary.created, summary.rejected) == (2, 1)
        assert summary.problems[0].reason == "未导入：不能补充"
        assert numbers() == ["000001", "000002"]
    assert problems(cast.app) == []


def test_appeals_that_stand_are_not_gathered(cast: Cast) -> None:
    number = cast.register()
    with cast.app.app_context(), writing() as at:
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        with pytest.raises(TrailBypassed), bulk.together(Ids(), 1):
            appeal.supplement("补充", by=cast.actor("lin", at), at=at)
        db.session.rollback()
        assert db.session.scalar(select(func.count(Appeal.id))) == 1
        assert db.session.scalar(text("SELECT count(*) FROM search_text")) == 1


def test_after_many_rows_the_engine_knows_how_many_there_are(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "MANY", 3)
    with cast.app.app_context():
        data = workbook(*(order(str(n), f"第{n}件事") for n in range(5)))
        bring(cast, Orders("12345", cast.units["office"]), data)
        known = {
            "sqlite": "SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'external_order'",
            "postgresql": "SELECT count(*) FROM pg_stats WHERE tablename = 'external_order'",
        }
        assert db.session.scalar(text(known[db.engine.dialect.name])) > 0
