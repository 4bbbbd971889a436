"""What the head of every page offers this person, and whom to ask."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, current_app, request

from ..db import config
from ..firms import permissions as firm_permissions
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..people.permissions import Held, may_administer
from ..people.roles import ADMINISTRATORS
from ..people.sign_in import signed_in, today
from . import lifecycle
from .queries import office_for

Item = tuple[str, str, bool, int | None]
"""Label, address, whether the page lies there, a number beside it."""


def init_nav(app: Flask) -> None:
    """Give the head of the pages its menu, and the refusals the office they name."""
    app.jinja_env.globals["nav_items"] = nav_items
    app.extensions["ledger_office_line"] = office_line
    app.extensions["ledger_office_name"] = office_name


def nav_items() -> list[Item]:
    if signed_in() is None:
        return []
    actor = current_actor()
    offered = directory().keep(("menu", actor), lambda: _offered(actor))
    here = _nearest([url for _, url in offered])
    return [(label, url, url == here, None) for label, url in offered]


def _offered(actor: Actor) -> list[tuple[str, str]]:
    held = [Held(seat.role, seat.region_code) for seat in actor.seats]
    roles = actor.roles
    business = bool(roles - ADMINISTRATORS)
    wanted: list[tuple[bool, str, str]] = [
        (True, "我的待办", "/desk"),
        (business, "诉求台账", "/appeals/"),
        (bool(lifecycle.may("register", None, actor)), "登记诉求", "/appeals/new"),
        (_is_open_to(actor, "/hotline/desk"), "热线坐席", "/hotline/desk"),
        ("manager" in roles, "我的批示", "/appeals/instructions"),
        (firm_permissions.may(roles, "see"), "企业", "/firms/"),
        (_is_open_to(actor, "/reports/"), "统计", "/reports/"),
        (_is_open_to(actor, "/supervision/"), "催办督办", "/supervision/"),
        (_is_open_to(actor, "/imports/"), "导入", "/imports/"),
        (_is_open_to(actor, "/hotline/answers"), "热线回填", "/hotline/answers"),
        (_is_open_to(actor, "/hotline/reconcile"), "热线对账", "/hotline/reconcile"),
        (_is_open_to(actor, "/hotline/transfers"), "转办时效", "/hotline/transfers"),
        (may_administer(held, "see_units"), "单位", "/units/"),
        (may_administer(held, "see_persons"), "人员", "/people/"),
        (may_administer(held, "grant_posts"), "岗位", "/people/proposals"),
        (may_administer(held, "import_roster"), "名册导入", "/people/roster"),
        (may_administer(held, "keep_clocks"), "时限版本", "/deadlines/limits/"),
        (_is_open_to(actor, "/hotline/duty/"), "值班", "/hotline/duty/"),
        (_is_open_to(actor, "/hotline/lines"), "热线线路", "/hotline/lines"),
        (may_administer(held, "see_deliveries"), "外发通知", "/notices/deliveries"),
        (may_administer(held, "keep_channels"), "回告方式", "/hotline/channels"),
        (may_administer(held, "keep_clients"), "热线接入", "/clients/"),
        (_is_open_to(actor, "/reports/letterheads/"), "文书模板", "/reports/letterheads/"),
        (may_administer(held, "read_log"), "审计", "/audit/"),
        (True, "时限日历", "/deadlines/"),
        (True, "帮助", "/help"),
    ]
    return [(label, url) for shown, label, url in wanted if shown]


def _is_open_to(actor: Actor, url: str) -> bool:
    """Whether the room above that keeps this page says so: app.extensions["ledger_doors"]."""
    doors: dict[str, Callable[[Actor], bool]] = current_app.extensions.get("ledger_doors", {})
    return url in doors and doors[url](actor)


def _nearest(urls: list[str]) -> str:
    """Of the addresses that the page lies at or under, the longest."""
    path = request.path
    at = [u for u in urls if path == u or path.startswith(u.rstrip("/") + "/")]
    return max(at, key=len, default="")


def office() -> UnitRow | None:
    """The office of whoever is signed in; of the ledger's own region where nobody is."""
    person = signed_in()
    region = config().region
    if person is not None:
        at_home = [p.unit for p in person.posts_at(today()) if p.unit.is_office]
        if at_home:
            return at_home[0]
        region = person.home_unit.region_code or region
    return office_for(region)


def office_name() -> str:
    found = office()
    return found.name if found is not None else ""


def office_line() -> str:
    """Name and 24-hour telephone: 寻乌县…办公室（0797-2831234）."""
    found = office()
    if found is None:
        return ""
    return f"{found.name}（{found.duty_phone}）" if found.duty_phone else found.name
