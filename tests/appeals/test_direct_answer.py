"""直接答复: the office answers by itself, and another closes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.db import db, now

TYPED = {
    "outcome": "unsupported",
    "document": "江西省公路条例",
    "clause": "第三十条",
    "account": "政策咨询，由专班办公室直接答复。",
    "public_reply": "您好，按现行条例该路段限行，请绕行。",
}


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def page(cast: Cast, who: str, number: str, rest: str = "") -> str:
    return cast.client(who).get(f"/appeals/{number}{rest}").get_data(as_text=True)


def column(cast: Cast, number: str, name: str) -> Any:
    with cast.app.app_context():
        return db.session.scalars(
            select(getattr(Appeal, name)).where(Appeal.number == number)
        ).one()


def test_from_the_offices_answer_to_the_second_key(cast: Cast) -> None:
    number = cast.reach("accepted")
    assert "直接答复" in page(cast, "zhou", number)
    for who in ("chen", "wu", "tang"):
        assert post(cast, who, number, "answer-directly", **TYPED).status_code in (403, 404)
    wrong = post(cast, "zhou", number, "answer-directly", **{**TYPED, "clause": ""})
    assert wrong.status_code == 422 and "请填写“条款”" in wrong.get_data(as_text=True)
    assert post(cast, "zhou", number, "answer-directly", **TYPED).status_code == 303
    assert column(cast, number, "state") == "answered"
    assert column(cast, number, "answered_directly") is True
    html = page(cast, "tang", number)
    for shown in ("直接答复，未交办承办单位", "江西省公路条例", TYPED["public_reply"]):
        assert shown in html
    # Sent back, it goes to the office again, with what it had said.
    back = {"reason": "请写明文号", "reason_code": "no_basis"}
    assert post(cast, "zhou", number, "send-back", **back).status_code == 303
    assert column(cast, number, "state") == "accepted"
    assert "江西省公路条例" in page(cast, "zhou", number, "/answer-directly")
    again = {**TYPED, "document_number": "赣府令第88号"}
    assert post(cast, "zhou", number, "answer-directly", **again).status_code == 303
    cast.review(number)
    # Who turned the first key turns no other; the office is no handling unit by it.
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.may("call_back", cast.actor("zhou"), now()).status == 403
        assert appeal.may("call_back", cast.actor("tang"), now())
    cast.call_back(number)
    cast.close(number)
    assert column(cast, number, "state") == "closed"
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


def test_not_while_an_assist_is_at_work(cast: Cast) -> None:
    number = cast.reach("accepted")
    hand_off = {"unit_id": cast.units["bureau"], "assist_ids": [cast.units["police"]]}
    assert post(cast, "zhou", number, "assign", **hand_off).status_code == 303
    why = {"reason": "改由办公室答复", "reason_code": "wrong_unit"}
    assert post(cast, "zhou", number, "recall", **why).status_code == 303
    refused = post(cast, "zhou", number, "answer-directly", **TYPED)
    html = refused.get_data(as_text=True)
    assert refused.status_code == 409
    assert "协办单位交管大队尚未反馈" in html and TYPED["public_reply"] in html
    cast.answer(number, by="he")
    assert post(cast, "zhou", number, "answer-directly", **TYPED).status_code == 303
    # Handed to a unit later on, the unit's answer is the one that stands.
    back = {"reason": "请由交通局答复", "reason_code": "off_point"}
    assert post(cast, "zhou", number, "send-back", **back).status_code == 303
    cast.assign(number)
    cast.answer(number)
    assert column(cast, number, "answered_directly") is False
    assert "未交办承办单位" not in page(cast, "zhou", number)
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
