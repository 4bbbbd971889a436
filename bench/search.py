"""How long a word takes to be found: rare, common and in between, one character to many.

    python -m bench.search [--rows 100000] [--engine sqlite] [--rounds 7]

Rows are made up: an appeal table with no more than keys and an index, and the tokens of 80
characters each. Prints milliseconds (median, best) of the newest page of 51, of the count up to
1001, and of a page by another key; what one put costs; and what the index weighs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text, select, text

from ledger import create_app
from ledger.config import load
from ledger.db import db, writing
from ledger.search import ddl, index
from ledger.search.index import Texts
from ledger.search.query import Finder
from ledger.search.tokens import read, tokens

from . import ground

CHARACTERS = 80
SEED = 20260123

plain = Table(
    "plain",
    MetaData(),
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("office_id", Integer),
    Column("registered_at", Integer),
    Column("content", Text),
)


def vocabulary(dice: random.Random) -> tuple[list[str], list[float]]:
    """Words of two to four characters, the n-th said 1/n as often as the first."""
    characters = [chr(0x4E00 + dice.randrange(3500)) for _ in range(3000)]
    words = [
        "".join(dice.choices(characters, k=dice.choice([1, 2, 2, 2, 3, 4]))) for _ in range(20000)
    ]
    words[0:3] = ["物流", "有限公司", "的"]
    return words, [1 / (n + 5) for n in range(len(words))]


def contents(rows: int) -> Iterator[str]:
    dice = random.Random(SEED)
    words, weights = vocabulary(dice)
    cumulated = [sum(weights[:1])]
    for weight in weights[1:]:
        cumulated.append(cumulated[-1] + weight)
    for number in range(1, rows + 1):
        said = "".join(dice.choices(words, cum_weights=cumulated, k=36))[:CHARACTERS]
        if number % 100 == 0:
            said += "百里挑一"
        if number % 2000 == 0:
            said += "两千分之一"
        if number in (7, rows // 2):
            said += "鑫鑫冷链"
        if number <= rows // 3:
            said += "旧年疫情"
        yield f"{said} 赣B{number % 100000:05d} 360734-2026-{number:06d}"


ASKED = {
    "two characters, rare": "鑫鑫",
    "two, 1 in 2000": "千分",
    "two, 1 in 100": "里挑",
    "two, common": "物流",
    "four, common": "有限公司",
    "four, rare": "鑫鑫冷链",
    "one, rare": "鑫",
    "one, common": "的",
    "digits": "B0123",
    "number": "360734-2026-000777",
    "two terms, common": "物流 有限公司",
    "common and rare": "物流 鑫鑫",
    "only in the old third": "疫情",
    "not there": "饕餮",
}


def fill(rows: int) -> None:
    with db.engine.begin() as connection:
        plain.create(connection)
        ddl.create(connection)
        made: list[dict[str, Any]] = []
        kept: list[dict[str, Any]] = []
        for number, said in enumerate(contents(rows), 1):
            made.append({"id": number, "office_id": 1, "registered_at": number, "content": said})
            kept.append({"appeal_id": number, "common": tokens([said]), "sealed": ""})
            if len(made) == 10_000 or number == rows:
                connection.execute(plain.insert(), made)
                connection.execute(ddl.search_text.insert(), kept)
                made.clear()
                kept.clear()
        connection.execute(text("CREATE INDEX ix_plain ON plain (office_id, registered_at, id)"))
        if db.engine.dialect.name == "sqlite":
            connection.execute(text("ANALYZE"))
            return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def newest(words: str) -> int:
    """A page of a search as its list asks for it, by whoever sees all."""
    return len(Finder(read(words)).newest(51))


def by_key(words: str) -> tuple[int, bool]:
    """The same in another order: the rows by a key of theirs."""
    found = Finder(read(words))
    asked = (
        select(plain.c.id, plain.c.registered_at)
        .where(plain.c.office_id.in_((1,)), found.matching(plain.c.id, knows=True, wanted=51))
        .order_by(plain.c.registered_at.desc(), plain.c.id.desc())
        .limit(51)
    )
    return len(db.session.execute(asked).all()), found.spread.is_rare(51)


def count(words: str) -> int:
    return Finder(read(words)).count(1001)


def timed(app: Any, act: Callable[[], Any], rounds: int) -> tuple[Any, float, float]:
    spent: list[float] = []
    result: Any = None
    for _ in range(rounds + 1):
        # As a request does: nothing is known of the last one.
        with app.app_context():
            started = time.perf_counter()
            result = act()
            spent.append((time.perf_counter() - started) * 1000)
            db.session.remove()
    return result, statistics.median(spent[1:]), min(spent[1:])


def put_one(number: int) -> None:
    with writing():
        index.put(Texts(number, (f"物流有限公司{number}的车在收费站入口被劝返，请求协调放行" * 3,)))
        db.session.commit()


def weight() -> str:
    if db.engine.dialect.name == "sqlite":
        parts = dict.fromkeys(("search_text", "search_index_data", "search_index_idx", "plain"), 0)
        try:
            for name in parts:
                size = text("SELECT sum(pgsize) FROM dbstat WHERE name = :name")
                parts[name] = db.session.scalar(size, {"name": name}) or 0
        except Exception:
            return f"file {Path(db.engine.url.database or '').stat().st_size / 2**20:.0f} MiB"
    else:
        size = text("SELECT pg_table_size(CAST(:name AS regclass))")
        parts = {
            name: db.session.scalar(size, {"name": name}) or 0
            for name in ("search_text", "ix_search_text_common_grams", "plain")
        }
    return ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in parts.items())


def run(engine: str, rows: int, rounds: int) -> None:
    place = Path(tempfile.mkdtemp(prefix="search-bench-"))
    if engine == "sqlite":
        url = f"sqlite:///{place / 'ledger.db'}"
    else:
        url = ground.begin(engine, "search").url
    settings = ground.Ground(url, place).environment()
    app = create_app(load(settings))
    with app.app_context():
        started = time.monotonic()
        fill(rows)
        print(
            f"{engine}, {rows} rows of {CHARACTERS} characters, "
            f"filled in {time.monotonic() - started:.0f} s; {weight()}"
        )
        db.session.remove()
    for name, words in ASKED.items():
        rows_found, median, best = timed(app, partial(newest, words), rounds)
        counted, count_median, count_best = timed(app, partial(count, words), rounds)
        (_, rare), key_median, key_best = timed(app, partial(by_key, words), rounds)
        print(
            f"  {name:24} page {rows_found:3} {median:8.2f} {best:8.2f}"
            f"   count {counted:5} {count_median:8.2f} {count_best:8.2f}"
            f"   by key, {'index' if rare else 'rows':6} {key_median:8.2f} {key_best:8.2f}"
        )
    numbers = iter(range(rows + 1, rows + 1000))
    _, median, best = timed(app, lambda: put_one(next(numbers)), 200)
    print(f"  {'put and commit':24}          {median:8.2f} {best:8.2f}")
    with app.app_context():
        db.engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--engine", choices=ground.ENGINES, action="append")
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    for engine in given.engine or ground.ENGINES:
        run(engine, given.rows, given.rounds)


if __name__ == "__main__":
    main()
