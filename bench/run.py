"""`make bench`: the ledger under load, against the limit of the same machine in the same run.

Ledgers of every size asked for are served side by side, and their rows taken in turn, five rounds,
so that a noisy minute falls on all of them. Figures are medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog
from flask import Flask
from sqlalchemy import select

from ledger import create_app
from ledger.appeals.models import Appeal, Assignment
from ledger.catalogue.queries import catalogue
from ledger.db import db
from ledger.firms.models import Firm
from ledger.people.models import Person, Post

from . import ground, visit, words
from .browser import Browser
from .city import BUREAU, PASSWORD, SMALL
from .clone import prepare
from .limit import PATH
from .server import ROOT, Running

ROUNDS: Final = 5
READS: Final = 160
WRITES: Final = 80
SECONDS: Final = 2.0
"""At most so long for one row of one round."""
PORT: Final = 8790

LIST_BAR: Final = 0.4
PAGE_BAR: Final = 0.3
WRITE_BAR: Final = 150.0
GROWTH_BAR: Final = 1.3
WAIT_BAR: Final = 1000.0
MEMORY_BAR: Final = 400 * 1024

COUNTED_AS_LIST: Final = ("ledger", "search")


@dataclass
class Sample:
    """One row of one round."""

    rate: float
    p50: float
    p95: float
    worst: float


@dataclass
class Line:
    """One row of the table, all times in milliseconds."""

    name: str
    rate: float
    p50: float
    p95: float
    max: float
    ratio: float
    """Of the limit's rate."""
    bar: str
    """What is asked, and whether it is met."""
    growth: float | None = None
    """Time of a request against that of the smallest ledger in this run."""
    queries: int | None = None
    visited: int | None = None
    anew: int | None = None
    """Rows visited where something was written since the last request."""
    cpu_ms: float | None = None


class Load:
    """The load client's process."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, port: int, requests: list[str], allowed: int) -> dict[str, Any]:
        """Raises RuntimeError where an answer has another status than `allowed`."""
        assert self.process.stdin is not None and self.process.stdout is not None
        plan = {"port": port, "requests": requests, "seconds": SECONDS}
        self.process.stdin.write(json.dumps(plan) + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        if set(found["statuses"]) != {str(allowed)}:
            first = requests[0].split("\r\n", 1)[0]
            raise RuntimeError(f"{first}: answered {found['statuses']}, not {allowed}")
        return found

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def _sample(found: dict[str, Any]) -> Sample:
    spent = sorted(found["spent"])
    return Sample(
        rate=len(spent) / found["elapsed"],
        p50=spent[len(spent) // 2] * 1000,
        p95=spent[int(len(spent) * 0.95)] * 1000,
        worst=spent[-1] * 1000,
    )


@dataclass
class Site:
    """One ledger with its server, its people at their browsers, and what was measured."""

    count: int
    place: ground.Ground
    running: Running
    load: Load
    dice: random.Random
    facts: Facts
    people: dict[str, Browser] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    visits: dict[str, visit.Visit] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return self.running.port

    def sign_in(self) -> None:
        for username in ("coordinator", "liaison", BUREAU, SMALL):
            self.people[username] = Browser(self.port, username, PASSWORD)

    def take(self, name: str, requests: list[str], allowed: int = 200) -> dict[str, Any]:
        found = self.load.run(self.port, requests, allowed)
        self.samples.setdefault(name, []).append(_sample(found))
        return found

    # -- reading ---------------------------------------------------------------------------

    def pages(self) -> dict[str, tuple[str, list[str]]]:
        """Name of the row → who reads, and the addresses in turn."""
        rows: dict[str, tuple[str, list[str]]] = {}
        for title, who in (("coordinator", "coordinator"), ("handler", SMALL)):
            seen = self.facts.of_small if who == SMALL else self.facts.any
            rows |= {
                f"ledger · {title}": (who, ["/appeals/"]),
                f"ledger, filtered · {title}": (who, ["/appeals/?state=open&kind=help"]),
                f"ledger, closed of a channel · {title}": (
                    who,
                    ["/appeals/?state=closed&channel=12345&sort=registered"],
                ),
                f"ledger, deep · {title}": (who, [self.facts.deep]),
                f"appeal · {title}": (who, [f"/appeals/{number}" for number in seen]),
                f"desk · {title}": (who, ["/desk"]),
            }
            if self.facts.has_search:
                for kind, word in (("common", words.COMMON), ("rare", words.RARE)):
                    rows[f"search, {kind} · {title}"] = (who, [f"/appeals/?q={quote(word)}"])
        return rows

    def read(self) -> None:
        bare = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        self.take("limit", [bare] * READS)
        for name, (who, paths) in self.pages().items():
            browser = self.people[who]
            browser.refresh()
            requests = [browser.raw_get(path) for path in paths]
            self.take(name, [requests[i % len(requests)] for i in range(READS)])

    # -- writing ---------------------------------------------------------------------------

    def write(self) -> None:
        """Register, accept (not timed), assign and answer the same appeals, by their people."""
        liaison, office, bureau = (self.people[n] for n in ("liaison", "coordinator", BUREAU))
        for browser in (liaison, office, bureau):
            browser.refresh()
        registrations = [
            liaison.raw_post("/appeals/new", self._registration()) for _ in range(WRITES)
        ]
        receipts = self.take("register", registrations, 303)["locations"]
        numbers = [receipt.split("/")[2] for receipt in receipts]
        accepted = {
            "category_id": str(self.facts.category),
            "urgency": "normal",
            "kind": "help",
            "appellant_type": "firm",
            "seen": "1",
        }
        accepts = [office.raw_post(f"/appeals/{n}/accept", accepted) for n in numbers]
        # Where the time is up before all are done, the next act goes to those that were.
        numbers = numbers[: len(self.load.run(self.port, accepts, 303)["spent"])]
        assigned = {"unit_id": str(self.facts.bureau), "seen": "2"}
        assigns = [office.raw_post(f"/appeals/{n}/assign", assigned) for n in numbers]
        numbers = numbers[: len(self.take("assign", assigns, 303)["spent"])]
        answered = {
            "outcome": "resolved",
            "account": "经现场核实，已协调相关单位处理到位，车辆恢复通行。",
            "public_reply": "您好，您反映的问题已处理完毕，现已恢复正常。感谢您的理解和支持。",
            "evidence": "经办人当日现场核实，诉求人电话确认。",
            "seen": "3",
        }
        answers = [bureau.raw_post(f"/appeals/{n}/answer", answered) for n in numbers]
        self.take("answer", answers, 303)

    def _registration(self) -> dict[str, str]:
        matter = words.matter(self.dice)
        firm_id, firm_name = self.dice.choice(self.facts.firms)
        return {
            "token": f"bench{self.dice.randbytes(12).hex()}",
            "firm_id": str(firm_id),
            "appellant_name": firm_name,
            "appellant_type": "firm",
            "contact_name": words.person(self.dice),
            "phone": words.phone(self.dice),
            "phone_given": "given",
            "title": matter.title,
            "content": matter.content,
            "place": matter.place,
            "channel": "visit",
            "kind": "help",
            "urgency": "normal",
            "region_code": ground.REGION,
            "identity": "open",
            "stranded": "no",
        }


@dataclass(frozen=True)
class Facts:
    """What the requests are made of, read off the ledger."""

    any: list[str]
    of_small: list[str]
    deep: str
    firms: list[tuple[int, str]]
    bureau: int
    category: int
    has_search: bool


def _facts(app: Flask, count: int, dice: random.Random) -> Facts:
    with app.app_context():
        numbers = db.session.scalars(select(Appeal.number).order_by(Appeal.id)).all()
        place = db.session.execute(
            select(Appeal.registered_at, Appeal.id)
            .order_by(Appeal.registered_at)
            .offset(count // 10)
            .limit(1)
        ).one()
        small = db.session.scalars(
            select(Appeal.number)
            .join(Assignment, Assignment.appeal_id == Appeal.id)
            .where(Assignment.unit_id == _unit_of(SMALL))
            .limit(100)
        ).all()
        firms = db.session.execute(select(Firm.id, Firm.name).limit(200))
        cursor = quote(f">{_utc(place.registered_at)}~{place.id}")
        facts = Facts(
            any=dice.sample(list(numbers), min(100, len(numbers))),
            of_small=list(small),
            deep=f"/appeals/?sort=registered&at={cursor}",
            firms=[(row.id, row.name) for row in firms],
            bureau=_unit_of(BUREAU),
            category=next(c.id for c in catalogue().categories.values() if c.active),
            has_search=_has_search(),
        )
        db.session.remove()
    return facts


def _unit_of(username: str) -> int:
    return db.session.scalars(
        select(Post.unit_id).join(Person, Person.id == Post.person_id).where(
            Person.username == username
        )
    ).one()


def _utc(at: datetime) -> str:
    return at.isoformat()


def _has_search() -> bool:
    from ledger.appeals.filters import Filters

    return "q" in Filters.__dataclass_fields__


# -- the run -------------------------------------------------------------------------------------


def measure(
    engine: str, counts: list[int], rounds: int, say: Callable[[str], None]
) -> dict[int, Site]:
    """Everything measured on one engine, by the size of the ledger."""
    for count in counts:
        say(f"{engine}: {count:,} appeals …")
        prepare(engine, count)
    sites: dict[int, Site] = {}
    load = Load()
    try:
        for index, count in enumerate(counts):
            place = ground.copy(engine, str(count))
            dice = random.Random(count)
            app = create_app(place.settings())
            facts = _facts(app, count, dice)
            running = Running.start(place, PORT + index)
            sites[count] = Site(count, place, running, load, dice, facts)
            sites[count].sign_in()
        ground.sync()
        for number in range(rounds + 1):
            for site in sites.values():
                site.read()
                site.write()
                if number == 0:
                    site.samples.clear()  # the first one warms
            say(f"{engine}: round {number} of {rounds}")
        for site in sites.values():
            site.memory = site.running.memory()
            site.running.stop()
        for site in sites.values():
            say(f"{engine}: counting queries and rows at {site.count:,}")
            _visit(site)
    finally:
        load.stop()
        for site in sites.values():
            site.running.stop()
            ground.discard(site.place)
    return sites


def _visit(site: Site) -> None:
    app = create_app(site.place.settings())
    # A line for each request would bury the table.
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    browsers = {who: visit.client(app, who) for who in ("coordinator", SMALL)}
    for name, (who, paths) in site.pages().items():
        site.visits[name] = visit.visit(app, browsers[who], paths[0])
    with app.app_context():
        db.engine.dispose()


def lines_of(site: Site, smallest: Site) -> list[Line]:
    limit = _median(site.samples["limit"], "rate")
    found = []
    for name, samples in site.samples.items():
        rate = _median(samples, "rate")
        ratio = rate / limit
        growth = None
        if site is not smallest:
            growth = _median(samples, "p50") / _median(smallest.samples[name], "p50")
        counted = site.visits.get(name)
        found.append(
            Line(
                name=name,
                rate=rate,
                p50=_median(samples, "p50"),
                p95=_median(samples, "p95"),
                max=max(sample.worst for sample in samples),
                ratio=ratio,
                bar=_bar(name, rate, ratio, max(s.worst for s in samples), growth),
                growth=growth,
                queries=counted.queries if counted else None,
                visited=counted.visited if counted else None,
                anew=counted.anew if counted else None,
                cpu_ms=counted.cpu_ms if counted else None,
            )
        )
    return found


def _median(samples: list[Sample], column: str) -> float:
    return float(statistics.median(getattr(sample, column) for sample in samples))


def _bar(name: str, rate: float, ratio: float, worst: float, growth: float | None) -> str:
    if name == "limit":
        return ""
    misses = []
    if name in ("register", "assign", "answer"):
        if rate < WRITE_BAR:
            misses.append(f"short of {WRITE_BAR:.0f}/s")
        if worst > WAIT_BAR:
            misses.append("a wait over 1 s")
    else:
        bar = LIST_BAR if name.startswith(COUNTED_AS_LIST) else PAGE_BAR
        if ratio < bar:
            misses.append(f"short of {bar}")
    if growth is not None and growth > GROWTH_BAR:
        misses.append(f"grows over {GROWTH_BAR}")
    return ", ".join(misses) or "PASS"


def table(engine: str, site: Site, lines: list[Line]) -> str:
    steps = "steps" if engine == "sqlite" else "rows"
    head = (
        f"{'':42}{'rate/s':>8}{'p50':>8}{'p95':>8}{'max':>8}{'ratio':>7}{'growth':>7}"
        f"{'queries':>8}{steps:>9}{'anew':>9}{'cpu':>7}"
    )
    out = [f"\n{engine}, {site.count:,} appeals (ms; ratio to the limit's rate)", head]
    for line in lines:
        growth = f"{line.growth:.2f}" if line.growth is not None else ""
        queries = str(line.queries) if line.queries is not None else ""
        visited = f"{line.visited:,}" if line.visited is not None else ""
        anew = f"{line.anew:,}" if line.anew is not None else ""
        cpu = f"{line.cpu_ms:.1f}" if line.cpu_ms is not None else ""
        out.append(
            f"{line.name:42}{line.rate:8.0f}{line.p50:8.1f}{line.p95:8.1f}{line.max:8.0f}"
            f"{line.ratio:7.2f}{growth:>7}{queries:>8}{visited:>9}{anew:>9}{cpu:>7}  {line.bar}"
        )
    total = sum(site.memory.values())
    parts = ", ".join(f"{name} {kib // 1024}" for name, kib in site.memory.items())
    verdict = "PASS" if total <= MEMORY_BAR else f"over {MEMORY_BAR // 1024} MiB"
    out.append(f"PSS in MiB: {parts}; together {total // 1024}  {verdict}")
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description="The ledger's speed against the machine's limit.")
    parser.add_argument(
        "--n", default=os.environ.get("N") or "10000,100000", help="sizes, comma-separated"
    )
    parser.add_argument("--engine", default=os.environ.get("ENGINE") or "sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true", help="standard output carries JSON alone")
    given = parser.parse_args()
    counts = sorted({int(part) for part in given.n.replace(" ", ",").split(",") if part})
    engines = [part for part in given.engine.split(",") if part]
    if unknown := set(engines) - set(ground.ENGINES):
        parser.error(f"unknown engine: {', '.join(sorted(unknown))}")

    def say(what: str) -> None:
        print(what, file=sys.stderr, flush=True)

    result: dict[str, Any] = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "runs": []}
    for engine in engines:
        sites = measure(engine, counts, given.rounds, say)
        smallest = sites[counts[0]]
        for site in sites.values():
            lines = lines_of(site, smallest)
            if not given.json:
                print(table(engine, site, lines), flush=True)
            result["runs"].append(
                {
                    "engine": engine,
                    "appeals": site.count,
                    "rows": [asdict(line) for line in lines],
                    "pss_kib": site.memory,
                }
            )
    ground.HOME.mkdir(parents=True, exist_ok=True)
    kept = ground.HOME / "last.json"
    kept.write_text(json.dumps(result, ensure_ascii=False, indent=2))
    if given.json:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        print(f"\nas JSON: {Path(kept).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
