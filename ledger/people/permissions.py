"""Who may do what in administration: one table. Pure.

Acts on appeals are not here: they stand in the table of the lifecycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from .regions import covers
from .roles import ADMINISTRATORS, OFFICE

EVERYWHERE: Final = "everywhere"
REGION: Final = "region"
"""Only for units of the region that the post's unit stands for."""


class Held(NamedTuple):
    """A post as far as administration cares: its role and its unit's region."""

    role: str
    region_code: str


TABLE: Final[dict[str, dict[str, str]]] = {
    "see_units": {"system_admin": EVERYWHERE, "security_admin": EVERYWHERE, "coordinator": REGION},
    "keep_units": {"system_admin": EVERYWHERE},
    "see_persons": {
        "system_admin": EVERYWHERE,
        "security_admin": EVERYWHERE,
        "coordinator": REGION,
    },
    "keep_persons": {"system_admin": EVERYWHERE, "coordinator": REGION},
    "import_roster": {"system_admin": EVERYWHERE},
    "see_posts": {
        "system_admin": EVERYWHERE,
        "security_admin": EVERYWHERE,
        "coordinator": REGION,
    },
    "grant_posts": {"security_admin": EVERYWHERE},
    "keep_clocks": {"system_admin": EVERYWHERE},
    "keep_channels": {"system_admin": EVERYWHERE},
    "read_log": {"auditor": EVERYWHERE},
    "see_deliveries": {"system_admin": EVERYWHERE},
    "keep_clients": {"system_admin": EVERYWHERE},
    "export_messages": {"coordinator": REGION},
}

GUARDED: Final = ADMINISTRATORS | OFFICE | {"manager", "supervisor"}
"""Whoever hands out the password of such an account could act as its holder: a coordinator
could so turn both keys. These accounts are the system administrator's alone."""


def may_administer(
    posts: Iterable[Held],
    action: str,
    *,
    region_code: str | None = None,
    roles_of_target: Collection[str] = (),
) -> bool:
    """Whether one of `posts` allows `action`.

    `region_code` is that of the unit concerned, or None to ask whether it is allowed anywhere;
    `roles_of_target` are those held by the person concerned. Raises KeyError for an unknown act.
    """
    scopes = TABLE[action]
    for post in posts:
        scope = scopes.get(post.role)
        if scope == EVERYWHERE:
            return True
        if (
            scope == REGION
            and post.region_code
            and (region_code is None or covers(post.region_code, region_code))
            and not (action == "keep_persons" and GUARDED & set(roles_of_target))
        ):
            return True
    return False


def reach(posts: Iterable[Held], action: str) -> frozenset[str] | None:
    """The regions in which `posts` allow `action`: None for everywhere, empty for nowhere."""
    scopes = TABLE[action]
    held = [post for post in posts if post.role in scopes]
    if any(scopes[post.role] == EVERYWHERE for post in held):
        return None
    return frozenset(post.region_code for post in held if post.region_code)
