"""转办 by the table alone: who may do what to what was passed on, and who waits for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.appeals.lifecycle import EXTENSION, RETURN, Facts, Held, may
from ledger.deadlines.calendar import Calendar, end_of
from ledger.deadlines.rhythm import next_report
from ledger.people.actor import Actor, Seat

PLACES = {
    # name: (id, path, region, office)
    "owner": (10, "/1/10/", "360700", True),
    "bureau": (20, "/1/20/", "360700", False),
    "section": (21, "/1/20/21/", "360700", False),
    "desk": (22, "/1/20/21/22/", "360700", False),
    "county_office": (30, "/3/30/", "360734", True),
    "assisting": (40, "/1/40/", "360700", False),
}
OPEN = ("offered", "taken", "contested", "signing")
SETTLED = ("answered", "waived", "released")

VERBS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # verb: states of the appeal, states of the child
    "waive_child": (("assigned", "held", "accepted"), OPEN),
    "release_child": (("assigned", "held", "accepted"), OPEN),
    "send_back_child": (("assigned", "held", "accepted"), ("answered",)),
    "rule_child_return": (("assigned", "accepted"), ("contested",)),
    "rule_child_extension": (("assigned", "accepted"), ("offered", "taken")),
}


def person(role: str, place: str) -> Actor:
    unit_id, path, region, office = PLACES[place]
    seat = Seat(role, unit_id, path, place, region, office)
    return Actor("person", 7, f"{role}@{place}", (seat,), 9, "/9/")


def given(number: int, place: str, part: str, state: str, parent: Held | None = None) -> Held:
    unit_id, path, _, _ = PLACES[place]
    above: dict[str, Any] = (
        {} if parent is None else {"parent_id": parent.id, "parent_unit_id": parent.unit_id}
    )
    return Held(number, unit_id, path, part, state, unit_name=place, **above)


def facts(state: str, *held: Held, **more: Any) -> Facts:
    return replace(
        Facts(state=state, office_id=10, office_region="360700", assignments=held), **more
    )


def passed_on(
    state: str, child: str, parent: str = "taken", part: str = "lead", by: str = "bureau"
) -> Facts:
    above = given(1, by, part, parent)
    below = replace(given(2, "section", "child", child, above), asks=RETURN + EXTENSION)
    return facts(state, above, below)


ALL = [
    (role, place)
    for place, (_, _, _, office) in PLACES.items()
    for role in (
        "handler", "unit_lead", "coordinator", "closer", "operator", "liaison", "manager",
        "supervisor", "duty_officer",
    )
    if office or role not in ("coordinator", "closer", "duty_officer")
]  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_the_unit_that_passed_it_on_and_nobody_else(verb: str) -> None:
    states, children = VERBS[verb]
    asked = 0
    for state in ("registered", "accepted", "assigned", "answered", "reviewed", "held", "closed"):
        for child in (*OPEN, *SETTLED):
            for parent in (*OPEN, *SETTLED):
                for part, by in (("lead", "bureau"), ("assist", "county_office")):
                    known = passed_on(state, child, parent, part, by)
                    for role, place in ALL:
                        asked += 1
                        own = place == by and role in ("handler", "unit_lead", "coordinator")
                        now = state in states and child in children and parent in OPEN
                        wanted = 200 if own and now else 409 if own else 403
                        verdict = may(verb, known, person(role, place), 2)
                        case = (role, place, state, child, parent, part)
                        assert verdict.status == wanted, (case, verdict)
                        assert not verdict or verdict.assignment_id == 2
                        assert verdict or verdict.reason.endswith("。")
    assert asked > 20_000


def test_one_who_passed_on_rules_on_his_own_alone_and_on_what_was_asked() -> None:
    bureau, county = (
        given(1, "bureau", "lead", "taken"),
        given(3, "county_office", "assist", "taken"),
    )
    mine = given(2, "section", "child", "taken", bureau)
    theirs = replace(given(4, "assisting", "child", "taken", county), asks=EXTENSION)
    known = facts("assigned", bureau, county, mine, theirs, asked=RETURN)
    handler = person("handler", "bureau")
    assert may("waive_child", known, handler, 2) and not may("waive_child", known, handler, 4)
    assert may("rule_child_extension", known, handler).status == 409, "his own has not asked"
    assert may("rule_child_extension", known, person("coordinator", "county_office"), 4)
    assert may("rule_return", known, handler).status == 403, "the office's matter"
    assert may("rule_child_return", known, person("coordinator", "owner"), 2).status == 403
    assert may("waive", known, person("coordinator", "owner")), "the assist is the office's"


def test_a_unit_waits_for_its_own_children_and_not_for_anybody_elses() -> None:
    bureau, county = (
        given(1, "bureau", "lead", "taken"),
        given(3, "county_office", "assist", "taken"),
    )
    section = given(2, "section", "child", "taken", bureau)
    desk = given(4, "desk", "child", "offered", section)
    known = facts("assigned", bureau, section, desk)
    lead = may("answer", known, person("handler", "bureau"))
    assert (lead.status, "下级单位section尚未反馈" in lead.reason) == (409, True)
    assert "desk" not in lead.reason, "that is for the section to wait for"
    assert may("answer", known, person("handler", "section")).status == 409
    assert may("answer", known, person("handler", "desk")).assignment_id == 4
    for settled in ("answered", "waived"):
        done = replace(section, state=settled)
        free = facts("assigned", bureau, done, replace(desk, state="answered"))
        assert may("answer", free, person("handler", "bureau")).assignment_id == 1
    below = given(5, "assisting", "child", "offered", county)
    beside = facts("assigned", replace(bureau, state="taken"), county, below)
    waits = may("answer", beside, person("coordinator", "county_office"))
    assert "下级单位assisting" in waits.reason
    assert "协办单位county_office" in may("answer", beside, person("handler", "bureau")).reason


def test_a_child_unit_handles_and_is_barred_like_any_other() -> None:
    known = passed_on("assigned", "taken")
    for verb in ("contact", "progress", "ask_return", "ask_extension", "answer", "pass_on"):
        assert may(verb, known, person("handler", "section"), 2), verb
        assert may(verb, known, person("handler", "desk")).status == 403, verb
    assert may("sign_for", passed_on("assigned", "offered"), person("unit_lead", "section"))
    reviewed = passed_on("reviewed", "answered", "answered")
    assert may("call_back", reviewed, person("operator", "owner"))
    for place in ("section", "desk"):
        barred = may("call_back", reviewed, person("operator", place))
        assert (barred.status, "回避" in barred.reason) == (403, True)
    released = passed_on("reviewed", "released", "answered")
    assert may("call_back", released, person("operator", "section")).status == 403


def test_no_way_to_pass_on_without_sub_units_nor_from_what_is_not_in_hand() -> None:
    bureau = given(1, "bureau", "lead", "taken")
    why = "本单位没有可以转办的下级单位。"
    none = replace(bureau, over=lambda verb: why if verb == "pass_on" else "")
    handler = person("handler", "bureau")
    assert may("pass_on", facts("assigned", none), handler).reason == why
    for state, wanted in (("offered", 200), ("contested", 409), ("answered", 409)):
        known = facts("assigned", replace(bureau, state=state))
        assert may("pass_on", known, handler).status == wanted, state
    assert may("pass_on", facts("accepted", bureau), handler).status == 409
    assert may("pass_on", facts("held", bureau), handler)


# -- 反馈频次 ----------------------------------------------------------------------------------

CALENDAR = Calendar(
    exceptions={
        date(2026, 10, 1): False,
        date(2026, 10, 2): False,
        date(2026, 10, 10): True,
    },
    published=frozenset({2026}),
)


@pytest.mark.parametrize(
    ("since", "rhythm", "every_day", "last"),
    [
        ("2026-11-16", "daily", False, "2026-11-17"),
        ("2026-11-20", "daily", False, "2026-11-23"),
        ("2026-11-20", "daily", True, "2026-11-21"),
        ("2026-11-16", "weekly", False, "2026-11-23"),
        ("2026-11-14", "weekly", False, "2026-11-23"),
        ("2026-11-14", "weekly", True, "2026-11-23"),
        ("2026-09-30", "daily", False, "2026-10-05"),
        ("2026-10-09", "daily", False, "2026-10-10"),
        ("2026-01-31", "monthly", False, "2026-03-02"),
        ("2026-11-30", "monthly", False, "2026-12-30"),
    ],
)
def test_the_next_report(since: str, rhythm: str, every_day: bool, last: str) -> None:
    at = datetime.fromisoformat(f"{since}T09:30+08:00").astimezone(UTC)
    due = next_report(at, rhythm, CALENDAR, "反馈", every_day=every_day)
    assert due is not None
    assert due.at == end_of(date.fromisoformat(last))
    assert f"应于{last} 24:00前反馈进展" in due.sentence and not due.provisional


def test_a_year_not_published_yet_is_said_and_once_is_never_again() -> None:
    at = datetime(2026, 12, 15, 2, 0, tzinfo=UTC)
    due = next_report(at, "monthly", CALENDAR, "反馈")
    assert due is not None and due.provisional and "暂按周一至周五推算" in due.sentence
    assert next_report(at, "once", CALENDAR, "反馈") is None
    assert next_report(at + timedelta(days=1), "never", CALENDAR, "反馈") is None
