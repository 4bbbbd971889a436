"""A hotline's order as a row of a file tells it. Pure but for the reading of cells.

Columns are found by synonyms, since each platform names them its own way and renames them every
year. Two orders are the same matter when title and content agree after NFKC without blanks and
punctuation; who called, dates and replies do not count (issue "The ledger's heart", part 9).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..appeals.intake import Registration, title_of
from ..appeals.plates import PlateError
from ..appeals.plates import read as read_plates
from ..catalogue.words import KINDS, URGENCIES
from ..firms import names, phones
from ..sheets import BadCell, Columns, Row, moment
from .intake import Unusable

COLUMNS: Columns = {
    "number": (
        "工单编号", "12345工单编号", "12328工单编号", "工单号", "受理编号", "留言编号", "编号",
        "诉求编号", "业务编号", "流水号", "来件编号", "受理单编号", "热线工单编号", "派单编号",
        "转办单工单编号", "外部工单号", "工单流水号", "事项编号",
    ),
    "sub_number": ("子单号", "子工单号", "子单序号", "子工单编号", "子单编号"),
    "title": (
        "工单标题", "标题", "留言主题", "主题", "诉求标题", "诉求主题", "事项标题", "来电主题",
        "问题标题",
    ),
    "content": (
        "工单内容", "主要内容", "诉求内容", "留言详情", "留言内容", "来电内容", "内容", "内容描述",
        "诉求详情", "问题描述", "反映内容", "受理内容", "诉求描述", "事项内容", "工单描述",
    ),
    "received": (
        "受理时间", "来电时间", "留言时间", "登记时间", "创建时间", "接收时间", "派单时间",
        "反映时间", "来件时间", "诉求时间", "转办时间", "受理日期", "登记日期", "来电日期",
    ),
    "caller": (
        "来电人", "来电人姓名", "诉求人", "诉求人姓名", "留言用户", "姓名", "反映人", "联系人",
        "投诉人", "申请人", "用户", "当事人", "来电人名称", "网友", "市民姓名",
    ),
    "phone": (
        "来电号码", "联系电话", "来电人电话", "诉求人电话", "电话", "联系方式", "手机", "手机号",
        "手机号码", "联系号码", "来电电话", "诉求号码", "来电人电话/账号", "主叫号码",
    ),
    "firm": (
        "企业名称", "单位名称", "公司名称", "涉事企业名称", "涉及企业", "诉求企业", "来电单位",
        "企业全称",
    ),
    "uscc": (
        "统一社会信用代码", "信用代码", "社会信用代码", "组织机构代码", "企业信用代码", "税号",
    ),
    "kind": ("诉求类型", "工单类型", "业务类型", "来电类型", "事项类型", "诉求性质"),
    "urgency": ("紧急程度", "缓急程度", "工单等级", "紧急级别", "优先级"),
    "place": (
        "事发地址", "事发地点", "地点", "发生地点", "地址", "问题地址", "诉求地址", "堵点位置",
    ),
    "plates": ("车牌号", "车牌", "车牌号码", "车辆号牌", "涉及车辆"),
    "their_due": (
        "要求反馈时间", "办结时限", "要求办结时间", "反馈时限", "办理时限", "截止时间",
        "上级要求反馈时限", "应办结时间", "处理时限",
    ),
    "reply": (
        "答复意见", "回复内容", "答复内容", "办理结果", "处理结果", "办理情况", "回复", "答复",
        "公开答复内容",
    ),
    "replied": ("答复时间", "回复时间", "办结时间", "办理时间", "处理时间"),
    "confidential": ("是否保密", "保密", "是否要求保密"),
    "category": (
        "诉求类别", "问题类别", "事项类别", "工单类别", "问题分类", "诉求分类", "工单分类",
        "事项分类", "内容分类", "归口类别",
    ),
}  # fmt: skip

LONGEST = 20_000
"""Characters of content; a cell of a workbook holds 32,767."""

_YES = {"是", "保密", "要求保密", "y", "yes", "1", "true"}
_NO = {"否", "不", "不是", "不保密", "公开", "可公开", "不需要", "n", "no", "0", "false"}
_ALSO_KINDS = (("建议", "suggestion"), ("帮助", "help"), ("反映", "help"), ("检举", "report"))
"""What hotlines call our kinds besides."""
_CRITICAL = ("特急", "特别紧急", "加急", "突发")
_NORMAL = ("一般", "普通", "正常", "常规", "平件", "默认")


@dataclass  # frozen, each field would be set at three times the cost
class Order:
    """One row understood."""

    row: int
    number: str
    sub_number: str
    title: str
    content: str
    received_at: datetime | None
    their_due_at: datetime | None
    caller: str
    phone: str
    phone_note: str
    """What stood in the phone column where it is no telephone number."""
    firm: str
    uscc: str
    kind: str
    urgency: str
    place: str
    plates: str
    plates_note: str
    """What stood in the column of plates where it is none."""
    confidential: bool
    reply: str
    replied_at: datetime | None
    category: str

    @property
    def key(self) -> str:
        return f"{self.number}\x1f{self.sub_number}"

    @cached_property
    def matter(self) -> str:
        return matter_digest(self.title, self.content)

    @property
    def words(self) -> str:
        return f"{self.number}-{self.sub_number}" if self.sub_number else self.number

    @property
    def text(self) -> dict[str, str]:
        return {"title": self.title, "content": self.content}


def matter_digest(title: str, content: str) -> str:
    """SHA-256 of title and content as they are compared."""
    text = f"{title}\n{content}"
    if _PLAIN(text):
        counted = _PASSED.sub("", text).lower()
    else:
        counted = unicodedata.normalize("NFKC", text).casefold().translate(_COMPARED)
    return hashlib.sha256(counted.encode()).hexdigest()


_PLAIN = re.compile(
    "[0-9A-Za-z\u4e00-\u9fa5\\s，。、：；！？（）《》\u201c\u201d,.:;!?()/-]*"
).fullmatch
"""Most texts: nothing in them has another spelling but capitals, and what does not count."""
_PASSED = re.compile("[^0-9A-Za-z\u4e00-\u9fa5]+")


class _Compared(dict[int, int | None]):
    """What counts when two matters are compared: no blanks, punctuation, marks or controls.
    Learns each character once."""

    def __missing__(self, character: int) -> int | None:
        counts = unicodedata.category(chr(character))[0] not in "PZCS"
        found = self[character] = character if counts else None
        return found


_COMPARED = _Compared()


def understand(row: Row) -> Order:
    """A row's cells as an order. Raises Unusable."""
    cells = row.cells
    number = _short(cells, "number", "工单编号", 64)
    if not number:
        raise Unusable("缺少工单编号")
    content = cells.get("content", "")
    title = _line(cells.get("title", ""))
    if not content and not title:
        raise Unusable("缺少诉求内容")
    if len(content) > LONGEST:
        raise Unusable(f"诉求内容有{len(content)}个字，超过{LONGEST}个字")
    raw_phone = cells.get("phone", "")
    try:
        phone, phone_note = phones.normalise(raw_phone), ""
    except phones.PhoneError:
        phone, phone_note = "", raw_phone
    try:
        plates = " ".join(read_plates(cells.get("plates", "")))
    except PlateError:
        plates = ""
    uscc = cells.get("uscc", "")
    if uscc:
        try:
            uscc = names.clean_uscc(uscc) or ""
        except names.UsccError as error:
            raise Unusable(f"统一社会信用代码有误：{error}") from error
    return Order(
        row=row.number,
        number=number,
        sub_number=_short(cells, "sub_number", "子单号", 64),
        title=title,
        content=content or title,
        received_at=_moment(cells, "received", "受理时间"),
        their_due_at=_moment(cells, "their_due", "办结时限"),
        caller=_short(cells, "caller", "诉求人", 100),
        phone=phone,
        phone_note=phone_note[:100],
        firm=_short(cells, "firm", "企业名称", 200),
        uscc=uscc,
        kind=_kind(cells.get("kind", "")),
        urgency=_urgency(cells.get("urgency", "")),
        place=_short(cells, "place", "地点", 200),
        plates=plates,
        plates_note="" if plates else " ".join(cells.get("plates", "").split())[:200],
        confidential=is_confidential(cells),
        reply=cells.get("reply", ""),
        replied_at=_moment(cells, "replied", "答复时间"),
        category=cells.get("category", ""),
    )


def is_confidential(cells: Mapping[str, str]) -> bool:
    """Whether whoever called wants to stay unknown."""
    told = cells.get("confidential", "").strip().casefold()
    return told in _YES or cells.get("caller", "") == "保密"


def registration(
    order: Order,
    *,
    channel: str,
    region_code: str,
    at: datetime,
    category_id: int | None = None,
) -> Registration:
    """What an order says, as an appeal's registration.

    A row without a company name or USCC is an individual's; it never makes a firm.
    """
    is_firm = bool(order.firm or order.uscc)
    name = order.firm or order.uscc if is_firm else (order.caller or "来电人（未留姓名）")
    words = order.content
    if order.phone_note:
        words += f"\n（原工单联系方式：{order.phone_note}）"
    if order.plates_note:
        words += f"\n（原工单车牌号：{order.plates_note}）"
    return Registration(
        appellant_name=name,
        appellant_type="firm" if is_firm else "driver",
        content=words,
        title=order.title[:60] or title_of(order.content),
        channel=channel,
        received_at=min(order.received_at or at, at),
        kind=order.kind,
        urgency=order.urgency,
        category_id=category_id,
        region_code=region_code,
        uscc=order.uscc,
        contact_name=order.caller,
        phone=order.phone or None,
        phone_given="given" if order.phone else ("withheld" if order.confidential else "none"),
        confidential=order.confidential,
        place=order.place,
        plates=order.plates,
    )


def _short(cells: Mapping[str, str], name: str, title: str, longest: int) -> str:
    value = _line(cells.get(name, ""))
    if len(value) > longest:
        raise Unusable(f"{title}有{len(value)}个字，超过{longest}个字")
    return value


def _line(text: str) -> str:
    return " ".join(text.split())


def _moment(cells: Mapping[str, str], name: str, title: str) -> datetime | None:
    try:
        return moment(cells.get(name, ""))
    except BadCell as error:
        raise Unusable(f"{title}：{error}") from error


def _kind(text: str) -> str:
    return _kind_said(text) or "help"


def _kind_said(text: str) -> str:
    for code, words in KINDS.items():
        if words in text or words[:2] in text:
            return code
    return next((code for word, code in _ALSO_KINDS if word in text), "")


def reads_kind(text: str) -> bool:
    """Whether a word for the kind is understood without anybody's saying so."""
    return bool(_kind_said(text))


def reads_urgency(text: str) -> bool:
    return "急" in text or text in URGENCIES or any(w in text for w in (*_CRITICAL, *_NORMAL))


def reads_confidential(text: str) -> bool:
    return text.strip().casefold() in _YES | _NO


def _urgency(text: str) -> str:
    if any(word in text for word in _CRITICAL):
        return "critical"
    if "急" in text and "不" not in text and "非" not in text:
        return "urgent"
    return "normal" if text not in URGENCIES else text
