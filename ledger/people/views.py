"""Pages of sign-in, persons and posts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask import Blueprint, Flask, flash, make_response, render_template, request, url_for
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from ledger import access
from ledger.db import config, db, now, writing
from ledger.web import (
    Conflict,
    NotFound,
    Refused,
    TooMany,
    client_address,
    fragment_error,
    safe_next,
    see_other,
)

from . import passwords, queries, regions, roles, sign_in
from .forms import (
    EndForm,
    GrantForm,
    NewPersonForm,
    PasswordForm,
    PersonForm,
    PlainForm,
    ReasonForm,
    SearchForm,
    SignInForm,
)
from .models import Person, Post, Unit
from .permissions import Held, may_administer, reach
from .sign_in import current, current_person, today

blueprint = Blueprint("people", __name__)

NO_PERSON = "没有这个人员，或您无权查看。"
NO_POST = "没有这个岗位，或您无权查看。"


def init_app(app: Flask) -> None:
    """The guard, and the pages of units and persons. Before `ledger.web.init_app`."""
    from . import roster_views, unit_views

    sign_in.init_app(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(unit_views.blueprint)
    app.register_blueprint(roster_views.blueprint)


# --- who may -----------------------------------------------------------------------------------


def held() -> list[Held]:
    """The posts of whoever is signed in, as administration sees them."""
    return [Held(post.role, post.unit.region_code) for post in current().posts_at(today())]


def may(action: str, region_code: str | None = None, roles_of_target: Collection[str] = ()) -> bool:
    return may_administer(held(), action, region_code=region_code, roles_of_target=roles_of_target)


def require(action: str, region_code: str | None = None) -> None:
    """Raises Refused (403)."""
    if not may(action, region_code):
        raise Refused("您的岗位不能进行这项管理操作。")


def _may_keep(person: Person) -> bool:
    return may("keep_persons", person.home_unit.region_code, person.roles_at(today()))


def _find(person_id: int) -> Person:
    """Through the reach of whoever asks: beyond it there is nobody (404)."""
    require("see_persons")
    person = queries.person(person_id)
    if person is None or not may("see_persons", person.home_unit.region_code):
        raise NotFound(NO_PERSON)
    return person


def _find_to_keep(person_id: int) -> Person:
    person = _find(person_id)
    if not _may_keep(person):
        raise Refused("该人员的账号由系统管理员维护。")
    return person


def unit_choices(action: str) -> list[tuple[str, str]]:
    """Open units within reach, indented as the tree."""
    return [
        (str(unit.id), "　" * unit.depth + unit.name)
        for unit in queries.units(regions=reach(held(), action), active_only=True)
    ]


def chosen_unit(value: str) -> Unit:
    unit = queries.unit(int(value))
    if unit is None:
        raise NotFound("没有这个单位。")
    return unit


# --- signing in and out ------------------------------------------------------------------------


@blueprint.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
def sign_in_page() -> Response | tuple[str, int]:
    target = safe_next(request.args.get("next"), sign_in.AFTER)
    if request.method == "GET" and sign_in.signed_in() is not None:
        return see_other(target)
    form = SignInForm()
    problem, status = "", 200
    if request.method == "POST":
        if sign_in.is_braked(client_address(), now()):
            raise TooMany("登录失败次数过多，请10分钟后再试。", retry_after=600)
        if not form.validate_on_submit():
            status = 422
        elif sign_in.attempt(form.username.data, passwords.normal(form.password.data)) is None:
            problem, status = sign_in.FAILED, 401
        else:
            return see_other(target)
    page = render_template(
        "security/sign_in.html",
        form=form,
        problem=problem,
        action=sign_in.sign_in_url(request.args.get("next")),
        asked="next" in request.args,
        lock_after=config().lock_after,
        lock_minutes=config().lock_minutes,
    )
    return page, status


@blueprint.post("/sign-in/again")
def again() -> Response:
    """The same person's password, asked for beside a page on which something is typed."""
    was = sign_in.back_to()
    if was is None:
        response = fragment_error(401, sign_in.ENDED)
        response.set_data(sign_in.ended_fragment(None))
        return response
    if sign_in.signed_in() is None and not sign_in.come_back(
        was, request.form.get(sign_in.AGAIN, "")
    ):
        response = fragment_error(401, sign_in.FAILED)
        response.set_data(sign_in.ended_fragment(was, sign_in.FAILED))
        return response
    status = "one_time" if was.must_change_password else "back"
    return make_response(sign_in.ended_fragment(was, status=status))


@blueprint.post("/sign-out")
def sign_out() -> Response:
    with writing():
        sign_in.leave()
        db.session.commit()
    return see_other(url_for("people.sign_in"))


@blueprint.route("/password", methods=["GET", "POST"])
def password() -> Response | tuple[str, int]:
    person = current_person()
    form = PasswordForm(username=person.username)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit() and not sign_in.matches(
            passwords.normal(form.current_password.data), person
        ):
            form.current_password.errors = ["原密码不正确。"]
        elif not form.errors:
            hashed, before = sign_in.hashed(passwords.normal(form.new_password.data)), person.id
            known = person.password
            with writing() as at:
                person = queries.person(before) or person
                if person.password != known:
                    raise Conflict("密码刚刚已被修改，请重新登录。")
                person.take_password(hashed, at=at)
                access.record("password_changed", subject=person.username, at=at)
                sign_in.stay(person)
                db.session.commit()
            flash("密码已修改，其他地方的登录均已退出。", "success")
            return see_other(sign_in.AFTER)
    page = render_template("security/password.html", form=form, first=person.must_change_password)
    return page, status


# --- persons -----------------------------------------------------------------------------------


@blueprint.get("/people/")
def persons() -> str:
    require("see_persons")
    form = SearchForm(request.args)
    form.unit.choices = unit_choices("see_persons")
    text, unit = "", None
    if form.validate():
        text = form.text.data or ""
        unit = chosen_unit(form.unit.data) if form.unit.data else None
    after = _key(request.args.get("after", ""))
    found = queries.persons(regions=reach(held(), "see_persons"), unit=unit, text=text, after=after)
    shown = found[: queries.PAGE]
    next_url = None
    if len(found) > queries.PAGE:
        last = shown[-1]
        next_url = url_for(
            "people.persons",
            text=text or None,
            unit=unit.id if unit else None,
            after=f"{last.username}~{last.id}",
        )
    return render_template(
        "people/persons.html",
        form=form,
        persons=shown,
        next_url=next_url,
        is_first=after is None,
        day=today(),
        may=may,
    )


def _key(raw: str) -> tuple[str, int] | None:
    name, _, number = raw.rpartition("~")
    if not name or not number.isascii() or not number.isdigit() or len(number) > 15:
        return None
    return name.replace("\x00", ""), int(number)


@blueprint.route("/people/new", methods=["GET", "POST"])
def new_person() -> Response | str | tuple[str, int]:
    require("keep_persons")
    form = NewPersonForm()
    form.home_unit.choices = unit_choices("keep_persons")
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            secret = passwords.one_time()
            hashed = sign_in.hashed(secret)
            with writing() as at:
                if queries.person_by_username(form.username.data) is not None:
                    form.username.errors = ["这个用户名已有人使用，请换一个。"]
                else:
                    unit = chosen_unit(form.home_unit.data)
                    require("keep_persons", unit.region_code)
                    person = Person(
                        username=form.username.data,
                        name=form.name.data,
                        home_unit=unit,
                        phone=form.phone.data or None,
                        password=hashed,
                        created_at=at,
                    )
                    db.session.add(person)
                    access.record("person_created", subject=form.username.data, at=at)
                    _commit()
                    return _show_once(person, secret)
    return render_template("people/edit.html", form=form, person=None), status


def _commit() -> None:
    try:
        db.session.commit()
    except IntegrityError as error:
        # Two at once on an engine without one writer's lock.
        raise Conflict("刚刚有人保存了相同的用户名或编码，请核对后重新提交。") from error


def _show_once(person: Person, secret: str) -> str:
    return render_template("people/one_time.html", person=person, secret=secret)


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    return _page(_find(person_id))


def _page(person: Person, **forms: Any) -> str:
    grant = forms.get("grant") or GrantForm(formdata=None, starts_on=today())
    grant.unit.choices = unit_choices("grant_posts") if may("grant_posts") else []
    return render_template(
        "people/person.html",
        person=person,
        day=today(),
        grant=grant,
        problem=forms.get("problem", ""),
        may_keep=_may_keep(person),
        may_grant=may("grant_posts") and person.id != current().id,
        is_self=person.id == current().id,
        is_locked=sign_in.is_locked(person.username, now()),
    )


@blueprint.route("/people/<int:person_id>/edit", methods=["GET", "POST"])
def edit_person(person_id: int) -> Response | tuple[str, int]:
    person = _find_to_keep(person_id)
    form = PersonForm(
        name=person.name, home_unit=str(person.home_unit_id), phone=person.phone or ""
    )
    form.home_unit.choices = unit_choices("keep_persons")
    status = 200
    if request.method == "GET" and person.phone:
        with writing() as at:
            access.record("phone_read", subject=person.username, at=at)
            db.session.commit()
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            with writing() as at:
                person = _find_to_keep(person_id)
                unit = chosen_unit(form.home_unit.data)
                require("keep_persons", unit.region_code)
                moved = person.home_unit_id != unit.id
                person.name = form.name.data
                person.home_unit = unit
                person.phone = form.phone.data or None
                access.record(
                    "person_changed",
                    subject=person.username,
                    detail=f"人事关系转至{unit.name}" if moved else "",
                    at=at,
                )
                db.session.commit()
            flash("已保存。", "success")
            return see_other(url_for("people.person", person_id=person_id))
    return render_template("people/edit.html", form=form, person=person), status


@blueprint.post("/people/<int:person_id>/disable")
def disable_person(person_id: int) -> Response:
    form = ReasonForm()
    if not form.validate_on_submit():
        flash("请填写停用原因。", "danger")
        return see_other(url_for("people.person", person_id=person_id))
    with writing() as at:
        person = _find_to_keep(person_id)
        if person.id == current().id:
            raise Refused("不能停用本人的账号。")
        person.disable()
        access.record("person_disabled", subject=person.username, detail=form.reason.data, at=at)
        db.session.commit()
    flash("账号已停用，其登录已全部退出。", "success")
    return see_other(url_for("people.person", person_id=person_id))


@blueprint.post("/people/<int:person_id>/enable")
def enable_person(person_id: int) -> Response:
    with writing() as at:
        person = _find_to_keep(person_id)
        person.enable()
        access.record("person_enabled", subject=person.username, at=at)
        db.session.commit()
    flash("账号已启用。", "success")
    return see_other(url_for("people.person", person_id=person_id))


@blueprint.post("/people/<int:person_id>/password")
def reset_password(person_id: int) -> str:
    secret = passwords.one_time()
    hashed = sign_in.hashed(secret)
    with writing() as at:
        person = _find_to_keep(person_id)
        if person.id == current().id:
            raise Refused("本人的密码请用“修改密码”修改。")
        person.be_handed_password(hashed)
        sign_in.unlock(person, at)
        access.record("password_reset", subject=person.username, at=at)
        db.session.commit()
    return _show_once(person, secret)


# --- posts -------------------------------------------------------------------------------------


@blueprint.post("/people/<int:person_id>/posts")
def grant_post(person_id: int) -> Response | tuple[str, int]:
    require("grant_posts")
    form = GrantForm()
    form.unit.choices = unit_choices("grant_posts")
    problem = ""
    if form.validate_on_submit():
        starts_on = form.starts_on.data
        if starts_on is None or starts_on < today():
            form.starts_on.errors = ["开始日期不能早于今天：过去的岗位不作补授。"]
        else:
            with writing() as at:
                person = _find(person_id)
                unit = chosen_unit(form.unit.data)
                try:
                    post = person.grant(
                        form.role.data,
                        unit,
                        starts_on=starts_on,
                        ends_on=form.ends_on.data,
                        by=current_person(),
                        at=at,
                        reason=form.reason.data,
                    )
                except ValueError as error:
                    problem = str(error)
                else:
                    _record_grant(person, post)
                    db.session.commit()
                    flash(f"已授予“{post}”。", "success")
                    return see_other(url_for("people.person", person_id=person_id))
    return _page(_find(person_id), grant=form, problem=problem), 409 if problem else 422


def _record_grant(person: Person, post: Post) -> None:
    access.record("post_granted", subject=person.username, detail=f"{post}：{post.reason}")


@blueprint.route("/people/posts/<int:post_id>/end", methods=["GET", "POST"])
def end_post(post_id: int) -> Response | tuple[str, int]:
    require("grant_posts")
    post = _find_post(post_id)
    form = EndForm(ends_on=today())
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            ends_on = form.ends_on.data
            if ends_on is None or ends_on < today():
                form.ends_on.errors = ["停止日期不能早于今天：已经办过的事以当时的岗位为准。"]
            else:
                with writing() as at:
                    post = _find_post(post_id)
                    try:
                        post.end(
                            on=ends_on,
                            by=current_person(),
                            at=at,
                            reason=form.reason.data,
                        )
                    except ValueError as error:
                        raise Conflict(str(error)) from error
                    access.record(
                        "post_ended",
                        subject=post.person.username,
                        detail=f"{post}：{form.reason.data}",
                        at=at,
                    )
                    db.session.commit()
                flash("岗位已停止。", "success")
                return see_other(url_for("people.person", person_id=post.person_id))
    return render_template("people/end_post.html", post=post, form=form), status


def _find_post(post_id: int) -> Post:
    post = queries.post(post_id)
    if post is None:
        raise NotFound(NO_POST)
    return post


@blueprint.get("/people/proposals")
def proposals() -> str:
    require("grant_posts")
    return render_template("people/proposals.html", proposals=queries.open_proposals())


@blueprint.post("/people/proposals/<int:proposal_id>")
def rule_proposal(proposal_id: int) -> Response:
    """Grants (granted=yes) or refuses what a roster asks for, from today on."""
    require("grant_posts")
    if not PlainForm().validate_on_submit():
        raise Conflict("页面已过期，请重新提交。")
    granted = request.form.get("granted") == "yes"
    with writing() as at:
        proposal = queries.proposal(proposal_id)
        if proposal is None:
            raise NotFound("没有这项岗位申请。")
        if proposal.ruled_at is not None:
            raise Conflict("这项岗位申请已经处理。")
        if granted:
            try:
                post = proposal.person.grant(
                    proposal.role,
                    proposal.unit,
                    starts_on=today(),
                    by=current_person(),
                    at=at,
                    reason="按单位和人员名册授予",
                )
            except ValueError as error:
                raise Conflict(str(error)) from error
            _record_grant(proposal.person, post)
        else:
            words = f"{proposal.unit.label} {roles.label(proposal.role)}"
            access.record("post_refused", subject=proposal.person.username, detail=words, at=at)
        proposal.rule(granted, by=current_person(), at=at)
        db.session.commit()
    flash("已授予。" if granted else "已记为不予授予。", "success")
    return see_other(url_for("people.proposals"))


@blueprint.app_template_filter("masked_number")
def _masked_number(number: str | None) -> str:
    """138****0001; the whole number stands on the page that edits it, which is logged."""
    return "" if not number else f"{number[:3]}****{number[-4:] if len(number) > 7 else ''}"


@blueprint.app_template_filter("region_name")
def _region_name(region_code: str) -> str:
    return regions.region_name(region_code, full=True)
