"""Keeping the tokens: written in the transaction that changes the appeal, never later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from ..db import db
from .tokens import tokens

_PUT = text(
    "INSERT INTO search_text (appeal_id, common, sealed) VALUES (:appeal_id, :common, :sealed)"
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
    rows = [tokens_of(one) for one in found]
    if rows:
        db.session.connection().execute(_PUT, rows)


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
