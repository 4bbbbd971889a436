"""我的待办: for each post a desk of numbers and short lists, by whose turn it is.

Every number and every list stands on a Filters object, and 查看全部 opens the ledger with the same
one: a tile and the rows behind it cannot differ. All of it passes through visible_to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import db
from ..deadlines import clocks
from ..deadlines.queries import load_calendar
from ..firms import phones
from ..firms.models import Firm
from ..firms.queries import served_by
from ..people.actor import Actor, Seat
from ..people.directory import directory
from ..people.models import Person, Post, Unit
from ..people.regions import covers
from .filters import Filters
from .lines import NEXT, Line, days_held, lines, next_acts, refusals
from .models import Appeal, Assignment, Deadline
from .queries import (
    COUNT_CAP,
    conditions_of,
    count_capped,
    counts_capped,
    facts_of,
    identity_visible_to,
    listed,
    some,
    visible_to,
)

ENOUGH_CLOSERS = 2


@dataclass(frozen=True)
class Tile:
    label: str
    count: int
    filters: Filters
    light: str = ""

    @property
    def words(self) -> str:
        return f"{COUNT_CAP}+" if self.count > COUNT_CAP else str(self.count)


@dataclass(frozen=True)
class Held:
    """What a supervisor asks of a late appeal."""

    holder: str
    """The unit while it handles; the office for every other step."""
    handler: str
    days: int
    last: str


@dataclass(frozen=True)
class FirmLine:
    id: int
    name: str
    open: int
    late: int


@dataclass(frozen=True)
class Block:
    """A short list. `kind` names the template that draws it: desk/show/_<kind>.html."""

    key: str
    title: str
    kind: str = "lines"
    filters: Filters | None = None
    lines: Sequence[Line] = ()
    count: int = 0
    empty: str = "没有待办。"
    wide: bool = False
    """Takes the whole breadth, or the broader column."""
    reasons: dict[int, str] = field(default_factory=dict)
    phones: dict[int, str] = field(default_factory=dict)
    """Masked numbers, by the appeals' ids."""
    held: dict[int, Held] = field(default_factory=dict)
    units: Sequence[tuple[str, int, Filters]] = ()
    firms: Sequence[FirmLine] = ()
    sign_by: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Time left to sign for it, in words, and its light."""
    timed: bool = True
    """Whether the appeal's own clock is what presses here."""

    @property
    def words(self) -> str:
        return f"{COUNT_CAP}+" if self.count > COUNT_CAP else str(self.count)

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.lines)


@dataclass(frozen=True)
class Desk:
    """What one post has before it."""

    key: str
    title: str
    tiles: Sequence[Tile] = ()
    blocks: Sequence[Block] = ()
    alarms: Sequence[str] = ()
    """What has to be put right first, in red."""
    links: Sequence[tuple[str, str, str]] = ()
    """(label, address, what it is for)."""


@dataclass(frozen=True)
class Asker:
    """Whoever looks, and when: handed on to every list."""

    actor: Actor
    at: datetime

    @property
    def day(self) -> date:
        return self.at.astimezone(SHANGHAI).date()

    def count(self, filters: Filters) -> int:
        return count_capped(self.actor, self.at, *conditions_of(filters, self.actor, self.at))

    def tiles(self, *asked: tuple[str, Filters, str]) -> list[Tile]:
        """By label, filters and light; all counted in one statement."""
        conditions = [conditions_of(filters, self.actor, self.at) for _, filters, _ in asked]
        counts = counts_capped(self.actor, self.at, conditions)
        return [
            Tile(label, count, filters, light)
            for (label, filters, light), count in zip(asked, counts, strict=True)
        ]

    def rows(self, filters: Filters, size: int, *more: Any) -> tuple[list[Row[Any]], int]:
        """The first rows and how many there are."""
        rows = some(self.actor, self.at, filters, size, *more)
        return rows, len(rows) if len(rows) < size else self.count(filters)

    def block(
        self,
        key: str,
        title: str,
        filters: Filters,
        size: int,
        *,
        acts: tuple[str, ...] = NEXT,
        **more: Any,
    ) -> Block:
        rows, count = self.rows(filters, size)
        offered = next_acts(facts_of(rows, self.at), rows, self.actor, acts) if acts else {}
        shown = lines(rows, self.at, offered)
        return Block(key, title, filters=filters, lines=shown, count=count, **more)


def desks_of(actor: Actor, at: datetime) -> list[Desk]:
    """One desk for each post, in the sequence of a working day's weight."""
    asker = Asker(actor, at)
    found: list[Desk] = []
    several = len({s.unit_id for s in actor.seats_as("coordinator")}) > 1
    for seat in _by_unit(actor.seats_as("coordinator")):
        found.append(_coordinator(asker, seat, named=several))
    if actor.seats_as("closer"):
        found.append(_closer(asker))
    if actor.seats_as("duty_officer"):
        found.append(_duty(asker))
    handling = _by_unit(actor.seats_as("handler", "unit_lead"))
    for seat in handling:
        found.append(_unit(asker, seat))
    for seat in _by_unit(tuple(s for s in actor.seats_as("coordinator") if s.is_office)):
        # An office may itself be the unit that was asked (层层交办).
        if asker.count(Filters(view="at_unit", unit_id=seat.unit_id)):
            found.append(_unit(asker, seat))
    if actor.seats_as("liaison"):
        found.append(_liaison(asker))
    if actor.seats_as("operator"):
        found.append(_operator(asker))
    if actor.seats_as("supervisor"):
        found.append(_supervisor(asker))
    if actor.seats_as("manager"):
        found.append(_manager(asker))
    for role, (title, links) in _ADMINISTRATION.items():
        if actor.seats_as(role):
            found.append(Desk(role, title, links=links))
    return found


def _by_unit(seats: tuple[Seat, ...]) -> list[Seat]:
    return list({seat.unit_id: seat for seat in reversed(seats)}.values())[::-1]


# -- the office --------------------------------------------------------------------------------


def _coordinator(asker: Asker, seat: Seat, *, named: bool) -> Desk:
    mine = Filters(office_id=seat.unit_id)
    tiles = asker.tiles(
        ("待受理", mine.with_(state="registered"), ""),
        ("待交办", mine.with_(state="accepted"), ""),
        ("待审核", mine.with_(state="answered"), ""),
        ("待回访", mine.with_(state="reviewed"), ""),
        ("待销号", mine.with_(state="confirmed"), ""),
        ("今日到期", mine.with_(light="today"), "yellow"),
        ("超期", mine.with_(light="red"), "red"),
    )
    turn = asker.block(
        "office-turn",
        "待办公室办理",
        mine.with_(view="office_turn"),
        12,
        wide=True,
        empty="没有等待办公室办理的诉求。",
    )
    aside = [
        asker.block(
            "recurred",
            "再次反映（建议撤销销号）",
            mine.with_(view="recurred", sort="registered"),
            4,
            kind="brief",
            acts=("reopen",),
        ),
        asker.block(
            "unendorsed", "待追认", mine.with_(view="unendorsed"), 4, kind="brief", acts=()
        ),
    ]
    alarms = []
    closers = closers_of(seat.region_code, asker.day)
    if closers < ENOUGH_CLOSERS:
        alarms.append(
            f"本办公室的销号审批人现有{closers}人，不足{ENOUGH_CLOSERS}人：遇到回避将无人可以销号，"
            "请联系安全管理员增设“销号审批人”岗位。"
        )
    title = f"交办员 · {seat.unit_name}" if named else "交办员"
    blocks = [turn, *(block for block in aside if block.count)]
    return Desk("coordinator", title, tiles, blocks, alarms)


def closers_of(region_code: str, day: date) -> int:
    """How many persons hold a closer's post over an office of that region."""
    held = db.session.execute(
        select(Post.person_id, Unit.region_code)
        .join(Unit, Unit.id == Post.unit_id)
        .join(Person, Person.id == Post.person_id)
        .where(
            Post.role == "closer",
            Post.starts_on <= day,
            or_(Post.ends_on.is_(None), Post.ends_on > day),
            Person.active.is_(True),
            Unit.active.is_(True),
        )
    )
    return len({person for person, region in held if covers(region, region_code)})


def _closer(asker: Asker) -> Desk:
    mine = asker.block(
        "to-close", "待我销号", Filters(view="to_close"), 10, acts=("close",), wide=True,
        empty="没有等待您销号的诉求。",
    )  # fmt: skip
    barred = Filters(view="others_close")
    rows, count = asker.rows(barred, 5)
    others = Block(
        "others-close",
        "待他人销号（我须回避）",
        kind="barred",
        filters=barred,
        lines=lines(rows, asker.at),
        count=count,
        reasons=refusals(facts_of(rows, asker.at), asker.actor, "close"),
    )
    doubtful = _to_uphold(asker)
    return Desk("closer", "销号审批人", blocks=[mine, *(b for b in (others, doubtful) if b.count)])


def _to_uphold(asker: Asker) -> Block:
    return asker.block(
        "to-uphold", "待认定", Filters(view="to_uphold"), 5, kind="brief", acts=("uphold",)
    )


def _duty(asker: Asker) -> Desk:
    critical = asker.block(
        "duty",
        "特急待受理、待交办",
        Filters(view="duty"),
        10,
        acts=("accept", "assign"),
        wide=True,
        empty="没有等待受理、交办的特急诉求。",
    )
    return Desk("duty_officer", "值班员", blocks=[critical])


# -- a unit ------------------------------------------------------------------------------------


def _unit(asker: Asker, seat: Seat) -> Desk:
    mine = Filters(unit_id=seat.unit_id)
    tiles = asker.tiles(
        ("待签收", mine.with_(view="to_sign"), ""),
        ("临期", mine.with_(view="at_unit", light="yellow"), "yellow"),
        ("超期", mine.with_(view="at_unit", light="red"), "red"),
        ("退回重报", mine.with_(view="sent_back"), "yellow"),
        ("办理中", mine.with_(view="in_hand"), ""),
    )
    blocks = []
    if tiles[0].count:
        blocks.append(_to_sign(asker, mine.with_(view="to_sign"), tiles[0].count))
    blocks.append(
        asker.block(
            "in-hand",
            "办理中",
            mine.with_(view="in_hand"),
            10,
            acts=("answer",),
            wide=True,
            empty="没有正在办理的诉求。",
        )
    )
    return Desk("unit", seat.unit_name, tiles, blocks)


def _to_sign(asker: Asker, filters: Filters, count: int) -> Block:
    """What presses is the limit for signing, not the one for answering."""
    clock = aliased(Deadline)

    def running(column: Any) -> Any:
        return (
            select(func.min(column))
            .where(clock.appeal_id == Appeal.id, clock.stage == "sign", clock.ended_at.is_(None))
            .correlate(Appeal)
            .scalar_subquery()
        )

    rows = some(
        asker.actor,
        asker.at,
        filters,
        5,
        running(clock.due_at).label("sign_due_at"),
        running(clock.warn_at).label("sign_warn_at"),
        running(clock.spec).label("sign_spec"),
    )
    calendar = load_calendar()
    sign_by: dict[int, tuple[str, str]] = {}
    for row in rows:
        if row.sign_due_at is not None:
            light = "yellow" if row.sign_warn_at <= asker.at else ""
            light = "red" if row.sign_due_at < asker.at else light
            left = clocks.words(asker.at, row.sign_due_at, row.sign_spec, calendar)
            sign_by[row.id] = (left, light)
    offered = next_acts(facts_of(rows, asker.at), rows, asker.actor, ("sign_for",))
    return Block(
        "to-sign",
        "待签收",
        kind="sign",
        filters=filters,
        lines=lines(rows, asker.at, offered),
        count=count,
        sign_by=sign_by,
        wide=True,
    )


# -- liaison and operator ----------------------------------------------------------------------


def _liaison(asker: Asker) -> Desk:
    size = 5
    return Desk(
        "liaison",
        "服务联络员",
        blocks=[
            asker.block(
                "to-supplement",
                "待我补充",
                Filters(view="to_supplement"),
                size,
                kind="brief",
                acts=("supplement",),
                empty="没有需要您补充的诉求。",
            ),
            asker.block(
                "to-call",
                "待我回访",
                Filters(view="to_call"),
                size,
                kind="brief",
                acts=("call_back",),
                empty="没有需要您回访的诉求。",
            ),
            asker.block(
                "to-tell",
                "已答复待告知企业",
                Filters(view="to_tell"),
                size,
                kind="brief",
                acts=("tell",),
                timed=False,
                empty="没有需要您告知企业的答复。",
            ),
            _firms(asker, size),
        ],
    )


def _firms(asker: Asker, size: int) -> Block:
    """The firms he looks after, those with most open appeals first."""
    actor, at = asker.actor, asker.at
    served = served_by(actor.id or 0, asker.day)
    opened = (
        select(
            Appeal.firm_id,
            func.count().label("open"),
            func.sum(case((Appeal.due_at < at, 1), else_=0)).label("late"),
        )
        .where(
            Appeal.is_open.is_(True),
            Appeal.firm_id.in_(served),
            visible_to(actor, asker.day),
            identity_visible_to(actor, asker.day),
        )
        .group_by(Appeal.firm_id)
        .subquery()
    )
    rows = db.session.execute(
        select(
            Firm.id,
            Firm.name,
            func.coalesce(opened.c.open, 0).label("open"),
            func.coalesce(opened.c.late, 0).label("late"),
        )
        .outerjoin(opened, opened.c.firm_id == Firm.id)
        .where(Firm.id.in_(served))
        .order_by(func.coalesce(opened.c.late, 0).desc(), func.coalesce(opened.c.open, 0).desc(),
                  Firm.id)
        .limit(size)
    )  # fmt: skip
    mine = select(func.count()).select_from(served.distinct().subquery())
    return Block(
        "firms",
        "我联系的企业",
        kind="firms",
        firms=[FirmLine(row.id, row.name, row.open, int(row.late)) for row in rows],
        count=db.session.scalar(mine) or 0,
        empty="还没有安排由您联系的企业。",
    )


def _operator(asker: Asker) -> Desk:
    filters = Filters(view="to_call")
    rows, count = asker.rows(filters, 12, Appeal.phone)
    facts = facts_of(rows, asker.at)
    block = Block(
        "to-call-by-phone",
        "待回访",
        kind="calls",
        filters=filters,
        lines=lines(rows, asker.at, next_acts(facts, rows, asker.actor, ("call_back",))),
        count=count,
        phones={row.id: phones.mask(row.phone) for row in rows if row.phone},
        wide=True,
        empty="没有需要回访的诉求。",
    )
    return Desk("operator", "热线话务员", blocks=[block])


# -- above -------------------------------------------------------------------------------------


def _supervisor(asker: Asker) -> Desk:
    actor, at = asker.actor, asker.at
    late = Filters(light="red")
    lead = aliased(Assignment)
    conditions = conditions_of(late, actor, at)
    rows = list(
        db.session.execute(
            listed(
                actor,
                at,
                lead.handler_name,
                lead.assigned_at.label("handed_at"),
                lead.signed_at,
                lead.contacted_at,
                lead.progress_at,
                lead.answered_at.label("replied_at"),
                Appeal.reviewed_at,
                Appeal.confirmed_at,
            )
            .outerjoin(
                lead,
                and_(
                    lead.appeal_id == Appeal.id,
                    lead.part == "lead",
                    lead.round == Appeal.round,
                    lead.state != "released",
                ),
            )
            .where(*conditions)
            .order_by(Appeal.due_at, Appeal.id)
            .limit(14)
        )
    )
    by_unit = db.session.execute(
        select(Unit.id, Unit.short_name, Unit.name, func.count().label("late"))
        .select_from(Appeal)
        .join(Unit, Unit.id == Appeal.lead_unit_id)
        .where(visible_to(actor, asker.day), Appeal.state == "assigned", *conditions)
        .group_by(Unit.id, Unit.short_name, Unit.name)
        .order_by(func.count().desc(), Unit.id)
        .limit(10)
    )
    held = {row.id: _held(row, at) for row in rows}
    # Those of one holder stand together; within, the latest first as they came.
    holders = list(dict.fromkeys(held[row.id].holder for row in rows))
    rows.sort(key=lambda row: holders.index(held[row.id].holder))
    block = Block(
        "late",
        "超期",
        kind="late",
        filters=late,
        lines=lines(rows, at),
        count=len(rows) if len(rows) < 14 else asker.count(late),
        held=held,
        units=[
            (row.short_name or row.name, row.late,
             late.with_(lead_unit_id=row.id, state="assigned"))
            for row in by_unit
        ],
        wide=True,
        empty="没有超期的诉求。",
    )  # fmt: skip
    tiles = asker.tiles(
        ("超期", late, "red"),
        ("今日到期", Filters(light="today"), "yellow"),
        ("临期", Filters(light="yellow"), "yellow"),
        ("待签收", Filters(state="unsigned"), ""),
        ("特急未结", Filters(state="open", urgency="critical"), "red"),
    )
    return Desk("supervisor", "督查员", tiles, [block])


def _held(row: Row[Any], at: datetime) -> Held:
    """`last` is the latest word from the unit: what it was, and on which day."""
    words = (
        (row.signed_at, "签收"),
        (row.contacted_at, "联系企业"),
        (row.progress_at, "阶段反馈"),
        (row.replied_at, "办结反馈"),
    )
    said = [(moment, word) for moment, word in words if moment is not None]
    last = ""
    if said:
        moment, word = max(said)
        last = f"{moment.astimezone(SHANGHAI):%m-%d}{word}"
    units = directory().units
    office, lead = units[row.office_id].label, units.get(row.lead_unit_id or 0)
    since = {
        "assigned": row.handed_at,
        "accepted": row.accepted_at,
        "answered": row.answered_at,
        "reviewed": row.reviewed_at,
        "confirmed": row.confirmed_at,
    }.get(row.state)
    days = days_held(since or row.registered_at, at)
    if row.state != "assigned":
        return Held(office, "", days, last)
    return Held(lead.label if lead is not None else office, row.handler_name or "", days, last)


def _manager(asker: Asker) -> Desk:
    today = asker.day
    tiles = asker.tiles(
        ("今日新增", Filters(since=today, until=today, sort="registered"), ""),
        ("今日销号", Filters(closed_on=today, sort="registered"), ""),
        ("在办", Filters(state="open"), ""),
        ("超期", Filters(light="red"), "red"),
        ("特急未结", Filters(state="open", urgency="critical"), "red"),
    )
    oldest = asker.block(
        "oldest",
        "最老十件",
        Filters(state="open", sort="oldest"),
        10,
        kind="oldest",
        acts=(),
        wide=True,
        empty="没有在办的诉求。",
    )
    doubtful = _to_uphold(asker)
    return Desk("manager", "领导", tiles, [oldest, *([doubtful] if doubtful.count else [])])


_ADMINISTRATION: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "system_admin": (
        "系统管理员",
        (
            ("单位", "/units/", "新增、修改、停用单位，维护联系人和值班电话"),
            ("人员", "/people/", "新增、修改、停用人员，重置密码"),
            ("导入名册", "/people/roster", "由工作簿导入单位和人员"),
            ("时限日历", "/deadlines/", "查看工作日历和办理时限"),
        ),
    ),
    "security_admin": (
        "安全管理员",
        (
            ("人员和岗位", "/people/", "为人员授予、停止岗位"),
            ("岗位申请", "/people/proposals", "审定名册提出的岗位"),
            ("单位", "/units/", "查看单位和岗位设置"),
        ),
    ),
    "auditor": (
        "审计管理员",
        (("审计日志", "/audit/", "查看登录、查看电话、导出和管理操作的记录"),),
    ),
}
"""What the three administrators come for: none of them touches an appeal."""
