"""What time itself does: receipt that is deemed, reminders, papers suggested.

Each limit says itself when it is to be looked at next (`deadline.look_at`), by an index of those
that run: a round reads what is due and nothing else, in batches by key, one commit a batch. The
appeals of a batch are locked and read again; what another hand holds waits for the next round.
The row comes first: a reminder is there or not with the commit that moves `look_at` on, and its
key (matter, event, assignment, day) admits one, whoever else sweeps.

This is the one place that decides who is reminded of what: other rooms tell it on. Outbox rows of
a reminder have the topic "reminder", no entry, and all that tells of it in `body`: {"reminder",
"event", "step", "appeal", "matter", "deadline", "unit", "office", "stage", "due", "day"}.
`matter` is the id of the appeal it is told of, the master's of one that is joined; `unit` is who
is held to it; `deadline` is None for a reply that is owed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

import structlog
from sqlalchemy import Table, bindparam, exists, insert, literal, or_, select, text, update
from sqlalchemy.orm import aliased

from ..appeals.models import Appeal, Assignment, Deadline
from ..appeals.standing import ANSWERS
from ..appeals.sweeps import receive_unsigned
from ..db import db, writing
from ..deadlines.calendar import Calendar
from ..deadlines.limits import Caps
from ..deadlines.queries import caps_in_force, load_calendar
from ..people.directory import directory
from ..prepared import tell
from ..work.models import Outbox
from ..work.sweeps import register_sweep
from .models import RANK, Paper, Reminder, is_mild
from .rules import OF_UNITS, OF_UNITS_ABOVE, Due, Watched, called_for, day_of, look_again

BATCH = 200
SECONDS = 60
TOPIC = "reminder"

_log = structlog.get_logger("ledger.supervision")


def register() -> None:
    register_sweep("supervision", SECONDS, sweep)


@dataclass
class Swept:
    """What a round did."""

    received: int = 0
    looked_at: int = 0
    reminders: int = 0
    """Rows made, drafts among them."""
    drafts: int = 0
    moot: int = 0
    """Drafts whose limit has ended meanwhile."""

    @property
    def anything(self) -> bool:
        return bool(self.received or self.looked_at or self.reminders or self.moot)


def sweep(at: datetime) -> Swept:
    """One round: until nothing is due."""
    done = Swept()
    try:
        # First: what counts as received has no limit for signing any more.
        done.received = receive_unsigned(at)
    finally:
        # An appeal that cannot be received must not keep the others from being reminded of.
        remind(at, done)
        _remind_of_replies(at, done)
        _forget_moot(at, done)
        if done.anything:
            _log.info("swept", **vars(done))
    return done


# -- limits ------------------------------------------------------------------------------------


class _Key(NamedTuple):
    look_at: datetime
    id: int


def remind(at: datetime, done: Swept) -> None:
    after: _Key | None = None
    while found := _due(at, after):
        after = _Key(found[-1].look_at, found[-1].id)
        with writing() as now:
            _look_at(found, max(at, now), done)
            db.session.commit()
        db.session.expunge_all()


def _due(at: datetime, after: _Key | None) -> Sequence[Any]:
    """The next batch, read without the lock."""
    query = (
        select(Deadline.id, Deadline.look_at, Deadline.appeal_id)
        .where(Deadline.ended_at.is_(None), Deadline.look_at <= at)
        .order_by(Deadline.look_at, Deadline.id)
        .limit(BATCH)
    )
    if after is not None:
        query = query.where(
            Deadline.look_at >= after.look_at,
            or_(Deadline.look_at > after.look_at, Deadline.id > after.id),
        )
    found = db.session.execute(query).all()
    db.session.rollback()
    return found


def _lock(appeal_ids: Iterable[int]) -> set[int]:
    """Those of the appeals that nobody else has in hand, locked in ascending id."""
    wanted = (
        select(Appeal.id)
        .where(Appeal.id.in_(sorted(set(appeal_ids))))
        .order_by(Appeal.id)
        .with_for_update(skip_locked=True)
    )
    return set(db.session.scalars(wanted))


_CLOCK = (
    Deadline.id,
    Deadline.appeal_id,
    Deadline.assignment_id,
    Deadline.stage,
    Deadline.started_at,
    Deadline.warn_at,
    Deadline.due_at,
    Appeal.number,
    Appeal.master_id,
    Appeal.office_id,
    Appeal.reworks,
    Appeal.urgency,
    Appeal.is_open,
)
_ABOVE = aliased(Assignment)


def _look_at(found: Sequence[Any], at: datetime, done: Swept) -> None:
    """Under the lock: what still runs and is still due."""
    mine = _lock(row.appeal_id for row in found)
    rows = db.session.execute(
        select(
            *_CLOCK,
            Assignment.unit_id,
            Assignment.parent_id,
            _ABOVE.unit_id.label("above_id"),
        )
        .join(Appeal, Appeal.id == Deadline.appeal_id)
        .outerjoin(Assignment, Assignment.id == Deadline.assignment_id)
        .outerjoin(_ABOVE, _ABOVE.id == Assignment.parent_id)
        .where(
            Deadline.id.in_([row.id for row in found]),
            Deadline.appeal_id.in_(mine),
            Deadline.ended_at.is_(None),
            Deadline.look_at <= at,
        )
        .order_by(Deadline.look_at, Deadline.id)
    ).all()
    if not rows:
        return
    caps, calendar = caps_in_force(at), load_calendar()
    made: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    stages = {row.id: row.stage for row in rows}
    numbers = {row.appeal_id: (row.number, row.office_id) for row in rows}
    # Of several limits that call for the same, the answer's is told, and the master's own.
    for row in sorted(rows, key=lambda row: (row.stage not in ANSWERS, row.master_id is not None)):
        critical = row.urgency == "critical"
        clock = Watched(row.stage, row.warn_at, row.due_at, row.reworks, critical)
        moved.append({"row": row.id, "then": look_again(clock, at, calendar)})
        if row.is_open:
            made += _reminders(row, clock, at, caps, calendar)
    kept = _keep(_not_suggested_before(made))
    _overtake(kept, at)
    _tell(kept, numbers, stages, at)
    db.session.connection().execute(_MOVE, moved)
    done.looked_at += len(rows)
    done.reminders += len(kept)
    done.drafts += sum(bool(one["step"]) for one in kept)


def _reminders(
    row: Any, clock: Watched, at: datetime, caps: Caps, calendar: Calendar
) -> list[dict[str, Any]]:
    hand_id, unit_id = _held_by(row)
    return [
        {
            "matter_id": row.master_id or row.appeal_id,
            "event": due.event,
            "assignment_key": hand_id,
            "on_day": day_of(at),
            "appeal_id": row.appeal_id,
            "deadline_id": row.id,
            "paper_id": None,
            "unit_id": unit_id,
            "due_at": row.due_at,
            "created_at": at,
            "step": _paper_for(due, unit_id),
            "waits": due.once,
            "settled_as": "",
            "settled_at": None,
            "settled_by_id": None,
            "since": row.started_at,
        }
        for due in called_for(clock, at, caps, calendar)
    ]


def _held_by(row: Any) -> tuple[int, int]:
    """The assignment, 0 for the appeal itself, and the unit that are held to a limit: what an
    office has to rule on of an assignment is not that assignment's lateness."""
    if row.stage in OF_UNITS and row.unit_id is not None:
        return row.assignment_id, row.unit_id
    if row.stage in OF_UNITS_ABOVE and row.above_id is not None:
        return row.parent_id, row.above_id
    return 0, row.office_id


def _paper_for(due: Due, unit_id: int) -> str:
    if due.step == "order" and is_mild(directory().units[unit_id]):
        return "transfer"
    return due.step


def _not_suggested_before(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what was suggested for this limit before, and without what somebody has issued by
    himself since it began to run."""
    asked = [one for one in made if one["waits"]]
    if not asked:
        return made
    known = db.session.execute(
        select(Reminder.deadline_id, Reminder.event, Reminder.step, Reminder.waits).where(
            Reminder.deadline_id.in_({one["deadline_id"] for one in asked}), Reminder.step != ""
        )
    ).all()
    issued = db.session.execute(
        select(Paper.assignment_id, Paper.kind, Paper.issued_at).where(
            Paper.appeal_id.in_({one["appeal_id"] for one in asked}),
            Paper.state != "withdrawn",
        )
    ).all()

    def is_new(one: dict[str, Any]) -> bool:
        if not one["waits"]:
            return True
        if any(
            before.deadline_id == one["deadline_id"]
            and (before.event == one["event"] or (before.waits and before.step == one["step"]))
            for before in known
        ):
            return False
        return not any(
            paper.assignment_id == one["assignment_key"]
            and RANK[paper.kind] >= RANK[one["step"]]
            and paper.issued_at >= one["since"]
            for paper in issued
        )

    return [one for one in made if is_new(one)]


def _overtake(kept: list[dict[str, Any]], at: datetime) -> None:
    """A lower paper that nobody has issued yet gives way to the higher one."""
    higher = [one for one in kept if RANK.get(one["step"], 0) > 0]
    if higher:
        db.session.connection().execute(
            update(_REMINDER)
            .where(
                _REMINDER.c.deadline_id.in_([one["deadline_id"] for one in higher]),
                _REMINDER.c.waits.is_(True),
                _REMINDER.c.step == "notice",
            )
            .values(waits=False, settled_as="moot", settled_at=at)
        )


def _keep(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that were not there yet, with their ids: the key lets one through."""
    connection = db.session.connection()
    kept = []
    for one in made:
        values = {name: one[name] for name in _COLUMNS}
        row_id = tell(connection, "reminder", values, lambda: _PUT).scalar()
        if row_id is not None:
            kept.append({**one, "id": row_id})
    return kept


def _tell(
    kept: list[dict[str, Any]],
    numbers: dict[int, tuple[str, int]],
    stages: dict[int, str],
    at: datetime,
) -> None:
    waiting = []
    for one in kept:
        number, office_id = numbers[one["appeal_id"]]
        body = {
            "reminder": one["id"],
            "event": one["event"],
            "step": one["step"],
            "appeal": number,
            "matter": one["matter_id"],
            "deadline": one["deadline_id"],
            "unit": one["unit_id"],
            "office": office_id,
            "stage": stages.get(one["deadline_id"] or 0, ""),
            "due": one["due_at"].isoformat(),
            "day": one["on_day"].isoformat(),
        }
        waiting.append(
            {
                "topic": TOPIC,
                "lane": f"appeal/{number}",
                "body": json.dumps(body),
                "run_at": at,
                "created_at": at,
            }
        )
    if waiting:
        db.session.connection().execute(insert(cast(Table, Outbox.__table__)), waiting)


_REMINDER = cast(Table, Reminder.__table__)
_COLUMNS = [column.name for column in _REMINDER.columns if column.name != "id"]
_DEADLINE = cast(Table, Deadline.__table__)
_MOVE = (
    update(_DEADLINE)
    .where(_DEADLINE.c.id == bindparam("row"))
    .values(look_at=bindparam("then", type_=_DEADLINE.c.look_at.type))
)
_PUT = text(
    "INSERT INTO reminder (matter_id, event, assignment_key, on_day, appeal_id, deadline_id,"
    " paper_id, unit_id, due_at, created_at, step, waits, settled_as, settled_at, settled_by_id)"
    " VALUES (:matter_id, :event, :assignment_key, :on_day, :appeal_id, :deadline_id,"
    " :paper_id, :unit_id, :due_at, :created_at, :step, :waits, :settled_as, :settled_at,"
    " :settled_by_id)"
    " ON CONFLICT (matter_id, event, assignment_key, on_day) DO NOTHING RETURNING id"
).bindparams(*(bindparam(name, type_=_REMINDER.c[name].type) for name in _COLUMNS))
"""By hand: both engines know it, and SQLAlchemy has a word of its own for each."""


# -- replies that are owed ---------------------------------------------------------------------


def _remind_of_replies(at: datetime, done: Swept) -> None:
    """Once a working day for what a unit has not replied to in time; and what nobody has to reply
    to any more, as its appeal has ended, leaves the lists."""
    after = 0
    while found := _owed(at, after):
        after = found[-1].id
        with writing() as now:
            _look_at_owed([row.id for row in found], {row.appeal_id for row in found},
                          max(at, now), done)  # fmt: skip
            db.session.commit()


def _owed(at: datetime, after: int) -> Sequence[Any]:
    told = exists(
        select(literal(1)).where(
            Reminder.appeal_id == Paper.appeal_id,
            Reminder.event == "unanswered",
            Reminder.paper_id == Paper.id,
            Reminder.on_day == day_of(at),
        )
    )
    # Asked of each paper that waits: a join might begin with all that has ended.
    ended = exists(
        select(literal(1)).where(Appeal.id == Paper.appeal_id, Appeal.is_open.is_(False))
    )
    owed = (Paper.reply_due_at < at) & ~told
    if not load_calendar().is_working(day_of(at)):
        owed &= exists(
            select(literal(1)).where(Appeal.id == Paper.appeal_id, Appeal.urgency == "critical")
        )
    found = db.session.execute(
        select(Paper.id, Paper.appeal_id)
        .where(
            Paper.waits.is_(True),
            Paper.id > after,
            or_(ended, owed),
        )
        .order_by(Paper.id)
        .limit(BATCH)
    ).all()
    db.session.rollback()
    return found


def _look_at_owed(ids: list[int], appeal_ids: set[int], at: datetime, done: Swept) -> None:
    mine = _lock(appeal_ids)
    rows = db.session.execute(
        select(
            Paper.id,
            Paper.appeal_id,
            Paper.assignment_id,
            Paper.unit_id,
            Paper.reply_due_at,
            Appeal.number,
            Appeal.master_id,
            Appeal.office_id,
            Appeal.is_open,
        )
        .join(Appeal, Appeal.id == Paper.appeal_id)
        .where(Paper.id.in_(ids), Paper.waits.is_(True), Paper.appeal_id.in_(mine))
        .order_by(Paper.id)
    ).all()
    ended = [row.id for row in rows if not row.is_open]
    if ended:
        table = cast(Table, Paper.__table__)
        db.session.connection().execute(
            update(table).where(table.c.id.in_(ended)).values(waits=False)
        )
    made = [
        {
            "matter_id": row.master_id or row.appeal_id,
            "event": "unanswered",
            "assignment_key": row.assignment_id or 0,
            "on_day": day_of(at),
            "appeal_id": row.appeal_id,
            "deadline_id": None,
            "paper_id": row.id,
            "unit_id": row.unit_id,
            "due_at": row.reply_due_at,
            "created_at": at,
            "step": "",
            "waits": False,
            "settled_as": "",
            "settled_at": None,
            "settled_by_id": None,
        }
        for row in rows
        if row.is_open
    ]
    kept = _keep(made)
    _tell(kept, {row.appeal_id: (row.number, row.office_id) for row in rows}, {}, at)
    done.reminders += len(kept)


# -- suggestions that time has overtaken -------------------------------------------------------


def _forget_moot(at: datetime, done: Swept) -> None:
    """A suggestion whose limit has ended (answered, extended, recalled) waits for nobody."""
    ended = exists(
        select(literal(1)).where(
            Deadline.id == Reminder.deadline_id, Deadline.ended_at.is_not(None)
        )
    )
    moot = (
        select(Reminder.id)
        .where(Reminder.waits.is_(True), ended)
        .order_by(Reminder.id)
        .limit(BATCH)
    )
    while True:
        waits = db.session.scalar(moot.limit(1)) is not None
        db.session.rollback()
        if not waits:
            return
        with writing() as now:
            ids = db.session.scalars(moot.with_for_update(skip_locked=True, of=Reminder)).all()
            if not ids:
                return
            db.session.connection().execute(
                update(_REMINDER)
                .where(_REMINDER.c.id.in_(ids), _REMINDER.c.waits.is_(True))
                .values(waits=False, settled_as="moot", settled_at=max(at, now))
            )
            db.session.commit()
            done.moot += len(ids)
