"""回避: whoever turned the first key does not turn the second, under any post, in any round."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

import engines
from cast import Cast, lay_cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Refused
from ledger.db import db, writing
from ledger.people.models import Post


def give(cast: Cast, name: str, role: str, where: str) -> None:
    """A further post."""
    with cast.app.app_context(), writing():
        db.session.add(
            Post(
                person_id=cast.people[name],
                unit_id=cast.units[where],
                role=role,
                starts_on=date(2020, 1, 1),
            )
        )
        db.session.commit()


def uphold(cast: Cast, number: str, by: str = "wu", reason: str = "unreachable") -> None:
    cast.do(number, lambda a, at: a.uphold(reason, "三次未接通", by=cast.actor(by), at=at))


def send_back(cast: Cast, number: str) -> None:
    cast.do(number, lambda a, at: a.send_back("缺少佐证", by=cast.actor("zhou"), at=at))


def attempts(cast: Cast, number: str) -> None:
    """Three failed call-backs on two half-days."""
    for hours in (0, 0, 26):

        def attempt(appeal: Appeal, at: object, hours: int = hours) -> None:
            from datetime import timedelta

            from ledger.db import now

            appeal.attempt(
                "phone",
                "无人接听",
                by=cast.actor("tang"),
                at=now(),
                happened_at=now() - timedelta(hours=hours),
            )

        cast.do(number, attempt)


def refused(status: int, act: object, *args: object, **more: object) -> str:
    with pytest.raises(Refused) as caught:
        act(*args, **more)  # type: ignore[operator]
    assert caught.value.status == status
    return caught.value.reason


def of(cast: Cast, number: str, column: str) -> object:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return getattr(appeal, column)


# -- (a) the person ----------------------------------------------------------------------------


def test_who_answered_neither_calls_back_nor_upholds_nor_closes_under_any_post(
    cast: Cast,
) -> None:
    for role in ("operator", "coordinator", "closer", "manager"):
        give(cast, "chen", role, "office")
    number = cast.reach("reviewed")
    assert "反馈" in refused(403, cast.call_back, number, by="chen")
    attempts(cast, number)
    refused(403, uphold, cast, number, by="chen")
    cast.call_back(number)
    assert "反馈" in refused(403, cast.close, number, by="chen")
    cast.close(number, by="wu")


def test_who_answered_in_an_earlier_round_stays_barred(cast: Cast) -> None:
    give(cast, "chen", "closer", "office")
    give(cast, "chen", "operator", "office")
    number = cast.reach("assigned")
    cast.answer(number, by="chen")
    cast.review(number)
    cast.call_back(number, "unsatisfied")
    cast.answer(number, by="qian")
    cast.review(number)
    refused(403, cast.call_back, number, by="chen")
    cast.call_back(number)
    refused(403, cast.close, number, by="chen")
    cast.close(number)


def test_who_answered_stays_barred_after_recall_and_reopening(cast: Cast) -> None:
    """Another unit answers in the end; the first answerer still knows the matter from inside."""
    give(cast, "chen", "closer", "office")
    number = cast.reach("answered")
    send_back(cast, number)
    cast.do(number, lambda a, at: a.recall("改派", by=cast.actor("zhou"), at=at))
    cast.assign(number, "police")
    cast.answer(number, by="he")
    cast.review(number)
    cast.call_back(number)
    refused(403, cast.close, number, by="chen")
    cast.close(number)
    cast.do(number, lambda a, at: a.reopen("再次反映", by=cast.actor("zhou"), at=at))
    cast.assign(number, "police")
    cast.answer(number, by="he")
    cast.review(number)
    cast.call_back(number)
    refused(403, cast.close, number, by="chen")


def test_who_made_the_decisive_call_back_does_not_close(cast: Cast) -> None:
    give(cast, "wu", "operator", "office")
    number = cast.reach("reviewed")
    cast.call_back(number, by="wu")
    assert "回访" in refused(403, cast.close, number, by="wu")
    cast.close(number, by="shi")


def test_who_upheld_does_not_close(cast: Cast) -> None:
    number = cast.reach("reviewed")
    attempts(cast, number)
    uphold(cast, number, by="wu")
    refused(403, cast.close, number, by="wu")
    cast.close(number, by="shi")
    assert of(cast, number, "satisfaction") == ""


def test_a_manager_may_uphold_but_closing_takes_the_closers_post(cast: Cast) -> None:
    number = cast.reach("reviewed")
    attempts(cast, number)
    uphold(cast, number, by="ma")
    refused(403, cast.close, number, by="ma")
    cast.close(number, by="wu")


def test_a_call_back_that_was_set_aside_binds_nobody(cast: Cast) -> None:
    """The closer sends it to be called back again; the earlier caller decided nothing."""
    give(cast, "wu", "operator", "office")
    number = cast.reach("reviewed")
    cast.call_back(number, by="wu")
    cast.do(
        number,
        lambda a, at: a.refuse_closing("reviewed", "回访存疑", by=cast.actor("shi"), at=at),
    )
    assert of(cast, number, "caller_id") is None
    cast.call_back(number, by="tang")
    cast.close(number, by="wu")


# -- (b) the post ------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["bureau", "section"])
def test_a_post_in_the_handling_unit_or_below_is_barred_but_no_other_of_his(
    cast: Cast, where: str
) -> None:
    give(cast, "sun", "liaison", where)
    give(cast, "sun", "operator", where)
    number = cast.reach("reviewed")
    assert "承办单位" in refused(403, cast.call_back, number, by="sun")
    give(cast, "sun", "operator", "office")
    cast.call_back(number, by="sun")


def test_a_manager_of_the_handling_unit_upholds_nothing_there(cast: Cast) -> None:
    give(cast, "qian", "manager", "bureau")
    number = cast.reach("reviewed")
    attempts(cast, number)
    refused(403, uphold, cast, number, by="qian")
    uphold(cast, number, by="ma")


def test_a_unit_that_was_recalled_stays_barred(cast: Cast) -> None:
    give(cast, "sun", "operator", "bureau")
    number = cast.reach("assigned")
    cast.do(number, lambda a, at: a.recall("改派", by=cast.actor("zhou"), at=at))
    cast.assign(number, "police")
    cast.answer(number, by="he")
    cast.review(number)
    refused(403, cast.call_back, number, by="sun")


def test_an_upheld_return_sets_the_unit_free(cast: Cast) -> None:
    give(cast, "sun", "operator", "bureau")
    number = cast.reach("assigned")

    def as_returned(appeal: Appeal, at: object) -> None:
        from ledger.db import now

        with appeal.act("recall", by=cast.actor("zhou"), at=now()) as act:
            lead = appeal.lead
            assert lead is not None
            act.assignment = lead
            lead.state = "released"
            lead.release_reason = "return_upheld"
            appeal.lead_unit_id = None
            appeal.state = "accepted"

    cast.do(number, as_returned)
    cast.assign(number, "police")
    cast.answer(number, by="he")
    cast.review(number)
    cast.call_back(number, by="sun")


# -- (c) the home unit -------------------------------------------------------------------------


def test_the_home_unit_alone_does_not_exclude_but_is_shown(cast: Cast) -> None:
    give(cast, "zhao", "closer", "office")  # his home is the bureau, which handles
    number = cast.reach("confirmed")
    cast.close(number, by="zhao")
    assert of(cast, number, "closer_in_unit") is True
    cast.do(number, lambda a, at: a.reopen("再次反映", by=cast.actor("zhou"), at=at))
    assert of(cast, number, "closer_in_unit") is False
    other = cast.reach("confirmed")
    cast.close(other, by="wu")
    assert of(cast, other, "closer_in_unit") is False


@pytest.fixture
def strict(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = engines.application(database_url, tmp_path, LEDGER_STRICT_HOME_UNIT="yes")
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def test_a_stricter_office_excludes_the_home_unit_too(strict: Flask) -> None:
    cast = lay_cast(strict)
    give(cast, "zhao", "closer", "office")
    number = cast.reach("confirmed")
    assert "人事关系" in refused(403, cast.close, number, by="zhao")
    cast.close(number, by="wu")


def test_the_stricter_rule_is_for_closing_only(strict: Flask) -> None:
    cast = lay_cast(strict)
    number = cast.reach("reviewed")
    cast.call_back(number, by="zhou")  # of the bureau's house, and no closer
    other = cast.reach("answered")
    cast.do(
        other,
        lambda a, at: a.withdraw(
            "appellant", "已自行解决", said="来电表示撤回", by=cast.actor("zhou"), at=at
        ),
    )


# -- the side doors ----------------------------------------------------------------------------


def withdraw(cast: Cast, number: str, by: str) -> None:
    cast.do(
        number,
        lambda a, at: a.withdraw(
            "appellant", "已自行解决", said="来电表示撤回", by=cast.actor(by), at=at
        ),
    )


def test_an_answered_appeal_is_not_withdrawn_by_its_answerer_or_decisive_caller(
    cast: Cast,
) -> None:
    give(cast, "chen", "coordinator", "office")
    number = cast.reach("answered")
    refused(403, withdraw, cast, number, "chen")
    cast.review(number)
    cast.call_back(number, by="zhou")
    refused(403, withdraw, cast, number, "zhou")
    give(cast, "tang", "coordinator", "office")
    withdraw(cast, number, "tang")
    assert of(cast, number, "state") == "withdrawn"


def test_before_an_answer_nothing_of_that_bars_a_withdrawal(cast: Cast) -> None:
    give(cast, "chen", "coordinator", "office")
    number = cast.reach("assigned")
    withdraw(cast, number, "chen")
    assert of(cast, number, "state") == "withdrawn"


def test_the_registrar_withdraws_until_it_is_accepted(cast: Cast) -> None:
    first, second = cast.register(), cast.reach("accepted")
    withdraw(cast, first, "lin")
    refused(403, withdraw, cast, second, "lin")


def test_three_people_run_a_county(cast: Cast) -> None:
    """One accepts, hands off and reviews, one calls back, one closes (design §3)."""
    number = cast.reach("answered")
    cast.review(number, by="zhou")
    cast.call_back(number, by="tang")
    cast.close(number, by="wu")
    assert of(cast, number, "state") == "closed"
