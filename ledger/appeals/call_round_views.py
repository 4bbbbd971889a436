"""逐户回访: a master and all that is joined to it, called back on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row

from ledger import access

from ..catalogue.words import SATISFACTION, SOLVED
from ..db import db, now, writing
from ..firms.phones import mask
from ..people.acting import current_actor
from ..people.actor import Actor
from ..trail.models import ERASED
from ..web import LongText, Radio, YesNo, see_other
from . import lifecycle, rounds
from .act_forms import LONG, CallBackForm
from .closing import WAYS
from .lifecycle import Facts
from .models import Appeal
from .pages import blueprint
from .queries import facts_of
from .rounds import Family, Row_
from .show_views import read, reveals

TO_CALL = tuple(sorted(lifecycle.BY_CODE["call_back"].frm))


class CallRowForm(CallBackForm):
    """Empty until somebody was called."""

    way = Radio("回访方式", WAYS, default="phone")
    reached = YesNo("是否接通")
    contacted = YesNo("承办单位是否联系")
    solved = Radio("是否解决", SOLVED)
    satisfaction = Radio("是否满意", SATISFACTION)
    words = LongText("诉求人意见", LONG, rows=1, help="不满意的必须写明；未接通的写明情况")

    @property
    def is_filled(self) -> bool:
        answers = (self.reached, self.contacted, self.solved, self.satisfaction, self.words)
        return any(field.data for field in answers)

    def validate(self, extra_validators: Any = None) -> bool:
        sound = super().validate(extra_validators)
        if not self.reached.data and not self.reached.errors:
            self.reached.errors = ["请选择“是否接通”"]
            sound = False
        return sound


@dataclass
class Call(Row_):
    """`phone` is whole where it was asked for and may be shown, else masked."""

    phone: str = ""
    may_reveal: bool = False


@blueprint.get("/<number>/calls")
def calls(number: str) -> ResponseReturnValue:
    actor = current_actor()
    found = _found(number, actor)
    return _page(number, found, _rows(found, actor, typed=False))


@blueprint.post("/<number>/calls")
def call_each(number: str) -> ResponseReturnValue:
    actor = current_actor()
    found = _found(number, actor)
    rows = _rows(found, actor, typed=True)
    if "phones" in request.form:
        _reveal(number, rows)
        return _page(number, found, rows)
    filled = [one for one in rows if one.is_filled]
    if not filled:
        return _page(number, found, rows, said="还没有填写回访情况，请先填写再提交", status=422)
    done = [one for one in filled if _call(one, actor)]
    left = [one for one in filled if one not in done]
    if left:
        # What was done stands on the page no longer, or as it is now.
        fresh = _found(number, actor)
        again = {one.number: one for one in _rows(fresh, actor, typed=True)}
        for one in left:
            again[one.number] = one
        kept = [again[n] for n in again if n not in {one.number for one in done}]
        said = f"已登记{len(done)}户，{len(left)}户没有登记，请按提示修改；已填写的内容都已保留"
        return _page(number, fresh, kept, said=said, status=422)
    flash(f"已登记{len(done)}户的回访情况。", "success")
    return see_other(url_for("appeals.calls", number=number))


def _found(number: str, actor: Actor) -> Family:
    at = now()
    master = read(number, actor, at)
    return rounds.family(master, actor, at, TO_CALL, with_master=True)


def _rows(found: Family, actor: Actor, *, typed: bool) -> list[Call]:
    facts = facts_of(found.rows, found.at)
    rows = []
    for row, line in zip(found.rows, found.lines, strict=True):
        refusal = _refusal(facts[row.id], actor)
        sent = typed and rounds.is_sent(row)
        form = None if refusal else rounds.form_for(CallRowForm, row, typed=sent)
        filled = sent and isinstance(form, CallRowForm) and form.is_filled
        rows.append(
            Call(
                row,
                line,
                form,
                refusal,
                filled,
                phone=_shown(row),
                may_reveal=_may_reveal(row, facts[row.id], actor),
            )
        )
    return rows


def _refusal(facts: Facts, actor: Actor) -> str:
    verdict = lifecycle.may("call_back", facts, actor)
    return "" if verdict else verdict.reason


def _shown(row: Row[Any]) -> str:
    if not row.knows:
        return ""
    return ERASED if row.phone == ERASED else mask(row.phone or "")


def _may_reveal(row: Row[Any], facts: Facts, actor: Actor) -> bool:
    whole = bool(row.knows and row.phone and row.phone != ERASED)
    return whole and reveals(facts, actor) == "once"


def _reveal(number: str, rows: list[Call]) -> None:
    """All numbers of the page, noted once: for calling them."""
    asked = [one for one in rows if one.may_reveal]
    if not asked:
        return
    labels = "、".join(one.line.label for one in asked)
    with writing() as at:
        what = f"{number} 逐户回访{len(asked)}户联系电话"
        access.record("phone_read", what, f"办理联系：{labels}", at=at)
        db.session.commit()
    for one in asked:
        one.phone, one.may_reveal = one.row.phone, False


def _call(one: Row_, actor: Actor) -> bool:
    form: Any = one.form
    if form is None or not form.validate():
        return False

    def attempt(appeal: Appeal, at: Any) -> None:
        appeal.attempt(form.way.data or "phone", form.words.data or "", by=actor, at=at)

    def call_back(appeal: Appeal, at: Any) -> None:
        appeal.call_back(
            contacted=bool(form.contacted.answer),
            solved=form.solved.data,
            satisfaction=form.satisfaction.data,
            words=form.words.data or "",
            way=form.way.data or "phone",
            by=actor,
            at=at,
            seen=form.seen_version,
        )

    if form.reached.data == "yes":
        return rounds.do(one, "call_back", actor, call_back)
    return rounds.do(one, "attempt", actor, attempt)


def _page(
    number: str, found: Family, rows: list[Call], *, said: str = "", status: int = 200
) -> ResponseReturnValue:
    actor = current_actor()
    master = read(number, actor, now())
    page = render_template(
        "appeals/calls.html",
        master=master,
        reply=master.public_reply,
        rows=rows,
        said=said,
        wrong=[one for one in rows if rounds.is_wrong(one)],
        may_reveal=any(one.may_reveal for one in rows),
        after=request.args.get("after", ""),
        following=url_for("appeals.calls", number=number, after=found.after)
        if found.after
        else None,
    )
    return page, status
