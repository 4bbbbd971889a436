"""An act is thought out before the lock is taken: what others do in between still counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from appeals.register_hand import number_of, send
from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import db, take_lock, writing
from ledger.trail import act as trail
from ledger.trail.models import Entry


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], list[str]]:
    """Have something done by another hand just before the next act of a page takes the lock."""

    def arrange(done: Callable[[], object]) -> list[str]:
        told: list[str] = []

        def take(session: Session) -> bool:
            if "ledger_late" in session.info and not told:
                told.append("meanwhile")
                other = Thread(target=done)
                other.start()
                other.join(30)
                assert not other.is_alive(), "the lock was taken already"
            return take_lock(session)

        monkeypatch.setattr(trail, "take_lock", take)
        return told

    return arrange


def verbs(cast: Cast, number: str) -> list[str]:
    with cast.app.app_context():
        wanted = select(Entry.verb).where(Entry.stream == f"appeal/{number}").order_by(Entry.seq)
        return list(db.session.scalars(wanted))


def assign(cast: Cast, number: str) -> int:
    """By its page; gives the status of the answer."""
    with cast.app.app_context():
        seen = db.session.scalar(select(Appeal.version).where(Appeal.number == number))
    asked = {"unit_id": str(cast.units["bureau"]), "seen": str(seen)}
    client = cast.client("zhou")
    return client.post(f"/appeals/{number}/assign", data=asked).status_code


def test_a_note_made_before_the_lock_stands_before_the_act(
    cast: Cast, meanwhile: Callable[[Callable[[], object]], list[str]]
) -> None:
    number = cast.reach("accepted")

    def supplement(appeal: Appeal, at: datetime) -> None:
        appeal.supplement("另有一辆车被劝返。", by=cast.actor("lin"), at=at)

    told = meanwhile(lambda: cast.do(number, supplement))
    assert assign(cast, number) == 303
    assert told
    assert verbs(cast, number) == ["register", "accept", "supplement", "assign"]
    with cast.app.app_context():
        found = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        assert [given.unit_id for given in found.assignments] == [cast.units["bureau"]]
        assert found.version == 4


def test_what_ended_before_the_lock_is_not_handed_off(
    cast: Cast, meanwhile: Callable[[Callable[[], object]], list[str]]
) -> None:
    number = cast.reach("accepted")

    def withdraw(appeal: Appeal, at: datetime) -> None:
        appeal.withdraw("appellant", "已自行解决", by=cast.actor("zhou"), at=at, said="来电撤回")

    meanwhile(lambda: cast.do(number, withdraw))
    assert assign(cast, number) == 409
    assert verbs(cast, number) == ["register", "accept", "withdraw"]


def test_a_unit_closed_before_the_lock_is_given_nothing(
    cast: Cast, meanwhile: Callable[[Callable[[], object]], list[str]]
) -> None:
    number = cast.reach("accepted")

    def close() -> None:
        with cast.app.app_context(), writing():
            cast.unit("bureau").active = False
            db.session.commit()

    meanwhile(close)
    assert assign(cast, number) == 422
    assert verbs(cast, number) == ["register", "accept"]


def test_two_registered_at_once_have_a_number_each(
    cast: Cast, meanwhile: Callable[[Callable[[], object]], list[str]]
) -> None:
    other: list[str] = []
    meanwhile(lambda: other.append(cast.register()))
    number = number_of(send(cast.client("lin")))
    assert len({number, *other}) == 2
    assert verbs(cast, number) == verbs(cast, other[0]) == ["register"]


def test_a_row_written_before_the_lock_is_refused(cast: Cast) -> None:
    with cast.app.app_context(), pytest.raises(trail.TrailBypassed), writing(late=True):
        cast.unit("bureau").active = False
        db.session.flush()
