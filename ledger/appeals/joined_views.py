"""Pages of a master beside its own: all that is joined to it, 逐户答复, and 并入多件."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, select

from ..config import SHANGHAI
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.actor import Actor
from ..web import Form, LongText, Refused, see_other
from . import lifecycle, rounds
from .join_forms import WordReplyForm
from .joined_panel import may_gather, may_word
from .joined_queries import lock_kin
from .leaf import Leaf
from .models import Appeal
from .pages import blueprint
from .queries import find, listed, numbers_meant, visible_to
from .record import Invalid
from .record import Refused as NotNow
from .rounds import Family, Row_
from .show_views import read

WORDED = tuple(sorted(lifecycle.BY_CODE["word_reply"].frm))
JOINABLE = tuple(sorted(lifecycle.BY_CODE["join"].frm))
MOST_TYPED = 100


@blueprint.get("/<number>/joined")
def joined(number: str) -> ResponseReturnValue:
    at, actor = now(), current_actor()
    master = read(number, actor, at)
    found = rounds.family(master, actor, at, tuple(lifecycle.STATES))
    return render_template(
        "appeals/joined.html",
        master=master,
        lines=found.lines,
        following=_next("appeals.joined", number, found),
    )


def _next(endpoint: str, number: str, found: Family) -> str | None:
    return url_for(endpoint, number=number, after=found.after) if found.after else None


# -- 逐户答复 ------------------------------------------------------------------------------------


@blueprint.get("/<number>/replies")
def replies(number: str) -> ResponseReturnValue:
    actor = current_actor()
    master, found = _to_word(number, actor)
    return _replies_page(master, found, _reply_rows(master, found, typed=False))


@blueprint.post("/<number>/replies")
def word_each(number: str) -> ResponseReturnValue:
    actor = current_actor()
    master, found = _to_word(number, actor)
    rows = _reply_rows(master, found, typed=True)
    changed = [one for one in rows if one.is_filled]
    done = [one for one in changed if _word(one, actor)]
    left = len(changed) - len(done)
    if left:
        said = f"已修改{len(done)}户的答复，{left}户没有修改，请按提示改正；已填写的内容都已保留"
        return _replies_page(master, found, rows, said=said, status=422)
    if not changed:
        flash("各户的答复都没有改动。", "info")
    else:
        flash(f"已修改{len(done)}户的答复，各留一条办理记录。", "success")
    return see_other(url_for("appeals.replies", number=number))


def _to_word(number: str, actor: Actor) -> tuple[Leaf, Family]:
    at = now()
    master = read(number, actor, at)
    if not may_word(master.facts(at, actor), actor):
        raise Refused("逐户答复由诉求所属牵头办公室的交办员修改。")
    return master, rounds.family(master, actor, at, WORDED)


def _reply_rows(master: Leaf, found: Family, *, typed: bool) -> list[Row_]:
    rows = []
    for row, line in zip(found.rows, found.lines, strict=True):
        sent = typed and rounds.is_sent(row)
        form: Any = rounds.form_for(WordReplyForm, row, typed=sent)
        stands = row.public_reply or master.public_reply
        if not sent:
            form.public_reply.data = stands
        filled = sent and _same(form.public_reply.data) != _same(stands)
        rows.append(Row_(row, line, form, is_filled=filled))
    return rows


def _same(words: str | None) -> str:
    """A browser sends its own line ends."""
    return "\n".join((words or "").split("\r\n")).strip()


def _word(one: Row_, actor: Actor) -> bool:
    form: Any = one.form
    if not form.validate():
        return False

    def word(appeal: Appeal, at: datetime) -> None:
        appeal.word_reply(
            form.public_reply.data,
            reason=form.reason.data or "",
            by=actor,
            at=at,
            seen=form.seen_version,
        )

    return rounds.do(one, "word_reply", actor, word)


def _replies_page(
    master: Leaf, found: Family, rows: list[Row_], *, said: str = "", status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "appeals/replies.html",
        master=master,
        rows=rows,
        said=said,
        wrong=[one for one in rows if rounds.is_wrong(one)],
        after=request.args.get("after", ""),
        following=_next("appeals.replies", master.number, found),
    )
    return page, status


# -- 并入多件 ------------------------------------------------------------------------------------


class GatherForm(Form):
    numbers = LongText("其他诉求的编号", 5000, rows=4, help="每行一个，如 寻2026-0123")
    reason = LongText("并案理由", 2000, rows=2)


@dataclass(frozen=True)
class Problem:
    """A line that was typed, or an appeal that was ticked, and why it was not joined."""

    what: str
    why: str


@blueprint.get("/<number>/gather")
def gather(number: str) -> ResponseReturnValue:
    actor, at = current_actor(), now()
    master = _to_gather(number, actor, at)
    return _gather_page(master, GatherForm(formdata=None), actor, at)


@blueprint.post("/<number>/gather")
def gather_several(number: str) -> ResponseReturnValue:
    """All of them or none, in one transaction."""
    actor, at = current_actor(), now()
    master = _to_gather(number, actor, at)
    form = GatherForm()
    sound = form.validate()
    ticked = [one[:40] for one in dict.fromkeys(request.form.getlist("appeals"))][:MOST_TYPED]
    typed, problems = _typed(form.numbers.data or "", actor, at)
    wanted = list(dict.fromkeys([*ticked, *typed]))
    if sound and not problems and not wanted:
        form.form_errors = ["请勾选要并入的诉求，或填写编号"]
        sound = False
    if not sound or problems:
        return _gather_page(master, form, actor, at, ticked, problems, 422)
    with writing() as at:
        problems = _join(number, wanted, form.reason.data or "", actor, at)
        if not problems:
            db.session.commit()
    if problems:
        fresh = read(number, actor, now())
        return _gather_page(fresh, form, actor, now(), ticked, problems, 409)
    flash(f"已并入{len(wanted)}件，由本件统一办理、逐户回访。", "success")
    return see_other(url_for("appeals.show", number=number))


def _to_gather(number: str, actor: Actor, at: datetime) -> Leaf:
    master = read(number, actor, at)
    facts = master.facts(at, actor)
    if not may_gather(facts, actor) or master.is_joined:
        raise Refused("只有牵头办公室的交办员可以把其他诉求并入在办的主件。")
    return master


def _typed(text: str, actor: Actor, at: datetime) -> tuple[list[str], list[Problem]]:
    """The numbers that the lines mean."""
    found, problems = [], []
    for line in [part for part in re.split(r"[\s,，、;；]+", text) if part][:MOST_TYPED]:
        meant = numbers_meant(line, actor, at)
        if len(meant) == 1:
            found.append(meant[0][0])
        elif meant:
            problems.append(Problem(line[:40], "几个办公室都有这个编号，请填写完整编号"))
        else:
            problems.append(Problem(line[:40], "没有这个编号的诉求，或您无权查看"))
    return found, problems


def _join(
    number: str, wanted: Sequence[str], reason: str, actor: Actor, at: datetime
) -> list[Problem]:
    day = at.astimezone(SHANGHAI).date()
    rows = db.session.execute(
        select(Appeal.number, Appeal.id).where(
            Appeal.number.in_([number, *wanted]), visible_to(actor, day)
        )
    )
    ids = {row.number: row.id for row in rows}
    lock_kin(*ids.values(), joined_to=[ids[number]] if number in ids else [])
    master = find(number, actor, at, lock=True)
    if master is None:
        return [Problem(number, "没有这件诉求，或您无权查看")]
    problems, others = [], []
    for one in sorted(wanted, key=lambda one: ids.get(one, 0)):
        appeal = find(one, actor, at, lock=True)
        if appeal is None:
            problems.append(Problem(one, "没有这件诉求，或您无权查看"))
            continue
        if verdict := appeal.may("join", actor, at):
            others.append(appeal)
        else:
            problems.append(Problem(appeal.label, verdict.reason))
    if problems:
        return problems
    try:
        master.join_all(others, reason, by=actor, at=at)
    except (Invalid, NotNow) as problem:
        return [Problem(master.label, problem.reason)]
    return []


def _gather_page(
    master: Leaf,
    form: GatherForm,
    actor: Actor,
    at: datetime,
    ticked: Sequence[str] = (),
    problems: Sequence[Problem] = (),
    status: int = 200,
) -> ResponseReturnValue:
    page = render_template(
        "appeals/gather.html",
        master=master,
        form=form,
        offered=_logged_along(master, actor, at),
        ticked=ticked,
        problems=problems,
        fresh=request.method == "GET",
    )
    return page, status


def _logged_along(master: Leaf, actor: Actor, at: datetime) -> Sequence[Row[Any]]:
    """What was logged in one submit with it (一事多企登记) and is handled alone yet."""
    return db.session.execute(
        listed(actor, at)
        .where(
            Appeal.office_id == master.office_id,
            Appeal.registered_at == master.registered_at,
            Appeal.state.in_(JOINABLE),
            Appeal.handled_with_id.is_(None),  # nor anything that is reworked alone
            Appeal.id != master.id,
        )
        .order_by(Appeal.id)
        .limit(MOST_TYPED)
    ).all()
