"""期初导入: an office's old ledger, taken over with its own dates and states."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import openpyxl
import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import db
from ledger.hotline.intake import Summary, Taking
from ledger.hotline.old_ledgers import OldLedgers, OldRow
from ledger.people.actor import system
from ledger.trail.models import Entry

HEAD = [
    "序号", "编号", "来源", "登记日期", "企业名称", "联系人", "联系电话", "诉求内容", "承办单位",
    "交办日期", "办理进展", "办理结果", "办结日期", "满意度", "是否销号", "销号日期",
]  # fmt: skip


def ledger(*rows: dict[str, object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["寻乌县企业诉求台账"])
    sheet.append(HEAD)
    for index, row in enumerate(rows, 1):
        sheet.append([{"序号": index, **row}.get(name) for name in HEAD])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


CLOSED: dict[str, object] = {
    "编号": "2025-001",
    "来源": "走访",
    "登记日期": "2025年3月4日",
    "企业名称": "寻乌县顺达物流有限公司",
    "联系人": "刘经理",
    "联系电话": "13807970001",
    "诉求内容": "收费站关闭，货车绕行。",
    "承办单位": "交通局",
    "交办日期": "2025.3.5",
    "办理结果": "已解决",
    "办结日期": datetime(2025, 3, 10),  # noqa: DTZ001  # a workbook's dates have no zone
    "满意度": "满意",
    "是否销号": "是",
    "销号日期": "2025/3/12",
}
OPEN: dict[str, object] = {
    **CLOSED,
    "编号": "2025-002",
    "诉求内容": "园区路面破损。",
    "办理结果": "",
    "办结日期": "",
    "满意度": "",
    "是否销号": "否",
    "销号日期": "",
}
FRESH: dict[str, object] = {**OPEN, "编号": "2025-003", "诉求内容": "用电不足。", "承办单位": ""}


def bring(cast: Cast, data: bytes) -> Summary:
    with cast.app.app_context():
        office = cast.units["office"]
        taking = Taking[OldRow](OldLedgers(office), office_id=office, by=system("期初导入"))
        return taking.take(data, "台账.xlsx")


def test_rows_arrive_in_their_own_state_with_their_own_dates(cast: Cast) -> None:
    summary = bring(cast, ledger(CLOSED, OPEN, FRESH))
    assert (summary.created, summary.problems) == (3, [])
    with cast.app.app_context():
        closed, assigned, fresh = db.session.scalars(select(Appeal).order_by(Appeal.id)).all()
        assert [a.state for a in (closed, assigned, fresh)] == ["closed", "assigned", "registered"]
        assert all(a.opening for a in (closed, assigned, fresh))
        assert closed.registered_at == datetime(2025, 3, 3, 16, tzinfo=UTC)
        assert closed.closed_at == datetime(2025, 3, 11, 16, tzinfo=UTC)
        assert closed.outcome == "resolved"
        assert closed.satisfaction == "satisfied"
        assert assigned.lead_unit_id == cast.units["bureau"]
        assert [a.running() for a in (closed, assigned, fresh)] == [[], [], []]
        verbs = db.session.scalars(select(Entry.verb)).all()
        assert verbs.count("carry_over") == 3


def test_the_same_ledger_again_creates_nothing(cast: Cast) -> None:
    data = ledger(CLOSED, OPEN, {**FRESH, "编号": ""})
    bring(cast, data)
    again = bring(cast, data)
    assert (again.created, again.repeated) == (0, 3)


def test_an_open_row_must_name_a_unit_that_exists(cast: Cast) -> None:
    summary = bring(cast, ledger({**OPEN, "承办单位": "县不存在局"}))
    assert summary.rejected == 1
    assert "县不存在局" in summary.problems[0].reason


def test_an_open_row_goes_on_by_the_verbs_once_the_office_sets_a_due_time(cast: Cast) -> None:
    bring(cast, ledger(OPEN))
    with cast.app.app_context():
        number = db.session.scalars(select(Appeal.number)).one()

    def confirm(appeal: Appeal, at: datetime) -> None:
        from datetime import timedelta

        appeal.set_due(at + timedelta(days=5), "期初核定", by=cast.actor("zhou"), at=at)
        main = appeal.main_clock()
        assert main is not None

    cast.do(number, confirm)
    cast.answer(number)
    cast.review(number)
    cast.call_back(number)
    cast.close(number)


@pytest.mark.parametrize(
    ("word", "state"),
    [("未销号", "assigned"), ("已销号", "closed"), ("待办结", "assigned"), ("√", "closed")],
)
def test_words_for_closed_are_told_from_words_for_open(cast: Cast, word: str, state: str) -> None:
    bring(cast, ledger({**OPEN, "是否销号": word}))
    with cast.app.app_context():
        assert db.session.scalars(select(Appeal.state)).one() == state
