"""重算时限, several appeals at once: what each would come to, then an entry on each.

Every appeal is its own act in its own transaction, guarded by the table as on its page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Flask, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..trail.act import StaleForm
from ..web import Choice, Form, LongText, Refused, see_other
from . import lifecycle
from .pages import blueprint
from .queries import find
from .reckoning import AS_IT_WAS, NOTHING, version_named, versions_offered
from .recompute_queries import BATCH, Found, touched
from .record import Invalid
from .record import Refused as NotNow

ADDRESS = "/appeals/recompute"


class RecomputeForm(Form):
    version = Choice("采用的版本", required=True, blank=None)
    reason = LongText("重算理由", 2000, rows=2, required=True)


@dataclass(frozen=True)
class Left:
    """An appeal that was not reckoned again, and why."""

    number: str
    why: str


def init_recompute(app: Flask) -> None:
    """Tell the rooms below who has this page."""
    app.extensions.setdefault("ledger_doors", {})[ADDRESS] = lambda actor: bool(_offices(actor))


def _offices(actor: Actor) -> list[int]:
    """Those whose clocks this actor may reckon again."""
    roles = {who.role for who in lifecycle.BY_CODE["recompute"].by}
    return sorted({seat.unit_id for seat in actor.seats if seat.is_office and seat.role in roles})


def _allowed(actor: Actor) -> list[int]:
    offices = _offices(actor)
    if not offices:
        raise Refused("时限由诉求所属牵头办公室的交办员重算。")
    return offices


@blueprint.get("/recompute")
def recompute() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    offices = _allowed(actor)
    form = RecomputeForm(formdata=None)
    form.version.choices = versions_offered(at)
    wanted = request.args.get("version", "")
    form.version.data = wanted if wanted in form.version.choices else AS_IT_WAS
    return _page(form, _found(form, actor, at, offices))


def _found(form: RecomputeForm, actor: Actor, at: datetime, offices: list[int]) -> Found:
    raw = request.args.get("after", "")
    after = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 16 else 0
    return touched(actor, at, offices, version_named(form.version.data, at), after)


@blueprint.post("/recompute")
def recompute_several() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    offices = _allowed(actor)
    form = RecomputeForm()
    form.version.choices = versions_offered(at)
    ticked = list(dict.fromkeys(request.form.getlist("appeals")))[:BATCH]
    sound = form.validate()
    if not form.version.data or form.version.errors:
        form.version.data = AS_IT_WAS
    if sound and not ticked:
        form.form_errors = ["请勾选要重算的诉求"]
    if form.errors:
        return _page(form, _found(form, actor, at, offices), status=422)
    left = [one for one in (_one(form, mark, actor) for mark in ticked) if one is not None]
    done = len(ticked) - len(left)
    if left:
        found = _found(form, actor, now(), offices)
        return _page(form, found, left=left, done=done, status=409)
    flash(f"已重算{done}件诉求的时限，各留一条办理记录。", "success")
    return see_other(url_for("appeals.recompute", version=form.version.data))


def _one(form: RecomputeForm, mark: str, actor: Actor) -> Left | None:
    """`mark` is number~version, as it was shown."""
    number, _, raw = mark[:60].replace("\x00", "").rpartition("~")
    seen = int(raw) if raw.isascii() and raw.isdecimal() and len(raw) < 10 else 0
    with writing() as at:
        appeal = find(number, actor, at, lock=True)
        if appeal is None:
            return Left(number, "没有这件诉求，或您无权查看")
        try:
            appeal.recompute(form.version.data, form.reason.data, by=actor, at=at, seen=seen)
            db.session.commit()
        except Invalid as problem:
            # Reckoned by another hand, or by this one's first click: it stands as wanted.
            return None if problem.reason == NOTHING else Left(number, problem.reason)
        except NotNow as problem:
            return Left(number, problem.reason)
        except StaleForm:
            return Left(number, "页面打开后时限已有变化，请核对下列最新结果后再勾选")
    return None


def _page(
    form: RecomputeForm,
    found: Found,
    *,
    left: list[Left] | None = None,
    done: int = 0,
    status: int = 200,
) -> ResponseReturnValue:
    page = render_template(
        "appeals/recompute.html",
        form=form,
        found=found,
        left=left or [],
        done=done,
        after=request.args.get("after", ""),
    )
    return page, status
