"""What papers and messages say of a matter. Pure.

Neither names the appellant, a person or a telephone number: a message goes to a chat group, and a
paper lies on desks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..config import SHANGHAI
from ..deadlines.clocks import shown_end

_DIGITS = re.compile(r"\d{5,}")
_ORDINARY: Final = frozenset("县市区镇乡村路高速公收费站服务出入口国省道大桥隧道检查点物流园货运场")
_SHARED = 2
"""So many characters in a row that a place shares with a name, other than ordinary ones, may
tell who it is."""


@dataclass(frozen=True)
class Matter:
    """What may be said of an appeal."""

    label: str
    """As it is read aloud: 寻2026-0123."""
    category: str
    place: str
    unit: str
    office: str
    stage: str
    """What is awaited: 办结."""
    due_at: datetime | None
    words: str = ""
    """Time left or overdue."""
    missing: tuple[str, ...] = ()
    late: bool = False

    @property
    def about(self) -> str:
        return "，".join(part for part in (self.category, self.place) if part)

    @property
    def due(self) -> str:
        return "" if self.due_at is None else shown_end(self.due_at)


def safe_place(place: str, region: str, names: tuple[str, ...]) -> str:
    """The place, if it tells nobody's name; else the region."""
    bare = re.sub(r"\s", "", place)
    if not bare or _DIGITS.search(bare):
        return region
    for name in names:
        if _tells(bare, re.sub(r"\s", "", name).replace(region, ""), region):
            return region
    return place.strip()


def _tells(place: str, name: str, region: str) -> bool:
    place = place.replace(region, "") if region else place
    for start in range(len(name) - _SHARED + 1):
        piece = name[start : start + _SHARED]
        if piece in place and not _ORDINARY.issuperset(piece):
            return True
    return False


def message(matter: Matter) -> str:
    """A sentence for the telephone or a chat group."""
    said = [f"【催办】{matter.label}号诉求"]
    if matter.about:
        said.append(f"（{matter.about}）")
    if matter.due:
        stands = "现已" if matter.late else "现"
        said.append(f"，应于{matter.due}前{matter.stage}，{stands}{matter.words}")
    said.append(f"。请{matter.unit}抓紧办理并及时反馈。")
    if matter.missing:
        said.append(f"目前尚缺：{'、'.join(matter.missing)}。")
    said.append(f"确有困难的，请及时与{matter.office}联系。")
    return "".join(said)


@dataclass(frozen=True)
class Draft:
    paper_text: str
    demand: str


def draft(kind: str, matter: Matter, reply_due_at: datetime) -> Draft:
    """The text that a paper of this kind begins with; whoever issues it mends it."""
    due, about = _ends(reply_due_at), f"（{matter.about}）" if matter.about else ""
    it = f"{matter.label}号企业诉求{about}"
    limit = f"，应于{_ends(matter.due_at)}前{matter.stage}" if matter.due_at else ""
    state = f"，{'现已' if matter.late else '目前'}{matter.words}" if matter.words else ""
    missing = f"，尚缺{'、'.join(matter.missing)}" if matter.missing else ""
    stands = f"{it}由你单位承办{limit}{state}{missing}。"
    texts = {
        "notice": (
            f"{stands}现予催办。",
            f"请抓紧办理，于{due}前书面回复办理进展、未按时办结的原因和预计办结时间。",
        ),
        "order": (
            f"{stands}现予督办。",
            f"请明确专人负责，抓紧办结，于{due}前书面回复办理结果；确有困难的，"
            "一并说明原因、已采取的措施和预计办结时间。",
        ),
        "transfer": (
            f"现将{it}转请贵单位办理{limit}{state}。",
            f"请结合职责予以支持，并于{due}前将办理情况函告我办；需要协调的事项，请一并告知。",
        ),
        "bulletin": (
            f"{stands}经催办、督办仍未按要求办结，现予通报。",
            f"请认真查找原因，立即整改，于{due}前书面报送整改情况和办理结果。",
        ),
        "talk": (
            f"{stands}经催办、督办仍未按要求办结，现就有关情况约谈你单位负责同志。",
            f"请准备书面说明（未办结的原因、整改措施、办结时限），按时参加，并于{due}前书面回复整改情况。",
        ),
    }
    return Draft(*texts[kind])


def _ends(at: datetime) -> str:
    """2026年11月25日24:00."""
    shown = shown_end(at)
    day, _, clock = shown.partition(" ")
    year, month, date = day.split("-")
    return f"{year}年{int(month)}月{int(date)}日{clock}"


def dated(at: datetime) -> str:
    """The date at the foot of a paper: 2026年11月21日."""
    local = at.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日"
