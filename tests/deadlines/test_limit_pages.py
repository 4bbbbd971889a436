"""The system administrator publishes limits: dated, tried out, put right, refused."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from cast import Cast
from drawn import form_of, said
from ledger.access import AccessLog
from ledger.appeals.models import Deadline
from ledger.catalogue.words import KINDS
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.deadlines.calendar import start_of
from ledger.deadlines.limits import DEFAULTS
from ledger.deadlines.models import LimitVersion
from ledger.deadlines.queries import version_in_force, versions_published
from ledger.trail.models import Entry

NEW = "/deadlines/limits/new"
PAGES = ("/deadlines/limits/new", "/deadlines/calendar/2026")


@pytest.fixture
def admin(cast: Cast) -> FlaskClient:
    return cast.client("xi")


def today() -> date:
    return now().astimezone(SHANGHAI).date()


def filled(client: FlaskClient, url: str = NEW, **typed: str) -> dict[str, str]:
    data = form_of(client, url)
    data |= {
        "name": "2027年版",
        "effective_on": (today() + timedelta(days=10)).isoformat(),
        "note": "寻物保畅办〔2026〕12号",
    }
    return data | typed


def versions(app: Flask) -> list[LimitVersion]:
    with app.app_context():
        return list(db.session.scalars(select(LimitVersion).order_by(LimitVersion.id)))


def test_only_the_system_administrator_keeps_the_clocks(cast: Cast) -> None:
    for name in ("xi", "an", "shen", "zhou", "ma", "chen", "wu", "none"):
        client = cast.client(name)
        for url in PAGES:
            assert client.get(url).status_code == (200 if name == "xi" else 403), (name, url)
        for url in (*PAGES[:1], "/deadlines/calendar/2026/days", "/deadlines/calendar/new"):
            assert name == "xi" or client.post(url, data={}).status_code == 403, (name, url)
        assert client.get("/deadlines/limits/").status_code == 200
        shown = client.get("/deadlines/").text
        new_version, new_year = 'href="/deadlines/limits/new"', "（暂定）</button>"
        for kept in (new_version, new_year, "/deadlines/calendar/2026"):
            assert (kept in shown) is (name == "xi"), (name, kept)


def test_what_is_drawn_and_sent_back_untouched_is_the_same_table(
    app: Flask, admin: FlaskClient
) -> None:
    assert admin.post(NEW, data=filled(admin)).status_code == 303
    first, second = versions(app)
    with app.app_context():
        first, second = db.session.merge(first), db.session.merge(second)
        assert second.as_rules() == first.as_rules() == DEFAULTS
        assert second.as_caps() == first.as_caps()
        assert second.published_by == "席系统"


def test_a_version_takes_effect_on_its_day_and_leaves_what_runs(
    app: Flask, cast: Cast, admin: FlaskClient
) -> None:
    number = cast.reach("assigned")
    with app.app_context():
        before = db.session.execute(select(Deadline.id, Deadline.due_at, Deadline.sentence)).all()
    answer = admin.post(NEW, data=filled(admin, line5_answer="5个工作日", cap_reworks="3"))
    assert answer.status_code == 303
    assert number
    on = start_of(today() + timedelta(days=10))
    with app.app_context():
        after = db.session.execute(select(Deadline.id, Deadline.due_at, Deadline.sentence)).all()
        assert after == before
        old, new = version_in_force(on - timedelta(microseconds=1)), version_in_force(on)
        rule = {rule.name: rule for rule in new.rules}["一般"]
        assert (rule.spec("answer"), new.caps.reworks) == ("5wd", 3)
        assert {r.name: r for r in old.rules}["一般"].spec("answer") == "7wd"
        entry = db.session.scalars(
            select(Entry).where(Entry.stream == f"limits/{new.version_id}")
        ).one()
        assert (entry.actor_name, entry.post_role) == ("席系统", "system_admin")
        assert json.loads(entry.payload)["data"]["caps"]["reworks"] == 3
        logged = db.session.scalars(
            select(AccessLog.detail).where(AccessLog.action == "limits_published")
        ).all()
        assert logged == ["2027年版"]
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0
    page = said(admin.get(f"/deadlines/limits/{new.version_id}"))
    assert "“一般”的办结反馈：7个工作日 → 5个工作日" in page
    assert "重办次数上限：2 → 3" in page
    assert "“2027年版”自" in said(cast.client("chen").get("/deadlines/"))


def test_a_preview_says_both_due_times_and_writes_nothing(app: Flask, admin: FlaskClient) -> None:
    data = filled(
        admin, line5_answer="5个工作日", sample_at="2026-12-01T09:30", preview="y"
    )
    answer = admin.post(NEW, data=data)
    assert answer.status_code == 200
    page = said(answer)
    for limit, end in (("7个工作日", "2026-12-10"), ("5个工作日", "2026-12-08")):
        since = f"自2026-12-01 09:30交办起{limit}（交办次日起算，含末日）"
        assert f"{since}，应于{end} 24:00前完成" in page
    assert "1项有变化" in page
    # Everything typed is still there.
    assert 'value="5个工作日"' in answer.text and 'value="寻物保畅办〔2026〕12号"' in answer.text
    assert len(versions(app)) == 1


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "past": ({"effective_on": "2026-01-01"}, "时限不溯及既往"),
    "no day": ({"effective_on": ""}, "请填写“施行日期”"),
    "no such day": ({"effective_on": "2027-02-30"}, "不是有效的日期"),
    "no name": ({"name": ""}, "请填写“版本名称”"),
    "same name": ({"name": "默认时限"}, "已有名为“默认时限”的版本"),
    "no basis": ({"note": " "}, "请填写“发布依据”"),
    "limit": ({"line0_sign": "半天"}, "时限“半天”无法识别，应形如：15分钟"),
    "limit zero": ({"line0_sign": "0小时"}, "无法识别"),
    "limit long": ({"line0_sign": "999个工作日"}, "最多366个工作日"),
    "extension": ({"line5_extension": "24小时"}, "应以工作日计"),
    "cap": ({"cap_reworks": "-1"}, "“重办次数上限”应为0到9之间的整数"),
    "cap words": ({"cap_attempts": "三次"}, "应为1到20之间的整数"),
    "cap empty": ({"cap_attempts": ""}, "请填写“无法回访须尝试次数”"),
    "urgency": ({"line0_urgency": "huge"}, "选项无效"),
    "rank": ({"line0_rank": "0"}, "应为1到999之间的整数"),
    "no rank": ({"line0_rank": ""}, "请填写这一行的顺序号"),
    "twin rank": ({"line1_rank": "10"}, "顺序号与另一行相同"),
    "twin name": ({"line1_name": "特急"}, "名称“特急”重复"),
    "nameless": ({"line0_name": ""}, "请填写这一行的名称"),
    "no rest": ({"line5_dropped": "y"}, "最后一行的适用范围须全部留空"),
    "hidden": ({"line5_rank": "1"}, "永远用不到"),
    "control": ({"name": "a\x00b"}, "控制字符"),
    "sample": ({"sample_at": "明天"}, "不是有效的时间"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_is_named_and_nothing_is_written(
    app: Flask, admin: FlaskClient, wrong: str
) -> None:
    typed, why = WRONG[wrong]
    answer = admin.post(NEW, data=filled(admin, line2_answer="4个工作日", **typed))
    assert answer.status_code == 422
    assert why in said(answer)
    assert 'value="4个工作日"' in answer.text
    assert len(versions(app)) == 1


def test_today_is_too_late_and_tomorrow_is_not(admin: FlaskClient) -> None:
    assert admin.post(NEW, data=filled(admin, effective_on=today().isoformat())).status_code == 422
    on = today() + timedelta(days=2)  # a day more, lest midnight fall between
    assert admin.post(NEW, data=filled(admin, effective_on=on.isoformat())).status_code == 303


def test_versions_do_not_overlap(app: Flask, admin: FlaskClient) -> None:
    assert admin.post(NEW, data=filled(admin)).status_code == 303
    for days in (10, 9):
        on = (today() + timedelta(days=days)).isoformat()
        answer = admin.post(NEW, data=filled(admin, name="又一版", effective_on=on))
        assert answer.status_code == 422
        assert "与“2027年版”" in said(answer) and "重叠" in said(answer)
    on = (today() + timedelta(days=11)).isoformat()
    assert admin.post(NEW, data=filled(admin, name="又一版", effective_on=on)).status_code == 303
    # The one between may move, but not over its neighbours.
    second = versions(app)[1].id
    url = f"/deadlines/limits/{second}/edit"
    assert admin.post(url, data=filled(admin, url, effective_on=on)).status_code == 422
    sooner = (today() + timedelta(days=5)).isoformat()
    assert admin.post(url, data=filled(admin, url, effective_on=sooner)).status_code == 303
    with app.app_context():
        assert [one.name for one in versions_published()] == ["默认时限", "2027年版", "又一版"]


def test_until_its_day_a_version_is_put_right_and_then_no_more(
    app: Flask, admin: FlaskClient
) -> None:
    admin.post(NEW, data=filled(admin, line5_answer="70个工作日", cap_reworks="4"))
    second = versions(app)[1].id
    url = f"/deadlines/limits/{second}/edit"
    data = form_of(admin, url)
    assert data["line5_answer"] == "70个工作日"
    data |= {"line5_answer": "7个工作日", "line3_dropped": "y", "line2_name": ""}
    data |= {"line2_dropped": "y"}
    assert admin.post(url, data=data).status_code == 303
    page = said(admin.get(f"/deadlines/limits/{second}"))
    assert "“一般”的办结反馈：70个工作日 → 7个工作日" in page
    assert "删去“咨询”一行" in page
    with app.app_context():
        entries = select(func.count(Entry.id)).where(Entry.stream == f"limits/{second}")
        assert db.session.scalar(entries) == 2
    assert app.test_cli_runner().invoke(args=["verify"]).exit_code == 0
    first = versions(app)[0].id
    for method in (admin.get, admin.post):
        answer = method(f"/deadlines/limits/{first}/edit")
        assert answer.status_code == 409
        assert "已经施行，不能修改" in answer.text
    assert admin.get("/deadlines/limits/999/edit").status_code == 404
    assert admin.get("/deadlines/limits/999").status_code == 404


def test_of_two_at_once_the_second_is_told_and_loses_nothing(
    app: Flask, admin: FlaskClient
) -> None:
    mine = filled(admin, name="我的一版", line5_answer="6个工作日")
    admin.post(NEW, data=filled(admin, line0_sign="20分钟"))
    answer = admin.post(NEW, data=mine)
    assert answer.status_code == 409
    page = said(answer)
    assert "他人已发布或修改时限" in page
    assert "席系统（寻乌县 系统管理员）：2027年版" in page
    assert "“特急”的签收：30分钟 → 20分钟" in page
    assert 'value="我的一版"' in answer.text and 'value="6个工作日"' in answer.text
    assert len(versions(app)) == 2
    # Sent again as the page now stands, it is judged on its own merits: the day is taken.
    seen = re.search(r'name="seen" [^>]*value="(\d+)"', answer.text)
    assert seen
    mine["seen"] = seen[1]
    assert admin.post(NEW, data=mine).status_code == 422
    mine["effective_on"] = (today() + timedelta(days=20)).isoformat()
    assert admin.post(NEW, data=mine).status_code == 303


def test_of_two_who_mend_one_version_the_second_is_told(app: Flask, admin: FlaskClient) -> None:
    admin.post(NEW, data=filled(admin))
    url = f"/deadlines/limits/{versions(app)[1].id}/edit"
    one, other = form_of(admin, url), form_of(admin, url)
    assert admin.post(url, data=one | {"line5_review": "2个工作日"}).status_code == 303
    answer = admin.post(url, data=other | {"line5_review": "3个工作日"})
    assert answer.status_code == 409
    assert "“一般”的审核：1个工作日 → 2个工作日" in said(answer)


def test_a_new_line_is_taken_in_its_order(app: Flask, admin: FlaskClient) -> None:
    typed = {
        "line6_name": "投诉",
        "line6_rank": "35",
        "line6_kind": next(code for code, word in KINDS.items() if word == "投诉"),
        "line6_answer": "６ 个工作日",
        "line6_accept": "当日16点前",
    }
    page = form_of(admin, NEW)
    assert "line6_name" in page and "line7_name" not in page
    assert admin.post(NEW, data=filled(admin, **typed)).status_code == 303
    with app.app_context():
        rules = versions_published()[-1].rules
        assert [rule.rank for rule in rules] == sorted(rule.rank for rule in rules)
        added = next(rule for rule in rules if rule.name == "投诉")
        assert (added.spec("answer"), added.spec("assign")) == ("6wd", "today@16")


def test_a_database_that_was_tampered_with_is_found(app: Flask, admin: FlaskClient) -> None:
    admin.post(NEW, data=filled(admin))
    with app.app_context(), writing():
        row = db.session.scalars(select(LimitVersion).where(LimitVersion.name == "2027年版")).one()
        row.note = "改过的依据"
        db.session.commit()
    found = app.test_cli_runner().invoke(args=["verify"])
    assert found.exit_code == 1
    assert "时限表与最后一次发布的记录不一致" in found.output
