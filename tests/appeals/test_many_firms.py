"""一事多企登记: one text, many pasted firms, one submit."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from sqlalchemy import func, select

from cast import Cast
from ledger.appeals.firm_lines import read_firms
from ledger.appeals.models import Appeal
from ledger.db import db, keyring, writing
from ledger.firms import names
from ledger.firms.models import Firm
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry

MATTER = "澄江收费站入口关闭，货车一律劝返，请协调放行。"


def send(cast: Cast, who: str, firms: str, **typed: Any) -> Any:
    data = {
        "token": secrets.token_urlsafe(16),
        "firms": firms,
        "content": MATTER,
        "channel": "visit",
        "kind": "help",
        "urgency": "normal",
        **typed,
    }
    return cast.client(who).post("/appeals/new-many", data=data)


def appeals(cast: Cast) -> list[Any]:
    with cast.app.app_context():
        return list(
            db.session.execute(
                select(
                    Appeal.number,
                    Appeal.appellant_name,
                    Appeal.appellant_type,
                    Appeal.state,
                    Appeal.master_id,
                    Appeal.id,
                    Appeal.firm_id,
                    Appeal.phone_given,
                    Appeal.joined_count,
                ).order_by(Appeal.id)
            )
        )


@pytest.mark.parametrize(
    ("line", "name", "phone"),
    [
        ("寻乌县顺达物流有限公司 13807970001", "寻乌县顺达物流有限公司", "13807970001"),
        ("寻乌县顺达物流有限公司\t138 0797 0001", "寻乌县顺达物流有限公司 138 0797 0001", ""),
        ("3. 某某厂，0797-2831234", "某某厂", "07972831234"),
        ("（12）江西 甲 公司,13807970001", "江西 甲 公司", "13807970001"),
        ("赣州8号物流园", "赣州8号物流园", ""),
        ("3个月汽修店、１３８０７９７０００１", "3个月汽修店", "13807970001"),
    ],
)
def test_a_line_is_a_name_and_maybe_a_number(line: str, name: str, phone: str) -> None:
    found, problems = read_firms(line)
    if " 0797 " in line:
        # Blanks inside a number: nobody can tell where the name ends, and so it is asked.
        assert problems or found[0].phone == ""
        return
    assert (found[0].name, found[0].phone, problems) == (name, phone, [])


def test_each_wrong_line_is_named() -> None:
    _, problems = read_firms("甲公司\n13807970001\n\n甲 公司\n乙公司 1234567890123456789\n")
    said = [problem.words for problem in problems]
    assert [words[:3] for words in said] == ["第2行", "第4行", "第5行"]
    assert "没有企业名称" in said[0] and "与第1行重复" in said[1] and "3至15位" in said[2]
    _, many = read_firms("\n".join(f"{n}号公司" for n in range(51)))
    assert "一次最多登记50户" in many[0].words


def test_fifteen_firms_one_station(cast: Cast) -> None:
    """A coordinator logs fifteen at once: one master, fourteen joined; twice clicked, once done."""
    with cast.app.app_context(), writing() as at:
        name = "寻乌县顺达物流有限公司"
        db.session.add(Firm(name=name, name_folded=names.fold(name), created_at=at))
        db.session.commit()
    pasted = "\n".join(["寻乌县顺达物流有限公司 13807970001", *(f"{n}号果业" for n in range(14))])
    bad = send(cast, "zhou", f"{pasted}\n3号果业\n13807970009")
    assert bad.status_code == 422
    assert "第16行：与第5行重复" in bad.text and "第17行：没有企业名称" in bad.text
    assert MATTER in bad.text and "13号果业" in bad.text and appeals(cast) == []
    token = secrets.token_urlsafe(16)
    first = send(cast, "zhou", pasted, token=token)
    again = send(cast, "zhou", pasted, token=token)
    rows = appeals(cast)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location == f"/appeals/{rows[0].number}"
    assert len(rows) == 15 and rows[0].joined_count == 14
    assert (rows[0].state, rows[0].appellant_type) == ("registered", "firm")
    assert rows[0].firm_id is not None and rows[0].phone_given == "given"
    assert {(r.state, r.appellant_type, r.phone_given, r.master_id) for r in rows[1:]} == {
        ("joined", "unverified", "none", rows[0].id)
    }
    # Another matter under the same token is not taken for the first.
    other = send(cast, "zhou", "别的公司", token=token)
    assert other.status_code == 409 and "别的公司" in other.text and len(appeals(cast)) == 15
    # To an open master: who has one there already is named.
    master = rows[0].number
    page = cast.client("zhou").get(f"/appeals/new-many?master={master}")
    assert re.search(rf'<option selected value="{master}"', page.text)
    told = send(cast, "zhou", "新来公司\n2号果业", master_id=master)
    assert told.status_code == 422 and "第2行：2号果业已有" in told.text
    assert send(cast, "zhou", "新来公司", master=master).location == f"/appeals/{master}"
    assert appeals(cast)[0].joined_count == 15
    missed = send(cast, "zhou", "又一公司", master="360734-2026-999999")
    assert missed.status_code == 422 and "没有这个编号的诉求" in missed.text
    shown = cast.client("zhou").get(f"/appeals/{master}").text
    assert "并入本件15件" in shown
    whole = cast.client("zhou").get(f"/appeals/{master}/joined").text
    assert "新来公司" in whole and "13号果业" in whole
    listed = cast.client("zhou").get("/appeals/").text
    assert "共 16 件" in listed and "涉及事项 1 个" in listed
    with cast.app.app_context():
        assert list(check_ledger(db.engine, keyring(), Report())) == []


def test_who_joins_nothing_proposes(cast: Cast) -> None:
    """A liaison's firms are all logged; the office joins them on one page."""
    page = cast.client("lin").get("/appeals/new-many")
    assert "主件编号" not in page.text
    sent = send(cast, "lin", "甲公司 13807970001\n乙公司\n丙公司", master="whatever")
    rows = appeals(cast)
    master = rows[0].number
    assert sent.location == f"/appeals/{master}"
    assert [row.state for row in rows] == ["registered"] * 3
    assert "建议并案办理" in cast.client("zhou").get(f"/appeals/{master}").text
    assert cast.client("lin").get(f"/appeals/{master}/gather").status_code == 403
    office = cast.client("zhou")
    offered = office.get(f"/appeals/{master}/gather").text
    numbers = [row.number for row in rows[1:]]
    assert all(f'value="{number}" checked' in offered for number in numbers)
    wrong = office.post(
        f"/appeals/{master}/gather", data={"appeals": numbers, "numbers": "寻2026-9999"}
    )
    assert wrong.status_code == 422 and "寻2026-9999：没有这个编号" in wrong.text
    assert [row.state for row in appeals(cast)] == ["registered"] * 3
    done = office.post(f"/appeals/{master}/gather", data={"appeals": numbers})
    assert done.status_code == 303
    assert [row.state for row in appeals(cast)] == ["registered", "joined", "joined"]
    with cast.app.app_context():
        gathered = db.session.scalar(
            select(func.count()).where(Entry.stream == f"appeal/{master}", Entry.verb == "gather")
        )
        assert gathered == 1
    twice = office.post(f"/appeals/{master}/gather", data={"appeals": numbers})
    assert twice.status_code == 409 and "不能并案办理" in twice.text
    assert cast.client("shen").get("/appeals/new-many").status_code == 403
    assert cast.client("chen").post("/appeals/new-many", data={}).status_code == 403
