"""What may be done with a form that is not sent: kept as a draft, given up, begun from elsewhere.

Each is a submit button of the form's own, so that it works without a script; the name and value
of the button say which.
"""

from __future__ import annotations

from typing import Any

from flask import make_response, render_template
from flask.typing import ResponseReturnValue
from wtforms.widgets import TelInput

from ..people import drafts
from ..people.actor import Actor
from ..web import AUTOSAVE as AUTOSAVE
from ..web import fragment_error, shanghai, wants_fragment
from . import lifecycle
from .lifecycle import Facts
from .story import IDENTITY

BRING, DRAFT, DROP, NOTE = "bring", "draft", "drop", "note"
ALL = (BRING, DRAFT, AUTOSAVE, DROP, NOTE)

NOTES = ("supplement", "progress")
"""Verbs by which words are kept that came too late for their own, the likelier first."""

TOO_LONG = f"内容超过{drafts.LONGEST}字，未存为草稿，请尽快提交或删减。"


def keep(actor: Actor, key: str) -> str:
    """Keep what was typed for this person; says when."""
    at = None if actor.id is None else drafts.keep(actor.id, key, drafts.typed())
    return TOO_LONG if at is None else f"草稿已保存（{shanghai(at)}），附件不保存在草稿中。"


def told(said: str) -> ResponseReturnValue:
    """Beside the form, while somebody types on."""
    if said == TOO_LONG and wants_fragment():
        return fragment_error(413, said)
    return make_response(render_template("appeals/show/saved.html", said=said))


def note_verb(facts: Facts, actor: Actor) -> str:
    """The verb by which this person may keep a note now; '' for none."""
    return next((verb for verb in NOTES if lifecycle.may(verb, facts, actor)), "")


def as_note(label: str, form: Any, appeal: Any) -> str:
    """What was typed for an act that came too late, as one text. Left out is what the appeal says
    already, and who the appellant is: whoever reads a note need not know."""
    said = [
        f"{field.label.text}：{field.data}"
        for field in form.shown()
        if field.type in ("Text", "LongText")
        and field.data
        and field.data != getattr(appeal, field.short_name, None)
        and field.short_name not in IDENTITY
        and not isinstance(field.widget, TelInput)
    ]
    head = f"（拟办“{label}”时填写，因他人已先行办理，未作办理提交）"
    return "\n".join([head, *said]) if said else ""


def bring(form: Any) -> str:
    """The reply to the firm begins with the account of the matter, to be edited."""
    account, reply = form.account.data or "", form.public_reply.data or ""
    if not account:
        return "“内部办理情况”还没有填写。"
    if account not in reply:
        form.public_reply.data = f"{reply}\n{account}" if reply else account
    return "已由办理情况带入，请改成适合告知企业的表述后再提交。"
