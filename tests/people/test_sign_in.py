from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from ledger.access import AccessLog
from ledger.db import db, now
from ledger.people import sign_in
from ledger.people.models import Person, SignInAttempt

Enter = Callable[..., int]
PASSWORD = "Xunwu-2026-loop"


def test_every_route_refuses_whoever_has_not_signed_in(app: Flask, client: FlaskClient) -> None:
    for rule in app.url_map.iter_rules():
        if rule.endpoint in sign_in.OPEN:
            continue
        url = re.sub("<[^>]*>", "1", rule.rule)
        for method in (rule.methods or set()) & {"GET", "POST"}:
            answer = client.open(url, method=method)
            if rule.endpoint.startswith("api."):  # its own door: by signature
                described = rule.rule.endswith("/openapi.json")
                assert answer.status_code == (200 if described else 401), (method, url)
                continue
            assert answer.status_code == (303 if method == "GET" else 401), (method, url)
            assert "我的待办" not in answer.text


def test_what_does_not_exist_is_closed_too(client: FlaskClient) -> None:
    assert client.get("/no-such-page").status_code == 303


def test_the_page_asked_for_comes_after_signing_in(client: FlaskClient, enter: Enter) -> None:
    asked = client.get("/units/?a=1")
    assert asked.headers["Location"] == "/sign-in?next=/units/?a%3D1"
    answer = client.post(asked.headers["Location"], data={"username": "CHEN", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/units/?a=1")


@pytest.mark.parametrize("elsewhere", ["//evil.cn/", "https://evil.cn/", "/\\evil.cn", "\tx"])
def test_nobody_is_sent_elsewhere(client: FlaskClient, enter: Enter, elsewhere: str) -> None:
    answer = client.post(
        "/sign-in",
        query_string={"next": elsewhere},
        data={"username": "chen", "password": PASSWORD},
    )
    assert answer.headers["Location"] == "/desk"


def test_the_sentence_on_state_secrets_stands_at_the_entrance(client: FlaskClient) -> None:
    page = client.get("/sign-in")
    assert "本系统为非涉密信息系统，严禁存储、处理、传输国家秘密" in page.text


def test_one_answer_for_every_failure(app: Flask, client: FlaskClient, enter: Enter) -> None:
    _edit(app, "idle", lambda person: person.disable())
    pages = set()
    for username in ("zhang", "nobody", "idle"):
        answer = client.post("/sign-in", data={"username": username, "password": "Wrong-1234"})
        assert answer.status_code == 401
        assert sign_in.FAILED in answer.text
        pages.add(_without_what_differs(answer.text, username))
    assert len(pages) == 1
    right = client.post("/sign-in", data={"username": "idle", "password": PASSWORD})
    assert _without_what_differs(right.text, "idle") in pages


def _without_what_differs(page: str, username: str) -> str:
    """The name typed, and the form's token: it is signed with the second it was drawn in."""
    page = page.replace(f'value="{username}"', "")
    page, tokens = re.subn(r'name="csrf_token" value="[^"]+"', "", page)
    page, headers = re.subn(r'"X-CSRFToken": "[^"]+"', "", page)
    assert (tokens, headers) == (1, 1)
    return page


def _edit(app: Flask, username: str, change: Callable[[Person], object]) -> None:
    with app.app_context():
        change(db.session.scalars(select(Person).where(Person.username == username)).one())
        db.session.commit()


def _attempts(app: Flask) -> list[SignInAttempt]:
    with app.app_context():
        return list(db.session.scalars(select(SignInAttempt).order_by(SignInAttempt.id)))


def _log(app: Flask) -> list[AccessLog]:
    with app.app_context():
        return list(db.session.scalars(select(AccessLog).order_by(AccessLog.id)))


@pytest.mark.parametrize("username", ["zhang", "nobody"])
def test_five_failures_lock_the_account(
    app: Flask, client: FlaskClient, enter: Enter, username: str
) -> None:
    for _ in range(4):
        assert enter(client, username, "Wrong-1234") == 401
    assert all(row.locks_until is None for row in _attempts(app))
    assert enter(client, username, "Wrong-1234") == 401
    assert [row.locks_until is not None for row in _attempts(app)] == [False] * 4 + [True]
    assert enter(client, username) == 401  # the right one does not help now


def test_a_lock_ends_by_itself_and_tries_meanwhile_do_not_prolong_it(
    app: Flask, client: FlaskClient, enter: Enter
) -> None:
    for _ in range(9):
        enter(client, "zhang", "Wrong-1234")
    assert sum(row.locks_until is not None for row in _attempts(app)) == 1
    with app.app_context():
        for row in db.session.scalars(select(SignInAttempt)):
            row.at -= timedelta(minutes=31)
            if row.locks_until:
                row.locks_until -= timedelta(minutes=31)
        db.session.commit()
    assert enter(client, "zhang", "Wrong-1234") == 401
    assert enter(client, "zhang") == 303


def test_a_success_begins_the_count_anew(client: FlaskClient, enter: Enter) -> None:
    for _ in range(3):
        for _ in range(4):
            enter(client, "zhang", "Wrong-1234")
        assert enter(client, "zhang") == 303


def test_an_unknown_name_is_not_kept_in_clear(
    app: Flask, client: FlaskClient, enter: Enter
) -> None:
    enter(client, "MyPassw0rd-typed-here", "x")
    (row,) = _attempts(app)
    assert row.username.startswith("?") and "passw" not in row.username
    (line,) = _log(app)
    assert (line.action, line.username, line.success) == ("sign_in_failed", "", False)


def test_one_address_is_slowed_down(app: Flask, client: FlaskClient, enter: Enter) -> None:
    with app.app_context():
        db.session.add_all(
            SignInAttempt(at=now(), username=f"?{n}", address="127.0.0.1", success=False)
            for n in range(sign_in.BRAKE_AFTER)
        )
        db.session.commit()
    answer = client.post("/sign-in", data={"username": "zhang", "password": "x"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "600"


def test_signing_in_and_out_is_logged(app: Flask, client: FlaskClient, enter: Enter) -> None:
    enter(client, "zhang")
    assert client.get("/room").text == "我的待办"
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").status_code == 303
    assert client.get("/room").status_code == 303
    assert [(line.action, line.username) for line in _log(app)] == [
        ("sign_in", "zhang"),
        ("sign_out", "zhang"),
    ]


def test_the_session_is_new_after_signing_in(client: FlaskClient, enter: Enter) -> None:
    with client.session_transaction() as session:
        session["csrf_token"] = "fixed"
        session["planted"] = "x"
    enter(client, "zhang")
    with client.session_transaction() as session:
        assert "planted" not in session and session.get("csrf_token") != "fixed"


def test_the_cookie_is_out_of_reach(app: Flask, client: FlaskClient, enter: Enter) -> None:
    answer = client.post("/sign-in", data={"username": "zhang", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    app.config["SESSION_COOKIE_SECURE"] = True
    answer = client.post("/sign-in", data={"username": "zhang", "password": PASSWORD})
    assert "Secure" in answer.headers["Set-Cookie"]


def _rest(client: FlaskClient, minutes: int) -> None:
    with client.session_transaction() as session:
        session["seen"] = int(time.time()) - minutes * 60


def test_an_idle_session_ends(client: FlaskClient, enter: Enter) -> None:
    enter(client, "zhang")
    _rest(client, 29)
    assert client.get("/room").status_code == 200
    _rest(client, 31)
    assert client.get("/room").status_code == 303


@pytest.mark.parametrize(
    "polling", [{"headers": {"HX-Polling": "true"}}, {"query_string": "poll=1"}]
)
def test_polling_does_not_prolong_a_session(
    client: FlaskClient, enter: Enter, polling: dict[str, object]
) -> None:
    enter(client, "zhang")
    _rest(client, 29)
    assert client.get("/room", **polling).status_code == 200
    with client.session_transaction() as session:
        assert session["seen"] < time.time() - 28 * 60
    client.get("/room")
    with client.session_transaction() as session:
        assert session["seen"] > time.time() - 60


def test_what_was_typed_survives_the_end_of_a_session(client: FlaskClient) -> None:
    answer = client.post("/notes", data={"text": "装了三车脐橙", "password": "Secret-123"})
    assert answer.status_code == 401
    assert "登录已失效" in answer.text
    assert "装了三车脐橙" in answer.text and "Secret-123" not in answer.text


def test_htmx_is_told_beside_what_is_being_typed(client: FlaskClient) -> None:
    for method in ("POST", "GET"):
        answer = client.open(
            "/notes" if method == "POST" else "/room",
            method=method,
            headers={"HX-Request": "true", "HX-Request-Type": "partial"},
        )
        assert answer.status_code == 401
        assert answer.headers["HX-Retarget"] == "#alerts"
        assert "登录已失效" in answer.text and "<html" not in answer.text


def test_htmx_that_asks_for_a_page_is_sent_to_the_entrance(client: FlaskClient) -> None:
    answer = client.get("/room?a=1", headers={"HX-Request": "true", "HX-Request-Type": "full"})
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/room?a%3D1"


def test_a_disabled_person_is_out_at_once(app: Flask, client: FlaskClient, enter: Enter) -> None:
    enter(client, "zhang")
    _edit(app, "zhang", lambda person: person.disable())
    assert client.get("/room").status_code == 303


def test_the_first_sign_in_has_to_change_the_password(
    app: Flask, client: FlaskClient, enter: Enter
) -> None:
    _edit(app, "zhang", lambda person: person.be_handed_password(sign_in.hashed("One-time-1")))
    assert enter(client, "zhang", "One-time-1") == 303
    assert client.get("/room").headers["Location"] == "/password"
    assert client.post("/notes").headers["Location"] == "/password"
    assert client.get("/password").status_code == 200

    def change(old: str, new: str, again: str | None = None) -> int:
        return client.post(
            "/password",
            data={
                "current_password": old,
                "new_password": new,
                "again_password": new if again is None else again,
            },
        ).status_code

    assert change("wrong", "Brand-new-1") == 422
    assert change("One-time-1", "One-time-1") == 422
    assert change("One-time-1", "short-1") == 422
    assert change("One-time-1", "Zhang-2026-x") == 422
    assert change("One-time-1", "Brand-new-1", "Brand-new-2") == 422
    assert client.get("/room").status_code == 303
    assert change("One-time-1", "Brand-new-1") == 303
    assert client.get("/room").status_code == 200
    assert enter(client.application.test_client(), "zhang", "One-time-1") == 401
    assert enter(client.application.test_client(), "zhang", "Brand-new-1") == 303


def test_a_new_password_ends_the_other_sessions(
    app: Flask, client: FlaskClient, enter: Enter
) -> None:
    elsewhere = app.test_client()
    enter(client, "zhang")
    enter(elsewhere, "zhang")
    data = {
        "current_password": PASSWORD,
        "new_password": "Brand-new-1",
        "again_password": "Brand-new-1",
    }
    assert client.post("/password", data=data).status_code == 303
    assert client.get("/room").status_code == 200
    assert elsewhere.get("/room").status_code == 303


@pytest.mark.parametrize("username", ["a\x00b", "😀" * 40, "x" * 9000, ""])
def test_hostile_names_are_answered(client: FlaskClient, enter: Enter, username: str) -> None:
    assert enter(client, username, "x") in (401, 422)
