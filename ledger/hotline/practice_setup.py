"""What the practice partner sets up on a ledger for itself: a client of the interface, whose
answers are pushed back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from ..appeals.record import Invalid
from ..catalogue.models import Channel
from ..db import db, writing
from ..people.models import Unit
from ..work.models import Outbox
from . import clients
from .api_models import ApiClient
from .hearing import VERBS
from .messages import PUSH
from .practice import Key
from .push_models import OrderMessage

NAME: Final = "演练平台"
ON_THE_WAY: Final = ("queued", "waiting")


class CannotSetUp(ValueError):
    """The ledger can't be practised on like this. The message is for the screen."""


@dataclass(frozen=True)
class Client:
    """The practice partner, as the ledger knows it."""

    id: int
    key: Key

    def undelivered(self) -> int:
        """What it is still to hear: entries not yet looked at, and answers on their way."""
        waiting = select(func.count(Outbox.id)).where(
            Outbox.state == "waiting", Outbox.topic.in_(sorted(VERBS))
        )
        unsent = select(func.count(OrderMessage.id)).where(
            OrderMessage.client_id == self.id, OrderMessage.state.in_(ON_THE_WAY)
        )
        left = (db.session.scalar(waiting) or 0) + (db.session.scalar(unsent) or 0)
        db.session.rollback()
        return left


def client(source: str, office_id: int, callback_url: str) -> Client:
    """The practice partner of that source and office with a new key, which ends those it had.

    From then on what its hotline must hear is pushed. Raises CannotSetUp.
    """
    with writing() as at:
        ours = (one for one in clients.all_clients() if _is_ours(one, source, office_id))
        known = next(ours, None)
        try:
            if known is None:
                office = db.session.get_one(Unit, office_id)
                made = clients.add(source, office, NAME, at=at, callback_url=callback_url)
            else:
                clients.change(known, NAME, callback_url, known.rate, True, at=at)
                _end_keys(known, at)
                made = clients.new_key(known, at=at)
        except Invalid as error:
            raise CannotSetUp(error.reason) from error
        for channel in db.session.scalars(select(Channel).where(Channel.source_system == source)):
            channel.return_way = PUSH
        db.session.commit()
        return Client(made.client_id, Key(made.key_id, made.secret))


def rivals(source: str, office_id: int) -> list[str]:
    """Other platforms of that source and office that answers may go to instead."""
    return [
        one.name
        for one in clients.all_clients()
        if one.source_system == source
        and one.office_id == office_id
        and one.active
        and one.callback_url
        and not _is_ours(one, source, office_id)
    ]


def _is_ours(one: ApiClient, source: str, office_id: int) -> bool:
    return (one.source_system, one.office_id, one.name) == (source, office_id, NAME)


def _end_keys(known: ApiClient, at: datetime) -> None:
    for key in known.keys:
        if key.is_good(at):
            clients.end_key(key, at=at)
