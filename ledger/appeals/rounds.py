"""One page for a master and all that is joined to it: a small form for each, sent in one post.

Each row is its own act in its own transaction, guarded by the table as on its own page; what was
not done comes back as it was typed, with what is wrong beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import Row, or_

from ..db import db, writing
from ..people.actor import Actor
from ..trail.act import StaleForm
from . import lifecycle
from .act_forms import ActForm
from .act_views import is_second_click
from .acts import ACTS
from .leaf import Leaf
from .lines import Line, lines
from .models import Appeal
from .queries import find, listed
from .record import Invalid, Refused

PAGE = 30

STALE = "页面打开后本件有了变化，请核对后再次提交"


@dataclass
class Row_:
    """One appeal of the page."""

    row: Row[Any]
    line: Line
    form: ActForm | None
    """None where this person may not do it; `refusal` says why."""
    refusal: str = ""
    is_filled: bool = False
    problem: str = ""

    @property
    def number(self) -> str:
        found: str = self.row.number
        return found


@dataclass(frozen=True)
class Family:
    """A stretch of a master and what is joined to it. `after` is the cursor of the next one."""

    rows: Sequence[Row[Any]]
    after: int
    at: datetime

    @property
    def lines(self) -> list[Line]:
        return lines(self.rows, self.at)


def family(
    master: Leaf,
    actor: Actor,
    at: datetime,
    states: Sequence[str],
    *,
    with_master: bool = False,
) -> Family:
    """Those in `states`, as far as `actor` may see them, the first first."""
    raw = request.args.get("after", "")
    after = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 16 else 0
    mine = Appeal.master_id == master.id
    if with_master:
        mine = or_(mine, Appeal.id == master.id)
    query = listed(
        actor, at, Appeal.public_reply, Appeal.phone, Appeal.contact_name
    ).where(mine, Appeal.state.in_(states), Appeal.state != lifecycle.MERGED, Appeal.id > after)
    rows = db.session.execute(query.order_by(Appeal.id).limit(PAGE + 1)).all()
    return Family(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else 0, at)


def prefix(row: Row[Any]) -> str:
    return f"r{row.id}-"


def form_for(kind: type[ActForm], row: Row[Any], *, typed: bool) -> ActForm:
    """The row's own form. Ids are its fields' names, so that no two on the page are the same."""
    form = kind(prefix=prefix(row)) if typed else kind(formdata=None, prefix=prefix(row))
    if not typed or not form.seen.data:
        form.seen.data = str(row.version)
    return form


def is_sent(row: Row[Any]) -> bool:
    return f"{prefix(row)}seen" in request.form


def do(one: Row_, code: str, actor: Actor, act: Callable[[Appeal, datetime], None]) -> bool:
    """Run a verb on one row, and commit. What stands in the way is noted beside it."""
    assert one.form is not None
    with writing() as at:
        appeal = find(one.number, actor, at, lock=True)
        if appeal is None:
            one.problem = "没有这件诉求，或您无权查看"
            return False
        if is_second_click(ACTS[code], one.form, appeal, actor, at):
            return True
        try:
            act(appeal, at)
            db.session.commit()
        except Invalid as problem:
            field = next((f for f in one.form if f.short_name == problem.field), None)
            if field is None:
                one.problem = problem.reason
            else:
                field.errors = [*field.errors, problem.reason]
            return False
        except Refused as problem:
            one.problem = problem.reason
            return False
        except StaleForm:
            one.form.seen.data = str(appeal.version)
            one.problem = STALE
            return False
    return True


def is_wrong(one: Row_) -> bool:
    return bool(one.problem or (one.form is not None and one.form.errors))
