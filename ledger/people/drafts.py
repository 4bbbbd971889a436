"""What somebody has typed and not yet sent, kept for that person alone (草稿).

A draft is named by its form; another person never reaches it, whatever he may see. It is gone
once the form was sent, and after a month in any case.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import Table, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.datastructures import MultiDict

from ledger.db import db, writing
from ledger.prepared import tell
from ledger.web import typed_fields

from .models import Draft

KEPT: Final = timedelta(days=30)
MOST: Final = 100
"""Drafts of one person; the oldest gives way."""
LONGEST: Final = 100_000
"""Characters of one draft."""

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Kept:
    """A draft, read."""

    fields: MultiDict[str, str]
    at: datetime


def typed(but: Iterable[str] = ()) -> Pairs:
    """What the request's form held, for keeping: no token, no password, no file, and nothing of
    `but`, which carries the form along."""
    carried = {"aside", "loaded", "seen", "receipt", "token", *but}
    return [
        (one.name, one.value)
        for one in typed_fields()
        if one.name not in carried and one.name.partition("-")[0] != "files"
    ]


def keep(person_id: int, key: str, fields: Pairs) -> datetime | None:
    """Keep it, in a write of its own; nothing typed ends the draft. None where it is too long."""
    if sum(len(name) + len(value) for name, value in fields) > LONGEST:
        return None
    content = json.dumps(fields, ensure_ascii=False)
    with writing() as at:
        if not any(value.strip() for _, value in fields):
            drop(person_id, key)
        elif not _put(person_id, key, content, at):
            _make_room(person_id)
            try:
                with db.session.begin_nested():
                    db.session.execute(
                        insert(Draft).values(
                            person_id=person_id, form_key=key, content=content, updated_at=at
                        )
                    )
            except IntegrityError:  # the same form in another window
                _put(person_id, key, content, at)
        db.session.commit()
    return at


def _put(person_id: int, key: str, content: str, at: datetime) -> bool:
    done = db.session.execute(
        update(Draft)
        .where(Draft.person_id == person_id, Draft.form_key == key)
        .values(content=content, updated_at=at)
        .returning(Draft.id)
    )
    return done.first() is not None


def _make_room(person_id: int) -> None:
    mine = Draft.person_id == person_id
    count = db.session.scalar(select(func.count()).select_from(Draft).where(mine)) or 0
    if count < MOST:
        return
    eldest = select(Draft.id).where(mine).order_by(Draft.updated_at, Draft.id)
    db.session.execute(
        delete(Draft).where(Draft.id.in_(db.session.scalars(eldest.limit(count - MOST + 1)).all()))
    )


def kept(person_id: int | None, key: str) -> Kept | None:
    """That person's draft of that form."""
    found = db.session.execute(
        select(Draft.content, Draft.updated_at).where(
            Draft.person_id == person_id, Draft.form_key == key
        )
    ).first()
    if found is None:
        return None
    return Kept(
        MultiDict([(str(name), str(value)) for name, value in json.loads(found[0])]), found[1]
    )


def drop(person_id: int | None, key: str) -> None:
    """End it. The caller commits."""
    said = {"whose": person_id, "which": key}
    tell(db.session.connection(), "draft", said, _dropping)


def _dropping() -> Any:
    table = cast(Table, Draft.__table__)
    return delete(table).where(
        table.c.person_id == bindparam("whose", type_=table.c.person_id.type),
        table.c.form_key == bindparam("which", type_=table.c.form_key.type),
    )


def forget_old(at: datetime) -> int:
    """Sweep: what nobody came back to for a month. Says how many."""
    with writing():
        gone = db.session.execute(
            delete(Draft).where(Draft.updated_at < at - KEPT).returning(Draft.id)
        ).all()
        db.session.commit()
    return len(gone)
