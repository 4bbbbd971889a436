"""Asking for returns and extensions and ruling on them, and a ledger whose clock can be set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal, Assignment, Request
from ledger.catalogue.queries import catalogue
from ledger.db import db, writing
from ledger.deadlines.calendar import end_of, last_day
from ledger.deadlines.queries import load_calendar

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}

MONDAY = datetime(2026, 11, 16, 1, 30, tzinfo=UTC)
"""09:30 in Shanghai, and no holiday for weeks."""


def assigned(
    cast: Cast, at: datetime = MONDAY, *, unit: str = "bureau", urgency: str = "normal"
) -> str:
    """Registered, accepted and handed off at `at`."""
    with cast.app.app_context(), writing():
        known = Registration(
            "寻乌县顺达物流有限公司", "澄江收费站入口关闭，货车被劝返。", "visit", at,
            phone="13807970001",
        )  # fmt: skip
        hand: dict[str, Any] = {"by": cast.actor("zhou", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        category = next(iter(catalogue().categories))
        appeal.accept(category_id=category, urgency=urgency, **hand)
        appeal.assign(cast.unit(unit), **hand)
        db.session.commit()
        return appeal.number


def do(cast: Cast, number: str, who: str, at: datetime, act: Callable[[Appeal, Any], Any]) -> Any:
    """One act as of `at`, committed; `act` is handed the appeal and by whom and when."""
    with cast.app.app_context(), writing():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        found = act(appeal, {"by": cast.actor(who, at), "at": at})
        db.session.commit()
        return found


def ask_return(cast: Cast, number: str, at: datetime, who: str = "chen") -> None:
    basis = "该路段由公路中心管养，依三定规定应由其承办。"
    do(cast, number, who, at, lambda a, hand: a.ask_return("not_competent", basis, **hand))


def rule_return(
    cast: Cast, number: str, at: datetime, granted: bool, ruling: str = "", unit: str = ""
) -> None:
    def act(appeal: Appeal, hand: dict[str, Any]) -> None:
        to = cast.unit(unit) if unit else None
        appeal.rule_return(granted, ruling, unit=to, **hand)

    do(cast, number, "zhou", at, act)


def days_on(due_at: datetime, days: int) -> datetime:
    """So many working days after a due time."""
    return end_of(load_calendar().add_working_days(last_day(due_at), days))


def ask_extension(
    cast: Cast, number: str, at: datetime, days: int = 3, who: str = "chen", told: bool = True
) -> datetime:
    """Gives the time that was asked for."""

    def act(appeal: Appeal, hand: dict[str, Any]) -> datetime:
        clock = appeal.main_clock()
        assert clock is not None
        until = days_on(clock.due_at, days)
        appeal.ask_extension(until, "several_units", "与公路中心会商", firm_told=told, **hand)
        return until

    found: datetime = do(cast, number, who, at, act)
    return found


class Seen:
    """An appeal as it stands: its columns and those of its latest assignment and request."""

    def __init__(self, cast: Cast, number: str) -> None:
        with cast.app.app_context():
            appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
            self.state = appeal.state
            self.label = appeal.state_label
            self.version = appeal.version
            self.asked = appeal.asked
            self.due_at = appeal.due_at
            self.lead_unit_id = appeal.lead_unit_id
            self.assignments = [_columns(one) for one in appeal.assignments]
            self.requests = [_columns(one) for one in appeal.requests]
            self.running = {clock.stage: _columns(clock) for clock in appeal.running()}
            self.ended = [_columns(d) for d in appeal.deadlines if d.ended_at is not None]

    @property
    def held(self) -> dict[str, Any]:
        return self.assignments[-1]

    @property
    def request(self) -> dict[str, Any]:
        return self.requests[-1]


def _columns(row: Assignment | Request | Any) -> dict[str, Any]:
    return {c.key: getattr(row, c.key) for c in type(row).__mapper__.column_attrs}
