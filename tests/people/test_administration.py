from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from ledger.access import AccessLog
from ledger.db import db, now, writing
from ledger.people import first, sign_in
from ledger.people.models import Person, Post, PostProposal, Unit

Enter = Callable[..., int]

PAGES = {
    "/units/": {"sysadmin", "secadmin", "chen"},
    "/units/new": {"sysadmin"},
    "/units/1/edit": {"sysadmin"},
    "/people/": {"sysadmin", "secadmin", "chen"},
    "/people/new": {"sysadmin", "chen"},
    "/people/proposals": {"secadmin"},
    "/people/roster": {"sysadmin"},
    "/audit/": {"auditor"},
}


def _unit(app: Flask, code: str) -> int:
    with app.app_context():
        return db.session.scalars(select(Unit.id).where(Unit.code == code)).one()


@pytest.mark.parametrize("username", ["sysadmin", "secadmin", "auditor", "chen", "wang", "zhang"])
def test_who_sees_which_page(client: FlaskClient, enter: Enter, username: str) -> None:
    enter(client, username)
    for url, seen_by in PAGES.items():
        answer = client.get(url)
        assert answer.status_code == (200 if username in seen_by else 403), url


def _new(app: Flask, username: str, unit: str) -> dict[str, str]:
    return {"username": username, "name": "刘一", "home_unit": str(_unit(app, unit)), "phone": ""}


def test_an_office_keeps_the_persons_of_its_own_units(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    enter(client, "chen")
    made = client.post("/people/new", data=_new(app, "liu1", "360734-JT"))
    assert made.status_code == 200
    found = re.search(r'id="one-time-password">([^<]+)<', made.text)
    assert found
    assert client.post("/people/new", data=_new(app, "liu2", "360733")).status_code == 422
    assert client.get(f"/people/{county['far']}").status_code == 404
    assert client.post(f"/people/{county['far']}/password").status_code == 404
    assert "far" not in client.get("/people/").text
    assert client.get(f"/people/{county['zhang']}/edit").status_code == 200
    # Accounts that turn a key, or administer, are not the office's to hand out.
    for username in ("wang", "secadmin"):
        assert client.post(f"/people/{county[username]}/password").status_code == 403
        assert client.get(f"/people/{county[username]}/edit").status_code == 403
    other = app.test_client()
    assert enter(other, "liu1", found[1].replace("&#43;", "+")) == 303
    assert other.get("/room").headers["Location"] == "/password"


def test_an_account_name_is_given_once(app: Flask, client: FlaskClient, enter: Enter) -> None:
    enter(client, "sysadmin")
    answer = client.post("/people/new", data=_new(app, "ZHANG", "360734-JT"))
    assert answer.status_code == 422
    assert "这个用户名已有人使用" in answer.text


def test_a_reset_password_unlocks(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    for _ in range(5):
        enter(client, "zhang", "Wrong-1234")
    enter(client, "sysadmin")
    assert "已锁定" in client.get(f"/people/{county['zhang']}").text
    answer = client.post(f"/people/{county['zhang']}/password")
    found = re.search(r'id="one-time-password">([^<]+)<', answer.text)
    assert found
    assert enter(app.test_client(), "zhang", found[1]) == 303


def test_nobody_disables_or_resets_himself(
    client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    enter(client, "sysadmin")
    me = county["sysadmin"]
    assert client.post(f"/people/{me}/disable", data={"reason": "x"}).status_code == 403
    assert client.post(f"/people/{me}/password").status_code == 403
    zhang = county["zhang"]
    assert client.post(f"/people/{zhang}/disable", data={"reason": "退休"}).status_code == 303
    assert enter(client.application.test_client(), "zhang") == 401
    assert client.post(f"/people/{zhang}/enable").status_code == 303
    assert enter(client.application.test_client(), "zhang") == 303


def _grant(client: FlaskClient, app: Flask, person: int, role: str, unit: str) -> tuple[int, str]:
    answer = client.post(
        f"/people/{person}/posts",
        data={
            "role": role,
            "unit": str(_unit(app, unit)),
            "starts_on": sign_in.today().isoformat(),
            "reason": "县专班〔2026〕1号",
        },
    )
    return answer.status_code, answer.text


def test_reading_a_number_is_logged(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    with app.app_context():
        db.session.get_one(Person, county["zhang"]).phone = "13800000009"
        db.session.commit()
    enter(client, "chen")
    page = client.get(f"/people/{county['zhang']}").text
    assert "138****0009" in page and "13800000009" not in page
    assert "13800000009" in client.get(f"/people/{county['zhang']}/edit").text
    with app.app_context():
        line = db.session.scalars(select(AccessLog).where(AccessLog.action == "phone_read")).one()
        assert (line.username, line.subject) == ("chen", "zhang")


def test_posts_are_granted_by_the_security_administrator(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    enter(client, "sysadmin")
    assert _grant(client, app, county["idle"], "handler", "360734-JT")[0] == 403
    enter(client, "secadmin")
    assert _grant(client, app, county["idle"], "handler", "360734-JT")[0] == 303
    status, page = _grant(client, app, county["idle"], "handler", "360734-JT")
    assert (status, "在该期间已任" in page) == (409, True)
    status, page = _grant(client, app, county["idle"], "auditor", "360734-JT")
    assert (status, "三员分立" in page) == (409, True)
    status, page = _grant(client, app, county["idle"], "closer", "360734-JT")
    assert (status, "只能设在牵头办公室" in page) == (409, True)
    status, page = _grant(client, app, county["secadmin"], "handler", "360734-JT")
    assert (status, "不得为本人授予岗位" in page) == (409, True)
    assert _grant(client, app, county["idle"], "handler", "360734-office")[0] == 409


def test_an_ended_post_holds_no_longer(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    enter(client, "secadmin")
    with app.app_context():
        post = db.session.scalars(select(Post.id).where(Post.person_id == county["chen"])).one()
    url = f"/people/posts/{post}/end"
    assert client.get(url).status_code == 200
    yesterday = (sign_in.today() - timedelta(days=1)).isoformat()
    assert client.post(url, data={"ends_on": yesterday, "reason": "x"}).status_code == 422
    today = sign_in.today().isoformat()
    assert client.post(url, data={"ends_on": today, "reason": "轮岗"}).status_code == 303
    assert client.post(url, data={"ends_on": today, "reason": "轮岗"}).status_code == 409
    enter(client, "chen")
    assert client.get("/people/").status_code == 403
    with app.app_context():
        line = db.session.scalars(select(AccessLog).where(AccessLog.action == "post_ended")).one()
        assert (line.username, line.subject) == ("secadmin", "chen")


UNIT = {
    "code": "360734-FG",
    "name": "县发展和改革局",
    "kind": "department",
    "region_code": "360734",
    "is_office": "no",
    "offline": "no",
    "needs_sign_off": "no",
    "contact_a": "赵六",
    "contact_a_phone": "13800000001",
}


def test_units_are_kept(app: Flask, client: FlaskClient, enter: Enter) -> None:
    enter(client, "sysadmin")
    top, bureau, section = (_unit(app, c) for c in ("360734", "360734-JT", "360734-JT-YG"))
    assert client.post("/units/new", data=UNIT | {"parent": str(top)}).status_code == 303
    again = client.post("/units/new", data=UNIT | {"parent": str(top)})
    assert (again.status_code, "已由“县发展和改革局”使用" in again.text) == (422, True)
    wrong = client.post("/units/new", data=UNIT | {"code": "x", "region_code": "999999"})
    assert (wrong.status_code, "GB/T 2260" in wrong.text) == (422, True)
    made = _unit(app, "360734-FG")
    page = client.get(f"/units/{made}").text
    assert "13800000001" in page and "江西省赣州市寻乌县" in page
    below = client.post(f"/units/{bureau}/edit", data=UNIT | {"code": "y", "parent": str(section)})
    assert below.status_code == 422  # what lies below is not offered
    moved = UNIT | {"code": "360734-JT", "name": "交通局", "parent": str(made)}
    assert client.post(f"/units/{bureau}/edit", data=moved).status_code == 303
    with app.app_context():
        unit = db.session.get(Unit, section)
        assert unit is not None and unit.path == f"/{top}/{made}/{bureau}/{section}/"
    assert client.post(f"/units/{bureau}/disable").status_code == 409  # its section is open
    assert client.post(f"/units/{section}/disable").status_code == 303
    with app.app_context():
        li = db.session.scalars(select(Person).where(Person.username == "li")).one()
        assert li.posts_at(sign_in.today()) == []


def test_a_tree_has_no_rings(app: Flask, county: dict[str, int]) -> None:
    with app.app_context(), writing():
        bureau = db.session.get_one(Unit, _unit(app, "360734-JT"))
        with pytest.raises(ValueError, match="不能作为它的上级单位"):
            bureau.move_under(bureau.children[0])


def test_the_first_administrators_are_made_once(app: Flask) -> None:
    with app.app_context(), writing() as at:
        made = first.create_admins(db.session(), at)
        db.session.commit()
        assert [name for name, _ in made] == ["sysadmin", "secadmin", "auditor"]
        with pytest.raises(first.NotEmpty):
            first.create_admins(db.session(), now())


def _roster() -> bytes:
    book = openpyxl.Workbook()
    units = book.active
    assert units is not None
    units.title = "单位"
    units.append(
        [
            "单位名称",
            "上级单位",
            "行政区划代码",
            "单位类型",
            "是否牵头办公室",
            "办理方式",
            "联系人A",
            "联系人A电话",
            "联系人B",
            "联系人B电话",
            "24小时电话",
        ]
    )
    units.append(["稽查股", "县城管局", "", "科室（股室）", "否", "线下", "", "", "", "", ""])
    units.append(
        [
            "县城管局",
            "寻乌县",
            "360734",
            "部门",
            "否",
            "线上",
            "钱七",
            13800000002,
            "",
            "",
            "0797-2831234",
        ]
    )
    units.append(["无上级局", "不存在的局", "360734", "部门", "否", "线上", "", "", "", "", ""])
    units.append(["坏区划局", "寻乌县", "999999", "部门", "否", "线上", "", "", "", "", ""])
    persons = book.create_sheet("人员")
    persons.append(["姓名", "用户名", "所属单位", "手机", "岗位"])
    persons.append(["孙八", "sun8", "县城管局", "13800000003", "经办人、单位负责人"])
    persons.append(["周九", "zhou9", "不存在的局", "", ""])
    persons.append(["吴十", "wu10", "稽查股", "", "局长"])
    persons.append(["张三", "zhang", "县交通运输局", "", ""])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _send(client: FlaskClient, data: bytes, **more: str) -> tuple[int, str]:
    answer = client.post("/people/roster", data={"file": (BytesIO(data), "名册.xlsx"), **more})
    return answer.status_code, answer.text


def _counts(app: Flask) -> tuple[int, ...]:
    with app.app_context():
        return tuple(
            db.session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Unit, Person, PostProposal)
        )


def test_a_roster_is_laid_once(
    app: Flask, client: FlaskClient, county: dict[str, int], enter: Enter
) -> None:
    enter(client, "sysadmin")
    before = _counts(app)
    status, page = _send(client, _roster(), dry_run="y")
    assert status == 200 and "没有写入" in page
    assert _counts(app) == before
    status, page = _send(client, _roster())
    assert status == 200
    assert _counts(app) == (before[0] + 2, before[1] + 1, 2)
    for words in ("不存在或已停用", "999999", "岗位“局长”不认识", "用户名“zhang”已属于", "新增 3"):
        assert words in page, words
    assert page.count("<code>") == 1
    status, page = _send(client, _roster())
    assert _counts(app) == (before[0] + 2, before[1] + 1, 2)
    assert "新增 0" in page and "更新 0" in page and "已存在 3" in page
    status, page = _send(client, b"no workbook \x00\x01")
    assert status == 422
    status, page = _send(client, b"")
    assert status == 422
    with app.app_context():
        asked = db.session.scalars(select(PostProposal.id)).first()
    enter(client, "secadmin")
    assert "孙八" in client.get("/people/proposals").text
    url = f"/people/proposals/{asked}"
    assert client.post(url, data={"granted": "yes"}).status_code == 303
    assert client.post(url, data={"granted": "yes"}).status_code == 409
    with app.app_context():
        sun = db.session.scalars(select(Person).where(Person.username == "sun8")).one()
        assert sun.roles_at(sign_in.today()) == {"handler"}


def test_the_access_log_is_turned_page_by_page(
    app: Flask, client: FlaskClient, enter: Enter
) -> None:
    with app.app_context():
        moment = now()
        db.session.add_all(
            AccessLog(at=moment, username="zhang", action="exported", subject=f"nr-{n:03d}.")
            for n in range(120)
        )
        db.session.commit()
    enter(client, "auditor")
    url: str | None = "/audit/?person=ZHANG&action=exported"
    seen, pages = [], []
    while url:
        page = client.get(url).text
        pages.append(re.findall(r"nr-(\d+)\.", page))
        seen += pages[-1]
        found = re.search(r'rel="next" href="([^"]+)"', page)
        url = found[1].replace("&amp;", "&") if found else None
    assert [int(n) for n in seen] == list(range(119, -1, -1))
    back = re.search(r'rel="prev" href="([^"]+)"', page)
    assert back
    assert re.findall(r"nr-(\d+)\.", client.get(back[1].replace("&amp;", "&")).text) == pages[-2]
    assert client.get("/audit/?since=nonsense").status_code == 422
    assert client.get("/audit/?before=x&after=y&person=a%00b").status_code in (200, 422)
    assert client.get("/audit/?since=2050-01-01").text.count("exported") == 1  # the choice
