"""The pages of figures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, render_template, request
from flask.typing import ResponseReturnValue

from ..appeals.filters import Filters
from ..appeals.lines import lines
from ..appeals.queries import some
from ..catalogue.queries import catalogue
from ..catalogue.words import KINDS, URGENCIES
from ..db import now
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import directory
from ..people.roles import ADMINISTRATORS
from ..web import Choice, Form, Refused, Text, Tick, see_other
from . import letterhead_views, measures, moments, paper_views, telling
from .figures import figures
from .moments import BadMoment, Unsettled
from .overview import overview

blueprint = Blueprint("reports", __name__, url_prefix="/reports")
HOME = "/reports/"
DAY = timedelta(days=1)
OLDEST = 10
READERS = frozenset({"manager", "supervisor", "coordinator", "closer", "duty_officer", "unit_lead"})
"""Who is offered the room; whoever else sees appeals may come by its address."""


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    paper_views.init_app(app)
    letterhead_views.init_app(app)
    app.extensions.setdefault("ledger_doors", {})[HOME] = lambda actor: bool(READERS & actor.roles)


def reader() -> Actor:
    """Whoever is signed in, if he sees any appeal at all."""
    actor = current_actor()
    if not actor.roles - ADMINISTRATORS:
        raise Refused("您的岗位不查看诉求统计。")
    return actor


class FiguresForm(Form):
    class Meta(Form.Meta):
        csrf = False

    as_of = Text("截至", max_len=40, help="如 2026-11-20 24:00；不填为现在")
    base = Text(
        "基准时间", max_len=40, help="本期由此起算，并与此比较；不填为截止时间前一日同一时刻"
    )
    office_id = Choice("牵头办公室", (), blank="全部")
    lead_unit_id = Choice("主办单位", (), blank="全部")
    category_id = Choice("诉求类别", (), blank="全部")
    kind = Choice("诉求类型", KINDS.items(), blank="全部")
    channel = Choice("来源渠道", (), blank="全部")
    urgency = Choice("紧急程度", URGENCIES.items(), blank="全部")
    white_list = Tick("只看白名单企业")


def offer(form: Any, actor: Actor) -> None:
    """The choices that are data."""
    here, book = directory(), catalogue()
    regions = sorted({seat.region_code for seat in actor.seats if seat.region_code})
    units = here.within(regions)
    offices = [unit for unit in units if unit.is_office]
    form.office_id.choices = [(str(unit.id), unit.label) for unit in offices]
    form.lead_unit_id.choices = [
        (str(unit.id), "　" * max(unit.depth - 1, 0) + unit.label)
        for unit in units
        if unit.kind not in ("province", "city", "county") and not unit.is_office
    ]
    form.category_id.choices = [
        (str(row.id), "　" * (row.path.count("/") - 2) + row.name)
        for row in book.categories.values()
    ]
    form.channel.choices = [(row.code, row.name) for row in book.channels.values()]


@blueprint.get("/figures")
def figures_page() -> ResponseReturnValue:
    actor = reader()
    form = FiguresForm(request.args)
    offer(form, actor)
    filters = telling.narrowed(Filters.read(request.args))
    present = now()
    context: dict[str, Any] = {"form": form, "filters": filters, "measures": measures}
    status = 200 if form.validate() else 422
    if status == 200:
        try:
            typed, since = (form.as_of.data or "").strip(), (form.base.data or "").strip()
            at = moments.read_moment(typed, "as_of") if typed else present
            base = moments.read_moment(since, "base") if since else at - DAY
            moments.check(at, base, present, is_given=bool(since))
            moments.settle(at)
            found = figures(at, base, filters, actor)
            context |= {
                "found": found,
                "standing": telling.standing_lines(found, filters, present=not typed),
                "states": telling.state_lines(found, filters, present=not typed),
                "passing": telling.passing_lines(found),
                "rates": telling.rate_lines(found),
            }
        except BadMoment as problem:
            field = form.as_of if problem.field == "as_of" else form.base
            field.errors = [*field.errors, problem.reason]
            status = 422
        except Unsettled:
            form.as_of.errors = [moments.BUSY]
            status = 503
    return render_template("reports/figures.html", **context), status


class OverviewForm(Form):
    class Meta(Form.Meta):
        csrf = False

    office_id = Choice("牵头办公室", (), blank="全部")
    lead_unit_id = Choice("主办单位", (), blank="全部")
    category_id = Choice("诉求类别", (), blank="全部")
    kind = Choice("诉求类型", KINDS.items(), blank="全部")
    channel = Choice("来源渠道", (), blank="全部")
    urgency = Choice("紧急程度", URGENCIES.items(), blank="全部")
    white_list = Tick("只看白名单企业")


@blueprint.get("/overview")
def overview_page() -> ResponseReturnValue:
    actor, at = reader(), now()
    form = OverviewForm(request.args)
    offer(form, actor)
    if not form.validate():
        return render_template("reports/overview.html", form=form), 422
    filters = telling.narrowed(Filters.read(request.args))
    oldest = filters.with_(state="open", sort="oldest")
    asked = filters.with_(view="coordination")
    page = render_template(
        "reports/overview.html",
        form=form,
        found=overview(actor, at, filters),
        oldest=lines(some(actor, at, oldest, OLDEST), at),
        oldest_url=f"/appeals/?{oldest.query}",
        asked=lines(some(actor, at, asked, OLDEST), at),
        asked_url=f"/appeals/?{asked.query}",
        figures_url=f"{HOME}figures?{filters.query}",
    )
    return page, 200


@blueprint.get("/")
def home() -> ResponseReturnValue:
    return see_other(f"{HOME}overview")
