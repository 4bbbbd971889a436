"""Handing an attachment out. Who may have it was decided by whoever loaded the row."""

from __future__ import annotations

from flask import Response, abort, send_file

from ledger.db import config

from .check import path_of
from .models import Attachment


def download_response(attachment: Attachment) -> Response:
    """The bytes as a download that no browser runs, shows in place or keeps.

    404 where the file is no longer on disk.
    """
    path = path_of(attachment.stored_name, config().attachments_dir)
    if not path.is_file():
        abort(404)
    response = send_file(
        path,
        mimetype=attachment.media_type,
        as_attachment=True,
        download_name=attachment.name,
        conditional=False,
        etag=False,
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers.pop("Last-Modified", None)
    return response
