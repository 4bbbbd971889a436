"""The page that imports a roster."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, render_template, request

from ledger import access
from ledger.db import db, writing
from ledger.sheets import SheetError

from . import passwords, roster, sign_in
from .forms import RosterForm
from .sign_in import current_person
from .views import require

blueprint = Blueprint("roster", __name__)

MOST_NEW = 500
"""New accounts in one import: each password takes a tenth of a second to hash."""


@blueprint.route("/people/roster", methods=["GET", "POST"], endpoint="roster")
def roster_page() -> tuple[str, int]:
    require("import_roster")
    form = RosterForm()
    problem, lines, secrets, status = "", None, dict[str, str](), 200
    if request.method == "POST":
        status = 422
        if form.validate_on_submit():
            file = form.file.data[0].file
            try:
                lines, secrets = _import(file.read(), file.filename or "", form.dry_run.data)
                status = 200
            except SheetError as error:
                problem = str(error)
    counted = Counter(line.result for line in lines or ())
    page = render_template(
        "people/roster.html",
        form=form,
        problem=problem,
        lines=lines,
        secrets=secrets,
        was_dry=form.dry_run.data,
        totals=[(word, counted[word]) for word in roster.RESULTS],
        unit_columns=[words[0] for words in roster.UNIT_COLUMNS.values()],
        person_columns=[words[0] for words in roster.PERSON_COLUMNS.values()],
    )
    return page, status


def _import(data: bytes, filename: str, dry_run: bool) -> tuple[list[roster.Line], dict[str, str]]:
    """What became of each row, and the one-time password of each new account."""
    found = roster.read(data, filename)
    new = found.new_usernames()
    if len(new) > MOST_NEW:
        raise SheetError(f"名册里有{len(new)}个新账号，一次最多{MOST_NEW}个，请分成几个文件导入。")
    secrets = {} if dry_run else {username: passwords.one_time() for username in new}
    hashes = {username: sign_in.hashed(secret) for username, secret in secrets.items()}
    with writing() as at:
        lines = roster.lay(found, by=current_person(), at=at, hashes=hashes)
        created = {line.username for line in lines if line.result == roster.CREATED}
        if not dry_run:
            counted = Counter(line.result for line in lines)
            words = "，".join(f"{word}{counted[word]}" for word in roster.RESULTS)
            access.record("roster_imported", detail=words, at=at)
            db.session.commit()
    return lines, {name: secret for name, secret in secrets.items() if name in created}
