"""The same rows as every kind of file, built by hand where no library writes the format."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Sequence
from html import escape

import openpyxl

ORDERS = {
    "number": ("工单编号", "12345工单编号"),
    "received": ("受理时间", "来电时间"),
    "firm": ("企业名称", "诉求主体"),
    "uscc": ("统一社会信用代码", "信用代码"),
    "content": ("诉求内容", "反映内容"),
}

HEADER = ["工单编号", "受理时间", "企业名称", "统一社会信用代码", "诉求内容"]
ROWS = [
    HEADER,
    ["20220425000001", "2022/4/25 9:32:09", "寻乌县顺达物流公司", "913607345678901234", "被劝返"],
    ["20220425000002", "2022年4月25日 9时32分", "赣州㙟运（集团）公司", "-", "办证，\n“不下来”"],
    ["", "", "", "", ""],
    ["20220425000003", "2022-04-26", "无", "", "运费拖欠, 三个月\t未结"],
]  # fmt: skip

Rows = Sequence[Sequence[object]]


def as_xlsx(rows: Rows, sheet: str = "工单") -> bytes:
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for row in rows:
        page.append(list(row))
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_csv(rows: Rows, encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def as_ods(rows: Rows) -> bytes:
    body = "".join(
        "<table:table-row>"
        + "".join(
            '<table:table-cell office:value-type="string">'
            + "".join(f"<text:p>{escape(line)}</text:p>" for line in str(value).split("\n"))
            + "</table:table-cell>"
            for value in row
        )
        + "</table:table-row>"
        for row in rows
    )
    return document(f'<table:table table:name="工单">{body}</table:table>')


def document(tables: str) -> bytes:
    name = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="{name}'
        f'office:1.0" xmlns:table="{name}table:1.0" xmlns:text="{name}text:1.0"><office:body>'
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{name}'.encode()
            + b'manifest:1.0"/>',
            "content.xml": content.encode(),
        }
    )


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def as_xls(rows: Rows) -> bytes:
    """BIFF8 with LABEL records, in a compound file with the one stream Workbook."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    def text(value: str, wide: str) -> bytes:
        return struct.pack(wide, len(value)) + b"\x01" + value.encode("utf-16-le")

    def start(kind: int) -> bytes:
        return record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))

    sheet = start(0x10)
    sheet += record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, max(map(len, rows)), 0))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            if value != "":
                cell = struct.pack("<HHH", number, column, 0) + text(str(value), "<H")
                sheet += record(0x204, cell)
    sheet += record(0x0A, b"")
    head = start(0x05) + record(0x42, struct.pack("<H", 1200))
    name = text("工单", "<B")
    offset = len(head) + 4 + 6 + len(name) + 4
    head += record(0x85, struct.pack("<IH", offset, 0) + name) + record(0x0A, b"")
    return compound("Workbook", head + sheet)


def compound(stream: str, data: bytes) -> bytes:
    """A compound file with one stream in sectors of 512 bytes."""
    data = data.ljust(4096, b"\x00")
    data += b"\x00" * (-len(data) % 512)
    count = len(data) // 512
    chain = [*range(1, count), 0xFFFFFFFE]  # the stream first, then the directory, then the table
    tables = 1
    while len(chain) + 1 + tables > tables * 128:
        tables += 1
    chain += [0xFFFFFFFE] + [0xFFFFFFFD] * tables
    chain += [0xFFFFFFFF] * (tables * 128 - len(chain))

    def entry(name: str, kind: int, child: int, first: int, size: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\x00\x00" if name else b""
        return (
            raw.ljust(64, b"\x00")
            + struct.pack("<HBBIII", len(raw), kind, 1, 0xFFFFFFFF, 0xFFFFFFFF, child)
            + b"\x00" * 36
            + struct.pack("<IQ", first, size)
        )

    none = 0xFFFFFFFF
    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry(stream, 2, none, 0, len(data))
    directory += entry("", 0, none, 0, 0) * 2
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 16
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + b"\x00" * 6
    header += struct.pack("<IIIIIIIII", 0, tables, count, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    difat = [count + 1 + number for number in range(tables)]
    header += struct.pack("<109I", *(difat + [none] * (109 - len(difat))))
    return header + data + directory + struct.pack(f"<{len(chain)}I", *chain)
