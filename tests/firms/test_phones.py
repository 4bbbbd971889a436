"""One number has one spelling, and is never shown whole by accident."""

from __future__ import annotations

import pytest

from ledger.firms.phones import PhoneError, mask, normalise, tail


@pytest.mark.parametrize(
    "raw",
    [
        "13800138000",
        "+86 138-0013-8000",
        "008613800138000",
        "8613800138000",
        "０１３８００１３８０００",
        " 138 0013 8000\u3000",
        "(+86)138.0013.8000",
    ],
)
def test_one_mobile_number_has_one_spelling(raw: str) -> None:
    assert normalise(raw) == "13800138000"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("0797-1234567", "07971234567"),
        ("（0797）1234567转801", "07971234567#801"),
        ("+86 0797 1234567", "07971234567"),
        ("12345", "12345"),
        ("110", "110"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_fixed_lines_keep_area_code_and_extension(raw: str, number: str) -> None:
    assert normalise(raw) == number


@pytest.mark.parametrize(
    "raw", ["张三", "1", "1380013800x", "1" * 16, "9" * 9000, "138\x000013", "🚚", "12;34"]
)
def test_what_can_not_be_a_number_is_refused(raw: str) -> None:
    with pytest.raises(PhoneError, match="电话号码"):
        normalise(raw)


def test_normalising_twice_changes_nothing() -> None:
    for number in ("13800138000", "07971234567#801", "12345"):
        assert normalise(number) == number


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("13800138000", "138****8000"),
        ("07971234567#801", "079****4567"),
        ("4008208820", "******8820"),
        ("12345", "*****"),
        ("", ""),
    ],
)
def test_the_mask_leaves_enough_to_recognise_and_too_little_to_call(
    number: str, shown: str
) -> None:
    assert mask(number) == shown


def test_the_tail_is_the_main_numbers() -> None:
    assert tail("07971234567#801") == "4567"
    assert tail("13800138000") == "8000"
