"""The facts that public words are made of, read off an appeal, or off its rows as they stood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .lifecycle import MERGED
from .public_words import Known
from .standing import ANSWERS

UNHEARD = frozenset({"released", "waived"})
"""An assignment of these does nothing for the appeal any more."""

_LEFT = frozenset({"lapsed", "paused", "resumed", "extended"})
"""How a clock ended that another took the place of, or none."""


def known_of(
    appeal: Any,
    unit_name: Callable[[int], str],
    reason_name: Callable[[str, str], str],
    master_of: Callable[[Any], Any],
) -> Known:
    """`appeal` has the columns of one, with assignments and deadlines; so has what `master_of`
    gives for one that is joined or merged. Names are asked for, so that whoever reads rows of
    old can say them too."""
    seen = set()
    while appeal.state == MERGED and appeal.id not in seen:
        seen.add(appeal.id)
        appeal = master_of(appeal)
    handled = appeal if appeal.master_id is None else master_of(appeal)
    given = _at_work(handled)
    return Known(
        state=appeal.state,
        units=tuple(dict.fromkeys(unit_name(one.unit_id) for one in given)),
        expected_at=_expected_at(handled.deadlines, given),
        next_telling=appeal.hold_review_on,
        declined_for=appeal.end_reason,
        declined_words=reason_name("decline", appeal.end_reason) if appeal.end_reason else "",
        public_reply=appeal.public_reply or "",
    )


def _at_work(appeal: Any) -> list[Any]:
    """Lead and assists of the round, the lead first; what they passed on below is theirs."""
    found = [
        one
        for one in appeal.assignments
        if one.part in ("lead", "assist")
        and one.state not in UNHEARD
        and one.round == appeal.round
        and (one.part != "lead" or one.unit_id == appeal.lead_unit_id)
    ]
    return sorted(found, key=lambda one: (one.part != "lead", one.id))


def _expected_at(deadlines: Iterable[Any], given: Sequence[Any]) -> Any:
    """The due time of the lead's answer, also once it was given: review is no delay that the
    appellant was told of."""
    lead = next((one.id for one in given if one.part == "lead"), None)
    clocks = [
        clock
        for clock in deadlines
        if lead is not None
        and clock.assignment_id == lead
        and clock.stage in ANSWERS
        and clock.ended_as not in _LEFT
    ]
    return max(clocks, key=lambda clock: clock.id).due_at if clocks else None
