"""Who is told of what: one table from verbs to events and those they concern. Pure.

A notice tells a number, what happened, category, due time, unit and address: never a name, a
telephone number or a word of anybody's. Whoever did it himself is told nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

To = Literal[
    "given",  # units that were handed it by this entry
    "let_go",  # units whose assignment ended by it
    "assignment",  # the unit whose assignment it is about
    "above",  # the unit that passed it on
    "lead",  # the lead
    "units",  # every unit that has it in hand
    "addressees",  # units that an instruction of this entry was put to
    "leader",  # who instructed what is replied to
    "office",  # coordinators of the owning office
    "duty",  # its duty officers
    "callers",  # its operators, and the liaisons who know the appeal
    "closers",  # closers of the owning office
    "managers",  # managers of its jurisdiction
    "registrar",  # who registered it, and the liaisons who know it
]

UNITS: frozenset[To] = frozenset(
    {"given", "let_go", "assignment", "above", "lead", "units", "addressees"}
)
"""Those that are units: told in all their handlers and leads, and at the unit's own address."""


@dataclass(frozen=True)
class Event:
    """`words`: as the inbox says it; `outside` where nothing so plain may leave the house."""

    words: str
    outside: str = ""

    @property
    def outward(self) -> str:
        return self.outside or self.words


EVENTS: dict[str, Event] = {
    "registered": Event("有新登记的特急、紧急诉求，待受理"),
    "given": Event("有新的交办件，待签收"),
    "let_go": Event("交办件已收回、解除或免办，不再办理"),
    "received": Event("逾期未签收，视为签收"),
    "answered": Event("承办单位已办结反馈，待审核"),
    "assist_answered": Event("协办单位已反馈"),
    "child_answered": Event("下级单位已反馈"),
    "asked": Event("承办单位有申请，待裁定"),
    "by_manager": Event("有延期申请，待领导审批"),
    "ruled": Event("申请已有裁定意见"),
    "sent_back": Event("反馈被退回，请补充后重报"),
    "reviewed": Event("已审核通过，待回访"),
    "confirmed": Event("回访已完成，待销号"),
    "reworked": Event("退回重新办理"),
    "call_again": Event("不予销号，请重新回访"),
    "undetermined": Event("回访不满意且不再重办，待认定"),
    "closed": Event("已销号"),
    "ended": Event("已办理终结"),
    "reopened": Event("已撤销销号，重新办理"),
    "recurred": Event("诉求人再次反映"),
    "rework_suggested": Event("热线平台建议重办，请研究回应"),
    "held": Event("已转入挂账跟踪"),
    "resumed": Event("已恢复办理"),
    "urged": Event("收到催办"),
    "ordered": Event("收到督办单，请按要求回复"),
    "replied": Event("督办、批示有了回复", "有新的回复"),
    "instructed": Event("有领导批示，请办理并回复", "有新的办理要求，请登录查看"),
    "instructed_office": Event("有领导批示，请督促落实", "有新的办理要求，请登录查看"),
    "coordination": Event("提请协调"),
    "conferred": Event("会商议定了办理事项"),
    "details": Event("需要补充情况"),
    "supplemented": Event("有新的补充情况"),
    "yellow": Event("即将到期"),
    "red": Event("已经超期"),
    "hold_review": Event("挂账已到复核日期"),
    "reply_due": Event("领导批示反馈期限已到或将到，请回复", "有办理要求待回复，请登录查看"),
    "unanswered": Event("督办文书逾期未回复，请尽快回复"),
    "test": Event("测试通知"),
}


@dataclass(frozen=True)
class Rule:
    """A row of the table. `state`: only where the entry leads there; `part`: only of such an
    assignment; `pressing`: only of 特急 and 紧急; `by_manager`: only of what a manager rules on."""

    verb: str
    event: str
    to: tuple[To, ...]
    state: str = ""
    part: str = ""
    pressing: bool = False
    by_manager: bool = False


RULES: tuple[Rule, ...] = (
    Rule("register", "registered", ("office", "duty"), pressing=True),
    Rule("assign", "given", ("given",)),
    Rule("add_assist", "given", ("given",)),
    Rule("change_lead", "given", ("given",)),
    Rule("change_lead", "let_go", ("let_go",)),
    Rule("pass_on", "given", ("given",)),
    Rule("recall", "let_go", ("let_go",)),
    Rule("release_assist", "let_go", ("let_go",)),
    Rule("waive", "let_go", ("let_go",)),
    Rule("waive_child", "let_go", ("let_go",)),
    Rule("release_child", "let_go", ("let_go",)),
    Rule("receive", "received", ("assignment", "office")),
    Rule("answer", "answered", ("office",), state="answered"),
    Rule("answer", "assist_answered", ("lead", "office"), part="assist"),
    Rule("answer", "child_answered", ("above",), part="child"),
    Rule("sign_off", "answered", ("office",), state="answered"),
    Rule("sign_off", "assist_answered", ("lead", "office"), part="assist"),
    Rule("sign_off", "child_answered", ("above",), part="child"),
    Rule("ask_return", "asked", ("above",), part="child"),
    Rule("ask_return", "asked", ("office",), part="assist"),
    Rule("ask_return", "asked", ("office",), part="lead"),
    Rule("ask_extension", "asked", ("above",), part="child"),
    Rule("ask_extension", "by_manager", ("managers",), by_manager=True),
    Rule("ask_extension", "asked", ("office",), part="assist"),
    Rule("ask_extension", "asked", ("office",), part="lead"),
    Rule("ask_hold", "asked", ("office",)),
    Rule("rule_return", "given", ("given",)),
    Rule("rule_return", "ruled", ("assignment",)),
    Rule("rule_extension", "ruled", ("assignment",)),
    Rule("rule_hold", "ruled", ("assignment",)),
    Rule("rule_child_return", "ruled", ("assignment",)),
    Rule("rule_child_extension", "ruled", ("assignment",)),
    Rule("send_back", "sent_back", ("lead",)),
    Rule("send_back_assist", "sent_back", ("assignment",)),
    Rule("send_back_child", "sent_back", ("assignment",)),
    Rule("review", "reviewed", ("callers",), state="reviewed"),
    Rule("review", "confirmed", ("closers",), state="confirmed"),
    Rule("review", "held", ("lead",), state="held"),
    Rule("call_back", "confirmed", ("closers",), state="confirmed"),
    Rule("call_back", "reworked", ("lead", "office"), state="assigned"),
    Rule("call_back", "reworked", ("office",), state="accepted"),
    Rule("call_back", "undetermined", ("closers",), state="reviewed"),
    Rule("uphold", "confirmed", ("closers",)),
    Rule("close", "closed", ("registrar",)),
    Rule("refuse_closing", "reworked", ("lead", "office"), state="assigned"),
    Rule("refuse_closing", "reworked", ("office",), state="accepted"),
    Rule("refuse_closing", "call_again", ("callers",), state="reviewed"),
    Rule("decline", "ended", ("registrar", "let_go")),
    Rule("merge", "ended", ("registrar", "let_go")),
    Rule("withdraw", "ended", ("registrar", "let_go", "office")),
    Rule("reopen", "reopened", ("office", "registrar")),
    Rule("recur", "recurred", ("office",)),
    Rule("suggest_rework", "rework_suggested", ("office",)),
    Rule("hold", "held", ("lead",)),
    Rule("resume", "resumed", ("lead", "office")),
    Rule("urge", "urged", ("units", "office")),
    Rule("order", "ordered", ("units", "office")),
    Rule("reply", "replied", ("leader", "office")),
    Rule("instruct", "instructed", ("addressees",)),
    Rule("instruct", "instructed_office", ("office",)),
    Rule("ask_coordination", "coordination", ("managers", "office")),
    Rule("confer", "conferred", ("units", "office")),
    Rule("ask_details", "details", ("registrar",)),
    Rule("supplement", "supplemented", ("units", "office")),
)

VERBS: tuple[str, ...] = tuple(dict.fromkeys(rule.verb for rule in RULES))


def rules_for(
    verb: str, *, to_state: str, part: str, pressing: bool, by_manager: bool
) -> Iterator[Rule]:
    """The rows that an entry calls for, in the table's order: of several the first that names
    somebody is what he is told."""
    for rule in RULES:
        if (
            rule.verb == verb
            and rule.state in ("", to_state)
            and rule.part in ("", part)
            and (pressing or not rule.pressing)
            and (by_manager or not rule.by_manager)
        ):
            yield rule


CLOCKS: dict[str, tuple[To, ...]] = {
    "accept": ("office",),
    "assign": ("office",),
    "sign": ("assignment",),
    "contact": ("assignment",),
    "report": ("assignment",),
    "answer": ("assignment",),
    "rework": ("assignment",),
    "assist": ("assignment",),
    "child": ("assignment",),
    "review": ("office",),
    "call_back": ("callers",),
    "close": ("closers",),
    "hold_review": ("office",),
    "rule_return": ("office",),
    "rule_extension": ("office",),
    "rule_hold": ("office",),
    "rule_child_return": ("above",),
    "rule_child_extension": ("above",),
}
"""Whom a clock reminds, by its stage. The units among them are the one that is held to it."""

REMINDERS: dict[str, str] = {"warn": "yellow", "late": "red", "unanswered": "unanswered"}
"""What supervision reminds of, and its event here. Papers it suggests are told nobody: they wait
in the lists of those who may issue them."""


def reminder(stage: str, event: str) -> str:
    """The event of a reminder; '' of one that is told nobody."""
    if stage == "hold_review" and event in REMINDERS:
        return "hold_review"
    return REMINDERS.get(event, "")


def reminded(stage: str) -> tuple[To, ...]:
    """Whom a reminder is for; without a clock, it is of a reply that the unit owes."""
    return CLOCKS[stage] if stage else ("assignment",)


def outward(*, label: str, event: str, category: str, due: str, unit: str, link: str) -> str:
    """One line of what leaves the house."""
    said = [f"{label}{EVENTS[event].outward}"]
    if category:
        said.append(f"类别：{category}")
    if due:
        said.append(f"应于{due}前办理")
    if unit:
        said.append(f"承办：{unit}")
    return "，".join(said) + (f"。{link}" if link else "。")


SIGNATURE = "【企业诉求台账】"
MOST_LINES = 10


def message(lines: list[str], number: int) -> str:
    """Several lines in one message. `number` is its own: the same message sent twice, after a
    crash between sending and noting it, carries the same."""
    shown = lines[:MOST_LINES]
    more = len(lines) - len(shown)
    if len(lines) == 1:
        body = lines[0]
    else:
        body = "".join(f"\n{place}. {line}" for place, line in enumerate(shown, 1))
        body = f"有{len(lines)}项通知：{body}" + (f"\n另有{more}项，请登录查看。" if more else "")
    return f"{SIGNATURE}{body}（通知{number}）"
