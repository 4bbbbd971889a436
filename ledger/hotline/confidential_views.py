"""保密待联系: confidential appeals whose appellants nobody has spoken with since the hand-off.

Their units may not; so the hotline and the office have them before their eyes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement, Row, exists, func, or_, select, true

from ..appeals import lifecycle
from ..appeals.desks import Desk, Tile
from ..appeals.filters import Filters
from ..appeals.lines import lines
from ..appeals.models import Appeal, Deadline
from ..appeals.queries import LINE_COLUMNS
from ..appeals.sight import identity_visible_to, visible_to
from ..config import SHANGHAI
from ..db import db, now
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import Refused
from .call_queries import offices_of
from .desk_views import blueprint

HOME = "/hotline/confidential"
MOST = 50
CAP = 99


def init_desk(app: Flask) -> None:
    """What waits, at the desks of those who may speak with them."""
    app.extensions.setdefault("ledger_desks", []).append(desk_of)


def may_relay(actor: Actor) -> bool:
    return not lifecycle.BY_CODE["relay"].roles.isdisjoint(actor.roles)


def _waiting(actor: Actor, at: datetime) -> list[ColumnElement[bool]]:
    day = at.astimezone(SHANGHAI).date()
    running = exists().where(
        Deadline.appeal_id == Appeal.id,
        Deadline.stage == "contact",
        Deadline.ended_at.is_(None),
    )
    return [
        Appeal.is_open.is_(True),
        Appeal.confidential.is_(True),
        Appeal.office_id.in_(offices_of(actor)),
        Appeal.state.in_(sorted(lifecycle.AT_UNITS)),
        or_(running, Appeal.details_asked.is_(True)),
        visible_to(actor, day),
        identity_visible_to(actor, day),
    ]


def count(actor: Actor, at: datetime) -> int:
    """No further than CAP + 1."""
    some = select(Appeal.id).where(*_waiting(actor, at)).limit(CAP + 1).subquery()
    return db.session.scalar(select(func.count()).select_from(some)) or 0


def rows(actor: Actor, at: datetime) -> Sequence[Row[Any]]:
    wanted: Any = select(*LINE_COLUMNS, true().label("knows")).where(*_waiting(actor, at))
    return db.session.execute(wanted.order_by(Appeal.due_at, Appeal.id).limit(MOST)).all()


@dataclass(frozen=True)
class Waiting(Tile):
    @property
    def url(self) -> str:
        return HOME


def desk_of(actor: Actor, at: datetime) -> Desk | None:
    if not may_relay(actor):
        return None
    found = count(actor, at)
    if not found:
        return None
    tile = Waiting("保密待联系", found, Filters(), "yellow", CAP)
    return Desk("confidential", "保密诉求", [tile])


@blueprint.get("/confidential")
def confidential() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    if not may_relay(actor):
        raise Refused("为诉求人保密的诉求由热线或牵头办公室联系。")
    found = rows(actor, at)
    return render_template(
        "hotline/confidential.html",
        lines=lines(found, at),
        most=MOST if len(found) == MOST else 0,
    )
