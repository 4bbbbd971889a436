"""转办 by verbs and by pages: limits inside limits, answers that climb back, and what ends with
what it was passed on from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import unit_sight
from ledger.appeals.filters import Filters
from ledger.appeals.holding_queries import days_held
from ledger.appeals.models import Appeal, Assignment
from ledger.appeals.queries import some
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.sweeps import receive_unsigned
from ledger.db import db, keyring, writing
from ledger.deadlines.calendar import end_of
from ledger.people.models import Person, Post, Unit
from ledger.trail.check import Report, check_ledger
from request_hand import FRAGMENT, MONDAY, assigned, do

HOUR = timedelta(hours=1)
DUE = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
"""Seven working days from MONDAY."""

BELOW = {
    "crew": ("360734-jt-yg-1", "稽查一队", "section", "section", "360734"),
    "road": ("360734-jt-gl", "公路股", "section", "bureau", "360734"),
}
STAFF = {"gao": ("高稽查", "handler", "crew"), "lu": ("路股长", "handler", "road")}


def below(cast: Cast) -> Cast:
    """Two more levels below the bureau, each with somebody who handles."""
    with cast.app.app_context(), writing():
        for key, (code, name, kind, parent, region) in BELOW.items():
            unit = Unit(code=code, name=name, kind=kind, region_code=region)
            db.session.add(unit)
            db.session.flush()
            unit.move_under(cast.unit(parent))
            db.session.flush()
            cast.units[key] = unit.id
        for key, (name, role, where) in STAFF.items():
            person = Person(
                username=key, name=name, home_unit_id=cast.units[where], must_change_password=False
            )
            db.session.add(person)
            db.session.flush()
            cast.people[key] = person.id
            post(cast, key, role, where)
        db.session.commit()
        db.session.remove()
    return cast


def post(cast: Cast, who: str, role: str, unit: str) -> None:
    since = date(2020, 1, 1)
    where = cast.units[unit]
    db.session.add(Post(person_id=cast.people[who], unit_id=where, role=role, starts_on=since))


def pass_on(cast: Cast, number: str, at: datetime, who: str, *units: str, **more: Any) -> None:
    def act(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.pass_on([cast.unit(one) for one in units], **hand, **more)

    do(cast, number, who, at, act)


def answer(cast: Cast, number: str, at: datetime, who: str, words: str = "已疏导放行。") -> None:
    def act(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.answer("resolved", words, "您好，已恢复通行。", evidence=f"{who}现场核实", **hand)

    do(cast, number, who, at, act)


def look(cast: Cast, number: str, what: Callable[[Appeal], Any]) -> Any:
    with cast.app.app_context():
        found = what(db.session.scalars(select(Appeal).where(Appeal.number == number)).one())
        db.session.remove()
        return found


def tree(cast: Cast, number: str) -> dict[str, tuple[str, str, str]]:
    """Of each unit's latest assignment: part, state, and who passed it on."""
    keys = {v: k for k, v in cast.units.items()}

    def told(appeal: Appeal) -> dict[str, tuple[str, str, str]]:
        of = {a.id: keys[a.unit_id] for a in appeal.assignments}
        return {
            keys[a.unit_id]: (a.part, a.state, of.get(a.parent_id or 0, ""))
            for a in appeal.assignments
        }

    found: dict[str, tuple[str, str, str]] = look(cast, number, told)
    return found


def due_of(cast: Cast, number: str, unit: str) -> datetime:
    """Of the answer that is still awaited."""
    wanted = cast.units[unit]

    def told(appeal: Appeal) -> datetime:
        given = next(a for a in appeal.assignments if a.unit_id == wanted and a.is_open)
        clock = appeal.own_clock(given)
        assert clock is not None
        return clock.due_at

    found: datetime = look(cast, number, told)
    return found


def of_unit(cast: Cast, number: str, unit: str) -> int:
    wanted = cast.units[unit]
    found: int = look(
        cast, number, lambda a: max(x.id for x in a.assignments if x.unit_id == wanted)
    )
    return found


def problems(cast: Cast) -> list[Any]:
    with cast.app.app_context():
        found = list(check_ledger(db.engine, keyring(), Report()))
        kept = list(unit_sight.wrong(db.session.connection()))
        db.session.remove()
        return [*found, *kept]


def test_passed_on_to_several_down_two_levels_and_answered_back_up(cast: Cast) -> None:
    number = assigned(below(cast))
    at = MONDAY + HOUR
    pass_on(cast, number, at, "chen", "section", "road", note="请两股分头核实")
    assert tree(cast, number) == {
        "bureau": ("lead", "taken", ""),
        "section": ("child", "offered", "bureau"),
        "road": ("child", "offered", "bureau"),
    }
    assert due_of(cast, number, "section") == due_of(cast, number, "bureau") == DUE
    soon = end_of(date(2026, 11, 19))
    pass_on(cast, number, at + HOUR, "sun", "crew", due_at=soon)
    assert due_of(cast, number, "crew") == soon
    assert tree(cast, number)["section"][1] == "taken", "who passes it on has received it"
    with cast.app.app_context():
        clocks = look(cast, number, lambda a: {
            (d.assignment.unit_id, d.stage): d.due_at for d in a.running() if d.assignment
        })  # fmt: skip
    for unit in ("section", "road", "crew"):
        assert {s for u, s in clocks if u == cast.units[unit]} >= {"contact", "child"}, unit
    assert clocks[cast.units["crew"], "sign"] <= soon
    assert "下级单位稽查一队尚未反馈" in cast.client("sun").get(f"/appeals/{number}").text
    for moment, pressing in ((at + 2 * HOUR, set()), (soon - HOUR, {number})):
        with cast.app.app_context():
            own = Filters(view="own_due", unit_id=cast.units["crew"])
            found = {row.number for row in some(cast.actor("gao"), moment, own, 10)}
            assert found == pressing, "by its own limit, not by the lead's"
            db.session.remove()

    with pytest.raises(Refused) as waits:
        answer(cast, number, at + 2 * HOUR, "chen")
    assert waits.value.status == 409
    assert "运管股" in waits.value.reason and "公路股" in waits.value.reason
    with pytest.raises(Refused) as waits:
        answer(cast, number, at + 2 * HOUR, "sun")
    assert "稽查一队" in waits.value.reason
    answer(cast, number, at + 3 * HOUR, "gao", "一队已到场。")
    answer(cast, number, at + 4 * HOUR, "sun", "运管股汇总。")
    state = look(cast, number, lambda a: (a.state, a.outcome, a.lead_unit_id))
    assert state == ("assigned", "", cast.units["bureau"]), "a child's answer moves nothing"
    road = of_unit(cast, number, "road")
    do(cast, number, "qian", at + 5 * HOUR, lambda a, h: a.waive_child(road, "已由运管股办结", **h))
    section = of_unit(cast, number, "section")
    do(cast, number, "chen", at + 6 * HOUR, lambda a, h: a.send_back_child(section, "缺照片", **h))
    assert due_of(cast, number, "section") <= DUE
    answer(cast, number, at + 7 * HOUR, "sun", "运管股补充照片。")
    answer(cast, number, at + 8 * HOUR, "chen", "交通局汇总。")
    assert look(cast, number, lambda a: a.state) == "answered"
    with pytest.raises(Refused) as late:
        do(
            cast,
            number,
            "chen",
            at + 9 * HOUR,
            lambda a, h: a.send_back_child(section, "再补", **h),
        )
    assert late.value.status == 409
    assert problems(cast) == []


def test_who_below_handled_may_not_call_back_or_close(cast: Cast) -> None:
    number = assigned(below(cast))
    pass_on(cast, number, MONDAY + HOUR, "chen", "section")
    answer(cast, number, MONDAY + 2 * HOUR, "sun")
    answer(cast, number, MONDAY + 3 * HOUR, "chen")
    with cast.app.app_context(), writing():
        for role, unit in (("operator", "crew"), ("closer", "road")):
            post(cast, "none", role, unit)
        post(cast, "gao", "operator", "office")
        db.session.commit()
    do(cast, number, "zhou", MONDAY + 4 * HOUR, lambda a, h: a.review(**h))

    def call(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.call_back(contacted=True, solved="solved", satisfaction="satisfied", **hand)

    with pytest.raises(Refused) as barred:
        do(cast, number, "none", MONDAY + 5 * HOUR, call)
    assert (barred.value.status, "回避" in barred.value.reason) == (403, True)
    do(cast, number, "gao", MONDAY + 5 * HOUR, call)
    with pytest.raises(Refused) as barred:
        do(cast, number, "none", MONDAY + 6 * HOUR, lambda a, h: a.close(**h))
    assert "回避" in barred.value.reason
    with pytest.raises(Refused) as barred:
        do(cast, number, "gao", MONDAY + 6 * HOUR, lambda a, h: a.close(**h))
    assert barred.value.status == 403
    assert problems(cast) == []


def test_a_limit_below_never_passes_the_one_above(cast: Cast) -> None:
    number = assigned(below(cast))
    at = MONDAY + HOUR
    wrong: list[tuple[tuple[str, ...], dict[str, Any], str, str]] = [
        (
            ("section",),
            {"due_at": DUE + HOUR},
            "due_at",
            "不能晚于本单位的时限（2026-11-25 24:00）",
        ),
        (("section",), {"due_at": at - HOUR}, "due_at", "必须晚于现在"),
        (("police",), {}, "sub_unit_ids", "不是“寻乌县交通运输局”的下级单位"),
        (("bureau",), {}, "sub_unit_ids", "不是“寻乌县交通运输局”的下级单位"),
        ((), {}, "sub_unit_ids", "请选择"),
        (("section",), {"rhythm": "hourly"}, "rhythm", "反馈频次"),
    ]
    for units, more, field, words in wrong:
        with pytest.raises(Invalid) as invalid:
            pass_on(cast, number, at, "chen", *units, **more)
        assert (invalid.value.field, words in invalid.value.reason) == (field, True)
    assert tree(cast, number) == {"bureau": ("lead", "offered", "")}, "nothing half written"
    pass_on(cast, number, at, "chen", "section")
    with pytest.raises(Invalid) as again:
        pass_on(cast, number, at, "chen", "section")
    assert "不必重复转办" in again.value.reason
    pass_on(cast, number, at, "sun", "crew")

    asked: dict[str, Any] = {"firm_told": True}
    with pytest.raises(Refused) as no_room:
        until = end_of(date(2026, 11, 27))
        do(
            cast,
            number,
            "gao",
            at,
            lambda a, h: a.ask_extension(until, "several_units", "会商", **asked, **h),
        )
    assert "由转办单位先行申请" in no_room.value.reason
    # The office brings the lead's time forward: what lies below comes along, level by level.
    sooner = end_of(date(2026, 11, 20))
    do(cast, number, "zhou", at + HOUR, lambda a, h: a.set_due(sooner, "从快办理", **h))
    assert {due_of(cast, number, u) for u in ("bureau", "section", "crew")} == {sooner}
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "原时限 2026-11-25 24:00" in page
    # And back: those below keep theirs, which they may have prolonged by who passed it on.
    do(cast, number, "zhou", at + 2 * HOUR, lambda a, h: a.set_due(DUE, "情况复杂", **h))
    assert due_of(cast, number, "section") == sooner
    section = of_unit(cast, number, "section")
    for until, refused in ((end_of(date(2026, 11, 26)), True), (end_of(date(2026, 11, 24)), False)):

        def ask(a: Appeal, h: dict[str, Any], until: datetime = until) -> None:
            a.ask_extension(until, "several_units", "与公路股会商", **asked, **h)

        if refused:
            with pytest.raises(Invalid) as beyond:
                do(cast, number, "sun", at + 3 * HOUR, ask)
            assert "不能晚于转办单位的时限" in beyond.value.reason
        else:
            do(cast, number, "sun", at + 3 * HOUR, ask)
    assert look(cast, number, lambda a: (a.asked, a.asked_below)) == (None, 2)
    with pytest.raises(Refused) as not_his:
        do(
            cast,
            number,
            "zhou",
            at + 4 * HOUR,
            lambda a, h: a.rule_child_extension(section, True, "", **h),
        )
    assert not_his.value.status == 403
    do(
        cast,
        number,
        "chen",
        at + 4 * HOUR,
        lambda a, h: a.rule_child_extension(section, True, "", **h),
    )
    assert due_of(cast, number, "section") == end_of(date(2026, 11, 24))
    assert look(cast, number, lambda a: (a.asked, a.asked_below)) == (None, None)
    assert problems(cast) == []


ENDS: dict[str, Callable[[Appeal, dict[str, Any], Cast], Any]] = {
    "recall": lambda a, h, c: a.recall("改派", **h),
    "change_lead": lambda a, h, c: a.change_lead(c.unit("police"), "属公安职责", **h),
    "withdraw": lambda a, h, c: a.withdraw("void", "重复登记", **h),
    "take over": lambda a, h, c: a.change_lead(c.unit("section"), "由运管股主办", **h),
}


@pytest.mark.parametrize("way", ENDS)
def test_what_ends_above_ends_below(cast: Cast, way: str) -> None:
    number = assigned(below(cast))
    pass_on(cast, number, MONDAY + HOUR, "chen", "section", "road")
    pass_on(cast, number, MONDAY + HOUR, "sun", "crew")
    answer(cast, number, MONDAY + 2 * HOUR, "lu")
    do(cast, number, "zhou", MONDAY + 3 * HOUR, lambda a, h: ENDS[way](a, h, cast))
    now = tree(cast, number)
    assert now["crew"][1] == "released" and now["bureau"][1] == "released"
    assert now["road"][1] == "answered", "what has been said stays said"
    assert now["section"][:2] == (
        ("lead", "offered") if way == "take over" else ("child", "released")
    )

    def below_running(appeal: Appeal) -> list[str]:
        return [d.stage for d in appeal.running() if d.assignment and d.assignment.part == "child"]

    assert look(cast, number, below_running) == []
    assert cast.client("gao").get(f"/appeals/{number}").status_code == 200, "it goes on seeing it"
    assert problems(cast) == []


def test_returns_below_are_the_units_own_affair(cast: Cast) -> None:
    number = assigned(below(cast))
    at = MONDAY + HOUR
    pass_on(cast, number, at, "chen", "section", "road")
    pass_on(cast, number, at, "sun", "crew")

    def ask(a: Appeal, h: dict[str, Any]) -> None:
        a.ask_return("not_competent", "不在本单位职责内", **h)

    do(cast, number, "sun", at + HOUR, ask)
    assert look(cast, number, lambda a: (a.state_label, a.asked, a.asked_below)) == (
        "办理中",
        None,
        1,
    )
    zhou, chen = cast.client("zhou"), cast.client("chen")
    assert number not in zhou.get("/appeals/?view=to_rule").text
    desk = chen.get("/desk").text
    assert "待裁定（下级退单、延期）" in desk and f"/appeals/{number}/rule-child-return" in desk
    listed = chen.get(f"/appeals/?view=rule_below&unit_id={cast.units['bureau']}").text
    assert number in listed
    assert (
        number
        not in cast.client("lu").get("/desk").text.split("待裁定（下级")[-1].split("待签收")[0]
    )
    page = chen.get(f"/appeals/{number}").text
    assert "下一步：下级退单裁定" in page and "不在本单位职责内" in page
    section = of_unit(cast, number, "section")
    typed = {"assignment_id": section, "granted": "refused", "ruling": ""}
    assert chen.post(f"/appeals/{number}/rule-child-return", data=typed).status_code == 422
    typed["ruling"] = "属你股职责"
    assert zhou.post(f"/appeals/{number}/rule-child-return", data=typed).status_code == 403
    assert chen.post(f"/appeals/{number}/rule-child-return", data=typed).status_code == 303
    assert tree(cast, number)["section"][1] == "taken"
    with pytest.raises(Refused) as final:
        do(cast, number, "sun", at + 2 * HOUR, ask)
    assert "已申请过退单" in final.value.reason
    do(cast, number, "lu", at + 2 * HOUR, ask)
    road = of_unit(cast, number, "road")
    do(cast, number, "chen", at + 3 * HOUR, lambda a, h: a.rule_child_return(road, True, "", **h))
    assert tree(cast, number)["road"] == ("child", "released", "bureau")
    # The bureau's own return is the office's, and is the first of the round all the same.
    do(cast, number, "chen", at + 4 * HOUR, ask)
    assert look(cast, number, lambda a: (a.state_label, a.is_joint_study)) == ("退单待裁定", False)
    do(
        cast,
        number,
        "zhou",
        at + 5 * HOUR,
        lambda a, h: a.rule_return(True, "", unit=cast.unit("police"), **h),
    )
    now = tree(cast, number)
    assert [now[u][1] for u in ("bureau", "section", "crew")] == ["released"] * 3
    told = zhou.get(f"/appeals/{number}").text
    assert "下级退单裁定" in told and "不同意退单（请继续办理）" in told
    assert problems(cast) == []


def test_a_lower_office_passes_on_in_its_region(cast: Cast) -> None:
    """层层交办: the city's office hands to the county's, which passes it on to a bureau."""
    number = assigned(below(cast))
    with cast.app.app_context(), writing() as at:
        from ledger.appeals.intake import Registration
        from ledger.catalogue.queries import catalogue

        known = Registration("赣州木业", "请协调跨县通行。", "visit", at, phone="13807970002")
        hand: dict[str, Any] = {"by": cast.actor("shi", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("city_office"), **hand)
        appeal.accept(category_id=next(iter(catalogue().categories)), urgency="normal", **hand)
        appeal.assign(cast.unit("office"), **hand)
        db.session.commit()
        number = appeal.number
    zhou = cast.client("zhou")
    form = zhou.get(f"/appeals/{number}/pass-on", headers=FRAGMENT).text
    offered = {key for key, i in cast.units.items() if f'name="sub_unit_ids" value="{i}"' in form}
    assert offered == {"bureau", "section", "crew", "road", "police", "industry"}
    typed = {"sub_unit_ids": [cast.units["bureau"], cast.units["police"]], "rhythm": "once"}
    assert zhou.post(f"/appeals/{number}/pass-on", data=typed).status_code == 303
    assert tree(cast, number)["bureau"] == ("child", "offered", "office")
    assert cast.client("yan").get(f"/appeals/{number}").status_code == 404
    typed = {"sub_unit_ids": [cast.units["other_bureau"]], "rhythm": "once"}
    wrong = zhou.post(f"/appeals/{number}/pass-on", data=typed)
    assert wrong.status_code == 422 and "选项无效" in wrong.text
    for who in ("chen", "he"):
        cast.answer(number, by=who)
    form = zhou.get(f"/appeals/{number}/answer", headers=FRAGMENT).text
    assert "寻乌县交通运输局已反馈（已解决）" in form
    assert "寻乌县公安局交管大队：已与收费站联系" in form
    cast.answer(number, by="zhou")
    assert look(cast, number, lambda a: a.state) == "answered"
    assert problems(cast) == []


def test_the_pages_of_those_who_pass_on_and_of_those_below(cast: Cast) -> None:
    number = cast.reach("assigned")
    below(cast)
    chen, sun, gao = cast.client("chen"), cast.client("sun"), cast.client("gao")
    assert sun.get(f"/appeals/{number}").status_code == 404
    form = chen.get(f"/appeals/{number}/pass-on", headers=FRAGMENT).text
    offered = {key for key, i in cast.units.items() if f'name="sub_unit_ids" value="{i}"' in form}
    assert offered == {"section", "crew", "road"}
    assert "下级的时限不能晚于此" in form
    assert "转办" not in cast.client("zhou").get(f"/appeals/{number}").text.split('id="_acts"')[1]
    typed: dict[str, Any] = {
        "sub_unit_ids": [cast.units["section"], cast.units["road"]],
        "words": "请分头核实",
        "rhythm": "daily",
        "due_at": "2031-01-01T09:00",
    }
    wrong = chen.post(f"/appeals/{number}/pass-on", data=typed)
    assert wrong.status_code == 422 and "请核对年份" in wrong.text and "请分头核实" in wrong.text
    assert chen.post(f"/appeals/{number}/pass-on", data={**typed, "due_at": ""}).status_code == 303
    # Again the same click does nothing twice.
    again = chen.post(f"/appeals/{number}/pass-on", data={**typed, "due_at": ""})
    assert again.status_code == 422 and "已在办理本件，不必重复转办" in again.text
    assert look(cast, number, lambda a: len(a.assignments)) == 3

    desk = sun.get("/desk").text
    assert "待签收" in desk and number in desk and ">转办<" in desk
    assert sun.post(f"/appeals/{number}/sign-for", data={}).status_code == 303
    assert number in sun.get(f"/appeals/?view=in_hand&unit_id={cast.units['section']}").text
    assert number in chen.get(f"/appeals/?view=in_hand&unit_id={cast.units['bureau']}").text
    assert gao.get(f"/appeals/{number}").status_code == 404
    page = chen.get(f"/appeals/{number}").text
    assert page.index("寻乌县交通运输局") < page.index("由交通局转办")
    assert "handed-below-1" in page and "转办反馈" in page and "请分头核实" in page
    assert "下级单位运管股、公路股尚未反馈" in page
    assert "运管股（转办）" in page, "the strip of who holds it"

    answered = {
        "outcome": "resolved",
        "account": "运管股已到场疏导",
        "public_reply": "入口已恢复",
        "evidence": "孙科员现场核实",
    }
    form = sun.get(f"/appeals/{number}/answer", headers=FRAGMENT).text
    assert "供转办单位答复企业时采用，可不填" in form
    assert sun.post(f"/appeals/{number}/answer", data=answered).status_code == 303
    road = of_unit(cast, number, "road")
    typed = {"assignment_id": road, "reason": ""}
    assert chen.post(f"/appeals/{number}/release-child", data=typed).status_code == 422
    assert (
        sun.post(f"/appeals/{number}/release-child", data={**typed, "reason": "x"}).status_code
        == 403
    )
    done = chen.post(f"/appeals/{number}/release-child", data={**typed, "reason": "不涉及公路"})
    assert done.status_code == 303
    form = chen.get(f"/appeals/{number}/answer", headers=FRAGMENT).text
    assert "运管股：运管股已到场疏导" in form and "入口已恢复</textarea>" in form
    page = chen.get(f"/appeals/{number}").text
    for words in ("转办意见", "转办反馈", "解除转办", "不涉及公路", "每日反馈"):
        assert words in page, words
    assert chen.post(f"/appeals/{number}/answer", data=answered).status_code == 303
    with cast.app.app_context():
        from ledger.db import now

        at = now() + timedelta(days=3)
        rows = days_held(cast.actor("zhou"), at, Filters())
        keys = {v: k for k, v in cast.units.items()}
        told = [(keys[r.unit_id], r.part, r.assignments, r.now) for r in rows]
        assert sorted(told) == [
            ("bureau", "lead", 1, 0), ("road", "child", 1, 0), ("section", "child", 1, 0),
        ]  # fmt: skip
        db.session.remove()
    assert problems(cast) == []


def test_what_is_not_signed_for_below_counts_as_received_and_holds_pause_it(cast: Cast) -> None:
    number = assigned(below(cast))
    pass_on(cast, number, MONDAY + HOUR, "chen", "section")
    with cast.app.app_context():
        db.session.remove()
        assert receive_unsigned(MONDAY + timedelta(days=3)) == 1
        db.session.remove()
    assert tree(cast, number)["section"][1] == "taken"
    with cast.app.app_context():
        row = db.session.scalars(
            select(Assignment).where(Assignment.unit_id == cast.units["section"])
        ).one()
        assert row.deemed
        received = row.signed_at
        assert received is not None
        db.session.remove()
    at = received + HOUR
    until = at + timedelta(days=10)
    do(cast, number, "zhou", at, lambda a, h: a.hold("等外省", until, **h))
    pass_on(cast, number, at + HOUR, "chen", "road")
    running = look(cast, number, lambda a: [d.stage for d in a.running()])
    assert running == ["hold_review"], "a clock that begins meanwhile waits with the others"
    do(cast, number, "zhou", at + timedelta(days=6), lambda a, h: a.resume("已回复", **h))
    assert due_of(cast, number, "road") <= due_of(cast, number, "bureau")
    assert due_of(cast, number, "section") <= due_of(cast, number, "bureau")
    assert problems(cast) == []
