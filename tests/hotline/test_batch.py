"""诉求批量登记: lists from visits and meetings, registered by whoever brings them in."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from cast import Cast
from hotline.test_import_page import page, take
from ledger.appeals.models import Appeal
from ledger.catalogue.queries import catalogue
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.firms.models import Firm
from ledger.hotline import template
from ledger.hotline.batch import COLUMNS, Batch, BatchRow
from ledger.hotline.commands import import_batch
from ledger.hotline.intake import Summary, Taking
from ledger.hotline.models import ImportRun
from ledger.hotline.taking import NoSuchChannel
from ledger.trail.models import Entry
from sheets import sheet_samples as samples

FIRM, CODE = "寻乌县顺达物流有限公司", "91440101890653862M"
ROW: dict[str, str] = {
    "诉求主体": FIRM,
    "联系人": "刘经理",
    "联系电话": "13807970001",
    "诉求内容": "澄江收费站入口关闭，两辆货车被劝返。",
    "走访日期": "2026-03-05",
    "来源渠道": "联络员走访",
}


def listed(*rows: dict[str, str]) -> bytes:
    head = list(dict.fromkeys(name for row in rows for name in row))
    return samples.as_xlsx([head, *([row.get(name, "") for name in head] for row in rows)])


def bring(
    cast: Cast, data: bytes, *, by: str = "lin", channel: str = "", dry_run: bool = False
) -> Summary:
    with cast.app.app_context():
        office = cast.units["office"]
        taking = Taking[BatchRow](Batch(channel, office), office_id=office, by=cast.actor(by))
        return (taking.weigh if dry_run else taking.take)(data, "走访.xlsx")


def counts(summary: Summary) -> tuple[int, ...]:
    return (
        summary.rows, summary.created, summary.repeated, summary.conflicts, summary.rejected,
    )  # fmt: skip


def only(cast: Cast) -> Appeal:
    """Inside an application context."""
    return db.session.scalars(select(Appeal)).one()


def test_a_row_is_registered_by_its_bearer_under_his_post(cast: Cast) -> None:
    assert counts(bring(cast, listed(ROW))) == (1, 1, 0, 0, 0)
    with cast.app.app_context():
        appeal = only(cast)
        assert (appeal.state, appeal.opening, appeal.channel) == ("registered", False, "visit")
        assert appeal.registrar_id == cast.people["lin"]
        assert appeal.registrar_unit_id == cast.units["industry"]
        assert f"{appeal.received_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" == "2026-03-05 00:00"
        assert (appeal.phone, appeal.phone_given) == ("13807970001", "given")
        assert [clock.stage for clock in appeal.running()] == ["accept"]
        (entry,) = db.session.scalars(select(Entry).where(Entry.stream == appeal.stream))
        assert (entry.verb, entry.actor_id) == ("register", cast.people["lin"])
        assert (entry.post_role, entry.post_unit_id) == ("liaison", cast.units["industry"])


def test_the_same_list_grown_by_a_row_registers_the_new_row_alone(cast: Cast) -> None:
    bring(cast, listed(ROW))
    other = {**ROW, "诉求内容": "园区路面破损。"}
    later = {**ROW, "走访日期": "2026-04-02"}
    same = {**ROW, "诉求主体": "寻乌县 顺达物流有限公司", "诉求内容": ROW["诉求内容"].strip("。")}
    data = listed(same, other, later)
    assert counts(bring(cast, data, dry_run=True)) == (3, 2, 1, 0, 0)
    assert counts(bring(cast, data)) == (3, 2, 1, 0, 0)
    assert counts(bring(cast, data, by="zhou")) == (3, 0, 3, 0, 0)


def test_a_corrected_appeal_is_still_the_row_it_came_from(cast: Cast) -> None:
    bring(cast, listed(ROW))
    with cast.app.app_context():
        number = only(cast).number
    cast.do(
        number,
        lambda a, at: a.correct({"content": "另一种写法"}, "笔误", by=cast.actor("lin", at), at=at),
    )
    assert counts(bring(cast, listed(ROW))) == (1, 0, 1, 0, 0)


def test_a_firm_that_is_known_is_linked_as_on_the_page(cast: Cast) -> None:
    with cast.app.app_context(), writing() as at:
        for name, code, active in ((FIRM, CODE, True), ("旧公司", "", False)):
            Firm.register(
                name, by=None, at=at, uscc=code, industry="道路货运", white_list=True, active=active
            )
        db.session.commit()
    rows = [
        ROW,
        {**ROW, "诉求主体": "", "统一社会信用代码": CODE, "诉求内容": "乙"},
        {**ROW, "统一社会信用代码": "91440800194379265Y", "诉求内容": "丙"},
        {**ROW, "诉求主体": "旧公司", "诉求内容": "丁"},
        {**ROW, "诉求主体": "新公司", "诉求内容": "戊"},
        {**ROW, "主体类型": "货车司机（个人）", "诉求内容": "己"},
        {**ROW, "诉求主体": "别家公司", "统一社会信用代码": CODE, "诉求内容": "庚"},
    ]
    assert counts(bring(cast, listed(*rows), dry_run=True)) == (7, 6, 0, 1, 0)
    summary = bring(cast, listed(*rows))
    assert counts(summary) == (7, 6, 0, 1, 0)
    assert f"{CODE}已登记在“{FIRM}”名下" in summary.problems[0].reason
    with cast.app.app_context():
        # A list brings appeals; it makes no firm.
        assert db.session.scalar(select(func.count(Firm.id))) == 2
        found = db.session.scalars(select(Appeal).order_by(Appeal.id)).all()
        assert [a.firm.name if a.firm else "" for a in found] == [FIRM, FIRM, "", "", "", ""]
        assert [a.appellant_name for a in found][1] == FIRM
        assert (found[0].uscc, found[0].industry, found[0].white_list) == (CODE, "道路货运", True)
        assert found[2].uscc == "91440800194379265Y"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"联系电话": "保密"}, {"phone_given": "withheld", "phone": None}),
        ({"联系电话": ""}, {"phone_given": "none", "phone": None}),
        ({"紧急程度": "特急"}, {"urgency": "critical"}),
        ({"是否滞留": "是", "紧急程度": "一般"}, {"urgency": "critical", "stranded": True}),
        ({"诉求类型": "咨询"}, {"kind": "consult"}),
        ({"是否保密": "是"}, {"confidential": True}),
        ({"诉求主体": "", "主体类型": "待核实"}, {"appellant_name": "待核实"}),
        ({"诉求主体": "", "主体类型": "匿名"}, {"appellant_name": "匿名", "real_name": False}),
        ({"车牌号": "赣B 12345、赣B1234挂"}, {"plates": "赣B12345 赣B1234挂"}),
        ({"来源渠道": "企业座谈会"}, {"channel": "visit"}),
        ({"来源渠道": "letter"}, {"channel": "letter"}),
        ({"来源渠道": ""}, {"channel": "window"}),
        ({"诉求内容": "", "标题": "路面破损"}, {"content": "路面破损", "title": "路面破损"}),
    ],
)
def test_what_a_cell_says_becomes_what_the_form_would_say(
    cast: Cast, change: dict[str, str], expected: dict[str, Any]
) -> None:
    summary = bring(cast, listed({**ROW, **change}), channel="window")
    assert (summary.created, summary.problems) == (1, [])
    with cast.app.app_context():
        appeal = only(cast)
        assert {name: getattr(appeal, name) for name in expected} == expected


def test_categories_are_known_by_full_and_by_own_names(cast: Cast) -> None:
    words = ["通行受阻 / 拥堵", "通行受阻／拥堵", "拥堵", "通行受阻"]
    rows = [{**ROW, "诉求类别": w, "诉求内容": f"第{i}件"} for i, w in enumerate(words)]
    assert bring(cast, listed(*rows)).created == 4
    with cast.app.app_context():
        found = db.session.scalars(select(Appeal.category_id).order_by(Appeal.id)).all()
        names = [catalogue().category_name(each) for each in found]
        assert names == ["通行受阻 / 拥堵"] * 3 + ["通行受阻"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"诉求内容": ""}, "缺少诉求内容"),
        ({"诉求主体": ""}, "缺少诉求主体.*待核实"),
        ({"来源渠道": ""}, "缺少来源渠道"),
        ({"来源渠道": "12345热线"}, "按热线工单导入"),
        ({"来源渠道": "期初导入"}, "不在可选范围内，可填：联络员走访"),
        ({"诉求类型": "其他"}, "诉求类型“其他”不在可选范围内，可填：咨询、求助"),
        ({"紧急程度": "随便"}, "紧急程度“随便”"),
        ({"诉求类别": "用工难"}, "诉求类别“用工难”不在类别表中"),
        ({"联系电话": "刘经理"}, "联系电话：电话号码只能是"),
        ({"统一社会信用代码": "123"}, "应为18位"),
        ({"车牌号": "大货车"}, "车牌号：.*不像车牌号"),
        ({"走访日期": "3月5日"}, "收到日期：.*没有年份"),
        ({"诉求内容": "长" * 5001}, "5001个字，超过5000个字"),
        ({"标题": "长" * 61}, "“诉求标题”有61个字"),
    ],
)
def test_what_the_form_would_refuse_is_refused_in_words(
    cast: Cast, change: dict[str, str], says: str
) -> None:
    data = listed({**ROW, **change}, {**ROW, "诉求内容": "另一件"})
    assert counts(bring(cast, data, dry_run=True)) == (2, 1, 0, 0, 1)
    summary = bring(cast, data)
    assert counts(summary) == (2, 1, 0, 0, 1)
    assert re.search(says, summary.problems[0].reason), summary.problems[0].reason


def test_a_day_to_come_is_refused(cast: Cast) -> None:
    day = f"{(now() + timedelta(days=2)).astimezone(SHANGHAI):%Y-%m-%d}"
    assert "在将来" in bring(cast, listed({**ROW, "走访日期": day})).problems[0].reason


@pytest.mark.parametrize("channel", ["12345", "carried", "没有"])
def test_only_channels_without_numbers_of_their_own_may_be_named(cast: Cast, channel: str) -> None:
    with cast.app.app_context(), pytest.raises(NoSuchChannel, match="可用的有：visit"):
        Batch(channel, cast.units["office"])


# -- by command --------------------------------------------------------------------------------


def test_the_command_registers_in_that_persons_name_and_verify_holds(
    cast: Cast, tmp_path: Path
) -> None:
    from ledger.audit.verify import verify_command

    file = tmp_path / "走访.xlsx"
    file.write_bytes(listed({**ROW, "来源渠道": ""}, {**ROW, "诉求内容": ""}))
    run = cast.app.test_cli_runner()
    args = [str(file), "--by", "lin", "--channel", "visit", "--json"]
    tried = json.loads(run.invoke(import_batch, [*args, "--dry-run"]).stdout)
    result = run.invoke(import_batch, args)
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert answer == tried
    problems = answer.pop("problems")
    assert answer == {"rows": 2, "created": 1, "repeated": 0, "conflicts": 0, "rejected": 1}
    assert [problem["row"] for problem in problems] == [3]
    with cast.app.app_context():
        assert only(cast).office_id == cast.units["office"]
    assert run.invoke(verify_command, []).exit_code == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--by", "chen"], "不能登记诉求"),
        (["--by", "nobody"], "没有用户名为“nobody”的在用人员"),
        (["--by", "lin", "--channel", "12345"], "不能用于批量登记"),
    ],
)
def test_who_may_not_register_leaves_nothing_behind(
    cast: Cast, tmp_path: Path, more: Sequence[str], says: str
) -> None:
    file = tmp_path / "走访.xlsx"
    file.write_bytes(listed(ROW))
    result = cast.app.test_cli_runner().invoke(import_batch, [str(file), *more])
    assert result.exit_code == 1
    assert says in result.output
    with cast.app.app_context():
        for table in (Appeal, ImportRun):
            assert db.session.scalar(select(func.count()).select_from(table)) == 0


# -- by page -----------------------------------------------------------------------------------


def test_a_liaison_uploads_his_list_and_reads_its_result(cast: Cast) -> None:
    data = listed({**ROW, "来源渠道": ""}, {**ROW, "来源渠道": "商请函", "诉求内容": "乙"})
    where = take(cast, data, "lin", kind="batch", channel="visit")
    assert "新登记2件" in page(cast, where, "lin")
    with cast.app.app_context():
        found = db.session.scalars(select(Appeal).order_by(Appeal.id)).all()
        assert [appeal.channel for appeal in found] == ["visit", "letter"]
        assert {appeal.registrar_id for appeal in found} == {cast.people["lin"]}


def test_whoever_registers_gets_the_template_and_nobody_else(cast: Cast) -> None:
    answer = cast.client("lin").get("/imports/blank/batch")
    assert answer.status_code == 200
    assert openpyxl.load_workbook(io.BytesIO(answer.data)).sheetnames[0] == "诉求登记"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert cast.client("chen").get("/imports/blank/batch").status_code in (403, 404)


# -- the template ------------------------------------------------------------------------------


def blank(cast: Cast) -> openpyxl.Workbook:
    with cast.app.app_context():
        return openpyxl.load_workbook(io.BytesIO(template.workbook()))


def test_the_template_has_headings_notes_and_lists(cast: Cast) -> None:
    book = blank(cast)
    assert book.sheetnames == ["诉求登记", "填写说明", "选项"]
    assert [book[name].sheet_state for name in book.sheetnames] == ["visible", "visible", "hidden"]
    rows = book["诉求登记"]
    heads = {cell.value: cell.column_letter for cell in rows[1]}
    assert set(heads) == {words[0] for words in COLUMNS.values()}
    for name in ("统一社会信用代码", "联系电话", "车牌号"):
        assert rows.column_dimensions[heads[name]].number_format == "@"
    offered = {}
    for validation in rows.data_validations.dataValidation:
        cells = str(validation.formula1).replace("'选项'!", "").replace("$", "")
        offered[str(validation.sqref)] = [row[0].value for row in book["选项"][cells]]
        assert (validation.type, validation.showErrorMessage) == ("list", True)
    with cast.app.app_context():
        wanted = [name for _, name in catalogue().category_choices()]
    assert offered[f"{heads['诉求类别']}2:{heads['诉求类别']}1001"] == wanted
    assert offered[f"{heads['诉求类型']}2:{heads['诉求类型']}1001"][0] == "咨询"
    assert offered[f"{heads['紧急程度']}2:{heads['紧急程度']}1001"] == ["一般", "紧急", "特急"]
    channels = offered[f"{heads['来源渠道']}2:{heads['来源渠道']}1001"]
    assert "联络员走访" in channels
    assert not {"12345热线", "期初导入"} & set(channels)
    told = [row[0].value for row in book["填写说明"].iter_rows()]
    assert set(heads) < set(told)


def test_the_template_as_it_is_handed_out_has_no_rows(cast: Cast) -> None:
    with cast.app.app_context():
        data = template.workbook()
    assert counts(bring(cast, data, dry_run=True)) == (0, 0, 0, 0, 0)


def test_the_examples_of_the_template_are_themselves_sound(cast: Cast) -> None:
    """What the notes show, written into the sheet it is about, comes in."""
    book = blank(cast)
    notes = {row[0].value: row[3].value for row in book["填写说明"].iter_rows(min_row=7)}
    rows = book["诉求登记"]
    for cell in list(rows[1]):
        rows.cell(2, cell.column, notes[cell.value] or None)
    stream = io.BytesIO()
    book.save(stream)
    summary = bring(cast, stream.getvalue())
    assert (summary.rows, summary.created, summary.problems) == (1, 1, [])
    with cast.app.app_context():
        appeal = only(cast)
        assert (appeal.phone, appeal.plates) == ("13800000000", "赣B12345 赣B1234挂")
        assert appeal.category_id is not None
