"""Filling in the registration form, for the tests that do so."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.db import db

ASKED = {
    "appellant_name": "寻乌县顺达物流有限公司",
    "phone": "138 0797 0001",
    "content": "澄江收费站入口关闭，两辆货车被劝返，请协调放行。",
    "channel": "visit",
}

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89"
    b"\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


def send(client: FlaskClient, **typed: Any) -> TestResponse:
    return client.post("/appeals/new", data={**ASKED, **typed}, content_type="multipart/form-data")


def number_of(response: TestResponse) -> str:
    assert response.status_code == 303, words_of(response)
    found = re.fullmatch(r"/appeals/([0-9-]+)/receipt", response.headers["Location"])
    assert found
    return found[1]


def words_of(response: TestResponse) -> str:
    return unescape(response.get_data(as_text=True))


def how_many(cast: Cast) -> int:
    """Appeals in the ledger."""
    with cast.app.app_context():
        return db.session.scalar(select(func.count(Appeal.id))) or 0
