"""Reconciliation by command: a hotline's list laid beside ours, and its counts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click
from flask.cli import with_appcontext

from ..config import SHANGHAI
from ..db import db, now
from ..sheets import SheetError
from ..sheets.reader import MOST_BYTES
from ..web import Conflict
from . import reconcile_settling
from . import reconcile_words as words
from .commands import CannotImport, actor_named, office_named
from .permissions import reconciling_seat
from .reconcile_models import Reconciliation
from .reconciling import Period, reconcile
from .taking import NoSuchChannel

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("reconcile")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--channel", required=True, help="热线：12345 或 12328")
@click.option("--from", "since", type=_DAY, required=True, help="所属期间起，如 2026-11-01")
@click.option("--to", "until", type=_DAY, required=True, help="所属期间止（含当日）")
@click.option("--office", "office_code", help="牵头办公室编码，默认为本地区的牵头办公室")
@click.option("--by", "username", help="以哪位人员（用户名）的名义对账，默认为系统")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def reconcile_command(
    file: Path,
    channel: str,
    since: datetime,
    until: datetime,
    office_code: str | None,
    username: str | None,
    as_json: bool,
) -> None:
    """把热线平台的工单清单与台账逐件对账，差异列在“热线对账”页面，由人员处理。"""
    office_id, by = office_named(office_code).id, actor_named(username)
    if by.kind == "person":
        seat = reconciling_seat(by)
        if seat is None or seat.unit_id != office_id:
            raise CannotImport("该人员的岗位不能进行本办公室的热线对账")
    period = Period(since.date(), until.date())
    if fault := period.fault(now().astimezone(SHANGHAI).date()):
        raise CannotImport(fault)
    try:
        if file.stat().st_size > MOST_BYTES:
            raise CannotImport(f"文件超过{MOST_BYTES // 1024 // 1024}MB，请分成几个文件")
        data = file.read_bytes()
    except OSError as error:
        raise CannotImport(f"读不到文件“{file.name}”：{error.strerror}") from error
    try:
        of = reconcile(data, file.name, channel=channel, office_id=office_id, period=period, by=by)
    except (SheetError, NoSuchChannel) as error:
        raise CannotImport(str(error)) from error
    except Conflict as error:
        raise CannotImport(str(error.description)) from error
    row = db.session.get_one(Reconciliation, of)
    waiting = reconcile_settling.unsettled([of]).get(of, {})
    if as_json:
        click.echo(
            json.dumps(
                {
                    "reconciliation": of,
                    "rows": row.rows,
                    "repeated": row.repeated,
                    "agreed": row.agreed,
                    **{finding: waiting.get(finding, 0) for finding in words.FINDINGS},
                }
            )
        )
        return
    click.echo(f"对账：共{row.rows}行，一致{row.agreed}件，重复{row.repeated}行")
    for finding, name in words.FINDINGS.items():
        click.echo(f"  {name}（待处理）{waiting.get(finding, 0)}")
