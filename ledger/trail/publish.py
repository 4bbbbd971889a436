"""Entries of streams that no Act heads: versions of the limits, years of the calendar."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from ..db import db
from ..people.actor import Actor, Seat
from .act import inking
from .canonical import ALGORITHM, FIELDS, FORM, Plain, canonical, entry_hash, first_prev
from .models import Entry, EntryText, ledger_id


def publish(
    stream: str,
    verb: str,
    data: Mapping[str, Plain],
    *,
    by: Actor,
    at: datetime,
    seat: Seat | None = None,
    texts: Mapping[str, str] | None = None,
) -> Entry:
    """Append one entry that records `data` as published, and the words in `texts` by place.

    The caller holds the write lock.
    """
    session = db.session()
    last = session.scalar(
        select(Entry).where(Entry.stream == stream).order_by(Entry.seq.desc()).limit(1)
    )
    if last is not None and at <= last.at:
        at = last.at + timedelta(microseconds=1)
    inked = [inking(place, said, personal=False) for place, said in (texts or {}).items() if said]
    body: dict[str, Plain] = {"data": dict(data)}
    if inked:
        body["texts"] = {text.place: text.commitment for text in inked}
    entry = Entry(
        stream=stream,
        seq=last.seq + 1 if last else 1,
        at=at,
        happened_at=at,
        form=FORM,
        verb=verb,
        from_state="",
        to_state="",
        round=1,
        assignment_id=None,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name,
        post_unit_id=seat.unit_id if seat else None,
        post_unit=seat.unit_name if seat else "",
        post_role=seat.role if seat else "",
        on_behalf="",
        payload=canonical(body),
        prev=last.hash if last else first_prev(ledger_id(session), stream),
        algorithm=ALGORITHM,
    )
    entry.hash = entry_hash({name: getattr(entry, name) for name in FIELDS})
    entry.texts = [
        EntryText(place=text.place, salt=text.salt, body=text.body, sealed=text.sealed)
        for text in inked
    ]
    session.add(entry)
    session.flush()
    return entry
