"""The command `ledger erase`: an erasure ordered by law, done by the ledger's own hand."""

from __future__ import annotations

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from ..appeals.models import Appeal
from ..appeals.record import Invalid
from ..db import db, writing
from ..people.actor import system
from ..trail.erasure import NothingToErase


@click.command("erase")
@click.argument("number")
@click.option("--seq", type=click.IntRange(min=1), required=True, help="办理记录的序号")
@click.option(
    "--place",
    "places",
    multiple=True,
    required=True,
    help="要删除的文字所在的位置，如 appeal.phone；可写多个",
)
@click.option("--basis", required=True, help="依法删除的依据：何机关、何文书、何条款")
@with_appcontext
def erase_command(number: str, seq: int, places: tuple[str, ...], basis: str) -> None:
    """依法删除某条办理记录中的文字：相同的文字一并删除，记录链条完整保留。"""
    with writing() as at:
        appeal = db.session.scalar(
            select(Appeal).where(Appeal.number == number).with_for_update(of=Appeal)
        )
        if appeal is None:
            raise click.ClickException(f"没有编号为{number}的诉求。")
        try:
            appeal.erase({seq: list(dict.fromkeys(places))}, basis, by=system(), at=at)
        except NothingToErase as nothing:
            raise click.ClickException(_nothing(nothing)) from nothing
        except Invalid as invalid:
            raise click.ClickException(f"{invalid.reason}。") from invalid
        version = appeal.version
        db.session.commit()
    click.echo(
        f"已依法删除，记为{number}第{version}条办理记录。备份和导出件中的同一文字须另行处理。"
    )


def _nothing(nothing: NothingToErase) -> str:
    what = f"第{nothing.seq}条办理记录中没有“{nothing.place}”，或者已经删除。"
    if nothing.places:
        what += f"该条可删除的有：{'、'.join(nothing.places)}。"
    return what
