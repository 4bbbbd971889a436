"""承办单位反馈表: handed out for offline units, filled in, shown as it will be, recorded once."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from typing import Any

import openpyxl
from sqlalchemy import select

from cast import Cast
from ledger.access.models import AccessLog
from ledger.appeals.behalf import Behalf
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.db import db, writing
from ledger.hotline.feedback import Feedback, FeedbackRow
from ledger.hotline.intake import Summary, Taking
from ledger.people.models import Unit
from ledger.trail.models import Entry

Rows = list[dict[str, str]]
HOUR = timedelta(hours=1)
DONE = {
    "是否办结": "是",
    "办理进展": "已到场协调，收费站放行",
    "办理结果": "已解决",
    "对企业的答复": "您好，澄江收费站入口已恢复通行。",
    "佐证（核实人、时间、方式、结果）": "李明，当日现场核实，车辆已通行",
    "经办人及电话": "李明 13800001111",
}
GOING = {"办理进展": "已派人到场", "是否办结": "否", "经办人及电话": "李明13800001111"}


def work_offline(cast: Cast, *units: str, offline: bool = True) -> None:
    with cast.app.app_context(), writing():
        for unit in units:
            db.session.get_one(Unit, cast.units[unit]).offline = offline
        db.session.commit()


def exported(cast: Cast, unit: str = "", who: str = "zhou") -> Rows:
    query = {"unit": cast.units[unit]} if unit else {}
    response = cast.client(who).get("/imports/feedback/sheet", query_string=query)
    assert response.status_code == 200
    sheet = openpyxl.load_workbook(BytesIO(response.data))["反馈表"]
    head, *rows = sheet.iter_rows()
    for row in rows:
        assert all(cell.data_type in ("s", "n") for cell in row), "no formula"
    names = [str(cell.value) for cell in head]
    return [
        {name: str(cell.value or "") for name, cell in zip(names, row, strict=True)}
        for row in rows
    ]


def filled(rows: Rows) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append([*rows[0]])
    for row in rows:
        sheet.append([row.get(name, "") for name in rows[0]])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def taking(cast: Cast, who: str = "zhou") -> Taking[FeedbackRow]:
    office = cast.units["office"]
    return Taking(Feedback(office), office_id=office, by=cast.actor(who))


def bring(cast: Cast, data: bytes, *, dry_run: bool = False) -> Summary:
    with cast.app.app_context():
        hand = taking(cast)
        return (hand.weigh if dry_run else hand.take)(data, "反馈表.xlsx")


def counts(summary: Summary) -> tuple[int, ...]:
    return (
        summary.rows, summary.created, summary.repeated, summary.conflicts, summary.rejected,
    )  # fmt: skip


def sheets_of(cast: Cast, number: str) -> list[str]:
    """The verbs that a sheet brought, first to last."""
    with cast.app.app_context():
        wanted = select(Entry.verb).where(
            Entry.stream == f"appeal/{number}", Entry.on_behalf == "sheet"
        )
        return [*db.session.scalars(wanted.order_by(Entry.seq))]


def row_of(rows: Rows, number: str) -> dict[str, str]:
    return next(row for row in rows if row["台账编号"] == number)


def assigned(cast: Cast, unit: str = "bureau", **known: Any) -> str:
    number = cast.register(**known)
    cast.accept(number)
    cast.assign(number, unit)
    return number


def test_what_leaves_the_house_is_masked_and_no_formula(cast: Cast) -> None:
    work_offline(cast, "bureau", "police")
    evil = assigned(cast, title="=1+1", content="@SUM(A1) 请致电13807970001或0797-2831234")
    secret = assigned(
        cast, content="寻乌县顺达物流有限公司刘经理反映，赣B12345被扣", confidential=True,
        plates="赣B12345",
    )  # fmt: skip
    elsewhere = assigned(cast, "police")
    answered = cast.reach("answered")
    rows = exported(cast, "bureau")
    assert [row["台账编号"] for row in rows] == [evil, secret]
    assert answered not in {row["台账编号"] for row in rows}
    assert row_of(rows, evil)["标题"] == "'=1+1"
    assert row_of(rows, evil)["诉求内容"] == "'@SUM(A1) 请致电138****0001或079****1234"
    assert row_of(rows, secret)["诉求内容"] == "〔保密〕〔保密〕反映，〔保密〕被扣"
    for row in rows:
        assert row["交办时间"] and row["应办结"] and not row["办理进展"] and not row["办理结果"]
    assert {row["台账编号"] for row in exported(cast)} == {evil, secret, elsewhere}
    with cast.app.app_context():
        logged = db.session.scalars(select(AccessLog).where(AccessLog.action == "exported"))
        assert [line.detail for line in logged] == ["2行", "3行"]
    assert cast.client("chen").get("/imports/feedback/sheet").status_code == 403
    wrong = cast.client("zhou").get(f"/imports/feedback/sheet?unit={cast.units['industry']}")
    assert wrong.status_code == 404
    assert exported(cast, who="yuan") == [], "another office's"


def test_each_row_is_one_entry_and_none_the_second_time(cast: Cast) -> None:
    work_offline(cast, "bureau", "police")
    going, done, blank, moved, lost = (assigned(cast) for _ in range(5))
    urged = assigned(cast, "police")
    rows = exported(cast)
    row_of(rows, going).update(GOING)
    row_of(rows, done).update(DONE)
    row_of(rows, moved).update(DONE)
    row_of(rows, urged).update(GOING)
    row_of(rows, lost).update(DONE)
    told = Behalf("phone", "李明", note="电话报来")
    cast.do(moved, lambda a, at: a.progress("电话", by=cast.actor("zhou"), at=at, behalf=told))
    cast.do(lost, lambda a, at: a.recall("改派", by=cast.actor("zhou"), at=at))
    data = filled(rows)
    assert counts(bring(cast, data, dry_run=True)) == (5, 3, 0, 2, 0)
    assert sheets_of(cast, going) == [], "a trial writes nothing"
    summary = bring(cast, data)
    assert counts(summary) == (5, 3, 0, 2, 0), [p.reason for p in summary.problems]
    assert all("导出反馈表后本件已有变化" in p.reason for p in summary.problems)
    assert sheets_of(cast, going) == sheets_of(cast, urged) == ["progress"]
    assert sheets_of(cast, done) == ["answer"]
    assert sheets_of(cast, moved) == sheets_of(cast, lost) == sheets_of(cast, blank) == []
    again = bring(cast, data)
    assert counts(again) == (5, 0, 3, 2, 0)
    assert sheets_of(cast, going) == ["progress"] and sheets_of(cast, done) == ["answer"]
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == done)).one()
        (given,) = appeal.assignments
        assert (appeal.state, appeal.outcome) == ("answered", "resolved")
        assert (given.handler_name, given.handler_phone) == ("李明", "13800001111")
        assert given.public_reply == DONE["对企业的答复"]
        entry = db.session.scalars(
            select(Entry).where(Entry.stream == appeal.stream).order_by(Entry.seq.desc())
        ).first()
        assert entry is not None
        assert (entry.on_behalf, entry.actor_id) == ("sheet", cast.people["zhou"])
        for number in (going, done, moved, urged):
            assert check_appeal(db.engine, number) == []


def test_a_row_that_is_wrong_says_why_and_the_others_go_on(cast: Cast) -> None:
    work_offline(cast, "bureau")
    numbers = [assigned(cast) for _ in range(8)]
    good = numbers[-1]
    rows = exported(cast)
    first = dict(rows[0])
    online = assigned(cast, "police")
    wrong: dict[str, tuple[dict[str, str], str]] = {
        numbers[0]: ({**DONE, "办理结果": "办好了"}, "办理结果“办好了”不在可选范围内"),
        numbers[1]: ({**DONE, "是否办结": "也许"}, "“是否办结”应填“是”或“否”"),
        numbers[2]: ({**DONE, "对企业的答复": "收悉"}, "“收悉”不是答复"),
        numbers[3]: ({**DONE, "经办人及电话": ""}, "请填写经办人及电话"),
        numbers[4]: ({**DONE, "佐证（核实人、时间、方式、结果）": ""}, "请上传佐证附件或写明"),
        numbers[5]: ({**GOING, "办理进展": ""}, "请填写“办理进展”"),
        numbers[6]: ({**GOING, "核对码（请勿改动）": "x"}, "核对码已被改动"),
    }
    for number, (typed, _) in wrong.items():
        row_of(rows, number).update(typed)
    row_of(rows, good).update(GOING)
    rows.append({**first, **GOING, "台账编号": "360734-2026-999999"})
    rows.append({**first, **GOING, "台账编号": online})
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == online)).one()
        mark = f"{appeal.assignments[0].id}-{appeal.version}"
    rows.append({**first, **GOING, "台账编号": online, "核对码（请勿改动）": mark})
    summary = bring(cast, filled(rows))
    assert counts(summary) == (11, 1, 0, 0, 10)
    said = [p.reason for p in summary.problems]
    expected = [row_words for _, row_words in wrong.values()]
    expected += ["没有编号为360734-2026-999999的诉求", "核对码与台账编号不符"]
    expected += ["交管大队的办理方式为线上"]
    for words in expected:
        assert any(words in reason for reason in said), (words, said)
    assert sheets_of(cast, good) == ["progress"] and sheets_of(cast, online) == []


def test_uploaded_looked_at_and_recorded_by_pages(cast: Cast) -> None:
    work_offline(cast, "bureau")
    done, moved = assigned(cast), assigned(cast)
    rows = exported(cast)
    row_of(rows, done).update(DONE)
    row_of(rows, moved).update({**DONE, "办理进展": "<b>表中</b>的说法"})
    told = Behalf("phone", "李明", note="电话报来")
    cast.do(
        moved, lambda a, at: a.progress("电话里的说法", by=cast.actor("zhou"), at=at, behalf=told)
    )
    cast.do(moved, lambda a, at: a.recall("另行改派", by=cast.actor("zhou"), at=at))
    client = cast.client("zhou")
    start = client.get("/imports/?kind=feedback").text
    assert "导出全部线下单位反馈表" in start and "寻乌县交通运输局（1件）" in start
    assert "线下反馈表" in client.get("/desk").text
    upload = {"file": (BytesIO(filled(rows)), "反馈表.xlsx")}
    sent = client.post("/imports/?kind=feedback", data=upload)
    assert sent.status_code == 303 and sent.location.endswith("/trial")
    trial = client.get(sent.location).text
    for words in ("将录入1行", "已有变化1行", "代录反馈", "已到场协调，收费站放行",
                  "&lt;b&gt;表中&lt;/b&gt;的说法", "周交办收回", "电话里的说法",
                  "138****1111"):  # fmt: skip
        assert words in trial, words
    assert "13800001111" not in trial and sheets_of(cast, done) == []
    run = sent.location.replace("/trial", "/run")
    result = client.post(run)
    assert result.status_code == 303
    shown = client.get(result.location).text
    assert "已录入1件" in shown and "已有变化，待处理（1）" in shown
    assert "内容不一致" not in shown
    assert "周交办收回" in shown and "电话里的说法" in shown and "&lt;b&gt;表中&lt;/b&gt;" in shown
    assert client.post(run).status_code == 409, "a file goes in once"
    assert sheets_of(cast, done) == ["answer"]
    line = client.get(f"/appeals/{done}").text
    assert "代录（反馈表）" in line and "承办单位反馈表第" in line
    assert cast.client("tang").get("/imports/?kind=feedback").status_code == 403
