"""先处置后补录: one form, several entries with the time it happened, as far as the table lets
whoever writes it down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from appeals.register_hand import ASKED, how_many, words_of
from cast import Cast
from ledger.appeals import after
from ledger.appeals.behalf import Behalf
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid
from ledger.appeals.replay import check_appeal
from ledger.catalogue.queries import catalogue
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.people.models import Unit
from ledger.trail.models import Entry

NIGHT = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)
"""A Wednesday, 22:00 in Shanghai."""
WORDS = "接电话后通知李明到场，21点放行"
DONE: dict[str, Any] = {
    "finished": "yes",
    "outcome": "resolved",
    "public_reply": "您好，澄江收费站入口已恢复通行。",
    "evidence": "李明，当晚现场核实，车辆已通行",
}


def work_offline(cast: Cast, unit: str) -> None:
    with cast.app.app_context(), writing():
        db.session.get_one(Unit, cast.units[unit]).offline = True
        db.session.commit()


def typed(cast: Cast, **more: Any) -> dict[str, Any]:
    with cast.app.app_context():
        category = next(iter(catalogue().categories))
    happened = (now() - timedelta(hours=5)).astimezone(SHANGHAI)
    return {
        **ASKED,
        "token": "after-the-fact-1",
        "urgency": "critical",
        "category_id": category,
        "happened_at": f"{happened:%Y-%m-%dT%H:%M}",
        "words": WORDS,
        "way": "phone",
        "source": "phone",
        "counterpart": "李明，值班长",
        "unit_id": cast.units["bureau"],
        "finished": "no",
        **more,
    }


def number_of(response: Any) -> str:
    assert response.status_code == 303, words_of(response)
    return str(response.headers["Location"]).rpartition("/")[2]


def entries(cast: Cast, number: str) -> list[Entry]:
    with cast.app.app_context():
        wanted = select(Entry).where(Entry.stream == f"appeal/{number}").order_by(Entry.seq)
        found = list(db.session.scalars(wanted))
        db.session.expunge_all()
        return found


def test_settled_by_telephone_it_lands_in_review_once(cast: Cast) -> None:
    work_offline(cast, "bureau")
    client = cast.client("zhou")
    assert "先处置后补录" in client.get("/appeals/new").text
    assert "处置情况" in client.get("/appeals/new/after").text
    sent = typed(cast, **DONE)
    first = client.post("/appeals/new/after", data=sent)
    number = number_of(first)
    page = words_of(client.get(f"/appeals/{number}"))
    assert "已登记、受理、交办交通局、代录联系、代录反馈，现待审核" in page
    assert "补录" in page and "下一步：审核通过" in page and WORDS in page
    again = client.post("/appeals/new/after", data=sent)
    assert number_of(again) == number and how_many(cast) == 1, "a double click"
    found = entries(cast, number)
    verbs = [entry.verb for entry in found]
    assert verbs == ["register", "accept", "assign", "contact", "answer"]
    assert len({entry.happened_at for entry in found}) == 1
    assert all(entry.at - entry.happened_at > timedelta(hours=4) for entry in found)
    assert [entry.on_behalf for entry in found] == ["", "", "", "phone", "phone"]
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
    other = client.post("/appeals/new/after", data={**sent, "content": "另一件"})
    assert other.status_code == 409 and how_many(cast) == 1


def test_what_is_wrong_leaves_nothing_behind_and_all_that_was_typed(cast: Cast) -> None:
    work_offline(cast, "bureau")
    client = cast.client("zhou")
    old = (now() - timedelta(hours=80)).astimezone(SHANGHAI)
    ahead = (now() + timedelta(hours=2)).astimezone(SHANGHAI)
    for wrong, words in (
        ({"happened_at": f"{old:%Y-%m-%dT%H:%M}"}, "最多补录到72小时前"),
        ({"happened_at": f"{ahead:%Y-%m-%dT%H:%M}"}, "不能晚于现在"),
        ({"happened_at": ""}, "请填写“处置时间”"),
        ({"words": ""}, "请填写“处置情况”"),
        ({"counterpart": ""}, "请填写对方姓名、职务"),
        ({"counterpart_phone": "abc"}, "电话号码只能是"),
        ({**DONE, "evidence": ""}, "请上传佐证附件或写明"),
        ({**DONE, "public_reply": "收悉"}, "“收悉”不是答复"),
        ({**DONE, "outcome": ""}, "请选择办理结果"),
        ({**DONE, "unit_id": ""}, "已办结的，请选择主办单位"),
        ({"unit_id": cast.units["office"]}, "选项无效"),
    ):
        response = client.post("/appeals/new/after", data=typed(cast, **wrong))
        page = words_of(response)
        assert response.status_code == 422 and words in page, words
        assert ASKED["content"] in page
        assert how_many(cast) == 0, words
    for who in ("lin", "tang"):
        assert cast.client(who).get("/appeals/new/after").status_code == 403
    assert cast.client("chen").post("/appeals/new/after", data=typed(cast)).status_code == 403


def test_an_online_unit_answers_for_itself_and_what_is_not_given_is_left(cast: Cast) -> None:
    client = cast.client("zhou")
    number = number_of(client.post("/appeals/new/after", data=typed(cast, **DONE)))
    found = entries(cast, number)
    assert [e.verb for e in found] == ["register", "accept", "assign", "supplement"]
    page = words_of(client.get(f"/appeals/{number}"))
    assert "交通局的办理方式为线上" in page
    assert WORDS in page and DONE["public_reply"] in page, "nothing that was typed is lost"
    more = typed(cast, token="after-the-fact-2", unit_id="", category_id="")
    number = number_of(client.post("/appeals/new/after", data=more))
    assert [e.verb for e in entries(cast, number)] == ["register", "supplement"]


@pytest.mark.parametrize(("at", "accepts"), [(NIGHT, True), (NIGHT - timedelta(hours=6), False)])
def test_the_duty_officer_goes_as_far_as_the_table_lets_him(
    cast: Cast, at: datetime, accepts: bool
) -> None:
    work_offline(cast, "bureau")
    with cast.app.app_context(), writing():
        category = next(iter(catalogue().categories))
        known = Registration(
            "顺达物流", "货车被劝返", "visit", at, urgency="critical", category_id=category,
            phone="13807970001",
        )  # fmt: skip
        hand: dict[str, Any] = {"by": cast.actor("zhao", at), "at": at}
        settled = after.Settled(
            happened_at=at - timedelta(hours=1),
            words=WORDS,
            way="phone",
            unit=cast.unit("bureau"),
            behalf=Behalf("phone", "李明，值班长", note="先处置后补录"),
            finished=False,
        )
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        told = after.carry_on(appeal, settled, "", **hand)
        db.session.commit()
        number, endorsed = appeal.number, appeal.duty_unendorsed
    verbs = [entry.verb for entry in entries(cast, number)]
    if accepts:
        assert verbs == ["register", "accept", "assign", "supplement"] and endorsed
        assert "由牵头办公室代录" in told[-1]
    else:
        assert verbs == ["register", "supplement"]
        assert "待牵头办公室受理、交办" in told[-1]
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


def test_no_answer_without_a_unit(cast: Cast) -> None:
    with cast.app.app_context(), writing() as at:
        known = Registration("顺达物流", "货车被劝返", "visit", at, phone="13807970001")
        hand: dict[str, Any] = {"by": cast.actor("zhou", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        settled = after.Settled(at, WORDS, "phone", None, Behalf("phone", ""), finished=True)
        with pytest.raises(Invalid):
            after.carry_on(appeal, settled, "", **hand)
