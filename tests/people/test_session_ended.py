"""A session that ended while somebody typed: the same person goes on, and nobody else with it."""

from __future__ import annotations

import io
import re
import time
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from cast import PASSWORD, Cast
from ledger.appeals.models import Appeal
from ledger.db import db, writing
from ledger.people import sign_in
from ledger.people.models import Person
from ledger.trail.models import Entry, EntryText

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}
WORDS = "已派员到现场，<b>两辆车</b>\n已放行"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def office(cast: Cast) -> Cast:
    """With passwords, and the check of tokens as it is in service."""
    cast.app.config["WTF_CSRF_ENABLED"] = True
    with cast.app.app_context():
        hashed = sign_in.hashed(PASSWORD)
        with writing():
            for name in ("chen", "qian"):
                db.session.get_one(Person, cast.people[name]).password = hashed
            db.session.commit()
    return cast


def enter(client: FlaskClient, name: str) -> None:
    form = client.get("/sign-in").get_data(as_text=True)
    typed = {"username": name, "password": PASSWORD, "csrf_token": token(form)}
    assert client.post("/sign-in", data=typed).status_code == 303


def token(html: str) -> str:
    return str(TOKEN.findall(html)[-1])


def rest(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["seen"] = int(time.time()) - 24 * 3600


def notes(app: Flask, number: str) -> list[tuple[int | None, str]]:
    with app.app_context():
        rows = db.session.execute(
            select(Entry.actor_id, EntryText.body)
            .join(EntryText, EntryText.entry_id == Entry.id)
            .where(Entry.stream == f"appeal/{number}", Entry.verb == "progress")
        )
        return [(row.actor_id, row.body or "") for row in rows]


def begun(office: Cast) -> tuple[str, FlaskClient, dict[str, Any]]:
    """chen has a form open, and typed in it."""
    number, client = office.reach("assigned"), office.app.test_client()
    enter(client, "chen")
    page = client.get(f"/appeals/{number}/progress").get_data(as_text=True)
    return number, client, {"words": WORDS, "csrf_token": token(page), "seen": "3"}


def test_the_same_person_carries_on_where_the_password_is_asked_in_place(office: Cast) -> None:
    number, client, typed = begun(office)
    path = f"/appeals/{number}/progress"
    rest(client)
    photo = (io.BytesIO(b"x"), "现场照片.jpg")
    asked = client.post(path, data={**typed, "files": photo})
    html = asked.get_data(as_text=True)
    assert asked.status_code == 401 and "陈经办的密码" in html
    assert "现场照片.jpg" in html and 'type="file"' in html and f'action="{path}"' in html
    assert WORDS in unescape(html) and "<b>两辆车" not in html
    again = {**typed, "csrf_token": token(html)}
    wrong = client.post(path, data={**again, "again-password": "Wrong-2026"})
    html = wrong.get_data(as_text=True)
    assert wrong.status_code == 401 and sign_in.FAILED in unescape(html)
    assert WORDS in unescape(html) and "Wrong-2026" not in html
    assert notes(office.app, number) == []
    done = client.post(path, data={**again, "again-password": PASSWORD})
    assert done.status_code == 303 and done.headers["Location"] == f"/appeals/{number}"
    assert notes(office.app, number) == [(office.people["chen"], WORDS)]
    assert client.get("/desk").status_code == 200
    # A form in another window, drawn before, is as good as ever.
    assert client.post(path, data={**typed, "words": "第二个窗口"}).status_code == 303


def test_beside_a_page_that_stays_the_password_is_asked_by_htmx(office: Cast) -> None:
    number, client, typed = begun(office)
    path = f"/appeals/{number}/progress"
    for forget in (rest, lambda browser: browser.delete_cookie("ledger")):
        forget(client)
        # What keeps a draft by itself says so in its own place, and asks for nothing.
        quiet = client.post(path, data={**typed, "aside": "autosave"}, headers=FRAGMENT)
        assert quiet.status_code == 401 and "HX-Retarget" not in quiet.headers
        assert "草稿未保存" in quiet.get_data(as_text=True)
        asked = client.post(path, data=typed, headers=FRAGMENT)
        html = asked.get_data(as_text=True)
        assert asked.status_code == 401 and asked.headers["HX-Retarget"] == "#alerts"
        assert "陈经办的密码" in html and WORDS not in html
        back = {"csrf_token": token(html), "again-password": "Wrong-2026"}
        wrong = client.post("/sign-in/again", data=back, headers=FRAGMENT)
        assert wrong.status_code == 401 and "陈经办的密码" in wrong.get_data(as_text=True)
        back["again-password"] = PASSWORD
        html = client.post("/sign-in/again", data=back, headers=FRAGMENT).get_data(as_text=True)
        assert "请再次点击提交" in html
        typed["csrf_token"] = html.partition('data-fresh-token="')[2].partition('"')[0]
        assert client.get("/desk").status_code == 200
    assert client.post(path, data=typed, headers=FRAGMENT).status_code == 200
    assert [who for who, _ in notes(office.app, number)] == [office.people["chen"]]


def test_another_person_never_sends_what_the_first_one_typed(office: Cast) -> None:
    number, client, typed = begun(office)
    path = f"/appeals/{number}/progress"
    client.delete_cookie("ledger")
    enter(client, "qian")  # on the same computer, who might do the very same
    for headers in ({}, FRAGMENT):
        refused = client.post(path, data=typed, headers=headers)
        html = refused.get_data(as_text=True)
        assert refused.status_code == 403 and "不能以您的身份提交" in html
        assert "两辆车" not in html and "data-fresh-token" not in html
    # Not by giving his own password for the first one's page, either.
    client.delete_cookie("ledger")
    html = client.post(path, data=typed).get_data(as_text=True)
    with office.app.app_context(), writing():
        other = db.session.get_one(Person, office.people["qian"])
        other.password = sign_in.hashed("Qian-2026-ju")
        db.session.commit()
    back = {**typed, "csrf_token": token(html), "again-password": "Qian-2026-ju"}
    assert client.post(path, data=back).status_code == 401
    assert client.post("/sign-in/again", data=back, headers=FRAGMENT).status_code == 401
    assert notes(office.app, number) == []
    with client.session_transaction() as session:
        assert "_user_id" not in session


def test_no_other_site_has_anybody_asked_for_a_password(office: Cast) -> None:
    number, client, typed = begun(office)
    path = f"/appeals/{number}/progress"
    client.delete_cookie("ledger")  # as SameSite leaves it out
    forged = {"words": "伪造", "csrf_token": "forged", "again-password": PASSWORD}
    for sent in (forged, {**forged, "csrf_token": ""}):
        html = client.post(path, data=sent).get_data(as_text=True)
        assert 'type="password"' not in html and "<form method" not in html
        assert "伪造" in html, "to be copied"
    # A token that is good of its kind, without the session it was given to.
    stolen = client.post(path, data={**typed, "words": "伪造", "again-password": PASSWORD})
    assert stolen.status_code == 401 and notes(office.app, number) == []
    # An address with two slashes is no address of another site.
    away = client.post("//evil.example/x", data=typed)
    assert away.status_code == 401 and "evil.example" not in away.get_data(as_text=True)


def test_a_one_time_password_is_changed_first(office: Cast) -> None:
    number, client, typed = begun(office)
    path = f"/appeals/{number}/progress"
    with office.app.app_context(), writing():
        person = db.session.get_one(Person, office.people["chen"])
        person.be_handed_password(sign_in.hashed("One-time-1"))
        db.session.commit()
    html = client.post(path, data=typed).get_data(as_text=True)
    back = {**typed, "csrf_token": token(html), "again-password": "One-time-1"}
    html = client.post(path, data=back).get_data(as_text=True)
    assert "在新窗口中修改密码" in html and WORDS in unescape(html)
    assert notes(office.app, number) == []
    with office.app.app_context():
        assert db.session.scalars(select(Appeal.state).where(Appeal.number == number)).one()
