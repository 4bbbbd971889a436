"""审签 on an appeal's page: what is to be signed, who signs it, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..catalogue.queries import catalogue
from ..deadlines import clocks
from ..people.actor import Actor
from . import assist_acts, lifecycle, signing
from .lifecycle import Facts
from .show_queries import names_of_persons, persons_who_may
from .sign_forms import SENT
from .standing import ANSWERS

if TYPE_CHECKING:
    from .acts import Doing, Drawing
    from .leaf import Leaf


def sign_off(do: Doing) -> None:
    form = do.form
    do.appeal.sign_off(
        form.decision.data == SENT,
        form.words.data or "",
        hand=assist_acts.hand(form),
        **do.hand_seen,
    )


def about(drawing: Drawing) -> Sequence[str]:
    """The answer that waits, whole: it is read before it is signed."""
    given = assist_acts.hand_of("sign_off", drawing)
    if given is None:
        return ()
    who = names_of_persons([given.answered_by_id]).get(given.answered_by_id, "")
    said = [f"{who}于{clocks.shown(given.drafted_at)}报审签。"]
    own: list[Any] = list(drawing.appeal.running(*ANSWERS, assignment=given))
    if own:
        said.append(f"应于{clocks.shown_end(own[0].due_at)}前报送。")
    told = (
        ("办理结果", catalogue().outcome_name(given.outcome)),
        ("内部办理情况", given.account),
        ("对企业的答复" if given.part == "lead" else "建议答复", given.public_reply),
        ("佐证说明", given.evidence),
    )
    return ["".join(said), *(f"{label}：{words}" for label, words in told if words)]


def warn(drawing: Drawing) -> Sequence[str]:
    """What stands in the way of sending it."""
    given = assist_acts.hand_of("sign_off", drawing)
    if given is None or given.part != "lead":
        return ()
    waits_for = lifecycle.no_last_word(drawing.appeal.facts(drawing.at, drawing.actor))
    return (waits_for,) if waits_for else ()


def about_answer(drawing: Drawing) -> Sequence[str]:
    """Before it is answered: that it is to be signed, and why it came back."""
    given = assist_acts.hand_of("answer", drawing)
    if given is None or not given.unit.needs_sign_off:
        return ()
    said = []
    if given.signing_note:
        said.append(f"负责人审签退回：{given.signing_note}")
    if not any(s.unit_id == given.unit_id for s in drawing.actor.seats_as("unit_lead")):
        said.append("本单位的反馈须经负责人审签：提交后先报本单位负责人，审签同意后才报送。")
    return said


def waiting(appeal: Leaf, facts: Facts, actor: Actor, at: datetime) -> str:
    """For the unit and the office: that an answer waits for its signature, and whose; '' for who
    may sign it, and for everybody else."""
    given: Any = next((a for a in appeal.assignments if a.state == "signing"), None)
    if given is None or not signing.may_read(actor, given, appeal.office_id):
        return ""
    if lifecycle.may("sign_off", facts, actor):
        return ""
    unit = given.unit
    who = [
        name
        for name, where in persons_who_may("sign_off", facts, at)
        if where in (unit.name, unit.label)
    ]
    told = f"{unit.name}的反馈已报本单位负责人审签，审签同意后才报送，办理时限照常计算。"
    if not who:
        return f"{told}该单位目前没有“单位负责人”岗位，请联系安全管理员设置。"
    return f"{told}可以审签的：{'、'.join(who)}。"
