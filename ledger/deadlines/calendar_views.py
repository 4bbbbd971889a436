"""工作日历的维护: day by day, from the package, and the moment a year is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from werkzeug.wrappers import Response

from ledger.config import SHANGHAI
from ledger.db import config, db, now, writing
from ledger.people.forms import PlainForm
from ledger.people.regions import region_name
from ledger.people.sign_in import today
from ledger.people.views import require
from ledger.web import Conflict, NotFound, see_other

from .calendar import start_of
from .forms import ARRANGEMENTS, DaysForm, ImportForm, PublishForm
from .history import append, newest, told
from .lay import SOURCE, arranged
from .models import CalendarDay, CalendarYear
from .preview import Line, compare
from .queries import (
    arrangements,
    calendar_if,
    calendar_years,
    load_calendar,
    lock_calendar,
    regions_above,
    version_in_force,
)
from .telling import calendar_changes, day_words

blueprint = Blueprint("calendars", __name__, url_prefix="/deadlines/calendar")

CHANGED = (
    "您打开页面后，他人已修改本年日历，您填写的内容尚未保存。"
    "请核对下列变化，仍需保存的请再次提交。"
)

Named = dict[tuple[str, date], bool | None]
"""Region and day → worked, a day off, or not named any more."""


@dataclass
class Year:
    """A year as it stands, with all its arrangements."""

    number: int
    rows: list[CalendarYear]

    @property
    def national(self) -> CalendarYear:
        return self.rows[0]

    def of(self, region: str) -> CalendarYear | None:
        return next((row for row in self.rows if row.region_code == region), None)

    @property
    def newest(self) -> int:
        return newest(row.stream for row in self.rows)

    def day(self, region: str, day: date) -> CalendarDay | None:
        row = self.of(region)
        return next((one for one in row.days if one.on_day == day), None) if row else None


def _load(number: int) -> Year:
    rows = arrangements(number)
    if not rows or rows[0].region_code != "":
        raise NotFound("日历中没有这一年。请从页面上的年份中选择。")
    return Year(number, rows)


def _regions() -> dict[str, str]:
    """Whose days can be named here; the State Council's under a word, since '' chooses nothing."""
    found = {"national": "全国（国务院安排）"}
    for region in regions_above(config().region)[1:]:
        found[region] = f"{region_name(region) or region}（地方安排）"
    return found


def _region(form: Any) -> str:
    return "" if form.region.data == "national" else str(form.region.data)


# -- the page ----------------------------------------------------------------------------------


@blueprint.get("/<int:number>")
def year(number: int) -> tuple[str, int]:
    require("keep_clocks")
    return _page(_load(number))


def _page(
    year: Year,
    *,
    lines: list[Line] | None = None,
    changes: list[str] | None = None,
    status: int = 200,
    **sent: Any,
) -> tuple[str, int]:
    """`sent` are the forms as they came back; the others are drawn afresh."""
    days = sent.get("days") or DaysForm(formdata=None, year=year.number)
    days.region.choices = _regions()
    publishing = sent.get("publishing") or PublishForm(formdata=None)
    importing = sent.get("importing") or ImportForm(formdata=None)
    seen = str(year.newest)
    for form in (days, publishing, importing):
        if form not in sent.values() or changes is not None:
            form.seen.data = seen
    package = _from_package(year)
    context: Mapping[str, Any] = {
        "year": year,
        "regions": {
            region: region_name(region) or region or "全国"
            for region in regions_above(config().region)
        },
        "named": sorted(
            (day for row in year.rows for day in row.days),
            key=lambda day: (day.on_day, day.region_code),
        ),
        "day_words": day_words,
        "days": days,
        "publishing": publishing,
        "importing": importing,
        "package": None if package is None else _package_words(year, package),
        "sent": next(iter(sent), ""),
        "lines": lines,
        "changes": changes,
        "changed": CHANGED,
        "history": told([row.stream for row in year.rows], calendar_changes),
    }
    return render_template("deadlines/calendar.html", **context), status


def _stale(year: Year, seen: int, **sent: Any) -> tuple[str, int]:
    since = told([row.stream for row in year.rows], calendar_changes, after=seen)
    return _page(year, changes=[one.sentence for one in since], status=409, **sent)


def _preview(form: Any, year: Year, named: Named) -> list[Line]:
    """From a moment just before the first day concerned, unless another is given."""
    if form.sample_at.data is None:
        first = min((day for _, day in named), default=date(year.number, 1, 1))
        form.sample_at.data = start_of(_before(first)).astimezone(SHANGHAI).replace(hour=9)
    rules = version_in_force(max(form.sample_at.data, now())).rules
    # What waits for the notice is tried as if it were published.
    after = calendar_if(config().region, named, year.number)
    return compare(form.sample_at.data, (rules, load_calendar()), (rules, after))


def _before(day: date) -> date:
    return load_calendar().add_working_days(day, -1)


# -- day by day --------------------------------------------------------------------------------


@blueprint.post("/<int:number>/days")
def change_days(number: int) -> Response | tuple[str, int]:
    require("keep_clocks")
    year = _load(number)
    form = DaysForm(year=number)
    form.region.choices = _regions()
    if not form.validate() or not _may_change(form, year):
        return _page(year, days=form, status=422)
    if "preview" in request.form:
        named: Named = {(_region(form), day): form.working for day in form.days()}
        return _page(year, days=form, lines=_preview(form, year, named))
    with writing() as at:
        lock_calendar(number)
        year = _load(number)
        if year.newest != form.seen_entry:
            return _stale(year, form.seen_entry, days=form)
        if not _may_change(form, year):
            return _page(year, days=form, status=422)
        row = year.of(_region(form))
        if row is None:
            row = CalendarYear(
                year_number=number, region_code=_region(form), published=False, source=""
            )
            db.session.add(row)
        for day in form.days():
            if form.working is None:
                row.forget(day)
            else:
                row.declare(day, form.working, form.name.data)
        append(row, at=at, reason=form.reason.data)
        db.session.commit()
    flash("日历已修改；已经起算的时限不变，需要调整的由牵头办公室重算时限。", "success")
    return see_other(url_for("calendars.year", number=number))


def _may_change(form: DaysForm, year: Year) -> bool:
    """Not what is past in a year that is known; and something must change."""
    region = _region(form)
    known = year.national.published if region == "" else True
    if known and (first := form.days()[0]) < today():
        form.first.errors = [f"{day_words(first)}已经过去，日历不溯及既往"]
        return False
    wanted = (form.working, form.name.data or "")
    standing = [
        (None, "") if (one := year.day(region, day)) is None else (one.working, one.name)
        for day in form.days()
    ]
    if all(one == wanted or (one[0] is None and wanted[0] is None) for one in standing):
        form.arrangement.errors = [f"现在就是“{ARRANGEMENTS[form.arrangement.data]}”，没有变化"]
        return False
    return True


# -- a year is published, by hand or from the package -------------------------------------------


@blueprint.post("/<int:number>/publish")
def publish_year(number: int) -> Response | tuple[str, int]:
    require("keep_clocks")
    year = _load(number)
    form = PublishForm()
    if not form.validate() or not _is_ready(form, year):
        return _page(year, publishing=form, status=422)
    if "preview" in request.form:
        return _page(year, publishing=form, lines=_preview(form, year, {}))
    with writing() as at:
        lock_calendar(number)
        year = _load(number)
        if year.newest != form.seen_entry:
            return _stale(year, form.seen_entry, publishing=form)
        if not _is_ready(form, year):
            return _page(year, publishing=form, status=422)
        year.national.publish(form.source.data)
        append(year.national, at=at, reason=form.source.data)
        db.session.commit()
    flash(f"{number}年放假安排已公布，此后起算的时限不再暂定。", "success")
    return see_other(url_for("calendars.year", number=number))


def _is_ready(form: PublishForm, year: Year) -> bool:
    """National Day is in: with less, a few days at the turn of the year would pass for a year."""
    why = ""
    if year.national.published:
        why = f"{year.number}年放假安排已经公布"
    else:
        named = year.day("", date(year.number, 10, 1))
        if named is None or named.working:
            why = f"{year.number}年的放假和调休还没有录全（至少缺国庆节），请先录入或导入"
    form.source.errors = [why] if why else form.source.errors
    return not form.errors


@blueprint.post("/<int:number>/import")
def import_year(number: int) -> Response | tuple[str, int]:
    require("keep_clocks")
    year = _load(number)
    form = ImportForm()
    if not form.validate() or not _has_news(form, year):
        return _page(year, importing=form, status=422)
    if "preview" in request.form:
        package = _from_package(year) or {}
        named: Named = {("", day): said and said[0] for day, said in package.items()}
        return _page(year, importing=form, lines=_preview(form, year, named))
    with writing() as at:
        lock_calendar(number)
        year = _load(number)
        if year.newest != form.seen_entry:
            return _stale(year, form.seen_entry, importing=form)
        if not _has_news(form, year):
            return _page(year, importing=form, status=422)
        for day, said in (_from_package(year) or {}).items():
            if said is None:
                year.national.forget(day)
            else:
                year.national.declare(day, *said)
        if not year.national.published:
            year.national.publish(SOURCE.format(year=number))
        append(year.national, at=at, reason=form.reason.data)
        db.session.commit()
    flash(f"已从软件包导入{number}年放假安排。", "success")
    return see_other(url_for("calendars.year", number=number))


def _has_news(form: ImportForm, year: Year) -> bool:
    package = _from_package(year)
    why = ""
    if package is None:
        why = f"软件包中还没有{year.number}年的放假安排，请升级软件后再导入，或逐日录入"
    elif not package and year.national.published:
        why = f"{year.number}年的日历与软件包一致，没有可导入的内容"
    form.reason.errors = [why] if why else form.reason.errors
    return not form.errors


Said = tuple[bool, str]


def _from_package(year: Year) -> dict[date, Said | None] | None:
    """What the package says otherwise than the rows; None where it does not know the year.

    In a year that is published, what is past stays as it is.
    """
    known = arranged().get(year.number)
    if known is None:
        return None
    since = today() if year.national.published else date.min
    here: dict[date, Said] = {day.on_day: (day.working, day.name) for day in year.national.days}
    return {
        day: known.get(day)
        for day in sorted(known.keys() | here.keys())
        if day >= since and known.get(day) != here.get(day)
    }


def _package_words(year: Year, package: Mapping[date, Said | None]) -> list[str]:
    return [f"{day_words(day)}：{_said(said)}" for day, said in package.items()]


def _said(said: Said | None) -> str:
    if said is None:
        return "按星期"
    return f"{'上班' if said[0] else '放假'}（{said[1]}）"


# -- the year after the last -------------------------------------------------------------------


@blueprint.post("/new")
def add_year() -> Response:
    """Provisional: it is there to have its days typed in."""
    require("keep_clocks")
    if not PlainForm().validate_on_submit():
        raise Conflict("页面已过期，请重新提交。")
    with writing() as at:
        number = next_year(calendar_years(), at)
        if number is None:
            raise Conflict("最多只能预先建到后年的日历。")
        row = CalendarYear(year_number=number, region_code="", published=False, source="")
        db.session.add(row)
        append(row, at=at, reason="新增年份")
        db.session.commit()
    flash(f"已新增{number}年（暂定），公布前按周一至周五推算。", "success")
    return see_other(url_for("calendars.year", number=number))


def next_year(years: Iterable[CalendarYear], at: datetime) -> int | None:
    """The year that can be added: at most the one after next."""
    number = max(row.year_number for row in years) + 1
    return number if number <= at.astimezone(SHANGHAI).year + 2 else None
