"""反馈频次 and 应报未报: by verbs on a clock that is set, on the pages of the unit, the office and
the supervisor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import unit_sight
from ledger.appeals.filters import Filters
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.queries import some
from ledger.appeals.record import Invalid
from ledger.catalogue.queries import catalogue
from ledger.db import db, keyring, now, writing
from ledger.deadlines.calendar import end_of
from ledger.trail.check import Report, check_ledger
from ledger_pages import shown
from request_hand import MONDAY, do

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def handed(
    cast: Cast, rhythm: str, at: datetime = MONDAY, urgency: str = "normal", *assists: str
) -> str:
    with cast.app.app_context(), writing():
        known = Registration("顺达物流", "货车被劝返。", "visit", at, phone="13807970001")
        hand: dict[str, Any] = {"by": cast.actor("zhou", at), "at": at}
        appeal = Appeal.register(known, office=cast.unit("office"), **hand)
        category = next(iter(catalogue().categories))
        appeal.accept(category_id=category, urgency=urgency, **hand)
        units = [cast.unit(one) for one in assists]
        appeal.assign(cast.unit("bureau"), assists=units, rhythm=rhythm, **hand)
        db.session.commit()
        return appeal.number


def report(cast: Cast, number: str, at: datetime, who: str = "chen") -> None:
    do(cast, number, who, at, lambda a, h: a.progress("正在协调", **h))


def owed(cast: Cast, number: str) -> dict[str, str]:
    """The day by whose end each unit's next report is due."""
    keys = {v: k for k, v in cast.units.items()}
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        found = {
            keys[d.assignment.unit_id]: d.due_at
            for d in appeal.running("report")
            if d.assignment is not None
        }
        assert appeal.report_due_at == min(found.values(), default=None)
        db.session.remove()
    return {unit: _day(at) for unit, at in found.items()}


def _day(end: datetime) -> str:
    day = (end.astimezone(UTC) - HOUR).date()
    return day.isoformat() if end_of(day) == end else end.isoformat()


def late(cast: Cast, who: str, view: str, at: datetime, unit: str = "") -> set[str]:
    unit_id = cast.units[unit] if unit else 0
    with cast.app.app_context():
        rows = some(cast.actor(who), at, Filters(view=view, unit_id=unit_id), 100)
        found = {row.number for row in rows}
        db.session.remove()
    return found


def problems(cast: Cast) -> list[Any]:
    with cast.app.app_context():
        found = list(check_ledger(db.engine, keyring(), Report()))
        kept = list(unit_sight.wrong(db.session.connection()))
        unit_sight.rebuild()
        kept += list(unit_sight.wrong(db.session.connection()))
        db.session.remove()
        return [*found, *kept]


def test_each_report_sets_the_next_until_the_unit_has_answered(cast: Cast) -> None:
    weekly = handed(cast, "weekly", MONDAY, "normal", "police")
    assert owed(cast, weekly) == {"bureau": "2026-11-23", "police": "2026-11-23"}
    report(cast, weekly, MONDAY + 2 * DAY)
    assert owed(cast, weekly) == {"bureau": "2026-11-25", "police": "2026-11-23"}
    after = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    for view, who, unit, wanted in (
        ("reports_owed", "zhou", "", {weekly}),
        ("reports_owed", "du", "", {weekly}),
        ("owes_report", "he", "police", {weekly}),
        ("owes_report", "chen", "bureau", set()),
    ):
        assert late(cast, who, view, after, unit) == wanted, (view, who)
    report(cast, weekly, after, "he")
    assert late(cast, "zhou", "reports_owed", after) == set()
    assert owed(cast, weekly) == {"bureau": "2026-11-25", "police": "2026-12-01"}

    def answer(appeal: Appeal, hand: dict[str, Any]) -> None:
        appeal.answer("resolved", "已恢复", "您好，入口已恢复通行。", evidence="现场核实", **hand)

    do(cast, weekly, "he", after + HOUR, answer)
    assert owed(cast, weekly) == {"bureau": "2026-11-25"}
    do(cast, weekly, "chen", after + HOUR, answer)
    assert owed(cast, weekly) == {}
    do(cast, weekly, "zhou", after + 2 * HOUR, lambda a, h: a.send_back("缺照片", **h))
    assert owed(cast, weekly) == {"bureau": "2026-12-01"}, "sent back, it reports on"
    do(cast, weekly, "chen", after + 3 * HOUR, answer)
    do(cast, weekly, "zhou", after + 4 * HOUR, lambda a, h: a.review(**h))

    def unsatisfied(appeal: Appeal, hand: dict[str, Any]) -> None:
        said: dict[str, Any] = {
            "contacted": True,
            "solved": "unsolved",
            "satisfaction": "unsatisfied",
        }
        appeal.call_back(words="仍未解决", **said, **hand)

    do(cast, weekly, "tang", after + 5 * HOUR, unsatisfied)
    assert owed(cast, weekly) == {"bureau": "2026-12-01"}, "the new round keeps the rhythm"
    do(
        cast,
        weekly,
        "zhou",
        after + 6 * HOUR,
        lambda a, h: a.change_lead(cast.unit("police"), "属公安", **h),
    )
    assert owed(cast, weekly) == {"police": "2026-12-01"}
    do(cast, weekly, "zhou", after + 7 * HOUR, lambda a, h: a.recall("改派", **h))
    assert owed(cast, weekly) == {}
    assert problems(cast) == []


def test_the_first_report_the_days_off_and_the_hold(cast: Cast) -> None:
    friday = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
    plain = handed(cast, "daily", friday)
    assert owed(cast, plain) == {"bureau": "2026-11-23"}, "no working day before"
    critical = handed(cast, "daily", friday, "critical")
    first = owed(cast, critical)["bureau"]
    assert first == (friday + 2 * HOUR).isoformat(), "the table's two hours come first"
    report(cast, critical, friday + HOUR)
    assert owed(cast, critical) == {"bureau": "2026-11-21"}, "特急 every day"
    once = handed(cast, "once", friday, "critical")
    report(cast, once, friday + HOUR)
    assert owed(cast, once) == {}
    assert owed(cast, handed(cast, "once", friday)) == {}
    monthly = handed(cast, "monthly", friday)
    assert owed(cast, monthly) == {"bureau": "2026-12-21"}
    until = friday + 10 * DAY
    do(cast, plain, "zhou", friday + HOUR, lambda a, h: a.hold("等外省", until, **h))
    assert owed(cast, plain) == {}
    report(cast, plain, friday + 4 * DAY)
    assert owed(cast, plain) == {}, "taken while held, and nothing is owed"
    do(cast, plain, "zhou", friday + 5 * DAY, lambda a, h: a.resume("已回复", **h))
    assert list(owed(cast, plain)) == ["bureau"]
    assert owed(cast, plain)["bureau"] >= "2026-11-25"
    with pytest.raises(Invalid) as invalid:
        handed(cast, "hourly")
    assert invalid.value.field == "rhythm"
    do(
        cast, monthly, "zhou", friday + HOUR,
        lambda a, h: a.add_assist([cast.unit("police")], "配合", rhythm="weekly", **h),
    )  # fmt: skip
    assert owed(cast, monthly)["police"] == "2026-11-27"
    assert problems(cast) == []


def test_what_is_owed_is_shown_to_the_unit_the_office_and_the_supervisor(cast: Cast) -> None:
    number = cast.reach("accepted")
    zhou, chen, du = cast.client("zhou"), cast.client("chen"), cast.client("du")
    typed = {"unit_id": cast.units["bureau"], "rhythm": "daily"}
    assert zhou.post(f"/appeals/{number}/assign", data=typed).status_code == 303
    page = zhou.get(f"/appeals/{number}").text
    assert "每日反馈" in page and "前反馈进展" in page and "应报未报" not in page
    assert "反馈频次" in page.split('id="_trail"')[1]
    old = handed(cast, "daily", now() - 30 * DAY)
    for client, view in (
        (zhou, "view=reports_owed"),
        (du, "view=reports_owed"),
        (chen, f"view=owes_report&unit_id={cast.units['bureau']}"),
    ):
        listed = client.get(f"/appeals/?{view}").text
        assert shown(listed) == [old], view
        desk = client.get("/desk").text
        tile = desk.split("应报未报")[0].rsplit("<a", 1)[1]
        assert view.split("&")[0].split("=")[1] in tile
    assert "应报未报（超期" in chen.get(f"/appeals/{old}").text
    assert shown(cast.client("yuan").get("/appeals/?view=reports_owed").text) == []
    more = {"words": "已约谈收费站", "happened_at": ""}
    assert chen.post(f"/appeals/{old}/progress", data=more).status_code == 303
    assert "应报未报（超期" not in chen.get(f"/appeals/{old}").text
    assert shown(zhou.get("/appeals/?view=reports_owed").text) == []
    assert problems(cast) == []
