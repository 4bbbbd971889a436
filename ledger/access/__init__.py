"""The access log: who signed in, read personal data, exported or administered.

It holds no personal data itself: account names, numbers and codes only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from flask import has_request_context
from flask_security import current_user

from ledger.db import db, now
from ledger.web import client_address

from .models import AccessLog

__all__ = ["AccessLog", "record"]


class Who(Protocol):
    """Whoever has a number and an account name; the rooms above bring their own persons."""

    @property
    def id(self) -> Any: ...
    @property
    def username(self) -> Any: ...


def record(
    action: str,
    subject: str = "",
    detail: str = "",
    success: bool = True,
    person: Who | None = None,
    at: datetime | None = None,
) -> AccessLog:
    """Add one line to the session; the caller commits it together with what it tells of.

    Without `person` it is the one signed in; a command without one stands as the system (名为空).
    Personal data must not be passed in: a phone that was read is named by whose it is.
    """
    address = ""
    if has_request_context():
        address = client_address()
        if person is None and current_user and current_user.is_authenticated:
            person = current_user
    line = AccessLog(
        at=at or now(),
        person_id=None if person is None else person.id,
        username="" if person is None else person.username,
        action=action,
        subject=_printable(subject, 200),
        detail=_printable(detail, 500),
        address=address[:64],
        success=success,
    )
    db.session.add(line)
    return line


def _printable(text: str, length: int) -> str:
    # PostgreSQL refuses NUL, and a line break would let one line look like two.
    return "".join(c if c.isprintable() else " " for c in text)[:length]
