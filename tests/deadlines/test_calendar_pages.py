"""The system administrator keeps the calendar: day by day, from the package, local days."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from cast import Cast
from drawn import form_of, said
from ledger.config import SHANGHAI
from ledger.db import db, now
from ledger.deadlines import calendar_views
from ledger.deadlines.clocks import due
from ledger.deadlines.models import CalendarYear
from ledger.deadlines.queries import load_calendar
from ledger.trail.models import Entry, EntryText


@pytest.fixture
def admin(cast: Cast) -> FlaskClient:
    return cast.client("xi")


@pytest.fixture
def coming(app: Flask) -> int:
    """The year that nobody has published."""
    with app.app_context():
        rows = db.session.scalars(
            select(CalendarYear).where(CalendarYear.published.is_(False))
        ).all()
        found = [row.year_number for row in rows]
        db.session.remove()
    assert len(found) == 1
    return found[0]


@pytest.fixture(autouse=True)
def today(coming: int, monkeypatch: pytest.MonkeyPatch) -> date:
    """A day late in the year before, whenever the test runs."""
    day = date(coming - 1, 11, 20)
    monkeypatch.setattr(calendar_views, "today", lambda: day)
    return day


def url(year: int) -> str:
    return f"/deadlines/calendar/{year}"


def change(client: FlaskClient, year: int, **typed: str) -> dict[str, str]:
    data = form_of(client, url(year), f"{url(year)}/days")
    facts = {"arrangement": "off", "name": "元旦", "reason": "国办发明电〔2026〕9号"}
    return data | facts | typed


def is_working(app: Flask, day: date) -> bool:
    with app.app_context():
        return load_calendar().is_working(day)


def next_monday(year: int) -> date:
    """Early in the year, on a Monday."""
    day = date(year, 2, 1)
    return day + timedelta(days=(7 - day.weekday()) % 7)


def test_a_year_is_typed_in_day_by_day_and_then_published(
    app: Flask, admin: FlaskClient, coming: int
) -> None:
    first = date(coming, 1, 1)
    day = f"{url(coming)}/days"
    assert "尚未公布，暂按周一至周五推算" in said(admin.get(url(coming)))
    data = change(admin, coming, first=first.isoformat(), last=f"{coming}-01-03")
    assert admin.post(day, data=data).status_code == 303
    # It waits for the notice.
    assert is_working(app, first) is (first.weekday() < 5)
    source = {"source": "国办发明电〔2026〕9号"}
    publish = form_of(admin, url(coming), f"{url(coming)}/publish") | source
    answer = admin.post(f"{url(coming)}/publish", data=publish)
    assert answer.status_code == 422 and "至少缺国庆节" in said(answer)
    data = change(admin, coming, first=f"{coming}-10-01", last=f"{coming}-10-07", name="国庆节")
    assert admin.post(day, data=data).status_code == 303
    stale = admin.post(f"{url(coming)}/publish", data=publish)
    assert stale.status_code == 409
    assert "按星期 → 放假（国庆节）" in said(stale) and 'value="国办发明电' in stale.text
    publish = form_of(admin, url(coming), f"{url(coming)}/publish") | source
    assert admin.post(f"{url(coming)}/publish", data=publish).status_code == 303
    assert not is_working(app, first)
    with app.app_context():
        assert not load_calendar().is_provisional(date(coming, 3, 1))
        verbs = db.session.scalars(
            select(Entry.actor_name).where(Entry.stream == f"calendar/{coming}")
        ).all()
        assert verbs == ["系统安装", "席系统", "席系统", "席系统"]
    page = said(admin.get(url(coming)))
    assert f"公布{coming}年放假安排，依据：国办发明电〔2026〕9号" in page
    assert f"{coming}-10-01" in page and "按星期 → 放假（国庆节）" in page
    assert "尚未公布" not in page
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_preview_of_new_year_says_before_and_after(
    app: Flask, admin: FlaskClient, coming: int
) -> None:
    first = date(coming, 1, 1)
    sample = f"{coming - 1}-12-29T09:30"
    days = {"first": f"{coming}-01-01", "last": f"{coming}-01-05"}
    data = change(admin, coming, **days, sample_at=sample, preview="y")
    answer = admin.post(f"{url(coming)}/days", data=data)
    assert answer.status_code == 200
    page = said(answer)
    assert f"{coming}年放假安排尚未公布，暂按周一至周五推算" in page
    start = datetime.fromisoformat(sample).replace(tzinfo=SHANGHAI)
    with app.app_context():
        calendar = load_calendar()
        before = due(start, "7wd", calendar, "交办")
        assert before is not None and before.provisional and before.sentence in page
        off = {first + timedelta(days=i): False for i in range(5)}
        known = type(calendar)(
            {**calendar.exceptions, **off}, calendar.published | {coming}, calendar.hours
        )
        after = due(start, "7wd", known, "交办")
        assert after is not None and not after.provisional and after.sentence in page
        assert after.at > before.at
        row = db.session.scalars(
            select(CalendarYear).where(CalendarYear.year_number == coming)
        ).one()
        assert row.days == []


def test_a_local_day_holds_here_and_nowhere_else(
    app: Flask, admin: FlaskClient, coming: int
) -> None:
    day = next_monday(coming)
    data = change(
        admin, coming, first=day.isoformat(), region="360734", name="脐橙节", reason="县政府通知"
    )
    assert admin.post(f"{url(coming)}/days", data=data).status_code == 303
    with app.app_context():
        assert not load_calendar().is_working(day)
        assert load_calendar("220100").is_working(day)
        entry = db.session.scalars(
            select(Entry).where(Entry.stream == f"calendar/{coming}/360734")
        ).one()
        texts = db.session.scalars(select(EntryText.body).where(EntryText.entry_id == entry.id))
        assert texts.all() == ["县政府通知"]
        assert "县政府通知" not in entry.payload  # a commitment alone
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0
    back = change(admin, coming, first=day.isoformat(), region="360734", arrangement="plain")
    assert admin.post(f"{url(coming)}/days", data=back).status_code == 303
    assert is_working(app, day)
    assert "放假（脐橙节） → 按星期" in said(admin.get(url(coming)))
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_make_up_day_above_a_holiday(app: Flask, admin: FlaskClient, coming: int) -> None:
    """What the county says of a day stands over what the State Council says."""
    day = next_monday(coming)
    for region, arrangement in (("360700", "off"), ("360734", "working")):
        data = change(
            admin, coming, first=day.isoformat(), region=region, arrangement=arrangement
        )
        assert admin.post(f"{url(coming)}/days", data=data).status_code == 303
    assert is_working(app, day)


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no day": ({"first": ""}, "请填写“日期”"),
    "no such day": ({"first": "{y}-02-30"}, "不是有效的日期"),
    "another year": ({"first": "2019-05-01"}, "这里只能修改{y}年的日期"),
    "into another year": ({"last": "{n}-01-02"}, "这里只能修改{y}年的日期"),
    "backwards": ({"last": "{y}-03-01"}, "“至”不能早于开始的日期"),
    "too many": ({"last": "{y}-08-01"}, "一次最多修改31天"),
    "no name": ({"name": ""}, "请填写“事由”"),
    "no basis": ({"reason": ""}, "请填写“修改依据”"),
    "no arrangement": ({"arrangement": ""}, "请选择“安排”"),
    "arrangement": ({"arrangement": "half"}, "选项无效"),
    "region": ({"region": "110000"}, "选项无效"),
    "nothing": ({"arrangement": "plain"}, "没有变化"),
    "long": ({"reason": "长" * 201}, "最多 200 字"),
    "sample": ({"sample_at": "25:00"}, "不是有效的时间"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_days_are_named_and_nothing_is_written(
    app: Flask, admin: FlaskClient, coming: int, wrong: str
) -> None:
    typed, why = WRONG[wrong]
    fill = {"y": str(coming), "n": str(coming + 1)}
    data = change(admin, coming, first=f"{coming}-05-06")
    data |= {name: value.format(**fill) for name, value in typed.items()}
    answer = admin.post(f"{url(coming)}/days", data=data)
    assert answer.status_code == 422
    assert why.format(**fill) in said(answer)
    with app.app_context():
        streams = select(Entry.id).where(Entry.stream.startswith(f"calendar/{coming}"))
        assert len(db.session.scalars(streams).all()) == 1


def test_what_is_past_stays(admin: FlaskClient, today: date) -> None:
    yesterday = today - timedelta(days=1)
    data = change(admin, yesterday.year, first=yesterday.isoformat(), name="补放")
    answer = admin.post(f"{url(yesterday.year)}/days", data=data)
    assert answer.status_code == 422
    assert "已经过去，日历不溯及既往" in said(answer)


def test_of_two_at_once_the_second_is_told(admin: FlaskClient, coming: int) -> None:
    mine = change(admin, coming, first=f"{coming}-05-04", name="劳动节")
    theirs = change(admin, coming, first=f"{coming}-05-03", region="360734", name="县庆")
    assert admin.post(f"{url(coming)}/days", data=theirs).status_code == 303
    answer = admin.post(f"{url(coming)}/days", data=mine)
    assert answer.status_code == 409
    page = said(answer)
    assert "他人已修改本年日历" in page and "放假（县庆）" in page
    assert 'value="劳动节"' in answer.text
    seen = re.search(r'name="seen" [^>]*value="(\d+)"', answer.text)
    assert seen
    again = admin.post(f"{url(coming)}/days", data=mine | {"seen": seen[1]})
    assert again.status_code == 303


def test_a_year_comes_from_the_package_once_it_knows_it(
    app: Flask, admin: FlaskClient, coming: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{url(coming)}/import"
    seen = form_of(admin, url(coming), f"{url(coming)}/publish")
    answer = admin.post(target, data=seen | {"reason": "升级"})
    assert answer.status_code == 422
    assert f"软件包中还没有{coming}年的放假安排" in said(answer)
    known = {
        date(coming, 1, 1): (False, "元旦"),
        date(coming, 10, 1): (False, "国庆节"),
        date(coming, 10, 9): (True, "国庆节"),
    }
    monkeypatch.setattr(calendar_views, "arranged", lambda: {coming: known})
    assert "与现有日历有3天不同" in said(admin.get(url(coming)))
    data = form_of(admin, url(coming), target) | {"reason": "升级后导入"}
    tried = admin.post(target, data=data | {"preview": "y"})
    assert tried.status_code == 200 and "试算（尚未保存）" in tried.text
    assert is_working(app, date(coming, 1, 1)) is (date(coming, 1, 1).weekday() < 5)
    assert admin.post(target, data=data).status_code == 303
    assert not is_working(app, date(coming, 1, 1))
    assert is_working(app, date(coming, 10, 9))
    with app.app_context():
        row = db.session.scalars(
            select(CalendarYear).where(CalendarYear.year_number == coming)
        ).one()
        assert row.published and row.source == f"国务院办公厅关于{coming}年部分节假日安排的通知"
    # What the office corrected since comes back only by importing again, and only what is to come.
    data = change(admin, coming, first=f"{coming}-10-09", arrangement="plain")
    assert admin.post(f"{url(coming)}/days", data=data).status_code == 303
    assert "与现有日历有1天不同" in said(admin.get(url(coming)))
    data = form_of(admin, url(coming), target) | {"reason": "恢复"}
    assert admin.post(target, data=data).status_code == 303
    assert is_working(app, date(coming, 10, 9))
    assert admin.post(target, data=data).status_code in (409, 422)
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_year_is_added_and_is_provisional(app: Flask, admin: FlaskClient, coming: int) -> None:
    token = {"csrf_token": form_of(admin, url(coming), f"{url(coming)}/days")["csrf_token"]}
    added = 0
    while (answer := admin.post("/deadlines/calendar/new", data=token)).status_code == 303:
        added += 1
        assert added < 50
    assert answer.status_code == 409
    last = now().astimezone(SHANGHAI).year + 2
    assert admin.get(url(last)).status_code == 200
    assert admin.get(url(last + 1)).status_code == 404
    assert f"{last}（暂定）" in said(admin.get("/deadlines/"))
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_what_was_frozen_stays_when_the_calendar_changes(
    app: Flask, cast: Cast, admin: FlaskClient, today: date
) -> None:
    number = cast.reach("assigned")

    def frozen() -> object:
        return cast.do(
            number, lambda a, _at: [(d.id, d.due_at, d.sentence) for d in a.deadlines]
        )

    before = frozen()
    day = today + timedelta(days=3)
    data = change(admin, day.year, first=day.isoformat(), name="台风停工")
    assert admin.post(f"{url(day.year)}/days", data=data).status_code == 303
    assert not is_working(app, day)
    assert frozen() == before
