"""Appeals for every desk: one in each state along the way, and some that want more attention."""

from __future__ import annotations

from datetime import timedelta

from cast import Cast
from ledger.db import now
from ledger_pages import move

STATES = ("registered", "accepted", "assigned", "answered", "reviewed", "confirmed", "closed")


def lay(cast: Cast) -> dict[str, str]:
    """Their numbers."""
    found = {state: cast.reach(state) for state in STATES}
    found["police"] = cast.register(by="tang")
    cast.accept(found["police"], urgency="critical")
    cast.assign(found["police"], "police")
    found["sent_back"] = cast.reach("answered")
    cast.do(found["sent_back"], lambda a, at: a.send_back("缺照片", by=cast.actor("zhou"), at=at))
    found["called_by_zhou"] = cast.reach("reviewed")
    cast.call_back(found["called_by_zhou"], by="zhou")
    found["recurred"] = cast.reach("closed")
    cast.do(found["recurred"], lambda a, at: a.recur("又关了", by=cast.actor("tang"), at=at))
    found["suggested"] = cast.reach("closed")
    cast.do(
        found["suggested"],
        lambda a, at: a.suggest_rework("GZ1", "请重办", by=cast.actor("tang"), at=at),
    )
    found["asked"] = cast.reach("registered")
    cast.do(
        found["asked"], lambda a, at: a.ask_details("哪个收费站？", by=cast.actor("zhou"), at=at)
    )
    found["late"] = cast.reach("assigned")
    cast.do(found["late"], lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    at = now()
    move(cast, found["late"], due_at=at - timedelta(days=2), warn_at=at - timedelta(days=3))
    return found
