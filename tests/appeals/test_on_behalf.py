"""代签收、代录: what the office records for a unit that works offline, by verbs, pages and desk."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from cast import Cast
from ledger.appeals.behalf import Behalf
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.db import db, now, writing
from ledger.people.models import Post, Unit
from ledger.trail.models import Entry
from ledger_pages import shown
from request_hand import MONDAY, Seen, assigned, do

HOUR = timedelta(hours=1)
TOLD = Behalf("phone", "李明，综合股股长", "13800001111", "今日电话报来")
TYPED: dict[str, Any] = {
    "source": "wechat",
    "counterpart": "李明，综合股股长",
    "counterpart_phone": "13800001111",
    "behalf_note": "下午微信报来",
}
ANSWER: dict[str, Any] = {
    "outcome": "resolved",
    "account": "李明到场协调，收费站已放行",
    "public_reply": "您好，澄江收费站入口已恢复通行。",
    "evidence": "李明，当日现场核实，车辆已通行",
}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c"
    "6360000002000001e221bc330000000049454e44ae426082".replace(" ", "")
)


def work_offline(cast: Cast, *units: str, offline: bool = True) -> None:
    with cast.app.app_context(), writing():
        for unit in units:
            db.session.get_one(Unit, cast.units[unit]).offline = offline
        db.session.commit()


def entries(cast: Cast, number: str) -> list[Entry]:
    with cast.app.app_context():
        found = list(
            db.session.scalars(
                select(Entry)
                .where(Entry.stream == f"appeal/{number}")
                .order_by(Entry.seq)
                .options(selectinload(Entry.texts))
            )
        )
        db.session.expunge_all()
        return found


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(
        f"/appeals/{number}/{act}", data=typed, content_type="multipart/form-data"
    )


def test_an_offline_unit_is_carried_through_by_the_office(cast: Cast) -> None:
    work_offline(cast, "bureau")
    number = assigned(cast)
    office = "zhou"

    def ask(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.ask_return("not_competent", "依三定规定由公路中心承办", behalf=TOLD, **hand)

    do(cast, number, office, MONDAY + HOUR, ask)
    seen = Seen(cast, number)
    assert (seen.held["state"], seen.held["returns"]) == ("contested", 1)
    assert (seen.held["handler_id"], seen.held["handler_name"]) == (None, TOLD.counterpart)
    assert seen.held["handler_phone"] == TOLD.phone
    assert seen.request["asked_by_id"] is None, "the unit asked, not who keyed it"
    do(cast, number, office, MONDAY + 2 * HOUR, lambda a, h: a.rule_return(False, "属你单位", **h))

    def contact(appeal: Appeal, hand: dict[str, Any]) -> None:
        earlier = hand["at"] - 3 * HOUR
        appeal.contact("phone", "已与刘经理联系", happened_at=earlier, behalf=TOLD, **hand)

    do(cast, number, office, MONDAY + 4 * HOUR, contact)

    def progress(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.progress("已派人到场", behalf=TOLD, **hand)

    do(cast, number, office, MONDAY + 5 * HOUR, progress)

    def extend(appeal: Appeal, hand: dict[str, Any]) -> None:
        until = appeal.due_at + timedelta(days=1)
        asked = {"firm_told": True, "behalf": TOLD, **hand}
        appeal.ask_extension(until, "several_units", "与公路中心会商", **asked)

    do(cast, number, office, MONDAY + 6 * HOUR, extend)
    do(cast, number, office, MONDAY + 7 * HOUR, lambda a, h: a.rule_extension(True, "", **h))

    def answer(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.answer(**ANSWER, behalf=TOLD, **hand)

    do(cast, number, office, MONDAY + 8 * HOUR, answer)
    seen = Seen(cast, number)
    assert (seen.state, seen.held["state"]) == ("answered", "answered")
    assert seen.held["answered_by_id"] == cast.people["zhou"]
    told = [e for e in entries(cast, number) if e.on_behalf]
    assert [e.verb for e in told] == [
        "ask_return", "contact", "progress", "ask_extension", "answer",
    ]  # fmt: skip
    for entry in told:
        said = {text.place: text.body for text in entry.texts}
        assert said["counterpart"] == TOLD.counterpart
        assert said["source_note"] == TOLD.note
        assert said["counterpart_phone"] is None, "kept as ciphertext"
        assert TOLD.counterpart not in entry.payload and entry.assignment_id == seen.held["id"]
    # Whoever keyed the answer holds the first key; the review is not barred by the table.
    do(cast, number, office, MONDAY + 9 * HOUR, lambda a, h: a.review(**h))
    called: dict[str, Any] = {"contacted": True, "solved": "solved", "satisfaction": "satisfied"}
    with pytest.raises(Refused) as refused:
        do(cast, number, office, MONDAY + 9 * HOUR, lambda a, h: a.call_back(**called, **h))
    assert refused.value.status == 403 and "回避" in refused.value.reason
    cast.call_back(number)
    with cast.app.app_context(), writing():
        since = date(2020, 1, 1)
        holder = {"person_id": cast.people["zhou"], "unit_id": cast.units["office"]}
        db.session.add(Post(**holder, role="closer", starts_on=since))
        db.session.commit()
    with pytest.raises(Refused):
        cast.close(number, by="zhou")
    cast.close(number)
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
    page = cast.client("zhou").get(f"/appeals/{number}").text
    for words in ("代录退单", "代录联系", "代录延期", "代录反馈", "代录（电话）", "138****1111"):
        assert words in page
    assert TOLD.phone not in page


def test_an_online_unit_and_half_a_record_are_refused(cast: Cast) -> None:
    number = assigned(cast)
    work_offline(cast, "police")

    def sign(behalf: Behalf, who: str = "zhou") -> None:
        do(cast, number, who, MONDAY + HOUR, lambda a, h: a.sign_for(behalf=behalf, **h))

    with pytest.raises(Refused) as refused:
        sign(TOLD)
    assert refused.value.status == 403
    assert "交通局的办理方式为线上" in refused.value.reason
    work_offline(cast, "bureau")
    for who in ("tang", "zhao", "ma", "yuan", "shi", "chen"):
        with pytest.raises(Refused):
            sign(TOLD, who)
    for behalf, field in (
        (Behalf("telegram", "李明", note="说明"), "source"),
        (Behalf("phone", " ", note="说明"), "counterpart"),
        (Behalf("phone", "李" * 101, note="说明"), "counterpart"),
        (Behalf("phone", "李明", note=" "), "behalf_note"),
    ):
        with pytest.raises(Invalid) as wrong:
            sign(behalf)
        assert wrong.value.field == field
    assert Seen(cast, number).held["state"] == "offered"
    sign(TOLD)
    assert Seen(cast, number).held["signed_at"] == MONDAY + HOUR


def test_by_pages_with_a_photograph_and_several_units(cast: Cast) -> None:
    work_offline(cast, "bureau", "police")
    number = cast.reach("accepted")
    assists = {"assist_ids": [cast.units["police"], cast.units["industry"]]}
    post(cast, "zhou", number, "assign", unit_id=cast.units["bureau"], **assists)
    held = {a["unit_id"]: a["id"] for a in Seen(cast, number).assignments}
    lead, assist, online = (held[cast.units[u]] for u in ("bureau", "police", "industry"))
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "下一步：代签收" in page and "线下办理" in page
    assert "代录" not in cast.client("chen").get(f"/appeals/{number}").text
    assert post(cast, "chen", number, "sign-for-on-behalf", **TYPED).status_code == 403
    form = cast.client("zhou").get(f"/appeals/{number}/contact-on-behalf").text
    assert "寻乌县交通运输局（主办）" in form and "交管大队（协办）" in form
    assert "工业和信息化局（协办）" not in form
    unsaid = post(cast, "zhou", number, "sign-for-on-behalf", **TYPED)
    assert unsaid.status_code == 422 and "李明，综合股股长" in unsaid.text
    wrong = post(cast, "zhou", number, "sign-for-on-behalf", hand=online, **TYPED)
    assert wrong.status_code == 403 and "工信局的办理方式为线上" in wrong.text
    bare = {**TYPED, "behalf_note": "", "hand": lead}
    refused = post(cast, "zhou", number, "sign-for-on-behalf", **bare)
    assert refused.status_code == 422 and "没有照片的必须写明" in refused.text
    photo = (BytesIO(PNG), "回执.png")
    done = post(cast, "zhou", number, "sign-for-on-behalf", **bare, files=photo)
    assert done.status_code == 303, done.text
    typed = {**TYPED, "hand": assist, "account": "已疏导", "outcome": "resolved"}
    given = post(cast, "zhou", number, "answer-on-behalf", **typed, evidence="现场核实")
    assert given.status_code == 303, "an assist need not reply to the firm"
    seen = {a["unit_id"]: a["state"] for a in Seen(cast, number).assignments}
    assert (seen[cast.units["bureau"]], seen[cast.units["police"]]) == ("taken", "answered")
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "回执.png" in page and "代录（微信）" in page
    early = post(cast, "zhou", number, "answer-on-behalf", hand=lead, **TYPED, **ANSWER)
    assert early.status_code == 409 and "尚未反馈" in early.text
    assert "收费站已放行" in early.text, "nothing typed is lost"
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []


def test_the_desk_of_the_office_shows_what_offline_units_have_in_hand(cast: Cast) -> None:
    number = cast.reach("assigned")
    other = cast.reach("assigned")
    assert "线下单位待代录" not in cast.client("zhou").get("/desk").text
    work_offline(cast, "bureau")
    desk = cast.client("zhou").get("/desk").text
    assert "线下单位待代录" in desk and f"/appeals/{number}/sign-for-on-behalf" in desk
    do(cast, number, "zhou", now(), lambda a, h: a.sign_for(behalf=TOLD, **h))
    do(cast, other, "zhou", now(), lambda a, h: a.answer(**ANSWER, behalf=TOLD, **h))
    listed = cast.client("zhou").get("/appeals/?view=on_behalf").text
    assert shown(listed) == [number]
    desk = cast.client("zhou").get("/desk").text
    assert f"/appeals/{number}/answer-on-behalf" in desk
    for who in ("yuan", "ma", "chen"):
        assert shown(cast.client(who).get("/appeals/?view=on_behalf").text) == []
