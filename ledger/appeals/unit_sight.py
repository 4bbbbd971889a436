"""What each unit may see, kept with the keys of its lists (parts.UnitSight).

Written in the commit that changes the appeal, and equal to what the assignments and instructions
say: `verify` compares the two. Units stand for themselves alone: whoever sees a unit sees those
below it too, and where a unit stands may change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    cast,
    delete,
    except_,
    func,
    inspect,
    literal,
    null,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from ..db import db, is_sqlite, writing
from .instructions import InstructionUnit
from .lifecycle import OPEN_ASSIGNMENT
from .parts import Assignment, Copy, Deadline, UnitSight

if TYPE_CHECKING:
    from .record import AppealRecord

SIGN, HAND, AGAIN, SIGN_OFF = 1, 2, 4, 8
"""What a unit has to do: to sign for it, to handle it, to answer it anew, to sign its answer."""

_EVER = (SIGN, *(n for n in range(SIGN_OFF * 2) if n & HAND))
"""What comes together: to answer anew, and to sign the answer, only what is in hand."""

TO_SIGN = tuple(n for n in _EVER if n & SIGN)
IN_HAND = tuple(n for n in _EVER if n & HAND)
SENT_BACK = tuple(n for n in _EVER if n & AGAIN)
TO_SIGN_OFF = tuple(n for n in _EVER if n & SIGN_OFF)
AT_UNIT = _EVER

ACTIVE = ("accepted", "assigned", "held")
"""States in which a unit has something to do; accepted, where assists run on after a recall."""

HANDLED = tuple(sorted(OPEN_ASSIGNMENT - {"offered"}))

_COPIED = ("state", "is_open", "due_at", "warn_at", "registered_at")
KEPT = ("unit_id", "appeal_id", *_COPIED, "duty", "owes_report_at", "own_warn_at")
OWN_ANSWERS = ("assist", "child")
"""Clocks of an answer that is not the lead's."""
BATCH = 20_000
_MOVES = frozenset({"ended_at", "due_at"})


def is_due(appeal: AppealRecord) -> bool:
    """Whether anything kept here is about to change. Asked before the flush."""
    state = inspect(appeal)
    if not state.persistent:
        return bool(state.dict.get("assignments"))
    return (
        any(
            state.attrs[name].history.has_changes()
            for name in (*_COPIED, "assignments", "master_id", "instruction_units")
        )
        or any(
            inspect(given).attrs[name].history.has_changes()
            for given in appeal.assignments
            for name in ("state", "sent_back_at", "signing_note")
        )
        or any(
            clock.stage in ("report", *OWN_ANSWERS)
            and (not inspect(clock).persistent or _MOVES - inspect(clock).unmodified)
            for clock in appeal.deadlines
        )
        or "copies" not in state.unmodified
        or is_moved(appeal)
    )


def is_moved(appeal: AppealRecord) -> bool:
    """Whether an assignment is about to pass to another unit, a copy is taken back, or the appeal
    to leave its master: the former's row must go."""
    former = inspect(appeal).attrs.master_id.history.deleted or ()
    return _is_taken_back(appeal) or any(one is not None for one in former) or any(
        inspect(given).persistent
        and (
            inspect(given).attrs.unit_id.history.has_changes()
            or inspect(given).attrs.unit.history.has_changes()
        )
        for given in appeal.assignments
    )


def _is_taken_back(appeal: AppealRecord) -> bool:
    return "copies" in vars(appeal) and any(
        inspect(copy).persistent and "ended_at" not in inspect(copy).unmodified
        for copy in appeal.copies
    )


def drop(appeal: AppealRecord) -> None:
    """Nothing is kept of it until `put`."""
    sight = UnitSight.__table__.c
    db.session.connection().execute(delete(UnitSight).where(sight.appeal_id == appeal.id))


def put(appeal: AppealRecord) -> None:
    """Keep what its units see. Its row is flushed, and so has an id."""
    duties: dict[int, int] = {}
    reports: dict[int, datetime] = {}
    own: dict[int, datetime] = {}
    active = appeal.state in ACTIVE
    for given in appeal.assignments:
        duty = _duty(given) if active else 0
        duties[given.unit_id] = duties.get(given.unit_id, 0) | duty
    for clock in appeal.running("report", *OWN_ANSWERS) if active else ():
        if clock.assignment is not None:
            unit_id = clock.assignment.unit_id
            if clock.stage == "report":
                reports[unit_id] = min(reports.get(unit_id, clock.due_at), clock.due_at)
            else:
                own[unit_id] = min(own.get(unit_id, clock.warn_at), clock.warn_at)
    if appeal.copied:
        for copy in appeal.copies:
            if copy.unit_id is not None and copy.stands:
                duties.setdefault(copy.unit_id, 0)
    for shared in appeal.shared if appeal.is_joined else ():
        duties.setdefault(shared.unit_id, 0)
    for named in appeal.instruction_units if appeal.instructed else ():
        duties.setdefault(named.unit_id, 0)
    if duties:
        copied = {name: getattr(appeal, name) for name in _COPIED}
        rows = [
            {
                "unit_id": unit_id,
                "appeal_id": appeal.id,
                "duty": duty,
                "owes_report_at": reports.get(unit_id),
                "own_warn_at": own.get(unit_id),
                **copied,
            }
            for unit_id, duty in sorted(duties.items())
        ]
        db.session.connection().execute(_rows_over(is_sqlite()), rows)


def put_joined(master: AppealRecord) -> None:
    """Keep the same for what is joined to it, also what was closed since: units see it as they
    see the master. Their row is flushed."""
    from .models import Appeal

    connection = db.session.connection()
    units = [given.unit_id for given in master.assignments]
    mine = select(Appeal.id).where(Appeal.master_id == master.id, Appeal.state != "merged")
    sight = UnitSight.__table__.c
    own = select(Assignment.id).where(
        Assignment.appeal_id == sight.appeal_id, Assignment.unit_id + 0 == sight.unit_id
    )
    copied = select(Copy.id).where(
        Copy.appeal_id == sight.appeal_id,
        Copy.unit_id + 0 == sight.unit_id,
        Copy.ended_at.is_(None),
    )
    named = select(InstructionUnit.id).where(
        InstructionUnit.appeal_id == sight.appeal_id,
        InstructionUnit.unit_id + 0 == sight.unit_id,
    )
    connection.execute(
        delete(UnitSight).where(
            sight.appeal_id.in_(mine),
            sight.unit_id.not_in(units),
            ~own.exists(),
            ~copied.exists(),
            ~named.exists(),
        )
    )
    connection.execute(_over(_shared(Appeal.master_id == master.id)))


def _duty(given: Assignment) -> int:
    if given.state == "offered":
        return SIGN
    if given.state not in HANDLED:
        return 0
    is_back = given.sent_back_at is not None or given.signing_note is not None
    duty = HAND + AGAIN if is_back else HAND
    return duty + SIGN_OFF if given.state == "signing" else duty


@cache
def _rows_over(_on_sqlite: bool) -> Any:
    return _over()


def _over(found: Any = None) -> Any:
    """An INSERT in place of what was kept: of rows, or of those a query finds."""
    insert: Any = sqlite.insert(UnitSight) if is_sqlite() else postgresql.insert(UnitSight)
    if found is not None:
        insert = insert.from_select(KEPT, found)
    renewed = {name: insert.excluded[name] for name in KEPT[2:]}
    return insert.on_conflict_do_update(index_elements=["unit_id", "appeal_id"], set_=renewed)


# -- against the assignments -------------------------------------------------------------------


def told(*which: ColumnElement[bool]) -> Select[Any]:
    """What assignments, copies and instructions say of appeals like these, in the columns that are
    kept."""
    # One that joined may also be copied to a unit of its master: both say the same of it.
    read_only = union(_copied(*which), _shared(*which), _named(*which)).subquery()
    found = union_all(_handed(*which), select(*read_only.c)).subquery()
    # A condition, so that SQLite does not take ON CONFLICT for a join's ON.
    return select(*(found.c[name] for name in KEPT)).where(found.c.unit_id.is_not(None))


def _named(*which: ColumnElement[bool]) -> Select[Any]:
    """Of units that an instruction was put to and no assignment."""
    from .models import Appeal

    handed = select(literal(1)).where(
        Assignment.appeal_id == InstructionUnit.appeal_id,
        Assignment.unit_id + 0 == InstructionUnit.unit_id,
    )
    return (
        select(
            InstructionUnit.unit_id,
            Appeal.id.label("appeal_id"),
            *(getattr(Appeal, name) for name in _COPIED),
            literal(0).label("duty"),
            cast(null(), UnitSight.owes_report_at.type).label("owes_report_at"),
            cast(null(), UnitSight.own_warn_at.type).label("own_warn_at"),
        )
        .join(Appeal, Appeal.id == InstructionUnit.appeal_id)
        .where(~handed.exists(), *which)
        .distinct()
    )


def _copied(*which: ColumnElement[bool]) -> Select[Any]:
    """Of units that have it by a copy alone."""
    from .models import Appeal

    handed = select(literal(1)).where(
        Assignment.appeal_id == Copy.appeal_id, Assignment.unit_id + 0 == Copy.unit_id
    )
    return (
        select(
            Copy.unit_id,
            Appeal.id.label("appeal_id"),
            *(getattr(Appeal, name) for name in _COPIED),
            literal(0).label("duty"),
            cast(null(), UnitSight.owes_report_at.type).label("owes_report_at"),
            cast(null(), UnitSight.own_warn_at.type).label("own_warn_at"),
        )
        .join(Appeal, Appeal.id == Copy.appeal_id)
        .where(Copy.unit_id.is_not(None), Copy.ended_at.is_(None), ~handed.exists(), *which)
        .distinct()
    )


def _handed(*which: ColumnElement[bool]) -> Select[Any]:
    from .models import Appeal

    active, report = Appeal.state.in_(ACTIVE), Deadline.stage == "report"
    handled = and_(active, Assignment.state.in_(HANDLED))
    back = or_(Assignment.sent_back_at.is_not(None), Assignment.signing_note.is_not(None))

    def any_of(which: Any, duty: int) -> Any:
        return func.max(case((which, duty), else_=0))

    return (
        select(
            Assignment.unit_id,
            Appeal.id.label("appeal_id"),
            *(getattr(Appeal, name) for name in _COPIED),
            (
                any_of(and_(active, Assignment.state == "offered"), SIGN)
                + any_of(handled, HAND)
                + any_of(and_(handled, back), AGAIN)
                + any_of(and_(active, Assignment.state == "signing"), SIGN_OFF)
            ).label("duty"),
            func.min(case((and_(active, report), Deadline.due_at))).label("owes_report_at"),
            func.min(case((and_(active, ~report), Deadline.warn_at))).label("own_warn_at"),
        )
        .join(Appeal, Appeal.id == Assignment.appeal_id)
        .outerjoin(
            Deadline,
            and_(
                Deadline.assignment_id == Assignment.id,
                Deadline.stage.in_(("report", *OWN_ANSWERS)),
                Deadline.ended_at.is_(None),
            ),
        )
        .where(*which)
        .group_by(Assignment.unit_id, Appeal.id)
    )


def _shared(*which: ColumnElement[bool]) -> Select[Any]:
    """What the assignments of their masters say of joined appeals, where they have none of that
    unit themselves."""
    from .models import Appeal

    own = aliased(Assignment)
    return (
        select(
            Assignment.unit_id,
            Appeal.id.label("appeal_id"),
            *(getattr(Appeal, name) for name in _COPIED),
            literal(0).label("duty"),
            cast(null(), UnitSight.owes_report_at.type).label("owes_report_at"),
            cast(null(), UnitSight.own_warn_at.type).label("own_warn_at"),
        )
        .join(Appeal, Appeal.master_id == Assignment.appeal_id)
        .where(
            Appeal.state != "merged",
            ~select(own.id)
            .where(own.appeal_id == Appeal.id, own.unit_id + 0 == Assignment.unit_id)
            .exists(),
            *which,
        )
        .distinct()
    )


def wrong(connection: Connection) -> Iterator[str]:
    """The numbers of appeals of which something else is kept than the assignments say."""
    from .models import Appeal

    kept = select(*(getattr(UnitSight, name) for name in KEPT))
    found: set[int] = set()
    said = told()
    for one, other in ((said, kept), (kept, said)):
        differing = except_(one, other).subquery()
        found.update(connection.scalars(select(differing.c.appeal_id)))
    for appeal_id in sorted(found):
        yield connection.scalar(select(Appeal.number).where(Appeal.id == appeal_id)) or ""


def rebuild(batch: int = BATCH) -> None:
    """Keep everything anew, batch by batch, each in a transaction of its own."""
    from .models import Appeal

    most = db.session.scalar(select(func.max(Appeal.id))) or 0
    for first in range(0, most, batch):
        with writing():
            some = told(Appeal.id > first, Appeal.id <= first + batch)
            db.session.connection().execute(_over(some))
            db.session.commit()
    with writing():
        given = select(Assignment.id).where(
            Assignment.appeal_id == UnitSight.appeal_id,
            # Found by its appeal, which has few: a unit may have a hundred thousand of them.
            Assignment.unit_id + 0 == UnitSight.unit_id,
        )
        copied = select(Copy.id).where(
            Copy.appeal_id == UnitSight.appeal_id,
            Copy.unit_id + 0 == UnitSight.unit_id,
            Copy.ended_at.is_(None),
        )
        named = select(InstructionUnit.id).where(
            InstructionUnit.appeal_id == UnitSight.appeal_id,
            InstructionUnit.unit_id + 0 == UnitSight.unit_id,
        )
        shared = (
            select(Appeal.id)
            .join(Assignment, Assignment.appeal_id == Appeal.master_id)
            .where(
                Appeal.id == UnitSight.appeal_id,
                Appeal.state != "merged",
                Assignment.unit_id + 0 == UnitSight.unit_id,
            )
        )
        db.session.execute(
            delete(UnitSight).where(
                ~given.exists(), ~shared.exists(), ~copied.exists(), ~named.exists()
            ),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
