"""New appeals by the hundred: their verbs one by one, their rows and tokens together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..search import index
from ..trail.bulk import Gathering, Ids, Ungathered, gathering, insert_rows
from . import intervals

__all__ = ["Gathering", "Ids", "Ungathered", "insert_rows", "together"]


@contextmanager
def together(ids: Ids, expected: int) -> Iterator[Gathering]:
    """Appeals registered or carried over inside are written on leaving. See `gathering`."""
    with index.together(), intervals.together(), gathering(ids, expected) as found:
        yield found
