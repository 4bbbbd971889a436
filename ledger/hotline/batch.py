"""诉求批量登记: a list from a visit or a meeting, each row an appeal registered by its bearer.

The rows go through the same verb and under the same rules as one registered by page; nothing is
accepted, closed or dated back. A row is known by the digest of appellant, text and the day it was
received, so that a list which grows from week to week can be sent again whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from .. import sheets
from ..appeals import lifecycle
from ..appeals.intake import Registration, title_of
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..appeals.plates import PlateError
from ..appeals.plates import read as read_plates
from ..catalogue.queries import catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from ..config import SHANGHAI
from ..db import db, now
from ..firms import names, phones
from ..firms.models import Firm
from ..people.actor import Actor, Seat
from ..people.models import Unit
from .intake import Standing, Unusable
from .orders import matter_digest
from .taking import FirmsNamed, NoSuchChannel
from .values import Reads, by_hand, categories_by_name
from .values import fold as _fold

COLUMNS: sheets.Columns = {
    "appellant": (
        "诉求主体", "企业名称", "企业（诉求人）", "诉求企业", "诉求人", "单位名称", "企业",
        "公司名称", "企业全称", "走访企业", "参会企业", "反映人",
    ),
    "type": ("主体类型", "诉求主体类型"),
    "uscc": ("统一社会信用代码", "信用代码", "社会信用代码"),
    "contact": ("联系人", "企业联系人", "联系人姓名"),
    "phone": ("联系电话", "电话", "联系方式", "手机", "手机号", "手机号码", "企业联系电话"),
    "content": (
        "诉求内容", "问题描述", "反映问题", "企业诉求", "存在问题", "主要诉求", "问题诉求", "内容",
        "诉求事项", "具体问题", "问题及诉求", "意见建议",
    ),
    "title": ("诉求标题", "标题", "问题标题", "事项名称"),
    "wish": ("诉求人期望", "期望", "企业期望", "具体建议", "希望解决的事项"),
    "kind": ("诉求类型", "类型"),
    "category": ("诉求类别", "类别", "问题类别", "问题类型"),
    "urgency": ("紧急程度", "缓急程度", "紧急级别"),
    "channel": ("来源渠道", "来源", "诉求来源", "收集渠道", "反映渠道", "渠道"),
    "received": (
        "收到日期", "收到时间", "走访日期", "走访时间", "座谈日期", "座谈时间", "会议日期",
        "会议时间", "反映日期", "反映时间", "收集日期", "收集时间", "日期", "接收时间",
    ),
    "place": ("地点", "堵点位置", "地址", "位置", "发生地点"),
    "plates": ("车牌号", "车牌", "车牌号码", "涉及车辆"),
    "stranded": ("车辆是否滞留", "是否滞留", "车辆滞留"),
    "complained_unit": ("被反映单位", "涉及单位", "涉及部门"),
    "industry": ("所属行业", "行业", "行业类别"),
    "chain": ("所属产业链", "产业链"),
    "confidential": ("是否保密", "是否要求保密", "保密"),
}  # fmt: skip

SOURCE = "batch"
"""With the office's id, whose numbers the keys of rows are."""

_LONGEST = 5000
_YES = {"是", "√", "要求保密", "保密", "滞留", "y", "yes", "1", "true"}
_NO_NUMBER = {"": "none", "未留": "none", "没有": "none", "不详": "none", "保密": "withheld"}
_UNNAMED = ("anonymous", "unverified")
_FIRMS = ("firm", "sole_trader")
_CHANNEL_WORDS = (("走访", "visit"), ("座谈", "visit"), ("会议", "visit"), ("联络员", "visit"))
"""What a list calls its source where no channel has that name."""


@dataclass(frozen=True)
class BatchRow:
    """One row understood."""

    known: Registration
    received_day: str
    """As the row says it; '' where it says none."""

    @property
    def key(self) -> str:
        known = self.known
        who = names.fold(known.appellant_name) or known.uscc
        whole = f"{who}|{self.matter}|{self.received_day}"
        return hashlib.sha256(whole.encode()).hexdigest()[:40]

    @property
    def matter(self) -> str:
        return matter_digest(self.known.title, self.known.content)

    @property
    def words(self) -> str:
        name = self.known.appellant_name or self.known.uscc
        return f"{name}：{self.known.title or title_of(self.known.content)}"

    @property
    def text(self) -> dict[str, str]:
        return {"title": self.known.title, "content": self.known.content}


def registering_seat(actor: Actor) -> Seat | None:
    """The post under which `actor` may register appeals; None where he may not."""
    verdict = lifecycle.may("register", None, actor)
    return verdict.seat if verdict else None


channels_by_hand = by_hand


class Batch:
    """Rows of a list. What a row leaves open as to its channel, the upload or the command says."""

    code = "batch"
    columns = COLUMNS
    required: tuple[str, ...] = ("content",)
    together = True

    def __init__(self, channel: str, office_id: int) -> None:
        """`channel`: '' where each row must name its own. Raises NoSuchChannel."""
        self.channels = channels_by_hand()
        if channel and channel not in self.channels:
            raise NoSuchChannel(
                f"渠道“{channel}”不能用于批量登记，可用的有："
                + "、".join(f"{code}（{name}）" for code, name in self.channels.items())
            )
        self.channel = channel
        self.office_id = office_id
        self.source = f"{SOURCE}:{office_id}"
        self.book = catalogue()
        self.categories = categories_by_name(self.book)
        self.office: Unit | None = None
        self.firms = FirmsNamed()
        self.valued: Mapping[str, Reads] = {
            "type": lambda text: _is_one_of(text, APPELLANT_TYPES),
            "kind": lambda text: _is_one_of(text, KINDS),
            "urgency": lambda text: _is_one_of(text, URGENCIES),
            "category": lambda text: _fold(text) in self.categories,
            "channel": self._reads_channel,
        }

    def _reads_channel(self, text: str) -> bool:
        """Also one that is refused: that a hotline's orders go in otherwise is no question."""
        told = _fold(text)
        return (
            _is_one_of(text, self.channels)
            or any(
                known.source_system and (known.code in told or told == _fold(known.name))
                for known in self.book.channels.values()
            )
            or any(word in told and code in self.channels for word, code in _CHANNEL_WORDS)
        )

    def understand(self, row: sheets.Row) -> BatchRow:
        """Raises Unusable."""
        cells = row.cells
        content, title = cells.get("content", "").strip(), _line(cells, "title", 60)
        if not content and not title:
            raise Unusable("缺少诉求内容")
        if len(content) > _LONGEST:
            raise Unusable(f"诉求内容有{len(content)}个字，超过{_LONGEST}个字")
        received = _received(cells)
        stranded = _told(cells, "stranded") in _YES
        name, kind_of = self._appellant(cells)
        phone, phone_given = _phone(cells)
        known = Registration(
            appellant_name=name,
            appellant_type=kind_of,
            content=content or title,
            title=title,
            channel=self._channel(cells),
            received_at=received or now(),
            kind=_chosen(cells, "kind", KINDS, "help"),
            urgency="critical" if stranded else _chosen(cells, "urgency", URGENCIES, "normal"),
            category_id=self._category(cells),
            uscc=_uscc(cells),
            industry=_line(cells, "industry", 100),
            chain=_line(cells, "chain", 100),
            confidential=_told(cells, "confidential") in _YES,
            real_name=kind_of != "anonymous",
            contact_name=_line(cells, "contact", 100),
            phone_given=phone_given,
            phone=phone or None,
            wish=_text(cells, "wish", 2000),
            place=_line(cells, "place", 200),
            plates=_plates(cells),
            stranded=stranded,
            complained_unit=_line(cells, "complained_unit", 200),
        )
        day = f"{received.astimezone(SHANGHAI):%Y-%m-%d}" if received else ""
        return BatchRow(known, day)

    def known(self, items: Sequence[BatchRow]) -> dict[str, Standing]:
        keys = sorted({item.key for item in items})
        if not keys:
            return {}
        found = db.session.scalars(
            select(ExternalOrder).where(
                ExternalOrder.source_system == self.source, ExternalOrder.order_number.in_(keys)
            )
        )
        standing = {o.order_number: Standing(o.matter_digest, o.appeal_id) for o in found}
        return {**self._under_other_names(items), **standing}

    def _under_other_names(self, items: Sequence[BatchRow]) -> dict[str, Standing]:
        """Rows whose code the register has under another name: a person must say who is meant."""
        codes = {i.known.uscc for i in items if i.known.uscc and i.known.appellant_type in _FIRMS}
        if not codes:
            return {}
        named = select(Firm.uscc, Firm.name, Firm.name_folded).where(Firm.uscc.in_(sorted(codes)))
        firms = {row.uscc: row for row in db.session.execute(named)}
        found = {}
        for item in items:
            firm = firms.get(item.known.uscc)
            name = names.fold(item.known.appellant_name)
            if firm is not None and name and name != firm.name_folded:
                found[item.key] = Standing(
                    matter="",
                    clash=f"统一社会信用代码{firm.uscc}已登记在“{firm.name}”名下，与所填名称不一致",
                )
        return found

    def prepare(self, items: Sequence[BatchRow]) -> None:
        self.office = db.session.get_one(Unit, self.office_id)
        self.firms.load([(i.known.appellant_name, i.known.uscc) for i in items])

    def bring(self, item: BatchRow, *, by: Actor, at: datetime) -> Standing:
        assert self.office is not None, "prepare() comes first"
        firm = self._firm(item.known)
        order = ExternalOrder(
            source_system=self.source,
            order_number=item.key,
            sub_number="",
            state="open",
            received_at=item.known.received_at,
            matter_digest=item.matter,
        )
        appeal = Appeal.register(
            _linked(item.known, firm, self.office.region_code, at),
            office=self.office,
            by=by,
            at=at,
            firm=firm,
            external_orders=[order],
        )
        return Standing(item.matter, appeal.id)

    def _firm(self, known: Registration) -> Firm | None:
        """The one firm of exactly this code or, without a code, of exactly this name."""
        if known.appellant_type not in _FIRMS:
            return None
        if not known.uscc:
            firm = self.firms.named(known.appellant_name, "")
            return firm if firm is not None and firm.active else None
        return self.firms.named("", known.uscc)

    def _appellant(self, cells: Mapping[str, str]) -> tuple[str, str]:
        name = _line(cells, "appellant", 200)
        kind_of = _chosen(cells, "type", APPELLANT_TYPES, "firm")
        if names.fold(name) or cells.get("uscc"):
            return name, kind_of
        if kind_of not in _UNNAMED:
            raise Unusable("缺少诉求主体；暂不清楚的，“主体类型”填“待核实”")
        return APPELLANT_TYPES[kind_of], kind_of

    def _channel(self, cells: Mapping[str, str]) -> str:
        told = _told(cells, "channel")
        if not told:
            if not self.channel:
                raise Unusable("缺少来源渠道；可在这一列填写，或在导入时选定")
            return self.channel
        by_word = {_fold(name): code for code, name in self.channels.items()}
        if found := by_word.get(told) or (told if told in self.channels else ""):
            return found
        for known in self.book.channels.values():
            if known.source_system and (known.code in told or told == _fold(known.name)):
                raise Unusable(f"“{known.name}”的工单有编号，请按热线工单导入")
        for word, code in _CHANNEL_WORDS:
            if word in told and code in self.channels:
                return code
        raise Unusable(_not_one_of("来源渠道", cells["channel"], self.channels.values()))

    def _category(self, cells: Mapping[str, str]) -> int | None:
        told = _told(cells, "category")
        if not told:
            return None
        if told not in self.categories:
            raise Unusable(
                f"诉求类别“{_short(cells['category'])}”不在类别表中；"
                "请按模板中的选项填写，暂不确定的可留空"
            )
        return self.categories[told]


def _linked(known: Registration, firm: Firm | None, region_code: str, at: datetime) -> Registration:
    """As registering by page completes it from the firm that was found."""
    made = replace(known, region_code=region_code, received_at=min(known.received_at, at))
    if firm is None:
        return replace(made, appellant_name=known.appellant_name or known.uscc)
    return replace(
        made,
        appellant_name=firm.name,
        uscc=known.uscc or firm.uscc or "",
        industry=known.industry or firm.industry,
        chain=known.chain or firm.chain,
        white_list=firm.white_list,
    )


def _is_one_of(text: str, words: Mapping[str, str]) -> bool:
    told = _fold(text)
    return any(told in (_fold(word), code) for code, word in words.items())


def _told(cells: Mapping[str, str], name: str) -> str:
    return _fold(cells.get(name, ""))


def _text(cells: Mapping[str, str], name: str, longest: int) -> str:
    value = cells.get(name, "")
    if len(value) > longest:
        raise Unusable(f"“{COLUMNS[name][0]}”有{len(value)}个字，超过{longest}个字")
    return value


def _line(cells: Mapping[str, str], name: str, longest: int) -> str:
    return " ".join(_text(cells, name, longest).split())


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 30 else f"{text[:30]}…"


def _not_one_of(title: str, text: str, words: Iterable[str]) -> str:
    return f"{title}“{_short(text)}”不在可选范围内，可填：{'、'.join(words)}"


def _chosen(cells: Mapping[str, str], name: str, words: Mapping[str, str], default: str) -> str:
    told = _told(cells, name)
    if not told:
        return default
    for code, word in words.items():
        if told in (_fold(word), code):
            return code
    raise Unusable(_not_one_of(COLUMNS[name][0], cells[name], words.values()))


def _uscc(cells: Mapping[str, str]) -> str:
    try:
        return names.clean_uscc(cells.get("uscc", "")) or ""
    except names.UsccError as error:
        raise Unusable(str(error)) from error


def _phone(cells: Mapping[str, str]) -> tuple[str, str]:
    """The number and what is known of it: given, withheld, none. Raises Unusable."""
    told = cells.get("phone", "").strip()
    if told in _NO_NUMBER:
        return "", _NO_NUMBER[told]
    try:
        return phones.normalise(told), "given"
    except phones.PhoneError as error:
        raise Unusable(f"联系电话：{error}") from error


def _plates(cells: Mapping[str, str]) -> str:
    try:
        return " ".join(read_plates(cells.get("plates", "")))
    except PlateError as error:
        raise Unusable(f"车牌号：{error}") from error


def _received(cells: Mapping[str, str]) -> datetime | None:
    try:
        found = sheets.moment(cells.get("received", ""))
    except sheets.BadCell as error:
        raise Unusable(f"收到日期：{error}") from error
    if found is not None and found > now():
        raise Unusable(f"收到日期“{cells['received']}”在将来，请核对")
    return found
