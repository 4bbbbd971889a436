"""How an appeal stands: what the table of acts, its clocks and the screen ask of it.

One answer for both shapes of an appeal: the row that verbs change (record.py) and the leaf that
a page reads (leaf.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..catalogue.queries import catalogue
from ..catalogue.words import URGENCIES
from ..config import SHANGHAI
from ..db import config
from ..deadlines import clocks
from ..deadlines.limits import POLICY, Rule
from ..deadlines.queries import caps_in_force, load_calendar, rule_in_force
from ..people.actor import Actor
from ..people.directory import directory
from . import lifecycle
from .lifecycle import OPEN_ASSIGNMENT, Facts, Held, never_over
from .outcomes import left_over
from .sub_units import sub_units

MAIN_CLOCK: dict[str, tuple[str, ...]] = {
    "registered": ("accept",),
    "accepted": ("assign",),
    "assigned": ("answer", "rework"),
    "answered": ("review",),
    "reviewed": ("call_back",),
    "confirmed": ("close",),
    "held": ("hold_review",),
}
"""Which clock an appeal is sorted and judged by, state by state (design §3, The clock)."""

ANSWERS = ("answer", "rework", "assist", "child")
"""Clocks of an assignment's own answer."""

SAMPLE = 10
"""One in so many 咨询 is called back all the same."""


def line_of(category_id: int | None, cross_region: bool) -> tuple[str, ...]:
    """POLICY first where it waits for a policy or another region, then the codes downwards."""
    if category_id is None:
        return (POLICY,) if cross_region else ()
    tree = catalogue().categories
    found = tree.get(category_id)
    policy = cross_region or bool(found and found.policy)
    codes: list[str] = []
    while found is not None:
        codes.append(found.code)
        found = tree.get(found.parent_id or 0)
    return ((POLICY,) if policy else ()) + tuple(reversed(codes))


class Given:
    """How an assignment stands."""

    if TYPE_CHECKING:
        id: Any
        unit_id: Any
        unit: Any
        part: Any
        state: Any
        round: Any
        assigned_at: Any
        signed_at: Any
        release_reason: Any
        parent_id: Any
        rhythm: Any
        progress_at: Any
        returns: Any
        extensions: Any
        answered_at: Any
        drafted_at: Any

    @property
    def is_unsigned(self) -> bool:
        """Whether the answer it bears was put to the head of the unit, who has not signed it."""
        drafted, answered = self.drafted_at, self.answered_at
        return drafted is not None and (answered is None or answered < drafted)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_ASSIGNMENT

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None

    def held(
        self,
        round_no: int,
        over: Callable[[str], str],
        *,
        parent_unit_id: int | None = None,
        asks: int = 0,
    ) -> Held:
        """As the table of acts sees it, when the appeal is in this round; `over` says why a verb
        can be done with it no more."""
        unit = directory().units[self.unit_id]
        return Held(
            id=self.id,
            unit_id=self.unit_id,
            unit_path=unit.path,
            unit_name=unit.label,
            part=self.part,
            state=self.state,
            upheld_return=self.release_reason == "return_upheld",
            past=self.round < round_no,
            over=over,
            parent_id=self.parent_id,
            parent_unit_id=parent_unit_id,
            asks=asks,
            offline=unit.offline,
        )


class Running:
    """How a clock stands."""

    if TYPE_CHECKING:
        assignment: Any
        started_at: Any
        ended_as: Any
        stage: Any
        due_at: Any
        ended_at: Any

    @property
    def is_running(self) -> bool:
        return self.ended_at is None

    def is_overdue(self, at: datetime) -> bool:
        return bool((self.ended_at or at) > self.due_at)


A = TypeVar("A", bound=Given)
D = TypeVar("D", bound=Running)


class Standing(Generic[A, D]):
    """How an appeal stands."""

    if TYPE_CHECKING:
        number: Any
        office: Any
        office_id: Any
        lead_unit_id: Any
        state: Any
        round: Any
        channel: Any
        kind: Any
        category_id: Any
        cross_region: Any
        urgency: Any
        registrar_id: Any
        registrar_unit_id: Any
        accepted_at: Any
        lead_signed: Any
        undetermined: Any
        caller_id: Any
        upholder_id: Any
        joined_count: Any
        master_id: Any
        handled_with_id: Any
        close_stopped: Any
        duty_unendorsed: Any
        opening: Any
        held_from: Any
        raised_by_id: Any
        coordination_asked: Any
        outside_count: Any
        points_open: Any
        phone_given: Any
        phone_index: Any
        confidential: Any
        attempts: Any
        attempt_half_days: Any
        assignments: Any
        deadlines: Any
        requests: Any
        asked: Any
        asked_below: Any
        copied: Any
        external_orders: Any
        instructed: Any
        instruction_units: Any
        outcome: Any
        reworks: Any
        particulars: Any
        remainder_id: Any

    def _liaisons(self, day: date) -> Iterable[int]:
        """Who looks after its firm."""
        raise NotImplementedError

    def _first_keys(self) -> frozenset[int]:
        """Whoever answered, signed off or keyed an answer, in any round: read from the ink."""
        raise NotImplementedError

    def _shared(self) -> list[A]:
        """The assignments of the appeal it is, or was, handled with: they count as its own for
        回避, and while it is joined for its lead, too. Read where there is such an appeal."""
        raise NotImplementedError

    def _joined_named(self) -> str:
        """Which appeals wait for this one's answer, in words; read where any were joined."""
        raise NotImplementedError

    def _master_answered(self) -> bool:
        """Whether the master's answer is in."""
        raise NotImplementedError

    @property
    def joined_named(self) -> str:
        return self._joined_named() if self.joined_count else ""

    @property
    def master_reply(self) -> str:
        """What the master's appellant is told; '' where it is handled alone."""
        return self._master_reply() if self.is_joined else ""

    def _master_reply(self) -> str:
        raise NotImplementedError

    @property
    def is_joined(self) -> bool:
        """Handled with a master, or called back and closed after it was."""
        return self.master_id is not None and self.state != lifecycle.MERGED

    @property
    def shared(self) -> list[A]:
        return [] if self.handled_with_id is None else self._shared()

    @property
    def lead(self) -> A | None:
        """The lead assignment, open or answered; None before one, and once it was taken back or
        the appeal began anew: what an earlier round answered leads nothing any more."""
        if self.lead_unit_id is None:
            return None
        given = self.shared if self.is_joined else self.assignments
        leads: list[A] = [a for a in given if a.part == "lead" and a.state != "released"]
        return max(leads, key=lambda a: (a.round, a.assigned_at), default=None)

    @property
    def assists(self) -> list[A]:
        """Of this round, and whichever still run; those taken back are no more among them."""
        return [
            a
            for a in self.assignments
            if a.part == "assist"
            and a.state != "released"
            and (a.is_open or a.round == self.round)
        ]

    def children_of(self, given: A) -> list[A]:
        """What its unit passed on, whatever became of it."""
        return [a for a in self.assignments if a.parent_id is not None and a.parent_id == given.id]

    def parent_of(self, given: A) -> A | None:
        return next((a for a in self.assignments if a.id == given.parent_id), None)

    def category_path(self) -> tuple[str, ...]:
        """What the table of limits asks of its category."""
        return line_of(self.category_id, self.cross_region)

    def facts(self, at: datetime, by: Actor | None = None) -> Facts:
        """What the table must know, as of `at`; of one actor alone, what can matter to him."""
        persons = {self.registrar_id}
        if by is None or "liaison" in by.roles:
            persons.update(self._liaisons(at.astimezone(SHANGHAI).date()))
        orders = self.external_orders if by is None or by.kind != "person" else ()
        joined = self.joined_named
        return Facts(
            state=self.state,
            office_id=self.office_id,
            office_region=directory().units[self.office_id].region_code,
            registrar_id=self.registrar_id,
            ever_accepted=self.accepted_at is not None,
            urgency=self.urgency,
            off_hours=is_off_hours(at),
            source_systems=frozenset(order.source_system for order in orders),
            known_to=frozenset(persons - {None}),
            known_to_units=frozenset({self.registrar_unit_id} - {None}),
            assignments=tuple(self._held(a, at) for a in self.assignments),
            shared=tuple(a.held(self.round, never_over) for a in self.shared),
            first_keys=self._first_keys(),
            decisive=frozenset({self.caller_id, self.upholder_id} - {None}),
            undetermined=self.undetermined,
            reached_limit=self.may_give_up_calling(at),
            has_joined=bool(joined),
            joined_named=joined,
            master_answered=self.is_joined and self._master_answered(),
            strict_home_unit=config().strict_home_unit,
            close_stopped=self.close_stopped,
            duty_unendorsed=self.duty_unendorsed,
            opening=self.opening,
            held_from=self.held_from,
            copied=bool(self.copied),
            asked=self.asked or 0,
            none_stated=not any(map(is_stated, self.deadlines)),
            raised_by=self.raised_by_id,
            coordination_asked=self.coordination_asked,
            outside_count=self.outside_count,
            points_open=self.points_open,
            confidential=self.confidential,
            addressees=self.addressees,
            remainder_due=self.remainder_id is None
            and bool(left_over(self.outcome, self.particulars)),
        )

    def _held(self, given: A, at: datetime) -> Held:
        above = None if given.parent_id is None else self.parent_of(given)
        return given.held(
            self.round,
            partial(self._over, given, at),
            parent_unit_id=None if above is None else above.unit_id,
            asks=self.asks_of(given),
        )

    @property
    def addressees(self) -> frozenset[int]:
        """Units that an order or an instruction was put to: they owe, or gave, a reply."""
        if not self.instructed:
            return frozenset()
        return frozenset(one.unit_id for one in self.instruction_units)

    def suggests_order(self, at: datetime) -> bool:
        """So many reworks that a supervision order is called for (design §5)."""
        most = caps_in_force(at).order_from_rework
        return self.state in lifecycle.OPEN and self.reworks >= most > 0

    def turning(self, at: datetime) -> tuple[Any, ...]:
        """What `facts` says beyond what a version of the appeal, the units and the catalogue do."""
        day = at.astimezone(SHANGHAI).date()
        return (
            is_off_hours(at),
            self.may_give_up_calling(at),
            self.suggests_order(at),
            config().strict_home_unit,
            *(
                (self._over(given, at, "ask_return"), self._over(given, at, "ask_extension"))
                for given in self.assignments
            ),
            *((given.id, given.state, given.release_reason) for given in self.shared),
            self.joined_named,
            self.is_joined and self._master_answered(),
            *sorted(self._liaisons(day)),
        )

    def may_give_up_calling(self, at: datetime) -> bool:
        """Enough attempts on enough half-days, or nobody to call (design §5)."""
        if self.phone_given == "none" or not self.phone_index:
            return True
        caps = caps_in_force(at)
        half_days = len(set(self.attempt_half_days.split()))
        return bool(self.attempts >= caps.attempts and half_days >= caps.attempt_half_days)

    @property
    def is_drawn(self) -> bool:
        """Whether a 咨询 is drawn for a sample call-back: by its number, so that nobody chooses."""
        digest = hashlib.sha256(self.number.encode()).digest()
        return digest[0] % SAMPLE == 0

    @property
    def state_label(self) -> str:
        """The state as the screen says it."""
        return lifecycle.label(
            self.state,
            round_no=self.round,
            signed=self.lead_signed,
            undetermined=self.undetermined,
            asked=self.asked or 0,
        )

    # -- what a unit may ask for -----------------------------------------------------------

    def rule(self, at: datetime) -> tuple[int | None, Rule]:
        """The row of limits that applies, and its version."""
        return rule_in_force(at, self.channel, self.kind, self.category_path(), self.urgency)

    def _over(self, given: A, at: datetime, verb: str) -> str:
        """Why this assignment can be returned, extended or passed on no more; '' where it can."""
        if verb == "pass_on" and given.is_open and not sub_units(given.unit_id, self.office_id):
            return "本单位没有可以转办的下级单位。"
        if verb == "ask_hold" and given.part == "child":
            return "转办件需要挂账的，请报告转办单位，由其申请。"
        if self.state != "assigned" or given.state not in ("offered", "taken"):
            return ""
        if verb == "ask_return":
            return self._no_return(given, at)
        return self._no_extension(given, at) if verb == "ask_extension" else ""

    def open_requests(self, kind: str) -> list[Any]:
        """What was asked of the office and not ruled on, first to last."""
        if not self.asked:
            return []
        below = {a.id for a in self.assignments if a.part == "child"}
        return [r for r in self._asked_now(kind) if r.assignment_id not in below]

    def request_below(self, kind: str, given: A) -> Any | None:
        """What this assignment, which was passed on, asks of the unit that did."""
        if not self.asked_below:
            return None
        return next((r for r in self._asked_now(kind) if r.assignment_id == given.id), None)

    def asks_of(self, given: A) -> int:
        """RETURN and EXTENSION, of what was passed on."""
        kinds = {"return": lifecycle.RETURN, "extension": lifecycle.EXTENSION}
        return sum(
            bit for kind, bit in kinds.items() if self.request_below(kind, given) is not None
        )

    def _asked_now(self, kind: str) -> list[Any]:
        if not (self.asked or self.asked_below):
            return []
        return [r for r in self.requests if r.kind == kind and r.state == "asked"]

    def given_of(self, request: Any) -> A:
        """The assignment that a request is about."""
        found: A = next(one for one in self.assignments if one.id == request.assignment_id)
        return found

    @property
    def is_joint_study(self) -> bool:
        """Whether the return that waits for its ruling is one for 会商研究 (design §5)."""
        return any(
            self.returns_in(self.given_of(request).round)
            >= caps_in_force(request.asked_at).joint_study_from
            for request in self.open_requests("return")
        )

    def returns_in(self, round_no: int) -> int:
        """How many returns were asked for in a round, by whichever units."""
        return sum(
            given.returns
            for given in self.assignments
            if given.round == round_no and given.part != "child"
        )

    def return_limit(self, given: A) -> clocks.Due | None:
        """Until when it may be returned: from 交办, whether or not it was signed for since."""
        _, rule = self.rule(given.assigned_at)
        return clocks.due(given.assigned_at, rule.spec("return"), load_calendar(), "交办")

    def _no_return(self, given: A, at: datetime) -> str:
        caps = caps_in_force(at)
        own = sum(
            one.returns
            for one in self.assignments
            if one.unit_id == given.unit_id and one.round == given.round
        )
        if own >= caps.returns:
            return "本单位本轮已申请过退单，不能再次申请。" if own else "按规定不能退单。"
        if given.part != "child" and self.returns_in(given.round) >= caps.joint_study_from:
            return "本轮退单已经会商裁定，不能再次退单。"
        limit = self.return_limit(given)
        if limit is not None and at > limit.at:
            return f"退单应于{clocks.shown_end(limit.at)}前申请，现已超过时限，请继续办理。"
        return ""

    def answer_clock(self, given: A) -> D | None:
        """The clock of its answer, while it runs."""
        found = self.running("answer", "rework", "child", assignment=given)
        return min(found, key=lambda d: d.due_at, default=None)

    def extension_limit(self, given: A, due_at: datetime) -> datetime | None:
        """As far as an extension may move this due time; None where none is granted."""
        calendar = load_calendar()
        _, rule = self.rule(given.assigned_at)
        most = clocks.furthest(due_at, rule.spec("extension"), calendar)
        whole = clocks.due(given.assigned_at, rule.spec("answer_most"), calendar)
        most = min(most, whole.at) if most is not None and whole is not None else most
        above = self.clock_above(given)
        return most if most is None or above is None else min(most, above.due_at)

    def clock_above(self, given: A) -> D | None:
        """The clock that what was passed on may never outlast: that of whoever did."""
        parent = None if given.parent_id is None else self.parent_of(given)
        return None if parent is None else self.own_clock(parent)

    def own_clock(self, given: A) -> D | None:
        """The clock of its answer, while it runs or is paused."""
        found = [
            d
            for d in self.deadlines
            if d.assignment is given
            and d.stage in ANSWERS
            and (d.is_running or d.ended_as == "paused")
        ]
        return max(found, key=lambda d: (d.is_running, d.started_at), default=None)

    def _no_extension(self, given: A, at: datetime) -> str:
        caps = caps_in_force(at)
        if any(request.assignment_id == given.id for request in self._asked_now("extension")):
            return "已有延期申请待审批。"
        if given.extensions >= caps.extensions:
            done = given.extensions
            return f"已延期{done}次，不能再次延期。" if done else "按规定不能延期。"
        clock = self.answer_clock(given)
        if clock is None:
            return "本件没有办结时限，不需要延期。"
        most = self.extension_limit(given, clock.due_at)
        if most is None:
            return f"{URGENCIES[self.urgency]}诉求按规定不得延期。"
        if most <= clock.due_at and self.clock_above(given) is not None:
            return "本单位的时限与转办单位的相同，不能再延期；确需延期的，由转办单位先行申请。"
        if most <= clock.due_at:
            return "办结时限已达规定的最长期限，不能再延期。"
        last = clocks.working_days_before(
            clock.due_at, caps.extension_ask_days, load_calendar()
        )
        if at > last:
            return f"延期应于{clocks.shown_end(last)}前申请，现已超过时限。"
        return ""

    def running(self, *stages: str, assignment: A | None = None) -> list[D]:
        """Clocks that run, of these stages (all where none is named), of one assignment or all."""
        return [
            d
            for d in self.deadlines
            if d.is_running
            and (not stages or d.stage in stages)
            and (assignment is None or d.assignment is assignment)
        ]

    def main_clock(self) -> D | None:
        """The clock that the appeal's state is judged by."""
        stages = MAIN_CLOCK.get(self.state, ())  # joined: the master's (joining.py)
        running = self.running(*stages) if stages else []
        if self.state == "assigned":
            lead = self.lead
            running = [d for d in running if d.assignment is lead]
        return min(running, key=lambda d: d.due_at, default=None)


def is_stated(clock: Any) -> bool:
    """Whether it ended earlier by somebody's word than the office has accepted until now."""
    stated, ended = clock.stated_at, clock.ended_at
    if stated is None or ended is None or clock.ended_as != "met":
        return False
    return bool(max(stated, clock.started_at) < ended)


def judged(clocks_: Iterable[Any]) -> tuple[bool | None, bool | None]:
    """Whether the answers in which these clocks of one assignment ended were in time: as it was
    extended, and without an extension. None, None where no clock ran."""
    met = [c for c in clocks_ if c.stage in ANSWERS and c.ended_as == "met"]
    if not met:
        return None, None
    return (
        all(c.ended_at <= c.due_at for c in met),
        all(c.ended_at <= c.original_due_at for c in met),
    )


def is_off_hours(at: datetime) -> bool:
    hours = load_calendar().working_hours(at.astimezone(SHANGHAI).date())
    return not any(opens <= at < closes for opens, closes in hours)
