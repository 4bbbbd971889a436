"""An attachment leaves as a download that no browser runs or keeps."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound

from ledger.files.check import CheckedFile, check, keep
from ledger.files.models import Attachment
from ledger.files.views import download_response


def test_a_download_is_sandboxed_named_and_not_stored(tmp_path: Path) -> None:
    app = Flask(__name__)
    app.config["LEDGER"] = SimpleNamespace(attachments_dir=tmp_path)
    upload = FileStorage(io.BytesIO("甲,乙".encode()), filename="现场 1.csv")
    checked = check(upload, tmp_path)
    assert isinstance(checked, CheckedFile)
    attachment = Attachment(
        appeal_id=1,
        entry_seq=1,
        position=0,
        name=checked.name,
        caption="",
        media_type=checked.media_type,
        size=checked.size,
        sha256=checked.sha256,
        stored_name=keep(checked, tmp_path),
        uploaded_by_id=None,
        uploaded_at=datetime.now(UTC),
    )
    with app.test_request_context(headers={"Range": "bytes=0-1"}):
        response = download_response(attachment)
        response.direct_passthrough = False
        assert response.status_code == 200
        assert response.get_data() == "甲,乙".encode()
        disposition = response.headers["Content-Disposition"]
        assert disposition.startswith("attachment;")
        assert "filename*=UTF-8''%E7%8E%B0%E5%9C%BA%201.csv" in disposition
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert response.headers["Cache-Control"] == "private, no-store"
        (tmp_path / attachment.stored_name).unlink()
        with pytest.raises(NotFound):
            download_response(attachment)
