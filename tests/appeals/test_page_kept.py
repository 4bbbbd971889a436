"""An appeal's page is kept by a process, but for what does not last: it is never yesterday's,
nor another reader's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals import desk_views, show_views
from ledger.appeals.leaf import leaf
from ledger.appeals.models import Appeal
from ledger.db import db, now, writing
from ledger.people.actor import system
from ledger.trail.models import ERASED

TOKEN = re.compile(r'(?:csrf_token" value=|X-CSRFToken": )"([^"]+)"')
READERS = ("zhou", "lin", "chen", "tang", "wu")
KEPT, DIRECTORY = "ledger.leaves", "ledger.directory"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """No time left changes between two looks at a page."""
    moment = now() + timedelta(minutes=1)
    monkeypatch.setattr(show_views, "now", lambda: moment)
    return moment


def page(cast: Cast, who: str, number: str) -> tuple[int, str]:
    response = cast.client(who).get(f"/appeals/{number}")
    html = response.get_data(as_text=True)
    tokens = TOKEN.findall(html)
    assert len(set(tokens)) == 1, "one token, of whoever looks"
    return response.status_code, html.replace(tokens[0], "")


def assert_fresh(cast: Cast, number: str) -> None:
    """What readers are shown is what a process would draw that has just begun."""
    for who in READERS:
        shown = [page(cast, who, number) for _ in range(2)]
        cast.app.extensions.pop(KEPT, None)
        drawn = page(cast, who, number)
        assert shown == [drawn, drawn], who
    for who in READERS:
        page(cast, who, number)  # so that there is something kept when the next act comes


@pytest.mark.usefixtures("at")
def test_every_act_is_seen_at_once(cast: Cast) -> None:
    number = cast.register(confidential=True)
    assert_fresh(cast, number)
    for act in (cast.accept, cast.assign, cast.answer, cast.review, cast.call_back, cast.close):
        before = page(cast, "zhou", number)
        act(number)
        assert page(cast, "zhou", number) != before
        assert_fresh(cast, number)


@pytest.mark.usefixtures("at")
def test_what_is_erased_is_gone_at_once(cast: Cast) -> None:
    number = cast.register(title="车辆被劝返", content="澄江收费站入口关闭。")
    cast.accept(number)
    cast.assign(number)
    for order in ("", "?order=oldest"):
        assert "澄江收费站入口关闭" in _text(cast, "zhou", f"{number}{order}")
    cast.do(
        number,
        lambda a, at: a.erase({1: ["appeal.content"]}, "某法院裁定第9条", by=system(), at=at),
    )
    for who in ("zhou", "chen"):
        for order in ("", "?order=oldest"):
            html = _text(cast, who, f"{number}{order}")
            assert ERASED in html
            assert "澄江收费站入口关闭" not in html


def _text(cast: Cast, who: str, rest: str) -> str:
    return cast.client(who).get(f"/appeals/{rest}").get_data(as_text=True)


def test_units_and_persons_have_the_names_they_have_today(cast: Cast) -> None:
    number = cast.reach("assigned")
    for who in ("zhou", "chen"):
        assert "寻乌县交通运输局" in _text(cast, who, number)
    with cast.app.app_context(), writing():
        cast.unit("bureau").name = "寻乌县交通运输与港航局"
        db.session.commit()
    for who in ("zhou", "chen"):
        html = _text(cast, who, number)
        assert "寻乌县交通运输与港航局" in html


def test_no_reader_is_shown_what_another_may_know(cast: Cast) -> None:
    number = cast.register(confidential=True)
    cast.accept(number)
    cast.assign(number)
    for _ in range(2):
        assert "寻乌县顺达物流有限公司" in _text(cast, "zhou", number)
        html = _text(cast, "chen", number)
        assert "寻乌县顺达物流有限公司" not in html
        assert "刘经理" not in html
        assert 'id="act-sign-for"' in html
        assert 'id="act-sign-for"' not in _text(cast, "zhou", number)
        assert cast.client("he").get(f"/appeals/{number}").status_code == 404


def test_every_browser_gets_its_own_token(cast: Cast) -> None:
    number = cast.reach("registered")
    found = []
    for _ in range(2):
        html = _text(cast, "zhou", number)
        tokens = TOKEN.findall(html)
        assert len(tokens) >= 3
        found.append(set(tokens))
    assert len(found[0]) == len(found[1]) == 1
    assert found[0] != found[1]


def test_time_runs_on_a_page_that_is_kept(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    number = cast.register()
    with cast.app.app_context():
        due = db.session.scalars(select(Appeal.due_at).where(Appeal.number == number)).one()
    found = []
    for minutes in (-5, 5):
        moment = due + timedelta(minutes=minutes)
        monkeypatch.setattr(show_views, "now", lambda moment=moment: moment)
        found.append(_text(cast, "zhou", number))
    assert "light-red" not in found[0]
    # Beside its state, and in the list of limits.
    assert found[1].count("light-red") >= 2


def test_what_a_write_has_in_hand_is_not_kept(cast: Cast) -> None:
    number = cast.reach("registered")
    with cast.app.test_request_context(f"/appeals/{number}"), writing() as at:
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        appeal.supplement("尚未说出口的话", by=cast.actor("zhou"), at=at)
        db.session.flush()
        seen = leaf(number, cast.actor("zhou"), at)
        assert seen is not None
        drawn = show_views.drawn_article(seen, cast.actor("zhou"), at)
        assert "尚未说出口的话" in drawn
    assert "尚未说出口的话" not in _text(cast, "zhou", number)
    cast.do(number, lambda a, at: a.supplement("说出来的话", by=cast.actor("zhou"), at=at))
    html = _text(cast, "zhou", number)
    assert "说出来的话" in html
    assert "尚未说出口的话" not in html


# -- the desk ----------------------------------------------------------------------------------


def desk(cast: Cast, who: str) -> str:
    html = cast.client(who).get("/desk").get_data(as_text=True)
    for token in set(TOKEN.findall(html)):
        html = html.replace(token, "")
    return html


def test_a_desk_is_what_would_be_drawn(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = now() + timedelta(minutes=1)
    monkeypatch.setattr(desk_views, "now", lambda: moment)
    number = cast.register(confidential=True, urgency="urgent")
    acts = (cast.accept, cast.assign, cast.answer, cast.review, cast.call_back, cast.close)
    for act in acts:
        for who in READERS:
            shown = [desk(cast, who) for _ in range(2)]
            cast.app.extensions.pop(DIRECTORY)
            drawn = desk(cast, who)
            assert shown == [drawn, drawn], who
        act(number)
    for who in READERS:
        assert number not in desk(cast, who), who


def test_a_desk_hides_what_its_reader_may_not_know_and_says_todays_names(cast: Cast) -> None:
    number = cast.register(confidential=True)
    cast.accept(number)
    cast.assign(number)
    cast.do(number, lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    for _ in range(2):
        assert "寻乌县顺达物流有限公司" in _list(cast)
        html = desk(cast, "chen")
        assert number in html
        assert "保密" in html
        assert "寻乌县顺达物流有限公司" not in html
    assert "交通局" in html
    with cast.app.app_context(), writing():
        cast.unit("bureau").short_name = "交通港航局"
        db.session.commit()
    html = desk(cast, "chen")
    assert "交通港航局</div>" in html
    assert "交通局</div>" not in html


def _list(cast: Cast) -> str:
    return cast.client("zhou").get("/appeals/").get_data(as_text=True)
