"""批示 in words, for whoever may read it: on an appeal's page, and on the leader's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select

from ..config import SHANGHAI
from ..db import db, keyring
from ..people.actor import Actor
from ..people.directory import directory
from .instructions import SOURCES, Instruction, InstructionUnit
from .models import Appeal
from .show_queries import names_of_persons
from .sight import admits

if TYPE_CHECKING:
    from .leaf import Leaf

PAGE = 20


class Reply(NamedTuple):
    """What a named unit reported; `at` is None while it has not."""

    unit: str
    at: datetime | None
    who: str
    words: str


class Told(NamedTuple):
    """An instruction in words."""

    seq: int
    leader: str
    dated_on: date
    source: str
    words: str
    reply_by: date | None
    replies: Sequence[Reply]

    @property
    def waits(self) -> bool:
        return any(one.at is None for one in self.replies)


def told(appeal: Leaf) -> list[Told]:
    """Those of the appeal's that its reader may read, the newest first."""
    rows = [row for row in appeal.instructions if row.id in appeal.readable]
    found = []
    for row in rows[::-1]:
        named = [one for one in appeal.instruction_units if one.instruction_id == row.id]
        said = [_opened(one.sealed_words, "instruction_unit.words") for one in named]
        words = _opened(row.sealed_words, "instruction.words")
        found.append(_told(row, words, list(zip(named, said, strict=True))))
    return found


def _opened(sealed: str | None, place: str) -> str:
    return "" if sealed is None else keyring().decrypt(sealed, place)


def _told(row: Any, words: str, named: Sequence[tuple[Any, str]]) -> Told:
    """`named`: its units' rows, each with what it reported."""
    units = directory().units
    names = names_of_persons([one.replied_by_id for one, _ in named])
    return Told(
        seq=row.entry_seq,
        leader=row.leader_name,
        dated_on=row.dated_on,
        source=SOURCES.get(row.source, ""),
        words=words,
        reply_by=row.reply_by,
        replies=[
            Reply(units[one.unit_id].name, one.replied_at, names.get(one.replied_by_id, ""), said)
            for one, said in named
        ],
    )


class Mine(NamedTuple):
    """A leader's own instruction, and the appeal it is on."""

    id: int
    number: str
    label: str
    title: str
    told: Told


def mine(actor: Actor, at: datetime, before: int | None) -> tuple[list[Mine], bool]:
    """His own, the newest first, on appeals that he may see; whether there are older ones."""
    day = at.astimezone(SHANGHAI).date()
    given = Instruction.__table__.c
    query = (
        select(Instruction, Appeal.number, Appeal.label, Appeal.title)
        .join(Appeal, Appeal.id == given.appeal_id)
        .where(given.leader_id == actor.id, admits(actor, day))
        .order_by(given.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        query = query.where(given.id < before)
    rows = db.session.execute(query).all()
    shown = rows[:PAGE]
    ids = [row.Instruction.id for row in shown]
    named = db.session.scalars(
        select(InstructionUnit)
        .where(InstructionUnit.instruction_id.in_(ids))
        .order_by(InstructionUnit.id)
    ).all()
    found = []
    for row in shown:
        given_to = [(o, o.words or "") for o in named if o.instruction_id == row.Instruction.id]
        told_one = _told(row.Instruction, row.Instruction.words, given_to)
        found.append(Mine(row.Instruction.id, row.number, row.label, row.title, told_one))
    return found, len(rows) > PAGE
