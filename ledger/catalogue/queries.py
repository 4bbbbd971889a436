"""The catalogue as one immutable book, kept in each process's memory.

A few hundred rows are wanted on every page and change a few times a year. One tiny row, the
stamp, is read each time; only where it differs from the copy's are the tables read again. So
all processes see a change as soon as it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select

from ledger.db import db, mark_of

from .models import Category, Channel, Outcome, Reason

Choice = tuple[str, str]
"""Value and label, as a select field takes them."""

_SHELF = "ledger.catalogue"


@dataclass(frozen=True)
class ChannelFacts:
    id: int
    code: str
    name: str
    source_system: str
    return_way: str
    active: bool


@dataclass(frozen=True)
class CategoryFacts:
    id: int
    code: str
    name: str
    parent_id: int | None
    path: str
    full_name: str
    """With its parents': 通行受阻 / 拥堵."""
    policy: bool
    default_lead_id: int | None
    assist_ids: tuple[int, ...]
    active: bool
    """Itself and all above it."""


@dataclass(frozen=True)
class OutcomeFacts:
    code: str
    name: str
    earns_rework: bool
    holds: bool
    needs_evidence: bool
    evidence: str


@dataclass(frozen=True)
class ReasonFacts:
    kind: str
    code: str
    name: str
    active: bool


@dataclass(frozen=True)
class Catalogue:
    """All of it, in display order; inactive rows are kept for the names of old appeals."""

    mark: str
    channels: Mapping[str, ChannelFacts]
    categories: Mapping[int, CategoryFacts]
    outcomes: Mapping[str, OutcomeFacts]
    reasons: Mapping[tuple[str, str], ReasonFacts]

    def channel_choices(self) -> list[Choice]:
        return [(row.code, row.name) for row in self.channels.values() if row.active]

    def category_choices(self) -> list[Choice]:
        """Ids as text with the full names, parents before their children."""
        return [(str(row.id), row.full_name) for row in self.categories.values() if row.active]

    def category_groups(self) -> list[tuple[CategoryFacts, list[CategoryFacts]]]:
        """Each root with its descendants, for grouped selects; active ones only."""
        groups: list[tuple[CategoryFacts, list[CategoryFacts]]] = []
        for row in self.categories.values():
            if not row.active:
                continue
            if row.parent_id is None:
                groups.append((row, []))
            else:
                groups[-1][1].append(row)
        return groups

    def outcome_choices(self) -> list[Choice]:
        return [(row.code, row.name) for row in self.outcomes.values()]

    def reason_choices(self, kind: str) -> list[Choice]:
        return [
            (row.code, row.name) for row in self.reasons.values() if row.kind == kind and row.active
        ]

    def channel_name(self, code: str) -> str:
        """The name; the code itself where it is unknown, so that no page fails on old data."""
        found = self.channels.get(code)
        return code if found is None else found.name

    def category_name(self, category_id: int | None) -> str:
        """The full name; '' for none."""
        found = None if category_id is None else self.categories.get(category_id)
        return "" if found is None else found.full_name

    def outcome_name(self, code: str) -> str:
        found = self.outcomes.get(code)
        return code if found is None else found.name

    def reason_name(self, kind: str, code: str) -> str:
        found = self.reasons.get((kind, code))
        return code if found is None else found.name

    def hotlines(self) -> dict[str, ChannelFacts]:
        """By source system the channel that says how it is told: the first that is in use."""
        found: dict[str, ChannelFacts] = {}
        for one in sorted(self.channels.values(), key=lambda one: not one.active):
            if one.source_system:
                found.setdefault(one.source_system, one)
        return found

    def category_by_code(self, code: str) -> CategoryFacts | None:
        return next((row for row in self.categories.values() if row.code == code), None)

    def subtree(self, category_id: int) -> list[int]:
        """The ids of a category and of all below it; [] for an unknown one."""
        top = self.categories.get(category_id)
        if top is None:
            return []
        return [row.id for row in self.categories.values() if row.path.startswith(top.path)]


def catalogue() -> Catalogue:
    """The book as of now: one short SELECT where nothing changed. Ask once per view."""
    mark = mark_of("catalogue")
    kept: Catalogue | None = current_app.extensions.get(_SHELF)
    if kept is None or kept.mark != mark:
        kept = _read(mark)
        current_app.extensions[_SHELF] = kept
    return kept


def _read(mark: str) -> Catalogue:
    session = db.session
    channels = session.scalars(select(Channel).order_by(Channel.position, Channel.id))
    outcomes = session.scalars(select(Outcome).order_by(Outcome.position, Outcome.id))
    reasons = session.scalars(select(Reason).order_by(Reason.kind, Reason.position, Reason.id))
    return Catalogue(
        mark=mark,
        channels={
            row.code: ChannelFacts(
                row.id, row.code, row.name, row.source_system, row.return_way, row.active
            )
            for row in channels
        },
        categories={row.id: row for row in _tree()},
        outcomes={
            row.code: OutcomeFacts(
                row.code, row.name, row.earns_rework, row.holds, row.needs_evidence, row.evidence
            )
            for row in outcomes
        },
        reasons={
            (row.kind, row.code): ReasonFacts(row.kind, row.code, row.name, row.active)
            for row in reasons
        },
    )


def _tree() -> list[CategoryFacts]:
    """Depth first, siblings by position."""
    below: dict[int | None, list[Category]] = {}
    for row in db.session.scalars(select(Category).order_by(Category.position, Category.id)):
        below.setdefault(row.parent_id, []).append(row)
    found: list[CategoryFacts] = []

    def walk(parent: CategoryFacts | None) -> None:
        for row in below.get(None if parent is None else parent.id, []):
            facts = CategoryFacts(
                id=row.id,
                code=row.code,
                name=row.name,
                parent_id=row.parent_id,
                path=row.path,
                full_name=row.name if parent is None else f"{parent.full_name} / {row.name}",
                policy=row.policy,
                default_lead_id=row.default_lead_id,
                assist_ids=tuple(row.assist_ids),
                active=row.active and (parent is None or parent.active),
            )
            found.append(facts)
            walk(facts)

    walk(None)
    return found
