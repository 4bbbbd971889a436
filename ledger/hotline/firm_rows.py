"""A list of firms as a kind of import: each row a firm of the register, never one twice.

A firm is known by its credit code; where the row has none, by its folded name. What the register
already knows of it is left as it stands: a list brings firms in, it corrects none.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from .. import sheets
from ..appeals.record import Invalid, Refused
from ..db import db
from ..firms import names, permissions, phones
from ..firms.models import AlreadyRegistered, Firm
from ..firms.places import region_of
from ..people.actor import Actor, Seat
from ..people.models import Person, Unit
from .intake import Standing, Unusable
from .values import Reads

COLUMNS: sheets.Columns = {
    "name": (
        "企业名称", "单位名称", "公司名称", "企业全称", "名称", "企业", "市场主体名称", "主体名称",
        "经营主体名称", "纳税人名称", "商户名称",
    ),
    "uscc": (
        "统一社会信用代码", "信用代码", "社会信用代码", "统一信用代码", "企业信用代码", "统一代码",
        "统一社会信用代码/注册号", "注册号", "工商注册号", "税号", "纳税人识别号",
    ),
    "province": ("所在省份", "省份", "省", "所属省份"),
    "city": ("所在城市", "城市", "地市", "所属城市", "所在市", "市"),
    "region": (
        "所在地区", "地区", "所属地区", "所属区县", "所在区县", "区县", "县区", "县（市、区）",
        "属地", "行政区划", "行政区划代码", "区划代码", "所属县区", "所在县区",
    ),
    "address": (
        "注册地址", "地址", "企业地址", "住所", "经营地址", "经营场所", "通讯地址", "详细地址",
        "住所地", "企业住所",
    ),
    "industry": ("行业", "所属行业", "行业类别", "行业门类", "行业名称"),
    "chain": ("产业链", "所属产业链", "重点产业链"),
    "white_list": ("白名单", "是否白名单", "白名单企业", "是否白名单企业", "是否列入白名单"),
    "white_list_note": ("白名单批次、文号", "白名单批次", "白名单文号", "批次", "文号"),
    "contact": ("联系人", "企业联系人", "联系人姓名", "负责人", "企业负责人"),
    "contact_title": ("联系人职务", "职务"),
    "phone": (
        "联系电话", "电话", "联系人电话", "企业联系电话", "联系方式", "手机", "手机号", "手机号码",
        "电话号码", "负责人电话",
    ),
    "status": ("登记状态", "经营状态", "企业状态", "存续状态"),
    "founded": ("注册日期", "成立日期", "成立时间", "注册时间"),
    "form": ("企业类型", "市场主体类型", "公司类型"),
    "capital": ("注册资金", "注册资本"),
    "scope": ("经营范围", "主营业务", "主要产品"),
    "note": ("备注", "说明", "备注说明"),
}  # fmt: skip

_IN_NOTE = ("founded", "form", "capital", "scope", "status")
"""What the register has no column for; it stands in the note, each under its own name."""

_LONGEST_NOTE = 2000
_YES = {"是", "√", "有", "y", "yes", "1", "true", "白名单"}
_GONE = ("注销", "吊销", "迁出", "撤销", "歇业")
_BETWEEN = re.compile(r"[、,，;；/\n\s]+")


@dataclass(frozen=True)
class FirmRow:
    """One row understood."""

    name: str
    uscc: str
    region_code: str
    address: str
    industry: str
    chain: str
    white_list: bool
    white_list_note: str
    contacts: tuple[tuple[str, str], ...]
    """Name and number of each."""
    contact_title: str
    note: str
    active: bool

    @property
    def folded(self) -> str:
        return names.fold(self.name)

    @property
    def key(self) -> str:
        return self.uscc or f"名称：{self.folded}"

    @property
    def matter(self) -> str:
        """Of a firm nothing but its name is compared: addresses and telephones change."""
        return _digest(self.folded)

    @property
    def words(self) -> str:
        return f"{self.name}（{self.uscc}）" if self.uscc else self.name

    @property
    def text(self) -> dict[str, str]:
        told = [f"统一社会信用代码：{self.uscc or '未填'}"]
        if self.address:
            told.append(f"地址：{self.address}")
        return {"title": self.name, "content": "\n".join([*told, self.note]).strip()}


def _unsettled(item: FirmRow, other: str) -> Standing:
    """A row with a code whose name stands without it: a person must say which firm it is."""
    return Standing(
        matter="",
        clash=f"{other}，此行代码为{item.uscc}；是同一家的请在企业页补登，不是的请在企业页登记",
    )


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()


def understand(row: sheets.Row, *, near: str) -> FirmRow:
    """A row's cells as a firm; `near` is the office's region. Raises Unusable."""
    cells = row.cells
    name = _line(cells, "name", 200)
    if not names.fold(name):
        raise Unusable("缺少企业名称")
    try:
        uscc = names.clean_uscc(cells.get("uscc", "")) or ""
    except names.UsccError as error:
        raise Unusable(str(error)) from error
    place = "".join(cells.get(part, "") for part in ("province", "city", "region"))
    # A region told whole says its province itself.
    region_code = region_of(cells.get("region", ""), near="") or region_of(place, near=near)
    note = _note(cells, place if not region_code else "")
    return FirmRow(
        name=name,
        uscc=uscc,
        region_code=region_code,
        address=_line(cells, "address", 200),
        industry=_line(cells, "industry", 100),
        chain=_line(cells, "chain", 100),
        white_list=_word(cells, "white_list") in _YES,
        white_list_note=_line(cells, "white_list_note", 200),
        contacts=_contacts(cells),
        contact_title=_line(cells, "contact_title", 100),
        note=note,
        active=not any(word in cells.get("status", "") for word in _GONE),
    )


def _line(cells: Mapping[str, str], name: str, longest: int) -> str:
    value = " ".join(cells.get(name, "").split())
    if len(value) > longest:
        raise Unusable(f"“{COLUMNS[name][0]}”有{len(value)}个字，超过{longest}个字")
    return value


def _word(cells: Mapping[str, str], name: str) -> str:
    return unicodedata.normalize("NFKC", cells.get(name, "")).strip().casefold()


def _note(cells: Mapping[str, str], place: str) -> str:
    lines = [cells.get("note", "")]
    if place:
        lines.append(f"所在地区：{place}")
    lines += [f"{COLUMNS[name][0]}：{cells[name]}" for name in _IN_NOTE if cells.get(name)]
    note = "\n".join(line for line in lines if line)
    if len(note) > _LONGEST_NOTE:
        raise Unusable(f"备注等内容共有{len(note)}个字，超过{_LONGEST_NOTE}个字")
    return note


def _contacts(cells: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Each number with its name; several names stand beside as many numbers."""
    who = _line(cells, "contact", 100)
    numbers = _numbers(cells.get("phone", ""))
    if not numbers:
        return ((who, ""),) if who else ()
    people = [part for part in _BETWEEN.split(who) if part]
    if len(people) != len(numbers):
        people = [who] * len(numbers)
    return tuple(zip(people, numbers, strict=True))


def _numbers(cell: str) -> list[str]:
    """The number of a cell, or its several ones. Raises Unusable."""
    try:
        whole = phones.normalise(cell)
    except phones.PhoneError:
        try:
            several = [phones.normalise(part) for part in _BETWEEN.split(cell)]
        except phones.PhoneError as error:
            raise Unusable(f"联系电话：{error}") from error
        return [number for number in several if number]
    return [whole] if whole else []


def registering_seat(actor: Actor) -> Seat | None:
    """The post under which `actor` may enter firms into the register; None where he may not."""
    return next(iter(actor.seats_as(*sorted(permissions.MAY["register"]))), None)


class FirmRows:
    """Firms of a list, known by credit code or folded name."""

    code = "firms"
    channel = ""
    columns = COLUMNS
    required: tuple[str, ...] = ("name",)
    together = False
    valued: Mapping[str, Reads] = {}

    def __init__(self, office_id: int) -> None:
        region = select(Unit.region_code).where(Unit.id == office_id)
        self.near = db.session.scalars(region).one()
        self.named: dict[str, str] = {}
        """Key → folded name, as the first row of the file has it."""
        self.keyed: dict[str, str] = {}
        """Folded name → key, likewise."""

    def understand(self, row: sheets.Row) -> FirmRow:
        return understand(row, near=self.near)

    def known(self, items: Sequence[FirmRow]) -> dict[str, Standing]:
        """A code or a name that stands in the register; of one name, a row without a code is the
        same firm, a row with another code is for a person to judge."""
        if not items:
            return {}
        codes = sorted({item.uscc for item in items if item.uscc})
        folded = sorted({item.folded for item in items})
        by_code: dict[str, Firm] = {}
        by_name: dict[str, Firm] = {}
        same = or_(Firm.uscc.in_(codes), Firm.name_folded.in_(folded))
        for one in db.session.scalars(select(Firm).where(same).order_by(Firm.id)):
            if one.uscc:
                by_code[one.uscc] = one
            by_name.setdefault(one.name_folded, one)
        found: dict[str, Standing] = {}
        for item in items:
            if (firm := by_code.get(item.uscc)) is not None:
                clash = f"统一社会信用代码{item.uscc}已登记在“{firm.name}”名下"
                found[item.key] = Standing(_digest(firm.name_folded), clash=clash)
                continue
            if self.named.setdefault(item.key, item.folded) != item.folded:
                continue  # the engine lays it beside the row that had the code first
            first = self.keyed.setdefault(item.folded, item.key)
            namesake = by_name.get(item.folded)
            if not item.uscc and (namesake is not None or first != item.key):
                found[item.key] = Standing(item.matter)
            elif namesake is not None:
                known = f"代码为{namesake.uscc}" if namesake.uscc else "没有代码"
                found[item.key] = _unsettled(item, f"“{namesake.name}”已登记，{known}")
            elif first != item.key:
                found[item.key] = _unsettled(item, f"文件前面已有“{item.name}”，代码与此行不同")
        return found

    def prepare(self, items: Sequence[FirmRow]) -> None:
        """Nothing but the rows themselves is needed."""

    def bring(self, item: FirmRow, *, by: Actor, at: datetime) -> Standing:
        if by.kind == "person" and registering_seat(by) is None:
            raise Refused(403, "您的岗位不能登记企业。")
        try:
            firm = Firm.register(
                item.name,
                by=db.session.get(Person, by.id) if by.kind == "person" else None,
                at=at,
                uscc=item.uscc,
                region_code=item.region_code,
                address=item.address,
                industry=item.industry,
                chain=item.chain,
                white_list=item.white_list,
                white_list_note=item.white_list_note,
                note=item.note,
                active=item.active,
            )
        except AlreadyRegistered as error:
            # Somebody registered it in the meantime (PostgreSQL).
            raise Invalid("uscc", str(error)) from error
        for name, number in item.contacts:
            firm.add_contact(name, number, item.contact_title)
        db.session.flush()
        return Standing(item.matter)
