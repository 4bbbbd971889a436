"""Keeping and finding firms."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

from ledger.db import db, writing
from ledger.firms import queries
from ledger.firms.models import AlreadyRegistered, ChangedMeanwhile, Firm
from ledger.people.models import Person

from .conftest import Register, appoint

SOUND = "91440101890653862M"
DAY = date(2026, 11, 20)


def test_a_wrong_check_character_is_kept_and_marked(app: Flask, register: Register) -> None:
    doubtful_id = register("甲公司", uscc="91440101890653862N")
    sound_id = register("乙公司", uscc=SOUND.lower())
    with app.app_context():
        doubtful = db.session.get_one(Firm, doubtful_id)
        assert (doubtful.uscc, doubtful.uscc_valid) == ("91440101890653862N", False)
        assert "校验位" in (doubtful.uscc_warning or "")
        sound = db.session.get_one(Firm, sound_id)
        assert (sound.uscc, sound.uscc_valid, sound.uscc_warning) == (SOUND, True, None)


def test_many_firms_may_have_no_code_but_no_two_the_same(app: Flask, register: Register) -> None:
    register("甲公司")
    register("乙公司", uscc="无")
    first = register("丙公司", uscc=SOUND)
    with pytest.raises(AlreadyRegistered) as refused:
        register("丁公司", uscc=SOUND)
    assert (refused.value.firm_id, refused.value.firm_name) == (first, "丙公司")
    with app.app_context():
        assert len(queries.listing(day=DAY, q="公司").rows) == 3


def test_a_correction_of_a_stale_form_is_refused(app: Flask, register: Register) -> None:
    firm_id = register("甲公司")
    with app.app_context():
        with writing():
            firm = db.session.get_one(Firm, firm_id)
            assert firm.correct(seen=1, name="甲（集团）公司")
            assert not firm.correct(seen=2, name="甲（集团）公司")
            db.session.commit()
        firm = db.session.get_one(Firm, firm_id)
        assert (firm.version, firm.name_folded) == (2, "甲(集团)公司")
        with pytest.raises(ChangedMeanwhile):
            firm.correct(seen=1, name="乙公司")


def test_numbers_are_ciphertext_and_found_whole_or_by_the_tail(
    app: Flask, register: Register
) -> None:
    firm_id = register("甲公司", phone="+86 138-0013-8000")
    register("乙公司", phone="13900139001")
    with app.app_context():
        held = db.session.execute(text("SELECT * FROM firm_contact")).all()
        assert "13800138000" not in str(held)
        for q in ("13800138000", "138 0013 8000", "１３８００１３８０００", "8000"):
            assert [row.id for row in queries.look_up(q, DAY)] == [firm_id], q
        assert queries.look_up("1380013", DAY) == []
        with writing():
            db.session.get_one(Firm, firm_id).contacts[0].retire()
            db.session.commit()
        assert queries.look_up("13800138000", DAY) == []


def test_a_key_rotation_loses_no_number(app: Flask, register: Register) -> None:
    from ledger.ciphers import Keyring

    firm_id = register("甲公司", phone="13800138000")
    kept: Keyring = app.config["LEDGER_KEYRING"]
    app.config["LEDGER_KEYRING"] = Keyring((b"n" * 32, *kept.keys))
    try:
        with app.app_context():
            assert [row.id for row in queries.look_up("8000", DAY)] == [firm_id]
    finally:
        app.config["LEDGER_KEYRING"] = kept


def test_names_are_found_whatever_their_width(app: Flask, register: Register) -> None:
    firm_id = register("寻乌（南桥）果品Ａ有限公司", uscc=SOUND)
    register("完全_不同%公司")
    with app.app_context():
        for q in ("(南桥)果品a", "（南桥） 果品Ａ", "寻乌", "9144", SOUND, "9144 0101-8906"):
            assert [row.id for row in queries.look_up(q, DAY)] == [firm_id], q
        assert [row.name for row in queries.look_up("不同%", DAY)] == ["完全_不同%公司"]
        assert queries.look_up("乌_南", DAY) == []


@pytest.mark.parametrize("q", ["\x00", "%%", "🚚🚚", "9" * 9000, "'; --", "\ud800x", "", " ", "甲"])
def test_nothing_typed_into_the_search_breaks_it(app: Flask, register: Register, q: str) -> None:
    register("甲公司")
    with app.app_context():
        queries.look_up(q, DAY)
        queries.listing(day=DAY, q=q)


def test_pages_go_both_ways_by_key_and_miss_nobody(app: Flask, register: Register) -> None:
    ids = [register(f"第{n}公司") for n in range(7)][::-1]
    with app.app_context():
        first = queries.listing(day=DAY, size=3)
        second = queries.listing(day=DAY, size=3, after=first.after)
        third = queries.listing(day=DAY, size=3, after=second.after)
        pages = [[row.id for row in page.rows] for page in (first, second, third)]
        assert pages == [ids[:3], ids[3:6], ids[6:]]
        assert first.before is None
        assert third.after is None
        back = queries.listing(day=DAY, size=3, before=third.before)
        assert [row.id for row in back.rows] == ids[3:6]
        top = queries.listing(day=DAY, size=3, before=back.before)
        assert [row.id for row in top.rows] == ids[:3]
        assert top.before is None
        assert top.after == ids[2]


def test_one_person_at_a_time_serves_and_the_former_is_remembered(
    app: Flask, register: Register
) -> None:
    firm_id = register("甲公司")
    with app.app_context():
        with writing():
            firm = db.session.get_one(Firm, firm_id)
            old, new = appoint("liaison"), appoint("coordinator")
            firm.serve_by(old, "serving", DAY - timedelta(days=9))
            firm.serve_by(new, "serving", DAY)
            firm.serve_by(new, "serving", DAY)
            firm.serve_by(old, "stand_in", DAY)
            db.session.commit()
            old_id, new_id = old.id, new.id
        old, new = db.session.get_one(Person, old_id), db.session.get_one(Person, new_id)
        firm = db.session.get_one(Firm, firm_id)
        assert len(firm.liaisons) == 3
        assert queries.firms_of(old, DAY - timedelta(days=1)) == [firm_id]
        assert queries.firms_of(new, DAY - timedelta(days=1)) == []
        assert queries.firms_of(new, DAY) == [firm_id]
        assert [row.person_id for row in firm.liaisons_on(DAY)] == [new_id, old_id]
        page = queries.listing(day=DAY, served_by_id=new_id)
        assert [row.serving for row in page.rows] == ["coordinator某"]
        with writing():
            db.session.get_one(Firm, firm_id).end_part("serving", DAY)
            db.session.commit()
        assert queries.firms_of(new, DAY) == []
