"""Figures in words: what the page shows and the command prints, line by line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from ..appeals.filters import OPEN_STATES, Filters
from ..appeals.lifecycle import STATES
from ..config import SHANGHAI
from .figures import Figures
from .measures import HANDLING, NONE, PASSING, RATES, STANDING, Compared, Measure, percent

WANTED = (
    "office_id",
    "lead_unit_id",
    "category_id",
    "kind",
    "channel",
    "urgency",
    "region_code",
    "white_list",
)
"""Of the filters of the list, those that figures can be asked by."""

_LISTED: dict[str, dict[str, str]] = {
    "stock": {"state": "open"},
    "overdue": {"light": "red"},
    "due_today": {"light": "today"},
    "held": {"state": "held"},
    "closed_total": {"state": "closed"},
}
"""Numbers of the present whose rows the list shows, and by which filters."""


def narrowed(filters: Filters) -> Filters:
    """As much of a filter object as figures can be asked by."""
    return Filters(**{name: getattr(filters, name) for name in WANTED})


@dataclass(frozen=True)
class Line:
    """A number of the page."""

    measure: Measure
    number: Compared
    share: str = NONE
    url: str = ""


@dataclass(frozen=True)
class RateLine:
    measure: Measure
    said: str
    """Without what is excluded."""
    parts: str
    whole: str
    """With it."""
    mean: str


def standing_lines(found: Figures, filters: Filters, *, present: bool) -> list[Line]:
    """`present`: the moment is now, and so the list shows the same rows."""
    stock = found.standing["stock"].value
    of_stock = ("overdue", "due_today", "due_tomorrow", "held")
    return [
        Line(
            measure,
            found.standing[code],
            percent(found.standing[code].value, stock) if code in of_stock else NONE,
            _url(filters, _LISTED[code]) if present and code in _LISTED else "",
        )
        for code, measure in STANDING.items()
    ]


def state_lines(found: Figures, filters: Filters, *, present: bool) -> list[Line]:
    stock = found.standing["stock"].value
    return [
        Line(
            Measure(state, STATES[state], ""),
            found.states[state],
            percent(found.states[state].value, stock),
            _url(filters, {"state": state}) if present else "",
        )
        for state in OPEN_STATES
    ]


def _url(filters: Filters, asked: dict[str, Any]) -> str:
    return "/appeals/?" + urlencode(filters.with_(**asked).given())


def passing_lines(found: Figures) -> list[Line]:
    return [Line(measure, found.passing[code]) for code, measure in PASSING.items()]


def rate_lines(found: Figures) -> list[RateLine]:
    lines = []
    for code, measure in RATES.items():
        rate = found.rates[code]
        lines.append(
            RateLine(
                measure,
                rate.said,
                f"{_pieces(rate.pooled.above)}／{rate.pooled.below}",
                rate.with_excluded.said,
                rate.mean or NONE,
            )
        )
    handled = f"{found.handled}件" if found.handled else NONE
    said = found.handling if found.handling == NONE else f"{found.handling}个工作日"
    return [*lines, RateLine(HANDLING, said, handled, NONE, NONE)]


def _pieces(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)


def as_json(found: Figures, filters: Filters) -> dict[str, Any]:
    """The same for machines: counts as numbers, shares as text and as their two numbers."""

    def compared(one: Compared) -> dict[str, Any]:
        return {
            "value": one.value,
            "base": one.base,
            "change": one.change,
            "percent": one.percent,
            "trend": one.trend,
        }

    asked = {f.name: getattr(filters, f.name) for f in fields(filters) if f.name in WANTED}
    return {
        "as_of": found.at.astimezone(SHANGHAI).isoformat(),
        "base": found.base.astimezone(SHANGHAI).isoformat(),
        "filters": {name: value for name, value in asked.items() if value},
        "standing": {
            code: {"name": STANDING[code].name, **compared(one)}
            for code, one in found.standing.items()
        },
        "states": {
            state: {"name": STATES[state], **compared(found.states[state])} for state in OPEN_STATES
        },
        "period": {
            code: {"name": PASSING[code].name, **compared(one)}
            for code, one in found.passing.items()
        },
        "rates": {
            code: {
                "name": RATES[code].name,
                "pooled": rate.said,
                "numerator": _pieces(rate.pooled.above),
                "denominator": rate.pooled.below,
                "with_excluded": rate.with_excluded.said,
                "mean_of_units": rate.mean or NONE,
            }
            for code, rate in found.rates.items()
        },
        "handling_days": {"name": HANDLING.name, "mean": found.handling, "count": found.handled},
        "call_backs": found.call_backs,
        "basically_percent": found.basically_percent,
    }
