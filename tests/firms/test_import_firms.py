"""Lists of firms: each row a firm, none twice, none overwritten."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cast import Cast
from hotline.test_import_page import page, take
from ledger.db import db, writing
from ledger.firms.models import Firm, FirmContact
from ledger.firms.places import region_of
from ledger.hotline.commands import import_firms
from ledger.hotline.firm_rows import FirmRow, FirmRows
from ledger.hotline.intake import Summary, Taking
from ledger.people.actor import system
from sheets import sheet_samples as samples

HEAD = ["企业名称", "统一社会信用代码", "所属区县", "注册地址", "联系人", "联系电话", "是否白名单"]
SOUND = "91440101890653862M"
OTHER = "91440800194379265Y"
WRONG = "914401018906538620"
SHUNDA = [
    "寻乌县顺达物流（集团）有限公司", SOUND, "寻乌县", "长宁镇1号", "刘经理", "13807970001", "是",
]  # fmt: skip


def listed(*rows: Sequence[object], head: Sequence[str] = HEAD) -> bytes:
    return samples.as_xlsx([head, *rows])


def bring(cast: Cast, data: bytes, *, by: str = "", dry_run: bool = False) -> Summary:
    with cast.app.app_context():
        office = cast.units["office"]
        actor = cast.actor(by) if by else system("企业导入")
        taking = Taking[FirmRow](FirmRows(office), office_id=office, by=actor)
        return (taking.weigh if dry_run else taking.take)(data, "企业.xlsx")


def counts(summary: Summary) -> tuple[int, ...]:
    return (
        summary.rows, summary.created, summary.repeated, summary.conflicts, summary.rejected,
    )  # fmt: skip


def test_a_row_becomes_a_firm_with_its_contact(cast: Cast) -> None:
    assert counts(bring(cast, listed(SHUNDA), by="lin")) == (1, 1, 0, 0, 0)
    with cast.app.app_context():
        firm = db.session.scalars(select(Firm)).one()
        assert (firm.name, firm.uscc, firm.uscc_valid) == (SHUNDA[0], SOUND, True)
        assert (firm.region_code, firm.address) == ("360734", "长宁镇1号")
        assert (firm.white_list, firm.active, firm.version) == (True, True, 1)
        assert firm.created_by_id == cast.people["lin"]
        (contact,) = firm.contacts
        assert (contact.name, contact.phone) == ("刘经理", "13807970001")
        assert contact.phone_index


def test_the_same_firm_again_is_repeated_and_left_as_it_stands(cast: Cast) -> None:
    bring(cast, listed(SHUNDA))
    again = [*SHUNDA]
    again[0], again[3], again[5] = "寻乌县顺达物流(集团) 有限公司", "别处", "13900000000"
    assert counts(bring(cast, listed(again))) == (1, 0, 1, 0, 0)
    with cast.app.app_context():
        assert db.session.scalars(select(Firm.address)).one() == "长宁镇1号"
        assert db.session.scalar(select(func.count(FirmContact.id))) == 1


def test_one_code_under_another_name_is_a_conflict(cast: Cast) -> None:
    bring(cast, listed(SHUNDA))
    summary = bring(cast, listed(["安远县百顺运输公司", SOUND]))
    assert counts(summary) == (1, 0, 0, 1, 0)
    said = summary.problems[0].reason
    assert said == f"内容不一致：统一社会信用代码{SOUND}已登记在“{SHUNDA[0]}”名下"
    with cast.app.app_context():
        assert db.session.scalars(select(Firm.name)).one() == SHUNDA[0]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # without a code the folded name says which firm it is
        ([["顺达（集团）公司", ""], ["顺达(集团)公司", "无"]], (2, 1, 1, 0, 0)),
        ([["顺达公司", SOUND], ["顺达公司", ""]], (2, 1, 1, 0, 0)),
        # with a code that the register lacks, or against another one, a person must say
        ([["顺达公司", ""], ["顺达公司", SOUND]], (2, 1, 0, 1, 0)),
        ([["顺达公司", SOUND], ["顺达公司", OTHER]], (2, 1, 0, 1, 0)),
        ([["顺达公司", SOUND], ["百顺公司", SOUND], ["百顺公司", ""]], (3, 2, 0, 1, 0)),
        ([["顺达公司", "9144"], ["", SOUND], ["(　)", "-"]], (3, 1, 0, 0, 2)),
    ],
)
def test_what_makes_two_rows_one_firm(
    cast: Cast, rows: list[list[object]], expected: tuple[int, ...]
) -> None:
    assert counts(bring(cast, listed(*rows), dry_run=True)) == expected
    assert counts(bring(cast, listed(*rows))) == expected
    for row in rows:  # one by one it is the same as within one file
        again = bring(cast, listed(row))
        assert again.created == 0
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Firm.id))) == expected[1]


def test_a_code_for_a_name_that_stands_without_it_is_left_to_a_person(cast: Cast) -> None:
    bring(cast, listed(["顺达公司", ""], ["百顺公司", OTHER]))
    summary = bring(cast, listed(["顺达公司", SOUND], ["百顺公司", WRONG]))
    first, second = (problem.reason for problem in summary.problems)
    assert first.startswith(f"内容不一致：“顺达公司”已登记，没有代码，此行代码为{SOUND}；")
    assert second.startswith(f"内容不一致：“百顺公司”已登记，代码为{OTHER}，此行代码为{WRONG}；")


def test_a_doubtful_code_is_kept_and_marked_as_on_the_page(cast: Cast) -> None:
    assert counts(bring(cast, listed(["顺达公司", WRONG], ["百顺公司", "320204000004468"])))[1] == 2
    with cast.app.app_context():
        found = {f.uscc: f.uscc_valid for f in db.session.scalars(select(Firm))}
        assert found == {WRONG: False, "320204000004468": False}


def test_what_the_register_has_no_column_for_stands_in_the_note(cast: Cast) -> None:
    head = ["企业全称", "税号", "成立日期", "注册资本", "经营状态", "地区", "备注"]
    row = ["顺达公司", "", "1978-05-22", "243万元", "注销", "外太空", "老厂"]
    bring(cast, listed(row, head=head))
    with cast.app.app_context():
        firm = db.session.scalars(select(Firm)).one()
        assert not firm.active
        assert firm.region_code == ""
        assert firm.note.splitlines() == [
            "老厂", "所在地区：外太空", "注册日期：1978-05-22", "注册资金：243万元",
            "登记状态：注销",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "cell", "expected"),
    [
        ("刘经理", "13807970001", [("刘经理", "13807970001")]),
        ("刘经理、王会计", "13807970001、0797-2831234", [
            ("刘经理", "13807970001"), ("王会计", "07972831234")]),
        ("刘经理", "13807970001 13807970002", [
            ("刘经理", "13807970001"), ("刘经理", "13807970002")]),
        ("刘经理", "", [("刘经理", "")]),
        ("", "", []),
    ],
)  # fmt: skip
def test_several_numbers_in_one_cell(
    cast: Cast, who: str, cell: str, expected: list[tuple[str, str]]
) -> None:
    bring(cast, listed(["顺达公司", "", "", "", who, cell]))
    with cast.app.app_context():
        contacts = db.session.scalars(select(FirmContact).order_by(FirmContact.id))
        assert [(c.name, c.phone) for c in contacts] == expected


def test_a_number_that_is_none_is_told_without_repeating_it(cast: Cast) -> None:
    spoilt = ["顺达公司", "", "", "", "", "刘经理13807970001"]
    summary = bring(cast, listed(spoilt, ["百顺公司", ""]))
    assert counts(summary) == (2, 1, 0, 0, 1)
    assert "联系电话" in summary.problems[0].reason
    assert "1380797" not in summary.problems[0].reason


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("江西省赣州市寻乌县文峰乡", "360734"),
        ("寻乌县", "360734"),
        ("360734", "360734"),
        ("赣州", "360700"),
        ("广东 广州", "440100"),
        ("北京朝阳", "110105"),
        ("辽宁朝阳", "211300"),
        ("北京怀柔", "110116"),
        ("广州市", ""),
        ("999999", ""),
        ("", ""),
    ],
)
def test_a_region_in_words_has_its_code(words: str, code: str) -> None:
    assert region_of(words, near="360734") == code


def test_who_may_not_register_firms_imports_none(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "企业.xlsx"
    file.write_bytes(listed(SHUNDA))
    run = cast.app.test_cli_runner()
    for more in ([], ["--dry-run"]):
        result = run.invoke(import_firms, [str(file), "--by", "chen", *more])
        assert result.exit_code == 1
        assert "不能登记企业" in result.output
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Firm.id))) == 0


def test_the_command_answers_in_json_and_verify_holds(cast: Cast, tmp_path: Path) -> None:
    from ledger.audit.verify import verify_command

    with cast.app.app_context(), writing() as at:
        Firm.register("百顺公司", by=None, at=at, uscc=OTHER)
        db.session.commit()
    file = tmp_path / "企业.xlsx"
    file.write_bytes(listed(SHUNDA, SHUNDA, ["别名公司", OTHER], ["", "x"]))
    run = cast.app.test_cli_runner()
    result = run.invoke(import_firms, [str(file), "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    problems = answer.pop("problems")
    assert answer == {"rows": 4, "created": 1, "repeated": 1, "conflicts": 1, "rejected": 1}
    assert [problem["row"] for problem in problems] == [4, 5]
    assert run.invoke(verify_command, []).exit_code == 0


def test_a_list_is_uploaded_by_page_too(cast: Cast) -> None:
    data = listed(SHUNDA, SHUNDA, ["别名公司", SOUND])
    text = page(cast, take(cast, data, "zhou", kind="firms"))
    assert "共3行：新登记1家，已存在1家，内容不一致1家" in text
    assert "别名公司" in text
    with cast.app.app_context():
        assert db.session.scalars(select(Firm.created_by_id)).one() == cast.people["zhou"]
    assert cast.client("chen").get("/imports/?kind=firms").status_code == 403


@pytest.mark.realdata
def test_the_real_firms_come_in_whole_and_only_once(
    cast: Cast, real_data: Path, tmp_path: Path
) -> None:
    file = real_data / "firms" / "logistics_firms_500.csv"
    # One of the five hundred stands in the list twice.
    assert counts(bring(cast, file.read_bytes())) == (500, 499, 1, 0, 0)
    assert counts(bring(cast, file.read_bytes())) == (500, 0, 500, 0, 0)
    with cast.app.app_context():
        found = db.session.scalars(select(Firm)).all()
        assert {len(firm.uscc or "") for firm in found} == {15, 18}
        assert all(firm.region_code and firm.address for firm in found)
        assert sum(firm.uscc_valid for firm in found) == 498
