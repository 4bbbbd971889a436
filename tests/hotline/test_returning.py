"""What waits to be filled in on a hotline's own platform, and a hotline's own call-back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from hotline.push_hand import reported
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.appeals.returning import TheirCallBack
from ledger.db import db
from ledger.people.actor import system

LIKED = TheirCallBack(True, True, "solved", "satisfied", "企业表示满意")
DISLIKED = TheirCallBack(True, False, "unsolved", "unsatisfied", "企业反映仍未放行")


def waits(cast: Cast, number: str) -> list[bool]:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        found = [order.return_due_at is not None for order in appeal.external_orders]
        assert not check_appeal(db.engine, number)
        db.session.remove()
        return found


def fill(cast: Cast, by: str = "tang") -> Callable[[Appeal, datetime], None]:
    return lambda a, at: a.return_order(a.external_orders[0], by=cast.actor(by), at=at)


def test_an_order_waits_while_its_answer_stands_and_nobody_has_told(cast: Cast) -> None:
    number = reported(cast, "GZ1")
    for step in (cast.accept, cast.assign, cast.answer):
        step(number)
        assert waits(cast, number) == [False]
        with pytest.raises(Invalid, match="没有待回填"):
            cast.do(number, fill(cast))
    cast.review(number)
    assert waits(cast, number) == [True]
    for stranger in ("chen", "wu", "yuan", "xi"):
        with pytest.raises(Refused):
            cast.do(number, fill(cast, stranger))
    cast.do(number, fill(cast))
    assert waits(cast, number) == [False]
    with pytest.raises(Invalid, match="已经回填"):
        cast.do(number, fill(cast, "zhou"))
    undo = lambda a, at: a.undo_return(  # noqa: E731
        a.external_orders[0], "填错了工单", by=cast.actor("zhou"), at=at
    )
    cast.do(number, undo)
    assert waits(cast, number) == [True]
    cast.do(number, fill(cast))
    cast.call_back(number)
    cast.close(number)
    assert waits(cast, number) == [False]  # it was told already

    # Another answer is another thing to tell.
    cast.do(number, lambda a, at: a.reopen("企业再次反映", by=cast.actor("zhou"), at=at))
    assert waits(cast, number) == [False]
    for step in (cast.assign, cast.answer, cast.review):
        step(number)
    assert waits(cast, number) == [True]


def test_what_is_declined_or_merged_is_told_too(cast: Cast) -> None:
    declined = reported(cast, "GZ1")
    decline = lambda a, at: a.decline(  # noqa: E731
        "other_region", "已电话告知", by=cast.actor("zhou"), at=at
    )
    cast.do(declined, decline)
    assert waits(cast, declined) == [True]

    master, other = reported(cast, "GZ2"), reported(cast, "GZ3")
    cast.accept(master)

    def merge(appeal: Appeal, at: datetime) -> None:
        into = db.session.scalars(select(Appeal).where(Appeal.number == master)).one()
        appeal.merge(into, "同一事项", by=cast.actor("zhou"), at=at)

    cast.do(other, merge)
    assert waits(cast, other) == [False]
    for step in (cast.assign, cast.answer, cast.review):
        step(master)
    assert waits(cast, other) == waits(cast, master) == [True]
    cast.do(other, fill(cast))
    cast.call_back(master, "unsatisfied")
    assert waits(cast, other) == waits(cast, master) == [False]
    cast.do(other, lambda a, at: a.unmerge("并非同一事项", by=cast.actor("zhou"), at=at))
    assert waits(cast, other) == [False]


def hear(cast: Cast, number: str, result: TheirCallBack, by: str = "") -> Any:
    def act(appeal: Appeal, at: datetime) -> str:
        actor = cast.actor(by) if by else system("热线平台")
        order = appeal.external_orders[0]
        return appeal.take_their_call_back(result, order=order, by=actor, at=at)

    return cast.do(number, act)


def state_of(cast: Cast, number: str) -> tuple[Any, ...]:
    with cast.app.app_context():
        a = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert not check_appeal(db.engine, number)
        found = (a.state, a.satisfaction, a.close_stopped, a.recurred_at is not None)
        db.session.remove()
        return found


def test_a_hotlines_own_call_back_counts_where_the_appeal_stands(cast: Cast) -> None:
    number = reported(cast, "GZ1")
    for step in (cast.accept, cast.assign, cast.answer):
        step(number)
    assert hear(cast, number, LIKED) == "note"
    assert state_of(cast, number) == ("answered", "", False, False)
    cast.review(number)
    assert hear(cast, number, TheirCallBack(False, words="无人接听")) == "note"
    assert hear(cast, number, LIKED) == "call_back"
    assert state_of(cast, number)[:2] == ("confirmed", "satisfied")
    # In 待销号 a good word changes nothing, a bad one stops the close until the office decides.
    assert hear(cast, number, LIKED) == "note"
    assert hear(cast, number, DISLIKED) == "stopped"
    assert state_of(cast, number) == ("confirmed", "satisfied", True, False)
    with pytest.raises(Refused, match="热线回访结果为不满意"):
        cast.close(number)
    cast.do(
        number,
        lambda a, at: a.refuse_closing("reviewed", "热线回访不满意", by=cast.actor("wu"), at=at),
    )
    assert state_of(cast, number) == ("reviewed", "", False, False)
    cast.call_back(number)
    cast.close(number)
    assert hear(cast, number, LIKED) == "note"
    assert hear(cast, number, DISLIKED) == "recur"
    assert state_of(cast, number) == ("closed", "satisfied", False, True)


def test_a_hotlines_bad_word_in_the_call_back_starts_a_new_round(cast: Cast) -> None:
    number = reported(cast, "GZ1")
    for step in (cast.accept, cast.assign, cast.answer, cast.review):
        step(number)
    assert hear(cast, number, DISLIKED) == "call_back"
    assert state_of(cast, number)[0] == "assigned"
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.round == 2
        assert appeal.external_orders[0].their_result == ""  # of an answer that stands no more
        db.session.remove()
    # 回避 holds for a person who brings it in as well.
    cast.answer(number)
    cast.review(number)
    with pytest.raises(Refused):
        hear(cast, number, LIKED, by="chen")
    with pytest.raises(Invalid, match="满意、基本满意"):
        hear(cast, number, TheirCallBack(True, True, "solved", "很好"))
