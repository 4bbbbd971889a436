"""A ledger with the index laid, and nothing in it but what a test puts there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import inspect

from ledger.db import db
from ledger.search import ddl


@pytest.fixture
def indexed(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        if not inspect(db.engine).has_table(ddl.search_text.name):
            with db.engine.begin() as connection:
                ddl.create(connection)
        yield app
        db.session.rollback()


HOSTILE = (
    "'",
    '"',
    '""',
    "' OR 1=1 --",
    '" OR "',
    "*",
    "寻*",
    "AND",
    "NOT 寻",
    "NEAR(寻 乌, 3)",
    "common:寻",
    "{common}:寻",
    "^寻",
    "寻:*",
    "!寻 & 乌 | <->",
    "\\",
    "\\'",
    "%",
    "_",
    "寻\x00乌",
    "\ud83d",
    "😀",
    "👨‍👩‍👧‍👦",
    "寻" * 9000,
    "寻 " * 4500,
    "'" * 9000,
    "\ufdfa" * 500,
    "，。！？；：",
    ":x",
    "%(x)s",
    "{}",
    "a\u0301",
    "\u202e寻",
)

"""What somebody might type into a search field, meaning no good."""


@pytest.fixture
def hostile() -> tuple[str, ...]:
    return HOSTILE
