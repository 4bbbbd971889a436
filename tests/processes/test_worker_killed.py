"""Kill −9 of the server in the middle of an import: another worker goes on behind what is in."""

from __future__ import annotations

import http.client
import io
import os
import re
import signal
import time
import urllib.request
import uuid
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import func, select

import engines
from cast import PASSWORD, lay_cast
from ledger.appeals.models import Appeal
from ledger.db import db, keyring, writing
from ledger.hotline.models import ImportLine, ImportRun
from ledger.people import sign_in
from ledger.people.models import Person
from ledger.trail.check import Report, check_ledger
from processes.test_kill import Page, _family, _free_port, _serving

pytestmark = pytest.mark.processes

ROWS = 2100
PATIENCE = 300


def _orders() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("工单编号", "工单标题", "工单内容"))
        for n in range(1, ROWS + 1):
            sheet.write_row(n, 0, (f"GD{n:06d}", "收费站关闭", f"第{n}辆货车被劝返，请协调。"))
    return out.getvalue()


def _upload(page: Page, data: bytes) -> str:
    """The address of the draft."""
    edge = uuid.uuid4().hex
    parts = b""
    for name, value in (("csrf_token", page.token), ("channel", "12345")):
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts += f"{head}{value}\r\n".encode()
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="gd.xlsx"\r\n\r\n'
    body = parts + head.encode() + data + f"\r\n--{edge}--\r\n".encode()
    request = urllib.request.Request(
        f"{page.base}/imports/?kind=orders",
        data=body,
        headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
    )
    where, text = page._read(request)
    assert "/imports/drafts/" in where, text[:2000]
    return where.removeprefix(page.base)


def _wait(page: Page, result: str, wanted: str, least: int = 0) -> str:
    """The page of the import once it says so, or shows at least so many percent."""
    end = time.monotonic() + PATIENCE
    text = ""
    while time.monotonic() < end:
        _, text = page.get(f"{result}?poll=1")
        moved = re.search(r'<progress[^>]*value="(\d+)"', text)
        if wanted in text or (least and moved and int(moved[1]) >= least):
            return text
        time.sleep(0.2)
    pytest.fail(f"not there in time: {text[-3000:]}")


def _worker(server: int) -> int:
    for pid in _family(server):
        if Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").endswith(b"worker"):
            return pid
    pytest.fail("there is no worker")


def test_an_import_outlives_its_worker(engine: str, tmp_path: Path) -> None:
    if engine == "postgresql":
        pytest.skip("minutes in all: PostgreSQL is cut down in test_kill and test_hotline_push")
    url = engines.fresh(engine, tmp_path)
    app = engines.application(url, tmp_path)
    lay_cast(app)
    with app.app_context():
        with writing():
            db.session.scalars(select(Person).filter_by(username="zhou")).one().password = (
                sign_in.hashed(PASSWORD)
            )
            db.session.commit()
        db.session.remove()
        db.engine.dispose()
    port = _free_port()
    try:
        with _serving(url, tmp_path, port) as server:
            page = Page(f"http://127.0.0.1:{port}")
            page.sign_in("zhou")
            draft = _upload(page, _orders())
            where, _ = page.post(f"{draft}/run")
            result = where.removeprefix(page.base)
            _wait(page, result, "there is no such word", least=15)
            os.kill(_worker(server.pid), signal.SIGKILL)
            server.wait(30)  # without its worker it stops
        with _serving(url, tmp_path, port):
            page = Page(f"http://127.0.0.1:{port}")
            page.sign_in("zhou")
            text = _wait(page, result, f"共{ROWS}行")
            assert f"新登记{ROWS}件，已存在0件" in text
            _wait(page, result, "下载导入结果表")
            with page.opener.open(f"{page.base}{result}/rows.xlsx", timeout=60) as answer:
                assert isinstance(answer, http.client.HTTPResponse)
                assert answer.read(2) == b"PK"
        with app.app_context():
            run = db.session.scalars(select(ImportRun)).one()
            assert (run.rows, run.created, run.finished) == (ROWS, ROWS, True)
            assert db.session.scalar(select(func.count(Appeal.id))) == ROWS
            rows = db.session.scalar(select(func.count(func.distinct(ImportLine.row_number))))
            assert rows == db.session.scalar(select(func.count(ImportLine.id))) == ROWS
            assert list(check_ledger(db.engine, keyring(), Report())) == []
            db.session.remove()
            db.engine.dispose()
    finally:
        if engine == "postgresql":
            engines.drop_postgres_database(url)
