"""What the bench's appellants say: common words in many appeals, rare ones in a handful."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final


def _each(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


COMMON: Final = "车辆"
"""A two-character word that most appeals contain."""

RARE: Final = "冻雨"
"""A two-character word of about one appeal in ten thousand."""

PLACES: Final = tuple(
    f"{where}{what}"
    for where in _each(
        "寻乌北 寻乌南 澄江 吉潭 南桥 留车 晨光 文峰 三标 桂竹帽 水源 丹溪 项山 菖蒲 龙廷 罗珊"
    )
    for what in _each(
        "收费站 服务区 检查点 治超站 物流园 工业园 快递网点 镇区路口 国道路段 县道路段"
    )
)

SUBJECTS: Final = (
    # (title, first sentence)
    ("入口临时关闭", "入口自{day}起临时关闭，{n}辆货车不能通行，司机在匝道口等候"),
    ("货车被劝返", "本公司车辆持有效通行证，到达后被劝返，车上为生产急需{goods}"),
    ("通行证不予认可", "已办理重点物资运输车辆通行证，查验时不予认可，请协调互认"),
    ("排队时间过长", "车辆排队超过{n}小时，影响{goods}时效，建议增加通道"),
    ("同一车辆重复检查", "同一辆车一天内先后检查{n}次，每次四十分钟以上"),
    ("司机无处休整", "设施关闭，长途司机无法加油、如厕和休息"),
    ("收费标准不一致", "同样车型两次收费相差{n}0元，要求说明依据"),
    ("道路破损影响通行", "路面破损严重，重载车辆有侧翻风险，请尽快修补"),
    ("快件积压", "主干道施工封闭，快件积压约{n}00件，请协调临时通行时段"),
    ("运费被拖欠", "承运已完成，货主以质量为由拖欠运费{n}万元，希望协调"),
    ("用电负荷不足", "扩容申请已提交一个月未答复，旺季将至，请协调供电部门"),
    ("办事材料咨询", "咨询货车限行时段和临时通行证需要哪些材料，能否网上办理"),
    ("罚款有异议", "对超限认定和罚款{n}00元有异议，称重设备未见检定标志"),
    ("原料短缺停产", "上游{goods}供应中断，生产线将于{day}停产，请协调货源和运输车辆"),
)

WISHES: Final = (
    "请尽快协调解决。", "希望给出书面答复。", "请安排专人联系。", "请说明处理依据。",
    "希望开通绿色通道。", "请协调相关单位到场。", "盼复。",
)  # fmt: skip

GOODS: Final = _each(
    "脐橙 稀土材料 冷链食品 电子元件 建材 农资 药品 饲料 煤炭 快件 活畜 蔬菜 玻璃 纸板 钢材 化肥"
)

CIRCUMSTANCES: Final = (
    "沿途车辆较多", "车辆已等候多时", "随车人员两名", "车辆手续齐全", "当日有雾", "附近无替代道路",
    "现场无人解释", "曾多次来电", "车辆停在路边", "货主已催促", "天气炎热", "夜间行驶不便",
    "车辆需绕行六十公里", "公司有三十余台车辆", "涉及多家企业", "此前已反映一次",
)  # fmt: skip

_RARITIES: Final = _each(
    "冻雨 塌方 落石 滑坡 团雾 桥墩 涵洞 隧道 渡口 吊装 罐车 槽车 拖头 挂靠 换电 充电 氢能 危废 "
    "蜂箱 鱼苗 种猪 苗木 展品 舞台 风机 叶片 变压 锅炉 钢瓶 液氨 甲醇 硫酸 炸药 军供 疫苗 血浆 "
    "棺木 古树 文物 赛马 校车 婚车 高考 庙会"
)

SURNAMES: Final = "刘曾谢黄李温古何潘邝陈林钟罗赖曹邱凌严汪彭范蓝谭易廖叶张王赵"
GIVEN: Final = _each(
    "建华 志明 丽敏 秀英 海涛 国强 晓梅 文斌 永红 小军 桂兰 新民 德福 春生 金凤"
)

FIRM_HEADS: Final = _each(
    "顺达 恒通 万家 捷运 华兴 绿源 永盛 鑫源 赣南 客都 东江 金橙 瑞丰 宏远 中博 联发"
)
FIRM_TAILS: Final = _each(
    "物流 供应链管理 冷链 果业 稀土材料 电子 建材 农资 快运 机械制造 食品 纸业"
)


@dataclass(frozen=True)
class Matter:
    title: str
    content: str
    place: str


def matter(dice: random.Random) -> Matter:
    """One matter; about a hundred characters."""
    place = dice.choice(PLACES)
    title, first = dice.choice(SUBJECTS)
    said = [
        f"{place}{first}".format(
            day=f"{dice.randrange(1, 13)}月{dice.randrange(1, 29)}日",
            n=dice.randrange(2, 9),
            goods=dice.choice(GOODS),
        )
    ]
    said += dice.sample(CIRCUMSTANCES, dice.randrange(1, 5))
    if dice.random() < len(_RARITIES) / 10_000:
        said.append(f"与{dice.choice(_RARITIES)}有关")
    return Matter(
        f"{place}{title}", "，".join(said) + "。" + "".join(dice.sample(WISHES, 2)), place
    )


def person(dice: random.Random) -> str:
    return dice.choice(SURNAMES) + dice.choice(GIVEN)


def phone(dice: random.Random) -> str:
    return f"1{dice.choice('35789')}{dice.randrange(10**9):09d}"


def plate(dice: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return f"{dice.choice('赣粤闽浙湘')}{dice.choice(letters)}{dice.randrange(10**5):05d}"


def firm_name(number: int) -> str:
    """Distinct for each number."""
    head = FIRM_HEADS[number % len(FIRM_HEADS)]
    tail = FIRM_TAILS[number // len(FIRM_HEADS) % len(FIRM_TAILS)]
    series = number // (len(FIRM_HEADS) * len(FIRM_TAILS))
    second = FIRM_HEADS[series % len(FIRM_HEADS)] if series else ""
    more = f"（{series // len(FIRM_HEADS)}分公司）" if series >= len(FIRM_HEADS) else ""
    return f"寻乌县{head}{second}{tail}有限公司{more}"
