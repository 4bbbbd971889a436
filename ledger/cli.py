"""The command `ledger`: whatever is done to a ledger without a browser.

With --json standard output carries the JSON alone; logs go to standard error. Exit 0 also where
rows were rejected; 1 where nothing could be read or `verify` finds a problem; 2 for a command or
a configuration that makes no sense.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import Flask, current_app
from flask.cli import ScriptInfo, with_appcontext
from flask_migrate import Migrate
from flask_migrate import revision as alembic_revision
from flask_migrate import upgrade as alembic_upgrade
from sqlalchemy import text

from .config import ConfigError
from .db import config, db, is_sqlite, now, writing

if TYPE_CHECKING:
    from . import seeds

ROOT = Path(__file__).resolve().parent.parent
MIGRATIONS = ROOT / "migrations"
UPGRADE_LOCK = 7_360_734_001
"""Key of the advisory lock that an upgrade holds on PostgreSQL; any number, always the same."""


class ChineseHelp(click.Group):
    """click's own few words, in the language of those who run an office's server."""

    WORDS = (
        ("Usage:", "用法："),
        ("Options:", "选项："),
        ("Commands:", "命令："),
        ("[OPTIONS]", "[选项]"),
        ("COMMAND [ARGS]...", "命令 [参数]…"),
        ("Show this message and exit.", "显示本说明。"),
    )

    def get_help(self, ctx: click.Context) -> str:
        words = super().get_help(ctx)
        for english, chinese in self.WORDS:
            words = words.replace(english, chinese)
        return words


def init_app(app: Flask) -> None:
    """The commands for `flask --app wsgi …`."""
    Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=False)
    app.cli.commands.pop("db", None)  # Flask-Migrate's own, which lays nothing
    for command in commands():
        app.cli.add_command(command)


def commands() -> list[click.Command]:
    from .appeals.holding_queries import days_held_command
    from .appeals.indexing import reindex
    from .appeals.intervals import rebuild_intervals
    from .audit.erase import erase_command
    from .audit.verify import verify_command
    from .hotline.client_commands import api_client
    from .hotline.commands import import_batch, import_firms, import_ledger, import_orders
    from .hotline.practice_commands import demo_hotline
    from .hotline.reconcile_commands import reconcile_command
    from .reports.commands import figures_command
    from .reports.export_commands import export_command

    return [
        database,
        serve,
        web,
        worker,
        seed_demo,
        create_admins,
        import_orders,
        api_client,
        reconcile_command,
        demo_hotline,
        import_ledger,
        import_batch,
        import_firms,
        reindex,
        rebuild_intervals,
        days_held_command,
        figures_command,
        export_command,
        verify_command,
        erase_command,
        lifecycle_table,
    ]


def main() -> None:
    """Entry point of the console command."""
    from . import create_app

    group = ChineseHelp(
        "ledger",
        commands=commands(),
        help="企业诉求台账。对LEDGER_*环境变量所指的台账执行命令。",
    )
    try:
        group.main(prog_name="ledger", obj=ScriptInfo(create_app=create_app))
    except ConfigError as error:
        click.echo(f"配置有误：{error}", err=True)
        sys.exit(2)


# -- the database ------------------------------------------------------------------------------


@click.group("db", cls=ChineseHelp)
def database() -> None:
    """数据库：建表、升级。"""


@database.command("upgrade")
@with_appcontext
def upgrade() -> None:
    """建表或升级到当前版本，并备齐渠道、结果、类别、时限、日历和本地区的牵头办公室。"""
    from .appeals import intervals
    from .lay import lay

    with _alone():
        alembic_upgrade()
        with writing() as at:
            lay(at)
            db.session.commit()
        intervals.complete()


@database.command("migration")
@click.argument("message")
@with_appcontext
def migration(message: str) -> None:
    """按模型与现有数据库的差别写出下一个升级步骤（开发用）。"""
    count = len(list((MIGRATIONS / "versions").glob("[0-9]*.py")))
    alembic_revision(message=message, autogenerate=True, rev_id=f"{count + 1:04}")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one upgrade at a time; the second waits and then finds nothing left to do."""
    if is_sqlite():
        lock = os.open(f"{db.engine.url.database}.upgrade", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
        return
    with db.engine.connect() as connection:
        # The session's lock, not the transaction's, which would stay open for as long.
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": UPGRADE_LOCK})


# -- running -----------------------------------------------------------------------------------


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="监听地址")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="监听端口"
)
@with_appcontext
def serve(host: str, port: int) -> None:
    """运行网站和后台任务，Ctrl-C一并停止。"""
    from .work import serve as server

    place = server.Place(host, port)
    _refuse_unlaid()
    try:
        server.check_free(place)
    except server.AddressTaken as error:
        raise click.ClickException(
            f"{host}:{port} 不能监听：端口已被占用或地址不属于本机。请换一个端口（--port）。"
        ) from error
    words = _greeting(place.url)
    db.session.remove()
    db.engine.dispose()
    server.become("supervise", place, words)


def _refuse_unlaid() -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from .trail.models import ledger_id

    try:
        ledger_id(db.session())
    except (LookupError, SQLAlchemyError) as error:
        raise click.ClickException(
            "数据库连不上或还没有建表，请检查LEDGER_DATABASE_URL并执行 ledger db upgrade。"
        ) from error


def _greeting(url: str) -> str:
    lines = [f"企业诉求台账已启动：{url}"]
    if config().mode == "demo":
        from . import seeds

        lines += _account_lines(seeds.accounts())
        lines.append("按Ctrl-C停止。")
    return "\n".join(lines)


@click.command("web", hidden=True)
@click.option("--host", default="127.0.0.1")
@click.option("--port", default=8000, type=click.IntRange(1, 65535))
@with_appcontext
def web(host: str, port: int) -> None:
    """只运行网站（由serve启动，或在多台机器上单独启动）。"""
    from .work import serve as server

    db.engine.dispose()
    server.become("web", server.Place(host, port))


@click.command("worker")
@with_appcontext
def worker() -> None:
    """只运行后台任务（serve已包含；多台机器时可另行启动）。"""
    from .files import sweeps as of_files
    from .hotline import sweeps as of_hotline
    from .notices import sweeps as of_notices
    from .people import sweeps as of_people
    from .reports import exporting
    from .supervision import sweeps as of_supervision
    from .work import statistics
    from .work import worker as work

    _refuse_unlaid()
    for room in (of_files, of_supervision, of_hotline, of_notices, of_people, statistics):
        room.register()
    exporting.register_sweeps()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    db.session.remove()
    work.run(app)


# -- the first people --------------------------------------------------------------------------


@click.command("seed-demo")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@click.option("--if-empty", is_flag=True, help="已有人员时不算出错，什么也不做")
@with_appcontext
def seed_demo(as_json: bool, if_empty: bool) -> None:
    """在没有人员的台账里写入演示数据，填充本地区的牵头办公室。"""
    from . import seeds

    _refuse_unlaid()
    try:
        accounts = seeds.seed_demo(now())
    except seeds.NotEmpty as error:
        if if_empty:
            return
        raise click.ClickException(str(error)) from error
    if as_json:
        found = [
            {"role": a.role, "username": a.username, "name": a.name, "password": a.password}
            for a in accounts
        ]
        click.echo(json.dumps({"accounts": found}, ensure_ascii=False))
        return
    click.echo("演示数据已写入。")
    click.echo("\n".join(_account_lines(accounts)))


def _account_lines(accounts: list[seeds.Account]) -> list[str]:
    lines = ["演示账号：", f"  密码 {accounts[0].password}"]
    return lines + [f"  {a.username:<14}{a.role}　{a.name}" for a in accounts]


@click.command("create-admins")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def create_admins(as_json: bool) -> None:
    """在没有人员的台账里建立系统、安全、审计三名管理员，给出一次性密码（只显示这一次）。"""
    from .people import first

    _refuse_unlaid()
    roles = {username: role for username, _, role in first.ACCOUNTS}
    with writing() as at:
        try:
            made = first.create_admins(db.session(), at)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        db.session.commit()
    if as_json:
        found = [{"role": roles[u], "username": u, "password": secret} for u, secret in made]
        click.echo(json.dumps({"accounts": found}, ensure_ascii=False))
        return
    names = {username: name for username, name, _ in first.ACCOUNTS}
    for username, secret in made:
        click.echo(f"{names[username]}　用户名 {username}　一次性密码 {secret}")
    click.echo("首次登录须修改密码。以上密码不会再次显示。")


# -- the table ---------------------------------------------------------------------------------


@click.command("lifecycle")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
def lifecycle_table(as_json: bool) -> None:
    """打印办理流程表：动作、从何状态、到何状态、何人可办、需要什么。"""
    from .appeals.lifecycle import SAME, STATES, table
    from .people.roles import LABELS

    rows = table(LABELS)
    if as_json:
        found = [
            {
                "verb": row.verb,
                "label": row.label,
                "from": list(row.frm),
                "to": list(row.to),
                "by": list(row.roles),
                "needs": row.needs,
            }
            for row in rows
        ]
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for row in rows:
        frm = "、".join(STATES[s] for s in row.frm) or "（新登记）"
        to = "状态不变" if row.to == SAME else "、".join(STATES.get(s, "状态不变") for s in row.to)
        click.echo(f"{row.label}（{row.verb}）：{frm} → {to}")
        click.echo(f"    何人：{'；'.join(row.by)}")
        click.echo(f"    需要：{row.needs}")


if __name__ == "__main__":
    main()
