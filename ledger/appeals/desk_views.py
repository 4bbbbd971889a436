"""我的待办, and the number of whoever is to be called, shown by one click and logged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from flask import current_app, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from .. import access
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..unchanged import unchanged
from ..web import NotFound, Refused, wants_fragment
from . import lifecycle
from .desks import Desk, desks_of
from .pages import desk
from .queries import find


@desk.get("/")
def home() -> ResponseReturnValue:
    return redirect(url_for("desk.index"))


@desk.get("/desk")
def index() -> ResponseReturnValue:
    return _page({})


def _page(revealed: dict[str, str]) -> ResponseReturnValue:
    """`revealed`: number of an appeal → the telephone number that was asked for."""
    # As of the minute: between two strokes of it a desk changes only by what is written.
    actor, at = current_actor(), now().replace(second=0, microsecond=0)
    return render_template(
        "desk/index.html",
        desks=[
            *_from_above(actor, at),
            *unchanged(("desk", actor, at), lambda: desks_of(actor, at)),
        ],
        revealed=revealed,
        may_register=bool(lifecycle.may("register", None, actor)),
    )


def _from_above(actor: Actor, at: datetime) -> Iterable[Desk]:
    """What waits for this actor in the rooms above: app.extensions["ledger_desks"]."""
    asked: list[Callable[[Actor, datetime], Desk | None]]
    asked = current_app.extensions.get("ledger_desks", [])
    return [found for ask in asked if (found := ask(actor, at)) is not None]


@desk.post("/desk/calls/<number>")
def call(number: str) -> ResponseReturnValue:
    """The number to call back: for whoever may do so now, without a reason, logged."""
    actor = current_actor()
    with writing() as at:
        appeal = find(number, actor, at)
        if appeal is None:
            raise NotFound
        verdict = appeal.may("call_back", actor, at)
        if not verdict:
            raise Refused(verdict.reason)
        phone = appeal.phone or ""
        access.record("phone_read", subject=appeal.number, detail="办理联系", at=at)
        db.session.commit()
    if wants_fragment():
        return make_response(render_template("desk/_phone.html", number=number, phone=phone))
    return _page({number: phone})
