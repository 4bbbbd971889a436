"""One logical file, however it was saved, gives the same rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from ledger.sheets import Row, read
from sheets import sheet_samples as samples
from sheets.sheet_samples import HEADER, ORDERS, ROWS

EXPECTED = [
    Row(2, dict(zip(ORDERS, ROWS[1], strict=True))),
    Row(
        3,
        {
            "number": "20220425000002",
            "received": "2022年4月25日 9时32分",
            "firm": "赣州㙟运（集团）公司",
            "uscc": "",
            "content": "办证，\n“不下来”",
        },
    ),
    Row(
        5,
        {
            "number": "20220425000003",
            "received": "2022-04-26",
            "firm": "",
            "uscc": "",
            "content": "运费拖欠, 三个月 未结",
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "kind", "encoding"),
    [
        (samples.as_xlsx(ROWS), "Excel工作簿（xlsx）", ""),
        (samples.as_xls(ROWS), "Excel 97-2003工作簿（xls）", ""),
        (samples.as_ods(ROWS), "开放文档表格（ods）", ""),
        (samples.as_csv(ROWS), "CSV文本", "UTF-8"),
        (samples.as_csv(ROWS, "utf-8-sig"), "CSV文本", "UTF-8（带BOM）"),
        (samples.as_csv(ROWS, "gb18030"), "CSV文本", "GB18030"),
        (samples.as_csv(ROWS, "utf-16"), "CSV文本", "UTF-16"),
        (samples.as_csv(ROWS, "utf-16", "\t"), "CSV文本", "UTF-16"),
        (samples.as_csv(ROWS, "utf-8", ";"), "CSV文本", "UTF-8"),
    ],
)
def test_every_kind_of_file_gives_the_same_rows(data: bytes, kind: str, encoding: str) -> None:
    # The extension lies on purpose.
    sheet = read(data, "工单.pdf", ORDERS)
    assert (sheet.kind, sheet.encoding) == (kind, encoding)
    assert list(sheet) == EXPECTED
    assert list(sheet) == EXPECTED, "a sheet can be read again"


def test_gbk_is_told_from_gb18030() -> None:
    rows = [[str(cell).replace("㙟", "航") for cell in row] for row in ROWS]
    sheet = read(samples.as_csv(rows, "gbk"), "工单.csv", ORDERS)
    assert sheet.encoding == "GBK"
    assert sheet.first(2)[1].cells["firm"] == "赣州航运（集团）公司"


def test_columns_in_another_order_under_other_names() -> None:
    names = ["反映内容", " 信用 代码（18位）", "诉求主体", "来电时间", "１２３４５工单编号"]
    turned = [names] + [list(reversed(row)) for row in ROWS[1:]]
    sheet = read(samples.as_xlsx(turned), "工单.xlsx", ORDERS)
    assert list(sheet) == EXPECTED
    assert sheet.problems == ()


def test_wps_files_are_named_as_such() -> None:
    assert read(samples.as_xls(ROWS), "工单.et", ORDERS).kind == "WPS表格（et）"


def test_title_rows_stand_above_the_header() -> None:
    above = [["2022年热线工单台账"], [], ["单位：寻乌县", "", "填报人："]]
    sheet = read(samples.as_xlsx(above + ROWS), "工单.xlsx", ORDERS)
    assert sheet.header_row == 4
    assert [row.number for row in sheet] == [5, 6, 8]


def test_a_header_in_two_rows_with_merged_groups() -> None:
    columns = {
        "number": ("编号",),
        "firm": ("企业名称",),
        "phone": ("企业电话",),
        "unit": ("承办单位名称",),
        "answer": ("答复",),
    }
    book = openpyxl.Workbook()
    page = book.active
    page.append(["企业诉求台账"])
    page.append(["编号", "企业", "", "承办单位", "", "备注"])
    page.append(["", "名称", "电话", "名称", "答复", ""])
    page.append(["1", "顺达物流", "13800000000", "交通局", "已办", "急"])
    page.merge_cells("A1:F1")
    for cells in ("A2:A3", "B2:C2", "D2:E2", "F2:F3"):
        page.merge_cells(cells)
    sheet = read(samples.saved(book), "台账.xlsx", columns)
    assert sheet.header_row == 3
    assert sheet.first(1)[0] == Row(
        4,
        {
            "number": "1",
            "firm": "顺达物流",
            "phone": "13800000000",
            "unit": "交通局",
            "answer": "已办",
            "备注": "急",
        },
    )


def test_the_worksheet_whose_header_fits_best_is_chosen() -> None:
    book = openpyxl.Workbook()
    book.active.append(["填表说明", "工单编号如何填写"])
    for row in ROWS:
        (book["数据"] if "数据" in book.sheetnames else book.create_sheet("数据")).append(row)
    hidden = book.create_sheet("旧")
    hidden.append([*HEADER, "备注"])
    hidden.sheet_state = "hidden"
    sheet = read(samples.saved(book), "工单.xlsx", ORDERS)
    assert sheet.name == "数据"


def test_unknown_columns_keep_their_names_and_doubles_are_told() -> None:
    rows = [
        [*HEADER, "办理人", "反映内容", "办理人", "企业名称（曾用）"],
        [*ROWS[1], "张三", "另一份", "李四", "旧名"],
    ]
    sheet = read(samples.as_xlsx(rows), "工单.xlsx", ORDERS)
    cells = sheet.first(1)[0].cells
    assert (cells["办理人"], cells["办理人（2）"]) == ("张三", "李四")
    assert (cells["content"], cells["反映内容"]) == ("被劝返", "另一份")
    assert (cells["firm"], cells["企业名称（曾用）"]) == ("寻乌县顺达物流公司", "旧名")
    assert len(sheet.problems) == 1
    assert "“诉求内容”与“反映内容”" in sheet.problems[0]


def test_a_remembered_mapping_goes_before_the_synonyms() -> None:
    mapping = {"流水": "number", "工单编号": ""}
    rows = [["流水", *HEADER], ["A-1", *ROWS[1]]]
    sheet = read(samples.as_xlsx(rows), "工单.xlsx", ORDERS, mapping=mapping)
    assert sheet.first(1)[0].cells["number"] == "A-1"
    assert sheet.first(1)[0].cells["工单编号"] == "20220425000001"


def test_a_header_printed_again_on_each_page_is_no_row() -> None:
    rows = [*ROWS[:2], HEADER, *ROWS[2:]]
    assert [row.number for row in read(samples.as_csv(rows), "a.csv", ORDERS)] == [2, 4, 6]


def test_values_of_every_type_become_text() -> None:
    at = datetime(2019, 4, 25, 9, 32, 9)  # noqa: DTZ001  # a workbook knows no zones
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append([2549.0, at, True, 3.5, "  _x000D_\n\t　行首\r\n行尾 "])
    cells = read(samples.saved(book), "", ORDERS).first(1)[0].cells
    assert list(cells.values()) == ["2549", "2019-04-25 09:32:09", "是", "3.5", "行首\n行尾"]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "rows"), [("messages_30.xlsx", 30), ("messages_with_replies_120.xlsx", 120)]
)
def test_real_workbooks_come_in_whole(real_data: Path, name: str, rows: int) -> None:
    columns = {"number": ("留言编号",), "title": ("留言主题",), "content": ("留言详情",)}
    got = list(read(real_data / "workorders" / name, name, columns))
    assert len(got) == rows
    assert not [row for row in got if row.problems]
    assert all(row.cells["number"].isdecimal() and row.cells["content"] for row in got)


@pytest.mark.realdata
def test_real_firms_come_in_whole(real_data: Path) -> None:
    columns = {"name": ("企业名称",), "uscc": ("统一社会信用代码",)}
    path = real_data / "firms" / "logistics_firms_500.csv"
    assert sum(1 for row in read(path, path.name, columns) if not row.problems) == 500


def test_columns_count_the_same_from_a_table_that_starts_further_in() -> None:
    def indented(make: Callable[[samples.Rows], bytes]) -> list[Row]:
        rows = [[""], *([["", "", *row] for row in ROWS])]
        return list(read(make(rows), "a", ORDERS))

    expected = [Row(row.number + 1, row.cells) for row in EXPECTED]
    for make in (samples.as_xlsx, samples.as_xls):
        assert indented(make) == expected
