"""我的待办: for each post a desk of numbers and short lists, by whose turn it is.

Every number and every list stands on a Filters object, and 查看全部 opens the ledger with the same
one: a tile and the rows behind it cannot differ. All of it passes through visible_to.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, and_, case, func, or_, select
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import config, db, plan_once
from ..deadlines.queries import caps_in_force
from ..firms import phones
from ..firms.models import Firm
from ..firms.queries import served_by
from ..people.actor import Actor, Seat
from ..people.directory import directory
from ..people.models import Person, Post, Unit
from ..people.regions import covers
from .asking import count, first
from .cells import Cells, cells
from .filters import Filters
from .lines import NEXT, ON_BEHALF, days_held, next_acts, refusals
from .lines import Act as LineAct
from .models import Appeal, Assignment
from .queries import (
    COUNT_CAP,
    conditions_of,
    facts_of,
    identity_visible_to,
    listed,
    visible_to,
)
from .show_queries import difficulties
from .standing import is_off_hours
from .unit_work import Own, assisting_of, pressing, sign_by

ENOUGH_CLOSERS = 2

MOST_VERDICTS = 400
"""So many answers of the table of acts are kept for each who asks."""

QUEUE_CAP = 99
"""What one works through is counted so far; whoever looks from above counts on to COUNT_CAP."""


def _words(count: int, cap: int) -> str:
    return f"{cap}+" if count > cap else str(count)


@lru_cache(maxsize=1024)
def _url(filters: Filters) -> str:
    return f"/appeals/?{filters.query}"


Asked = tuple[str, Filters, str]
"""Label, filters and light of a tile."""


@dataclass(frozen=True)
class Tile:
    label: str
    count: int
    filters: Filters
    light: str = ""
    cap: int = QUEUE_CAP

    @property
    def words(self) -> str:
        return _words(self.count, self.cap)

    @property
    def url(self) -> str:
        return _url(self.filters)


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
    at: datetime | None = None
    rows: Sequence[Row[Any]] = ()
    offers: Mapping[int, LineAct] = field(default_factory=dict)
    """The act that a row offers, by its id."""
    count: int = 0
    empty: str = "没有待办。"
    wide: bool = False
    """Takes the whole breadth, or the broader column."""
    reasons: dict[int, str] = field(default_factory=dict)
    phones: dict[int, str] = field(default_factory=dict)
    """Masked numbers, by the appeals' ids."""
    held: dict[int, Held] = field(default_factory=dict)
    units: Sequence[tuple[str, int, str]] = ()
    """Name, how many, and the address of these."""
    firms: Sequence[FirmLine] = ()
    limits: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Time left to sign for it or to rule on it, in words, and its light."""
    assisting: Mapping[int, Own] = field(default_factory=dict)
    """Those in which the unit assists, by the appeals' ids."""
    timed: bool = True
    """Whether the appeal's own clock is what presses here."""
    cap: int = QUEUE_CAP

    @property
    def words(self) -> str:
        return _words(self.count, self.cap)

    @property
    def url(self) -> str:
        return "" if self.filters is None else _url(self.filters)

    @property
    def lines(self) -> list[Cells]:
        """The rows as the page shows them."""
        if self.at is None:
            return []
        found = cells(self.rows, self.at, self.offers)
        return [
            one if (own := self.assisting.get(one.row.id)) is None else own.marked(one)
            for one in found
        ]

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.rows)


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


Making = Generator[None, None, Desk | None]
"""A desk being laid: it says what is to be counted, yields, says what is to be read, yields, and
gives the desk. All desks of a person are counted in one statement, and read in one."""


@dataclass
class Asker:
    """Whoever looks, and when; and what there was to be found."""

    actor: Actor
    at: datetime
    _to_count: dict[tuple[Filters, int], None] = field(default_factory=dict)
    _to_read: dict[tuple[Filters, int], None] = field(default_factory=dict)
    _judged: dict[Filters, tuple[str, ...]] = field(default_factory=dict)
    _counts: dict[tuple[Filters, int], int] = field(default_factory=dict)
    _rows: dict[Filters, list[Any]] = field(default_factory=dict)
    _offers: dict[Filters, dict[int, LineAct]] = field(default_factory=dict)

    @property
    def day(self) -> date:
        return self.at.astimezone(SHANGHAI).date()

    def lay(self, *making: Making) -> list[Desk]:
        for desk in making:
            next(desk)
        wanted = list(self._to_count)
        self._counts = dict(zip(wanted, count(self.actor, self.at, wanted), strict=True))
        for desk in making:
            next(desk)
        asked = list(self._to_read)
        for (filters, _), rows in zip(asked, first(self.actor, self.at, asked), strict=True):
            self._rows[filters] = rows
        self._judge()
        return [found for desk in making if (found := _end(desk)) is not None]

    def _judge(self) -> None:
        """What each row offers turns on its version, on whoever asks, and on little besides."""
        kept: dict[Any, LineAct | None] = {}
        if "liaison" not in self.actor.roles:
            # A liaison's firms are of no version.
            turning = (is_off_hours(self.at), caps_in_force(self.at), config().strict_home_unit)
            kept = directory().keep(("acts of lines", self.actor, turning), dict)
            if len(kept) > MOST_VERDICTS:
                kept.clear()
        wanted = [
            ((row.id, row.version, acts), row)
            for filters, acts in self._judged.items()
            for row in self._rows[filters]
        ]
        missing = [(key, row) for key, row in wanted if key not in kept]
        facts = facts_of({row.id: row for _, row in missing}.values(), self.at)
        for key, row in missing:
            kept[key] = next_acts(facts, [row], self.actor, key[2]).get(row.id)
        for filters, acts in self._judged.items():
            offered = {row.id: kept[row.id, row.version, acts] for row in self._rows[filters]}
            self._offers[filters] = {i: act for i, act in offered.items() if act is not None}

    def count(self, *wanted: Filters, cap: int = QUEUE_CAP) -> None:
        """Before the first yield."""
        self._to_count.update(dict.fromkeys((filters, cap) for filters in wanted))

    def number(self, filters: Filters, cap: int = QUEUE_CAP) -> int:
        return self._counts[filters, cap]

    def read(
        self,
        filters: Filters,
        size: int,
        *,
        acts: tuple[str, ...] = NEXT,
        cap: int = QUEUE_CAP,
    ) -> None:
        """Between the yields. `acts`: the first of them that may be done now is offered."""
        if not self.number(filters, cap):
            self._rows[filters] = []
            return
        self._to_read[filters, size] = None
        if acts:
            self._judged[filters] = acts

    def rows(self, filters: Filters) -> list[Any]:
        return self._rows[filters]

    def bring_forward(
        self, filters: Filters, assisting: Mapping[int, Own], size: int, acts: tuple[str, ...]
    ) -> None:
        """What the unit assists in stands where its own due time puts it, also where the appeal's
        puts it behind all that was read."""
        rows = self._rows[filters]
        if not assisting:
            return
        behind = set(list(assisting)[:size]) - {row.id for row in rows}
        if behind:
            query = listed(self.actor, self.at).where(Appeal.id.in_(sorted(behind)))
            more = list(db.session.execute(query))
            offered = next_acts(facts_of(more, self.at), more, self.actor, acts)
            self._offers[filters] = {**self._offers.get(filters, {}), **offered}
            rows = [*rows, *more]

        def due(row: Any) -> datetime:
            found: datetime = row.due_at if row.id not in assisting else assisting[row.id].due_at
            return found

        self._rows[filters] = sorted(rows, key=lambda row: (due(row), row.id))[:size]

    def tiles(self, asked: Sequence[Asked], cap: int = QUEUE_CAP) -> list[Tile]:
        return [
            Tile(label, self.number(filters, cap), filters, light, cap)
            for label, filters, light in asked
        ]

    def block(
        self,
        key: str,
        title: str,
        filters: Filters,
        *,
        cap: int = QUEUE_CAP,
        **more: Any,
    ) -> Block:
        return Block(
            key,
            title,
            filters=filters,
            at=self.at,
            rows=self._rows[filters],
            offers=self._offers.get(filters, {}),
            count=self.number(filters, cap),
            cap=cap,
            **more,
        )


def _end(desk: Making) -> Desk | None:
    try:
        next(desk)
    except StopIteration as end:
        found: Desk | None = end.value
        return found
    raise RuntimeError("a desk is laid in three parts")


def desks_of(actor: Actor, at: datetime) -> list[Desk]:
    """One desk for each post, in the sequence of a working day's weight."""
    plan_once()
    asker = Asker(actor, at)
    making: list[Making] = []
    offices = _by_unit(actor.seats_as("coordinator"))
    making += [_coordinator(asker, seat, named=len(offices) > 1) for seat in offices]
    if actor.seats_as("closer"):
        making.append(_closer(asker))
    if actor.seats_as("duty_officer"):
        making.append(_duty(asker))
    making += [_unit(asker, seat) for seat in _by_unit(actor.seats_as("handler", "unit_lead"))]
    making += [_office_as_unit(asker, seat) for seat in offices if seat.is_office]
    for role, desk in _OTHERS.items():
        if actor.seats_as(role):
            making.append(desk(asker))
    found = asker.lay(*making)
    for role, (title, links) in _ADMINISTRATION.items():
        if actor.seats_as(role):
            found.append(Desk(role, title, links=links))
    return found


def _by_unit(seats: tuple[Seat, ...]) -> list[Seat]:
    return list({seat.unit_id: seat for seat in reversed(seats)}.values())[::-1]


# -- the office --------------------------------------------------------------------------------


def _coordinator(asker: Asker, seat: Seat, *, named: bool) -> Making:
    mine = Filters(office_id=seat.unit_id)
    tiles: tuple[Asked, ...] = (
        ("待受理", mine.with_(state="registered"), ""),
        ("待交办", mine.with_(state="accepted"), ""),
        ("待裁定", mine.with_(view="to_rule"), "yellow"),
        ("待审核", mine.with_(state="answered"), ""),
        ("待回访", mine.with_(state="reviewed"), ""),
        ("待销号", mine.with_(state="confirmed"), ""),
        ("今日到期", mine.with_(light="today"), "yellow"),
        ("超期", mine.with_(light="red"), "red"),
        ("应报未报", mine.with_(view="reports_owed"), "red"),
    )
    waiting = mine.with_(view="office_turn")
    to_rule = mine.with_(view="to_rule")
    recurred = mine.with_(view="recurred", sort="registered")
    unendorsed = mine.with_(view="unendorsed")
    hold_due, follow_up = mine.with_(view="hold_due"), mine.with_(view="follow_up")
    instructed = mine.with_(view="replies_due")
    # Only where there are such units at all.
    offline = [mine.with_(view="on_behalf")] if directory().offline else []
    asker.count(*(filters for _, filters, _ in tiles), waiting, recurred, unendorsed, *offline)
    asker.count(hold_due, follow_up, instructed)
    yield
    asker.read(waiting, 12)
    for filters in offline:
        asker.read(filters, 8, acts=ON_BEHALF)
    asker.read(to_rule, 5, acts=RULINGS)
    asker.read(recurred, 4, acts=("reopen",))
    asker.read(unendorsed, 4, acts=())
    asker.read(hold_due, 4, acts=("review_hold",))
    asker.read(follow_up, 4, acts=("note_reply",))
    asker.read(instructed, 4, acts=())
    yield
    turn = asker.block(
        "office-turn",
        "待办公室办理",
        waiting,
        wide=True,
        empty="没有等待办公室办理的诉求。",
    )
    aside = [
        asker.block("recurred", "再次反映（建议撤销销号）", recurred, kind="brief"),
        asker.block("unendorsed", "待追认", unendorsed, kind="brief"),
        asker.block("hold-due", "挂账待复核", hold_due, kind="brief"),
        asker.block("follow-up", "对外联系待跟进", follow_up, kind="brief", timed=False),
        asker.block("replies-due", "批示待落实", instructed, kind="brief"),
    ]
    behalf = [
        asker.block("on-behalf", "线下单位待代录", filters, wide=True) for filters in offline
    ]
    alarms = []
    closers = closers_of(seat.region_code, asker.day)
    if closers < ENOUGH_CLOSERS:
        alarms.append(
            f"本办公室的销号审批人现有{closers}人，不足{ENOUGH_CLOSERS}人：遇到回避将无人可以销号，"
            "请联系安全管理员增设“销号审批人”岗位。"
        )
    title = f"交办员 · {seat.unit_name}" if named else "交办员"
    first = [_rulings(asker, "to-rule", "待裁定（退单、延期、挂账）", to_rule)]
    blocks = [*(block for block in first if block.count), turn]
    blocks += [block for block in (*behalf, *aside) if block.count]
    links = [SHEETS] if any(block.count for block in behalf) else []
    return Desk("coordinator", title, asker.tiles(tiles), blocks, alarms, links)


SHEETS = ("线下反馈表", "/imports/?kind=feedback", "导出承办单位反馈表，线下单位填回后核对录入")


RULINGS = ("rule_return", "rule_extension", "rule_hold")
RULINGS_BELOW = ("rule_child_return", "rule_child_extension")


def _rulings(
    asker: Asker, key: str, title: str, filters: Filters, acts: tuple[str, ...] = RULINGS
) -> Block:
    shown = [row.id for row in asker.rows(filters)]
    limits = pressing(shown, asker.at, *acts)
    return asker.block(key, title, filters, kind="rule", limits=limits, wide=True)


def closers_of(region_code: str, day: date) -> int:
    """How many persons hold a closer's post over an office of that region."""
    return directory().keep(("closers", region_code, day), lambda: _closers_of(region_code, day))


def _closers_of(region_code: str, day: date) -> int:
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


def _closer(asker: Asker) -> Making:
    mine, barred, doubtful = (
        Filters(view="to_close"), Filters(view="others_close"), Filters(view="to_uphold")
    )  # fmt: skip
    asker.count(mine, barred, doubtful)
    yield
    asker.read(mine, 10, acts=("close",))
    asker.read(barred, 5, acts=())
    asker.read(doubtful, 5, acts=("uphold",))
    yield
    to_close = asker.block(
        "to-close", "待我销号", mine, wide=True,
        empty="没有等待您销号的诉求。",
    )  # fmt: skip
    others = asker.block(
        "others-close",
        "待他人销号（我须回避）",
        barred,
        kind="barred",
        reasons=refusals(facts_of(asker.rows(barred), asker.at), asker.actor, "close"),
    )
    aside = (others, _to_uphold(asker, doubtful))
    return Desk("closer", "销号审批人", blocks=[to_close, *(b for b in aside if b.count)])


def _to_uphold(asker: Asker, filters: Filters) -> Block:
    return asker.block("to-uphold", "待认定", filters, kind="brief")


def _duty(asker: Asker) -> Making:
    urgent = Filters(view="duty")
    asker.count(urgent)
    yield
    asker.read(urgent, 10, acts=("accept", "assign"))
    yield
    critical = asker.block(
        "duty",
        "特急待受理、待交办",
        urgent,
        wide=True,
        empty="没有等待受理、交办的特急诉求。",
    )
    return Desk("duty_officer", "值班员", blocks=[critical], links=[AFTER])


AFTER = ("先处置后补录", "/appeals/new/after", "已在电话中处置的特急诉求，一次补录")


# -- a unit ------------------------------------------------------------------------------------


def _unit(asker: Asker, seat: Seat) -> Making:
    mine = Filters(unit_id=seat.unit_id)
    to_sign, in_hand = mine.with_(view="to_sign"), mine.with_(view="in_hand")
    tiles: tuple[Asked, ...] = (
        ("待签收", to_sign, ""),
        ("临期", mine.with_(view="at_unit", light="yellow"), "yellow"),
        ("超期", mine.with_(view="at_unit", light="red"), "red"),
        ("退回重报", mine.with_(view="sent_back"), "yellow"),
        ("应报未报", mine.with_(view="owes_report"), "red"),
        ("办理中", in_hand, ""),
    )
    heads = any(s.unit_id == seat.unit_id for s in asker.actor.seats_as("unit_lead"))
    to_sign_off = mine.with_(view="to_sign_off")
    to_rule, own_due = mine.with_(view="rule_below"), mine.with_(view="own_due")
    instructed = Filters(view="to_reply", unit_id=seat.unit_id)
    asker.count(*(filters for _, filters, _ in tiles), to_rule, own_due, instructed)
    asker.count(*([to_sign_off] if heads else []))
    yield
    if asker.number(own_due):
        tiles = (*tiles, ("协办、转办将到期", own_due, "yellow"))
    asker.read(to_rule, 5, acts=RULINGS_BELOW)
    if heads:
        asker.read(to_sign_off, 5, acts=("sign_off",))
    if heads and (directory().units[seat.unit_id].needs_sign_off or asker.number(to_sign_off)):
        tiles = (("待我审签", to_sign_off, "yellow"), *tiles)
    first, then = ("sign_for",), ("answer", "progress")
    asker.read(instructed, 5, acts=())
    asker.read(to_sign, 5, acts=first)
    asker.read(in_hand, 10, acts=then)
    yield
    read = [*asker.rows(to_sign), *asker.rows(in_hand)]
    is_cut = len(read) < asker.number(to_sign) + asker.number(in_hand)
    may_assist = is_cut or any(row.lead_unit_id != seat.unit_id for row in read)
    assisting = assisting_of(seat.unit_id, asker.at) if may_assist else {}
    signing = {i: own for i, own in assisting.items() if not own.taken}
    handling = {i: own for i, own in assisting.items() if own.taken}
    asker.bring_forward(to_sign, signing, 5, first)
    asker.bring_forward(in_hand, handling, 10, then)
    blocks = []
    if asker.number(to_rule):
        title = "待裁定（下级退单、延期）"
        blocks.append(_rulings(asker, "to-rule", title, to_rule, RULINGS_BELOW))
    if heads and asker.number(to_sign_off):
        blocks.append(asker.block("to-sign-off", "待我审签", to_sign_off, wide=True))
    if asker.number(instructed):
        blocks.append(asker.block("to-reply", "待办批示", instructed, kind="instructed", wide=True))
    if asker.number(to_sign):
        blocks.append(
            asker.block(
                "to-sign",
                "待签收",
                to_sign,
                kind="sign",
                limits=sign_by(seat.unit_id, [row.id for row in asker.rows(to_sign)], asker.at),
                assisting=signing,
                wide=True,
            )
        )
    blocks.append(
        asker.block(
            "in-hand",
            "办理中",
            in_hand,
            assisting=handling,
            wide=True,
            empty="没有正在办理的诉求。",
        )
    )
    return Desk("unit", seat.unit_name, asker.tiles(tiles), blocks)


def _office_as_unit(asker: Asker, seat: Seat) -> Making:
    """An office may itself be the unit that was asked (层层交办)."""
    held = Filters(view="at_unit", unit_id=seat.unit_id)
    instructed = Filters(view="to_reply", unit_id=seat.unit_id)
    asker.count(held, instructed)
    yield
    found: list[Desk] = []
    if asker.number(held) or asker.number(instructed):
        own = Asker(asker.actor, asker.at)
        found = own.lay(_unit(own, seat))
    yield
    return found[0] if found else None


# -- liaison and operator ----------------------------------------------------------------------


def _liaison(asker: Asker) -> Making:
    size = 5
    supplement, call, tell = (
        Filters(view="to_supplement"), Filters(view="to_call"), Filters(view="to_tell")
    )  # fmt: skip
    asker.count(supplement, call, tell)
    yield
    asker.read(supplement, size, acts=("supplement",))
    asker.read(call, size, acts=("call_back",))
    asker.read(tell, size, acts=("tell",))
    yield
    return Desk(
        "liaison",
        "服务联络员",
        blocks=[
            asker.block(
                "to-supplement",
                "待我补充",
                supplement,
                kind="brief",
                empty="没有需要您补充的诉求。",
            ),
            asker.block(
                "to-call",
                "待我回访",
                call,
                kind="brief",
                empty="没有需要您回访的诉求。",
            ),
            asker.block(
                "to-tell",
                "已答复待告知企业",
                tell,
                kind="brief",
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
        cap=COUNT_CAP,
        empty="还没有安排由您联系的企业。",
    )


def _operator(asker: Asker) -> Making:
    filters = Filters(view="to_call")
    asker.count(filters)
    yield
    asker.read(filters, 12, acts=("call_back",))
    yield
    shown = [row.id for row in asker.rows(filters)]
    numbers = db.session.execute(select(Appeal.id, Appeal.phone).where(Appeal.id.in_(shown)))
    block = asker.block(
        "to-call-by-phone",
        "待回访",
        filters,
        kind="calls",
        phones={row.id: phones.mask(row.phone) for row in numbers if row.phone},
        wide=True,
        empty="没有需要回访的诉求。",
    )
    return Desk("operator", "热线话务员", blocks=[block])


# -- above -------------------------------------------------------------------------------------


def _supervisor(asker: Asker) -> Making:
    late = Filters(light="red")
    tiles: tuple[Asked, ...] = (
        ("超期", late, "red"),
        ("今日到期", Filters(light="today"), "yellow"),
        ("临期", Filters(light="yellow"), "yellow"),
        ("应报未报", Filters(view="reports_owed"), "red"),
        ("待签收", Filters(state="unsigned"), ""),
        ("特急未结", Filters(state="open", urgency="critical"), "red"),
    )
    asker.count(*(filters for _, filters, _ in tiles), cap=COUNT_CAP)
    yield
    block = _late(asker, late)
    yield
    return Desk("supervisor", "督查员", asker.tiles(tiles, COUNT_CAP), [block])


def _late(asker: Asker, late: Filters) -> Block:
    actor, at = asker.actor, asker.at
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
    return Block(
        "late",
        "超期",
        kind="late",
        filters=late,
        at=at,
        rows=rows,
        count=asker.number(late, COUNT_CAP),
        cap=COUNT_CAP,
        held=held,
        units=[
            (row.short_name or row.name, row.late,
             _url(late.with_(lead_unit_id=row.id, state="assigned")))
            for row in by_unit
        ],
        wide=True,
        empty="没有超期的诉求。",
    )  # fmt: skip


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


def _manager(asker: Asker) -> Making:
    today = asker.day
    to_approve = Filters(view="to_approve")
    tiles: tuple[Asked, ...] = (
        ("今日新增", Filters(since=today, until=today, sort="registered"), ""),
        ("今日销号", Filters(closed_on=today, sort="registered"), ""),
        ("在办", Filters(state="open"), ""),
        ("超期", Filters(light="red"), "red"),
        ("特急未结", Filters(state="open", urgency="critical"), "red"),
        ("待审批延期", to_approve, "yellow"),
        ("领导批办件", Filters(state="open", view="instructed"), ""),
    )
    oldest, doubtful = Filters(state="open", sort="oldest"), Filters(view="to_uphold")
    coordination = Filters(view="coordination")
    asker.count(*(filters for _, filters, _ in tiles), oldest, cap=COUNT_CAP)
    asker.count(doubtful, to_approve, coordination)
    yield
    asker.read(to_approve, 5, acts=("rule_extension",))
    asker.read(coordination, 8, acts=("confer",))
    asker.read(oldest, 10, acts=(), cap=COUNT_CAP)
    asker.read(doubtful, 5, acts=("uphold",))
    yield
    block = asker.block(
        "oldest",
        "最老十件",
        oldest,
        kind="oldest",
        cap=COUNT_CAP,
        wide=True,
        empty="没有在办的诉求。",
    )
    first = _rulings(asker, "to-approve", "待审批延期", to_approve)
    aside = _to_uphold(asker, doubtful)
    before = _before_leaders(asker, coordination)
    tops = [one for one in (before, first) if one.count]
    blocks = [*tops, block, *([aside] if aside.count else [])]
    return Desk("manager", "领导", asker.tiles(tiles, COUNT_CAP), blocks)


def _before_leaders(asker: Asker, filters: Filters) -> Block:
    """With the difficulty of each, which no list carries."""
    shown = [row.id for row in asker.rows(filters)]
    words = difficulties(shown) if shown else {}
    return asker.block(
        "coordination", "提请协调", filters, kind="coordination", reasons=words, wide=True
    )


_OTHERS: dict[str, Callable[[Asker], Making]] = {
    "liaison": _liaison,
    "operator": _operator,
    "supervisor": _supervisor,
    "manager": _manager,
}

_ADMINISTRATION: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "system_admin": (
        "系统管理员",
        (
            ("单位", "/units/", "新增、修改、停用单位，维护联系人和值班电话"),
            ("人员", "/people/", "新增、修改、停用人员，重置密码"),
            ("导入名册", "/people/roster", "由工作簿导入单位和人员"),
            ("时限版本", "/deadlines/limits/", "发布办理时限的新版本，查看发布记录"),
            ("时限日历", "/deadlines/", "维护放假、调休和地方放假，公布年度安排"),
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
