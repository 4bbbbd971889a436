"""The first three administrators, made once on an empty ledger."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ledger import access
from ledger.config import SHANGHAI

from . import passwords, roles, sign_in
from .models import Person, Post, Unit

ACCOUNTS = (
    ("sysadmin", "系统管理员", "system_admin"),
    ("secadmin", "安全管理员", "security_admin"),
    ("auditor", "审计管理员", "auditor"),
)


class NotEmpty(ValueError):
    """The ledger has persons already: further accounts come from its own administrators."""


def create_admins(session: Session, at: datetime) -> list[tuple[str, str]]:
    """(account name, one-time password) of each of the three. The caller commits.

    They belong to the topmost unit of the tree (the office's own region, where the ledger was
    laid for one). Raises NotEmpty where any person exists, ValueError where no unit does.
    """
    if session.scalar(select(Person.id).limit(1)) is not None:
        raise NotEmpty("系统里已有人员，不能再建立初始管理员。")
    home = session.scalar(select(Unit).where(Unit.active).order_by(Unit.path, Unit.id).limit(1))
    if home is None:
        raise ValueError("系统里还没有单位，请先执行 ledger db upgrade。")
    made = []
    for username, name, role in ACCOUNTS:
        assert roles.is_role(role)
        secret = passwords.one_time()
        person = Person(
            username=username,
            name=name,
            home_unit=home,
            password=sign_in.hashed(secret),
            created_at=at,
        )
        person.posts.append(
            Post(
                unit=home,
                role=role,
                starts_on=at.astimezone(SHANGHAI).date(),
                granted_at=at,
                reason="系统初始化",
            )
        )
        session.add(person)
        access.record("person_created", subject=username, detail="系统初始化", at=at)
        made.append((username, secret))
    return made
