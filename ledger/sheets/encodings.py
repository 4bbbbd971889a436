"""The text of a csv file, whatever it was written in."""

from __future__ import annotations

import codecs

from .errors import SheetError

REPLACED = "\ufffd"
SAVE_AGAIN = "请用Excel或WPS打开原文件，另存为xlsx再上传"
BROKEN = f"文件的文字是乱码，无法识别编码；{SAVE_AGAIN}"

_FEW = 0.002
"""Share of broken characters up to which a file is read, its broken rows marked."""


def decode(data: bytes) -> tuple[str, str]:
    """The text and the name of its encoding, without byte order mark.

    Single broken characters come as U+FFFD. Raises SheetError for what is not text, or is
    text that was once read in the wrong encoding.
    """
    text, name = _decode(data)
    if is_garbled(text):
        raise SheetError(BROKEN)
    return text, name


def _decode(data: bytes) -> tuple[str, str]:
    if data.startswith(codecs.BOM_UTF8):
        return _strict_or_few(data[3:], "utf-8"), "UTF-8（带BOM）"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _strict_or_few(data, "utf-16"), "UTF-16"
    if data.count(0) * 10 > len(data):
        raise SheetError(f"文件不是文本，也不是能识别的表格；{SAVE_AGAIN}")
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        pass
    for codec, name in (("gbk", "GBK"), ("gb18030", "GB18030")):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if _is_chinese(text) and not is_garbled(text):
            return text, name
    for codec, name in (("utf-8", "UTF-8"), ("gb18030", "GB18030")):
        text = data.decode(codec, "replace")
        if text.count(REPLACED) <= max(1, _FEW * len(text)) and _is_chinese(text):
            return text, name
    return _guessed(data)


def _strict_or_few(data: bytes, codec: str) -> str:
    text = data.decode(codec, "replace")
    if text.count(REPLACED) > max(1, _FEW * len(text)):
        raise SheetError(BROKEN)
    return text


def _guessed(data: bytes) -> tuple[str, str]:
    """Big5 and the like, from a partner across the border; slow, so only when all else failed."""
    from charset_normalizer import from_bytes

    best = from_bytes(data[:200_000], cp_exclusion=["utf_8", "gbk", "gb18030", "gb2312"]).best()
    if best is None:
        raise SheetError(BROKEN)
    try:
        text = data.decode(best.encoding)
    except (UnicodeDecodeError, LookupError):
        raise SheetError(BROKEN) from None
    if not _is_chinese(text):
        raise SheetError(BROKEN)
    return text, best.encoding.upper()


def _is_chinese(text: str) -> bool:
    """Whether the letters beyond ASCII are those of ordinary Chinese writing.

    GB18030 decodes almost any bytes; what it makes of foreign ones lies outside the 3,755
    characters of GB 2312's first level, which make up nearly all of real text.
    """
    sample = [char for char in text[:200_000] if ord(char) > 0x7F]
    if not sample:
        return True
    common = sum(map(_is_common, sample))
    return common >= 0.7 * len(sample)


def _is_common(char: str) -> bool:
    if char == REPLACED:
        return False
    try:
        raw = char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(raw) == 2 and (0xA1 <= raw[0] <= 0xA3 or 0xB0 <= raw[0] <= 0xD7)


def is_garbled(text: str) -> bool:
    """Whether text is UTF-8 or GBK once read as something else and saved like that."""
    sample = text[:100_000]
    if sample.count("锟斤拷") or sample.count("烫烫烫"):
        return True
    lines = [line for line in sample.splitlines() if sum(ord(char) > 0x7F for char in line) >= 6]
    if not lines:
        return False
    wrong = sum(map(_was_misread, lines))
    return wrong * 5 >= len(lines)


def _was_misread(line: str) -> bool:
    if all(ord(char) < 0x100 or char in _CP1252 for char in line):
        return True
    letters = [char for char in line if ord(char) > 0x7F]
    if sum(map(_is_common, letters)) < 0.7 * len(letters):
        # A cut at the line's end loses a byte, so allow for a few that do not fit.
        try:
            back = line.encode("gb18030").decode("utf-8", "replace")
        except UnicodeEncodeError:
            return False
        return back.count(REPLACED) * 4 < len(letters) and _is_chinese(back)
    return False


_CP1252 = frozenset(bytes(range(0x80, 0xA0)).decode("cp1252", "ignore"))
