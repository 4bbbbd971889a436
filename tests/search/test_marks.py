"""Hits are marked in the text as it was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.search.marks import mark, snippet
from ledger.search.tokens import read


def test_a_hit_is_marked_as_it_was_written() -> None:
    pieces = mark("货车赣Ｂ·12345被劝返", read("赣b12345").terms)
    assert pieces == [("货车", False), ("赣Ｂ·12345", True), ("被劝返", False)]


def test_hits_that_touch_are_one() -> None:
    assert mark("寻乌物流", read("寻乌 乌物").terms) == [("寻乌物", True), ("流", False)]
    assert mark("货货货", ("货",)) == [("货货货", True)]


def test_no_hit_leaves_the_text_in_one_piece() -> None:
    assert mark("寻乌县", ("物流",)) == [("寻乌县", False)]
    assert mark("", ("物流",)) == []


def test_a_blank_parts_words() -> None:
    assert mark("寻 乌", ("寻乌",)) == [("寻 乌", False)]


def test_a_snippet_stands_about_the_first_hit() -> None:
    text = "前" * 100 + "收费站" + "后" * 100
    pieces = snippet(text, ("收费站",))
    assert pieces[0] == ("…", False)
    assert ("收费站", True) in pieces
    assert pieces[-1] == ("…", False)
    assert sum(len(words) for words, _ in pieces) < 80
    assert snippet(text, ("车牌",)) == []


@given(st.text(max_size=60), st.text(max_size=10))
def test_nothing_is_lost_or_added(text: str, typed: str) -> None:
    assert "".join(words for words, _ in mark(text, read(typed).terms)) == text
