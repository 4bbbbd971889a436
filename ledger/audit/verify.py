"""The commands `ledger verify` and `ledger erase`; and the streams of calendar, hours and
limits.

`verify` reads only and may run while the ledger is in use.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..appeals import replay
from ..db import db, keyring
from ..deadlines.models import CalendarYear, HoursVersion, LimitVersion, OfficeHours
from ..trail.canonical import plain
from ..trail.check import Head, Later, Problem, Report, Told, check_ledger, register

MOST = 10_000
"""Problems that are listed; beyond them only their number counts."""


class _Published:
    """Rows whose streams no Act heads: the last entry tells the whole of what was published."""

    prefix: str
    title: str

    def compare(
        self,
        connection: Connection,
        heads: Sequence[Head],
        told: Mapping[str, Told],
        later: Later,
    ) -> Iterator[Problem]:
        with Session(connection) as session:
            for head in heads:
                if not told[head.stream].whole:
                    continue
                last = told[head.stream].lines[-1]
                data = (last.body or {}).get("data")
                try:
                    here = plain(self.described(session, head.key))
                except (TypeError, ValueError):
                    here = None  # a damaged cell that no longer reads as what it should be
                if data is None or data != here:
                    what = f"{self.title}与最后一次发布的记录不一致"
                    yield Problem(head.stream, last.seq, what)

    def described(self, session: Session, key: int) -> dict[str, Any]:
        raise NotImplementedError

    def whole(self, connection: Connection) -> Iterator[Problem]:
        return iter(())


class Calendars(_Published):
    """Streams calendar/<year>, and calendar/<year>/<region> for a region's own days."""

    prefix = "calendar/"
    title = "工作日历"

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        rows = connection.execute(
            select(CalendarYear.id, CalendarYear.year_number, CalendarYear.region_code)
            .where(CalendarYear.id > after)
            .order_by(CalendarYear.id)
            .limit(size)
        )
        return [Head(key, self._stream(year, region)) for key, year, region in rows]

    def _stream(self, year: int, region: str) -> str:
        return f"{self.prefix}{year}/{region}" if region else f"{self.prefix}{year}"

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        rows = connection.execute(select(CalendarYear.year_number, CalendarYear.region_code))
        return {self._stream(year, region) for year, region in rows} & set(streams)

    def described(self, session: Session, key: int) -> dict[str, Any]:
        return session.get_one(CalendarYear, key).describe()


class Limits(_Published):
    """Streams limits/<id>."""

    prefix = "limits/"
    title = "时限表"

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        ids = connection.scalars(
            select(LimitVersion.id)
            .where(LimitVersion.id > after)
            .order_by(LimitVersion.id)
            .limit(size)
        )
        return [Head(key, f"{self.prefix}{key}") for key in ids]

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        ids = connection.scalars(select(LimitVersion.id))
        return {f"{self.prefix}{key}" for key in ids} & set(streams)

    def described(self, session: Session, key: int) -> dict[str, Any]:
        version = session.get_one(LimitVersion, key)
        # The caps as they stand: `describe` would lend an old version those that came later.
        return {**version.describe(), "caps": {cap.name: cap.amount for cap in version.caps}}


class Hours(_Published):
    """Streams hours/<day>, and hours/<day>/<region> for a region's own. A version is known by the
    first of its rows."""

    prefix = "hours/"
    title = "工作时间"

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        first = func.min(OfficeHours.id)
        rows = connection.execute(
            select(first, OfficeHours.region_code, OfficeHours.effective_on)
            .group_by(OfficeHours.region_code, OfficeHours.effective_on)
            .having(first > after)
            .order_by(first)
            .limit(size)
        )
        return [Head(key, self._stream(region, day)) for key, region, day in rows]

    def _stream(self, region: str, day: date) -> str:
        return HoursVersion(region, day, ()).stream

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        rows = connection.execute(select(OfficeHours.region_code, OfficeHours.effective_on))
        return {self._stream(region, day) for region, day in rows} & set(streams)

    def described(self, session: Session, key: int) -> dict[str, Any]:
        one = session.get_one(OfficeHours, key)
        rows = session.scalars(
            select(OfficeHours).where(
                OfficeHours.region_code == one.region_code,
                OfficeHours.effective_on == one.effective_on,
            )
        )
        return HoursVersion.of(rows)[0].describe()


for _keeper in (Calendars(), Limits(), Hours()):
    register(_keeper)


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="以JSON输出")
@with_appcontext
def verify_command(as_json: bool) -> None:
    """核对全部办理记录：链条、承诺、台账行、编号、触发器和附件。有问题的退出码为1。"""
    report = Report()
    listed: list[Problem] = []
    count = 0
    try:
        for problem in check_ledger(db.engine, keyring(), report):
            count += 1
            if count <= MOST:
                listed.append(problem)
                if not as_json:
                    click.echo(_words(problem))
    except SQLAlchemyError as error:
        count += 1
        broken = Problem("", None, f"数据库无法读取或尚未升级（{type(error).__name__}）")
        listed.append(broken)
        if not as_json:
            click.echo(_words(broken))
    if count > MOST:
        rest = Problem("", None, f"另有{count - MOST}个问题未列出")
        listed.append(rest)
        if not as_json:
            click.echo(_words(rest))
    appeals = report.rows.get(replay.PREFIX, 0)
    if as_json:
        found = {
            "ok": not count,
            "appeals": appeals,
            "entries": report.entries,
            "problems": [
                {"appeal": _name(one.stream), "seq": one.seq, "what": one.what} for one in listed
            ],
        }
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        result = f"发现{count}个问题。" if count else "未发现问题。"
        click.echo(f"已核对诉求{appeals}件、办理记录{report.entries}条，{result}")
    if count:
        sys.exit(1)


def _name(stream: str) -> str:
    """An appeal by its number, any other stream by its name."""
    return stream.removeprefix(replay.PREFIX)


def _words(problem: Problem) -> str:
    place = _name(problem.stream) or "全库"
    if problem.seq is not None:
        place += f" 第{problem.seq}条"
    return f"{place}：{problem.what}"
