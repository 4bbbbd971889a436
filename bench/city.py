"""A city's office with two hundred handling units, and one appeal of every course, by the verbs.

The clone (clone.py) multiplies these appeals; nothing here knows of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import select

from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.catalogue.queries import catalogue
from ledger.db import config, db, writing
from ledger.firms.models import Firm
from ledger.firms.names import clean_uscc
from ledger.hotline.orders import matter_digest
from ledger.people import sign_in
from ledger.people.acting import actor_of
from ledger.people.actor import Actor
from ledger.people.models import Person, Post, Unit

from . import words

UNITS: Final = 200
PASSWORD: Final = "Bench-2026-tongchang"
BUREAU: Final = "handler000"
"""Handler of the transport bureau, which holds a fifth of everything."""
SMALL: Final = "handler001"
"""Handler of a unit that holds 0.5 % of everything."""

OFFICE_PEOPLE: Final = (
    # username, role
    ("coordinator", "coordinator"),
    ("operator", "operator"),
    ("closer", "closer"),
    ("supervisor", "supervisor"),
    ("manager", "manager"),
    ("liaison", "liaison"),
)


@dataclass(frozen=True)
class City:
    """Ids. `units` and `handlers` side by side: the person who handles for the unit."""

    office: int
    units: tuple[int, ...]
    unit_names: tuple[str, ...]
    handlers: tuple[int, ...]
    handler_names: tuple[str, ...]
    office_people: dict[str, int]
    firms: tuple[int, ...]


def lay(firms: int, seed: int) -> City:
    """Units, persons and firms, on a ledger that `ledger db upgrade` has laid. Commits."""
    hashed = sign_in.hashed(PASSWORD)
    dice = random.Random(seed)
    with writing() as at:
        region = config().region
        office = db.session.scalars(
            select(Unit).where(Unit.is_office.is_(True), Unit.region_code == region)
        ).one()
        top = db.session.get_one(Unit, office.parent_id)
        units = [_unit(number, region, top) for number in range(UNITS)]
        people = {
            username: _person(username, words.person(dice), office, role, hashed).id
            for username, role in OFFICE_PEOPLE
        }
        handlers = [
            _person(f"handler{number:03d}", words.person(dice), unit, "handler", hashed)
            for number, unit in enumerate(units)
        ]
        liaison = db.session.get_one(Person, people["liaison"])
        laid = [_firm(number, region, liaison, dice, at) for number in range(firms)]
        city = City(
            office=office.id,
            units=tuple(u.id for u in units),
            unit_names=tuple(u.name for u in units),
            handlers=tuple(p.id for p in handlers),
            handler_names=tuple(p.name for p in handlers),
            office_people=people,
            firms=tuple(laid),
        )
        db.session.commit()
    db.session.remove()
    return city


def _unit(number: int, region: str, top: Unit) -> Unit:
    unit = Unit(
        code=f"{region}-b{number:03d}",
        name="寻乌县交通运输局" if number == 0 else f"寻乌县第{number:03d}承办单位",
        short_name="交通局" if number == 0 else f"单位{number:03d}",
        kind="department",
        region_code=region,
    )
    db.session.add(unit)
    db.session.flush()
    unit.move_under(top)
    db.session.flush()
    return unit


def _person(username: str, name: str, unit: Unit, role: str, hashed: str) -> Person:
    person = Person(
        username=username,
        name=name,
        home_unit_id=unit.id,
        password=hashed,
        must_change_password=False,
        phone="13907970000",
    )
    db.session.add(person)
    db.session.flush()
    db.session.add(
        Post(person_id=person.id, unit_id=unit.id, role=role, starts_on=date(2020, 1, 1))
    )
    return person


def _firm(
    number: int, region: str, liaison: Person, dice: random.Random, at: datetime
) -> int:
    firm = Firm.register(
        words.firm_name(number),
        by=None,
        at=at,
        uscc=clean_uscc(_uscc(region, number)) or "",
        region_code=region,
        industry="道路货物运输",
        white_list=number % 5 == 0,
    )
    firm.contacts.append(firm.add_contact(words.person(dice), words.phone(dice), "物流负责人"))
    if number % 100 == 0:
        firm.liaisons.append(firm.serve_by(liaison, "serving", date(2020, 1, 1)))
    db.session.flush()
    return firm.id


def _uscc(region: str, number: int) -> str:
    from stdnum.cn import uscc

    body = f"91{region}{number:09d}"
    return body + str(uscc.calc_check_digit(body))


# -- one appeal of every course ----------------------------------------------------------------

Step = tuple[float, Callable[[Appeal, datetime], object]]
"""Hours after registration, and the act."""


@dataclass(frozen=True)
class Course:
    """One way through the table, and how often it is gone."""

    name: str
    share: float
    """Among the open ones, or among the ended ones."""
    open: bool
    steps: tuple[Step, ...]
    kind: str = "help"
    urgency: str = "normal"
    channels: tuple[str, ...] = ("visit", "12345", "12328")


class Prototypes:
    """Builds one appeal for each course and channel, all registered at `at`."""

    def __init__(self, city: City, at: datetime) -> None:
        self.city = city
        self.at = at
        self.dice = random.Random(1)

    def build(self) -> list[tuple[str, Course]]:
        """(number, course) of each."""
        return [
            (self._one(course, channel), course)
            for course in self._courses()
            for channel in course.channels
        ]

    def _actor(self, username: str, at: datetime) -> Actor:
        people = {**self.city.office_people, "handler": self.city.handlers[0]}
        return actor_of(db.session.get_one(Person, people[username]), at)

    def _one(self, course: Course, channel: str) -> str:
        with writing():
            number = self._register(course, channel)
            db.session.commit()
        for hours, step in course.steps:
            moment = self.at + timedelta(hours=hours)
            with writing():
                appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
                step(appeal, moment)
                db.session.commit()
        db.session.remove()
        return number

    def _register(self, course: Course, channel: str) -> str:
        matter = words.matter(self.dice)
        office = db.session.get_one(Unit, self.city.office)
        driver = channel == "12328"
        firm = None if driver else db.session.get_one(Firm, self.city.firms[0])
        orders = []
        if channel in ("12345", "12328"):
            orders.append(
                ExternalOrder(
                    source_system=channel,
                    order_number=f"P{self.dice.randrange(10**9):09d}",
                    sub_number="",
                    state="open",
                    received_at=self.at,
                    matter_digest=matter_digest(matter.title, matter.content),
                )
            )
        contact = words.person(self.dice)
        known = Registration(
            appellant_name=firm.name if firm else contact,
            appellant_type="firm" if firm else "driver",
            content=matter.content,
            title=matter.title,
            channel=channel,
            received_at=self.at,
            kind=course.kind,
            urgency=course.urgency,
            region_code=config().region,
            uscc=(firm.uscc or "") if firm else "",
            industry=firm.industry if firm else "",
            contact_name=contact,
            phone=words.phone(self.dice),
            place=matter.place,
            plates=words.plate(self.dice),
            confidential=course.kind == "complaint",
        )
        by = "liaison" if channel == "visit" else "operator"
        appeal = Appeal.register(
            known,
            office=office,
            by=self._actor(by, self.at),
            at=self.at,
            firm=firm,
            external_orders=orders,
        )
        return appeal.number

    def _courses(self) -> list[Course]:
        def accept(a: Appeal, t: datetime) -> None:
            category = next(iter(catalogue().categories))
            a.accept(
                by=self._actor("coordinator", t), at=t, category_id=category, urgency=a.urgency
            )

        def assign(a: Appeal, t: datetime) -> None:
            unit = db.session.get_one(Unit, self.city.units[0])
            a.assign(unit, by=self._actor("coordinator", t), at=t, note="请核实办理，及时联系。")

        def sign(a: Appeal, t: datetime) -> None:
            a.sign_for(by=self._actor("handler", t), at=t, handler_phone="13907970011")

        def contact(a: Appeal, t: datetime) -> None:
            words = "已电话联系，核实时间、地点。"
            if a.confidential:
                a.relay("phone", words, by=self._actor("operator", t), at=t)
            else:
                a.contact("phone", words, by=self._actor("handler", t), at=t)

        def progress(a: Appeal, t: datetime) -> None:
            a.progress("已派员到现场协调放行时段。", by=self._actor("handler", t), at=t)

        def answer(outcome: str) -> Callable[[Appeal, datetime], None]:
            def act(a: Appeal, t: datetime) -> None:
                a.answer(
                    outcome,
                    "经现场核实，已协调相关单位处理到位，车辆恢复通行。",
                    "您好，您反映的问题已处理完毕，现已恢复正常。感谢您的理解和支持。",
                    evidence="经办人当日现场核实，诉求人电话确认。",
                    particulars={"points": "已向诉求人说明现行规定，诉求人表示理解。"},
                    by=self._actor("handler", t),
                    at=t,
                )

            return act

        def back(a: Appeal, t: datetime) -> None:
            a.send_back("未写明处理依据，请补充。", by=self._actor("coordinator", t), at=t)

        def review(a: Appeal, t: datetime) -> None:
            a.review(by=self._actor("coordinator", t), at=t)

        def call(satisfaction: str) -> Callable[[Appeal, datetime], None]:
            def act(a: Appeal, t: datetime) -> None:
                if a.state != "reviewed":  # a 咨询 that was not drawn is not called
                    return
                a.call_back(
                    by=self._actor("operator", t),
                    at=t,
                    contacted=True,
                    solved="unsolved" if satisfaction == "unsatisfied" else "solved",
                    satisfaction=satisfaction,
                    words="仍未解决" if satisfaction == "unsatisfied" else "",
                )

            return act

        def uphold(a: Appeal, t: datetime) -> None:
            a.uphold(
                "explained_unsatisfied", "答复依据充分", by=self._actor("manager", t), at=t
            )

        def close(a: Appeal, t: datetime) -> None:
            a.close(by=self._actor("closer", t), at=t)

        def decline(a: Appeal, t: datetime) -> None:
            reason = next(code for kind, code in catalogue().reasons if kind == "decline")
            a.decline(reason, "已电话告知诉求人", by=self._actor("coordinator", t), at=t)

        def withdraw(a: Appeal, t: datetime) -> None:
            a.withdraw(
                "appellant", "已自行解决", said="诉求人来电", by=self._actor("coordinator", t), at=t
            )

        def hold(a: Appeal, t: datetime) -> None:
            until = t + timedelta(days=20)
            a.hold("待外省回复", until, by=self._actor("coordinator", t), at=t)

        def ask(a: Appeal, t: datetime) -> None:
            a.ask_details("请补充车牌号", by=self._actor("coordinator", t), at=t)

        handed: tuple[Step, ...] = ((1, accept), (1.1, assign))
        taken: tuple[Step, ...] = (*handed, (4, sign), (6, contact))
        worked: tuple[Step, ...] = (*taken, (26, progress))
        answered: tuple[Step, ...] = (*worked, (50, answer("resolved")))
        quick: tuple[Step, ...] = (*handed, (8, answer("resolved")))
        called: tuple[Step, ...] = (*answered, (60, review))
        again: tuple[Step, ...] = (*called, (70, call("unsatisfied")))
        one, two = ("12328",), ("visit", "12345")
        return [
            Course("closed", 40, False, (*called, (70, call("satisfied")), (80, close))),
            Course(
                "closed quickly", 60, False,
                (*quick, (10, review), (20, call("basically")), (25, close)),
            ),
            Course(
                "urgent, closed", 8, False,
                (*quick, (10, review), (20, call("satisfied")), (25, close)), urgency="urgent",
            ),
            Course(
                "asked and closed", 8, False,
                (*handed, (8, answer("explained")), (10, review), (20, call("satisfied")),
                 (30, close)),
                kind="consult", channels=("12345", "12328"),
            ),
            Course(
                "reworked and closed", 3, False,
                (*again, (72, sign), (90, answer("resolved")), (95, review),
                 (100, call("satisfied")), (110, close)), channels=two,
            ),
            Course(
                "sent back and closed", 3, False,
                (*answered, (55, back), (70, answer("resolved")), (75, review),
                 (80, call("satisfied")), (90, close)), channels=two,
            ),
            Course(
                "upheld and closed", 2, False,
                (*handed, (8, answer("explained")), (10, review), (20, call("unsatisfied")),
                 (24, uphold), (30, close)), channels=one,
            ),
            Course("declined", 4, False, ((3, decline),)),
            Course("withdrawn", 3, False, (*handed, (5, withdraw)), channels=one),
            Course("registered", 14, True, ()),
            Course("stranded, registered", 2, True, (), urgency="critical", channels=one),
            Course("details asked", 2, True, ((2, ask),), channels=one),
            Course("accepted", 8, True, ((1, accept),)),
            Course("offered", 10, True, handed),
            Course("taken", 20, True, taken),
            Course("complaint, taken", 5, True, taken, kind="complaint", channels=two),
            Course("worked on", 12, True, worked),
            Course("answered", 8, True, answered),
            Course("answered quickly", 4, True, quick),
            Course("reviewed", 9, True, called),
            Course("confirmed", 6, True, (*called, (70, call("satisfied")))),
            Course("reworked", 2, True, again, channels=two),
            Course("sent back", 2, True, (*answered, (55, back)), channels=two),
            Course("held", 3, True, (*handed[:1], (5, hold)), channels=two),
        ]  # fmt: skip


SPAN: Final = timedelta(hours=120)
"""No course takes longer."""

