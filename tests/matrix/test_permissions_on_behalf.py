"""代签收、代录、纸质签批: the coordinator of the owning office, for offline units; by role, verb,
state and place, against a table written by hand from design §3 (Units offline, Two keys)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.appeals.lifecycle import VERBS, Facts, Held, hands, may
from ledger.people.actor import system
from matrix.test_permissions import OPEN_ASSIGNMENT, Case, Who, actor, cases, everybody, facts

DESIGN = {
    # verb: (states of the appeal, states of the assignment)
    "sign_for": (("accepted", "assigned", "held"), ("offered",)),
    "contact": (("accepted", "assigned", "held"), OPEN_ASSIGNMENT),
    "progress": (("accepted", "assigned", "held"), OPEN_ASSIGNMENT),
    "answer": (("accepted", "assigned"), ("offered", "taken", "contested")),
    "ask_return": (("assigned",), ("offered", "taken")),
    "ask_extension": (("assigned",), ("offered", "taken")),
}


def known(case: Case, *, offline: bool = True) -> Facts:
    """The case's own assignment is of a unit that works offline; the lead elsewhere is not."""
    found = facts(case)
    held = tuple(replace(h, offline=offline and h.id == 5) for h in found.assignments)
    shared = tuple(replace(h, offline=offline) for h in found.shared)
    return replace(found, assignments=held, shared=shared)


def expected(verb: str, case: Case, who: Who) -> int:
    if who.role != "coordinator" or who.place != "office":
        return 403
    if verb == "close":  # 纸质签批: whoever signed is asked besides
        return 200 if case.state == "confirmed" else 409
    if verb not in DESIGN:
        return 403
    if case.held in ("", "released", "upheld"):
        return 403
    if case.shared and case.state != "joined":
        return 403  # the master's own, to whoever is handled with it no longer
    states, held = DESIGN[verb]
    if case.state not in states or case.held not in held:
        return 409
    return 200


@pytest.mark.parametrize("verb", [*DESIGN, "close"])
def test_who_may_do_it_for_an_offline_unit(verb: str) -> None:
    wrong = []
    for case in cases():
        for who in (*everybody(), Who("system", "")):
            given = may(verb, known(case), actor(who), on_behalf=True).status
            if given != expected(verb, case, who):
                wrong.append(f"{who.name}, {case}: {given}")
            online = may(verb, known(case, offline=False), actor(who), on_behalf=True).status
            if online != 403 and verb != "close":
                wrong.append(f"online, {who.name}, {case}: {online}")
            own = may(verb, known(case), actor(who)).status
            if own != may(verb, known(case, offline=False), actor(who)).status:
                wrong.append(f"in his own right, {who.name}, {case}: {own}")
    assert not wrong, f"{verb}: {len(wrong)}\n" + "\n".join(wrong[:20])


def test_nothing_else_is_done_in_somebodys_stead() -> None:
    office = actor(Who("coordinator", "office"))
    others = {verb.code for verb in VERBS if verb.frm} - {*DESIGN, "close"}
    for case in cases():
        for verb in others:
            assert may(verb, known(case), office, on_behalf=True).status == 403, (verb, case)


def test_it_says_why_and_chooses_among_several() -> None:
    office = actor(Who("coordinator", "office"))
    online = may("answer", known(Case("assigned", "taken"), offline=False), office, on_behalf=True)
    assert "线上" in online.reason and "代录" in online.reason
    none = may("answer", facts(Case("accepted")), office, on_behalf=True)
    assert none.reason == "本件没有线下办理的承办单位，不能代录。"
    assert not may("answer", known(Case("assigned", "taken")), system(), on_behalf=True)
    several = replace(
        facts(Case("assigned", "taken")),
        assignments=(
            Held(1, 20, "/1/20/", "lead", "taken", offline=True, unit_name="交通局"),
            Held(2, 30, "/1/30/", "assist", "offered", offline=True, unit_name="工信局"),
            Held(3, 31, "/1/31/", "assist", "answered", offline=True, unit_name="应急局"),
            Held(4, 32, "/1/32/", "assist", "taken", unit_name="交管大队"),
        ),
    )
    assert set(hands("contact", several, office, on_behalf=True)) == {1, 2}
    assert hands("sign_for", several, office, on_behalf=True) == (2,)
    assert hands("contact", several, office) == ()
    assert may("contact", several, office, 2, on_behalf=True).assignment_id == 2
    assert "应急局的交办件现为" in may("contact", several, office, 3, on_behalf=True).reason
    assert "交管大队的办理方式为线上" in may("contact", several, office, 4, on_behalf=True).reason
    waits = may("answer", several, office, 1, on_behalf=True)
    assert waits.status == 409 and "尚未反馈" in waits.reason
