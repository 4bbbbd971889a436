"""A conflict: both texts side by side, the acts that settle it, and who settled it how."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from cast import Cast
from firms.test_import_firms import OTHER, SHUNDA, listed
from hotline.test_import_orders import order, workbook
from hotline.test_import_page import draft_of, page, take
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import db
from ledger.hotline import queries
from ledger.hotline.models import ImportLine
from ledger.hotline.settling import MOST_PHRASES, compared

OURS = "澄江收费站关闭，货车被劝返，请协调放行。"
THEIRS = "澄江收费站关闭，三辆货车被劝返，请协调放行；司机等了五小时。"


def clash(cast: Cast, ours: str = OURS, theirs: str = THEIRS) -> str:
    """The address of a result with one conflict."""
    take(cast, workbook(order("1", ours)))
    return take(cast, workbook(order("1", theirs)))


def lines(cast: Cast, result: str) -> list[str]:
    """The address of each conflict that waits, as the page has them."""
    return re.findall(rf'action="({result}/conflicts/\d+/settlement)"', page(cast, result))


def settle(cast: Cast, url: str, how: str, who: str = "zhou") -> tuple[int, str]:
    answer = cast.client(who).post(url, data={"how": how})
    return answer.status_code, answer.text


def met(cast: Cast) -> str:
    with cast.app.app_context():
        return db.session.scalars(select(Appeal.number)).one()


def test_both_texts_stand_side_by_side_with_what_differs_marked(cast: Cast) -> None:
    text = page(cast, clash(cast))
    assert "内容不一致，待处理（1）" in text
    assert "澄江收费站关闭，<mark>货车被劝返，</mark>请协调放行。" in text
    assert "<mark>三辆货车被劝返，</mark>请协调放行；<mark>司机等了五小时。</mark>" in text
    number = met(cast)
    for act in ("supplement", "correct"):
        assert f'href="/appeals/{number}/{act}"' in text
    for act in ("recur", "reopen", "accept"):
        assert f'href="/appeals/{number}/{act}"' not in text


def test_a_closed_appeal_offers_the_acts_of_a_closed_one(cast: Cast) -> None:
    head = ["工单编号", "工单内容", "答复意见", "答复时间"]
    row: list[object] = ["1", OURS, "已恢复通行", "2026-04-06 10:00"]
    take(cast, workbook(row, head=head), kind="opening_orders")
    text = page(cast, take(cast, workbook(order("1", THEIRS, 工单标题=""))))
    for act in ("recur", "reopen"):
        assert f'href="/appeals/{met(cast)}/{act}"' in text
    assert "/supplement" not in text


def test_keeping_what_stands_is_written_down(cast: Cast) -> None:
    result = clash(cast)
    [url] = lines(cast, result)
    assert settle(cast, url, "kept")[0] == 303
    text = page(cast, result)
    assert "待处理（" not in text.replace("（待处理0）", "")
    assert "内容不一致，已处理（1）" in text
    assert re.search(r'处理方式">保留原内容</td><td data-label="处理人">周交办', text)
    with cast.app.app_context():
        line = db.session.scalars(select(ImportLine).filter_by(outcome="conflict")).one()
        assert (line.settled_how, line.settled_by_id) == ("kept", cast.people["zhou"])
        assert line.settled_at is not None
        log = db.session.scalars(select(AccessLog).filter_by(action="conflict_settled")).one()
        assert (log.username, log.detail) == ("zhou", "kept")
        assert log.subject == f"import/{line.run_id}/{line.row_number}"
        assert db.session.scalars(select(Appeal.content)).one() == OURS


def test_an_act_settles_only_once_it_was_done(cast: Cast) -> None:
    result = clash(cast)
    [url] = lines(cast, result)
    assert 'value="supplement"' not in page(cast, result)
    assert settle(cast, url, "supplement")[0] == 422
    cast.do(met(cast), lambda a, at: a.supplement(THEIRS, by=cast.actor("zhou"), at=at))
    assert 'value="supplement"' in page(cast, result)
    assert settle(cast, url, "supplement")[0] == 303
    assert "已在原件办理“补充”" in page(cast, result)


def test_what_was_done_before_the_import_settles_nothing(cast: Cast) -> None:
    take(cast, workbook(order("1", OURS)))
    cast.do(met(cast), lambda a, at: a.supplement("早先的补充", by=cast.actor("zhou"), at=at))
    result = take(cast, workbook(order("1", THEIRS)))
    assert 'value="supplement"' not in page(cast, result)


def test_settled_once(cast: Cast) -> None:
    result = clash(cast)
    [url] = lines(cast, result)
    assert settle(cast, url, "kept", "tang")[0] == 303
    assert settle(cast, url, "kept", "tang")[0] == 303  # a second click
    status, text = settle(cast, url, "sender")
    assert status == 409
    assert "唐接线" in text
    with cast.app.app_context():
        how = select(ImportLine.settled_how).where(ImportLine.outcome == "conflict")
        assert db.session.scalars(how).one() == "kept"
        assert (
            len(db.session.scalars(select(AccessLog).filter_by(action="conflict_settled")).all())
            == 1
        )


@pytest.mark.parametrize("how", ["", "merge", "nonsense", "<b>"])
def test_a_way_that_is_none(cast: Cast, how: str) -> None:
    result = clash(cast)
    [url] = lines(cast, result)
    status, text = settle(cast, url, how)
    assert (status, "没有标为已处理" in text) == (422, True)
    assert OURS[:7] in text
    assert lines(cast, result) == [url]


def test_only_the_office_settles_and_only_conflicts(cast: Cast) -> None:
    result = clash(cast)
    [url] = lines(cast, result)
    assert settle(cast, url, "kept", "yuan")[0] == 404
    assert settle(cast, url, "kept", "chen")[0] == 403
    with cast.app.app_context():
        created = db.session.scalars(select(ImportLine.id).filter_by(outcome="created")).one()
    for line in (created, 999_999):
        assert settle(cast, f"{result}/conflicts/{line}/settlement", "kept")[0] == 404
    other = take(cast, workbook(order("2")))
    elsewhere = url.replace(result, other)
    assert settle(cast, elsewhere, "kept")[0] == 404


def test_every_line_can_be_read_page_by_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "LINES", 3)
    monkeypatch.setattr(queries, "CONFLICTS", 2)
    take(cast, workbook(*(order(str(n), f"原来的第{n}件") for n in range(5))))
    result = take(
        cast,
        workbook(
            *(order(str(n), f"改过的第{n}件") for n in range(5)),
            *(order(None) for _ in range(7)),
            *(order(f"新{n}") for n in range(7)),
        ),
    )

    def walk(name: str, pattern: str, step: str, start: str) -> list[list[str]]:
        found, url = [], start
        while url:
            text = page(cast, url)
            here = text.split(f'id="{name}"')[1].split("</section>")[0]
            found.append(re.findall(pattern, here))
            links = re.findall(rf'rel="{step}" href="([^"#]*)', here)
            url = links[0] if links else ""
            start = url or start
        return found

    row = r'data-label="行">(\d+)<'
    assert walk("conflicts", r"<h3>第(\d+)行", "next", result) == [["2", "3"], ["4", "5"], ["6"]]
    assert walk("rejected", row, "next", result) == [["7", "8", "9"], ["10", "11", "12"], ["13"]]
    assert walk("others", row, "next", result) == [["14", "15", "16"], ["17", "18", "19"], ["20"]]
    back = walk("rejected", row, "prev", f"{result}?rejected-after=12")
    assert back == [["13"], ["10", "11", "12"], ["7", "8", "9"]]
    for hostile in ("-1", "9" * 30, "x", "１２"):
        assert cast.client("zhou").get(f"{result}?rejected-after={hostile}").status_code == 200
    where = draft_of(cast, workbook(*(order(None) for _ in range(7))))
    assert walk("rejected", row, "next", f"{where}/trial") == [
        ["2", "3", "4"], ["5", "6", "7"], ["8"]
    ]  # fmt: skip


def test_a_firm_that_clashes_is_told_with_what_it_clashes_with(cast: Cast) -> None:
    take(cast, listed(SHUNDA), kind="firms")
    result = take(cast, listed([SHUNDA[0], OTHER, *SHUNDA[2:]]), kind="firms")
    text = page(cast, result)
    assert "内容不一致，待处理（1）" in text
    assert "已登记，代码为" in text
    [url] = lines(cast, result)
    assert settle(cast, url, "firm")[0] == 303
    assert "已在企业库办理" in page(cast, result)


def test_a_liaison_sees_his_own_lists_alone(cast: Cast) -> None:
    own = take(cast, listed(SHUNDA), "lin", kind="firms")
    theirs = take(cast, listed(SHUNDA), "zhou", kind="firms")
    assert "企业名单" in page(cast, own, "lin")
    assert cast.client("lin").get(theirs).status_code == 404
    assert "企业名单" in page(cast, own, "zhou")
    assert theirs not in page(cast, "/imports/", "lin")
    assert cast.client("lin").get(clash(cast)).status_code == 404


def test_where_texts_differ() -> None:
    left, right = compared("甲，乙。丙", "甲，丁；丙")
    assert [(p.text, p.differs) for p in left] == [("甲，", False), ("乙。", True), ("丙", False)]
    assert [(p.text, p.differs) for p in right] == [("甲，", False), ("丁；", True), ("丙", False)]
    long = "句，" * (MOST_PHRASES + 1)
    assert [p.differs for side in compared(long, "句") for p in side] == [False, False]
    for ours, theirs in (("", ""), ("，，，", "。"), ("甲", "")):
        left, right = compared(ours, theirs)
        assert "".join(p.text for p in left) == ours
        assert "".join(p.text for p in right) == theirs


def test_a_text_that_looks_like_markup_is_shown_as_text(cast: Cast) -> None:
    result = clash(cast, theirs="<script>alert(1)</script>，请协调放行。")
    raw = cast.client("zhou").get(result).text
    assert "<script>alert" not in raw
    assert "&lt;script&gt;alert(1)" in raw


def test_an_appeal_out_of_sight_is_not_shown(cast: Cast) -> None:
    take(cast, workbook(order("1", OURS)))
    result = take(cast, workbook(order("1", THEIRS)), "yuan")  # another county's, same number
    text = page(cast, result, "yuan")
    assert "原件不在您的查看范围内" in text
    assert OURS not in text
    assert "在原件中办理（" not in text
    url = re.findall(rf'action="({result}/conflicts/\d+/settlement)"', text)[0]
    assert settle(cast, url, "sender", "yuan")[0] == 303
    assert met(cast) not in page(cast, result, "yuan")
