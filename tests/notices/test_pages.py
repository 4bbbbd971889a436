"""The inbox, the bell, how one wants to be told, the list of messages: each by who may."""

from __future__ import annotations

import io
import re
import time
from typing import Any

import openpyxl
from flask.testing import FlaskClient
from sqlalchemy import event, select

from cast import PEOPLE, Cast
from ledger.access import AccessLog
from ledger.appeals.models import Appeal, Assignment
from ledger.appeals.parts import UnitSight
from ledger.db import db, now, writing
from ledger.notices.models import Notice, NoticeAddress, NoticeChoice, NoticeDelivery
from ledger.people.models import Person
from notices.notice_hands import KEY, Robots, fan_out


def the(cast: Cast, kind: Any) -> list[Any]:
    with cast.app.app_context():
        found = list(db.session.scalars(select(kind).order_by(kind.id)))
        db.session.expunge_all()
        return found


def seen_of(client: FlaskClient) -> int:
    with client.session_transaction() as session:
        return int(session["seen"])


def test_the_inbox_tells_and_is_read_through_what_one_may_see(cast: Cast) -> None:
    number = cast.reach("assigned")
    fan_out(cast)
    chen = cast.client("chen")
    # The bell: its own short answer, one read of an index, and no sign of life.
    with chen.session_transaction() as session:
        session["seen"] = int(time.time()) - 300
    before = seen_of(chen)
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    with cast.app.app_context():
        engine = db.engine
    chen.get("/notices/count?poll=1")  # whoever he is, is known from now on
    event.listen(engine, "before_cursor_execute", note)
    assert chen.get("/notices/count?poll=1").text == "1"
    event.remove(engine, "before_cursor_execute", note)
    of_notices = [said for said in asked if "notice" in said]
    assert len(of_notices) == 1
    assert seen_of(chen) == before
    asked.clear()
    event.listen(engine, "before_cursor_execute", note)
    page = chen.get(f"/appeals/{number}").text
    event.remove(engine, "before_cursor_execute", note)
    assert 'hx-get="/notices/count?poll=1"' in page
    assert not [said for said in asked if "notice" in said]

    inbox = chen.get("/notices/").text
    assert "有新的交办件，待签收" in inbox and "未读" in inbox
    (one,) = [row for row in the(cast, Notice) if row.person_id == cast.people["chen"]]
    stranger = cast.client("he")
    assert stranger.post(f"/notices/{one.id}/open").status_code == 404
    assert "还没有通知" in stranger.get("/notices/").text
    opened = chen.post(f"/notices/{one.id}/open")
    assert (opened.status_code, opened.location) == (303, f"/appeals/{number}")
    assert chen.get("/notices/count").text == ""
    assert "没有未读通知" in chen.get("/notices/?unread=1").text
    # All at once, as far as the page showed them.
    cast.do(number, lambda a, at: a.ask_details("请补充车牌号", by=cast.actor("chen"), at=at))
    fan_out(cast)
    lin = cast.client("lin")
    until = re.search(r'name="until" value="(\d+)"', lin.get("/notices/").text)
    assert until is not None
    assert lin.post("/notices/read", data={"until": "0"}).status_code == 303
    assert lin.get("/notices/count").text == "1"
    assert lin.post("/notices/read", data={"until": until[1]}).status_code == 303
    assert lin.get("/notices/count").text == ""
    # What one may no longer see is not named.
    with cast.app.app_context():
        connection = db.session.connection()
        appeal_id = db.session.scalars(select(Appeal.id).where(Appeal.number == number)).one()
        for table in (UnitSight, Assignment):
            connection.execute(
                table.__table__.update()  # type: ignore[attr-defined]
                .where(table.__table__.c.appeal_id == appeal_id)
                .values(unit_id=cast.units["industry"])
            )
        db.session.commit()
        db.session.remove()
    gone = chen.get("/notices/").text
    assert "已不在您的查看范围" in gone and number not in gone
    assert chen.post(f"/notices/{one.id}/open").location == "/notices/"
    for path in ("/notices/?before=x", "/notices/?before=99999999999999999999"):
        assert chen.get(path).status_code == 200
    assert cast.app.test_client().get("/notices/count?poll=1").status_code in (302, 303)


def test_one_chooses_how_to_be_told_and_units_addresses_are_the_administrators(
    cast: Cast, robots: Robots
) -> None:
    chen = cast.client("chen")
    assert chen.post("/notices/settings", data={"way": "fax"}).status_code == 422
    for way in ("both", "none", "sms"):
        assert chen.post("/notices/settings", data={"way": way}).status_code == 303
    with cast.app.app_context():
        assert db.session.scalars(select(NoticeChoice.way)).all() == ["sms"]
        db.session.remove()
    add = "/notices/settings/addresses"
    for wrong, said in (
        ({"label": "", "address": KEY}, "名称"),
        ({"label": "群", "address": "json://169.254.169.254/x"}, "应以下列之一开头"),
    ):
        got = chen.post(add, data=wrong)
        assert got.status_code == 422 and said in got.text
    assert "169.254.169.254" in got.text  # as typed
    assert chen.post(add, data={"label": "值班群", "address": KEY}).status_code == 303
    assert chen.post(add, data={"label": "再来", "address": KEY}).status_code == 422
    (mine,) = the(cast, NoticeAddress)
    shown = chen.get("/notices/settings").text
    assert "值班群" in shown and KEY not in shown and "********97a0" in shown
    with cast.app.app_context():
        raw = db.session.connection().exec_driver_sql("SELECT address FROM notice_address")
        assert all("693a91f6" not in row[0] for row in raw)
        db.session.remove()
    assert "已向" in chen.post(f"{add}/{mine.id}/test").text
    assert robots.sent and robots.sent[0][0] == KEY and "测试通知" in robots.sent[0][1]
    robots.refuses = True
    failed = chen.post(f"{add}/{mine.id}/test").text
    assert "测试失败" in failed and KEY not in failed
    for who in PEOPLE:
        if who != "chen":
            for what in ("test", "remove"):
                assert cast.client(who).post(f"{add}/{mine.id}/{what}").status_code == 404
    # A unit's: the system administrator alone.
    bureau = f"/notices/units/{cast.units['bureau']}"
    for who in PEOPLE:
        client = cast.client(who)
        wanted = 200 if who == "xi" else 403
        assert client.get(bureau).status_code == wanted, who
        sent = client.post(f"{bureau}/addresses", data={"label": "局群", "address": KEY + "9"})
        assert sent.status_code == (303 if who == "xi" else 403), who
    xi = cast.client("xi")
    assert "通知地址" in xi.get(f"/units/{cast.units['bureau']}").text
    _, units = the(cast, NoticeAddress)
    assert units.unit_id == cast.units["bureau"]
    assert xi.get("/notices/units/999999").status_code == 404
    assert xi.post(f"{add}/{units.id}/remove").status_code == 404  # not his own
    assert xi.post(f"{bureau}/addresses/{mine.id}/remove").status_code == 404
    assert xi.post(f"{bureau}/addresses/{units.id}/remove").status_code == 303
    assert chen.post(f"{add}/{mine.id}/remove").status_code == 303
    assert the(cast, NoticeAddress) == []
    acts = [(row.action, row.detail) for row in the(cast, AccessLog) if "notice" in row.action]
    assert acts == [
        ("notice_address_added", "值班群"), ("notice_address_added", "局群"),
        ("notice_address_removed", "局群"), ("notice_address_removed", "值班群"),
    ]  # fmt: skip


def test_the_office_exports_messages_once_and_it_is_logged(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        person = db.session.get_one(Person, cast.people["chen"])
        person.phone = "13900000009"
        db.session.add(NoticeChoice(person_id=person.id, way="both"))
        db.session.commit()
    number = cast.reach("assigned")
    fan_out(cast)
    (row,) = the(cast, NoticeDelivery)
    for who in PEOPLE:
        client = cast.client(who)
        if who == "zhou":
            continue
        if who in ("yuan", "shi"):  # other offices: nothing of this one's
            assert row.line not in client.get("/notices/messages").text, who
            assert client.post("/notices/messages").status_code == 409, who
            continue
        assert client.get("/notices/messages").status_code == 403, who
        assert client.post("/notices/messages").status_code == 403, who
    zhou = cast.client("zhou")
    page = zhou.get("/notices/messages").text
    assert row.line in page and "13900000009" not in page
    got = zhou.post("/notices/messages")
    assert got.status_code == 200 and "attachment" in got.headers["Content-Disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(got.data)).active
    assert sheet is not None
    _, told = [[cell.value for cell in line] for line in sheet.iter_rows()]
    assert told[1:4] == ["寻乌县交通运输局", "陈经办", "13900000009"]
    words = str(told[4])
    assert words.startswith("【企业诉求台账】") and f"（通知{row.id}）" in words
    assert "顺达" not in words and "13807970001" not in words and "刘经理" not in words
    assert zhou.post("/notices/messages").status_code == 409  # handed out once
    assert [one.state for one in the(cast, NoticeDelivery)] == ["exported"]
    log = [(one.action, one.subject, one.detail) for one in the(cast, AccessLog)]
    assert log.count(("exported", "短信名单", "1条")) == 1
    assert number and now() > row.created_at
