"""What an appeal is found by, handed to the index in the commit that changes it.

Phones, instructions, answers and notes are not among it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext
from sqlalchemy import inspect, select
from sqlalchemy.orm import lazyload, load_only, selectinload
from sqlalchemy.orm.attributes import get_history

from ..db import db, writing
from ..search import index
from ..search.index import Texts
from ..search.tokens import fold
from ..trail.models import ERASED
from ..trail.rows import UNREAD
from . import unit_sight

if TYPE_CHECKING:
    from .record import AppealRecord

TOLD = ("title", "content", "place")
"""Free words, in which an appellant may have been named."""

IDENTITY = ("appellant_name", "uscc", "plates")
"""Found by whoever may know the appellant."""

HIDDEN = ("appellant_name", "contact_name", "spot_name", "uscc", "phone", "spot_phone")
"""Of a confidential appeal, cut out of the free words too; and every single plate."""

_TELLING = frozenset({*TOLD, *IDENTITY, *HIDDEN, "confidential", "external_orders"})

SHORTEST = 2
"""Characters of what is cut out: a single one would cut words to pieces."""

BATCH = 500


def is_due(appeal: AppealRecord) -> bool:
    """Whether anything the index holds is about to change. Asked before the flush."""
    state = inspect(appeal)
    return not state.persistent or any(
        get_history(appeal, name, UNREAD).has_changes()
        for name in _TELLING - state.unmodified
    )


def put(appeal: AppealRecord) -> None:
    """Index it. Its row is flushed, and so has an id."""
    index.put(texts_of(appeal))


def texts_of(appeal: AppealRecord) -> Texts:
    told = [_standing(getattr(appeal, name)) for name in TOLD]
    known = [_standing(getattr(appeal, name)) for name in IDENTITY]
    numbers = [appeal.number, appeal.label]
    for order in appeal.external_orders:
        numbers += [order.order_number, order.full_number]
    if not appeal.confidential:
        return Texts(appeal.id, (*told, *known, *numbers))
    hidden = [_standing(getattr(appeal, name)) for name in HIDDEN]
    hidden += _standing(appeal.plates).split()
    return Texts(
        appeal.id,
        common=(*_without(told, hidden), *numbers),
        sealed=(*told, *known, *numbers),
    )


def _without(texts: Iterable[str], hidden: Iterable[str]) -> list[str]:
    cut = sorted({fold(words) for words in hidden}, key=len, reverse=True)
    found = []
    for text in map(fold, texts):
        for words in cut:
            if len(words) >= SHORTEST:
                text = text.replace(words, " ")
        found.append(text)
    return found


def _standing(words: str | None) -> str:
    """What was erased by law is found by nothing any more."""
    return "" if words is None or words == ERASED else words


# -- anew --------------------------------------------------------------------------------------


def rebuild(batch: int = BATCH) -> int:
    """Index every appeal anew, batch by batch, each in a transaction of its own. Gives how many."""
    from .models import Appeal

    columns = (*TOLD, *IDENTITY, *HIDDEN, "confidential", "number", "label")
    done = last = 0
    while True:
        with writing():
            appeals = db.session.scalars(
                select(Appeal)
                .where(Appeal.id > last)
                .order_by(Appeal.id)
                .limit(batch)
                .options(
                    load_only(*(getattr(Appeal, name) for name in columns)),
                    lazyload(Appeal.office),
                    selectinload(Appeal.external_orders),
                )
            ).all()
            if not appeals:
                return done
            index.put(*map(texts_of, appeals))
            db.session.commit()
        last = appeals[-1].id
        done += len(appeals)
        db.session.expunge_all()


@click.command("reindex")
@with_appcontext
def reindex() -> None:
    """重建检索索引和承办单位可见范围（升级或依法删除之后）。"""
    from ..search import ddl

    done = rebuild()
    unit_sight.rebuild()
    with db.engine.begin() as connection:
        ddl.rebuild(connection)
    click.echo(f"已重建检索索引：{done}件")
