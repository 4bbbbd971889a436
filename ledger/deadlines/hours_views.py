"""工作时间的版本: published for a day to come, put right until then, never afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from ledger.config import SHANGHAI
from ledger.db import config, db, now, writing
from ledger.people.regions import region_name
from ledger.people.views import may, require
from ledger.web import Conflict, NotFound, see_other

from .calendar import local_day, start_of
from .clocks import hours_in_words
from .history import append, newest, told
from .hours_forms import HoursForm
from .models import FIRST_DAY, HoursVersion
from .preview import Line, compare
from .queries import (
    drop_hours,
    hours_versions,
    load_calendar,
    lock_hours,
    regions_above,
    version_in_force,
    with_hours,
)
from .telling import hours_changes

blueprint = Blueprint("hours", __name__, url_prefix="/deadlines/hours")

CHANGED = (
    "您打开页面后，他人已发布或修改工作时间，您填写的内容尚未保存。"
    "请核对下列变化，仍需保存的请再次提交。"
)


def _load() -> list[HoursVersion]:
    """Those that count here, the latest first; of one day the region's own."""
    found = hours_versions(regions_above(config().region))
    line = with_hours(load_calendar(), config().region, found)
    days = {FIRST_DAY, *(day for day, _ in line.later)}
    ours = {one.effective_on: one for one in found if one.effective_on in days}
    return sorted(ours.values(), key=lambda one: one.effective_on, reverse=True)


def _streams() -> list[str]:
    return [one.stream for one in hours_versions(regions_above(config().region))]


@blueprint.get("/")
def versions() -> str:
    rows = _load()
    today = local_day(now())
    return render_template(
        "deadlines/hours.html",
        rows=[(one, _state(one, rows, today), hours_in_words(one.hours)) for one in rows],
        region=region_name(config().region) or config().region,
        first_day=FIRST_DAY,
        history=told(_streams(), hours_changes),
        may=may,
    )


def _state(one: HoursVersion, rows: Sequence[HoursVersion], today: date) -> str:
    if one.effective_on > today:
        return "待施行"
    return "施行中" if one == next(r for r in rows if r.effective_on <= today) else "已被替代"


# -- publishing --------------------------------------------------------------------------------


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response | tuple[str, int]:
    require("keep_clocks")
    return _edit(None)


@blueprint.route("/<day>/edit", methods=["GET", "POST"])
def edit(day: str) -> Response | tuple[str, int]:
    require("keep_clocks")
    try:
        return _edit(date.fromisoformat(day))
    except ValueError as error:
        raise NotFound("没有自这一天起的工作时间。") from error


def _edit(day: date | None) -> Response | tuple[str, int]:
    rows = _load()
    row = None if day is None else _pending(rows, day, now())
    form = HoursForm()
    if row is not None:
        form.effective_on.data = row.effective_on  # the day is what a version is known by
    if request.method == "GET":
        form.fill((row or rows[0]).hours)
        form.seen.data = str(newest(_streams()))
        return _page(form, row)
    if not form.validate() or not _fits(form, rows, row, now()):
        return _page(form, row, status=422)
    if "preview" in request.form:
        return _page(form, row, lines=_preview(form))
    with writing() as at:
        lock_hours()
        rows = _load()
        row = None if day is None else _pending(rows, day, at)
        if (latest := newest(_streams())) != form.seen_entry:
            since = told(_streams(), hours_changes, after=form.seen_entry)
            form.seen.data = str(latest)
            return _page(form, row, changes=[one.sentence for one in since], status=409)
        if not _fits(form, rows, row, at):
            return _page(form, row, status=422)
        version = HoursVersion(config().region, form.since, form.hours())
        if row is not None:
            drop_hours(version)
        db.session.add_all(version.rows())
        append(version, at=at, reason=form.note.data)
        db.session.commit()
    flash(f"已发布{version.name}；已经起算的时限不变，需要调整的由牵头办公室重算时限。", "success")
    return see_other(url_for("hours.versions"))


def _pending(rows: Sequence[HoursVersion], day: date, at: datetime) -> HoursVersion:
    found = next((one for one in rows if one.effective_on == day), None)
    if found is None or found.region_code != config().region:
        raise NotFound("没有自这一天起的工作时间。")
    if found.effective_on <= local_day(at):
        raise Conflict("这个版本已经施行，不能修改。需要调整的，请发布新版本。")
    return found


def _fits(form: Any, rows: Sequence[HoursVersion], row: HoursVersion | None, at: datetime) -> bool:
    """Not in the past, over no other version, and something must change."""
    why = ""
    if form.since <= local_day(at):
        why = "施行日期最早为明天：工作时间不溯及既往"
    elif row is None and rows[0].effective_on >= form.since:
        why = f"与{rows[0].name}重叠，施行日期须晚于该版本"
    if why:
        form.effective_on.errors = [why]
        return False
    before = next(one for one in rows if one.effective_on < form.since)
    if form.hours() == (before if row is None else row).hours:
        form["opens0"].errors = [f"与{(before if row is None else row).name}相同，没有变化"]
        return False
    return True


def _preview(form: Any) -> list[Line]:
    """From an afternoon on which it is in force, unless another moment is given: two hours later
    nobody works any more."""
    if form.sample_at.data is None:
        form.sample_at.data = start_of(form.since).astimezone(SHANGHAI).replace(hour=16)
    rules = version_in_force(max(form.sample_at.data, now())).rules
    region = config().region
    others = [
        one
        for one in hours_versions(regions_above(region))
        if (one.region_code, one.effective_on) != (region, form.since)
    ]
    calendar = load_calendar()
    before = with_hours(calendar, region, others)
    after = with_hours(calendar, region, [*others, HoursVersion(region, form.since, form.hours())])
    return compare(form.sample_at.data, (rules, before), (rules, after))


def _page(
    form: Any,
    row: HoursVersion | None,
    *,
    lines: list[Line] | None = None,
    changes: list[str] | None = None,
    status: int = 200,
) -> tuple[str, int]:
    context: Mapping[str, Any] = {
        "form": form,
        "row": row,
        "lines": lines,
        "changes": changes,
        "changed": CHANGED,
    }
    return render_template("deadlines/hours_edit.html", **context), status
