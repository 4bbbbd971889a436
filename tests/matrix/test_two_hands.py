"""Two hands at once: a field that changed since the form was drawn, and what never collides."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.catalogue.queries import catalogue
from ledger.db import db
from ledger.trail.act import StaleForm


def seen(cast: Cast, number: str) -> int:
    with cast.app.app_context():
        found = db.session.scalar(select(Appeal.version).where(Appeal.number == number))
        assert found is not None
        return found


def correct(cast: Cast, number: str, version: int | None = None, **changes: object) -> None:
    cast.do(
        number,
        lambda a, at: a.correct(changes, "有误", by=cast.actor("zhou"), at=at, seen=version),
    )


def value(cast: Cast, number: str, column: str) -> object:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return getattr(appeal, column)


def test_the_same_field_twice_is_refused_and_says_what_changed(cast: Cast) -> None:
    number = cast.reach("accepted")
    drawn = seen(cast, number)
    correct(cast, number, title="收费站关闭")
    with pytest.raises(StaleForm) as stale:
        correct(cast, number, drawn, title="收费站劝返货车")
    assert stale.value.columns == ["appeal..title"]
    assert len(stale.value.since) == 1
    assert value(cast, number, "title") == "收费站关闭"
    assert seen(cast, number) == drawn + 1
    correct(cast, number, seen(cast, number), title="收费站劝返货车")


def test_another_field_passes(cast: Cast) -> None:
    number = cast.reach("accepted")
    drawn = seen(cast, number)
    correct(cast, number, title="收费站关闭")
    correct(cast, number, drawn, place="澄江镇")
    assert value(cast, number, "title") == "收费站关闭"
    assert value(cast, number, "place") == "澄江镇"


def test_notes_in_between_disturb_nobody_and_are_disturbed_by_nobody(cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    drawn = seen(cast, number)
    for _ in range(3):
        cast.do(number, lambda a, at: a.contact("phone", "已联系", by=cast.actor("chen"), at=at))
        cast.do(number, lambda a, at: a.progress("协调中", by=cast.actor("qian"), at=at))
        cast.do(number, lambda a, at: a.supplement("又来电", by=cast.actor("tang"), at=at))
    cast.do(
        number,
        lambda a, at: a.answer(
            "explained",
            "已向企业解释。",
            "您好，该路段正在施工，请绕行。",
            particulars={"points": "《公路安全保护条例》，当日电话说明。"},
            by=cast.actor("qian"),
            at=at,
            seen=drawn,
        ),
    )
    assert value(cast, number, "state") == "answered"
    assert seen(cast, number) == drawn + 10


def test_the_second_of_two_answers_is_too_late(cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.answer(number, by="chen")
    with pytest.raises(Refused) as late:
        cast.answer(number, by="qian")
    assert late.value.status == 409


def test_what_was_corrected_meanwhile_is_not_accepted_back(cast: Cast) -> None:
    """The acceptance was drawn as 一般; somebody has made it 特急 since."""
    number = cast.register()
    drawn = seen(cast, number)
    correct(cast, number, urgency="critical")

    def accept(appeal: Appeal, at: object) -> None:
        from ledger.db import now

        appeal.accept(
            by=cast.actor("zhou"),
            at=now(),
            category_id=next(iter(catalogue().categories)),
            urgency="normal",
            seen=drawn,
        )

    with pytest.raises(StaleForm):
        cast.do(number, accept)
    assert value(cast, number, "urgency") == "critical"


def test_two_corrections_that_both_move_the_clock_show_themselves_to_each_other(
    cast: Cast,
) -> None:
    """Kind and urgency are two fields, but they set one due time together."""
    number = cast.reach("accepted")
    drawn = seen(cast, number)
    correct(cast, number, urgency="urgent")
    with pytest.raises(StaleForm):
        correct(cast, number, drawn, kind="complaint")
    correct(cast, number, drawn, place="澄江镇")


def test_a_form_drawn_before_a_whole_round_is_refused_by_state_not_by_field(cast: Cast) -> None:
    number = cast.reach("reviewed")
    drawn = seen(cast, number)
    cast.call_back(number)
    with pytest.raises(Refused) as late:
        cast.do(
            number,
            lambda a, at: a.call_back(
                by=cast.actor("tang"),
                at=at,
                contacted=True,
                solved="solved",
                satisfaction="satisfied",
                seen=drawn,
            ),
        )
    assert late.value.status == 409


def test_a_correction_that_changes_nothing_says_so(cast: Cast) -> None:
    number = cast.reach("accepted")
    title = value(cast, number, "title")
    with pytest.raises(Invalid):
        correct(cast, number, title=title)
