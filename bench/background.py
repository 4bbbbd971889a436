"""A large file through page and worker: `python -m bench.background [--rows N] [--engine E]`.

A real server with its worker; the workbook is uploaded as a person does it, tried, taken in, called
off in the middle and gone on with. Prints how progress moved, what
the worker held at most, how long it took, and what stands in the ledger.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
from sqlalchemy import func, select

from ledger import create_app
from ledger.appeals.models import Appeal
from ledger.db import db
from ledger.hotline.models import ImportLine, ImportRun

from . import city, clone, ground
from .imports import ROWS, write_workbook
from .server import Running

PATIENCE: Final = 3600
LOOK_EVERY: Final = 2.0


class Clerk:
    """A browser without scripts."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = ""
        self.session = requests.Session()

    def get(self, path: str) -> str:
        answer = self.session.get(self.url + path, timeout=300)
        answer.raise_for_status()
        return answer.text

    def look(self, path: str) -> str:
        """How far it is, as the open page asks; the page itself once it is over."""
        asked = {"HX-Request": "true", "HX-Request-Type": "partial"}
        answer = self.session.get(f"{self.url}{path}/progress?poll=1", headers=asked, timeout=300)
        answer.raise_for_status()
        return answer.text if "<progress" in answer.text else self.get(path)

    def post(self, path: str, files: Any = None, **fields: str) -> str:
        """Where it leads."""
        answer = self.session.post(
            self.url + path, data=fields, files=files, timeout=600, allow_redirects=False,
            headers={"X-CSRFToken": self.token, "Referer": self.url},
        )  # fmt: skip
        if answer.status_code != 303:
            raise SystemExit(f"{path}: {answer.status_code} {_words(answer.text)[:600]}")
        return str(answer.headers["Location"])

    def sign_in(self, username: str, password: str) -> None:
        self.token = _token(self.get("/sign-in"))
        self.post("/sign-in", username=username, password=password)
        self.token = _token(self.get("/imports/"))


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    return found[1] if found else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split())


@dataclass
class Watched:
    """What the worker held at most in MiB, sampled while it works."""

    peak: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, running: Running) -> None:
        while not self.over.wait(0.5):
            with suppress(OSError, ValueError):  # a process that just ended
                self.peak = max(self.peak, running.memory()["worker"] / 1024)


@dataclass(frozen=True)
class Look:
    """One look at the page of an import."""

    seconds: float
    percent: int
    over: bool


def follow(clerk: Clerk, path: str, until: int) -> tuple[list[Look], str]:
    """Look at a page until it shows so many percent, or is over; gives the last page's words."""
    began, looks = time.perf_counter(), []
    while True:
        page = clerk.look(path)
        found = re.search(r"<progress[^>]*value=\"(\d+)\"", page)
        look = Look(time.perf_counter() - began, int(found[1]) if found else 100, found is None)
        looks.append(look)
        if look.over or look.percent >= until:
            return looks, _words(page)
        if look.seconds > PATIENCE:
            raise SystemExit(f"not over in time: {_words(page)[:600]}")
        time.sleep(LOOK_EVERY)


def steps_of(looks: list[Look]) -> list[tuple[int, int]]:
    """When which tenth was seen first: (seconds, percent)."""
    seen: dict[int, Look] = {}
    for look in looks:
        seen.setdefault(look.percent // 10, look)
    return [(round(look.seconds), look.percent) for look in seen.values()]


def run(engine: str, rows: int, seed: int) -> dict[str, Any]:
    place = ground.begin(engine, "background")
    with clone.laid(place).app_context():
        city.lay(0, seed)
        db.engine.dispose()
    found: dict[str, Any] = {"engine": engine, "rows": rows}
    with tempfile.TemporaryDirectory(dir=place.data_dir) as there:
        workbook = Path(there) / "orders.xlsx"
        write_workbook(workbook, rows, seed)
        found["file_bytes"] = workbook.stat().st_size
        running = Running.start(place, _free_port())
        watched = Watched()
        watcher = threading.Thread(target=watched.watch, args=(running,))
        watcher.start()
        try:
            clerk = Clerk(f"http://127.0.0.1:{running.port}")
            clerk.sign_in("coordinator", city.PASSWORD)
            _live_through(clerk, workbook, found)
        finally:
            watched.over.set()
            watcher.join()
            running.stop()
    found["worker_peak_pss_mib"] = round(watched.peak, 1)
    with create_app(place.settings()).app_context():
        run_ = db.session.scalars(select(ImportRun)).one()
        found["counts"] = {
            name: getattr(run_, name)
            for name in ("rows", "created", "repeated", "conflicts", "rejected")
        }
        found["appeals"] = db.session.scalar(select(func.count(Appeal.id)))
        found["lines"] = db.session.scalar(select(func.count(ImportLine.id)))
        db.session.remove()
        db.engine.dispose()
    wanted = {"rows": rows, "created": rows, "repeated": 0, "conflicts": 0, "rejected": 0}
    if found["counts"] != wanted or {found["appeals"], found["lines"]} != {rows}:
        raise SystemExit(f"the counts do not add up: {found}")
    return found


def _live_through(clerk: Clerk, workbook: Path, found: dict[str, Any]) -> None:
    def timed(name: str, path: str, **more: Any) -> str:
        began = time.perf_counter()
        where = clerk.post(path, **more)
        found.setdefault("requests_s", {})[name] = round(time.perf_counter() - began, 2)
        return where

    with workbook.open("rb") as file:
        draft = timed("upload", "/imports/?kind=orders", files={"file": file}, channel="12345")
    trial = timed("begin trial", f"{draft}/trial")
    looks, words = follow(clerk, trial, 101)
    found["trial_s"], found["trial"] = round(looks[-1].seconds, 1), steps_of(looks)
    if "可登记" not in words:
        raise SystemExit(f"the trial failed: {words[:600]}")
    mark = re.search(r'name="mark" value="(\w+)"', clerk.get(trial))
    assert mark is not None
    result = timed("take", f"{draft}/run", mark=mark[1])
    moved, _ = follow(clerk, result, 20)
    timed("stop", f"{result}/stop")
    stopped = clerk.get(result)
    if "取消" not in stopped or "<progress" in stopped:
        raise SystemExit("it did not stop")
    time.sleep(3)
    before = _words(clerk.get(result))
    time.sleep(3)
    if _words(clerk.get(result)) != before:
        raise SystemExit("it went on after it was called off")
    timed("go on", f"{result}/resumption")
    again, words = follow(clerk, result, 101)
    found["progress"] = [*steps_of(moved), "stopped and gone on with", *steps_of(again)]
    found["import_s"] = round(moved[-1].seconds + again[-1].seconds, 1)
    found["us_per_row"] = round(found["import_s"] / found["rows"] * 1e6)
    if f"共{found['rows']}行" not in words:
        raise SystemExit(f"it was not finished: {words[:600]}")
    end = time.monotonic() + 600
    while "下载导入结果表" not in clerk.get(result):
        if time.monotonic() > end:
            raise SystemExit("there is no sheet with its rows")
        time.sleep(LOOK_EVERY)
    began = time.perf_counter()
    sheet = clerk.session.get(f"{clerk.url}{result}/rows.xlsx", timeout=300)
    sheet.raise_for_status()
    found["sheet_bytes"] = len(sheet.content)
    found["requests_s"]["sheet"] = round(time.perf_counter() - began, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description="A large file through the page and the worker.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--engine", choices=ground.ENGINES, default="sqlite")
    parser.add_argument("--seed", type=int, default=clone.SEED)
    given = parser.parse_args()
    print(json.dumps(run(given.engine, given.rows, given.seed), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
