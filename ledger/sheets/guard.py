"""What is asked of a file's bytes before a workbook reader may touch them.

The reader lays a sheet out as a full rectangle in memory, and a failed allocation ends the
whole process: two cells in opposite corners are enough. So size and extent are read first.
"""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from typing import IO

from .compound import SIGNATURE, is_sound
from .errors import SheetError

MOST_UNPACKED = 512 * 1024 * 1024
MOST_RATIO = 200
RATIO_FROM = 32 * 1024 * 1024
"""Below this size unpacked, the ratio is not looked at: styled blank rows shrink 300 times."""
MOST_CELLS = 20_000_000
CHUNK = 1024 * 1024

ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

BOMB = "文件解压后过大（疑似压缩炸弹），不能导入；请只保留需要的工作表，另存后再上传"
NO_WORKBOOK = "文件是压缩包，不是Excel工作簿；请解压后上传其中的表格"
DAMAGED = "文件已损坏，无法打开；请用Excel或WPS打开原文件，另存为xlsx再上传"
LOCKED = "文件设有打开密码，无法读取；请在Excel或WPS中取消密码，保存后再上传"
WIDE = (
    "表格的有效区域过大（很远的行或列里还有内容），不能导入；"
    "请把数据以外的行和列全部删除，另存后再上传"
)

XLSX = "Excel工作簿（xlsx）"
XLSB = "Excel二进制工作簿（xlsb）"
XLS = "Excel 97-2003工作簿（xls）"
ET = "WPS表格（et）"
ODS = "开放文档表格（ods）"
CSV = "CSV文本"


def kind_of(data: bytes, filename: str) -> str:
    """The kind of table these bytes are, one of the names above.

    Raises SheetError for everything that is no table. The file's name only explains (a lock
    file, WPS's own extension); it decides nothing.
    """
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    if base.startswith(("~$", ".~")):
        raise SheetError(
            f"“{base}”是Excel打开文件时的临时锁文件，不是工作簿本身；"
            "请关闭Excel，选择不带“~$”的那个文件"
        )
    if not data:
        raise SheetError("文件是空的，没有任何内容；请重新选择文件")
    if data.startswith(SIGNATURE):
        return _ole_kind(data, base)
    if data.startswith(ZIP):
        return _zip_kind(data)
    _refuse_markup(data)
    if not data.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n,;"):
        raise SheetError("文件里没有数据；请检查是否选错了文件")
    return CSV


def _ole_kind(data: bytes, base: str) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise SheetError(LOCKED)
    if not any(name.encode("utf-16-le") in data for name in ("Workbook", "Book")):
        raise SheetError("文件不是表格（可能是Word、PPT等文件改了扩展名）；请选择Excel或WPS表格")
    if not is_sound(data):
        raise SheetError(DAMAGED)
    return ET if base.lower().endswith((".et", ".ett")) else XLS


def _refuse_markup(data: bytes) -> None:
    head = data[:4096].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if re.match(rb"<(!doctype html|html|table|head|meta|body|div|style|!--)", head) or (
        head.startswith((b"mime-version:", b"<?xml")) and b"<html" in head
    ):
        raise SheetError(
            "文件其实是网页（HTML），只是扩展名像Excel；请用Excel或WPS打开，另存为xlsx再上传"
        )
    if head.startswith(b"<?xml"):
        raise SheetError("文件是XML格式，不是工作簿；请用Excel或WPS打开，另存为xlsx再上传")
    if head.startswith(b"%pdf"):
        raise SheetError("文件是PDF，不是表格；请上传Excel、WPS表格或CSV文件")
    if head.startswith((b"rar!", b"7z\xbc\xaf")) or data.startswith(b"\x1f\x8b"):
        raise SheetError(NO_WORKBOOK)


def _zip_kind(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = {info.filename.lower().replace("\\", "/") for info in archive.infolist()}
            kind = None
            if "xl/workbook.bin" in names:
                kind = XLSB
            elif any(re.fullmatch(r"xl/workbook\d*\.xml", name) for name in names):
                kind = XLSX
            elif "content.xml" in names:
                kind = ODS
            if any(info.flag_bits & 1 for info in archive.infolist()):
                raise SheetError(LOCKED if kind else NO_WORKBOOK)
            _refuse_bomb(archive, len(data))
            if kind is None:
                raise SheetError(NO_WORKBOOK)
            if kind == ODS:
                _check_document(archive)
            else:
                for info in archive.infolist():
                    with archive.open(info) as part:
                        is_binary = kind == XLSB and info.filename.lower().endswith(".bin")
                        (_check_binary if is_binary else _check_extent)(part)
            return kind
    except SheetError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, KeyError):
        raise SheetError(DAMAGED) from None
    except Exception as error:
        # zlib.error and its like in the other methods share no ancestor.
        if type(error).__module__ in ("zlib", "_lzma", "lzma", "struct"):
            raise SheetError(DAMAGED) from None
        raise


def _refuse_bomb(archive: zipfile.ZipFile, packed: int) -> None:
    unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > MOST_UNPACKED or (unpacked > RATIO_FROM and unpacked > MOST_RATIO * packed):
        raise SheetError(BOMB)
    if len(archive.infolist()) > 20_000:
        raise SheetError(BOMB)


_FAR = re.compile(
    rb"<(?:\w+:)?c\s[^<>]*?\br\s*=\s*[\"']\s*([A-Za-z]{2,}\d+|[A-Za-z]\d{6,})[\"'][^<>]*(?<!/)>"
)
_NEAR = re.compile(rb'r="(?:[A-Za-z]{2,}\d|[A-Za-z]\d{6})')
"""As `_FAR`, but ten times as fast; it knows only how every common program writes."""


def _check_extent(part: IO[bytes]) -> None:
    """Refuse a sheet whose filled cells span too large a rectangle. Columns to Z pass as 26."""
    rest = b""
    rows, columns = 100_000, 26
    while chunk := part.read(CHUNK):
        text = rest + chunk
        common = not any(mark in text for mark in (b"='", b"= ", b" ="))
        for found in () if common and not _NEAR.search(text) else _FAR.finditer(text):
            reference = found[1].upper()
            letters = reference.rstrip(b"0123456789")
            rows = max(rows, int(reference[len(letters) :][:9]))
            number = 0
            for letter in letters[:5]:
                number = number * 26 + letter - 64
            columns = max(columns, number)
        if rows * columns > MOST_CELLS:
            raise SheetError(WIDE)
        cut = text.rfind(b"<", -512)
        rest = text[cut:] if cut >= 0 else b""


def _check_binary(part: IO[bytes]) -> None:
    """The same for the records of an xlsb part."""
    data = part.read(MOST_UNPACKED)
    position, end = 0, len(data)
    row = rows = columns = 0
    while position < end:
        kind = data[position]
        position += 1
        if kind & 0x80 and position < end:
            kind = (kind & 0x7F) | (data[position] & 0x7F) << 7
            position += 1
        size = shift = 0
        while position < end and shift < 28:
            byte = data[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if kind == 0:
            row = int.from_bytes(data[position : position + 4], "little")
        elif 2 <= kind <= 11:
            column = int.from_bytes(data[position : position + 4], "little")
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            if rows * columns > MOST_CELLS:
                raise SheetError(WIDE)
        position += size


_REPEATED = re.compile(
    rb"<table:table-(row|cell)\b[^<>]*?number-(?:rows|columns)-repeated\s*=\s*[\"'](\d+)[\"']"
    rb"[^<>]*(?<!/)>"
)


def _check_document(archive: zipfile.ZipFile) -> None:
    """The same for an OpenDocument sheet, where one element may stand for a million."""
    content = archive.read("content.xml")
    for found in _REPEATED.finditer(content):
        times = int(found[2][:9])
        if found[1] == b"cell":
            if times > 1000:
                raise SheetError(WIDE)
        elif times > 1000:
            row = content[found.end() : content.find(b"</table:table-row>", found.end())]
            if b"<text:" in row or b"office:value" in row:
                raise SheetError(WIDE)
