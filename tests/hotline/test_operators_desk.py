"""The operator's desk: what becomes of a call, each in one commit with its record."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from cast import Cast
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import db, now, writing
from ledger.firms.models import Firm
from ledger.hotline import call_queries
from ledger.hotline.calls import CallRecord, HotlineLine
from ledger.people.models import Person
from ledger.supervision.models import Urge
from ledger.trail.models import Entry

PHONE = "13807970001"
SAID = "澄江收费站入口关闭，两辆货车被劝返，请协调放行。"


def token_of(client: FlaskClient, url: str = "/hotline/desk") -> str:
    found = re.search(r'name="token"[^>]*value="([^"]+)"', client.get(url).text)
    assert found
    return found[1]


def ring(cast: Cast, who: str = "tang", **typed: Any) -> TestResponse:
    """A call taken and saved."""
    client = typed.pop("client", None) or cast.client(who)
    sent = {
        "token": typed.pop("token", None) or token_of(client),
        "line": "12345",
        "phone": PHONE,
        "phone_given": "given",
        "appellant_name": "寻乌县顺达物流有限公司",
        "content": SAID,
        "become": "appeal",
        **typed,
    }
    found: TestResponse = client.post(
        "/hotline/desk", data=sent, content_type="multipart/form-data"
    )
    return found


def words_of(response: TestResponse) -> str:
    return unescape(response.text)


def saved(response: TestResponse) -> str:
    """What the address says that it was saved as."""
    assert response.status_code == 303, words_of(response)[:4000]
    found = re.fullmatch(r"/hotline/desk/saved/([0-9a-z-]+)", response.headers["Location"])
    assert found
    return found[1]


def calls(cast: Cast) -> list[CallRecord]:
    with cast.app.app_context():
        return list(db.session.scalars(select(CallRecord).order_by(CallRecord.id)))


def verbs(cast: Cast, number: str) -> list[str]:
    with cast.app.app_context():
        return list(
            db.session.scalars(
                select(Entry.verb).where(Entry.stream == f"appeal/{number}").order_by(Entry.seq)
            )
        )


def a_firm(cast: Cast, name: str = "寻乌县顺达物流有限公司", phone: str = PHONE) -> int:
    with cast.app.app_context(), writing() as at:
        by = db.session.get_one(Person, cast.people["lin"])
        firm = Firm.register(name, by=by, at=at)
        firm.add_contact("刘经理", phone, "物流部")
        db.session.commit()
        return firm.id


def test_a_call_becomes_an_appeal_once(cast: Cast) -> None:
    """Registered as ever, channel and cross-region by the line; a double click is one of each; the
    telephone system's call is found again, by a colleague too."""
    firm = a_firm(cast)
    client = cast.client("tang")
    page = words_of(client.get(f"/hotline/desk?phone={PHONE}&call=SIP-1&line=85097305"))
    assert "刘经理" in page and f'name="firm_id" value="{firm}"' in page
    assert "跨省运输受阻专线" in page
    token = re.search(r'name="token"[^>]*value="([^"]+)"', page)
    assert token
    sent: dict[str, Any] = {
        "token": token[1],
        "call": "SIP-1",
        "line": "85097305",
        "firm_id": str(firm),
        "firm_by": "phone",
        "appellant_name": "",
        "client": client,
    }
    number = saved(ring(cast, **sent))
    assert saved(ring(cast, **sent)) == number
    (call,) = calls(cast)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal)).one()
        assert appeal.number == number
        assert (appeal.channel, appeal.cross_region) == ("duty_line", True)
        assert (appeal.firm_id, appeal.contact_name) == (firm, "刘经理")
        assert appeal.appellant_name == "寻乌县顺达物流有限公司"
        assert (call.appeal_id, call.outcome, call.outside_id) == (appeal.id, "appeal", "SIP-1")
        assert (call.taken_by_id, call.taken_role) == (cast.people["tang"], "operator")
        assert call.office_id == cast.units["office"]
        assert call.phone == PHONE and call.said == SAID
        assert timedelta() <= now() - call.began_at < timedelta(minutes=5)
        code = appeal.query_code
    told = words_of(client.get(f"/hotline/desk/saved/{number}"))
    assert code and code in told and "预计" in told

    other = cast.client("zhou")
    again = words_of(other.get("/hotline/desk?call=SIP-1&line=85097305"))
    assert "唐接线已记录（登记新诉求）" in again and f"/hotline/calls/{call.id}" in again
    refused = ring(cast, client=other, call="SIP-1", line="85097305", content="另有一件事情要说")
    assert refused.status_code == 409
    assert "唐接线已记录" in words_of(refused) and "另有一件事情要说" in words_of(refused)
    # The same system's number on another line is another call; a further matter is a further one.
    saved(ring(cast, client=other, call="SIP-1", line="12345", content="另有一件事情要说"))
    saved(ring(cast, client=other, call="", line="85097305", content="另有一件事情要说"))
    assert len(calls(cast)) == 3


def test_the_other_outcomes(cast: Cast) -> None:
    """补充, 企业催单, 再次反映 by the table's verbs; 即时答复 and 误拨 begin no appeal."""
    open_one, closed_one = cast.reach("assigned"), cast.reach("closed")
    label = f"{open_one[7:11]}-{int(open_one[-6:]):04d}"
    page = words_of(cast.client("tang").get(f"/hotline/desk?phone={PHONE}"))
    assert f"supplement:{open_one}" in page and f"recur:{closed_one}" in page

    saved(ring(cast, become="supplement", appeal=label, content="又来两辆车"))
    saved(ring(cast, become="urge", appeal=open_one, content="请尽快"))
    saved(ring(cast, become="recur", appeal=closed_one, content="又关了"))
    as_answered = ring(cast, become="answered", content="问路", answer="走南环路", phone="")
    assert saved(as_answered) == f"call-{calls(cast)[-1].id}"
    saved(ring(cast, become="nothing", void_reason="silent", content="", appellant_name=""))
    assert verbs(cast, open_one)[-2:] == ["supplement", "urge"]
    assert verbs(cast, closed_one)[-1] == "recur"
    found = calls(cast)
    assert [c.outcome for c in found] == ["supplement", "urge", "recur", "answered", "nothing"]
    with cast.app.app_context():
        urge = db.session.scalars(select(Urge)).one()
        assert urge.urging == "企业来电催办：请尽快" and urge.unit_id == cast.units["bureau"]
        ids = dict(db.session.execute(select(Appeal.number, Appeal.id)).all())
        assert [c.appeal_id for c in found] == [
            ids[open_one], ids[open_one], ids[closed_one], None, None
        ]  # fmt: skip
        assert (found[3].answer, found[3].phone) == ("走南环路", None)
        counted = call_queries.counts(
            [cast.units["office"]], now() - timedelta(hours=1), now() + timedelta(hours=1)
        )
        assert (counted["answered"], counted["nothing"], counted["appeal"]) == (1, 1, 0)
        assert db.session.scalar(select(func.count(Appeal.id))) == 2

    # What the table does not let happen comes back with a word, and nothing is written.
    late = ring(cast, become="supplement", appeal=closed_one, content="再补一句")
    assert late.status_code == 409
    assert "请改选“再次反映”" in words_of(late) and "再补一句" in words_of(late)
    nobody = ring(cast, become="urge", appeal="2026-9999")
    assert nobody.status_code == 422 and "没有编号为“2026-9999”的诉求" in words_of(nobody)
    assert len(calls(cast)) == 5


def test_nothing_is_lost_and_nothing_half_written(cast: Cast) -> None:
    client = cast.client("tang")
    long = "车" * 9000
    for become in ("appeal", "supplement", "answered"):
        refused = ring(cast, client=client, become=become, content=long, place="澄江镇东门")
        assert refused.status_code == 422
        assert "最多 5000 字，现有 9000 字" in words_of(refused)
        assert long in refused.text and "澄江镇东门" in refused.text
    for wrong, said in (
        ({"phone": "12"}, "电话号码只能是3至15位数字"),
        ({"line": "99999"}, "“线路”"),
        ({"become": "what"}, "处理结果"),
        ({"content": ""}, "请填写“来电内容”"),
        ({"appellant_name": ""}, "请填写“诉求主体”或选择企业"),
        ({"become": "answered"}, "请填写“即时答复内容”"),
        ({"become": "nothing"}, "请选择“无效来电情形”"),
        ({"become": "urge"}, "“企业催单”请选择或填写已有诉求编号"),
        ({"stuck_hours": "很久"}, "“已滞留（小时）”请填数字"),
        ({"plates": "12"}, "不像车牌号"),
    ):
        refused = ring(cast, client=client, **wrong)
        assert refused.status_code == 422, (wrong, words_of(refused)[:2000])
        assert said in words_of(refused), wrong
    assert calls(cast) == []

    # Without a script: looked up and chosen by buttons, everything typed kept.
    a_firm(cast)
    number = cast.reach("assigned")
    looked = ring(cast, client=client, aside="look", content="问进度", appellant_name="")
    assert looked.status_code == 200
    assert "刘经理" in looked.text and "问进度" in looked.text and number in looked.text
    chosen = ring(cast, client=client, to=f"urge:{number}", content="问进度")
    assert re.search(r'value="urge" checked|checked[^>]*value="urge"', chosen.text)
    assert f'value="{number}"' in chosen.text

    # A draft is kept, by itself as by the button; a call with a name has one of its own.
    ring(cast, client=client, aside="draft", content="说到一半")
    assert "说到一半" in client.get("/hotline/desk").text
    other = words_of(client.get("/hotline/desk?phone=13900010002&call=SIP-7"))
    assert "说到一半" not in other
    assert "没有保存的来电草稿" in words_of(client.get("/hotline/desk?phone=13900010002"))
    saved(ring(cast, client=client))
    assert "说到一半" not in client.get("/hotline/desk").text

    # The session ended meanwhile.
    token = token_of(client)
    with client.session_transaction() as session:
        session.clear()
    ended = ring(cast, client=client, token=token, content="登录失效前说的话")
    assert ended.status_code == 401
    assert "登录失效前说的话" in ended.text
    assert len(calls(cast)) == 1


def test_a_driver_who_is_stuck(cast: Cast) -> None:
    number = saved(
        ring(
            cast,
            line="12328",
            phone="13900010002",
            appellant_name="王师傅",
            appellant_type="driver",
            plates="赣B12345 赣B1234挂",
            place="澄江收费站",
            stuck_hours="3",
        )
    )
    (call,) = calls(cast)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert (appeal.appellant_type, appeal.urgency) == ("driver", "critical")
        assert appeal.stranded and appeal.stranded_since is not None
        waited = appeal.registered_at - appeal.stranded_since
        assert abs(waited - timedelta(hours=3)) < timedelta(minutes=1)
        assert (appeal.channel, appeal.plates) == ("12328", "赣B12345 赣B1234挂")
        assert db.session.scalar(select(func.count(Firm.id))) == 0
        assert call.stuck_since == appeal.stranded_since
    # He is known when he calls again.
    page = words_of(cast.client("tang").get("/hotline/desk?phone=13900010002"))
    assert 'data-name="王师傅" data-type="driver"' in page and number in page


def test_whose_desk_it_is(cast: Cast) -> None:
    for who in ("chen", "he", "wu", "du", "ma", "xi", "an", "shen", "none"):
        assert cast.client(who).get("/hotline/desk").status_code == 403, who
    for who in ("tang", "zhou", "zhao", "lin"):
        assert cast.client(who).get("/hotline/desk").status_code == 200, who
    assert "企业催单" not in words_of(cast.client("zhao").get("/hotline/desk"))
    assert "热线坐席" in words_of(cast.client("tang").get("/desk"))
    assert "热线坐席" not in words_of(cast.client("chen").get("/desk"))


def test_calls_are_read_by_their_office(cast: Cast) -> None:
    saved(ring(cast))
    saved(ring(cast, who="lin", become="answered", answer="已告知", line="12328"))
    mine, hers = calls(cast)
    listed = words_of(cast.client("zhou").get("/hotline/calls"))
    assert "138****0001" in listed and PHONE not in listed
    assert f"/hotline/calls/{hers.id}" in listed
    only = words_of(cast.client("zhou").get("/hotline/calls?outcome=answered"))
    assert f"/hotline/calls/{hers.id}" in only and f"/hotline/calls/{mine.id}" not in only
    by_line = words_of(cast.client("zhou").get(f"/hotline/calls?line={mine.line_id}"))
    assert f"/hotline/calls/{mine.id}" in by_line and f"/hotline/calls/{hers.id}" not in by_line
    assert (
        f"/hotline/calls/{mine.id}"
        not in cast.client("zhou").get("/hotline/calls?day=2020-01-01").text
    )
    for strange in ("cursor=%3Ex~y", "day=9999-99-99", "line=x", "outcome=x"):
        assert cast.client("zhou").get(f"/hotline/calls?{strange}").status_code == 200

    # A liaison officer reads her own; another county's office and handling units none.
    assert cast.client("lin").get(f"/hotline/calls/{hers.id}").status_code == 200
    assert cast.client("lin").get(f"/hotline/calls/{mine.id}").status_code == 404
    for who, status in (("yuan", 404), ("shi", 404), ("chen", 404), ("xi", 404)):
        assert cast.client(who).get(f"/hotline/calls/{mine.id}").status_code == status, who
    assert cast.client("chen").get("/hotline/calls").status_code == 403
    assert f"/hotline/calls/{mine.id}" not in cast.client("shi").get("/hotline/calls").text

    # The number is shown by a click, or for a reason, and the log says so.
    url = f"/hotline/calls/{mine.id}/phone"
    assert PHONE in cast.client("zhou").post(url).text
    asked = cast.client("du").post(url)
    assert asked.status_code == 422 and PHONE not in asked.text
    assert PHONE in cast.client("du").post(url, data={"reason": "核查来电"}).text
    assert cast.client("chen").post(url).status_code == 404
    with cast.app.app_context():
        read = db.session.scalars(
            select(AccessLog).where(AccessLog.action == "phone_read").order_by(AccessLog.id)
        ).all()
        assert [(one.username, one.detail) for one in read] == [
            ("zhou", "办理联系"),
            ("du", "核查来电"),
        ]


def test_pages_of_calls_follow_one_another(cast: Cast) -> None:
    with cast.app.app_context(), writing() as at:
        line = db.session.scalars(select(HotlineLine)).first()
        assert line is not None
        for n in range(120):
            db.session.add(
                CallRecord(
                    office_id=cast.units["office"],
                    line_id=line.id,
                    began_at=at - timedelta(minutes=n // 3),  # three at the same moment
                    ended_at=at,
                    taken_by_id=cast.people["tang"],
                    taken_by_name="唐接线",
                    taken_unit_id=cast.units["office"],
                    taken_role="operator",
                    outcome="nothing",
                )
            )
        db.session.commit()
    with cast.app.app_context():
        actor = cast.actor("zhou")
        met: list[int] = []
        page = call_queries.listing(actor, call_queries.Asked())
        pages = [page]
        while page.after:
            page = call_queries.listing(actor, call_queries.Asked(), page.after)
            pages.append(page)
        for page in pages:
            met += [call.id for call in page.rows]
        assert len(met) == len(set(met)) == 120
        back = call_queries.listing(actor, call_queries.Asked(), pages[-1].before)
        assert [c.id for c in back.rows] == [c.id for c in pages[-2].rows]
        assert pages[0].before == "" and pages[-1].after == ""


def test_lines_are_data(cast: Cast) -> None:
    for who in ("tang", "zhou", "shen"):
        assert cast.client(who).get("/hotline/lines").status_code == 403
    keeper = cast.client("xi")
    assert "跨省运输受阻专线" in words_of(keeper.get("/hotline/lines"))
    fresh = {"number": "0797-2831234", "name": "夜班专线", "channel": "duty_line"}
    more = {"cross_region": "yes", "active": "yes", "office_id": str(cast.units["other_office"])}
    assert keeper.post("/hotline/lines/new", data={**fresh, **more}).status_code == 303
    assert keeper.post("/hotline/lines/new", data={**fresh, **more}).status_code == 409
    wrong = keeper.post("/hotline/lines/new", data={**fresh, "number": "一二三", "position": "x"})
    assert wrong.status_code == 422 and "线路号码只能是3至15位数字" in words_of(wrong)
    assert keeper.get("/hotline/lines/99999").status_code == 404
    with cast.app.app_context():
        line = db.session.scalars(
            select(HotlineLine).where(HotlineLine.number == "07972831234")
        ).one()
    assert "夜班专线" not in words_of(cast.client("tang").get("/hotline/desk"))
    assert "夜班专线" in words_of(keeper.get(f"/hotline/lines/{line.id}"))
    off = {**fresh, "active": "no", "office_id": ""}
    assert keeper.post(f"/hotline/lines/{line.id}", data=off).status_code == 303
    assert "夜班专线" not in words_of(cast.client("tang").get("/hotline/desk"))
    assert keeper.post(f"/hotline/lines/{line.id}", data={**off, "active": "yes"}).status_code
    assert "夜班专线" in words_of(cast.client("tang").get("/hotline/desk"))
