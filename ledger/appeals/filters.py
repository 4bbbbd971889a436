"""What a list can be narrowed by: one object, from the address and back to it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Self
from urllib.parse import urlencode

from ..catalogue.words import KINDS, URGENCIES
from ..search import tokens
from ..search.tokens import Words
from .lifecycle import OPEN, STATES

LIGHTS = {"today": "今日到期", "yellow": "临期", "red": "超期"}
SORTS = {"due": "时限近的在前", "registered": "新登记在前", "oldest": "早登记在前"}

ENTERED = {"entered": "新录入在前"}
"""The order of entry: what was carried over later from an older ledger comes before. Of a search
alone, whose index keeps to it."""

VIEWS = {
    "office_turn": "待办公室办理",
    "recurred": "再次反映（建议撤销销号）",
    "rework_suggested": "热线平台建议重办",
    "unendorsed": "待追认",
    "to_rule": "待裁定（退单、延期、挂账）",
    "to_approve": "待审批延期",
    "on_behalf": "线下单位待代录",
    "hold_due": "挂账待复核",
    "follow_up": "对外联系待跟进",
    "coordination": "提请协调",
    "duty": "特急待受理、待交办",
    "to_supplement": "待我补充",
    "to_call": "待我回访",
    "to_tell": "已答复待告知企业",
    "served": "我联系的企业",
    "to_close": "待我销号",
    "others_close": "待他人销号（我须回避）",
    "to_uphold": "待认定",
    "to_sign": "待签收",
    "at_unit": "本单位在办",
    "in_hand": "办理中",
    "sent_back": "退回重报",
    "rule_below": "待裁定（下级退单、延期）",
    "reports_owed": "应报未报",
    "owes_report": "本单位应报未报",
    "to_sign_off": "待审签",
    "instructed": "领导批办件",
    "to_reply": "待办批示",
    "replies_due": "批示待落实",
    "own_due": "本单位协办、转办件临期或超期",
}
"""Lists of 我的待办, by whose turn it is: some depend on who asks, those of a unit on `unit_id`.
What each means as SQL stands in turns.py."""

UNIT_VIEWS = frozenset(
    {"to_sign", "at_unit", "in_hand", "sent_back", "owes_report", "own_due", "to_sign_off"}
)


@dataclass(frozen=True)
class Filters:
    """Filters of the ledger. The address carries exactly these names; unknown values are dropped,
    so that an old link still opens."""

    state: str = ""
    """A state, 'open' (all that is not ended), 'unsigned' (待签收), or '' for all."""
    office_id: int = 0
    """The office that owns it."""
    unit_id: int = 0
    """A unit that has it, or had it until it answered."""
    lead_unit_id: int = 0
    category_id: int = 0
    kind: str = ""
    channel: str = ""
    urgency: str = ""
    region_code: str = ""
    light: str = ""
    since: date | None = None
    until: date | None = None
    """Days of registration in Shanghai, both included."""
    closed_on: date | None = None
    """The day in Shanghai on which it was closed."""
    firm_id: int = 0
    white_list: bool = False
    view: str = ""
    """One of VIEWS."""
    q: str = ""
    """Words to be found, as they were typed."""
    sort: str = "due"

    @property
    def words(self) -> Words:
        return tokens.read(self.q)

    @property
    def states(self) -> tuple[str, ...]:
        return (self.state,) if self.state in STATES else ()

    @property
    def open_only(self) -> bool:
        return self.state == "open"

    @property
    def unsigned(self) -> bool:
        return self.state == "unsigned"

    @classmethod
    def read(cls, args: Mapping[str, str]) -> Self:
        """From the query string; what makes no sense counts as not given."""
        q = _typed(args.get("q", ""))
        return cls(
            state=_one_of(args.get("state", ""), {*STATES, "open", "unsigned"}),
            office_id=_number(args.get("office_id", "")),
            unit_id=_number(args.get("unit_id", "")),
            lead_unit_id=_number(args.get("lead_unit_id", "")),
            category_id=_number(args.get("category_id", "")),
            kind=_one_of(args.get("kind", ""), set(KINDS)),
            channel=_word(args.get("channel", "")),
            urgency=_one_of(args.get("urgency", ""), set(URGENCIES)),
            region_code=_region(args.get("region_code", "")),
            light=_one_of(args.get("light", ""), set(LIGHTS)),
            since=_day(args.get("since", "")),
            until=_day(args.get("until", "")),
            closed_on=_day(args.get("closed_on", "")),
            firm_id=_number(args.get("firm_id", "")),
            white_list=args.get("white_list", "") in ("1", "y", "on"),
            view=_one_of(args.get("view", ""), set(VIEWS)),
            q=q,
            sort=_one_of(args.get("sort", ""), set(ENTERED | SORTS if q else SORTS))
            or _usual_sort(q),
        )

    def with_(self, **changes: Any) -> Self:
        return replace(self, **changes)

    def given(self) -> dict[str, str]:
        """What is set, as the address says it."""
        found: dict[str, str] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value == (_usual_sort(self.q) if field.name == "sort" else field.default):
                continue
            found[field.name] = "1" if value is True else str(value)
        return found

    @property
    def query(self) -> str:
        return urlencode(self.given())


OPEN_STATES = tuple(state for state in STATES if state in OPEN)


def _usual_sort(q: str) -> str:
    """Of what holds a word the newest is wanted, unless one says otherwise."""
    return "entered" if q else "due"


def _one_of(value: str, allowed: set[str]) -> str:
    return value if value in allowed else ""


def _typed(value: str) -> str:
    typed = " ".join(value[:200].replace("\x00", " ").split())
    return typed if tokens.read(typed) else ""


def _word(value: str) -> str:
    return value if len(value) <= 40 and value.isascii() and value.isprintable() else ""


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else 0


def _region(value: str) -> str:
    return value if len(value) == 6 and value.isascii() and value.isdecimal() else ""


def _day(value: str) -> date | None:
    try:
        found = date.fromisoformat(value)
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2200 else None
