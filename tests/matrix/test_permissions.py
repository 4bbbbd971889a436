"""Role × verb × state × place, by a table written by hand from design §3's "by" column.

`lifecycle.VERBS` is not read here: the two tables must come to the same answer by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import pytest

from ledger.appeals.lifecycle import BY_MANAGER, EXTENSION, HOLD, RETURN, Facts, Held, may
from ledger.people.actor import Actor, Seat, system

# -- the design's table ------------------------------------------------------------------------

# C coordinator of the owning office     H handler, unit lead (of an office: coordinator) of a
# L liaison who knows the appeal           unit whose assignment stands
# O operator of the jurisdiction         U unit lead of such a unit
# D duty officer of the jurisdiction     Hh handler or unit lead only
# D! the same, 特急 and out of hours      R registrar until accepted      A registrar at any time
# K closer  M manager  S supervisor, of the jurisdiction
# P the unit that passed it on: nothing is here (tests/matrix/test_children.py)
# F coordinator of the office below that put it before this one
# N handler, unit lead or coordinator of a unit that an order or instruction was put to
# client, firm, system: not persons
#
# Choices where the design leaves room: a coordinator of the owning office may correct and
# withdraw also what is not accepted yet (what a file brought has no registrar who could). An
# instruction may come after the end, and so may the reply.

DESIGN = """
register          | -                           | L* O* C* D* client firm system
carry_over        | -                           | C* system
supplement        | open                        | A L O C F D client system
attach            | open                        | A L O C F D client system
ask_details       | open                        | C H:open
correct           | open                        | R C
accept            | registered                  | C D!
decline           | registered accepted         | C
set_due           | open                        | C
recompute         | open                        | C
count_stated      | open                        | C
merge             | open                        | C
unmerge           | merged                      | C
join              | registered accepted assigned| C
unjoin            | joined                      | C
answer_directly   | accepted                    | C
assign            | accepted                    | C D!
endorse           | open                        | C
add_assist        | assigned held               | C
release_assist    | assigned held               | C
waive             | assigned held               | C
send_back_assist  | assigned held               | C
change_lead       | assigned held               | C
recall            | assigned                    | C
raise             | accepted assigned           | C
hand_back         | accepted assigned           | C
sign_for          | accepted assigned held      | H:offered
contact           | accepted assigned held      | H:open
relay             | accepted assigned held      | O C D
progress          | accepted assigned held      | H:open
pass_on           | assigned held               | H:offered,taken
waive_child       | accepted assigned held      | P
send_back_child   | accepted assigned held      | P
release_child     | accepted assigned held      | P
rule_child_return | assigned accepted           | P
rule_child_extension | assigned accepted        | P
copy              | open                        | C
uncopy            | any                         | C
ask_return        | assigned                    | H:offered,taken
rule_return       | assigned accepted           | C
ask_extension     | assigned                    | H:offered,taken
rule_extension    | assigned accepted           | C M
ask_hold          | assigned                    | H:offered,taken
rule_hold         | assigned accepted           | C
review_hold       | held                        | C
write_out         | open closed                 | C
note_reply        | open closed                 | C
sign_off          | accepted assigned           | U:signing
answer            | accepted assigned           | H:offered,taken,contested
send_back         | answered reviewed confirmed | C
review            | answered                    | C
link_remainder    | answered reviewed confirmed closed | C
attempt           | reviewed                    | O L
call_back         | reviewed                    | O L C client system
uphold            | reviewed                    | K M
close             | confirmed                   | K
refuse_closing    | confirmed                   | K
tell              | answered reviewed confirmed closed | L O C
recur             | closed                      | L O C client
hold              | accepted assigned reviewed  | C
resume            | held                        | C
reopen            | closed declined withdrawn   | C
withdraw          | open                        | R C
urge              | open                        | S M C O client
order             | open                        | S M C
ask_coordination  | open                        | S M C Hh:open
drop_coordination | open                        | S M C Hh:open
confer            | open                        | S M C
fulfil            | open closed                 | C
reply             | any                         | N
instruct          | any                         | M C
tag               | any                         | M C
exclude           | any                         | M C
receive           | accepted assigned held      | system:offered
erase             | any                         | system
follow            | joined reviewed             | system
gather            | any                         | system
word_reply        | joined reviewed             | C
"""

OPEN_STATES = (
    "registered",
    "accepted",
    "assigned",
    "joined",
    "answered",
    "reviewed",
    "confirmed",
    "held",
)
STATES = (*OPEN_STATES, "closed", "declined", "merged", "withdrawn")
OPEN_ASSIGNMENT = ("offered", "taken", "contested", "signing")

OF_ASSISTS = {
    "release_assist": OPEN_ASSIGNMENT,
    "waive": OPEN_ASSIGNMENT,
    "send_back_assist": ("answered",),
}
"""What is done to an assist wants one in one of these states."""

BARS_HANDLERS = {"call_back", "uphold", "close"}
"""回避 (b): not under a post of a unit that handles, or below one; withdraw once answered."""

@dataclass(frozen=True)
class Rule:
    frm: frozenset[str]
    begins: bool
    by: tuple[tuple[str, tuple[str, ...]], ...]


@cache
def rules() -> dict[str, Rule]:
    found = {}
    for line in DESIGN.strip().splitlines():
        verb, frm, by = (part.strip() for part in line.split("|"))
        spelt = frm.replace("open closed", " ".join((*OPEN_STATES, "closed")))
        states = {"open": OPEN_STATES, "any": STATES, "-": ()}.get(frm, tuple(spelt.split()))
        ways = []
        for word in by.split():
            who, _, held = word.partition(":")
            ways.append((who, OPEN_ASSIGNMENT if held == "open" else tuple(held.split(","))))
        found[verb] = Rule(frozenset(states), frm == "-", tuple(ways))
    return found


# -- places and persons ------------------------------------------------------------------------

PLACES: dict[str, tuple[int, str, str, bool]] = {
    # name: (id, path, region, is an office)
    "office": (10, "/1/10/", "360734", True),
    "unit": (20, "/1/20/", "360734", False),
    "section": (21, "/1/20/21/", "360734", False),
    "other_unit": (30, "/1/30/", "360734", False),
    "unit_2": (200, "/1/200/", "360734", False),
    "neighbour_office": (40, "/2/40/", "360726", True),
    "neighbour_unit": (41, "/2/41/", "360726", False),
    "city_office": (50, "/3/50/", "360700", True),
    "city_unit": (51, "/3/51/", "360700", False),
    "province_office": (60, "/4/60/", "360000", True),
    "other_city_office": (70, "/5/70/", "360800", True),
    "office_below": (80, "/6/80/", "360735", True),
}
COVERING = {"office", "unit", "section", "other_unit", "unit_2"} | {
    "city_office",
    "city_unit",
    "province_office",
}
"""Places whose region is, or contains, that of the owning office."""

ADDRESSED = ("section", "city_office")
"""An order or instruction was put to these."""

OFFICE_ROLES = ("coordinator", "closer", "duty_officer")
UNIT_ROLES = ("handler", "unit_lead")
OTHER_ROLES = ("liaison", "operator", "supervisor", "manager")
ADMINISTRATORS = ("auditor", "security_admin", "system_admin")


@dataclass(frozen=True)
class Who:
    role: str
    place: str
    registrar: bool = False
    known: bool = False
    """Looks after the firm, or is of the unit that registered."""

    @property
    def name(self) -> str:
        marks = ("+registrar" if self.registrar else "") + ("+known" if self.known else "")
        return f"{self.role}@{self.place}{marks}"


def everybody() -> Iterator[Who]:
    for place, (_, _, _, office) in PLACES.items():
        for role in (*OTHER_ROLES, *ADMINISTRATORS, *(OFFICE_ROLES if office else UNIT_ROLES)):
            yield Who(role, place)
    for place in ("other_unit", "neighbour_unit", "unit", "section"):
        yield Who("liaison", place, registrar=True, known=True)
        yield Who("liaison", place, known=True)
        yield Who("handler", place, registrar=True)
        yield Who("operator", place, registrar=True)
    for administrator in ADMINISTRATORS:
        yield Who(administrator, "other_unit", registrar=True)
    yield Who("", "other_unit", registrar=True)
    yield Who("", "other_unit")
    for kind in ("client", "firm", "system"):
        yield Who(kind, "")


PERSON, REGISTRAR, FRIEND = 7, 8, 9


@cache
def actor(who: Who) -> Actor:
    if who.role in ("client", "firm", "system"):
        return system() if who.role == "system" else Actor(who.role, 99, who.role)
    unit_id, path, region, office = PLACES[who.place]
    seats = (Seat(who.role, unit_id, path, who.place, region, office),) if who.role else ()
    number = REGISTRAR if who.registrar else FRIEND if who.known else PERSON
    return Actor("person", number, who.name, seats, 9, "/9/")


@dataclass(frozen=True)
class Case:
    state: str
    held: str = ""
    """State of its assignment; 'upheld': released by an upheld return; '': none."""
    where: str = "unit"
    part: str = "lead"
    """An assist stands beside a lead of elsewhere, but for accepted, where it was recalled."""
    accepted: bool = True
    critical_off_hours: bool = False
    shared: bool = False
    """Of a joined appeal: the assignment is its master's."""


def cases() -> Iterator[Case]:
    for state in STATES:
        accepted = state not in ("registered", "merged", "declined", "withdrawn")
        yield Case(state, accepted=accepted)
        yield Case(state, accepted=accepted, critical_off_hours=True)
        if state in ("joined", "reviewed", "confirmed", "closed"):
            for where in ("unit", "neighbour_office"):
                yield Case(state, "answered", where=where, shared=True)
            yield Case(state, "upheld", shared=True)
        if state == "joined":
            for held in (*OPEN_ASSIGNMENT, "released"):
                yield Case(state, held, shared=True)
        if state in ("accepted", "closed"):
            yield Case(state, "released")
        if state in ("assigned", "held"):
            for held in (*OPEN_ASSIGNMENT, "answered", "waived", "released", "upheld"):
                yield Case(state, held)
                yield Case(state, held, where="neighbour_office")
        if state in ("answered", "reviewed", "confirmed", "closed", "merged", "withdrawn"):
            yield Case(state, "answered")
            yield Case(state, "answered", where="neighbour_office")
            yield Case(state, "upheld")
            for held in ("answered", "waived", "released", "upheld"):
                yield Case(state, held, part="assist")
        if state in ("accepted", "assigned", "held"):
            for held in (*OPEN_ASSIGNMENT, "answered", "waived", "released", "upheld"):
                yield Case(state, held, part="assist")
                yield Case(state, held, where="neighbour_office", part="assist")


def lead_elsewhere(case: Case) -> Held:
    """The lead beside an assist; none where the case is the lead's own."""
    state = {"assigned": "taken", "held": "taken"}.get(case.state, "answered")
    alone = case.part == "lead" or case.state == "accepted"
    return Held(6, 999, "/1/999/", "lead", "released" if alone else state)


@cache
def facts(case: Case) -> Facts:
    unit_id, path, _, _ = PLACES[case.where]
    upheld = case.held == "upheld"
    held = Held(
        id=5,
        unit_id=unit_id,
        unit_path=path,
        part=case.part,
        state="released" if upheld else case.held,
        upheld_return=upheld,
    )
    given = (lead_elsewhere(case), held) if case.held else ()
    return Facts(
        state=case.state,
        office_id=10,
        office_region="360734",
        registrar_id=REGISTRAR,
        ever_accepted=case.accepted,
        urgency="critical" if case.critical_off_hours else "normal",
        off_hours=case.critical_off_hours,
        known_to=frozenset({REGISTRAR, FRIEND}),
        assignments=() if case.shared else given,
        shared=given if case.shared else (),
        master_answered=True,
        # Somebody else answered; who is asked here is barred by his post alone.
        first_keys=frozenset({1000}) if case.held == "answered" else frozenset(),
        # Every verb of the row may be asked for: the conditions beside the state hold.
        reached_limit=True,
        duty_unendorsed=True,
        copied=True,
        asked=RETURN + EXTENSION + HOLD,
        raised_by=PLACES["office_below"][0],
        coordination_asked=True,
        outside_count=1,
        points_open=1,
        addressees=frozenset(PLACES[place][0] for place in ADDRESSED),
        remainder_due=True,
    )


NOTHING_YET: dict[str, dict[str, int]] = {
    "ask_hold": {"asked": 0},
    "ask_coordination": {"coordination_asked": False},
    "relay": {"confidential": True},
}
"""Verbs that can be done where nothing like it stands already."""


# -- what is expected --------------------------------------------------------------------------


def expected(verb: str, case: Case, who: Who) -> int:
    rule = rules()[verb]
    ways = [held for way, held in rule.by if _is(way, case, who)]
    if not ways:
        return 403
    if rule.begins:
        return 200
    if case.state not in rule.frm:
        return 409
    barred = verb in BARS_HANDLERS or (verb == "withdraw" and case.held == "answered")
    person = who.role not in ("client", "firm", "system")
    if barred and person and case.held not in ("", "upheld"):
        handling = {"unit": {"unit", "section"}}.get(case.where, {case.where})
        if who.place in handling:
            return 403
    if all(held != ("",) and case.held not in held for held in ways):
        return 409
    if verb in OF_ASSISTS and (case.part != "assist" or case.held not in OF_ASSISTS[verb]):
        return 409
    if verb == "answer_directly" and case.part == "assist" and case.held in OPEN_ASSIGNMENT:
        return 409
    return 200


def _is(way: str, case: Case, who: Who) -> bool:
    stands = case.held not in ("", "released", "upheld") and who.place == case.where
    stands = stands and (case.state == "joined" or not case.shared)
    here = who.place in COVERING
    business = who.role not in ("", *ADMINISTRATORS)
    if who.role in ("client", "firm", "system"):
        return way == who.role
    match way:
        case "R":
            return who.registrar and not case.accepted and business
        case "A":
            return who.registrar and business
        case "C":
            return who.role == "coordinator" and who.place == "office"
        case "F":
            return who.role == "coordinator" and who.place == "office_below"
        case "L":
            return who.role == "liaison" and who.known
        case "O":
            return who.role == "operator" and here
        case "D":
            return who.role == "duty_officer" and here
        case "D!":
            return who.role == "duty_officer" and here and case.critical_off_hours
        case "K":
            return who.role == "closer" and here
        case "M":
            return who.role == "manager" and here
        case "S":
            return who.role == "supervisor" and here
        case "H":
            return who.role in ("handler", "unit_lead", "coordinator") and stands
        case "Hh":
            return who.role in ("handler", "unit_lead") and stands
        case "U":
            return who.role == "unit_lead" and stands
        case "N":
            return who.role in ("handler", "unit_lead", "coordinator") and who.place in ADDRESSED
        case "L*":
            return who.role == "liaison"
        case "O*":
            return who.role == "operator"
        case "C*":
            return who.role == "coordinator"
        case "D*":
            return who.role == "duty_officer"
    return False


# -- the comparison ----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", list(rules()))
def test_the_table_answers_as_the_design_says(verb: str) -> None:
    wrong = []
    asked = 0
    for case in cases():
        known = replace(facts(case), **NOTHING_YET.get(verb, {}))  # type: ignore[arg-type]
        for who in everybody():
            asked += 1
            given = may(verb, None if rules()[verb].begins else known, actor(who)).status
            wanted = expected(verb, case, who)
            if given != wanted:
                wrong.append(f"{who.name}, {case}: {given}, not {wanted}")
    assert asked > 4000
    assert not wrong, f"{verb}: {len(wrong)} of {asked}\n" + "\n".join(wrong[:20])


def test_a_refusal_says_why_in_chinese_and_an_admission_names_the_seat() -> None:
    for case in (Case("assigned", "taken"), Case("confirmed", "answered")):
        for verb in rules():
            for who in everybody():
                verdict = may(verb, facts(case), actor(who))
                if verdict:
                    assert verdict.seat is not None or not actor(who).seats
                    assert verdict.reason == ""
                else:
                    assert verdict.status in (403, 409)
                    assert verdict.reason.endswith("。")
                    assert "一" <= verdict.reason[0] <= "鿿"


def test_the_seat_that_may_is_found_among_several() -> None:
    """He handles in one post and closes in another: each verb under the post that may."""
    handler = actor(Who("handler", "unit")).seats[0]
    coordinator = actor(Who("coordinator", "office")).seats[0]
    both = replace(actor(Who("handler", "unit")), seats=(handler, coordinator))
    known = facts(Case("assigned", "offered"))
    assert may("sign_for", known, both).seat == handler
    assert may("recall", known, both).seat == coordinator
    assert may("sign_for", known, both).assignment_id == 5
    assert may("recall", known, both).assignment_id is None


def test_the_open_assignment_is_meant_where_a_unit_has_several() -> None:
    unit_id, path, _, _ = PLACES["unit"]
    held = [
        Held(1, unit_id, path, "lead", "released"),
        Held(2, unit_id, path, "lead", "answered"),
        Held(3, unit_id, path, "lead", "offered"),
        Held(4, unit_id, path, "assist", "released"),
    ]
    known = replace(facts(Case("assigned", "offered")), assignments=tuple(held))
    assert may("sign_for", known, actor(Who("handler", "unit"))).assignment_id == 3


def test_what_somebody_lays_down_stays_down() -> None:
    """A unit whose assignment was recalled is a stranger; one that answered is merely late."""
    handler = actor(Who("handler", "unit"))
    assert may("contact", facts(Case("assigned", "released")), handler).status == 403
    assert may("contact", facts(Case("assigned", "answered")), handler).status == 409


def test_a_section_below_and_a_bureau_above_do_not_act_for_the_unit() -> None:
    unit_id, path, _, _ = PLACES["section"]
    known = replace(
        facts(Case("assigned", "offered")),
        assignments=(Held(1, unit_id, path, "lead", "offered"),),
    )
    assert may("sign_for", known, actor(Who("handler", "section"))).status == 200
    assert may("sign_for", known, actor(Who("handler", "unit"))).status == 403


@pytest.mark.parametrize("place", ["neighbour_office", "other_city_office"])
def test_a_neighbour_has_no_right_in_any_state(place: str) -> None:
    roles = (*OTHER_ROLES, *OFFICE_ROLES)
    for verb, rule in rules().items():
        if rule.begins:
            continue
        for state in STATES:
            known = facts(Case(state))
            for role in roles:
                assert may(verb, known, actor(Who(role, place))).status == 403, (verb, role)


def test_numbers_that_only_look_alike_share_nothing() -> None:
    """Unit /1/2/ is not above /1/20/."""
    near = Seat("closer", 2, "/1/20/", "销号人", "360734", True)
    known = replace(
        facts(Case("confirmed", "answered")),
        assignments=(Held(1, 20, "/1/2/", "lead", "answered"),),
    )
    assert may("close", known, Actor("person", 70, "甲", (near,), 20, "/1/20/")).status == 200


@pytest.mark.parametrize(
    ("verb", "state", "change", "status"),
    [
        ("decline", "registered", {"has_joined": True}, 409),
        ("merge", "assigned", {"has_joined": True}, 409),
        ("withdraw", "assigned", {"has_joined": True}, 409),
        ("join", "assigned", {"has_joined": True}, 409),
        ("uphold", "reviewed", {"reached_limit": False}, 409),
        ("uphold", "reviewed", {"reached_limit": False, "undetermined": True}, 200),
        ("call_back", "reviewed", {"undetermined": True}, 409),
        ("close", "confirmed", {"close_stopped": True}, 409),
        ("refuse_closing", "confirmed", {"close_stopped": True}, 200),
        ("send_back", "confirmed", {"close_stopped": True}, 200),
        ("endorse", "assigned", {"duty_unendorsed": False}, 409),
        ("rule_return", "assigned", {"asked": EXTENSION}, 409),
        ("rule_extension", "assigned", {"asked": RETURN}, 409),
        ("rule_extension", "assigned", {"asked": EXTENSION + BY_MANAGER}, 403),
        ("rule_hold", "assigned", {"asked": RETURN + EXTENSION}, 409),
        ("rule_hold", "assigned", {"asked": HOLD}, 200),
        ("hand_back", "assigned", {"raised_by": None}, 409),
        ("ask_coordination", "assigned", {"coordination_asked": True}, 409),
        ("drop_coordination", "assigned", {"coordination_asked": False}, 409),
        ("note_reply", "closed", {"outside_count": 0}, 409),
        ("fulfil", "closed", {"points_open": 0}, 409),
    ],
)
def test_conditions_beside_the_state(
    verb: str, state: str, change: dict[str, int], status: int
) -> None:
    known = replace(facts(Case(state, "answered")), **change)  # type: ignore[arg-type]
    coordinator, closer = (
        actor(Who(role, "office")).seats[0] for role in ("coordinator", "closer")
    )
    office = Actor("person", 70, "全权", (coordinator, closer), 9, "/9/")
    assert may(verb, known, office).status == status


def test_what_can_be_asked_for_no_more_is_too_late() -> None:
    handler = actor(Who("handler", "unit"))
    known = facts(Case("assigned", "taken"))
    too_late = {"ask_return": "已过时限。", "ask_extension": "已延期。"}
    held = [replace(one, over=lambda verb: too_late.get(verb, "")) for one in known.assignments]
    late = replace(known, assignments=tuple(held))
    for verb, why in too_late.items():
        assert may(verb, known, handler).status == 200
        assert (may(verb, late, handler).status, may(verb, late, handler).reason) == (409, why)
    assert may("answer", late, handler).status == 200


def test_a_long_extension_is_for_the_manager_under_whichever_post() -> None:
    known = replace(facts(Case("assigned", "taken")), asked=EXTENSION + BY_MANAGER)
    seats = [actor(Who(role, "office")).seats[0] for role in ("coordinator", "manager")]
    both = Actor("person", 70, "甲", tuple(seats), 9, "/9/")
    assert may("rule_extension", known, both).seat == seats[1]
    assert may("rule_extension", known, replace(both, seats=(seats[0],))).status == 403
    short = replace(known, asked=EXTENSION)
    assert may("rule_extension", short, both).seat == seats[0]
    assert may("rule_extension", short, replace(both, seats=(seats[1],))).status == 200


@pytest.mark.parametrize("on_duty", [True, False])
def test_the_duty_officer_acts_on_his_shift_only(on_duty: bool) -> None:
    seat = replace(actor(Who("duty_officer", "office")).seats[0], on_duty=on_duty)
    officer = Actor("person", 70, "值班", (seat,), 9, "/9/")
    known = facts(Case("registered", critical_off_hours=True, accepted=False))
    assert may("accept", known, officer).status == (200 if on_duty else 403)
    for less in ({"urgency": "urgent"}, {"off_hours": False}):
        assert may("accept", replace(known, **less), officer).status == 403
