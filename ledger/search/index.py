"""Keeping the tokens: written in the transaction that changes the appeal, never later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..db import db, is_sqlite
from .tokens import tokens

_PUT = (
    "INSERT INTO search_text (appeal_id, common, sealed) VALUES (?, ?, ?)"
    " ON CONFLICT (appeal_id) DO UPDATE SET common = excluded.common, sealed = excluded.sealed"
)

_WAITING = "search_waiting"


@dataclass(frozen=True)
class Texts:
    """The words of one appeal. See ddl.search_text for the two."""

    appeal_id: int
    common: tuple[str, ...]
    sealed: tuple[str, ...] = ()


def put(*found: Texts) -> None:
    """Index these appeals, in place of what was indexed of them before. The caller commits."""
    put_all(found)


def tokens_of(one: Texts) -> dict[str, Any]:
    """The row of search_text."""
    return {
        "appeal_id": one.appeal_id,
        "common": tokens(one.common),
        "sealed": tokens(one.sealed),
    }


def put_all(found: Iterable[Texts]) -> None:
    waiting: list[Texts] | None = db.session().info.get(_WAITING)
    if waiting is not None:
        waiting += found
        return
    rows = [tuple(tokens_of(one).values()) for one in found]
    if rows:
        put = _PUT if is_sqlite() else _PUT.replace("?", "%s")
        db.session.connection().exec_driver_sql(put, rows)


@contextmanager
def together() -> Iterator[None]:
    """What is put inside is written on leaving, by one statement."""
    info = db.session().info
    waiting: list[Texts] = []
    info[_WAITING] = waiting
    try:
        yield
    finally:
        info.pop(_WAITING)
    put_all(waiting)
