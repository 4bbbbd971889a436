"""Files of an appeal: taking them from a form, carrying them over a refused one, handing them out.

A view takes the files before it opens its write transaction, and makes rows of them inside::

    taken, problems = take_files(form.files)          # 422 where there are problems
    store(taken)                                      # durable, under their final names
    with writing() as at:
        appeal.attach(to_rows(taken, actor, at), by=actor, at=at)
        db.session.commit()

Drawn again after a refusal, the form carries what was sound as signed tokens, by the macro
`kept_files` of templates/appeals/new/_files.html; nobody chooses a photograph twice.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.datastructures import FileStorage

from .. import access
from ..db import config, db, now, writing
from ..files import check
from ..files.check import CheckedFile, FileProblem
from ..files.models import Attachment
from ..files.views import download_response
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import Files, NotFound, clean_text
from . import signing
from .instructions import withheld
from .pages import blueprint
from .queries import find

KEPT_SECONDS = 24 * 3600
"""How long a refused form may lie before its files are to be chosen again."""
MOST_FILES = 30
"""Of one form."""

_SALT = "ledger.appeals.kept-file"


@dataclass
class Taken:
    """A sound file of a form, with its caption, until a row is made of it."""

    file: CheckedFile
    caption: str
    fresh: bool
    """Came with this very request; the other came with an earlier one, by its token."""
    stored_name: str = ""

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def size_words(self) -> str:
        """1.2 MB, 340 KB: never nothing."""
        kilobytes = max(1, round(self.file.size / 1024))
        return f"{self.file.size / 1024 / 1024:.1f} MB" if kilobytes >= 1024 else f"{kilobytes} KB"

    @property
    def token(self) -> str:
        """For the hidden field of a form drawn again; good for a day, for this person alone."""
        file = self.file
        facts = [file.path.name, file.name, file.media_type, file.size, file.sha256]
        return str(_signer().dumps([current_actor().id, *facts]))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt=_SALT)


def take_files(field: Files) -> tuple[list[Taken], list[FileProblem]]:
    """The sound files of a form's field, those it carried over first, and what is wrong.

    Each problem is also put among the field's errors. The field forgets the captions of what
    was taken: drawn again, they stand beside the carried files.
    """
    taken: list[Taken] = []
    problems: list[FileProblem] = []
    _take_kept(field, taken, problems)
    _take_fresh(field, taken, problems)
    for extra in taken[MOST_FILES:]:
        problems.append(
            FileProblem(extra.name, f"文件“{extra.name}”没有收下：一次最多{MOST_FILES}个文件")
        )
    del taken[MOST_FILES:]
    for one in taken:
        try:
            one.caption = clean_text(one.caption, max_len=field.caption_len, name="文件说明")
        except ValueError as error:
            problems.append(FileProblem(one.name, f"文件“{one.name}”：{error}"))
    field.errors = [*field.errors, *(problem.message for problem in problems)]
    return taken, problems


def _take_kept(field: Files, taken: list[Taken], problems: list[FileProblem]) -> None:
    captions = request.form.getlist(f"{field.name}-kept-caption")
    unwanted = set(request.form.getlist(f"{field.name}-unwanted"))
    for place, token in enumerate(request.form.getlist(f"{field.name}-kept")):
        if str(place) in unwanted:
            continue
        file = _reclaim(token)
        if file is None:
            problems.append(FileProblem("", "有文件保留已超过一天或已失效，请重新选择"))
            continue
        taken.append(Taken(file, captions[place] if place < len(captions) else "", fresh=False))


def _take_fresh(field: Files, taken: list[Taken], problems: list[FileProblem]) -> None:
    captions, field.captions = field.captions, []
    for place, upload in enumerate(field.raw_data or ()):
        caption = captions[place] if place < len(captions) else ""
        if not isinstance(upload, FileStorage) or not upload.filename:
            if caption:
                field.captions.append(caption)
            continue
        found = check.check(upload, config().attachments_dir)
        if isinstance(found, FileProblem):
            problems.append(found)
            if caption:
                field.captions.append(caption)
        else:
            taken.append(Taken(found, caption, fresh=True))


def _reclaim(token: str) -> CheckedFile | None:
    """The file a token stands for; None where token or file is no longer good."""
    try:
        owner, path_name, name, media_type, size, sha256 = _signer().loads(
            token, max_age=KEPT_SECONDS
        )
    except (BadData, ValueError, TypeError):
        return None
    if owner != current_actor().id:
        return None
    path = config().attachments_dir / check.INCOMING / path_name
    try:
        # The sweep counts its day from the last use.
        os.utime(path)
    except OSError:
        return None
    return CheckedFile(name, media_type, size, sha256, path)


def store(taken: Iterable[Taken]) -> None:
    """Give the files their final names, durably. Before `writing()`, so that no disk is waited
    for under the write lock; what no row comes to name is swept after a day."""
    for one in taken:
        if not one.stored_name:
            # Under a second name: should the form be refused after all, or sent twice, the first
            # still holds the bytes.
            one.stored_name = check.keep(_second_name(one.file), config().attachments_dir)


def _second_name(file: CheckedFile) -> CheckedFile:
    second = file.path.with_name(secrets.token_hex(16))
    os.link(file.path, second)
    return replace(file, path=second)


def forget(taken: Iterable[Taken]) -> None:
    """After the commit: what came with this request needs its first name no longer."""
    for one in taken:
        if one.fresh:
            check.discard(one.file)


def to_rows(taken: Sequence[Taken], actor: Actor, at: datetime) -> list[Attachment]:
    """Rows for a verb to take in."""
    store(taken)
    return [
        Attachment(
            position=place,
            name=one.name,
            caption=one.caption,
            media_type=one.file.media_type,
            size=one.file.size,
            sha256=one.file.sha256,
            stored_name=one.stored_name,
            uploaded_by_id=actor.id if actor.kind == "person" else None,
            uploaded_at=at,
        )
        for place, one in enumerate(taken)
    ]


@blueprint.get("/<number>/attachments/<int:attachment_id>")
def attachment(number: str, attachment_id: int) -> Response:
    """A download; whoever may not see the appeal learns nothing of its files."""
    actor = current_actor()
    appeal = find(number, actor, now())
    found = next((a for a in appeal.attachments if a.id == attachment_id), None) if appeal else None
    if found is not None and found.draft_of_id is not None:
        found = None if found.draft_of_id in signing.unread(appeal, actor) else found
    if appeal is None or found is None or found.entry_seq in withheld(appeal, actor):
        raise NotFound
    response = download_response(found)
    with writing() as at:
        access.record("download", f"{number} 附件{attachment_id}", at=at)
        db.session.commit()
    return response
