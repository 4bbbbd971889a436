"""来电记录: a telephone call that somebody at the desk took, and the lines on which they come.

A call is a record of its own beside the appeals: most calls add to one, urge it, or are answered
at once. It is written once, when the operator saves it, in the same commit as what became of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from ..appeals.models import Appeal
from ..db import DERIVED, Base, Id, Secret, code, db, keyring, pk
from ..firms import phones
from ..firms.models import Firm

OUTCOMES: Final[dict[str, str]] = {
    "appeal": "登记新诉求",
    "supplement": "补充已有诉求",
    "urge": "企业催单",
    "recur": "再次反映",
    "answered": "即时答复",
    "nothing": "无效来电",
}
"""What became of a call, in the order of the keys 1 to 6."""

OF_AN_APPEAL: Final = frozenset({"supplement", "urge", "recur"})
"""Outcomes that go to an appeal that is there already: verbs of the table."""

NOTHING: Final[dict[str, str]] = {
    "wrong": "误拨",
    "silent": "无声",
    "harassing": "骚扰",
    "test": "测试",
    "other": "其他",
}

LINES: Final = (
    # number, name, channel, cross-region by default
    ("12345", "12345热线", "12345", False),
    ("12328", "12328热线", "12328", False),
    ("85097301", "值班电话1", "duty_line", False),
    ("85097302", "值班电话2", "duty_line", False),
    ("85097303", "值班电话3", "duty_line", False),
    ("85097304", "值班电话4", "duty_line", False),
    ("85097305", "跨省运输受阻专线", "duty_line", True),
)
"""What a ledger begins with."""


class HotlineLine(Base):
    """线路: a number that is answered at the desk. Data: an administrator adds and disables."""

    __tablename__ = "hotline_line"

    id: Mapped[pk]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    channel: Mapped[code]
    """The channel of what is registered from it."""
    cross_region: Mapped[bool] = mapped_column(Boolean, default=False)
    """Whether what is registered from it is taken for a cross-region matter at first."""
    office_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """The office that answers it; None: every office of this ledger."""
    position: Mapped[int] = mapped_column(Integer, default=0)
    active: Mapped[bool] = mapped_column(Boolean, default=True)

    @property
    def label(self) -> str:
        return self.name if self.number in self.name else f"{self.name}（{self.number}）"


def lay_lines() -> None:
    """Add the lines that are missing; what an administrator changed stays. Flushes."""
    known = set(db.session.scalars(select(HotlineLine.number)))
    for position, (number, name, channel, cross_region) in enumerate(LINES, 1):
        if number not in known:
            db.session.add(
                HotlineLine(
                    number=number,
                    name=name,
                    channel=channel,
                    cross_region=cross_region,
                    position=position * 10,
                    active=True,
                )
            )
    db.session.flush()


class CallRecord(Base):
    """One call. `outside_id`: what the telephone system calls it, once a line."""

    __tablename__ = "call_record"
    __table_args__ = (
        UniqueConstraint("line_id", "outside_id"),
        Index("ix_call_record_office", "office_id", "began_at", "id"),
        Index("ix_call_record_office_line", "office_id", "line_id", "began_at", "id"),
        Index("ix_call_record_office_outcome", "office_id", "outcome", "began_at", "id"),
        Index("ix_call_record_taken_by", "taken_by_id", "began_at", "id"),
        Index("ix_call_record_phone_index", "phone_index", "began_at"),
        Index("ix_call_record_firm_id", "firm_id", "began_at"),
        Index("ix_call_record_appeal_id", "appeal_id"),
    )

    id: Mapped[pk]
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("hotline_line.id"))
    outside_id: Mapped[str | None] = mapped_column(String(64))
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    taken_by_id: Mapped[int] = mapped_column(Id)
    taken_by_name: Mapped[str] = mapped_column(String(100))
    taken_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    taken_role: Mapped[code]

    caller_name: Mapped[str] = mapped_column(Secret("call_record.caller_name"), default="")
    phone: Mapped[str | None] = mapped_column(Secret("call_record.phone"))
    phone_index: Mapped[str | None] = mapped_column(String(64), info=DERIVED)
    appellant_type: Mapped[code] = mapped_column(default="unverified")
    appellant_name: Mapped[str] = mapped_column(Secret("call_record.appellant_name"), default="")
    firm_id: Mapped[int | None] = mapped_column(ForeignKey("firm.id"))
    plates: Mapped[str] = mapped_column(String(400), default="")
    place: Mapped[str] = mapped_column(String(200), default="")
    stuck_since: Mapped[datetime | None]
    said: Mapped[str] = mapped_column(Secret("call_record.said"), default="")
    confidential: Mapped[bool] = mapped_column(Boolean, default=False)

    outcome: Mapped[code]  # one of OUTCOMES
    void_reason: Mapped[code] = mapped_column(default="")  # one of NOTHING
    answer: Mapped[str] = mapped_column(Secret("call_record.answer"), default="")
    appeal_id: Mapped[int | None] = mapped_column(ForeignKey("appeal.id"))

    line: Mapped[HotlineLine] = relationship()
    firm: Mapped[Firm | None] = relationship()
    appeal: Mapped[Appeal | None] = relationship()

    @validates("phone")
    def _index_phone(self, _key: str, number: str | None) -> str | None:
        self.phone_index = keyring().blind(number, phones.PHONE) if number else None
        return number or None

    @property
    def masked_phone(self) -> str:
        return phones.mask(self.phone or "")
