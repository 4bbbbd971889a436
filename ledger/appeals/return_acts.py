"""What a hotline heard when it called back itself, offered to whoever is about to call back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .returning import TheirCallBack, results_in_words

if TYPE_CHECKING:
    from .acts import Drawing


def about_results(drawing: Drawing) -> list[str]:
    return results_in_words(drawing.appeal.external_orders)


def on_results(drawing: Drawing) -> tuple[str, ...]:
    return tuple(order.their_result for order in drawing.appeal.external_orders)


def prefill_result(form: Any, drawing: Drawing) -> None:
    """The latest in which somebody was reached; to be kept or changed."""
    heard = [TheirCallBack.of(code) for code in on_results(drawing)]
    found = next((one for one in reversed(heard) if one is not None and one.reached), None)
    if found is None:
        return
    form.reached.data = "yes"
    form.contacted.data = "yes" if found.contacted else "no"
    form.solved.data = found.solved
    form.satisfaction.data = found.satisfied
