"""外部工单 and 重办建议 on an appeal's page: the forms, what they offer and what they do."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..catalogue.queries import catalogue
from ..deadlines import clocks
from ..people.actor import Actor
from ..web import Choice, LocalMoment, LongText, Radio, Text
from .act_forms import ActForm
from .ordering import ENDED, ORDER_STATES
from .parts import ExternalOrder, order_known
from .record import Invalid
from .returning import returned_in_words

if TYPE_CHECKING:
    from .acts import Doing, Drawing
    from .leaf import Leaf, Order
    from .models import Appeal

A = TypeVar("A")

ANSWERS = {"taken_up": "采纳，由办公室退回重办、撤销销号或催办", "set_aside": "不采纳"}


class LinkOrderForm(ActForm):
    order_system = Choice("来源平台", required=True)
    order_number = Text("工单编号", 64, required=True)
    sub_number = Text("子单号", 64)
    their_due_at = LocalMoment(
        "平台要求反馈时限", help="早于本件时限的，本件时限随之提前，预留1个工作日审核"
    )
    words = LongText("关联说明", 2000, rows=2)


class OfOrderForm(ActForm):
    order_id = Radio("哪一张工单", required=True)


class EndOrderForm(OfOrderForm):
    reason = LongText("撤回理由", 2000, rows=2, required=True)


class SuggestReworkForm(OfOrderForm):
    words = LongText("重办要求", 5000, rows=3, required=True)


class AnswerSuggestionForm(ActForm):
    answer = Radio("是否采纳", ANSWERS, required=True)
    reason = LongText("回应意见", 2000, rows=2, help="不采纳的必须写明理由")


def in_words(order: Order) -> str:
    """12345 GZ1（平台要求2026-11-24 24:00前反馈）."""
    said = []
    if order.state == ENDED:
        said.append(ORDER_STATES[ENDED])
    elif order.their_due_at is not None:
        said.append(f"平台要求{clocks.shown_end(order.their_due_at)}前反馈")
    said += returned_in_words(order)
    return f"{order.source_system} {order.full_number}" + (f"（{'；'.join(said)}）" if said else "")


def hotlines() -> dict[str, str]:
    """Source systems, by the names of their channels."""
    return {
        one.source_system: one.name for one in catalogue().channels.values() if one.source_system
    }


def _offer_hotlines(form: Any, _drawing: Drawing) -> None:
    form.order_system.choices = list(hotlines().items())


def _theirs(appeal: Any) -> list[Any]:
    return [one for one in appeal.external_orders if one.is_theirs and one.state != ENDED]


def _offer_orders(form: Any, drawing: Drawing) -> None:
    form.order_id.choices = {
        str(one.id): f"{one.source_system} {one.full_number}" for one in _theirs(drawing.appeal)
    }


def _prefill_order(form: Any, drawing: Drawing) -> None:
    found = _theirs(drawing.appeal)
    form.order_id.data = str(found[0].id) if len(found) == 1 else ""


def _on_orders(drawing: Drawing) -> tuple[Any, ...]:
    return tuple(one.id for one in _theirs(drawing.appeal))


def _none_open(appeal: Appeal | Leaf, _actor: Actor) -> str:
    return "" if _theirs(appeal) else "本件没有在办的外部工单。"


def _chosen(do: Doing) -> ExternalOrder:
    wanted = do.form.order_id.data
    for one in do.appeal.external_orders:
        if str(one.id) == wanted and one.is_theirs and one.state != ENDED:
            return one
    raise Invalid("order_id", "该工单已撤回或不属于本件，请重新选择")


def _link_order(do: Doing) -> None:
    form = do.form
    system = form.order_system.data
    number, sub = _number(form.order_number.data), _number(form.sub_number.data)
    known = order_known(system, number, sub)
    if known is not None:
        here = known.appeal_id == do.appeal.id
        where = "本件" if here else known.appeal.label
        raise Invalid("order_number", f"该工单已关联到{where}，不能重复关联")
    due = form.their_due_at.data
    order = ExternalOrder(
        source_system=system,
        order_number=number,
        sub_number=sub,
        state="open",
        received_at=do.at,
        their_due_at=due,
    )
    do.appeal.link_order(order, form.words.data or "", **do.hand)


def _number(typed: str | None) -> str:
    return unicodedata.normalize("NFKC", typed or "").strip()


def _end_order(do: Doing) -> None:
    do.appeal.end_order(_chosen(do), do.form.reason.data, **do.hand)


def _suggest_rework(do: Doing) -> None:
    order = _chosen(do)
    number = f"{order.source_system} {order.full_number}"
    do.appeal.suggest_rework(number, do.form.words.data, **do.hand)


def _answer_suggestion(do: Doing) -> None:
    taken_up = do.form.answer.data == "taken_up"
    do.appeal.answer_suggestion(taken_up, do.form.reason.data or "", **do.hand_seen)


def rows(act: Callable[..., A]) -> Iterator[A]:
    """Rows of the table of acts."""
    of_order = {
        "offer": _offer_orders,
        "prefill": _prefill_order,
        "depends": _on_orders,
        "none_for": _none_open,
    }
    yield act(
        "answer_suggestion", "回应重办建议", ("answer_suggestion",), AnswerSuggestionForm,
        _answer_suggestion, done="已回应重办建议",
        hint="采纳的，回应后请另行退回重报、撤销销号或催办；直接办理这些事项的，建议随之了结。",
    )  # fmt: skip
    yield act(
        "link_order", "关联外部工单", ("link_order",), LinkOrderForm, _link_order,
        offer=_offer_hotlines, done="已关联外部工单",
        hint="同一事项又由热线平台转来的，关联到本件，一次办理、分别回告。",
        fold=frozenset({"sub_number"}),
    )  # fmt: skip
    yield act(
        "end_order", "外部工单撤回", ("end_order",), EndOrderForm, _end_order, **of_order,
        done="已登记工单撤回", tone="danger",
        hint="热线平台撤回该工单的登记在这里；诉求照常办理，诉求人撤回的请用“撤回”。",
    )  # fmt: skip
    yield act(
        "suggest_rework", "重办建议", ("suggest_rework",), SuggestReworkForm, _suggest_rework,
        **of_order, done="已提请办公室研究重办",
        hint="热线平台要求重办的登记在这里，列入办公室待办。",
    )  # fmt: skip
