"""首次转办: from receipt at the line to the first hand-off to a unit. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ..deadlines.clocks import shown, span_words

UNTRANSFERRED = ("registered", "accepted")
"""States in which an appeal still waits for its first hand-off."""


def first_at(appeal: Any) -> datetime | None:
    """When it was first handed off to a lead."""
    return min((a.assigned_at for a in appeal.assignments if a.part == "lead"), default=None)


def told(appeal: Any, at: datetime) -> str:
    """How long the first hand-off took, or has been waited for; "" where none is to come, and of
    what an older ledger had handed off before."""
    if appeal.opening:
        return ""
    first = first_at(appeal)
    if first is not None:
        took = span_words(max(first - appeal.received_at, timedelta()))
        return f"首次转办{shown(first)}，收到后{took}"
    if appeal.state in UNTRANSFERRED:
        return f"尚未转办，收到已{span_words(at - appeal.received_at)}"
    return ""
