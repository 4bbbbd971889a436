"""One appeal as its page reads it: rows, not entities, in as few statements as it takes.

What is rarely there (outside orders, files, merged appeals) is looked for only where the first
row says that there is some. Ciphertexts stay sealed until somebody may and wants to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from flask import current_app
from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    bindparam,
    exists,
    or_,
    select,
    type_coerce,
)

from ..config import SHANGHAI
from ..db import WRITE, db, keyring
from ..files.models import Attachment
from ..firms.models import FirmLiaison
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..people.models import Draft
from ..trail.models import Entry, EntryText
from .instructions import Instruction, InstructionUnit, readable, withheld
from .joined_queries import first_keys_of, joined_named, master_answered, master_reply
from .lifecycle import FIRST_KEY
from .models import Appeal, Assignment, Deadline, ExternalOrder, Request
from .outside_parts import Conference, ConferencePoint, OutsideRecord
from .parts import Copy
from .sight import Sight, admits, knows_column, sight_of
from .standing import Given, Running, Standing

T = TypeVar("T")


class Handing(Given):
    """An assignment, read."""

    if TYPE_CHECKING:
        unit: UnitRow
        part: str
        state: str
        round: int
        letter_number: str
        note: str
        deemed: bool
        handler_name: str
        contacted_at: datetime | None
        planned_at: datetime | None
        answered_at: datetime | None
        outcome: str
        account: str
        public_reply: str
        evidence: str
        particulars: str
        sent_back_for: str
        answered_by_id: int | None
        drafted_at: datetime | None
        signing_note: str | None
        released_at: datetime | None
        parent_id: int | None
        rhythm: str
        progress_at: datetime | None
        returns: int
        extensions: int
        sealed_handler_phone: str | None

    def __init__(self, row: Iterable[Any], units: Mapping[int, UnitRow]) -> None:
        self.__dict__.update(zip(_ASSIGNMENT_KEYS, row, strict=True))
        self.unit = units[self.unit_id]

    @cached_property
    def handler_phone(self) -> str:
        return _opened(self.sealed_handler_phone, "assignment.handler_phone")


class Clock(Running):
    """A deadline, read."""

    if TYPE_CHECKING:
        id: int
        assignment_id: int | None
        spec: str
        started_at: datetime
        original_due_at: datetime
        warn_at: datetime
        sentence: str
        provisional: bool
        ended_as: str
        stated_at: datetime | None
        stated_seq: int | None

    def __init__(self, row: Iterable[Any], held: Mapping[int, Handing]) -> None:
        self.__dict__.update(zip(_DEADLINE_KEYS, row, strict=True))
        self.assignment = held.get(self.assignment_id or 0)


@dataclass(frozen=True, slots=True)
class Order:
    """An outside order, read."""

    source_system: str
    order_number: str
    sub_number: str

    @property
    def full_number(self) -> str:
        return f"{self.order_number}-{self.sub_number}" if self.sub_number else self.order_number

    @property
    def is_theirs(self) -> bool:
        """As ExternalOrder.is_theirs."""
        return ":" not in self.source_system


class Leaf(Standing[Handing, Clock]):
    """An appeal, read through the eyes of one actor; its columns are its attributes."""

    if TYPE_CHECKING:
        id: int
        number: str
        label: str
        version: int
        head: str | None
        office: UnitRow
        office_id: int
        region_code: str
        kind: str
        urgency: str
        category_id: int | None
        channel: str
        cross_region: bool
        appellant_type: str
        appellant_name: str
        firm_id: int | None
        uscc: str
        industry: str
        chain: str
        white_list: bool
        confidential: bool
        real_name: bool
        contact_name: str
        spot_name: str
        title: str
        content: str
        wish: str
        place: str
        route_from: str
        route_to: str
        goods: str
        plates: str
        stranded: bool
        stranded_since: datetime | None
        complained_unit: str
        registered_at: datetime
        assigned_at: datetime | None
        answered_at: datetime | None
        reviewed_at: datetime | None
        confirmed_at: datetime | None
        closed_at: datetime | None
        ended_at: datetime | None
        outcome: str
        account: str
        public_reply: str
        answered_directly: bool
        evidence: str
        particulars: str
        reworks: int
        origin_id: int | None
        remainder_id: int | None
        details_asked: bool
        details_question: str
        called_at: datetime | None
        contacted: bool | None
        solved: str
        satisfaction: str
        upheld_for: str
        call_exempt: bool
        told_at: datetime | None
        recurred_at: datetime | None
        closer_id: int | None
        closer_in_unit: bool
        master_id: int | None
        handled_with_id: int | None
        held_from: str
        is_open: bool
        due_at: datetime
        warn_at: datetime
        due_spec: str
        due_stage: str
        sealed_phone: str | None
        sealed_spot_phone: str | None
        knows: bool
        """Whether the reader may know who the appellant is."""
        asked: int | None
        asked_below: int | None
        copied: bool
        hold_review_on: date | None
        hold_reason: str | None
        raised_by_id: int | None
        coordination_asked: bool
        coordination_at: datetime | None
        coordination_by_id: int | None
        difficulty: str | None
        proposal: str | None
        proposed_leader: str | None
        outside_count: int
        conference_count: int
        points_open: int
        urged: int | None
        supervised: str | None
        awaited: int | None
        instructed: bool
        has_requests: bool
        has_orders: bool
        has_files: bool
        has_merged: bool
        has_liaisons: bool
        has_drafts: bool
        """Whether the reader has begun a form on it and not sent it."""

    def __init__(
        self, connection: Connection, seen: Row[Any], shelf: Shelf, reader: Actor
    ) -> None:
        self.__dict__.update(shelf["row"])
        self._reader = reader
        self.knows = bool(seen.knows)
        self.has_merged, self.has_liaisons = seen.has_merged, seen.has_liaisons
        self.has_drafts = seen.has_drafts
        self._connection = connection
        self._shelf = shelf
        self._units = directory().units
        self.office = self._units[self.office_id]

    @property
    def edition(self) -> tuple[Any, ...]:
        """New with every act. The hash beside the number: what is rolled back, or lost with the
        days since a backup, gives its number to something else."""
        return (self.id, self.version, self.head)

    def keep(self, what: str, key: Hashable, make: Callable[[], tuple[T, bool]]) -> T:
        """What `make` gave for this edition and this key, if it says that it lasts."""
        kept = _kept(what)
        key = (self.edition, self.knows, key)
        found: T | None = None if _is_in_hand(self._connection) else kept.get(key)
        if found is None:
            found, lasts = make()
            if lasts and not _is_in_hand(self._connection):
                kept[key] = found
        return found

    @property
    def stream(self) -> str:
        return f"appeal/{self.number}"

    @cached_property
    def phone(self) -> str:
        return _opened(self.sealed_phone, "appeal.phone")

    @cached_property
    def spot_phone(self) -> str:
        return _opened(self.sealed_spot_phone, "appeal.spot_phone")

    @cached_property
    def assignments(self) -> list[Handing]:
        if self.state == "registered" and self.accepted_at is None:
            return []  # nothing was ever handed out
        return [Handing(row, self._units) for row in self._rows(_ASSIGNMENTS)]

    @cached_property
    def deadlines(self) -> list[Clock]:
        held = {given.id: given for given in self.assignments}
        return [Clock(row, held) for row in self._rows(_DEADLINES)]

    @cached_property
    def requests(self) -> Sequence[Any]:
        """Rows of what units asked for, first to last."""
        return self._rows(_REQUESTS) if self.has_requests else ()

    @cached_property
    def copies(self) -> Sequence[Any]:
        """Rows of the units and leaders that it is copied to, first to last."""
        return self._rows(_COPIES) if self.copied else ()

    @cached_property
    def external_orders(self) -> list[Order]:
        if not self.has_orders:
            return []
        return [Order(*row) for row in self._rows(_ORDERS)]

    @cached_property
    def attachments(self) -> Sequence[Any]:
        """id, name, caption, size, uploaded_at, draft_of_id and entry_seq of each that the reader
        may have."""
        if not self.has_files:
            return ()
        rows = self._rows(_FILES)
        if not self.withheld:
            return rows
        return [row for row in rows if row.entry_seq not in self.withheld]

    @cached_property
    def instructions(self) -> Sequence[Any]:
        """Rows of 批示, first to last, whoever may read them: see `readable`."""
        return self._rows(_INSTRUCTIONS) if self.instructed else ()

    @cached_property
    def instruction_units(self) -> Sequence[Any]:
        return self._rows(_INSTRUCTION_UNITS) if self.instructed else ()

    @cached_property
    def readable(self) -> frozenset[int]:
        """Ids of the instructions that the reader may read."""
        return readable(self, self._reader)

    @cached_property
    def withheld(self) -> frozenset[int]:
        """Numbers of the entries of which the reader sees no more than that."""
        return withheld(self, self._reader)

    @cached_property
    def outside_records(self) -> Sequence[Any]:
        """Rows of what was written to others and came from them, first to last."""
        return self._rows(_OUTSIDE) if self.outside_count else ()

    @cached_property
    def conferences(self) -> Sequence[Any]:
        return self._rows(_CONFERENCES) if self.conference_count else ()

    @cached_property
    def conference_points(self) -> Sequence[Any]:
        return self._rows(_POINTS) if self.conference_count else ()

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        rows: Sequence[Any] | None = self._shelf.get(query)
        if rows is None:
            rows = self._shelf[query] = self._connection.execute(query, {"of": self.id}).all()
        return rows

    @cached_property
    def entries(self) -> list[tuple[Any, list[Any]]]:
        """Its trail, first to last: each entry's row with the rows of the texts behind it. A
        text's row is the entry's own, with `place`, `body`, `sealed` and `erased_by`."""
        found: list[tuple[Any, list[Any]]] = []
        seq = None
        for row in self._connection.execute(_ENTRIES, {"of": self.stream}).all():
            if row.seq != seq:
                seq = row.seq
                found.append((row, []))
            if row.place is not None:
                found[-1][1].append(row)
        return found

    def _liaisons(self, day: date) -> Iterator[int]:
        if self.has_liaisons:
            found = {"firm": self.firm_id, "day": day}
            yield from self._connection.execute(_LIAISONS, found).scalars()

    @cached_property
    def _shared_rows(self) -> list[Handing]:
        # Of another appeal's edition, and so not kept with this one's.
        found = self._connection.execute(_ASSIGNMENTS, {"of": self.handled_with_id})
        return [Handing(row, self._units) for row in found.all()]

    def _shared(self) -> list[Handing]:
        return self._shared_rows

    @cached_property
    def _named(self) -> str:
        return joined_named(self._connection, self.id)

    def _joined_named(self) -> str:
        return self._named

    @cached_property
    def _has_answer(self) -> bool:
        return master_answered(self._connection, self.master_id)

    def _master_answered(self) -> bool:
        return self._has_answer

    def _master_reply(self) -> str:
        return master_reply(self._connection, self.master_id)

    def _first_keys(self) -> frozenset[int]:
        if self.answered_at is None and self.handled_with_id is None:
            return frozenset()
        own = self._own_first_keys()
        if self.handled_with_id is None:
            return own
        return own | first_keys_of(self._connection, self.handled_with_id)

    def _own_first_keys(self) -> frozenset[int]:
        return frozenset(
            entry.actor_id
            for entry, _ in self.entries
            if entry.verb in FIRST_KEY
            and entry.actor_kind == "person"
            and entry.actor_id is not None
        )


def drafts_of(number: str, act: str) -> str:
    """What the draft of an act's form is called."""
    return f"appeal/{number}/{act}"


def leaf(number: str, actor: Actor, at: datetime) -> Leaf | None:
    """The appeal with this number if `actor` may see it."""
    connection = db.session.connection()
    sight = sight_of(actor, at.astimezone(SHANGHAI).date())
    asked = {"number": number, "reader": actor.id, "drafts": drafts_of(number, "%")}
    seen = connection.execute(_of(sight, actor), asked).one_or_none()
    return None if seen is None else Leaf(connection, seen, _shelf_of(connection, seen), actor)


Shelf = dict[Any, Any]
"""What was read of one edition of an appeal: its row, and by their queries the rows around it.
The edition comes first and the rows after it: what is newer never has an elder's name."""

MOST_ROWS, MOST_PIECES = 400, 200
"""So many editions' rows, and so many pieces of pages of each sort, are kept by a process."""


def _shelf_of(connection: Connection, seen: Row[Any]) -> Shelf:
    kept = _kept("rows")
    shelf: Shelf | None = kept.get((seen.id, seen.version, seen.head))
    if shelf is None or _is_in_hand(connection):
        row = connection.execute(_WHOLE, {"of": seen.id}).one()
        shelf = {"row": dict(zip(_KEYS, row, strict=True))}
        if not _is_in_hand(connection):
            kept[row.id, row.version, row.head] = shelf
    return shelf


def _is_in_hand(connection: Connection) -> bool:
    """What a write has in hand may yet be rolled back, and is not kept."""
    return bool(connection.get_execution_options().get(WRITE))


def _kept(what: str) -> dict[Any, Any]:
    shelves: dict[str, dict[Any, Any]] = current_app.extensions.setdefault("ledger.leaves", {})
    kept = shelves.setdefault(what, {})
    if len(kept) >= (MOST_ROWS if what == "rows" else MOST_PIECES):
        kept.clear()
    return kept


def _opened(sealed: str | None, place: str) -> str:
    return "" if sealed is None else keyring().decrypt(sealed, place)


# -- what is read ------------------------------------------------------------------------------

_appeal, _given, _deadline = Appeal.__table__.c, Assignment.__table__.c, Deadline.__table__.c
_order, _file, _liaison = ExternalOrder.__table__.c, Attachment.__table__.c, FirmLiaison.__table__.c
_draft = Draft.__table__.c
_entry, _text = Entry.__table__.c, EntryText.__table__.c
_request, _copy = Request.__table__.c, Copy.__table__.c
_instruction, _instructed = Instruction.__table__.c, InstructionUnit.__table__.c
_merged = Appeal.__table__.alias("merged")

_APPEAL = tuple(
    _appeal[name]
    for name in (
        "id", "number", "label", "version", "head", "office_id", "region_code", "state",
        "round", "kind", "urgency", "category_id",
        "channel", "cross_region", "appellant_type", "appellant_name",
        "firm_id", "uscc", "industry", "chain", "white_list", "confidential", "real_name",
        "contact_name", "phone_given", "phone_index", "spot_name", "title", "content", "wish",
        "place", "route_from", "route_to", "goods", "plates", "stranded", "stranded_since",
        "complained_unit", "registered_at", "registrar_id", "registrar_unit_id", "opening",
        "accepted_at", "assigned_at", "answered_at", "reviewed_at", "confirmed_at", "closed_at",
        "ended_at", "lead_unit_id", "lead_signed", "outcome", "account", "public_reply",
        "answered_directly", "evidence", "particulars", "reworks", "origin_id", "remainder_id",
        "details_asked", "details_question", "attempts", "attempt_half_days", "called_at",
        "caller_id", "contacted",
        "solved", "satisfaction", "undetermined", "upheld_for", "upholder_id", "call_exempt",
        "close_stopped", "told_at", "recurred_at", "closer_id", "closer_in_unit",
        "duty_unendorsed", "master_id", "handled_with_id", "held_from", "joined_count",
        "is_open", "due_at", "warn_at", "due_spec", "due_stage", "asked", "asked_below", "copied",
        "hold_review_on", "hold_reason", "raised_by_id", "coordination_asked", "coordination_at",
        "coordination_by_id", "difficulty", "proposal", "proposed_leader", "outside_count",
        "conference_count", "points_open", "urged", "supervised", "awaited", "instructed",
    )
)  # fmt: skip
_SEALED = (
    type_coerce(_appeal.phone, Text).label("sealed_phone"),
    type_coerce(_appeal.spot_phone, Text).label("sealed_spot_phone"),
)
_THERE = (
    exists().where(_request.appeal_id == _appeal.id).label("has_requests"),
    exists().where(_order.appeal_id == _appeal.id).label("has_orders"),
    exists().where(_file.appeal_id == _appeal.id).label("has_files"),
)
_WHOLE = select(*_APPEAL, *_SEALED, *_THERE).where(_appeal.id == bindparam("of"))
_KEYS = tuple(c.key for c in (*_APPEAL, *_SEALED, *_THERE))
_ELSEWHERE = (
    exists().where(_merged.c.master_id == _appeal.id).label("has_merged"),
    exists().where(_liaison.firm_id == _appeal.firm_id).label("has_liaisons"),
    exists()
    .where(_draft.person_id == bindparam("reader"), _draft.form_key.like(bindparam("drafts")))
    .label("has_drafts"),
)


@lru_cache(maxsize=256)
def _of(sight: Sight, actor: Actor) -> Select[Any]:
    """The statement for all who have this sight; it costs more to build than to run. It asks what
    no version tells, and which version there is."""
    return select(
        _appeal.id,
        _appeal.version,
        _appeal.head,
        knows_column(actor, sight.day).label("knows"),
        *_ELSEWHERE,
    ).where(_appeal.number == bindparam("number"), admits(actor, sight.day))


_ASSIGNMENTS = (
    select(
        *(
            _given[name]
            for name in (
                "id", "unit_id", "part", "state", "round", "assigned_at", "letter_number", "note",
                "signed_at", "deemed", "handler_name", "contacted_at", "planned_at", "answered_at",
                "outcome", "account", "public_reply", "evidence", "particulars", "sent_back_for",
                "released_at", "release_reason", "returns", "extensions", "parent_id", "rhythm",
                "progress_at", "answered_by_id", "drafted_at", "signing_note",
            )
        ),
        type_coerce(_given.handler_phone, Text).label("sealed_handler_phone"),
    )
    .where(_given.appeal_id == bindparam("of"))
    .order_by(_given.id)
)  # fmt: skip
_ASSIGNMENT_KEYS = tuple(_ASSIGNMENTS.selected_columns.keys())
_DEADLINES = (
    select(
        *(
            _deadline[name]
            for name in (
                "id", "assignment_id", "stage", "spec", "started_at", "due_at", "original_due_at",
                "warn_at", "sentence", "provisional", "ended_at", "ended_as", "stated_at",
                "stated_seq",
            )
        )
    )
    .where(_deadline.appeal_id == bindparam("of"))
    .order_by(_deadline.id)
)  # fmt: skip
_DEADLINE_KEYS = tuple(_DEADLINES.selected_columns.keys())
_REQUESTS = (
    select(
        *(
            _request[name]
            for name in (
                "id", "assignment_id", "kind", "state", "asked_at", "asked_by_id", "reason_code",
                "basis", "proposed_at", "firm_told", "ruled_at", "ruled_by_id", "ruling",
                "granted_until", "by_manager", "conference_id",
            )
        )
    )
    .where(_request.appeal_id == bindparam("of"))
    .order_by(_request.id)
)  # fmt: skip
_ORDERS = (
    select(_order.source_system, _order.order_number, _order.sub_number)
    .where(_order.appeal_id == bindparam("of"))
    .order_by(_order.id)
)
_COPIES = (
    select(_copy.id, _copy.unit_id, _copy.person_id)
    .where(_copy.appeal_id == bindparam("of"), _copy.ended_at.is_(None))
    .order_by(_copy.id)
)
_FILES = (
    select(
        _file.id,
        _file.name,
        _file.caption,
        _file.size,
        _file.uploaded_at,
        _file.draft_of_id,
        _file.entry_seq,
    )
    .where(_file.appeal_id == bindparam("of"))
    .order_by(_file.id)
)
_OUTSIDE, _CONFERENCES, _POINTS = (
    select(*(c for c in kind.__table__.c if c.key != "appeal_id"))
    .where(kind.__table__.c.appeal_id == bindparam("of"))
    .order_by(kind.__table__.c.id)
    for kind in (OutsideRecord, Conference, ConferencePoint)
)
_INSTRUCTIONS = (
    select(
        *(
            _instruction[name]
            for name in (
                "id", "office_id", "leader_id", "leader_name", "dated_on", "source", "reply_by",
                "entry_seq",
            )
        ),
        type_coerce(_instruction.words, Text).label("sealed_words"),
    )
    .where(_instruction.appeal_id == bindparam("of"))
    .order_by(_instruction.id)
)  # fmt: skip
_INSTRUCTION_UNITS = (
    select(
        *(
            _instructed[name]
            for name in ("id", "instruction_id", "unit_id", "replied_at", "replied_by_id", "seqs")
        ),
        type_coerce(_instructed.words, Text).label("sealed_words"),
    )
    .where(_instructed.appeal_id == bindparam("of"))
    .order_by(_instructed.id)
)
_LIAISONS = select(_liaison.person_id).where(
    _liaison.firm_id == bindparam("firm"),
    _liaison.starts_on <= bindparam("day"),
    or_(_liaison.ends_on.is_(None), _liaison.ends_on > bindparam("day")),
)
_ENTRIES = (
    select(
        *(
            _entry[name]
            for name in (
                "seq", "at", "happened_at", "form", "verb", "from_state", "to_state", "round",
                "assignment_id", "actor_kind", "actor_id", "actor_name", "post_unit", "post_role",
                "on_behalf", "payload",
            )
        ),
        _text.place,
        _text.body,
        _text.sealed,
        _text.erased_by,
    )
    .outerjoin_from(Entry.__table__, EntryText.__table__, _text.entry_id == _entry.id)
    .where(_entry.stream == bindparam("of"))
    .order_by(_entry.seq, _text.id)
)  # fmt: skip
