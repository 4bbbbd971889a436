"""What an appeal is called outside the house: one mapping for hotlines, messages and the portal.

Pure. Whoever is told anything outside hears these words, the handling units, the day on which an
answer is expected and the public reply where it has passed review; nothing else ever leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from ..deadlines.calendar import last_day

Public = Literal[
    "registered", "handling", "answered", "closed", "coordinating", "declined", "withdrawn"
]

STATUSES: Final[dict[Public, str]] = {
    "registered": "已登记",
    "handling": "办理中",
    "answered": "已答复",
    "closed": "已办结",
    "coordinating": "正在协调",
    "declined": "不予受理",
    "withdrawn": "已撤回",
}

_OF_STATE: Final[dict[str, Public]] = {
    "registered": "registered",
    "accepted": "handling",
    "assigned": "handling",
    "joined": "handling",
    "answered": "handling",
    "reviewed": "answered",
    "confirmed": "answered",
    "closed": "closed",
    "held": "coordinating",
    "declined": "declined",
    "withdrawn": "withdrawn",
}
"""Every state but merged, which is spoken of as its master."""

REPLIED: Final[frozenset[Public]] = frozenset({"answered", "closed"})
"""The review has let the public reply pass."""

_OTHER_WAYS: Final[dict[str, str]] = {
    "other_region": "请向事项发生地的12345热线或企业服务部门反映",
    "not_executive": "紧急情况请拨打110、119、120、122；其他事项请向有权处理的机关反映",
    "legal_process": "请通过正在进行的诉讼、仲裁、行政复议、纪检监察或信访程序解决",
    "repeated": "有新的情况或理由的，可重新反映",
    "secret": "请按保密规定向有关主管部门当面反映",
    "public_order": "对决定有异议的，可向受理办公室说明情况",
    "insufficient": "补齐时间、地点、事由和联系方式后可重新反映",
    "no_request": "有需要解决的事项，可重新反映",
}
OTHER_WAY: Final = "对决定有异议的，可向受理办公室说明情况"
"""Where the reason names no way of its own."""


@dataclass(frozen=True)
class Known:
    """The few facts of an appeal that its public words are made of. Of a merged one: its
    master's."""

    state: str
    units: tuple[str, ...] = ()
    """The handling units' names, the lead first."""
    expected_at: datetime | None = None
    """When the lead's answer is due."""
    next_telling: date | None = None
    """Of what is held: the day of its next review."""
    declined_for: str = ""
    """The reason's code, and what the catalogue calls it."""
    declined_words: str = ""
    public_reply: str = ""


@dataclass(frozen=True)
class Said:
    """What may be told of it."""

    code: Public
    status: str
    note: str
    units: tuple[str, ...] = ()
    expected_at: datetime | None = None
    public_reply: str = ""
    """'' until the review has let it pass."""


def say(known: Known) -> Said:
    """Raises KeyError for a state that has no words of its own: merged."""
    code = _OF_STATE[known.state]
    handling = code == "handling"
    units = known.units if handling or code in REPLIED else ()
    expected_at = known.expected_at if handling else None
    return Said(
        code=code,
        status=STATUSES[code],
        note=_note(code, known),
        units=units,
        expected_at=expected_at,
        public_reply=known.public_reply if code in REPLIED else "",
    )


def other_way(reason_code: str) -> str:
    """Where else to go with what is declined for that reason."""
    return _OTHER_WAYS.get(reason_code, OTHER_WAY)


def day_words(at: datetime) -> str:
    """2026-12-01: a due time that ends at 24:00 belongs to the day that ends."""
    return f"{last_day(at):%Y-%m-%d}"


def _note(code: Public, known: Known) -> str:
    if code == "handling":
        parts = []
        if known.units:
            parts.append(f"承办单位：{'、'.join(known.units)}")
        if known.expected_at is not None:
            parts.append(f"预计答复日期：{day_words(known.expected_at)}")
        return "；".join(parts)
    if code == "coordinating" and known.next_telling is not None:
        return f"下次告知日期：{known.next_telling:%Y-%m-%d}"
    if code == "declined":
        reason = known.declined_words.removesuffix("（须写明）")
        why = [f"原因：{reason}"] if reason else []
        return "；".join([*why, f"其他渠道：{other_way(known.declined_for)}"])
    return ""
