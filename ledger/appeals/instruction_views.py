"""我的批示: a leader's instructions, and what the units reported on them."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from ..db import now
from ..people.acting import current_actor
from ..web import Refused
from .instructed import mine
from .pages import blueprint

ADDRESS = "/appeals/instructions"


@blueprint.get("/instructions")
def instructions() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    if "manager" not in actor.roles:
        raise Refused("“我的批示”只供领导查看本人的批示。")
    typed = request.args.get("before", "")
    before = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 16 else None
    rows, more = mine(actor, at, before)
    return render_template(
        "appeals/instructions.html",
        rows=rows,
        newest=ADDRESS if before is not None else None,
        older=f"{ADDRESS}?before={rows[-1].id}" if more else None,
    )
