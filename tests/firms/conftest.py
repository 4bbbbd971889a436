"""The people before the register: each is a point of its permission matrix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger.db import db, writing
from ledger.firms.models import Firm
from ledger.people.models import Person, Post, Unit

SignIn = Callable[[str], FlaskClient]
Register = Callable[..., int]


def appoint(role: str) -> Person:
    """A person who holds that one role; to be called inside `writing()`."""
    unit = Unit(code=f"firms-{role}", name=f"{role}的单位", region_code="360734")
    person = Person(
        username=f"firms-{role}",
        name=f"{role}某",
        home_unit=unit,
        must_change_password=False,
    )
    db.session.add(Post(person=person, unit=unit, role=role, starts_on=date(2020, 1, 1)))
    db.session.add(person)
    db.session.flush()
    return person


@pytest.fixture
def sign_in(app: Flask, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """A client signed in as somebody new with that role."""
    # The token is tested where it is made.
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)

    def sign_in(role: str) -> FlaskClient:
        import time

        with app.app_context(), writing():
            uniquifier = appoint(role).fs_uniquifier
            db.session.commit()
        client = app.test_client()
        with client.session_transaction() as session:
            session.update(_user_id=uniquifier, _fresh=True, seen=int(time.time()))
        return client

    return sign_in


@pytest.fixture
def register(app: Flask) -> Register:
    """Register a firm, with a contact where a phone is given; gives its id."""

    def register(name: str, phone: str = "", **facts: str) -> int:
        with app.app_context(), writing() as at:
            firm = Firm.register(name, by=None, at=at, **facts)
            if phone:
                firm.add_contact("张三", phone)
            db.session.commit()
            return firm.id

    return register
