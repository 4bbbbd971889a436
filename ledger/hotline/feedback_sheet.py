"""承办单位反馈表.xlsx: what units that work offline have in hand, to be filled in and sent back.

It leaves the house: no telephone number stands in it, and nothing that tells who a confidential
appellant is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from sqlalchemy import and_, case, func, select

from ..appeals.lifecycle import BY_CODE
from ..appeals.models import Appeal, Assignment, Deadline
from ..appeals.queries import visible_to
from ..appeals.record import NEVER
from ..appeals.standing import ANSWERS
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..deadlines.clocks import shown, shown_end
from ..firms import phones
from ..people.actor import Actor
from ..people.directory import directory
from ..sheets.harmless import guarded
from .feedback import COLUMNS, FILLED
from .template import lay_lists, write

MOST = 2000
"""Rows of one sheet."""

ROWS, NOTES, LISTS = "反馈表", "填写说明", "选项"

_WIDTHS: dict[str, tuple[str, int]] = {
    "unit": (COLUMNS["unit"][0], 18),
    "number": (COLUMNS["number"][0], 20),
    "title": (COLUMNS["title"][0], 24),
    "content": ("诉求内容", 44),
    "assigned": ("交办时间", 16),
    "due": ("应办结", 16),
    "progress": (COLUMNS["progress"][0], 40),
    "done": (COLUMNS["done"][0], 10),
    "outcome": (COLUMNS["outcome"][0], 18),
    "public_reply": (COLUMNS["public_reply"][0], 40),
    "evidence": (COLUMNS["evidence"][0], 34),
    "handler": (COLUMNS["handler"][0], 22),
    "mark": (COLUMNS["mark"][0], 12),
}

_ABOUT = (
    "一、只填蓝色表头的各栏，其余各栏（尤其是台账编号、核对码）请勿改动；没有进展的行留空即可。",
    "二、尚在办理的：填“办理进展”，“是否办结”选“否”。",
    "三、已经办结的：“是否办结”选“是”，并填办理进展（内部办理情况）、办理结果、对企业的答复、佐证。",
    "四、“对企业的答复”就是企业看到的文字，写明查明了什么、怎么处理、依据和联系方式。",
    "五、“经办人及电话”每行必填，如：李明 13800000000。",
    "六、填好后交回牵头办公室，由办公室录入；导出后办公室又有处理的行不录入，由办公室核对。",
)

_NUMBER = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|0\d{2,3}[-－ ]?\d{7,8}|\d{17}[\dXx])(?!\d)")
_DIGITS = re.compile(r"\d{7}")
"""In every such number."""
HIDDEN = "〔保密〕"


@dataclass(frozen=True)
class Waiting:
    """A unit that works offline, and how many of the office's appeals it has in hand."""

    unit_id: int
    name: str
    count: int


def _in_hand(office_id: int, actor: Actor, at: datetime) -> list[Any]:
    day = at.astimezone(SHANGHAI).date()
    answer = BY_CODE["answer"]
    return [
        Assignment.unit_id.in_(directory().offline),
        Assignment.state.in_(sorted(answer.assignment)),
        Appeal.state.in_(sorted(BY_CODE["progress"].frm)),
        Appeal.is_open.is_(True),
        Appeal.office_id == office_id,
        visible_to(actor, day),
    ]


def waiting(office_id: int, actor: Actor, at: datetime) -> list[Waiting]:
    """The units for which there is a sheet, in the order of the tree."""
    if not directory().offline:
        return []
    found = db.session.execute(
        select(Assignment.unit_id, func.count(Assignment.id).label("held"))
        .join(Appeal, Appeal.id == Assignment.appeal_id)
        .where(*_in_hand(office_id, actor, at))
        .group_by(Assignment.unit_id)
    )
    counts = {row.unit_id: row.held for row in found}
    units = directory().units.values()
    return [Waiting(u.id, u.name, counts[u.id]) for u in units if u.id in counts]


def _rows(office_id: int, unit_id: int, actor: Actor, at: datetime) -> Sequence[Any]:
    """An assist stands before the lead, who answers after it."""
    wanted = (
        select(
            Assignment.id,
            Assignment.unit_id,
            Assignment.assigned_at,
            Appeal.number,
            Appeal.version,
            Appeal.title,
            Appeal.content,
            Appeal.confidential,
            Appeal.appellant_name,
            Appeal.contact_name,
            Appeal.spot_name,
            Appeal.plates,
            Appeal.uscc,
            func.coalesce(Deadline.due_at, NEVER).label("due_at"),
        )
        .join(Appeal, Appeal.id == Assignment.appeal_id)
        .outerjoin(
            Deadline,
            and_(
                Deadline.assignment_id == Assignment.id,
                Deadline.stage.in_(ANSWERS),
                Deadline.ended_at.is_(None),
            ),
        )
        .where(*_in_hand(office_id, actor, at))
        .order_by(Appeal.due_at, Appeal.id, case((Assignment.part == "lead", 1), else_=0))
        .limit(MOST + 1)
    )
    if unit_id:
        wanted = wanted.where(Assignment.unit_id == unit_id)
    return db.session.execute(wanted).all()


@dataclass(frozen=True)
class Made:
    """A workbook's content, and how many rows stand in it."""

    data: bytes
    rows: int
    cut: bool


def workbook(office_id: int, unit_id: int, actor: Actor, at: datetime) -> Made:
    """The sheet of one unit, or of all that work offline where `unit_id` is 0."""
    import xlsxwriter

    found = _rows(office_id, unit_id, actor, at)
    out = BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet, notes, lists = (book.add_worksheet(name) for name in (ROWS, NOTES, LISTS))
    lists.hide()
    plain = {"valign": "top", "text_wrap": True, "border": 1, "num_format": "@"}
    head = {**plain, "bold": True, "align": "center", "bg_color": "#E7E6E6"}
    formats = {
        "head": book.add_format(head),
        "filled": book.add_format({**head, "bg_color": "#DCE6F1", "font_color": "#1F4E79"}),
        "plain": book.add_format({**plain, "bg_color": "#F7F7F7"}),
        "empty": book.add_format(plain),
    }
    names = list(_WIDTHS)
    for place, name in enumerate(names):
        title, width = _WIDTHS[name]
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, formats["filled" if name in FILLED else "head"])
    for number, row in enumerate(found[:MOST], 1):
        cells = _cells(row)
        for place, name in enumerate(names):
            if name in FILLED:
                sheet.write_blank(number, place, None, formats["empty"])
            else:
                sheet.write_string(number, place, guarded(cells[name]), formats["plain"])
    outcomes = [name for _, name in catalogue().outcome_choices()]
    ranges = lay_lists(lists, {"done": ["是", "否"], "outcome": outcomes}, LISTS)
    for name, source in ranges.items():
        place = names.index(name)
        rule = {"validate": "list", "source": source, "error_message": "请从下拉列表中选择"}
        sheet.data_validation(1, place, max(len(found), 1), place, rule)
    sheet.freeze_panes(1, 2)
    notes.set_column(0, 0, 110)
    for number, line in enumerate(_ABOUT):
        write(notes, number, (line,), formats["empty"])
    sheet.activate()
    book.close()
    return Made(out.getvalue(), min(len(found), MOST), len(found) > MOST)


def _cells(row: Any) -> dict[str, str]:
    return {
        "unit": directory().units[row.unit_id].name,
        "number": row.number,
        "title": _masked(row, row.title),
        "content": _masked(row, row.content),
        "assigned": shown(row.assigned_at),
        "due": "" if row.due_at == NEVER else shown_end(row.due_at),
        "mark": f"{row.id}-{row.version}",
    }


def _masked(row: Any, text: str) -> str:
    """Without numbers; of a confidential appeal without what tells whose it is."""
    if row.confidential:
        names = {row.appellant_name, row.contact_name, row.spot_name, row.uscc}
        names.update(row.plates.split())
        text = hidden(text, names)
    return without_numbers(text)


def without_numbers(text: str) -> str:
    """With the numbers of telephones and persons masked."""
    if _DIGITS.search(text) is None:
        return text  # a long sheet has few of them, and this is found out far sooner
    return _NUMBER.sub(lambda found: phones.mask(re.sub(r"\D", "", found[0])), text)


def hidden(text: str, names: Iterable[str]) -> str:
    """The text with these names covered, the longest first."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = text.replace(name, HIDDEN)
    return text
