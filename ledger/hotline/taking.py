"""A hotline's file as a kind of import: orders become appeals of an office."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import select

from .. import sheets
from ..appeals.models import Appeal
from ..appeals.opening import Carried
from ..appeals.parts import ExternalOrder
from ..catalogue.queries import catalogue
from ..config import SHANGHAI
from ..db import db
from ..firms.models import Firm
from ..firms.names import fold
from ..people.actor import Actor
from ..people.models import Unit
from .intake import Standing, Summary, Taking
from .orders import (
    COLUMNS,
    Order,
    reads_confidential,
    reads_kind,
    reads_urgency,
    registration,
    understand,
)
from .values import Reads, categories_by_name
from .values import fold as fold_word


class NoSuchChannel(ValueError):
    """The channel has no hotline behind it."""


def source_system(channel: str) -> str:
    """The hotline whose numbers come with a channel. Raises NoSuchChannel."""
    known = catalogue().channels.get(channel)
    if known is None or not known.source_system:
        hotlines = "、".join(c.code for c in catalogue().channels.values() if c.source_system)
        raise NoSuchChannel(f"渠道“{channel}”没有工单编号，可用的有：{hotlines}")
    return known.source_system


class FirmsNamed:
    """Firms of the register that rows name, by credit code and by folded name."""

    def __init__(self) -> None:
        self.found: dict[str, Firm] = {}

    def load(self, names: Sequence[tuple[str, str]]) -> None:
        """`names`: pairs of firm name and credit code, either may be ''."""
        codes = {uscc for _, uscc in names if uscc}
        folded = {fold(name) for name, _ in names if name}
        self.found = {}
        if folded:
            twice: set[str] = set()
            same = select(Firm).where(Firm.name_folded.in_(sorted(folded)))
            for firm in db.session.scalars(same):
                if firm.name_folded in self.found:
                    twice.add(firm.name_folded)
                self.found[firm.name_folded] = firm
            for name in twice:  # two firms of one name: a person must say which
                del self.found[name]
        if codes:
            for firm in db.session.scalars(select(Firm).where(Firm.uscc.in_(sorted(codes)))):
                self.found[str(firm.uscc)] = firm

    def named(self, name: str, uscc: str) -> Firm | None:
        return self.found.get(uscc) or (self.found.get(fold(name)) if name else None)


class Orders:
    """Orders of one hotline. A reply in the file becomes a supplement, not a forged state."""

    code = "orders"
    columns = COLUMNS
    required: tuple[str, ...] = ("number", "content")
    together = True

    def __init__(self, channel: str, office_id: int, *, opening: bool = False) -> None:
        """`opening`: 期初导入, what has been replied to arrives closed. Raises NoSuchChannel."""
        self.opening = opening
        self.channel = channel
        self.source = source_system(channel)
        self.office_id = office_id
        self.office: Unit | None = None
        self.firms = FirmsNamed()
        self.categories = categories_by_name(catalogue())
        self.valued: Mapping[str, Reads] = {
            "kind": reads_kind,
            "urgency": reads_urgency,
            "confidential": reads_confidential,
            "category": lambda text: fold_word(text) in self.categories,
        }

    def understand(self, row: sheets.Row) -> Order:
        return understand(row)

    def known(self, items: Sequence[Order]) -> dict[str, Standing]:
        keys = {(order.number, order.sub_number): order.key for order in items}
        if not keys:
            return {}
        found = db.session.execute(
            select(
                ExternalOrder.order_number,
                ExternalOrder.sub_number,
                ExternalOrder.matter_digest,
                ExternalOrder.appeal_id,
            ).where(
                ExternalOrder.source_system == self.source,
                ExternalOrder.order_number.in_(sorted({number for number, _ in keys})),
            )
        )
        return {
            keys[number, sub]: Standing(matter, appeal_id)
            for number, sub, matter, appeal_id in found
            if (number, sub) in keys
        }

    def prepare(self, items: Sequence[Order]) -> None:
        self.office = db.session.get_one(Unit, self.office_id)
        self.firms.load([(order.firm, order.uscc) for order in items])

    def bring(self, item: Order, *, by: Actor, at: datetime) -> Standing:
        assert self.office is not None, "prepare() comes first"
        known = registration(
            item,
            channel=self.channel,
            region_code=self.office.region_code,
            at=at,
            category_id=self.categories.get(fold_word(item.category)) if item.category else None,
        )
        external = ExternalOrder()
        # As a loaded row is filled: there is no history to keep of what never was otherwise.
        vars(external).update(
            source_system=self.source,
            order_number=item.number,
            sub_number=item.sub_number,
            state="open",
            received_at=known.received_at,
            their_due_at=item.their_due_at,
            matter_digest=item.matter,
        )
        firm = self.firms.named(item.firm, item.uscc)
        if self.opening:
            appeal = Appeal.carry_over(
                known,
                _carried(item, known.received_at),
                office=self.office,
                by=by,
                at=at,
                firm=firm,
                external_orders=[external],
            )
            return Standing(item.matter, appeal.id)
        appeal = Appeal.register(
            known, office=self.office, by=by, at=at, firm=firm, external_orders=[external]
        )
        if item.reply:
            when = "时间不详"
            if item.replied_at is not None:
                when = f"{item.replied_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
            appeal.supplement(f"【原工单答复（{when}）】{item.reply}", by=by, at=at)
        return Standing(item.matter, appeal.id)


def _carried(item: Order, since: datetime) -> Carried:
    return Carried(
        state="closed" if item.reply else "registered",
        registered_at=since,
        row=json.dumps(asdict(item), ensure_ascii=False, default=str),
        answered_at=item.replied_at,
        closed_at=item.replied_at,
        account=item.reply,
        public_reply=item.reply,
    )


def take(
    data: bytes,
    filename: str,
    *,
    channel: str,
    office_id: int,
    by: Actor,
    dry_run: bool = False,
    opening: bool = False,
) -> Summary:
    """Import a file of orders; with `dry_run` only say what would come of it.

    Each row is one order, known by (source system, number, sub-number). Raises SheetError,
    NoSuchChannel, Refused.
    """
    taking = Taking[Order](Orders(channel, office_id, opening=opening), office_id=office_id, by=by)
    return taking.weigh(data, filename) if dry_run else taking.take(data, filename)
