"""What the practice partner pushes: orders as a hotline would write them, from a seed. Pure.

The same seed gives the same orders, so that a second run on one ledger is all repeats.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from stdnum.cn import uscc

Kind = Literal["create", "repeat", "conflict", "update"]

_MATTERS: Final = (
    # title, content, kind, urgency
    ("{place}入口临时关闭",
     "{place}入口自{hour}时起临时关闭，{n}辆装载{goods}的货车不能通行，司机在匝道口等候，请协调尽快放行。",
     "help", "urgent"),
    ("货车在{place}被劝返",
     "我公司货车持有效通行证，行至{place}时被劝返，工作人员要求重新登记，车上为生产急需的{goods}。",
     "complaint", "urgent"),
    ("{place}重复检查",
     "同一辆车一天内在{place}先后被检查{n}次，每次四十分钟以上，请统一执法检查标准。",
     "complaint", "normal"),
    ("{place}路面破损",
     "{place}路段路面破损，重车通行有侧翻风险，过往{goods}运输车辆较多，请尽快修补并设置警示。",
     "help", "normal"),
    ("运费被拖欠{n}个月",
     "承运{goods}已交货，货主以质量纠纷为由拖欠运费{n}万元，多次催要未果，希望协调调解。",
     "help", "normal"),
    ("咨询{place}限行时段",
     "咨询{place}一带货车限行的时段，运输{goods}办理临时通行证需要哪些材料，能否网上办理。",
     "consult", "normal"),
    ("建议增加{place}通道",
     "{place}每天{hour}时前后排队超过{n}小时，影响{goods}运输时效，建议增加通道。",
     "suggestion", "normal"),
    ("{place}快件积压",
     "{place}施工封闭，网点进出不便，{goods}等快件积压约{n}00件，请协调临时通行时段。",
     "help", "normal"),
)  # fmt: skip
_PLACES: Final = tuple(
    f"{where}{what}"
    for where in ("澄江", "吉潭", "南桥", "留车", "晨光", "文峰", "三标", "桂竹帽", "水源", "菖蒲")
    for what in ("收费站", "服务区", "检查点", "治超站", "物流园", "206国道路口")
)
_GOODS: Final = ("脐橙", "稀土材料", "冷链食品", "电子元件", "建材", "农资", "药品", "饲料", "蔬菜")
_TRADES: Final = ("物流", "供应链管理", "建材", "农业发展", "冷链仓储", "电子", "汽车运输")
_FIRM_NAMES: Final = (
    "顺达",
    "恒通",
    "鑫源",
    "万家",
    "捷运",
    "华兴",
    "绿源",
    "永盛",
    "宏泰",
    "众联",
)
_SURNAMES: Final = "陈林黄刘曾谢钟古罗严潘曹温李王张"
_TITLES: Final = ("师傅", "女士", "先生", "经理")
_WORDS: Final = (
    "来电人补充：现场排队车辆已增至二十余辆。",
    "来电人补充：车辆已驶离，仍希望答复处理依据。",
    "来电人补充：联系人改为车队调度，电话不变。",
    "来电人补充：随车货物为鲜活农产品，请优先处理。",
)
_URGES: Final = ("诉求人再次来电催促，请尽快联系。", "诉求人催办：至今无人联系，请说明进展。")
_WITHDRAWN: Final = ("诉求人来电表示问题已解决，撤回工单。", "诉求人要求撤单，改由企业自行协商。")

EARLY_BY: Final = 3
SOON: Final = 12
"""A repeat comes within so many pushes: often while the first is still under way."""
LATER: Final = 60


@dataclass(frozen=True)
class Step:
    """One request of the play."""

    kind: Kind
    order_number: str
    path: str
    body: Mapping[str, Any]
    waits: bool = True
    """Whether it is sent only after the order itself was acknowledged."""


@dataclass(frozen=True)
class Mix:
    """How many orders, and the share of each mischief among them."""

    orders: int
    repeat: float = 0.2
    conflict: float = 0.05
    updates: float = 0.1
    """Supplements, urges and withdrawals: some before their order, some twice, some out of order
    and some with other content under a used number."""
    seed: int = 1


def plan(mix: Mix, at: datetime) -> list[Step]:
    """The steps in the order in which they are to be sent. `at`: the present."""
    dice = random.Random(f"hotline {mix.seed}")  # noqa: S311  # a play, not a secret
    placed: list[tuple[float, int, Step]] = []
    repeated, used_again, updated = (
        _some(mix.orders, share, dice) for share in (mix.repeat, mix.conflict, mix.updates)
    )
    for index in range(mix.orders):
        number = f"YL{mix.seed:04d}{index + 1:07d}"
        body = _order(number, index, at - timedelta(minutes=30), dice)
        first = Step("create", number, "/orders", body, waits=False)
        _put(placed, index, first)
        if index in repeated:
            soon = dice.random() < 0.5
            after = dice.uniform(0, SOON) if soon else dice.uniform(SOON, LATER)
            _put(placed, index + after, Step("repeat", number, "/orders", body, waits=not soon))
        if index in used_again:
            other = {**body, "content": f"更正：{body['content']}另有一处也请一并核实。"}
            step = Step("conflict", number, "/orders", other)
            _put(placed, index + dice.uniform(1, LATER), step)
        if index in updated:
            for after, step in _updates(number, index, at, dice):
                _put(placed, index + after, step)
    return [step for _, _, step in sorted(placed, key=lambda one: one[:2])]


def _some(orders: int, share: float, dice: random.Random) -> set[int]:
    """As many as the share says, and which."""
    return set(dice.sample(range(orders), min(round(orders * share), orders)))


def _put(placed: list[tuple[float, int, Step]], where: float, step: Step) -> None:
    placed.append((where, len(placed), step))


def _order(number: str, index: int, at: datetime, dice: random.Random) -> dict[str, Any]:
    title, content, kind, urgency = _MATTERS[dice.randrange(len(_MATTERS))]
    said = {
        "place": dice.choice(_PLACES),
        "goods": dice.choice(_GOODS),
        "hour": dice.randrange(1, 24),
        "n": dice.randrange(2, 9),
    }
    caller = dice.choice(_SURNAMES) + dice.choice(_TITLES)
    phone = f"13{dice.randrange(10**9):09d}"
    body: dict[str, Any] = {
        "order_number": number,
        "title": title.format(**said),
        # The number stands in the words: no two orders are the same matter by chance.
        "content": f"{content.format(**said)}（演练工单{number}）",
        "received_at": (at - timedelta(seconds=dice.randrange(600))).isoformat(timespec="seconds"),
        "kind": kind,
        "urgency": urgency,
        "place": said["place"],
    }
    if dice.random() < 0.5:
        firm = f"寻乌县{dice.choice(_FIRM_NAMES)}{dice.choice(_TRADES)}有限公司"
        body["caller"] = {"name": caller, "phone": phone, "type": "firm"}
        body["firm"] = {"name": firm}
        if dice.random() < 0.3:
            body["firm"] = {"name": f"{firm}{index + 1}号店", "uscc": _uscc(dice)}
    else:
        body["caller"] = {"name": caller, "phone": phone, "type": "driver"}
        body["plates"] = [f"赣B{dice.randrange(10_000, 100_000)}"]
    if dice.random() < 0.1:
        body["confidential"] = True
    if dice.random() < 0.3:
        due = at + timedelta(days=dice.randrange(5, 15))
        body["their_due_at"] = due.isoformat(timespec="seconds")
    return body


def _uscc(dice: random.Random) -> str:
    body = f"91360734{dice.randrange(10**9):09d}"
    return body + str(uscc.calc_check_digit(body))


def _updates(
    number: str, index: int, at: datetime, dice: random.Random
) -> Iterator[tuple[float, Step]]:
    """Of one order: (after how many pushes, the step)."""

    def update(what: str, mark: str, ago: int, waits: bool = True, **said: str) -> Step:
        body = {
            "update_id": f"{number}-{mark}",
            "at": (at - timedelta(minutes=ago)).isoformat(timespec="seconds"),
            **said,
        }
        return Step("update", number, f"/orders/{number}/{what}", body, waits)

    words = dice.choice(_WORDS)
    way = index % 5
    if way == 0:  # before its order
        yield -dice.uniform(0, EARLY_BY), update("supplements", "B1", 15, waits=False, text=words)
    elif way == 1:  # the older after the newer
        yield 1, update("supplements", "B2", 5, text=words)
        yield LATER, update("supplements", "B1", 15, text=dice.choice(_WORDS))
    elif way == 2:  # twice, and then with other words
        step = update("supplements", "B1", 10, text=words)
        yield 1, step
        yield 1 + dice.uniform(0, SOON), step
        yield LATER, update("supplements", "B1", 10, text=f"{words}（改）")
    elif way == 3:
        yield LATER, update("urges", "C1", 5, text=dice.choice(_URGES))
    else:
        yield LATER, update("withdrawal", "T1", 5, reason=dice.choice(_WITHDRAWN))
