"""纸质签批: the second key turned on paper; approver and keyer apart, neither the answerer."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import Any

from sqlalchemy import select

from appeals.register_hand import PNG
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.people.models import Post
from ledger.trail.models import Entry


def give(cast: Cast, who: str, role: str, unit: str = "office") -> None:
    with cast.app.app_context(), writing():
        since = date(2020, 1, 1)
        holder = {"person_id": cast.people[who], "unit_id": cast.units[unit]}
        db.session.add(Post(**holder, role=role, starts_on=since))
        db.session.commit()


def sign(cast: Cast, number: str, who: str, approver: str, photo: bool = True, **more: Any) -> Any:
    typed: dict[str, Any] = {
        "approver": cast.people[approver],
        "signed_on": f"{now().astimezone(SHANGHAI):%Y-%m-%d}",
        "note": "同意销号",
        **more,
    }
    if photo:
        typed["files"] = (BytesIO(PNG), "签批件.png")
    client = cast.client(who)
    url = f"/appeals/{number}/close-on-paper"
    return client.post(url, data=typed, content_type="multipart/form-data")


def state_of(cast: Cast, number: str) -> tuple[str, int | None]:
    with cast.app.app_context():
        row = db.session.execute(
            select(Appeal.state, Appeal.closer_id).where(Appeal.number == number)
        ).one()
        return row.state, row.closer_id


def test_the_approver_closes_and_another_hand_records_it(cast: Cast) -> None:
    number = cast.reach("confirmed")
    form = cast.client("zhou").get(f"/appeals/{number}/close-on-paper").text
    assert "吴销号" in form and "周交办（" not in form
    assert "纸质签批销号" not in cast.client("wu").get(f"/appeals/{number}").text
    ahead = f"{(now() + timedelta(days=2)).astimezone(SHANGHAI):%Y-%m-%d}"
    for response, words in (
        (sign(cast, number, "zhou", "wu", photo=False), "请选择"),
        (sign(cast, number, "zhou", "chen"), "选项无效"),
        (sign(cast, number, "zhou", "wu", signed_on=ahead), "不能晚于今天"),
    ):
        assert response.status_code == 422 and words in response.text, words
        assert "同意销号" in response.text
    for stranger in ("wu", "tang", "zhao", "yuan", "chen"):
        assert sign(cast, number, stranger, "wu").status_code in (403, 404)
    assert state_of(cast, number) == ("confirmed", None)
    assert sign(cast, number, "zhou", "wu").status_code == 303
    assert state_of(cast, number) == ("closed", cast.people["wu"])
    with cast.app.app_context():
        wanted = select(Entry).where(Entry.stream == f"appeal/{number}", Entry.verb == "close")
        entry = db.session.scalars(wanted).one()
        assert (entry.actor_id, entry.on_behalf) == (cast.people["zhou"], "paper")
        assert check_appeal(db.engine, number) == []
    page = cast.client("zhou").get(f"/appeals/{number}").text
    for words in ("纸质签批销号", "代录（纸质）", "签批人", "吴销号", "签批件.png", "签批日期"):
        assert words in page


def test_neither_the_keyer_nor_the_approver_turned_the_first_key(cast: Cast) -> None:
    give(cast, "chen", "closer")
    give(cast, "chen", "coordinator")
    give(cast, "zhou", "closer")
    number = cast.reach("confirmed")
    # 陈经办 answered: he may neither approve on paper nor record it.
    assert sign(cast, number, "zhou", "chen").status_code == 422
    refused = sign(cast, number, "chen", "wu")
    assert refused.status_code == 403 and "回避" in refused.text
    # Nobody records his own approval.
    assert sign(cast, number, "zhou", "zhou").status_code == 422
    assert state_of(cast, number) == ("confirmed", None)
