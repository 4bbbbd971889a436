"""A hotline's file: each order once, whatever is sent how often."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import func, select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.parts import AppealPlate
from ledger.db import db
from ledger.firms.models import Firm
from ledger.hotline.commands import import_orders
from ledger.hotline.intake import Summary
from ledger.hotline.orders import matter_digest
from ledger.hotline.taking import take
from ledger.people.actor import system
from ledger.trail.models import Entry

HEAD = ["工单编号", "来电人", "联系电话", "企业名称", "工单标题", "工单内容", "受理时间"]


def workbook(*rows: Sequence[object], head: list[str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(head or HEAD)
    for row in rows:
        sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def order(
    number: object = "2549", content: str = "收费站关闭，货车被劝返。", **more: object
) -> list[object]:
    row: dict[str, object] = {
        "来电人": "张先生",
        "联系电话": "13807970001",
        "企业名称": "",
        "工单标题": "收费站关闭",
        "受理时间": "2026/4/5 9:32:09",
        **more,
    }
    return [number, *(row[name] for name in HEAD[1:5]), content, row["受理时间"]]


def bring(cast: Cast, data: bytes, name: str = "orders.xlsx", dry_run: bool = False) -> Summary:
    with cast.app.app_context():
        return take(
            data,
            name,
            channel="12345",
            office_id=cast.units["office"],
            by=system("工单导入"),
            dry_run=dry_run,
        )


def counts(summary: Summary) -> tuple[int, int, int, int, int]:
    s = summary
    return s.rows, s.created, s.repeated, s.conflicts, s.rejected


def test_the_same_file_again_creates_nothing(cast: Cast) -> None:
    data = workbook(order("2549"), order(2550.0, "无通行证被拦"))
    assert counts(bring(cast, data)) == (2, 2, 0, 0, 0)
    assert counts(bring(cast, data)) == (2, 0, 2, 0, 0)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Appeal.id))) == 2
        numbers = db.session.scalars(select(Appeal)).all()
        assert {o.order_number for a in numbers for o in a.external_orders} == {"2549", "2550"}


def test_punctuation_blanks_and_width_make_no_other_matter(cast: Cast) -> None:
    bring(cast, workbook(order(content="收费站关闭，货车被劝返。")))
    again = workbook(order(content=" 收费站关闭,货车 被劝返\n", 来电人="李女士"))
    assert counts(bring(cast, again)) == (1, 0, 1, 0, 0)


def test_the_same_number_with_another_matter_is_a_conflict_and_overwrites_nothing(
    cast: Cast,
) -> None:
    bring(cast, workbook(order()))
    summary = bring(cast, workbook(order(content="完全不同的另一件事")))
    assert counts(summary) == (1, 0, 0, 1, 0)
    assert summary.problems[0].row == 2
    assert "内容不一致" in summary.problems[0].reason
    with cast.app.app_context():
        assert db.session.scalars(select(Appeal.content)).one() == "收费站关闭，货车被劝返。"


def test_a_conflict_inside_one_file_is_seen_too(cast: Cast) -> None:
    data = workbook(order(), order(content="另一件事"), order())
    assert counts(bring(cast, data, dry_run=True)) == (3, 1, 1, 1, 0)
    assert counts(bring(cast, data)) == (3, 1, 1, 1, 0)


def test_a_dry_run_writes_nothing(cast: Cast) -> None:
    assert counts(bring(cast, workbook(order()), dry_run=True)) == (1, 1, 0, 0, 0)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Appeal.id))) == 0


def test_a_bad_row_is_named_and_the_others_stand(cast: Cast) -> None:
    data = workbook(order("1"), order(None), order("3", ""), order("4", 受理时间="4月5日"))
    summary = bring(cast, data)
    # The third still has a title to go by.
    assert counts(summary) == (4, 2, 0, 0, 2)
    assert [p.row for p in summary.problems] == [3, 5]
    assert "缺少工单编号" in summary.problems[0].reason


def test_orders_with_plates_come_in_whole(cast: Cast) -> None:
    head = [*HEAD, "车牌号"]
    rows = [[*order(str(n)), f"赣B{n:05d} 赣B{n + 50:05d}"] for n in range(1, 9)]
    assert counts(bring(cast, workbook(*rows, head=head))) == (8, 8, 0, 0, 0)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(AppealPlate.id))) == 16


def test_a_person_never_becomes_a_firm_and_a_known_firm_is_linked(cast: Cast) -> None:
    with cast.app.app_context():
        from ledger.db import writing

        with writing() as at:
            Firm.register("寻乌县顺达物流（集团）有限公司", by=None, at=at)
            db.session.commit()
    data = workbook(order("1"), order("2", 企业名称="寻乌县顺达物流(集团)有限公司"))
    bring(cast, data)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Firm.id))) == 1
        found = {a.appellant_type: a.firm_id for a in db.session.scalars(select(Appeal))}
        assert found["driver"] is None
        assert found["firm"] is not None


def test_a_reply_becomes_a_supplement_not_a_forged_state(cast: Cast) -> None:
    head = [*HEAD, "答复意见", "答复时间"]
    data = workbook([*order(), "网友：您好！留言已收悉", "2019/5/10 14:56:53"], head=head)
    bring(cast, data)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal)).one()
        assert appeal.state == "registered"
        verbs = db.session.scalars(
            select(Entry.verb).where(Entry.stream == appeal.stream).order_by(Entry.seq)
        ).all()
        assert list(verbs) == ["register", "supplement"]


def test_the_command_answers_in_json(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "工单.xlsx"
    file.write_bytes(workbook(order()))
    run = cast.app.test_cli_runner()
    result = run.invoke(import_orders, [str(file), "--channel", "12345", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "rows": 1,
        "created": 1,
        "repeated": 0,
        "conflicts": 0,
        "rejected": 0,
        "problems": [],
    }


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "empty.xlsx", "空"),
        (b"PK\x03\x04 not a workbook", "orders.xlsx", ""),
        ("甲,乙\n1,2\n".encode(), "orders.csv", "工单编号"),
    ],
)
def test_a_file_that_is_no_table_of_orders_is_one_clear_line(
    app: Flask, tmp_path: Path, content: bytes, name: str, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    result = app.test_cli_runner().invoke(import_orders, [str(file), "--channel", "12345"])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert words in result.output


@pytest.mark.realdata
def test_the_sample_with_replies_comes_in_whole_and_only_once(cast: Cast, real_data: Path) -> None:
    data = (real_data / "workorders" / "messages_with_replies_120.xlsx").read_bytes()
    assert counts(bring(cast, data)) == (120, 120, 0, 0, 0)
    assert counts(bring(cast, data)) == (120, 0, 120, 0, 0)


@pytest.mark.realdata
def test_the_sample_as_opening_arrives_closed(cast: Cast, real_data: Path) -> None:
    file = real_data / "workorders" / "messages_with_replies_120.xlsx"
    args = [str(file), "--channel", "12345", "--opening", "--json"]
    result = cast.app.test_cli_runner().invoke(import_orders, args)
    assert json.loads(result.stdout)["created"] == 120
    with cast.app.app_context():
        assert set(db.session.scalars(select(Appeal.state))) == {"closed"}


def test_every_character_counts_alike_beside_any_other() -> None:
    """Most texts are compared without being folded: the same must come of them as if they were.
    The dot does not count, and has them folded."""
    for code in (*range(0xD800), *range(0xE000, 0x10000)):
        assert matter_digest("", chr(code)) == matter_digest("", f"{chr(code)}·"), hex(code)
