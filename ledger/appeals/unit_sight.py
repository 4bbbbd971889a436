"""What each unit may see, kept with the keys of its lists (parts.UnitSight).

Written in the commit that changes the appeal, and equal to what the assignments say: `verify`
compares the two. Units stand for themselves alone: whoever sees a unit sees those below it too,
and where a unit stands may change.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    case,
    delete,
    except_,
    func,
    inspect,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from ..db import db, is_sqlite, writing
from .lifecycle import OPEN_ASSIGNMENT
from .parts import Assignment, UnitSight

if TYPE_CHECKING:
    from .record import AppealRecord

SIGN, HAND, AGAIN = 1, 2, 4
"""What a unit has to do: to sign for it, to handle it, to answer it anew."""

TO_SIGN = (SIGN, SIGN + HAND, SIGN + HAND + AGAIN)
IN_HAND = (HAND, SIGN + HAND, HAND + AGAIN, SIGN + HAND + AGAIN)
SENT_BACK = (HAND + AGAIN, SIGN + HAND + AGAIN)
AT_UNIT = (SIGN, *IN_HAND)

ACTIVE = ("accepted", "assigned", "held")
"""States in which a unit has something to do; accepted, where assists run on after a recall."""

HANDLED = tuple(sorted(OPEN_ASSIGNMENT - {"offered"}))

_COPIED = ("state", "is_open", "due_at", "warn_at", "registered_at")
KEPT = ("unit_id", "appeal_id", *_COPIED, "duty")
BATCH = 20_000


def is_due(appeal: AppealRecord) -> bool:
    """Whether anything kept here is about to change. Asked before the flush."""
    state = inspect(appeal)
    if not state.persistent:
        return bool(state.dict.get("assignments"))
    return (
        any(
            state.attrs[name].history.has_changes()
            for name in (*_COPIED, "assignments", "master_id")
        )
        or any(
            inspect(given).attrs[name].history.has_changes()
            for given in appeal.assignments
            for name in ("state", "sent_back_at")
        )
        or is_moved(appeal)
    )


def is_moved(appeal: AppealRecord) -> bool:
    """Whether an assignment is about to pass to another unit, or the appeal to leave its master:
    the former's row must go."""
    former = inspect(appeal).attrs.master_id.history.deleted or ()
    return any(one is not None for one in former) or any(
        inspect(given).persistent
        and (
            inspect(given).attrs.unit_id.history.has_changes()
            or inspect(given).attrs.unit.history.has_changes()
        )
        for given in appeal.assignments
    )


def drop(appeal: AppealRecord) -> None:
    """Nothing is kept of it until `put`."""
    sight = UnitSight.__table__.c
    db.session.connection().execute(delete(UnitSight).where(sight.appeal_id == appeal.id))


def put(appeal: AppealRecord) -> None:
    """Keep what its units see. Its row is flushed, and so has an id."""
    duties: dict[int, int] = {}
    for given in appeal.assignments:
        duty = _duty(given) if appeal.state in ACTIVE else 0
        duties[given.unit_id] = duties.get(given.unit_id, 0) | duty
    for given in appeal.shared if appeal.is_joined else ():
        duties.setdefault(given.unit_id, 0)
    if duties:
        copied = {name: getattr(appeal, name) for name in _COPIED}
        rows = [
            {"unit_id": unit_id, "appeal_id": appeal.id, "duty": duty, **copied}
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
    connection.execute(
        delete(UnitSight).where(
            sight.appeal_id.in_(mine), sight.unit_id.not_in(units), ~own.exists()
        )
    )
    connection.execute(_over(_shared().where(Appeal.master_id == master.id)))


def _duty(given: Assignment) -> int:
    if given.state == "offered":
        return SIGN
    if given.state not in HANDLED:
        return 0
    return HAND if given.sent_back_at is None else HAND + AGAIN


@cache
def _rows_over(_on_sqlite: bool) -> Any:
    return _over()


def _over(found: Select[Any] | None = None) -> Any:
    """An INSERT in place of what was kept: of rows, or of those a query finds."""
    insert: Any = sqlite.insert(UnitSight) if is_sqlite() else postgresql.insert(UnitSight)
    if found is not None:
        insert = insert.from_select(KEPT, found)
    renewed = {name: insert.excluded[name] for name in KEPT[2:]}
    return insert.on_conflict_do_update(index_elements=["unit_id", "appeal_id"], set_=renewed)


# -- against the assignments -------------------------------------------------------------------


def told() -> Select[Any]:
    """What the assignments say, in the columns that are kept."""
    from .models import Appeal

    active = Appeal.state.in_(ACTIVE)
    handled = and_(active, Assignment.state.in_(HANDLED))

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
                + any_of(and_(handled, Assignment.sent_back_at.is_not(None)), AGAIN)
            ).label("duty"),
        )
        .join(Appeal, Appeal.id == Assignment.appeal_id)
        .group_by(Assignment.unit_id, Appeal.id)
    )


def _shared() -> Select[Any]:
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
        )
        .join(Appeal, Appeal.master_id == Assignment.appeal_id)
        .where(
            Appeal.state != "merged",
            ~select(own.id)
            .where(own.appeal_id == Appeal.id, own.unit_id + 0 == Assignment.unit_id)
            .exists(),
        )
        .group_by(Assignment.unit_id, Appeal.id)
    )


def wrong(connection: Connection) -> Iterator[str]:
    """The numbers of appeals of which something else is kept than the assignments say."""
    from .models import Appeal

    kept = select(*(getattr(UnitSight, name) for name in KEPT))
    found: set[int] = set()
    both = union_all(told(), _shared()).subquery()
    said = select(*both.c)
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
            for said in (told(), _shared()):
                some = said.where(Appeal.id > first, Appeal.id <= first + batch)
                db.session.connection().execute(_over(some))
            db.session.commit()
    with writing():
        given = select(Assignment.id).where(
            Assignment.appeal_id == UnitSight.appeal_id,
            # Found by its appeal, which has few: a unit may have a hundred thousand of them.
            Assignment.unit_id + 0 == UnitSight.unit_id,
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
            delete(UnitSight).where(~given.exists(), ~shared.exists()),
            execution_options={"synchronize_session": False},
        )
        db.session.commit()
