"""The cast: a county, its neighbour and its city, and one person for each point of the matrix.

The office sits in the transport bureau's house but is a unit of its own; the bureau handles, and
so does the police. `yuan` is of the neighbouring county: whatever he may do at home, he sees
nothing here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.catalogue.queries import catalogue
from ledger.db import db, now, writing
from ledger.people.acting import actor_of
from ledger.people.actor import Actor
from ledger.people.models import Person, Post, Unit

PASSWORD = "Wuliu-2026-tong"

PEOPLE: dict[str, tuple[str, str, tuple[tuple[str, str], ...]]] = {
    # username: (name, home unit, posts as (role, unit))
    "lin": ("林晓梅", "industry", (("liaison", "industry"),)),
    "tang": ("唐接线", "office", (("operator", "office"),)),
    "zhou": ("周交办", "bureau", (("coordinator", "office"),)),
    "wu": ("吴销号", "government", (("closer", "office"),)),
    "zhao": ("赵值班", "bureau", (("duty_officer", "office"),)),
    "chen": ("陈经办", "bureau", (("handler", "bureau"),)),
    "sun": ("孙科员", "bureau", (("handler", "section"),)),
    "qian": ("钱局长", "bureau", (("unit_lead", "bureau"),)),
    "he": ("何警官", "police", (("handler", "police"),)),
    "du": ("杜督查", "government", (("supervisor", "office"),)),
    "ma": ("马县长", "government", (("manager", "office"),)),
    "shen": ("沈审计", "government", (("auditor", "government"),)),
    "an": ("安全员", "government", (("security_admin", "government"),)),
    "xi": ("席系统", "government", (("system_admin", "government"),)),
    "yuan": (
        "袁外县",
        "other_office",
        (("coordinator", "other_office"), ("closer", "other_office")),
    ),
    "yan": ("严外县", "other_bureau", (("handler", "other_bureau"),)),
    "shi": (
        "史市办",
        "city_office",
        (("coordinator", "city_office"), ("closer", "city_office")),
    ),
    "none": ("吴岗位", "bureau", ()),
}

UNITS: dict[str, tuple[str, str, str, str, str]] = {
    # key: (code, name, short name, kind, parent key)
    "government": ("360734", "寻乌县", "寻乌县", "county", ""),
    "office": ("360734-office", "", "专班办公室", "office", "government"),
    "bureau": ("360734-jt", "寻乌县交通运输局", "交通局", "department", "government"),
    "section": ("360734-jt-yg", "运管股", "运管股", "section", "bureau"),
    "police": ("360734-ga", "寻乌县公安局交管大队", "交管大队", "department", "government"),
    "industry": ("360734-gx", "寻乌县工业和信息化局", "工信局", "department", "government"),
    "other_county": ("360726", "安远县", "安远县", "county", ""),
    "other_office": ("360726-office", "安远县专班办公室", "安远专班", "office", "other_county"),
    "other_bureau": ("360726-jt", "安远县交通运输局", "安远交通局", "department", "other_county"),
    "city": ("360700", "赣州市", "赣州市", "city", ""),
    "city_office": ("360700-office", "赣州市专班办公室", "市专班", "office", "city"),
}


@dataclass
class Cast:
    """Ids by name, and the shortest way to have somebody do something."""

    app: Flask
    units: dict[str, int] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)

    def actor(self, name: str, at: datetime | None = None) -> Actor:
        """Inside an application context."""
        return actor_of(db.session.get_one(Person, self.people[name]), at or now())

    def unit(self, name: str) -> Unit:
        return db.session.get_one(Unit, self.units[name])

    def client(self, name: str) -> FlaskClient:
        """A browser in which `name` has signed in."""
        with self.app.app_context():
            uniquifier = db.session.get_one(Person, self.people[name]).fs_uniquifier
            db.session.remove()
        client = self.app.test_client()
        with client.session_transaction() as session:
            session.update(_user_id=uniquifier, _fresh=True, seen=int(time.time()))
        return client

    # -- an appeal, by the verbs -------------------------------------------------------------

    def register(self, by: str = "lin", **known: Any) -> str:
        """A new appeal of the county's office; gives its number."""
        with self.app.app_context(), writing() as at:
            facts = {
                "appellant_name": "寻乌县顺达物流有限公司",
                "content": "澄江收费站入口关闭，两辆货车被劝返，请协调放行。",
                "channel": "visit",
                "received_at": at,
                "contact_name": "刘经理",
                "phone": "13807970001",
                **known,
            }
            appeal = Appeal.register(
                Registration(**facts), office=self.unit("office"), by=self.actor(by, at), at=at
            )
            db.session.commit()
            return appeal.number

    def do(self, number: str, act: Callable[[Appeal, datetime], Any]) -> Any:
        """One act on an appeal, loaded anew and committed."""
        with self.app.app_context(), writing() as at:
            appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
            found = act(appeal, at)
            db.session.commit()
            return found

    def accept(self, number: str, by: str = "zhou", urgency: str = "normal") -> None:
        def act(appeal: Appeal, at: datetime) -> None:
            category = next(iter(catalogue().categories))
            appeal.accept(by=self.actor(by), at=at, category_id=category, urgency=urgency)

        self.do(number, act)

    def assign(self, number: str, unit: str = "bureau", by: str = "zhou") -> None:
        self.do(number, lambda a, at: a.assign(self.unit(unit), by=self.actor(by), at=at))

    def answer(self, number: str, by: str = "chen", outcome: str = "resolved") -> None:
        def act(appeal: Appeal, at: datetime) -> None:
            appeal.answer(
                outcome,
                "已与收费站联系，入口恢复通行。",
                "您好，澄江收费站入口已恢复通行，感谢反映。",
                evidence="陈经办，当日现场核实，车辆已通行。",
                particulars=said(at),
                by=self.actor(by),
                at=at,
            )

        self.do(number, act)

    def review(self, number: str, by: str = "zhou") -> None:
        self.do(number, lambda a, at: a.review(by=self.actor(by), at=at))

    def call_back(self, number: str, satisfaction: str = "satisfied", by: str = "tang") -> None:
        def act(appeal: Appeal, at: datetime) -> None:
            appeal.call_back(
                by=self.actor(by),
                at=at,
                contacted=True,
                solved="solved" if satisfaction != "unsatisfied" else "unsolved",
                satisfaction=satisfaction,
                words="仍未解决" if satisfaction == "unsatisfied" else "",
            )

        self.do(number, act)

    def close(self, number: str, by: str = "wu") -> None:
        self.do(number, lambda a, at: a.close(by=self.actor(by), at=at))

    def reach(self, state: str) -> str:
        """A new appeal brought to `state` by the verbs, along the straight way."""
        number = self.register()
        steps: list[tuple[str, Callable[[str], None]]] = [
            ("accepted", self.accept),
            ("assigned", self.assign),
            ("answered", self.answer),
            ("reviewed", self.review),
            ("confirmed", self.call_back),
            ("closed", self.close),
        ]
        if state == "registered":
            return number
        if state == "declined":
            self.do(
                number,
                lambda a, at: a.decline(
                    _first_reason("decline"), "已电话告知", by=self.actor("zhou"), at=at
                ),
            )
            return number
        if state == "withdrawn":
            self.do(
                number,
                lambda a, at: a.withdraw("void", "重复登记", by=self.actor("lin"), at=at),
            )
            return number
        if state == "merged":
            master = self.register()

            def merge(appeal: Appeal, at: datetime) -> None:
                into = db.session.scalars(select(Appeal).where(Appeal.number == master)).one()
                appeal.merge(into, "同一事项", by=self.actor("zhou"), at=at)

            self.do(number, merge)
            return number
        if state == "joined":
            into = self.reach("assigned")

            def join(appeal: Appeal, at: datetime) -> None:
                master = db.session.scalars(select(Appeal).where(Appeal.number == into)).one()
                appeal.join(master, "同一事项", by=self.actor("zhou"), at=at)

            self.do(number, join)
            self.answer(into)
            return number
        if state == "held":
            self.accept(number)

            def hold(appeal: Appeal, at: datetime) -> None:
                from datetime import timedelta

                appeal.hold("等待外省回复", at + timedelta(days=7), by=self.actor("zhou"), at=at)

            self.do(number, hold)
            return number
        for name, step in steps:
            step(number)
            if name == state:
                return number
        raise KeyError(state)


def said(at: datetime) -> dict[str, str]:
    """What every outcome asks for; an answer keeps what belongs to its own."""
    return {
        "remaining": "夜间放行时段尚未确定，待与高速路段协商。",
        "points": "已向刘经理说明疫情通行规定和申请办法，刘经理表示理解。",
        "document": "公路安全保护条例",
        "document_number": "国务院令第593号",
        "clause": "第二十七条",
        "checked_by": "陈经办",
        "checked_at": at.isoformat(),
        "checked_how": "现场查看并调取监控",
        "checked_result": "当日该车道正常开放，未见劝返。",
        "referred_to": "江西省交通运输厅",
        "referred_way": "赣市交函〔2026〕8号",
        "referred_on": f"{at:%Y-%m-%d}",
        "next_step": "纳入年度改造计划，由公路股负责。",
        "next_review_on": f"{at + timedelta(days=20):%Y-%m-%d}",
    }


def _first_reason(kind: str) -> str:
    return next(code for k, code in catalogue().reasons if k == kind)


def met_cast(app: Flask) -> Cast:
    """The cast that was laid on this ledger."""
    keys = {unit[0]: key for key, unit in UNITS.items()}
    with app.app_context():
        units = db.session.execute(select(Unit.code, Unit.id).where(Unit.code.in_(keys)))
        people = db.session.execute(select(Person.username, Person.id))
        found = Cast(app)
        found.units.update((keys[unit.code], unit.id) for unit in units)
        found.people.update((person.username, person.id) for person in people)
        db.session.remove()
    return found


def lay_cast(app: Flask) -> Cast:
    """Units and persons of the cast, on a ledger that `ledger db upgrade` has laid."""
    cast = Cast(app)
    with app.app_context(), writing():
        for key, (unit_code, name, short, kind, parent) in UNITS.items():
            unit = db.session.scalar(select(Unit).where(Unit.code == unit_code))
            if unit is None:
                unit = Unit(
                    code=unit_code,
                    name=name,
                    short_name=short,
                    kind=kind,
                    region_code=unit_code[:6],
                    is_office=kind == "office",
                )
                db.session.add(unit)
                db.session.flush()
                unit.move_under(
                    db.session.get_one(Unit, cast.units[parent]) if parent else None
                )
                db.session.flush()
            cast.units[key] = unit.id
        for username, (name, home, posts) in PEOPLE.items():
            person = Person(
                username=username,
                name=name,
                home_unit_id=cast.units[home],
                must_change_password=False,
            )
            db.session.add(person)
            db.session.flush()
            cast.people[username] = person.id
            for role, where in posts:
                db.session.add(
                    Post(
                        person_id=person.id,
                        unit_id=cast.units[where],
                        role=role,
                        starts_on=date(2020, 1, 1),
                    )
                )
        db.session.commit()
        db.session.remove()
    return cast
