"""Uploading as a person does it: choose, look, correct, try, take in, and a result that stays."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape

import openpyxl
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from cast import Cast
from hotline.test_import_orders import order, workbook
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import db, now, writing
from ledger.hotline import drafts, sweeps, underway
from ledger.hotline.kinds import KINDS
from ledger.hotline.models import ImportDraft, ImportRun
from ledger.work import jobs
from ledger.work.models import Job


def upload(
    cast: Cast,
    data: bytes,
    who: str = "zhou",
    *,
    kind: str = "orders",
    name: str = "工单.xlsx",
    **more: str,
) -> tuple[int, str, str]:
    """Status, where it leads and the page of the first step."""
    fields = {"channel": "12345"} if kind in ("orders", "opening_orders") else {}
    answer = cast.client(who).post(
        f"/imports/?kind={kind}",
        data={**fields, "file": (io.BytesIO(data), name), **more},
        content_type="multipart/form-data",
    )
    return answer.status_code, answer.headers.get("Location", ""), unescape(answer.text)


def draft_of(cast: Cast, data: bytes, who: str = "zhou", **more: str) -> str:
    """The address of the second step."""
    status, where, text = upload(cast, data, who, **more)
    assert status == 303, text[:3000]
    assert re.fullmatch(r"/imports/drafts/\d+", where)
    return where


def take(cast: Cast, data: bytes, who: str = "zhou", **more: str) -> str:
    """The address of the result."""
    answer = cast.client(who).post(f"{draft_of(cast, data, who, **more)}/run")
    assert answer.status_code == 303, answer.text[:3000]
    return str(answer.headers["Location"])


def page(cast: Cast, url: str, who: str = "zhou") -> str:
    answer = cast.client(who).get(url)
    assert answer.status_code == 200, answer.text[:3000]
    return unescape(answer.text)


def appeals(cast: Cast) -> int:
    with cast.app.app_context():
        return db.session.scalar(select(func.count(Appeal.id))) or 0


def kept_files(cast: Cast) -> list[str]:
    with cast.app.app_context():
        return [p.name for p in drafts.directory().rglob("*") if p.is_file()]


def test_choose_look_try_take_and_read(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1"), order(None)))
    text = page(cast, where)
    for said in ("工单.xlsx", "Excel工作簿（xlsx）", "第1行", "收费站关闭，货车被劝返。"):
        assert said in text
    assert "缺少工单编号" in text
    tried = cast.client("zhou").post(f"{where}/trial")
    assert (tried.status_code, tried.headers["Location"]) == (303, f"{where}/trial")
    text = page(cast, f"{where}/trial")
    assert "可登记1件" in text
    assert "不能导入1行" in text
    assert re.search(r'data-label="行">3</td><td data-label="原因">未导入：缺少工单编号', text)
    assert appeals(cast) == 0
    mark = re.search(r'name="mark" value="(\w+)"', text)
    assert mark
    answer = cast.client("zhou").post(f"{where}/run", data={"mark": mark[1]})
    assert answer.status_code == 303
    text = page(cast, answer.headers["Location"])
    assert "新登记1件" in text
    assert "未导入1行" in text
    assert appeals(cast) == 1
    assert len(kept_files(cast)) == 1  # the sheet of its rows, in the file's stead
    with cast.app.app_context():
        line = db.session.scalars(select(AccessLog).filter_by(action="file_imported")).one()
        assert (line.username, line.detail) == ("zhou", "orders")


def test_looking_and_trying_write_no_appeal_and_may_be_done_again(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    for _ in range(2):
        page(cast, where)
        page(cast, f"{where}/trial")
    assert appeals(cast) == 0
    assert "工单.xlsx" in page(cast, "/imports/")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "文件是空的"),
        (b"PK\x03\x04 no workbook", "损坏"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "网页"),
        ("姓名,年龄\n张三,30\n".encode(), "没有找到表头"),
        (b"\x00\x01\x02\x03", ""),
    ],
)
def test_what_is_no_table_is_told_at_once_and_the_choice_is_kept(
    cast: Cast, data: bytes, said: str
) -> None:
    status, _, text = upload(cast, data, channel="12328")
    assert status == 422
    assert 'role="alert"' in text
    assert said in text
    assert re.search(r'<option selected value="12328">', text)
    assert kept_files(cast) == []


def test_too_large_a_file_and_none_at_all(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST_BYTES", 1024 * 1024)
    status, _, text = upload(cast, b"\x00" * (1024 * 1024 + 1))
    assert (status, "超过1MB的上限" in text) == (422, True)
    answer = cast.client("zhou").post("/imports/?kind=orders", data={"channel": "12345"})
    assert answer.status_code == 422
    assert "请选择“文件”" in unescape(answer.text)


def test_a_channel_must_be_chosen_where_orders_are_uploaded(cast: Cast) -> None:
    for channel in ("", "visit", "没有这个"):
        assert upload(cast, workbook(order("1")), channel=channel)[0] == 422


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "工单\x00\x00.xlsx", "<script>alert(1)</script>.xlsx", "\u202excod.xlsx",
     "长" * 400 + ".xlsx", "\x00"],
)  # fmt: skip
def test_hostile_names_are_only_names(cast: Cast, name: str) -> None:
    where = draft_of(cast, workbook(order("1")), name=name)
    answer = cast.client("zhou").get(where)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    with cast.app.app_context():
        kept = db.session.scalars(select(ImportDraft)).one()
        assert kept.file_name.isprintable()
        assert "/" not in kept.file_name
    done = cast.client("zhou").post(f"{where}/run")
    assert done.status_code == 303
    assert "<script>alert" not in cast.client("zhou").get(done.headers["Location"]).text


def test_a_lock_file_is_told_by_its_name(cast: Cast) -> None:
    status, _, text = upload(cast, b"\x05abc" + b" " * 160, name="~$工单.xlsx")
    assert (status, "临时锁文件" in text) == (422, True)


# -- once, whoever presses how often ---------------------------------------------------------


def test_the_button_pressed_again_takes_nothing_in_twice(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    client = cast.client("zhou")
    first = client.post(f"{where}/run")
    second = client.post(f"{where}/run")
    assert second.status_code == 409
    assert first.headers["Location"] in second.text
    assert "没有再次写入" in second.text
    for url in (where, f"{where}/trial"):  # the way back, and another tab
        again = client.get(url)
        assert (again.status_code, first.headers["Location"] in again.text) == (409, True)
    for verb in ("columns", "trial"):
        answer = client.post(f"{where}/{verb}", data={"key": "工单编号", "field": ""})
        assert answer.status_code == 409
    assert appeals(cast) == 1
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(ImportRun.id))) == 1


def test_a_second_click_while_it_runs_leads_to_what_is_running(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    client = cast.client("zhou")
    result = client.post(f"{where}/run").headers["Location"]
    with cast.app.app_context(), writing():
        db.session.scalars(select(ImportRun)).one().finished = False
        db.session.scalars(select(Job)).one().state = "running"
        db.session.commit()
    second = client.post(f"{where}/run")
    assert (second.status_code, second.headers["Location"]) == (303, result)
    assert "正在导入" in page(cast, result)
    assert "正在导入" in page(cast, "/imports/")


def test_two_clicks_at_the_same_moment(cast: Cast) -> None:
    where = draft_of(cast, workbook(*(order(str(n)) for n in range(20))))
    clients = [cast.client("zhou"), cast.client("zhou"), cast.client("tang")]
    together = threading.Barrier(len(clients))

    def press(client: FlaskClient) -> int:
        together.wait(30)
        return client.post(f"{where}/run").status_code

    with ThreadPoolExecutor(len(clients)) as hands:
        found = sorted(hands.map(press, clients))
    assert found[0] == 303
    assert set(found) <= {303, 409}
    assert appeals(cast) == 20
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(ImportRun.id))) == 1


def test_a_window_that_saw_the_file_before_another_took_it_in(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    with cast.app.app_context():
        seen = db.session.scalars(select(ImportDraft)).one()
        db.session.expunge(seen)
    assert cast.client("zhou").post(f"{where}/run").status_code == 303
    with cast.app.app_context(), pytest.raises(drafts.AlreadyTaken):
        underway.take_in(seen, KINDS["orders"], cast.actor("tang"))
    assert appeals(cast) == 1


def test_what_breaks_off_may_be_taken_in_again(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    where = draft_of(cast, workbook(order("1")))

    def fail(*_: object) -> None:
        raise RuntimeError("the machine stops")

    with monkeypatch.context() as broken:
        broken.setattr("ledger.hotline.intake.Taking._finish", fail)
        with pytest.raises(RuntimeError):
            cast.client("zhou").post(f"{where}/run")
    result = cast.client("zhou").post(f"{where}/run").headers["Location"]
    text = page(cast, result)
    assert "尚未完成" in text and "新登记1件" in text
    assert cast.client("zhou").post(f"{result}/resumption").status_code == 303
    with cast.app.app_context():
        jobs.drain(now())
    assert "共1行：新登记1件，已存在0件" in page(cast, result)
    assert appeals(cast) == 1


def test_a_mapping_changed_in_another_tab_stops_the_import(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    text = page(cast, f"{where}/trial")
    mark = re.search(r'name="mark" value="(\w+)"', text)
    assert mark
    client = cast.client("zhou")
    changed = client.post(f"{where}/columns", data={"key": "来电人", "field": ""})
    assert changed.status_code == 303
    answer = client.post(f"{where}/run", data={"mark": mark[1]})
    assert answer.status_code == 409
    assert "重新试导入" in answer.text
    assert appeals(cast) == 0


# -- whose it is -----------------------------------------------------------------------------


def test_a_file_of_another_office_is_not_there(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    result = take(cast, workbook(order("2")))
    for url in (where, f"{where}/trial", result, "/imports/drafts/999999", "/imports/999999"):
        assert cast.client("yuan").get(url).status_code == 404
    for verb in ("columns", "trial", "run"):
        assert cast.client("yuan").post(f"{where}/{verb}").status_code == 404
    assert "工单.xlsx" not in page(cast, "/imports/", "yuan")
    assert "工单.xlsx" in page(cast, where, "tang")  # the same office's operator


def test_only_the_office_imports(cast: Cast) -> None:
    for who in ("chen", "shen", "none"):
        assert cast.client(who).get("/imports/").status_code == 403
        assert upload(cast, workbook(order("1")), who)[0] == 403
    assert upload(cast, workbook(order("1")), "tang")[0] == 303
    for kind in ("ledger", "opening_orders"):
        assert upload(cast, workbook(order("1")), "tang", kind=kind)[0] == 403
        assert f"kind={kind}" not in page(cast, "/imports/", "tang")
    where = draft_of(cast, workbook(order("1")), kind="opening_orders")
    assert cast.client("tang").get(where).status_code == 404


def test_the_old_address_leads_to_the_new_page(cast: Cast) -> None:
    answer = cast.client("zhou").get("/imports/orders")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/imports/?kind=orders")


def test_a_template_is_filled_in_and_sent_back_by_a_liaison(cast: Cast) -> None:
    answer = cast.client("lin").get("/imports/blank/batch")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    sheet = book.worksheets[0]
    head = [cell.value for cell in sheet[1]]
    told = {"诉求主体": "寻乌县顺达物流有限公司", "诉求内容": "园区路面破损，货车绕行。"}
    for name, value in told.items():
        sheet.cell(2, head.index(name) + 1, value)
    stream = io.BytesIO()
    book.save(stream)
    result = take(cast, stream.getvalue(), "lin", kind="batch", channel="visit")
    text = page(cast, result, "lin")
    assert "新登记1件" in text, text[text.index("<h1>") :]
    assert appeals(cast) == 1
    for who, code, status in (
        ("lin", "orders", 404),
        ("zhou", "nothing", 404),
        ("shen", "batch", 403),
    ):
        assert cast.client(who).get(f"/imports/blank/{code}").status_code == status


# -- what nobody took in ---------------------------------------------------------------------


def test_a_file_nobody_took_in_goes_after_a_day(cast: Cast) -> None:
    old = draft_of(cast, workbook(order("1")))
    assert len(kept_files(cast)) == 1
    with cast.app.app_context():
        assert sweeps.forget_drafts(now() + timedelta(hours=23)) == 0
        assert sweeps.forget_drafts(now() + timedelta(hours=25)) == 1
    assert kept_files(cast) == []
    answer = cast.client("zhou").get(old)
    assert answer.status_code == 404
    assert "请重新上传" in answer.text


def test_a_file_gone_from_the_disk_is_said_to_be_gone(cast: Cast) -> None:
    where = draft_of(cast, workbook(order("1")))
    with cast.app.app_context():
        for path in drafts.directory().rglob("*"):
            if path.is_file():
                path.unlink()
    for answer in (cast.client("zhou").get(where), cast.client("zhou").post(f"{where}/run")):
        assert (answer.status_code, "请重新上传" in answer.text) == (404, True)
