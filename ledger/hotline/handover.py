"""交接班: what one shift leaves to the next, signed by the one who goes and the one who comes.

Each signature is an entry of the stream handover/<id>, with the words as a commitment; once both
have signed nothing of it changes any more, and `ledger verify` compares the row with the last.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, Integer, String, Text, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..ciphers import commit
from ..db import Base, Id, Secret, db, long_text, pk
from ..people.actor import Actor, Seat
from ..trail.canonical import plain
from ..trail.check import Head, Later, Problem, Told, register
from ..trail.publish import publish

ITEMS: Final[dict[str, str]] = {
    "critical": "特急未了的诉求已逐件交代",
    "calls": "本班来电均已登记、核对",
    "callers": "待回电、待补充的已交代",
    "keys": "电话、钥匙、印章、值班手机已移交",
    "orders": "上级和领导交办事项已交代",
}
"""What is ticked off, in the order in which it is done."""

PREFIX = "handover/"


class NotYours(Exception):
    """Who may not sign here, and why not; 409 where it is too late."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ShiftHandover(Base):
    """One 交接班. Of an office one at most waits for the signature of the one who comes."""

    __tablename__ = "shift_handover"
    __table_args__ = (
        Index("ix_shift_handover_office", "office_id", "id"),
        Index(
            "uq_shift_handover_waits",
            "office_id",
            unique=True,
            sqlite_where=text("in_at IS NULL"),
            postgresql_where=text("in_at IS NULL"),
        ),
    )

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ticked: Mapped[str] = mapped_column(String(200), default="")
    calls: Mapped[int] = mapped_column(Integer, default=0)
    critical: Mapped[long_text] = mapped_column(Text, default="[]")
    """The urgent ones that were open as the one who goes signed: [number, label, state]."""
    salt: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(Secret("shift_handover.words"), default="")
    out_by_id: Mapped[int] = mapped_column(Id)
    out_by_name: Mapped[str] = mapped_column(String(100))
    out_at: Mapped[datetime]
    in_words: Mapped[str] = mapped_column(Secret("shift_handover.in_words"), default="")
    in_by_id: Mapped[int | None] = mapped_column(Id)
    in_by_name: Mapped[str] = mapped_column(String(100), default="")
    in_at: Mapped[datetime | None]

    @property
    def is_closed(self) -> bool:
        return self.in_at is not None

    @property
    def items(self) -> list[tuple[str, bool]]:
        """Each item, and whether it was ticked."""
        there = set(self.ticked.split())
        return [(label, code in there) for code, label in ITEMS.items()]

    @property
    def urgent(self) -> list[tuple[str, str, str]]:
        return [(number, label, state) for number, label, state in json.loads(self.critical)]

    @property
    def stream(self) -> str:
        return f"{PREFIX}{self.id}"

    def describe(self) -> dict[str, Any]:
        """What its entry carries; the words stand there as commitments."""
        salt = bytes.fromhex(self.salt)
        return {
            "office_id": self.office_id,
            "starts_at": _utc(self.starts_at),
            "ends_at": _utc(self.ends_at),
            "ticked": self.ticked,
            "calls": self.calls,
            "critical": self.critical,
            "words": commit(self.words, salt),
            "out_by": [self.out_by_id, self.out_by_name],
            "out_at": _utc(self.out_at),
            "in_words": commit(self.in_words, salt),
            "in_by": [self.in_by_id, self.in_by_name],
            "in_at": _utc(self.in_at) if self.in_at is not None else "",
        }

    # -- the two signatures ------------------------------------------------------------------

    @classmethod
    def sign_out(
        cls,
        waits: ShiftHandover | None,
        *,
        office_id: int,
        since: datetime,
        words: str,
        ticked: Sequence[str],
        calls: int,
        critical: Sequence[tuple[str, str, str]],
        by: Actor,
        seat: Seat,
        at: datetime,
    ) -> ShiftHandover:
        """The one who goes signs; again, as long as nobody has taken over. Raises NotYours."""
        if waits is not None and waits.out_by_id != by.id:
            raise NotYours(
                409, f"{waits.out_by_name}已签字交班，尚未接班；请先接班，再办理下一次交接班"
            )
        row = waits or cls(office_id=office_id, salt=secrets.token_hex(16))
        row.in_words = row.in_by_name = ""
        row.starts_at, row.ends_at, row.out_at = since, at, at
        row.words, row.ticked, row.calls = words, " ".join(ticked), calls
        row.critical = json.dumps(critical, ensure_ascii=False)
        row.out_by_id, row.out_by_name = by.id or 0, by.name
        db.session.add(row)
        db.session.flush()
        publish(row.stream, "sign_out", row.describe(), by=by, at=at, seat=seat)
        return row

    def sign_in(self, words: str, *, by: Actor, seat: Seat, at: datetime) -> None:
        """The one who comes takes over. Raises NotYours."""
        if self.in_at is not None:
            raise NotYours(409, f"{self.in_by_name}已接班签字，交接班记录不再改动")
        if by.id == self.out_by_id:
            raise NotYours(403, "交班人和接班人不能是同一人，请由接班人用自己的账号签字")
        self.in_words, self.in_by_id, self.in_by_name, self.in_at = words, by.id, by.name, at
        db.session.flush()
        publish(self.stream, "sign_in", self.describe(), by=by, at=at, seat=seat)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


class Handovers:
    """Streams handover/<id>, for `ledger verify`."""

    prefix = PREFIX
    title = "交接班记录"

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        wanted = select(ShiftHandover.id).where(ShiftHandover.id > after)
        ids = connection.scalars(wanted.order_by(ShiftHandover.id).limit(size))
        return [Head(key, f"{PREFIX}{key}") for key in ids]

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        keys = [int(key) for s in streams if (key := s.removeprefix(PREFIX)).isdecimal()]
        ids = connection.scalars(select(ShiftHandover.id).where(ShiftHandover.id.in_(keys)))
        return {f"{PREFIX}{key}" for key in ids} & set(streams)

    def compare(
        self,
        connection: Connection,
        heads: Sequence[Head],
        told: Mapping[str, Told],
        later: Later,
    ) -> Iterator[Problem]:
        with Session(connection) as session:
            for head in heads:
                if not told[head.stream].whole:
                    continue
                last = told[head.stream].lines[-1]
                try:
                    here = plain(session.get_one(ShiftHandover, head.key).describe())
                except (TypeError, ValueError):
                    here = None  # a damaged cell that no longer reads as what it should be
                if (last.body or {}).get("data") != here:
                    yield Problem(head.stream, last.seq, "交接班记录与签字时的内容不一致")

    def whole(self, connection: Connection) -> Iterator[Problem]:
        return iter(())


register(Handovers())
