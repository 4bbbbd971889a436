"""先处置后补录: what was settled on the telephone first is written down afterwards in one go.

No verb of its own: registering, accepting, handing off and what the unit did are the table's own,
each with its entry. What the table does not let the writer do is left for those whom it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..people.actor import Actor
from ..people.directory import directory
from ..people.models import Unit
from . import lifecycle
from .behalf import Behalf
from .models import Appeal
from .record import Invalid

ATTACHED = "见补录时上传的附件"
"""What bears out an answer, where files came with the form: they stand with the registration."""


@dataclass(frozen=True)
class Settled:
    """What had happened before anybody wrote it down, as far as it is known."""

    happened_at: datetime
    words: str
    """What happened and how it was settled."""
    way: str
    unit: Unit | None
    behalf: Behalf
    finished: bool
    outcome: str = ""
    public_reply: str = ""
    evidence: str = ""

    def told(self, outcome_name: str) -> str:
        """All of it as one text, for where it can only be noted."""
        said = [f"【先处置后补录】{self.words}"]
        if self.unit is not None:
            said.append(f"处置单位：{self.unit.name}")
        if self.behalf.counterpart:
            said.append(f"对方：{self.behalf.counterpart}")
        if self.finished:
            said.append(f"办理结果：{outcome_name}")
        if self.public_reply:
            said.append(f"对企业的答复：{self.public_reply}")
        if self.evidence:
            said.append(f"佐证：{self.evidence}")
        return "\n".join(said)


def may_open(actor: Actor) -> bool:
    """Whoever the table lets register, and accept one way or another."""
    accepts = lifecycle.BY_CODE["accept"].roles
    return bool(lifecycle.may("register", None, actor)) and not accepts.isdisjoint(actor.roles)


def carry_on(
    appeal: Appeal, settled: Settled, outcome_name: str, *, by: Actor, at: datetime
) -> Sequence[str]:
    """Bring what was just registered as far as it had come, and as `by` may; gives what was done
    and what is left for others, in sentences. Raises Invalid."""
    if settled.finished and settled.unit is None:
        raise Invalid("unit_id", "已办结的，请选择主办单位")
    done: list[str] = []
    left = _hand_out(appeal, settled, done, by=by, at=at) or _record(
        appeal, settled, done, by=by, at=at
    )
    if left:
        appeal.supplement(settled.told(outcome_name), by=by, at=at, happened_at=settled.happened_at)
        done.append("处置情况记入“补充”")
    said = [f"{appeal.label}已登记{''.join(f'、{one}' for one in done)}。"]
    return [*said, left] if left else said


def _hand_out(appeal: Appeal, settled: Settled, done: list[str], *, by: Actor, at: datetime) -> str:
    """Accept and hand off; gives what is left, '' where a unit has it."""
    if not appeal.may("accept", by, at):
        return "本件待牵头办公室受理、交办（值班员只能在非工作时间受理、交办特急诉求）。"
    if appeal.category_id is None:
        return "未选诉求类别，本件待受理。"
    if appeal.appellant_type == "unverified":
        return "诉求主体待核实，本件待受理。"
    appeal.accept(
        by=by,
        at=at,
        category_id=appeal.category_id,
        urgency=appeal.urgency,
        happened_at=settled.happened_at,
    )
    done.append("受理")
    if settled.unit is None:
        return "未选主办单位，本件待交办。"
    appeal.assign(settled.unit, by=by, at=at, happened_at=settled.happened_at)
    done.append(f"交办{settled.unit.label}")
    return ""


def _record(appeal: Appeal, settled: Settled, done: list[str], *, by: Actor, at: datetime) -> str:
    """What the unit did, on its behalf; gives what is left."""
    lead = appeal.lead
    assert lead is not None, "it was just handed off"
    verdict = lifecycle.may("contact", appeal.facts(at, by), by, lead.id, on_behalf=True)
    if not verdict:
        if not directory().units[lead.unit_id].offline:
            return f"{lead.unit.label}的办理方式为线上，联系和反馈由该单位自行登记。"
        return f"{lead.unit.label}为线下办理，联系和反馈由牵头办公室代录。"
    how: dict[str, Any] = {
        "happened_at": settled.happened_at,
        "hand": lead.id,
        "by": by,
        "at": at,
        "behalf": settled.behalf,
    }
    appeal.contact(settled.way, settled.words, **how)
    done.append("代录联系")
    if settled.finished:
        evidence = settled.evidence or (ATTACHED if appeal.attachments else "")
        appeal.answer(
            settled.outcome, settled.words, settled.public_reply, evidence=evidence, **how
        )
        done.append("代录反馈，现待审核")
    return ""
