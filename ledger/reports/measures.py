"""What each number means: its code, its name, and how it is counted. Pure.

One catalogue for the page, its help, the command and whatever prints figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

NONE = "—"
"""What is said of a share of nothing: never 0 %."""


@dataclass(frozen=True)
class Measure:
    """One number. `means` is its definition, as the page's help says it."""

    code: str
    name: str
    means: str


def _all(*found: Measure) -> dict[str, Measure]:
    return {one.code: one for one in found}


STANDING = _all(
    Measure("stock", "在办", "截至该时刻尚未终结的诉求，含期初导入、并案办理和挂账跟踪的。"),
    Measure("matters", "在办事项", "在办诉求涉及的事项：并案办理的与主件合计一个事项。"),
    Measure("overdue", "其中超期", "在办诉求中，按该时刻有效的时限（含已批准的延期）已过期的。"),
    Measure("due_today", "今日到期", "在办诉求中，时限在该时刻之后、当日24时之前的。"),
    Measure("due_tomorrow", "明日到期", "在办诉求中，时限在次日24时之前、当日24时之后的。"),
    Measure("held", "挂账跟踪", "在办诉求中挂账跟踪的。"),
    Measure(
        "total",
        "累计受理",
        "截至该时刻登记（含待受理和期初导入）的诉求，"
        "减去该时刻为不予受理、已合并、登记作废的；等于在办、累计销号与诉求人撤回之和。",
    ),
    Measure("closed_total", "累计销号", "截至该时刻为已销号的诉求，含期初导入时已销号的。"),
    Measure(
        "opening", "其中期初导入", "累计受理中由原台账期初导入的：计入总量和存量，不计入各项率。"
    ),
    Measure("excluded", "考核剔除", "截至该时刻经批准不计入考核的诉求。"),
)
"""Of a moment."""

PASSING = _all(
    Measure("new", "新增", "本期登记的诉求，不含期初导入。"),
    Measure("brought", "期初导入", "本期由原台账导入的诉求。"),
    Measure("closed", "销号", "本期销号的件次；撤销销号后再次销号的另计一次。"),
    Measure("ended", "其他办出", "本期不予受理、合并、撤回、登记作废的件次。"),
    Measure("reopened", "重新在办", "本期撤销销号、撤销合并等重新在办的件次。"),
    Measure("upheld", "认定", "本期经认定（无法回访，或不满意但无须重办）的件次，单列，不算满意。"),
    Measure("exempt", "免回访", "本期审核通过后免予回访的咨询，单列。"),
    Measure("reworks", "重办", "本期因回访不满意或不予销号而重办的件次。"),
    Measure("returns", "退单申请", "本期承办单位申请退单的件次。"),
    Measure("handed", "交办件", "本期交办、转办的交办件，主办、协办、转办各计一件。"),
)
"""Of a period: from the base moment (included) to the moment (not included)."""

RATES = _all(
    Measure(
        "closing_rate", "销号率", "累计销号÷累计受理，均不含期初导入。"
    ),
    Measure("on_time", "按期办结率", "本期审核通过的反馈中，未超过延期后时限的所占比例。"),
    Measure(
        "on_time_original",
        "按原时限办结率",
        "本期审核通过的反馈中，未超过未经延期的原时限的所占比例。",
    ),
    Measure(
        "response", "响应率", "本期有效回访（已接通并答复）中，承办单位联系过诉求人的所占比例。"
    ),
    Measure(
        "resolution", "解决率", "本期有效回访中，诉求人表示已解决的所占比例；部分解决的不计入。"
    ),
    Measure(
        "satisfaction",
        "满意率",
        "（满意＋折算系数×基本满意）÷本期有效回访；折算系数按截止时刻执行的口径，初始为0.9。",
    ),
    Measure("sign_rate", "签收率", "本期交办的交办件中，截至该时刻已由人签收的所占比例；"
            "逾期视为签收的不计入。"),
    Measure("return_rate", "退单率", "本期退单申请÷本期交办件。"),
    Measure("rework_rate", "重办率", "本期重办÷本期审核通过的反馈。"),
    Measure("attempt_rate", "回访未接通率", "本期回访未接通次数÷（未接通次数＋有效回访）。"),
)  # fmt: skip
"""Each a share. Neither what was carried over nor, where it says so, what is excluded is in it."""

HANDLING = Measure(
    "handling_days",
    "平均办理时长",
    "本期审核通过的反馈，从交办当日的次日到反馈当日的工作日数，各件平均；直接答复的不计入。",
)

POOLED = "合计口径：各单位件数相加后计算"
MEAN = "单位平均：各单位的率相加除以有数据的单位数"
BY_UNITS = ("on_time", "on_time_original", "response", "resolution", "satisfaction", "rework_rate")
"""Shares that are also told as the mean of the units in charge."""


@dataclass(frozen=True)
class Compared:
    """A number, and what it was at the base; None where nothing can be said of the base."""

    value: int
    base: int | None = None

    @property
    def change(self) -> int | None:
        return None if self.base is None else self.value - self.base

    @property
    def percent(self) -> str:
        """Of the change, against the base."""
        return NONE if self.change is None else percent(abs(self.change), self.base or 0)

    @property
    def trend(self) -> str:
        if self.change is None:
            return NONE
        return "持平" if self.change == 0 else "增加" if self.change > 0 else "减少"

    @property
    def words(self) -> str:
        """增加3件（12.50%）."""
        if not self.change:
            return self.trend
        share = f"（{self.percent}）" if self.percent != NONE else ""
        return f"{self.trend}{abs(self.change)}件{share}"


@dataclass(frozen=True)
class Share:
    """A share as its two numbers: summed, never averaged. `above` in hundredths of a piece, since
    a formula may count a part of one."""

    above: int = 0
    below: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.above + other.above, self.below + other.below)

    @property
    def said(self) -> str:
        return percent(self.above, self.below * 100)


def percent(above: int, below: int) -> str:
    """92.33%, rounded half up; — of nothing."""
    if not below:
        return NONE
    return f"{_rounded(Decimal(above) * 100 / below)}%"


def mean_percent(shares: list[Share]) -> str:
    """The mean of what each gives alone, of those that give anything."""
    found = [Decimal(one.above) / one.below for one in shares if one.below]
    return f"{_rounded(sum(found, Decimal()) / len(found))}%" if found else NONE


def mean_days(total: int, count: int) -> str:
    return NONE if not count else str(_rounded(Decimal(total) / count, "0.1"))


def _rounded(value: Decimal, to: str = "0.01") -> Decimal:
    return value.quantize(Decimal(to), rounding=ROUND_HALF_UP)
