"""Role × {list, count, item, of a firm, number typed}: each of the cast sees exactly what is his.

Appeals of two counties, confidential ones, of a firm that is looked after, assigned and not.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import select

import ledger_pages
from cast import PEOPLE, Cast
from ledger.appeals.copying import Readers
from ledger.appeals.filters import Filters
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.parts import FormerOwner
from ledger.appeals.queries import (
    conditions_of,
    count_capped,
    find,
    identity_visible_to,
    knows_identity,
    some,
    visible_to,
)
from ledger.config import SHANGHAI
from ledger.db import config, db, now, writing
from ledger.files.check import path_of
from ledger.files.models import Attachment
from ledger.firms.models import Firm, FirmLiaison
from ledger.people.models import Person

SECRET_NAME = "寻乌县不愿具名木业有限公司"
ADMINISTRATORS = ("shen", "an", "xi")


@pytest.fixture
def laid(cast: Cast) -> dict[str, Any]:
    """Numbers by what makes them different, and the firm."""
    with cast.app.app_context(), writing() as at:
        firm = Firm(name="寻乌县顺达物流有限公司", name_folded="x", created_at=at)
        db.session.add(firm)
        db.session.flush()
        db.session.add(
            FirmLiaison(
                firm_id=firm.id,
                person_id=cast.people["lin"],
                part="serving",
                starts_on=date(2020, 1, 1),
            )
        )
        firm_id = firm.id
        db.session.commit()

    def register(by: str, office: str = "office", **known: Any) -> str:
        with cast.app.app_context(), writing() as at:
            facts = {
                "appellant_name": "罗师傅",
                "appellant_type": "driver",
                "content": "请协调放行。",
                "channel": "visit",
                "received_at": at,
                "phone": "13807970001",
                **known,
            }
            firm = db.session.get_one(Firm, firm_id) if facts.pop("of_firm", False) else None
            appeal = Appeal.register(
                Registration(**facts),
                office=cast.unit(office),
                by=cast.actor(by, at),
                at=at,
                firm=firm,
            )
            db.session.commit()
            return appeal.number

    made: dict[str, Any] = {"firm": firm_id}
    made["plain"] = register("tang")
    made["of_firm"] = register("tang", of_firm=True)
    made["secret"] = register("tang", of_firm=True, confidential=True, appellant_name=SECRET_NAME)
    made["by_liaison"] = register("lin")
    made["to_bureau"] = register("tang", of_firm=True)
    made["to_police_secret"] = register(
        "tang", of_firm=True, confidential=True, appellant_name=SECRET_NAME
    )
    made["other"] = register("yuan", "other_office")
    made["other_handled"] = register("yuan", "other_office", of_firm=True)
    for key, unit in (("to_bureau", "bureau"), ("to_police_secret", "police")):
        cast.accept(made[key])
        cast.assign(made[key], unit)
    made["other_copied_secret"] = register(
        "yuan", "other_office", confidential=True, appellant_name=SECRET_NAME
    )

    def copy(appeal: Appeal, at: datetime) -> None:
        leader = db.session.get_one(Person, cast.people["ma"])
        appeal.copy(Readers([cast.unit("bureau")], [leader]), by=cast.actor("yuan"), at=at)

    cast.do(made["other_copied_secret"], copy)
    made["joined_secret"] = register(
        "tang", of_firm=True, confidential=True, appellant_name=SECRET_NAME
    )
    cast.do(
        made["joined_secret"],
        lambda a, at: a.join(
            db.session.scalars(select(Appeal).where(Appeal.number == made["to_bureau"])).one(),
            "同一事项",
            by=cast.actor("zhou"),
            at=at,
        ),
    )
    cast.accept(made["other_handled"], by="yuan")
    cast.assign(made["other_handled"], "other_bureau", by="yuan")
    return made


HERE = {"plain", "of_firm", "secret", "by_liaison", "to_bureau", "to_police_secret"} | {
    "joined_secret"
}
COPIED = {"other_copied_secret"}
"""To this county's bureau, and to a leader of this county in person."""
THERE = {"other", "other_handled", *COPIED}
OF_FIRM = {"of_firm", "secret", "to_bureau", "to_police_secret", "other_handled"} | {
    "joined_secret"
}

SEES: dict[str, set[str]] = {
    **dict.fromkeys(("tang", "zhou", "wu", "zhao", "du"), HERE),
    "ma": HERE | COPIED,
    "lin": OF_FIRM | {"by_liaison"},
    "chen": {"to_bureau", "joined_secret"} | COPIED,  # joined to what the bureau handles
    "qian": {"to_bureau", "joined_secret"} | COPIED,
    "sun": set(),
    "he": {"to_police_secret"},
    "yuan": THERE,
    "yan": {"other_handled"},
    "shi": HERE | THERE,
    **{name: set() for name in (*ADMINISTRATORS, "none")},
}
BLIND_TO_NAME = {
    "he": {"to_police_secret"},
    "chen": {"joined_secret"} | COPIED,
    "qian": {"joined_secret"} | COPIED,
    "ma": COPIED,
}
"""Who sees an appeal without being told whose it is."""


def numbers(laid: dict[str, Any], keys: set[str]) -> set[str]:
    return {laid[key] for key in keys}


def shown(page: str) -> set[str]:
    return set(ledger_pages.shown(page))


def test_the_matrix_names_everybody() -> None:
    assert SEES.keys() == PEOPLE.keys()


def test_every_way_in_shows_the_same(cast: Cast, laid: dict[str, Any]) -> None:
    everything = numbers(laid, HERE | THERE)
    for name, keys in SEES.items():
        expected = numbers(laid, keys)
        client = cast.client(name)
        page = client.get("/appeals/")
        assert shown(page.text) == expected, name
        assert f"共 {len(expected)} 件" in page.text, name
        for number in everything:
            jump = client.get(f"/appeals/jump?number={number}").status_code
            assert jump == (303 if number in expected else 404), (name, number)
        with cast.app.app_context():
            at = now()
            actor = cast.actor(name, at)
            day = at.astimezone(SHANGHAI).date()
            assert {r.number for r in some(actor, at, Filters(), 100)} == expected, name
            assert count_capped(actor, at) == len(expected), name
            assert set(
                db.session.scalars(select(Appeal.number).where(visible_to(actor, day)))
            ) == expected, name  # fmt: skip
            for number in everything:
                assert (find(number, actor, at) is not None) == (number in expected), name


def test_item_history_and_attachment_follow_the_list(cast: Cast, laid: dict[str, Any]) -> None:
    """And none of them tells a confidential name to whoever may not know it."""
    files: dict[str, int] = {}
    for key in ("to_bureau", "to_police_secret", "other"):
        office = "yuan" if key == "other" else "zhou"

        def attach(appeal: Appeal, at: datetime, by: str = office) -> int:
            body = b"%PDF-1.4 of a test"
            token = uuid.uuid4().hex
            stored = f"{token[:2]}/{token[2:4]}/{token}"
            path = path_of(stored, config().attachments_dir)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            file = Attachment(
                name="说明.pdf",
                caption="",
                media_type="application/pdf",
                size=len(body),
                sha256=hashlib.sha256(body).hexdigest(),
                stored_name=stored,
                uploaded_by_id=cast.people[by],
                uploaded_at=at,
            )
            appeal.attach([file], by=cast.actor(by), at=at)
            return file.id

        files[key] = cast.do(laid[key], attach)
    for name, keys in SEES.items():
        client = cast.client(name)
        for key in HERE | THERE:
            page = client.get(f"/appeals/{laid[key]}")
            assert page.status_code == (200 if key in keys else 404), (name, key)
            told = keys - BLIND_TO_NAME.get(name, set())
            # A master's page names what is joined to it.
            names = "joined_secret" if key == "to_bureau" else key
            assert (SECRET_NAME in page.text) == (
                key in keys and names in told and "secret" in names
            ), (name, key)
            # The history stands on the same page, under the same predicate.
            assert ("登记" in page.text.split("<main")[1]) >= (key in keys), (name, key)
        for key, file in files.items():
            got = client.get(f"/appeals/{laid[key]}/attachments/{file}")
            assert got.status_code == (200 if key in keys else 404), (name, key)
        # Another appeal's number opens no door to the file.
        crossed = client.get(f"/appeals/{laid['plain']}/attachments/{files['to_bureau']}")
        assert crossed.status_code == 404


def test_a_firm_brings_nobody_nearer_to_a_confidential_appeal(
    cast: Cast, laid: dict[str, Any]
) -> None:
    for name, keys in SEES.items():
        client = cast.client(name)
        expected = numbers(laid, (keys & OF_FIRM) - BLIND_TO_NAME.get(name, set()))
        answer = client.get(f"/appeals/of-firm/{laid['firm']}")
        if name in ADMINISTRATORS or not PEOPLE[name][2]:
            assert answer.status_code == 404, name
            continue
        assert answer.status_code == 200, name
        assert shown(answer.text) == expected, name
        filtered = client.get(f"/appeals/?firm_id={laid['firm']}").text
        assert shown(filtered) == expected, name
        with cast.app.app_context():
            at = now()
            actor = cast.actor(name, at)
            by_firm = conditions_of(Filters(firm_id=laid["firm"]), actor, at)
            assert count_capped(actor, at, *by_firm) == len(expected), name


def test_a_confidential_name_is_shown_to_those_alone_who_may_know_it(
    cast: Cast, laid: dict[str, Any]
) -> None:
    for name, keys in SEES.items():
        client = cast.client(name)
        pages = client.get("/appeals/").text + client.get("/desk").text
        told = keys - BLIND_TO_NAME.get(name, set())
        knows = any("secret" in key for key in told)
        assert (SECRET_NAME in pages) == knows, name
        if name in BLIND_TO_NAME:
            assert "保密" in pages
        with cast.app.app_context():
            at = now()
            actor, day = cast.actor(name, at), at.astimezone(SHANGHAI).date()
            for row in some(actor, at, Filters(), 100):
                appeal = find(row.number, actor, at)
                assert appeal is not None
                assert bool(row.knows) == knows_identity(appeal, actor, at), (name, row.number)
                one = select(Appeal.id).where(
                    Appeal.number == row.number, identity_visible_to(actor, day)
                )
                assert (db.session.scalar(one) is not None) == row.knows


def test_what_an_office_once_owned_it_goes_on_seeing(cast: Cast, laid: dict[str, Any]) -> None:
    with cast.app.app_context(), writing():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == laid["other"])).one()
        db.session.add(FormerOwner(appeal_id=appeal.id, office_id=cast.units["office"]))
        db.session.commit()
    expected = numbers(laid, HERE | {"other"})
    assert shown(cast.client("zhou").get("/appeals/").text) == expected
    assert shown(cast.client("tang").get("/appeals/").text) == numbers(laid, HERE)


def test_what_went_up_to_the_city_is_seen_there_and_by_the_office_that_put_it(
    cast: Cast, laid: dict[str, Any]
) -> None:
    went = {"of_firm", "to_police_secret"}
    for key in went:
        if key == "of_firm":
            cast.accept(laid[key])
        cast.do(laid[key], lambda a, at: a.raise_up("涉及外县", by=cast.actor("zhou"), at=at))
    for name, keys in SEES.items():
        # Operators find what their own jurisdiction owns.
        expected = numbers(laid, keys - went if name == "tang" else keys)
        client = cast.client(name)
        assert shown(client.get("/appeals/").text) == expected, name
        for key in went:
            status = client.get(f"/appeals/{laid[key]}").status_code
            assert status == (200 if laid[key] in expected else 404), (name, key)
        told = "to_police_secret" in keys - BLIND_TO_NAME.get(name, set()) and name != "tang"
        page = client.get(f"/appeals/{laid['to_police_secret']}").text
        assert (SECRET_NAME in page) == told, name


def test_an_office_handles_what_a_neighbour_hands_it(cast: Cast, laid: dict[str, Any]) -> None:
    """层层交办: its coordinators act as handlers, and their desk says so."""
    cast.accept(laid["other"], by="yuan")
    cast.assign(laid["other"], "office", by="yuan")
    client = cast.client("zhou")
    assert shown(client.get("/appeals/").text) == numbers(laid, HERE | {"other"})
    assert f'action="/appeals/{laid["other"]}/sign-for"' in client.get("/desk").text


def test_who_answered_still_sees_it(cast: Cast, laid: dict[str, Any]) -> None:
    cast.answer(laid["to_bureau"])
    cast.review(laid["to_bureau"])
    # And what was joined to it, which has gone on to its own call-back.
    expected = numbers(laid, {"to_bureau", "joined_secret"} | COPIED)
    assert shown(cast.client("chen").get("/appeals/").text) == expected


def test_a_unit_above_sees_what_is_handed_below(cast: Cast, laid: dict[str, Any]) -> None:
    cast.accept(laid["plain"])
    cast.assign(laid["plain"], "section")
    assert laid["plain"] in shown(cast.client("chen").get("/appeals/").text)
    assert shown(cast.client("sun").get("/appeals/").text) == {laid["plain"]}


def test_the_liaison_of_yesterday_sees_it_no_more(cast: Cast, laid: dict[str, Any]) -> None:
    with cast.app.app_context(), writing():
        row = db.session.scalars(select(FirmLiaison)).one()
        row.ends_on = date(2021, 1, 1)
        db.session.commit()
    assert shown(cast.client("lin").get("/appeals/").text) == {laid["by_liaison"]}
