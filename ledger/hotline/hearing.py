"""What a hotline must hear, and in which words. Pure.

What it heard last is compared with what stands now: whatever happens inside the house, it hears
of it only where the public words became others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..appeals.public_words import Said
from ..config import SHANGHAI

EVENTS: Final[dict[str, str]] = {
    "accepted": "已受理",
    "declined": "不予受理",
    "assigned": "已交办",
    "extended": "预计答复日期变更",
    "answered": "已答复",
    "closed": "已办结",
    "held": "正在协调",
    "reopened": "重新办理",
    "withdrawn": "已撤回",
}

_ON_REACHING: Final[dict[str, str]] = {
    "answered": "answered",
    "closed": "closed",
    "coordinating": "held",
    "declined": "declined",
    "withdrawn": "withdrawn",
    "registered": "reopened",
}
_BACK_FROM = frozenset({"已答复", "已办结", "不予受理", "已撤回"})

VERBS: Final[frozenset[str]] = frozenset(
    {
        "accept", "decline", "set_due", "recompute", "merge", "unmerge", "join", "unjoin",
        "follow", "word_reply", "answer_directly", "assign", "add_assist", "release_assist",
        "waive", "change_lead", "recall", "raise", "hand_back", "rule_return", "rule_extension",
        "rule_hold", "sign_off", "answer", "send_back", "review", "call_back", "uphold", "close",
        "refuse_closing", "hold", "review_hold", "resume", "reopen", "withdraw", "link_order",
        "suggest_rework",
    }
)  # fmt: skip
"""Of the entries that may change the public words, or bring an order that has not heard any."""


def event_of(heard: Mapping[str, Any] | None, said: Said) -> str | None:
    """The event, from the body it heard last (None: only that it was registered); None where
    nothing that it may hear has changed."""
    was = "已登记" if heard is None else str(heard.get("status", ""))
    if was != said.status:
        if said.code != "handling":
            return _ON_REACHING[said.code]
        if was in _BACK_FROM:
            return "reopened"
        return "assigned" if said.units else "accepted"
    before = dict(heard or {})
    if said.code == "handling" and said.note != before.get("status_note", ""):
        if list(said.units) != before.get("units", []):
            return "assigned" if said.units else "accepted"
        return "extended"
    if said.code == "coordinating" and said.note != before.get("status_note", ""):
        return "held"
    if said.public_reply and said.public_reply != before.get("public_reply", ""):
        return _ON_REACHING[said.code]
    return None


def body_of(
    said: Said,
    *,
    event: str,
    event_id: str,
    sequence: int,
    order_number: str,
    sub_number: str,
    appeal: str,
    at: datetime,
) -> str:
    """The message as it is sent, and as it is kept."""
    body: dict[str, Any] = {
        "event_id": event_id,
        "sequence": sequence,
        "order_number": order_number,
        "sub_number": sub_number,
        "event": event,
        "at": _moment(at),
        "status": said.status,
        "status_note": said.note,
        "units": list(said.units),
        "appeal": appeal,
    }
    if said.expected_at is not None:
        body["expected_at"] = _moment(said.expected_at)
    if said.public_reply:
        body["public_reply"] = said.public_reply
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")
