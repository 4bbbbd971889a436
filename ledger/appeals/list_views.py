"""诉求台账: the ledger's list, a firm's appeals, and the way to one by its number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import get_template_attribute, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape
from sqlalchemy import Row

from ..catalogue.queries import Catalogue, catalogue
from ..catalogue.words import KINDS, URGENCIES
from ..db import now
from ..firms import permissions as firm_permissions
from ..firms import queries as firms
from ..people import queries as people
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import Directory, directory
from ..people.regions import region_name
from ..search.marks import mark, marked
from ..web import NotFound, page_or_fragment, see_other, wants_fragment
from . import help_views as _help_views  # hangs its pages
from . import lifecycle
from .cells import badge, time_left
from .filters import ENTERED, LIGHTS, SORTS, VIEWS, Filters
from .lines import Line, Words, lines
from .matters import matters_of
from .pages import blueprint
from .queries import Page, ledger_page, numbers_meant
from .snippets import snippets

_ = _help_views

Choices = list[tuple[str, str]]

_NUMBER = re.compile(r"[一-鿿]?[0-9][0-9-]*")
"""What can only be meant as a number of ours or a hotline's."""


@blueprint.get("/")
def index() -> ResponseReturnValue:
    return _ledger()


def _ledger(status: int = 200, *, typed: str = "", missed: str = "") -> ResponseReturnValue:
    """`typed` and `missed`: a number that was looked for, and why there is nothing to open."""
    actor, at = current_actor(), now()
    filters = Filters.read(request.args)
    page = ledger_page(actor, at, filters, cursor=request.args.get("at", "")[:80])
    several = len({row.office_id for row in page.rows}) > 1
    context: dict[str, Any] = {
        "filters": filters,
        "page": page,
        "matters": matters_of(actor, at, filters, page),
        "rows": _cells(page.rows, at, filters, several=several),
        "asked": _asked(filters),
        "narrowed": _narrowed(filters),
        "before": _cursor_url(filters, page.before),
        "after": _cursor_url(filters, page.after),
    }
    if not wants_fragment():
        context |= {
            "filter_form": _form(actor, filters),
            "typed": typed or filters.q,
            "missed": missed,
            "may_register": bool(lifecycle.may("register", None, actor)),
        }
    response = page_or_fragment("appeals/index.html", "appeals/_list.html", status, **context)
    if wants_fragment():
        # The address names what is set, not every empty field of the form.
        response.headers["HX-Push-Url"] = _url("appeals.index", filters.given())
    return response


def _cells(
    rows: Sequence[Row[Any]], at: datetime, filters: Filters, *, several: bool
) -> list[tuple[str, str, str]]:
    """The rows as HTML: what stands before the time left, the time, and what stands after it. All
    but the time is kept by the row's version: most of what is shown was shown before."""
    words = Words(at)
    kept: dict[Any, tuple[str, str]] = directory().keep(
        ("ledger's rows", words.book.mark, words.year), dict
    )
    if len(kept) > 2000:
        kept.clear()
    terms = filters.words.terms if filters.q else ()
    keys = [(row.id, row.version, row.knows, several, terms) for row in rows]
    fresh = [row for row, key in zip(rows, keys, strict=True) if key not in kept]
    if fresh:
        told = snippets(fresh, filters.words) if terms else {}
        draw = get_template_attribute("appeals/index/row.html", "row")
        for row in fresh:
            cells = _lasting(words.line(row, None), row, terms, told.get(row.id, ""))
            html = str(draw(**cells, several=several, time=_SLOT))
            before, _, after = html.partition(_SLOT)
            kept[row.id, row.version, row.knows, several, terms] = (before, after)
    times = (words.time(row) for row in rows)
    lefts = (time_left(*time) if time[0] else "" for time in times)
    return [(kept[key][0], left, kept[key][1]) for key, left in zip(keys, lefts, strict=True)]


_SLOT = "\0"
"""No text that is kept holds it."""


def _lasting(line: Line, row: Row[Any], terms: Sequence[str], said: str) -> dict[str, str]:
    title, name = str(escape(line.title)), str(escape(line.appellant))
    label, shown, called = _html(line.label), title, name
    if terms:
        label, shown = marked(mark(row.label, terms)), marked(mark(row.title, terms))
        called = marked(mark(row.appellant_name, terms)) if row.knows else name
    urgency = _html(line.urgency)
    if line.urgency_tone:
        urgency = badge(line.urgency, line.urgency_tone)
    return {
        "url": line.url,
        "label": label,
        "title": title,
        "title_shown": shown,
        "said": said,
        "about": ' class="none"' if line.hidden else f' title="{name}"',
        "name": called,
        "office": _html(line.office),
        "marks": "".join(f" {badge(words, tone)}" for words, tone in line.marks),
        "category": _html(line.category or "待定"),
        "unit": _html(line.unit or "—"),
        "state": badge(line.state, line.tone),
        "urgency": urgency,
        "day": line.registered_day,
        "registered": line.registered,
    }


@lru_cache(maxsize=4096)
def _html(words: str) -> str:
    return str(escape(words))


def _cursor_url(filters: Filters, cursor: str) -> str | None:
    if not cursor:
        return None
    return _url("appeals.index", {**filters.given(), "at": cursor})


def _url(endpoint: str, args: dict[str, Any]) -> str:
    return url_for(endpoint, **args)


def _form(actor: Actor, filters: Filters) -> Markup:
    """The filter form. Its drop-downs hold half of the page's text, and change with units and
    catalogue alone."""
    book, here = catalogue(), directory()
    options = here.keep(
        ("ledger's options", actor, book.mark),
        lambda: {
            name: _NOTHING.join(_OPTION.format(value, words) for value, words in rows)
            for name, rows in _choices(actor, book, here).items()
        },
    )
    given = filters.given()
    return here.keep(
        ("ledger's form", actor, book.mark, tuple(given.items()), filters.sort),
        lambda: Markup(
            render_template(
                "appeals/index/filters.html",
                options=options,
                chosen=_chosen,
                given=given,
                filters=filters,
            )
        ),
    )


_NOTHING = Markup("")
_OPTION = Markup('<option value="{}">{}</option>')


def _choices(actor: Actor, book: Catalogue, here: Directory) -> dict[str, Choices]:
    regions = sorted({seat.region_code for seat in actor.seats if seat.region_code})
    units = here.within(regions)
    below = sorted({unit.region_code for unit in units if unit.region_code})
    states = [("open", "在办"), ("unsigned", "待签收"), *lifecycle.STATES.items()]
    return {
        "state": states,
        "unit_id": [
            (str(unit.id), "　" * max(unit.depth - 1, 0) + unit.label)
            for unit in units
            if unit.kind not in ("province", "city", "county")
        ],
        "category_id": [
            (str(row.id), "　" * (row.path.count("/") - 2) + row.name)
            for row in book.categories.values()
            if row.active
        ],
        "kind": list(KINDS.items()),
        "channel": [(row.code, row.name) for row in book.channels.values()],
        "region_code": (
            [(code, region_name(code) or code) for code in below] if len(below) > 1 else []
        ),
        "urgency": list(URGENCIES.items()),
        "light": list(LIGHTS.items()),
        "sort": list((SORTS | ENTERED).items()),
    }


def _chosen(options: Markup, value: str) -> Markup:
    """The options with one of them chosen."""
    if not value:
        return options
    option = Markup('<option value="{}"').format(value)
    return options.replace(option, option + Markup(" selected"), 1)


def _narrowed(filters: Filters) -> list[tuple[str, str]]:
    """What the form has no field for but the address carries: (words, address without it)."""
    office = people.unit(filters.office_id) if filters.office_id else None
    lead = people.unit(filters.lead_unit_id) if filters.lead_unit_id else None
    firm = firms.find(filters.firm_id) if filters.firm_id else None
    too_long = "（检索词过长，只按前面部分检索）" if filters.words.cut else ""
    set_ones = [
        ("q", f"检索：{filters.q}{too_long}"),
        ("view", VIEWS.get(filters.view, "")),
        ("office_id", f"所属办公室：{office.label}" if office else ""),
        ("lead_unit_id", f"主办单位：{lead.label}" if lead else ""),
        ("firm_id", f"企业：{firm.name}" if firm and _sees_firms() else "企业"),
        ("closed_on", f"{filters.closed_on}销号"),
        ("white_list", "白名单企业"),
    ]
    given = filters.given()
    return [
        (words, _url("appeals.index", {k: v for k, v in given.items() if k != name}))
        for name, words in set_ones
        if name in given and words
    ]


def _asked(filters: Filters) -> bool:
    """Whether anything narrows the list; the sort does not."""
    return bool(filters.given().keys() - {"sort"})


@blueprint.get("/jump")
def jump() -> ResponseReturnValue:
    """To the appeal with that number, else to what holds these words; several offices may have
    one of the same number."""
    typed = request.args.get("number", "")[:60].replace("\x00", "").strip()
    found = numbers_meant(typed, current_actor(), now())
    if len(found) == 1:
        return see_other(f"/appeals/{found[0][0]}")
    if found:
        return make_response(render_template("appeals/index/several.html", found=found))
    if not typed:
        return see_other(url_for("appeals.index"))
    wanted = Filters.read({"q": typed})
    if wanted.q and (not _NUMBER.fullmatch(typed) or _is_found(wanted)):
        return see_other(_url("appeals.index", wanted.given()))
    return _ledger(404, typed=typed, missed=f"没有编号为“{typed}”的诉求，或您无权查看。")


def _is_found(filters: Filters) -> bool:
    """Whether the words are anywhere: a hotline's number is none of ours, yet finds its appeal."""
    return bool(ledger_page(current_actor(), now(), filters, size=1).rows)


# -- of one firm -------------------------------------------------------------------------------


@blueprint.get("/of-firm/<int:firm_id>")
def of_firm(firm_id: int) -> ResponseReturnValue:
    """A firm's appeals, for its page and by themselves. A confidential one whose appellant this
    person may not know is not among them."""
    actor, at = current_actor(), now()
    firm = firms.find(firm_id) if firm_id < 2**63 and _sees_firms() else None
    if firm is None:
        raise NotFound("没有这家企业，或您无权查看。")
    filters = Filters(firm_id=firm.id, sort="registered")
    page: Page = ledger_page(actor, at, filters, cursor=request.args.get("at", "")[:80], size=20)
    return page_or_fragment(
        "appeals/of_firm.html",
        "appeals/_of_firm.html",
        firm=firm,
        page=page,
        lines=lines(page.rows, at),
        before=_firm_url(firm.id, page.before),
        after=_firm_url(firm.id, page.after),
    )


def _firm_url(firm_id: int, cursor: str) -> str | None:
    return url_for(".of_firm", firm_id=firm_id, at=cursor) if cursor else None


def _sees_firms() -> bool:
    return firm_permissions.may(current_actor().roles, "see")
