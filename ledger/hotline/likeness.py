"""How like a matter that is being typed is to one in the ledger, and why. Pure.

What is found by firm, plate or telephone is the appellant's; what is found by its place may be
another's. Nothing here forbids anything: it says what a clerk would want to look at first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from ..search.tokens import fold

SHOWN = 8
"""Of the likest, so many are shown."""

KEPT_DAYS, NEAR_DAYS, PLACE_DAYS = 90, 30, 7
"""How far apart two matters may lie: of one appellant; at one place while the other is still
open; at one place otherwise."""

ALIKE = 0.5
"""From this share of common pairs of characters on, two texts are said to be alike."""

LEAST_PAIRS = 6
"""A few words tell nothing yet."""

SHORTEST_NAME = 4
"""张师傅 and 匿名 are nobody's in particular."""

_NEARNESS = (
    (timedelta(hours=2), 20),
    (timedelta(days=1), 15),
    (timedelta(days=3), 10),
    (timedelta(days=7), 6),
    (timedelta(days=30), 2),
)
_WEIGHTS = {
    "plate": 50,
    "firm": 40,
    "phone": 40,
    "name": 30,
    "landmark": 30,
    "place": 18,
    "category": 4,
}
_CONTENT = 30

_KINDS = (
    "收费站|收费口|高速口|服务区|停车区|检查站|检查点|检测点|超限站|卡口|卡点|出入口|"
    "互通|枢纽|大桥|隧道|码头|货站|物流园|产业园|工业园|园区|市场"
)
_LANDMARK = re.compile(f"([一-鿿a-z0-9]{{2,8}}?)({_KINDS})")
_BEFORE = re.compile("[在于到至从往经由距过离被因将和与及等县市区镇乡速道线的向]")
"""What a landmark's own name does not begin with: 司机在大广高速寻乌南收费站 is 寻乌南."""
_TOLL = ("收费站", "收费口", "高速口", "出入口")
_CUT = re.compile("[省市县区镇乡街道村路号,，。、;；:：()（）\\s]+")


@dataclass(frozen=True)
class Landmark:
    """A place as everybody calls it: 寻乌南 收费站."""

    stem: str
    kind: str

    @property
    def name(self) -> str:
        return self.stem + self.kind

    @property
    def asked(self) -> str:
        """What the index is asked for: a short name alone would be a whole township's."""
        return self.stem if len(self.stem) > 2 else self.stem + self.kind[0]

    def is_same(self, other: Landmark) -> bool:
        kinds = (self.kind, other.kind)
        if self.kind != other.kind and not all(kind in _TOLL for kind in kinds):
            return False
        return self.stem.endswith(other.stem) or other.stem.endswith(self.stem)


@dataclass(frozen=True)
class Matter:
    """One of the two: what is typed, or an appeal. Telephone numbers come as blind indexes."""

    at: datetime
    """When it was received."""
    firm_ids: frozenset[int] = frozenset()
    name: str = ""
    uscc: str = ""
    phones: frozenset[str] = frozenset()
    plates: frozenset[str] = frozenset()
    place: str = ""
    content: str = ""
    category_id: int | None = None
    is_open: bool = True


@dataclass(frozen=True)
class Likeness:
    score: int
    why: tuple[str, ...]
    is_same_appellant: bool


def like(typed: Matter, known: Matter) -> Likeness | None:
    """None where the two have too little in common to be shown."""
    of_appellant = _of_appellant(typed, known)
    place, place_words = _of_place(typed, known)
    shared = common(typed.content, known.content)
    alike = shared >= ALIKE
    gap = abs(typed.at - known.at)
    if of_appellant:
        counts = known.is_open or gap <= timedelta(days=KEPT_DAYS)
    elif place == "landmark":
        days = NEAR_DAYS if known.is_open else PLACE_DAYS
        counts = gap <= timedelta(days=days) or (alike and gap <= timedelta(days=KEPT_DAYS))
    else:
        counts = bool(place) and alike and gap <= timedelta(days=NEAR_DAYS)
    if not counts:
        return None
    score = sum(_WEIGHTS[key] for key, _words in of_appellant)
    score += _WEIGHTS.get(place, 0) + (int(_CONTENT * shared) if alike else 0)
    score += next((points for within, points in _NEARNESS if gap <= within), 0)
    if typed.category_id is not None and typed.category_id == known.category_id:
        score += _WEIGHTS["category"]
    why = [words for _key, words in of_appellant]
    why += [place_words] if place else []
    why += ["内容相近"] if alike else []
    return Likeness(score, tuple(why), bool(of_appellant))


def _of_appellant(typed: Matter, known: Matter) -> list[tuple[str, str]]:
    found = []
    same_code = bool(typed.uscc) and typed.uscc == known.uscc
    if same_code or typed.firm_ids & known.firm_ids:
        found.append(("firm", "同一企业"))
    elif _is_same_name(typed.name, known.name):
        found.append(("name", "诉求主体同名"))
    if plates := sorted(typed.plates & known.plates):
        found.append(("plate", f"同一车牌（{'、'.join(plates[:2])}）"))
    if typed.phones & known.phones:
        found.append(("phone", "同一电话"))
    return found


def _is_same_name(one: str, other: str) -> bool:
    one, other = fold(one).replace(" ", ""), fold(other).replace(" ", "")
    return len(one) >= SHORTEST_NAME and one == other


def _of_place(typed: Matter, known: Matter) -> tuple[str, str]:
    theirs = landmarks(known.place, known.content)
    for mine in landmarks(typed.place, typed.content):
        if any(mine.is_same(one) for one in theirs):
            return "landmark", f"同一地点（{mine.name}）"
    one, other = _bare(typed.place), _bare(known.place)
    if not one or not other:
        return "", ""
    if one == other:
        return "landmark", f"同一地点（{typed.place.strip()[:20]}）"
    pairs, others = _pairs(one), _pairs(other)
    if pairs and others and 2 * len(pairs & others) / (len(pairs) + len(others)) >= ALIKE:
        return "place", "地点相近"
    return "", ""


def landmarks(*texts: str) -> list[Landmark]:
    """Those named in the texts, each once, in order."""
    found = []
    for text in texts:
        for stem, kind in _LANDMARK.findall(fold(text)):
            own = _BEFORE.split(stem)[-1]
            # Nothing left: 安远县收费站 is the county's.
            own = own[-4:] if len(own) >= 2 else _BEFORE.sub("", stem)[-3:]
            if len(own) >= 2:
                found.append(Landmark(own, kind))
    return list(dict.fromkeys(found))


def asked_places(place: str, content: str) -> list[str]:
    """What to ask the index for, at most two: landmarks, or else the last part of the place that
    tells something."""
    if named := landmarks(place, content):
        return [one.asked for one in named[:2]]
    parts = [part for part in _CUT.split(fold(place)) if len(part) >= 2]
    return parts[-1:]


def common(one: str, other: str) -> float:
    """Which share of the shorter text's pairs of characters the other has too."""
    mine, theirs = _pairs(_bare(one)), _pairs(_bare(other))
    least = min(len(mine), len(theirs))
    return len(mine & theirs) / least if least >= LEAST_PAIRS else 0.0


def _bare(text: str) -> str:
    return "".join(character for character in fold(text) if character.isalnum())


def _pairs(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(text)))


def since(then: datetime, at: datetime) -> str:
    """2小时前登记."""
    minutes = max(int((at - then).total_seconds() // 60), 0)
    if minutes < 1:
        return "刚刚登记"
    if minutes < 60:
        return f"{minutes}分钟前登记"
    if minutes < 48 * 60:
        return f"{minutes // 60}小时前登记"
    return f"{minutes // (24 * 60)}天前登记"


def ranked(found: Sequence[Matter], typed: Matter) -> list[tuple[int, Likeness]]:
    """Places in `found`, the likest first; whatever is open before what is over."""
    weighed = [
        (place, known, likeness)
        for place, known in enumerate(found)
        if (likeness := like(typed, known)) is not None
    ]
    weighed.sort(key=lambda one: (one[1].is_open, one[2].score, one[1].at), reverse=True)
    return [(place, likeness) for place, _known, likeness in weighed[:SHOWN]]
