"""How an appeal stands: what the table of acts, its clocks and the screen ask of it.

One answer for both shapes of an appeal: the row that verbs change (record.py) and the leaf that
a page reads (leaf.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import config
from ..deadlines.limits import POLICY
from ..deadlines.queries import caps_in_force, load_calendar
from ..people.actor import Actor
from ..people.directory import directory
from . import lifecycle
from .lifecycle import OPEN_ASSIGNMENT, Facts, Held

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

SAMPLE = 10
"""One in so many 咨询 is called back all the same."""


def line_of(category_id: int | None, cross_region: bool) -> tuple[str, ...]:
    """POLICY first where it waits for a policy or another region, then the codes downwards."""
    tree = catalogue().categories
    found = tree.get(category_id or 0)
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

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_ASSIGNMENT

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None

    def held(self) -> Held:
        """As the table of acts sees it."""
        return Held(
            id=self.id,
            unit_id=self.unit_id,
            unit_path=directory().units[self.unit_id].path,
            part=self.part,
            state=self.state,
            upheld_return=self.release_reason == "return_upheld",
        )


class Running:
    """How a clock stands."""

    if TYPE_CHECKING:
        assignment: Any
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
        urgency: Any
        registrar_id: Any
        registrar_unit_id: Any
        accepted_at: Any
        lead_signed: Any
        undetermined: Any
        caller_id: Any
        upholder_id: Any
        joined_count: Any
        close_stopped: Any
        duty_unendorsed: Any
        opening: Any
        phone_given: Any
        phone_index: Any
        attempts: Any
        attempt_half_days: Any
        assignments: Any
        deadlines: Any
        external_orders: Any
        category_id: Any
        cross_region: Any

    def _liaisons(self, day: date) -> Iterable[int]:
        """Who looks after its firm."""
        raise NotImplementedError

    def _first_keys(self) -> frozenset[int]:
        """Whoever answered, signed off or keyed an answer, in any round: read from the ink."""
        raise NotImplementedError

    @property
    def lead(self) -> A | None:
        """The lead assignment, open or answered; None before one, and once it was taken back or
        the appeal began anew: what an earlier round answered leads nothing any more."""
        if self.lead_unit_id is None:
            return None
        leads: list[A] = [a for a in self.assignments if a.part == "lead" and a.state != "released"]
        return max(leads, key=lambda a: (a.round, a.assigned_at), default=None)

    def category_path(self) -> tuple[str, ...]:
        """What the table of limits asks of its category."""
        return line_of(self.category_id, self.cross_region)

    def facts(self, at: datetime, by: Actor | None = None) -> Facts:
        """What the table must know, as of `at`; of one actor alone, what can matter to him."""
        persons = {self.registrar_id}
        if by is None or "liaison" in by.roles:
            persons.update(self._liaisons(at.astimezone(SHANGHAI).date()))
        orders = self.external_orders if by is None or by.kind != "person" else ()
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
            assignments=tuple(a.held() for a in self.assignments),
            first_keys=self._first_keys(),
            decisive=frozenset({self.caller_id, self.upholder_id} - {None}),
            undetermined=self.undetermined,
            reached_limit=self.may_give_up_calling(at),
            has_joined=self.joined_count > 0,
            strict_home_unit=config().strict_home_unit,
            close_stopped=self.close_stopped,
            duty_unendorsed=self.duty_unendorsed,
            opening=self.opening,
        )

    def turning(self, at: datetime) -> tuple[Any, ...]:
        """What `facts` says beyond what a version of the appeal, the units and the catalogue do."""
        day = at.astimezone(SHANGHAI).date()
        return (
            is_off_hours(at),
            self.may_give_up_calling(at),
            config().strict_home_unit,
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
        )

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
        stages = MAIN_CLOCK.get(self.state, ())
        running = self.running(*stages) if stages else []
        if self.state == "assigned":
            lead = self.lead
            running = [d for d in running if d.assignment is lead]
        return min(running, key=lambda d: d.due_at, default=None)


def is_off_hours(at: datetime) -> bool:
    hours = load_calendar().working_hours(at.astimezone(SHANGHAI).date())
    return not any(opens <= at < closes for opens, closes in hours)
