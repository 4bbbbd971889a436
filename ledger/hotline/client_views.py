"""热线接入: which platforms may speak, with which keys, when they last did and what was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from ..access import AccessLog
from ..appeals.record import Invalid
from ..db import db, now, writing
from ..people.directory import directory
from ..people.models import Unit
from ..people.sign_in import current
from ..people.views import require
from ..web import NotFound, see_other
from . import clients
from .api_models import USUAL_RATE, ApiClient, ApiKey
from .client_forms import ClientForm, NewClientForm
from .clients import Made
from .door import NOBODY, REFUSED
from .problems import TITLES

blueprint = Blueprint("clients", __name__, url_prefix="/clients")

REFUSALS = 30
LATELY = timedelta(days=7)
_GONE = "没有这个接入方，或您无权查看。"


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/")
def index() -> str:
    require("keep_clients")
    at = now()
    return render_template(
        "clients/index.html",
        rows=[_row(one, at) for one in clients.all_clients()],
        refusals=_refusals(at),
    )


def _row(client: ApiClient, at: datetime) -> dict[str, Any]:
    used = [key.used_at for key in client.keys if key.used_at is not None]
    return {
        "client": client,
        "source": clients.sources().get(client.source_system, client.source_system),
        "office": directory().units[client.office_id].name,
        "keys": sum(key.is_good(at) for key in client.keys),
        "used_at": max(used, default=None),
    }


def _refusals(at: datetime, client_id: int | None = None) -> list[tuple[AccessLog, str, str]]:
    """The latest first, with what each was for, and the key that whoever is unknown named."""
    wanted = select(AccessLog).where(AccessLog.action == REFUSED, AccessLog.at >= at - LATELY)
    if client_id is not None:
        wanted = wanted.where(AccessLog.username == f"{NOBODY}-{client_id}")
    found: Sequence[AccessLog] = db.session.scalars(
        wanted.order_by(AccessLog.at.desc(), AccessLog.id.desc()).limit(REFUSALS)
    ).all()
    return [(one, *_why(one.detail)) for one in found]


def _why(detail: str) -> tuple[str, str]:
    slug, _, key_id = detail.partition(" ")
    return TITLES[slug][1] if slug in TITLES else detail, key_id


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    require("keep_clients")
    form = NewClientForm()
    form.source_system.choices = list(clients.sources().items())
    form.office_id.choices = [
        (str(unit.id), unit.name)
        for unit in directory().units.values()
        if unit.is_office and unit.active
    ]
    if request.method == "GET":
        form.rate.data, form.active.data = str(USUAL_RATE), True
        return _edit_page(form, None)
    if not form.validate():
        return _edit_page(form, None, 422)
    try:
        with writing() as at:
            office = db.session.get(Unit, int(form.office_id.data))
            if office is None:
                raise Invalid("office_id", "请选择牵头办公室")
            made = clients.add(
                form.source_system.data,
                office,
                form.name.data,
                at=at,
                callback_url=form.callback_url.data or "",
                rate=_rate(form),
                by_id=current().id,
            )
            db.session.commit()
    except Invalid as invalid:
        _blame(form, invalid)
        return _edit_page(form, None, 422)
    return _shown_once(made)


@blueprint.route("/<int:client_id>", methods=["GET", "POST"])
def edit(client_id: int) -> ResponseReturnValue:
    require("keep_clients")
    client = _found(client_id)
    form = ClientForm()
    if request.method == "GET":
        form.name.data, form.callback_url.data = client.name, client.callback_url
        form.rate.data, form.active.data = str(client.rate), client.active
        return _edit_page(form, client)
    if not form.validate():
        return _edit_page(form, client, 422)
    try:
        with writing() as at:
            client = _found(client_id, lock=True)
            url, active = form.callback_url.data or "", bool(form.active.data)
            clients.change(client, form.name.data, url, _rate(form), active, at=at)
            db.session.commit()
    except Invalid as invalid:
        _blame(form, invalid)
        return _edit_page(form, _found(client_id), 422)
    flash("已保存。", "success")
    return see_other(url_for("clients.edit", client_id=client_id))


@blueprint.post("/<int:client_id>/keys")
def rotate(client_id: int) -> ResponseReturnValue:
    require("keep_clients")
    with writing() as at:
        made = clients.rotate(_found(client_id, lock=True), at=at, by_id=current().id)
        db.session.commit()
    return _shown_once(made)


@blueprint.post("/<int:client_id>/keys/<int:key_row>/end")
def end_key(client_id: int, key_row: int) -> ResponseReturnValue:
    require("keep_clients")
    try:
        with writing() as at:
            key = db.session.get(ApiKey, key_row)
            if key is None or key.client_id != client_id:
                raise NotFound("没有这个密钥，或您无权查看。")
            clients.end_key(key, at=at)
            db.session.commit()
    except Invalid as invalid:
        flash(f"{invalid.reason}。", "warning")
    else:
        flash("密钥已停用，用它签名的请求即刻拒绝。", "success")
    return see_other(url_for("clients.edit", client_id=client_id))


def _found(client_id: int, *, lock: bool = False) -> ApiClient:
    found = clients.client_of(client_id, lock=lock)
    if found is None:
        raise NotFound(_GONE)
    return found


def _rate(form: ClientForm) -> int:
    typed = (form.rate.data or "").strip()
    if not (typed.isascii() and typed.isdecimal()):
        raise Invalid("rate", "每分钟请求数上限应为整数")
    return int(typed)


def _blame(form: ClientForm, invalid: Invalid) -> None:
    form[invalid.field].errors = [invalid.reason]


def _edit_page(
    form: ClientForm, client: ApiClient | None, status: int = 200
) -> ResponseReturnValue:
    at = now()
    return render_template(
        "clients/edit.html",
        form=form,
        client=client,
        source="" if client is None else clients.sources().get(client.source_system, ""),
        office="" if client is None else directory().units[client.office_id].name,
        keys=[] if client is None else [(key, key.is_good(at)) for key in client.keys[::-1]],
        refusals=[] if client is None else _refusals(at, client.id),
    ), status


def _shown_once(made: Made) -> ResponseReturnValue:
    client = _found(made.client_id)
    return render_template("clients/one_time.html", made=made, client=client)
