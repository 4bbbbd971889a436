"""A lead and its assists by their verbs: who waits for whom, which clocks run, and who leads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import unit_sight
from ledger.appeals.filters import Filters
from ledger.appeals.holding_queries import days_held
from ledger.appeals.leaf import leaf
from ledger.appeals.lifecycle import may
from ledger.appeals.models import Appeal, Assignment, Deadline
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.show_views import _holders
from ledger.db import db, keyring, now, writing
from ledger.people.models import Post
from ledger.trail.act import StaleForm
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry

LEAD, ASSISTS = "bureau", ("police", "industry")


def staffed(cast: Cast) -> Cast:
    """The industry bureau has a handler too: Lin, beside his being a liaison."""
    with cast.app.app_context():
        with writing():
            post = Post(
                person_id=cast.people["lin"],
                unit_id=cast.units["industry"],
                role="handler",
                starts_on=date(2020, 1, 1),
            )
            db.session.add(post)
            db.session.commit()
        db.session.remove()
    return cast


def hand_out(cast: Cast, *assists: str, lead: str = LEAD, **more: Any) -> str:
    number = cast.reach("accepted")

    def act(appeal: Appeal, at: datetime) -> None:
        units = [cast.unit(one) for one in assists or ASSISTS]
        appeal.assign(cast.unit(lead), assists=units, by=cast.actor("zhou"), at=at, **more)

    cast.do(number, act)
    return number


def look(cast: Cast, number: str, what: Callable[[Appeal], Any]) -> Any:
    with cast.app.app_context():
        found = what(db.session.scalars(select(Appeal).where(Appeal.number == number)).one())
        db.session.remove()
        return found


def of_unit(cast: Cast, number: str, unit: str) -> int:
    """The id of its latest assignment."""
    wanted = cast.units[unit]
    found: int = look(
        cast, number, lambda a: max(x.id for x in a.assignments if x.unit_id == wanted)
    )
    return found


def states(cast: Cast, number: str) -> dict[str, str]:
    """Of each unit's latest assignment."""
    keys = {v: k for k, v in cast.units.items()}
    found: dict[str, str] = look(
        cast, number, lambda a: {keys[x.unit_id]: x.state for x in a.assignments}
    )
    return found


def clocks(cast: Cast, number: str, unit: str) -> set[str]:
    """Stages of the clocks that run for a unit."""
    wanted = cast.units[unit]
    found: set[str] = look(
        cast,
        number,
        lambda a: {d.stage for d in a.running() if d.assignment and d.assignment.unit_id == wanted},
    )
    return found


class Named(str):
    """A unit, by its key in the cast."""


def by_zhou(cast: Cast, number: str, verb: str, *args: Any, **more: Any) -> None:
    """Units are named by a key that `Named` wraps."""

    def act(appeal: Appeal, at: datetime) -> None:
        said = [cast.unit(one) if isinstance(one, Named) else one for one in args]
        getattr(appeal, verb)(*said, by=cast.actor("zhou"), at=at, **more)

    cast.do(number, act)


def problems(cast: Cast) -> list[Any]:
    with cast.app.app_context():
        report = Report()
        found = list(check_ledger(db.engine, keyring(), report))
        kept = list(unit_sight.wrong(db.session.connection()))
        db.session.remove()
        return [*found, *kept]


def test_each_has_its_own_assignment_its_own_limits_and_its_own_answer(cast: Cast) -> None:
    number = hand_out(staffed(cast))
    assert states(cast, number) == {"bureau": "offered", "police": "offered", "industry": "offered"}
    for unit in ASSISTS:
        assert clocks(cast, number, unit) == {"sign", "contact", "assist"}
    assert "answer" in clocks(cast, number, LEAD)
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("he"), at=at, handler_name="何警官"))
    cast.do(number, lambda a, at: a.contact("phone", "已联系", by=cast.actor("he"), at=at))
    cast.do(number, lambda a, at: a.progress("正在疏导", by=cast.actor("he"), at=at))
    assert clocks(cast, number, "police") == {"assist"}
    cast.answer(number, by="he")
    assert states(cast, number)["police"] == "answered"
    assert clocks(cast, number, "police") == set()
    state, outcome, lead_unit = look(cast, number, lambda a: (a.state, a.outcome, a.lead_unit_id))
    assert (state, outcome, lead_unit) == ("assigned", "", cast.units[LEAD])
    assert problems(cast) == []


def test_the_lead_waits_for_every_assist_and_is_told_for_whom(cast: Cast) -> None:
    number = hand_out(staffed(cast))
    for by, named in (("he", {"交管大队", "工信局"}), ("lin", {"工信局"})):
        with pytest.raises(Refused) as refused:
            cast.answer(number, by="chen")
        assert refused.value.status == 409
        assert all(name in refused.value.reason for name in named)
        assert ("交管大队" in refused.value.reason) is ("交管大队" in named)
        cast.answer(number, by=by)
    cast.answer(number, by="chen")
    assert look(cast, number, lambda a: a.state) == "answered"
    with pytest.raises(Refused):
        cast.answer(number, by="he")
    assert problems(cast) == []


def test_an_assist_that_is_waived_or_released_is_waited_for_no_more(cast: Cast) -> None:
    number = hand_out(cast)
    with pytest.raises(Invalid):
        by_zhou(cast, number, "waive", of_unit(cast, number, "police"), " ")
    by_zhou(cast, number, "waive", of_unit(cast, number, "police"), "道路已恢复，不需反馈")
    by_zhou(cast, number, "release_assist", of_unit(cast, number, "industry"), "与其职责无关")
    assert states(cast, number) == {"bureau": "offered", "police": "waived", "industry": "released"}
    assert clocks(cast, number, "police") == clocks(cast, number, "industry") == set()
    for who in ("he", "lin"):
        with pytest.raises(Refused):
            cast.answer(number, by=who)
    with pytest.raises(Refused) as late:
        by_zhou(cast, number, "waive", of_unit(cast, number, "police"), "再次")
    assert late.value.status == 409
    cast.answer(number, by="chen")
    assert problems(cast) == []


def test_what_an_assist_answered_is_sent_back_with_a_working_day_at_least(cast: Cast) -> None:
    number = hand_out(cast, "police")
    cast.answer(number, by="he")
    by_zhou(cast, number, "send_back_assist", of_unit(cast, number, "police"), "缺照片")
    assert states(cast, number)["police"] == "taken"
    assert clocks(cast, number, "police") == {"assist"}
    with pytest.raises(Refused, match="交管大队"):
        cast.answer(number, by="chen")
    cast.answer(number, by="he")
    cast.answer(number, by="chen")
    cast.review(number)
    with pytest.raises(Refused) as late:
        by_zhou(cast, number, "send_back_assist", of_unit(cast, number, "police"), "缺照片")
    assert late.value.status == 409
    assert problems(cast) == []


def test_assists_run_on_after_a_recall_unless_they_are_released(cast: Cast) -> None:
    number = hand_out(staffed(cast))
    by_zhou(cast, number, "recall", "交办有误")
    assert look(cast, number, lambda a: a.state) == "accepted"
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("he"), at=at))
    cast.answer(number, by="he")
    assert look(cast, number, lambda a: a.state) == "accepted"
    with pytest.raises(Refused) as stranger:
        cast.answer(number, by="chen")
    assert stranger.value.status == 403
    # The other runs on beside the next lead, which waits for it.
    cast.assign(number, "police")
    with pytest.raises(Refused, match="工信局"):
        cast.answer(number, by="he")
    by_zhou(cast, number, "recall", "再次收回", release_assists=True)
    assert set(states(cast, number).values()) == {"released"}
    assert problems(cast) == []


def test_another_lead_begins_anew_and_the_assists_go_on(cast: Cast) -> None:
    number = hand_out(staffed(cast))
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    before = look(cast, number, lambda a: a.due_at)
    at = now() + timedelta(days=30)
    by_zhou(cast, number, "change_lead", Named("police"), "属交管职责", due_at=at)
    assert states(cast, number)["bureau"] == "released"
    assert states(cast, number)["police"] == states(cast, number)["industry"] == "offered"
    lead, due, label = look(cast, number, lambda a: (a.lead_unit_id, a.due_at, a.state_label))
    assert (lead, due, label) == (cast.units["police"], at, "待签收")
    assert due != before
    assert clocks(cast, number, "bureau") == set()
    parts = look(cast, number, lambda a: [(x.part, x.state) for x in a.assignments])
    assert parts.count(("assist", "released")) == 1, "who leads assists no longer"
    with pytest.raises(Refused):
        cast.answer(number, by="chen")
    with pytest.raises(Invalid):
        by_zhou(cast, number, "change_lead", Named("police"), "再次")
    assert problems(cast) == []


def test_units_are_named_once_and_make_sense(cast: Cast) -> None:
    for assists, said in ((("bureau",), "主办"), (("office",), "本办公室")):
        with pytest.raises(Invalid, match=said):
            hand_out(cast, *assists)
    number = hand_out(cast, "police")

    def add(units: Any, more: dict[str, Any], appeal: Appeal, at: datetime) -> None:
        named = [cast.unit(one) for one in units]
        appeal.add_assist(named, "需要配合", by=cast.actor("zhou"), at=at, **more)

    wrong: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("police",), {}),
        (("bureau",), {}),
        ((), {}),
        (("industry",), {"due_at": now() - timedelta(days=1)}),
        (("industry",), {"due_at": now() + timedelta(days=60)}),
    ]
    for units, more in wrong:
        with pytest.raises(Invalid):
            cast.do(number, partial(add, units, more))
    due = now() + timedelta(days=1)
    cast.do(number, partial(add, ("industry", "section"), {"due_at": due}))
    dues = look(
        cast, number, lambda a: [d.due_at for d in a.running("assist") if d.due_at == due]
    )
    assert len(dues) == 2
    assert problems(cast) == []


def test_an_assists_limit_is_never_behind_the_leads(cast: Cast) -> None:
    soon = now() + timedelta(hours=5)
    number = hand_out(cast, "police", due_at=soon)
    assert look(cast, number, lambda a: [d.due_at for d in a.running("assist")]) == [soon]


def test_an_assists_due_time_is_set_by_itself(cast: Cast) -> None:
    number = hand_out(cast, "police")
    before = look(cast, number, lambda a: a.due_at)
    assist, due = of_unit(cast, number, "police"), now() + timedelta(hours=20)
    by_zhou(cast, number, "set_due", due, "急需配合", assist=assist)
    assert look(cast, number, lambda a: [d.due_at for d in a.running("assist")]) == [due]
    assert look(cast, number, lambda a: a.due_at) == before
    with pytest.raises(Invalid, match="不能晚于主办时限"):
        by_zhou(cast, number, "set_due", before + timedelta(days=1), "宽限", assist=assist)
    assert problems(cast) == []


def test_what_is_added_while_it_is_held_waits_with_the_others(cast: Cast) -> None:
    number = hand_out(cast, "police")
    by_zhou(cast, number, "hold", "等待外省", now() + timedelta(days=7))
    cast.do(
        number,
        lambda a, at: a.add_assist([cast.unit("industry")], "配合", by=cast.actor("zhou"), at=at),
    )
    by_zhou(cast, number, "change_lead", Named("section"), "改由运管股办理")
    stages = look(cast, number, lambda a: [d.stage for d in a.running()])
    assert stages == ["hold_review"]
    by_zhou(cast, number, "resume", "外省已回复")
    assert clocks(cast, number, "industry") == {"sign", "contact", "assist"}
    assert clocks(cast, number, "section") >= {"sign", "contact", "answer"}
    assert clocks(cast, number, "bureau") == set()
    assert look(cast, number, lambda a: a.lead_unit_id) == cast.units["section"]
    assert problems(cast) == []


def test_no_assist_while_it_is_held_by_review(cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.answer(number, outcome="referred")
    by_zhou(cast, number, "review", hold_review_at=now() + timedelta(days=7))
    with pytest.raises(Refused) as refused:
        cast.do(
            number,
            lambda a, at: a.add_assist([cast.unit("police")], "配合", by=cast.actor("zhou"), at=at),
        )
    assert refused.value.status == 409


def test_who_has_two_of_them_says_for_which_he_acts(cast: Cast) -> None:
    with cast.app.app_context():
        with writing():
            db.session.add(
                Post(
                    person_id=cast.people["chen"],
                    unit_id=cast.units["police"],
                    role="handler",
                    starts_on=date(2020, 1, 1),
                )
            )
            db.session.commit()
        db.session.remove()
    number = hand_out(cast, "police")
    with pytest.raises(Invalid) as unsaid:
        cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    assert unsaid.value.field == "hand"
    police = of_unit(cast, number, "police")
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at, hand=police))
    assert states(cast, number) == {"bureau": "offered", "police": "taken"}
    # One is left to sign for, and one alone may be answered: nothing to choose.
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    cast.answer(number, by="chen")
    assert states(cast, number) == {"bureau": "taken", "police": "answered"}
    with pytest.raises(Refused) as again:
        cast.do(
            number,
            lambda a, at: a.answer(
                "resolved", "甲", "", evidence="乙", by=cast.actor("chen"), at=at, hand=police
            ),
        )
    assert again.value.status == 409
    cast.answer(number, by="chen")
    assert look(cast, number, lambda a: a.state) == "answered"


def test_two_assists_answer_as_the_lead_answers(cast: Cast) -> None:
    """Three forms drawn from the same version: the assists' pass one after the other, and the
    lead's once they are in; a lead's that comes between is refused and loses nothing."""
    number = hand_out(staffed(cast))
    drawn = look(cast, number, lambda a: a.version)

    def answer(who: str) -> None:
        cast.do(
            number,
            lambda a, at: a.answer(
                "resolved",
                f"{who}已办理完毕。",
                "您好，入口已恢复通行，感谢反映。",
                evidence="现场核实",
                by=cast.actor(who),
                at=at,
                seen=drawn,
            ),
        )

    answer("he")
    with pytest.raises(Refused, match="工信局"):
        answer("chen")
    answer("lin")
    answer("chen")
    with pytest.raises((Refused, StaleForm)):
        answer("qian")
    assert look(cast, number, lambda a: (a.state, a.account)) == ("answered", "chen已办理完毕。")
    with cast.app.app_context():
        entries = db.session.scalars(
            select(Entry.verb).where(Entry.stream == f"appeal/{number}").order_by(Entry.seq)
        ).all()
    assert entries[-3:] == ["answer"] * 3
    assert problems(cast) == []


def test_who_assisted_may_neither_call_back_nor_close(cast: Cast) -> None:
    """回避 (a) binds the person, (b) the post, of an assist as of a lead."""
    number = hand_out(cast, "police")
    cast.answer(number, by="he")
    cast.answer(number, by="chen")
    cast.review(number)
    with cast.app.app_context():
        at = now()
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        facts = appeal.facts(at)
        tang = cast.actor("tang")
        assert may("call_back", facts, tang)
        he = cast.actor("he")
        as_operator = replace(tang.seats[0], unit_id=he.seats[0].unit_id,
                              unit_path=he.seats[0].unit_path)  # fmt: skip
        assert may("call_back", facts, replace(tang, seats=(as_operator,))).status == 403
        assert may("call_back", facts, replace(he, seats=tang.seats)).status == 403


def test_rework_keeps_the_lead_alone(cast: Cast) -> None:
    number = hand_out(cast, "police")
    cast.answer(number, by="he")
    cast.answer(number, by="chen")
    cast.review(number)
    cast.call_back(number, "unsatisfied")
    rounds = look(
        cast, number, lambda a: [(x.part, x.state) for x in a.assignments if x.round == 2]
    )
    assert rounds == [("lead", "offered")]
    with pytest.raises(Refused) as none:
        by_zhou(cast, number, "send_back_assist", of_unit(cast, number, "police"), "缺照片")
    assert none.value.status == 409
    cast.answer(number, by="chen")
    assert look(cast, number, lambda a: a.state) == "answered"


def test_an_end_takes_all_of_them_along(cast: Cast) -> None:
    number = hand_out(cast)
    by_zhou(cast, number, "withdraw", "void", "重复登记")
    assert set(states(cast, number).values()) == {"released"}
    assert look(cast, number, lambda a: a.running()) == []
    assert problems(cast) == []


def test_the_strip_and_the_query_tell_the_same_days(cast: Cast) -> None:
    number = hand_out(cast, "police")
    cast.answer(number, by="he")
    with cast.app.app_context():
        # Nobody waits days in a test: it was handed out five days ago, and answered three ago.
        at = now()
        with db.engine.begin() as connection:
            _move(connection, Appeal.__table__, {"registered_at": at - timedelta(days=6)})
            _move(connection, Assignment.__table__, {"assigned_at": at - timedelta(days=5)})
            _move(connection, Deadline.__table__, {"started_at": at - timedelta(days=5)})
            table: Any = Deadline.__table__
            connection.execute(
                table.update()
                .where(table.c.stage == "assist")
                .values(ended_at=at - timedelta(days=3))
            )
        cast.app.extensions.pop("ledger.leaves", None)
        found = leaf(number, cast.actor("zhou"), at)
        assert found is not None
        shown = [(one.label, one.words, one.now) for one in _holders(found, at)]
        assert shown == [
            ("专班办公室", "1天", False),
            ("交通局（主办）", "5天", True),
            ("交管大队（协办）", "2天", False),
        ]
        asked = days_held(cast.actor("zhou"), at, Filters())
        keys = {v: k for k, v in cast.units.items()}
        told = [(keys[x.unit_id], x.part, x.assignments, x.days, x.now) for x in asked]
        assert told == [("bureau", "lead", 1, 5, 1), ("police", "assist", 1, 2, 0)]
        db.session.remove()


def _move(connection: Any, table: Any, values: dict[str, datetime]) -> None:
    connection.execute(table.update().values(**values))
