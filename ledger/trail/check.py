"""Checking the trail: every chain, every text behind a commitment, every row against its ink.

Reads only, chunk by chunk, each chunk in one snapshot of its own, so that a ledger in use can be
checked and memory does not grow with it. Values are read raw, as the driver gives them: a damaged
cell is a finding, never an exception.

A room whose rows head streams registers a Keeper here; imports only look down.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import Boolean, ColumnElement, Date, Engine, Row, Table, select, type_coerce
from sqlalchemy.engine import Connection
from sqlalchemy.types import NullType

from ..ciphers import CipherError, Keyring, commit
from ..db import Moment
from . import triggers
from .canonical import ALGORITHM, FIELDS, canonical, first_prev, moment_text, plain_hash, quick
from .models import ERASED, Entry, EntryText, Identity
from .replay import FORMS

CHUNK = 200
"""Streams read in one snapshot."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, in Chinese. `stream` is '' and `seq` None where it is in no one place."""

    stream: str
    seq: int | None
    what: str


@dataclass(frozen=True)
class Head:
    """A row at the head of a stream. `version` is None where the row counts no entries."""

    key: int
    stream: str
    version: int | None = None
    head: str | None = None
    head_at: str | None = None


@dataclass(frozen=True)
class Line:
    """An entry as found. `body` is None where the payload cannot be read, or not by this release.

    `words` are the texts behind its commitments by place, 〔已依法删除〕 for what was erased.
    """

    seq: int
    verb: str
    form: Any
    body: Mapping[str, Any] | None
    words: Mapping[str, str]


@dataclass
class Told:
    """What the entries of one stream tell. `whole`: they can be replayed."""

    lines: list[Line] = field(default_factory=list)
    whole: bool = True


Later = list[Callable[[], Iterable[Problem]]]
"""What needs no database and may take long (files on disk): done when the snapshot is over."""


class Keeper(Protocol):
    """The streams of one kind, kept by the room that owns their rows."""

    prefix: str
    """"appeal/": what the names of its streams begin with."""
    title: str
    """What the screen calls such a row."""

    def heads(self, connection: Connection, after: int, size: int) -> list[Head]:
        """The next rows by key."""

    def with_rows(self, connection: Connection, streams: Sequence[str]) -> set[str]:
        """Those of the streams that have a row."""

    def compare(
        self,
        connection: Connection,
        heads: Sequence[Head],
        told: Mapping[str, Told],
        later: Later,
    ) -> Iterator[Problem]:
        """The rows of these streams against what their entries tell."""

    def whole(self, connection: Connection) -> Iterator[Problem]:
        """What concerns all of its rows together, in one snapshot."""


_keepers: dict[str, Keeper] = {}


def register(keeper: Keeper) -> None:
    """Have a kind of stream checked against its rows; called when the room is imported."""
    _keepers[keeper.prefix] = keeper


@dataclass
class Report:
    """Grows while the checking goes on."""

    rows: dict[str, int] = field(default_factory=dict)
    """Heads of streams checked, by prefix."""
    entries: int = 0


def check_ledger(engine: Engine, ring: Keyring, report: Report) -> Iterator[Problem]:
    """Everything that is wrong with the ledger, as it is found."""
    with snapshot(engine) as connection:
        for name in triggers.missing(connection):
            yield Problem("", None, f"防改触发器“{name}”缺失、被停用或被改动")
        identity = list(connection.scalars(select(Identity.ledger_id).order_by(Identity.id)))
    if not identity:
        yield Problem("", None, "账本标识缺失：尚未执行 ledger db upgrade，或标识被删除")
        return
    reader = _Reader(identity[0], ring, report)
    for keeper in _keepers.values():
        yield from _check_rows(engine, keeper, reader)
        with snapshot(engine) as connection:
            yield from keeper.whole(connection)
    yield from _check_rowless(engine, reader)


def check_streams(
    connection: Connection, keeper: Keeper, heads: Sequence[Head], ring: Keyring, later: Later
) -> Iterator[Problem]:
    """The same for a few streams, in the caller's own transaction."""
    identity = connection.scalars(select(Identity.ledger_id).order_by(Identity.id)).first()
    reader = _Reader(identity or "", ring, Report())
    yield from _check_heads(connection, keeper, heads, reader, later)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that reads the ledger as it is at one moment, and writes nothing."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


def _check_rows(engine: Engine, keeper: Keeper, reader: _Reader) -> Iterator[Problem]:
    after = 0
    while True:
        later: Later = []
        with snapshot(engine) as connection:
            heads = keeper.heads(connection, after, CHUNK)
            yield from _check_heads(connection, keeper, heads, reader, later)
        for look in later:
            yield from look()
        reader.report.rows[keeper.prefix] = reader.report.rows.get(keeper.prefix, 0) + len(heads)
        if len(heads) < CHUNK:
            return
        after = heads[-1].key


def _check_heads(
    connection: Connection,
    keeper: Keeper,
    heads: Sequence[Head],
    reader: _Reader,
    later: Later,
) -> Iterator[Problem]:
    told, problems = reader.read(connection, [head.stream for head in heads])
    for head in heads:
        yield from problems[head.stream]
        yield from _check_tail(head, told[head.stream], reader.last.get(head.stream), keeper.title)
    yield from keeper.compare(connection, heads, told, later)


def _check_tail(
    head: Head, told: Told, last: tuple[str, Any] | None, title: str
) -> Iterator[Problem]:
    found = told.lines[-1].seq if told.lines else 0
    if not found:
        told.whole = False
        yield Problem(head.stream, None, f"{title}没有任何办理记录，应有{head.version or 1}条")
        return
    if head.version is None:
        return
    if not isinstance(head.version, int) or head.version < found:
        what = f"办理记录到第{found}条，{title}行上只记为{head.version}条"
        yield Problem(head.stream, found, what)
    elif head.version > found:
        told.whole = False
        what = f"末尾被截断：应有{head.version}条办理记录，只到第{found}条"
        yield Problem(head.stream, found + 1, what)
    elif last is not None and head.head != last[0]:
        yield Problem(head.stream, found, f"{title}行上的链头指纹与最后一条记录不符")
    elif last is not None and head.head_at != last[1]:
        yield Problem(head.stream, found, f"{title}行上的最后办理时间与最后一条记录不符")


def _check_rowless(engine: Engine, reader: _Reader) -> Iterator[Problem]:
    """Streams whose row is gone, and streams of a kind that nobody keeps."""
    after = ""
    while True:
        with snapshot(engine) as connection:
            streams = list(
                connection.scalars(
                    select(Entry.stream)
                    .where(Entry.stream > after)
                    .distinct()
                    .order_by(Entry.stream)
                    .limit(CHUNK)
                )
            )
            lone = []
            for prefix, keeper in _keepers.items():
                mine = [stream for stream in streams if stream.startswith(prefix)]
                kept = keeper.with_rows(connection, mine) if mine else set()
                lone += [(stream, keeper.title) for stream in mine if stream not in kept]
            lone += [(stream, "") for stream in streams if not stream.startswith(tuple(_keepers))]
            _, problems = reader.read(connection, [stream for stream, _ in lone])
        for stream, title in sorted(lone):
            yield from problems[stream]
            what = f"有办理记录，但没有对应的{title}行" if title else "不认识的记录流"
            yield Problem(stream, None, what)
        if len(streams) < CHUNK:
            return
        after = streams[-1]


# -- reading raw -------------------------------------------------------------------------------


def raw(table: Table, *names: str) -> list[ColumnElement[Any]]:
    """Columns as the driver gives them; all of the table's where none is named."""
    return [
        type_coerce(column, NullType()).label(column.key)
        for column in table.columns
        if not names or column.key in names
    ]


def as_moment(value: Any) -> Any:
    """A raw moment in its canonical text; what is none is given back as it is."""
    if isinstance(value, str) and len(value) == 26:
        return f"{value[:10]}T{value[11:]}Z"
    if isinstance(value, datetime):
        return moment_text(value) if value.tzinfo is not None else str(value)
    return value


def as_plain(kind: object) -> Callable[[Any], Any] | None:
    """From raw values of a column of this SQL type to what a payload holds; None: as they are."""
    if isinstance(kind, Moment):
        return as_moment
    if isinstance(kind, Boolean):
        # SQLite knows no other truth than 0 and 1.
        return lambda value: bool(value) if value in (0, 1) else value
    if isinstance(kind, Date):
        return lambda value: value.isoformat() if isinstance(value, date) else value
    return None


class _Reader:
    """Reads chunks of streams, and says what is wrong with each by itself."""

    def __init__(self, ledger_id: str, ring: Keyring, report: Report) -> None:
        self.ledger_id = ledger_id
        self.ring = ring
        self.report = report
        self.last: dict[str, tuple[str, Any]] = {}
        """Hash and moment of each stream's last entry, of the chunk last read."""
        table = Entry.__table__
        assert isinstance(table, Table)
        self._entry = raw(table, "id", *FIELDS, "hash")

    def read(
        self, connection: Connection, streams: Sequence[str]
    ) -> tuple[dict[str, Told], dict[str, list[Problem]]]:
        told = {stream: Told() for stream in streams}
        problems: dict[str, list[Problem]] = {stream: [] for stream in streams}
        self.last = {}
        if not streams:
            return told, problems
        mine = Entry.stream.in_(streams)
        texts: dict[int, list[Any]] = {}
        for text in connection.execute(
            select(
                EntryText.entry_id,
                EntryText.place,
                EntryText.salt,
                EntryText.body,
                EntryText.sealed,
                EntryText.erased_by,
            )
            .join(Entry, Entry.id == EntryText.entry_id)
            .where(mine)
        ):
            texts.setdefault(text.entry_id, []).append(text)
        rows: dict[str, list[Row[Any]]] = {stream: [] for stream in streams}
        for row in connection.execute(
            select(*self._entry).where(mine).order_by(Entry.stream, Entry.seq, Entry.id)
        ):
            rows[row.stream].append(row)
        for stream, found in rows.items():
            self.report.entries += len(found)
            problems[stream] += self._check(stream, found, texts, told[stream])
        return told, problems

    def _check(
        self,
        stream: str,
        rows: Sequence[Row[Any]],
        texts: Mapping[int, list[Any]],
        told: Told,
    ) -> Iterator[Problem]:
        bodies = [_body(row) for row in rows]
        erased = _erased(rows, bodies)
        seen: set[tuple[int, str]] = set()
        prev = first_prev(self.ledger_id, stream)
        expected, at = 1, ""
        for row, body in zip(rows, bodies, strict=True):
            seq = row.seq
            if not isinstance(seq, int) or seq < expected:
                told.whole = False
                yield Problem(stream, None, f"记录序号重复或不是正整数：{seq!r}")
                continue
            if seq > expected:
                told.whole = False
                yield _gap(stream, expected, seq - 1)
            moment = as_moment(row.at)
            yield from self._check_entry(stream, row, moment, body)
            if seq == expected and row.prev != prev:
                yield Problem(stream, seq, "与前一条记录衔接不上：顺序被改动，或前一条被替换")
            if isinstance(moment, str) and at and moment <= at:
                yield Problem(stream, seq, "记录时间不晚于前一条")
            at = moment if isinstance(moment, str) else at
            prev, expected = row.hash, seq + 1
            self.last[stream] = (row.hash, moment)
            words: dict[str, str] = {}
            yield from self._check_texts(stream, seq, body, texts.get(row.id, ()), erased, words)
            seen.update((seq, text.place) for text in texts.get(row.id, ()))
            if body is None:
                told.whole = False
            told.lines.append(Line(seq, row.verb, row.form, body, words))
        for (seq, place), by in erased.items():
            if (seq, place) not in seen:
                yield Problem(stream, by, f"依法删除所指的第{seq}条“{place}”不存在")

    def _check_entry(
        self, stream: str, row: Row[Any], moment: Any, body: Mapping[str, Any] | None
    ) -> Iterator[Problem]:
        if row.form not in FORMS or row.algorithm != ALGORITHM:
            what = f"记录格式“{row.form}”或算法“{row.algorithm}”不是本版本所认识的"
            yield Problem(stream, row.seq, what)
            return
        fields = {name: getattr(row, name) for name in FIELDS}
        fields["at"] = moment
        fields["happened_at"] = as_moment(row.happened_at)
        try:
            sound = plain_hash(fields) == row.hash
        except (TypeError, ValueError):
            sound = False
        if not sound:
            yield Problem(stream, row.seq, "记录内容被改动：指纹不符")
        if body is None:
            yield Problem(stream, row.seq, "记录的正文无法读取")
        elif not _is_canonical(row.payload, body):
            yield Problem(stream, row.seq, "记录的正文不是规范格式")

    def _check_texts(
        self,
        stream: str,
        seq: int,
        body: Mapping[str, Any] | None,
        texts: Iterable[Row[Any]],
        erased: Mapping[tuple[int, str], int],
        words: dict[str, str],
    ) -> Iterator[Problem]:
        """Fills `words`. A text that cannot be had is left out."""
        if body is None:
            return
        promised: Mapping[str, Any] = body.get("texts", {})
        found = {text.place: text for text in texts}
        for place in sorted(found.keys() - promised.keys()):
            yield Problem(stream, seq, f"多出一段记录中没有的文字：“{place}”")
        for place, commitment in promised.items():
            text = found.get(place)
            order = erased.get((seq, place))
            if text is None or (text.body is None and text.sealed is None):
                words[place] = ERASED
                if order is None:
                    yield Problem(stream, seq, f"“{place}”的文字缺失，也没有依法删除的记录")
                elif text is not None and text.erased_by != order:
                    yield Problem(stream, seq, f"“{place}”所记的删除依据不是第{order}条")
                continue
            if order is not None:
                yield Problem(stream, seq, f"“{place}”已由第{order}条依法删除，文字却还在")
            try:
                words[place], salt = self._open(place, text)
            except CipherError:
                yield Problem(
                    stream,
                    seq,
                    f"“{place}”的文字无法解密：密文被改动，或密钥不在 LEDGER_FIELD_KEY 中",
                )
                continue
            try:
                sound = commit(words[place], bytes.fromhex(salt)) == commitment
            except (TypeError, ValueError, AttributeError):
                sound = False
            if not sound:
                yield Problem(stream, seq, f"“{place}”的文字被改动：与记录中的承诺值不符")

    def _open(self, place: str, text: Row[Any]) -> tuple[str, str]:
        if text.sealed is None:
            return text.body, text.salt
        return (
            self.ring.decrypt(str(text.sealed), f"entry_text.{place}"),
            self.ring.decrypt(str(text.salt), f"entry_text.{place}.salt"),
        )


def _body(row: Row[Any]) -> Mapping[str, Any] | None:
    """The payload, if it has the shape that its form's replay takes."""
    if row.form not in FORMS:
        return None
    try:
        body = json.loads(row.payload)
        shaped = (
            isinstance(body, dict)
            and all(isinstance(body.get(part, {}), dict) for part in ("set", "texts", "data"))
            and all(
                isinstance(columns, dict)
                for rows in body.get("set", {}).values()
                for columns in rows.values()
            )
        )
    except (TypeError, ValueError, AttributeError, RecursionError):
        return None
    return body if shaped else None


def _is_canonical(payload: str, body: Mapping[str, Any]) -> bool:
    if quick(body) == payload:
        return True
    try:
        return canonical(body) == payload
    except (TypeError, ValueError):
        return False


def _erased(
    rows: Sequence[Row[Any]], bodies: Sequence[Mapping[str, Any] | None]
) -> dict[tuple[int, str], int]:
    """(seq, place) → the seq of the entry that orders its erasure."""
    found: dict[tuple[int, str], int] = {}
    for row, body in zip(rows, bodies, strict=True):
        if row.verb != "erase" or body is None:
            continue
        named = body.get("data", {}).get("erases", [])
        for one in named if isinstance(named, list) else []:
            if isinstance(one, dict) and isinstance(one.get("seq"), int) and one["seq"] < row.seq:
                found.setdefault((one["seq"], str(one.get("place"))), row.seq)
    return found


def _gap(stream: str, first: int, last: int) -> Problem:
    which = f"第{first}条" if first == last else f"第{first}至{last}条"
    return Problem(stream, first, f"缺少{which}办理记录")
