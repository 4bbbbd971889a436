"""What is asked of an appeal that is handled with a master, and of a master. Each is asked only
where a column of the row says that there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, literal, or_, select
from sqlalchemy.orm import aliased

from ..config import SHANGHAI
from ..db import db, is_sqlite
from ..people.actor import Actor
from ..trail.models import Entry
from .lifecycle import FIRST_KEY, MERGED

if TYPE_CHECKING:
    from .record import AppealRecord

NAMED = 5
"""So many are named in a sentence; of more it says how many."""

MOST_OFFERED = 20

FOLLOWED = ("lead_unit_id", "due_at", "warn_at", "due_spec", "due_stage")
"""What a joined appeal has of its master."""

ANSWERED = ("answered", "reviewed", "confirmed", "closed")


def first_keys_of(connection: Connection, appeal_id: int) -> frozenset[int]:
    """Who answered, signed off or keyed an answer of that appeal, in any round."""
    from .models import Appeal

    found = connection.scalars(
        select(Entry.actor_id)
        .join(Appeal, Entry.stream == literal("appeal/") + Appeal.number)
        .where(
            Appeal.id == appeal_id,
            Entry.verb.in_(sorted(FIRST_KEY)),
            Entry.actor_kind == "person",
        )
    )
    return frozenset(person for person in found if person is not None)


def joined_named(connection: Connection, master_id: int) -> str:
    """寻2026-0002、寻2026-0003等15件: what waits for the master's answer; '' where nothing does."""
    from .models import Appeal

    labels = connection.scalars(
        select(Appeal.label)
        .where(Appeal.master_id == master_id, Appeal.state == "joined")
        .order_by(Appeal.id)
    ).all()
    if len(labels) <= NAMED:
        return "、".join(labels)
    return f"{'、'.join(labels[:NAMED])}等{len(labels)}件"


def master_answered(connection: Connection, master_id: int | None) -> bool:
    """Whether there is an answer that can be worded for each."""
    from .models import Appeal

    state = connection.scalar(select(Appeal.state).where(Appeal.id == master_id))
    return state in ANSWERED


def master_reply(connection: Connection, master_id: int | None) -> str:
    """What the master's appellant is told."""
    from .models import Appeal

    return connection.scalar(select(Appeal.public_reply).where(Appeal.id == master_id)) or ""


def masters_open(office_id: int, actor: Actor, at: datetime) -> Sequence[Any]:
    """Open appeals of the office that others are handled with already, the newest first."""
    from .models import Appeal
    from .sight import visible_to

    return db.session.execute(
        select(Appeal.id, Appeal.number, Appeal.label, Appeal.title, Appeal.joined_count)
        .where(
            Appeal.joined_count > 0,
            Appeal.office_id == office_id,
            Appeal.is_open.is_(True),
            visible_to(actor, at.astimezone(SHANGHAI).date()),
        )
        .order_by(Appeal.id.desc())
        .limit(MOST_OFFERED)
    ).all()


def wrong(connection: Connection) -> Iterator[tuple[str, str]]:
    """Numbers of masters that count what is joined to them otherwise than it says itself, and of
    joined appeals that have another lead or due time than their master."""
    from .models import Appeal

    master = aliased(Appeal)
    of = (
        select(Appeal.master_id.label("id"), func.count().label("count"))
        .where(Appeal.master_id.is_not(None), Appeal.state != MERGED)
        .group_by(Appeal.master_id)
        .subquery()
    )
    counted = func.coalesce(of.c.count, 0)
    miscounted = (
        select(Appeal.number)
        .outerjoin(of, of.c.id == Appeal.id)
        .where(Appeal.joined_count != counted)
    )
    for number in connection.scalars(miscounted.order_by(Appeal.id)):
        yield number, "并入本件的诉求数与各件的记录不一致"
    lagging = (
        select(Appeal.number)
        .join(master, master.id == Appeal.master_id)
        .where(
            Appeal.state == "joined",
            or_(
                *(
                    getattr(Appeal, name).is_distinct_from(getattr(master, name))
                    for name in FOLLOWED
                )
            ),
        )
    )
    for number in connection.scalars(lagging.order_by(Appeal.id)):
        yield number, "并案办理的主办单位或时限与主件不一致"


def lock_kin(*appeal_ids: int | None, joined_to: Iterable[int] = ()) -> None:
    """Lock the rows of these appeals and of those joined to some of them, in ascending id, so
    that no two hands wait for one another (design §8). SQLite has one hand alone."""
    from .models import Appeal

    if is_sqlite():
        return
    wanted = [one for one in appeal_ids if one is not None]
    rows = select(Appeal.id).where(
        or_(Appeal.id.in_(wanted), Appeal.master_id.in_(list(joined_to)))
    )
    db.session.connection().execute(rows.order_by(Appeal.id).with_for_update()).all()


def lock_kin_of(appeal: AppealRecord, *others: int | None) -> None:
    """Whatever a verb of this appeal may change besides."""
    masters = [appeal.id] if appeal.joined_count else []
    lock_kin(appeal.id, appeal.master_id, *others, joined_to=masters)
