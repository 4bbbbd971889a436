"""并案办理: one matter of several appellants, handled once, called back and closed one by one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.filters import Filters
from ledger.appeals.lines import lines
from ledger.appeals.models import Appeal
from ledger.appeals.queries import facts_of, find, some
from ledger.appeals.record import Refused
from ledger.db import db, keyring, now
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry


def named(number: str) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.number == number)).one()


def join(cast: Cast, number: str, master: str, by: str = "zhou") -> None:
    cast.do(
        number,
        lambda a, at: a.join(named(master), "同一收费站关闭", by=cast.actor(by), at=at),
    )


def look(cast: Cast, number: str, tell: Callable[[Appeal], Any]) -> Any:
    with cast.app.app_context():
        return tell(named(number))


def shape(cast: Cast, number: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = look(
        cast, number, lambda a: (a.state, a.lead_unit_id, a.due_at, a.due_stage, a.public_reply)
    )
    return found


def sound(cast: Cast) -> None:
    """Every stream replays to its rows, and what units see is what the assignments say."""
    with cast.app.app_context():
        problems = list(check_ledger(db.engine, keyring(), Report()))
        assert problems == []


def test_a_matter_of_three(cast: Cast) -> None:
    """From joining to closing: lead, clock, sight, reply and 回避 are the master's."""
    master, two, three = (cast.register(appellant_name=f"{n}号企业") for n in "一二三")
    cast.accept(master)
    cast.accept(three)
    cast.assign(three, "police")
    join(cast, two, master)  # from registered
    join(cast, three, master)  # from assigned
    assert look(cast, three, lambda a: a.assignments[0].release_reason) == "joined"
    assert look(cast, master, lambda a: a.joined_count) == 2
    m = shape(cast, master)
    assert shape(cast, two) == ("joined", None, *m[2:])
    cast.assign(master)
    m = shape(cast, master)
    bureau = cast.units["bureau"]
    assert m[1] == bureau
    assert shape(cast, two) == ("joined", bureau, m[2], "answer", "")
    cast.do(
        master,
        lambda a, at: a.set_due(at + timedelta(days=3), "企业急", by=cast.actor("zhou"), at=at),
    )
    assert shape(cast, three)[2] == shape(cast, master)[2] != m[2]
    with cast.app.app_context():
        chen, he = cast.actor("chen"), cast.actor("he")
        assert find(two, chen, now()) is not None
        assert find(two, he, now()) is None
        assert find(three, he, now()) is not None  # what it once had in its own right
        with pytest.raises(Refused, match="还有并入本件办理的诉求"):
            named(master).withdraw("void", "试", by=cast.actor("zhou"), at=now())
        assert {r.number for r in some(chen, now(), Filters(), 9)} == {master, two, three}
    cast.answer(master)
    cast.do(
        three,
        lambda a, at: a.word_reply(
            "三号企业您好，澄江收费站已恢复通行，您的两辆车可走二号口。",
            by=cast.actor("zhou"),
            at=at,
        ),
    )
    cast.review(master)
    assert shape(cast, two)[0] == "reviewed"
    assert shape(cast, two)[3:] == ("call_back", shape(cast, master)[4])
    assert shape(cast, three)[4].startswith("三号企业您好")
    sound(cast)
    # 回避: who answered the master may not call back or close what is joined, under any post.
    for verb, state in (("call_back", "reviewed"), ("close", "confirmed")):
        assert look(cast, two, lambda a: a.state) == state
        with cast.app.app_context():
            verdict = named(two).may(verb, cast.actor("chen"), now())
            assert verdict.status == 403
            rows = some(cast.actor("tang"), now(), Filters(state=state), 9)
            facts = facts_of(rows, now())
            for row in rows:
                alone = named(row.number).facts(now())
                assert facts[row.id].shared == alone.shared
                assert facts[row.id].first_keys == alone.first_keys == {cast.people["chen"]}
        cast.call_back(two) if verb == "call_back" else cast.close(two)
    # Dissatisfied alone: unjoined and reworked alone with the master's lead.
    cast.call_back(three, "unsatisfied")
    state, lead, _, stage, _ = shape(cast, three)
    assert (state, lead, stage) == ("assigned", bureau, "rework")
    assert look(cast, three, lambda a: (a.round, a.master_id)) == (2, None)
    assert look(cast, master, lambda a: a.joined_count) == 1
    with cast.app.app_context():
        assert named(three)._first_keys() == {cast.people["chen"]}
    cast.answer(three)
    cast.review(three)
    cast.call_back(three)
    cast.close(three)
    cast.call_back(master)
    cast.close(master)
    with cast.app.app_context():
        assert find(two, cast.actor("chen"), now()) is not None  # also after it was closed
        marks = {
            line.number: line.marks
            for line in lines(some(cast.actor("zhou"), now(), Filters(), 9), now())
        }
        assert (("并案", "") in marks[two], ("并案主件", "") in marks[master]) == (True, True)
        verbs = db.session.scalars(
            select(Entry.verb).where(Entry.stream == f"appeal/{three}").order_by(Entry.seq)
        ).all()
        assert verbs[:4] == ["register", "accept", "assign", "join"]
        assert "follow" in verbs and verbs.count("call_back") == 2
    sound(cast)
