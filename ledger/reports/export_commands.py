"""The command `ledger export`."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from ..appeals.filters import LIGHTS, SORTS, Filters
from ..appeals.lifecycle import STATES
from ..catalogue.words import KINDS, URGENCIES
from ..db import config, db, now, writing
from ..people.acting import actor_of
from ..people.actor import Actor, Seat
from ..people.directory import directory
from ..people.models import Person
from . import export_columns, exporting
from .commands import category_named, channel_named, region_named, unit_named
from .export_columns import BadColumns

CHOSEN = [*STATES, "open", "unsigned"]


def _listed() -> str:
    return "、".join(f"{code}（{one.title}）" for code, one in export_columns.COLUMNS.items())


@click.command("export", epilog=f"栏目：{_listed()}")
@click.option("--format", "shape", type=click.Choice(list(exporting.KINDS)), required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="写入的文件")
@click.option("--columns", default="", help="栏目编码，逗号隔开；默认为纸张的常用栏目")
@click.option(
    "--paper", type=click.Choice(list(export_columns.PAPERS)), default="a3", help="默认a3"
)
@click.option("--by", "username", default="", help="以哪位人员（用户名）的名义导出；默认为系统")
@click.option("--whole", is_flag=True, help="显示完整电话号码，须有用途")
@click.option("--reason", default="", help="用途，记入访问日志")
@click.option("--state", type=click.Choice(CHOSEN), default=None, help="状态")
@click.option("--office", default="", help="牵头办公室（单位编码）")
@click.option("--unit", default="", help="承办单位（单位编码）")
@click.option("--lead", default="", help="主办单位（单位编码）")
@click.option("--category", default="", help="诉求类别（名称或全称）及其下级")
@click.option("--kind", type=click.Choice(list(KINDS)), default=None, help="诉求类型")
@click.option("--channel", default="", help="来源渠道编码")
@click.option("--urgency", type=click.Choice(list(URGENCIES)), default=None, help="紧急程度")
@click.option("--region", default="", help="行政区划代码（六位）及其下级")
@click.option("--light", type=click.Choice(list(LIGHTS)), default=None, help="时限")
@click.option("--since", default="", help="登记日期从，如 2026-11-01")
@click.option("--until", default="", help="登记日期到（含）")
@click.option("--closed-on", default="", help="销号日期")
@click.option("--white-list", is_flag=True, help="只导出白名单企业的")
@click.option("--words", default="", help="检索词")
@click.option("--sort", type=click.Choice(list(SORTS)), default="due", help="顺序")
@with_appcontext
def export_command(
    shape: str,
    out: Path,
    columns: str,
    paper: str,
    username: str,
    whole: bool,
    reason: str,
    state: str | None,
    office: str,
    unit: str,
    lead: str,
    category: str,
    kind: str | None,
    channel: str,
    urgency: str | None,
    region: str,
    light: str | None,
    since: str,
    until: str,
    closed_on: str,
    white_list: bool,
    words: str,
    sort: str,
) -> None:
    """导出台账：与列表相同的筛选，写成Excel工作簿或CSV。"""
    first, last = _day(since, "--since"), _day(until, "--until")
    if first and last and last < first:
        raise click.UsageError("--until：登记日期的止日早于起日")
    filters = Filters(
        state=state or "",
        office_id=unit_named(office, "--office"),
        unit_id=unit_named(unit, "--unit"),
        lead_unit_id=unit_named(lead, "--lead"),
        category_id=category_named(category),
        kind=kind or "",
        channel=channel_named(channel),
        urgency=urgency or "",
        region_code=region_named(region),
        light=light or "",
        since=first,
        until=last,
        closed_on=_day(closed_on, "--closed-on"),
        white_list=white_list,
        q=Filters.read({"q": words}).q,
        sort=sort,
    )
    if words and not filters.q:
        raise click.UsageError(f"--words：“{words}”中没有可以检索的字词")
    person = _person(username)
    at = now()
    actor = _system() if person is None else actor_of(person, at)
    if not exporting.may_export(actor):
        raise click.UsageError(f"--by：“{username}”的岗位不查看诉求，不能导出台账")
    reason = " ".join(reason.split())
    if len(reason) > 100:
        raise click.UsageError("--reason：不超过100字")
    if whole and not (person is not None and exporting.may_whole(actor)):
        raise click.UsageError("--whole：须以牵头办公室人员的名义（--by）导出")
    if whole and not reason:
        raise click.UsageError("--reason：显示完整电话号码须写明用途")
    codes = [code.strip() for code in columns.split(",") if code.strip()]
    try:
        found = export_columns.chosen(codes, paper if shape == "xlsx" else "a3")
    except BadColumns as problem:
        raise click.UsageError(f"--columns：{problem}") from problem
    wanted = exporting.Wanted(filters, found, shape, paper, whole)
    rows = _write(out, actor, wanted)
    with writing() as moment:
        exporting.note(wanted, reason, rows, moment, person)
        db.session.commit()
    click.echo(f"已导出{rows}行：{out}")


def _write(out: Path, actor: Actor, wanted: exporting.Wanted) -> int:
    """Beside its name first, so that a file that stood there is replaced by a whole one."""
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=".export-", delete=False) as made:
            path = Path(made.name)
    except OSError as problem:
        raise click.UsageError(f"--out：不能写入“{out}”") from problem
    try:
        rows = exporting.write(path, actor, now(), wanted, lambda _rows: None)
        if not rows:
            raise click.ClickException(exporting.NOTHING)
        os.replace(path, out)
    except OSError as problem:
        raise click.ClickException(f"不能写入“{out}”：{problem.strerror}") from problem
    finally:
        path.unlink(missing_ok=True)
    return rows


def _person(username: str) -> Person | None:
    if not username:
        return None
    found = db.session.scalar(select(Person).where(Person.username == username.casefold()))
    if found is None or not found.active:
        raise click.UsageError(f"--by：没有用户名为“{username}”的在用人员")
    return found


def _system() -> Actor:
    """Whoever runs the server sees what the office of this region sees."""
    office = directory().office_for(config().region)
    if office is None:
        raise click.ClickException("本地区还没有牵头办公室，请先执行 ledger db upgrade")
    seat = Seat("coordinator", office.id, office.path, office.name, office.region_code, True)
    return Actor("system", None, "系统", (seat,))


def _day(typed: str, option: str) -> date | None:
    found = Filters.read({"since": typed}).since
    if typed and found is None:
        raise click.UsageError(f"{option}：“{typed}”不是日期，请写成 2026-11-20")
    return found
