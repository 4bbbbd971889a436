"""Fifty real processes on one appeal: exactly one answers, one closes, and no note is lost."""

from __future__ import annotations

import warnings
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from hands import FIFTY, Crowd, at_once
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal, Assignment
from ledger.audit import verify
from ledger.db import db, keyring, writing
from ledger.people.actor import Actor
from ledger.people.models import Person, Post, Unit
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry, EntryText

pytestmark = pytest.mark.processes


def hire(cast: Cast, role: str, where: str, count: int = FIFTY) -> list[int]:
    """So many more persons with that post."""
    with cast.app.app_context(), writing():
        people = [
            Person(
                username=f"{role}{i}",
                name=f"同事{i}",
                home_unit_id=cast.units["government"],
                must_change_password=False,
            )
            for i in range(count)
        ]
        db.session.add_all(people)
        db.session.flush()
        db.session.add_all(
            Post(
                person_id=person.id,
                unit_id=cast.units[where],
                role=role,
                starts_on=date(2020, 1, 1),
            )
            for person in people
        )
        found = [person.id for person in people]
        db.session.commit()
        return found


def entries(cast: Cast, number: str) -> list[Entry]:
    with cast.app.app_context():
        stream = f"appeal/{number}"
        return list(
            db.session.scalars(select(Entry).where(Entry.stream == stream).order_by(Entry.seq))
        )


def sound(cast: Cast, crowd: Crowd, number: str, wins: int, lost: set[str]) -> None:
    """Who did not win was told so, in words; the trail is whole and without gaps."""
    warnings.warn(f"worst of {len(crowd.said)}: {crowd.worst:.3f} s", stacklevel=2)
    assert set(crowd.counts) <= {"done"} | lost, crowd.counts
    assert crowd.counts["done"] == wins
    found = entries(cast, number)
    assert [entry.seq for entry in found] == list(range(1, len(found) + 1))
    assert all(a.hash == b.prev for a, b in pairwise(found))
    assert all(a.at < b.at for a, b in pairwise(found))
    whole(cast)


def whole(cast: Cast) -> None:
    with cast.app.app_context():
        db.session.remove()
        assert verify, "its import brings every kind of stream that is checked"
        assert list(check_ledger(db.engine, keyring(), Report())) == []


def answer(appeal: Appeal | None, by: Actor, at: datetime, _turn: int) -> None:
    assert appeal is not None
    appeal.answer(
        "resolved", "已恢复通行。", f"您好，已恢复通行（{by.name}）。", evidence="现场核实",
        by=by, at=at, seen=appeal.version,
    )  # fmt: skip


def close(appeal: Appeal | None, by: Actor, at: datetime, _turn: int) -> None:
    assert appeal is not None
    appeal.close(by=by, at=at)


def note(appeal: Appeal | None, by: Actor, at: datetime, turn: int) -> str:
    assert appeal is not None
    words = f"{by.id}的第{turn}条"
    appeal.progress(words, by=by, at=at)
    return words


def test_exactly_one_answers(cast: Cast) -> None:
    number = cast.reach("assigned")
    crowd = at_once(cast.app, answer, hire(cast, "handler", "bureau"), number)
    sound(cast, crowd, number, 1, {"refused 409"})
    found = [entry for entry in entries(cast, number) if entry.verb == "answer"]
    assert len(found) == 1
    with cast.app.app_context():
        lead = db.session.scalars(select(Assignment)).one()
        assert lead.answered_by_id == found[0].actor_id
        assert str(found[0].actor_name) in lead.public_reply


def test_of_fifty_forms_drawn_alike_one_is_taken(cast: Cast) -> None:
    number = cast.reach("accepted")
    drawn = len(entries(cast, number))

    def correct(appeal: Appeal | None, by: Actor, at: datetime, _turn: int) -> None:
        assert appeal is not None
        appeal.correct({"title": f"改为{by.id}"}, "有误", by=by, at=at, seen=drawn)

    crowd = at_once(cast.app, correct, hire(cast, "coordinator", "office"), number)
    sound(cast, crowd, number, 1, {"stale"})


def test_exactly_one_closes(cast: Cast) -> None:
    number = cast.reach("confirmed")
    crowd = at_once(cast.app, close, hire(cast, "closer", "office"), number)
    sound(cast, crowd, number, 1, {"refused 409"})
    assert [entry.verb for entry in entries(cast, number)].count("close") == 1


def test_no_note_is_lost(cast: Cast) -> None:
    number = cast.reach("assigned")
    before = len(entries(cast, number))
    crowd = at_once(cast.app, note, hire(cast, "handler", "bureau"), number, times=2)
    sound(cast, crowd, number, 2 * FIFTY, set())
    assert len(entries(cast, number)) == before + 2 * FIFTY
    with cast.app.app_context():
        kept = db.session.scalars(
            select(EntryText.body)
            .join(Entry)
            .where(Entry.stream == f"appeal/{number}", EntryText.place == "note")
        ).all()
    assert sorted(words for words in kept if words) == sorted(crowd.results())


def test_notes_and_the_answer_do_not_disturb_each_other(cast: Cast) -> None:
    """Half of them note, one of the other half answers; what comes too late is told so."""
    number = cast.reach("assigned")
    people = hire(cast, "handler", "bureau")
    answering = set(people[::2])

    def either(appeal: Appeal | None, by: Actor, at: datetime, turn: int) -> str:
        if by.id in answering:
            answer(appeal, by, at, turn)
            return "answer"
        note(appeal, by, at, turn)
        return "note"

    crowd = at_once(cast.app, either, people, number)
    assert crowd.results().count("answer") == 1
    sound(cast, crowd, number, len(crowd.results()), {"refused 409"})


def test_fifty_registered_at_once_have_fifty_numbers_without_a_gap(cast: Cast) -> None:
    office = cast.units["office"]

    def register(_appeal: Appeal | None, by: Actor, at: datetime, _turn: int) -> Any:
        made = Appeal.register(
            Registration(
                appellant_name=f"企业{by.id}",
                content="收费站入口关闭，请协调放行。",
                channel="visit",
                received_at=at,
                phone="13807970001",
            ),
            office=db.session.get_one(Unit, office),
            by=by,
            at=at,
        )
        return made.number

    crowd = at_once(cast.app, register, hire(cast, "liaison", "industry"))
    warnings.warn(f"worst of {len(crowd.said)}: {crowd.worst:.3f} s", stacklevel=1)
    assert crowd.counts == {"done": FIFTY}, crowd.counts
    last = sorted(int(number.rsplit("-", 1)[1]) for number in crowd.results())
    assert last == list(range(1, FIFTY + 1))
    whole(cast)


def test_two_assists_answer_as_the_lead_answers(cast: Cast) -> None:
    """Each unit answers once, and the lead's answer comes last or not at all."""
    number = cast.reach("accepted")

    def assign(appeal: Appeal, at: datetime) -> None:
        assists = [cast.unit("police"), cast.unit("industry")]
        appeal.assign(cast.unit("bureau"), assists=assists, by=cast.actor("zhou"), at=at)

    cast.do(number, assign)
    police = hire(cast, "handler", "police", 6)
    industry = hire(cast, "unit_lead", "industry", 6)
    leads = [cast.people["chen"], cast.people["qian"]] * 3
    people = [one for three in zip(police, industry, leads, strict=True) for one in three]
    crowd = at_once(cast.app, answer, people, number)
    answered = [entry.post_unit for entry in entries(cast, number) if entry.verb == "answer"]
    sound(cast, crowd, number, len(answered), {"refused 409"})
    with cast.app.app_context():
        units = [cast.unit(one).name for one in ("police", "industry", "bureau")]
        state = db.session.scalar(select(Appeal.state).where(Appeal.number == number))
    assert sorted(answered[:2]) == sorted(units[:2])
    assert answered[2:] == (units[2:] if state == "answered" else [])
    if state == "assigned":
        cast.answer(number, by="chen")
