"""The register's pages: who may, what is refused, what is kept."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import select

from ledger.access import AccessLog
from ledger.db import db, writing
from ledger.firms.models import Firm
from ledger.firms.permissions import MAY
from ledger.people.models import Person
from ledger.people.roles import ADMINISTRATORS, BUSINESS

from .conftest import Register, SignIn

PARTIAL = {"HX-Request": "true", "HX-Request-Type": "partial"}
SOUND = "91440101890653862M"


@pytest.mark.parametrize("role", sorted(BUSINESS))
def test_every_role_of_business_sees_firms(sign_in: SignIn, register: Register, role: str) -> None:
    firm_id = register("甲公司", phone="13800138000")
    client = sign_in(role)
    for url in ("/firms/", f"/firms/{firm_id}", "/firms/look-up?q=甲公"):
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert "甲公司" in answer.text
        assert "13800138000" not in answer.text
    may_register = role in MAY["register"]
    assert client.get("/firms/new").status_code == (200 if may_register else 403)
    assert client.get(f"/firms/{firm_id}/edit").status_code == (200 if may_register else 403)


@pytest.mark.parametrize("role", sorted(ADMINISTRATORS))
def test_administrators_find_no_register(sign_in: SignIn, register: Register, role: str) -> None:
    firm_id = register("甲公司")
    client = sign_in(role)
    for url in ("/firms/", f"/firms/{firm_id}", "/firms/look-up?q=甲公", "/firms/new"):
        answer = client.get(url)
        assert answer.status_code == 404, url
        assert "甲公司" not in answer.text


@pytest.mark.parametrize("number", ["0", "99999999"])
def test_an_unknown_firm_is_a_404(sign_in: SignIn, number: str) -> None:
    answer = sign_in("operator").get(f"/firms/{number}")
    assert answer.status_code == 404
    assert "没有这家企业" in answer.text


def test_a_number_that_no_row_can_have_is_a_404(sign_in: SignIn) -> None:
    assert sign_in("operator").get(f"/firms/{'9' * 30}").status_code == 404


def _typed(**facts: str) -> dict[str, str]:
    return {f"new_firm-{name}": value for name, value in facts.items()}


def test_a_firm_is_registered_with_its_contact(app: Flask, sign_in: SignIn) -> None:
    client = sign_in("operator")
    answer = client.post(
        "/firms/new",
        data=_typed(
            name="甲公司",
            uscc="91440101890653862N",
            contact_name="张三",
            contact_phone="13800138000",
        ),
    )
    assert answer.status_code == 303
    page = client.get(answer.location)
    assert "校验位不符" in page.text
    assert "138****8000" in page.text
    with app.app_context():
        assert db.session.scalars(select(Firm)).one().created_by_id is not None


def test_registered_from_another_form_the_firm_comes_back_chosen(sign_in: SignIn) -> None:
    client = sign_in("liaison")
    form = client.get("/firms/new?name=甲公司", headers=PARTIAL)
    assert '<fieldset id="new"' in form.text
    assert 'form="new-firm-form"' in form.text
    answer = client.post("/firms/new", data=_typed(name="甲公司"), headers=PARTIAL)
    assert answer.status_code == 200
    assert 'name="firm_id"' in answer.text


def test_a_code_that_another_firm_has_is_refused_with_a_link(
    sign_in: SignIn, register: Register
) -> None:
    firm_id = register("甲公司", uscc=SOUND)
    answer = sign_in("operator").post("/firms/new", data=_typed(name="乙公司", uscc=SOUND))
    assert answer.status_code == 409
    assert f'href="/firms/{firm_id}"' in answer.text
    assert 'value="乙公司"' in answer.text


def test_a_firm_of_the_same_name_asks_to_confirm(
    app: Flask, sign_in: SignIn, register: Register
) -> None:
    register("寻乌（南桥）公司")
    client = sign_in("operator")
    typed = _typed(name="寻乌(南桥)公司")
    answer = client.post("/firms/new", data=typed)
    assert answer.status_code == 422
    assert "名称相同" in answer.text
    answer = client.post("/firms/new", data=typed | _typed(not_the_same="y"))
    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "请填写“企业名称”"),
        ("name", "甲" * 201, "最多 200 字"),
        ("name", "甲\x00公司", "控制字符"),
        ("uscc", "91440101890653862M1", "现为19位"),
        ("uscc", "统一代码", "数字和大写字母"),
        ("contact_phone", "张三", "电话号码只能是"),
        ("note", "字" * 9000, "最多 2000 字"),
        ("region_code", "999999", "选项无效"),
    ],
)
def test_bad_input_is_named_and_nothing_is_kept_of_it(
    app: Flask, sign_in: SignIn, field: str, value: str, said: str
) -> None:
    typed = _typed(name="甲公司", industry="果品") | _typed(**{field: value})
    answer = sign_in("operator").post("/firms/new", data=typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="果品"' in answer.text
    with app.app_context():
        assert db.session.scalars(select(Firm)).all() == []


def test_a_stale_form_gets_a_409_and_loses_nothing(
    app: Flask, sign_in: SignIn, register: Register
) -> None:
    firm_id = register("甲公司")
    client = sign_in("operator")
    with app.app_context(), writing():
        db.session.get_one(Firm, firm_id).correct(seen=1, industry="物流")
        db.session.commit()
    typed = {"name": "甲公司", "industry": "果品", "chain": "脐橙", "active": "y", "version": "1"}
    answer = client.post(f"/firms/{firm_id}/edit", data=typed)
    assert answer.status_code == 409
    assert "行业：现为“物流”，您填写的是“果品”" in answer.text
    assert 'value="脐橙"' in answer.text
    answer = client.post(f"/firms/{firm_id}/edit", data=typed | {"version": "2"})
    assert answer.status_code == 303
    with app.app_context():
        assert db.session.get_one(Firm, firm_id).industry == "果品"


def _contact_of(app: Flask, firm_id: int) -> int:
    with app.app_context():
        return db.session.get_one(Firm, firm_id).contacts[0].id


def _reasons(app: Flask) -> list[tuple[str, bool]]:
    with app.app_context():
        lines = db.session.scalars(select(AccessLog).where(AccessLog.action == "phone_read"))
        return [(line.detail, "13800138000" in f"{line.subject}{line.detail}") for line in lines]


@pytest.mark.parametrize("role", ["operator", "coordinator"])
def test_who_calls_or_coordinates_sees_a_number_by_one_click(
    app: Flask, sign_in: SignIn, register: Register, role: str
) -> None:
    firm_id = register("甲公司", phone="13800138000")
    url = f"/firms/{firm_id}/contacts/{_contact_of(app, firm_id)}/phone"
    answer = sign_in(role).post(url, headers=PARTIAL)
    assert answer.status_code == 200
    assert "13800138000" in answer.text
    assert '<section id="contacts"' in answer.text
    assert _reasons(app) == [("办理联系", False)]


def test_others_give_a_reason(app: Flask, sign_in: SignIn, register: Register) -> None:
    firm_id = register("甲公司", phone="13800138000")
    url = f"/firms/{firm_id}/contacts/{_contact_of(app, firm_id)}/phone"
    client = sign_in("handler")
    answer = client.post(url)
    assert answer.status_code == 422
    assert "13800138000" not in answer.text
    assert "请填写“查看事由”" in answer.text
    answer = client.post(url, data={"reason": "核对交办件"})
    assert "13800138000" in answer.text
    assert _reasons(app) == [("核对交办件", False)]


def test_the_liaison_of_the_firm_needs_no_reason_and_another_does(
    app: Flask, sign_in: SignIn, register: Register
) -> None:
    firm_id = register("甲公司", phone="13800138000")
    url = f"/firms/{firm_id}/contacts/{_contact_of(app, firm_id)}/phone"
    client = sign_in("liaison")
    assert client.post(url).status_code == 422
    with app.app_context(), writing():
        person = db.session.scalars(select(Person).where(Person.username == "firms-liaison")).one()
        db.session.get_one(Firm, firm_id).serve_by(person, "serving", date(2020, 1, 1))
        db.session.commit()
    assert "13800138000" in client.post(url).text


def test_contacts_are_added_and_retired(app: Flask, sign_in: SignIn, register: Register) -> None:
    firm_id = register("甲公司")
    client = sign_in("liaison")
    bad = client.post(f"/firms/{firm_id}/contacts", data={"name": "李四", "phone": "无"})
    assert bad.status_code == 422
    assert 'value="李四"' in bad.text
    client.post(f"/firms/{firm_id}/contacts", data={"name": "李四", "phone": "0797-1234567"})
    assert "079****4567" in client.get(f"/firms/{firm_id}").text
    contact_id = _contact_of(app, firm_id)
    client.post(f"/firms/{firm_id}/contacts/{contact_id}/retirement")
    assert "李四" not in client.get(f"/firms/{firm_id}").text
    assert client.post(f"/firms/{firm_id}/contacts/{contact_id}/phone").status_code == 404


def test_the_office_entrusts_a_firm_to_a_liaison_only(
    app: Flask, sign_in: SignIn, register: Register
) -> None:
    firm_id = register("甲公司")
    client, _, _ = sign_in("coordinator"), sign_in("liaison"), sign_in("manager")
    with app.app_context():
        ids = {row.username: str(row.id) for row in db.session.scalars(select(Person))}
    typed = {"part": "serving", "starts_on": "2026-01-01"}
    url = f"/firms/{firm_id}/liaisons"
    refused = client.post(url, data=typed | {"person_id": ids["firms-manager"]})
    assert refused.status_code == 422
    assert "服务联络员" in refused.text
    assert client.post(url, data=typed | {"person_id": ids["firms-liaison"]}).status_code == 303
    assert "liaison某" in client.get(f"/firms/{firm_id}").text
    assert client.post(url, data=typed | {"person_id": ""}).status_code == 303
    assert "还没有安排服务联络员" in client.get(f"/firms/{firm_id}").text
    operator = sign_in("operator")
    assert operator.post(url, data=typed).status_code == 403


def test_the_look_up_reads_the_field_it_is_told_and_keeps_the_choice(
    sign_in: SignIn, register: Register
) -> None:
    chosen, found = register("甲公司"), register("乙物流公司", phone="13800138000")
    client = sign_in("operator")
    answer = client.get(f"/firms/look-up?from=phone&phone=8000&firm_id={chosen}", headers=PARTIAL)
    assert answer.text.lstrip().startswith('<div id="look_up"')
    assert f'value="{chosen}" checked' in answer.text
    assert f'value="{found}">' in answer.text
    assert "13800138000" not in answer.text
    assert "都不是" in client.get(f"/firms/look-up?from=phone&phone=8000&firm_id={'9' * 40}").text


def test_a_form_may_hold_the_picker(app: Flask, register: Register) -> None:
    from flask import render_template_string

    firm_id = register("甲公司")
    page = (
        "{% from 'firms/_picker.html' import beside, picker %}"
        "<form>{{ picker(chosen) }}</form>{{ beside() }}"
    )
    with app.test_request_context():
        assert 'id="new-firm-form"' in render_template_string(page, chosen=None)
        chosen = db.session.get_one(Firm, firm_id)
        assert f'name="firm_id" value="{firm_id}"' in render_template_string(page, chosen=chosen)
