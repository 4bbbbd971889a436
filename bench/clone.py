"""A ledger of any size in minutes: appeals made by the verbs, multiplied with their ink.

A clone is a prototype (city.py) with ids, number, times, words, unit, handler and firm of its
own. Its entries are built anew: payloads re-keyed to the new ids, words committed under fresh
salts, chains hashed from the first entry on; `ledger verify` holds it for what it is, a ledger.
The same seed gives the same appeals, but for salts of ciphertexts and the moment it ends at.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy import Engine, Table, func, select

from ledger import create_app
from ledger.appeals import indexing, intervals, unit_sight
from ledger.appeals.models import Appeal
from ledger.appeals.parts import Assignment, Deadline, ExternalOrder
from ledger.appeals.record import NEVER
from ledger.catalogue.queries import catalogue
from ledger.ciphers import Keyring, commit
from ledger.config import SHANGHAI
from ledger.db import Base, Secret, db, is_sqlite, keyring, now, writing
from ledger.firms import phones
from ledger.firms.models import Firm
from ledger.hotline.orders import matter_digest
from ledger.lay import lay
from ledger.search import ddl as search_ddl
from ledger.search.index import tokens_of
from ledger.trail import triggers
from ledger.trail.canonical import FIELDS, first_prev, moment_text, plain_hash, quick
from ledger.trail.models import Entry, EntryText, Serial, ledger_id
from ledger.work import statistics

from . import ground, words
from .city import SPAN, City, Course, Prototypes
from .city import lay as lay_city

YEARS: Final = 3
"""The time in which all but the open ones were registered."""
OPEN_DAYS: Final = 20
OPEN_SHARE: Final = 0.10
BUREAU_SHARE: Final = 0.20
SMALL_SHARE: Final = 0.005
BATCH: Final = 2_000
SEED: Final = 20260420

CHILDREN: Final[tuple[type[Base], ...]] = (Assignment, Deadline, ExternalOrder)
"""Rows whose ids stand in payloads, parents first."""

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

OWN_WORDS: Final = frozenset(
    {
        "title", "content", "place", "appellant_name", "uscc", "contact_name", "phone",
        "query_code", "plates", "handler_name", "handler_phone", "account", "public_reply",
    }
)  # fmt: skip
"""Columns whose words each clone has anew; all other words are the prototype's."""

INDEXED: Final = tuple({*indexing.TOLD, *indexing.IDENTITY, *indexing.HIDDEN})
"""Columns by which an appeal is found, or which are cut out of what it is found by."""


class Making:
    """What one clone is made of: asked by the actions that fill its rows."""

    __slots__ = (
        "category", "dates", "delta", "digest", "firm", "handler", "handler_name", "ids", "number",
        "order", "said", "sqlite", "unit", "unit_name",
    )  # fmt: skip

    def __init__(self, sqlite: bool) -> None:
        self.sqlite = sqlite
        self.delta = timedelta()
        self.dates: dict[datetime, tuple[Any, str]] = {}
        self.ids: dict[str, dict[int, int]] = {}
        self.said: dict[str, str] = {}
        self.number = self.order = self.digest = self.unit_name = self.handler_name = ""
        self.unit = self.handler = self.category = 0
        self.firm: int | None = None

    def moment(self, at: datetime) -> tuple[Any, str]:
        """Shifted, as the driver stores it and as the payload says it."""
        found = self.dates.get(at)
        if found is None:
            shifted = at if at >= NEVER else at + self.delta
            text = moment_text(shifted)
            # SQLAlchemy's own form of a moment on SQLite: 2026-11-20 01:30:00.000000
            stored = f"{text[:10]} {text[11:-1]}" if self.sqlite else shifted
            found = self.dates[at] = (stored, text)
        return found

    def day(self, day: date) -> date | str:
        shifted = day + timedelta(days=self.delta.days)
        return shifted.isoformat() if self.sqlite else shifted

    def words(self, column: str, was: str) -> str:
        """What a clone says in that column. Answers keep their words and name the place."""
        if not was:
            return ""
        if column in ("account", "public_reply"):
            return f"{was}（{self.said['place']}）"
        return self.said[column]


Action = Callable[[Making], Any]


@dataclass
class RowPlan:
    """A row of a table: what never changes, and what each clone fills in."""

    old_id: int
    base: list[Any]
    actions: list[tuple[int, Action]]

    def fill(self, making: Making) -> list[Any]:
        row = self.base.copy()
        for place, action in self.actions:
            row[place] = action(making)
        return row


@dataclass
class DictPlan:
    base: dict[str, Any]
    actions: list[tuple[str, Action]]

    def fill(self, making: Making) -> dict[str, Any]:
        found = self.base.copy()
        for key, action in self.actions:
            found[key] = action(making)
        return found


@dataclass
class TextPlan:
    """A text behind a commitment. `row` is the id in its place, '' for the stream's own."""

    table: str
    row: int | None
    place: str
    column: str
    was: str
    personal: bool

    def where(self, making: Making) -> str:
        if self.row is None:
            return self.place
        return f"{self.table}.{making.ids[self.table][self.row]}.{self.column}"

    def words(self, making: Making) -> str:
        return making.words(self.column, self.was) if self.column in OWN_WORDS else self.was


@dataclass
class EntryPlan:
    fields: dict[str, Any]
    actions: list[tuple[str, Action]]
    at: datetime
    happened_at: datetime
    assignment_id: int | None
    sets: list[tuple[str, list[tuple[int | None, DictPlan]]]]
    data: DictPlan | None
    texts: list[TextPlan]


@dataclass
class Prototype:
    course: Course
    start: datetime
    span: timedelta
    appeal: RowPlan
    children: list[tuple[type[Base], list[RowPlan]]]
    told: dict[str, str]
    confidential: bool
    plated: bool
    firm: bool
    entries: list[EntryPlan]


@dataclass
class Batch:
    """Rows of every table, in the order of their columns."""

    rows: dict[str, list[list[Any]]] = field(default_factory=dict)

    def add(self, table: str, row: list[Any]) -> None:
        self.rows.setdefault(table, []).append(row)


def _columns(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


class Reader:
    """Reads prototypes off the ledger and works out what a clone has to fill in."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.category = next(iter(catalogue().categories))
        self.bureau = (city.units[0], city.handlers[0])

    def read(self, number: str, course: Course) -> Prototype:
        appeals = _table(Appeal)
        found = db.session.execute(select(appeals).where(appeals.c.number == number))
        row = dict(found.mappings().one())
        children: list[tuple[type[Base], list[RowPlan]]] = []
        for model in CHILDREN:
            table = _table(model)
            rows = db.session.execute(
                select(table).where(table.c.appeal_id == row["id"]).order_by(table.c.id)
            ).mappings()
            children.append((model, [self._row(model, dict(child)) for child in rows]))
        entries = [
            self._entry(dict(entry))
            for entry in db.session.execute(
                select(_table(Entry))
                .where(_table(Entry).c.stream == f"appeal/{number}")
                .order_by(_table(Entry).c.seq)
            ).mappings()
        ]
        return Prototype(
            course=course,
            start=entries[0].at,
            span=entries[-1].at - entries[0].at,
            appeal=self._row(Appeal, row),
            children=children,
            told={name: row[name] or "" for name in INDEXED},
            confidential=row["confidential"],
            plated=bool(row["plates"]),
            firm=row["firm_id"] is not None,
            entries=entries,
        )

    # -- actions -----------------------------------------------------------------------------

    def _mapped(self, name: str, value: Any) -> Action | None:
        """What becomes of a plain value, by its column's name; None where it stays."""
        if value is None:
            return None
        unit, handler = self.bureau
        if name in ("unit_id", "lead_unit_id", "post_unit_id") and value == unit:
            return lambda m: m.unit
        if name in ("handler_id", "answered_by_id", "actor_id") and value == handler:
            return lambda m: m.handler
        if name == "firm_id":
            return lambda m: m.firm
        if name == "category_id":
            return lambda m: m.category
        if name == "assignment_id":
            return lambda m: m.ids["assignment"][value]
        if name == "order_number":
            return lambda m: m.order
        if name == "matter_digest":
            return lambda m: m.digest
        return None

    def _row(self, model: type[Base], row: dict[str, Any]) -> RowPlan:
        table = _table(model)
        actions: list[tuple[int, Action]] = []
        base: list[Any] = []
        for place, column in enumerate(table.columns):
            value = row[column.name]
            base.append(value)
            action = self._column(model, column.name, column.type, value)
            if action is not None:
                actions.append((place, action))
        return RowPlan(row["id"], base, actions)

    def _column(self, model: type[Base], name: str, kind: Any, value: Any) -> Action | None:
        if value is None or name in ("id", "appeal_id", "number", "label", "head", "head_at"):
            return None  # the last of these the cloner sets itself
        if name in OWN_WORDS:
            own: Action = lambda m: m.words(name, value)  # noqa: E731
            return _sealed(kind.place, own) if isinstance(kind, Secret) else own
        if isinstance(kind, Secret):
            return _sealed(kind.place, lambda m: value)
        if isinstance(value, datetime):
            return lambda m: m.moment(value)[0]
        if isinstance(value, date):
            return lambda m: m.day(value)
        if name == "phone_index":
            return lambda m: keyring().blind(m.said["phone"], phones.PHONE)
        if name == "phone_tail_index":
            return lambda m: keyring().blind(phones.tail(m.said["phone"]), phones.PHONE_TAIL)
        return self._mapped(name, value)

    def _entry(self, entry: dict[str, Any]) -> EntryPlan:
        body = json.loads(entry["payload"])
        fields = {name: entry[name] for name in FIELDS}
        actions: list[tuple[str, Action]] = []
        for name in ("post_unit_id", "actor_id"):
            action = self._mapped(name, entry[name])
            if action is not None:
                actions.append((name, action))
                words_of: Action = (
                    (lambda m: m.unit_name)
                    if name == "post_unit_id"
                    else (lambda m: m.handler_name)
                )
                actions.append(
                    ("post_unit" if name == "post_unit_id" else "actor_name", words_of)
                )
        sets = [
            (
                table,
                [
                    (int(key) if key else None, self._payload_columns(columns))
                    for key, columns in rows.items()
                ],
            )
            for table, rows in body.get("set", {}).items()
        ]
        return EntryPlan(
            fields=fields,
            actions=actions,
            at=entry["at"],
            happened_at=entry["happened_at"],
            assignment_id=entry["assignment_id"],
            sets=sets,
            data=self._data(body["data"]) if "data" in body else None,
            texts=self._texts(entry["id"]),
        )

    def _payload_columns(self, columns: Mapping[str, Any]) -> DictPlan:
        actions: list[tuple[str, Action]] = []
        for name, value in columns.items():
            action = self._payload_value(name, value)
            if action is not None:
                actions.append((name, action))
        return DictPlan(dict(columns), actions)

    def _payload_value(self, name: str, value: Any) -> Action | None:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            at = datetime.fromisoformat(value)
            return lambda m: m.moment(at)[1]
        if name == "hold_review_on" and value is not None:
            day = date.fromisoformat(value)
            return lambda m: (day + timedelta(days=m.delta.days)).isoformat()
        return self._mapped(name, value)

    def _data(self, data: dict[str, Any]) -> DictPlan:
        plan = self._payload_columns(data)
        if data.get("unit") == self.city.unit_names[0]:
            plan.actions.append(("unit", lambda m: m.unit_name))
        return plan

    @staticmethod
    def _texts(entry_id: int) -> list[TextPlan]:
        ring = keyring()
        table = _table(EntryText)
        found = []
        for text in db.session.execute(
            select(table).where(table.c.entry_id == entry_id).order_by(table.c.id)
        ).mappings():
            place: str = text["place"]
            parts = place.split(".")
            sealed = text["sealed"]
            found.append(
                TextPlan(
                    table=parts[0],
                    row=int(parts[1]) if len(parts) == 3 else None,
                    place=place,
                    column=parts[-1] if len(parts) > 1 else "",
                    was=ring.decrypt(sealed, f"entry_text.{place}") if sealed else text["body"],
                    personal=sealed is not None,
                )
            )
        return found


def _sealed(place: str, say: Action) -> Action:
    """A Secret column. Core inserts of rows go round its type, so the clone seals by itself."""

    def seal(making: Making) -> Any:
        said = say(making)
        return keyring().encrypt(said, place) if said else said

    return seal


class Cloner:
    """Makes clones, in the order of their registration."""

    def __init__(self, city: City, prototypes: list[Prototype], at: datetime, seed: int) -> None:
        self.city = city
        self.at = at
        self.dice = random.Random(seed)
        self.ring: Keyring = keyring()
        self.sqlite = is_sqlite()
        self.ledger = ledger_id(db.session())
        self.open = [p for p in prototypes if p.course.open]
        self.ended = [p for p in prototypes if not p.course.open]
        self.categories = [c.id for c in catalogue().categories.values() if c.parent_id is None]
        self.firms = _firms()
        self.next = {
            name: (db.session.scalar(select(func.max(table.c.id))) or 0) + 1
            for name, table in Base.metadata.tables.items()
            if name in _ORDER
        }
        number, label = db.session.execute(select(Appeal.number, Appeal.label).limit(1)).one()
        self.region = number.split("-")[0]
        self.prefix = label.split("-")[0][:-4]
        self.serials: dict[int, int] = {
            row.year: row.last
            for row in db.session.execute(
                select(Serial.year, Serial.last).where(
                    Serial.kind == "appeal", Serial.office_id == city.office
                )
            )
        }
        appeal = _columns(_table(Appeal))
        self.at_of = {name: place for place, name in enumerate(appeal)}
        self.made = 0

    def batches(self, count: int) -> Iterator[Batch]:
        batch = Batch()
        for course, start in self._plan(count):
            self._clone(course, start, batch)
            self.made += 1
            if self.made % BATCH == 0:
                yield batch
                batch = Batch()
        yield batch

    def _plan(self, count: int) -> Iterator[tuple[Prototype, datetime]]:
        """Which course begins when: the ended ones over the years, the open ones of late."""
        open_count = round(count * OPEN_SHARE)
        ended_count = count - open_count
        ended_until = self.at - SPAN - timedelta(days=OPEN_DAYS)
        began = self.at - timedelta(days=365 * YEARS)
        step = (ended_until - began) / max(ended_count, 1)
        weights = _weights(self.ended)
        for index in range(ended_count):
            yield self.dice.choices(self.ended, weights)[0], began + step * index
        weights = _weights(self.open)
        step = timedelta(days=OPEN_DAYS) / max(open_count, 1)
        for index in range(open_count):
            start = self.at - timedelta(days=OPEN_DAYS) + step * index
            chosen = self.dice.choices(self.open, weights)[0]
            if start + chosen.span >= self.at:
                fitting = [p for p in self.open if start + p.span < self.at]
                chosen = self.dice.choices(fitting, _weights(fitting))[0]
            yield chosen, start

    def _take(self, table: str) -> int:
        found = self.next[table]
        self.next[table] = found + 1
        return found

    def _number(self, start: datetime) -> tuple[str, str]:
        year = start.astimezone(SHANGHAI).year
        last = self.serials[year] = self.serials.get(year, 0) + 1
        return f"{self.region}-{year}-{last:06d}", f"{self.prefix}{year}-{last:04d}"

    def _unit(self) -> int:
        """The bureau holds a fifth, one unit exactly 0.5 %, the others share the rest."""
        if self.made % round(1 / SMALL_SHARE) == 7:
            return 1
        others = len(self.city.units) - 2
        if self.dice.random() < BUREAU_SHARE / (1 - SMALL_SHARE):
            return 0
        return 2 + self.dice.randrange(others)

    def _making(self, prototype: Prototype, start: datetime) -> Making:
        dice = self.dice
        making = Making(self.sqlite)
        making.delta = start - prototype.start
        unit = self._unit()
        making.unit, making.unit_name = self.city.units[unit], self.city.unit_names[unit]
        making.handler = self.city.handlers[unit]
        making.handler_name = self.city.handler_names[unit]
        making.category = dice.choice(self.categories)
        matter = words.matter(dice)
        contact = words.person(dice)
        firm_id, firm_name, uscc = dice.choice(self.firms)
        making.firm = firm_id
        making.order = f"{start:%Y%m%d}{self.made:08d}"
        making.digest = matter_digest(matter.title, matter.content)
        making.said = {
            "title": matter.title,
            "content": matter.content,
            "place": matter.place,
            "appellant_name": firm_name if prototype.firm else contact,
            "uscc": uscc,
            "contact_name": contact,
            "phone": words.phone(dice),
            "query_code": "".join(dice.choices("23456789ABCDEFGHJKMNPQRSTUVWXYZ", k=6)),
            "plates": words.plate(dice),
            "handler_name": making.handler_name,
            "handler_phone": words.phone(dice),
        }
        return making

    def _clone(self, prototype: Prototype, start: datetime, batch: Batch) -> None:
        making = self._making(prototype, start)
        making.number, label = self._number(start)
        appeal_id = self._take("appeal")
        for model, rows in prototype.children:
            name = _table(model).name
            making.ids[name] = {plan.old_id: self._take(name) for plan in rows}
        for model, rows in prototype.children:
            table = _table(model)
            for plan in rows:
                row = plan.fill(making)
                row[0], row[1] = making.ids[table.name][plan.old_id], appeal_id
                batch.add(table.name, row)
        if prototype.plated:
            batch.add(
                "appeal_plate", [self._take("appeal_plate"), appeal_id, making.said["plates"]]
            )
        head, head_at = self._entries(prototype, making, batch)
        row = prototype.appeal.fill(making)
        for name, value in (
            ("id", appeal_id),
            ("number", making.number),
            ("label", label),
            ("head", head),
            ("head_at", head_at),
        ):
            row[self.at_of[name]] = value
        batch.add("appeal", row)
        batch.add("search_text", self._tokens(prototype, making, appeal_id, label))

    def _tokens(
        self, prototype: Prototype, making: Making, appeal_id: int, label: str
    ) -> list[Any]:
        orders = prototype.children[CHILDREN.index(ExternalOrder)][1]
        found = tokens_of(
            indexing.texts_of(
                Appeal(
                    id=appeal_id,
                    number=making.number,
                    label=label,
                    confidential=prototype.confidential,
                    external_orders=[
                        ExternalOrder(order_number=making.order, sub_number="") for _ in orders
                    ],
                    **{
                        name: making.words(name, was) if name in OWN_WORDS else was
                        for name, was in prototype.told.items()
                    },
                )
            )
        )
        return list(found.values())

    def _entries(
        self, prototype: Prototype, making: Making, batch: Batch
    ) -> tuple[str, Any]:
        stream = f"appeal/{making.number}"
        head, head_at = first_prev(self.ledger, stream), None
        for plan in prototype.entries:
            entry_id = self._take("entry")
            head_at, at_text = making.moment(plan.at)
            happened_at, happened_text = making.moment(plan.happened_at)
            assignment = (
                None
                if plan.assignment_id is None
                else making.ids["assignment"][plan.assignment_id]
            )
            fields = plan.fields.copy()
            for name, action in plan.actions:
                fields[name] = action(making)
            fields.update(
                stream=stream,
                assignment_id=assignment,
                payload=self._payload(plan, making, entry_id, batch),
                prev=head,
                at=at_text,
                happened_at=happened_text,
            )
            head = plain_hash(fields)
            fields.update(at=head_at, happened_at=happened_at, id=entry_id, hash=head)
            batch.add("entry", [fields[name] for name in _ENTRY])
        return head, head_at

    def _payload(self, plan: EntryPlan, making: Making, entry_id: int, batch: Batch) -> str:
        body: dict[str, Any] = {}
        if plan.sets:
            body["set"] = {
                table: {
                    ("" if key is None else str(making.ids[table][key])): columns.fill(making)
                    for key, columns in rows
                }
                for table, rows in plan.sets
            }
        if plan.texts:
            texts = body["texts"] = {}
            for text in plan.texts:
                place, said = text.where(making), text.words(making)
                salt = self.dice.randbytes(16)
                texts[place] = commit(said, salt)
                kept, clear, sealed = salt.hex(), said, None
                if text.personal:
                    kept = self.ring.encrypt(kept, f"entry_text.{place}.salt")
                    sealed = self.ring.encrypt(said, f"entry_text.{place}")
                    clear = None  # type: ignore[assignment]
                batch.add(
                    "entry_text",
                    [self._take("entry_text"), entry_id, place, kept, clear, sealed, None],
                )
        if plan.data is not None:
            body["data"] = plan.data.fill(making)
        return quick(body)


_ENTRY: Final = _columns(_table(Entry))
_ORDER: Final = (
    "appeal", "assignment", "deadline", "external_order", "appeal_plate", "entry", "entry_text",
    "search_text",
)  # fmt: skip
_NUMBERED: Final = _ORDER[:-1]


def _weights(prototypes: list[Prototype]) -> list[float]:
    return [p.course.share / len(p.course.channels) for p in prototypes]


def _firms() -> list[tuple[int, str, str]]:
    rows = db.session.execute(select(Firm.id, Firm.name, Firm.uscc).order_by(Firm.id))
    return [(row.id, row.name, row.uscc or "") for row in rows]


# -- writing rows ------------------------------------------------------------------------------


def write(engine: Engine, batches: Iterator[Batch]) -> None:
    """Insert the batches by the driver itself, and commit each."""
    raw = engine.raw_connection()
    driver: Any = raw.driver_connection
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        # A bench ledger that dies half-made is made again.
        for pragma in ("synchronous=OFF", "cache_size=-400000", "foreign_keys=OFF"):
            driver.execute(f"PRAGMA {pragma}")
    else:
        driver.execute("SET session_replication_role = replica")
        driver.commit()
    tables = [*Base.metadata.sorted_tables, search_ddl.search_text]
    columns = {table.name: _columns(table) for table in tables}
    for batch in batches:
        if sqlite:
            driver.execute("BEGIN")
        for name in _ORDER:
            rows = batch.rows.get(name, ())
            names = ", ".join(columns[name])
            if sqlite:
                marks = ", ".join("?" * len(columns[name]))
                driver.executemany(
                    f"INSERT INTO {name} ({names}) VALUES ({marks})",
                    rows,
                )
            else:
                with driver.cursor().copy(f"COPY {name} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
        driver.commit()
    if not sqlite:
        driver.execute("SET session_replication_role = DEFAULT")
        for name in _NUMBERED:
            driver.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', 'id'),"
                f" (SELECT max(id) FROM {name}))"
            )
        driver.commit()
    raw.close()


def settle(engine: Engine) -> None:
    """What time does to a database by itself: the log written back, statistics gathered."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            # As the worker has it done every day (ledger.work.statistics).
            connection.exec_driver_sql(f"PRAGMA analysis_limit = {statistics.SAMPLE}").all()
            connection.exec_driver_sql("ANALYZE")
            # The ledger's own way of beginning stands on this connection too.
            raw: Any = connection.connection.driver_connection
            raw.commit()
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            connection.exec_driver_sql("VACUUM ANALYZE")


def clone_into(app: Flask, count: int, seed: int) -> None:
    """Lay city and prototypes on an empty, laid ledger and clone until it holds `count`."""
    with app.app_context():
        at = now()
        city = lay_city(max(200, min(count // 20, 10_000)), seed)
        began = at - timedelta(days=365 * YEARS + 30)
        built = Prototypes(city, began).build()
        reader = Reader(city)
        prototypes = [reader.read(number, course) for number, course in built]
        cloner = Cloner(city, prototypes, at, seed)
        db.session.rollback()
        started = time.monotonic()

        def told() -> Iterator[Batch]:
            for batch in cloner.batches(count - len(built)):
                yield batch
                spent = time.monotonic() - started
                print(f"\r{cloner.made:>9,} clones, {spent:.0f} s", end="", file=sys.stderr)
            print(file=sys.stderr)

        write(db.engine, told())
        _keep_serials(cloner)
        unit_sight.rebuild()
        intervals.rebuild()
        settle(db.engine)
        db.session.remove()
        db.engine.dispose()


def _keep_serials(cloner: Cloner) -> None:
    with writing():
        kept = {
            row.year: row
            for row in db.session.scalars(
                select(Serial).where(
                    Serial.kind == "appeal", Serial.office_id == cloner.city.office
                )
            )
        }
        for year, last in cloner.serials.items():
            if year in kept:
                kept[year].last = last
            else:
                db.session.add(
                    Serial(kind="appeal", office_id=cloner.city.office, year=year, last=last)
                )
        db.session.commit()


def laid(place: ground.Ground) -> Flask:
    """The application on a ledger as it is before the first person and the first appeal."""
    app = create_app(place.settings())
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with db.engine.begin() as connection:
            triggers.create(connection)
            search_ddl.create(connection)
        with writing() as at:
            lay(at)
            db.session.commit()
        db.session.remove()
    return app


def prepare(engine: str, count: int, seed: int = SEED, again: bool = False) -> None:
    """Have the prepared ledger of that size stand under var/bench."""
    name = str(count)
    _, ready = ground.prepared(engine, name)
    if ready and not again:
        return
    place = ground.begin(engine, name)
    clone_into(laid(place), count, seed)
    ground.done(place)


def main() -> None:
    parser = argparse.ArgumentParser(description="Prepare a bench ledger.")
    parser.add_argument("count", type=int)
    parser.add_argument("--engine", choices=ground.ENGINES, default="sqlite")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--again", action="store_true", help="make it anew")
    given = parser.parse_args()
    started = time.monotonic()
    prepare(given.engine, given.count, given.seed, given.again)
    place, _ = ground.prepared(given.engine, str(given.count))
    print(f"{place.url}  {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
