"""Tables of the trail. Rows of `entry` are never updated or deleted: triggers see to it."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import cast

from sqlalchemy import (
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    select,
    text,
    true,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from ..db import Base, Id, pk, reaches_disk_apart

ERASED = "〔已依法删除〕"


class Identity(Base):
    """One row: the random id that binds every chain to this ledger."""

    __tablename__ = "identity"

    id: Mapped[pk]
    ledger_id: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]


class Entry(Base):
    """One line of a stream: who did what, when, from which state to which."""

    __tablename__ = "entry"
    __table_args__ = (UniqueConstraint("stream", "seq"),)

    id: Mapped[pk]
    stream: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime]
    happened_at: Mapped[datetime]
    form: Mapped[int] = mapped_column(Integer)
    verb: Mapped[str] = mapped_column(String(40))
    from_state: Mapped[str] = mapped_column(String(40))
    to_state: Mapped[str] = mapped_column(String(40))
    round: Mapped[int] = mapped_column(Integer)
    assignment_id: Mapped[int | None] = mapped_column(Id)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[int | None] = mapped_column(Id, index=True)
    actor_name: Mapped[str] = mapped_column(String(100))
    post_unit_id: Mapped[int | None] = mapped_column(Id)
    post_unit: Mapped[str] = mapped_column(String(200))
    post_role: Mapped[str] = mapped_column(String(40))
    on_behalf: Mapped[str] = mapped_column(String(40))
    payload: Mapped[str] = mapped_column(Text)
    prev: Mapped[str] = mapped_column(String(128))
    hash: Mapped[str] = mapped_column(String(128))
    algorithm: Mapped[str] = mapped_column(String(20))

    texts: Mapped[list[EntryText]] = relationship(
        back_populates="entry", order_by="EntryText.id", lazy="raise"
    )


class EntryText(Base):
    """A text behind a commitment: SHA-256(salt ‖ text) stands in the entry's payload.

    Personal fields stand here as ciphertext (`sealed`), other free text as itself (`body`).
    An erasure ordered by law empties body, sealed and salt and sets `erased_by`, the sequence
    number of the entry that orders it; the chain stays whole.
    """

    __tablename__ = "entry_text"
    __table_args__ = (UniqueConstraint("entry_id", "place"),)

    id: Mapped[pk]
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    place: Mapped[str] = mapped_column(String(120))
    salt: Mapped[str] = mapped_column(Text)
    body: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[str | None] = mapped_column(Text)
    erased_by: Mapped[int | None] = mapped_column(Integer)

    entry: Mapped[Entry] = relationship(back_populates="texts")


class Serial(Base):
    """The last number given out, per kind, office and Shanghai year."""

    __tablename__ = "serial"
    __table_args__ = (UniqueConstraint("kind", "office_id", "year"),)

    id: Mapped[pk]
    kind: Mapped[str] = mapped_column(String(40))
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    year: Mapped[int] = mapped_column(Integer)
    last: Mapped[int] = mapped_column(Integer)


HELD_SERIALS = "serials"
"""Key of a session's info: counters that count in memory until `keep_serials`."""

Serials = dict[tuple[str, int, int], int]


def next_serial(session: Session, kind: str, office_id: int, year: int) -> int:
    """The next number, counting from 1. Locks the counter until the commit: allocate last."""
    held: Serials | None = session.info.get(HELD_SERIALS)
    if held is None:
        return _step(session, kind, office_id, year)
    key = (kind, office_id, year)
    held[key] = held[key] + 1 if key in held else _step(session, kind, office_id, year)
    return held[key]


def keep_serials(session: Session, held: Serials) -> None:
    """Write what was counted in memory, in the transaction in which it was."""
    for (kind, office_id, year), last in held.items():
        here = (Serial.kind == kind, Serial.office_id == office_id, Serial.year == year)
        session.execute(update(Serial).where(*here).values(last=last))


_SERIAL = cast(Table, Serial.__table__)
_STEP = (
    update(_SERIAL)
    .where(
        _SERIAL.c.kind == bindparam("of_kind"),
        _SERIAL.c.office_id == bindparam("of_office"),
        _SERIAL.c.year == bindparam("of_year"),
    )
    .values(last=_SERIAL.c.last + 1)
    .returning(_SERIAL.c.last)
)
_STEP_APART = _STEP.returning(func.set_config("synchronous_commit", "off", true()))
"""On PostgreSQL: all who register wait for the counter, and none of them for the disk meanwhile."""


def _step(session: Session, kind: str, office_id: int, year: int) -> int:
    connection = session.connection()
    here = {"of_kind": kind, "of_office": office_id, "of_year": year}
    step = _STEP_APART if reaches_disk_apart(session) else _STEP
    number: int | None = connection.execute(step, here).scalar()
    if number is not None:
        return number
    # The first of its year: on PostgreSQL two may come at once, and one waits for the other. By
    # hand, since the session must not be flushed here: the row that asks has no number yet.
    insert = text(
        "INSERT INTO serial (kind, office_id, year, last) VALUES (:kind, :office, :year, 0)"
        " ON CONFLICT (kind, office_id, year) DO NOTHING"
    )
    connection.execute(insert, {"kind": kind, "office": office_id, "year": year})
    first: int = connection.execute(step, here).scalars().one()
    return first


_known: dict[str, str] = {}


def ledger_id(session: Session) -> str:
    """This ledger's id. Raises LookupError where `ledger db upgrade` has not laid it."""
    where = str(session.get_bind().engine.url)  # one process may serve several ledgers in tests
    if where not in _known:
        found = session.scalar(select(Identity.ledger_id).order_by(Identity.id).limit(1))
        if found is None:
            raise LookupError("the ledger has no identity: run `ledger db upgrade`")
        _known[where] = found
    return _known[where]


def lay_identity(session: Session, at: datetime) -> None:
    """Give a new ledger its id; does nothing where it has one."""
    if session.scalar(select(Identity.id).limit(1)) is None:
        session.add(Identity(ledger_id=secrets.token_hex(16), created_at=at))
        session.flush()
