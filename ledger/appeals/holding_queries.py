"""How long each unit held what it was handed: the figures of an appeal's strip, over many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import Row, and_, select

from ..config import SHANGHAI
from ..db import db, now
from ..people import queries as people
from ..people.acting import actor_of
from ..people.actor import Actor
from ..people.directory import directory
from .assist_acts import PARTS
from .filters import Filters
from .holding import stretches
from .models import Appeal, Assignment, Deadline
from .queries import conditions_of, visible_to
from .standing import ANSWERS


@dataclass(frozen=True)
class UnitDays:
    """What one unit held as lead, or as assist."""

    unit_id: int
    part: str
    assignments: int
    days: int
    now: int
    """How many of them it holds now."""

    @property
    def average(self) -> str:
        return f"{self.days / self.assignments:.1f}"


def days_held(actor: Actor, at: datetime, filters: Filters) -> list[UnitDays]:
    """By unit and part, of all appeals that the filters let through and `actor` may see; who held
    longest comes first. An appeal's own row of it is what its page shows."""
    found: dict[tuple[int, str], UnitDays] = {}
    for rows in _by_assignment(actor, at, filters):
        given = rows[0]
        clocks = [_Clock(r.clock_id, r.started_at, r.ended_at) for r in rows if r.clock_id]
        held = stretches(given, clocks)
        key = (given.unit_id, given.part)
        was = found.get(key, UnitDays(*key, 0, 0, 0))
        found[key] = UnitDays(
            *key,
            was.assignments + 1,
            was.days + sum(one.days(at) for one in held),
            was.now + (given.is_open and held[-1].until is None),
        )
    return sorted(found.values(), key=lambda one: (-one.days, one.unit_id, one.part))


@dataclass(frozen=True)
class _Clock:
    id: int
    started_at: datetime
    ended_at: datetime | None


def _by_assignment(actor: Actor, at: datetime, filters: Filters) -> Iterator[list[Row[Any]]]:
    """The assignments one after the other, each with the clocks of its answer."""
    query = (
        select(
            Assignment.id,
            Assignment.unit_id,
            Assignment.part,
            Assignment.state,
            Assignment.assigned_at,
            Assignment.answered_at,
            Assignment.released_at,
            Appeal.is_open,
            Deadline.id.label("clock_id"),
            Deadline.started_at,
            Deadline.ended_at,
        )
        .join(Appeal, Appeal.id == Assignment.appeal_id)
        .outerjoin(
            Deadline,
            and_(Deadline.assignment_id == Assignment.id, Deadline.stage.in_(ANSWERS)),
        )
        .where(
            *conditions_of(filters, actor, at), visible_to(actor, at.astimezone(SHANGHAI).date())
        )
        .order_by(Assignment.id)
        .execution_options(yield_per=1000)
    )
    found: Iterator[Row[Any]] = iter(db.session.execute(query))
    for _, rows in groupby(found, key=lambda row: row.id):
        yield list(rows)


@click.command("days-held")
@click.option("--by", "username", required=True, help="以哪位人员（用户名）的可见范围统计")
@click.option("--since", default="", help="登记日期起，如 2026-11-01")
@click.option("--until", default="", help="登记日期止")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def days_held_command(username: str, since: str, until: str, as_json: bool) -> None:
    """各单位持有诉求的天数：主办、协办分列，与诉求页面所示同一口径。"""
    person = people.person_by_username(username)
    if person is None:
        raise click.ClickException(f"没有用户名为“{username}”的人员")
    at = now()
    filters = Filters.read({"since": since, "until": until})
    units = directory().units
    rows = days_held(actor_of(person, at), at, filters)
    if as_json:
        said = [{"unit": units[one.unit_id].name, **asdict(one)} for one in rows]
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    for one in rows:
        part = PARTS.get(one.part, one.part)
        click.echo(
            f"{units[one.unit_id].name}（{part}） {one.assignments}件 共{one.days}天 "
            f"平均{one.average}天 现持有{one.now}件"
        )
