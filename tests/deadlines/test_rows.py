"""Calendar and limits as rows: laid once, noticed when they change, on both engines."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from ledger.catalogue.models import Category
from ledger.config import SHANGHAI
from ledger.db import Stamp, db, writing
from ledger.deadlines.calendar import DEFAULT_HOURS
from ledger.deadlines.lay import lay_calendar, lay_limits
from ledger.deadlines.limits import DEFAULTS, POLICY, Caps, Rule
from ledger.deadlines.models import (
    CalendarDay,
    CalendarYear,
    LimitVersion,
    OfficeHours,
)
from ledger.deadlines.queries import (
    caps_in_force,
    category_path,
    limits_in_force,
    load_calendar,
    version_in_force,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)


def lay() -> None:
    with writing() as at:
        lay_calendar()
        lay_limits(at)
        db.session.commit()


def year(number: int) -> CalendarYear:
    return db.session.scalars(
        select(CalendarYear).where(
            CalendarYear.year_number == number, CalendarYear.region_code == ""
        )
    ).one()


def test_laying_twice_is_laying_once(app: Flask) -> None:
    with app.app_context():
        lay()
        counted = select(func.count(CalendarDay.id))
        before = db.session.scalar(counted)
        with writing() as at:
            assert lay_calendar() == []
            assert lay_limits(at) is None
            db.session.commit()
        assert db.session.scalar(counted) == before
        assert db.session.scalar(select(func.count(LimitVersion.id))) == 1


def test_what_was_laid_is_what_is_read(app: Flask) -> None:
    with app.app_context():
        lay()
        calendar = load_calendar()
        assert calendar.add_working_days(date(2022, 4, 29), 5) == date(2022, 5, 10)
        assert calendar.is_provisional(date(2027, 3, 1))
        assert not year(2027).published
        assert calendar.hours == DEFAULT_HOURS
        assert limits_in_force(NOON)[1] == DEFAULTS
        assert caps_in_force(NOON) == Caps()


def test_a_year_published_later_is_noticed(app: Flask) -> None:
    with app.app_context():
        lay()
        assert load_calendar().is_working(date(2027, 1, 1))
        with writing():
            row = year(2027)
            row.declare(date(2027, 1, 1), False, "元旦")
            db.session.commit()
        # Typed in, not yet published.
        assert load_calendar().is_working(date(2027, 1, 1))
        with writing():
            year(2027).publish("国办发明电")
            db.session.commit()
        calendar = load_calendar()
        assert not calendar.is_working(date(2027, 1, 1))
        assert not calendar.is_provisional(date(2027, 3, 1))


def test_laying_again_leaves_what_the_office_corrected(app: Flask) -> None:
    with app.app_context():
        lay()
        with writing():
            year(2026).declare(date(2026, 10, 8), False, "顺延")
            db.session.commit()
        lay()
        assert not load_calendar().is_working(date(2026, 10, 8))


def test_a_region_has_days_and_hours_of_its_own(app: Flask) -> None:
    with app.app_context():
        lay()
        with writing():
            own = CalendarYear(year_number=2026, region_code="360700")
            own.declare(date(2026, 11, 20), False, "地方节日")
            db.session.add(own)
            db.session.add(OfficeHours(region_code="360734", opens=time(9), closes=time(17)))
            db.session.commit()
        county, other = load_calendar("360734"), load_calendar("220100")
        assert not county.is_working(date(2026, 11, 20))
        assert county.hours == ((time(9), time(17)),)
        assert other.is_working(date(2026, 11, 20))
        assert other.hours == DEFAULT_HOURS


def test_another_process_is_noticed_by_the_stamp_alone(app: Flask) -> None:
    with app.app_context():
        lay()
        load_calendar()
        with writing():
            # As another process would: past this session's objects.
            db.session.execute(
                update(CalendarDay)
                .where(CalendarDay.on_day == date(2026, 10, 1))
                .values(working=True)
            )
            db.session.commit()
        assert not load_calendar().is_working(date(2026, 10, 1))
        with writing():
            db.session.execute(
                update(Stamp).where(Stamp.name == "deadlines").values(mark="another")
            )
            db.session.commit()
        assert load_calendar().is_working(date(2026, 10, 1))


def test_a_change_rolled_back_leaves_nothing_in_memory(app: Flask) -> None:
    with app.app_context():
        lay()
        with writing():
            year(2026).declare(date(2026, 11, 20), False, "误")
            db.session.flush()
            assert not load_calendar().is_working(date(2026, 11, 20))
        assert load_calendar().is_working(date(2026, 11, 20))


def test_a_version_counts_from_its_moment_on(app: Flask) -> None:
    with app.app_context():
        lay()
        first = version_in_force(NOON).version_id
        with writing() as at:
            rules = [Rule(90, "一般", stages={"answer": "5wd"})]
            later = LimitVersion.publish(
                "第二版", rules, Caps(attempts=5), at=at, effective_from=NOON
            )
            db.session.add(later)
            db.session.commit()
            second = later.id
        assert limits_in_force(NOON - timedelta(microseconds=1))[0] == first
        assert limits_in_force(NOON.astimezone(UTC)) == (second, tuple(rules))
        assert caps_in_force(NOON).attempts == 5


def test_limits_are_not_guessed_before_they_are_laid(app: Flask) -> None:
    with app.app_context():
        with writing():
            for row in db.session.scalars(select(LimitVersion)):
                row.effective_from = datetime(9000, 1, 1, tzinfo=UTC)
            db.session.commit()
        with pytest.raises(LookupError):
            limits_in_force(NOON)


def test_what_an_entry_carries_is_whole_and_plain(app: Flask) -> None:
    with app.app_context():
        lay()
        version = db.session.scalars(select(LimitVersion)).one()
        carried = version.describe()
        assert json.loads(json.dumps(carried)) == carried
        assert [rule["name"] for rule in carried["rules"]] == [rule.name for rule in DEFAULTS]
        assert carried["caps"]["reworks"] == 2
        carried = year(2022).describe()
        assert json.loads(json.dumps(carried)) == carried
        assert {"day": "2022-10-08", "working": True, "name": "国庆节"} in carried["days"]


def test_a_category_is_known_by_its_line_and_its_mark(app: Flask) -> None:
    with app.app_context():
        with writing():
            top = Category(code="t-top", name="甲", policy=True)
            leaf = Category(code="t-leaf", name="乙")
            db.session.add_all([top, leaf])
            db.session.flush()
            top.place_under(None)
            leaf.place_under(top)
            db.session.commit()
        assert category_path(leaf) == (POLICY, "t-top", "t-leaf")
        assert category_path(None) == ()
