"""诉求台账: filters in the address, pages by key in both directions, one query for all rows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select

from cast import Cast
from ledger.appeals.filters import Filters
from ledger.appeals.models import Appeal
from ledger.appeals.queries import ledger_page
from ledger.db import db, now
from ledger_pages import move, shown, statements

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.mark.parametrize("sort", ["due", "registered", "oldest"])
def test_pages_are_complete_without_repeats_both_ways(cast: Cast, sort: str) -> None:
    """Under equal keys too: the id decides."""
    made = [cast.register() for _ in range(7)]
    with cast.app.app_context():
        first = db.session.scalars(select(Appeal).order_by(Appeal.id)).first()
        assert first is not None
        same = {"due_at": first.due_at, "registered_at": first.registered_at}
        move(cast, *made[:5], **same)
        at, actor = now(), cast.actor("zhou")
        filters = Filters(sort=sort)
        forth, cursor, first_cursor = [], "", None
        for _ in range(10):
            page = ledger_page(actor, at, filters, cursor=cursor, size=2)
            forth.append([row.number for row in page.rows])
            if first_cursor is None:
                first_cursor = page.before
            if not page.after:
                break
            cursor = page.after
        assert first_cursor == ""
        flat = [number for rows in forth for number in rows]
        assert sorted(flat) == sorted(made)
        assert len(flat) == len(set(flat)) == 7
        back = [forth[-1]]
        for _ in range(10):
            if not page.before:
                break
            page = ledger_page(actor, at, filters, cursor=page.before, size=2)
            back.insert(0, [row.number for row in page.rows])
        assert [n for rows in back for n in rows] == flat


def test_a_cursor_that_makes_no_sense_is_the_first_page(cast: Cast) -> None:
    number = cast.register()
    client = cast.client("zhou")
    for cursor in ("x", ">~", ">2026~1", "<9999-12-31T00:00:00~1", ">2026-01-01T00:00:00+00:00~-1"):
        assert shown(client.get("/appeals/?" + urlencode({"at": cursor})).text) == [number]


def test_the_count_stops_at_its_cap(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.appeals import queries

    monkeypatch.setattr(queries, "COUNT_CAP", 2)
    for _ in range(3):
        cast.register()
    assert "共 2+ 件" in cast.client("zhou").get("/appeals/").text


def test_a_list_asks_the_same_questions_for_one_row_and_for_many(cast: Cast) -> None:
    cast.reach("assigned")
    names = ("zhou", "chen", "lin", "tang")
    first = {name: statements(cast, name, "/appeals/") for name in names}
    assert max(first.values()) < 25
    kept = {name: statements(cast, name, "/appeals/") for name in names}
    for _ in range(4):
        cast.reach("assigned")
    for name in names:
        # Something was written: everything is read anew, all rows at once; then it is kept.
        assert statements(cast, name, "/appeals/") <= first[name], name
        assert statements(cast, name, "/appeals/") == kept[name] < first[name], name


def test_filters_narrow_and_stay_in_the_address(cast: Cast) -> None:
    registered = cast.register(kind="complaint", channel="12345", urgency="urgent")
    assigned = cast.reach("assigned")
    closed = cast.reach("closed")
    client = cast.client("zhou")
    with cast.app.app_context():
        category = db.session.scalars(
            select(Appeal.category_id).where(Appeal.number == assigned)
        ).one()
        bureau = cast.units["bureau"]

    def found(**args: Any) -> set[str]:
        return set(shown(client.get("/appeals/?" + urlencode(args)).text))

    assert found() == {registered, assigned, closed}
    assert found(state="open") == {registered, assigned}
    assert found(state="unsigned") == {assigned}
    assert found(state="closed") == {closed}
    assert (
        found(kind="complaint") == found(channel="12345") == found(urgency="urgent") == {registered}
    )
    assert found(unit_id=bureau) == {assigned, closed}
    assert found(category_id=category) == {assigned, closed}
    assert found(light="red") == set()
    assert found(since="2100-01-01") == set()
    assert found(until="2100-01-01") == {registered, assigned, closed}
    assert found(since=date(2000, 1, 1), until=date(2000, 1, 2)) == set()
    assert found(state="nonsense", unit_id="x", kind="", light="purple") == {
        registered, assigned, closed,
    }  # fmt: skip
    page = client.get("/appeals/?state=open&kind=complaint").text
    assert '<option value="open" selected>' in page
    assert '<option value="complaint" selected>' in page


def test_overdue_and_near_and_today(cast: Cast) -> None:
    from ledger.config import SHANGHAI
    from ledger.deadlines.calendar import end_of

    late, near, far = cast.register(), cast.register(), cast.register()
    at = now()
    tonight = end_of(at.astimezone(SHANGHAI).date())
    times = {
        late: (at - timedelta(hours=2), at - timedelta(days=1)),
        near: (tonight, at - timedelta(hours=1)),
        far: (at + timedelta(days=9), at + timedelta(days=8)),
    }
    for number, (due, warn) in times.items():
        move(cast, number, due_at=due, warn_at=warn)
    client = cast.client("zhou")
    assert shown(client.get("/appeals/?light=red").text) == [late]
    assert shown(client.get("/appeals/?light=yellow").text) == [near]
    assert shown(client.get("/appeals/?light=today").text) == [near]
    page = client.get("/appeals/").text
    assert shown(page) == [late, near, far]
    assert "超期" in page


def test_hostile_filters_are_dropped(cast: Cast) -> None:
    cast.register()
    client = cast.client("zhou")
    for args in (
        {"channel": "\x00"}, {"channel": "x" * 9000}, {"unit_id": "٣"}, {"unit_id": "9" * 15},
        {"region_code": "١٢٣٤٥٦"}, {"since": "2026-13-45"}, {"at": ">\x00~1"}, {"view": "'--"},
        {"firm_id": "99999999999999"}, {"view": "to_sign"},
    ):  # fmt: skip
        assert client.get("/appeals/?" + urlencode(args)).status_code == 200, args


def test_htmx_gets_the_list_alone_and_a_clean_address(cast: Cast) -> None:
    cast.register()
    answer = cast.client("zhou").get("/appeals/?state=open&kind=&unit_id=", headers=FRAGMENT)
    assert answer.text.lstrip().startswith('<section id="list"')
    assert answer.headers["HX-Push-Url"] == "/appeals/?state=open"


def test_empty_lists_say_why(cast: Cast) -> None:
    client = cast.client("zhou")
    assert "台账中还没有您可以查看的诉求" in client.get("/appeals/").text
    assert "没有符合条件的诉求" in client.get("/appeals/?state=open").text


@pytest.mark.parametrize("shape", ["{code}", "{label}", "{bare}", " 第{bare}号 ", "{year}-{bare}"])
def test_a_number_typed_opens_its_appeal(cast: Cast, shape: str) -> None:
    code = cast.register()
    _, year, last = code.split("-")
    typed = shape.format(code=code, label=f"寻{year}-{int(last):04d}", bare=int(last), year=year)
    answer = cast.client("zhou").get("/appeals/jump?" + urlencode({"number": typed}))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/appeals/{code}"


def test_a_number_that_is_not_to_be_seen_is_not_there(cast: Cast) -> None:
    code = cast.register()
    for name, typed in (("yuan", code), ("zhou", "999999"), ("he", code)):
        answer = cast.client(name).get("/appeals/jump?" + urlencode({"number": typed}))
        assert answer.status_code == 404, name
        assert "或您无权查看" in answer.text


def test_words_typed_list_what_holds_them_with_the_hits_marked(cast: Cast) -> None:
    cast.register(title="澄江收费站关闭", content="货车不能通行")
    cast.register(title="园区用电不足", content="冷库停机")
    client = cast.client("zhou")
    answer = client.get("/appeals/jump?" + urlencode({"number": "收费站"}))
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "澄江<mark>收费站</mark>关闭" in page
    assert "园区用电不足" not in page
    assert "检索：收费站" in page
    hostile = client.get("/appeals/?" + urlencode({"q": '寻<b>"*'})).text
    assert "<b>" not in hostile.split("<main")[1]
    assert "没有符合条件的诉求" in hostile


def test_the_ledger_is_a_page_for_every_role(cast: Cast, app: Flask) -> None:
    cast.reach("assigned")
    for name in cast.people:
        assert cast.client(name).get("/appeals/").status_code == 200, name
