"""工作时间 as dated versions: published, tried, put right until their day, and counted by."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import delete, select

from cast import Cast
from drawn import form_of
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.deadlines.calendar import Calendar
from ledger.deadlines.clocks import due
from ledger.deadlines.models import OfficeHours
from ledger.deadlines.queries import load_calendar

NEW = "/deadlines/hours/new"


def clock(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_hours_change_on_their_day_and_what_runs_over_it_says_both() -> None:
    summer = ((time(8), time(12)), (time(15), time(18)))
    calendar = Calendar(published=frozenset({2026}), later=((date(2026, 6, 2), summer),))
    assert calendar.hours_on(date(2026, 6, 1)) == calendar.hours
    assert calendar.hours_on(date(2026, 6, 2)) == summer
    found = due(clock("2026-06-01 17:00"), "2wh", calendar)
    assert found is not None and found.at == clock("2026-06-02 09:00")
    assert "08:30—12:00、14:30—18:00，2026-06-02起08:00—12:00、15:00—18:00" in found.sentence
    late = due(clock("2026-06-02 17:00"), "2wh", calendar)
    assert late is not None and "工作时间08:00—12:00、15:00—18:00）" in late.sentence
    assert late.at == clock("2026-06-03 09:00")


def test_a_version_is_published_tried_mended_and_verified(cast: Cast) -> None:
    app, admin = cast.app, cast.client("xi")
    for name in ("zhou", "an", "ma"):
        assert cast.client(name).get(NEW).status_code == 403
        assert cast.client(name).get("/deadlines/hours/").status_code == 200
    today = now().astimezone(SHANGHAI).date()
    day = today + timedelta(days=10)
    while day.weekday() > 3:
        day += timedelta(days=1)
    drawn = form_of(admin, NEW)
    assert (drawn["opens0"], drawn["closes1"], drawn["opens2"]) == ("08:30", "18:00", "")
    typed: dict[str, Any] = drawn | {
        "effective_on": day.isoformat(), "note": "寻府办〔2026〕9号",
        "opens0": "8：00", "closes0": "12时", "opens1": "15:00", "closes1": "18:00",
    }  # fmt: skip
    for wrong, said in (
        ({"opens0": "8点半"}, "不是时刻"),
        ({"closes0": ""}, "请填写上午的下班时间"),
        ({"closes0": "15:30"}, "互不重叠"),
        ({"opens0": "", "closes0": "", "opens1": "", "closes1": ""}, "至少填写一段"),
        ({"effective_on": today.isoformat()}, "施行日期最早为明天"),
        ({"note": ""}, "发布依据"),
        ({"opens0": "8:30", "opens1": "14:30"}, "没有变化"),
    ):
        refused = admin.post(NEW, data=typed | wrong)
        assert refused.status_code == 422 and said in refused.text, wrong
        assert "寻府办〔2026〕9号" in refused.text or "note" in wrong
    tried = admin.post(NEW, data=typed | {"preview": "y"})
    assert tried.status_code == 200 and "试算（尚未保存）" in tried.text
    assert "工作时间08:00—12:00、15:00—18:00" in tried.text
    with app.app_context():
        assert load_calendar().later == ()
    assert admin.post(NEW, data=typed).status_code == 303
    # Of two who publish at once the second is told, and loses nothing.
    second = admin.post(NEW, data=typed | {"effective_on": (day + timedelta(1)).isoformat(),
                                           "opens0": "8:15"})  # fmt: skip
    assert second.status_code == 409 and "8:15" in second.text
    assert "08:30—12:00、14:30—18:00 → 08:00—12:00、15:00—18:00" in second.text
    # Until its day it is put right; a version before it is not.
    edit = f"/deadlines/hours/{day.isoformat()}/edit"
    mended = form_of(admin, edit) | {"note": "更正", "closes1": "18:30"}
    assert admin.post(edit, data=mended).status_code == 303
    assert admin.get("/deadlines/hours/1970-01-01/edit").status_code == 404
    assert admin.get("/deadlines/hours/tomorrow/edit").status_code == 404
    with app.app_context():
        calendar = load_calendar()
        assert calendar.later == ((day, ((time(8), time(12)), (time(15), time(18, 30)))),)
        assert calendar.hours_on(day - timedelta(days=1))[0][0] == time(8, 30)
    page = admin.get("/deadlines/hours/").text
    assert "待施行" in page and "08:00—12:00、15:00—18:30" in page and "更正" in page
    assert f"自{day}起08:00—12:00、15:00—18:30" in cast.client("lin").get("/deadlines/").text
    found = app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 0, found.output
    with app.app_context(), writing():
        last = db.session.scalars(select(OfficeHours).order_by(OfficeHours.id.desc())).first()
        assert last is not None
        db.session.execute(delete(OfficeHours).where(OfficeHours.id == last.id))
        db.session.commit()
    found = app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 1 and "工作时间与最后一次发布的记录不一致" in found.output
