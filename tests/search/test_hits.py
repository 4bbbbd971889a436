"""What is found is what LIKE finds, by either way and on either engine."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from flask import Flask, current_app
from python_calamine import CalamineWorkbook
from sqlalchemy import select, text

from ledger.db import db, writing
from ledger.search import ddl, index
from ledger.search.ddl import search_text
from ledger.search.index import Texts
from ledger.search.query import Finder, Spread
from ledger.search.tokens import Words, fold, read

WORDS = re.split(
    " ",
    "寻乌县 物流 有限公司 顺达 收费站 入口 关闭 货车 劝返 通行证 赣B12345 赣B1234挂 罚款 重复检查"
    " 运费 拖欠 快递 网点 用工 贷款 征地 审批 办公室 12345 2026-0123 360734 ETC G35 高速 （一期）"
    " 100% 9:30 ①标段 Ａ区 司机 乌 县 公司 流 网 是 的 。 ，",
)

ASKED = (
    # one, two, three characters and more
    *("寻", "乌", "的", "a", "1", "%", "_", "(", "。", "鑫"),
    *("寻乌", "物流", "公司", "乌物", "挂 县", "12", "g3", "0%", "站入", "鑫鑫"),
    *(
        "寻乌县",
        "收费站",
        "有限公司",
        "限公司顺",
        "345",
        "2026-0123",
        "026-01",
        "赣b12345",
        "36073",
        "360734-2026-000",
        "734202",
        "-0123寻乌",
        "赣b12345挂",
    ),
    # several, in full width, in capitals
    *(
        "寻乌 物流",
        "物流 货车 收费站",
        "公司 12 县",
        "Ａ区",
        "ａ区",
        "ＥＴＣ",
        "(一期)",
        "（一期）",
        "1标段",
    ),
    *("赣Ｂ·１２３４挂", "９：３０", "寻 乌 县"),
)

RARE = Spread(hits=0, recent=0.0, early=0.0)
COMMON = Spread(hits=10**9, recent=1.0, early=1.0)


def generated(many: int) -> list[str]:
    dice = random.Random(20260123)
    return [
        "".join(
            dice.choice(WORDS) + dice.choice(["", "", " ", "\n"])
            for _ in range(dice.randint(1, 30))
        )
        for _ in range(many)
    ]


def lay(texts: Iterable[str]) -> dict[int, str]:
    """Index these; gives the folded texts. Beside the index a plain table for LIKE."""
    laid = dict(enumerate(texts, 1))
    with writing():
        index.put_all(Texts(number, (words,)) for number, words in laid.items())
        db.session.execute(text("CREATE TABLE plain (id integer primary key, folded text)"))
        db.session.execute(
            text("INSERT INTO plain VALUES (:id, :folded)"),
            [{"id": number, "folded": fold(words)} for number, words in laid.items()],
        )
        db.session.commit()
    return laid


def liked(typed: str) -> list[int]:
    terms = read(typed).terms
    guarded = [t.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for t in terms]
    wheres = " AND ".join(f"folded LIKE :t{i} ESCAPE '\\'" for i in range(len(terms)))
    found = db.session.scalars(
        text(f"SELECT id FROM plain WHERE {wheres} ORDER BY id"),
        {f"t{i}": f"%{term}%" for i, term in enumerate(guarded)},
    )
    return list(found)


def seeking(words: Words, spread: Spread | None) -> Finder:
    kept = {} if spread is None else {words: (math.inf, spread)}
    current_app.extensions["ledger_spreads"] = kept
    return Finder(words)


def found(typed: str, spread: Spread | None = None, knows: bool = True) -> list[int]:
    words = read(typed)
    assert words
    seeker = seeking(words, spread)
    asked = select(search_text.c.appeal_id).where(
        seeker.matching(search_text.c.appeal_id, knows=knows, wanted=51)
    )
    any_order = sorted(db.session.scalars(asked))
    assert seeker.newest(10_000, knows=knows) == any_order[::-1]
    return any_order


def test_generated_texts_are_found_as_like_finds_them(indexed: Flask) -> None:
    lay(generated(300))
    some = 0
    for typed in ASKED:
        expected = liked(typed)
        some += bool(expected)
        for spread in (RARE, COMMON, None):
            for knows in (True, False):
                assert found(typed, spread, knows) == expected, (typed, spread)
    assert some > len(ASKED) * 0.8


@pytest.mark.realdata
def test_sample_texts_are_found_as_like_finds_them(indexed: Flask, real_data: Path) -> None:
    texts: list[str] = []
    for name in ("messages_30.xlsx", "messages_with_replies_120.xlsx"):
        path = real_data / "workorders" / name
        for row in CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python():
            texts.append(" ".join(str(cell) for cell in row if cell != ""))
    lay(texts)
    assert len(texts) >= 150
    dice = random.Random(7)
    for _ in range(150):
        source = dice.choice(texts)
        start = dice.randrange(len(source))
        typed = source[start : start + dice.choice([1, 2, 2, 3, 4, 7, 12])]
        if dice.random() < 0.3:
            other = dice.choice(texts)
            typed += " " + other[dice.randrange(len(other)) :][:2]
        if not read(typed):
            continue
        expected = liked(typed)
        for spread in (RARE, COMMON, None):
            assert found(typed, spread) == expected, (typed, spread)


def test_a_changed_text_is_found_by_its_new_words_alone(indexed: Flask) -> None:
    for words in ("收费站关闭", "收费站恢复通行"):
        with writing():
            index.put(Texts(7, (words,)))
            db.session.commit()
    for spread in (RARE, COMMON):
        assert found("恢复", spread) == [7]
        assert found("关闭", spread) == []


def test_a_deleted_row_is_found_no_more(indexed: Flask) -> None:
    with writing():
        index.put(Texts(7, ("收费站关闭",)), Texts(8, ("收费站拥堵",)))
        db.session.commit()
    with writing():
        db.session.execute(search_text.delete().where(search_text.c.appeal_id == 7))
        db.session.commit()
    for spread in (RARE, COMMON):
        assert found("收费站", spread) == [8]
        assert found("收", spread) == [8]


def test_a_put_that_is_rolled_back_leaves_nothing(indexed: Flask) -> None:
    with writing():
        index.put(Texts(7, ("收费站关闭",)))
    assert found("收费站") == []


def test_the_index_rebuilt_is_the_same(indexed: Flask) -> None:
    lay(generated(50))
    before = [found(typed, RARE) for typed in ASKED]
    db.session.rollback()
    with db.engine.begin() as connection:
        ddl.rebuild(connection)
    assert [found(typed, RARE) for typed in ASKED] == before


def test_sealed_words_are_found_by_those_who_may_know(indexed: Flask) -> None:
    with writing():
        index.put(
            Texts(1, ("收费站关闭",), ("收费站关闭", "顺达物流")),
            Texts(2, ("收费站拥堵", "顺达物流")),
        )
        db.session.commit()
    for spread in (RARE, COMMON):
        assert found("顺达", spread, knows=True) == [1, 2]
        assert found("顺达", spread, knows=False) == [2]
        assert found("收费站 顺达", spread, knows=True) == [1, 2]
        assert found("收费站", spread, knows=False) == [1, 2]
        # Row by row, as for whoever knows some.
        seeker = seeking(read("顺达"), spread)
        for who in (1, 5):
            asked = select(search_text.c.appeal_id).where(
                seeker.matching(
                    search_text.c.appeal_id, knows=search_text.c.appeal_id == who, wanted=51
                )
            )
            assert sorted(db.session.scalars(asked)) == ([1, 2] if who == 1 else [2])


@pytest.mark.parametrize("spread", [RARE, COMMON, None])
def test_whatever_is_typed_is_only_words(
    indexed: Flask, hostile: tuple[str, ...], spread: Spread | None
) -> None:
    lay([*(typed.encode("utf-8", "replace").decode() for typed in hostile), "寻乌县物流"])
    for typed in hostile:
        if read(typed):
            assert found(typed, spread) == liked(typed), typed
