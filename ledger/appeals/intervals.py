"""How an appeal stood, stretch by stretch: what figures as of a moment are counted from.

A row says how it stood from one entry that changed anything counted until the next; entries that
are counted themselves (a call-back, an attempt) begin one too. What stood at a moment is then a
range of an index, and what happened in a period another: nothing is replayed, and what is asked
again next year has the same answer.

Written in the commit of the entry, by one statement, and equal to what the entries say:
`told` makes the same rows from them alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import click
from flask.cli import with_appcontext
from sqlalchemy import (
    Boolean,
    Connection,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    inspect,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.orm.attributes import get_history

from ..config import SHANGHAI
from ..db import Base, Id, code, db, is_sqlite, writing
from ..prepared import tell
from ..trail.bulk import insert_rows
from ..trail.models import Entry
from ..trail.rows import UNREAD
from . import lifecycle
from .standing import NEVER, Given, Running, Standing

if TYPE_CHECKING:
    from ..trail.act import Act
    from .record import AppealRecord

VOID = "void"
"""The state of what was withdrawn as registered in error (登记作废): counted nowhere but there."""

EVENTS = frozenset({"call_back", "attempt", "ask_return", "count_stated"})
"""Verbs that are counted though they may change nothing else here."""

_TELLING = (
    "state",
    "end_reason",
    "round",
    "office_id",
    "region_code",
    "lead_unit_id",
    "kind",
    "category_id",
    "channel",
    "urgency",
    "white_list",
    "opening",
    "excluded",
    "master_id",
    "due_at",
)
"""Columns of the appeal that a stretch is about."""

_INKED = tuple(name for name in _TELLING if name != "due_at")
BATCH = 500
_WAITING = "intervals_waiting"


class AppealInterval(Base):
    """How an appeal stood from one moment (included) to another (not included)."""

    __tablename__ = "appeal_interval"
    __table_args__ = (
        Index("ix_appeal_interval_from", "from_at", "appeal_id"),
        # What is in hand is few of many, whatever was closed; what was ended is told apart.
        Index(
            "ix_appeal_interval_open",
            "to_at",
            "from_at",
            "due_at",
            "appeal_id",
            sqlite_where=text("is_open IS 1"),
            postgresql_where=text("is_open IS true"),
        ),
        Index(
            "ix_appeal_interval_ended",
            "to_at",
            "from_at",
            "state",
            "opening",
            "excluded",
            "appeal_id",
            sqlite_where=text("is_open IS 0"),
            postgresql_where=text("is_open IS false"),
        ),
        Index(
            "ix_appeal_interval_excluded",
            "to_at",
            "from_at",
            "appeal_id",
            sqlite_where=text("excluded IS 1"),
            postgresql_where=text("excluded IS true"),
        ),
        {"sqlite_with_rowid": False},
    )

    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeal.id"), primary_key=True)
    from_at: Mapped[datetime] = mapped_column(primary_key=True)
    to_at: Mapped[datetime]
    """NEVER where it still stands so."""
    seq: Mapped[int] = mapped_column(Integer)
    """The entry that began it."""
    verb: Mapped[code]
    came_from: Mapped[code]
    """The state before that entry; '' for the first."""
    state: Mapped[code]
    is_open: Mapped[bool] = mapped_column(Boolean)
    round: Mapped[int] = mapped_column(Integer)
    office_id: Mapped[int] = mapped_column(Id)
    region_code: Mapped[str] = mapped_column(String(12))
    lead_unit_id: Mapped[int | None] = mapped_column(Id)
    kind: Mapped[code]
    category_id: Mapped[int | None] = mapped_column(Id)
    channel: Mapped[code]
    urgency: Mapped[code]
    white_list: Mapped[bool] = mapped_column(Boolean)
    opening: Mapped[bool] = mapped_column(Boolean)
    excluded: Mapped[bool] = mapped_column(Boolean)
    master_id: Mapped[int | None] = mapped_column(Id)
    """Of what is handled with another: the matter it belongs to."""
    due_at: Mapped[datetime]
    contacted: Mapped[bool | None] = mapped_column(Boolean)
    """Of a call-back, as are the next two."""
    solved: Mapped[code] = mapped_column(default="")
    satisfaction: Mapped[code] = mapped_column(default="")
    on_time: Mapped[bool | None] = mapped_column(Boolean)
    """Of a review, and of a stated time that was accepted, as is the next."""
    on_time_original: Mapped[bool | None] = mapped_column(Boolean)
    handed_on: Mapped[date | None]
    """Of a review: the days of the hand-off and of the answer that it let pass."""
    answered_on: Mapped[date | None]


TABLE = cast(Table, AppealInterval.__table__)
COLUMNS = tuple(column.name for column in TABLE.columns)
Row_ = dict[str, Any]
_JUDGED = ("on_time", "on_time_original")


def is_due(appeal: AppealRecord) -> bool:
    """Whether anything counted is about to change. Asked before the flush, when the derived
    columns are settled."""
    state = inspect(appeal)
    if state.pending:
        return True
    if state.transient:  # it is being gathered, and keeps no history
        return appeal.counted_as != _counted(appeal)
    return any(
        get_history(appeal, name, UNREAD).has_changes()
        for name in _TELLING
        if name not in state.unmodified
    )


def _counted(appeal: Any) -> tuple[Any, ...]:
    return tuple(getattr(appeal, name) for name in _TELLING)


def keep(appeal: AppealRecord, act: Act, seq: int, at: datetime) -> None:
    """Begin a stretch with the entry that was just written."""
    row = _row(appeal, act.verb, act.from_state, act.data) | {
        "appeal_id": appeal.id,
        "seq": seq,
        "from_at": at,
        "to_at": NEVER,
    }
    waiting: dict[int, list[Row_]] | None = db.session().info.get(_WAITING)
    if waiting is not None:
        appeal.counted_as = _counted(appeal)
        mine = waiting.setdefault(appeal.id, [])
        if mine:
            mine[-1]["to_at"] = at
        mine.append(row)
        return
    said = {f"new_{name}": value for name, value in row.items()}
    connection = db.session.connection()
    on_sqlite = is_sqlite()
    if act.from_state:
        tell(connection, "interval's next", said, lambda: _next(on_sqlite))
    else:
        tell(connection, "interval's first", said, lambda: insert(TABLE).values(_bound()))


def _bound() -> dict[str, Any]:
    return {name: bindparam(f"new_{name}", type_=TABLE.c[name].type) for name in COLUMNS}


def _next(on_sqlite: bool) -> Any:
    """One statement that ends the stretch which stands and begins the next: the former is found,
    and put in its own place with its end."""
    new = _bound()
    ended = [new["from_at"].label("to_at") if c.name == "to_at" else c for c in TABLE.columns]
    former = select(*ended).where(
        TABLE.c.appeal_id == new["appeal_id"], TABLE.c.to_at == new["to_at"]
    )
    # With a condition, so that SQLite does not take ON CONFLICT for a join's ON.
    begun = select(*(new[name].label(name) for name in COLUMNS)).where(new["seq"] > 0)
    insert_: Any = sqlite.insert(TABLE) if on_sqlite else postgresql.insert(TABLE)
    insert_ = insert_.from_select(COLUMNS, union_all(former, begun))
    return insert_.on_conflict_do_update(
        index_elements=["appeal_id", "from_at"], set_={"to_at": insert_.excluded.to_at}
    )


def _row(standing: Any, verb: str, came_from: str, data: Mapping[str, Any]) -> Row_:
    """How it stands after an entry, and what that entry tells besides."""
    row: Row_ = {name: getattr(standing, name) for name in _TELLING if name != "end_reason"}
    state = VOID if standing.state == "withdrawn" and standing.end_reason == VOID else row["state"]
    called, reviewed = verb == "call_back", verb == "review"
    judged = reviewed or verb == "count_stated"
    row |= {
        "verb": verb,
        "came_from": came_from,
        "state": state,
        "is_open": state in lifecycle.OPEN,
        "contacted": data.get("contacted") if called else None,
        "solved": str(data.get("solved") or "") if called else "",
        "satisfaction": str(data.get("satisfaction") or "") if called else "",
        **{name: getattr(standing, name) if judged else None for name in _JUDGED},
        "handed_on": _day(standing.assigned_at) if reviewed else None,
        "answered_on": _day(standing.answered_at) if reviewed else None,
    }
    return row


def _day(at: datetime | None) -> date | None:
    return None if at is None else at.astimezone(SHANGHAI).date()


@contextmanager
def together() -> Iterator[None]:
    """Stretches of appeals that are gathered (trail.bulk) are written on leaving."""
    info = db.session().info
    waiting: dict[int, list[Row_]] = {}
    info[_WAITING] = waiting
    try:
        yield
    finally:
        info.pop(_WAITING)
    _write(db.session.connection(), (row for rows in waiting.values() for row in rows))


def _write(connection: Connection, rows: Iterable[Row_]) -> None:
    insert_rows(connection, TABLE, COLUMNS, [tuple(row[name] for name in COLUMNS) for row in rows])


# -- from the entries alone --------------------------------------------------------------------


class _Assignment(SimpleNamespace, Given):
    pass


class _Clock(SimpleNamespace, Running):
    pass


class _Then(Standing[Any, Any]):
    """An appeal as its entries so far say that it stood."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"appeal": {"": {}}}
        self.assignments: list[_Assignment] = []
        self.deadlines: list[_Clock] = []
        self.handled_with_id = None
        vars(self).update(dict.fromkeys([*_INKED, *_JUDGED, *_SAID]))
        self.due_at = NEVER

    def hear(self, body: Mapping[str, Any]) -> None:
        heard = body.get("set", {})
        for table in ("appeal", "assignment", "deadline"):
            mine = self.rows.setdefault(table, {})
            for key, columns in heard.get(table, {}).items():
                mine.setdefault(key, {}).update(columns)
        own = self.rows["appeal"][""]
        vars(self).update({name: own[name] for name in (*_INKED, *_JUDGED) if name in own})
        vars(self).update({name: _moment(own.get(name)) for name in _SAID})
        if "assignment" in heard or "deadline" in heard:
            self._hand_on()

    def _hand_on(self) -> None:
        self.assignments = [
            _Assignment(id=int(key), **{**row, "assigned_at": _moment(row["assigned_at"])})
            for key, row in sorted(self.rows["assignment"].items(), key=lambda one: int(one[0]))
        ]
        given = {one.id: one for one in self.assignments}
        self.deadlines = [
            _Clock(
                stage=row["stage"],
                due_at=_moment(row["due_at"]),
                ended_at=row.get("ended_at"),
                assignment=given.get(row.get("assignment_id") or 0),
            )
            for _, row in sorted(self.rows["deadline"].items(), key=lambda one: int(one[0]))
        ]


_SAID = ("assigned_at", "answered_at")


def _moment(said: str | None) -> Any:
    return None if said is None else datetime.fromisoformat(said)


@dataclass(frozen=True)
class _Line:
    """An entry as far as it is counted."""

    seq: int
    at: datetime
    verb: str
    from_state: str
    body: Mapping[str, Any]


SUBMIT = timedelta(milliseconds=1)
"""Entries of one submit stand microseconds apart, on a master and on what follows it."""


class _Courses:
    """What entries tell of appeals, some at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dues: dict[int, list[tuple[datetime, datetime]]] = {}

    def of(self, ids: Sequence[int]) -> dict[int, list[Row_]]:
        lines = self._lines(ids)
        return {key: [row for _, row in self._course(key, lines[key]) if row] for key in ids}

    def _lines(self, ids: Sequence[int]) -> dict[int, list[_Line]]:
        from .models import Appeal

        streams = {
            f"appeal/{number}": key
            for key, number in self._connection.execute(
                select(Appeal.id, Appeal.number).where(Appeal.id.in_(ids))
            )
        }
        found: dict[int, list[_Line]] = {key: [] for key in ids}
        for row in self._connection.execute(
            select(Entry.stream, Entry.seq, Entry.at, Entry.verb, Entry.from_state, Entry.payload)
            .where(Entry.stream.in_(streams))
            .order_by(Entry.stream, Entry.seq)
        ):
            line = _Line(row.seq, row.at, row.verb, row.from_state, json.loads(row.payload))
            found[streams[row.stream]].append(line)
        return found

    def _course(
        self, appeal_id: int, lines: Iterable[_Line]
    ) -> Iterator[tuple[_Then, Row_ | None]]:
        """After each entry how it stood, and the stretch that began with it, if one did."""
        then, counted = _Then(), None
        last: Row_ | None = None
        for line in lines:
            then.hear(line.body)
            then.due_at = self._due(then, line.at)
            if counted == (counted := _counted(then)) and line.verb not in EVENTS:
                yield then, None
                continue
            if last is not None:
                last["to_at"] = line.at
            last = _row(then, line.verb, line.from_state, line.body.get("data", {})) | {
                "appeal_id": appeal_id,
                "seq": line.seq,
                "from_at": line.at,
                "to_at": NEVER,
            }
            yield then, last

    def _due(self, then: _Then, at: datetime) -> datetime:
        if then.state != "joined":
            clock = then.main_clock()
            return NEVER if clock is None else clock.due_at
        master: int = then.master_id
        if master not in self._dues:
            lines = self._lines([master])[master]
            course = self._course(master, lines)
            self._dues[master] = [
                (line.at, stood.due_at) for line, (stood, _) in zip(lines, course, strict=True)
            ]
        before = [due for since, due in self._dues[master] if since <= at + SUBMIT]
        return before[-1] if before else NEVER


def told(connection: Connection, ids: Sequence[int]) -> dict[int, list[Row_]]:
    """What the entries of these appeals say that stands here of them."""
    return _Courses(connection).of(ids)


def wrong(connection: Connection) -> Iterator[str]:
    """The numbers of appeals of which something else stands here than their entries say."""
    from .models import Appeal

    for ids in _batches(connection):
        said = told(connection, ids)
        kept: dict[int, list[Row_]] = {key: [] for key in ids}
        for row in connection.execute(
            select(TABLE).where(TABLE.c.appeal_id.in_(ids)).order_by(*TABLE.primary_key)
        ).mappings():
            kept[row["appeal_id"]].append(dict(row))
        for key in ids:
            if said[key] != kept[key]:
                yield connection.scalar(select(Appeal.number).where(Appeal.id == key)) or ""


def askew(connection: Connection) -> Iterator[str]:
    """The same, as far as it shows without reading every entry: how each stands now, and that one
    stretch begins where the one before it ended."""
    from .models import Appeal

    own = TABLE.alias("own")
    same = [
        TABLE.c[name].is_not_distinct_from(getattr(Appeal, name))
        for name in _TELLING
        if name not in ("state", "end_reason")
    ]
    stands = select(TABLE.c.appeal_id).where(
        TABLE.c.appeal_id == Appeal.id,
        TABLE.c.to_at == NEVER,
        TABLE.c.is_open == Appeal.is_open,
        or_(
            TABLE.c.state == Appeal.state,
            and_(TABLE.c.state == VOID, Appeal.state == "withdrawn", Appeal.end_reason == VOID),
        ),
        *same,
    )
    follows = select(TABLE.c.appeal_id).where(
        TABLE.c.appeal_id == own.c.appeal_id, TABLE.c.from_at == own.c.to_at
    )
    lone = select(own.c.appeal_id).where(own.c.to_at != NEVER, ~follows.exists())
    yield from connection.scalars(
        select(Appeal.number).where(or_(~stands.exists(), Appeal.id.in_(lone))).order_by(Appeal.id)
    )


def _batches(connection: Connection) -> Iterator[list[int]]:
    from .models import Appeal

    last = 0
    while ids := list(
        connection.scalars(
            select(Appeal.id).where(Appeal.id > last).order_by(Appeal.id).limit(BATCH)
        )
    ):
        yield ids
        last = ids[-1]


def rebuild() -> int:
    """Make all rows anew from the entries, batch by batch, each in a transaction of its own. Gives
    of how many appeals."""
    from .models import Appeal

    done = last = 0
    while True:
        with writing():
            connection = db.session.connection()
            # Nobody acts on them meanwhile: on PostgreSQL others write beside this.
            wanted = select(Appeal.id).where(Appeal.id > last).order_by(Appeal.id).limit(BATCH)
            ids = list(connection.scalars(wanted.with_for_update(of=Appeal.__table__)))
            if not ids:
                return done
            connection.execute(delete(TABLE).where(TABLE.c.appeal_id.in_(ids)))
            _write(connection, (row for rows in told(connection, ids).values() for row in rows))
            db.session.commit()
        last = ids[-1]
        done += len(ids)


def complete() -> int:
    """Make them where a ledger has appeals and none of these yet: it comes from an earlier
    release."""
    from .models import Appeal

    connection = db.session.connection()
    known = connection.scalar(select(TABLE.c.appeal_id).limit(1))
    if known is not None or connection.scalar(select(Appeal.id).limit(1)) is None:
        return 0
    return rebuild()


@click.command("rebuild-intervals")
@click.option("--check", is_flag=True, help="只核对，不改动")
@with_appcontext
def rebuild_intervals(check: bool) -> None:
    """按办理记录重建统计用的状态区间；--check只核对是否一致。"""
    if not check:
        click.echo(f"已重建状态区间：{rebuild()}件")
        return
    found = list(wrong(db.session.connection()))
    for number in found:
        click.echo(f"{number}：状态区间与办理记录不一致")
    if found:
        raise click.ClickException(f"{len(found)}件不一致，请用 ledger rebuild-intervals 重建")
    click.echo("状态区间与办理记录一致。")
