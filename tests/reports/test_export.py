"""导出台账: every cell as in the database, as far as whoever exports may know it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from cast import Cast
from desk_ground import lay
from ledger.access import AccessLog
from ledger.appeals.models import Appeal, ExternalOrder
from ledger.appeals.record import NEVER
from ledger.catalogue.queries import catalogue
from ledger.catalogue.words import SATISFACTION, SOLVED, URGENCIES
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.people.directory import directory
from ledger.reports import exporting
from ledger.reports.export_columns import (
    COLUMNS,
    NARROW,
    USUAL,
    BadColumns,
    Beside,
    Telling,
    chosen,
)
from ledger.reports.export_models import ExportRun
from ledger.reports.export_rows import PARTS
from ledger.reports.export_sheets import Book, Head
from ledger.sheets.harmless import guarded
from ledger.work import jobs

URL = "/reports/export"
PHONE = "13807970001"
SECRET = "工作秘密请勿外传"
FORMULA = '=HYPERLINK("http://x","点")'


def ask(cast: Cast, who: str, query: str = "", **given: Any) -> Any:
    asked = {"shape": "xlsx", "paper": "a3", "columns": list(COLUMNS), **given}
    return cast.client(who).post(f"{URL}?{query}", data=asked)


def fetch(cast: Cast, who: str, query: str = "", **given: Any) -> bytes:
    answer = ask(cast, who, query, **given)
    assert answer.status_code == 303, answer.text
    got = cast.client(who).get(f"{answer.location}/file")
    assert got.status_code == 200
    return bytes(got.data)


def tables(data: bytes) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return {
        name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        for name in book.sheet_names
    }


def rows_of(data: bytes) -> dict[str, dict[str, Any]]:
    """By number the rows of all sheets, by the names of their columns."""
    found = {}
    for name, table in tables(data).items():
        if name != "汇总":
            heads = [two or one for one, two in zip(table[2], table[3], strict=True)]
            for row in table[4:-1]:
                line = dict(zip(heads, row, strict=True))
                found[line["编号"]] = {**line, "表": name}
    return found


def day(at: datetime | None) -> date | str:
    return "" if at is None else at.astimezone(SHANGHAI).date()


def end(due: datetime) -> date | datetime:
    """24:00 is the day that ends; a limit of hours stands to the minute."""
    local = due.astimezone(SHANGHAI).replace(tzinfo=None, second=0, microsecond=0)
    return local.date() - timedelta(days=1) if (local.hour, local.minute) == (0, 0) else local


def expected(appeal: Appeal) -> dict[str, Any]:
    book, units = catalogue(), directory().units
    lead = [a for a in appeal.assignments if a.part == "lead" and a.state != "released"]
    assists = [a for a in appeal.assignments if a.part == "assist" and a.state != "released"]
    dues = [d.due_at for d in appeal.deadlines if d.stage in ("answer", "rework")]
    again = appeal.state in ("registered", "accepted", "assigned")
    outcome = book.outcome_name(appeal.outcome) if appeal.answered_at and not again else ""
    orders = dict.fromkeys(order.order_number for order in appeal.external_orders)
    late = appeal.due_at < now() if appeal.is_open else appeal.on_time is False
    timed = appeal.due_at < NEVER if appeal.is_open else appeal.on_time is not None
    sheet = "在办" if appeal.is_open else "已销号" if appeal.state == "closed" else "其他办结"
    return {
        "表": sheet,
        "编号": appeal.label,
        "登记日期": day(appeal.registered_at),
        "来源": book.channel_name(appeal.channel),
        "外部工单号": "、".join(orders),
        "企业（诉求人）": guarded(appeal.appellant_name),
        "联系人": appeal.contact_name,
        "电话": "138****0001",
        "类别": book.category_name(appeal.category_id) if appeal.category_id else "",
        "诉求内容": guarded(appeal.content),
        "统一社会信用代码": appeal.uscc,
        "紧急程度": URGENCIES[appeal.urgency],
        "主办": units[appeal.lead_unit_id].label if appeal.lead_unit_id else "",
        "协办": "、".join(units[a.unit_id].label for a in assists),
        "经办人及电话": lead[-1].handler_name if lead else "",
        "交办日期": day(appeal.assigned_at),
        "办结时限": end(dues[-1]) if dues else "",
        "办理结果": f"{outcome}：{appeal.public_reply}" if outcome else "",
        "办结日期": day(None if again else appeal.answered_at),
        "是否超期": ("是" if late else "否") if timed else "",
        "是否解决": SOLVED.get(appeal.solved, ""),
        "满意度": SATISFACTION.get(appeal.satisfaction, ""),
        "回访日期": day(appeal.called_at),
        "是否销号": "是" if appeal.state == "closed" else "否",
        "销号日期": day(appeal.closed_at),
    }


def test_every_cell_is_as_in_the_database_and_nothing_runs(cast: Cast) -> None:
    numbers = lay(cast)
    cast.register(appellant_name=FORMULA, content="＝1+1\n第二行", uscc="91360734MA0000000X")
    cast.reach("declined")
    order = ExternalOrder(
        source_system="12345", order_number="362611200000000017", sub_number="",
        state="open", received_at=now(),
    )  # fmt: skip
    said = cast.actor

    def link(appeal: Appeal, at: datetime) -> None:
        appeal.link_order(order, "", by=said("tang"), at=at)
        appeal.instruct(SECRET, [cast.unit("bureau")], by=said("ma"), at=at)
        appeal.add_assist([cast.unit("police")], "请协助", by=said("zhou"), at=at)
        appeal.progress(f"已约谈，电话{PHONE}。", by=said("chen"), at=at)

    cast.do(numbers["late"], link)
    data = fetch(cast, "zhou")
    found = rows_of(data)
    with cast.app.app_context():
        appeals = db.session.scalars(select(Appeal)).all()
        assert {appeal.label for appeal in appeals} == set(found)
        for appeal in appeals:
            told, row = expected(appeal), found[appeal.label]
            assert {name: row[name] for name in told} == told, appeal.label
        late = db.session.scalars(select(Appeal).where(Appeal.number == numbers["late"])).one()
        label = late.label
        back = db.session.scalars(select(Appeal).where(Appeal.number == numbers["sent_back"])).one()
        assert back.answered_at is not None and back.outcome
        assert found[back.label]["办理结果"] == found[back.label]["办结日期"] == ""
    steps = found[label]["办理进展"].split("\n")
    assert len(steps) == 5 and steps[-1].endswith("交通局阶段反馈：已约谈，电话138****0001。")
    assert found[label]["外部工单号"] == "362611200000000017"  # text, every digit
    assert SECRET.encode() not in b"".join(str(table).encode() for table in tables(data).values())
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert not [c for sheet in book for line in sheet for c in line if c.data_type == "f"]
    first = book.worksheets[0]
    place = {c.value: c.column for c in first[4]}
    assert first.cell(5, place["登记日期"]).is_date
    # 汇总 counts each row once.
    summary = tables(data)["汇总"]
    ends = [line for line in summary if line[0] == "合计"]
    assert [line[-1] for line in ends] == [len(found)] * 2
    # How it is printed, and whose it is.
    assert first.page_setup.paperSize == 8 and first.page_setup.orientation == "landscape"
    assert first.print_title_rows == "$3:$4" and first.page_setup.fitToHeight == 0
    assert "周交办" in first.oddFooter.left.text and "第&P页 共&N页" in first.oddFooter.center.text
    assert "周交办" in book.properties.creator
    # The same as csv, marked as UTF-8.
    plain = fetch(cast, "zhou", shape="csv")
    assert plain.startswith(b"\xef\xbb\xbf")
    lines = list(csv.DictReader(io.StringIO(plain.decode("utf-8-sig"))))
    assert len(lines) == len(found) and SECRET not in plain.decode()
    assert {line["企业（诉求人）"] for line in lines} >= {guarded(FORMULA)}
    with cast.app.app_context():
        told_of = db.session.scalars(
            select(AccessLog).where(AccessLog.action == "exported").order_by(AccessLog.id)
        ).all()
        assert [line.username for line in told_of] == ["zhou"] * 4
        assert f"{len(found)}行 xlsx" in told_of[0].detail


def test_who_exports_sees_what_he_may_and_numbers_for_a_reason(cast: Cast) -> None:
    name, person = "寻乌县机密物流有限公司", "秘联系人"
    hidden = cast.register(
        appellant_name=name, contact_name=person, content=f"{name}反映，电话{PHONE}",
        confidential=True,
    )  # fmt: skip
    cast.accept(hidden)
    cast.assign(hidden)
    shown = cast.reach("assigned")
    cast.register()  # not the bureau's

    unit = rows_of(fetch(cast, "chen"))
    assert len(unit) == 2
    told = str(list(unit.values()))
    assert name not in told and person not in told and PHONE not in told
    assert {row["电话"] for row in unit.values()} == {"〔保密〕", "138****0001"}
    assert ask(cast, "chen", whole="y", reason="联系企业").status_code == 403

    refused = ask(cast, "zhou", whole="y")
    assert refused.status_code == 422 and "用途" in refused.text
    assert 'name="whole" value="y" checked' in refused.text
    whole = rows_of(fetch(cast, "zhou", whole="y", reason="逐户回访"))
    with cast.app.app_context():
        labels = dict(db.session.execute(select(Appeal.number, Appeal.label)).all())
        entry = db.session.scalars(
            select(AccessLog).where(AccessLog.detail.contains("逐户回访"))
        ).one()
        assert entry.username == "zhou" and "电话完整" in entry.detail
    assert whole[labels[shown]]["电话"] == PHONE  # text: no number lost a digit
    assert whole[labels[hidden]]["电话"] == "138****0001"
    assert whole[labels[hidden]]["企业（诉求人）"] == name
    assert rows_of(fetch(cast, "ma"))[labels[shown]]["电话"] == "138****0001"
    # Nobody else has the file, and the administrators none at all.
    mine = ask(cast, "zhou").location
    assert cast.client("wu").get(mine).status_code == 404
    assert cast.client("wu").get(f"{mine}/file").status_code == 404
    assert cast.client("shen").get(URL).status_code == 403
    assert ask(cast, "yuan").status_code == 422  # of another county: no row
    # The list leads here with its filters.
    listed = cast.client("zhou").get("/appeals/?state=assigned").text
    assert "/reports/export?state=assigned" in listed
    assert len(rows_of(fetch(cast, "zhou", "state=assigned"))) == 2


def test_what_makes_no_sense_is_answered_clearly(cast: Cast, tmp_path: Path) -> None:
    number = cast.reach("assigned")
    empty = ask(cast, "zhou", "q=没有这样的词", reason="报送")
    assert empty.status_code == 422 and "没有符合条件的诉求" in empty.text
    assert 'value="报送"' in empty.text
    assert "没有符合条件的诉求" in cast.client("zhou").get(f"{URL}?q=没有这样的词").text
    for given, words in (
        ({"columns": []}, "导出栏目"),
        ({"columns": ["phone_index"]}, "选项无效"),
        ({"columns": ["serial"]}, "除序号外"),
        ({"paper": "a4"}, "A4纸最多13栏"),
        ({"shape": "exe"}, "选项无效"),
        ({"reason": "长" * 101}, "用途"),
    ):
        got = ask(cast, "zhou", **given)
        assert got.status_code == 422 and words in got.text, given
    assert cast.client("zhou").get("/reports/exports/999/file").status_code == 404
    fetch(cast, "zhou", paper="a4", columns=["number", "lead"])
    again = cast.client("zhou").get(URL).text
    assert again.count(" checked") == 4  # the shape, the paper, and two columns

    runner, out = cast.app.test_cli_runner(), tmp_path / "a.xlsx"
    base = ["export", "--format", "xlsx", "--out", str(out)]
    for more, words in (
        (["--words", "没有这样的词"], "没有符合条件的诉求"),
        (["--since", "2026-02-02", "--until", "2026-01-01"], "止日早于起日"),
        (["--columns", "nothing"], "没有“nothing”这一栏"),
        (["--whole", "--reason", "联系"], "--whole"),
        (["--by", "chen", "--whole", "--reason", "联系"], "--whole"),
        (["--by", "shen"], "不查看诉求"),
        (["--office", "x"], "没有编码为“x”的单位"),
    ):
        failed = runner.invoke(args=[*base, *more])
        assert failed.exit_code and words in failed.output, (more, failed.output)
        assert not [*tmp_path.glob("a.xlsx"), *tmp_path.glob(".export-*")]
    nowhere = runner.invoke(args=[*base[:-1], str(tmp_path / "no" / "a.xlsx")])
    assert nowhere.exit_code == 2 and "--out" in nowhere.output
    done = runner.invoke(args=[*base, "--state", "open", "--paper", "a4"])
    assert done.exit_code == 0 and "已导出1行" in done.output, done.output
    table = tables(out.read_bytes())["在办"]
    assert len(table[3]) == 13 and table[0][0] == "企业诉求台账（在办）"
    with cast.app.app_context():
        assert number.endswith(table[4][1].partition("-")[2].zfill(11)[-6:])
        log = db.session.scalars(select(AccessLog).order_by(AccessLog.id.desc()).limit(1)).one()
        assert (log.action, log.username) == ("exported", "")


def test_a_large_export_is_made_behind_and_kept_a_week(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        cast.register()
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    zhou = cast.client("zhou")

    def drain() -> None:
        with cast.app.app_context():
            jobs.drain(now())
            db.session.remove()

    begun = ask(cast, "zhou")
    assert begun.status_code == 303
    url = begun.location
    assert "排队等待导出" in zhou.get(url).text
    assert zhou.get(f"{url}/file").status_code == 404
    assert ask(cast, "zhou").status_code == 409
    assert (
        "排队等待导出" in zhou.get("/desk").text
        and "导出台账" not in cast.client("wu").get("/desk").text
    )
    assert zhou.post(f"{url}/stop").status_code == 303
    drain()
    assert "已取消" in zhou.get(url).text
    url = ask(cast, "zhou").location
    drain()
    assert "已导出4行" in zhou.get(url).text
    assert "导出已完成，可以下载" in zhou.get("/desk").text
    assert len(rows_of(zhou.get(f"{url}/file").data)) == 4
    with cast.app.app_context():
        run = db.session.scalars(select(ExportRun).order_by(ExportRun.id.desc()).limit(1)).one()
        path = exporting.file_of(run)
        assert path is not None and path.is_file()
        at = run.at
        db.session.remove()
        assert exporting.forget_old(at + timedelta(days=6)) == 0 and path.is_file()
        exporting.forget_old(at + exporting.KEPT + timedelta(minutes=1))
        assert not path.exists()
    assert zhou.get(f"{url}/file").status_code == 404


@pytest.mark.parametrize(
    "codes", [USUAL, NARROW, ("remarks",), ("number", "remarks"), ("serial", "called", "closed")]
)
def test_every_cell_of_the_header_is_there(tmp_path: Path, codes: tuple[str, ...]) -> None:
    """In constant memory a cell above the last row is lost without a word."""
    at = datetime(2026, 11, 20, 1, tzinfo=UTC)
    columns = chosen(codes, "a3")
    path = tmp_path / "head.xlsx"
    told = Telling(SimpleNamespace(), {}, at, False)
    book = Book(path, columns, Head("寻乌县专班", at, "a3", "周&李"), told)
    for part in PARTS:
        list(book.part(part.title, iter(()), is_optional=part.is_optional))
    assert book.finish() == 0
    found = tables(path.read_bytes())
    assert list(found) == ["在办", "已销号", "汇总"]
    table = found["在办"]
    assert table[0][0] == "企业诉求台账（在办）"
    assert [head for head in table[3] if head] == [c.title for c in columns if c.code != "remarks"]
    groups = dict.fromkeys(c.group for c in columns)
    names = {"basic": "基本情况", "given": "交办情况", "handled": "办理情况",
             "called": "回访销号", "remarks": "备注"}  # fmt: skip
    assert [head for head in table[2] if head] == [names[group] for group in groups]
    assert "填表人" in table[4][0] and "审核人" in table[4][0] and "联系电话" in table[4][0]
    words = "".join(str(cell) for cell in table[1])
    assert "截至：2026-11-20 09:00" in words
    assert len(columns) == 1 or "填报单位：寻乌县专班" in words
    assert openpyxl.load_workbook(path).worksheets[0].oddFooter.left.text.endswith("周&&李")


def test_columns_and_cells_by_themselves() -> None:
    assert len(NARROW) == 13 and len(USUAL) == 26
    with pytest.raises(BadColumns):
        chosen(USUAL, "a4")
    at = datetime(2026, 11, 20, 1, tzinfo=UTC)
    told = Telling(SimpleNamespace(), {}, at, False)
    due = COLUMNS["due"].told
    midnight = Beside(due_at=datetime(2026, 11, 20, 16, tzinfo=UTC))
    assert due(None, midnight, told) == date(2026, 11, 20)  # 24:00 is that day's
    hour = Beside(due_at=datetime(2026, 11, 20, 4, 30, tzinfo=UTC))
    assert due(None, hour, told) == datetime(2026, 11, 20, 12, 30)  # noqa: DTZ001
    for text in ("=1", "+1", "-1", "@a", "\ta", "＝1", "\r1"):
        assert guarded(text) == f"'{text}"
