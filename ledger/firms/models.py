"""Firms, their contacts, and the persons who look after them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ledger.db import DERIVED, Base, Secret, code, db, keyring, long_text, pk

from . import names, phones

if TYPE_CHECKING:
    from ledger.people.models import Person

PARTS: Final[dict[str, str]] = {
    "serving": "服务联络员",
    "stand_in": "替补联络员",
    "leader": "联系领导",
}
"""What a person does for a firm."""

FACTS: Final = (
    "name",
    "uscc",
    "region_code",
    "industry",
    "chain",
    "white_list",
    "white_list_note",
    "address",
    "note",
    "active",
)
"""The columns that a correction may set."""


class AlreadyRegistered(ValueError):
    """Another firm has this credit code: which, as it stood then."""

    def __init__(self, firm: Firm) -> None:
        super().__init__(f"统一社会信用代码{firm.uscc}已登记在“{firm.name}”名下，不能重复登记")
        self.firm_id, self.firm_name, self.uscc = firm.id, firm.name, firm.uscc


class ChangedMeanwhile(ValueError):
    """Somebody corrected the firm after the form was drawn."""

    def __init__(self) -> None:
        super().__init__("这家企业的信息刚被他人修改过，您的修改尚未保存，请核对后再提交")


class Firm(Base):
    """企业: one row of the register, whether or not its credit code is known."""

    __tablename__ = "firm"

    id: Mapped[pk]
    name: Mapped[str]
    name_folded: Mapped[str] = mapped_column(index=True, info=DERIVED)
    uscc: Mapped[str | None] = mapped_column(unique=True)
    """统一社会信用代码, or an old number of 15 digits; NULL while unknown, never ''."""
    uscc_valid: Mapped[bool] = mapped_column(default=False, info=DERIVED)
    """Whether the code stands the check of GB 32100; false where there is none."""
    region_code: Mapped[code] = mapped_column(default="", index=True)
    """GB/T 2260, six digits."""
    industry: Mapped[str] = mapped_column(default="")
    chain: Mapped[str] = mapped_column(default="")
    """所属产业链."""
    white_list: Mapped[bool] = mapped_column(default=False)
    white_list_note: Mapped[str] = mapped_column(default="")
    """Batch and document number of the list."""
    address: Mapped[str] = mapped_column(default="")
    note: Mapped[long_text] = mapped_column(default="")
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """NULL where the system took it over from a file."""
    version: Mapped[int] = mapped_column(default=1)
    """Counts corrections, so that a form drawn before one is noticed."""

    created_by: Mapped[Person | None] = relationship(foreign_keys=[created_by_id])
    contacts: Mapped[list[FirmContact]] = relationship(
        back_populates="firm", order_by="FirmContact.id"
    )
    liaisons: Mapped[list[FirmLiaison]] = relationship(
        back_populates="firm", order_by="FirmLiaison.starts_on, FirmLiaison.id"
    )

    @classmethod
    def register(
        cls, name: str, *, by: Person | None, at: datetime, uscc: str = "", **facts: str | bool
    ) -> Firm:
        """A new row, flushed, so that it has its id.

        `facts` are further columns of FACTS. Raises AlreadyRegistered, names.UsccError.
        """
        firm = cls(created_by=by, created_at=at, version=1)
        firm._take({**facts, "name": name, "uscc": uscc})
        db.session.add(firm)
        db.session.flush()
        return firm

    def correct(self, *, seen: int, **facts: str | bool) -> bool:
        """Set facts anew; whether anything changed. `seen` is the version the form was drawn of.

        Raises ChangedMeanwhile, AlreadyRegistered, names.UsccError; nothing is set then.
        """
        if seen != self.version:
            raise ChangedMeanwhile
        before = self.facts()
        self._take(facts)
        changed = self.facts() != before
        if changed:
            self.version += 1
        return changed

    def facts(self) -> dict[str, str | bool | None]:
        """What FACTS hold now."""
        return {column: getattr(self, column) for column in FACTS}

    def _take(self, facts: Mapping[str, str | bool]) -> None:
        if unknown := set(facts) - set(FACTS):
            raise TypeError(f"not a fact of a firm: {', '.join(sorted(unknown))}")
        if "uscc" in facts:
            uscc = names.clean_uscc(str(facts["uscc"]))
            if uscc and (other := Firm.with_uscc(uscc)) is not None and other is not self:
                raise AlreadyRegistered(other)
            self.uscc = uscc
            self.uscc_valid = uscc is not None and names.check_uscc(uscc) is None
        if "name" in facts:
            self.name = str(facts["name"]).strip()
            self.name_folded = names.fold(self.name)
        for column, value in facts.items():
            if column not in ("uscc", "name"):
                setattr(self, column, value)

    @staticmethod
    def with_uscc(uscc: str) -> Firm | None:
        """The firm that has this cleaned code."""
        with db.session.no_autoflush:
            return db.session.scalar(select(Firm).where(Firm.uscc == uscc))

    @property
    def uscc_warning(self) -> str | None:
        """What is doubtful about the code, in words for the screen."""
        return names.check_uscc(self.uscc) if self.uscc else None

    def add_contact(self, name: str, phone: str, title: str = "") -> FirmContact:
        """Raises phones.PhoneError."""
        contact = FirmContact(name=name.strip(), title=title.strip(), active=True)
        contact.call_at(phone)
        self.contacts.append(contact)
        return contact

    def serve_by(self, person: Person, part: str, starts_on: date) -> FirmLiaison:
        """From that day on `person` has the part; whoever had it has it no longer.

        The same person again changes nothing.
        """
        if part not in PARTS:
            raise ValueError(f"not a part: {part!r}")
        for row in self.liaisons:
            if row.part != part or row.is_over(starts_on):
                continue
            if row.person_id == person.id and row.starts_on <= starts_on:
                return row
            row.ends_on = max(starts_on, row.starts_on)
        fresh = FirmLiaison(person_id=person.id, part=part, starts_on=starts_on)
        self.liaisons.append(fresh)
        return fresh

    def end_part(self, part: str, ends_on: date) -> None:
        """From that day on nobody has the part."""
        for row in self.liaisons:
            if row.part == part and not row.is_over(ends_on):
                row.ends_on = max(ends_on, row.starts_on)

    def looked_after_by(self, person_id: int, day: date) -> bool:
        return any(row.person_id == person_id and row.holds_on(day) for row in self.liaisons)

    def liaisons_on(self, day: date) -> list[FirmLiaison]:
        """Who looks after it on that day, in the sequence of PARTS."""
        held = [row for row in self.liaisons if row.holds_on(day)]
        return sorted(held, key=lambda row: list(PARTS).index(row.part))


class FirmContact(Base):
    """联系人 of a firm. The number is ciphertext, found only through its blind indexes."""

    __tablename__ = "firm_contact"

    id: Mapped[pk]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firm.id"), index=True)
    name: Mapped[str]
    title: Mapped[str] = mapped_column(default="")
    """职务."""
    phone: Mapped[str] = mapped_column(Secret("firm_contact.phone"), default="")
    phone_index: Mapped[code] = mapped_column(default="", index=True, info=DERIVED)
    phone_tail_index: Mapped[code] = mapped_column(default="", index=True, info=DERIVED)
    active: Mapped[bool] = mapped_column(default=True)

    firm: Mapped[Firm] = relationship(back_populates="contacts")

    def call_at(self, raw: str) -> None:
        """Set the number. Raises phones.PhoneError."""
        number = phones.normalise(raw)
        self.phone = number
        self.phone_index = keyring().blind(number, phones.PHONE) if number else ""
        last = phones.tail(number)
        self.phone_tail_index = keyring().blind(last, phones.PHONE_TAIL) if number else ""

    def retire(self) -> None:
        """No longer shown or found; the row stays, as the access log names it."""
        self.active = False

    @property
    def masked(self) -> str:
        return phones.mask(self.phone)


class FirmLiaison(Base):
    """Who looks after a firm, from a day until another."""

    __tablename__ = "firm_liaison"
    __table_args__ = (Index(None, "person_id", "starts_on"),)

    id: Mapped[pk]
    firm_id: Mapped[int] = mapped_column(ForeignKey("firm.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    part: Mapped[code]
    """One of PARTS."""
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    """The first day it is no longer held; None while it runs."""

    firm: Mapped[Firm] = relationship(back_populates="liaisons")
    person: Mapped[Person] = relationship()

    def holds_on(self, day: date) -> bool:
        """Whether it is held on `day` (Shanghai)."""
        return self.starts_on <= day and not self.is_over(day)

    def is_over(self, day: date) -> bool:
        return self.ends_on is not None and self.ends_on <= day

    @property
    def part_name(self) -> str:
        return PARTS[self.part]
