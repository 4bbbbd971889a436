"""What an appeal is called outside the house, for every state it can be in."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.appeals.lifecycle import MERGED, STATES
from ledger.appeals.public_known import known_of
from ledger.appeals.public_words import STATUSES, Known, Said, other_way, say
from ledger.catalogue.lay import REASONS
from ledger.config import SHANGHAI

DUE = datetime(2026, 12, 2, tzinfo=SHANGHAI)
REPLY = "您好，入口已恢复通行。"


def known(state: str) -> Known:
    return Known(
        state,
        units=("交通局", "交管大队"),
        expected_at=DUE,
        next_telling=date(2026, 12, 10),
        declined_for="other_region",
        declined_words="不属于本行政区域",
        public_reply=REPLY,
    )


@pytest.mark.parametrize(
    ("state", "status", "note"),
    [
        ("registered", "已登记", ""),
        ("accepted", "办理中", "承办单位：交通局、交管大队；预计答复日期：2026-12-01"),
        ("assigned", "办理中", "承办单位：交通局、交管大队；预计答复日期：2026-12-01"),
        ("joined", "办理中", "承办单位：交通局、交管大队；预计答复日期：2026-12-01"),
        ("answered", "办理中", "承办单位：交通局、交管大队；预计答复日期：2026-12-01"),
        ("reviewed", "已答复", ""),
        ("confirmed", "已答复", ""),
        ("closed", "已办结", ""),
        ("held", "正在协调", "下次告知日期：2026-12-10"),
        (
            "declined",
            "不予受理",
            "原因：不属于本行政区域；其他渠道：请向事项发生地的12345热线或企业服务部门反映",
        ),
        ("withdrawn", "已撤回", ""),
    ],
)
def test_words_of_a_state(state: str, status: str, note: str) -> None:
    said = say(known(state))
    assert (said.status, said.note) == (status, note)
    passed = status in ("已答复", "已办结")
    assert said.public_reply == (REPLY if passed else "")
    assert said.expected_at == (DUE if status == "办理中" else None)


def test_every_state_has_its_words_and_a_merged_one_its_masters() -> None:
    assert {say(known(state)).status for state in STATES if state != MERGED} == {*STATUSES.values()}
    with pytest.raises(KeyError):
        say(known(MERGED))


def test_what_is_not_known_is_not_said() -> None:
    assert say(Known("accepted")).note == ""
    assert say(Known("assigned", units=("交通局",))).note == "承办单位：交通局"
    assert say(Known("held")).note == ""
    assert say(Known("declined")).note.startswith("其他渠道：")
    assert {field.name for field in fields(Said)} == {
        "code", "status", "note", "units", "expected_at", "public_reply",
    }  # fmt: skip


def test_every_reason_to_decline_names_another_way() -> None:
    for code, _ in REASONS["decline"]:
        assert len(other_way(code)) > 10
    words = say(Known("declined", declined_for="other", declined_words="其他（须写明）")).note
    assert "须写明" not in words


def row(**columns: Any) -> Any:
    stands = {
        "id": 1, "state": "assigned", "round": 1, "master_id": None, "lead_unit_id": 7,
        "hold_review_on": None, "end_reason": "", "public_reply": "", "assignments": [],
        "deadlines": [],
    }  # fmt: skip
    return SimpleNamespace(**{**stands, **columns})


def given(id: int, unit_id: int, part: str = "lead", state: str = "taken", round: int = 1) -> Any:
    return SimpleNamespace(id=id, unit_id=unit_id, part=part, state=state, round=round)


def clock(id: int, assignment_id: int | None, days: int, ended_as: str = "", **more: Any) -> Any:
    values = {"stage": "answer", "due_at": DUE + timedelta(days=days), **more}
    return SimpleNamespace(id=id, assignment_id=assignment_id, ended_as=ended_as, **values)


def read(appeal: Any, *masters: Any) -> Known:
    by_id = {one.id: one for one in masters}
    return known_of(
        appeal,
        lambda unit_id: f"单位{unit_id}",
        lambda _kind, code: f"理由{code}",
        lambda one: by_id[one.master_id],
    )


def test_who_handles_it_and_until_when() -> None:
    appeal = row(
        round=2,
        assignments=[
            given(1, 7, state="answered"),  # of the first round
            given(5, 8, "assist", round=2),
            given(4, 7, round=2),
            given(6, 9, "assist", state="waived", round=2),
            given(7, 10, "child", round=2),
            given(3, 11, state="released", round=2),
        ],
        deadlines=[
            clock(1, 1, -9, "met"),
            clock(2, 4, 0, "extended"),
            clock(3, 4, 5),
            clock(4, 4, 1, stage="sign"),
            clock(5, 5, 2, stage="assist"),
            clock(6, None, 3, stage="assign"),
        ],
    )
    found = read(appeal)
    assert found.units == ("单位7", "单位8")
    assert found.expected_at == DUE + timedelta(days=5)


def test_what_is_joined_or_merged_is_spoken_of_by_its_master() -> None:
    master = row(id=2, assignments=[given(1, 7)], deadlines=[clock(1, 1, 0)])
    joined = row(id=1, state="joined", master_id=2)
    assert say(read(joined, master)).note == "承办单位：单位7；预计答复日期：2026-12-01"
    merged = row(id=3, state="merged", master_id=2)
    assert say(read(merged, master)).status == "办理中"
    answered = row(id=4, state="reviewed", master_id=2, public_reply="对您的答复")
    assert say(read(answered, master)).public_reply == "对您的答复"
