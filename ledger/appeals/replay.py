"""An appeal's rows against what its entries tell, column by column; and its attachments on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, bindparam, inspect, select
from sqlalchemy.engine import Connection

from ..ciphers import CipherError
from ..config import Config
from ..db import Secret, config, keyring
from ..files.check import path_of, sha256_of
from ..people.models import Unit
from ..trail.act import Column, Trailed, columns_of
from ..trail.check import (
    Head,
    Keeper,
    Later,
    Problem,
    Told,
    as_moment,
    as_plain,
    check_streams,
    raw,
    register,
    snapshot,
)
from ..trail.models import ERASED, Entry, Serial
from ..trail.replay import Rows, apply_body, sets
from . import intervals, joined_queries, unit_sight
from .instructions import Instruction, InstructionUnit
from .models import Appeal, Assignment, Attachment, Deadline, ExternalOrder, Request
from .outside_parts import Conference, ConferencePoint, OutsideRecord
from .parts import Copy

PREFIX = "appeal/"

TRAILED: list[type[Trailed]] = [
    Appeal,
    Assignment,
    Deadline,
    Request,
    ExternalOrder,
    Attachment,
    Copy,
    OutsideRecord,
    Conference,
    ConferencePoint,
    Instruction,
    InstructionUnit,
]

TITLES = {
    "appeal": "诉求",
    "assignment": "交办件",
    "deadline": "时限",
    "request": "申请",
    "external_order": "外部工单",
    "attachment": "附件",
    "copy": "抄送",
    "outside_record": "对外联系记录",
    "conference": "会商",
    "conference_point": "议定事项",
    "instruction": "批示",
    "instruction_unit": "被批示单位",
}



def add_table(cls: type[Trailed], title: str) -> None:
    """Have the rows of an upper room that belong to appeals checked against their entries, too."""
    if cls not in TRAILED:
        TRAILED.append(cls)
        TITLES[cls.__trail__] = title
        _tables.cache_clear()


UNREADABLE = object()
"""Stands for a ciphertext that cannot be opened."""


@dataclass(frozen=True)
class _Table:
    """How the rows of one trailed class are read raw and made plain."""

    name: str
    table: Table
    columns: tuple[tuple[Column, str, Callable[[Any], Any] | None], ...]


@cache
def _tables() -> tuple[_Table, ...]:
    found = []
    for cls in TRAILED:
        mapper = inspect(cls)
        table = mapper.local_table
        assert isinstance(table, Table)
        columns = []
        for column in columns_of(cls):
            sql = mapper.column_attrs[column.name].columns[0]
            convert = as_plain(sql.type)
            if isinstance(sql.type, Secret):
                convert = _opener(sql.type.place)
            columns.append((column, sql.key, convert))
        found.append(_Table(cls.__trail__, table, tuple(columns)))
    return tuple(found)


def _opener(place: str) -> Callable[[Any], Any]:
    def opened(value: Any) -> Any:
        if value is None:
            return None
        try:
            return keyring().decrypt(str(value), place)
        except CipherError:
            return UNREADABLE

    return opened


class Appeals:
    """Keeps the streams appeal/<number>. See trail.check.Keeper."""

    prefix = PREFIX
    title = "诉求"

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        return self._heads(connection, Appeal.id > after, size)

    def head_of(self, connection: Connection, number: str) -> list[Head]:
        return self._heads(connection, Appeal.number == number, 1)

    @staticmethod
    def _heads(connection: Connection, which: Any, size: int) -> list[Head]:
        table = _tables()[0].table
        rows = connection.execute(
            select(*raw(table, "id", "number", "version", "head", "head_at"))
            .where(which)
            .order_by(Appeal.id)
            .limit(size)
        )
        return [
            Head(
                row.id, f"{PREFIX}{row.number}", row.version or 0, row.head, as_moment(row.head_at)
            )
            for row in rows
        ]

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        numbers = [stream.removeprefix(PREFIX) for stream in streams]
        found = connection.scalars(select(Appeal.number).where(Appeal.number.in_(numbers)))
        return {PREFIX + number for number in found}

    def compare(
        self,
        connection: Connection,
        heads: Sequence[Head],
        told: Mapping[str, Told],
        later: Later,
    ) -> Iterator[Problem]:
        standing = _standing(connection, [head.key for head in heads])
        settings = config()
        for head in heads:
            rows = standing.get(head.key, {})
            if told[head.stream].whole:
                yield from _differences(head.stream, rows, told[head.stream])
            if files := rows.get("attachment"):
                later.append(_look_at(head.stream, files, settings))

    def whole(self, connection: Connection) -> Iterator[Problem]:
        """Every number that was given out is an appeal, and every appeal's was given out; what
        units see is what they were given."""
        used: dict[tuple[int, int], bytearray] = {}
        regions: dict[tuple[int, int], str] = {}
        last = {
            (row.office_id, row.year): row.last
            for row in connection.execute(
                select(Serial.office_id, Serial.year, Serial.last).where(Serial.kind == "appeal")
            )
        }
        # Which office gave the number out stands in the ink; the row's own may have moved on.
        numbers = connection.execution_options(yield_per=1000).execute(
            select(Appeal.number, Appeal.office_id, Entry.payload).outerjoin(
                Entry, (Entry.stream == PREFIX + Appeal.number) & (Entry.seq == 1)
            )
        )
        for number, office_id, payload in numbers:
            region, _, rest = str(number).partition("-")
            year, _, count = rest.partition("-")
            if not (year.isdecimal() and count.isdecimal()):
                yield Problem(f"{PREFIX}{number}", None, "编号不合规则")
                continue
            which = (_office_in(payload, office_id), int(year))
            regions[which] = region
            most = last.get(which, 0)
            if not 0 < int(count) <= most:
                what = f"编号超出发号登记：该办公室{year}年只发到第{most}号"
                yield Problem(f"{PREFIX}{number}", None, what)
                continue
            used.setdefault(which, bytearray(most + 1))[int(count)] = 1
        for which, most in sorted(last.items()):
            region = regions.get(which) or _region_of(connection, which[0])
            yield from _missing(used.get(which, bytearray(most + 1)), most, region, which[1])
        for number in unit_sight.wrong(connection):
            what = "承办单位的可见范围与交办件不一致，请用 ledger reindex 重建"
            yield Problem(f"{PREFIX}{number}", None, what)
        for number in intervals.askew(connection):
            what = "统计用的状态区间与诉求不一致，请用 ledger rebuild-intervals 重建"
            yield Problem(f"{PREFIX}{number}", None, what)
        for number, what in joined_queries.wrong(connection):
            yield Problem(f"{PREFIX}{number}", None, what)


def _office_in(payload: Any, office_id: int) -> int:
    try:
        return int(json.loads(payload)["set"]["appeal"][""]["office_id"])
    except (TypeError, ValueError, KeyError):
        return office_id


def _region_of(connection: Connection, office_id: int) -> str:
    found = connection.scalar(select(Unit.region_code).where(Unit.id == office_id))
    return found or ""


def _missing(used: bytearray, most: int, region: str, year: int) -> Iterator[Problem]:
    count = 1
    while count <= most:
        gap = used.find(0, count)
        if gap == -1:
            return
        end = used.find(1, gap)
        end = most + 1 if end == -1 else end
        first = f"{region}-{year}-{gap:06d}"
        what = "已发出的编号没有对应的诉求"
        if end - gap > 1:
            what = f"已发出的编号没有对应的诉求：第{gap}至{end - 1}号共{end - gap}件"
        yield Problem(PREFIX + first, None, what)
        count = end


Standing = dict[str, dict[str, dict[str, Any]]]


def _standing(connection: Connection, ids: Sequence[int]) -> dict[int, Standing]:
    """The rows of these appeals, plain, in the shape of a replay."""
    found: dict[int, Standing] = {}
    if not ids:
        return found
    for one in _tables():
        owner = "id" if one.name == "appeal" else "appeal_id"
        sql = {column.key: column for column in raw(one.table)}
        wanted = [sql["id"].label("row_id"), sql[owner].label("owner_id")]
        query = select(*wanted, *(sql[key] for _, key, _ in one.columns)).where(
            one.table.c[owner].in_(bindparam("ids", expanding=True))
        )
        for row_id, owner_id, *values in connection.execute(query, {"ids": list(ids)}):
            key = "" if one.name == "appeal" else str(row_id)
            found.setdefault(owner_id, {}).setdefault(one.name, {})[key] = {
                column.name: value if convert is None else convert(value)
                for (column, _, convert), value in zip(one.columns, values, strict=True)
            }
    return found


def replayed(told: Told) -> Rows:
    rows: Rows = {}
    for line in told.lines:
        assert line.body is not None
        apply_body(rows, line.body, line.words)
    return rows


def _differences(stream: str, standing: Standing, told: Told) -> Iterator[Problem]:
    try:
        rows = replayed(told)
    except (TypeError, ValueError, AttributeError):
        yield Problem(stream, None, "办理记录无法重演")
        return
    for table in sorted(rows.keys() - TITLES.keys()):
        yield Problem(stream, None, f"记录中有不认识的台账表“{table}”")
    for one in _tables():
        mine, theirs = standing.get(one.name, {}), rows.get(one.name, {})
        for key in sorted(mine.keys() | theirs.keys()):
            what = f"{TITLES[one.name]}{key}"
            if key not in theirs:
                yield Problem(stream, None, f"多出办理记录中没有的{what}")
            elif key not in mine:
                seq = _set_by(told, one.name, key)
                yield Problem(stream, seq, f"办理记录中的{what}不在台账中")
            else:
                yield from _unequal(stream, told, one, key, mine[key], theirs[key])


def _unequal(
    stream: str,
    told: Told,
    one: _Table,
    key: str,
    mine: Mapping[str, Any],
    theirs: Mapping[str, Any],
) -> Iterator[Problem]:
    if _said(mine) == _said(theirs):
        return
    what = f"{TITLES[one.name]}{key}"
    for column, _, _ in one.columns:
        here, there = mine[column.name], theirs.get(column.name)
        if here is UNREADABLE:
            yield Problem(
                stream,
                _set_by(told, one.name, key, column.name),
                f"{what}的“{column.name}”无法解密：密文被改动，或密钥不在 LEDGER_FIELD_KEY 中",
            )
        elif type(here) is not type(there) or here != there:
            seq = _set_by(told, one.name, key, column.name)
            yield Problem(stream, seq, f"{what}的“{column.name}”与办理记录不一致")
    known = {column.name for column, _, _ in one.columns}
    for name in sorted(theirs.keys() - known):
        seq = _set_by(told, one.name, key, name)
        yield Problem(stream, seq, f"记录中有台账没有的栏目：{what}的“{name}”")


def _said(columns: Mapping[str, Any]) -> dict[str, Any]:
    """An entry is silent about what is NULL in a new row."""
    return {name: value for name, value in columns.items() if value is not None}


def _set_by(told: Told, table: str, key: str, column: str | None = None) -> int | None:
    """The last entry that set it."""
    for line in reversed(told.lines):
        for where in sets(line.body or {}):
            if where[:2] == (table, key) and column in (None, where[2]):
                return line.seq
    return None


def _look_at(
    stream: str, files: Mapping[str, Mapping[str, Any]], settings: Config
) -> Callable[[], Iterator[Problem]]:
    def look() -> Iterator[Problem]:
        for key, row in files.items():
            what = _wrong_on_disk(row, settings.attachments_dir)
            if what:
                yield Problem(stream, row.get("entry_seq"), f"附件{key}{what}")

    return look


def _wrong_on_disk(row: Mapping[str, Any], directory: Path) -> str:
    name = row.get("stored_name")
    if not name or name == ERASED:
        return ""
    try:
        size = os.stat(path_of(str(name), directory)).st_size
        digest = sha256_of(str(name), directory)
    except FileNotFoundError:
        return "的文件不在磁盘上"
    except (OSError, ValueError):
        return "的文件无法读取"
    if size != row.get("size"):
        return f"的文件大小已变：应为{row.get('size')}字节，现为{size}字节"
    if digest != row.get("sha256"):
        return "的文件内容被改动：指纹不符"
    return ""


KEEPER: Keeper = Appeals()
register(KEEPER)


def check_appeal(engine: Engine, number: str) -> list[Problem]:
    """What is wrong with one appeal; raises LookupError where there is none."""
    later: Later = []
    with snapshot(engine) as connection:
        heads = Appeals().head_of(connection, number)
        if not heads:
            raise LookupError(number)
        found = list(check_streams(connection, KEEPER, heads, keyring(), later))
    for look in later:
        found += look()
    return found
