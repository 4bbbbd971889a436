"""审签: the head of a unit reads and signs what its handlers answer, before it goes out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..people.actor import Actor
from . import lifecycle
from .opening import Opening
from .record import Invalid, Refused

if TYPE_CHECKING:
    from .leaf import Leaf


class Signing(Opening):
    """审签."""

    __abstract__ = True

    def sign_off(
        self,
        sent: bool,
        words: str,
        *,
        by: Actor,
        at: datetime,
        hand: int | None = None,
        seen: int | None = None,
    ) -> None:
        """Send the answer, as of now: it is a first key for both of them. Or return it to whoever
        wrote it, who finds it as it was."""
        if not sent and not words.strip():
            raise Invalid("words", "退回经办人的，请写明哪里要改")
        if sent:
            self._check_last_word(by, at, hand)
        with self.act("sign_off", by=by, at=at, hand=hand, seen=seen) as act:
            act.data["sent"] = sent
            if not sent:
                act.assignment.state = "taken"
                act.assignment.signing_note = words
                return
            act.texts["note"] = words
            self._deliver(act.assignment, at)

    def _check_last_word(self, by: Actor, at: datetime, hand: int | None) -> None:
        """An assist may have been added, or its answer sent back, since the lead's was written."""
        facts = self.facts(at, by)
        verdict = lifecycle.may("sign_off", facts, by, hand)
        lead = self.lead
        is_lead = verdict and lead is not None and verdict.assignment_id == lead.id
        if is_lead and (waits_for := lifecycle.no_last_word(facts)):
            raise Refused(409, waits_for)


# -- who reads what is not signed --------------------------------------------------------------


def may_read(actor: Actor, given: Any, office_id: int) -> bool:
    """Whether somebody may read what the head of a unit has not signed: the unit itself, and the
    coordinators of the office."""
    return any(
        seat.unit_id == given.unit_id or (seat.role == "coordinator" and seat.unit_id == office_id)
        for seat in actor.seats
    )


def unread(appeal: Any, actor: Actor) -> frozenset[int]:
    """The assignments whose unsigned answers are kept from `actor`."""
    return frozenset(
        given.id
        for given in appeal.assignments
        if given.drafted_at is not None and not may_read(actor, given, appeal.office_id)
    )


def tells_answer(given: Any, kept_back: frozenset[int]) -> bool:
    """Whether the answer that an assignment bears is there to be read."""
    if given.is_unsigned:
        return given.id not in kept_back
    return given.answered_at is not None


def files_of(appeal: Leaf, actor: Actor) -> list[Any]:
    """The files of an appeal, but those of an answer that is kept from `actor`."""
    kept_back = unread(appeal, actor) if appeal.has_files else frozenset()
    return [file for file in appeal.attachments if file.draft_of_id not in kept_back]
