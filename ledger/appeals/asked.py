"""退单 and 延期 as the page says them: what was asked and ruled, and what one ought to know before
asking or ruling."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ..catalogue.queries import Catalogue, catalogue
from ..deadlines import clocks
from ..deadlines.calendar import last_day, local_day
from ..deadlines.queries import caps_in_force, load_calendar
from . import assist_acts, beyond
from .lifecycle import BY_CODE
from .show_queries import names_of_persons

if TYPE_CHECKING:
    from .acts import Drawing
    from .leaf import Leaf
    from .models import Appeal

STATES: dict[tuple[str, str], tuple[str, str]] = {
    ("return", "asked"): ("待裁定", "now"),
    ("return", "granted"): ("同意退单", "end"),
    ("return", "refused"): ("不同意退单", "bad"),
    ("extension", "asked"): ("待审批", "now"),
    ("extension", "granted"): ("同意延期", "good"),
    ("extension", "refused"): ("不同意延期", "bad"),
    ("hold", "asked"): ("待审批", "now"),
    ("hold", "granted"): ("同意挂账", "good"),
    ("hold", "refused"): ("不同意挂账", "bad"),
}
"""Words and tone of a request."""
LAPSED = ("已失效", "end")


class Asked(NamedTuple):
    """A request in words."""

    title: str
    state: str
    tone: str
    when: str
    who: str
    reason: str
    basis: str
    wish: str
    """Of an extension: until when, and by how much; of a hold: when it is to be looked at."""
    ruling_word: str
    ruled: str
    """When and by whom; '' while nobody has."""
    granted: str
    """Until when it was granted, where not as asked."""
    ruling: str


def told(appeal: Leaf, book: Catalogue) -> dict[int, list[Asked]]:
    """What was asked about each assignment, first to last."""
    persons = [p for r in appeal.requests for p in (r.asked_by_id, r.ruled_by_id)]
    names = names_of_persons(persons)
    found: dict[int, list[Asked]] = {}
    for row in appeal.requests:
        state, tone = STATES.get((row.kind, row.state), LAPSED)
        if row.by_manager and row.state == "asked":
            state = "待领导审批"
        ruled, granted = "", ""
        if row.ruled_at is not None:
            ruled = f"{clocks.shown(row.ruled_at)} {names.get(row.ruled_by_id, '')}"
            if row.conference_id is not None:
                ruled += f"（依据{beyond.name_of(appeal, row.conference_id)}）"
        if row.granted_until is not None and row.granted_until != row.proposed_at:
            until = {"hold": "同意挂账，复核日期"}.get(row.kind, "同意延至")
            granted = f"{until}{_when(row, row.granted_until)}"
        found.setdefault(row.assignment_id, []).append(
            Asked(
                title=BY_CODE[f"ask_{row.kind}"].label,
                state=state,
                tone=tone,
                when=clocks.shown(row.asked_at),
                who=names.get(row.asked_by_id, ""),
                reason=book.reason_name(row.kind, row.reason_code),
                basis=row.basis,
                wish=_wish(row),
                ruling_word="裁定" if row.kind == "return" else "审批",
                ruled=ruled,
                granted=granted,
                ruling=row.ruling,
            )
        )
    return found


def _wish(row: Any) -> str:
    if row.proposed_at is None:
        return ""
    told = "，已向企业说明" if row.firm_told else ""
    wish = {"hold": "建议复核日期"}.get(row.kind, "申请延至")
    return f"{wish}{_when(row, row.proposed_at)}{told}"


def _when(row: Any, at: datetime) -> str:
    return f"{local_day(at)}" if row.kind == "hold" else clocks.shown_end(at)


# -- before asking -----------------------------------------------------------------------------


def limit_of_return(drawing: Drawing) -> Sequence[str]:
    given = assist_acts.hand_of("ask_return", drawing)
    limit = None if given is None else drawing.appeal.return_limit(given)
    return () if limit is None else (f"退单申请时限：{limit.sentence}",)


def limit_of_extension(drawing: Drawing) -> Sequence[str]:
    given = assist_acts.hand_of("ask_extension", drawing)
    clock = None if given is None else drawing.appeal.answer_clock(given)
    most = None if clock is None else drawing.appeal.extension_limit(given, clock.due_at)
    if clock is None or most is None:
        return ()
    days = caps_in_force(drawing.at).extension_manager_days
    return (
        f"现办结时限{clocks.shown_end(clock.due_at)}，最长可延至{clocks.shown_end(most)}；"
        f"延长超过{days}个工作日的，由领导审批。",
    )


# -- before ruling -----------------------------------------------------------------------------


def _to_rule(drawing: Drawing, kind: str) -> list[Any]:
    """The request that a ruling is about, as the verbs take it: of several the first."""
    return drawing.appeal.open_requests(kind)[:1]


def about_return(drawing: Drawing) -> Sequence[str]:
    return [_sentence(drawing.appeal, row) for row in _to_rule(drawing, "return")]


def about_extension(drawing: Drawing) -> Sequence[str]:
    found = []
    for row in _to_rule(drawing, "extension"):
        given: Any = drawing.appeal.given_of(row)
        clock = drawing.appeal.answer_clock(given)
        now = ""
        if clock is not None:
            days = load_calendar().working_days_between(
                last_day(clock.due_at), last_day(row.proposed_at)
            )
            now = f"现办结时限{clocks.shown_end(clock.due_at)}，{_wish(row)}（{days}个工作日）。"
        found.append(f"{_sentence(drawing.appeal, row)}{now}")
    return found


def about_hold(drawing: Drawing) -> Sequence[str]:
    return [
        f"{_sentence(drawing.appeal, row)}{_wish(row)}。" for row in _to_rule(drawing, "hold")
    ]


def _sentence(appeal: Appeal | Leaf, row: Any) -> str:
    unit = appeal.given_of(row).unit.name
    who = names_of_persons([row.asked_by_id]).get(row.asked_by_id, "")
    reason = catalogue().reason_name(row.kind, row.reason_code)
    asked = BY_CODE[f"ask_{row.kind}"].label.replace("申请", "")
    return f"{clocks.shown(row.asked_at)} {unit}{who}申请{asked}：{reason}。{row.basis}\n"


def about_below(drawing: Drawing, rows: Sequence[Any]) -> Sequence[str]:
    """What sub-units ask of the unit that passed it on."""
    found = []
    for row in rows:
        wish = f"{_wish(row)}。" if row.proposed_at is not None else ""
        found.append(f"{_sentence(drawing.appeal, row)}{wish}")
    return found


def warn_joint_study(drawing: Drawing) -> Sequence[str]:
    if not drawing.appeal.is_joint_study:
        return ()
    return ("本件本轮再次退单，请提请会商研究后裁定；裁定为最终意见，本轮不再受理退单。",)


def prefill_ruling(form: Any, drawing: Drawing) -> None:
    for row in _to_rule(drawing, "extension"):
        form.until.data = last_day(row.proposed_at)


def on_proposed(drawing: Drawing) -> tuple[Any, ...]:
    return tuple(row.proposed_at for row in _to_rule(drawing, "extension"))
