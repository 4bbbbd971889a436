"""What an appeal's page says of 并案办理: its master, or those that are joined to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..people.actor import Actor
from ..people.directory import directory
from . import lifecycle
from .joined_queries import ANSWERED
from .leaf import Leaf
from .lifecycle import Facts


@dataclass(frozen=True)
class JoinedPanel:
    """`links` are pages of all at once: (label, address)."""

    rows: Sequence[tuple[Any, str]]
    """Each with its state in words."""
    count: int
    lead: str
    reply: str
    is_joined: bool
    links: Sequence[tuple[str, str]]

    @property
    def is_shown(self) -> bool:
        return bool(self.count or self.is_joined or self.links)

    @property
    def is_cut(self) -> bool:
        return self.count > len(self.rows)


def joined_panel(appeal: Leaf, rows: Sequence[Any], facts: Facts, actor: Actor) -> JoinedPanel:
    unit = directory().units.get(appeal.lead_unit_id or 0)
    return JoinedPanel(
        rows=[(row, lifecycle.label(row.state, undetermined=row.undetermined)) for row in rows],
        count=appeal.joined_count,
        lead=unit.name if unit is not None else "",
        reply=appeal.public_reply,
        is_joined=appeal.is_joined,
        links=_links(appeal, facts, actor),
    )


def _links(appeal: Leaf, facts: Facts, actor: Actor) -> list[tuple[str, str]]:
    found = []
    if appeal.joined_count and facts.state in ANSWERED:
        if may_word(facts, actor):
            found.append(("逐户答复", f"/appeals/{appeal.number}/replies"))
        if not actor.roles.isdisjoint(lifecycle.BY_CODE["call_back"].roles):
            found.append(("逐户回访", f"/appeals/{appeal.number}/calls"))
    if may_gather(facts, actor) and not appeal.is_joined:
        found.append(("并入多件", f"/appeals/{appeal.number}/gather"))
        found.append(("登记其他企业", f"/appeals/new-many?master={appeal.number}"))
    return found


def may_word(facts: Facts, actor: Actor) -> bool:
    """Whether `actor` may word the replies of what is joined to this one."""
    of_joined = replace(facts, state="joined", master_answered=True)
    return bool(lifecycle.may("word_reply", of_joined, actor))


def may_gather(facts: Facts, actor: Actor) -> bool:
    """Whether `actor` may join others of the same office to this one, which is open."""
    of_joined = replace(facts, state="registered", has_joined=False)
    return facts.state in lifecycle.OPEN and bool(lifecycle.may("join", of_joined, actor))
