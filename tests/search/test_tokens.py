"""The tokens say of every text and term what LIKE would say of them folded."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.search.tokens import MOST_ASKED, MOST_INDEXED, fold, phrase, read, tokens

FEW = st.text(alphabet="寻乌县货12-aB ．％%_'\"\\*:（)\n\u3000", max_size=14)


@given(st.lists(FEW, max_size=3), FEW)
@example(["车牌赣B", "B12345"], "BB")
@example(["赣B", "12345"], "B1")
@example(["100%"], "%")
@example(["157245x1"], "457")
@example(["寻2026-0123号"], "2026-0123")
def test_a_phrase_stands_in_the_tokens_where_the_term_stands_in_a_text(
    texts: list[str], typed: str
) -> None:
    indexed = tokens(texts)
    for term in read(typed).terms:
        there = any(term in fold(text) for text in texts)
        assert (phrase(term) in indexed) == there
        if there:
            assert set(read(term).anchors) <= set(indexed.split())


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_and_any_term(text: str, typed: str) -> None:
    indexed = tokens([text])
    for term in read(typed).terms:
        assert (phrase(term) in indexed) == (term in fold(text))


@given(st.text(max_size=60))
def test_tokens_hold_no_ascii_but_letters_digits_and_blanks(text: str) -> None:
    assert all(not c.isascii() or c.isalnum() or c == " " for c in tokens([text]))


def test_runs_end_in_a_single_character() -> None:
    assert tokens(["寻乌县 A1"]) == "寻乌 乌县 县 a1 1"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ＡＢ１２", "ab12"),
        ("赣B·12345", "赣b12345"),
        ("（寻乌）", "(寻乌)"),
        ("寻2026－0123", "寻2026-0123"),
        ("寻2026—0123", "寻2026-0123"),
        ("寻\u200b乌", "寻乌"),
        ("寻\x00乌", "寻 乌"),
        ("寻\ud800乌", "寻 乌"),
        ("\u3000寻乌\t\r\n县\u3000", "寻乌 县"),
        ("Straße", "strasse"),
    ],
)
def test_folding(typed: str, meant: str) -> None:
    assert fold(typed) == meant


def test_stretches_of_digits_and_letters_have_anchors() -> None:
    assert tokens(["B12345挂"]).split()[-2:] == ["挂", "Ｘb12345"]
    assert read("赣B12345 寻乌").anchors == ("Ｘb12345",)
    assert read("12345").anchors == ()


def test_several_terms_each_once_and_none_that_another_holds() -> None:
    assert read("物流 通行 物流  寻乌物流").terms == ("通行", "寻乌物流")


@pytest.mark.parametrize("typed", ["", "  ", "\x00", "\u200b", "·", "\u3000\n"])
def test_nothing_asked(typed: str) -> None:
    assert not read(typed)


def test_a_long_query_is_cut_and_says_so() -> None:
    words = read("寻" * 9000)
    assert words.cut
    assert words.terms == ("寻" * MOST_ASKED,)
    assert read("寻 乌 县 物 流 公 司 货 车 通 行 证").cut
    assert not read("寻" * MOST_ASKED).cut


def test_what_grows_by_folding_is_cut_too() -> None:
    words = read("\ufdfa" * MOST_ASKED)
    assert words.cut
    assert sum(map(len, words.terms)) <= MOST_ASKED


def test_a_boundless_text_is_indexed_up_to_a_bound() -> None:
    assert len(tokens(["寻" * 200_000]).split()) <= MOST_INDEXED + 1


def test_every_character_is_indexed_alike_beside_any_other() -> None:
    """Most texts pass without being folded: the same must come of them as if they were."""
    for code in (*range(0xD800), *range(0xE000, 0x10000)):
        alone, beside = tokens([chr(code)]), tokens([f"{chr(code)} é"])
        assert [*alone.split(), "é"] == beside.split(), hex(code)
