"""Who may do what with the register of firms. Pure; one table.

Master data is open to every role but the three administrators (design §6); whoever takes calls
or looks after firms keeps it, so that no caller waits for somebody else's permission.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.people.roles import BUSINESS

MAY: Final[dict[str, frozenset[str]]] = {
    "see": BUSINESS,
    "register": frozenset({"liaison", "operator", "coordinator", "duty_officer"}),
    "correct": frozenset({"liaison", "operator", "coordinator", "duty_officer"}),
    "entrust": frozenset({"coordinator"}),
    "reveal": BUSINESS,
    "reveal_at_once": frozenset({"operator", "coordinator"}),
}
"""act → roles. `entrust` names who looks after a firm; `reveal` shows a contact's number, for
a reason given, which `reveal_at_once` need not give."""

PART_ROLES: Final[dict[str, frozenset[str]]] = {
    "serving": frozenset({"liaison"}),
    "stand_in": frozenset({"liaison"}),
    "leader": frozenset({"manager"}),
}
"""Which role a person must hold to be given a part."""


def may(roles: Iterable[str], act: str) -> bool:
    """Whether any of the roles allows the act. Raises KeyError for an unknown act."""
    return not MAY[act].isdisjoint(roles)


def reveals_at_once(roles: Iterable[str], *, looks_after: bool) -> bool:
    """Whether the number is shown by one click, logged as 办理联系, without a reason."""
    held = frozenset(roles)
    return may(held, "reveal") and (looks_after or may(held, "reveal_at_once"))
