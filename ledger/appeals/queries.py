"""SELECTs about appeals, each through `visible_to`. Lists are rows, not entities, without the
long texts; they page by key in both directions and count no further than a cap."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, bindparam, func, or_, select, union
from sqlalchemy.orm import defaultload, lazyload, selectinload
from sqlalchemy.sql.elements import True_
from sqlalchemy.sql.visitors import iterate, replacement_traverse

from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import Reader, config, db, is_sqlite
from ..deadlines.calendar import end_of, start_of
from ..deadlines.queries import caps_in_force, load_calendar
from ..firms.models import FirmLiaison
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..people.regions import region_short, significant
from ..prepared import ask
from ..search.query import Finder
from ..trail.models import Entry
from ..unchanged import unchanged
from .filters import UNIT_VIEWS, Filters
from .joined_queries import lock_kin
from .leaf import Leaf
from .lifecycle import FIRST_KEY, OPEN, OPEN_ASSIGNMENT, Facts, Held
from .models import Appeal, Assignment
from .parts import UnitSight
from .searched import Searched
from .sight import (
    admits,
    identity_visible_to,
    knows_column,
    knows_identity,
    sight_of,
    visible_to,
)
from .turns import turn

__all__ = [
    "OPEN_ASSIGNMENT_STATES",
    "Page",
    "conditions_of",
    "count_capped",
    "counts_capped",
    "entries_of",
    "facts_of",
    "find",
    "identity_visible_to",
    "knows_identity",
    "ledger_page",
    "listed",
    "numbers_meant",
    "office_for",
    "sight_of",
    "some",
    "visible_to",
]

PAGE = 50
COUNT_CAP = 1000


# -- one appeal --------------------------------------------------------------------------------


def find(number: str, actor: Actor, at: datetime, *, lock: bool = False) -> Appeal | None:
    """The appeal with this number if `actor` may see it; for a verb with its row locked."""
    day = at.astimezone(SHANGHAI).date()
    wanted = (
        select(Appeal)
        .where(Appeal.number == number, admits(actor, day))
        # What is mostly wanted of units the directory knows.
        .options(lazyload(Appeal.office), defaultload(Appeal.assignments).lazyload(Assignment.unit))
    )
    if lock:
        if not is_sqlite():
            _lock_kin(number)
        # A verb settles all of them; a page reads each as it comes to it, and not every one.
        wanted = (
            wanted.options(
                selectinload(Appeal.assignments),
                selectinload(Appeal.deadlines),
                selectinload(Appeal.requests),
                selectinload(Appeal.external_orders),
                selectinload(Appeal.attachments),
                selectinload(Appeal.plate_rows),
            )
            .with_for_update(of=Appeal)
            .execution_options(populate_existing=True)
        )
    return db.session.scalar(wanted)


def _lock_kin(number: str) -> None:
    """What a verb may change besides is locked along with it, in ascending id."""
    kin = db.session.execute(
        select(Appeal.id, Appeal.master_id, Appeal.joined_count).where(Appeal.number == number)
    ).one_or_none()
    if kin is not None and (kin.master_id is not None or kin.joined_count):
        lock_kin(kin.id, kin.master_id, joined_to=[kin.id] if kin.joined_count else [])


def entries_of(appeal: Appeal | Leaf) -> Sequence[Entry]:
    """Its trail with the texts behind it, first to last. The appeal came through visible_to."""
    return db.session.scalars(
        select(Entry)
        .where(Entry.stream == appeal.stream)
        .order_by(Entry.seq)
        .options(selectinload(Entry.texts))
    ).all()


# -- lists -------------------------------------------------------------------------------------

LINE_COLUMNS: tuple[Any, ...] = (
    Appeal.id,
    Appeal.version,
    Appeal.number,
    Appeal.label,
    Appeal.title,
    Appeal.appellant_name,
    Appeal.state,
    Appeal.round,
    Appeal.lead_signed,
    Appeal.undetermined,
    Appeal.urgency,
    Appeal.kind,
    Appeal.category_id,
    Appeal.channel,
    Appeal.region_code,
    Appeal.office_id,
    Appeal.lead_unit_id,
    Appeal.registered_at,
    Appeal.closed_at,
    Appeal.due_at,
    Appeal.warn_at,
    Appeal.due_spec,
    Appeal.due_stage,
    Appeal.opening,
    Appeal.recurred_at,
    Appeal.details_asked,
    Appeal.stranded,
    Appeal.is_open,
    Appeal.close_stopped,
    Appeal.asked,
    Appeal.master_id,
    Appeal.joined_count,
    Appeal.instructed,
)
"""What a line of a list shows."""

LIST_COLUMNS: tuple[Any, ...] = (
    *LINE_COLUMNS,
    Appeal.registrar_id,
    Appeal.registrar_unit_id,
    Appeal.accepted_at,
    Appeal.answered_at,
    Appeal.caller_id,
    Appeal.upholder_id,
    Appeal.duty_unendorsed,
    Appeal.handled_with_id,
    Appeal.attempts,
    Appeal.attempt_half_days,
    Appeal.phone_given,
    Appeal.phone_index,
    Appeal.firm_id,
    Appeal.confidential,
    Appeal.appellant_type,
    Appeal.held_from,
    Appeal.asked_below,
    Appeal.raised_by_id,
    Appeal.coordination_asked,
    Appeal.outside_count,
    Appeal.points_open,
)
"""The same, and what the table of acts asks of a row (facts_of)."""

_read_lines = Reader(LINE_COLUMNS, PAGE + 1, ["knows"], Appeal.version)
read_list = Reader(LIST_COLUMNS, 20, ["knows"])


@dataclass(frozen=True)
class Page:
    """A stretch of the ledger. `before` and `after` are cursors, '' where there is no more."""

    rows: Sequence[Row[Any]]
    before: str
    after: str
    count: int
    capped: bool

    @property
    def count_words(self) -> str:
        return f"{COUNT_CAP}+" if self.capped else str(self.count)


def listed(actor: Actor, at: datetime, *more: Any) -> Select[Any]:
    """The ledger's rows as `actor` may see them; callers add their conditions and order.

    `knows` says of each row whether he may know its appellant. `more` are further columns.
    """
    day = at.astimezone(SHANGHAI).date()
    found: Select[Any] = select(*LIST_COLUMNS, *more, knows_column(actor, day).label("knows"))
    return found.where(visible_to(actor, day))


def count_capped(actor: Actor, at: datetime, *conditions: ColumnElement[bool]) -> int:
    """How many, counted no further than COUNT_CAP + 1."""
    return counts_capped(actor, at, [conditions])[0]


def counts_capped(
    actor: Actor, at: datetime, several: Iterable[Sequence[ColumnElement[bool]]]
) -> list[int]:
    """The same of several lists, in one statement."""
    seen = visible_to(actor, at.astimezone(SHANGHAI).date())
    counted = [_counting([*conditions, seen]) for conditions in several]
    return list(db.session.execute(select(*counted)).one())


def _counting(conditions: Sequence[ColumnElement[bool]]) -> Any:
    some = select(Appeal.id).where(*conditions).limit(COUNT_CAP + 1).correlate(None).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def ledger_page(
    actor: Actor, at: datetime, filters: Filters, *, cursor: str = "", size: int = PAGE
) -> Page:
    """A page of the ledger by key.

    `cursor` is "" for the first page, ">key~id" for what follows that row, "<key~id" for what
    comes before it; anything else reads as the first page.
    """
    place = _read_cursor(cursor)
    if filters.light or filters.view:  # which turn on the hour
        return _page(actor, at, filters, place, size)
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    asked = ("ledger's page", sight, filters, place, size, catalogue().mark)
    return unchanged(asked, lambda: _page(actor, at, filters, place, size))


Place = tuple[str, datetime | None, int]
"""Of a cursor: direction, key and id; "", None and 0 for the first page."""


def _page(actor: Actor, at: datetime, filters: Filters, place: Place, size: int) -> Page:
    key, descending = sorted_by(filters)
    direction, moment, last_id = place
    backwards = direction == "<"
    found: Sequence[Any]
    if filters.sort == "entered" and filters.q:
        found, total = _searched(filters, actor, at, direction, last_id, size + 1)
    else:
        found, total = _by_key(filters, actor, at, key, descending, place, size + 1)
    more = len(found) > size
    rows = _read_lines(found[:size])
    if backwards:
        rows.reverse()
    first = _cursor("<", rows[0], key.key) if rows else ""
    last = _cursor(">", rows[-1], key.key) if rows else ""
    before = first if (backwards and more) or (not backwards and moment is not None) else ""
    after = last if (not backwards and more) or (backwards and rows) else ""
    return Page(rows, before, after, min(total, COUNT_CAP), total > COUNT_CAP)


def _searched(
    filters: Filters, actor: Actor, at: datetime, direction: str, last_id: int, size: int
) -> tuple[list[tuple[int, bool]], int]:
    conditions = conditions_of(filters.with_(q=""), actor, at)
    searched = Searched(actor, at.astimezone(SHANGHAI).date(), filters, conditions)
    below, above = (last_id if direction == side else 0 for side in "><")
    ids, total = searched.page(size, COUNT_CAP + 1, below=below, above=above)
    return searched.known(ids), total


def _by_key(
    filters: Filters,
    actor: Actor,
    at: datetime,
    key: Any,
    descending: bool,
    bound: Place,
    size: int,
) -> tuple[Sequence[Any], int]:
    """(id, knows) of a page's rows, and how many there are in all."""
    direction, moment, last_id = bound
    day = at.astimezone(SHANGHAI).date()
    sight = sight_of(actor, day)

    def bounded(query: Any) -> Any:
        further = descending != (direction == "<")
        if moment is not None:
            last = bindparam("last_id", last_id, BigInteger)
            # The bound on the key alone is what an index can start from; within it the ids decide.
            if further:
                query = query.where(key <= moment, or_(key < moment, Appeal.id < last))
            else:
                query = query.where(key >= moment, or_(key > moment, Appeal.id > last))
        order = (key.desc(), Appeal.id.desc()) if further else (key, Appeal.id)
        return query.order_by(*order).limit(size)

    def made() -> Any:
        conditions = counted = conditions_of(filters, actor, at)
        if filters.q:
            # What is counted lies farther apart than a page of it: the other way may be shorter.
            counted = conditions_of(filters, actor, at, wanted=COUNT_CAP + 1)
        knows = knows_column(actor, day).label("knows")
        if sight.is_of_few_units:
            last_first = descending != (direction == "<")
            return _of_units(sight.units, conditions, bounded, key, knows, last_first, size)
        seen = visible_to(actor, day)
        count = _counting([*counted, seen]).label("total")
        return bounded(select(Appeal.id, knows, count).where(*conditions, seen))

    connection = db.session.connection()
    if filters.q or filters.view:
        found = connection.execute(made()).all()
    else:
        # Put together once for all who see alike; what differs from page to page is named.
        values: dict[str, Any] = {"at": at, "day_ends": end_of(day)}
        if moment is not None:
            values |= {"moment": moment, "last_id": last_id}
        like = (sight, filters, direction if moment is not None else "", size, catalogue().mark)
        found = ask(connection, like, values, made).all()
    total = found[0][2] if found else 0
    if not found and moment is not None:  # past the end: there is something all the same
        total = count_capped(actor, at, *conditions_of(filters, actor, at))
    return [(row[0], bool(row[1])) for row in found], total


def _of_units(
    units: Sequence[int],
    conditions: Sequence[ColumnElement[bool]],
    bounded: Callable[[Any], Any],
    key: Any,
    knows: Any,
    last_first: bool,
    size: int,
) -> Any:
    """The same for whoever sees what some units see, by what is kept for each of them: the list
    of a small unit never walks past what the others hold."""
    parts, counted = [], []
    for unit in units:
        mine = UnitSight.unit_id == unit
        part = bounded(select(Appeal.id, key.label("key")).where(mine, *conditions))
        parts.append(by_unit(part).subquery())
        some = select(Appeal.id).where(mine, *conditions).limit(COUNT_CAP + 1)
        counted.append(by_unit(some).subquery())
    # Two units may hold the same appeal.
    found = union(*(select(part.c[0].label("id"), part.c.key) for part in parts)).subquery()
    several = union(*(select(one.c[0].label("id")) for one in counted)).subquery()
    capped = select(several.c.id).limit(COUNT_CAP + 1).subquery()
    count = select(func.count()).select_from(capped).scalar_subquery().label("total")
    order = (found.c.key.desc(), found.c.id.desc()) if last_first else (found.c.key, found.c.id)
    rows = select(found.c.id, knows, count).select_from(found)
    if not isinstance(knows.element, True_):
        rows = rows.join(Appeal, Appeal.id == found.c.id)
    return rows.order_by(*order).limit(size)


def by_unit(part: Select[Any]) -> Any:
    """The same rows by what is kept for the unit; the appeal is looked up where more is asked."""
    own = UnitSight.__table__.c

    def swapped(element: Any, **_: Any) -> Any:
        if getattr(element, "table", None) is Appeal.__table__:
            return own.get("appeal_id" if element.key == "id" else element.key)
        return None

    swap: Any = replacement_traverse(part, {}, swapped)
    if any(getattr(e, "table", None) is Appeal.__table__ for e in iterate(swap)):
        return swap.join(Appeal.__table__, Appeal.__table__.c.id == own.appeal_id)
    return swap


def sorted_by(filters: Filters) -> tuple[Any, bool]:
    """The column, and whether the latest come first. The id decides among equals."""
    if filters.sort == "due":
        return Appeal.due_at, False
    return Appeal.registered_at, filters.sort != "oldest"


def some(actor: Actor, at: datetime, filters: Filters, size: int, *more: Any) -> list[Row[Any]]:
    """The first `size` rows, for a desk; with `more` columns."""
    key, descending = sorted_by(filters)
    order = (key.desc(), Appeal.id.desc()) if descending else (key, Appeal.id)
    day = at.astimezone(SHANGHAI).date()
    conditions = conditions_of(filters, actor, at)
    if more:
        ids = select(Appeal.id).where(*conditions, visible_to(actor, day))
        ids = ids.order_by(*order).limit(size)
        # Sorting drags only the keys of what is passed over, not its forty columns.
        query = listed(actor, at, *more).where(Appeal.id.in_(ids)).order_by(*order)
        return list(db.session.execute(query))
    knows = knows_column(actor, day).label("knows")
    found = select(Appeal.id, knows).where(*conditions, visible_to(actor, day))
    return read_list(db.session.connection().execute(found.order_by(*order).limit(size)).all())


def _cursor(direction: str, row: Row[Any], key: str) -> str:
    return f"{direction}{getattr(row, key).isoformat()}~{row.id}"


def _read_cursor(cursor: str) -> Place:
    direction, rest = cursor[:1], cursor[1:]
    moment, _, last = rest.partition("~")
    try:
        found = datetime.fromisoformat(moment)
        number = int(last)
    except ValueError:
        return "", None, 0
    if direction not in ("<", ">") or found.tzinfo is None or not 0 < number < 2**62:
        return "", None, 0
    return direction, found, number


def conditions_of(
    filters: Filters, actor: Actor, at: datetime, *, wanted: int = PAGE + 1
) -> list[ColumnElement[bool]]:
    """What a filter object asks, as SQL. The same object stands behind a number and its rows.

    `wanted`: how many rows the query will take; it says by which way words are looked for.
    """
    found: list[ColumnElement[bool]] = turn(filters, actor, at)
    if filters.states:
        found.append(Appeal.state.in_(filters.states))
        if OPEN.issuperset(filters.states) and not filters.office_id:
            # Said twice for whoever sees many offices: the open ones have an index.
            found.append(Appeal.is_open.is_(True))
        elif OPEN.isdisjoint(filters.states):
            # And the ended ones, which lie behind all that is open in the order of registration.
            found.append(Appeal.is_open.is_(False))
    if filters.unsigned:
        found += [
            Appeal.is_open.is_(True),
            Appeal.state == "assigned",
            Appeal.lead_signed.is_(False),
        ]
    if filters.open_only:
        found.append(Appeal.is_open.is_(True))
    if filters.office_id and filters.view != "on_behalf":
        found.append(Appeal.office_id == filters.office_id)
    if filters.lead_unit_id:
        found.append(Appeal.lead_unit_id == filters.lead_unit_id)
    if filters.unit_id and filters.view not in (*UNIT_VIEWS, "rule_below", "to_reply"):
        given = select(Assignment.appeal_id).where(
            Assignment.unit_id == filters.unit_id, Assignment.state != "released"
        )
        found.append(Appeal.id.in_(given))
    if filters.category_id:
        below = catalogue().subtree(filters.category_id)
        found.append(Appeal.category_id.in_(below))
    if filters.kind:
        found.append(Appeal.kind == filters.kind)
    if filters.channel:
        found.append(Appeal.channel == filters.channel)
    if filters.urgency:
        found.append(Appeal.urgency == filters.urgency)
    if filters.region_code:
        low, high = _region_bounds(filters.region_code)
        found.append(Appeal.region_code.between(low, high))
    found += _in_light(filters.light, at)
    if filters.since is not None:
        found.append(Appeal.registered_at >= start_of(filters.since))
    if filters.until is not None:
        found.append(Appeal.registered_at < end_of(filters.until))
    if filters.closed_on is not None:
        found.append(Appeal.closed_at >= start_of(filters.closed_on))
        found.append(Appeal.closed_at < end_of(filters.closed_on))
    if filters.firm_id or filters.view == "served":
        # Reached through a firm: what would betray a confidential appellant is not there.
        found.append(identity_visible_to(actor, at.astimezone(SHANGHAI).date()))
    if filters.firm_id:
        found.append(Appeal.firm_id == filters.firm_id)
    if filters.white_list:
        found.append(Appeal.white_list.is_(True))
    if filters.q:
        knows = knows_column(actor, at.astimezone(SHANGHAI).date())
        oldest = filters.sort == "oldest"
        found.append(
            Finder(filters.words).matching(Appeal.id, knows=knows, wanted=wanted, oldest=oldest)
        )
    return found


def _in_light(light: str, at: datetime) -> list[ColumnElement[bool]]:
    if not light:
        return []
    asked: dict[str, tuple[ColumnElement[bool], ...]] = {
        "red": (Appeal.due_at < at,),
        "yellow": (Appeal.warn_at <= at, Appeal.due_at >= at),
        "today": (
            Appeal.due_at >= at,
            Appeal.due_at <= end_of(at.astimezone(SHANGHAI).date()),
        ),
    }
    return [Appeal.is_open.is_(True), *asked[light]]


@cache
def _region_bounds(region_code: str) -> tuple[str, str]:
    head = significant(region_code)
    return head.ljust(6, "0"), head.ljust(6, "9")


# -- what the table of acts asks of rows -------------------------------------------------------


def facts_of(rows: Iterable[Row[Any]], at: datetime) -> dict[int, Facts]:
    """The facts of listed rows, by the appeals' ids, in three SELECTs for all of them.

    As AppealRecord.facts, but for the hotlines' source systems, which only machines are asked, and
    for what can no longer be asked for: no list offers a unit to return or extend, nor the office
    to accept a stated time.
    """
    wanted = list(rows)
    if not wanted:
        return {}
    masters = {row.handled_with_id for row in wanted} - {None}
    ids = [*dict.fromkeys([row.id for row in wanted] + sorted(masters))]
    held: dict[int, list[Held]] = {}
    rounds = {row.id: row.round for row in wanted}
    asked_below = {row.id: row.asked_below or 0 for row in wanted}
    units = directory().units
    for row in db.session.connection().execute(_HELD, {"ids": ids}):
        held.setdefault(row.appeal_id, []).append(
            Held(
                id=row.id,
                unit_id=row.unit_id,
                unit_path=units[row.unit_id].path,
                unit_name=units[row.unit_id].label,
                part=row.part,
                state=row.state,
                upheld_return=row.release_reason == "return_upheld",
                parent_id=row.parent_id,
                asks=asked_below.get(row.appeal_id, 0) if row.part == "child" else 0,
                past=row.round < rounds.get(row.appeal_id, 1),
                offline=units[row.unit_id].offline,
            )
        )
    keys = _first_keys([row for row in wanted if row.answered_at is not None])
    theirs = _keys_of_masters(sorted(masters))
    liaisons = _liaisons({row.firm_id for row in wanted if row.firm_id is not None}, at)
    local = at.astimezone(SHANGHAI)
    hours = load_calendar().working_hours(local.date())
    off_hours = not any(opens <= at < closes for opens, closes in hours)
    caps = caps_in_force(at)
    strict = config().strict_home_unit

    def gives_up(row: Row[Any]) -> bool:
        if row.phone_given == "none" or not row.phone_index:
            return True
        half_days = len(set(row.attempt_half_days.split()))
        return bool(row.attempts >= caps.attempts and half_days >= caps.attempt_half_days)

    return {
        row.id: Facts(
            state=row.state,
            office_id=row.office_id,
            office_region=units[row.office_id].region_code,
            registrar_id=row.registrar_id,
            ever_accepted=row.accepted_at is not None,
            urgency=row.urgency,
            off_hours=off_hours,
            known_to=frozenset({row.registrar_id} - {None}) | liaisons.get(row.firm_id, _NOBODY),
            known_to_units=frozenset({row.registrar_unit_id} - {None}),
            assignments=_with_parents(held.get(row.id, [])),
            shared=_with_parents(held.get(row.handled_with_id, [])),
            first_keys=keys.get(row.number, _NOBODY) | theirs.get(row.handled_with_id, _NOBODY),
            decisive=frozenset({row.caller_id, row.upholder_id} - {None}),
            undetermined=row.undetermined,
            reached_limit=gives_up(row),
            has_joined=row.joined_count > 0,
            strict_home_unit=strict,
            close_stopped=row.close_stopped,
            duty_unendorsed=row.duty_unendorsed,
            opening=row.opening,
            held_from=row.held_from,
            asked=row.asked or 0,
            raised_by=row.raised_by_id,
            coordination_asked=row.coordination_asked,
            outside_count=row.outside_count,
            points_open=row.points_open,
            confidential=row.confidential,
        )
        for row in wanted
    }


def _with_parents(held: list[Held]) -> tuple[Held, ...]:
    """Each knows the unit that passed it on."""
    if all(one.parent_id is None for one in held):
        return tuple(held)
    units = {one.id: one.unit_id for one in held}
    return tuple(replace(one, parent_unit_id=units.get(one.parent_id or 0)) for one in held)


_NOBODY: frozenset[int] = frozenset()
# Made once: a page asks them with other ids, and making them takes longer than answering them.
_HELD = (
    select(
        Assignment.id,
        Assignment.appeal_id,
        Assignment.unit_id,
        Assignment.part,
        Assignment.state,
        Assignment.round,
        Assignment.release_reason,
        Assignment.parent_id,
    )
    .where(Assignment.appeal_id.in_(bindparam("ids", expanding=True)))
    .order_by(Assignment.id)
)
_KEYS = select(Entry.stream, Entry.actor_id).where(
    Entry.stream.in_(bindparam("streams", expanding=True)),
    Entry.verb.in_(sorted(FIRST_KEY)),
    Entry.actor_kind == "person",
)
_LOOKED_AFTER = select(FirmLiaison.firm_id, FirmLiaison.person_id).where(
    FirmLiaison.firm_id.in_(bindparam("firms", expanding=True)),
    FirmLiaison.starts_on <= bindparam("day"),
    or_(FirmLiaison.ends_on.is_(None), FirmLiaison.ends_on > bindparam("day")),
)


def _keys_of_masters(ids: list[int]) -> dict[int | None, frozenset[int]]:
    """The same by the ids of those that others are handled with."""
    if not ids:
        return {}
    wanted: Any = select(Appeal.id, Appeal.number).where(Appeal.id.in_(ids))
    rows = db.session.execute(wanted).all()
    found = _first_keys(rows)
    return {row.id: found.get(row.number, _NOBODY) for row in rows}


def _first_keys(rows: Sequence[Row[Any]]) -> dict[str, frozenset[int]]:
    """By number: who answered, signed off or keyed an answer."""
    if not rows:
        return {}
    numbers = {f"appeal/{row.number}": row.number for row in rows}
    found: dict[str, frozenset[int]] = {}
    for stream, person in db.session.connection().execute(_KEYS, {"streams": list(numbers)}):
        if person is not None:
            number = numbers[stream]
            found[number] = found.get(number, frozenset()) | {person}
    return found


def _liaisons(firm_ids: set[int], at: datetime) -> dict[int, frozenset[int]]:
    """By firm: who looks after it."""
    if not firm_ids:
        return {}
    day = at.astimezone(SHANGHAI).date()
    found: dict[int, frozenset[int]] = {}
    asked = {"firms": sorted(firm_ids), "day": day}
    for firm_id, person in db.session.connection().execute(_LOOKED_AFTER, asked):
        found[firm_id] = found.get(firm_id, frozenset()) | {person}
    return found


# -- by number ---------------------------------------------------------------------------------

_CODE = re.compile(r"([0-9]{6})-([0-9]{4})-([0-9]{1,6})")
_LABEL = re.compile(r"([^\d\s-]{0,8})([0-9]{4})-([0-9]{1,6})")
_BARE = re.compile(r"[0-9]{1,6}")


def numbers_meant(typed: str, actor: Actor, at: datetime) -> list[tuple[str, str]]:
    """(number, label) of the appeals in sight that what was typed may mean.

    寻2026-0123, 360734-2026-000123, 2026-123, or the bare 123 of this year.
    """
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", typed[:60]))
    text = re.sub("[‐-―−—–]", "-", text).removeprefix("第").rstrip("号件")
    wanted: list[str] = []
    if found := _CODE.fullmatch(text):
        wanted = [f"{found[1]}-{found[2]}-{int(found[3]):06d}"]
    elif found := _LABEL.fullmatch(text):
        wanted = _of_offices(found[1], int(found[2]), int(found[3]))
    elif _BARE.fullmatch(text):
        wanted = _of_offices("", at.astimezone(SHANGHAI).year, int(text))
    if not wanted:
        return []
    day = at.astimezone(SHANGHAI).date()
    rows = db.session.execute(
        select(Appeal.number, Appeal.label)
        .where(Appeal.number.in_(wanted), admits(actor, day))
        .order_by(Appeal.number)
        .limit(20)
    )
    return [(row.number, row.label) for row in rows]


def _of_offices(prefix: str, year: int, last: int) -> list[str]:
    """That number at each office, or at those whose numbers begin with `prefix`."""
    regions = {
        office.region_code
        for office in directory().offices
        if not prefix
        or prefix
        == (office.number_prefix or region_short(office.region_code) or office.region_code)
    }
    return [f"{region}-{year}-{last:06d}" for region in sorted(regions)]


def office_for(region_code: str) -> UnitRow | None:
    """The office that owns what is registered in a region: its own, else the nearest above."""
    return directory().office_for(region_code)


OPEN_ASSIGNMENT_STATES = tuple(sorted(OPEN_ASSIGNMENT))
