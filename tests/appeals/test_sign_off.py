"""审签: an answer waits for the head of the unit, is sent or returned; few read it till then."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal, Attachment
from ledger.db import db, writing
from ledger.deadlines.calendar import last_day
from ledger.deadlines.queries import load_calendar
from ledger.people.models import Post, Unit
from ledger.trail.models import Entry
from ledger_pages import shown

DRAFT = {
    "outcome": "resolved",
    "account": "初稿：已与收费站联系",
    "public_reply": "初稿：您好，入口已恢复通行。",
    "evidence": "当日现场核实，车辆已通行",
}
FINAL = DRAFT | {"account": "定稿：已与收费站书面确认", "public_reply": "定稿：入口已于今日恢复。"}


def require(cast: Cast, *units: str) -> None:
    with cast.app.app_context(), writing():
        for unit in units:
            db.session.get_one(Unit, cast.units[unit]).needs_sign_off = True
        db.session.commit()


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def page(cast: Cast, who: str, number: str, rest: str = "") -> str:
    return str(cast.client(who).get(f"/appeals/{number}{rest}").get_data(as_text=True))


def look(cast: Cast, number: str, ask: Any) -> Any:
    with cast.app.app_context():
        return ask(db.session.scalars(select(Appeal).where(Appeal.number == number)).one())


def states(cast: Cast, number: str) -> tuple[str, str]:
    appeal, given = look(cast, number, lambda a: (a.state, a.assignments[-1].state))
    return str(appeal), str(given)


def test_an_answer_is_returned_mended_signed_and_then_read_by_all(cast: Cast) -> None:
    require(cast, "bureau")
    number = cast.reach("assigned")
    paper = {"files": (BytesIO(b"%PDF-1.4 on the spot"), "现场照片.pdf")}
    assert post(cast, "chen", number, "answer", **DRAFT, **paper).status_code == 303
    assert states(cast, number) == ("assigned", "signing")
    file = look(cast, number, lambda a: a.attachments[0].id)

    # The unit and the coordinator read it; nobody else does, in whatever part of the page.
    for who, reads in (("qian", True), ("chen", True), ("zhou", True), ("lin", False),
                       ("tang", False), ("du", False), ("ma", False), ("wu", False)):  # fmt: skip
        html = page(cast, who, number)
        assert "待审签" in html, who
        for words in (*DRAFT.values(), "现场照片"):
            assert (words in html) == reads or words == "resolved", (who, words)
        assert ("未经承办单位负责人审签" in html) != reads
        got = cast.client(who).get(f"/appeals/{number}/attachments/{file}")
        assert got.status_code == (200 if reads else 404), who
    assert "可以审签的：钱局长" in page(cast, "chen", number)
    assert "待审签" in page(cast, "zhou", "?state=assigned")

    # The handler takes notes only, until it comes back.
    assert post(cast, "chen", number, "answer", **FINAL).status_code == 409
    asked = {"reason_code": "not_competent", "basis": "三定"}
    assert post(cast, "chen", number, "ask-return", **asked).status_code == 409
    noted = {"way": "phone", "words": "已与刘经理通话"}
    assert post(cast, "chen", number, "contact", **noted).status_code == 303
    assert post(cast, "chen", number, "sign-off", decision="sent").status_code == 403

    # It stands on the desk of the head alone, who reads all of it on the form.
    url = f"view=to_sign_off&unit_id={cast.units['bureau']}"
    assert "待我审签" in cast.client("qian").get("/desk").text
    assert "待我审签" not in cast.client("chen").get("/desk").text
    assert shown(page(cast, "qian", f"?{url}")) == [number]
    form = page(cast, "qian", number, "/sign-off")
    assert DRAFT["account"] in form and DRAFT["public_reply"] in form and "陈经办于" in form
    nothing_said = post(cast, "qian", number, "sign-off", decision="returned")
    assert nothing_said.status_code == 422 and "必须写明" in nothing_said.get_data(as_text=True)
    returned = {"decision": "returned", "words": "请补充书面确认"}
    assert post(cast, "qian", number, "sign-off", **returned).status_code == 303
    assert states(cast, number) == ("assigned", "taken")
    back = f"?view=sent_back&unit_id={cast.units['bureau']}"
    assert shown(page(cast, "chen", back)) == [number]
    form = page(cast, "chen", number, "/answer")
    assert DRAFT["account"] in form and "请补充书面确认" in form
    for words in (*DRAFT.values(), "请补充书面确认"):
        assert words == "resolved" or words not in page(cast, "lin", number)

    # Signed, it is the handler's answer, judged by the moment of the signature.
    assert post(cast, "chen", number, "answer", **FINAL).status_code == 303
    assert post(cast, "qian", number, "sign-off", decision="sent").status_code == 303
    assert states(cast, number) == ("answered", "answered")

    def signed(appeal: Appeal) -> tuple[Any, ...]:
        given = appeal.assignments[-1]
        own = next(d for d in appeal.deadlines if d.stage == "answer")
        return given.answered_by_id, appeal.answered_at == given.answered_at == own.ended_at

    assert look(cast, number, signed) == (cast.people["chen"], True)
    html = page(cast, "lin", number)
    assert FINAL["account"] in html and "现场照片" in html
    assert DRAFT["account"] not in html, "what was never signed stays within the unit"
    assert cast.client("lin").get(f"/appeals/{number}/attachments/{file}").status_code == 200

    # Both turned the first key, under whichever post.
    cast.review(number)
    with cast.app.app_context(), writing():
        for who in ("chen", "qian"):
            where, since = cast.units["office"], date(2020, 1, 1)
            person = cast.people[who]
            db.session.add(Post(person_id=person, unit_id=where, role="operator", starts_on=since))
        db.session.commit()
    for who in ("chen", "qian"):
        told = {"reached": "yes", "way": "phone", "contacted": "yes", "solved": "solved",
                "satisfaction": "satisfied"}  # fmt: skip
        refused = post(cast, who, number, "call-back", **told)
        assert refused.status_code == 403 and "回避" in refused.get_data(as_text=True)
    found = cast.app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 0, found.output


def test_the_head_s_own_answer_is_signed_and_an_assist_s_waits_like_a_lead_s(cast: Cast) -> None:
    require(cast, "bureau", "police")
    number = cast.reach("accepted")
    both = {"unit_id": cast.units["bureau"], "assist_ids": [cast.units["police"]]}
    assert post(cast, "zhou", number, "assign", **both).status_code == 303
    assert post(cast, "he", number, "answer", **DRAFT).status_code == 303
    assert states(cast, number) == ("assigned", "signing")
    assert "该单位目前没有“单位负责人”岗位" in page(cast, "zhou", number)
    assert DRAFT["account"] not in page(cast, "chen", number), "not even the lead reads it"
    # The lead waits for the assist, whose answer is not out yet; a head of the police is found.
    assert post(cast, "qian", number, "answer", **FINAL).status_code == 409
    with cast.app.app_context(), writing():
        since, where = date(2020, 1, 1), cast.units["police"]
        person = cast.people["du"]
        db.session.add(Post(person_id=person, unit_id=where, role="unit_lead", starts_on=since))
        db.session.commit()
    assert post(cast, "du", number, "sign-off", decision="sent").status_code == 303
    assert states(cast, number) == ("assigned", "answered")
    assert DRAFT["account"] in page(cast, "chen", number)
    # An assist that comes while the lead's answer waits keeps it back once more, not its return.
    assert post(cast, "chen", number, "answer", **FINAL).status_code == 303
    more = {"assist_ids": [cast.units["industry"]], "reason": "需工信配合"}
    assert post(cast, "zhou", number, "add-assist", **more).status_code == 303
    assert "工信局尚未反馈" in page(cast, "qian", number, "/sign-off")
    assert post(cast, "qian", number, "sign-off", decision="sent").status_code == 409
    returned = {"decision": "returned", "words": "等工信局反馈"}
    assert post(cast, "qian", number, "sign-off", **returned).status_code == 303
    industry = look(cast, number, lambda a: a.assignments[-1].id)
    waived = {"assignment_id": industry, "reason": "无须配合"}
    assert post(cast, "zhou", number, "waive", **waived).status_code == 303
    # What he answers himself is signed, and goes out under his post.
    assert post(cast, "qian", number, "answer", **FINAL).status_code == 303
    with cast.app.app_context():
        last = db.session.scalars(
            select(Entry).where(Entry.stream == f"appeal/{number}").order_by(Entry.seq.desc())
        ).first()
        assert last is not None
        assert (last.verb, last.post_role, last.to_state) == ("answer", "unit_lead", "answered")
        assert db.session.scalars(select(Attachment)).all() == []
    found = cast.app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 0, found.output


def test_who_answers_gives_up_his_return_and_keeps_his_extension(cast: Cast) -> None:
    require(cast, "bureau")
    number = cast.reach("assigned")
    with cast.app.app_context():
        due_at = db.session.scalars(select(Appeal.due_at).where(Appeal.number == number)).one()
        until = load_calendar().add_working_days(last_day(due_at), 2)
    longer = {"until": until.isoformat(), "reason_code": "several_units", "basis": "需会商",
              "firm_told": "y"}  # fmt: skip
    assert post(cast, "chen", number, "ask-extension", **longer).status_code == 303
    asked = {"reason_code": "not_competent", "basis": "三定"}
    assert post(cast, "chen", number, "ask-return", **asked).status_code == 303
    assert post(cast, "chen", number, "answer", **DRAFT).status_code == 303
    assert states(cast, number) == ("assigned", "signing")
    assert look(cast, number, lambda a: [r.state for r in a.requests]) == ["asked", "lapsed"]
    assert shown(page(cast, "zhou", "?view=to_rule")) == [number]
    granted = {"granted": "granted", "until": until.isoformat()}
    assert post(cast, "zhou", number, "rule-extension", **granted).status_code == 303
    assert states(cast, number) == ("assigned", "signing")
    assert look(cast, number, lambda a: last_day(a.due_at)) == until
    assert look(cast, number, lambda a: a.running("rule_return")) == []
    ruled = {"granted": "refused", "ruling": "请继续办理"}
    assert post(cast, "zhou", number, "rule-return", **ruled).status_code == 409
    # Taken back from a unit that has not signed, its words stay where they were.
    back = {"reason": "改派", "reason_code": "wrong_unit"}
    assert post(cast, "zhou", number, "recall", **back).status_code == 303
    assert look(cast, number, lambda a: a.asked) is None
    assert DRAFT["account"] in page(cast, "zhou", number)
    assert DRAFT["account"] not in page(cast, "lin", number)
    assert shown(page(cast, "qian", f"?view=to_sign_off&unit_id={cast.units['bureau']}")) == []
    found = cast.app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 0, found.output
