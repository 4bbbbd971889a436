"""An office's own old ledger as a kind of import: 期初导入.

Closed rows arrive closed (已销号（期初）), open ones registered or, where their unit is named,
assigned; original dates and the whole original row stay in the entry (design §3, carry over).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_

from .. import sheets
from ..appeals.intake import Registration, title_of
from ..appeals.models import Appeal
from ..appeals.opening import Carried
from ..appeals.parts import ExternalOrder
from ..appeals.plates import PlateError
from ..appeals.plates import read as read_plates
from ..appeals.record import Invalid
from ..catalogue.queries import Catalogue, catalogue
from ..catalogue.words import URGENCIES
from ..db import db, now
from ..firms import names, phones
from ..people.actor import Actor
from ..people.models import Unit
from ..people.regions import covers
from .intake import Standing, Unusable
from .orders import matter_digest
from .taking import FirmsNamed
from .values import Reads

COLUMNS: sheets.Columns = {
    "number": ("台账编号", "编号", "诉求编号", "台账号", "登记编号", "事项编号", "问题编号"),
    "registered": (
        "登记日期", "登记时间", "受理日期", "受理时间", "收到时间", "收到日期", "反映日期",
        "反映时间", "上报时间", "上报日期", "日期", "提出时间", "来电时间",
    ),
    "channel": ("来源", "诉求来源", "来源渠道", "反映渠道", "渠道", "问题来源", "收集渠道"),
    "external": (
        "外部工单号", "工单编号", "12345工单编号", "12328工单编号", "热线工单号", "工单号",
    ),
    "firm": (
        "企业名称", "企业（诉求人）", "企业(诉求人)", "诉求企业", "诉求主体", "企业", "单位名称",
        "企业全称", "诉求人", "公司名称",
    ),
    "uscc": ("统一社会信用代码", "信用代码", "社会信用代码"),
    "industry": ("行业", "所属行业", "行业类别"),
    "chain": ("产业链", "所属产业链"),
    "contact": ("联系人", "企业联系人", "联系人姓名"),
    "phone": ("联系电话", "电话", "联系方式", "手机", "企业联系电话", "联系人电话"),
    "category": ("诉求类别", "类别", "问题类型", "堵点类型", "诉求类型", "问题类别"),
    "place": ("堵点位置", "地点", "地址", "位置", "发生地点"),
    "plates": ("涉及车辆", "车牌号", "车牌", "车牌号码"),
    "title": ("诉求标题", "标题", "事项名称", "问题标题"),
    "content": (
        "诉求内容", "问题描述", "反映问题", "企业诉求", "存在问题", "主要诉求", "问题诉求", "内容",
        "诉求事项", "具体问题", "问题及诉求", "诉求摘要",
    ),
    "urgency": ("紧急程度", "缓急程度", "紧急级别"),
    "unit": (
        "主办单位", "承办单位", "责任单位", "牵头单位", "办理单位", "主办", "责任部门", "承办部门",
        "牵头部门",
    ),
    "handler": ("经办人", "责任人", "经办人及电话", "承办人", "责任人/电话", "责任人及电话"),
    "assigned": ("交办日期", "交办时间", "转办日期", "转办时间", "派单时间"),
    "progress": ("办理进展", "进展情况", "办理情况", "当前进展", "工作进展"),
    "result": ("办理结果", "最终结果", "处理结果", "落实情况", "解决情况说明"),
    "answered": ("办结日期", "办结时间", "完成时间", "完成日期", "解决时间"),
    "solved": ("是否解决", "解决情况"),
    "satisfaction": ("满意度", "是否满意", "满意情况", "企业评价"),
    "closed": ("销号日期", "销号时间"),
    "status": (
        "是否销号", "销号情况", "状态", "办理状态", "当前状态", "是否办结", "办结情况", "是否完成",
    ),
}  # fmt: skip

_CLOSED = ("已销号", "销号", "已办结", "办结", "已完成", "完成", "是", "√", "y", "yes")
_NOT = ("未", "否", "没", "不", "待", "在办", "办理中", "x", "×")

CHANNELS: tuple[tuple[str, str], ...] = (
    ("12345", "12345"),
    ("12328", "12328"),
    ("走访", "visit"),
    ("联络员", "visit"),
    ("商请", "letter"),
    ("批示", "instruction"),
    ("领导", "instruction"),
    ("上级", "superior"),
    ("舆情", "opinion"),
    ("网络", "opinion"),
    ("窗口", "window"),
    ("来访", "window"),
    ("值班", "duty_line"),
    ("电话", "duty_line"),
    ("企业", "portal"),
)


@dataclass(frozen=True)
class OldRow:
    """One row of an old ledger, understood."""

    number: str
    registered_at: datetime | None
    assigned_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    is_closed: bool
    channel_words: str
    external: str
    firm: str
    uscc: str
    industry: str
    chain: str
    contact: str
    phone: str
    category: str
    place: str
    plates: str
    title: str
    content: str
    urgency: str
    unit: str
    handler: str
    progress: str
    result: str
    solved: str
    satisfaction: str
    whole: str

    @property
    def key(self) -> str:
        """Its own number; without one, the firm, the day and the matter together."""
        if self.number:
            return self.number
        day = self.registered_at.date().isoformat() if self.registered_at else ""
        same = f"{names.fold(self.firm)}|{day}|{self.matter}"
        return "无编号" + hashlib.sha256(same.encode()).hexdigest()[:32]

    @property
    def matter(self) -> str:
        return matter_digest(self.title, self.content)

    @property
    def words(self) -> str:
        return self.number or (self.title or title_of(self.content))

    @property
    def text(self) -> dict[str, str]:
        return {"title": self.title, "content": self.content}


def understand(row: sheets.Row) -> OldRow:
    """Raises Unusable."""
    cells = row.cells
    content, title = cells.get("content", ""), _line(cells, "title", 200)
    if not content and not title:
        raise Unusable("缺少诉求内容")
    if len(content) > 20_000:
        raise Unusable(f"诉求内容有{len(content)}个字，超过20000个字")
    moments = {
        name: _moment(cells, name, words)
        for name, words in (
            ("registered", "登记日期"),
            ("assigned", "交办日期"),
            ("answered", "办结日期"),
            ("closed", "销号日期"),
        )
    }
    uscc = cells.get("uscc", "")
    if uscc:
        try:
            uscc = names.clean_uscc(uscc) or ""
        except names.UsccError as error:
            raise Unusable(f"统一社会信用代码有误：{error}") from error
    try:
        phone = phones.normalise(cells.get("phone", ""))
    except phones.PhoneError:
        phone = ""  # whatever stood there stays in the whole row
    try:
        plates = " ".join(read_plates(cells.get("plates", "")))
    except PlateError:
        plates = ""
    return OldRow(
        number=_line(cells, "number", 64),
        registered_at=moments["registered"],
        assigned_at=moments["assigned"],
        answered_at=moments["answered"],
        closed_at=moments["closed"],
        is_closed=_is_closed(cells, moments["closed"]),
        channel_words=_line(cells, "channel", 200),
        external=_line(cells, "external", 64),
        firm=_line(cells, "firm", 200),
        uscc=uscc,
        industry=_line(cells, "industry", 100),
        chain=_line(cells, "chain", 100),
        contact=_line(cells, "contact", 100),
        phone=phone,
        category=_line(cells, "category", 200),
        place=_line(cells, "place", 200),
        plates=plates,
        title=title,
        content=content or title,
        urgency=_line(cells, "urgency", 40),
        unit=_line(cells, "unit", 200),
        handler=_line(cells, "handler", 100),
        progress=cells.get("progress", ""),
        result=cells.get("result", ""),
        solved=_line(cells, "solved", 40),
        satisfaction=_line(cells, "satisfaction", 40),
        whole=json.dumps(
            {name: value for name, value in (row.as_was or cells).items() if value},
            ensure_ascii=False,
        ),
    )


def _line(cells: Mapping[str, str], name: str, longest: int) -> str:
    value = " ".join(cells.get(name, "").split())
    if len(value) > longest:
        raise Unusable(f"“{COLUMNS[name][0]}”有{len(value)}个字，超过{longest}个字")
    return value


def _moment(cells: Mapping[str, str], name: str, words: str) -> datetime | None:
    try:
        found = sheets.moment(cells.get(name, ""))
    except sheets.BadCell as error:
        raise Unusable(f"{words}：{error}") from error
    if found is not None and found > now():
        raise Unusable(f"{words}“{cells[name]}”在将来，请核对")
    return found


def _is_closed(cells: Mapping[str, str], closed_at: datetime | None) -> bool:
    """A closing date, or a word for it; 未销号 and 待办结 are none."""
    word = unicodedata.normalize("NFKC", cells.get("status", "")).strip().casefold()
    if word:
        if any(part in word for part in _NOT):
            return False
        return any(word.startswith(part) or word.endswith(part) for part in _CLOSED)
    return closed_at is not None


class OldLedgers:
    """Rows of an office's own ledger, known by its number within that office."""

    code = "ledger"
    channel = "carried"
    columns = COLUMNS
    required: tuple[str, ...] = ("content",)
    together = True

    def __init__(self, office_id: int) -> None:
        self.office_id = office_id
        self.source = f"opening:{office_id}"
        self.office: Unit | None = None
        self.firms = FirmsNamed()
        self.units: dict[str, Unit] = {}
        self.taken: set[tuple[str, str]] = set()
        self._unit_names: dict[str, Unit] | None = None
        self.valued: Mapping[str, Reads] = {
            "urgency": lambda text: any(word in text for word in URGENCIES.values()),
            "category": self._reads_category,
            "unit": self._reads_unit,
        }

    def _reads_category(self, text: str) -> bool:
        named = {known.name for known in catalogue().categories.values()}
        return not named.isdisjoint(_split(text.replace("/", "、")))

    def _reads_unit(self, text: str) -> bool:
        if self._unit_names is None:
            self._unit_names = units_by_name(db.session.get_one(Unit, self.office_id))
        return any(names.fold(name) in self._unit_names for name in _split(text))

    def understand(self, row: sheets.Row) -> OldRow:
        return understand(row)

    def known(self, items: Sequence[OldRow]) -> dict[str, Standing]:
        keys = sorted({item.key for item in items})
        if not keys:
            return {}
        found = db.session.scalars(
            select(ExternalOrder).where(
                ExternalOrder.source_system == self.source, ExternalOrder.order_number.in_(keys)
            )
        )
        return {o.order_number: Standing(o.matter_digest, o.appeal_id) for o in found}

    def prepare(self, items: Sequence[OldRow]) -> None:
        self.office = db.session.get_one(Unit, self.office_id)
        self.firms.load([(item.firm, item.uscc) for item in items])
        self.units = units_by_name(self.office)
        pairs = sorted(
            {(source, i.external) for i in items if (source := hotline_of(i)) and i.external}
        )
        self.taken = set()
        if pairs:
            standing = select(ExternalOrder.source_system, ExternalOrder.order_number).where(
                tuple_(ExternalOrder.source_system, ExternalOrder.order_number).in_(pairs)
            )
            self.taken = {(source, number) for source, number in db.session.execute(standing)}

    def bring(self, item: OldRow, *, by: Actor, at: datetime) -> Standing:
        assert self.office is not None, "prepare() comes first"
        book = catalogue()
        unit = self._unit(item)
        orders = [self._order(item, at)]
        if (source := hotline_of(item)) and item.external:
            if (source, item.external) in self.taken:
                raise Invalid("external", f"工单{item.external}已在台账中，请在原件上办理")
            self.taken.add((source, item.external))
            orders.append(
                ExternalOrder(
                    source_system=source,
                    order_number=item.external,
                    sub_number="",
                    state="open",
                    received_at=item.registered_at or at,
                    matter_digest=item.matter,
                )
            )
        since = item.registered_at or item.assigned_at or item.answered_at or item.closed_at or at
        state = "closed" if item.is_closed else ("assigned" if unit else "registered")
        appeal = Appeal.carry_over(
            _registration(item, self.office.region_code, since, book),
            Carried(
                state=state,
                registered_at=since,
                row=item.whole,
                assigned_at=item.assigned_at,
                answered_at=item.answered_at,
                closed_at=item.closed_at,
                handler_name=item.handler,
                outcome=_named(item.result, {o.name: o.code for o in book.outcomes.values()}),
                account="\n".join(part for part in (item.progress, item.result) if part),
                satisfaction=_satisfaction(item.satisfaction),
                solved=_solved(item.solved),
            ),
            office=self.office,
            by=by,
            at=at,
            firm=self.firms.named(item.firm, item.uscc),
            unit=unit,
            external_orders=orders,
        )
        return Standing(item.matter, appeal.id)

    def _order(self, item: OldRow, at: datetime) -> ExternalOrder:
        return ExternalOrder(
            source_system=self.source,
            order_number=item.key,
            sub_number="",
            state="open",
            received_at=item.registered_at or at,
            matter_digest=item.matter,
        )

    def _unit(self, item: OldRow) -> Unit | None:
        """The unit in charge. An open row must name one that exists; a closed one need not."""
        for name in _split(item.unit):
            found = self.units.get(names.fold(name))
            if found is not None:
                return found
        if item.unit and not item.is_closed:
            raise Invalid("unit", f"承办单位“{item.unit}”不在单位表中，请先建立该单位或更正名称")
        return None


def units_by_name(office: Unit) -> dict[str, Unit]:
    """Units of the office's region by folded name, short name, and name without the region's."""
    found: dict[str, Unit] = {}
    units = db.session.scalars(
        select(Unit).where(Unit.active.is_(True), Unit.is_office.is_(False)).order_by(Unit.id)
    )
    top = office.parent.name if office.parent else ""
    for unit in units:
        if not covers(office.region_code, unit.region_code):
            continue
        bare = unit.name.removeprefix(top)
        for name in (unit.name, unit.short_name, bare, f"县{bare}", f"市{bare}"):
            if name:
                found.setdefault(names.fold(name), unit)
    return found


def hotline_of(item: OldRow) -> str:
    """The hotline whose number a row carries, '' for none."""
    words = item.channel_words
    return next((code for code in ("12345", "12328") if code in words), "")


def _registration(item: OldRow, region_code: str, since: datetime, book: Catalogue) -> Registration:
    is_firm = bool(item.firm or item.uscc)
    folded = item.channel_words
    channel = next((code for word, code in CHANNELS if word in folded), "carried")
    categories = {c.name: c.id for c in book.categories.values()}
    wanted = _split(item.category.replace("/", "、"))
    category = next((categories[w] for w in reversed(wanted) if w in categories), None)
    return Registration(
        appellant_name=item.firm or item.uscc or item.contact or "待核实",
        appellant_type="firm" if is_firm else "driver" if item.contact else "unverified",
        content=item.content,
        title=item.title[:60] or title_of(item.content),
        channel=channel if channel in book.channels else "carried",
        received_at=since,
        urgency=_named(item.urgency, {v: k for k, v in URGENCIES.items()}) or "normal",
        category_id=category,
        region_code=region_code,
        uscc=item.uscc,
        industry=item.industry,
        chain=item.chain,
        contact_name=item.contact,
        phone=item.phone or None,
        phone_given="given" if item.phone else "none",
        place=item.place,
        plates=item.plates,
    )


def _split(text: str) -> list[str]:
    for mark in "，,;；/\n（(":
        text = text.replace(mark, "、")
    return [part.strip(" ）)") for part in text.split("、") if part.strip(" ）)")]


def _named(text: str, by_name: Mapping[str, str]) -> str:
    return next((code for name, code in by_name.items() if name and name in text), "")


def _satisfaction(text: str) -> str:
    if "基本" in text:
        return "basically"
    if "不满" in text:
        return "unsatisfied"
    return "satisfied" if "满意" in text else ""


def _solved(text: str) -> str:
    if "部分" in text:
        return "partly"
    if any(word in text for word in ("未", "否", "没")):
        return "unsolved"
    return "solved" if text else ""
