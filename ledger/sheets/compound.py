"""Whether a compound file (xls, et) may be handed to a reader that believes every figure in it.

Source: [MS-CFB]. A size beyond the file, or a chain of sectors that runs in a circle, makes
the workbook reader ask for memory without end, and that ends the process.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LAST_REGULAR = 0xFFFFFFFA
"""Numbers from here on are marks: end of chain, free, table."""
_HEADER = 512


_CELLS = frozenset({0x06, 0x206, 0x406, 0xBD, 0xD6, 0xFD, 0x203, 0x204, 0x205, 0x207, 0x27E})


def is_sound(data: bytes) -> bool:
    """Whether the figures of the header, the directory and the sheets stay within bounds."""
    if len(data) < _HEADER or not data.startswith(SIGNATURE):
        return False
    (shift,) = struct.unpack_from("<H", data, 30)
    if shift not in (9, 12):
        return False
    size = 1 << shift
    most = len(data) // size + 1
    directories, tables, start = struct.unpack_from("<III", data, 40)
    first_small, smalls, first_more, mores = struct.unpack_from("<IIII", data, 60)
    if max(directories, tables, smalls, mores) > most:
        return False

    def sector(number: int) -> bytes:
        # The header fills the first sector, whatever its size.
        return data[(number + 1) * size : (number + 2) * size]

    listed = list(struct.unpack_from("<109I", data, 76))
    more, seen = first_more, 0
    while more < LAST_REGULAR and seen < most:
        numbers = _numbers(sector(more))
        if not numbers:
            return False
        listed += numbers[:-1]
        more, seen = numbers[-1], seen + 1
    if seen >= most:
        return False
    table = [n for number in listed if number < most for n in _numbers(sector(number))]
    if len(table) > most * 2 + size:
        return False

    directory = _chain(start, table)
    small_table = _chain(first_small, table) if smalls else []
    if directory is None or small_table is None:
        return False
    entries = b"".join(map(sector, directory))
    small = [n for number in small_table for n in _numbers(sector(number))]
    for at in range(0, len(entries) - 127, 128):
        kind = entries[at + 66]
        if kind not in (2, 5):
            continue
        first, length = struct.unpack_from("<II", entries, at + 116)
        if length > len(data):
            return False
        within = small if kind == 2 and length < 4096 else table
        if not length:
            continue
        chain = _chain(first, within)
        if chain is None:
            return False
        name = entries[at : at + 64].decode("utf-16-le", "replace").rstrip("\0").lower()
        if name in ("workbook", "book"):
            if within is small:
                continue  # too short to hold a sheet
            if not _is_within_limits(b"".join(map(sector, chain))):
                return False
    return True


def _is_within_limits(stream: bytes) -> bool:
    """Whether no cell lies beyond the 65,536 rows and 256 columns of the format [MS-XLS]."""
    for kind, body in _records(stream, 0):
        if kind == 0x85 and len(body) >= 4:
            (sheet,) = struct.unpack_from("<I", body)
            for inner, cell in _records(stream, sheet):
                if inner in _CELLS and len(cell) >= 4 and (cell[3] or _runs_on(inner, cell)):
                    return False
                if inner == 0x200 and not _is_extent(cell):
                    return False
        elif kind == 0xFC and len(body) >= 8:
            (strings,) = struct.unpack_from("<I", body, 4)
            if strings > len(stream):
                return False
    return True


def _runs_on(kind: int, cell: bytes) -> bool:
    """Whether a run of numbers (MULRK) ends beyond the last column."""
    return kind == 0xBD and (cell[-1] != 0 or len(cell) > 6 + 6 * 256)


def _is_extent(body: bytes) -> bool:
    """Whether the extent a sheet declares (DIMENSIONS) can be true."""
    if len(body) not in (10, 14):
        return False
    top, bottom, left, right = struct.unpack_from("<4H" if len(body) == 10 else "<2I2H", body)
    return bool(top <= bottom <= 65536 and left <= right <= 256)


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        if kind == 0x0A:
            return
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _numbers(raw: bytes) -> Sequence[int]:
    return struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def _chain(start: int, table: Sequence[int]) -> list[int] | None:
    """The sectors from `start` on; None where they run in a circle or out of the table."""
    chain: list[int] = []
    while start < LAST_REGULAR:
        if start >= len(table) or len(chain) > len(table):
            return None
        chain.append(start)
        start = table[start]
    return chain
