"""A ruling and what takes its ground away, by real processes at once: exactly one wins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from cast import Cast
from hands import at_once
from ledger.appeals.models import Appeal
from ledger.audit import verify
from ledger.db import db, keyring, now, writing
from ledger.people.actor import Actor
from ledger.people.models import Post
from ledger.trail.check import Report, check_ledger
from request_hand import Seen, ask_extension, ask_return

pytestmark = pytest.mark.processes

Act = Callable[[Appeal, dict[str, Any]], None]


def answer(appeal: Appeal, hand: dict[str, Any]) -> None:
    appeal.answer("resolved", "已办理。", "您好，已按规定办理完毕。", evidence="现场核实", **hand)


ROUNDS: dict[str, tuple[str, Act, str, Act]] = {
    # what was asked, the ruling, who does what else at once
    "uphold or answer": ("return", lambda a, h: a.rule_return(True, "", **h), "chen", answer),
    "uphold or withdraw": (
        "return",
        lambda a, h: a.rule_return(True, "", **h),
        "none",
        lambda a, h: a.withdraw("void", "重复登记", **h),
    ),
    "extend or answer": ("extension", lambda a, h: a.rule_extension(True, "", **h), "chen", answer),
    "extend or refuse": (
        "extension",
        lambda a, h: a.rule_extension(True, "", **h),
        "ma",
        lambda a, h: a.rule_extension(False, "请抓紧办理", **h),
    ),
}


def _second_coordinator(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        post = {"person_id": cast.people["none"], "unit_id": cast.units["office"]}
        db.session.add(Post(**post, role="coordinator", starts_on=date(2020, 1, 1)))
        db.session.commit()


@pytest.mark.parametrize("turn", ROUNDS)
def test_one_of_two_wins_and_the_other_is_told(cast: Cast, turn: str) -> None:
    kind, ruling, other, act = ROUNDS[turn]
    number = cast.reach("assigned")
    if kind == "return":
        ask_return(cast, number, now())
    else:
        ask_extension(cast, number, now())
    _second_coordinator(cast)
    drawn = Seen(cast, number).version
    rules = cast.people["zhou"]

    def either(appeal: Appeal | None, by: Actor, at: datetime, _turn: int) -> None:
        assert appeal is not None
        (ruling if by.id == rules else act)(appeal, {"by": by, "at": at, "seen": drawn})

    crowd = at_once(cast.app, either, [rules, cast.people[other]], number)
    assert crowd.counts["done"] == 1, crowd.counts
    assert set(crowd.counts) <= {"done", "refused 403", "refused 409", "stale"}, crowd.counts
    assert Seen(cast, number).version == drawn + 1
    seen = Seen(cast, number)
    assert seen.asked is None
    assert seen.request["state"] in ("granted", "refused", "lapsed")
    with cast.app.app_context():
        db.session.remove()
        assert verify, "its import brings every kind of stream that is checked"
        assert list(check_ledger(db.engine, keyring(), Report())) == []
