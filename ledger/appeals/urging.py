"""The words of 催办 and 督办, which the trail tells and the room of supervision keeps. Pure."""

from __future__ import annotations

from typing import Final

WAYS: Final[dict[str, str]] = {
    "phone": "电话",
    "in_person": "当面",
    "wechat": "微信",
    "sms": "短信",
    "system": "系统内",
}
"""How somebody was urged."""

BY_WORD: Final = frozenset({"phone", "in_person"})
"""Spoken; whatever else is in writing, and counted apart."""

PAPERS: Final[dict[str, str]] = {
    "notice": "催办通知书",
    "transfer": "转办单",
    "order": "督办单",
    "bulletin": "通报",
    "talk": "约谈通知书",
}
"""The steps after urging, the lower first; 转办单 is the milder order, for townships and for units
that answer to a line of their own."""

NUMBERED: Final[dict[str, str]] = {
    "notice": "催办",
    "transfer": "转办",
    "order": "督办",
    "bulletin": "通报",
    "talk": "约谈",
}
"""What their numbers begin with: 督办〔2026〕3号."""

DONE: Final[dict[str, str]] = {
    "issued": "签发",
    "withdrawn": "撤销",
    "discarded": "不予签发",
}
"""What an entry of the verb `order` did with a paper."""


def numbered(kind: str, year: int, number: int) -> str:
    return f"{NUMBERED[kind]}〔{year}〕{number}号"


def summed_up(urged: int | None, supervised: str | None, awaited: int | None) -> str:
    """How far an appeal's supervision has come: 催办2次，督办单，1份待回复."""
    said = []
    if urged:
        said.append(f"催办{urged}次")
    if supervised:
        said.append(f"已发{PAPERS.get(supervised, supervised)}")
    if awaited:
        said.append(f"{awaited}份待回复")
    return "，".join(said)
