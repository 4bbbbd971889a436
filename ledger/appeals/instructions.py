"""批示: what a leader instructs on an appeal, to which units, and what they reported back.

A work secret (design §6): the wording is ciphertext in its row and in the ink, and is read by the
leader himself, the office and the named units alone. Whoever else sees the appeal sees that there
is one, and of its entries the numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..db import COMMITTED, Base, Id, Secret, code, pk
from ..people.actor import Actor
from ..trail.act import Trailed
from .parts import CHILD

if TYPE_CHECKING:
    from .models import Appeal

SOURCES: dict[str, str] = {"paper": "纸质", "phone": "电话", "wechat": "微信", "fax": "传真"}
"""How an instruction reached the office that records it on behalf; by the leader's own hand: ''."""

OFFICE_READERS = ("coordinator", "closer", "duty_officer", "supervisor")
UNIT_READERS = ("handler", "unit_lead", "coordinator")

PLACES = ("instruction.", "instruction_unit.")
"""Where its texts stand in an entry."""


class Instruction(Trailed, Base):
    """批示: by whom, when, in which words."""

    __tablename__ = "instruction"
    __table_args__ = (
        Index("ix_instruction_appeal_id", "appeal_id"),
        Index("ix_instruction_leader_id", "leader_id", "id"),
    )
    __trail__: ClassVar[str] = "instruction"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    """The office that owned the appeal then: it goes on seeing what it saw."""
    leader_id: Mapped[int | None] = mapped_column(Id)
    leader_name: Mapped[str] = mapped_column(String(100), info=COMMITTED)
    dated_on: Mapped[date]
    source: Mapped[code] = mapped_column(default="")
    words: Mapped[str] = mapped_column(Secret("instruction.words"))
    reply_by: Mapped[date | None]
    entry_seq: Mapped[int] = mapped_column(Integer)

    appeal: Mapped[Appeal] = relationship(back_populates="instructions")


class InstructionUnit(Trailed, Base):
    """被批示单位: a unit that an instruction was put to, and its latest 批示办理情况."""

    __tablename__ = "instruction_unit"
    __table_args__ = (
        Index("ix_instruction_unit_appeal_id", "appeal_id"),
        Index("ix_instruction_unit_instruction_id", "instruction_id"),
        Index(
            "ix_instruction_unit_waiting",
            "unit_id",
            "appeal_id",
            sqlite_where=text("replied_at IS NULL"),
            postgresql_where=text("replied_at IS NULL"),
        ),
    )
    __trail__: ClassVar[str] = "instruction_unit"
    __trail_key__: ClassVar[frozenset[str]] = CHILD

    id: Mapped[pk]
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"))
    instruction_id: Mapped[int] = mapped_column(ForeignKey("instruction.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    replied_at: Mapped[datetime | None]
    replied_by_id: Mapped[int | None] = mapped_column(Id)
    words: Mapped[str | None] = mapped_column(Secret("instruction_unit.words"))
    seqs: Mapped[str] = mapped_column(String(400), default="")
    """Numbers of the entries that replied, apart by blanks."""

    appeal: Mapped[Appeal] = relationship(back_populates="instruction_units")
    instruction: Mapped[Instruction] = relationship()


def may_read(instruction: Any, unit_ids: Iterable[int], office_id: int, actor: Actor) -> bool:
    """Whether `actor`, who sees the appeal that `office_id` owns, may read this instruction, put
    to these units."""
    if actor.kind != "person":
        return False
    if instruction.leader_id == actor.id and "manager" in actor.roles:
        return True
    offices, units = {office_id, instruction.office_id}, set(unit_ids)
    return any(seat.unit_id in offices for seat in actor.seats_as(*OFFICE_READERS)) or any(
        seat.unit_id in units for seat in actor.seats_as(*UNIT_READERS)
    )


def readable(appeal: Any, actor: Actor) -> frozenset[int]:
    """The ids of the appeal's instructions that `actor` may read."""
    if not appeal.instructed:
        return frozenset()
    named: dict[int, list[int]] = {}
    for one in appeal.instruction_units:
        named.setdefault(one.instruction_id, []).append(one.unit_id)
    return frozenset(
        one.id
        for one in appeal.instructions
        if may_read(one, named.get(one.id, ()), appeal.office_id, actor)
    )


def withheld(appeal: Any, actor: Actor) -> frozenset[int]:
    """The numbers of the entries of which `actor` sees no more than that: instructions he may not
    read, and what was reported on them."""
    if not appeal.instructed:
        return frozenset()
    seen = readable(appeal, actor)
    found = {one.entry_seq for one in appeal.instructions if one.id not in seen}
    for one in appeal.instruction_units:
        if one.instruction_id not in seen:
            found.update(int(seq) for seq in one.seqs.split())
    return frozenset(found)
