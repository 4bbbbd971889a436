"""One county: an office, a transport bureau with a section, and a person for each point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from ledger import db
from ledger.people import queries, sign_in
from ledger.people.models import Person, Post, Unit

PASSWORD = "Xunwu-2026-loop"


@pytest.fixture
def app(app: Flask) -> Flask:
    """With one page and one form that belong to no room."""
    app.add_url_rule("/room", view_func=lambda: "我的待办", endpoint="room")
    app.add_url_rule("/notes", view_func=lambda: "saved", endpoint="notes", methods=["POST"])
    return app


@pytest.fixture
def county(app: Flask) -> dict[str, int]:
    """Numbers of persons by account name. `zhang` and `li` handle, `chen` coordinates."""
    today = sign_in.today()
    with app.app_context(), db.writing() as at:
        top = queries.unit_by_code("360734")
        office = queries.unit_by_code("360734-office")
        assert top is not None and office is not None
        bureau = Unit(code="360734-JT", name="县交通运输局", parent=top, region_code="360734")
        section = Unit(
            code="360734-JT-YG",
            name="运管股",
            kind="section",
            parent=bureau,
            region_code="360734",
        )
        other = Unit(code="360733", name="会昌县", kind="county", region_code="360733")
        db.db.session.add_all([section, other])
        hashed = sign_in.hashed(PASSWORD)
        cast = {
            "sysadmin": (top, "system_admin"),
            "secadmin": (top, "security_admin"),
            "auditor": (top, "auditor"),
            "chen": (office, "coordinator"),
            "wang": (office, "closer"),
            "zhang": (bureau, "handler"),
            "li": (section, "handler"),
            "far": (other, "handler"),
            "idle": (bureau, None),
        }
        persons = {}
        for username, (unit, role) in cast.items():
            person = Person(
                username=username,
                name=username.title(),
                home_unit=unit,
                password=hashed,
                must_change_password=False,
                created_at=at,
            )
            if role:
                person.posts.append(
                    Post(unit=unit, role=role, starts_on=today - timedelta(days=30), granted_at=at)
                )
            db.db.session.add(person)
            persons[username] = person
        db.db.session.commit()
        return {username: person.id for username, person in persons.items()}


@pytest.fixture
def client(app: Flask, county: dict[str, int]) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def enter() -> Callable[..., int]:
    """Sign in; the status of the answer (303 where it succeeded)."""

    def _enter(client: FlaskClient, username: str, password: str = PASSWORD) -> int:
        data = {"username": username, "password": password}
        return client.post("/sign-in", data=data).status_code

    return _enter
