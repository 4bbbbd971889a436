"""A lead and its assists on the pages of those who hand out, handle and wait."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.catalogue.models import Category
from ledger.catalogue.queries import catalogue
from ledger.db import db, now, writing
from ledger.people.models import Post, Unit
from ledger_pages import move, shown

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
ANSWER = {
    "outcome": "resolved",
    "account": "已与收费站联系",
    "public_reply": "您好，入口已恢复通行。",
    "evidence": "当日现场核实，车辆已通行",
}


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def column(cast: Cast, number: str, name: str) -> Any:
    with cast.app.app_context():
        return db.session.scalars(
            select(getattr(Appeal, name)).where(Appeal.number == number)
        ).one()


def state_of(cast: Cast, number: str) -> str:
    return str(column(cast, number, "state"))


def version_of(cast: Cast, number: str) -> int:
    return int(column(cast, number, "version"))


def hand_out(cast: Cast, *assists: str) -> str:
    number = cast.reach("accepted")
    typed = {
        "unit_id": cast.units["bureau"],
        "assist_ids": [cast.units[one] for one in assists or ("police",)],
    }
    assert post(cast, "zhou", number, "assign", **typed).status_code == 303
    return number


def assignment(cast: Cast, number: str, unit: str) -> int:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return max(a.id for a in appeal.assignments if a.unit_id == cast.units[unit])


def page(cast: Cast, who: str, number: str, rest: str = "") -> str:
    response = cast.client(who).get(f"/appeals/{number}{rest}")
    return str(response.get_data(as_text=True))


def give_post(cast: Cast, who: str, role: str, unit: str) -> None:
    with cast.app.app_context(), writing():
        person, where = cast.people[who], cast.units[unit]
        since = date(2020, 1, 1)
        db.session.add(Post(person_id=person, unit_id=where, role=role, starts_on=since))
        db.session.commit()


def test_handed_out_to_a_lead_and_assists_on_one_form(cast: Cast) -> None:
    number = cast.reach("registered")
    with cast.app.app_context():
        category = next(iter(catalogue().categories))
    typed = {
        "category_id": category,
        "urgency": "normal",
        "kind": "help",
        "appellant_type": "firm",
        "unit_id": cast.units["bureau"],
        "assist_ids": [cast.units["police"], cast.units["industry"]],
        "words": "请交警、工信配合",
    }
    assert post(cast, "zhou", number, "accept-and-assign", **typed).status_code == 303
    html = page(cast, "zhou", number)
    heads = re.findall(r'<div class="handed">\s*<h3>([^<]+) <span class="help">([^<]+)<', html)
    assert [name.strip() for name, _ in heads] == [
        "寻乌县交通运输局",
        "寻乌县公安局交管大队",
        "寻乌县工业和信息化局",
    ]
    assert [part.strip() for _, part in heads] == ["主办", "协办", "协办"]
    assert "协办反馈" in html and "协办应反馈" in html
    strip = re.sub(r"<[^>]+>", " ", html[html.index('id="holders"') :].split("</p>")[0])
    assert "交通局（主办） 不足1天，现由其办理" in strip
    assert "交管大队（协办） 不足1天，现由其办理" in strip
    assert "专班办公室 不足1天" in strip and "专班办公室 不足1天，现由" not in strip


def test_what_makes_no_sense_comes_back_as_it_was_ticked(cast: Cast) -> None:
    number = cast.reach("accepted")
    bureau, police = cast.units["bureau"], cast.units["police"]
    for typed, said in (
        ({"assist_ids": [police, bureau]}, "是主办单位，不能同时协办"),
        ({"assist_ids": [police, cast.units["office"]]}, "选项无效"),
        ({"assist_ids": [police, "x"]}, "选项无效"),
        ({"assist_ids": [police], "assist_due_at": "2020-01-01T09:00"}, "必须晚于现在"),
        ({"assist_ids": [police], "assist_due_at": "午后"}, "不是有效的时间"),
    ):
        given: dict[str, Any] = {"unit_id": bureau, "words": "请速办", **typed}
        response = post(cast, "zhou", number, "assign", **given)
        html = response.get_data(as_text=True)
        assert response.status_code == 422, said
        assert said in html and "请速办" in html
        assert f'name="assist_ids" value="{police}" checked' in html
    assert state_of(cast, number) == "accepted"


def test_a_category_brings_its_usual_assists_along(cast: Cast) -> None:
    bureau, police = cast.units["bureau"], cast.units["police"]
    with cast.app.app_context(), writing():
        category = next(iter(catalogue().categories))
        db.session.get_one(Category, category).suggest(bureau, [police, bureau])
        db.session.commit()
    number = cast.reach("accepted")
    html = page(cast, "zhou", number)
    assert f'name="assist_ids" value="{police}" checked' in html
    assert len(re.findall(r'name="assist_ids" value="\d+" checked', html)) == 1
    fresh = cast.reach("registered")
    asked = f"/accept-and-assign?category_id={category}"
    part = cast.client("zhou").get(f"/appeals/{fresh}{asked}", headers=FRAGMENT)
    assert f'name="assist_ids" value="{police}" checked' in part.get_data(as_text=True)
    assert 'hx-select-oob="#accept_and_assign-assist_ids"' in page(cast, "zhou", fresh)


def test_two_hundred_units_are_boxes_that_no_script_is_needed_for(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        for i in range(200):
            name = f"第{i}办事处"
            unit = Unit(
                code=f"360734-x{i}", name=name, short_name="", kind="department",
                region_code="360734", is_office=False,
            )  # fmt: skip
            db.session.add(unit)
            db.session.flush()
            unit.move_under(None)
        last = unit.id
        db.session.commit()
    number = cast.reach("accepted")
    html = page(cast, "zhou", number)
    assert html.count('type="checkbox" name="assist_ids"') >= 200
    assert "data-narrow hidden" in html
    typed = {"unit_id": cast.units["bureau"], "assist_ids": [last]}
    assert post(cast, "zhou", number, "assign", **typed).status_code == 303
    assert "第199办事处" in page(cast, "zhou", number)


def test_an_assist_has_it_on_its_desk_with_its_own_due_time(cast: Cast) -> None:
    cast.assign(other := cast.reach("accepted"), "police")
    number = hand_out(cast)
    desk = cast.client("he").get("/desk").get_data(as_text=True)
    row = next(r for r in desk.split("<tr") if number in r)
    assert "协办</span>" in row and "前协办反馈" in row and f"/appeals/{number}/sign-for" in row
    assert "协办</span>" not in next(r for r in desk.split("<tr") if other in r)
    assert post(cast, "he", number, "sign-for").status_code == 303
    assert post(cast, "he", other, "sign-for").status_code == 303
    desk = cast.client("he").get("/desk").get_data(as_text=True)
    hand = desk[desk.index('id="unit-in-hand"') :]
    # The assist is due in three days, the other in seven.
    assert shown(hand) == [number, other]
    row = next(r for r in hand.split("<tr") if number in r)
    assert "协办</span>" in row and f"/appeals/{number}/answer" in row
    lead = cast.client("chen").get("/desk").get_data(as_text=True)
    assert "协办</span>" not in lead
    listed = cast.client("zhou").get(f"/appeals/?unit_id={cast.units['police']}").text
    assert set(shown(listed)) == {number, other}


def test_an_assist_due_soon_is_not_behind_what_is_due_first_of_the_appeals(cast: Cast) -> None:
    """More appeals than a desk has room for are due before this one, but not its assist."""
    number = hand_out(cast)
    assert post(cast, "he", number, "sign-for").status_code == 303
    with cast.app.app_context():
        at = now()
    move(cast, number, due_at=at + timedelta(days=90))
    for _ in range(11):
        other = cast.reach("accepted")
        cast.assign(other, "police")
        cast.do(other, lambda a, at: a.sign_for(by=cast.actor("he"), at=at))
    desk = cast.client("he").get("/desk").get_data(as_text=True)
    hand = shown(desk[desk.index('id="unit-in-hand"') :])
    assert len(hand) == 10
    assert hand[0] == number


def test_the_lead_is_told_whom_it_waits_for_until_they_have_answered(cast: Cast) -> None:
    number = hand_out(cast)
    waiting = "协办单位交管大队尚未反馈"
    assert waiting in page(cast, "chen", number)
    assert waiting not in page(cast, "he", number)
    assert waiting not in page(cast, "zhou", number)
    refused = post(cast, "chen", number, "answer", **ANSWER)
    assert refused.status_code == 409
    html = refused.get_data(as_text=True)
    assert waiting in html and ANSWER["account"] in html
    assert post(cast, "he", number, "contact", way="phone", words="已联系").status_code == 303
    assert post(cast, "he", number, "progress", words="正在疏导").status_code == 303
    form = page(cast, "he", number, "/answer")
    assert "建议答复" in form
    typed = {**ANSWER, "public_reply": ""}
    answered = post(cast, "he", number, "answer", **typed)
    assert answered.status_code == 303
    assert state_of(cast, number) == "assigned"
    # A second click of the same hand is no second answer, and no refusal.
    assert post(cast, "he", number, "answer", **typed).status_code == 303
    html = page(cast, "chen", number)
    assert waiting not in html and "协办反馈" in html and ANSWER["account"] in html
    assert 'id="act-answer"' in page(cast, "chen", number, "/answer")
    empty = post(cast, "chen", number, "answer", **typed)
    assert empty.status_code == 422
    assert post(cast, "chen", number, "answer", **ANSWER).status_code == 303
    assert state_of(cast, number) == "answered"


def test_the_office_waives_sends_back_adds_and_releases_by_its_forms(cast: Cast) -> None:
    number = hand_out(cast, "police", "section")
    police, section = (assignment(cast, number, one) for one in ("police", "section"))
    form = page(cast, "zhou", number, "/waive")
    assert form.count('name="assignment_id"') == 2 and "checked" not in form.split("理由")[0]
    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("waive", {"assignment_id": police}, "请填写“理由”"),
        ("waive", {"reason": "不需"}, "请选择“协办单位”"),
        ("waive", {"assignment_id": 1, "reason": "不需"}, "选项无效"),
        ("add-assist", {"reason": "配合"}, "请选择“协办单位”"),
        ("add-assist", {"assist_ids": [cast.units["police"]], "reason": "配合"}, "仍在办理"),
        ("change-lead", {"unit_id": cast.units["bureau"], "reason": "改"}, "已是主办单位"),
    ]
    for act, typed, said in wrong:
        response = post(cast, "zhou", number, act, **typed)
        assert response.status_code == 422, act
        assert said in response.get_data(as_text=True), act
    done: list[tuple[str, dict[str, Any]]] = [
        ("waive", {"assignment_id": police, "reason": "道路已恢复"}),
        ("release-assist", {"assignment_id": section, "reason": "与其无关"}),
        ("add-assist", {"assist_ids": [cast.units["industry"]], "reason": "需要核实库存"}),
    ]
    for act, typed in done:
        seen = version_of(cast, number)
        for who in ("chen", "lin", "wu", "tang"):
            assert post(cast, who, number, act, **typed).status_code in (403, 404), (act, who)
        assert post(cast, "zhou", number, act, seen=seen, **typed).status_code == 303, act
    late = post(cast, "zhou", number, "waive", assignment_id=police, reason="再次")
    assert late.status_code == 409
    assert "现为“已免办”" in late.get_data(as_text=True)
    give_post(cast, "sun", "handler", "industry")
    assert post(cast, "sun", number, "answer", **ANSWER).status_code == 303
    industry = assignment(cast, number, "industry")
    back = {"assignment_id": industry, "reason": "缺库存清单"}
    assert post(cast, "zhou", number, "send-back-assist", **back).status_code == 303
    html = page(cast, "sun", number)
    assert "缺库存清单" in html and "退回协办重报" in html
    assert post(cast, "sun", number, "answer", **ANSWER).status_code == 303
    html = page(cast, "chen", number)
    for words in ("免予协办反馈", "道路已恢复", "解除协办", "与其无关", "增加协办", "需要核实库存"):
        assert words in html
    assert post(cast, "chen", number, "answer", **ANSWER).status_code == 303


def test_another_lead_by_its_form(cast: Cast) -> None:
    number = hand_out(cast)
    typed = {"unit_id": cast.units["section"], "reason": "属运管股职责", "words": "请即办理"}
    assert post(cast, "zhou", number, "change-lead", **typed).status_code == 303
    html = page(cast, "zhou", number)
    assert "原主办单位" in html and "属运管股职责" in html and "已解除（变更主办）" in html
    heads = re.findall(r'<div class="handed">\s*<h3>([^<]+)', html)
    names = [name.strip() for name in heads]
    assert names == ["运管股", "寻乌县公安局交管大队", "寻乌县交通运输局"]
    assert post(cast, "chen", number, "contact", way="phone", words="甲").status_code == 403
    assert post(cast, "sun", number, "sign-for").status_code == 303


def test_taken_back_with_or_without_its_assists(cast: Cast) -> None:
    for ticked in ("", "y"):
        number = hand_out(cast)
        assert "同时解除协办" in page(cast, "zhou", number, "/recall")
        typed = {"reason": "交办有误", "reason_code": "wrong_unit"}
        if ticked:
            typed["release_assists"] = ticked
        assert post(cast, "zhou", number, "recall", **typed).status_code == 303
        answered = post(cast, "he", number, "answer", **ANSWER)
        assert answered.status_code == (403 if ticked else 303)
        assert state_of(cast, number) == "accepted"
    plain = cast.reach("assigned")
    assert "同时解除协办" not in page(cast, "zhou", plain, "/recall")


def test_an_assists_due_time_by_the_form_of_due_times(cast: Cast) -> None:
    number = hand_out(cast)
    assert "核定哪个时限" in page(cast, "zhou", number, "/set-due")
    assert "核定哪个时限" not in page(cast, "zhou", cast.reach("assigned"), "/set-due")
    due = (datetime.now(UTC) + timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M")
    typed = {"due_at": due, "reason": "急需配合"}
    police = assignment(cast, number, "police")
    assert post(cast, "zhou", number, "set-due", assignment_id=police, **typed).status_code == 303
    html = page(cast, "zhou", number)
    assert "急需配合" in html and due.replace("T", " ") in html
    assert post(cast, "zhou", number, "set-due", assignment_id="main", **typed).status_code == 303


def test_who_handles_for_two_units_chooses_only_where_he_has_to(cast: Cast) -> None:
    give_post(cast, "chen", "handler", "police")
    number = hand_out(cast)
    police, bureau = (assignment(cast, number, one) for one in ("police", "bureau"))
    html = page(cast, "chen", number)
    assert "为哪个单位办理" in html and "寻乌县公安局交管大队（协办）" in html
    unsaid = post(cast, "chen", number, "sign-for")
    assert unsaid.status_code == 422
    assert "请选择“为哪个单位办理”" in unsaid.get_data(as_text=True)
    assert post(cast, "chen", number, "sign-for", hand=police).status_code == 303
    assert "为哪个单位办理" not in page(cast, "chen", number)
    assert post(cast, "chen", number, "sign-for").status_code == 303
    assert post(cast, "chen", number, "contact", way="phone", words="甲").status_code == 422
    talk = {"way": "phone", "words": "已联系刘经理", "hand": bureau}
    assert post(cast, "chen", number, "contact", **talk).status_code == 303
    # The lead waits, so that the assist alone may be answered.
    typed = {**ANSWER, "hand": police}
    assert post(cast, "chen", number, "answer", **typed).status_code == 303
    assert state_of(cast, number) == "assigned"
    # The same click again does not answer for the lead.
    assert post(cast, "chen", number, "answer", **typed).status_code == 303
    assert state_of(cast, number) == "assigned"
    other = post(cast, "chen", number, "answer", **{**typed, "account": "另一段话"})
    assert other.status_code == 409
    assert state_of(cast, number) == "assigned"
    strange = {**ANSWER, "account": "又一段话", "hand": 99}
    assert post(cast, "chen", number, "answer", **strange).status_code == 403
    assert post(cast, "chen", number, "answer", **ANSWER).status_code == 303
    assert state_of(cast, number) == "answered"


def test_pages_that_are_kept_tell_of_assists_at_once(cast: Cast) -> None:
    number = hand_out(cast)
    for who in ("zhou", "he", "chen"):
        assert "待签收" in page(cast, who, number)
    cast.answer(number, by="he")
    for who in ("zhou", "he", "chen"):
        html = page(cast, who, number)
        assert "已反馈" in html and "交管大队（协办） 不足1天<" in html


def test_the_days_that_units_held_by_a_command(cast: Cast) -> None:
    hand_out(cast)
    cast.answer(hand_out(cast), by="he")
    runner = cast.app.test_cli_runner()
    said = runner.invoke(args=["days-held", "--by", "zhou", "--json"])
    assert said.exit_code == 0, said.output
    rows = {(r["unit"], r["part"]): r for r in json.loads(said.stdout)}
    assert rows["寻乌县交通运输局", "lead"]["now"] == 2
    police = rows["寻乌县公安局交管大队", "assist"]
    assert (police["assignments"], police["now"], police["days"]) == (2, 1, 0)
    plain = runner.invoke(args=["days-held", "--by", "zhou"])
    assert "寻乌县交通运输局（主办） 2件 共0天" in plain.output
    # It is counted as far as he may see.
    abroad = runner.invoke(args=["days-held", "--by", "yuan", "--json"])
    assert json.loads(abroad.stdout) == []
    assert runner.invoke(args=["days-held", "--by", "nobody"]).exit_code == 1
