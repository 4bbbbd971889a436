"""Who gets an appeal's files."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select

from appeals.register_hand import PNG, number_of, send
from cast import Cast
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import config, db
from ledger.files import check


@pytest.fixture
def address(cast: Cast) -> str:
    """Of a photograph of a confidential appeal, which the bureau handles."""
    response = send(
        cast.client("lin"), identity="confidential", files=(io.BytesIO(PNG), "入口 照片.png")
    )
    number = number_of(response)
    cast.accept(number)
    cast.assign(number)
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        return f"/appeals/{number}/attachments/{appeal.attachments[0].id}"


@pytest.mark.parametrize("name", ["lin", "tang", "zhou", "chen", "sun", "du", "ma"])
def test_who_sees_the_appeal_downloads(cast: Cast, address: str, name: str) -> None:
    response = cast.client(name).get(address)
    # A section below the unit sees nothing that was not passed on to it.
    if name == "sun":
        assert response.status_code == 404
        return
    assert response.status_code == 200
    assert response.data == PNG
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.content_type == "image/png"
    with cast.app.app_context():
        line = db.session.scalars(select(AccessLog).where(AccessLog.action == "download")).one()
        assert line.person_id == cast.people[name]
        assert "照片" not in line.subject


@pytest.mark.parametrize("name", ["he", "yuan", "yan", "shen", "an", "xi", "none"])
def test_for_others_there_is_nothing(cast: Cast, address: str, name: str) -> None:
    response = cast.client(name).get(address)
    assert response.status_code == 404
    assert "没有这件诉求，或您无权查看" in response.get_data(as_text=True)


def test_unsigned_gets_no_file(cast: Cast, address: str) -> None:
    response = cast.app.test_client().get(address)
    assert response.status_code in (302, 303, 401)


def test_an_attachment_of_another_appeal_is_not_found_under_this_one(
    cast: Cast, address: str
) -> None:
    other = cast.register(by="lin")
    last = address.rsplit("/", 1)[1]
    client = cast.client("lin")
    assert client.get(f"/appeals/{other}/attachments/{last}").status_code == 404
    assert client.get(f"/appeals/{other}/attachments/{2**70}").status_code == 404
    assert client.get(f"/appeals/{other}/attachments/x").status_code == 404


def test_a_file_gone_from_disk_is_a_404_and_no_download_is_logged(cast: Cast, address: str) -> None:
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal)).one()
        check.path_of(appeal.attachments[0].stored_name, config().attachments_dir).unlink()
    assert cast.client("lin").get(address).status_code == 404
    with cast.app.app_context():
        logged = db.session.scalars(select(AccessLog).where(AccessLog.action == "download")).all()
        assert not logged
