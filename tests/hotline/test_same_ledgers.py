"""One logical file, however it was saved and whatever its columns are called: one ledger."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import engines
from cast import Cast, lay_cast
from ledger.appeals.models import Appeal
from ledger.db import Base, db, keyring, now, writing
from ledger.firms.models import Firm
from ledger.hotline.firm_rows import FirmRows
from ledger.hotline.intake import Kind, Taking
from ledger.hotline.old_ledgers import OldLedgers
from ledger.hotline.taking import Orders
from ledger.people.actor import system
from sheets import sheet_samples as samples

SHUNDA = "寻乌县顺达物流（集团）有限公司"
CODE = "91440101890653862M"
Table = list[list[str]]


@dataclass(frozen=True)
class File:
    """A file's rows, the other names of its columns, and what takes it in."""

    rows: Table
    renamed: Sequence[str]
    kind: Callable[[int], Kind[Any]]
    created: int


ORDERS = File(
    rows=[
        [
            "工单编号", "受理时间", "来电人", "来电号码", "企业名称", "统一社会信用代码",
            "工单标题", "工单内容", "诉求类型", "紧急程度", "事发地址", "车牌号", "答复意见",
            "答复时间",
        ],
        [
            "202603050000000017", "2026/3/5 9:32:09", "刘经理", "13807970001", SHUNDA, CODE,
            "货车被劝返", "收费站入口关闭，\n两辆货车“被劝返”, 请协调。", "投诉", "紧急",
            "澄江收费站", "赣B12345、赣B1234挂", "已联系收费站。", "2026-03-06 10:00",
        ],
        [""] * 14,
        [
            "202603050000000018", "2026年3月5日 14时5分", "李女士", "0797-2831234", "", "", "",
            "运费拖欠三个月；未结。", "求助", "一般", "", "", "", "",
        ],
        ["202603050000000018", "2026-03-05", "", "", "", "", "", "完全另一件事", *[""] * 6],
        ["", "2026-03-05", "", "", "", "", "", "没有编号", *[""] * 6],
    ],
    renamed=[
        "12345工单编号", "来电时间", "诉求人", "联系电话", "单位名称", "信用代码", "留言主题",
        "主要内容", "业务类型", "缓急程度", "地点", "车牌号码", "回复内容", "回复时间",
    ],
    kind=lambda office: Orders("12345", office),
    created=2,
)  # fmt: skip

LEDGER = File(
    rows=[
        [
            "编号", "来源", "登记日期", "企业名称", "联系人", "联系电话", "诉求内容", "承办单位",
            "交办日期", "办理进展", "办理结果", "办结日期", "满意度", "是否销号", "销号日期",
            "分管",
        ],
        [
            "2025-001", "走访", "2025年3月4日", SHUNDA, "刘经理", "13807970001",
            "收费站关闭，\n货车绕行。", "交通局", "2025.3.5", "已协调", "已解决", "2025-03-10",
            "满意", "是", "2025/3/12", "王副县长",
        ],
        [
            "2025-002", "12345", "2025-04-01 08:30", "百顺运输公司", "", "", "园区路面破损。",
            "交通局", "2025-4-2", "", "", "", "", "否", "", "",
        ],
        [""] * 16,
        ["", "企业座谈", "20250506", "百顺运输公司", *[""] * 2, "用电不足。", *[""] * 9],
        ["2025-004", "", "2025-05-06", "某公司", *[""] * 2, "路灯不亮。", "不存在局", *[""] * 8],
    ],
    renamed=[
        "台账编号", "诉求来源", "受理日期", "企业（诉求人）", "企业联系人", "电话", "问题描述",
        "责任单位", "转办日期", "进展情况", "处理结果", "完成日期", "满意情况", "销号情况",
        "销号时间", "分管",
    ],
    kind=OldLedgers,
    created=3,
)  # fmt: skip

FIRMS = File(
    rows=[
        [
            "企业名称", "统一社会信用代码", "所在地区", "注册地址", "联系人", "联系电话",
            "是否白名单",
        ],
        [
            "安远县百顺运输(集团)公司", "91440800194379265Y", "安远县", "欣山镇", "王会计",
            "13907970002", "是",
        ],
        [""] * 7,
        [SHUNDA, CODE, "寻乌县", "长宁镇", "", "", ""],
        ["老运输队", "320204000004468", "江西省赣州市", "", "", "0797-2831234转8", "否"],
        ["", CODE, *[""] * 5],
    ],
    renamed=["单位名称", "信用代码", "所属区县", "地址", "企业联系人", "电话", "白名单"],
    kind=FirmRows,
    created=2,
)  # fmt: skip

FILES = {"orders": ORDERS, "ledger": LEDGER, "firms": FIRMS}
RARE = "赣州㙟运公司"
"""A name with a character that GB18030 has and GBK has not."""


def turned(file: File) -> Table:
    """The columns in another order, under other names."""
    order = [*range(1, len(file.renamed), 2), *range(0, len(file.renamed), 2)]
    rows = [[*file.renamed], *file.rows[1:]]
    return [[row[index] for index in order] for row in rows]


def typed(rows: Table) -> list[list[object]]:
    """Days as a workbook's true dates, as far as they are nothing but a day."""

    def cell(text: str) -> object:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007  # a cell has no zone
        return text or None

    return [[cell(text) for text in row] for row in rows]


def forms(file: File) -> dict[str, bytes]:
    rows = file.rows
    return {
        "xlsx": samples.as_xlsx(rows),
        "xlsx with dates": samples.as_xlsx(typed(rows)),
        "xls": samples.as_xls(rows),
        "ods": samples.as_ods(rows),
        "csv": samples.as_csv(rows),
        "csv with BOM": samples.as_csv(rows, "utf-8-sig"),
        "csv in GBK": samples.as_csv(rows, "gbk"),
        "csv in GB18030": samples.as_csv(rows, "gb18030"),
        "columns turned, xlsx": samples.as_xlsx(turned(file)),
        "columns turned, csv in GBK": samples.as_csv(turned(file), "gbk"),
    }


# -- what stands -------------------------------------------------------------------------------

TABLES = (
    "appeal", "appeal_plate", "assignment", "deadline", "external_order", "entry", "import_line",
    "import_run", "firm", "firm_contact", "serial",
)  # fmt: skip

CHANCE = {
    "appeal": {"query_code", "head"},
    "entry": {"prev", "hash"},
    "import_run": {"file_name", "file_sha256"},
}
"""Columns that are drawn by lot, follow from such, or belong to the file."""

_COMMITMENT = re.compile(r"[0-9a-f]{64}")


def standing() -> dict[str, list[dict[str, Any]]]:
    """Every row of TABLES as it reads, and the words behind the entries' commitments."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in TABLES:
        table = Base.metadata.tables[name]
        columns = [c for c in table.columns if c.name not in CHANCE.get(name, ())]
        rows = db.session.execute(select(*columns).order_by(*table.primary_key)).mappings()
        found[name] = [dict(row) for row in rows]
    for entry in found["entry"]:
        entry["payload"] = _COMMITMENT.sub("…", entry["payload"])
    texts = Base.metadata.tables["entry_text"]
    found["entry_text"] = [
        {"entry": row.entry_id, "place": row.place, "words": _words(row)}
        for row in db.session.execute(select(texts).order_by(texts.c.entry_id, texts.c.place))
        if row.place.rpartition(".")[2] != "query_code"
    ]
    return found


def _words(row: Any) -> object:
    words = row.body
    if row.sealed is not None:
        words = keyring().decrypt(row.sealed, f"entry_text.{row.place}")
    # An original row is kept under the names of its columns, in whatever order they stood.
    return json.loads(words) if words.startswith("{") else words


@contextmanager
def fresh_ledger(engine: str, home: Path) -> Iterator[Cast]:
    """One more ledger with the cast and one firm."""
    home.mkdir()
    url = engines.fresh(engine, home)
    app: Flask = engines.application(url, home)
    try:
        cast = lay_cast(app)
        with app.app_context(), writing() as at:
            Firm.register(SHUNDA, by=None, at=at, uscc=CODE, industry="道路货运")
            db.session.commit()
        yield cast
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        if engine == "postgresql":
            engines.drop_postgres_database(url)


def brought(engine: str, home: Path, file: File, data: bytes) -> Mapping[str, Any]:
    """What stands in a fresh ledger after the file came in."""
    with fresh_ledger(engine, home) as cast, cast.app.app_context():
        office = cast.units["office"]
        # The extension says nothing.
        summary = Taking(file.kind(office), office_id=office, by=system("导入")).take(data, "文件")
        assert summary.created == file.created, summary.problems
        return standing()


@pytest.mark.parametrize("name", FILES)
def test_every_form_of_a_file_makes_the_same_ledger(
    engine: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    monkeypatch.setattr("ledger.db.now", lambda: at)
    expected: Mapping[str, Any] | None = None
    for number, (form, data) in enumerate(forms(FILES[name]).items()):
        found = brought(engine, tmp_path / str(number), FILES[name], data)
        if expected is None:
            expected = found
            assert found["import_line"]
        for table, rows in expected.items():
            assert found[table] == rows, f"{form}: {table}"


def test_a_character_that_only_gb18030_has(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = now()
    monkeypatch.setattr("ledger.db.now", lambda: at)
    rows = [[cell.replace("百顺运输公司", RARE) for cell in row] for row in LEDGER.rows]
    first, second = (
        brought(engine, tmp_path / str(number), LEDGER, data)
        for number, data in enumerate([samples.as_xlsx(rows), samples.as_csv(rows, "gb18030")])
    )
    assert RARE in {row["appellant_name"] for row in first["appeal"]}
    assert first == second


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("workbook", "rows"), [("messages_30.xlsx", 30), ("messages_with_replies_120.xlsx", 120)]
)
def test_both_sample_workbooks_come_in_whole(
    cast: Cast, real_data: Path, workbook: str, rows: int
) -> None:
    data = (real_data / "workorders" / workbook).read_bytes()
    with cast.app.app_context():
        office = cast.units["office"]
        for created, repeated in ((rows, 0), (0, rows)):
            taking = Taking(Orders("12345", office), office_id=office, by=system("导入"))
            summary = taking.take(data, workbook)
            assert (summary.rows, summary.problems) == (rows, [])
            assert (summary.created, summary.repeated) == (created, repeated)
        found = db.session.scalars(select(Appeal)).all()
        assert len(found) == rows
        assert all(appeal.title and appeal.content for appeal in found)
        assert not any(".0" in o.order_number for a in found for o in a.external_orders)
