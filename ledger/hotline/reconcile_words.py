"""What a hotline's list says of its orders, and where that differs from what stands here. Pure.

Each platform names its states its own way. A word is read by what the office said it means, else
by the defaults; one that nobody knows is put to the office, never guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final

from ..sheets import Columns
from . import orders

FINDINGS: Final[Mapping[str, str]] = {
    "theirs_only": "平台有、台账无",
    "ours_only": "台账有、平台无",
    "unaccepted": "已答复、平台退回",
    "differs": "状态不一致",
    "unknown": "状态未识别",
    "unread": "未读懂的行",
}
"""In the order in which they are dealt with."""

MEANINGS: Final[Mapping[str, str]] = {
    "waiting": "待签收",
    "handling": "办理中",
    "replied": "已答复",
    "closed": "已办结",
    "redo": "退回重办",
    "ended": "已撤销或不予受理",
}

WAYS: Final[Mapping[str, str]] = {
    "imported": "已导入",
    "known": "已登记过",
    "agreed": "再次核对已一致",
    "checked": "核对无误",
}
"""How a line came to be settled."""

COLUMNS: Final[Columns] = {
    **orders.COLUMNS,
    "state": (
        "工单状态", "办理状态", "状态", "当前状态", "处理状态", "流程状态", "办件状态", "当前环节",
        "工单环节", "办理环节", "流程环节",
    ),
    "finished": ("是否结案", "是否办结", "结案状态", "是否归档", "是否完结"),
    "audit": (
        "审核结果", "审核状态", "是否通过审核", "审核是否通过", "办结审核", "审核情况", "质检结果",
    ),
}  # fmt: skip

_READ: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("handling", ("未办结", "待办结", "未结案", "未完成", "待回复", "待答复", "待反馈", "未回复",
                  "未答复", "未反馈", "即将办结")),
    ("redo", ("重办", "重新办理", "重新派", "二次办理", "不通过", "未通过", "驳回", "返工", "整改",
              "退回承办", "退回办理")),
    ("ended", ("撤销", "作废", "撤回", "取消", "不予受理", "无效", "退单", "撤单")),
    ("redo", ("退回",)),
    ("closed", ("办结", "结案", "归档", "完结", "已完成", "已关闭", "办毕", "结束")),
    ("replied", ("已回复", "已答复", "已反馈", "待审核", "审核中", "待回访", "回访中", "待评价",
                 "待确认")),
    ("waiting", ("待签收", "未签收", "待受理", "未受理", "待接收", "待派", "待分派", "待转办",
                 "待处理", "待办", "新建")),
    ("handling", ("办理中", "处理中", "在办", "正在办理", "承办", "已签收", "已受理", "已派",
                  "已接单", "已接收", "已转办", "延期", "协调", "跟进")),
)  # fmt: skip
"""Read from top to bottom: 未办结 is not 办结."""

_YES: Final = frozenset({"是", "已结案", "已办结", "已归档", "已完结", "y", "yes", "1", "√"})
_NO: Final = frozenset({"否", "未结案", "未办结", "未归档", "未完结", "n", "no", "0", "×"})
_REFUSED: Final = ("不通过", "未通过", "不合格", "退回", "驳回", "不认可", "不予认可")
_PASSED: Final = ("通过", "合格", "认可")

OURS: Final[Mapping[str, str]] = {
    "registered": "waiting",
    "accepted": "handling",
    "assigned": "handling",
    "joined": "handling",
    "answered": "handling",
    "held": "handling",
    "reviewed": "replied",
    "confirmed": "replied",
    "closed": "closed",
    "declined": "ended",
    "withdrawn": "ended",
}
"""What an appeal's state is in a hotline's eyes: it has our answer once the office let it pass."""

_AGREES: Final[Mapping[str, frozenset[str]]] = {
    "waiting": frozenset({"waiting"}),
    "handling": frozenset({"waiting", "handling"}),
    "replied": frozenset({"replied", "closed", "ended"}),
    "closed": frozenset({"replied", "closed", "ended"}),
    "redo": frozenset({"waiting", "handling"}),
    "ended": frozenset({"ended"}),
}
_DONE: Final = frozenset({"replied", "closed", "ended"})


_AUDITED: Final = "，审核："


def folded(word: str) -> str:
    """As words are compared and kept."""
    return "".join(unicodedata.normalize("NFKC", word).split()).casefold()[:100]


def meaning_of(word: str, own: Mapping[str, str]) -> str:
    """What a state's word means; '' where nobody knows. `own`: what the office said, folded."""
    told = folded(word)
    if told in own:
        return own[told]
    for meaning, parts in _READ:
        if any(part in told for part in parts):
            return meaning
    return ""


def read(cells: Mapping[str, str], own: Mapping[str, str]) -> tuple[str, str]:
    """The words a row has for its state, and what they mean: '' and '' where it says nothing, ''
    beside words that nobody knows.

    A review that refused our answer goes before all; 是否结案 counts where no state is named.
    """
    state, finished, audit = (
        " ".join(cells.get(name, "").split()) for name in ("state", "finished", "audit")
    )
    words = _AUDITED.join((state, audit)) if state and audit else state or audit
    words = (words or (finished and f"是否结案：{finished}"))[:100]
    if any(part in folded(audit) for part in _REFUSED):
        return words, "redo"
    if state:
        return words, meaning_of(state, own)
    if folded(finished) in _YES:
        return words, "closed"
    if folded(finished) in _NO:
        return words, "handling"
    if any(part in folded(audit) for part in _PASSED):
        return words, "closed"
    return words, meaning_of(words, own) if words else ""


def bare(words: str) -> str:
    """The state's own word, of all that a row said."""
    return words.split(_AUDITED)[0]


def compared(word: str, theirs: str, ours: str) -> str:
    """A key of FINDINGS; '' where the two agree, or where the list says nothing of a state."""
    if not word:
        return ""
    if not theirs:
        return "unknown"
    if ours in _AGREES[theirs]:
        return ""
    return "unaccepted" if theirs == "redo" else "differs"


def owes_reply(theirs: str, ours: str) -> bool:
    """Whether what the platform lacks is our answer, or our reason for none."""
    return theirs in ("waiting", "handling") and ours in _DONE


def advice(finding: str, theirs: str, ours: str) -> str:
    """What is to be done about a line."""
    if finding in _ADVICE:
        return _ADVICE[finding]
    if owes_reply(theirs, ours):
        if ours == "ended":
            return "我方已不予受理或撤回，平台仍在办：请在平台回填理由。"
        return "我方已答复，平台仍在办：请在平台回填公开答复。"
    if theirs == "waiting":
        return "我方已在办，平台尚未签收：请在平台签收。"
    if theirs == "ended":
        return "平台已撤销该工单：请核实诉求人意愿后办理。"
    return "平台已答复或办结，我方仍在办：请核实平台的答复，补充后抓紧办结。"


_ADVICE: Final[Mapping[str, str]] = {
    "theirs_only": "台账没有这一工单：请导入。",
    "ours_only": "平台清单没有这一工单：请核对编号和所属期间，确已转走的登记工单结束。",
    "unaccepted": "我方已答复，平台未认可：请核实原因，重新办理。",
    "unknown": "请先为平台的状态选定含义。",
    "unread": "请核对原文件中的这一行，更正后重新上传。",
}

ACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ours_only": ("end_order", "correct", "withdraw"),
    "unaccepted": ("suggest_rework", "send_back", "recur", "reopen", "refuse_closing"),
    "ended": ("end_order", "withdraw", "supplement"),
    "behind": ("supplement", "accept_and_assign", "accept", "assign", "review"),
}
"""Codes of the acts on an appeal's page that settle a line, by what is the matter with it."""


def acts_for(finding: str, theirs: str, ours: str) -> tuple[str, ...]:
    if finding != "differs":
        return ACTS.get(finding, ())
    if theirs == "ended":
        return ACTS["ended"]
    return () if theirs in ("waiting", "handling") else ACTS["behind"]
