"""One matter, many numbers: every hotline's, every sub-number, found and told of one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from cast import Cast
from hotline.push_hand import hearing, reported, told
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.appeals.replay import check_appeal
from ledger.db import db

TWINS = (("12345", "20261122008123", "2"), ("12328", "TL36-0734-88", ""), ("12345", "990017", ""))


def linked(cast: Cast, number: str) -> None:
    def link(appeal: Appeal, at: datetime) -> None:
        for days, (source, order, sub) in enumerate(TWINS, 1):
            appeal.link_order(
                ExternalOrder(
                    source_system=source, order_number=order, sub_number=sub, state="open",
                    received_at=at, their_due_at=at + timedelta(days=9 + days),
                ),
                "同一事项", by=cast.actor("zhou"), at=at,
            )  # fmt: skip

    cast.do(number, link)


def end(cast: Cast, number: str, order: str) -> None:
    def act(appeal: Appeal, at: datetime) -> None:
        found = next(o for o in appeal.external_orders if o.order_number == order)
        appeal.end_order(found, "平台撤回", by=cast.actor("tang"), at=at)

    cast.do(number, act)


def test_every_number_finds_it_and_each_order_hears_for_itself(cast: Cast) -> None:
    with hearing(cast) as platform:
        number = reported(cast, "20261122008123")
        cast.accept(number)
        cast.assign(number)
        told(cast)
        linked(cast, number)
        end(cast, number, "990017")
        cast.answer(number)
        cast.review(number)
        told(cast)
        tang = cast.client("tang")
        for words in (
            "20261122008123", "20261122008123-2", "TL36-0734-88", "990017",
        ):  # fmt: skip
            asked: Any = {"q": words}
            assert number in tang.get("/appeals/", query_string=asked).text, words
        article = tang.get(f"/appeals/{number}").text
        for source, order, sub in TWINS:
            assert f"{source} {order}" + (f"-{sub}" if sub else "") in article
        assert "已撤回" in article and "12328 TL36-0734-88（平台要求" in article

        def events(order: str, sub: str = "") -> list[str]:
            taken = platform.taken(order)
            return [m["event"] for m in taken if m["sub_number"] == sub]

        # The first from the beginning; what was linked hears where the matter stands, then on.
        assert events("20261122008123") == ["accepted", "assigned", "answered"]
        assert events("20261122008123", "2") == ["assigned", "answered"]
        assert events("990017") == ["assigned"]  # taken back before the answer
        assert platform.taken("TL36-0734-88") == []  # 12328 is told by hand
    with cast.app.app_context():
        assert not check_appeal(db.engine, number)
        waits = {
            order.full_number: order.return_due_at is not None
            for order in db.session.scalars(select(ExternalOrder))
        }
        assert waits["TL36-0734-88"] and not waits["990017"]
        db.session.remove()
