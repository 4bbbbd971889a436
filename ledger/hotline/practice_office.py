"""The practice partner's other half: an office that works on what was pushed, so that answers go
back. The real verbs, by persons who have the posts; for a demo and for measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from ..appeals.models import Appeal
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db, writing
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.models import Person, Post, Unit

ACCOUNT: Final = "已与现场管理单位核实，通行已恢复。（演练）"
REPLY: Final = "您好，经核实现场通行已恢复，办理情况已电话告知，感谢反映。"
CHECKED: Final = "经办人当日电话核实，车辆已通行。"
TOLD: Final = "已电话告知诉求人不予受理的理由和其他渠道。"


class NobodyThere(ValueError):
    """The office lacks somebody for this part of the play. The message is for the screen."""


@dataclass(frozen=True)
class Office:
    """Who acts, by person."""

    coordinator_id: int
    caller_id: int
    closer_id: int
    handler_id: int
    unit_id: int


Act = Callable[[Appeal, Office, datetime], None]


def office_of(office_id: int, at: datetime) -> Office:
    """Raises NobodyThere."""
    office = db.session.get_one(Unit, office_id)
    handler_id, unit_id = _handler(office, at)
    coordinator = _holder("coordinator", office, at)
    return Office(
        coordinator_id=coordinator,
        # Whoever coordinated may call back, but may not close what he called back on.
        caller_id=_holder("operator", office, at),
        closer_id=_holder("closer", office, at),
        handler_id=handler_id,
        unit_id=unit_id,
    )


def _posts(role: str, at: datetime) -> Sequence[Post]:
    day = at.astimezone(SHANGHAI).date()
    posts = db.session.scalars(
        select(Post)
        .join(Post.person)
        .where(Post.role == role, Person.active.is_(True))
        .order_by(Post.id)
    )
    return [p for p in posts if p in p.person.posts_at(day)]


def _holder(role: str, office: Unit, at: datetime) -> int:
    for post in _posts(role, at):
        if post.unit_id == office.id:
            return post.person_id
    raise NobodyThere(f"“{office.name}”没有可以扮演的岗位（{role}），请先写入演示数据")


def _handler(office: Unit, at: datetime) -> tuple[int, int]:
    for post in _posts("handler", at):
        unit = post.unit
        here = unit.active and unit.region_code == office.region_code
        if here and not (unit.offline or unit.needs_sign_off):
            return post.person_id, unit.id
    raise NobodyThere("没有可以扮演的承办单位经办人，请先写入演示数据")


def _as(person_id: int, at: datetime) -> Actor:
    return actor_of(db.session.get_one(Person, person_id), at)


def _accept(appeal: Appeal, office: Office, at: datetime) -> None:
    kept = appeal.appellant_type if appeal.appellant_type != "unverified" else "driver"
    appeal.accept(
        by=_as(office.coordinator_id, at),
        at=at,
        category_id=appeal.category_id or next(iter(catalogue().categories)),
        urgency=appeal.urgency,
        appellant_type=kept,
    )


def _assign(appeal: Appeal, office: Office, at: datetime) -> None:
    unit = db.session.get_one(Unit, office.unit_id)
    appeal.assign(unit, by=_as(office.coordinator_id, at), at=at)


def _answer(appeal: Appeal, office: Office, at: datetime) -> None:
    appeal.answer(
        "resolved", ACCOUNT, REPLY, by=_as(office.handler_id, at), at=at, evidence=CHECKED
    )


def _review(appeal: Appeal, office: Office, at: datetime) -> None:
    appeal.review(by=_as(office.coordinator_id, at), at=at)


def _call_back(appeal: Appeal, office: Office, at: datetime) -> None:
    appeal.call_back(
        by=_as(office.caller_id, at),
        at=at,
        contacted=True,
        solved="solved",
        satisfaction="satisfied",
        words="",
    )


def _close(appeal: Appeal, office: Office, at: datetime) -> None:
    appeal.close(by=_as(office.closer_id, at), at=at)


def _decline(appeal: Appeal, office: Office, at: datetime) -> None:
    reason = next(code for kind, code in catalogue().reasons if kind == "decline")
    appeal.decline(reason, TOLD, by=_as(office.coordinator_id, at), at=at)


ACTS: Final[tuple[tuple[str, Act], ...]] = (
    ("registered", _accept),
    ("accepted", _assign),
    ("assigned", _answer),
    ("answered", _review),
    ("reviewed", _call_back),
    ("confirmed", _close),
)
"""By the state that is left."""

DECLINED: Final = 8
"""One in so many is declined."""


def work(numbers: Sequence[str], office: Office) -> int:
    """Bring the appeals from registered to their end, act by act, each act a commit of its own; of
    how many acts. What somebody else has moved on meanwhile is left to him."""
    acts = 0
    for state, act in ACTS:
        for place, number in enumerate(numbers):
            declines = state == "registered" and place % DECLINED == DECLINED - 1
            with writing() as at:
                appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
                if appeal.state != state:
                    continue
                (_decline if declines else act)(appeal, office, at)
                db.session.commit()
                acts += 1
    db.session.remove()
    return acts
