"""Signing in: closed by default, one answer for every failure, lock-out, idle limit.

Flask-Security keeps the session and the hashes; failed attempts, the guard and the pages are
our own, because its answers differ by cause and its screens are English.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from flask_security import Security, SQLAlchemyUserDatastore
from flask_security.utils import hash_password, login_user, logout_user, verify_password
from flask_wtf.csrf import validate_csrf
from sqlalchemy import func, select, update
from sqlalchemy.orm import selectinload
from werkzeug.exceptions import Unauthorized
from wtforms.validators import ValidationError

from ledger import access
from ledger.config import SHANGHAI
from ledger.db import config, db, keyring, now, writing
from ledger.web import (
    TooMany,
    client_address,
    drawn_for,
    fragment_error,
    is_autosave,
    person_of,
    safe_next,
    see_other,
    token_for,
    typed_fields,
    wants_fragment,
)

from . import passwords, usernames
from .directory import Known, directory
from .models import Person, Post, SignInAttempt

OPEN: Final = ("people.sign_in", "people.again", "healthz", "readyz", "static")
"""The only endpoints that answer to somebody who has not signed in."""

BEFORE_FIRST_CHANGE: Final = ("people.password", "people.sign_out", "notices.count", *OPEN)
"""What is within reach while the one-time password has not been replaced. The head of the page asks
for the bell's number by itself: sent on to the page it stands on, it would ask for ever."""

AFTER: Final = "/desk"

AGAIN: Final = "again-password"
"""The field by which somebody comes back into his own session, beside what he had typed."""

FAILED: Final = (
    "用户名或密码不正确，或者账号已锁定、已停用。连续输错会锁定账号一段时间；"
    "忘记密码的，请联系本单位系统管理员或牵头办公室重置。"
)
ENDED: Final = "登录已失效（长时间未操作或已在别处退出），请重新登录。"

BRAKE_AFTER: Final = 60
BRAKE_WINDOW: Final = timedelta(minutes=10)
"""Failed sign-ins from one address, whatever the account, before it has to wait."""

_SEEN = "seen"
_SEEN_EVERY: Final = 30
"""Seconds: a session's last sign of life is noted no oftener, to spare a cookie per request."""


def init_app(app: Flask) -> None:
    """Bind Flask-Security and close the door. Comes before the CSRF check is bound: a session
    that has ended is to be told so, not that its token is wrong."""
    settings = app.config["LEDGER"]
    # Weaker hashing in the tests only: they sign in thousands of times.
    cost = {"argon2__memory_cost": 1024, "argon2__time_cost": 1, "argon2__parallelism": 1}
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="ledger",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SECURITY_PASSWORD_SALT=settings.secret_key,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106  # the scheme
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_DEPRECATED_PASSWORD_SCHEMES=[],
        # Hashes must outlive a change of the secret key.
        SECURITY_PASSWORD_SINGLE_HASH=True,
        SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS=cost if settings.mode == "test" else {},
        SECURITY_USER_IDENTITY_ATTRIBUTES=[{"username": {"mapper": usernames.fold}}],
        SECURITY_TRACKABLE=True,
        SECURITY_DATETIME_FACTORY=now,
        SECURITY_DEFAULT_REMEMBER_ME=False,
        SECURITY_CLI_USERS_NAME=False,
        SECURITY_CLI_ROLES_NAME=False,
    )
    # Rights come from posts: no role table of its own.
    datastore = SQLAlchemyUserDatastore(db, Person, None)  # type: ignore[arg-type]
    security = Security(app, datastore, register_blueprint=False)
    # Nor needs and permissions: nobody asks who a request is but `signed_in`.
    security.principal.identity_loaders.clear()
    app.login_manager.user_loader(_known)  # type: ignore[attr-defined]  # set by Security
    app.before_request(_guard)
    app.jinja_env.globals["signed_in"] = _who_and_posts


def _known(key: str) -> Known | None:
    found = directory().person(key)
    return found if found is not None and found.active else None


def signed_in() -> Known | None:
    """Who is signed in, or None."""
    key = session.get("_user_id")
    if key is None:
        return None
    kept: tuple[str, Known | None] | None = g.get("ledger_known")
    if kept is None or kept[0] != key:
        kept = g.ledger_known = (key, _known(key))
    return kept[1]


def current() -> Known:
    """Who is signed in. Behind the guard there always is somebody; Unauthorized elsewhere."""
    found = signed_in()
    if found is None:
        raise Unauthorized(ENDED)
    return found


def current_person() -> Person:
    """The row of whoever is signed in, for what changes it or is changed in its name."""
    return db.session.get_one(Person, current().id)


def today() -> date:
    """The day it is in Shanghai."""
    return now().astimezone(SHANGHAI).date()


def _who_and_posts() -> tuple[str, list[str]] | None:
    """What the head of every page says of whoever is signed in."""
    person = signed_in()
    return None if person is None else (person.name, [str(p) for p in person.posts_at(today())])


# --- the guard ---------------------------------------------------------------------------------


def _guard() -> Response | None:
    if request.endpoint == "static":
        return None
    if request.blueprint in current_app.extensions.get("ledger_signed", ()):
        return None  # opened by signatures, each request by its own, and by no session
    had_session = "_user_id" in session
    _end_if_idle()
    # A token in a header or an address would also name somebody: only the session counts.
    person = signed_in()
    if person is None:
        if had_session:
            _end()
        if request.endpoint in OPEN:
            return None
        if request.method != "POST" or AGAIN not in request.form:
            return _ask_to_sign_in()
        if (stopped := _carry_on()) is not None:
            return stopped
        person = current()
    if person_of(session.get("csrf_token")) != person.id:
        session["csrf_token"] = token_for(person.id)
    if person.must_change_password and request.endpoint not in BEFORE_FIRST_CHANGE:
        return see_other(url_for("people.password"))
    return None


def _end_if_idle() -> None:
    if "_user_id" not in session:
        return
    seen, moment = session.get(_SEEN, 0), int(time.time())
    if moment - seen > config().idle_minutes * 60:
        _end()
    elif moment - seen >= _SEEN_EVERY and not _is_polling():
        session[_SEEN] = moment


def _end() -> None:
    """End the session. Whose forms it drew stays known, so that the same person can carry on."""
    token = session.get("csrf_token")
    session.clear()
    if person_of(token) is not None:
        session["csrf_token"] = token


def _is_polling() -> bool:
    """Whether the page asks by itself: that is no sign of life of the person before it."""
    return "HX-Polling" in request.headers or request.args.get("poll") == "1"


def _ask_to_sign_in(problem: str = "") -> Response:
    """In place, where somebody may have been typing: the same person goes on with a password, and
    nobody else with what that one typed."""
    was = _whose()
    if wants_fragment():
        if is_autosave():
            return make_response("登录已失效，草稿未保存；提交时可输入密码继续。", 401)
        # Never away from a page on which somebody may have been typing.
        response = fragment_error(401, ENDED)
        response.set_data(ended_fragment(was, problem))
        return response
    if request.method in ("GET", "HEAD"):
        return see_other(sign_in_url(request.full_path.rstrip("?")))
    return make_response(_ended_page(was, problem), 401)


def _ended_page(was: Person | None, problem: str = "", *, one_time: bool = False) -> str:
    """What was typed, and the password that is asked for; after `one_time`, a new one first."""
    files = [(name, file.filename) for name, file in request.files.items(multi=True)]
    return render_template(
        "security/ended.html",
        person=was,
        problem=problem,
        one_time=one_time,
        again=AGAIN,
        kept=typed_fields(),
        files=[(name, filename) for name, filename in files if filename],
        # A path that begins with two slashes would lead to another site.
        url=safe_next(request.full_path.rstrip("?")),
        sign_in_url=sign_in_url(None),
    )


def ended_fragment(was: Person | None, problem: str = "", status: str = "") -> str:
    """The same beside a page that stays as it is. `status`: "" asks, "back" he is back,
    "one_time" he is, with a password that must be changed first."""
    return render_template(
        "security/_ended.html",
        person=was,
        problem=problem,
        status=status,
        sign_in_url=sign_in_url(None),
    )


def _whose() -> Person | None:
    """The person whose page this request comes from, and who has this browser's session to carry
    on. By a signed token alone: no other site can have it asked for a password."""
    was = _whose_page()
    if was is not None and person_of(session.get("csrf_token")) != was.id:
        session["csrf_token"] = token_for(was.id)
    return was


def _whose_page() -> Person | None:
    drawn = drawn_for()
    was = None if drawn is None else db.session.get(Person, drawn)
    return was if was is not None and was.active else None


def back_to() -> Person | None:
    """Whoever may come back by a password: the page is his, and nobody else has signed in."""
    was, here = _whose_page(), signed_in()
    return None if was is None or (here is not None and here.id != was.id) else was


def _carry_on() -> Response | None:
    """What was typed came back with a password: sign the same person in, and let the request go
    on as it was meant. An answer where it may not."""
    was = _whose()
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return _ask_to_sign_in()
    if was is None:
        return _ask_to_sign_in()
    if not come_back(was, request.form.get(AGAIN, "")):
        return _ask_to_sign_in(FAILED)
    if was.must_change_password:
        return make_response(_ended_page(was, one_time=True), 401)
    return None


def come_back(was: Person, password: str) -> bool:
    """Sign the person in again whose session has ended; forms that were drawn before stay good."""
    if is_braked(client_address(), now()):
        raise TooMany("登录失败次数过多，请10分钟后再试。", retry_after=600)
    token = session.get("csrf_token")
    if attempt(was.username, passwords.normal(password[:200])) is None:
        return False
    session["csrf_token"] = token
    return True


def sign_in_url(next_url: str | None) -> str:
    target = safe_next(next_url, "")
    return url_for("people.sign_in", next=target if target not in ("", "/") else None)


# --- attempts ----------------------------------------------------------------------------------


def is_braked(address: str, at: datetime) -> bool:
    """Whether too many sign-ins from this address have failed of late."""
    failed = select(func.count()).where(
        SignInAttempt.address == address,
        SignInAttempt.at > at - BRAKE_WINDOW,
        SignInAttempt.success.is_(False),
    )
    return (db.session.scalar(failed) or 0) >= BRAKE_AFTER


def is_locked(key: str, at: datetime) -> bool:
    locks = select(SignInAttempt.id).where(
        SignInAttempt.username == key, SignInAttempt.locks_until > at
    )
    return db.session.scalar(locks.limit(1)) is not None


def unlock(person: Person, at: datetime) -> None:
    """End a lock before its time (the password was handed out anew)."""
    db.session.execute(
        update(SignInAttempt)
        .where(SignInAttempt.username == person.username, SignInAttempt.locks_until > at)
        .values(locks_until=at)
    )


def _failures(key: str, at: datetime) -> int:
    """Failures in a row: since the last success, the last lock's end, and within a lock's time."""
    since = db.session.scalar(
        select(func.max(SignInAttempt.at)).where(
            SignInAttempt.username == key, SignInAttempt.success.is_(True)
        )
    )
    unlocked = db.session.scalar(
        select(func.max(SignInAttempt.locks_until)).where(SignInAttempt.username == key)
    )
    floor = max(
        moment
        for moment in (since, unlocked, at - timedelta(minutes=config().lock_minutes))
        if moment is not None
    )
    return (
        db.session.scalar(
            select(func.count()).where(
                SignInAttempt.username == key,
                SignInAttempt.success.is_(False),
                SignInAttempt.at > floor,
            )
        )
        or 0
    )


@cache
def _dummy() -> str:
    """A hash that no password has: an unknown name is to take as long as a known one."""
    return str(hash_password("\x00"))


def attempt(username: str, password: str) -> Person | None:
    """Check, note the try, and open the session; None for every kind of failure alike.

    Opens its own write transaction and commits it.
    """
    folded = usernames.fold(username)[:64]
    found = db.session.scalar(select(Person).where(Person.username == folded))
    hashed = found.password if found is not None and found.password else _dummy()
    # The slow part, outside the write lock.
    right = verify_password(password, hashed) and found is not None and bool(found.password)
    key = folded if found is not None else _digest(folded)
    with writing() as at:
        person = None
        if found is not None:
            # The row lock keeps parallel guesses in single file.
            person = db.session.scalar(
                select(Person)
                .where(Person.id == found.id)
                .options(selectinload(Person.posts).joinedload(Post.unit))
                .with_for_update(of=Person)
                .execution_options(populate_existing=True)
            )
        welcome = (
            person is not None
            and right
            and person.active
            and person.password == hashed
            and not is_locked(key, at)
        )
        _note(key, person, at, welcome)
        if welcome and person is not None:
            session.clear()  # whatever stood in it before, its token included
            login_user(person, remember=False, authn_via=["password"])
            session["csrf_token"] = token_for(person.id)
            session[_SEEN] = int(time.time())
        db.session.commit()
    return person if welcome else None


def _note(key: str, person: Person | None, at: datetime, success: bool) -> None:
    line = SignInAttempt(at=at, username=key, address=client_address(), success=success)
    if success:
        access.record("sign_in", person=person, at=at)
    else:
        locked = is_locked(key, at)
        access.record(
            "sign_in_failed",
            subject="" if person is not None else "未知用户名",
            detail="账号锁定期间" if locked else "",
            success=False,
            person=person,
            at=at,
        )
        if not locked and _failures(key, at) + 1 >= config().lock_after:
            line.locks_until = at + timedelta(minutes=config().lock_minutes)
            if person is not None:
                access.record("account_locked", success=False, person=person, at=at)
    db.session.add(line)


def _digest(folded: str) -> str:
    return "?" + keyring().blind(folded, "sign_in_attempt.username")


def leave() -> None:
    """Sign out. The caller commits."""
    access.record("sign_out", person=current_person())
    logout_user()
    session.clear()


def stay(person: Person) -> None:
    """Keep this browser signed in after the person's sessions were ended by a new password."""
    session.clear()
    login_user(person, remember=False, authn_via=["password"])
    session[_SEEN] = int(time.time())


def hashed(password: str) -> str:
    """argon2id, in its text form. Takes a tenth of a second: never under the write lock."""
    return str(hash_password(password))


def matches(password: str, person: Person) -> bool:
    return bool(person.password) and bool(verify_password(password, person.password))
