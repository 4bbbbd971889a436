"""A life told to whom it concerns, entry by entry."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.notices.models import Notice, NoticeAddress, NoticeChoice, NoticeDelivery
from ledger.notices.reminding import remind_of_replies
from ledger.people.models import Person
from ledger.work.models import Outbox
from notices.notice_hands import KEY, fan_out
from supervision_ground import at_work

FIRM, PHONE = "寻乌县顺达物流有限公司", "13807970001"


def news(cast: Cast, number: str) -> dict[str, str]:
    """Who was told what since this was last asked; forgets it."""
    fan_out(cast)
    with cast.app.app_context(), writing():
        names = {i: name for name, i in cast.people.items()}
        rows = db.session.execute(
            select(Notice.id, Notice.person_id, Notice.event, Notice.read_at)
            .join(Appeal, Appeal.id == Notice.appeal_id)
            .where(Appeal.number == number, Notice.read_at.is_(None))
        ).all()
        db.session.execute(update(Notice).values(read_at=now()))
        db.session.commit()
        return {names[row.person_id]: row.event for row in rows}


def address(cast: Cast, at: datetime, **owner: Any) -> None:
    with cast.app.app_context(), writing():
        db.session.add(NoticeAddress(label="群", address=KEY, created_at=at, **owner))
        db.session.commit()


def lines(cast: Cast) -> list[tuple[str, int | None, int | None, str]]:
    with cast.app.app_context():
        rows = db.session.scalars(select(NoticeDelivery).order_by(NoticeDelivery.id)).all()
        found = [(row.way, row.person_id, row.unit_id, row.line) for row in rows]
        db.session.remove()
        return found


def test_each_step_tells_whom_it_concerns_once_and_never_the_doer(cast: Cast) -> None:
    at = now()
    address(cast, at, unit_id=cast.units["bureau"])
    address(cast, at, person_id=cast.people["zhou"])
    with cast.app.app_context(), writing():
        chen = db.session.get_one(Person, cast.people["chen"])
        chen.phone = "13900000009"
        db.session.add(NoticeChoice(person_id=chen.id, way="sms"))
        db.session.add(NoticeChoice(person_id=cast.people["qian"], way="sms"))  # has no number
        db.session.commit()
    number = cast.register(by="lin")
    assert news(cast, number) == {}
    cast.accept(number)
    assert news(cast, number) == {}
    cast.assign(number)
    assert news(cast, number) == {"chen": "given", "qian": "given"}
    said = lines(cast)
    assert [(way, person, unit) for way, person, unit, _ in said] == [
        ("sms", cast.people["chen"], None),
        ("apprise", None, cast.units["bureau"]),
    ]
    cast.answer(number)
    assert news(cast, number) == {"zhou": "answered"}
    cast.review(number)
    assert news(cast, number) == {"tang": "reviewed", "lin": "reviewed"}
    cast.call_back(number, "unsatisfied")
    assert news(cast, number) == {"chen": "reworked", "qian": "reworked", "zhou": "reworked"}
    cast.answer(number)
    cast.review(number)
    news(cast, number)
    cast.call_back(number)
    assert news(cast, number) == {"wu": "confirmed"}
    cast.close(number)
    assert news(cast, number) == {"lin": "closed"}
    # The same outbox rows once more, as after a restored backup: nobody is told twice.
    before = len(lines(cast))
    with cast.app.app_context(), writing():
        db.session.execute(update(Outbox).values(state="waiting"))
        db.session.commit()
    assert news(cast, number) == {}
    after = lines(cast)
    # What leaves the house names nobody.
    assert all(FIRM not in said and PHONE not in said and "刘经理" not in said
               for *_, said in after)  # fmt: skip
    assert any("待审核" in said and "承办：交通局" in said for *_, said in after)
    assert before >= 3

    # An instruction: the named units and the office, in words that say nothing outside.
    number = cast.reach("assigned")
    news(cast, number)
    known = len(lines(cast))
    cast.do(number, lambda a, at: a.instruct("请务必从速放行", [cast.unit("bureau")],
                                            by=cast.actor("ma"), at=at,
                                            reply_by=(at + timedelta(days=10)).date()))  # fmt: skip
    assert news(cast, number) == {
        "chen": "instructed", "qian": "instructed", "zhou": "instructed_office",
    }  # fmt: skip
    fresh = lines(cast)[known:]
    assert len(fresh) == 3 and all("批示" not in s and "放行" not in s for *_, s in fresh)

    def reply(appeal: Appeal, at: datetime) -> None:
        named = appeal.instruction_units[0].id
        appeal.reply_instruction(named, "已安排专人", by=cast.actor("chen"), at=at)

    def reminded(at: datetime) -> list[str]:
        """Those who are told on that day that a reply is due, each as often as he is told."""
        names = {i: name for name, i in cast.people.items()}
        once = f"reply_due {at.astimezone(SHANGHAI).date()}"
        with cast.app.app_context():
            remind_of_replies(at)
            remind_of_replies(at + timedelta(minutes=10))
            found = db.session.scalars(select(Notice.person_id).where(Notice.once == once))
            told = sorted(names[person] for person in found)
            db.session.remove()
        return told

    on = at_work(cast, now() + timedelta(days=10))
    assert reminded(on - timedelta(days=5)) == []
    assert reminded(on) == ["chen", "qian"]
    news(cast, number)
    cast.do(number, reply)
    assert news(cast, number) == {"ma": "replied", "zhou": "replied"}
    assert reminded(on + timedelta(days=1)) == []
    assert cast.app.test_cli_runner().invoke(args=["verify"]).exit_code == 0
