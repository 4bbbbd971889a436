"""What an office says of a file's columns: kept, remembered for the header, and nobody else's."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import func, select

from cast import Cast
from hotline.test_import_ledger import CLOSED, OPEN, ledger
from hotline.test_import_orders import workbook
from hotline.test_import_page import appeals, draft_of, page, take
from ledger.appeals.models import Appeal
from ledger.db import db
from ledger.hotline.models import ImportDraft, ImportMapping

HEAD = ["12345工单编号", "来电人", "群众心声", "处理科室"]
ROW = ["2549", "张先生", "澄江收费站关闭，货车被劝返。", "二科"]
CHOICE = {
    "12345工单编号": "number",
    "来电人": "caller",
    "群众心声": "content",
    "处理科室": "",
}


def csv(*rows: list[str], head: list[str] = HEAD, coding: str = "gbk") -> bytes:
    return "\n".join(",".join(row) for row in (head, *rows)).encode(coding)


def choose(
    cast: Cast, where: str, choice: dict[str, str], verb: str = "columns", who: str = "zhou"
) -> tuple[int, str]:
    answer = cast.client(who).post(
        f"{where}/{verb}", data={"key": list(choice), "field": list(choice.values())}
    )
    return answer.status_code, answer.text


def chosen(text: str) -> dict[str, str]:
    """Column's key → field, as the page offers them."""
    found = {}
    for key, select_ in re.findall(
        r'name="key" value="([^"]*)">\s*(<select.*?</select>)', text, re.S
    ):
        options = re.findall(r'<option value="([^"]*)" selected>', select_)
        found[key] = options[0] if options else ""
    return found


def test_a_gbk_file_whose_content_has_a_name_of_its_own(cast: Cast) -> None:
    where = draft_of(cast, csv(ROW), name="工单.csv")
    text = page(cast, where)
    assert "GBK" in text
    assert "CSV文本" in text
    assert "还缺少必需的栏目：工单内容" in text
    assert chosen(text) == {**CHOICE, "群众心声": ""}
    refused = cast.client("zhou").post(f"{where}/run")
    assert refused.status_code == 422
    assert "缺少：“工单内容”" in refused.text
    assert appeals(cast) == 0
    assert choose(cast, where, CHOICE)[0] == 303
    text = page(cast, where)
    assert chosen(text) == CHOICE
    assert "还缺少" not in text
    assert cast.client("zhou").post(f"{where}/run").status_code == 303
    with cast.app.app_context():
        assert db.session.scalars(select(Appeal.content)).one() == ROW[2]


def test_the_next_file_of_the_same_header_starts_from_it(cast: Cast) -> None:
    choose(cast, draft_of(cast, csv(ROW), name="工单.csv"), CHOICE)
    # Next month as a workbook, the columns in another order, by a colleague.
    turned = [list(reversed(HEAD)), list(reversed(["2550", *ROW[1:]]))]
    again = draft_of(cast, workbook(turned[1], head=turned[0]), "tang")
    text = page(cast, again, "tang")
    assert chosen(text) == CHOICE
    assert "按本办公室为这种表头保存的" in text
    assert cast.client("tang").post(f"{again}/run").status_code == 303
    assert appeals(cast) == 1


@pytest.mark.parametrize(
    ("who", "more"),
    [
        ("yuan", {}),  # another office
        ("zhou", {"channel": "12328"}),
        ("zhou", {"kind": "opening_orders"}),
    ],
)
def test_it_is_remembered_for_office_kind_and_channel_alone(
    cast: Cast, who: str, more: dict[str, str]
) -> None:
    choose(cast, draft_of(cast, csv(ROW), name="工单.csv"), CHOICE)
    other = draft_of(cast, csv(ROW), who, name="工单.csv", **more)
    assert chosen(page(cast, other, who))["群众心声"] == ""
    wider = draft_of(cast, csv([*ROW, "x"], head=[*HEAD, "备注"]), name="工单.csv")
    assert chosen(page(cast, wider))["群众心声"] == ""


def test_a_mapping_is_corrected_a_second_time(cast: Cast) -> None:
    where = draft_of(cast, csv(ROW), name="工单.csv")
    choose(cast, where, CHOICE)
    choose(cast, where, {**CHOICE, "来电人": ""})
    assert chosen(page(cast, where)) == {**CHOICE, "来电人": ""}
    with cast.app.app_context():
        kept = db.session.scalars(select(ImportMapping)).one()
        assert json.loads(kept.mapping) == {**CHOICE, "来电人": ""}
        assert kept.by_name == "周交办"


def test_trying_and_taking_keep_what_was_chosen_on_the_page(cast: Cast) -> None:
    where = draft_of(cast, csv(ROW), name="工单.csv")
    status, _ = choose(cast, where, CHOICE, "trial")
    assert status == 303
    assert "可登记1件" in page(cast, f"{where}/trial")
    other = draft_of(cast, csv(["2551", *ROW[1:]]), name="工单.csv")
    assert choose(cast, other, {**CHOICE, "来电人": ""}, "run")[0] == 303
    with cast.app.app_context():
        assert db.session.scalars(select(Appeal.contact_name)).one() == ""


def test_what_makes_no_sense_is_refused_and_stays_on_the_page(cast: Cast) -> None:
    where = draft_of(cast, csv(ROW), name="工单.csv")
    wrong = {
        "都对应了“工单内容”": {**CHOICE, "处理科室": "content"},
        "栏目无效": {**CHOICE, "处理科室": "password"},
        "表头": dict.fromkeys(CHOICE, ""),
    }
    for said, choice in wrong.items():
        for verb in ("columns", "trial", "run"):
            status, text = choose(cast, where, choice, verb)
            assert (status, said in text) == (422, True), (said, verb)
    assert (
        '<option value="content" selected>'
        in choose(cast, where, {**CHOICE, "处理科室": "content"})[1]
    )
    uneven = cast.client("zhou").post(
        f"{where}/columns", data={"key": list(CHOICE), "field": ["number"]}
    )
    assert (uneven.status_code, "不完整" in uneven.text) == (422, True)
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(ImportMapping.id))) == 0
        assert db.session.scalars(select(ImportDraft.mapping)).one() == ""
    assert appeals(cast) == 0


def test_columns_the_file_does_not_have_are_not_remembered(cast: Cast) -> None:
    where = draft_of(cast, csv(ROW), name="工单.csv")
    assert choose(cast, where, {**CHOICE, "x" * 9000: "title", "\x00": "reply"})[0] == 303
    with cast.app.app_context():
        kept = json.loads(db.session.scalars(select(ImportMapping.mapping)).one())
        assert set(kept) == set(CHOICE)


def test_columns_of_one_name_and_of_none(cast: Cast) -> None:
    head = ["工单编号", "", "工单内容", "电话", "电话"]
    where = draft_of(
        cast, workbook(["1", "三", "收费站关闭", "13807970001", "13807970002"], head=head)
    )
    text = page(cast, where)
    assert chosen(text) == {"工单编号": "number", "工单内容": "content", "电话": "phone"}
    assert text.count("没有列名，或与前面的列同名") == 2
    assert choose(cast, where, chosen(text), "run")[0] == 303
    with cast.app.app_context():
        assert db.session.scalars(select(Appeal.phone)).one() == "13807970001"
        assert db.session.scalar(select(func.count(ImportMapping.id))) == 0


def test_a_header_in_two_rows(cast: Cast) -> None:
    head = ["工单编号", "群众心声", "诉求人", ""]
    below = ["", "", "姓名", "电话"]
    where = draft_of(cast, workbook(below, ["1", "收费站关闭", "张先生", "13807970001"], head=head))
    text = page(cast, where)
    assert "第1至2行" in text
    told = chosen(text)
    voice = next(key for key in told if "群众心声" in key)
    choose(cast, where, {**told, voice: "content"})
    assert chosen(page(cast, where))[voice] == "content"
    assert cast.client("zhou").post(f"{where}/run").status_code == 303
    assert appeals(cast) == 1


def test_an_old_ledger_is_taken_over_by_upload(cast: Cast) -> None:
    where = draft_of(cast, ledger(CLOSED, OPEN), kind="ledger", name="旧台账.xlsx")
    text = page(cast, where)
    assert "第2行" in text
    assert "随原行留存" in text
    result = cast.client("zhou").post(f"{where}/run").headers["Location"]
    assert "新登记2件" in page(cast, result)
    with cast.app.app_context():
        states = db.session.scalars(select(Appeal.state).order_by(Appeal.id)).all()
        assert states == ["closed", "assigned"]


def test_orders_are_taken_over_closed_where_they_were_answered(cast: Cast) -> None:
    head = ["工单编号", "工单内容", "答复意见", "答复时间"]
    rows = [["1", "收费站关闭", "已恢复通行", "2026-04-06 10:00"], ["2", "无通行证", "", ""]]
    result = take(cast, workbook(*map(list, rows), head=head), kind="opening_orders")
    assert "热线工单（期初导入）" in page(cast, result)
    with cast.app.app_context():
        states = db.session.scalars(select(Appeal.state).order_by(Appeal.id)).all()
        assert states == ["closed", "registered"]
