"""Plates as people write them."""

from __future__ import annotations

import pytest

from ledger.appeals import plates


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", []),
        ("无", []),
        ("赣B12345", ["赣B12345"]),
        ("赣b12345、赣B1234挂", ["赣B12345", "赣B1234挂"]),
        ("赣Ｂ１２３４５，粤A99999;皖K88888；浙C77777,赣B12345", None),
        ("赣B·12345 赣B-1234(挂)", ["赣B12345", "赣B1234挂"]),
        ("赣B 12345 赣B 1234 挂", ["赣B12345", "赣B1234挂"]),
        ("赣BD12345", ["赣BD12345"]),
        ("赣B12345\n赣B12345", ["赣B12345"]),
    ],
)
def test_plates_get_one_spelling(typed: str, read: list[str] | None) -> None:
    wanted = ["赣B12345", "粤A99999", "皖K88888", "浙C77777"] if read is None else read
    assert plates.read(typed) == wanted


@pytest.mark.parametrize("typed", ["尾号345", "一辆货车", "赣B12345678901", "😀"])
def test_what_is_no_plate_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(plates.PlateError, match="不像车牌号"):
        plates.read(typed)


def test_too_many_plates_are_counted() -> None:
    with pytest.raises(plates.PlateError, match="现有31个"):
        plates.read(" ".join(f"赣B{number:05d}" for number in range(31)))
