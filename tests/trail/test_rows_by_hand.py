"""Rows written by plain statements are what a flush would have written, and the session knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select

from cast import Cast
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal, Assignment, Deadline, ExternalOrder
from ledger.appeals.parts import AppealPlate, UnitSight
from ledger.catalogue.queries import catalogue
from ledger.db import Base, db, now, writing
from ledger.trail import act as trail
from ledger.trail import rows as trail_rows
from ledger.trail.models import Entry

BEGAN = datetime(2026, 4, 20, 1, 30, tzinfo=UTC)
NEVER_ALIKE = {
    "id", "appeal_id", "number", "label", "head", "query_code", "phone", "spot_phone",
    "handler_phone", "stream", "payload", "prev", "hash",
}  # fmt: skip


class Hand:
    """One act after the other, a minute apart, each in a transaction and a session of its own."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.at = BEGAN
        self.number = ""

    def do(self, by: str, verb: str, *said: Any, **named: Any) -> None:
        self.at += timedelta(minutes=1)
        with self.cast.app.app_context(), writing():
            appeal = db.session.scalars(select(Appeal).where(Appeal.number == self.number)).one()
            given = [self.cast.unit(one[5:]) if _is_unit(one) else one for one in said]
            act = getattr(appeal, verb)
            act(*given, by=self.cast.actor(by, self.at), at=self.at, **named)
            db.session.commit()

    def course(self, order: str, plates: str) -> str:
        """There and back: new rows below an old one, changed ones, several of a kind."""
        with self.cast.app.app_context(), writing():
            first = catalogue().category_choices()[0]
            category = int(next(iter(dict(first[1] if isinstance(first[1], list) else [first]))))
            appeal = Appeal.register(
                Registration(
                    "寻乌县顺达物流有限公司", "入口关闭，货车被劝返。", "visit", BEGAN,
                    contact_name="刘经理", phone="13807970001", plates=plates,
                ),
                office=self.cast.unit("office"), by=self.cast.actor("lin", BEGAN), at=BEGAN,
                external_orders=[ExternalOrder(source_system="12345", order_number=order,
                                               sub_number="", matter_digest="", received_at=BEGAN)],
            )  # fmt: skip
            db.session.commit()
            self.number = appeal.number
        self.do("zhou", "accept", category_id=category, urgency="urgent")
        self.do("zhou", "assign", "unit:bureau")
        self.do("chen", "sign_for", handler_phone="13807970002")
        self.do("chen", "contact", "phone", "已联系")
        answered = ("resolved", "已联系收费站", "入口已恢复通行，感谢您的反映。")
        self.do("chen", "answer", *answered, evidence="现场核实")
        self.do("zhou", "send_back", "请补充凭证")
        self.do("chen", "answer", *answered, evidence="现场核实，附照片")
        self.do("zhou", "correct", {"title": "入口关闭", "plates": "赣B12345"}, "核对后更正")
        self.do("zhou", "review")
        return self.number


def _is_unit(said: object) -> bool:
    return isinstance(said, str) and said.startswith("unit:")


def _rows(cast: Cast, number: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of an appeal, but for what differs between any two."""
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        kinds: tuple[type[Base], ...] = (
            Assignment, Deadline, ExternalOrder, AppealPlate, UnitSight,
        )  # fmt: skip
        found = {"appeal": _read(Appeal, Appeal.id == appeal.id)}
        for kind in kinds:
            found[kind.__tablename__] = _read(kind, kind.__table__.c.appeal_id == appeal.id)
        found["entry"] = _read(Entry, Entry.stream == appeal.stream)
        ids = [row["assignment_id"] for row in found["deadline"] if row["assignment_id"]]
        for row in (*found["deadline"], *found["entry"]):
            row["assignment_id"] = row["assignment_id"] and row["assignment_id"] - min(ids)
        return found


def _read(kind: type[Base], where: Any) -> list[dict[str, Any]]:
    table = kind.__table__
    order = list(table.primary_key)
    rows = db.session.execute(select(table).where(where).order_by(*order)).mappings()
    return [{k: v for k, v in row.items() if k not in NEVER_ALIKE} for row in rows]


@pytest.mark.parametrize("plates", ["", "赣B00001"])
def test_they_are_what_a_flush_writes(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, plates: str
) -> None:
    by_hand = trail_rows.by_hand
    taken: list[bool] = []

    def counted(*rows: Any) -> Any:
        found = by_hand(*rows)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(trail, "by_hand", counted)
    one = _rows(cast, Hand(cast).course("1", plates))
    assert taken.count(True) >= 8, "hardly anything was written by hand"
    monkeypatch.setattr(trail, "by_hand", lambda *_: None)
    other = _rows(cast, Hand(cast).course("2", plates))
    for row in (*one["external_order"], *other["external_order"]):
        row.pop("order_number")
    assert one == other


def test_the_session_goes_on_from_there(cast: Cast) -> None:
    """As after a flush: nothing is left to write, and everything can be read and done on."""
    number = cast.reach("accepted")
    with cast.app.app_context(), writing() as at:
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        given = appeal.assign(cast.unit("bureau"), by=cast.actor("zhou"), at=at)
        assert not db.session.dirty and not db.session.new
        assert inspect(appeal).persistent and inspect(given).persistent
        assert given.unit.name and given in appeal.assignments
        appeal.sign_for(by=cast.actor("chen"), at=at)
        appeal.recall("改派", by=cast.actor("zhou"), at=at)
        db.session.commit()
        assert [entry.verb for entry in _entries(appeal)][-3:] == ["assign", "sign_for", "recall"]


def test_what_is_rolled_back_is_gone(cast: Cast) -> None:
    number = cast.reach("accepted")
    with cast.app.app_context():
        with writing() as at:
            appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
            appeal.assign(cast.unit("bureau"), by=cast.actor("zhou"), at=at)
            db.session.rollback()
            assert appeal.state == "accepted" and appeal.assignments == []
        with writing() as at:
            appeal.assign(cast.unit("bureau"), by=cast.actor("zhou"), at=at)
            db.session.commit()
        assert appeal.state == "assigned" and len(appeal.assignments) == 1


def test_inside_a_savepoint_it_is_flushed(cast: Cast) -> None:
    """Whose end must put back what was changed in hand."""
    number = cast.reach("accepted")
    with cast.app.app_context(), writing() as at:
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        version = appeal.version
        savepoint = db.session.begin_nested()
        appeal.assign(cast.unit("bureau"), by=cast.actor("zhou"), at=at)
        savepoint.rollback()
        assert (appeal.state, appeal.version, appeal.assignments) == ("accepted", version, [])


def test_a_column_without_ink_is_refused_here_too(cast: Cast) -> None:
    number = cast.reach("accepted")
    with cast.app.app_context(), writing():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        with pytest.raises(trail.TrailBypassed), appeal.act(
            "supplement", by=cast.actor("lin"), at=now()
        ) as act:
            act.texts["note"] = "补充"
            appeal.number = "360734-2026-999999"


def _entries(appeal: Appeal) -> list[Entry]:
    found = select(Entry).where(Entry.stream == appeal.stream).order_by(Entry.seq)
    return list(db.session.scalars(found))
