"""退单: asked in time and once, ruled on the same day, final; by verbs and by pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.db import db, now
from ledger.deadlines.limits import DEFAULTS, Caps
from ledger.deadlines.models import LimitVersion
from ledger.people.actor import system
from request_hand import FRAGMENT, MONDAY, Seen, ask_return, assigned, do, rule_return

HOUR = timedelta(hours=1)
TUESDAY_END = datetime(2026, 11, 17, 16, 0, tzinfo=UTC)
"""24:00 in Shanghai: one working day after the hand-off."""


def test_asking_makes_the_assignment_contested_and_its_clocks_run_on(cast: Cast) -> None:
    number = assigned(cast)
    ask_return(cast, number, MONDAY + HOUR)
    seen = Seen(cast, number)
    assert (seen.state, seen.label, seen.held["state"]) == ("assigned", "退单待裁定", "contested")
    assert (seen.request["kind"], seen.request["state"]) == ("return", "asked")
    assert seen.held["returns"] == 1
    assert seen.held["signed_at"] == MONDAY + HOUR, "whoever returns it has received it"
    assert {"answer", "contact"} <= set(seen.running)
    ruling = seen.running["rule_return"]
    assert ruling["due_at"] == datetime(2026, 11, 16, 16, 0, tzinfo=UTC)
    assert "申请退单，当日办理，应于2026-11-16 24:00前完成" in ruling["sentence"]


@pytest.mark.parametrize(
    ("urgency", "last"), [("normal", TUESDAY_END), ("critical", MONDAY + timedelta(minutes=30))]
)
def test_it_is_asked_within_its_limit_from_the_hand_off(
    cast: Cast, urgency: str, last: datetime
) -> None:
    in_time, late = assigned(cast, urgency=urgency), assigned(cast, urgency=urgency)
    ask_return(cast, in_time, last)
    with pytest.raises(Refused) as refused:
        ask_return(cast, late, last + timedelta(seconds=1))
    assert refused.value.status == 409
    assert "退单应于" in refused.value.reason


def test_a_deemed_receipt_does_not_move_the_limit(cast: Cast) -> None:
    number = assigned(cast)
    at = TUESDAY_END + HOUR

    def receive(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.receive(appeal.assignments[0], by=system(), at=at)

    do(cast, number, "zhou", at, receive)
    with pytest.raises(Refused):
        ask_return(cast, number, at + HOUR)
    other = assigned(cast, urgency="critical")
    at = MONDAY + timedelta(minutes=30)
    do(cast, other, "zhou", at, receive)
    ask_return(cast, other, at)


def test_the_limit_is_the_published_one(cast: Cast) -> None:
    from dataclasses import replace

    with cast.app.app_context():
        rules = [replace(rule, stages={**rule.stages, "return": "3wd"}) for rule in DEFAULTS]
        caps = Caps(return_ruling_days=2)
        db.session.add(
            LimitVersion.publish("试行", rules, caps, at=MONDAY, effective_from=MONDAY)
        )
        db.session.commit()
    number = assigned(cast)
    ask_return(cast, number, MONDAY + timedelta(days=3))
    due = Seen(cast, number).running["rule_return"]["due_at"]
    assert due == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)


def test_refused_is_final_for_that_unit_and_round(cast: Cast) -> None:
    number = assigned(cast)
    before = Seen(cast, number)
    ask_return(cast, number, MONDAY + HOUR)
    rule_return(cast, number, MONDAY + 2 * HOUR, False, "该事项属你单位职责")
    seen = Seen(cast, number)
    assert (seen.state, seen.label, seen.held["state"]) == ("assigned", "办理中", "taken")
    assert (seen.request["state"], seen.request["ruling"]) == ("refused", "该事项属你单位职责")
    assert seen.asked is None
    assert seen.due_at == before.due_at, "its clock ran all the while"
    assert "rule_return" not in seen.running
    with pytest.raises(Refused) as refused:
        ask_return(cast, number, MONDAY + 3 * HOUR)
    assert refused.value.status == 409
    assert "已申请过退单" in refused.value.reason
    with pytest.raises(Refused):
        rule_return(cast, number, MONDAY + 3 * HOUR, True)


def test_upheld_names_the_new_lead_in_the_same_act(cast: Cast) -> None:
    number = assigned(cast)
    ask_return(cast, number, MONDAY + HOUR)
    at = MONDAY + timedelta(days=1)
    rule_return(cast, number, at, True, "属公安职责", "police")
    seen = Seen(cast, number)
    old, new = seen.assignments
    assert (old["state"], old["release_reason"]) == ("released", "return_upheld")
    assert (new["state"], new["unit_id"], new["assigned_at"]) == (
        "offered",
        cast.units["police"],
        at,
    )
    assert (seen.state, seen.label, seen.lead_unit_id) == (
        "assigned",
        "待签收",
        cast.units["police"],
    )
    assert seen.due_at == datetime(2026, 11, 26, 16, 0, tzinfo=UTC), "seven working days anew"
    assert {clock["assignment_id"] for clock in seen.running.values()} == {new["id"]}
    assert seen.request["state"] == "granted"


def test_upheld_without_a_successor_waits_for_a_hand_off(cast: Cast) -> None:
    number = assigned(cast)
    ask_return(cast, number, MONDAY + HOUR)
    rule_return(cast, number, MONDAY + 2 * HOUR, True)
    seen = Seen(cast, number)
    assert (seen.state, seen.lead_unit_id, seen.held["state"]) == ("accepted", None, "released")
    assert set(seen.running) == {"assign"}
    cast.assign(number, "police")
    assert Seen(cast, number).state == "assigned"


def test_who_returned_it_with_right_may_close_it_later(cast: Cast) -> None:
    """回避 (b) does not hold for an assignment that an upheld return ended."""
    from datetime import date

    from ledger.people.models import Post

    number = assigned(cast, now())
    ask_return(cast, number, now())
    rule_return(cast, number, now(), True, "", "police")
    cast.answer(number, by="he")
    cast.review(number)
    with cast.app.app_context():
        post = {"person_id": cast.people["qian"], "unit_id": cast.units["bureau"]}
        db.session.add(Post(**post, role="closer", starts_on=date(2020, 1, 1)))
        db.session.commit()
    cast.call_back(number)
    cast.close(number, by="qian")
    assert Seen(cast, number).state == "closed"


def test_the_second_return_of_a_round_goes_to_joint_study_and_is_the_last(cast: Cast) -> None:
    number = assigned(cast)
    ask_return(cast, number, MONDAY + HOUR)
    rule_return(cast, number, MONDAY + 2 * HOUR, True, "", "police")
    ask_return(cast, number, MONDAY + 3 * HOUR, "he")
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "会商研究后裁定；裁定为最终意见" in page
    with pytest.raises(Invalid) as missing:
        rule_return(cast, number, MONDAY + 4 * HOUR, True, "", "section")
    assert missing.value.field == "ruling"
    rule_return(cast, number, MONDAY + 4 * HOUR, True, "经会商由运管股承办", "section")
    with pytest.raises(Refused) as refused:
        ask_return(cast, number, MONDAY + 5 * HOUR, "sun")
    assert "会商裁定" in refused.value.reason
    page = cast.client("zhou").get(f"/appeals/{number}").text
    assert "本轮再次退单，经会商研究，本裁定为最终意见" in page
    assert "会商研究后裁定" not in page


def test_a_new_round_begins_the_count_anew(cast: Cast) -> None:
    number = assigned(cast, now())
    ask_return(cast, number, now())
    rule_return(cast, number, now(), False, "属你单位职责")
    cast.answer(number)
    cast.review(number)
    cast.call_back(number, "unsatisfied")
    ask_return(cast, number, now())
    assert Seen(cast, number).label == "退单待裁定"
    assert "会商研究后裁定" not in cast.client("zhou").get(f"/appeals/{number}").text


def test_an_answer_ends_what_was_asked(cast: Cast) -> None:
    number = assigned(cast, now())
    ask_return(cast, number, now())
    cast.answer(number)
    seen = Seen(cast, number)
    assert (seen.state, seen.request["state"], seen.asked) == ("answered", "lapsed", None)
    assert set(seen.running) == {"review"}
    with pytest.raises(Refused) as refused:
        rule_return(cast, number, now(), True)
    assert refused.value.status == 409


@pytest.mark.parametrize("way", ["recall", "withdraw"])
def test_what_takes_it_away_ends_what_was_asked(cast: Cast, way: str) -> None:
    number = assigned(cast, now())
    ask_return(cast, number, now())

    def act(appeal: Appeal, hand: dict[str, Any]) -> None:
        if way == "recall":
            appeal.recall("改派", **hand)
        else:
            appeal.withdraw("void", "重复", **hand)

    do(cast, number, "zhou", now(), act)
    seen = Seen(cast, number)
    assert (seen.request["state"], seen.asked) == ("lapsed", None)
    assert "rule_return" not in seen.running


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"granted": False, "ruling": " "}, "ruling"),
    ({"granted": False, "ruling": "不同意", "unit": "police"}, "unit_id"),
    ({"granted": True, "ruling": "", "unit": "bureau"}, "unit_id"),
    ({"granted": True, "ruling": "", "unit": "office"}, "unit_id"),
]


def test_a_ruling_that_makes_no_sense_is_none(cast: Cast) -> None:
    number = assigned(cast)
    with pytest.raises(Invalid) as wrong:
        do(cast, number, "chen", MONDAY, lambda a, h: a.ask_return("not_competent", " ", **h))
    assert wrong.value.field == "basis"
    with pytest.raises(Invalid) as wrong:
        do(cast, number, "chen", MONDAY, lambda a, h: a.ask_return("complex", "有据", **h))
    assert wrong.value.field == "reason_code"
    ask_return(cast, number, MONDAY + HOUR)
    version = Seen(cast, number).version
    for typed, field in WRONG:
        with pytest.raises(Invalid) as wrong:
            rule_return(cast, number, MONDAY + 2 * HOUR, **typed)
        assert wrong.value.field == field, typed
    assert Seen(cast, number).version == version


def test_a_ruling_on_an_assist_leaves_the_lead_alone(cast: Cast) -> None:
    number = assigned(cast)

    def assist(appeal: Appeal, hand: dict[str, Any]) -> None:
        with appeal.act("add_assist", **hand):
            appeal._offer(cast.unit("police"), "assist", hand["by"], hand["at"], "", "")

    do(cast, number, "zhou", MONDAY, assist)
    ask_return(cast, number, MONDAY + HOUR, "he")
    rule_return(cast, number, MONDAY + 2 * HOUR, True)
    seen = Seen(cast, number)
    assert [one["state"] for one in seen.assignments] == ["offered", "released"]
    assert (seen.state, seen.lead_unit_id) == ("assigned", cast.units["bureau"])
    assert "answer" in seen.running


def test_the_trail_replays_and_reads_like_a_story(cast: Cast) -> None:
    number = assigned(cast)
    ask_return(cast, number, MONDAY + HOUR)
    rule_return(cast, number, MONDAY + 2 * HOUR, True, "同意，由交管大队承办", "police")
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
    page = cast.client("zhou").get(f"/appeals/{number}").text
    for said in (
        "不属于本单位职责",
        "依三定规定应由其承办",
        "同意退单（改派）",
        "同意，由交管大队承办",
        "已解除（同意退单）",
    ):
        assert said in page


# -- by page ------------------------------------------------------------------------------------


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    headers = typed.pop("headers", None)
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed, headers=headers)


def test_asked_and_ruled_by_plain_forms(cast: Cast) -> None:
    number = cast.reach("assigned")
    form = cast.client("chen").get(f"/appeals/{number}/ask-return").text
    assert "退单申请时限" in form
    assert "属地不符" in form
    typed = {"reason_code": "not_competent", "basis": "该路段由公路中心管养"}
    assert post(cast, "chen", number, "ask-return", **typed).status_code == 303
    page = cast.client("chen").get(f"/appeals/{number}").text
    assert "退单待裁定" in page
    assert "该路段由公路中心管养" in page
    assert 'id="more-ask-return"' not in page
    office = cast.client("zhou").get(f"/appeals/{number}").text
    assert "下一步：退单裁定" in office
    assert f'value="{cast.units["police"]}"' in office
    assert f'value="{cast.units["bureau"]}"' not in office, "who returns it is not offered"
    empty = post(cast, "zhou", number, "rule-return", granted="refused", ruling="")
    assert empty.status_code == 422
    assert "请写明裁定意见" in empty.text
    typed = {"granted": "granted", "unit_id": str(cast.units["police"]), "ruling": "同意改派"}
    seen = Seen(cast, number).version
    done = post(cast, "zhou", number, "rule-return", headers=FRAGMENT, seen=seen, **typed)
    assert done.status_code == 200
    assert done.text.lstrip().startswith('<article id="_appeal"')
    assert Seen(cast, number).lead_unit_id == cast.units["police"]
    again = post(cast, "zhou", number, "rule-return", seen=seen, **typed)
    assert again.status_code == 303, "the very same click twice"
    assert Seen(cast, number).version == seen + 1


def test_ruled_without_a_successor_by_the_form(cast: Cast) -> None:
    number = cast.reach("assigned")
    ask_return(cast, number, now())
    typed = {"granted": "granted", "unit_id": "", "ruling": ""}
    assert post(cast, "zhou", number, "rule-return", **typed).status_code == 303
    assert Seen(cast, number).state == "accepted"


def test_what_came_too_late_keeps_what_was_typed(cast: Cast) -> None:
    """Ruling and answering at once: one wins, the other reads what happened."""
    number = cast.reach("assigned")
    ask_return(cast, number, now())
    seen = Seen(cast, number).version
    cast.answer(number)
    typed = {"granted": "refused", "ruling": "属你单位职责"}
    late = post(cast, "zhou", number, "rule-return", seen=seen, headers=FRAGMENT, **typed)
    assert late.status_code == 409
    assert "属你单位职责" in late.text
    assert "办结反馈" in late.text


def test_who_may_not_ask_nor_rule(cast: Cast) -> None:
    number = cast.reach("assigned")
    typed = {"reason_code": "not_competent", "basis": "不归我们"}
    for who, status in (("zhou", 403), ("du", 403), ("he", 404), ("yuan", 404), ("xi", 404)):
        assert post(cast, who, number, "ask-return", **typed).status_code == status, who
    assert post(cast, "zhou", number, "rule-return", granted="granted").status_code == 409
    ask_return(cast, number, now())
    for who, status in (("chen", 403), ("ma", 403), ("wu", 403), ("yuan", 404)):
        refused = post(cast, who, number, "rule-return", granted="granted")
        assert refused.status_code == status, who
    assert Seen(cast, number).held["state"] == "contested"


def test_it_stands_on_the_desks_at_once(cast: Cast) -> None:
    number = cast.reach("assigned")
    assert "待裁定（退单、延期、挂账）" not in cast.client("zhou").get("/desk").text
    ask_return(cast, number, now())
    page = cast.client("zhou").get("/desk").text
    assert "待裁定（退单、延期、挂账）" in page
    assert f"/appeals/{number}/rule-return" in page
    unit = cast.client("chen").get("/desk").text
    assert "退单待裁定" in unit
    assert number in cast.client("zhou").get("/appeals/?view=to_rule").text
    assert number not in cast.client("shi").get("/appeals/?view=to_rule").text
    assert number not in cast.client("ma").get("/appeals/?view=to_approve").text
    rule_return(cast, number, now(), True)
    assert "待裁定（退单、延期、挂账）" not in cast.client("zhou").get("/desk").text


def test_of_two_requests_the_form_tells_of_the_one_it_rules_on(cast: Cast) -> None:
    number = cast.reach("assigned")
    police = "寻乌县公安局交管大队"
    do(
        cast, number, "zhou", now(),
        lambda a, hand: a.add_assist([cast.unit("police")], "配合", **hand),
    )  # fmt: skip
    ask_return(cast, number, now(), who="he")
    ask_return(cast, number, now())
    form = cast.client("zhou").get(f"/appeals/{number}/rule-return", headers=FRAGMENT).text
    assert f"{police}何警官申请退单" in form and "陈经办申请退单" not in form
    rule_return(cast, number, now(), False, "请继续配合")
    form = cast.client("zhou").get(f"/appeals/{number}/rule-return", headers=FRAGMENT).text
    assert "陈经办申请退单" in form and police not in form.split("申请退单")[0]
