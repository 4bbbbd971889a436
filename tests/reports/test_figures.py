"""Figures as of a moment: what they are, that they stay, and that each leads to its rows."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import product
from typing import Any
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import select

from cast import PEOPLE, Cast
from desk_ground import lay
from ledger.appeals import intervals
from ledger.appeals.filters import Filters
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.opening import Carried
from ledger.appeals.queries import conditions_of, count_capped
from ledger.catalogue.queries import catalogue
from ledger.db import db, now, writing
from ledger.reports.figures import Figures, figures
from ledger.reports.measures import NONE, Compared, Share, mean_days, mean_percent, percent
from ledger.reports.moments import BadMoment, read_moment, settle
from ledger.reports.telling import as_json

DAY = timedelta(days=1)
MONDAY = datetime(2022, 4, 18, 1, 30, tzinfo=UTC)
"""09:30 in Shanghai."""


def at_end(day: int) -> datetime:
    return read_moment(f"2022-04-{day}T24:00", "as_of")


class Office:
    """Acts at moments of our own."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.numbers: dict[str, str] = {}

    def register(self, name: str, at: datetime, **known: Any) -> None:
        facts = {"appellant_name": "顺达物流", "content": "收费站关闭", "channel": "visit", **known}
        with self.cast.app.app_context(), writing():
            appeal = Appeal.register(
                Registration(received_at=at, phone="13807970001", **facts),
                office=self.cast.unit("office"),
                by=self.cast.actor("lin", at),
                at=at,
            )
            db.session.commit()
            self.numbers[name] = appeal.number

    def carry(self, name: str, state: str, at: datetime) -> None:
        old = at - 300 * DAY
        with self.cast.app.app_context(), writing():
            appeal = Appeal.carry_over(
                Registration("老企业", "旧台账", "visit", old),
                Carried(state, old, "{}", assigned_at=old, answered_at=old, closed_at=old),
                office=self.cast.unit("office"),
                by=self.cast.actor("zhou", at),
                at=at,
                unit=self.cast.unit("bureau"),
            )
            db.session.commit()
            self.numbers[name] = appeal.number

    def do(self, name: str, at: datetime, verb: str, by: str, *args: Any, **more: Any) -> None:
        with self.cast.app.app_context(), writing():
            wanted = select(Appeal).where(Appeal.number == self.numbers[name])
            appeal = db.session.scalars(wanted).one()
            found = [self.cast.unit(a[1:]) if str(a)[:1] == "@" else a for a in args]
            getattr(appeal, verb)(*found, by=self.cast.actor(by, at), at=at, **more)
            db.session.commit()

    def hand_off(self, name: str, at: datetime, unit: str = "@bureau") -> None:
        with self.cast.app.app_context():
            category = next(iter(catalogue().categories))
        self.do(name, at, "accept", "zhou", category_id=category, urgency="normal")
        self.do(name, at + timedelta(minutes=1), "assign", "zhou", unit)

    def answer(self, name: str, at: datetime, by: str = "chen") -> None:
        words = ("resolved", "已协调。", "您好，已恢复通行。")
        self.do(name, at, "answer", by, *words, evidence="现场核实")
        self.do(name, at + timedelta(minutes=1), "review", "zhou")

    def call(self, name: str, at: datetime, satisfaction: str, *, contacted: bool = True) -> None:
        solved = "unsolved" if satisfaction == "unsatisfied" else "solved"
        self.do(
            name, at, "call_back", "tang",
            contacted=contacted, solved=solved, satisfaction=satisfaction, words="说明",
        )  # fmt: skip

    def figures(self, at: datetime, base: datetime, **asked: Any) -> Figures:
        with self.cast.app.app_context():
            return figures(at, base, Filters(**asked))


def story(office: Office) -> None:
    """A week: four registered, two carried over; one closed, one reworked, one void."""
    day = MONDAY
    office.carry("old", "assigned", day)
    office.carry("older", "closed", day)
    for name in "abcd":
        day += timedelta(minutes=5)
        office.register(name, day)
    for name, unit in (("a", "@bureau"), ("b", "@police"), ("c", "@bureau")):
        day += timedelta(minutes=5)
        office.hand_off(name, day, unit)
    office.do("a", day + timedelta(hours=1), "sign_for", "chen")
    office.do("d", day + timedelta(hours=2), "withdraw", "lin", "void", "重复登记")
    office.answer("a", MONDAY + 2 * DAY)  # Wednesday
    office.answer("b", MONDAY + 3 * DAY, "he")
    office.do("a", MONDAY + 3 * DAY, "attempt", "tang", "phone", "无人接听")
    office.call("a", MONDAY + 3 * DAY + timedelta(hours=1), "basically")
    office.call("b", MONDAY + 3 * DAY + timedelta(hours=2), "unsatisfied", contacted=False)
    office.do("a", MONDAY + 4 * DAY, "close", "wu")


def test_a_week_is_counted_and_stays_counted(cast: Cast) -> None:
    office = Office(cast)
    story(office)
    monday = office.figures(at_end(18), at_end(18) - timedelta(hours=23))
    assert {n: c.value for n, c in monday.standing.items()} == {
        "stock": 4, "matters": 4, "overdue": 0, "due_today": 0, "due_tomorrow": 0, "held": 0,
        "total": 5, "closed_total": 1, "opening": 2, "excluded": 0,
    }  # fmt: skip
    assert monday.passing["new"] == Compared(4)
    assert (monday.passing["ended"].value, monday.passing["brought"].value) == (1, 2)
    assert monday.rates["satisfaction"].said == monday.rates["response"].said == NONE
    assert monday.rates["closing_rate"].pooled == Share(0, 3)
    assert monday.rates["sign_rate"].pooled == Share(100, 3)

    week = office.figures(at_end(22), at_end(18))
    assert week.standing["stock"] == Compared(3, 4)
    assert week.standing["stock"].words == "减少1件（25.00%）"
    assert week.standing["closed_total"] == Compared(2, 1)
    assert week.rates["closing_rate"].said == "33.33%"
    assert (week.passing["closed"].value, week.passing["new"].value) == (1, 0)
    assert week.passing["reworks"].value == 1
    assert week.call_backs == {"valid": 2, "basically": 1, "unsatisfied": 1}
    assert week.rates["satisfaction"].said == "45.00%"  # 0.9 of two
    assert week.rates["response"].said == week.rates["resolution"].said == "50.00%"
    assert week.rates["satisfaction"].mean == "45.00%"  # (90 + 0) ÷ 2
    assert week.rates["on_time"].said == "100.00%"
    assert week.rates["attempt_rate"].pooled == Share(100, 3)
    assert (week.handling, week.handled) == ("2.5", 2)  # from the day after the hand-off
    mine = office.figures(at_end(22), at_end(18), lead_unit_id=cast.units["police"])
    assert (mine.standing["stock"].value, mine.rates["satisfaction"].said) == (1, "0.00%")
    assert mine.standing["stock"].trend == "持平"
    assert office.figures(at_end(22), at_end(18), kind="consult").standing["total"].value == 0

    # A hundred days later much is otherwise, and what was asked then is not.
    late = MONDAY + 100 * DAY
    office.do("a", late, "reopen", "zhou", "再次反映")
    office.do("c", late, "set_due", "zhou", late + 9 * DAY, "核定")
    office.do("c", late, "correct", "zhou", {"kind": "consult"}, "有误")
    office.do("d", late, "reopen", "zhou", "并未重复")
    assert office.figures(at_end(18), at_end(18) - timedelta(hours=23)) == monday
    assert office.figures(at_end(22), at_end(18)) == week
    end = office.figures(late + DAY, at_end(22))
    for told in (monday, week, end):
        passed = {name: one.value for name, one in told.passing.items()}
        arrived = passed["new"] + passed["reopened"] - passed["closed"] - passed["ended"]
        brought = 1 if told is monday else 0  # of two, one is open
        before = told.standing["stock"].base
        assert before is not None
        assert told.standing["stock"].value == before + arrived + brought
    with cast.app.app_context():
        assert json.dumps(as_json(end, Filters()), ensure_ascii=False)
        assert list(intervals.wrong(db.session.connection())) == []


def test_overdue_is_by_the_due_time_in_force_then(cast: Cast) -> None:
    office = Office(cast)
    office.register("a", MONDAY)
    office.hand_off("a", MONDAY + timedelta(minutes=5))  # due at 24:00 of 2022-04-26
    with cast.app.app_context():
        assert db.session.scalar(select(Appeal.due_at)) == at_end(26)

    def told(at: datetime) -> tuple[int, int, int]:
        found = office.figures(at, MONDAY - DAY).standing
        return tuple(found[n].value for n in ("overdue", "due_today", "due_tomorrow"))  # type: ignore[return-value]

    assert told(at_end(24)) == (0, 0, 0)
    assert told(at_end(25)) == (0, 0, 1)
    assert told(at_end(25) + timedelta(hours=9)) == told(at_end(26)) == (0, 1, 0)
    late = at_end(26) + timedelta(minutes=1)
    assert told(late) == (1, 0, 0)
    office.do("a", late + DAY, "set_due", "zhou", late + 9 * DAY, "核定")
    assert told(late) == (1, 0, 0)
    assert told(late + 2 * DAY) == (0, 0, 0)


def test_by_command(cast: Cast) -> None:
    office = Office(cast)
    story(office)
    run: Callable[..., Any] = lambda *args: cast.app.test_cli_runner().invoke(  # noqa: E731
        args=["figures", *args]
    )
    done = run("--as-of", "2022-04-22T24:00", "--base", "2022-04-18T24:00", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["as_of"] == "2022-04-23T00:00:00+08:00"
    assert told["standing"]["stock"] == {
        "name": "在办", "value": 3, "base": 4, "change": -1, "percent": "25.00%", "trend": "减少",
    }  # fmt: skip
    assert told["rates"]["satisfaction"]["numerator"] == "0.9"
    assert "在办 3 减少1件" in run("--as-of", "2022-04-22", "--base", "2022-04-18").output
    for args, words in (
        (("--as-of", "昨天"), "不是时间"),
        (("--as-of", "2022-04-22T24:30"), "不是时间"),
        (("--as-of", "2199-01-01"), "还没有到"),
        (("--as-of", "2022-04-18", "--base", "2022-04-22"), "截止时间应晚于基准时间"),
        (("--as-of", "2022-04-22", "--base", "2021-01-01"), "第一条记录在"),
        (("--office", "nowhere"), "没有编码为"),
        (("--category", "没有的类别"), "没有这个诉求类别"),
    ):
        done = run(*args)
        assert done.exit_code == 2 and words in done.output, done.output


def test_each_number_leads_to_its_rows_for_every_role(cast: Cast) -> None:
    lay(cast)
    for state in ("joined", "held", "declined", "withdrawn", "merged"):
        cast.reach(state)
    queries = ("", f"?lead_unit_id={cast.units['bureau']}", "?urgency=critical")
    for name in PEOPLE:
        client = cast.client(name)
        for path, query in product(("figures", "overview"), queries):
            page = client.get(f"/reports/{path}{query}")
            if name in ("shen", "an", "xi", "none"):
                assert page.status_code == 403
                continue
            if name in ("yuan", "yan") and "unit" in query:
                assert page.status_code == 422  # no unit of theirs
                continue
            assert page.status_code == 200, (name, path, query)
            found = re.findall(r'<a href="(/appeals/\?[^"]+)">(\d+)</a>', page.text)
            found += _TILE.findall(page.text)
            if name in ("zhou", "ma", "du", "wu", "chen") and not query:
                assert len(found) >= 4, (name, path)
            for url, number in found:
                asked = Filters.read(parse_qs_flat(url))
                with cast.app.app_context():
                    at = now()
                    actor = cast.actor(name, at)
                    rows = count_capped(actor, at, *conditions_of(asked, actor, at))
                assert rows == int(number), (name, url)


_TILE = re.compile(
    r'<a class="tile[^"]*" href="(/appeals/\?[^"]+)">\s*<span class="tile-label">[^<]*</span>'
    r' <span class="tile-count">(\d+)</span>'
)


def parse_qs_flat(url: str) -> dict[str, str]:
    return dict(parse_qsl(unescape(url).partition("?")[2]))


def test_bad_input_is_answered_and_kept(cast: Cast) -> None:
    cast.reach("assigned")
    client = cast.client("ma")
    page = client.get("/reports/figures?as_of=2199-01-01&base=昨天")
    assert page.status_code == 422 and "不是时间" in page.text and 'value="昨天"' in page.text
    page = client.get("/reports/figures?as_of=2199-01-01")
    assert page.status_code == 422 and "还没有到" in page.text
    page = client.get("/reports/figures?base=2001-01-01")
    assert page.status_code == 422 and "第一条记录在" in page.text
    page = client.get("/reports/figures?kind=nonsense&office_id=999999999999999999999")
    assert page.status_code == 422 and "统计口径" in page.text


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("2026-11-20T24:00", "2026-11-20T16:00:00+00:00"),
        ("2026-11-20", "2026-11-20T16:00:00+00:00"),
        ("2026-12-31 24:00", "2026-12-31T16:00:00+00:00"),
        ("２０２６-11-20 17:00", "2026-11-20T09:00:00+00:00"),
        ("2026-11-20T17:00:00.5Z", "2026-11-20T17:00:00.500000+00:00"),
        ("2026-11-20T17:00+08:00", "2026-11-20T09:00:00+00:00"),
        ("2026-02-30", ""),
        ("2026-11-20T24:01", ""),
        ("2026-11-20T25:00", ""),
        ("0001-01-01", ""),
        ("9999-12-31", ""),
        ("2026-11-20\x00", ""),
        ("", ""),
    ],
)
def test_moments(typed: str, found: str) -> None:
    if not found:
        with pytest.raises(BadMoment):
            read_moment(typed, "as_of")
        return
    assert read_moment(typed, "as_of") == datetime.fromisoformat(found)


def test_shares() -> None:
    assert (percent(0, 0), percent(0, 3), percent(1, 3), percent(2, 3)) == (
        NONE, "0.00%", "33.33%", "66.67%",
    )  # fmt: skip
    assert percent(1, 800) == "0.13%"  # half up
    assert mean_percent([Share(100, 1), Share(0, 3), Share(0, 0)]) == "50.00%"
    assert mean_percent([Share(0, 0)]) == mean_days(0, 0) == NONE
    said = [one.words for one in (Compared(5, 5), Compared(5, 0), Compared(1, 4), Compared(1))]
    assert said == ["持平", "增加5件", "减少3件（75.00%）", NONE]


def test_what_began_before_the_moment_is_waited_for(cast: Cast) -> None:
    """An act whose moment has passed and whose commit has not come is counted all the same."""
    begun, seen = threading.Event(), []

    def act() -> None:
        with cast.app.app_context(), writing() as at:
            known = Registration("顺达物流", "收费站关闭", "visit", at, phone="13807970001")
            office, by = cast.unit("office"), cast.actor("lin", at)
            Appeal.register(known, office=office, by=by, at=at)
            seen.append(at)
            begun.set()
            time.sleep(0.7)
            db.session.commit()

    cast.register()
    thread = threading.Thread(target=act)
    thread.start()
    assert begun.wait(20)
    with cast.app.app_context():
        at = now()
        settle(at)
        found = figures(at, at - DAY, Filters())
    thread.join(20)
    assert seen[0] < at
    assert found.standing["stock"].value == 2
