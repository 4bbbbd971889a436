"""Roles: what they are called, where they may be held, and which exclude each other.

Pure rules. The three administrators are separate duties (三员分立, GB/T 22239-2019): none of them
touches an appeal, and none holds any second role.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

LABELS: Final[dict[str, str]] = {
    "liaison": "服务联络员",
    "operator": "热线话务员",
    "coordinator": "交办员",
    "closer": "销号审批人",
    "duty_officer": "值班员",
    "handler": "经办人",
    "unit_lead": "单位负责人",
    "supervisor": "督查员",
    "manager": "领导",
    "auditor": "审计管理员",
    "security_admin": "安全管理员",
    "system_admin": "系统管理员",
}
"""Every role there is, in the order in which lists show them."""

ADMINISTRATORS: Final = frozenset({"auditor", "security_admin", "system_admin"})
BUSINESS: Final = frozenset(LABELS) - ADMINISTRATORS

OFFICE: Final = frozenset({"coordinator", "closer", "duty_officer"})
"""Held in a coordination office (牵头办公室) only."""

UNIT: Final = frozenset({"handler", "unit_lead"})
"""Held where appeals are handled. An office is a handling unit through its coordinators."""


def is_role(role: str) -> bool:
    return role in LABELS


def label(role: str) -> str:
    """The role's Chinese name. Raises KeyError for a word that is no role."""
    return LABELS[role]


def clash(existing_roles: Iterable[str], new_role: str) -> str | None:
    """Why nobody who holds `existing_roles` may also hold `new_role`; None where he may.

    Holding the same role in several units is allowed, except for administrators, of whom a
    person is one and nothing else.
    """
    if new_role not in LABELS:
        return f"没有“{new_role}”这个岗位。"
    for role in existing_roles:
        if role == new_role:
            continue
        if role in ADMINISTRATORS or new_role in ADMINISTRATORS:
            return (
                f"“{LABELS.get(role, role)}”与“{LABELS[new_role]}”不得由同一人担任："
                "审计、安全、系统管理员三员分立，互不兼任，也不兼任业务岗位。"
            )
    return None


def misplaced(role: str, *, is_office: bool) -> str | None:
    """Why `role` cannot be held in such a unit; None where it can."""
    if role in OFFICE and not is_office:
        return f"“{LABELS[role]}”只能设在牵头办公室。"
    if role in UNIT and is_office:
        return f"“{LABELS[role]}”不能设在牵头办公室：牵头办公室承办的事项由交办员办理。"
    return None
