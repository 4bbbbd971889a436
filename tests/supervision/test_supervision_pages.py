"""Supervision as its people do it in a browser, without JavaScript."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from cast import Cast
from drawn import form_of
from ledger.appeals import desk_views
from ledger.db import db, now
from ledger.supervision import queries, sweeps
from ledger.supervision import views as supervision
from ledger.supervision.models import Paper, Urge
from ledger.supervision.wording import safe_place
from ledger_pages import move, statements
from supervision_ground import asked, due_of, issue, problems, reminders

HOME = "/supervision/"


def send(client: FlaskClient, url: str, action: str = "", **typed: str) -> Any:
    return client.post(action or url, data={**form_of(client, url, action), **typed})


def words(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


def test_the_whole_way_by_page(cast: Cast) -> None:
    number = cast.register(place="澄江收费站")
    cast.accept(number)
    cast.assign(number)
    with cast.app.app_context():
        sweeps.sweep(due_of(cast, number) + timedelta(days=1))
    du, chen, of = cast.client("du"), cast.client("chen"), f"{HOME}appeals/{number}"
    desk = words(du.get("/desk").text)
    assert "拟稿待签发 1" in desk
    assert number in du.get(f"{HOME}?view=drafts").text

    # Urging by telephone, with what was answered; a second click is no second call.
    url = f"{of}/urge"
    assert (
        du.post(url, data={"unit_id": str(cast.units["bureau"]), "way": "phone"}).status_code == 422
    )
    typed = {**form_of(du, url), "unit_id": str(cast.units["bureau"]), "way": "phone",
             "spoken_to": "张科长", "urging": "请抓紧", "answer": "今日办结"}  # fmt: skip
    for _ in range(2):
        assert du.post(url, data=typed).headers["Location"].endswith(of)
    assert asked(cast, lambda: db.session.scalar(select(func.count(Urge.id)))) == 1

    # What the clock suggested becomes a numbered paper.
    draft = re.search(rf'"{of}/notice\?draft=(\d+)"', du.get(of).text)
    assert draft is not None
    url = f"{of}/notice"
    page = du.get(f"{url}?draft={draft[1]}").text
    assert "系统按规则拟稿" in page
    drawn = form_of(du, f"{url}?draft={draft[1]}", url)
    box = dict(re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\s*(.*?)</textarea>', page, re.S))
    typed = {**drawn, "unit_id": str(cast.units["bureau"]),
             **{name: html.unescape(said).strip() for name, said in box.items()}}  # fmt: skip
    assert "顺达" not in typed["paper_text"] + typed["demand"]
    assert "澄江收费站" in typed["paper_text"]
    done = du.post(url, data=typed)
    assert done.status_code == 303, words(done.text)
    paper = done.headers["Location"]
    assert du.post(url, data=typed).headers["Location"] == paper
    assert asked(cast, lambda: db.session.scalar(select(func.count(Paper.id)))) == 1
    assert "拟稿待签发" not in words(du.get("/desk").text)
    # The same suggestion by another hand: too late, and nothing typed is lost.
    again = cast.client("ma").post(url, data={**typed, "token": "", "demand": "另行要求一句"})
    assert again.status_code == 409
    assert "另行要求一句" in again.text

    # The unit finds it on its desk, replies, and it is on nobody's list any more.
    assert "待回复督办 1" in words(chen.get("/desk").text)
    assert paper in chen.get(f"{HOME}?view=owed").text
    assert "核定签发" not in chen.get(of).text
    assert send(chen, paper, f"{paper}/reply", words="").status_code == 422
    assert send(chen, paper, f"{paper}/reply", words="已恢复通行，今日反馈").status_code == 303
    assert "待回复督办" not in words(chen.get("/desk").text)
    assert chen.post(f"{paper}/reply", data={"words": "再报"}).status_code == 409
    assert "已恢复通行" in du.get(f"{paper}/print").text
    trail = words(du.get(f"/appeals/{number}").text)
    for told in ("催办1次，已发催办通知书", "签发催办通知书", "张科长", "回复督办", "已恢复通行"):
        assert told in trail, told
    assert problems(cast) == []


def test_whose_page_it_is(cast: Cast) -> None:
    number = cast.reach("assigned")
    paper = issue(cast, number)
    of, one = f"{HOME}appeals/{number}", f"{HOME}papers/{paper}"
    for name in ("yuan", "yan", "xi", "shen", "none"):
        client = cast.client(name)
        for url in (of, f"{of}/urge", f"{of}/order", one, f"{one}/print", f"{one}/withdraw"):
            assert client.get(url).status_code == 404, (name, url)
        assert client.post(f"{one}/reply", data={"words": "甲"}).status_code == 404
    for name, status in (("chen", 403), ("lin", 403), ("tang", 403), ("du", 200), ("ma", 200)):
        assert cast.client(name).get(f"{of}/order").status_code == status, name
        assert cast.client(name).get(f"{one}/withdraw").status_code == status, name
    assert cast.client("tang").get(f"{of}/urge").status_code == 200
    assert cast.client("chen").get(f"{of}/urge").status_code == 403
    for name, status in (("du", 200), ("zhou", 200), ("chen", 200), ("lin", 403), ("tang", 403)):
        assert cast.client(name).get(HOME).status_code == status, name
    # A post elsewhere looks at nothing of here.
    assert str(paper) not in re.findall(r"papers/(\d+)", cast.client("yuan").get(HOME).text)
    # Withdrawn with its reason; the unit need not reply.
    du = cast.client("du")
    assert send(du, f"{one}/withdraw", reason="").status_code == 422
    assert send(du, f"{one}/withdraw", reason="主送单位有误").status_code == 303
    assert du.get(f"{one}/withdraw").status_code == 200
    assert du.post(f"{one}/withdraw", data={"reason": "再撤"}).status_code == 409
    assert "督办" not in words(cast.client("chen").get("/desk").text).split("办理中")[0]
    assert "已撤销" in du.get(f"{one}/print").text


def test_a_message_names_nobody(cast: Cast) -> None:
    number = cast.register(place="顺达物流园门口", contact_name="刘建国", phone="13807970001")
    cast.accept(number)
    cast.assign(number)
    page = cast.client("du").get(f"{HOME}appeals/{number}").text
    box = re.search(r"<textarea[^>]*readonly[^>]*>(.*?)</textarea>", page, re.S)
    assert box is not None
    message = box[1]
    for secret in ("顺达", "刘建国", "1380797", "陈经办"):
        assert secret not in message
    assert "寻" in message and "交通局" in message and "寻乌县" in message and "签收" in message


def test_a_place_is_said_where_it_tells_no_name() -> None:
    names = ("寻乌县顺达物流有限公司", "刘建国")
    for place, shown in {
        "澄江收费站": "澄江收费站",
        "寻乌县澄江物流园": "寻乌县澄江物流园",
        "顺达 物流园": "寻乌县",
        "刘建国家门口": "寻乌县",
        "电话13807970001": "寻乌县",
        "": "寻乌县",
    }.items():
        assert safe_place(place, "寻乌县", names) == shown


def test_lists_page_by_key_and_lights_say_their_words(cast: Cast, monkeypatch: Any) -> None:
    numbers = [cast.reach("assigned") for _ in range(3)]
    papers = [issue(cast, number) for number in numbers]
    monkeypatch.setattr(queries, "PAGE", 2)
    du = cast.client("du")
    for view, order in (("unanswered", papers), ("papers", papers[::-1])):
        first = du.get(f"{HOME}?view={view}").text
        assert [int(i) for i in re.findall(r'papers/(\d+)"', first)] == order[:2]
        onward = re.search(r'rel="next" href="([^"]+)"', first)
        assert onward is not None
        second = du.get(html.unescape(onward[1])).text
        assert [int(i) for i in re.findall(r'papers/(\d+)"', second)] == order[2:]
        back = re.search(r'rel="prev" href="([^"]+)"', second)
        assert back is not None
        again = du.get(html.unescape(back[1])).text
        assert [int(i) for i in re.findall(r'papers/(\d+)"', again)] == order[:2]
    for wrong in (">", "<x~1", ">2026-01-01~9", "\x00", ">2026-01-01T00:00:00+00:00~1" + "0" * 30):
        assert du.get(HOME, query_string={"view": "papers", "cursor": wrong}).status_code == 200
    move(cast, numbers[0], due_at=now() - timedelta(days=1), warn_at=now() - timedelta(days=2))
    move(cast, numbers[1], due_at=now() + timedelta(days=1), warn_at=now() - timedelta(days=1))
    page = du.get("/appeals/").text
    assert len(re.findall(r'light-red"[^>]*>红牌 超期', page)) == 1
    assert len(re.findall(r'light-yellow"[^>]*>黄牌 ', page)) == 1
    assert len(re.findall(r'light-normal"[^>]*><span class="visually-hidden">正常 ', page)) == 1
    late = du.get(f"{HOME}?view=late").text
    assert numbers[0] in late and numbers[1] not in late and "红牌" in late
    assert reminders(cast) == []


def test_desks_of_others_cost_nothing_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whom supervision does not concern are asked nothing of it."""
    at = now()
    monkeypatch.setattr(desk_views, "now", lambda: at)  # a desk is kept for its minute
    cast.reach("assigned")
    seen: dict[str, int] = {}
    for name in ("lin", "tang", "wu", "chen"):
        statements(cast, name, "/desk")
        seen[name] = statements(cast, name, "/desk")
    monkey = cast.app.extensions["ledger_desks"]
    kept = list(monkey)
    monkey.remove(supervision.desk_of)
    for name, more in (("lin", 0), ("tang", 0), ("wu", 0), ("chen", 1)):
        assert seen[name] - statements(cast, name, "/desk") == more, name
    monkey[:] = kept
