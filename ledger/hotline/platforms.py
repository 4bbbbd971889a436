"""The platforms that answers are pushed to: where to, and signed with which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Platform:
    """A client of the interface, as far as it is spoken to."""

    id: int
    name: str
    source_system: str
    office_id: int
    callback_url: str


@dataclass(frozen=True)
class Key:
    """What a message to it is signed with."""

    key_id: str
    secret: bytes


class Book(Protocol):
    """Who keeps them."""

    def platforms(self) -> Sequence[Platform]:
        """Those that are active and have an address."""

    def key_of(self, client_id: int) -> Key | None:
        """The newest that is in force."""


class _Nobody:
    def platforms(self) -> Sequence[Platform]:
        return ()

    def key_of(self, client_id: int) -> Key | None:
        return None


_book: Book = _Nobody()


def kept_by(book: Book) -> Book:
    """Have `book` asked from now on; gives the one that was."""
    global _book
    was, _book = _book, book
    return was


def platforms() -> Sequence[Platform]:
    return _book.platforms()


def key_of(client_id: int) -> Key | None:
    return _book.key_of(client_id)


def platform_for(source_system: str, offices: Sequence[int]) -> Platform | None:
    """The one that gave out an order: of that source, of the first of these offices that has one;
    where the source has a single platform at all, that one."""
    found = [one for one in platforms() if one.source_system == source_system]
    for office_id in offices:
        for one in found:
            if one.office_id == office_id:
                return one
    return found[0] if len(found) == 1 else None
