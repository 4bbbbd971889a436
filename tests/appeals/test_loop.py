"""The whole way, by its people."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Refused
from ledger.db import db


def test_an_appeal_goes_from_registration_to_closing(cast: Cast) -> None:
    number = cast.reach("closed")
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.state == "closed"
        assert appeal.version == 7
        assert appeal.running() == []


@pytest.mark.parametrize("state", ["held", "merged", "withdrawn", "declined"])
def test_every_other_end_can_be_reached(cast: Cast, state: str) -> None:
    number = cast.reach(state)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert appeal.state == state


def test_nobody_closes_his_own_call_back(cast: Cast) -> None:
    number = cast.reach("reviewed")
    cast.call_back(number, by="zhou")
    with pytest.raises(Refused) as refused:
        cast.close(number, by="zhou")
    assert refused.value.status == 403
