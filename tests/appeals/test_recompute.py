"""重算时限: a frozen due time moves only when the office says so, and the entry says from what."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from cast import Cast
from drawn import form_of, said
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.config import SHANGHAI
from ledger.db import db, writing
from ledger.deadlines.limits import DEFAULTS, Caps, Rule
from ledger.deadlines.models import CalendarYear, LimitVersion
from ledger.deadlines.queries import load_calendar
from ledger.people.actor import system
from ledger.trail.models import Entry
from ledger.trail.publish import publish

PAGE = "/appeals/recompute"


def a_day_off_within(app: Flask, days: int) -> date:
    """Makes the working day so many working days from today a local day off; gives it."""
    with app.app_context(), writing() as at:
        day = load_calendar().add_working_days(at.astimezone(SHANGHAI).date(), days)
        row = CalendarYear(year_number=day.year, region_code="360734")
        row.declare(day, False, "脐橙节")
        db.session.add(row)
        db.session.flush()
        publish(row.stream, "publish", row.describe(), by=system(), at=at)
        db.session.commit()
    return day


def years_are(app: Flask, *, published: bool) -> None:
    """This year and the next, as the State Council has them."""
    with app.app_context(), writing() as at:
        this = at.astimezone(SHANGHAI).year
        for number in (this, this + 1):
            row = db.session.scalar(
                select(CalendarYear).where(
                    CalendarYear.year_number == number, CalendarYear.region_code == ""
                )
            )
            if row is None:
                row = CalendarYear(year_number=number, region_code="", source="")
                db.session.add(row)
            row.published = published
            db.session.flush()
            publish(row.stream, "publish", row.describe(), by=system(), at=at)
        db.session.commit()


def a_new_version(app: Flask, answer: str, *, days: int = 0) -> str:
    """Published with this limit for an answer, in force `days` from now; gives its number."""
    with app.app_context(), writing() as at:
        rules = [
            Rule(r.rank, r.name, r.channel, r.kind, r.category, r.urgency,
                 {**r.stages, "answer": answer})
            for r in DEFAULTS
        ]  # fmt: skip
        row = LimitVersion.publish(
            "新版", rules, Caps(), at=at, effective_from=at + timedelta(days=days)
        )
        db.session.add(row)
        db.session.flush()
        publish(row.stream, "publish", row.describe(), by=system(), at=at)
        db.session.commit()
        return str(row.id)


def dues(cast: Cast, number: str) -> dict[str, tuple[datetime, datetime]]:
    """Stage → due time, and the first one, of the clocks that run."""
    found: dict[str, tuple[datetime, datetime]] = cast.do(
        number,
        lambda a, _at: {d.stage: (d.due_at, d.original_due_at) for d in a.running()},
    )
    return found


def entries(app: Flask, number: str) -> list[Entry]:
    with app.app_context():
        return list(
            db.session.scalars(
                select(Entry)
                .where(Entry.stream == f"appeal/{number}", Entry.verb == "recompute")
                .order_by(Entry.seq)
            )
        )


def again(cast: Cast, number: str, version: str, by: str = "zhou") -> None:
    cast.do(number, lambda a, at: a.recompute(version, "重算", by=cast.actor(by), at=at))


def verified(app: Flask) -> bool:
    return app.test_cli_runner().invoke(args=["verify"]).exit_code == 0


def test_a_new_day_off_moves_a_due_time_only_when_the_office_reckons_again(
    app: Flask, cast: Cast
) -> None:
    number = cast.reach("assigned")
    before = dues(cast, number)
    off = a_day_off_within(app, 2)
    assert dues(cast, number) == before
    zhou = cast.client("zhou")
    url = f"/appeals/{number}/recompute"
    page = said(zhou.get(url))
    assert "原时限不变，按最新工作日历重算：办结反馈" in page and " → " in page
    data = form_of(zhou, url) | {"version": "own", "reason": "县里新定脐橙节放假"}
    assert zhou.post(url, data=data).status_code == 303
    after = dues(cast, number)
    with app.app_context():
        calendar = load_calendar()
    day = (before["answer"][0] - timedelta(seconds=1)).astimezone(SHANGHAI).date()
    moved = (after["answer"][0] - timedelta(seconds=1)).astimezone(SHANGHAI).date()
    assert calendar.working_days_between(day, moved) == 1
    # The first due time stays; what ends before that day is the same.
    assert after["answer"][1] == before["answer"][1] == before["answer"][0]
    assert after["sign"] == before["sign"]
    (entry,) = entries(app, number)
    carried = json.loads(entry.payload)["data"]
    assert carried["version"] == ""
    assert [one["stage"] for one in carried["clocks"]] == ["answer"]
    assert f"{off.year}/360734" in carried["calendar"]
    assert "脐橙节" not in entry.payload
    told = said(zhou.get(f"/appeals/{number}"))
    assert "重算理由" in told and "县里新定脐橙节放假" in told
    assert verified(app)


def test_by_a_version_in_force(app: Flask, cast: Cast) -> None:
    number = cast.reach("assigned")
    before = dues(cast, number)
    version = a_new_version(app, "3wd")
    assert dues(cast, number) == before
    zhou = cast.client("zhou")
    url = f"/appeals/{number}/recompute"
    data = form_of(zhou, url) | {"version": version, "reason": "按新版时限"}
    assert zhou.post(url, data=data).status_code == 303
    after = dues(cast, number)
    assert after["answer"][0] < before["answer"][0]

    def check(appeal: Appeal, _at: datetime) -> None:
        clock = next(d for d in appeal.running("answer"))
        assert (clock.spec, str(clock.limit_version_id)) == ("3wd", version)
        assert "起3个工作日" in clock.sentence
        assert appeal.due_at == clock.due_at and appeal.warn_at == clock.warn_at

    cast.do(number, check)
    assert "新版" in said(zhou.get(f"/appeals/{number}"))
    # And back again, by the version that it started with.
    first = next(v for v in form_versions(zhou, url) if v not in ("own", version, ""))
    data = form_of(zhou, url) | {"version": first, "reason": "仍按原版"}
    assert zhou.post(url, data=data).status_code == 303
    assert dues(cast, number) == before
    assert len(entries(app, number)) == 2
    assert verified(app)


def form_versions(client: FlaskClient, url: str) -> list[str]:
    drawn = re.search(r'<select[^>]*name="version".*?</select>', client.get(url).text, re.S)
    assert drawn
    return re.findall(r'value="([^"]*)"', drawn[0])


WRONG = {
    "no reason": ({"reason": " "}, "请填写“重算理由”"),
    "no version": ({"version": ""}, "请选择“采用的版本”"),
    "unknown": ({"version": "99"}, "选项无效"),
    "nothing": ({}, "本件的各项时限都没有变化"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    app: Flask, cast: Cast, wrong: str
) -> None:
    number = cast.reach("assigned")
    zhou = cast.client("zhou")
    url = f"/appeals/{number}/recompute"
    typed, why = WRONG[wrong]
    data = form_of(zhou, url) | {"version": "own", "reason": "日历变化"} | typed
    answer = zhou.post(url, data=data)
    assert answer.status_code == 422
    assert why in said(answer)
    assert entries(app, number) == []


def test_a_version_to_come_does_not_count_yet(app: Flask, cast: Cast) -> None:
    number = cast.reach("assigned")
    version = a_new_version(app, "3wd", days=3)
    zhou = cast.client("zhou")
    assert version not in form_versions(zhou, f"/appeals/{number}/recompute")
    with pytest.raises(Invalid, match="已经施行的时限版本"):
        again(cast, number, version)


def test_only_the_owning_office_reckons_again(app: Flask, cast: Cast) -> None:
    number = cast.reach("assigned")
    a_day_off_within(app, 2)
    url = f"/appeals/{number}/recompute"
    for name in ("chen", "wu", "tang", "ma", "du", "shi"):
        client = cast.client(name)
        assert client.get(url).status_code == 403, name
        assert client.get(PAGE).status_code == (200 if name == "shi" else 403), name
        with pytest.raises(Refused):
            again(cast, number, "own", name)
    for name in ("xi", "yuan", "an"):
        assert cast.client(name).get(url).status_code == 404, name
    for name in ("xi", "chen"):
        assert cast.client(name).post(PAGE, data={}).status_code == 403
    # A neighbour, and the city above, have none of the county's appeals on their page.
    for name in ("yuan", "shi"):
        client = cast.client(name)
        assert number not in client.get(PAGE).text
        data = {"version": "own", "reason": "代办", "appeals": f"{number}~9"}
        assert client.post(PAGE, data=data).status_code == 409
    assert entries(app, number) == []


def test_what_the_office_set_itself_stays(app: Flask, cast: Cast) -> None:
    number = cast.reach("assigned")
    cast.do(
        number,
        lambda a, at: a.set_due(at + timedelta(days=9), "核定", by=cast.actor("zhou"), at=at),
    )
    before = dues(cast, number)
    a_day_off_within(app, 2)
    version = a_new_version(app, "3wd")
    for named in ("own", version):
        with pytest.raises(Invalid, match="没有变化"):
            again(cast, number, named)
    assert dues(cast, number) == before


def test_several_at_once_leave_an_entry_on_each(app: Flask, cast: Cast) -> None:
    numbers = [cast.reach("assigned") for _ in range(3)]
    cast.reach("closed")
    zhou = cast.client("zhou")
    assert "都没有变化" in said(zhou.get(PAGE))
    a_day_off_within(app, 2)
    page = zhou.get(PAGE).text
    assert [number in page for number in numbers] == [True] * 3
    before = {number: dues(cast, number) for number in numbers}
    marks = [mark for mark in _marks(page) if numbers[2] not in mark]
    data = {"version": "own", "reason": "脐橙节", "appeals": marks}
    none = zhou.post(PAGE, data=data | {"appeals": []})
    assert none.status_code == 422 and "请勾选要重算的诉求" in said(none)
    nothing = zhou.post(PAGE, data=data | {"reason": ""})
    assert nothing.status_code == 422 and "请填写“重算理由”" in said(nothing)
    assert zhou.post(PAGE, data=data).status_code == 303
    assert [len(entries(app, number)) for number in numbers] == [1, 1, 0]
    assert dues(cast, numbers[2]) == before[numbers[2]]
    assert dues(cast, numbers[0])["answer"][0] > before[numbers[0]]["answer"][0]
    # The second click changes nothing, and is no fault.
    assert zhou.post(PAGE, data=data).status_code == 303
    assert [len(entries(app, number)) for number in numbers] == [1, 1, 0]
    page = zhou.get(PAGE).text
    assert numbers[2] in page and numbers[0] not in page
    assert verified(app)


def _marks(page: str) -> list[str]:
    return re.findall(r'name="appeals" value="([^"]+)"', page)


def test_of_two_hands_the_second_is_told_which_stay(app: Flask, cast: Cast) -> None:
    one, other = cast.reach("assigned"), cast.reach("assigned")
    a_day_off_within(app, 2)
    zhou = cast.client("zhou")
    marks = _marks(zhou.get(PAGE).text)
    version = a_new_version(app, "3wd")
    again(cast, one, version)
    data = {"version": "own", "reason": "脐橙节", "appeals": [*marks, "360734-2026-999999~1"]}
    changed = zhou.post(PAGE, data=data)
    assert changed.status_code == 409
    page = said(changed)
    assert "没有这件诉求，或您无权查看" in page
    assert len(entries(app, other)) == 1
    assert 'name="reason"' not in page or "脐橙节" in page
    assert verified(app)


def test_a_year_published_is_certain_once_reckoned_again(app: Flask, cast: Cast) -> None:
    """The 1 January problem: what ran into an unpublished year says so until then."""
    years_are(app, published=True)
    number = cast.reach("assigned")
    years_are(app, published=False)
    second = cast.reach("assigned")

    def provisional(appeal: Appeal, _at: datetime) -> list[tuple[bool, bool]]:
        return [
            (d.provisional, "放假安排尚未公布" in d.sentence) for d in appeal.running("answer")
        ]

    assert cast.do(second, provisional) == [(True, True)]
    assert cast.do(number, provisional) == [(False, False)]
    zhou = cast.client("zhou")
    assert "暂定" in said(zhou.get(f"/appeals/{second}"))
    years_are(app, published=True)
    assert cast.do(second, provisional) == [(True, True)]  # never silently
    page = zhou.get(PAGE).text
    assert second in page and number not in page
    data = {"version": "own", "reason": "已公布", "appeals": _marks(page)}
    assert zhou.post(PAGE, data=data).status_code == 303
    assert cast.do(second, provisional) == [(False, False)]
    assert verified(app)
