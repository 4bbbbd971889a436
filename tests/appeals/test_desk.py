"""我的待办: each post finds what is its to do, and each number opens exactly its rows."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from cast import PEOPLE, Cast
from desk_ground import lay
from ledger.access.models import AccessLog
from ledger.appeals.desks import desks_of
from ledger.appeals.filters import Filters
from ledger.appeals.lifecycle import may
from ledger.appeals.models import Appeal
from ledger.appeals.queries import conditions_of, count_capped, facts_of, some
from ledger.db import db, now
from ledger.people.models import Person, Post
from ledger_pages import statements


def numbers_on(page: str) -> set[str]:
    return set(re.findall(r'href="/appeals/(\d{6}-\d{4}-\d{6})"', page))


def test_every_tile_opens_exactly_its_rows(cast: Cast) -> None:
    lay(cast)
    tiles = 0
    for name in PEOPLE:
        client = cast.client(name)
        page = client.get("/desk")
        assert page.status_code == 200, name
        for url, label, count in re.findall(
            r'<a class="tile[^"]*" href="([^"]+)"[^>]*>\s*'
            r'<span class="tile-label">([^<]+)</span> <span class="tile-count">(\d+)</span>',
            page.text,
        ):
            opened = client.get(url.replace("&amp;", "&")).text
            assert f"共 {count} 件" in opened, (name, label)
            assert len(numbers_on(opened)) == int(count), (name, label)
            tiles += 1
    # Three coordinators, five posts in units, the supervisor, the manager.
    assert tiles == 3 * 9 + 5 * 6 + 6 + 7


def test_lists_promise_only_what_the_table_of_acts_allows(cast: Cast) -> None:
    """待我回访 and 待我销号 hold all that may be called back or closed, and nothing else."""
    lay(cast)
    with cast.app.app_context():
        at = now()
        for view, verb, roles in (
            ("to_call", "call_back", {"operator", "liaison"}),
            ("to_close", "close", {"closer"}),
            ("to_uphold", "uphold", {"closer", "manager"}),
        ):
            for name in PEOPLE:
                actor = cast.actor(name, at)
                listed = {r.number for r in some(actor, at, Filters(view=view), 100)}
                everything = some(actor, at, Filters(), 100)
                facts = facts_of(everything, at)
                allowed = {
                    r.number
                    for r in everything
                    if roles & actor.roles and may(verb, facts[r.id], actor)
                }
                assert listed == allowed, (view, name)


def test_facts_of_rows_are_the_appeals_own(cast: Cast) -> None:
    lay(cast)
    with cast.app.app_context():
        at = now()
        rows = some(cast.actor("zhou"), at, Filters(), 100)
        facts = facts_of(rows, at)
        assert len(rows) > 10
        for row in rows:
            own = db.session.get_one(Appeal, row.id).facts(at)
            # But for times stated, which no list offers.
            assert facts[row.id] == replace(own, none_stated=False)


@pytest.mark.parametrize(
    ("name", "block", "expected"),
    [
        ("zhou", "office-turn", {"registered", "accepted", "answered", "reviewed", "confirmed",
                                 "asked", "late", "called_by_zhou"}),
        ("zhou", "recurred", {"recurred"}),
        ("zhou", "rework-suggested", {"suggested"}),
        ("wu", "to-close", {"confirmed", "called_by_zhou"}),
        ("chen", "to-sign", {"assigned"}),
        ("chen", "in-hand", {"late", "sent_back"}),
        ("qian", "to-sign", {"assigned"}),
        ("he", "to-sign", {"police"}),
        ("lin", "to-supplement", {"asked"}),
        ("lin", "to-call", {"reviewed"}),
        ("lin", "to-tell", {"answered", "reviewed"}),
        ("tang", "to-call-by-phone", {"reviewed"}),
        ("du", "late", {"late"}),
    ],
)  # fmt: skip
def test_each_post_finds_its_own(cast: Cast, name: str, block: str, expected: set[str]) -> None:
    made = lay(cast)
    with cast.app.app_context():
        at = now()
        desks = desks_of(cast.actor(name, at), at)
        found = {b.key: {row.number for row in b.rows} for d in desks for b in d.blocks}
    assert found[block] == {made[key] for key in expected}


def test_the_closer_reads_why_he_may_not_close(cast: Cast) -> None:
    number = cast.reach("reviewed")
    cast.call_back(number, by="zhou")
    with cast.app.app_context():
        db.session.add(
            Post(
                person_id=cast.people["zhou"],
                unit_id=cast.units["office"],
                role="closer",
                starts_on=date(2020, 1, 1),
            )
        )
        db.session.commit()
    page = cast.client("zhou").get("/desk").text
    assert "待他人销号（我须回避）" in page
    assert "您做过本件的回访或认定，按回避规定不能销号。" in page


def test_too_few_closers_stand_in_red(cast: Cast) -> None:
    """The county's one closer and the city's are two; without the latter one is too few."""
    assert "不足2人" not in cast.client("zhou").get("/desk").text
    with cast.app.app_context():
        db.session.get_one(Person, cast.people["shi"]).active = False
        db.session.commit()
    assert "现有1人，不足2人" in cast.client("zhou").get("/desk").text


def test_a_handler_signs_by_one_click(cast: Cast) -> None:
    number = cast.reach("assigned")
    page = cast.client("chen").get("/desk").text
    assert f'action="/appeals/{number}/sign-for"' in page
    assert 'name="csrf_token"' in page


def test_the_number_to_call_is_masked_until_asked_for_and_then_logged(cast: Cast) -> None:
    number = cast.reach("reviewed")
    client = cast.client("tang")
    page = client.get("/desk").text
    assert "138****0001" in page
    assert "13807970001" not in page
    asked = client.post(
        f"/desk/calls/{number}", headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert "13807970001" in asked.text
    assert "<html" not in asked.text
    assert "13807970001" in client.post(f"/desk/calls/{number}").text
    with cast.app.app_context():
        lines = db.session.scalars(select(AccessLog).where(AccessLog.action == "phone_read")).all()
        assert [line.subject for line in lines] == [number, number]


def test_the_number_to_call_is_for_who_calls(cast: Cast) -> None:
    number = cast.reach("reviewed")
    assert cast.client("he").post(f"/desk/calls/{number}").status_code == 404
    assert cast.client("chen").post(f"/desk/calls/{number}").status_code == 403
    assert cast.client("an").post(f"/desk/calls/{number}").status_code == 404


def test_administrators_find_their_work_and_no_appeal(cast: Cast) -> None:
    lay(cast)
    for name, link in (("xi", "/units/"), ("an", "/people/proposals"), ("shen", "/audit/")):
        page = cast.client(name).get("/desk").text
        assert f'href="{link}"' in page
        assert not numbers_on(page)
        assert "诉求台账</a>" not in page.split("</header>")[0].split("<nav")[1]


def test_who_has_no_post_is_told_whom_to_ask(cast: Cast) -> None:
    page = cast.client("none").get("/desk")
    assert page.status_code == 200
    assert "您目前没有岗位" in page.text


def test_the_first_page_is_the_desk(cast: Cast) -> None:
    answer = cast.client("zhou").get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/desk"


def test_a_desk_asks_no_more_questions_when_there_is_more_to_do(cast: Cast) -> None:
    cast.reach("reviewed")
    few = {name: statements(cast, name, "/desk") for name in ("zhou", "chen", "lin", "tang", "wu")}
    for _ in range(3):
        cast.reach("reviewed")
        cast.reach("confirmed")
        cast.reach("assigned")
    for name, number in few.items():
        assert statements(cast, name, "/desk") <= number + 8, name


def test_the_number_is_what_its_filters_count(cast: Cast) -> None:
    lay(cast)
    with cast.app.app_context():
        at = now()
        for name in PEOPLE:
            actor = cast.actor(name, at)
            for desk in desks_of(actor, at):
                for block in desk.blocks:
                    if block.filters is None:
                        continue
                    conditions = conditions_of(block.filters, actor, at)
                    assert block.count == count_capped(actor, at, *conditions), (name, block.key)


def test_what_was_typed_stays_words(cast: Cast) -> None:
    cast.register(by="tang", title="<b>堵</b>", appellant_name='<i onload="x">某</i>')
    page = cast.client("zhou").get("/desk").text
    assert "&lt;b&gt;堵" in page
    assert "&lt;i onload=&#34;x&#34;&gt;某" in page
    assert "<b>堵" not in page
    assert "<i onload" not in page
