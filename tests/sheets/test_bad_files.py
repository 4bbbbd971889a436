"""Files that cannot be read: one clear message each, and the process lives on."""

from __future__ import annotations

import time

import openpyxl
import pytest
from openpyxl.styles import PatternFill

from ledger.sheets import SheetError, guard, read
from sheets import sheet_samples as samples
from sheets.sheet_samples import HEADER, ORDERS, ROWS

GOOD = samples.as_xlsx(ROWS)


def corner_to_corner() -> bytes:
    book = openpyxl.Workbook()
    for column, title in enumerate(HEADER, 1):
        book.active.cell(1, column, title)
    book.active["XFD1048576"] = "x"
    return samples.saved(book)


def million_in_one() -> bytes:
    cell = '<table:table-cell office:value-type="string"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1048576">{cell * 100}</table:table-row>'
    return samples.document(f'<table:table table:name="a">{row}</table:table>')


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (GOOD, "C:\\下载\\~$工单.xlsx", "临时锁文件"),
        (b"", "工单.xlsx", "文件是空的"),
        (b" \r\n,,,\r\n", "工单.csv", "没有数据"),
        (samples.zipped({"a.txt": b"x"}), "工单.xlsx", "压缩包，不是Excel工作簿"),
        (GOOD[:-200], "工单.xlsx", "已损坏"),
        (GOOD[:900] + b"\x00" * 200 + GOOD[1100:], "工单.xlsx", "已损坏"),
        (samples.as_xls(ROWS)[:1500], "工单.xls", "不是表格|已损坏"),
        ("<html><body><table><tr><td>工单编号".encode(), "工单.xls", "网页（HTML）"),
        (b'\xef\xbb\xbf\r\n<table border="1">', "工单.xls", "网页（HTML）"),
        (b'<?xml version="1.0"?><Workbook>', "工单.xls", "XML"),
        (samples.compound("EncryptedPackage", b"x"), "工单.xlsx", "打开密码"),
        (samples.compound("WordDocument", b"x"), "工单.xls", "不是表格"),
        (samples.zipped({"xl/workbook.xml": b"0" * 600_000_000}), "工单.xlsx", "压缩炸弹"),
        (samples.zipped({"xl/workbook.xml": b"0" * 40_000_000}), "工单.xlsx", "压缩炸弹"),
        (corner_to_corner(), "工单.xlsx", "有效区域过大"),
        (million_in_one(), "工单.ods", "有效区域过大"),
        (b"%PDF-1.7", "工单.xlsx", "PDF"),
        (b"\x7fELF" + bytes(range(256)) * 20, "工单.csv", "不是文本|乱码"),
        (samples.as_xlsx([[]]), "工单.xlsx", "没有工作表|没有数据"),
        (samples.as_xlsx([["甲", "乙"], ["1", "2"]]), "工单.xlsx", "表头.*：工单编号、受理"),
        (samples.as_xlsx([["x"]] * 30 + ROWS), "工单.xlsx", "没有找到表头"),
        (samples.as_csv(ROWS).decode().encode("utf-8").decode("latin-1").encode(), "a.csv", "乱码"),
        (samples.as_csv(ROWS).decode("gb18030", "replace").encode(), "a.csv", "乱码"),
        (samples.as_csv(ROWS).decode("gbk", "ignore").encode("gbk"), "a.csv", "乱码"),
        (samples.as_csv(ROWS) + b'"20220425000004,\r\na,b,c,d,e\r\n', "a.csv", "引号不成对"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_in_words(data: bytes, name: str, says: str) -> None:
    with pytest.raises(SheetError, match=says):
        list(read(data, name, ORDERS))


def test_a_required_column_is_asked_for_by_name() -> None:
    rows = [["受理时间", "企业名称"], ["2022-04-25", "顺达"]]
    with pytest.raises(SheetError, match="第1行，但缺少：“工单编号”（也可写作12345工单编号）"):
        read(samples.as_xlsx(rows), "a.xlsx", ORDERS, required=["number"])


def test_too_many_rows_are_refused_before_the_first_is_given() -> None:
    rows = [HEADER] + [ROWS[1]] * 11
    for data in (samples.as_xlsx(rows), samples.as_csv(rows)):
        assert len(list(read(data, "a", ORDERS, most_rows=11))) == 11
        with pytest.raises(SheetError, match="超过一次10行的上限"):
            read(data, "a", ORDERS, most_rows=10)


def test_sixty_thousand_styled_blank_rows_pass_in_seconds() -> None:
    book = openpyxl.Workbook()
    fill = PatternFill("solid", fgColor="FFFF00")
    for row in ROWS:
        book.active.append(row)
    for number in range(10, 60_010):
        for column in (1, 5, 9):
            book.active.cell(number, column).fill = fill
    book.active.cell(60_020, 1, ROWS[1][0])
    data = samples.saved(book)
    begun = time.monotonic()
    rows = list(read(data, "工单.xlsx", ORDERS))
    assert time.monotonic() - begun < 5
    assert [row.number for row in rows] == [2, 3, 5, 60_020]


def test_rows_of_nine_and_thirteen_fields_under_ten_columns() -> None:
    header = [*HEADER, "一", "二", "三", "四", "五"]
    full = [*ROWS[1], "1", "2", "3", "4", "5"]
    rows = [header, full, full[:9], [*full, "x", "y", "z"], [*full, "", ""]]
    got = list(read(samples.as_csv(rows), "a.csv", ORDERS))
    assert [row.problems[0].split("，请")[0] if row.problems else "" for row in got] == [
        "",
        "这一行有9栏，表头有10栏",
        "这一行有13栏，表头有10栏",
        "",
    ]
    books = list(read(samples.as_xlsx([header, [*full, "x"]]), "a.xlsx", ORDERS))
    assert "表头以外" in books[0].problems[0]


@pytest.mark.parametrize("number", [913607345678901234, "9.14401E+17", 9.13e17])
def test_a_code_that_excel_destroyed_is_told_not_taken(number: object) -> None:
    rows: list[list[object]] = [[*HEADER], ["1", "2022-04-25", "顺达", number, "x"]]
    for data in (samples.as_xlsx(rows), samples.as_csv([[str(c) for c in r] for r in rows])):
        (row,) = read(data, "a", ORDERS)
        if row.cells["uscc"] != "913607345678901234":  # csv kept the digits
            assert row.cells["uscc"] == ""
            assert "Excel只保留前15位" in row.problems[0]


def test_names_made_of_nuls_are_empty() -> None:
    data = samples.as_csv([HEADER, ["1", "2022-04-25", "\0\0\0", "", "x\0y"]])
    (row,) = read(data, "a.csv", ORDERS)
    assert (row.cells["firm"], row.cells["content"]) == ("", "xy")


def test_one_broken_byte_costs_one_row_not_the_file() -> None:
    rows = [HEADER] + [ROWS[1]] * 50
    for encoding in ("utf-8", "gbk"):
        data = bytearray(samples.as_csv(rows, encoding))
        data[data.rindex("劝返".encode(encoding))] = 0xFF
        got = list(read(bytes(data), "a.csv", ORDERS))
        assert [bool(row.problems) for row in got] == [False] * 49 + [True]


@pytest.mark.parametrize(
    ("offset", "value"),
    [(44, 0x7FFFFFFF), (64, 0x7FFFFFFF), (72, 0x7FFFFFFF), (48, 0x00FFFFFF), (-1, 0x7FFFFFFF)],
)
def test_figures_beyond_the_file_do_not_reach_the_reader(offset: int, value: int) -> None:
    data = bytearray(samples.as_xls(ROWS))
    if offset < 0:  # the size of the stream, in the directory's second entry
        offset = data.index("Workbook".encode("utf-16-le")) + 120
    data[offset : offset + 4] = value.to_bytes(4, "little")
    with pytest.raises(SheetError, match="已损坏"):
        read(bytes(data), "a.xls", ORDERS)


def test_a_chain_that_runs_in_a_circle_is_noticed() -> None:
    data = bytearray(samples.as_xls(ROWS))
    at = data.rindex((1).to_bytes(4, "little") + (2).to_bytes(4, "little"))
    data[at + 8 : at + 12] = (0).to_bytes(4, "little")
    with pytest.raises(SheetError, match="已损坏"):
        read(bytes(data), "a.xls", ORDERS)


def test_the_directory_of_a_zip_is_not_believed_blindly() -> None:
    data = bytearray(GOOD)
    # The central directory's own count of unpacked bytes, made too small for every member.
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = (5).to_bytes(4, "little")
        at = data.find(b"PK\x01\x02", at + 4)
    with pytest.raises(SheetError):
        read(bytes(data), "a.xlsx", ORDERS)


def test_binary_workbooks_are_measured_by_their_records() -> None:
    row = bytes([0, 4]) + (1_048_575).to_bytes(4, "little")
    cell = bytes([7, 4]) + (16_383).to_bytes(4, "little")
    data = samples.zipped({"xl/workbook.bin": b"", "xl/worksheets/sheet1.bin": row + cell})
    with pytest.raises(SheetError, match="有效区域过大"):
        guard.kind_of(data, "a.xlsb")
