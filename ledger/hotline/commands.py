"""Imports by command: a hotline's orders, an office's old ledger, lists of appeals and of firms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from ..appeals import lifecycle
from ..appeals.queries import office_for
from ..appeals.record import Refused
from ..db import config, db, now
from ..people.acting import actor_of
from ..people.actor import Actor, system
from ..people.models import Person, Unit
from ..sheets import SheetError
from ..sheets.reader import MOST_BYTES
from . import batch, firm_rows
from .batch import Batch, BatchRow
from .firm_rows import FirmRow, FirmRows
from .intake import Summary, Taking
from .old_ledgers import OldLedgers, OldRow
from .taking import NoSuchChannel, take


class CannotImport(click.ClickException):
    """Nothing could be read: exit 1, one line on standard error."""


@click.command("import-orders")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--channel", required=True, help="来源渠道：12345 或 12328")
@click.option("--office", "office_code", help="牵头办公室编码，默认为本地区的牵头办公室")
@click.option("--by", "username", help="以哪位人员（用户名）的名义导入，默认为系统")
@click.option("--opening", is_flag=True, help="期初导入：已答复的工单直接列为已销号（期初）")
@click.option("--dry-run", is_flag=True, help="试导入：只报告结果，不写入")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def import_orders(
    file: Path,
    channel: str,
    office_code: str | None,
    username: str | None,
    opening: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """导入热线工单文件（xlsx、csv等），同一工单不重复登记。"""
    office_id, by = office_named(office_code).id, actor_named(username)
    _may("carry_over" if opening else "register", by)

    def bring(data: bytes) -> Summary:
        return take(
            data,
            file.name,
            channel=channel,
            office_id=office_id,
            by=by,
            dry_run=dry_run,
            opening=opening,
        )

    _run(file, bring, dry_run=dry_run, as_json=as_json)


@click.command("import-ledger")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--office", "office_code", help="牵头办公室编码，默认为本地区的牵头办公室")
@click.option("--by", "username", help="以哪位人员（用户名）的名义导入，默认为系统")
@click.option("--dry-run", is_flag=True, help="试导入：只报告结果，不写入")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def import_ledger(
    file: Path, office_code: str | None, username: str | None, dry_run: bool, as_json: bool
) -> None:
    """期初导入：接管本办公室原有的诉求台账，已销号的列为已销号（期初）。"""
    office_id, by = office_named(office_code).id, actor_named(username)
    _may("carry_over", by)
    taking = Taking[OldRow](OldLedgers(office_id), office_id=office_id, by=by)

    def bring(data: bytes) -> Summary:
        return (taking.weigh if dry_run else taking.take)(data, file.name)

    _run(file, bring, dry_run=dry_run, as_json=as_json)


@click.command("import-batch")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--channel", default="", help="来源渠道编码，如visit；文件中逐行写明的以文件为准")
@click.option("--by", "username", required=True, help="以哪位人员（用户名）的名义登记")
@click.option("--dry-run", is_flag=True, help="试导入：只报告结果，不写入")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def import_batch(file: Path, channel: str, username: str, dry_run: bool, as_json: bool) -> None:
    """批量登记走访、座谈会收集的企业诉求，同一诉求不重复登记。"""
    by = actor_named(username)
    _may("register", by)
    seat = batch.registering_seat(by)
    office = office_for(seat.region_code if seat else config().region)
    if office is None:
        raise CannotImport("该人员所在地区还没有牵头办公室，请先执行 ledger db upgrade")
    office_id = office.id

    def bring(data: bytes) -> Summary:
        taking = Taking[BatchRow](Batch(channel, office_id), office_id=office_id, by=by)
        return (taking.weigh if dry_run else taking.take)(data, file.name)

    _run(file, bring, dry_run=dry_run, as_json=as_json)


@click.command("import-firms")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--by", "username", help="以哪位人员（用户名）的名义导入，默认为系统")
@click.option("--dry-run", is_flag=True, help="试导入：只报告结果，不写入")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def import_firms(file: Path, username: str | None, dry_run: bool, as_json: bool) -> None:
    """把企业名单导入企业库，同一企业不重复登记，已有企业的信息不改动。"""
    office_id, by = office_named(None).id, actor_named(username)
    if by.kind == "person" and firm_rows.registering_seat(by) is None:
        raise CannotImport("该人员的岗位不能登记企业")
    taking = Taking[FirmRow](FirmRows(office_id), office_id=office_id, by=by)

    def bring(data: bytes) -> Summary:
        return (taking.weigh if dry_run else taking.take)(data, file.name)

    _run(file, bring, dry_run=dry_run, as_json=as_json, measure="家")


def _may(verb: str, by: Actor) -> None:
    """Asked before the file is opened: who may not import leaves no run behind."""
    verdict = lifecycle.may(verb, None, by)
    if not verdict:
        raise CannotImport(f"该人员不能登记诉求：{verdict.reason}")


def _run(
    file: Path,
    bring: Callable[[bytes], Summary],
    *,
    dry_run: bool,
    as_json: bool,
    measure: str = "件",
) -> None:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise CannotImport(f"文件超过{MOST_BYTES // 1024 // 1024}MB，请分成几个文件导入")
        data = file.read_bytes()
    except OSError as error:
        raise CannotImport(f"读不到文件“{file.name}”：{error.strerror}") from error
    try:
        summary = bring(data)
    except (SheetError, NoSuchChannel) as error:
        raise CannotImport(str(error)) from error
    except Refused as error:
        raise CannotImport(f"该人员不能登记诉求：{error.reason}") from error
    if as_json:
        click.echo(json.dumps(summary.as_dict(), ensure_ascii=False))
        return
    click.echo(
        f"{'试导入' if dry_run else '导入'}：共{summary.rows}行，新登记{summary.created}{measure}，"
        f"已存在{summary.repeated}{measure}，内容不一致{summary.conflicts}{measure}，"
        f"未导入{summary.rejected}行"
    )
    for problem in summary.problems:
        click.echo(f"  第{problem.row}行 {problem.reason}")


def office_named(code: str | None) -> Unit:
    offices = select(Unit).where(Unit.is_office.is_(True)).order_by(Unit.id)
    wanted = (
        offices.where(Unit.code == code)
        if code
        else offices.where(Unit.region_code == config().region)
    )
    found = db.session.scalar(wanted.limit(1))
    if found is None:
        if code:
            raise CannotImport(f"没有编码为“{code}”的牵头办公室")
        raise CannotImport("本地区还没有牵头办公室，请先执行 ledger db upgrade")
    return found


def actor_named(username: str | None) -> Actor:
    if not username:
        return system("工单导入")
    person = db.session.scalar(select(Person).where(Person.username == username.casefold()))
    if person is None or not person.active:
        raise CannotImport(f"没有用户名为“{username}”的在用人员")
    return actor_of(person, now())
