"""Files that cannot be taken in: the command says so in one line, and nothing is half written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import click
import openpyxl
import pytest
from click.testing import Result
from openpyxl.styles import PatternFill
from sqlalchemy import func, select

from cast import Cast
from ledger.db import Base, db
from ledger.hotline.commands import import_batch, import_firms, import_ledger, import_orders
from sheets import sheet_samples as samples


@dataclass(frozen=True)
class Way:
    """A command with what it takes: ten columns, a sound row under them, and what it makes."""

    command: click.Command
    options: tuple[str, ...]
    header: tuple[str, ...]
    row: tuple[str, ...]
    made: str
    """The table that has one row more for each row taken in."""

    def run(self, cast: Cast, file: Path) -> Result:
        return cast.app.test_cli_runner().invoke(self.command, [str(file), *self.options])


WAYS = {
    "orders": Way(
        import_orders,
        ("--channel", "12345"),
        (
            "工单编号", "受理时间", "来电人", "来电号码", "企业名称", "工单标题", "工单内容",
            "地点", "车牌号", "紧急程度",
        ),
        (
            "0017", "2026-03-05", "刘经理", "13807970001", "顺达公司", "被劝返", "货车被劝返",
            "澄江", "赣B12345", "一般",
        ),
        "appeal",
    ),
    "ledger": Way(
        import_ledger,
        (),
        (
            "编号", "来源", "登记日期", "企业名称", "联系人", "联系电话", "诉求内容", "地点",
            "办理进展", "是否销号",
        ),
        (
            "2025-001", "走访", "2025-03-04", "顺达公司", "刘经理", "13807970001", "收费站关闭",
            "澄江", "已协调", "是",
        ),
        "appeal",
    ),
    "batch": Way(
        import_batch,
        ("--channel", "visit", "--by", "lin"),
        (
            "诉求主体", "主体类型", "联系人", "联系电话", "诉求内容", "诉求标题", "走访日期",
            "地点", "车牌号", "紧急程度",
        ),
        (
            "顺达公司", "企业", "刘经理", "13807970001", "货车被劝返", "被劝返", "2026-03-05",
            "澄江", "赣B12345", "一般",
        ),
        "appeal",
    ),
    "firms": Way(
        import_firms,
        (),
        (
            "企业名称", "统一社会信用代码", "所在地区", "注册地址", "联系人", "联系电话", "职务",
            "行业", "产业链", "备注",
        ),
        (
            "顺达公司", "91440101890653862M", "寻乌县", "长宁镇", "刘经理", "13807970001", "经理",
            "货运", "物流", "老厂",
        ),
        "firm",
    ),
}  # fmt: skip


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[str(request.param)]


def rows_of_every_table(cast: Cast) -> dict[str, int]:
    with cast.app.app_context():
        return {
            table.name: db.session.scalars(select(func.count()).select_from(table)).one()
            for table in Base.metadata.sorted_tables
        }


def sound(way: Way) -> bytes:
    return samples.as_xlsx([way.header, way.row])


def text_of(way: Way) -> str:
    return samples.as_csv([way.header, way.row]).decode()


def html(way: Way) -> bytes:
    cells = "".join(f"<td>{title}</td>" for title in way.header)
    return f"<html><body><table><tr>{cells}</tr></table></body></html>".encode()


@cache
def bomb() -> bytes:
    return samples.zipped({"xl/workbook.xml": b"0" * 100_000_000})


def swollen(way: Way) -> bytes:
    """Sound rows enough for several transactions, and then a field that no reader takes."""
    rows = [[f"{number}{way.row[0]}", *way.row[1:]] for number in range(600)]
    return samples.as_csv([way.header, *rows, [*way.row[:-1], "x" * 200_000]])


BAD: dict[str, tuple[str, Callable[[Way], bytes], str]] = {
    "lock file": ("~$x.xlsx", lambda way: b"\x05admin".ljust(165, b" "), "临时锁文件"),
    "lock file, sound inside": ("~$x.xlsx", sound, "临时锁文件"),
    "no workbook": ("x.xlsx", lambda way: samples.zipped({"a.txt": b"x"}), "不是Excel工作簿"),
    "html": ("x.xls", html, "网页（HTML）"),
    "password": ("x.xlsx", lambda way: samples.compound("EncryptedPackage", b"x"), "打开密码"),
    "bomb": ("x.xlsx", lambda way: bomb(), "压缩炸弹"),
    "no bytes": ("x.xlsx", lambda way: b"", "文件是空的"),
    "no rows": ("x.xlsx", lambda way: samples.as_xlsx([[]]), "没有工作表|没有数据"),
    "cut off": ("x.xlsx", lambda way: sound(way)[:-200], "已损坏"),
    "other columns": ("x.xlsx", lambda way: samples.as_xlsx([["甲", "乙"], ["1", "2"]]), "表头"),
    "mojibake": (
        "x.csv", lambda way: text_of(way).encode().decode("latin-1").encode(), "乱码"),
    "mojibake of gbk": (
        "x.csv", lambda way: text_of(way).encode().decode("gb18030", "replace").encode(), "乱码"),
    "open quotation": (
        "x.csv", lambda way: text_of(way).encode() + b'"a,b\r\nc,d\r\n', "引号不成对"),
    "a field of 200,000 letters": ("x.csv", swollen, "第602行的内容过长"),
}  # fmt: skip


def test_a_bad_file_is_one_clear_line_and_nothing_is_written(
    cast: Cast, way: Way, tmp_path: Path
) -> None:
    before = rows_of_every_table(cast)
    for bad, (name, make, says) in BAD.items():
        file = tmp_path / name
        file.write_bytes(make(way))
        result = way.run(cast, file)
        assert result.exit_code == 1, (bad, result.output)
        assert isinstance(result.exception, SystemExit), f"{bad}: no traceback"
        assert result.stdout == "", bad
        (line,) = result.stderr.splitlines()
        assert any(word in line for word in says.split("|")), (bad, line)
        # Nothing was written, so the next one finds the same ledger.
        assert rows_of_every_table(cast) == before, bad


def test_a_file_that_is_not_there_is_one_line(cast: Cast, way: Way, tmp_path: Path) -> None:
    before = rows_of_every_table(cast)
    for file in (tmp_path / "没有.xlsx", tmp_path):
        result = way.run(cast, file)
        assert result.exit_code == 1
        assert "读不到文件" in result.stderr
    assert rows_of_every_table(cast) == before


# -- bad rows: the file is taken in, they are left out with a reason ----------------------------


def taken(cast: Cast, way: Way, file: Path) -> tuple[str, int, int]:
    """What the command says, and how many rows more the way's table and the lines have."""
    before = rows_of_every_table(cast)
    result = way.run(cast, file)
    assert result.exit_code == 0, result.output
    after = rows_of_every_table(cast)
    return (
        result.stdout,
        after[way.made] - before[way.made],
        after["import_line"] - before["import_line"],
    )


def test_sixty_thousand_styled_blank_rows_are_no_rows(cast: Cast, way: Way, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    fill = PatternFill("solid", fgColor="FFFF00")
    page.append(way.header)
    for number in range(2, 60_002):
        page.cell(number, 1).fill = fill
    page.append(way.row)
    file = tmp_path / "x.xlsx"
    file.write_bytes(samples.saved(book))
    said, made, lines = taken(cast, way, file)
    assert "共1行，新登记1" in said
    assert (made, lines) == (1, 1)


def test_rows_of_nine_and_thirteen_fields_under_ten_columns_are_rejected(
    cast: Cast, way: Way, tmp_path: Path
) -> None:
    def variant(number: int, width: int) -> Sequence[str]:
        row = [f"{number}{way.row[0]}", *way.row[1:], "多", "出", "来"]
        # Each row is another firm, another number, another matter.
        return [cell.replace("91440101890653862M", "") for cell in row[:width]]

    rows = [variant(1, 9), variant(2, 13), variant(3, 10)]
    file = tmp_path / "x.csv"
    file.write_bytes(samples.as_csv([way.header, *rows]))
    said, made, lines = taken(cast, way, file)
    assert "共3行，新登记1" in said
    assert "未导入2行" in said
    assert "第2行 未导入：这一行有9栏，表头有10栏" in said
    assert "第3行 未导入：这一行有13栏，表头有10栏" in said
    assert (made, lines) == (1, 3)


def test_names_made_of_nuls_are_no_names(cast: Cast, way: Way, tmp_path: Path) -> None:
    nul = dict.fromkeys(("企业名称", "诉求主体"), "\0\0\0")
    row = [nul.get(title, cell) for title, cell in zip(way.header, way.row, strict=True)]
    nothing = ["\0\0" for _ in way.row]
    file = tmp_path / "x.csv"
    file.write_bytes(samples.as_csv([way.header, row, nothing]))
    said, made, lines = taken(cast, way, file)
    # An order and an old ledger's row may do without a firm; a firm and a list's row may not.
    alone = way.command in (import_orders, import_ledger)
    assert (made, lines) == (1 if alone else 0, 1)
    assert alone or "缺少" in said
    with cast.app.app_context():
        for name in ("appeal", "firm"):
            table = Base.metadata.tables[name]
            column = table.c["appellant_name" if name == "appeal" else "name"]
            assert not any("\0" in each for each in db.session.scalars(select(column)))


def test_one_broken_byte_costs_one_row(cast: Cast, way: Way, tmp_path: Path) -> None:
    rows = [[f"{number}{way.row[0]}", *way.row[1:]] for number in range(80)]
    rows = [[cell.replace("91440101890653862M", "") for cell in row] for row in rows]
    data = bytearray(samples.as_csv([way.header, *rows]))
    data[data.rindex("刘".encode())] = 0xFF
    file = tmp_path / "x.csv"
    file.write_bytes(bytes(data))
    said, made, lines = taken(cast, way, file)
    assert "第81行 未导入：“" in said
    assert "”里有乱码" in said
    assert (made, lines) == (79, 80)
