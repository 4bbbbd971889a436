"""What each outcome has to say for itself (design §2, §3): what is left, which points were
explained, which document does not allow it, who checked and how, where it went, what comes next.

Pure. The particulars of an answer are one text, a JSON object with its keys in order, so that one
commitment covers them: they are free words about persons and firms like the account beside them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Literal

from ..config import SHANGHAI

PARTLY = "partly"

RECEIPTS = ("收悉", "已收到", "收到")
"""A public reply that says no more than this is questioned (design §3, domain)."""
SHORT = 10
"""Characters below which such a word makes a reply a mere receipt."""


@dataclass(frozen=True)
class Particular:
    """One thing that is asked for. `shape`: a line, a long text, a day, or a moment of Shanghai's
    clock, to the minute; a day and a moment are kept as their ISO text."""

    name: str
    label: str
    shape: Literal["line", "text", "day", "moment"] = "line"
    must: bool = True
    help: str = ""
    ahead: bool = False
    """Of a day: it lies in the future; of all others it may not."""


@dataclass(frozen=True)
class Group:
    """What is asked for with some outcomes."""

    key: str
    title: str
    outcomes: tuple[str, ...]
    particulars: tuple[Particular, ...]
    proves: bool = True
    """Whether it is the evidence as well; else that is asked for beside it."""


GROUPS: tuple[Group, ...] = (
    Group("partly", "部分解决：遗留问题", (PARTLY,),
          (Particular("remaining", "遗留问题", "text",
                      help="未解决的部分和下一步打算；审核时由办公室另行登记为关联诉求"),),
          proves=False),
    Group("explained", "已解释说明：解释的要点", ("explained",),
          (Particular("points", "解释的要点", "text",
                      help="依据什么、向谁、何时、怎样说明，企业是否理解"),)),
    Group("unsupported", "政策法规不支持：文件和条款", ("unsupported",),
          (Particular("document", "文件名称"),
           Particular("document_number", "文号", must=False, help="法律、法规没有文号的可不填"),
           Particular("clause", "条款", help="第几条第几款"))),
    Group("checked", "经核查不属实、无法核实：核实记录", ("unfounded", "unverifiable"),
          (Particular("checked_by", "核实人"),
           Particular("checked_at", "核实时间", "moment"),
           Particular("checked_how", "核实方式", help="如现场查看、调取监控、电话核对"),
           Particular("checked_result", "核实结果", "text"))),
    Group("referred", "已转上级或外地协调：去向", ("referred",),
          (Particular("referred_to", "转往单位"),
           Particular("referred_way", "文号或方式", help="公文填文号，其他写明电话、平台等方式"),
           Particular("referred_on", "日期", "day"))),
    Group("long_term", "列入长期推进：下一步安排", ("long_term",),
          (Particular("next_step", "下一步安排", "text", help="推进计划和责任人"),
           Particular("next_review_on", "下次复核日期", "day", ahead=True))),
)  # fmt: skip

PARTICULARS: Mapping[str, Particular] = {
    one.name: one for group in GROUPS for one in group.particulars
}
_OF: Mapping[str, Group] = {code: group for group in GROUPS for code in group.outcomes}


def wanted(outcome: str) -> tuple[Particular, ...]:
    """What this outcome asks for, in the form's order."""
    group = _OF.get(outcome)
    return () if group is None else group.particulars


def proves_itself(outcome: str) -> bool:
    """Whether the particulars are the evidence, so that no file need stand beside them."""
    group = _OF.get(outcome)
    return group is not None and group.proves


def missing(outcome: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the outcome requires and was not said: a sentence by the name of each."""
    return {
        one.name: f"请填写“{one.label}”"
        for one in wanted(outcome)
        if one.must and not given.get(one.name, "").strip()
    }


def problem(outcome: str, given: Mapping[str, str], at: datetime) -> tuple[str, str] | None:
    """Name and sentence of the first thing that is missing or cannot be; None where all is well."""
    for found in missing(outcome, given).items():
        return found
    today = at.astimezone(SHANGHAI).date()
    for one in wanted(outcome):
        value = given.get(one.name, "").strip()
        if one.shape in ("line", "text") or not value:
            continue
        try:
            on = date.fromisoformat(value) if one.shape == "day" else datetime.fromisoformat(value)
        except ValueError:
            return one.name, f"“{one.label}”不是有效的日期或时间"
        if isinstance(on, datetime):
            if on.tzinfo is None:
                return one.name, f"“{one.label}”不是有效的日期或时间"
            if on > at:
                return one.name, f"“{one.label}”不能晚于现在"
        elif one.ahead and on <= today:
            return one.name, f"“{one.label}”必须晚于今天"
        elif not one.ahead and on > today:
            return one.name, f"“{one.label}”不能晚于今天"
    return None


def written(outcome: str, given: Mapping[str, str]) -> str:
    """As it is kept: what belongs to this outcome alone; '' where there is nothing."""
    kept = {
        one.name: said for one in wanted(outcome) if (said := given.get(one.name, "").strip())
    }
    return json.dumps(kept, ensure_ascii=False) if kept else ""


@lru_cache(maxsize=500)
def _read(kept: str) -> tuple[tuple[str, str], ...]:
    try:
        found = json.loads(kept) if kept.startswith("{") else {}
    except ValueError:
        return ()
    return tuple((str(name), str(said)) for name, said in found.items())


def read(kept: str | None) -> dict[str, str]:
    """Names and words of what was kept; nothing of what was erased by law."""
    return dict(_read(kept or ""))


def left_over(outcome: str, kept: str | None) -> str:
    """What a matter solved in part leaves unsolved."""
    return read(kept).get("remaining", "") if outcome == PARTLY else ""


def told(kept: str | None) -> list[tuple[str, str]]:
    """Labels and words, as a reader sees them; what is no longer readable stands for itself."""
    found = read(kept)
    if kept and not found:
        return [("办理结果要件", kept)]
    said = []
    for name, words in found.items():
        one = PARTICULARS.get(name)
        if one is None:
            continue
        if one.shape == "moment":
            words = f"{datetime.fromisoformat(words).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
        said.append((one.label, words))
    return said


def is_receipt(reply: str) -> bool:
    """收悉 and the like: a reply that answers nothing."""
    bare = re.sub(r"[\W_]", "", reply)
    return len(bare) < SHORT and any(word in bare for word in RECEIPTS)


def digest(words: str | None) -> str:
    """Tells whether words that were questioned are sent again as they were."""
    return hashlib.sha256((words or "").strip().encode()).hexdigest()[:32]
