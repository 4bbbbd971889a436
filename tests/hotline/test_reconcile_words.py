"""What a hotline's words for its states mean, and where they differ from ours."""

from __future__ import annotations

import pytest

from ledger.appeals.lifecycle import STATES
from ledger.hotline.reconcile_words import (
    FINDINGS,
    MEANINGS,
    OURS,
    acts_for,
    advice,
    compared,
    meaning_of,
    owes_reply,
    read,
)


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("待签收", "waiting"),
        (" 待 派单", "waiting"),
        ("办理中", "handling"),
        ("已派单", "handling"),
        ("未办结", "handling"),
        ("待回复", "handling"),
        ("延期审批中", "handling"),
        ("已回复", "replied"),
        ("待回访", "replied"),
        ("已办结", "closed"),
        ("办结归档", "closed"),
        ("退回重办", "redo"),
        ("审核不通过", "redo"),
        ("退单", "ended"),
        ("不予受理", "ended"),
        ("已撤回", "ended"),
        ("Ｚ－３", ""),
    ],
)
def test_words_that_platforms_use(word: str, meaning: str) -> None:
    assert meaning_of(word, {}) == meaning


def test_what_the_office_said_goes_before_the_defaults() -> None:
    assert meaning_of("办结 待核", {"办结待核": "replied"}) == "replied"
    assert meaning_of("Ｚ－３", {"z-3": "handling"}) == "handling"


@pytest.mark.parametrize(
    ("cells", "meaning"),
    [
        ({"state": "已办结", "audit": "不通过"}, "redo"),
        ({"state": "已回复", "audit": "通过"}, "replied"),
        ({"finished": "是"}, "closed"),
        ({"finished": "否"}, "handling"),
        ({"audit": "审核通过"}, "closed"),
        ({"state": "", "finished": ""}, ""),
    ],
)
def test_columns_are_read_together(cells: dict[str, str], meaning: str) -> None:
    assert read(cells, {})[1] == meaning


def test_where_they_differ() -> None:
    assert compared("", "", "closed") == ""
    assert compared("Z-3", "", "closed") == "unknown"
    assert compared("办理中", "handling", "waiting") == ""
    assert compared("已办结", "closed", "replied") == ""
    assert compared("办理中", "handling", "replied") == "differs"
    assert compared("待签收", "waiting", "handling") == "differs"
    assert compared("退回重办", "redo", "closed") == "unaccepted"
    assert compared("退回重办", "redo", "handling") == ""
    assert compared("已撤销", "ended", "handling") == "differs"


def test_every_difference_has_its_advice_and_every_state_its_meaning() -> None:
    assert set(OURS) == set(STATES) - {"merged"}
    assert set(OURS.values()) <= set(MEANINGS)
    for theirs in MEANINGS:
        for ours in MEANINGS:
            found = compared("词", theirs, ours)
            if found:
                assert found in FINDINGS
                assert advice(found, theirs, ours)
    assert owes_reply("handling", "closed")
    assert "回填公开答复" in advice("differs", "handling", "closed")
    assert not owes_reply("closed", "handling")
    assert "supplement" in acts_for("differs", "closed", "handling")
    assert acts_for("differs", "handling", "closed") == ()
