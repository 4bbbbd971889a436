"""延期: asked in time with the firm told, granted within the caps, both due times kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.db import db, now
from ledger.deadlines.calendar import end_of, last_day
from ledger.deadlines.limits import DEFAULTS, Caps
from ledger.deadlines.models import LimitVersion
from request_hand import MONDAY, Seen, ask_extension, ask_return, assigned, days_on, do

DUE = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
"""Wednesday 24:00 in Shanghai: seven working days after the Monday."""
LAST = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
"""The last moment to ask: the due day itself is left to work in."""
HOUR = timedelta(hours=1)


def rule(
    cast: Cast,
    number: str,
    at: datetime,
    granted: bool = True,
    ruling: str = "",
    until: datetime | None = None,
    who: str = "zhou",
) -> None:
    do(
        cast,
        number,
        who,
        at,
        lambda a, hand: a.rule_extension(granted, ruling, until=until, **hand),
    )


def test_granted_as_asked_and_both_due_times_stay(cast: Cast) -> None:
    number = assigned(cast)
    assert Seen(cast, number).due_at == DUE
    until = ask_extension(cast, number, MONDAY + HOUR)
    seen = Seen(cast, number)
    assert (seen.held["state"], seen.request["proposed_at"]) == ("taken", until)
    assert seen.due_at == DUE, "until it is granted nothing moves"
    assert seen.running["rule_extension"]["due_at"] == datetime(2026, 11, 17, 16, tzinfo=UTC)
    rule(cast, number, MONDAY + 2 * HOUR)
    seen = Seen(cast, number)
    clock = seen.running["answer"]
    assert (clock["due_at"], clock["original_due_at"]) == (until, DUE)
    assert seen.due_at == until
    assert "经批准延期" in clock["sentence"]
    assert [c["ended_as"] for c in seen.ended if c["stage"] == "answer"] == ["extended"]
    assert (seen.request["state"], seen.request["granted_until"]) == ("granted", until)
    assert (seen.held["extensions"], seen.asked) == (1, None)
    page = cast.client("chen").get(f"/appeals/{number}").text
    assert "2026-11-30 24:00" in page
    assert "原时限 2026-11-25 24:00" in page


def test_granted_until_an_earlier_date_but_no_later_one(cast: Cast) -> None:
    number = assigned(cast)
    until = ask_extension(cast, number, MONDAY + HOUR, 4)
    at = MONDAY + 2 * HOUR
    with cast.app.app_context():
        later, saturday = days_on(until, 1), end_of(last_day(DUE) + timedelta(days=3))
        earlier = days_on(DUE, 2)
    for wrong in (later, DUE, saturday):
        with pytest.raises(Invalid) as invalid:
            rule(cast, number, at, until=wrong)
        assert invalid.value.field == "until"
    rule(cast, number, at, until=earlier)
    assert Seen(cast, number).due_at == earlier
    assert "同意延至2026-11-27 24:00" in cast.client("chen").get(f"/appeals/{number}").text


def test_refused_leaves_the_due_time_and_wants_a_reason(cast: Cast) -> None:
    number = assigned(cast)
    ask_extension(cast, number, MONDAY + HOUR)
    with pytest.raises(Invalid) as missing:
        rule(cast, number, MONDAY + 2 * HOUR, False)
    assert missing.value.field == "ruling"
    rule(cast, number, MONDAY + 2 * HOUR, False, "请抓紧办理")
    seen = Seen(cast, number)
    assert (seen.due_at, seen.request["state"], seen.held["extensions"]) == (DUE, "refused", 0)
    assert set(seen.running) == {"answer", "contact"}
    ask_extension(cast, number, MONDAY + 3 * HOUR, 1)
    rule(cast, number, MONDAY + 4 * HOUR)
    with pytest.raises(Refused) as refused:
        ask_extension(cast, number, MONDAY + 5 * HOUR, 1)
    assert "已延期1次" in refused.value.reason


def test_one_at_a_time(cast: Cast) -> None:
    number = assigned(cast)
    ask_extension(cast, number, MONDAY + HOUR)
    with pytest.raises(Refused) as refused:
        ask_extension(cast, number, MONDAY + 2 * HOUR)
    assert (refused.value.status, refused.value.reason) == (409, "已有延期申请待审批。")


def test_it_is_asked_a_working_day_before_it_is_due(cast: Cast) -> None:
    in_time, late = assigned(cast), assigned(cast)
    ask_extension(cast, in_time, LAST)
    with pytest.raises(Refused) as refused:
        ask_extension(cast, late, LAST + timedelta(seconds=1))
    assert refused.value.status == 409
    assert "2026-11-24 24:00前申请" in refused.value.reason


def test_a_ruling_may_come_after_the_due_time(cast: Cast) -> None:
    """Asked in time, ruled late: the unit shall not suffer for the office."""
    number = assigned(cast)
    until = ask_extension(cast, number, LAST)
    rule(cast, number, DUE + 10 * HOUR)
    assert Seen(cast, number).due_at == until


def test_none_for_what_is_critical(cast: Cast) -> None:
    number = assigned(cast, urgency="critical")
    with pytest.raises(Refused) as refused:
        ask_extension(cast, number, MONDAY + HOUR)
    assert (refused.value.status, refused.value.reason) == (409, "特急诉求按规定不得延期。")
    assert "ask-extension" not in cast.client("chen").get(f"/appeals/{number}").text
    other = assigned(cast)
    ask_extension(cast, other, MONDAY + HOUR)
    do(
        cast,
        other,
        "zhou",
        MONDAY + HOUR,
        lambda a, hand: a.correct({"urgency": "critical"}, "货物鲜活", **hand),
    )
    with pytest.raises(Invalid) as invalid:
        rule(cast, other, MONDAY + 2 * HOUR)
    assert "不得延期" in invalid.value.reason
    rule(cast, other, MONDAY + 2 * HOUR, False, "已改为特急")


def test_no_further_than_ten_working_days(cast: Cast) -> None:
    number = assigned(cast)
    with pytest.raises(Invalid) as invalid:
        ask_extension(cast, number, MONDAY + HOUR, 11)
    assert invalid.value.field == "until"
    assert "最长可延至2026-12-09 24:00" in invalid.value.reason
    ask_extension(cast, number, MONDAY + HOUR, 10)


def _asking(said: dict[str, Any]) -> Any:
    return lambda a, hand: a.ask_extension(**said, **hand)


def test_what_is_asked_has_to_make_sense(cast: Cast) -> None:
    number = assigned(cast)
    with cast.app.app_context():
        until = days_on(DUE, 2)
    good: dict[str, Any] = {
        "until": until,
        "reason_code": "several_units",
        "basis": "会商",
        "firm_told": True,
    }
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"until": None}, "until"),
        ({"until": DUE}, "until"),
        ({"until": end_of(last_day(DUE) + timedelta(days=3))}, "until"),
        ({"reason_code": "not_competent"}, "reason_code"),
        ({"basis": " "}, "basis"),
        ({"firm_told": False}, "firm_told"),
    ]
    for change, field in wrong:
        with pytest.raises(Invalid) as invalid:
            do(
                cast,
                number,
                "chen",
                MONDAY + HOUR,
                _asking({**good, **change}),
            )
        assert invalid.value.field == field, change
    assert Seen(cast, number).requests == []


def test_the_caps_are_the_published_ones(cast: Cast) -> None:
    with cast.app.app_context():
        rules = [replace(one, stages={**one.stages, "extension": "4wd"}) for one in DEFAULTS]
        caps = Caps(extensions=2, extension_ask_days=3, extension_manager_days=1)
        db.session.add(
            LimitVersion.publish("试行", rules, caps, at=MONDAY, effective_from=MONDAY)
        )
        db.session.commit()
    number = assigned(cast)
    with pytest.raises(Invalid):
        ask_extension(cast, number, MONDAY + HOUR, 5)
    for turn in range(2):
        ask_extension(cast, number, MONDAY + (2 * turn + 1) * HOUR, 1)
        rule(cast, number, MONDAY + (2 * turn + 2) * HOUR)
    with pytest.raises(Refused):
        ask_extension(cast, number, MONDAY + 6 * HOUR, 1)
    other = assigned(cast)
    ask_extension(cast, other, MONDAY + HOUR, 2)
    with pytest.raises(Refused) as refused:
        rule(cast, other, MONDAY + 2 * HOUR)
    assert refused.value.status == 403
    late = assigned(cast)
    with pytest.raises(Refused):
        ask_extension(cast, late, LAST - timedelta(days=1), 1)


def test_no_longer_than_the_whole_may_take(cast: Cast) -> None:
    """政策性: 15 working days, at most 30 in all; the office gave it 28 at once."""
    number = assigned(cast)
    do(
        cast,
        number,
        "zhou",
        MONDAY + HOUR,
        lambda a, hand: a.correct({"cross_region": True}, "涉及外省", **hand),
    )
    with cast.app.app_context():
        due = days_on(MONDAY, 28)
    do(cast, number, "zhou", MONDAY + HOUR, lambda a, hand: a.set_due(due, "等外省", **hand))
    with pytest.raises(Invalid) as invalid:
        ask_extension(cast, number, MONDAY + 2 * HOUR, 3)
    assert "最长可延至" in invalid.value.reason
    ask_extension(cast, number, MONDAY + 2 * HOUR, 2)


def test_over_five_days_a_manager_rules(cast: Cast) -> None:
    five, six = assigned(cast), assigned(cast)
    ask_extension(cast, five, MONDAY + HOUR, 5)
    ask_extension(cast, six, MONDAY + HOUR, 6)
    assert [Seen(cast, n).request["by_manager"] for n in (five, six)] == [False, True]
    for granted in (True, False):
        with pytest.raises(Refused) as refused:
            rule(cast, six, MONDAY + 2 * HOUR, granted, "研究", who="zhou")
        assert refused.value.status == 403
        assert "由领导审批" in refused.value.reason
    rule(cast, five, MONDAY + 2 * HOUR, who="zhou")
    page = cast.client("zhou").get(f"/appeals/{six}").text
    assert "待领导审批" in page
    assert "act-rule-extension" not in page
    rule(cast, six, MONDAY + 2 * HOUR, who="ma")
    assert Seen(cast, six).due_at > Seen(cast, five).due_at


def test_an_answer_ends_what_was_asked(cast: Cast) -> None:
    number = assigned(cast, now())
    ask_extension(cast, number, now())
    cast.answer(number)
    seen = Seen(cast, number)
    assert (seen.request["state"], seen.asked, set(seen.running)) == ("lapsed", None, {"review"})
    with pytest.raises(Refused) as refused:
        rule(cast, number, now())
    assert refused.value.status == 409


def test_return_and_extension_stand_beside_each_other(cast: Cast) -> None:
    """Refused, the extension still waits; upheld, it lapses with the assignment."""
    number = assigned(cast)
    ask_extension(cast, number, MONDAY + HOUR)
    ask_return(cast, number, MONDAY + 2 * HOUR)
    do(
        cast,
        number,
        "zhou",
        MONDAY + 3 * HOUR,
        lambda a, hand: a.rule_return(False, "属你单位职责", **hand),
    )
    assert set(Seen(cast, number).running) == {"answer", "contact", "rule_extension"}
    rule(cast, number, MONDAY + 4 * HOUR)
    other = assigned(cast)
    ask_extension(cast, other, MONDAY + HOUR)
    ask_return(cast, other, MONDAY + 2 * HOUR)
    do(cast, other, "zhou", MONDAY + 3 * HOUR, lambda a, hand: a.rule_return(True, "", **hand))
    assert [r["state"] for r in Seen(cast, other).requests] == ["lapsed", "granted"]
    assert Seen(cast, other).asked is None


def test_a_send_back_goes_on_from_the_extended_due_time(cast: Cast) -> None:
    number = assigned(cast)
    until = ask_extension(cast, number, MONDAY + HOUR)
    rule(cast, number, MONDAY + 2 * HOUR)
    answer: Any = ("resolved", "已办理。", "您好，已按规定办理完毕。")
    do(
        cast,
        number,
        "chen",
        MONDAY + 3 * HOUR,
        lambda a, hand: a.answer(*answer, evidence="现场核实", **hand),
    )
    do(cast, number, "zhou", MONDAY + 4 * HOUR, lambda a, hand: a.send_back("缺佐证", **hand))
    clock = Seen(cast, number).running["answer"]
    assert (clock["due_at"], clock["original_due_at"]) == (until, DUE)


def test_the_trail_replays_and_reads_like_a_story(cast: Cast) -> None:
    number = assigned(cast)
    ask_extension(cast, number, MONDAY + HOUR, 6)
    rule(cast, number, MONDAY + 2 * HOUR, who="ma", ruling="同意，务必按期")
    with cast.app.app_context():
        assert check_appeal(db.engine, number) == []
    page = cast.client("zhou").get(f"/appeals/{number}").text
    for said in (
        "涉及多个单位，正在会商",
        "与公路中心会商",
        "<dt>申请延至</dt>",
        "<dt>已向企业说明</dt>",
        "由领导审批",
        "同意延期",
        "<del>2026-11-25 24:00</del> → <ins>2026-12-03 24:00</ins>",
        "同意，务必按期",
    ):
        assert said in page, said


# -- by page ------------------------------------------------------------------------------------


def post(cast: Cast, who: str, number: str, act: str, **typed: Any) -> Any:
    return cast.client(who).post(f"/appeals/{number}/{act}", data=typed)


def wished(cast: Cast, number: str, days: int) -> str:
    with cast.app.app_context():
        return last_day(days_on(Seen(cast, number).due_at, days)).isoformat()


def test_asked_and_ruled_by_plain_forms(cast: Cast) -> None:
    number = cast.reach("assigned")
    form = cast.client("chen").get(f"/appeals/{number}/ask-extension").text
    assert "最长可延至" in form
    assert "涉及多个单位，正在会商" in form
    day = wished(cast, number, 3)
    typed = {"until": day, "reason_code": "several_units", "basis": "与公路中心会商"}
    untold = post(cast, "chen", number, "ask-extension", **typed)
    assert untold.status_code == 422
    assert "应先向企业说明" in untold.text
    assert "与公路中心会商" in untold.text
    assert post(cast, "chen", number, "ask-extension", firm_told="y", **typed).status_code == 303
    office = cast.client("zhou").get(f"/appeals/{number}").text
    assert "下一步：延期审批" in office
    assert f'value="{day}"' in office, "the date that was asked for stands in the form"
    assert "3个工作日" in office
    refused = post(cast, "zhou", number, "rule-extension", granted="refused", until=day)
    assert refused.status_code == 422
    assert post(cast, "zhou", number, "rule-extension", granted="granted").status_code == 303
    assert last_day(Seen(cast, number).due_at).isoformat() == day


def test_the_manager_finds_and_rules_on_the_long_one(cast: Cast) -> None:
    number = cast.reach("assigned")
    assert "待审批延期</h3>" not in cast.client("ma").get("/desk").text
    ask_extension(cast, number, now(), 6)
    desk = cast.client("ma").get("/desk").text
    assert f"/appeals/{number}/rule-extension" in desk
    assert f"/appeals/{number}/rule-extension" not in cast.client("zhou").get("/desk").text
    assert "延期待审批" in cast.client("chen").get("/desk").text
    assert post(cast, "zhou", number, "rule-extension", granted="granted").status_code == 403
    assert "下一步：延期审批" in cast.client("ma").get(f"/appeals/{number}").text
    assert post(cast, "ma", number, "rule-extension", granted="granted").status_code == 303
    assert Seen(cast, number).held["extensions"] == 1


def test_who_may_not_ask_nor_rule(cast: Cast) -> None:
    number = cast.reach("assigned")
    typed = {
        "until": wished(cast, number, 2),
        "reason_code": "several_units",
        "basis": "会商",
        "firm_told": "y",
    }
    for who, status in (("zhou", 403), ("ma", 403), ("he", 404), ("yuan", 404), ("an", 404)):
        assert post(cast, who, number, "ask-extension", **typed).status_code == status, who
    assert post(cast, "zhou", number, "rule-extension", granted="granted").status_code == 409
    ask_extension(cast, number, now(), 2)
    for who, status in (("chen", 403), ("du", 403), ("he", 404), ("yuan", 404)):
        refused = post(cast, who, number, "rule-extension", granted="granted")
        assert refused.status_code == status, who


def test_the_button_goes_with_the_hour(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page keeps of an appeal does not offer what can be asked for no more."""
    from ledger.appeals import show_views

    number = assigned(cast, urgency="normal")
    client = cast.client("chen")
    for at, offered in ((LAST - HOUR, True), (LAST + HOUR, False)):
        monkeypatch.setattr(show_views, "now", lambda at=at: at)
        page = client.get(f"/appeals/{number}").text
        assert ('id="more-ask-extension"' in page) == offered, at


def test_a_due_time_set_meanwhile_leaves_nothing_to_grant(cast: Cast) -> None:
    number = assigned(cast)
    ask_extension(cast, number, MONDAY + HOUR, 2)
    with cast.app.app_context():
        due = days_on(DUE, 4)
    do(cast, number, "zhou", MONDAY + HOUR, lambda a, hand: a.set_due(due, "已另定", **hand))
    version = Seen(cast, number).version
    with pytest.raises(Invalid) as invalid:
        rule(cast, number, MONDAY + 2 * HOUR)
    assert invalid.value.field == "until"
    assert Seen(cast, number).version == version
    rule(cast, number, MONDAY + 2 * HOUR, False, "时限已另行核定")


def test_an_old_case_without_limits_has_nothing_to_extend(cast: Cast) -> None:
    from ledger.appeals.intake import Registration
    from ledger.appeals.opening import Carried
    from ledger.db import writing

    with cast.app.app_context(), writing() as at:
        known = Registration("顺达物流", "入口关闭", "carried", at, phone_given="none")
        appeal = Appeal.carry_over(
            known,
            Carried("assigned", at - timedelta(days=90), "{}"),
            office=cast.unit("office"),
            by=cast.actor("zhou"),
            at=at,
            unit=cast.unit("bureau"),
        )
        db.session.commit()
        chen = cast.actor("chen")
        verdicts = [appeal.may(verb, chen, at) for verb in ("ask_extension", "ask_return")]
        assert [verdict.status for verdict in verdicts] == [409, 409]
        assert verdicts[0].reason == "本件没有办结时限，不需要延期。"
