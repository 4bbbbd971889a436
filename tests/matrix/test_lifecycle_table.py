"""The table of acts as a table: nothing missing, nothing unreachable, nothing said twice."""

from __future__ import annotations

import pytest

from ledger.appeals import lifecycle
from ledger.appeals.lifecycle import ASSIGNMENT_STATES, ENDS, OPEN, SAME, STATES, VERBS
from ledger.people.actor import system
from ledger.people.roles import LABELS

LABELS_OF_STATES = {
    "registered": "待受理",
    "accepted": "待交办",
    "assigned": "办理中",
    "joined": "并案办理中",
    "answered": "待审核",
    "reviewed": "待回访",
    "confirmed": "待销号",
    "closed": "已销号",
    "held": "挂账跟踪",
    "declined": "不予受理",
    "merged": "已合并",
    "withdrawn": "诉求人已撤回",
}

VERBS_OF_THE_DESIGN = """
    register supplement attach ask_details correct accept decline carry_over
    set_due recompute count_stated merge unmerge join unjoin answer_directly assign endorse
    add_assist release_assist waive send_back_assist change_lead recall raise hand_back
    sign_for contact relay progress pass_on ask_return rule_return ask_extension rule_extension
    ask_hold sign_off answer send_back review attempt call_back uphold close refuse_closing
    link_remainder tell recur hold resume reopen withdraw urge order ask_coordination confer reply
    instruct tag exclude receive erase
    waive_child send_back_child release_child rule_child_return rule_child_extension
    copy uncopy
    follow gather word_reply
    rule_hold review_hold write_out note_reply drop_coordination fulfil
"""
"""Design §3's table, its paragraphs on assignments and on joined appeals, and §4's erasure; and
what holds, letters and conferences need besides, and what an outcome leaves over (遗留问题)."""


def test_states_and_their_labels_are_the_designs() -> None:
    assert STATES == LABELS_OF_STATES
    assert frozenset({"closed", "declined", "merged", "withdrawn"}) == ENDS
    assert set(STATES) == OPEN | ENDS
    assert not OPEN & ENDS


def test_every_verb_of_the_design_is_a_row_and_no_other() -> None:
    codes = [verb.code for verb in VERBS]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(VERBS_OF_THE_DESIGN.split())


def test_screen_names_and_addresses_of_verbs_are_unique_but_for_the_two_hands() -> None:
    assert len({verb.url for verb in VERBS}) == len(VERBS)
    labels = [verb.label for verb in VERBS]
    assert sorted({label for label in labels if labels.count(label) > 1}) == []


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.code)
def test_a_row_says_who_when_and_what_it_needs(verb: lifecycle.Verb) -> None:
    assert verb.label and verb.needs.strip() and verb.by and verb.to and verb.done
    assert verb.frm <= set(STATES)
    assert set(verb.to) <= set(STATES) | {"same"}
    assert verb.assignment <= set(ASSIGNMENT_STATES)
    assert {who.role for who in verb.by} <= set(LABELS) | {"registrar", "client", "firm", "system"}
    assert {who.scope for who in verb.by} <= set(lifecycle.SCOPES)
    if verb.note:
        assert verb.to == SAME, "a note changes no state"


def test_no_administrator_is_in_the_table() -> None:
    assert not {who.role for verb in VERBS for who in verb.by} & {
        "auditor",
        "security_admin",
        "system_admin",
    }


def _reached(verbs: list[lifecycle.Verb]) -> set[str]:
    reached: set[str] = set()
    while True:
        more = {
            to
            for verb in verbs
            if not verb.frm or verb.frm & reached
            for to in verb.to
            if to != "same"
        }
        if more <= reached:
            return reached
        reached |= more


def test_every_state_is_reached_from_registration() -> None:
    assert _reached([verb for verb in VERBS if verb.code != "carry_over"]) == set(STATES)


def test_only_the_four_ends_are_ends() -> None:
    """An end is what no verb leads on from; a way back must say so (reopen, unmerge)."""
    back = {"reopen", "unmerge"}
    onward = {
        state
        for verb in VERBS
        if verb.code not in back and set(verb.to) - {"same"}
        for state in verb.frm
    }
    assert set(STATES) - onward == ENDS
    assert {"closed", "declined", "withdrawn"} == lifecycle.BY_CODE["reopen"].frm
    assert {"merged"} == lifecycle.BY_CODE["unmerge"].frm


def test_from_every_open_state_the_closing_can_still_be_reached() -> None:
    for state in OPEN:
        reached = {state}
        while more := {
            to
            for verb in VERBS
            if verb.frm & reached
            for to in verb.to
            if to != "same" and to not in reached
        }:
            reached |= more
        assert "closed" in reached, state


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"signed": False}, "待签收"),
        ({}, "办理中"),
        ({"round_no": 2}, "重办中"),
        ({"round_no": 2, "signed": False}, "待签收"),
    ],
)
def test_assigned_says_what_it_waits_for(more: dict[str, int], words: str) -> None:
    assert lifecycle.label("assigned", **more) == words  # type: ignore[arg-type]


def test_reviewed_waits_for_the_upholding_once_no_rework_is_owed() -> None:
    assert lifecycle.label("reviewed") == "待回访"
    assert lifecycle.label("reviewed", undetermined=True) == "待认定"


def test_the_table_in_words_has_a_row_for_each_verb() -> None:
    rows = lifecycle.table(LABELS)
    assert [row.verb for row in rows] == [verb.code for verb in VERBS]
    for row in rows:
        assert row.needs and row.by
        assert not any("（）" in who for who in row.by)
        for words in row.by:
            assert any("一" <= c <= "鿿" for c in words), row
    by_verb = {row.verb: row for row in rows}
    assert by_verb["close"].by == (
        "销号审批人（辖区内）",
        "交办员（诉求所属牵头办公室，代录销号审批人的纸质签批）",
    )
    assert by_verb["close"].apart and by_verb["call_back"].apart and by_verb["uphold"].apart
    assert by_verb["accept"].by == (
        "交办员（诉求所属牵头办公室）",
        "值班员（特急，非工作时间）",
    )


def test_unknown_verbs_are_a_fault_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        lifecycle.may("delete", None, system())
