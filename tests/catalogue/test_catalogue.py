"""The catalogue is laid once, and every process sees a change at once."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import func, select

from ledger.catalogue.lay import CATEGORIES, CHANNELS, OUTCOMES, REASONS, lay
from ledger.catalogue.models import Category, Channel, Outcome, Reason
from ledger.catalogue.queries import catalogue
from ledger.catalogue.words import REASON_KINDS, RETURN_WAYS
from ledger.db import db, writing


def _lay() -> None:
    with writing():
        lay()
        db.session.commit()


def test_laying_twice_adds_nothing_and_keeps_what_was_edited(app: Flask) -> None:
    with app.app_context():
        _lay()
        with writing():
            channel = db.session.scalars(select(Channel).where(Channel.code == "visit")).one()
            channel.name = "网格员走访"
            db.session.commit()
        counts = [
            db.session.scalar(select(func.count()).select_from(table))
            for table in (Channel, Category, Outcome, Reason)
        ]
        _lay()
        assert counts == [
            db.session.scalar(select(func.count()).select_from(table))
            for table in (Channel, Category, Outcome, Reason)
        ]
        assert catalogue().channel_name("visit") == "网格员走访"


def test_the_book_has_everything_in_its_place(app: Flask) -> None:
    with app.app_context():
        _lay()
        book = catalogue()
        assert [code for code, _ in book.channel_choices()] == [
            code for code, *_ in CHANNELS if code != "carried"
        ]
        assert book.channels["12345"].source_system == "12345"
        assert [top.code for top, _ in book.category_groups()] == [row[0] for row in CATEGORIES]
        stranded = book.category_by_code("transport.stranded")
        assert stranded is not None
        assert stranded.full_name == "运输保障 / 车辆滞留"
        top = book.category_by_code("transport")
        assert top is not None
        assert stranded.id in book.subtree(top.id)
        assert [code for code, _ in book.outcome_choices()] == [row[0] for row in OUTCOMES]
        no_rework = {code for code, row in book.outcomes.items() if not row.earns_rework}
        assert no_rework == {"explained", "unsupported", "unfounded", "unverifiable"}
        assert {code for code, row in book.outcomes.items() if row.holds} == {
            "referred",
            "long_term",
        }
        assert book.category_name(None) == ""
        assert book.subtree(2**40) == []


def test_a_change_is_seen_and_an_undone_one_is_not(app: Flask) -> None:
    with app.app_context():
        _lay()
        before = catalogue()
        assert catalogue() is before
        with writing():
            _rename("甲")
            db.session.flush()
            assert catalogue().channel_name("visit") == "甲"
        assert catalogue().channel_name("visit") == "联络员走访"
        with writing():
            _rename("乙")
            db.session.commit()
        assert catalogue().channel_name("visit") == "乙"


def test_what_is_inactive_keeps_its_name_and_is_no_longer_offered(app: Flask) -> None:
    with app.app_context():
        _lay()
        with writing():
            top = db.session.scalars(select(Category).where(Category.code == "transport")).one()
            top.active = False
            db.session.commit()
        book = catalogue()
        stranded = book.category_by_code("transport.stranded")
        assert stranded is not None
        assert str(stranded.id) not in dict(book.category_choices())
        assert book.category_name(stranded.id) == "运输保障 / 车辆滞留"


def test_a_suggested_assist_is_not_the_lead_and_stands_once() -> None:
    category = Category(code="x", name="x")
    category.suggest(3, [3, 5, 5, 7])
    assert (category.default_lead_id, category.assist_ids) == (3, [5, 7])


def test_seeded_codes_are_known_words() -> None:
    assert set(REASONS) <= set(REASON_KINDS)
    assert {row[3] for row in CHANNELS} <= set(RETURN_WAYS)


def _rename(name: str) -> None:
    channel = db.session.scalars(select(Channel).where(Channel.code == "visit")).one()
    channel.name = name
