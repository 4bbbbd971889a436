"""The pages of supervision: what waits, one appeal's panel, and the papers."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Flask, flash, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from ..appeals import lifecycle, record
from ..appeals.desks import Desk, Tile
from ..appeals.filters import Filters
from ..appeals.leaf import Leaf
from ..appeals.lines import lines
from ..appeals.models import Appeal
from ..appeals.parts import Submission
from ..appeals.queries import ledger_page
from ..appeals.show_views import found, read
from ..appeals.urging import PAPERS
from ..db import config, db, now, writing
from ..deadlines import clocks
from ..deadlines.queries import caps_in_force, load_calendar
from ..people.acting import current_actor
from ..people.actor import Actor
from ..people.directory import directory
from ..web import Conflict, NotFound, Refused, see_other, wants_fragment
from . import queries, rules, telling, wording
from .forms import PaperForm, ReasonForm, ReplyForm, Sent, TalkForm, UrgeForm
from .models import Paper, Reminder, Urge, Wording
from .telling import matter_of, paper_line, units_offered

blueprint = Blueprint("supervision", __name__, url_prefix="/supervision")

HOME = "/supervision/"
VIEWS = {
    "late": "超期诉求",
    "drafts": "拟稿待签发",
    "unanswered": "待回复",
    "owed": "待我单位回复",
    "papers": "全部文书",
}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NO_PAPER = "没有这份文书，或您无权查看。"


def init_app(app: Flask) -> None:
    """Register the room's pages; tell the rooms below of its door and of what is due at a desk."""
    app.register_blueprint(blueprint)
    app.extensions.setdefault("ledger_doors", {})[HOME] = _watches
    app.extensions.setdefault("ledger_desks", []).append(desk_of)
    app.extensions["ledger_urge"] = urge_for_caller


def urge_for_caller(
    appeal: Appeal, words: str, *, by: Actor, at: datetime, happened_at: datetime | None = None
) -> None:
    """企业催单: what a caller or a hotline says, put to whoever has the appeal in hand."""
    unit_id = int(next(iter(units_offered(appeal))))
    Urge.record(appeal, unit_id, "system", by=by, at=at, urging=words, happened_at=happened_at)


def _watches(actor: Actor) -> bool:
    return bool(actor.seats_as(*queries.OVER, "coordinator"))


def _may_look(actor: Actor) -> bool:
    return _watches(actor) or bool(queries.own_units(actor))


def address(number: str) -> str:
    return f"{HOME}appeals/{number}"


def paper_address(paper_id: int) -> str:
    return f"{HOME}papers/{paper_id}"


# -- at the desk -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting(Tile):
    """A number with rows of this room behind it."""

    where: str = ""

    @property
    def url(self) -> str:
        return self.where


def desk_of(actor: Actor, at: datetime) -> Desk | None:
    """What waits for this actor; None where nothing does."""
    if not _may_look(actor):
        return None
    counts = queries.counts(actor, at)
    wanted = (
        ("待回复督办", counts.owed, "owed", "yellow"),
        ("拟稿待签发", counts.drafts, "drafts", "yellow"),
        ("督办待回复", counts.unanswered, "unanswered", ""),
        ("逾期未回复", counts.overdue, "unanswered", "red"),
    )
    tiles = [
        Waiting(label, count, Filters(), light, queries.CAP, f"{HOME}?view={view}")
        for label, count, view, light in wanted
        if count
    ]
    late = counts.words(counts.owed_late)
    alarms = [f"有{late}份督办文书逾期未回复，请立即回复。"] if counts.owed_late else []
    return Desk("supervision", "催办督办", tiles, alarms=alarms) if tiles else None


# -- the room's page ---------------------------------------------------------------------------


@blueprint.get("/")
def index() -> ResponseReturnValue:
    actor, at = current_actor(), now()
    watches = _watches(actor)
    if not _may_look(actor):
        raise Refused("您的岗位不办理催办督办。")
    offered = [
        name
        for name in VIEWS
        if (name == "papers")
        or (name == "owed" and queries.own_units(actor))
        or (name not in ("owed", "papers") and watches)
    ]
    view = request.args.get("view", "")
    view = view if view in offered else offered[0]
    cursor = request.args.get("cursor", "")[:120]
    counts = queries.counts(actor, at)
    shown = _list(view, actor, at, cursor)
    return render_template(
        "supervision/index.html",
        views=[(name, VIEWS[name]) for name in offered],
        view=view,
        title=VIEWS[view],
        counts=counts,
        watches=watches,
        home=HOME,
        **shown,
    )


def _list(view: str, actor: Actor, at: datetime, cursor: str) -> dict[str, Any]:
    if view == "late":
        page = ledger_page(actor, at, Filters(light="red"), cursor=cursor)
        found: Any = lines(page.rows, at)
        return {"rows": found, "before": page.before, "after": page.after}
    if view == "drafts":
        drafts = queries.drafts(actor, at, cursor)
        rows: list[Any] = [telling.draft_line(row, row.number) for row in drafts.rows]
        return {"rows": rows, "before": drafts.before, "after": drafts.after}
    ask = {"unanswered": queries.unanswered, "owed": queries.owed, "papers": queries.issued}[view]
    papers = ask(actor, at, cursor)
    rows = [paper_line(row, at) for row in papers.rows]
    return {"rows": rows, "before": papers.before, "after": papers.after}


# -- one appeal --------------------------------------------------------------------------------


@blueprint.get("/appeals/<number>")
def of_appeal(number: str) -> ResponseReturnValue:
    """The panel on an appeal's page; a page of its own without JavaScript."""
    at, actor = now(), current_actor()
    appeal = read(number, actor, at)
    context = _panel(appeal, actor, at)
    if wants_fragment():
        return render_template("supervision/_of_appeal.html", **context)
    return render_template("supervision/of_appeal.html", **context)


def _panel(appeal: Leaf, actor: Actor, at: datetime) -> dict[str, Any]:
    facts = appeal.facts(at)
    may_urge = bool(lifecycle.may("urge", facts, actor))
    may_order = bool(lifecycle.may("order", facts, actor))
    offered = units_offered(appeal)
    unit_id = int(next(iter(offered)))
    urgings = queries.urgings_of(appeal.id) if appeal.urged else ()
    papers = queries.papers_of(appeal.id)
    drafts = queries.drafts_of(appeal.id) if may_order else ()
    kinds = [(kind, PAPERS[kind]) for kind in PAPERS if kind != "transfer"]
    return {
        "appeal": appeal,
        "address": address(appeal.number),
        "appeal_address": f"/appeals/{appeal.number}",
        "is_joined": appeal.state == "joined",
        "counted": telling.counted(urgings),
        "urgings": [telling.urge_line(urge) for urge in urgings],
        "papers": [paper_line(paper, at) for paper in papers],
        "drafts": [telling.draft_line(draft, appeal.number) for draft in drafts],
        "may_urge": may_urge,
        "may_order": may_order,
        "kinds": [
            (telling.step_of(kind, unit_id), PAPERS[telling.step_of(kind, unit_id)])
            for kind, _ in kinds
        ],
        "message": wording.message(matter_of(appeal, unit_id, at)) if may_urge else "",
    }


# -- urging ------------------------------------------------------------------------------------


@blueprint.route("/appeals/<number>/urge", methods=["GET", "POST"])
def urge(number: str) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    appeal = found(number, actor, at)
    _must(appeal, "urge", actor, at)
    form = UrgeForm()
    form.unit_id.choices = units_offered(appeal)
    if request.method == "GET":
        form.token.data = _fresh_token()
        form.unit_id.data = next(iter(form.unit_id.choices))
        matter = matter_of(appeal, int(form.unit_id.data), at)
        form.urging.data = wording.message(matter)
        return _urge_page(form, appeal)
    if (again := _sent(form, actor)) is not None:
        return again
    if not form.validate():
        return _urge_page(form, appeal, 422)

    def do(appeal: Appeal, at: datetime) -> str:
        Urge.record(
            appeal,
            int(form.unit_id.data),
            form.way.data,
            by=actor,
            at=at,
            spoken_to=form.spoken_to.data or "",
            urging=form.urging.data or "",
            answer=form.answer.data or "",
            promised_at=form.promised_at.data,
            happened_at=form.happened_at.data,
        )
        return address(number)

    def page(status: int) -> ResponseReturnValue:
        return _urge_page(form, appeal, status)

    return _do(form, number, actor, do, "已记录催办。", page)


def _urge_page(form: UrgeForm, appeal: Appeal, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "supervision/form.html",
        form=form,
        appeal=appeal,
        action=f"{address(appeal.number)}/urge",
        title="催办",
        hint="电话、当面催办的记清对谁说的、对方怎么答复；微信、短信、系统内催办按书面催办计数。",
        button="记录催办",
        halves=("unit_id", "way", "spoken_to", "promised_at", "happened_at"),
    )
    return page, status


# -- papers ------------------------------------------------------------------------------------


@blueprint.route(
    "/appeals/<number>/<any({}):kind>".format(", ".join(PAPERS)), methods=["GET", "POST"]
)
def issue(number: str, kind: str) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    appeal = found(number, actor, at)
    _must(appeal, "order", actor, at)
    draft = _draft_named(appeal, actor, at)
    form: PaperForm = TalkForm() if kind == "talk" else PaperForm()
    form.unit_id.choices = units_offered(appeal)
    if request.method == "GET":
        form.token.data = _fresh_token()
        _prefill(form, appeal, kind, actor, at, draft)
        return _paper_page(form, appeal, kind, draft)
    if (again := _sent(form, actor)) is not None:
        return again
    if not form.validate():
        return _paper_page(form, appeal, kind, draft, 422)

    def do(appeal: Appeal, at: datetime) -> str:
        settled = None if draft is None else _reload(draft.id)
        paper = Paper.issue(appeal, kind, _wording(form), by=actor, at=at, draft=settled)
        db.session.flush()
        return paper_address(paper.id)

    return _do(
        form,
        number,
        actor,
        do,
        f"已签发{PAPERS[kind]}。",
        lambda status: _paper_page(form, appeal, kind, draft, status),
    )


def _wording(form: PaperForm) -> Wording:
    due = form.reply_due_at.data
    assert due is not None  # it is required
    said = Wording(
        unit_id=int(form.unit_id.data),
        paper_text=form.paper_text.data or "",
        demand=form.demand.data or "",
        reply_due_at=due,
        signing_body=form.signing_body.data or "",
        letter_number=form.letter_number.data or "",
    )
    if not isinstance(form, TalkForm):
        return said
    return replace(
        said,
        meeting_at=form.meeting_at.data,
        meeting_place=form.meeting_place.data or "",
        summoned=form.summoned.data or "",
    )


def _prefill(
    form: PaperForm,
    appeal: Appeal,
    kind: str,
    actor: Actor,
    at: datetime,
    draft: Reminder | None,
) -> None:
    offered = form.unit_id.choices
    asked = str(draft.unit_id) if draft is not None else request.args.get("unit", "")
    form.unit_id.data = asked if asked in offered else next(iter(offered))
    due = rules.reply_due(kind, at, caps_in_force(at), load_calendar())
    text = wording.draft(kind, matter_of(appeal, int(form.unit_id.data), at), due)
    form.paper_text.data, form.demand.data = text.paper_text, text.demand
    form.reply_due_at.data = due
    offices = [seat.unit_id for seat in actor.seats if seat.is_office]
    signing = appeal.office_id if appeal.office_id in offices or not offices else offices[0]
    form.signing_body.data = directory().units[signing].name


def _draft_named(appeal: Appeal, actor: Actor, at: datetime) -> Reminder | None:
    raw = request.values.get("draft", "")
    if not raw:
        return None
    seen = queries.draft(int(raw), actor, at) if _is_id(raw) else None
    if seen is None or seen[1] != appeal.number:
        raise NotFound("没有这份拟稿，或您无权查看。")
    return seen[0]


def _is_id(raw: str) -> bool:
    return raw.isascii() and raw.isdecimal() and len(raw) < 16


def _reload(reminder_id: int) -> Reminder:
    """Again, under the lock."""
    return db.session.get_one(Reminder, reminder_id, populate_existing=True, with_for_update=True)


def _paper_page(
    form: PaperForm, appeal: Appeal, kind: str, draft: Reminder | None, status: int = 200
) -> ResponseReturnValue:
    hint = "正文和要求已拟出，请核对修改；不要写企业名称、联系人和电话。编号在签发时自动生成。"
    if draft is not None:
        hint = f"系统按规则拟稿：{rules.EVENTS[draft.event].partition('，')[0]}。{hint}"
    page = render_template(
        "supervision/form.html",
        form=form,
        appeal=appeal,
        action=f"{address(appeal.number)}/{kind}",
        title=PAPERS[kind],
        hint=hint,
        button=f"签发{PAPERS[kind]}",
        halves=("unit_id", "reply_due_at", "signing_body", "letter_number", "meeting_at",
                "meeting_place", "summoned"),
        draft=draft,
        milder=kind in ("order", "transfer"),
        kind=kind,
    )  # fmt: skip
    return page, status


def _reason_page(
    form: ReasonForm, appeal: Appeal, action: str, title: str, hint: str
) -> Callable[..., ResponseReturnValue]:
    """A page that asks for a reason alone, to be drawn with a status."""

    def page(status: int = 200) -> ResponseReturnValue:
        drawn = render_template(
            "supervision/form.html",
            form=form,
            appeal=appeal,
            action=action,
            title=title,
            hint=hint,
            button=title,
            halves=(),
        )
        return drawn, status

    return page


@blueprint.route("/drafts/<int:reminder_id>/discard", methods=["GET", "POST"])
def discard(reminder_id: int) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    seen = queries.draft(reminder_id, actor, at)
    if seen is None:
        raise NotFound("没有这份拟稿，或您无权查看。")
    draft, number = seen
    appeal = found(number, actor, at)
    _must(appeal, "order", actor, at)
    form = ReasonForm()
    page = _reason_page(
        form,
        appeal,
        f"{HOME}drafts/{reminder_id}/discard",
        f"不予签发{PAPERS[draft.step]}",
        "理由记入本件的办理记录。",
    )
    if request.method == "GET":
        return page()
    if not form.validate():
        return page(422)

    def do(appeal: Appeal, at: datetime) -> str:
        _reload(reminder_id).discard(appeal, form.reason.data, by=actor, at=at)
        return address(number)

    return _do(form, number, actor, do, "已记录不予签发。", page)


@blueprint.get("/papers/<int:paper_id>")
def paper(paper_id: int) -> ResponseReturnValue:
    return _shown(paper_id, ReplyForm(formdata=None))


@blueprint.get("/papers/<int:paper_id>/print")
def printed(paper_id: int) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    row = _paper(paper_id, actor, at)
    return render_template("supervision/print.html", **_telling(row, at))


def _paper(paper_id: int, actor: Actor, at: datetime) -> Paper:
    row = queries.paper(paper_id, actor, at)
    if row is None:
        raise NotFound(_NO_PAPER)
    return row


def _telling(row: Paper, at: datetime) -> dict[str, Any]:
    units = directory().units
    return {
        "paper": row,
        "appeal": row.appeal,
        "address": paper_address(row.id),
        "line": paper_line(row, at),
        "unit": units[row.unit_id].name,
        "issued_on": wording.dated(row.issued_at),
        "reply_due": clocks.shown_end(row.reply_due_at),
        "issuer": telling.name_of(row.issued_by_id),
        "replier": telling.name_of(row.replied_by_id),
        "withdrawer": telling.name_of(row.withdrawn_by_id),
        "office_phone": units[row.office_id].duty_phone,
        "meeting": clocks.shown(row.meeting_at) if row.meeting_at else "",
        "mark": (row.letter_number or row.number),
        "qr": f"/reports/papers/appeals/{row.appeal.number}/qr.svg" if config().public_url else "",
    }


def _shown(paper_id: int, form: ReplyForm, status: int = 200) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    row = _paper(paper_id, actor, at)
    refusal = row.may_reply(actor, at)
    may_order = bool(row.appeal.may("order", actor, at))
    page = render_template(
        "supervision/paper.html",
        form=form,
        may_reply=refusal is None,
        may_withdraw=may_order and row.state != "withdrawn",
        **_telling(row, at),
    )
    return page, status


@blueprint.post("/papers/<int:paper_id>/reply")
def reply(paper_id: int) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    number = _paper(paper_id, actor, at).appeal.number
    form = ReplyForm()

    def page(status: int = 200) -> ResponseReturnValue:
        return _shown(paper_id, form, status)

    if not form.validate():
        refusal = _paper(paper_id, actor, at).may_reply(actor, at)
        if refusal is not None:
            raise _as_error(record.Refused(*refusal))
        return page(422)

    def do(_appeal: Appeal, at: datetime) -> str:
        _paper(paper_id, actor, at).answer(form.words.data, by=actor, at=at)
        return paper_address(paper_id)

    return _do(form, number, actor, do, "已回复。", page)


@blueprint.route("/papers/<int:paper_id>/withdraw", methods=["GET", "POST"])
def withdraw(paper_id: int) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    row = _paper(paper_id, actor, at)
    _must(row.appeal, "order", actor, at)
    appeal, form = row.appeal, ReasonForm()
    page = _reason_page(
        form,
        appeal,
        f"{paper_address(paper_id)}/withdraw",
        f"撤销{row.number}",
        "误发的文书撤销后编号保留，承办单位不需要再回复；理由记入办理记录。",
    )
    if request.method == "GET":
        return page()
    if not form.validate():
        return page(422)

    def do(_appeal: Appeal, at: datetime) -> str:
        _paper(paper_id, actor, at).withdraw(form.reason.data, by=actor, at=at)
        return paper_address(paper_id)

    return _do(form, appeal.number, actor, do, "已撤销。", page)


# -- doing -------------------------------------------------------------------------------------


def _must(appeal: Appeal, verb: str, actor: Actor, at: datetime) -> None:
    verdict = appeal.may(verb, actor, at)
    if not verdict:
        raise _as_error(record.Refused(verdict.status, verdict.reason))


def _as_error(refused: record.Refused) -> Exception:
    return Refused(refused.reason) if refused.status == 403 else Conflict(refused.reason)


def _do(
    form: Any,
    number: str,
    actor: Actor,
    act: Callable[[Appeal, datetime], str],
    said: str,
    page: Callable[[int], ResponseReturnValue],
) -> ResponseReturnValue:
    """`act` on the appeal, loaded again under the lock, in one commit; then where it leads."""
    token = form.token.data if isinstance(form, Sent) else None
    try:
        with writing() as at:
            db.session.expire_all()
            appeal = found(number, actor, at, lock=True)
            url = act(appeal, at)
            if token:
                Submission.note(actor.id or 0, token, _digest(), url[:40], at)
            db.session.commit()
    except record.Invalid as invalid:
        _blame(form, invalid)
        return page(422)
    except record.Refused as refused:
        raise _as_error(refused) from refused
    except IntegrityError:
        db.session.rollback()
        again = _sent(form, actor)
        if again is None:
            raise
        return again
    flash(said, "success")
    return see_other(url)


def _blame(form: Any, invalid: record.Invalid) -> None:
    field = next((one for one in form if one.name == invalid.field), None)
    if field is None:
        form.form_errors = [*form.form_errors, invalid.reason]
    else:
        field.errors = [*field.errors, invalid.reason]


def _sent(form: Sent, actor: Actor) -> ResponseReturnValue | None:
    """Where the same form led when it was sent before; None for a fresh one."""
    if not _TOKEN.fullmatch(form.token.data or ""):
        form.token.data = _fresh_token()
    earlier = Submission.of(actor.id or 0, form.token.data)
    if earlier is None:
        return None
    if earlier.digest == _digest():
        return see_other(earlier.result)
    # Another text under the same token: a step back in the browser, and a matter of its own.
    form.token.data = _fresh_token()
    return None


def _digest() -> str:
    typed = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "token")
    ]
    return hashlib.sha256(json.dumps(typed).encode()).hexdigest()


def _fresh_token() -> str:
    return secrets.token_urlsafe(16)
