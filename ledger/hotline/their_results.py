"""热线平台回访结果: what a hotline heard when it called back itself, as its export tells it.

A result counts as the design says for the state the appeal is in, so that no firm is called twice.
The same row again changes nothing; a result of an earlier answer is no result of the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import select, tuple_

from .. import sheets
from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..appeals.record import Invalid, Refused
from ..appeals.returning import UNREACHED, TheirCallBack
from ..db import db
from ..people.actor import Actor
from ..sheets import BadCell, Columns, moment
from ..trail.models import Entry
from . import orders
from .intake import Standing, Unusable
from .taking import source_system
from .values import Reads

COLUMNS: Columns = {
    "number": orders.COLUMNS["number"],
    "sub_number": orders.COLUMNS["sub_number"],
    "satisfied": (
        "是否满意", "满意度", "满意情况", "回访满意度", "群众满意度", "满意度评价", "回访评价",
        "评价结果",
    ),
    "solved": ("是否解决", "解决情况", "问题是否解决", "回访是否解决", "是否已解决"),
    "reached": ("是否接通", "接通情况", "回访状态", "是否回访成功", "回访接通"),
    "contacted": ("是否联系", "承办单位是否联系", "联系群众", "是否联系诉求人"),
    "called": ("回访时间", "回访日期", "评价时间", "满意度回访时间"),
    "words": (
        "回访意见", "回访内容", "诉求人意见", "不满意原因", "回访备注", "评价内容", "回访情况",
    ),
}  # fmt: skip

LONGEST = 5000
_NOT = ("未", "没", "不", "否", "无")
_UNREACHED = (
    "未接",
    "无人接",
    "关机",
    "空号",
    "停机",
    "拒接",
    "联系不上",
    "未回访",
    "未接通",
    "失败",
)


@dataclass(frozen=True)
class Row:
    """One row understood."""

    row: int
    number: str
    sub_number: str
    result: TheirCallBack
    contacted_said: bool
    """Whether the file says if the unit was in touch; else our own record does."""

    @property
    def key(self) -> str:
        return "\x1f".join((self.number, self.sub_number, self.matter))

    @property
    def matter(self) -> str:
        told = (self.result.code, self.result.words, str(self.result.happened_at))
        return hashlib.sha256("\x1f".join(told).encode()).hexdigest()

    @property
    def words(self) -> str:
        return f"{self.number}-{self.sub_number}" if self.sub_number else self.number

    @property
    def text(self) -> dict[str, str]:
        return {"title": self.result.said, "content": self.result.words}


def understand(row: sheets.Row) -> Row | None:
    """A row's cells; None where nobody has called back. Raises Unusable."""
    cells = row.cells
    number = " ".join(cells.get("number", "").split())
    if not number:
        raise Unusable("缺少工单编号")
    satisfied, reached = cells.get("satisfied", "").strip(), cells.get("reached", "").strip()
    if not satisfied and not reached:
        return None
    words = cells.get("words", "")
    if len(words) > LONGEST:
        raise Unusable(f"回访意见有{len(words)}个字，超过{LONGEST}个字")
    called_at = _called_at(cells)
    unreached = any(word in f"{satisfied} {reached}" for word in _UNREACHED) or reached == "否"
    contacted = cells.get("contacted", "").strip()
    if unreached:
        result = TheirCallBack(False, words=words, happened_at=called_at)
    else:
        result = TheirCallBack(
            True,
            contacted=bool(contacted) and not contacted.startswith(_NOT),
            solved=_solved(cells.get("solved", "").strip()),
            satisfied=_satisfied(satisfied),
            words=words,
            happened_at=called_at,
        )
    sub_number = " ".join(cells.get("sub_number", "").split())
    return Row(row.number, number, sub_number, result, bool(contacted))


def _called_at(cells: Mapping[str, str]) -> datetime | None:
    try:
        return moment(cells.get("called", ""))
    except BadCell as error:
        raise Unusable(f"回访时间：{error}") from error


def _satisfied(words: str) -> str:
    if "不满意" in words:
        return "unsatisfied"
    if "基本满意" in words or words in ("一般", "较满意", "比较满意"):
        return "basically"
    if "满意" in words:
        return "satisfied"
    raise Unusable(f"是否满意“{words[:20]}”应为满意、基本满意或不满意")


def _solved(words: str) -> str:
    if not words:
        raise Unusable("缺少是否解决")
    if "部分" in words:
        return "partly"
    if words.startswith(_NOT):
        return "unsolved"
    if "解决" in words or words.startswith("是"):
        return "solved"
    raise Unusable(f"是否解决“{words[:20]}”应为已解决、部分解决或未解决")


class TheirResults:
    """Results of one hotline, for orders of an office."""

    code = "their_results"
    columns = COLUMNS
    required: tuple[str, ...] = ("number", "satisfied", "solved")
    together = False
    valued: Mapping[str, Reads] = MappingProxyType({})

    def __init__(self, channel: str, office_id: int) -> None:
        """Raises NoSuchChannel."""
        self.channel = channel
        self.source = source_system(channel)
        self.office_id = office_id
        self._orders: dict[tuple[str, str], ExternalOrder] = {}
        self._heard: set[tuple[str, str, str, str]] = set()

    def understand(self, row: sheets.Row) -> Row | None:
        return understand(row)

    def known(self, items: Sequence[Row]) -> dict[str, Standing]:
        self._load(items)
        judged = ((item.key, self._judge(item)) for item in items)
        return {key: standing for key, standing in judged if standing is not None}

    def _load(self, items: Sequence[Row]) -> None:
        wanted = {(item.number, item.sub_number) for item in items}
        found = db.session.scalars(
            select(ExternalOrder)
            .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
            .where(
                ExternalOrder.source_system == self.source,
                tuple_(ExternalOrder.order_number, ExternalOrder.sub_number).in_(sorted(wanted)),
                Appeal.office_id == self.office_id,
            )
        ).all()
        self._orders = {(one.order_number, one.sub_number): one for one in found}
        ids = {order.appeal_id for order in found}
        numbers = db.session.scalars(select(Appeal.number).where(Appeal.id.in_(sorted(ids))))
        told = db.session.execute(
            select(Entry.stream, Entry.payload).where(
                Entry.stream.in_([f"appeal/{number}" for number in numbers]),
                Entry.verb == "their_call_back",
            )
        )
        self._heard = {_heard(json.loads(entry.payload)["data"]) for entry in told}

    def _judge(self, item: Row) -> Standing | None:
        """Why the row is not to be taken; None where it is."""
        order = self._orders.get((item.number, item.sub_number))
        if order is None:
            return Standing("", refusal=f"没有编号为{item.words}的热线工单，或不属于本办公室")
        told = _told(order, item.result)
        return Standing(item.matter, order.appeal_id) if told in self._heard else None

    def prepare(self, items: Sequence[Row]) -> None:
        return

    def bring(self, item: Row, *, by: Actor, at: datetime) -> Standing:
        known = self._orders[item.number, item.sub_number]
        appeal = db.session.scalars(
            select(Appeal)
            .where(Appeal.id == known.appeal_id)
            .with_for_update(of=Appeal)
            .execution_options(populate_existing=True)
        ).one()
        order = next(one for one in appeal.external_orders if one.id == known.id)
        result = item.result
        if result.reached and not item.contacted_said:
            told = any(given.contacted_at is not None for given in appeal.assignments)
            result = TheirCallBack(
                True, told, result.solved, result.satisfied, result.words, result.happened_at
            )
        try:
            appeal.take_their_call_back(result, order=order, by=by, at=at)
        except Refused as refused:
            raise Invalid("number", refused.reason.rstrip("。")) from refused
        self._heard.add(_told(order, result))
        return Standing(item.matter, appeal.id)


def _told(order: ExternalOrder, result: TheirCallBack) -> tuple[str, str, str, str]:
    called_at = result.happened_at
    return (
        f"{order.source_system} {order.full_number}",
        result.satisfied or UNREACHED,
        result.solved,
        "" if called_at is None else called_at.isoformat(),
    )


def _heard(data: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """An entry's own words of a result, as rows are compared with them."""
    return (
        str(data.get("order", "")),
        str(data.get("satisfaction") or UNREACHED),
        str(data.get("solved", "")),
        str(data.get("called_at", "")),
    )
