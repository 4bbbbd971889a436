"""提请上级协调: to the superior's office inside this ledger and back, or outside it, recorded."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sqlalchemy import select

import ledger_pages
from cast import PEOPLE, Cast
from desk_hand import blocks
from ledger.appeals.models import Appeal
from ledger.appeals.parts import FormerOwner
from ledger.appeals.queries import find
from ledger.appeals.replay import check_appeal
from ledger.db import db, now
from ledger.deadlines.calendar import local_day
from ledger.people.models import Post
from request_hand import FRAGMENT, Seen

DAY = timedelta(days=1)


def office_of(cast: Cast, number: str) -> tuple[int, int | None]:
    with cast.app.app_context():
        row = db.session.execute(
            select(Appeal.office_id, Appeal.raised_by_id).where(Appeal.number == number)
        ).one()
        return row.office_id, row.raised_by_id


def seen_by(cast: Cast, number: str) -> set[str]:
    with cast.app.app_context():
        at = now()
        return {name for name in PEOPLE if find(number, cast.actor(name, at), at) is not None}


def sound(cast: Cast, number: str) -> None:
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


BEFORE = {"lin", "tang", "zhou", "wu", "zhao", "du", "ma", "shi", "chen", "qian", "he"}


def test_up_to_the_city_which_hands_off_and_rules_and_back(cast: Cast) -> None:
    number = cast.reach("accepted")

    def assign(appeal: Appeal, at: Any) -> None:
        assists = [cast.unit("police")]
        appeal.assign(cast.unit("bureau"), assists=assists, by=cast.actor("zhou"), at=at)

    cast.do(number, assign)
    cast.do(number, lambda a, at: a.ask_return("unclear", "非我局", by=cast.actor("chen"), at=at))
    assert seen_by(cast, number) == BEFORE
    county, city = cast.client("zhou"), cast.client("shi")
    page = county.get(f"/appeals/{number}/raise").text
    assert "移交赣州市专班办公室受理、交办，编号不变" in page
    assert "交通局、交管大队的交办件随之解除" in page
    assert 'name="party"' not in page, "nothing to be kept of a paper where none is sent"
    assert city.post(f"/appeals/{number}/raise", data={"reason": "越权"}).status_code == 403
    assert county.post(f"/appeals/{number}/raise", data={"reason": " "}).status_code == 422
    typed = {"reason": "涉及安远县路段，本县无权协调"}
    done = county.post(f"/appeals/{number}/raise", data=typed, headers=FRAGMENT)
    assert done.status_code == 200 and "已提请上级协调" in done.text, "still in sight at once"

    raised = Seen(cast, number)
    assert (raised.state, raised.lead_unit_id, raised.asked) == ("accepted", None, None)
    assert {a["release_reason"] for a in raised.assignments} == {"raised"}
    assert set(raised.running) == {"assign"}, "its clocks begin anew"
    assert office_of(cast, number) == (cast.units["city_office"], cast.units["office"])
    assert number.startswith("360734-")
    # Whoever holds an office post of the former owner goes on seeing it; operators see what
    # their own jurisdiction owns.
    assert seen_by(cast, number) == BEFORE - {"tang"}
    assert blocks(cast, "shi", now())["office-turn"] == [number]
    assert number not in blocks(cast, "zhou", now())["office-turn"]
    for act in ("assign", "hold", "hand-back", "write-out", "decline", "correct"):
        assert county.get(f"/appeals/{number}/{act}").status_code == 403, act
    more = {"words": "附上路段管养分界说明"}
    assert county.post(f"/appeals/{number}/supplement", data=more).status_code == 303
    page = city.get(f"/appeals/{number}").text
    assert f"由{unit_name(cast)}提请，裁定后交回" in page
    sound(cast, number)

    cast.assign(number, "other_bureau", by="shi")
    assert city.post(f"/appeals/{number}/hand-back", data={"ruling": ""}).status_code == 422
    ruling = {"ruling": "由寻乌县公安交管部门牵头，安远县配合"}
    done = city.post(f"/appeals/{number}/hand-back", data=ruling, headers=FRAGMENT)
    assert done.status_code == 200 and "已交回下级办公室" in done.text
    back = Seen(cast, number)
    assert (back.state, set(back.running)) == ("accepted", {"assign"})
    assert back.assignments[-1]["release_reason"] == "handed_back"
    assert office_of(cast, number) == (cast.units["office"], None)
    assert seen_by(cast, number) == BEFORE | {"yan"}
    assert "由寻乌县公安交管部门牵头" in county.get(f"/appeals/{number}").text
    assert city.get(f"/appeals/{number}/hand-back").status_code == 403
    assert county.get(f"/appeals/{number}/hand-back").status_code == 409
    # A second time, and the first has left nothing in the way.
    assert county.post(f"/appeals/{number}/raise", data=typed).status_code == 303
    assert office_of(cast, number) == (cast.units["city_office"], cast.units["office"])
    with cast.app.app_context():
        owners = db.session.scalars(select(FormerOwner.office_id)).all()
    assert sorted(owners) == sorted([cast.units["office"], cast.units["city_office"]])
    sound(cast, number)
    assert ledger_pages.shown(county.get("/appeals/").text) == [number]


def unit_name(cast: Cast) -> str:
    with cast.app.app_context():
        return cast.unit("office").name


def test_where_nobody_is_above_it_stays_or_is_held_with_a_record(cast: Cast) -> None:
    with cast.app.app_context():
        post = db.session.scalars(
            select(Post).where(Post.person_id == cast.people["shi"], Post.role == "coordinator")
        ).one()
        post.ends_on = date(2021, 1, 1)
        db.session.commit()
    county, today = cast.client("zhou"), local_day(now())
    typed = {
        "reason": "需省里统一放行标准",
        "party": "赣州市交通运输局",
        "paper": "request",
        "letter_number": "寻专办〔2026〕5号",
        "sent_on": f"{today}",
        "summary": "请示统一放行标准",
        "follow_on": f"{today + 3 * DAY}",
    }
    stays, held = cast.reach("assigned"), cast.reach("assigned")
    page = county.get(f"/appeals/{stays}/raise").text
    assert "上级牵头办公室尚未使用本系统" in page and 'name="party"' in page
    for missing in ("party", "paper", "sent_on", "follow_on", "summary"):
        wrong = county.post(f"/appeals/{stays}/raise", data={**typed, missing: ""})
        assert wrong.status_code == 422, missing
        assert "需省里统一放行标准" in wrong.text
    assert county.post(f"/appeals/{stays}/raise", data=typed).status_code == 303
    before = Seen(cast, stays)
    assert (before.state, before.held["state"]) == ("assigned", "offered")
    assert office_of(cast, stays) == (cast.units["office"], None)

    holding = {**typed, "hold": "y"}
    wrong = county.post(f"/appeals/{held}/raise", data=holding)
    assert wrong.status_code == 422 and "请填写下次复核日期" in wrong.text
    holding["hold_review_on"] = f"{today + 20 * DAY}"
    assert county.post(f"/appeals/{held}/raise", data=holding).status_code == 303
    assert Seen(cast, held).state == "held"
    page = county.get(f"/appeals/{held}").text
    for words in ("等待上级答复", "发往赣州市交通运输局", "请示 寻专办〔2026〕5号"):
        assert words in page, words
    assert sorted(blocks(cast, "zhou", now() + 3 * DAY)["follow-up"]) == sorted([stays, held])
    for number in (stays, held):
        sound(cast, number)
