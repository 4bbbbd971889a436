"""抄送: units and leaders may read what is copied to them, do nothing, and know no confidential
name; until it is taken back."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import unit_sight
from ledger.appeals.copying import Readers
from ledger.appeals.filters import Filters
from ledger.appeals.intake import Registration
from ledger.appeals.lifecycle import BY_CODE, verbs_open_to
from ledger.appeals.models import Appeal
from ledger.appeals.parts import UnitSight
from ledger.appeals.queries import find, some, visible_to
from ledger.appeals.record import Invalid, Refused
from ledger.config import SHANGHAI
from ledger.db import db, keyring, now, writing
from ledger.people.models import Person, Post
from ledger.trail.check import Report, check_ledger
from ledger_pages import shown
from request_hand import FRAGMENT

SECRET = "寻乌县不愿具名木业有限公司"


def ground(cast: Cast) -> str:
    """A confidential appeal of this county, with the police; a leader of the next county."""
    with cast.app.app_context(), writing() as at:
        person = Person(
            username="lei",
            name="雷外县长",
            home_unit_id=cast.units["other_county"],
            must_change_password=False,
        )
        db.session.add(person)
        db.session.flush()
        cast.people["lei"] = person.id
        for name, role, unit in (
            ("lei", "manager", "other_office"),
            ("none", "handler", "industry"),
            ("sun", "unit_lead", "section"),
        ):
            post = {"person_id": cast.people[name], "unit_id": cast.units[unit]}
            db.session.add(Post(**post, role=role, starts_on=date(2020, 1, 1)))
        known = Registration(
            SECRET, "请协调放行。", "visit", at, phone="13807970003", confidential=True
        )
        hand: dict[str, Any] = {"by": cast.actor("tang", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        db.session.commit()
        number = appeal.number
    cast.accept(number)
    return number


def copy(
    cast: Cast, number: str, *units: str, leaders: tuple[str, ...] = (), by: str = "zhou"
) -> None:
    def act(appeal: Appeal, at: Any) -> None:
        people = [db.session.get_one(Person, cast.people[one]) for one in leaders]
        readers = Readers([cast.unit(one) for one in units], people)
        appeal.copy(readers, by=cast.actor(by), at=at)

    cast.do(number, act)


def sees(cast: Cast, number: str, name: str) -> bool:
    """By the list, the count behind it, the item and its page: all say the same."""
    client = cast.client(name)
    with cast.app.app_context():
        at = now()
        actor = cast.actor(name, at)
        day = at.astimezone(SHANGHAI).date()
        listed = number in {row.number for row in some(actor, at, Filters(), 100)}
        seen = set(db.session.scalars(select(Appeal.number).where(visible_to(actor, day))))
        item = find(number, actor, at) is not None
        db.session.remove()
    page = client.get(f"/appeals/{number}")
    found = {
        listed,
        number in seen,
        item,
        page.status_code == 200,
        number in shown(client.get("/appeals/").text),
    }
    assert len(found) == 1, (name, found)
    if page.status_code == 200 and name in ("none", "sun", "lei", "qian"):
        assert SECRET not in page.text and "保密" in page.text
        assert SECRET not in client.get("/appeals/").text
        assert SECRET not in client.get(f"/appeals/?q={SECRET[4:8]}").text
    return found.pop()


def problems(cast: Cast) -> list[Any]:
    with cast.app.app_context():
        found = list(check_ledger(db.engine, keyring(), Report()))
        kept = list(unit_sight.wrong(db.session.connection()))
        unit_sight.rebuild()
        kept += list(unit_sight.wrong(db.session.connection()))
        db.session.remove()
        return [*found, *kept]


def test_read_and_nothing_else_until_it_is_taken_back(cast: Cast) -> None:
    number = ground(cast)
    readers = ("none", "sun", "lei", "qian")
    assert not any(sees(cast, number, name) for name in readers)
    copy(cast, number, "industry", "section", leaders=("ma",))
    # Those of the unit it is copied to, and of the units above it; not those below or beside.
    assert [sees(cast, number, name) for name in readers] == [True, True, False, True]
    assert not sees(cast, number, "he")
    copy(cast, number, leaders=("lei",))
    assert all(sees(cast, number, name) for name in readers)
    with cast.app.app_context():
        at = now()
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        known = appeal.facts(at)
        for name in readers:
            allowed = verbs_open_to(known, cast.actor(name), BY_CODE)
            assert allowed == [], name
        kept = db.session.scalars(select(UnitSight.duty).where(UnitSight.appeal_id == appeal.id))
        assert set(kept) == {0}
        db.session.remove()
    for name in readers:
        page = cast.client(name).get(f"/appeals/{number}").text
        assert "目前没有需要您办理的事项" in page
        assert "寻乌县工业和信息化局、运管股、马县长、雷外县长" in page
        if name != "lei":  # who oversees whatever he sees
            desk = cast.client(name).get("/desk").text
            assert number not in desk, "nobody's turn"
    assert problems(cast) == []
    # Handing it to one of them makes it theirs to handle; taking the copy back leaves that.
    cast.assign(number, "industry")
    standing = _copies(cast, number)

    def take_back(appeal: Appeal, at: Any) -> None:
        appeal.uncopy(list(standing.values()), "已转为承办", by=cast.actor("zhou"), at=at)

    cast.do(number, take_back)
    assert [sees(cast, number, name) for name in readers] == [True, False, False, False]
    cast.answer(number, by="none")
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "取消抄送" in page and "已转为承办" in page
    with pytest.raises(Refused) as none_left:
        cast.do(number, take_back)
    assert none_left.value.status == 409
    assert problems(cast) == []


def _copies(cast: Cast, number: str) -> dict[str, int]:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return {f"{one.unit_id}-{one.person_id}": one.id for one in appeal.copies if one.stands}


def test_who_may_copy_and_what_makes_no_sense(cast: Cast) -> None:
    number = ground(cast)
    for name in ("he", "chen", "ma", "du", "wu", "yuan", "shi", "lin"):
        with pytest.raises(Refused) as refused:
            copy(cast, number, "industry", by=name)
        assert refused.value.status == 403, name
    copy(cast, number, "industry", leaders=("ma",))
    for units, leaders, words in (
        ((), (), "请选择"),
        (("industry",), (), "不必重复抄送"),
        ((), ("ma",), "不必重复抄送"),
        (("office",), (), "本办公室自身"),
        ((), ("chen",), "没有领导岗位"),
    ):
        with pytest.raises(Invalid) as invalid:
            copy(cast, number, *units, leaders=leaders)
        assert (invalid.value.field, words in invalid.value.reason) == ("reader_ids", True)
    assert len(_copies(cast, number)) == 2
    # Who was copied to is a stranger to the two keys: he may still close.
    cast.do(number, lambda a, at: a.withdraw("void", "重复", by=cast.actor("zhou"), at=at))
    with pytest.raises(Refused) as ended:
        copy(cast, number, "police")
    assert ended.value.status == 409
    assert sees(cast, number, "none"), "what ended stays readable"
    assert problems(cast) == []


def test_on_the_page_with_the_hand_off_and_later(cast: Cast) -> None:
    number = ground(cast)
    zhou = cast.client("zhou")
    form = zhou.get(f"/appeals/{number}/assign", headers=FRAGMENT).text
    industry, ma = f"u{cast.units['industry']}", f"p{cast.people['ma']}"
    for value in (industry, ma):
        assert f'name="reader_ids" value="{value}"' in form
    assert f'value="u{cast.units["office"]}"' not in form
    typed = {
        "unit_id": cast.units["bureau"],
        "reader_ids": [industry, ma],
        "rhythm": "once",
        "words": "请抓紧办理",
    }
    wrong = zhou.post(f"/appeals/{number}/assign", data={**typed, "reader_ids": ["p999999"]})
    assert wrong.status_code == 422 and "请抓紧办理" in wrong.text
    assert zhou.post(f"/appeals/{number}/assign", data=typed).status_code == 303
    page = zhou.get(f"/appeals/{number}").text
    assert "寻乌县工业和信息化局、马县长" in page and "只供查阅" in page
    story = page.split('id="_trail"')[1]
    assert "抄送" in story and story.count("<time") >= 3
    assert sees(cast, number, "none")
    form = zhou.get(f"/appeals/{number}/copy", headers=FRAGMENT).text
    assert f'value="{industry}"' not in form and f'value="u{cast.units["police"]}"' in form
    police = {"reader_ids": [f"u{cast.units['police']}"], "words": "请知悉"}
    assert cast.client("chen").post(f"/appeals/{number}/copy", data=police).status_code == 403
    assert cast.client("he").post(f"/appeals/{number}/copy", data=police).status_code == 404
    assert zhou.post(f"/appeals/{number}/copy", data=police).status_code == 303
    assert sees(cast, number, "he")
    ids = list(_copies(cast, number).values())
    gone = zhou.post(f"/appeals/{number}/uncopy", data={"copy_ids": ids[:1], "reason": ""})
    assert gone.status_code == 422
    gone = zhou.post(f"/appeals/{number}/uncopy", data={"copy_ids": ids[:1], "reason": "不涉及"})
    assert gone.status_code == 303
    assert not sees(cast, number, "none") and sees(cast, number, "he")
    assert problems(cast) == []


def test_the_duty_officer_hands_off_but_copies_nothing(cast: Cast) -> None:
    number = cast.register()
    cast.accept(number, urgency="critical")
    with cast.app.app_context(), writing() as at:
        night = at.astimezone(SHANGHAI).replace(hour=23) + timedelta(days=1)
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        hand: dict[str, Any] = {"by": cast.actor("zhao", night), "at": night}
        with pytest.raises(Refused) as refused:
            appeal.assign(cast.unit("police"), readers=Readers([cast.unit("industry")]), **hand)
        assert refused.value.status == 403
        db.session.rollback()
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        appeal.assign(cast.unit("police"), **hand)
        db.session.commit()
    assert problems(cast) == []
