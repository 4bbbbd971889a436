"""One matter, several orders: linked, ended, reworked; each through page and client."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import order_acts
from ledger.appeals.models import Appeal, ExternalOrder
from ledger.appeals.record import Refused
from ledger.appeals.replay import check_appeal
from ledger.db import db, now
from ledger.people.actor import Actor

HOTLINE = Actor("client", 1, "12345平台", source_system="12345")
OTHER = Actor("client", 2, "12328平台", source_system="12328")


def _order(number: str, at: datetime, due: datetime | None = None) -> ExternalOrder:
    return ExternalOrder(
        source_system="12345", order_number=number, sub_number="", state="open",
        received_at=at, their_due_at=due,
    )  # fmt: skip


def _post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def _page(cast: Cast, who: str, number: str) -> str:
    return str(cast.client(who).get(f"/appeals/{number}").get_data(as_text=True))


def _orders(cast: Cast, number: str) -> dict[str, tuple[int, str]]:
    with cast.app.app_context():
        rows = db.session.execute(
            select(ExternalOrder.order_number, ExternalOrder.id, ExternalOrder.state)
            .join(Appeal)
            .where(Appeal.number == number)
        )
        return {row.order_number: (row.id, row.state) for row in rows}


def test_an_order_is_linked_moves_the_clock_and_ends_for_itself(cast: Cast) -> None:
    number = cast.reach("assigned")
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        was = appeal.due_at
    theirs = (now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    typed = {"order_system": "12345", "order_number": "ＧＺ9", "their_due_at": theirs}
    assert _post(cast, "lin", number, "link-order", **typed, words="又来电").status_code == 303
    again = _post(cast, "zhou", number, "link-order", **typed)
    assert again.status_code == 422 and "该工单已关联到本件" in again.get_data(as_text=True)
    html = _page(cast, "zhou", number)
    assert "12345 GZ9（平台要求" in html and "按12345要求" in html and "关联说明" in html
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.due_at < was
        with pytest.raises(Refused):
            appeal.supplement("不是本平台的工单", by=OTHER, at=now())
        with pytest.raises(Refused):
            appeal.link_order(_order("GZ10", now()), "", by=OTHER, at=now())
        db.session.rollback()
        assert check_appeal(db.engine, number) == []
    order_id, _ = _orders(cast, number)["GZ9"]
    assert (
        _post(cast, "chen", number, "end-order", order_id=order_id, reason="x").status_code == 403
    )
    assert _post(cast, "zhou", number, "end-order", order_id=order_id).status_code == 422
    typed = {"order_id": str(order_id), "reason": "来电人已撤回工单"}
    assert _post(cast, "zhou", number, "end-order", **typed).status_code == 303
    assert _orders(cast, number)["GZ9"] == (order_id, "ended")
    html = _page(cast, "zhou", number)
    assert "12345 GZ9（已撤回）" in html and "来电人已撤回工单" in html
    assert 'id="act-end-order"' not in html


def test_who_comes_second_with_a_number_is_told_so(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = cast.reach("accepted"), cast.reach("accepted")
    typed = {"order_system": "12345", "order_number": "GZ7", "words": "两人同时关联"}
    assert _post(cast, "zhou", first, "link-order", **typed).status_code == 303
    # As on PostgreSQL, where neither of two hands sees what the other has not committed.
    monkeypatch.setattr(order_acts, "order_known", lambda *_named: None)
    late = _post(cast, "zhou", second, "link-order", **typed)
    html = late.get_data(as_text=True)
    assert late.status_code == 409
    assert "相同的编号刚刚由他人登记" in html and "两人同时关联" in html
    assert set(_orders(cast, first)) - set(_orders(cast, second)) >= {"GZ7"}
    with cast.app.app_context():
        assert check_appeal(db.engine, second) == []


def test_a_rework_that_is_suggested_waits_for_the_office(cast: Cast) -> None:
    number = cast.reach("closed")

    def link(appeal: Appeal, at: datetime) -> None:
        appeal.link_order(_order("GZ1", at), "", by=cast.actor("tang"), at=at)

    def suggest(appeal: Appeal, at: datetime) -> None:
        appeal.suggest_rework("", "来电人称仍被劝返", order=_order("GZ1-2", at), by=HOTLINE, at=at)

    cast.do(number, link)
    cast.do(number, suggest)
    assert set(_orders(cast, number)) == {"GZ1", "GZ1-2"}
    desk = cast.client("zhou").get("/desk").get_data(as_text=True)
    assert "热线平台建议重办" in desk and "建议重办" in desk
    listed = cast.client("zhou").get("/appeals/?view=rework_suggested").get_data(as_text=True)
    assert f"/appeals/{number}" in listed
    html = _page(cast, "zhou", number)
    assert "来电人称仍被劝返" in html and 'id="act-answer-suggestion"' in html
    assert 'id="act-answer-suggestion"' not in _page(cast, "tang", number)
    said = {"answer": "set_aside"}
    unreasoned = _post(cast, "zhou", number, "answer-suggestion", **said)
    assert unreasoned.status_code == 422 and "不采纳的，请填写理由" in unreasoned.get_data(
        as_text=True
    )
    said["reason"] = "经核实已恢复通行"
    assert _post(cast, "zhou", number, "answer-suggestion", **said).status_code == 303
    assert "不采纳" in _page(cast, "zhou", number)
    with pytest.raises(Refused, match="没有需要回应的重办建议"):
        cast.do(number, lambda a, at: a.answer_suggestion(True, "", by=cast.actor("zhou"), at=at))
    cast.do(number, lambda a, at: a.suggest_rework("12345 GZ1", "请重办", by=HOTLINE, at=at))
    cast.do(number, lambda a, at: a.reopen("再次出现", by=cast.actor("zhou"), at=at))
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.rework_suggested_at is None
        assert check_appeal(db.engine, number) == []
