"""Which limits an appeal gets: (channel × kind × category × urgency) → a limit per stage. Pure.

The numbers here are what a new ledger is laid with; from then on the published versions in the
tables are what counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from .clocks import parse

STAGES: Final[dict[str, str]] = {
    "accept": "受理",
    "assign": "交办",
    "sign": "签收",
    "contact": "首次联系",
    "report": "阶段反馈",
    "assist": "协办反馈",
    "answer": "办结反馈",
    "review": "审核",
    "call_back": "回访",
    "close": "销号",
    "rework": "重办",
    "return": "退单申请",
}
"""Every clock that can run. Accept and assign both run from registration: one instant for both.
Return runs from 交办 and does not end with a deemed signing."""

BOUNDS: Final[dict[str, str]] = {
    "answer_most": "办结最长",
    "extension": "延期最长",
}
"""How far a person may stretch an answer: in all, and by one extension. Empty extension: none is
granted; empty answer_most: no bound but the extension's."""

EVENTS: Final[dict[str, str]] = {
    "accept": "登记",
    "assign": "登记",
    "review": "反馈",
    "call_back": "审核",
    "close": "回访",
    "rework": "重办",
}
"""What each clock counts from, on the straight way; those not named, from 交办."""

SPECS: Final[dict[str, str]] = STAGES | BOUNDS

POLICY: Final = "*policy"
"""In a rule: any category that waits for a policy or another region by its nature."""


@dataclass(frozen=True)
class Rule:
    """One line of the table of limits; '' means any."""

    rank: int
    name: str
    channel: str = ""
    kind: str = ""
    category: str = ""
    """A category's code, which stands for all below it, or POLICY."""
    urgency: str = ""
    stages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for stage, spec in self.stages.items():
            if stage not in SPECS:
                raise ValueError(f"no such stage: {stage}")
            parse(spec)
        object.__setattr__(self, "stages", MappingProxyType(dict(self.stages)))

    def spec(self, stage: str) -> str:
        """The limit of a stage or bound, '' where there is none."""
        if stage not in SPECS:
            raise KeyError(stage)
        return self.stages.get(stage, "")

    def fits(self, channel: str, kind: str, categories: Iterable[str], urgency: str) -> bool:
        return (
            self.channel in ("", channel)
            and self.kind in ("", kind)
            and (self.category == "" or self.category in categories)
            and self.urgency in ("", urgency)
        )

    @property
    def conditions(self) -> int:
        """How many it sets."""
        return sum(map(bool, (self.channel, self.kind, self.category, self.urgency)))

    def covers(self, other: Rule) -> bool:
        """Whether it fits, by its codes alone, whatever the other fits."""
        return all(
            mine in ("", theirs)
            for mine, theirs in (
                (self.channel, other.channel),
                (self.kind, other.kind),
                (self.category, other.category),
                (self.urgency, other.urgency),
            )
        )

    def specificity(self, categories: tuple[str, ...]) -> tuple[int, int]:
        """How many conditions it sets, then how deep in the tree its category lies."""
        depth = categories.index(self.category) + 1 if self.category in categories else 0
        return self.conditions, depth


def faults(rules: Sequence[Rule]) -> list[tuple[int, str]]:
    """What is wrong with a table as a whole: the line's place in `rules`, and why."""
    found: list[tuple[int, str]] = []
    ordered = sorted(range(len(rules)), key=lambda place: rules[place].rank)
    for i, place in enumerate(ordered):
        rule = rules[place]
        before = [rules[earlier] for earlier in ordered[:i]]
        if any(other.name == rule.name for other in before):
            found.append((place, f"名称“{rule.name}”重复，请换一个"))
        elif any(other.rank == rule.rank for other in before):
            found.append((place, f"“{rule.name}”的顺序号与另一行相同，请错开"))
        elif hides := next((other for other in before if other.covers(rule)), None):
            why = f"“{rule.name}”排在“{hides.name}”之后，永远用不到，请调整顺序或范围"
            found.append((place, why))
    if rules and not any(rule.conditions == 0 for rule in rules):
        found.append((ordered[-1], "最后一行的适用范围须全部留空，其他情形才有时限可用"))
    return found


class NoRule(LookupError):
    """No line of the table fits; a table without a line that fits everything is at fault."""


def match(
    rules: Iterable[Rule], channel: str, kind: str, category_path: Iterable[str], urgency: str
) -> Rule:
    """The line that applies: the lowest rank; within a rank the most specific.

    `category_path`: POLICY where the category carries that mark, then the codes from the root
    down; empty while there is no category. Raises NoRule.
    """
    path = tuple(category_path)
    fitting = [rule for rule in rules if rule.fits(channel, kind, path, urgency)]
    if not fitting:
        raise NoRule(f"{channel} {kind} {urgency}")

    def precedence(rule: Rule) -> tuple[int, int, int, str]:
        conditions, depth = rule.specificity(path)
        return rule.rank, -conditions, -depth, rule.name

    return min(fitting, key=precedence)


_URGENT: Final[dict[str, str]] = {
    "accept": "2h",
    "assign": "2h",
    "sign": "2wh",
    "contact": "today",
    "report": "2wd",
    "assist": "3wd",
    "answer": "5wd",
    "review": "1wd",
    "call_back": "2wd",
    "close": "2wd",
    "rework": "3wd",
    "return": "1wd",
    "extension": "10wd",
}

DEFAULTS: Final[tuple[Rule, ...]] = (
    Rule(
        10,
        "特急",
        urgency="critical",
        stages={
            "accept": "15m",
            "assign": "15m",
            "sign": "30m",
            "contact": "30m",
            "report": "2h",
            "assist": "12h",
            "answer": "24h",
            "review": "2h",
            "call_back": "24h",
            "close": "1wd",
            "rework": "24h",
            "return": "30m",
        },
    ),
    Rule(20, "紧急", urgency="urgent", stages=_URGENT),
    Rule(
        30,
        "咨询",
        kind="consult",
        stages={
            "accept": "today",
            "assign": "today",
            "answer": "3wd",
            "close": "1wd",
            "rework": "3wd",
            "return": "1wd",
            "extension": "10wd",
        },
    ),
    Rule(40, "12328（货车司机）", channel="12328", stages=_URGENT),
    Rule(
        50,
        "政策性、跨区域",
        category=POLICY,
        stages={
            "accept": "1wd",
            "assign": "1wd",
            "sign": "1wd",
            "contact": "1wd",
            "report": "3wd",
            "assist": "10wd",
            "answer": "15wd",
            "review": "1wd",
            "call_back": "2wd",
            "close": "2wd",
            "rework": "10wd",
            "return": "1wd",
            "answer_most": "30wd",
            "extension": "10wd",
        },
    ),
    Rule(
        90,
        "一般",
        stages={
            "accept": "today@16",
            "assign": "today@16",
            "sign": "1wd",
            "contact": "1wd",
            "assist": "3wd",
            "answer": "7wd",
            "review": "1wd",
            "call_back": "2wd",
            "close": "2wd",
            "rework": "5wd",
            "return": "1wd",
            "extension": "10wd",
        },
    ),
)
"""Design §5's table. Where it is silent (assists but 一般, reworks) an assist gets less than the
lead, and a rework less than the first round."""


@dataclass(frozen=True)
class Caps:
    """What is counted, not clocked."""

    returns: int = 1
    """Returns by one unit in one round."""
    joint_study_from: int = 2
    """The how-manieth return on one appeal goes to joint study, whose ruling is final."""
    extensions: int = 1
    extension_ask_days: int = 1
    """Working days before due by which an extension must be asked."""
    extension_manager_days: int = 5
    """An extension longer than this, in working days, is ruled on by a manager."""
    return_ruling_days: int = 0
    """Working days within which a return is ruled on; 0: the same day."""
    extension_ruling_days: int = 1
    """The same of an extension."""
    reworks: int = 2
    """From the round after these, a dissatisfied call-back earns no rework."""
    order_from_rework: int = 2
    """The how-manieth rework suggests a supervision order."""
    notice_from_days: int = 1
    """The how-manieth working day after an answer was due suggests a written urging; 0: none."""
    order_from_days: int = 5
    """The same of a supervision order."""
    notice_reply_days: int = 1
    """Working days within which a written urging is to be replied to."""
    order_reply_days: int = 3
    """The same of a supervision order and of what is above it."""
    attempts: int = 3
    """Call-backs tried before 无法回访 may be upheld …"""
    attempt_half_days: int = 2
    """… on so many different half-days."""
    hold_review_days: int = 30
    """Natural days within which a held appeal must be looked at again."""
    backdate_hours: int = 72
    """How far back 补录 may reach, natural hours."""


CAP_WORDS: Final[dict[str, str]] = {
    "returns": "每单位每轮退单次数",
    "joint_study_from": "同一诉求第几次退单起会商认定",
    "extensions": "延期次数",
    "extension_ask_days": "延期须提前的工作日数",
    "extension_manager_days": "延期超过多少个工作日由领导审批",
    "return_ruling_days": "退单裁定的工作日数（0为当日）",
    "extension_ruling_days": "延期审批的工作日数（0为当日）",
    "reworks": "重办次数上限",
    "order_from_rework": "第几次重办起建议督办",
    "notice_from_days": "到期后第几个工作日拟催办通知书（0为不拟）",
    "order_from_days": "到期后第几个工作日拟督办单（0为不拟）",
    "notice_reply_days": "催办通知书的回复期限（工作日）",
    "order_reply_days": "督办单、转办单、通报、约谈的回复期限（工作日）",
    "attempts": "无法回访须尝试次数",
    "attempt_half_days": "尝试须分布的半日数",
    "hold_review_days": "挂账复核期限（自然日）",
    "backdate_hours": "补录最多回溯小时数",
}

CAP_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "returns": (0, 9),
    "return_ruling_days": (0, 30),
    "extension_ruling_days": (0, 30),
    "joint_study_from": (1, 9),
    "extensions": (0, 9),
    "extension_ask_days": (0, 30),
    "extension_manager_days": (0, 366),
    "reworks": (0, 9),
    "order_from_rework": (1, 10),
    "notice_from_days": (0, 60),
    "order_from_days": (0, 120),
    "notice_reply_days": (1, 30),
    "order_reply_days": (1, 60),
    "attempts": (1, 20),
    "attempt_half_days": (1, 20),
    "hold_review_days": (1, 366),
    "backdate_hours": (1, 720),
}
"""The least and the most that makes sense."""
