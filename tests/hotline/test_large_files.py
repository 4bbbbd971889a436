"""Files too large to be waited for: called off, gone on with, taken up again, told row by row."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from cast import Cast
from hotline.test_import_orders import HEAD, bring, order, workbook
from hotline.test_import_page import appeals, draft_of, kept_files, page
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.catalogue.queries import catalogue
from ledger.db import db, keyring, now, writing
from ledger.hotline import intake, sweeps, underway
from ledger.hotline.models import ImportLine, ImportRun, ValueMapping
from ledger.trail.check import Report, check_ledger
from ledger.work import jobs
from ledger.work.models import Job


class Killed(BaseException):
    """No exception that anybody could catch."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large, and what a batch."""
    monkeypatch.setattr(underway, "AT_ONCE", 5)
    monkeypatch.setattr(intake, "BATCH", 10)


def work(cast: Cast, **later: float) -> None:
    """What the worker does until nothing is due."""
    with cast.app.app_context():
        jobs.drain(now() + timedelta(**later))


def between_batches(monkeypatch: pytest.MonkeyPatch, after: int, act: Any) -> None:
    """Have something happen once so many batches are in."""
    was = intake.Taking._take_batch
    seen: list[int] = []

    def take(self: Any, *given: Any) -> Any:
        if len(seen) == after:
            seen.append(1)
            act()
        done = was(self, *given)
        seen.append(1)
        return done

    monkeypatch.setattr(intake.Taking, "_take_batch", take)


def counts(cast: Cast) -> tuple[int, int, int, int, int, bool]:
    with cast.app.app_context():
        r = db.session.scalars(select(ImportRun)).one()
        return r.rows, r.created, r.repeated, r.conflicts, r.rejected, r.finished


def verified(cast: Cast) -> bool:
    with cast.app.app_context():
        return list(check_ledger(db.engine, keyring(), Report())) == []


def test_a_large_file_is_tried_called_off_and_gone_on_with(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [order(str(n)) for n in range(30)]
    rows += [order("3"), order("4", "另一件事，与前面不同。"), order(None), [], order("@1+1")]
    where = draft_of(cast, workbook(*rows))
    tried = cast.client("zhou").post(f"{where}/trial")
    assert (tried.status_code, tried.headers["Location"]) == (303, f"{where}/trial")
    text = page(cast, f"{where}/trial")
    assert "排队等待试导入" in text and 'http-equiv="refresh"' in text
    work(cast)
    text = page(cast, f"{where}/trial")
    assert "共34行：可登记31件，已存在1件，内容不一致1件，不能导入1行" in text
    assert appeals(cast) == 0
    mark = re.search(r'name="mark" value="(\w+)"', text)
    assert mark
    client = cast.client("zhou")
    result = client.post(f"{where}/run", data={"mark": mark[1]}).headers["Location"]
    assert appeals(cast) == 0 and "排队等待导入" in page(cast, result)
    assert "排队等待导入" in page(cast, "/desk")
    assert "排队等待" in page(cast, "/imports/")

    seen: list[str] = []

    def call_off() -> None:
        partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
        seen.append(cast.client("zhou").get(f"{result}/progress?poll=1", headers=partial).text)
        assert cast.client("tang").post(f"{result}/stop").status_code == 303

    with monkeypatch.context() as patch:
        between_batches(patch, 2, call_off)
        work(cast)
    assert 'value="57"' in seen[0] and "every 2s" in seen[0]
    text = page(cast, result)
    assert "取消，尚未完成" in text and "新登记20件" in text and "没有撤回" in text
    assert counts(cast) == (20, 20, 0, 0, 0, False) and appeals(cast) == 20
    assert cast.client("zhou").get(f"{result}/rows.xlsx").status_code == 404
    gone = cast.client("zhou").get(f"{result}/progress", headers={"HX-Request": "true"})
    assert gone.headers["HX-Redirect"] == result
    assert cast.client("tang").post(f"{result}/resumption").status_code == 403
    work(cast)
    assert appeals(cast) == 20, "what was called off stays called off"

    assert client.post(f"{result}/resumption").status_code == 303
    assert client.post(f"{result}/resumption").status_code == 303  # pressed twice
    work(cast)
    assert counts(cast) == (34, 31, 1, 1, 1, True) and appeals(cast) == 31
    assert "共34行：新登记31件，已存在1件" in page(cast, result)
    assert "导入已完成，共34行" in page(cast, "/desk")
    with cast.app.app_context():
        lines = db.session.scalars(select(ImportLine.row_number)).all()
        assert len(lines) == len(set(lines)) == 34
    _look_at_the_sheet(cast, result)
    assert verified(cast)


def _look_at_the_sheet(cast: Cast, result: str) -> None:
    """Every row as it was, under its own number, with what became of it."""
    assert len(kept_files(cast)) == 1
    answer = cast.client("zhou").get(f"{result}/rows.xlsx")
    assert answer.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    got = [["" if v is None else v for v in row] for row in sheet.values]
    assert got[0] == [*HEAD, "导入结果", "说明"]
    assert got[1][0] == "0" and re.fullmatch(r"已导入 寻\d{4}-\d{4}", str(got[1][7]))
    assert str(got[31][7]).startswith("已存在 寻") and got[31][8] == ""
    assert str(got[32][7]).startswith("内容不一致 寻") and "4已登记" in str(got[32][8])
    assert got[33][7:] == ["未导入", "缺少工单编号"]
    assert got[34] == [""] * 9
    assert got[35][0] == "'@1+1" and {cell.data_type for row in sheet for cell in row} <= {"s", "n"}
    assert cast.client("lin").get(f"{result}/rows.xlsx").status_code == 404
    with cast.app.app_context():
        log = db.session.scalars(select(AccessLog).filter_by(action="exported")).one()
        assert (log.username, log.detail) == ("zhou", "34行")
        assert sweeps.forget_drafts(now() + timedelta(days=6)) == 0
        assert sweeps.forget_drafts(now() + timedelta(days=8)) == 1
    assert cast.client("zhou").get(f"{result}/rows.xlsx").status_code == 404
    assert "下载导入结果表" not in page(cast, result)


@pytest.mark.parametrize("rows", [4, 35])
def test_what_died_in_the_middle_is_taken_up_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """In the request that does a small file at once, and in the worker."""
    monkeypatch.setattr(intake, "BATCH", 2)
    where = draft_of(cast, workbook(*(order(str(n)) for n in range(rows))))

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        between_batches(patch, 1, die)
        with pytest.raises(Killed):
            cast.client("zhou").post(f"{where}/run")
            work(cast)
    assert counts(cast) == (2, 2, 0, 0, 0, False)
    again = cast.client("zhou").post(f"{where}/run")
    assert again.status_code == 303, "who presses again is led to what is under way"
    work(cast)
    assert counts(cast)[0] == 2, "its lease runs"
    with cast.app.app_context():
        assert jobs.let_go_of_the_dead() == 0, "this process lives"
        with writing():
            db.session.scalars(select(Job)).one().leased_by = (
                jobs.worker_name().rpartition(":")[0] + ":before"
            )
            db.session.commit()
        assert jobs.let_go_of_the_dead() == 1
    work(cast)
    assert counts(cast) == (rows, rows, 0, 0, 0, True) and appeals(cast) == rows
    assert verified(cast)


def test_several_files_queue_and_one_whose_uploader_left_is_told_why(cast: Cast) -> None:
    ways = [draft_of(cast, workbook(*(order(f"{n}-{m}") for m in range(8)))) for n in range(3)]
    results = [cast.client("zhou").post(f"{where}/run").headers["Location"] for where in ways]
    assert "前面还有2个" in page(cast, results[2])
    with cast.app.app_context(), writing():
        db.session.scalars(select(ImportRun).order_by(ImportRun.id)).all()[1].by_id = (
            cast.people["lin"]
        )
        db.session.commit()
    work(cast)
    assert appeals(cast) == 16
    text = page(cast, results[1])
    assert "已没有导入这类文件的岗位" in text and "重新上传同一文件" in text
    for result in (results[0], results[2]):
        assert "共8行：新登记8件" in page(cast, result)


def test_what_a_hotlines_words_mean_is_asked_once(cast: Cast) -> None:
    head = [*HEAD, "工单等级", "工单类型", "问题分类"]
    rows = [
        [*order("1"), "甲级", "办事难", "货车堵点"],
        [*order("2"), "甲 级", "投诉举报类", "货车堵点"],
        [*order("3"), "加急", "咨询类", ""],
    ]
    where = draft_of(cast, workbook(*rows, head=head))
    client = cast.client("zhou")
    assert client.post(f"{where}/run").headers["Location"] == f"{where}/values"
    assert client.post(f"{where}/trial").headers["Location"] == f"{where}/values"
    text = page(cast, f"{where}/values")
    found = re.findall(
        r'取值">([^<]+)</td>\s*<td class="num" data-label="行数">(\d+)</td>', text
    )
    assert sorted(found) == [("办事难", "1"), ("甲级", "2"), ("货车堵点", "2")]
    with cast.app.app_context():
        category = next(row.id for row in catalogue().categories.values() if row.active)
    given = {
        "field": ["urgency", "kind", "category"],
        "theirs": ["甲级", "办事难", "货车堵点"],
    }
    for ours in (["critical", "", str(category)], ["critical", "help", "999999"]):
        answer = client.post(f"{where}/values", data={**given, "ours": ours})
        assert answer.status_code == 422
        assert 'value="critical" selected' in answer.text, "nothing chosen is lost"
    said = {**given, "ours": ["critical", "default", str(category)]}
    assert client.post(f"{where}/values", data=said).headers["Location"] == f"{where}/trial"
    assert client.post(f"{where}/run").status_code == 303
    # By the next file and by the command they are known.
    bring(cast, workbook([*order("9"), "甲级", "办事难", "货车堵点"], head=head))
    with cast.app.app_context():
        laid = {
            a.external_orders[0].order_number: (a.urgency, a.kind, a.category_id)
            for a in db.session.scalars(select(Appeal))
        }
    assert laid == {
        "1": ("critical", "help", category),
        "2": ("critical", "complaint", category),
        "3": ("critical", "consult", None),
        "9": ("critical", "help", category),
    }
    _correct_what_was_said(cast)
    assert verified(cast)


def _correct_what_was_said(cast: Cast) -> None:
    assert cast.client("tang").get("/imports/values").status_code == 403
    text = page(cast, "/imports/values")
    assert all(word in text for word in ("甲级", "办事难", "货车堵点", "12345"))
    with cast.app.app_context():
        ids = {known.theirs: known.id for known in db.session.scalars(select(ValueMapping))}
    client = cast.client("zhou")
    wrong = client.post(f"/imports/values/{ids['甲级']}", data={"ours": "none such"})
    assert wrong.status_code == 422
    changed = client.post(f"/imports/values/{ids['甲级']}", data={"ours": "urgent"})
    gone = client.post(f"/imports/values/{ids['办事难']}", data={"ours": "help", "forget": "1"})
    assert changed.status_code == gone.status_code == 303
    assert client.post(f"/imports/values/{ids['办事难']}", data={"ours": "help"}).status_code == 404
    head = [*HEAD, "工单等级", "工单类型"]
    where = draft_of(cast, workbook([*order("7"), "甲级", "办事难"], head=head))
    assert client.post(f"{where}/trial").headers["Location"] == f"{where}/values"
    client.post(f"{where}/trial")
    bring(cast, workbook([*order("7"), "甲级", "办事难"], head=head))
    with cast.app.app_context():
        latest = db.session.scalars(select(Appeal).order_by(Appeal.id.desc())).first()
        assert latest is not None and latest.urgency == "urgent"
