"""The access log, for the auditor alone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, Flask, render_template, request, url_for

from ledger.access import AccessLog
from ledger.access.actions import LABELS
from ledger.config import SHANGHAI
from ledger.people import usernames
from ledger.people.views import require

from . import queries
from .forms import LogForm

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)


@blueprint.get("/")
def log() -> tuple[str, int]:
    require("read_log")
    form = LogForm(request.args)
    before, after = _key(request.args.get("before", "")), _key(request.args.get("after", ""))
    found, more, status = [], False, 422
    if form.validate():
        status = 200
        lines, more = queries.lines(
            username=usernames.fold(form.person.data or ""),
            action=form.action.data or "",
            success={"yes": True, "no": False}.get(form.result.data or ""),
            since=_midnight(form.since.data),
            until=_midnight(form.until.data, days=1),
            before=None if after else before,
            after=after,
        )
        found = list(lines)
    has_newer = more if after else before is not None
    has_older = True if after else more
    page = render_template(
        "audit/log.html",
        form=form,
        lines=found,
        labels=LABELS,
        previous_url=_turn("after", found[0]) if found and has_newer else None,
        next_url=_turn("before", found[-1]) if found and has_older else None,
    )
    return page, status


def _turn(direction: str, line: AccessLog) -> str:
    kept = {k: v for k, v in request.args.items() if k not in ("before", "after") and v}
    moment = int(line.at.timestamp()) * 1_000_000 + line.at.microsecond
    return url_for("audit.log", **kept, **{direction: f"{moment}-{line.id}"})  # type: ignore[arg-type]


def _key(raw: str) -> queries.Key | None:
    """Microseconds since 1970 and the line's number; anything else is the first page."""
    moment, _, number = raw.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 16 for part in (moment, number)):
        return None
    seconds, micro = divmod(int(moment), 1_000_000)
    if seconds > 4_102_444_800 or int(number) >= 2**53:
        return None
    return datetime.fromtimestamp(seconds, SHANGHAI).replace(microsecond=micro), int(number)


def _midnight(day: date | None, days: int = 0) -> datetime | None:
    """The beginning of a Shanghai day, or of one `days` later."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time(), SHANGHAI)
