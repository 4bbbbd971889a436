"""Pages of the unit tree."""

from __future__ import annotations

from flask import Blueprint, flash, render_template, request, url_for
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from ledger import access
from ledger.db import db, writing
from ledger.web import Conflict, NotFound, see_other

from . import queries
from .forms import UnitForm
from .models import UNIT_KINDS, Unit
from .permissions import reach
from .sign_in import today
from .views import held, may, require

blueprint = Blueprint("units", __name__, url_prefix="/units")

NO_UNIT = "没有这个单位，或您无权查看。"


def _find(unit_id: int) -> Unit:
    require("see_units")
    unit = queries.unit(unit_id)
    if unit is None or not may("see_units", unit.region_code):
        raise NotFound(NO_UNIT)
    return unit


@blueprint.get("/")
def units() -> str:
    require("see_units")
    return render_template(
        "people/units.html",
        units=queries.units(regions=reach(held(), "see_units")),
        kinds=UNIT_KINDS,
        may=may,
    )


@blueprint.get("/<int:unit_id>")
def unit(unit_id: int) -> str:
    found = _find(unit_id)
    return render_template(
        "people/unit.html",
        unit=found,
        kinds=UNIT_KINDS,
        posts=queries.posts_in_force(today(), unit_id=found.id),
        may=may,
    )


def _parents(except_below: Unit | None) -> list[tuple[str, str]]:
    return [
        (str(unit.id), "　" * unit.depth + unit.name)
        for unit in queries.units(active_only=True)
        if except_below is None or not unit.is_within(except_below)
    ]


def _fill(form: UnitForm, unit: Unit) -> None:
    unit.rename(form.name.data, form.short_name.data or "")
    unit.code = form.code.data
    unit.kind = form.kind.data
    unit.region_code = form.region_code.data
    unit.number_prefix = form.number_prefix.data or ""
    unit.is_office = bool(form.is_office.answer)
    unit.offline = bool(form.offline.answer)
    unit.needs_sign_off = bool(form.needs_sign_off.answer)
    unit.contact_a = form.contact_a.data or ""
    unit.contact_a_phone = form.contact_a_phone.data or None
    unit.contact_b = form.contact_b.data or ""
    unit.contact_b_phone = form.contact_b_phone.data or None
    unit.duty_phone = form.duty_phone.data or ""


def _parent(form: UnitForm) -> Unit | None:
    return queries.unit(int(form.parent.data)) if form.parent.data else None


def _is_taken(form: UnitForm, unit: Unit | None) -> bool:
    other = queries.unit_by_code(form.code.data)
    if other is None or other is unit:
        return False
    form.code.errors = [f"编码“{other.code}”已由“{other.name}”使用，请换一个。"]
    return True


def _commit() -> None:
    try:
        db.session.commit()
    except IntegrityError as error:
        raise Conflict("刚刚有人保存了相同的单位编码，请核对后重新提交。") from error


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response | tuple[str, int]:
    require("keep_units")
    form = UnitForm(is_office=False, offline=False, needs_sign_off=False, kind="department")
    form.parent.choices = _parents(None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            with writing() as at:
                if not _is_taken(form, None):
                    unit = Unit(parent=_parent(form), created_at=at)
                    _fill(form, unit)
                    db.session.add(unit)
                    access.record("unit_created", subject=unit.code, detail=unit.name, at=at)
                    _commit()
                    flash(f"已新增“{unit.name}”。", "success")
                    return see_other(url_for("units.unit", unit_id=unit.id))
    return render_template("people/unit_edit.html", form=form, unit=None), status


@blueprint.route("/<int:unit_id>/edit", methods=["GET", "POST"])
def edit(unit_id: int) -> Response | tuple[str, int]:
    require("keep_units")
    unit = _find(unit_id)
    form = UnitForm(obj=unit, data={"parent": str(unit.parent_id or "")})
    form.parent.choices = _parents(unit)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            with writing() as at:
                unit = _find(unit_id)
                if not _is_taken(form, unit):
                    parent, was = _parent(form), unit.name
                    if parent is not unit.parent:
                        try:
                            unit.move_under(parent)
                        except ValueError as error:
                            raise Conflict(str(error)) from error
                    _fill(form, unit)
                    renamed = f"原名{was}" if was != unit.name else ""
                    access.record("unit_changed", subject=unit.code, detail=renamed, at=at)
                    _commit()
                    flash("已保存。", "success")
                    return see_other(url_for("units.unit", unit_id=unit_id))
    return render_template("people/unit_edit.html", form=form, unit=unit), status


@blueprint.post("/<int:unit_id>/disable")
def disable(unit_id: int) -> Response:
    require("keep_units")
    with writing() as at:
        unit = _find(unit_id)
        if below := [child.name for child in unit.children if child.active]:
            raise Conflict(f"请先停用或转移它的下级单位：{'、'.join(below)}。")
        unit.disable()
        access.record("unit_disabled", subject=unit.code, detail=unit.name, at=at)
        db.session.commit()
    flash(f"“{unit.name}”已停用，其岗位随之失效。", "success")
    return see_other(url_for("units.unit", unit_id=unit_id))


@blueprint.post("/<int:unit_id>/enable")
def enable(unit_id: int) -> Response:
    require("keep_units")
    with writing() as at:
        unit = _find(unit_id)
        unit.enable()
        access.record("unit_enabled", subject=unit.code, detail=unit.name, at=at)
        db.session.commit()
    flash(f"“{unit.name}”已启用。", "success")
    return see_other(url_for("units.unit", unit_id=unit_id))
