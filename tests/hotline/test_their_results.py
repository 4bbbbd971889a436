"""A hotline's export of its own call-backs: each counts once, as the design says."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import timedelta

import openpyxl
from sqlalchemy import func, select

from cast import Cast
from hotline.push_hand import reported
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.hotline.intake import Summary, Taking
from ledger.hotline.their_results import TheirResults
from ledger.people.actor import system
from ledger.trail.models import Entry

HEAD = ["工单编号", "是否满意", "是否解决", "回访时间", "回访意见", "是否接通"]


def workbook(rows: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [HEAD, *rows]:
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def take(cast: Cast, rows: Sequence[Sequence[object]], by: str = "") -> Summary:
    with cast.app.app_context():
        office = cast.units["office"]
        actor = cast.actor(by) if by else system("回访结果导入")
        taking = Taking(TheirResults("12345", office), office_id=office, by=actor)
        return taking.take(workbook(rows), "回访.xlsx")


def states(cast: Cast) -> dict[str, str]:
    with cast.app.app_context():
        found = {}
        for appeal in db.session.scalars(select(Appeal)):
            found[appeal.external_orders[0].order_number] = appeal.state
            assert not check_appeal(db.engine, appeal.number)
        db.session.remove()
        return found


def test_results_count_once_where_each_appeal_stands(cast: Cast) -> None:
    reached = {}
    for order in ("GZ1", "GZ2", "GZ3", "GZ4", "GZ5"):
        reached[order] = number = reported(cast, order)
        for step in (cast.accept, cast.assign, cast.answer):
            step(number)
    for order in ("GZ1", "GZ2", "GZ3", "GZ5"):
        cast.review(reached[order])
    for order in ("GZ3", "GZ5"):
        cast.call_back(reached[order])
    cast.close(reached["GZ5"])
    called = now().astimezone(SHANGHAI) + timedelta(seconds=1)
    while now() < called:
        pass
    when = f"{called + timedelta(seconds=1):%Y-%m-%d %H:%M:%S}"
    today = f"{called:%Y-%m-%d}"
    while now() < called + timedelta(seconds=1):
        pass
    rows = [
        ["GZ1", "满意", "已解决", when, "", "是"],
        ["GZ2", "非常不满意", "未解决", today, "企业称仍被劝返", "是"],
        ["GZ3", "不满意", "否", today, "", "是"],
        ["GZ4", "满意", "是", today, "", ""],
        ["GZ5", "不满意", "没有解决", today, "又关了", "是"],
        ["GZ6", "满意", "已解决", today, "", "是"],
        ["GZ1", "很好", "已解决", today, "", "是"],
        ["GZ2", "", "", today, "", "无人接听"],
        ["GZ1", "", "", "", "", ""],
    ]
    first = take(cast, rows)
    assert (first.created, first.repeated, first.rejected) == (6, 0, 2), first.problems
    assert {p.row for p in first.problems} == {7, 8}
    after = states(cast)
    assert after == {
        "GZ1": "confirmed", "GZ2": "assigned", "GZ3": "confirmed", "GZ4": "answered",
        "GZ5": "closed",
    }  # fmt: skip
    with cast.app.app_context():
        by_order = {
            a.external_orders[0].order_number: a for a in db.session.scalars(select(Appeal))
        }
        assert by_order["GZ3"].close_stopped and by_order["GZ5"].recurred_at is not None
        entries = db.session.scalar(select(func.count(Entry.id)))
        db.session.remove()
    again = take(cast, rows)
    assert (again.created, again.repeated, again.rejected) == (0, 6, 2)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Entry.id))) == entries
        db.session.remove()

    # A result of the first answer is none of the second's.
    cast.answer(reached["GZ2"])
    cast.review(reached["GZ2"])
    old = f"{called - timedelta(days=2):%Y-%m-%d}"
    assert take(cast, [["GZ2", "满意", "已解决", old, "", "是"]]).created == 1
    assert states(cast)["GZ2"] == "reviewed"
    # What came before the review is offered to whoever is about to call.
    cast.review(reached["GZ4"])
    page = cast.client("tang").get(f"/appeals/{reached['GZ4']}").text
    assert "热线平台回访结果：满意、已解决" in page


def test_whoever_brings_it_in_is_bound_like_a_caller(cast: Cast) -> None:
    number = reported(cast, "GZ1")
    for step in (cast.accept, cast.assign, cast.answer, cast.review):
        step(number)
    with cast.app.app_context():
        made = cast.client("tang").get("/imports/?kind=their_results")
        assert "热线平台回访结果" in made.text
    assert take(cast, [["GZ1", "满意", "已解决", "", "", ""]], by="tang").created == 1
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal)).one()
        assert appeal.state == "confirmed" and appeal.caller_id == cast.people["tang"]
        db.session.remove()
