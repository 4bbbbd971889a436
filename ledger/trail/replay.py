"""Replaying a stream: from its entries, in order, to the rows they made. Pure.

Each canonical form has its own replay, for ever. Form 1: the payload's `set` holds plain
columns by table and row (the stream's own row under the empty key); its `texts` hold
commitments, under "table.column" for the stream's own row, "table.row.column" for others, and
under a bare word for what belongs to the entry alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Rows = dict[str, dict[str, dict[str, Any]]]
"""table → row key ('' for the stream's own row) → column → plain value or text."""


FORMS = frozenset({1})


class UnknownForm(ValueError):
    """An entry's form is not one this release knows."""


def apply(rows: Rows, form: int, payload: str, texts: Mapping[str, str]) -> None:
    """Apply one entry. `texts` are the words behind its commitments, by place.

    Raises UnknownForm. A place without words leaves the column None, which the comparison with
    the rows will show.
    """
    apply_body(rows, read(form, payload), texts)


def read(form: int, payload: str) -> dict[str, Any]:
    """A payload's body. Raises UnknownForm."""
    if form not in FORMS:
        raise UnknownForm(f"form {form}")
    body: dict[str, Any] = json.loads(payload)
    return body


def apply_body(rows: Rows, body: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Apply a payload of form 1 that is already read."""
    for table, changed in body.get("set", {}).items():
        for key, columns in changed.items():
            rows.setdefault(table, {}).setdefault(key, {}).update(columns)
    for place in body.get("texts", {}):
        if (where := column_of(place)) is not None:
            table, key, column = where
            rows.setdefault(table, {}).setdefault(key, {})[column] = texts.get(place)


def column_of(place: str) -> tuple[str, str, str] | None:
    """Table, row and column of a text's place; None where it belongs to the entry alone."""
    parts = place.split(".")
    if len(parts) == 2:
        return parts[0], "", parts[1]
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return None


def sets(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Table, row and column of everything a payload of form 1 sets."""
    for table, changed in body.get("set", {}).items():
        for key, columns in changed.items():
            for column in columns:
                yield table, key, column
    for place in body.get("texts", {}):
        if (where := column_of(place)) is not None:
            yield where


def replay(entries: Iterable[tuple[int, str, Mapping[str, str]]]) -> Rows:
    """Rows from (form, payload, texts) in order of seq."""
    rows: Rows = {}
    for form, payload, texts in entries:
        apply(rows, form, payload, texts)
    return rows
