"""An import beside the least it could cost: `python -m bench.imports [--rows N] [--engine E]`.

The import is the command's own, in a process of its own, on a ledger just laid. The least is
reading the same workbook by the bare reader, and then inserting the very rows that the import
wrote into the same tables of another such ledger by the bare driver: the same triggers, indexes
and durability, and as many rows a transaction. Both in one run, the one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import python_calamine as calamine
import xlsxwriter
from sqlalchemy import create_engine
from stdnum.cn import uscc

from ledger.config import SHANGHAI
from ledger.db import Base, db
from ledger.hotline.intake import BATCH
from ledger.search import ddl as search_ddl

from . import clone, ground, words

LIMIT: Final = 4.0
ROWS: Final = 100_000
FIRMS: Final = 5_000

HEAD: Final = (
    "工单编号", "子单号", "工单标题", "工单内容", "受理时间", "来电人", "来电号码", "企业名称",
    "统一社会信用代码", "诉求类型", "紧急程度", "事发地址", "车牌号", "要求反馈时间", "是否保密",
)  # fmt: skip


def write_workbook(path: Path, rows: int, seed: int) -> None:
    """What a hotline hands out: some orders of firms, some of drivers, all text."""
    dice = random.Random(seed)
    began = datetime(2026, 1, 4, 8, tzinfo=SHANGHAI)
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("工单")
        sheet.write_row(0, 0, HEAD)
        for number in range(1, rows + 1):
            sheet.write_row(number, 0, _order(dice, number, began + number * timedelta(minutes=2)))


def _order(dice: random.Random, number: int, at: datetime) -> list[str]:
    matter = words.matter(dice)
    firm = number * 7 % FIRMS if dice.random() < 0.6 else None
    body = "" if firm is None else f"91{ground.REGION}{firm:09d}"
    return [
        f"{ground.REGION}{at:%Y%m%d}{number:08d}",
        "",
        matter.title,
        matter.content,
        f"{at:%Y-%m-%d %H:%M:%S}",
        words.person(dice),
        words.phone(dice),
        "" if firm is None else words.firm_name(firm),
        body + str(uscc.calc_check_digit(body)) if body else "",
        dice.choice(("求助", "求助", "咨询", "投诉", "建议")),
        dice.choice(("一般", "一般", "一般", "紧急")),
        matter.place,
        words.plate(dice) if dice.random() < 0.5 else "",
        f"{at + timedelta(days=5):%Y-%m-%d %H:%M:%S}",
        "是" if dice.random() < 0.05 else "否",
    ]


@dataclass(frozen=True)
class Spent:
    wall: float
    cpu: float

    def as_dict(self) -> dict[str, float]:
        return {"wall_s": round(self.wall, 2), "cpu_s": round(self.cpu, 2)}


class Watch:
    """Adds up the stretches it runs."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu

    @property
    def spent(self) -> Spent:
        return Spent(self.wall, self.cpu)


# -- the import --------------------------------------------------------------------------------


def run_import(place: ground.Ground, workbook: Path) -> tuple[Spent, float, dict[str, Any]]:
    """By the command: what it took, its largest memory in MiB, and what it said."""
    command = [
        str(Path(sys.executable).with_name("ledger")), "import-orders", str(workbook),
        "--channel", "12345", "--json",
    ]  # fmt: skip
    began = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdout=told, env={**os.environ, **place.environment()})
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        if code := os.waitstatus_to_exitcode(status):
            raise SystemExit(f"the import failed with {code}")
        told.seek(0)
        summary = json.loads(told.read())
    process.returncode = 0
    return Spent(wall, used.ru_utime + used.ru_stime), used.ru_maxrss / 1024, summary


# -- the least ---------------------------------------------------------------------------------


def read_bare(workbook: Path) -> Spent:
    watch = Watch()
    with watch.running():
        sheet = calamine.CalamineWorkbook.from_path(str(workbook)).get_sheet_by_index(0)
        for _ in sheet.iter_rows():
            pass
    return watch.spent


OF_APPEAL: Final = {
    "appeal": "id", "external_order": "appeal_id", "deadline": "appeal_id",
    "assignment": "appeal_id", "appeal_plate": "appeal_id", "unit_sight": "appeal_id",
    "search_text": "appeal_id", "import_line": "appeal_id", "appeal_interval": "appeal_id",
}  # fmt: skip
OF_ENTRY: Final = {"entry": "id", "entry_text": "entry_id", "outbox": "entry_id"}
ONCE: Final = ("import_run", "serial")


class Bare:
    """The bare driver on one ledger, set as the application sets it."""

    def __init__(self, place: ground.Ground) -> None:
        self.sqlite = place.is_sqlite
        if self.sqlite:
            import sqlite3

            self.driver: Any = sqlite3.connect(place.file, isolation_level=None)
            for pragma in (
                "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON",
            ):  # fmt: skip
                self.driver.execute(f"PRAGMA {pragma}")
        else:
            self.driver = psycopg.connect(
                create_engine(place.url).url.set(drivername="postgresql").render_as_string(False)
            )
        self.mark = "?" if self.sqlite else "%s"

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return list(self.driver.execute(statement.replace("?", self.mark), values).fetchall())

    def insert(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        statement = (
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" VALUES ({', '.join(self.mark for _ in columns)})"
        )
        self.driver.cursor().executemany(statement, rows)

    def begin(self) -> None:
        if self.sqlite:
            self.driver.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.driver.commit()

    def close(self) -> None:
        self.driver.close()

    def counts(self) -> dict[str, int]:
        return {
            table: self.rows(f"SELECT count(*) FROM {table}")[0][0]
            for table in sorted([*Base.metadata.tables, search_ddl.search_text.name])
        }


def columns_of(table: str) -> list[str]:
    tables = {**Base.metadata.tables, search_ddl.search_text.name: search_ddl.search_text}
    return [column.name for column in tables[table].columns]


def insert_bare(source: Bare, target: Bare) -> Spent:
    """Every row that the import added, batch by batch as it wrote them. Reading them back is not
    counted, inserting and committing is."""
    watch = Watch()
    order = [t.name for t in Base.metadata.sorted_tables if t.name in OF_APPEAL | OF_ENTRY]
    order += [name for name in OF_APPEAL if name not in order]
    with watch.running():
        target.begin()
    for table in ONCE:
        columns = columns_of(table)
        rows = source.rows(f"SELECT {', '.join(columns)} FROM {table}")
        with watch.running():
            target.insert(table, columns, rows)
    appeals = source.rows("SELECT id, number FROM appeal ORDER BY id")
    entry = target.rows("SELECT coalesce(max(id), 0) FROM entry")[0][0]  # what was laid
    for first in range(0, len(appeals), BATCH):
        batch = appeals[first : first + BATCH]
        last = source.rows("SELECT max(id) FROM entry WHERE stream = ?", f"appeal/{batch[-1][1]}")[
            0
        ][0]
        bounds = {
            **dict.fromkeys(OF_APPEAL, (batch[0][0], batch[-1][0])),
            **dict.fromkeys(OF_ENTRY, (entry + 1, last)),
        }
        entry = last
        for table in order:
            columns = columns_of(table)
            key = (OF_APPEAL | OF_ENTRY)[table]
            rows = source.rows(
                f"SELECT {', '.join(columns)} FROM {table} WHERE {key} BETWEEN ? AND ?"
                f" ORDER BY {columns[0]}",
                *bounds[table],
            )
            if rows:
                with watch.running():
                    target.insert(table, columns, rows)
        with watch.running():
            target.commit()
            target.begin()
    with watch.running():
        target.commit()
    return watch.spent


# -- one run -----------------------------------------------------------------------------------


def run(engine: str, rows: int, seed: int) -> dict[str, Any]:
    imported, bare = (ground.begin(engine, f"imports_{name}") for name in ("whole", "bare"))
    for place in (imported, bare):
        with clone.laid(place).app_context():
            db.engine.dispose()
    with tempfile.TemporaryDirectory(dir=imported.data_dir) as there:
        workbook = Path(there) / "orders.xlsx"
        write_workbook(workbook, rows, seed)
        size = workbook.stat().st_size
        ground.sync()
        spent, memory, summary = run_import(imported, workbook)
        if summary["created"] != rows:
            raise SystemExit(f"not every row was taken: {summary}")
        read = read_bare(workbook)
    source, target = Bare(imported), Bare(bare)
    ground.sync()
    inserted = insert_bare(source, target)
    if (whole := source.counts()) != (copied := target.counts()):
        different = {name: (whole[name], copied[name]) for name in whole}
        raise SystemExit(f"not the same rows: {[i for i in different.items() if len({*i[1]}) > 1]}")
    source.close()
    target.close()
    least = Spent(read.wall + inserted.wall, read.cpu + inserted.cpu)
    return {
        "engine": engine,
        "rows": rows,
        "file_bytes": size,
        "rows_written": sum(whole.values()),
        "import": spent.as_dict(),
        "import_peak_rss_mib": round(memory, 1),
        "read_bare": read.as_dict(),
        "insert_bare": inserted.as_dict(),
        "ratio": round(spent.wall / least.wall, 2),
        "ratio_cpu": round(spent.cpu / least.cpu, 2) if engine == "sqlite" else None,
        "limit": LIMIT,
    }


def report(found: dict[str, Any]) -> str:
    """For reading."""
    lines = [
        f"{found['rows']:,} rows on {found['engine']}, {found['file_bytes'] / 1e6:.1f} MB;"
        f" {found['rows_written']:,} rows stand in the ledger",
        *(
            f"{words_:<34}{found[name]['wall_s']:>9.1f} s{found[name]['cpu_s']:>9.1f} s of CPU"
            for name, words_ in (
                ("import", "import by the command"),
                ("read_bare", "reading by the bare reader"),
                ("insert_bare", "inserting by the bare driver"),
            )
        ),
        f"ratio {found['ratio']:.2f}, limit {found['limit']:.0f};"
        f" largest memory of the import {found['import_peak_rss_mib']:.0f} MiB",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="An import beside the least it could cost.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--engine", choices=ground.ENGINES, default="sqlite")
    parser.add_argument("--seed", type=int, default=clone.SEED)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = run(given.engine, given.rows, given.seed)
    print(json.dumps(found, ensure_ascii=False) if given.json else report(found))


if __name__ == "__main__":
    main()
