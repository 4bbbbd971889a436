"""Finding firms: by name, credit code or telephone number, and by who looks after them.

Firm master data has one rule of sight for all rows (permissions.MAY["see"]), which the views
ask; so nothing here filters by person. Numbers are looked for by their blind indexes under
every key, so that a key rotation loses nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import selectinload

from ledger.db import db, keyring
from ledger.people.models import Person, Post, Unit

from . import names, permissions, phones
from .models import Firm, FirmContact, FirmLiaison

PAGE = 50
"""Rows of one page of the list."""

TYPED = 10
"""Rows offered while somebody types."""


@dataclass(frozen=True)
class FirmRow:
    """One line of the list or of the look-up."""

    id: int
    name: str
    uscc: str | None
    uscc_valid: bool
    region_code: str
    industry: str
    chain: str
    white_list: bool
    active: bool
    serving: str
    """Name of the serving liaison; '' where there is none."""


@dataclass(frozen=True)
class FirmPage:
    """A page of the list, newest first; `before` and `after` are keys for its neighbours."""

    rows: Sequence[FirmRow]
    before: int | None
    """Key for the page of newer firms; None on the first."""
    after: int | None
    """Key for the page of older firms; None on the last."""


def listing(
    *,
    day: date,
    q: str = "",
    white_list: bool = False,
    served_by_id: int | None = None,
    after: int | None = None,
    before: int | None = None,
    size: int = PAGE,
) -> FirmPage:
    """One page of the register, by key in both directions."""
    statement = select(Firm)
    if q := searchable(q):
        statement = statement.where(matching(q))
    if white_list:
        statement = statement.where(Firm.white_list)
    if served_by_id is not None:
        statement = statement.where(Firm.id.in_(served_by(served_by_id, day)))
    if before is not None:
        statement = statement.where(Firm.id > before).order_by(Firm.id)
    else:
        statement = statement.order_by(Firm.id.desc())
        if after is not None:
            statement = statement.where(Firm.id < after)
    # One row more than shown tells whether there is a further page.
    found = list(db.session.scalars(statement.limit(size + 1)))
    more, found = len(found) > size, found[:size]
    if before is not None:
        found.reverse()
    newer = more if before is not None else after is not None
    older = True if before is not None else more
    return FirmPage(
        rows=_rows(found, day),
        before=found[0].id if found and newer else None,
        after=found[-1].id if found and older else None,
    )


def look_up(q: str, day: date, size: int = TYPED) -> Sequence[FirmRow]:
    """The firms that what was typed so far may mean, the closest names first; at most `size`."""
    q = searchable(q)
    if len(q) < 2:
        return []
    statement = (
        select(Firm)
        .where(matching(q), Firm.active)
        .order_by(func.length(Firm.name_folded), Firm.id)
        .limit(size)
    )
    return _rows(list(db.session.scalars(statement)), day)


def searchable(q: str) -> str:
    """What was typed, without characters that can't be in a name, at most 100."""
    printable = "".join(char if char.isprintable() else " " for char in q[:200])
    return printable.strip()[:100]


def matching(q: str) -> ColumnElement[bool]:
    """Name contains, credit code begins, or a contact's number is it or ends in these four."""
    ways: list[ColumnElement[bool]] = [
        Firm.name_folded.contains(names.fold(q), autoescape=True),
    ]
    plain = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", q)).upper()
    if re.fullmatch(r"[0-9A-Z]{4,18}", plain):
        ways.append(Firm.uscc.startswith(plain, autoescape=True))
    if (by_phone := contact_matching(q)) is not None:
        ways.append(Firm.id.in_(select(FirmContact.firm_id).where(FirmContact.active, by_phone)))
    return or_(*ways)


def contact_matching(q: str) -> ColumnElement[bool] | None:
    """Condition on a contact's number; None where what was typed can't be one."""
    try:
        number = phones.normalise(q)
    except phones.PhoneError:
        return None
    if len(number) == 4:
        tails = keyring().blinds(number, phones.PHONE_TAIL)
        return FirmContact.phone_tail_index.in_(tails)
    if len(number) >= 5:
        return FirmContact.phone_index.in_(keyring().blinds(number, phones.PHONE))
    return None


def find(firm_id: int) -> Firm | None:
    """A firm with its contacts and liaisons and their names: for its page."""
    return db.session.scalar(
        select(Firm)
        .where(Firm.id == firm_id)
        .options(
            selectinload(Firm.contacts),
            selectinload(Firm.liaisons).joinedload(FirmLiaison.person),
        )
    )


def named(name: str, besides: int | None = None) -> Sequence[Firm]:
    """Firms whose names fold to the same, at most ten."""
    statement = select(Firm).where(Firm.name_folded == names.fold(name)).order_by(Firm.id)
    if besides is not None:
        statement = statement.where(Firm.id != besides)
    return db.session.scalars(statement.limit(10)).all()


def served_by(person_id: int, day: date) -> Select[int]:
    """Ids of the firms a person looks after on that day, in any part; to be used with IN."""
    return select(FirmLiaison.firm_id).where(
        FirmLiaison.person_id == person_id,
        FirmLiaison.starts_on <= day,
        or_(FirmLiaison.ends_on.is_(None), FirmLiaison.ends_on > day),
    )


def firms_of(person: Person, day: date) -> list[int]:
    """The same ids, read."""
    return sorted(set(db.session.scalars(served_by(person.id, day))))


def candidates(parts: Iterable[str], day: date) -> Sequence[Person]:
    """Who may be given one of the parts on that day, by their posts; at most 500."""
    wanted = {role for part in parts for role in permissions.PART_ROLES[part]}
    holds = exists().where(
        Post.person_id == Person.id,
        Post.role.in_(wanted),
        Post.starts_on <= day,
        or_(Post.ends_on.is_(None), Post.ends_on > day),
    )
    statement = select(Person).where(Person.active, holds).order_by(Person.name, Person.id)
    return db.session.scalars(statement.limit(500)).all()


def regions() -> Sequence[str]:
    """GB/T 2260 codes of the regions in which there are units."""
    return db.session.scalars(select(Unit.region_code).distinct().order_by(Unit.region_code)).all()


def _rows(firms: Sequence[Firm], day: date) -> list[FirmRow]:
    serving: dict[int, str] = {}
    if firms:
        rows = db.session.execute(
            select(FirmLiaison.firm_id, Person.name)
            .join(Person, Person.id == FirmLiaison.person_id)
            .where(
                FirmLiaison.firm_id.in_([firm.id for firm in firms]),
                FirmLiaison.part == "serving",
                FirmLiaison.starts_on <= day,
                or_(FirmLiaison.ends_on.is_(None), FirmLiaison.ends_on > day),
            )
        )
        serving = {row.firm_id: row.name for row in rows}
    return [
        FirmRow(
            id=firm.id,
            name=firm.name,
            uscc=firm.uscc,
            uscc_valid=firm.uscc_valid,
            region_code=firm.region_code,
            industry=firm.industry,
            chain=firm.chain,
            white_list=firm.white_list,
            active=firm.active,
            serving=serving.get(firm.id, ""),
        )
        for firm in firms
    ]
