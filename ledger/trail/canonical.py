"""The canonical form of an entry and its hash: pure, and documented in docs/trail.md.

Form 1: the entry's fields as a JSON object in the canonical form of RFC 8785 (no floats), with
the payload as the exact text that is stored, and the hash of the entry before it as `prev`.
The entry's hash is SHA-256 of that text in UTF-8, in hex. The first entry of a stream has
SHA-256(ledger id ‖ stream) as its `prev`. A form once used is never changed: a new one gets the
next number, and each is checked by its own rules for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache

import rfc8785

FORM = 1
ALGORITHM = "sha256"

LARGEST = 2**53 - 1
"""RFC 8785 knows no whole number beyond this, on either side of zero."""

FIELDS = (
    "stream",
    "seq",
    "at",
    "happened_at",
    "form",
    "verb",
    "from_state",
    "to_state",
    "round",
    "assignment_id",
    "actor_kind",
    "actor_id",
    "actor_name",
    "post_unit_id",
    "post_unit",
    "post_role",
    "on_behalf",
    "payload",
    "prev",
    "algorithm",
)
"""What the hash covers, every column of an entry but its row number and the hash itself."""

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]


def moment_text(at: datetime) -> str:
    """UTC to the microsecond: 2026-11-20T01:30:00.000000Z. Raises ValueError without a zone."""
    if at.tzinfo is None:
        raise ValueError("a moment needs its zone")
    return _of_utc(at if at.tzinfo is UTC else at.astimezone(UTC))


@lru_cache(maxsize=1024)
def _of_utc(at: datetime) -> str:
    # An act says its own moment a dozen times.
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def plain(value: object) -> Plain:
    """A column's value as the payload holds it. Raises TypeError for anything inexact."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise TypeError("a number beyond 2^53 has no canonical form")
        return value
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical(payload: Mapping[str, Plain]) -> str:
    """RFC 8785 text of a payload. Raises TypeError if a float hides in it."""
    return plain_canonical(plain(payload))


def plain_canonical(body: Plain) -> str:
    """The same of a payload that is plain already."""
    # The keys are ours, names of tables and columns: the quick way is the common one.
    return quick(body) if _has_plain_keys(body) else rfc8785.dumps(body).decode()


def _has_plain_keys(body: Plain) -> bool:
    if isinstance(body, dict):
        return all(map(str.isascii, body)) and all(map(_has_plain_keys, body.values()))
    return not isinstance(body, list) or all(map(_has_plain_keys, body))


_QUICK = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def quick(body: object) -> str:
    """The same text as `canonical` where every key is ASCII; else perhaps another order of keys.

    For checking a ledger of a million entries: the standard library's encoder is written in C.
    """
    return _QUICK.encode(body)


def entry_hash(fields: Mapping[str, object]) -> str:
    """Hash of an entry from its FIELDS (moments as datetimes or as canonical text), in hex."""
    # Most are words, which are plain as they stand.
    return plain_hash({n: v if isinstance(v := fields[n], str) else plain(v) for n in FIELDS})


def plain_hash(body: Mapping[str, Plain]) -> str:
    """Hash of an entry from exactly its FIELDS as plain values, in hex."""
    return hashlib.sha256(quick(body).encode()).hexdigest()


def first_prev(ledger_id: str, stream: str) -> str:
    """What a stream's first entry has as its `prev`: SHA-256(ledger id ‖ stream), in hex."""
    return hashlib.sha256((ledger_id + stream).encode()).hexdigest()
