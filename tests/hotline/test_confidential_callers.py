"""A caller who wants to stay unknown: no path tells the handling unit who he is, and it is the
hotline or the office that speaks with him."""

from __future__ import annotations

from html import unescape

import pytest
from sqlalchemy import select

from cast import Cast
from hotline.test_operators_desk import calls, ring, saved, verbs, words_of
from ledger.appeals import lifecycle
from ledger.appeals.models import Appeal
from ledger.appeals.record import Refused
from ledger.db import db, now

NAME, PHONE, PLATE, ON_THE_SPOT = "郭守密", "13911223344", "赣B77665", "邱阿牛"
TELLING = (NAME, PHONE, PHONE[-4:], PLATE, ON_THE_SPOT)


def told(cast: Cast, who: str, url: str) -> str:
    answer = cast.client(who).get(url)
    return unescape(answer.text)


def handed_out(cast: Cast) -> str:
    number = saved(
        ring(
            cast,
            appellant_name=NAME,
            appellant_type="driver",
            contact_name=NAME,
            phone=PHONE,
            plates=PLATE,
            spot_name=ON_THE_SPOT,
            content="检查站要求卸货才放行，要求说明依据。",
            identity="confidential",
        )
    )
    cast.accept(number)
    cast.assign(number)
    return number


def test_no_path_tells_the_unit_who_he_is(cast: Cast) -> None:
    number = handed_out(cast)
    (call,) = calls(cast)
    assert call.confidential
    page = f"/appeals/{number}"
    for url in (
        page,
        f"{page}/receipt",
        f"{page}/answer",
        f"{page}/ask-details",
        "/appeals/",
        "/appeals/?q=检查站",
        "/desk",
        f"/supervision/appeals/{number}",
        "/notices/",
    ):
        text = told(cast, "chen", url)
        for telling in TELLING:
            assert telling not in text, (url, telling)
    assert number in told(cast, "chen", "/appeals/?q=检查站")
    for asked in (NAME, PLATE):
        assert number not in told(cast, "chen", f"/appeals/?q={asked}"), asked
        assert number in told(cast, "tang", f"/appeals/?q={asked}"), asked
    # No door of the hotline opens for a unit.
    for url, status in (
        ("/hotline/desk", 403),
        (f"/hotline/desk?phone={PHONE}", 403),
        ("/hotline/calls", 403),
        (f"/hotline/calls/{call.id}", 404),
        (f"/hotline/desk/saved/{number}", 403),
        ("/hotline/confidential", 403),
    ):
        answer = cast.client("chen").get(url)
        assert answer.status_code == status, url
        assert NAME not in answer.text
    looked = cast.client("chen").post("/hotline/desk/known", data={"phone": PHONE})
    assert looked.status_code == 403
    shown = cast.client("chen").post(f"{page}/phone", data={"which": "contact", "reason": "联系"})
    assert shown.status_code == 403
    assert "由热线或牵头办公室联系" in words_of(shown)
    # Whoever answers the telephone knows who calls again.
    assert number in told(cast, "tang", f"/hotline/desk?phone={PHONE}")
    # Another county's operator would not: nothing of this office is his to see.
    assert number not in told(cast, "yuan", f"/hotline/desk?phone={PHONE}")


def test_the_hotline_speaks_with_him_and_the_unit_hears_what_was_said(cast: Cast) -> None:
    number = handed_out(cast)
    page = f"/appeals/{number}"
    # The unit asks; it cannot call him itself.
    assert "act-contact" not in told(cast, "chen", page)
    refused = cast.client("chen").post(f"{page}/contact", data={"way": "phone", "words": "已联系"})
    assert refused.status_code == 409
    assert "由热线或牵头办公室联系" in words_of(refused)
    with pytest.raises(Refused, match="请补充"):
        cast.do(number, lambda a, at: a.contact("phone", "已联系", by=cast.actor("chen"), at=at))
    asked = cast.client("chen").post(
        f"{page}/ask-details", data={"question": "卸货的要求是哪个部门提的？"}
    )
    assert asked.status_code in (200, 303)
    assert "保密待联系" in told(cast, "tang", "/desk")
    waiting = told(cast, "tang", "/hotline/confidential")
    assert f"{page}/relay" in waiting and NAME in waiting
    assert "卸货的要求是哪个部门提的？" in told(cast, "tang", f"{page}/relay")

    said = {"way": "phone", "words": f"{NAME}说是检查站的人口头要求。"}
    named = cast.client("tang").post(f"{page}/relay", data=said)
    assert named.status_code == 422
    assert f"请删去其中的“{NAME}”" in words_of(named)
    said["words"] = "诉求人说是检查站的人口头要求，没有出示文件。"
    assert cast.client("chen").post(f"{page}/relay", data=said).status_code == 403
    assert cast.client("tang").post(f"{page}/relay", data=said).status_code in (200, 303)
    heard = told(cast, "chen", page)
    assert said["words"] in heard and NAME not in heard
    assert page not in told(cast, "tang", "/hotline/confidential")
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        (given,) = appeal.assignments
        assert given.contacted_at is not None and not appeal.details_asked
        (clock,) = [d for d in appeal.deadlines if d.stage == "contact"]
        assert clock.ended_as == "met"

    # What a call brings or adds is read by the unit too.
    open_words = {"appellant_name": NAME, "phone": PHONE, "identity": "confidential"}
    for words in (f"我是{NAME}，路不通", f"请回电{PHONE}"):
        leaks = ring(cast, **open_words, content=words)
        assert leaks.status_code == 422 and "请删去其中的" in words_of(leaks), words
    for become in ("supplement", "urge"):
        leaks = ring(cast, become=become, appeal=number, content=f"车牌{PLATE}仍被扣", phone=PHONE)
        assert leaks.status_code == 422 and "请删去其中的" in words_of(leaks)
    saved(ring(cast, become="supplement", appeal=number, content="车仍被扣", phone=PHONE))
    assert verbs(cast, number)[-1] == "supplement"
    assert calls(cast)[-1].confidential
    done = cast.app.test_cli_runner().invoke(args=["verify"])
    assert done.exit_code == 0, done.output


def test_who_may_speak_with_whom(cast: Cast) -> None:
    """Of an appeal that is not confidential the unit speaks with the firm, and nobody for it."""
    plain = cast.reach("assigned")
    answer = cast.client("tang").post(f"/appeals/{plain}/relay", data={"words": "已联系"})
    assert answer.status_code == 409 and "由承办单位联系企业" in words_of(answer)
    cast.do(plain, lambda a, at: a.contact("phone", "已联系", by=cast.actor("chen"), at=at))
    hidden = handed_out(cast)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == hidden)).one()
        facts = appeal.facts(now())
        knows = {w: lifecycle.knows_appellant(facts, cast.actor(w)) for w in cast.people}
    assert {who for who, known in knows.items() if known} == {
        "tang", "zhou", "wu", "zhao", "du", "ma", "shi",
    }  # fmt: skip
