"""What counts as the same name, and which credit codes are kept, doubted or refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ledger.firms.names import UsccError, check_uscc, clean_uscc, fold

FIRMS = Path(__file__).parents[3] / "shared/data/firms/logistics_firms_500.csv"


@pytest.mark.parametrize(
    "written",
    [
        "寻乌(南桥)果品A有限公司",
        "寻乌（南桥）果品Ａ有限公司",
        " 寻乌 （南桥） 果品a 有限公司\u3000",
        "寻乌〔南桥〕果品A有限公司",
        "寻乌\u200b【南桥】果品A有限公司",
    ],
)
def test_width_brackets_blanks_and_case_do_not_count(written: str) -> None:
    assert fold(written) == "寻乌(南桥)果品a有限公司"


def test_different_names_stay_different() -> None:
    assert fold("寻乌甲公司") != fold("寻乌乙公司")


@pytest.mark.parametrize("code", ["91440101890653862M", "91000000000000000K"])
def test_a_sound_code_is_not_warned_of(code: str) -> None:
    assert check_uscc(code) is None


def test_a_village_collectives_code_begins_with_a_letter_and_is_sound() -> None:
    from stdnum.cn.uscc import calc_check_digit

    body = "N2360734MF1234567"
    assert check_uscc(body + calc_check_digit(body)) is None


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("91440101890653862N", "校验位"),
        ("110108000000016", "15位旧注册号"),
        ("9144010189065386OM", "字母O"),
        ("91X4010189065386AM", "第3至8位"),
    ],
)
def test_a_doubtful_code_is_kept_with_a_warning(code: str, word: str) -> None:
    assert clean_uscc(code) == code
    warning = check_uscc(code)
    assert warning is not None
    assert word in warning


@pytest.mark.parametrize("raw", ["", "  ", "无", "-", "\u3000"])
def test_no_code_is_none_and_never_empty_text(raw: str) -> None:
    assert clean_uscc(raw) is None


def test_blanks_dashes_width_and_case_are_cleaned() -> None:
    assert clean_uscc(" ９１４４０１０１-890653862m ") == "91440101890653862M"


@pytest.mark.parametrize(
    "raw",
    [
        "91440101890653862M1",
        "9144010189065386",
        "统一社会信用代码",
        "9144010\x00890653862M",
        "🚚",
        "9" * 9000,
        "1101080000000AB",
    ],
)
def test_what_can_not_be_a_code_is_refused_in_words(raw: str) -> None:
    with pytest.raises(UsccError, match="统一社会信用代码"):
        clean_uscc(raw)


@pytest.mark.realdata
@pytest.mark.skipif(not FIRMS.exists(), reason="../shared/data is not here")
def test_five_hundred_registered_firms_have_sound_codes_but_one_old_number() -> None:
    with FIRMS.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [clean_uscc(row["统一社会信用代码"]) for row in rows]
    doubtful = [code for code in codes if code is None or check_uscc(code)]
    assert len(rows) == 500
    assert len(doubtful) == 1
    assert len(doubtful[0] or "") == 15
