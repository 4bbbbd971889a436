"""The demo county, built with the real verbs: what an office's ledger looks like in its third week.

The office sits in the transport bureau's house but is a unit of its own; the bureau handles most
of what comes in. One person for each role, and one who holds two posts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select

from .appeals.intake import Registration
from .appeals.models import Appeal
from .appeals.parts import ExternalOrder
from .catalogue.queries import catalogue
from .config import SHANGHAI
from .db import config, db, writing
from .firms.models import Firm
from .hotline.orders import matter_digest
from .hotline.reconcile_sample import lay_sample
from .people import sign_in
from .people.acting import actor_of
from .people.actor import Actor
from .people.models import DutyShift, Person, Post, Unit
from .people.regions import region_name
from .supervision.models import Paper, Urge, Wording
from .supervision.telling import matter_of
from .supervision.wording import draft

PASSWORD: Final = "Tongchang-2026"  # noqa: S105  # printed by `make run`, for the demo alone


class NotEmpty(ValueError):
    """The ledger has persons: a demo county is only laid on one that has none."""


@dataclass(frozen=True)
class Account:
    """A demo account, as `make run` prints it."""

    role: str
    username: str
    name: str
    password: str = PASSWORD


UNITS: Final = (
    # key, name, short name, kind, parent key
    ("jt", "交通运输局", "交通局", "department", ""),
    ("jt-yg", "交通运输综合执法大队", "交通执法", "section", "jt"),
    ("jj", "公安局交通管理大队", "交管大队", "department", ""),
    ("gx", "工业和信息化局", "工信局", "department", ""),
    ("sw", "商务局", "商务局", "department", ""),
    ("gl", "公路事业发展分中心", "公路中心", "department", ""),
    ("wj", "卫生健康委员会", "卫健委", "department", ""),
    ("yz", "邮政管理局", "邮政局", "department", ""),
    ("zt", "长宁镇人民政府", "长宁镇", "town", ""),
)

PEOPLE: Final = (
    # username, name, home unit key ("" the government), posts as (role, unit key; "@" the office)
    ("liaison", "林晓梅", "gx", (("liaison", "gx"),)),
    ("operator", "唐丽华", "@", (("operator", "@"),)),
    ("coordinator", "周建平", "jt", (("coordinator", "@"),)),
    ("closer", "吴国强", "", (("closer", "@"),)),
    ("duty", "赵志刚", "jt", (("duty_officer", "@"),)),
    ("handler", "陈海涛", "jt", (("handler", "jt"),)),
    ("lead", "钱立新", "jt", (("unit_lead", "jt"),)),
    ("supervisor", "杜明", "", (("supervisor", "@"),)),
    ("manager", "马文斌", "", (("manager", "@"),)),
    ("auditor", "沈洁", "", (("auditor", ""),)),
    ("security", "安志远", "", (("security_admin", ""),)),
    ("system", "席卫东", "", (("system_admin", ""),)),
    ("police", "何勇", "jj", (("handler", "jj"),)),
    ("commerce", "汪敏", "sw", (("handler", "sw"), ("liaison", "sw"))),
    ("road", "罗建军", "gl", (("handler", "gl"),)),
    ("town", "钟秀英", "zt", (("handler", "zt"), ("liaison", "zt"))),
    ("health", "邱玲", "wj", (("handler", "wj"),)),
    ("deputy-closer", "刘副主任", "", (("closer", "@"),)),
)

SHOWN: Final = {
    "liaison": "服务联络员",
    "operator": "热线话务员",
    "coordinator": "交办员",
    "closer": "销号审批人",
    "duty": "值班员",
    "handler": "经办人（交通局）",
    "lead": "单位负责人（交通局）",
    "supervisor": "督查员",
    "manager": "领导",
    "auditor": "审计管理员",
    "security": "安全管理员",
    "system": "系统管理员",
}

FIRMS: Final = (
    ("顺达物流有限公司", "道路货物运输", "", True, "刘伟", "13807970001"),
    ("脐橙产业发展有限公司", "农产品流通", "果业", True, "曾庆华", "13807970002"),
    ("恒通供应链管理有限公司", "供应链管理", "电子信息", True, "谢敏", "13807970003"),
    ("赣南稀土材料有限公司", "有色金属", "稀土新材料", True, "黄志明", "13807970004"),
    ("鑫源建材有限公司", "建材", "建材", False, "李新民", "13807970005"),
    ("万家冷链物流有限公司", "冷链仓储", "果业", False, "温丽", "13807970006"),
    ("捷运快递（长宁）网点", "快递", "", False, "古志强", "13807970007"),
    ("华兴通用设备制造有限公司", "装备制造", "通用设备", True, "何建华", "13807970008"),
    ("绿源农资有限公司", "农资", "农业", False, "潘秀兰", "13807970009"),
    ("永盛电子（集团）有限公司", "电子信息", "电子信息", True, "邝国栋", "13807970010"),
)

MATTERS: Final = (
    # title, content, place, category, unit, kind, urgency, plates
    ("收费站入口临时关闭",
     "{place}收费站入口自早上起临时关闭，{n}辆装载脐橙的货车不能上高速，司机在匝道口等候，"
     "请协调尽快放行。",
     "济广高速寻乌北", "toll_gate", "jt", "help", "urgent", "赣B31256"),
    ("货车在检查点被劝返",
     "本公司货车持有效通行证，在{place}检查点被劝返，工作人员称需要重新登记，车上为生产急需原料。",
     "206国道省界", "checkpoint", "jj", "complaint", "critical", "赣B7K902 赣B1182挂"),
    ("通行证外省不认可",
     "已办理重点物资运输车辆通行证，车辆到达{place}后外省查验点不予认可，请协调互认。",
     "平远县八尺镇", "permit", "jt", "help", "normal", "赣B5C318"),
    ("服务区关闭司机无处休整",
     "{place}服务区关闭，长途司机无法加油、如厕和休息，希望开放或给出替代停靠点。",
     "澄江服务区", "toll_gate", "jt", "complaint", "normal", ""),
    ("超限检测站排队过长", "{place}治超检测站排队超过两小时，影响冷链车时效，建议增加检测通道。",
     "吉潭", "inspection", "jt", "suggestion", "normal", "粤B6D771"),
    ("同一车辆重复检查",
     "同一辆车一天内在{place}被两个部门先后检查三次，每次四十分钟以上，请统一执法检查。",
     "文峰乡", "inspection", "jj", "complaint", "normal", "赣B90A12"),
    ("快递网点无法进镇派送", "{place}主干道施工封闭，快件积压约{n}00件，请协调临时通行时段。",
     "长宁镇", "courier", "zt", "help", "urgent", ""),
    ("运费被拖欠三个月", "承运方已完成运输，货主以质量纠纷为由拖欠运费{n}万元，希望协调调解。",
     "石排工业园", "unpaid_freight", "sw", "help", "normal", ""),
    ("园区道路破损影响重车通行", "{place}入口段路面破损严重，重车通行有侧翻风险，"
     "请尽快修补并设置警示。",
     "石排工业园", "restriction", "gl", "help", "normal", ""),
    ("货车限行时段咨询", "咨询城区货车限行时段和临时通行证办理需要哪些材料，能否网上办理。",
     "城区", "restriction", "jj", "consult", "normal", ""),
    ("司机核验信息对不上被滞留",
     "司机证件信息与系统不一致，车辆被滞留在{place}，车上为鲜活农产品，请马上协调。",
     "寻乌南出口", "stranded", "jj", "help", "critical", "赣B66R58"),
    ("用电负荷不足影响冷库", "冷库扩容申请已提交一个月未答复，旺季将至，请协调供电部门。",
     "南桥镇", "energy", "sw", "help", "normal", ""),
)  # fmt: skip

CALLERS: Final = ("罗师傅", "曹师傅", "古师傅", "严女士", "陈先生")


def seed_demo(at: datetime) -> list[Account]:
    """Lay the demo county on a ledger without persons; commits as it goes.

    `at` is the present: everything happens in the three weeks before it. Raises NotEmpty.
    """
    if db.session.scalar(select(Person.id).limit(1)) is not None:
        raise NotEmpty("台账里已有人员，演示数据只能写入没有人员的台账")
    hashed = sign_in.hashed(PASSWORD)
    with writing():
        county = _County.lay(at, hashed)
        db.session.commit()
    _Story(county, at).tell()
    return accounts()


def accounts() -> list[Account]:
    """One account a role."""
    names = {username: name for username, name, _, _ in PEOPLE}
    return [Account(role, username, names[username]) for username, role in SHOWN.items()]


@dataclass
class _County:
    units: dict[str, int]
    people: dict[str, int]
    firms: list[int]
    name: str

    @classmethod
    def lay(cls, at: datetime, hashed: str) -> _County:
        region = config().region
        office = db.session.scalars(
            select(Unit).where(Unit.is_office.is_(True), Unit.region_code == region)
        ).first()
        if office is None or office.parent_id is None:
            raise NotEmpty("还没有牵头办公室，请先执行 ledger db upgrade")
        office.duty_phone = "0797-2842345"
        top = db.session.get_one(Unit, office.parent_id)
        name = region_name(region)
        units = {"@": office.id, "": top.id}
        for key, words, short, kind, parent in UNITS:
            unit = Unit(
                code=f"{region}-{key}",
                name=words if key == "zt" else f"{name}{words}",
                short_name=short,
                kind=kind,
                region_code=region,
                duty_phone="0797-2842000",
            )
            db.session.add(unit)
            db.session.flush()
            unit.move_under(db.session.get_one(Unit, units[parent]))
            db.session.flush()
            units[key] = unit.id
        people = cls._people(units, hashed, at)
        return cls(units, people, cls._firms(name, region, people, at), name)

    @staticmethod
    def _people(units: dict[str, int], hashed: str, at: datetime) -> dict[str, int]:
        people: dict[str, int] = {}
        begins = (at - timedelta(days=60)).astimezone(SHANGHAI).date()
        for username, name, home, posts in PEOPLE:
            person = Person(
                username=username,
                name=name,
                home_unit_id=units[home],
                password=hashed,
                must_change_password=False,
                phone="13907970000",
            )
            db.session.add(person)
            db.session.flush()
            people[username] = person.id
            for role, where in posts:
                db.session.add(
                    Post(
                        person_id=person.id,
                        unit_id=units[where],
                        role=role,
                        starts_on=begins,
                        reason="演示",
                        granted_at=at,
                    )
                )
        week = timedelta(days=7)
        db.session.add_all(
            DutyShift(
                unit_id=units["@"],
                person_id=people["duty"],
                starts_at=at + n * week,
                ends_at=at + (n + 1) * week,
                note="演示值班",
            )
            for n in range(-9, 52)
        )
        return people

    @staticmethod
    def _firms(name: str, region: str, people: dict[str, int], at: datetime) -> list[int]:
        begins: date = (at - timedelta(days=60)).astimezone(SHANGHAI).date()
        found = []
        for index, (words, industry, chain, white, contact, phone) in enumerate(FIRMS):
            firm = Firm.register(
                f"{name}{words}",
                by=None,
                at=at,
                uscc=_uscc(region, index),
                region_code=region,
                industry=industry,
                chain=chain,
                white_list=white,
            )
            firm.contacts.append(firm.add_contact(contact, phone, "物流负责人"))
            serving = db.session.get_one(Person, people[("liaison", "commerce", "town")[index % 3]])
            firm.liaisons.append(firm.serve_by(serving, "serving", begins))
            db.session.flush()
            found.append(firm.id)
        return found


def _uscc(region: str, index: int) -> str:
    """A made-up code with a right check character (GB 32100)."""
    from stdnum.cn import uscc

    body = f"91{region}MA{35 + index:02d}D{index:03d}X"
    return body + str(uscc.calc_check_digit(body))


Step = Callable[[Appeal, datetime], object]


class _Story:
    """Three weeks of appeals, each told by the verbs at its own times."""

    def __init__(self, county: _County, at: datetime) -> None:
        self.county = county
        self.at = at
        self.dice = random.Random(20260420)  # noqa: S311  # the same county every time

    def tell(self) -> None:
        ends: Sequence[tuple[str, int]] = (
            ("closed", 14), ("registered", 4), ("accepted", 3), ("offered", 3), ("taken", 7),
            ("overdue", 3), ("answered", 3), ("reviewed", 4), ("confirmed", 3), ("rework", 1),
            ("declined", 1), ("withdrawn", 1), ("held", 1), ("asked", 1),
        )  # fmt: skip
        plan = [end for end, count in ends for _ in range(count)]
        self.dice.shuffle(plan)
        for index, end in enumerate(plan):
            days = {"registered": 0.05, "accepted": 0.1, "offered": 0.2, "overdue": 16}.get(
                end, self.dice.uniform(0.6, 4) if end != "closed" else self.dice.uniform(6, 20)
            )
            began = self.at - timedelta(days=days, minutes=self.dice.randrange(200))
            self._one(index, end, began)
        self._supervise()
        by = self._actor("operator", self.at)
        lay_sample("12345", self.county.units["@"], by=by, at=self.at)

    def _supervise(self) -> None:
        """What is late is urged by telephone, and one of it in writing."""
        late = select(Appeal.id).where(Appeal.state == "assigned", Appeal.due_at < self.at)
        at = self.at - timedelta(hours=3)
        for turn, appeal_id in enumerate(db.session.scalars(late.order_by(Appeal.due_at).limit(2))):
            with writing():
                appeal = db.session.get_one(Appeal, appeal_id)
                by = self._actor("supervisor", at)
                unit_id = appeal.lead_unit_id or appeal.office_id
                Urge.record(
                    appeal, unit_id, "phone", by=by, at=at, spoken_to="值班室",
                    urging="请尽快办理并反馈", answer="今日派员现场处理",
                )  # fmt: skip
                if turn == 0:
                    reply_due = self.at + timedelta(days=1)
                    said = draft("notice", matter_of(appeal, unit_id, at), reply_due)
                    wording = Wording(
                        unit_id, said.paper_text, said.demand, reply_due, appeal.office.name
                    )
                    Paper.issue(appeal, "notice", wording, by=by, at=at + timedelta(minutes=10))
                db.session.commit()

    def _actor(self, username: str, at: datetime) -> Actor:
        return actor_of(db.session.get_one(Person, self.county.people[username]), at)

    def _one(self, index: int, end: str, began: datetime) -> None:
        matter = MATTERS[index % len(MATTERS)]
        with writing():
            number = self._register(index, matter, began)
            db.session.commit()
        unit = matter[4]
        handler = {"jt": "handler", "jj": "police", "sw": "commerce", "gl": "road"}.get(
            unit, "town"
        )
        hours = max(0.2, (self.at - began).total_seconds() / 3600)
        moment = began
        for share, step in self._steps(end, matter, unit, handler):
            moment = max(moment + timedelta(seconds=30), began + timedelta(hours=hours * share))
            if moment >= self.at:
                moment = self.at - timedelta(seconds=5)
            with writing():
                appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
                step(appeal, moment)
                db.session.commit()
        db.session.remove()

    def _register(self, index: int, matter: tuple[str, ...], at: datetime) -> str:
        title, content, place, _, _, kind, urgency, plates = matter
        office = db.session.get_one(Unit, self.county.units["@"])
        content = content.format(place=place, n=self.dice.randrange(2, 9))
        driver = index % 4 == 3
        firm = None
        if driver:
            channel, by = "12328", "operator"
            name, contact = CALLERS[index % len(CALLERS)], CALLERS[index % len(CALLERS)]
            phone = f"139{index:08d}"
        else:
            firm = db.session.get_one(Firm, self.county.firms[index % len(self.county.firms)])
            channel = ("visit", "12345", "visit", "duty_line")[index % 4]
            by = "liaison" if channel == "visit" else "operator"
            person = firm.contacts[0]
            name, contact, phone = firm.name, person.name, person.phone
        orders = []
        if channel in ("12345", "12328"):
            orders = [
                ExternalOrder(
                    source_system=channel,
                    order_number=f"{at.astimezone(SHANGHAI):%Y%m%d}{1000 + index}",
                    sub_number="",
                    state="open",
                    received_at=at,
                    their_due_at=at + timedelta(days=12),
                    matter_digest=matter_digest(title, content),
                )
            ]
        known = Registration(
            appellant_name=name,
            appellant_type="driver" if driver else "firm",
            content=content,
            title=title,
            channel=channel,
            received_at=at,
            kind=kind,
            urgency=urgency,
            region_code=config().region,
            uscc=(firm.uscc or "") if firm else "",
            industry=firm.industry if firm else "",
            chain=firm.chain if firm else "",
            white_list=firm.white_list if firm else False,
            contact_name=contact,
            phone=phone,
            place=place,
            plates=plates,
            confidential=kind == "complaint" and index % 5 == 0,
            stranded=urgency == "critical",
            stranded_since=at - timedelta(minutes=40) if urgency == "critical" else None,
        )
        appeal = Appeal.register(
            known,
            office=office,
            by=self._actor(by, at),
            at=at,
            firm=firm,
            external_orders=orders,
        )
        return appeal.number

    def _steps(
        self, end: str, matter: tuple[str, ...], unit: str, handler: str
    ) -> list[tuple[float, Step]]:
        """What happens after registration, each at a share of the time until now."""
        urgency = matter[6]

        def accept(a: Appeal, t: datetime) -> None:
            category = next(
                (c.id for c in catalogue().categories.values() if c.code.endswith(matter[3])),
                next(iter(catalogue().categories)),
            )
            a.accept(by=self._actor("coordinator", t), at=t, category_id=category, urgency=urgency)

        def assign(a: Appeal, t: datetime) -> None:
            to = db.session.get_one(Unit, self.county.units[unit])
            a.assign(
                to, by=self._actor("coordinator", t), at=t, note="请抓紧核实办理，及时联系企业。"
            )

        def sign(a: Appeal, t: datetime) -> None:
            a.sign_for(by=self._actor(handler, t), at=t, handler_phone="13907970011")

        def contact(a: Appeal, t: datetime) -> None:
            words = "已电话联系，核实了时间、地点和车辆。"
            if a.confidential:
                a.relay("phone", words, by=self._actor("operator", t), at=t)
            else:
                a.contact("phone", words, by=self._actor(handler, t), at=t)

        def progress(a: Appeal, t: datetime) -> None:
            words = "已派员到现场，正与路段管理单位协调放行时段。"
            a.progress(words, by=self._actor(handler, t), at=t, planned_at=t + timedelta(days=2))

        def answer(a: Appeal, t: datetime) -> None:
            a.answer(
                "explained" if matter[5] == "consult" else "resolved",
                "经现场核实，已协调相关单位处理到位，车辆恢复通行。",
                "您好，您反映的问题已处理完毕，相关路段现已恢复正常通行。感谢您的理解和支持。",
                evidence="经办人当日现场核实，处理前后均有照片，诉求人电话确认。",
                particulars={"points": "已电话向诉求人说明现行规定和办理途径，诉求人表示理解。"},
                by=self._actor(handler, t),
                at=t,
            )

        def review(a: Appeal, t: datetime) -> None:
            a.review(by=self._actor("coordinator", t), at=t)

        def call(satisfaction: str) -> Step:
            def act(a: Appeal, t: datetime) -> None:
                if a.state == "reviewed":  # a 咨询 that was not drawn is not called
                    a.call_back(
                        by=self._actor("operator", t),
                        at=t,
                        contacted=True,
                        solved="unsolved" if satisfaction == "unsatisfied" else "solved",
                        satisfaction=satisfaction,
                        words="车辆仍被要求绕行" if satisfaction == "unsatisfied" else "",
                    )

            return act

        def close(a: Appeal, t: datetime) -> None:
            a.close(by=self._actor("closer", t), at=t)

        def decline(a: Appeal, t: datetime) -> None:
            reason = next(c for k, c in catalogue().reasons if k == "decline")
            a.decline(
                reason, "已电话告知诉求人并说明其他渠道", by=self._actor("coordinator", t), at=t
            )

        def withdraw(a: Appeal, t: datetime) -> None:
            said = "诉求人来电表示车辆已自行通行"
            a.withdraw(
                "appellant", "诉求人主动撤回", said=said, by=self._actor("coordinator", t), at=t
            )

        def hold(a: Appeal, t: datetime) -> None:
            until = self.at + timedelta(days=6)
            a.hold("待外省回复互认意见", until, by=self._actor("coordinator", t), at=t)

        def ask(a: Appeal, t: datetime) -> None:
            a.ask_details("请补充车牌号和通行证编号", by=self._actor("coordinator", t), at=t)

        happy = self.dice.choice(("satisfied", "satisfied", "basically"))
        handed: list[tuple[float, Step]] = [(0.02, accept), (0.03, assign)]
        begun: list[tuple[float, Step]] = [*handed, (0.08, sign), (0.12, contact)]
        answered: list[tuple[float, Step]] = [*begun, (0.3, progress), (0.55, answer)]
        called: list[tuple[float, Step]] = [*answered, (0.62, review)]
        ways: dict[str, list[tuple[float, Step]]] = {
            "registered": [],
            "accepted": [(0.5, accept)],
            "offered": [(0.3, accept), (0.35, assign)],
            "taken": [*begun, (0.5, progress)],
            "overdue": begun,
            "answered": answered,
            "reviewed": called,
            "confirmed": [*called, (0.75, call(happy))],
            "closed": [*called, (0.75, call(happy)), (0.85, close)],
            "rework": [*called, (0.75, call("unsatisfied"))],
            "declined": [(0.3, decline)],
            "withdrawn": [(0.02, accept), (0.4, withdraw)],
            "held": [(0.02, accept), (0.3, hold)],
            "asked": [(0.3, ask)],
        }
        return ways[end]
