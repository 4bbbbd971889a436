"""热线接入 by command: clients and keys, for whoever sets a platform up without a browser."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from flask.cli import with_appcontext

from ..appeals.record import Invalid
from ..config import SHANGHAI
from ..db import db, now, writing
from ..people.models import Unit
from . import clients
from .api_models import USUAL_RATE, ApiClient
from .clients import Made
from .commands import office_named


@click.group("api-client")
def api_client() -> None:
    """热线平台接入方及其密钥。"""


@api_client.command("add")
@click.option("--source", required=True, help="来源平台：12345、12328等")
@click.option("--name", required=True, help="名称")
@click.option("--callback", "callback_url", default="", help="回告地址，不用接口回告的不填")
@click.option("--office", "office_code", help="牵头办公室编码，默认为本地区的牵头办公室")
@click.option("--rate", type=int, default=USUAL_RATE, show_default=True, help="每分钟请求数上限")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def add(
    source: str, name: str, callback_url: str, office_code: str | None, rate: int, as_json: bool
) -> None:
    """新增接入方并生成密钥（密钥只显示一次）。"""
    office_id = office_named(office_code).id
    try:
        with writing() as at:
            office = db.session.get_one(Unit, office_id)
            made = clients.add(source, office, name, at=at, callback_url=callback_url, rate=rate)
            db.session.commit()
    except Invalid as invalid:
        raise click.ClickException(invalid.reason) from invalid
    _show(made, as_json)


@api_client.command("rotate")
@click.argument("client_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def rotate(client_id: int, as_json: bool) -> None:
    """更换密钥：生成新的，原密钥7天后失效。"""
    with writing() as at:
        made = clients.rotate(_found(client_id), at=at)
        db.session.commit()
    _show(made, as_json)


@api_client.command("end-key")
@click.argument("key_id")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def end_key(key_id: str, as_json: bool) -> None:
    """立即停用一个密钥。"""
    try:
        with writing() as at:
            key = clients.key_named(key_id)
            if key is None:
                raise click.ClickException(f"没有编号为“{key_id}”的密钥")
            clients.end_key(key, at=at)
            db.session.commit()
    except Invalid as invalid:
        raise click.ClickException(invalid.reason) from invalid
    click.echo(json.dumps({"key_id": key_id, "ended": True}) if as_json else "已停用")


@api_client.command("list")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def listed(as_json: bool) -> None:
    """列出接入方和密钥编号。"""
    found = [_told(one) for one in clients.all_clients()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found:
        state = "在用" if one["active"] else "停用"
        click.echo(f"{one['client_id']} {one['source']} {one['name']} {state}")
        for key in one["keys"]:
            click.echo(f"  {key['key_id']} {'有效' if key['good'] else '已停用'}")


def _told(client: ApiClient) -> Mapping[str, Any]:
    at = now()
    return {
        "client_id": client.id,
        "source": client.source_system,
        "office_id": client.office_id,
        "name": client.name,
        "active": client.active,
        "callback_url": client.callback_url,
        "keys": [
            {
                "key_id": key.key_id,
                "good": key.is_good(at),
                "used_at": key.used_at and key.used_at.astimezone(SHANGHAI).isoformat(),
            }
            for key in client.keys
        ],
    }


def _found(client_id: int) -> ApiClient:
    found = clients.client_of(client_id, lock=True)
    if found is None:
        raise click.ClickException(f"没有接入方{client_id}")
    return found


def _show(made: Made, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(vars(made)))
        return
    click.echo(f"接入方：{made.client_id}")
    click.echo(f"密钥编号（X-Key-Id）：{made.key_id}")
    click.echo(f"密钥（只显示这一次）：{made.secret}")
