"""The command `ledger figures`."""

from __future__ import annotations

import json
from datetime import timedelta

import click
from flask.cli import with_appcontext

from ..appeals.filters import Filters
from ..catalogue.queries import catalogue
from ..catalogue.words import KINDS, URGENCIES
from ..db import now
from ..deadlines import clocks
from ..people.directory import directory
from . import moments, telling
from .figures import figures
from .moments import BadMoment, Unsettled

DAY = timedelta(days=1)


@click.command("figures")
@click.option("--as-of", "as_of", default="", help="截至何时，如 2026-11-20T24:00；默认现在")
@click.option("--base", default="", help="基准时间；默认截止时间的前一日同一时刻")
@click.option("--office", default="", help="只统计该牵头办公室（单位编码）所属的诉求")
@click.option("--unit", default="", help="只统计该单位（单位编码）主办的诉求")
@click.option("--category", default="", help="诉求类别（名称或全称）及其下级")
@click.option("--kind", type=click.Choice(list(KINDS)), default=None, help="诉求类型")
@click.option("--channel", default="", help="来源渠道编码")
@click.option("--urgency", type=click.Choice(list(URGENCIES)), default=None, help="紧急程度")
@click.option("--region", default="", help="行政区划代码（六位）及其下级")
@click.option("--white-list", is_flag=True, help="只统计白名单企业")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def figures_command(
    as_of: str,
    base: str,
    office: str,
    unit: str,
    category: str,
    kind: str | None,
    channel: str,
    urgency: str | None,
    region: str,
    white_list: bool,
    as_json: bool,
) -> None:
    """截至某一时刻的各项统计；同一时刻无论何时查询，结果相同。"""
    present = now()
    try:
        at = moments.read_moment(as_of, "as_of") if as_of else present
        since = moments.read_moment(base, "base") if base else at - DAY
        moments.check(at, since, present, is_given=bool(base))
        moments.settle(at)
    except BadMoment as problem:
        name = "--as-of" if problem.field == "as_of" else "--base"
        raise click.UsageError(f"{name}：{problem.reason}") from problem
    except Unsettled as problem:
        raise click.ClickException(moments.BUSY) from problem
    filters = Filters(
        office_id=unit_named(office, "--office"),
        lead_unit_id=unit_named(unit, "--unit"),
        category_id=category_named(category),
        kind=kind or "",
        channel=channel_named(channel),
        urgency=urgency or "",
        region_code=region_named(region),
        white_list=white_list,
    )
    found = figures(at, since, filters)
    if as_json:
        click.echo(json.dumps(telling.as_json(found, filters), ensure_ascii=False, indent=2))
        return
    click.echo(f"截至{clocks.shown_end(at)}（基准{clocks.shown_end(since)}）")
    lines = telling.standing_lines(found, filters, present=False)
    for line in [*lines, *telling.passing_lines(found)]:
        click.echo(f"{line.measure.name} {line.number.value} {line.number.words}")
    for rate in telling.rate_lines(found):
        click.echo(f"{rate.measure.name} {rate.said}（{rate.parts}） 单位平均 {rate.mean}")


def unit_named(code: str, option: str) -> int:
    if not code:
        return 0
    found = next((one.id for one in directory().units.values() if one.code == code), None)
    if found is None:
        raise click.UsageError(f"{option}：没有编码为“{code}”的单位")
    return found


def category_named(name: str) -> int:
    if not name:
        return 0
    rows = [r for r in catalogue().categories.values() if name in (r.name, r.full_name)]
    if len(rows) != 1:
        why = "没有这个诉求类别" if not rows else "有几个同名的诉求类别，请写全称"
        raise click.UsageError(f"--category：“{name}”：{why}")
    return rows[0].id


def channel_named(code: str) -> str:
    if code and code not in catalogue().channels:
        raise click.UsageError(f"--channel：没有编码为“{code}”的来源渠道")
    return code


def region_named(code: str) -> str:
    if code and not (len(code) == 6 and code.isascii() and code.isdecimal()):
        raise click.UsageError(f"--region：“{code}”不是六位行政区划代码")
    return code
