"""待回填清单, 回告情况 and 回告方式 as their people use them, and that nothing else leaves."""

from __future__ import annotations

import io
import re
from datetime import datetime, timedelta
from typing import Any

import openpyxl
from sqlalchemy import select, update

from cast import Cast, said
from hotline.push_hand import Book, hearing, reported, told
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.catalogue.models import Channel
from ledger.db import db, writing
from ledger.hotline import pushing
from ledger.hotline.platforms import kept_by
from ledger.hotline.push_models import OrderMessage
from ledger.supervision.models import Paper, Urge, Wording
from ledger.trail.models import Entry

MARK = "MARKED"


def set_way(cast: Cast, way: str, source: str = "12345") -> None:
    with cast.app.app_context():
        ids = db.session.scalars(select(Channel.id).where(Channel.source_system == source)).all()
        db.session.remove()
    for channel_id in ids:
        answer = cast.client("xi").post(f"/hotline/channels/{channel_id}", data={"way": way})
        assert answer.status_code == 303


def orders_of(cast: Cast, number: str) -> list[int]:
    with cast.app.app_context():
        found = db.session.scalars(
            select(ExternalOrder.id).join(Appeal).where(Appeal.number == number)
        ).all()
        db.session.remove()
        return list(found)


def answered(cast: Cast, order: str, **known: Any) -> str:
    number = reported(cast, order, **known)
    for step in (cast.accept, cast.assign, cast.answer, cast.review):
        step(number)
    return number


def marks(page: str) -> dict[str, str]:
    """By the address of its button, what each row shows."""
    return dict(re.findall(r'action="([^"]*/returned[^"]*)".*?name="mark" value="(\w+)"', page))


def test_filled_in_by_hand_and_taken_back(cast: Cast) -> None:
    set_way(cast, "manual")
    number = answered(cast, "GZ1")
    late = answered(cast, "GZ2")
    other = reported(cast, "GZ3")
    with cast.app.app_context(), writing() as at:
        order = db.session.scalars(
            select(ExternalOrder).where(ExternalOrder.order_number == "GZ2")
        ).one()
        db.session.execute(
            update(ExternalOrder)
            .where(ExternalOrder.id == order.id)
            .values(return_due_at=at - timedelta(days=1))
            .execution_options(ledger_derived_only=True)
        )
        db.session.commit()
    tang = cast.client("tang")
    desk = tang.get("/desk").text
    assert "待回填热线平台" in desk and "/hotline/answers" in desk
    page = tang.get("/hotline/answers").text
    assert page.index("GZ2") < page.index("GZ1") and "GZ3" not in page
    assert "已恢复通行，感谢反映" in page and "已答复" in page
    assert "onclick" not in page and "data-copy-from" in page
    assert other not in page and late in page

    assert "12345 GZ1（平台要求" in (article := tang.get(f"/appeals/{number}").text)
    assert "前反馈；待回填）" in article
    (order_id,) = orders_of(cast, number)
    url, mark = next((u, m) for u, m in marks(page).items() if f"/{order_id}/" in u)
    assert tang.post(url, data={"mark": "0" * 32}).status_code == 409  # of another answer
    assert tang.post(url, data={"mark": mark}).status_code == 303
    assert tang.post(url, data={"mark": mark}).status_code == 409
    assert "GZ1" not in tang.get("/hotline/answers").text
    done = tang.get("/hotline/answers?view=done").text
    assert "GZ1" in done and "唐接线" in done
    trail = tang.get(f"/appeals/{number}").text
    assert "回填热线" in trail and "待回填）" not in trail and "已回填）" in trail

    undo = f"/hotline/answers/{order_id}/undo"
    assert cast.client("zhou").post(undo, data={"reason": ""}).status_code == 422
    assert cast.client("zhou").post(undo, data={"reason": "填错了"}).status_code == 303
    assert "GZ1" in tang.get("/hotline/answers").text
    # Nobody else's.
    for stranger, status in (("chen", 403), ("xi", 403), ("wu", 403)):
        client = cast.client(stranger)
        assert client.get("/hotline/answers").status_code == status
        assert client.post(url, data={"mark": mark}).status_code == status
    yuan = cast.client("yuan")
    assert "GZ1" not in yuan.get("/hotline/answers").text
    assert yuan.post(url, data={"mark": mark}).status_code == 404
    assert yuan.get("/hotline/answers/export").status_code == 200


def test_the_list_is_read_page_by_page_and_by_channel(cast: Cast) -> None:
    set_way(cast, "manual")
    set_way(cast, "manual", "12328")
    answered(cast, "TL1", source="12328")
    numbers = []
    first = answered(cast, "GZ0")
    with cast.app.app_context(), writing() as at:
        # So many orders of one appeal: its page of answers has two.
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == first)).one()
        for place in range(1, 24):
            numbers.append(f"GZ{place:03}")
            appeal.link_order(
                ExternalOrder(
                    source_system="12345", order_number=f"GZ{place:03}", sub_number="",
                    state="open", received_at=at, their_due_at=at + timedelta(days=place),
                ),
                "同一事项", by=cast.actor("zhou"), at=at,
            )  # fmt: skip
        db.session.commit()
    tang = cast.client("tang")
    page = tang.get("/hotline/answers?channel=12345").text
    assert "TL1" not in page and "GZ001" in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    rest = tang.get(older[1].replace("&amp;", "&")).text
    seen = re.findall(r'<span class="number">(GZ\d+)</span>', page + rest)
    assert len(seen) == 24 and len(set(seen)) == 24
    assert "TL1" in tang.get("/hotline/answers?channel=12328").text
    for bad in ("after=x~1", "after=2026-01-01T00:00:00~1", "channel=%27", "view=x"):
        assert tang.get(f"/hotline/answers?{bad}").status_code == 200


def fed(cast: Cast, order: str) -> str:
    """A life with a mark in every word that is nobody's but the house's."""
    number = reported(
        cast, order, appellant_name=f"{MARK}公司", contact_name=f"{MARK}经理",
        content=f"{MARK}收费站关闭", title=f"{MARK}标题", wish=f"{MARK}期望", place=f"{MARK}地点",
        complained_unit=f"{MARK}单位",
    )  # fmt: skip
    cast.accept(number)
    cast.assign(number)

    def inside(appeal: Appeal, at: datetime) -> None:
        zhou, chen, du = cast.actor("zhou"), cast.actor("chen"), cast.actor("du")
        appeal.supplement(f"{MARK}补充", by=zhou, at=at)
        appeal.sign_for(handler_name=f"{MARK}经办", handler_phone="13800000001", by=chen, at=at)
        appeal.contact("phone", f"{MARK}联系", by=chen, at=at)
        appeal.progress(f"{MARK}进展", by=chen, at=at)
        appeal.ask_coordination(f"{MARK}困难", f"{MARK}建议", leader=f"{MARK}领导", by=du, at=at)
        appeal.instruct(f"{MARK}批示", [cast.unit("bureau")], by=cast.actor("ma"), at=at)
        appeal.ask_return("other_region", f"{MARK}不在辖区", by=chen, at=at)
        appeal.rule_return(False, f"{MARK}请继续办理", by=zhou, at=at)
        urged: Any = {"spoken_to": f"{MARK}科长", "urging": f"{MARK}催办", "answer": f"{MARK}回话"}
        Urge.record(appeal, cast.units["bureau"], "phone", by=du, at=at, **urged)
        reply_due = at + timedelta(days=2)
        unit_id, office = cast.units["bureau"], f"{MARK}落款"
        said_so = Wording(unit_id, f"{MARK}督办正文", f"{MARK}要求", reply_due, office)
        Paper.issue(appeal, "notice", said_so, by=du, at=at)

    cast.do(number, inside)

    def answer(appeal: Appeal, at: datetime) -> None:
        appeal.answer(
            "resolved", f"{MARK}内部情况", "您好，入口已恢复通行，感谢反映。",
            evidence=f"{MARK}佐证", particulars=said(at), by=cast.actor("chen"), at=at,
        )  # fmt: skip

    cast.do(number, answer)
    cast.do(number, lambda a, at: a.send_back(f"{MARK}退回", by=cast.actor("zhou"), at=at))
    cast.do(number, answer)
    cast.do(number, lambda a, at: a.review(by=cast.actor("zhou"), at=at, note=f"{MARK}审核"))
    return number


def test_only_public_words_leave_by_push_and_by_file(cast: Cast) -> None:
    with hearing(cast) as platform:
        number = fed(cast, "GZ1")
        with cast.app.app_context():
            entries = db.session.scalars(
                select(Entry.verb).where(Entry.stream == f"appeal/{number}")
            ).all()
            db.session.remove()
        lived = {
            "contact",
            "progress",
            "send_back",
            "ask_coordination",
            "instruct",
            "ask_return",
            "urge",
            "order",
        }
        assert lived | {"urge", "order"} <= set(entries)
        told(cast)
        assert len(platform.heard) >= 3
        people = ("陈经办", "周交办", "唐接线", "杜督查", "13800000001", "13807970001")
        for message in platform.heard:
            assert MARK not in message["raw"]
            assert not any(word in message["raw"] for word in people)
            assert set(message) - {"http", "raw"} <= {
                "event_id", "sequence", "order_number", "sub_number", "event", "at", "status",
                "status_note", "units", "expected_at", "public_reply", "appeal",
            }  # fmt: skip
    set_way(cast, "manual")
    made = cast.client("tang").get("/hotline/answers/export")
    assert made.status_code == 200
    sheet = openpyxl.load_workbook(io.BytesIO(made.data)).active
    assert sheet is not None
    cells = [str(cell.value or "") for row in sheet.iter_rows() for cell in row]
    assert "GZ1" in cells and "您好，入口已恢复通行，感谢反映。" in cells
    assert not any(MARK in cell or any(word in cell for word in people) for cell in cells)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


def test_what_failed_is_sent_again_or_set_aside_by_a_person(cast: Cast, monkeypatch: Any) -> None:
    monkeypatch.setattr(pushing, "MOST_ATTEMPTS", 1)
    with hearing(cast) as platform:
        platform.answers = lambda _body: 500
        for place in range(3):
            number = reported(cast, f"GZ{place}")
            cast.accept(number)
            cast.assign(number)
        told(cast)
        zhou = cast.client("zhou")
        page = zhou.get("/hotline/pushes/").text
        assert page.count("平台返回HTTP 500") == 3 and "GZ1" in page
        assert "GZ1" not in cast.client("yuan").get("/hotline/pushes/").text
        assert cast.client("chen").get("/hotline/pushes/").status_code == 403
        assert "GZ1" in cast.client("xi").get("/hotline/pushes/?number=GZ1").text
        with cast.app.app_context():
            ids = db.session.scalars(
                select(OrderMessage.id)
                .where(OrderMessage.state == "failed")
                .order_by(OrderMessage.id)
            ).all()
            db.session.remove()
        assert cast.client("yuan").post(f"/hotline/pushes/{ids[0]}/again").status_code == 404
        aside = f"/hotline/pushes/{ids[0]}/aside"
        assert zhou.post(aside, data={"reason": " "}).status_code == 422
        assert zhou.post(aside, data={"reason": "平台已停用该工单"}).status_code == 303
        assert zhou.post(aside, data={"reason": "平台已停用该工单"}).status_code == 409
        platform.answers = lambda _body: 200
        assert zhou.post(f"/hotline/pushes/{ids[1]}/again").status_code == 303
        assert zhou.post("/hotline/pushes/again").status_code == 303
        told(cast)
        assert [m["sequence"] for m in platform.taken("GZ0")] == [2]  # the first was set aside
        for order in ("GZ1", "GZ2"):
            assert [m["sequence"] for m in platform.taken(order)] == [1, 2]
        assert "平台已停用该工单" in zhou.get("/hotline/pushes/?state=set_aside").text
        assert zhou.post(f"/hotline/pushes/{ids[1]}/again").status_code == 409


def test_a_channel_without_a_platform_says_so_and_is_mended(cast: Cast) -> None:
    set_way(cast, "push")
    assert cast.client("zhou").get("/hotline/channels").status_code == 403
    page = cast.client("xi").get("/hotline/channels").text
    assert "还没有可以推送的接口平台" in page
    assert (
        cast.client("xi").post("/hotline/channels/999999", data={"way": "push"}).status_code == 404
    )
    with hearing(cast) as platform:
        book = kept_by(Book([]))
        number = reported(cast, "GZ1")
        cast.accept(number)
        told(cast)
        zhou = cast.client("zhou")
        assert "没有可以推送的平台" in zhou.get("/hotline/pushes/").text
        kept_by(book)
        assert zhou.post("/hotline/pushes/again").status_code == 303
        told(cast)
        assert [m["event"] for m in platform.taken("GZ1")] == ["accepted"]
