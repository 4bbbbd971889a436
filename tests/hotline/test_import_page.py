"""The same import by upload."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import func, select

from cast import Cast
from hotline.test_import_orders import order, workbook
from ledger.appeals.models import Appeal
from ledger.db import db


def send(cast: Cast, data: bytes, who: str = "zhou", **more: str) -> tuple[int, str, str]:
    answer = cast.client(who).post(
        "/imports/orders",
        data={"channel": "12345", "file": (io.BytesIO(data), "工单.xlsx"), **more},
        content_type="multipart/form-data",
    )
    return answer.status_code, answer.headers.get("Location", ""), answer.text


def test_an_uploaded_file_is_taken_in_and_its_result_stays(cast: Cast) -> None:
    status, where, text = send(cast, workbook(order("1"), order(None)))
    assert status == 303, text[:3000]
    page = cast.client("zhou").get(where).text
    assert "新登记1件" in page
    assert "缺少工单编号" in page
    status, where, _ = send(cast, workbook(order("1", "另一件事")))
    page = cast.client("zhou").get(where).text
    assert "内容不一致（1）" in page
    assert "另一件事" in page
    assert "收费站关闭，货车被劝返。" in page
    assert cast.client("yuan").get(where).status_code == 404


def test_trying_writes_nothing(cast: Cast) -> None:
    status, _, text = send(cast, workbook(order("1")), dry_run="y")
    assert status == 200
    assert "可登记1件" in text
    with cast.app.app_context():
        assert db.session.scalar(select(func.count(Appeal.id))) == 0


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no workbook"])
def test_what_is_no_workbook_is_said_on_the_page(cast: Cast, data: bytes) -> None:
    status, _, text = send(cast, data)
    assert status == 422
    assert 'role="alert"' in text
    assert "空" in text if not data else "工作簿" in text or "表格" in text


def test_only_the_office_imports(cast: Cast) -> None:
    assert send(cast, workbook(order("1")), who="chen")[0] == 403
