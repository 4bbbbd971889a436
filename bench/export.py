"""An export beside the least it could cost: `python -m bench.export [--rows N] [--engine E]`.

The export is the command's own, in a process of its own. The least is XlsxWriter in constant
memory fed from memory with the same cells in the same shapes, read back from the file before the
clock runs. What the command takes to begin, told by an export that finds nothing, is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import python_calamine as calamine
import xlsxwriter

from ledger.reports.export_columns import USUAL

from . import clone, ground
from .imports import Spent, Watch

LIMIT: Final = 1.5
ROWS: Final = 10_000

LEFT_OUT: Final = ("progress", "solved", "satisfaction", "called", "closed", "remarks")
TWENTY: Final = tuple(code for code in USUAL if code not in LEFT_OUT)
"""Of the 26 usual columns 20; 办理进展, which reads the entries, is measured beside."""
WITH_STEPS: Final = tuple(code for code in USUAL if code not in (*LEFT_OUT[1:], "assists"))


def export(
    place: ground.Ground, out: Path, codes: tuple[str, ...], *more: str
) -> tuple[Spent, float]:
    """What it took, and the largest memory in MiB."""
    command = [
        sys.executable, "-m", "ledger.cli", "export", "--format", "xlsx", "--out", str(out),
        "--columns", ",".join(codes), *more,
    ]  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **place.environment()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode and not more:
        raise SystemExit(f"the export failed with {process.returncode}")
    return Spent(wall, used.ru_utime + used.ru_stime), used.ru_maxrss / 1024


def write_bare(made: Path, out: Path) -> tuple[Spent, int]:
    """What the bare writer takes for the same cells, and how many rows there are."""
    book = calamine.CalamineWorkbook.from_path(str(made))
    tables: list[tuple[str, list[list[Any]]]] = [
        (name, book.get_sheet_by_name(name).to_python(skip_empty_area=False))
        for name in book.sheet_names
    ]
    epoch = date(1899, 12, 30).toordinal()
    for _, table in tables:
        for row in table:
            for place, cell in enumerate(row):
                if isinstance(cell, datetime):
                    minutes = cell.hour * 60 + cell.minute
                    row[place] = (cell.toordinal() - epoch + minutes / 1440,)
                elif isinstance(cell, date):
                    row[place] = (cell.toordinal() - epoch,)
    rows = sum(len(table) - 5 for name, table in tables if name != "汇总")
    watch = Watch()
    with (
        watch.running(),
        xlsxwriter.Workbook(str(out), {"constant_memory": True, "tmpdir": str(out.parent)}) as bare,
    ):
        plain = {"border": 1, "valign": "top", "text_wrap": True, "font_size": 9}
        text = bare.add_format({**plain, "num_format": "@"})
        number = bare.add_format(plain)
        day = bare.add_format({**plain, "num_format": "yyyy-mm-dd"})
        for name, table in tables:
            sheet = bare.add_worksheet(name)
            for line, row in enumerate(table):
                for place, cell in enumerate(row):
                    if cell == "":
                        sheet.write_blank(line, place, None, text)
                    elif isinstance(cell, str):
                        sheet.write_string(line, place, cell, text)
                    elif isinstance(cell, tuple):
                        sheet.write_number(line, place, cell[0], day)
                    else:
                        sheet.write_number(line, place, cell, number)
    return watch.spent, rows


def run(engine: str, rows: int) -> dict[str, Any]:
    clone.prepare(engine, rows)
    place, _ = ground.prepared(engine, str(rows))
    found: dict[str, Any] = {"engine": engine, "limit": LIMIT}
    with tempfile.TemporaryDirectory(dir=place.data_dir) as there:
        made, bare = Path(there) / "made.xlsx", Path(there) / "bare.xlsx"
        start, floor = export(place, made, TWENTY, "--since", "2199-01-01")
        for name, codes in (("twenty", TWENTY), ("with_steps", WITH_STEPS)):
            ground.sync()
            took, memory = export(place, made, codes)
            least, counted = write_bare(made, bare)
            spent = Spent(took.wall - start.wall, took.cpu - start.cpu)
            found[name] = {
                "columns": len(codes),
                "rows": counted,
                "export": spent.as_dict(),
                "bare": least.as_dict(),
                "ratio": round(spent.wall / least.wall, 2),
                # The server's share is in no process of ours.
                "ratio_cpu": round(spent.cpu / least.cpu, 2) if engine == "sqlite" else None,
                "peak_mib": round(memory, 1),
                "bytes": made.stat().st_size,
            }
    return {**found, "start": start.as_dict(), "start_mib": round(floor, 1)}


def report(found: dict[str, Any]) -> str:
    """For reading."""
    told = [
        f"on {found['engine']}; the command begins in {found['start']['wall_s']:.1f} s"
        f" with {found['start_mib']:.0f} MiB"
    ]
    for name, words in (("twenty", "20 columns"), ("with_steps", "20 columns, one the progress")):
        one = found[name]
        told.append(
            f"{words}: {one['rows']:,} rows in {one['export']['wall_s']:.1f} s"
            f" ({one['export']['cpu_s']:.1f} s of CPU), the bare writer"
            f" {one['bare']['wall_s']:.1f} s ({one['bare']['cpu_s']:.1f}),"
            f" ratio {one['ratio']:.2f} (of CPU {one['ratio_cpu']}), limit {found['limit']};"
            f" largest memory {one['peak_mib']:.0f} MiB, {one['bytes'] / 1e6:.1f} MB"
        )
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description="An export beside the least it could cost.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--engine", choices=ground.ENGINES, default="sqlite")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = run(given.engine, given.rows)
    print(json.dumps(found, ensure_ascii=False) if given.json else report(found))


if __name__ == "__main__":
    main()
