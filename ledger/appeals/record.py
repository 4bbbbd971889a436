"""The appeal's columns, what the table of acts asks of it, and its clocks.

Abstract: the verbs are in intake.py, handling.py and closing.py, by the stretch of its life they
belong to; models.py puts them together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text, inspect, select
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import init_collection
from sqlalchemy.orm.collections import collection_adapter

from ..config import SHANGHAI
from ..db import COMMITTED, DERIVED, Base, Id, Secret, code, db, keyring, pk
from ..deadlines import clocks
from ..deadlines.queries import caps_in_force, load_calendar
from ..firms import phones
from ..firms.models import FirmLiaison
from ..people.actor import Actor
from ..people.models import Unit
from ..trail.act import Act, Stream
from ..trail.models import ERASED, Entry, next_serial
from . import indexing, intervals, lifecycle, unit_sight
from .behalf import Behalf, Recording
from .lifecycle import BY_MANAGER, EXTENSION, FIRST_KEY, HOLD, OPEN, RETURN, SIGNING, Verdict
from .parts import AppealPlate, Assignment, Copy, Deadline, FormerOwner
from .standing import NEVER as NEVER
from .standing import Standing

if TYPE_CHECKING:
    from ..files.models import Attachment
    from ..firms.models import Firm
    from .outside_parts import Conference, ConferencePoint, OutsideRecord
    from .parts import ExternalOrder, Request

TITLE_LENGTH = 60

ASKED = {"return": RETURN, "extension": EXTENSION, "hold": HOLD}
"""What `asked` says of each kind of request."""


CHOOSE_HAND = "您的岗位涉及本件的几个交办件，请选择为哪个单位办理"


class Refused(Exception):
    """The table of acts says no. `status` is 403 (not yours) or 409 (not now)."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Invalid(ValueError):
    """What was handed to a verb makes no sense; `field` names the form's field."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class Questioned(Invalid):
    """Taken all the same where it is sent again as it stands."""


class AppealRecord(Standing[Assignment, Deadline], Stream, Base):
    """诉求: one complaint of one appellant; a row of the ledger."""

    __abstract__ = True
    __trail__: ClassVar[str] = "appeal"
    __trail_key__: ClassVar[frozenset[str]] = frozenset({"id", "number"})

    id: Mapped[pk]
    number: Mapped[str] = mapped_column(String(40), unique=True)
    label: Mapped[str] = mapped_column(String(40), info=DERIVED)
    office_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    region_code: Mapped[str] = mapped_column(String(12), default="")
    state: Mapped[code]
    round: Mapped[int] = mapped_column(Integer, default=1)

    kind: Mapped[code] = mapped_column(default="help")
    urgency: Mapped[code] = mapped_column(default="normal")
    category_id: Mapped[int | None] = mapped_column(ForeignKey("category.id"))
    channel: Mapped[code]
    cross_region: Mapped[bool] = mapped_column(Boolean, default=False)

    appellant_type: Mapped[code] = mapped_column(default="firm")
    appellant_name: Mapped[str] = mapped_column(String(200), info=COMMITTED)
    firm_id: Mapped[int | None] = mapped_column(ForeignKey("firm.id"))
    uscc: Mapped[str] = mapped_column(String(40), default="", info=COMMITTED)
    industry: Mapped[str] = mapped_column(String(100), default="")
    chain: Mapped[str] = mapped_column(String(100), default="")
    white_list: Mapped[bool] = mapped_column(Boolean, default=False)
    confidential: Mapped[bool] = mapped_column(Boolean, default=False)
    real_name: Mapped[bool] = mapped_column(Boolean, default=True)
    contact_name: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    phone_given: Mapped[code] = mapped_column(default="given")  # given, withheld, none
    phone: Mapped[str | None] = mapped_column(Secret("appeal.phone"))
    phone_index: Mapped[str | None] = mapped_column(String(64), info=DERIVED)
    phone_tail_index: Mapped[str | None] = mapped_column(String(64), info=DERIVED)
    spot_name: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    spot_phone: Mapped[str | None] = mapped_column(Secret("appeal.spot_phone"))
    spot_phone_index: Mapped[str | None] = mapped_column(String(64), info=DERIVED)

    title: Mapped[str] = mapped_column(String(200), info=COMMITTED)
    content: Mapped[str] = mapped_column(Text, info=COMMITTED)
    wish: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    place: Mapped[str] = mapped_column(String(200), default="", info=COMMITTED)
    route_from: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    route_to: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    goods: Mapped[str] = mapped_column(String(100), default="", info=COMMITTED)
    plates: Mapped[str] = mapped_column(String(400), default="", info=COMMITTED)
    stranded: Mapped[bool] = mapped_column(Boolean, default=False)
    stranded_since: Mapped[datetime | None]
    complained_unit: Mapped[str] = mapped_column(String(200), default="", info=COMMITTED)

    received_at: Mapped[datetime]
    registered_at: Mapped[datetime]
    registrar_id: Mapped[int | None] = mapped_column(Id, index=True)
    registrar_unit_id: Mapped[int | None] = mapped_column(Id, index=True)
    query_code: Mapped[str | None] = mapped_column(Secret("appeal.query_code"))
    opening: Mapped[bool] = mapped_column(Boolean, default=False)

    accepted_at: Mapped[datetime | None]
    assigned_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[code] = mapped_column(default="")

    lead_unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    outcome: Mapped[code] = mapped_column(default="")
    account: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    public_reply: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    answered_directly: Mapped[bool] = mapped_column(Boolean, default=False)
    on_time: Mapped[bool | None] = mapped_column(Boolean)
    """Of the answer that review let pass: against its due time as it was extended."""
    on_time_original: Mapped[bool | None] = mapped_column(Boolean)
    """Against the due time that it would have had without an extension."""
    evidence: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    particulars: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    """Of a direct answer, which no assignment keeps; `particulars` also of the lead's."""
    origin_id: Mapped[int | None] = mapped_column(Id)
    """The appeal that left this one over (遗留问题), and the other way round."""
    remainder_id: Mapped[int | None] = mapped_column(Id)

    details_asked: Mapped[bool] = mapped_column(Boolean, default=False)
    details_question: Mapped[str] = mapped_column(Text, default="", info=COMMITTED)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    attempt_half_days: Mapped[str] = mapped_column(String(200), default="")
    called_at: Mapped[datetime | None]
    caller_id: Mapped[int | None] = mapped_column(Id)
    reached: Mapped[bool | None] = mapped_column(Boolean)
    contacted: Mapped[bool | None] = mapped_column(Boolean)
    solved: Mapped[code] = mapped_column(default="")
    satisfaction: Mapped[code] = mapped_column(default="")
    undetermined: Mapped[bool] = mapped_column(Boolean, default=False)
    upheld_for: Mapped[code] = mapped_column(default="")
    upholder_id: Mapped[int | None] = mapped_column(Id)
    call_exempt: Mapped[bool] = mapped_column(Boolean, default=False)
    close_stopped: Mapped[bool] = mapped_column(Boolean, default=False)
    reworks: Mapped[int] = mapped_column(Integer, default=0)
    told_at: Mapped[datetime | None]
    recurred_at: Mapped[datetime | None]
    rework_suggested_at: Mapped[datetime | None]
    """Since when a hotline asks for 重办, until the office has said something to it."""
    closer_id: Mapped[int | None] = mapped_column(Id)
    closer_in_unit: Mapped[bool] = mapped_column(Boolean, default=False)
    """销号人人事关系在承办单位: shown, printed and counted."""
    duty_unendorsed: Mapped[bool] = mapped_column(Boolean, default=False)

    master_id: Mapped[int | None] = mapped_column(ForeignKey("appeal.id"), index=True)
    handled_with_id: Mapped[int | None] = mapped_column(Id)
    """The master, also after the appeal was parted from it with its answer: who handled that
    handled this (回避)."""
    held_from: Mapped[code] = mapped_column(default="")
    hold_review_on: Mapped[date | None]
    hold_reason: Mapped[code | None]
    raised_by_id: Mapped[int | None] = mapped_column(Id)
    """The office below that put it before this one, and gets it back with the ruling."""
    coordination_asked: Mapped[bool] = mapped_column(Boolean, default=False)
    coordination_at: Mapped[datetime | None]
    coordination_by_id: Mapped[int | None] = mapped_column(Id)
    difficulty: Mapped[str | None] = mapped_column(Text, info=COMMITTED)
    proposal: Mapped[str | None] = mapped_column(Text, info=COMMITTED)
    proposed_leader: Mapped[str | None] = mapped_column(String(100), info=COMMITTED)
    """What is put before the leaders, until one of them has dealt with it."""
    instructed: Mapped[bool] = mapped_column(Boolean, default=False)
    excluded: Mapped[bool] = mapped_column(Boolean, default=False)

    urged: Mapped[int | None] = mapped_column(Integer)
    supervised: Mapped[str | None] = mapped_column(String(40))
    awaited: Mapped[int | None] = mapped_column(Integer)
    """How often it was urged, the highest paper of supervision issued and how many of them wait
    for a reply; set by the room that keeps those (ledger.supervision)."""

    joined_count: Mapped[int] = mapped_column(Integer, default=0, info=DERIVED)
    asked: Mapped[int | None] = mapped_column(Integer, info=DERIVED)
    """What units have asked for and nobody has ruled on: a sum of lifecycle.RETURN, EXTENSION,
    BY_MANAGER, SIGNING and HOLD; None where nothing is."""
    asked_below: Mapped[int | None] = mapped_column(Integer, info=DERIVED)
    """The same of what sub-units have asked of the units that passed it on to them."""
    report_due_at: Mapped[datetime | None] = mapped_column(info=DERIVED)
    """When the first of the reports that units owe is due."""
    copied: Mapped[bool] = mapped_column(Boolean, default=False, info=DERIVED)
    follow_up_on: Mapped[date | None] = mapped_column(info=DERIVED)
    """The first day on which one of its outside records is to be looked after."""
    outside_count: Mapped[int] = mapped_column(Integer, default=0, info=DERIVED)
    conference_count: Mapped[int] = mapped_column(Integer, default=0, info=DERIVED)
    points_open: Mapped[int] = mapped_column(Integer, default=0, info=DERIVED)
    """Of what conferences agreed on, how much is not done yet."""
    version: Mapped[int] = mapped_column(Integer, default=0, info=DERIVED)
    head: Mapped[str | None] = mapped_column(String(128), info=DERIVED)
    head_at: Mapped[datetime | None] = mapped_column(info=DERIVED)
    is_open: Mapped[bool] = mapped_column(Boolean, default=True, info=DERIVED)
    lead_signed: Mapped[bool] = mapped_column(Boolean, default=False, info=DERIVED)
    due_at: Mapped[datetime] = mapped_column(default=NEVER, info=DERIVED)
    warn_at: Mapped[datetime] = mapped_column(default=NEVER, info=DERIVED)
    due_spec: Mapped[str] = mapped_column(String(20), default="", info=DERIVED)
    due_stage: Mapped[code] = mapped_column(default="", info=DERIVED)

    _stated_at: datetime | None = None
    """When what is being done happened by its actor's word."""
    _index_due = False
    _sight_due = False
    _joined_sight_due = False
    _interval_due = False
    counted_as: tuple[object, ...] | None = None
    """Of one that is being gathered: what figures count, after the entry before (intervals.py)."""

    if TYPE_CHECKING:
        # Relationships are declared on the table itself (models.py).
        office: Mapped[Unit]
        lead_unit: Mapped[Unit | None]
        firm: Mapped[Firm | None]
        assignments: Mapped[list[Assignment]]
        deadlines: Mapped[list[Deadline]]
        requests: Mapped[list[Request]]
        external_orders: Mapped[list[ExternalOrder]]
        attachments: Mapped[list[Attachment]]
        plate_rows: Mapped[list[AppealPlate]]
        former_owners: Mapped[list[FormerOwner]]
        copies: Mapped[list[Copy]]
        outside_records: Mapped[list[OutsideRecord]]
        conferences: Mapped[list[Conference]]
        conference_points: Mapped[list[ConferencePoint]]

    # -- the stream ------------------------------------------------------------------------

    @property
    def stream(self) -> str:
        return f"appeal/{self.number}"

    @property
    def ink_state(self) -> str:
        return self.state

    @property
    def ink_round(self) -> int:
        return self.round

    def settle(self, at: datetime) -> None:
        """Derived columns, and for a new row its number: the last thing before it is written."""
        lead, running = self.lead, self.main_clock()
        derived: dict[str, object] = {
            "is_open": self.state in OPEN,
            "lead_signed": lead is not None and lead.is_signed,
            "due_at": running.due_at if running else NEVER,
            "warn_at": running.warn_at if running else NEVER,
            "due_spec": running.spec if running else "",
            "due_stage": running.stage if running else "",
            "report_due_at": min((d.due_at for d in self.running("report")), default=None),
            **self._clock_of_master(),
            **self._phone_indexes(),
        }
        signing = SIGNING if lead is not None and lead.state == "signing" else 0
        # Where they are not loaded, none was touched.
        if "requests" in vars(self) or signing != (self.asked or 0) & SIGNING:
            of_office, below = self._asked()
            derived["asked"] = of_office + signing or None
            derived["asked_below"] = below or None
        if "copies" in vars(self):
            derived["copied"] = any(copy.stands for copy in self.copies)
        derived |= self._beyond()
        self._settle_returns()
        if inspect(self).persistent:
            for name, value in derived.items():
                if getattr(self, name) != value:
                    setattr(self, name, value)
        else:
            # There is no history to keep of what never was otherwise.
            vars(self).update(derived)
        self._settle_plates()
        self._index_due = indexing.is_due(self)
        self._sight_due = unit_sight.is_due(self)
        if self._sight_due and unit_sight.is_moved(self):
            unit_sight.drop(self)
        self._joined_sight_due = self._sight_due and self.joined_count > 0
        self._interval_due = intervals.is_due(self)
        if "attachments" in vars(self):  # else none was added
            for attachment in self.attachments:
                if attachment.entry_seq is None:
                    attachment.entry_seq = (self.version or 0) + 1
        if self.number is None:
            year = at.astimezone(SHANGHAI).year
            last = next_serial(db.session(), "appeal", self.office_id, year)
            region = self.office.region_code
            prefix = self.office.number_prefix or self.office_prefix(region)
            vars(self).update(
                number=f"{region}-{year}-{last:06d}", label=f"{prefix}{year}-{last:04d}"
            )

    def after_rows(self) -> None:
        if self._index_due:
            indexing.put(self)
        if self._sight_due:
            unit_sight.put(self)
        if self._joined_sight_due:
            unit_sight.put_joined(self)

    def after_entry(self, act: Act, seq: int, at: datetime) -> None:
        if self._interval_due or act.verb in intervals.EVENTS:
            intervals.keep(self, act, seq, at)

    def _clock_of_master(self) -> dict[str, object]:
        """The due time of what is joined is its master's."""
        return {}

    def _leave_master(self) -> None:
        """It is no longer handled with its master."""

    def _settle_returns(self) -> None:
        """Which of its external orders wait to be told."""

    @staticmethod
    def office_prefix(region_code: str) -> str:
        from ..people.regions import region_short

        return region_short(region_code) or region_code

    def add(self, name: str, rows: Iterable[Base]) -> None:
        """To one of its lists. An appeal that is in no session keeps no history of them: it is
        being gathered (trail.bulk)."""
        if not inspect(self).transient:
            getattr(self, name).extend(rows)
            return
        rows, standing = list(rows), vars(self).get(name)
        if not rows:
            return
        adapter = init_collection(self, name) if standing is None else collection_adapter(standing)
        for row in rows:
            adapter.append_without_event(row)

    def _asked(self) -> tuple[int, int]:
        """Of the office, and of the units that passed it on."""
        asked, below = 0, 0
        children = {given.id for given in self.assignments if given.part == "child"}
        for request in self.requests:
            if request.state != "asked":
                continue
            if request.assignment_id in children:
                below |= ASKED[request.kind]
            else:
                asked |= ASKED[request.kind] | (BY_MANAGER if request.by_manager else 0)
        return asked, below

    def _beyond(self) -> dict[str, object]:
        """What is kept of the rows that came with letters and conferences, if they are at hand:
        else none was touched."""
        derived: dict[str, object] = {}
        if "outside_records" in vars(self):
            days = [one.follow_on for one in self.outside_records if one.follow_on is not None]
            derived["follow_up_on"] = min(days, default=None)
            derived["outside_count"] = len(self.outside_records)
        if "conferences" in vars(self):
            derived["conference_count"] = len(self.conferences)
        if "conference_points" in vars(self):
            derived["points_open"] = sum(p.done_on is None for p in self.conference_points)
        return derived

    def _phone_indexes(self) -> dict[str, str | None]:
        """Those that may have changed."""
        ring = keyring()
        found: dict[str, str | None] = {}
        # What was erased by law is found by nothing any more.
        if self._is_touched("phone"):
            number = _standing(self.phone)
            tail = phones.tail(number) if number else ""
            found["phone_index"] = ring.blind(number, phones.PHONE) if number else None
            found["phone_tail_index"] = ring.blind(tail, phones.PHONE_TAIL) if tail else None
        if self._is_touched("spot_phone"):
            spot = _standing(self.spot_phone)
            found["spot_phone_index"] = ring.blind(spot, phones.PHONE) if spot else None
        return found

    def _is_touched(self, name: str) -> bool:
        state = inspect(self)
        # A new row may have been filled without a history.
        return not state.persistent or name in state.committed_state

    def _settle_plates(self) -> None:
        if not self._is_touched("plates"):
            return
        wanted = dict.fromkeys(_standing(self.plates).split())
        if not wanted and not inspect(self).persistent and "plate_rows" not in vars(self):
            return
        if wanted.keys() != {row.plate for row in self.plate_rows}:
            for row in list(self.plate_rows):
                if row.plate not in wanted:
                    self.plate_rows.remove(row)
            standing = {row.plate for row in self.plate_rows}
            self.add("plate_rows", (AppealPlate(plate=p) for p in wanted if p not in standing))

    def unwritable(self, place: str) -> Invalid:
        return Invalid(place.rpartition(".")[2], "含有无法保存的字符，请删去后再提交")

    # -- what the table of acts asks -------------------------------------------------------

    def _liaisons(self, day: date) -> Iterable[int]:
        if self.firm_id is None:
            return ()
        return db.session.scalars(
            select(FirmLiaison.person_id).where(
                FirmLiaison.firm_id == self.firm_id,
                FirmLiaison.starts_on <= day,
                (FirmLiaison.ends_on.is_(None)) | (FirmLiaison.ends_on > day),
            )
        )

    def _first_keys(self) -> frozenset[int]:
        if self.answered_at is None and self.handled_with_id is None:
            return frozenset()
        return frozenset(
            person
            for person in db.session.scalars(
                select(Entry.actor_id).where(
                    Entry.stream.in_(self._handled_streams()),
                    Entry.verb.in_(FIRST_KEY),
                    Entry.actor_kind == "person",
                )
            )
            if person is not None
        )

    def _handled_streams(self) -> list[str]:
        """Where its answers stand: its own trail, and that of whatever it is handled with."""
        return [self.stream]

    def may(
        self, verb: str, by: Actor, at: datetime, put_to: frozenset[int] = frozenset()
    ) -> Verdict:
        """Whether `by` may do `verb` now; what buttons, guards and machines all ask. `put_to` as
        for `act`."""
        facts = self.facts(at, by)
        return lifecycle.may(verb, replace(facts, addressees=put_to) if put_to else facts, by)

    def act(
        self,
        verb: str,
        *,
        by: Actor,
        at: datetime,
        happened_at: datetime | None = None,
        behalf: Behalf | None = None,
        on_behalf: str = "",
        seen: int | None = None,
        hand: int | None = None,
        put_to: frozenset[int] = frozenset(),
    ) -> Act:
        """Begin the act of `verb`. Raises Refused, and Invalid for a moment out of bounds.

        `hand` is the assignment that `by` acts on; Invalid where his posts give him several and
        he does not say which. `behalf`: he records it for a unit that works offline. `put_to` are
        the units that an order which is replied to was put to. `on_behalf`: whence it was taken
        over, where it was not the actor's own.
        """
        recorded = behalf is not None
        if not lifecycle.BY_CODE[verb].frm:
            verdict = lifecycle.may(verb, None, by)
        else:
            facts = self.facts(at, by)
            if put_to:
                facts = replace(facts, addressees=put_to)
            verdict = lifecycle.may(verb, facts, by, hand, on_behalf=recorded)
            unsaid = verdict.assignment_id is not None and hand is None
            if unsaid and len(lifecycle.hands(verb, facts, by, on_behalf=recorded)) > 1:
                raise Invalid("hand", CHOOSE_HAND)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        if happened_at is not None:
            if happened_at > at + timedelta(minutes=5):
                raise Invalid("happened_at", "发生时间不能晚于现在")
            hours = caps_in_force(at).backdate_hours
            if happened_at < at - timedelta(hours=hours):
                raise Invalid("happened_at", f"发生时间最多补录到{hours}小时前")
            happened_at = min(happened_at, at)
        self._stated_at = happened_at
        begun: dict[str, Any] = {
            "by": by,
            "seat": verdict.seat,
            "at": at,
            "happened_at": happened_at,
            "seen": None if lifecycle.BY_CODE[verb].note else seen,
        }
        if behalf is None:
            act = Act(self, verb, on_behalf=on_behalf, **begun)
        else:
            if behalf.fault is not None:
                raise Invalid(*behalf.fault)
            act = Recording(self, verb, behalf=behalf, **begun)
        if verdict.assignment_id is not None:
            # None where it is the master's.
            act.assignment = next(
                (a for a in self.assignments if a.id == verdict.assignment_id), None
            )
        return act

    # -- clocks ----------------------------------------------------------------------------

    def start_clock(
        self,
        stage: str,
        at: datetime,
        event: str,
        *,
        assignment: Assignment | None = None,
        since: datetime | None = None,
        limit: str | None = None,
        until: datetime | None = None,
        why: str = "",
        spec: str = "",
    ) -> Deadline | None:
        """Start a clock at `at`; None where the table of limits sets none.

        It counts from `since` (default `at`). `limit` names another stage of the rule to take
        the length from; `until` fixes the due time itself, with `why` as its sentence, and with
        the `spec` that it counts by where it goes on with a limit.
        """
        version, rule = self.rule(at)
        calendar = load_calendar()
        begin = since or at
        if until is not None:
            due = clocks.Due(until, why, calendar.is_provisional(until.astimezone(SHANGHAI).date()))
        else:
            spec = rule.stages.get(limit or stage, "")
            found = clocks.due(begin, spec, calendar, event)
            if found is None:
                return None
            due = found
        deadline = Deadline() if assignment is None else Deadline(assignment=assignment)
        vars(deadline).update(
            stage=stage,
            round=self.round,
            spec=spec,
            limit_version_id=version,
            started_at=begin,
            due_at=due.at,
            original_due_at=due.at,
            warn_at=(warn_at := clocks.yellow_from(begin, due.at, spec, calendar)),
            look_at=begin if stage == "rework" else warn_at,
            sentence=due.sentence,
            provisional=due.provisional,
            ended_as="",
        )
        self.add("deadlines", [deadline])
        return deadline

    def end_clocks(
        self,
        at: datetime,
        *stages: str,
        ended_as: str = "met",
        assignment: Assignment | None = None,
    ) -> None:
        for deadline in self.running(*stages, assignment=assignment):
            deadline.end(at, ended_as)
            if self._stated_at is not None and ended_as == "met":
                deadline.stated_at, deadline.stated_seq = self._stated_at, (self.version or 0) + 1

    def lapse_clocks(self, at: datetime, assignments: Iterable[Assignment] | None = None) -> None:
        """All clocks end unmet: the appeal ended, or these assignments did."""
        wanted = None if assignments is None else {id(a) for a in assignments}
        for deadline in self.running():
            if wanted is None or id(deadline.assignment) in wanted:
                deadline.end(at, "lapsed")


def _standing(words: str | None) -> str:
    """The words of a column, '' where there are none or where the law had them erased."""
    return "" if words is None or words == ERASED else words
