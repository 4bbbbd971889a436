"""办理时限的版本: published for a day to come, put right until then, never afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from ledger.catalogue.queries import catalogue
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.people.acting import current_actor
from ledger.people.views import may, require
from ledger.web import Conflict, NotFound, see_other

from .calendar import local_day, start_of
from .clocks import in_words, shown
from .forms import CELLS, CONDITIONS, LimitsForm
from .history import append, newest, told
from .limits import CAP_WORDS, POLICY, SPECS
from .models import LimitVersion
from .preview import Line, compare
from .queries import (
    limit_versions,
    load_calendar,
    lock_limits,
    names_of_categories,
    names_of_channels,
)
from .telling import Described, applies_to, limit_changes

blueprint = Blueprint("limits", __name__, url_prefix="/deadlines/limits")

CHANGED = (
    "您打开页面后，他人已发布或修改时限，您填写的内容尚未保存。"
    "请核对下列变化，仍需保存的请再次提交。"
)


@blueprint.get("/")
def versions() -> str:
    at = now()
    rows = limit_versions()
    return render_template(
        "deadlines/versions.html",
        rows=[(row, _state(row, rows, at)) for row in rows],
        history=told([row.stream for row in rows], _differ()),
        may=may,
    )


@blueprint.get("/<int:version_id>")
def version(version_id: int) -> str:
    at = now()
    rows = limit_versions()
    row = _find(rows, version_id)
    described = row.describe()
    categories, channels = names_of_categories(), names_of_channels()
    return render_template(
        "deadlines/version.html",
        row=row,
        state=_state(row, rows, at),
        rules=row.as_rules(),
        stages=SPECS,
        in_words=in_words,
        applies_to={
            line["name"]: applies_to(line, categories, channels) for line in described["rules"]
        },
        caps=[(word, getattr(row.as_caps(), cap)) for cap, word in CAP_WORDS.items()],
        history=[
            one
            for one in told([other.stream for other in rows], _differ())
            if one.stream == row.stream
        ],
        may=may,
    )


def _find(rows: list[LimitVersion], version_id: int) -> LimitVersion:
    found = next((row for row in rows if row.id == version_id), None)
    if found is None:
        raise NotFound("没有这个时限版本。")
    return found


def _state(row: LimitVersion, rows: list[LimitVersion], at: datetime) -> str:
    if row.effective_from > at:
        return "待施行"
    current = next(one for one in rows if one.effective_from <= at)
    return "施行中" if row is current else "已被替代"


FIRST_YEAR = 1980
"""A version in force before it has been so from the beginning of the ledger."""


def _differ() -> Any:
    categories, channels = names_of_categories(), names_of_channels()

    def differ(old: Described | None, new: Described) -> list[str]:
        since = datetime.fromisoformat(new["effective_from"])
        told = "建账起施行" if since.year < FIRST_YEAR else f"自{shown(since)}施行"
        first = [] if old is not None else [told]
        return first + limit_changes(old, new, categories, channels)

    return differ


# -- publishing --------------------------------------------------------------------------------


@blueprint.route("/new", methods=["GET", "POST"])
def new() -> Response | tuple[str, int]:
    require("keep_clocks")
    return _edit(None)


@blueprint.route("/<int:version_id>/edit", methods=["GET", "POST"])
def edit(version_id: int) -> Response | tuple[str, int]:
    require("keep_clocks")
    return _edit(version_id)


def _edit(version_id: int | None) -> Response | tuple[str, int]:
    rows = limit_versions()
    row = None if version_id is None else _pending(rows, version_id, now())
    form = LimitsForm()
    form.offer(*_choices())
    if request.method == "GET":
        _fill(form, row or rows[0], fresh=row is None)
        form.seen.data = str(_newest(rows))
        return _page(form, row)
    if not form.validate():
        return _page(form, row, status=422)
    if "preview" in request.form:
        if not _fits_between(form, rows, row, now()):
            return _page(form, row, status=422)
        return _page(form, row, lines=_preview(form, rows, row))
    with writing() as at:
        lock_limits()
        rows = limit_versions()
        row = None if version_id is None else _pending(rows, version_id, at)
        if (latest := _newest(rows)) != form.seen_entry:
            changes = told([one.stream for one in rows], _differ(), after=form.seen_entry)
            form.seen.data = str(latest)
            return _page(form, row, changes=[c.sentence for c in changes], status=409)
        if not _fits_between(form, rows, row, at):
            return _page(form, row, status=422)
        row = _publish(form, row, at)
        append(row, at=at)
        db.session.commit()
    since = f"{form.effective_on.data:%Y-%m-%d}"
    flash(f"已发布“{row.name}”，自{since}起施行；已经起算的时限不变。", "success")
    return see_other(url_for("limits.version", version_id=row.id))


def _pending(rows: list[LimitVersion], version_id: int, at: datetime) -> LimitVersion:
    row = _find(rows, version_id)
    if row.effective_from <= at:
        raise Conflict("这个版本已经施行，不能修改。需要调整的，请发布新版本。")
    return row


def _newest(rows: list[LimitVersion]) -> int:
    return newest(row.stream for row in rows)


def _choices() -> tuple[dict[str, str], dict[str, str]]:
    """Closed ones too: a line that names one must not be lost by being published again."""
    book = catalogue()
    tree = {row.code: row.full_name for row in book.categories.values()}
    channels = {row.code: row.name for row in book.channels.values()}
    return channels, {POLICY: "政策性、跨区域类", **tree}


def _fill(form: Any, row: LimitVersion, *, fresh: bool) -> None:
    form.fill(row.as_rules(), row.as_caps())
    if not fresh:
        form.name.data, form.note.data = row.name, row.note
        form.effective_on.data = local_day(row.effective_from)


def _fits_between(
    form: Any, rows: list[LimitVersion], row: LimitVersion | None, at: datetime
) -> bool:
    """Not in the past, and over no other version."""
    since = start_of(form.effective_on.data)
    others = [one for one in rows if one is not row]
    why = ""
    if since <= at:
        why = "施行日期最早为明天：时限不溯及既往"
    elif row is None and (last := others[0]).effective_from >= since:
        why = f"与“{last.name}”（自{shown(last.effective_from)}起施行）重叠，施行日期须晚于该版本"
    elif row is not None:
        after = [one for one in others if one.effective_from > row.effective_from]
        before = [one for one in others if one.effective_from <= row.effective_from]
        if after and since >= after[-1].effective_from:
            why = f"与“{after[-1].name}”（自{shown(after[-1].effective_from)}起施行）重叠"
        elif since <= before[0].effective_from:
            why = f"与“{before[0].name}”（自{shown(before[0].effective_from)}起施行）重叠"
    if why:
        form.effective_on.errors = [why]
    elif clash := next((one for one in others if one.name == form.name.data), None):
        form.name.errors = [f"已有名为“{clash.name}”的版本，请换一个名称"]
    return not form.errors


def _publish(form: Any, row: LimitVersion | None, at: datetime) -> LimitVersion:
    by = current_actor().name
    since = start_of(form.effective_on.data)
    if row is not None:
        row.amend(
            form.name.data, form.rules(), form.caps(),
            at=at, effective_from=since, by=by, note=form.note.data,
        )  # fmt: skip
        return row
    row = LimitVersion.publish(
        form.name.data, form.rules(), form.caps(),
        at=at, effective_from=since, by=by, note=form.note.data,
    )  # fmt: skip
    db.session.add(row)
    return row


def _preview(form: Any, rows: list[LimitVersion], row: LimitVersion | None) -> list[Line]:
    """Against the version that it takes over from."""
    if form.sample_at.data is None:
        form.sample_at.data = start_of(form.effective_on.data).astimezone(SHANGHAI).replace(hour=9)
    others = [one for one in rows if one is not row]
    since = start_of(form.effective_on.data)
    before = next(one for one in others if one.effective_from < since)
    calendar = load_calendar()
    return compare(
        form.sample_at.data, (before.as_rules(), calendar), (form.rules(), calendar)
    )


def _page(
    form: Any,
    row: LimitVersion | None,
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
        "cells": CELLS,
        "conditions": CONDITIONS,
        "caps": CAP_WORDS,
    }
    return render_template("deadlines/edit.html", **context), status
