"""From an entry to the notices it calls for, in the transaction that marks its outbox row done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from ..appeals.instructions import Instruction
from ..appeals.lifecycle import BY_MANAGER
from ..appeals.models import Appeal
from ..appeals.record import NEVER
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import config, db, is_sqlite
from ..deadlines import clocks
from ..people import queries as people
from ..people.directory import directory
from ..people.models import Person
from ..people.regions import covers
from ..trail.models import Entry
from ..work.models import Outbox
from . import times
from .models import Notice, NoticeAddress, NoticeChoice, NoticeDelivery
from .rules import UNITS, To, outward, rules_for

PREFIX = "appeal/"
PRESSING = ("critical", "urgent")


@dataclass
class Told:
    """Whom one entry or clock is told, by event: each person under the first that names him."""

    persons: dict[int, str] = field(default_factory=dict)
    units: dict[int, str] = field(default_factory=dict)

    def add(self, persons: Iterable[int], event: str) -> None:
        for one in persons:
            self.persons.setdefault(one, event)


@dataclass(frozen=True)
class Posts:
    """Who holds which post on a day."""

    by_unit: Mapping[tuple[str, int], tuple[int, ...]]
    by_role: Mapping[str, tuple[tuple[int, str], ...]]
    """Person and region of the post's unit."""

    def of_unit(self, unit_id: int) -> list[int]:
        unit = directory().units[unit_id]
        roles = ("coordinator",) if unit.is_office else ("handler", "unit_lead")
        return [one for role in roles for one in self.by_unit.get((role, unit_id), ())]


def posts_of(day: date) -> Posts:
    return directory().keep(("posts of notices", day), lambda: _posts_of(day))


def _posts_of(day: date) -> Posts:
    by_unit: dict[tuple[str, int], list[int]] = {}
    by_role: dict[str, list[tuple[int, str]]] = {}
    for post in people.posts_in_force(day):
        by_unit.setdefault((post.role, post.unit_id), []).append(post.person_id)
        by_role.setdefault(post.role, []).append((post.person_id, post.unit.region_code))
    return Posts(
        {key: tuple(dict.fromkeys(found)) for key, found in by_unit.items()},
        {key: tuple(found) for key, found in by_role.items()},
    )


# -- one entry ---------------------------------------------------------------------------------


def tell_entry(row: Outbox, at: datetime) -> None:
    """The outbox's handler."""
    entry = None if row.entry_id is None else db.session.get(Entry, row.entry_id)
    if entry is None or not entry.stream.startswith(PREFIX):
        return
    number = entry.stream.removeprefix(PREFIX)
    appeal = db.session.scalar(
        select(Appeal).where(Appeal.number == number).execution_options(populate_existing=True)
    )
    if appeal is None:
        return
    told = told_by(entry, appeal, at)
    if entry.actor_kind == "person" and entry.actor_id is not None:
        told.persons.pop(entry.actor_id, None)
    put(appeal, told, f"entry {entry.id}", at, since=entry.at)


def told_by(entry: Entry, appeal: Appeal, at: datetime) -> Told:
    body: dict[str, Any] = json.loads(entry.payload)
    given = next((a for a in appeal.assignments if a.id == entry.assignment_id), None)
    told = Told()
    found = rules_for(
        entry.verb,
        to_state=entry.to_state,
        part="" if given is None else given.part,
        pressing=appeal.urgency in PRESSING,
        by_manager=bool((appeal.asked or 0) & BY_MANAGER),
    )
    for rule in found:
        for to in rule.to:
            if to in UNITS:
                for unit_id in _units(to, entry, appeal, body):
                    told.units.setdefault(unit_id, rule.event)
                    told.add(posts_of(_day(at)).of_unit(unit_id), rule.event)
            else:
                told.add(persons_of(to, appeal, at, entry, body), rule.event)
    return told


def _day(at: datetime) -> date:
    return at.astimezone(SHANGHAI).date()


def _units(to: To, entry: Entry, appeal: Appeal, body: Mapping[str, Any]) -> list[int]:
    changed: Mapping[str, Any] = body.get("set", {}).get("assignment", {})
    units = {str(one.id): one.unit_id for one in appeal.assignments}
    match to:
        case "given":
            return [row["unit_id"] for row in changed.values() if "unit_id" in row]
        case "let_go":
            gone = [k for k, row in changed.items() if row.get("state") in ("released", "waived")]
            return [units[key] for key in gone if key in units]
        case "assignment":
            return [units[key] for key in (str(entry.assignment_id),) if key in units]
        case "above":
            parents = {str(one.id): str(one.parent_id) for one in appeal.assignments}
            parent = parents.get(str(entry.assignment_id), "")
            return [units[parent]] if parent in units else []
        case "lead":
            return [] if appeal.lead_unit_id is None else [appeal.lead_unit_id]
        case "addressees":
            return [
                one.unit_id
                for one in appeal.instruction_units
                if one.instruction.entry_seq == entry.seq
            ]
        case _:
            return [one.unit_id for one in appeal.assignments if one.is_open]


def persons_of(
    to: To,
    appeal: Appeal,
    at: datetime,
    entry: Entry | None = None,
    body: Mapping[str, Any] | None = None,
) -> list[int]:
    """Those who are told by their role, not by their unit."""
    posts, office = posts_of(_day(at)), appeal.office_id
    match to:
        case "office":
            return list(posts.by_unit.get(("coordinator", office), ()))
        case "duty":
            return list(posts.by_unit.get(("duty_officer", office), ()))
        case "closers":
            return list(posts.by_unit.get(("closer", office), ()))
        case "managers":
            region = directory().units[office].region_code
            held = posts.by_role.get("manager", ())
            return [person for person, held_in in held if covers(held_in, region)]
        case "leader":
            return _leader(appeal, (body or {}).get("data", {}).get("instruction"))
        case "registrar":
            return sorted(appeal.facts(at).known_to)
        case _:
            known = appeal.facts(at).known_to
            liaisons = {person for person, _ in posts.by_role.get("liaison", ())}
            return [*posts.by_unit.get(("operator", office), ()), *sorted(known & liaisons)]


def _leader(appeal: Appeal, seq: Any) -> list[int]:
    found = db.session.scalar(
        select(Instruction.leader_id).where(
            Instruction.appeal_id == appeal.id, Instruction.entry_seq == seq
        )
    )
    return [] if found is None else [found]


# -- rows --------------------------------------------------------------------------------------


STALE = timedelta(days=2)
"""What happened longer ago, as after a long standstill or in a ledger laid with a history, is told
in the house alone."""


def put(appeal: Appeal, told: Told, once: str, at: datetime, since: datetime | None = None) -> int:
    """Notices for the inbox of what happened at `since` (default `at`), and lines for whoever
    wants to be told outside. What was told under this `once` before is not told again. The caller
    commits. Says how many were new."""
    fresh = _put_notices(appeal, told.persons, once, since or at)
    if since is not None and at - since > STALE:
        return len(fresh)
    lines = [*_to_persons(fresh), *_to_units(_fresh_units(told, fresh, at))]
    urgent = appeal.urgency == "critical"
    for way, person_id, unit_id, address_id, event in lines:
        db.session.add(
            NoticeDelivery(
                way=way,
                person_id=person_id,
                unit_id=unit_id,
                address_id=address_id,
                office_id=appeal.office_id,
                line=line_of(appeal, event),
                urgent=urgent,
                run_at=times.send_at(at, urgent=urgent),
                created_at=at,
            )
        )
    db.session.flush()
    return len(fresh)


def _put_notices(
    appeal: Appeal, persons: Mapping[int, str], once: str, at: datetime
) -> dict[int, str]:
    """Those that were new, with their events."""
    if not persons:
        return {}
    rows = [
        {"person_id": person, "appeal_id": appeal.id, "event": event, "once": once, "at": at}
        for person, event in sorted(persons.items())
    ]
    found = db.session.connection().execute(_if_new(is_sqlite()), rows)
    return {person: persons[person] for person in found.scalars()}


@cache
def _if_new(on_sqlite: bool) -> Any:
    """Made once: it takes longer to put together than to run."""
    insert: Any = sqlite.insert(Notice) if on_sqlite else postgresql.insert(Notice)
    return insert.on_conflict_do_nothing().returning(Notice.__table__.c.person_id)


def _fresh_units(told: Told, fresh: Mapping[int, str], at: datetime) -> dict[int, str]:
    """A unit is told where one of its people is told anew, or where it has none."""
    posts = posts_of(_day(at))
    return {
        unit: event
        for unit, event in told.units.items()
        if not (held := posts.of_unit(unit)) or not fresh.keys().isdisjoint(held)
    }


Line = tuple[str, int | None, int | None, int | None, str]


def _to_persons(fresh: Mapping[int, str]) -> list[Line]:
    if not fresh:
        return []
    ids = list(fresh)
    ways = select(NoticeChoice.person_id, NoticeChoice.way).where(NoticeChoice.person_id.in_(ids))
    chosen = {row.person_id: row.way for row in db.session.execute(ways)}
    lines: list[Line] = []
    for address in _addresses(NoticeAddress.person_id.in_(ids)):
        if chosen.get(address.person_id, "apprise") in ("apprise", "both"):
            person = address.person_id
            lines.append(("apprise", person, None, address.id, fresh[person]))
    by_message = [person for person, way in chosen.items() if way in ("sms", "both")]
    if by_message:
        reached = db.session.scalars(
            select(Person.id).where(Person.id.in_(by_message), Person.phone.is_not(None))
        )
        lines += [("sms", person, None, None, fresh[person]) for person in reached]
    return lines


def _to_units(units: Mapping[int, str]) -> list[Line]:
    if not units:
        return []
    return [
        ("apprise", None, address.unit_id, address.id, units[address.unit_id])
        for address in _addresses(NoticeAddress.unit_id.in_(list(units)))
    ]


def _addresses(which: Any) -> Sequence[Any]:
    """Without what they hold: that is opened when it is used."""
    return db.session.execute(
        select(NoticeAddress.id, NoticeAddress.person_id, NoticeAddress.unit_id)
        .where(which)
        .order_by(NoticeAddress.id)
    ).all()


def line_of(appeal: Appeal, event: str) -> str:
    lead = directory().units.get(appeal.lead_unit_id or 0)
    due = appeal.due_at if appeal.is_open and appeal.due_at < NEVER else None
    base = config().public_url
    return outward(
        label=appeal.label,
        event=event,
        category=catalogue().category_name(appeal.category_id),
        due=clocks.shown_end(due) if due is not None else "",
        unit=lead.label if lead is not None else "",
        link=f"{base}/appeals/{appeal.number}" if base else "",
    )[:500]
