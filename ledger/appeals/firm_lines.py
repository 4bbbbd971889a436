"""Pasted firms: a name a line, and its telephone number after a blank, a comma or a tab. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ..firms import names, phones

MOST = 50
NAME_LENGTH = 200

_APART = re.compile(r"[\s,，、;；|]+")
_NUMBER = re.compile(r"\+?[0-9][0-9\-－—()（）]*")
_LEADING = re.compile(r"^\s*(?:[（(]?\d{1,3}[)）]|\d{1,3}[.．、)）])\s*")
"""1. or （1） before a name, as lists are numbered."""


@dataclass(frozen=True)
class FirmLine:
    """One firm that was pasted. `at` is the line's number, from 1."""

    at: int
    name: str
    phone: str = ""


@dataclass(frozen=True)
class LineProblem:
    """What is wrong with a line, in words that name it."""

    at: int
    why: str

    @property
    def words(self) -> str:
        return f"第{self.at}行：{self.why}"


def read_firms(text: str) -> tuple[list[FirmLine], list[LineProblem]]:
    """The firms of the lines that hold one, and what is wrong with the others."""
    found: list[FirmLine] = []
    problems: list[LineProblem] = []
    first: dict[str, int] = {}
    for at, line in enumerate(text.splitlines(), 1):
        raw = _LEADING.sub("", line).strip()
        if not raw:
            continue
        name, phone = _parted(raw)
        try:
            number = phones.normalise(phone)
        except phones.PhoneError as error:
            problems.append(LineProblem(at, f"“{phone}”：{error}"))
            continue
        folded = names.fold(name)
        if not folded or not any(letter.isalpha() for letter in folded):
            problems.append(LineProblem(at, "没有企业名称"))
        elif len(name) > NAME_LENGTH:
            problems.append(LineProblem(at, f"企业名称超过{NAME_LENGTH}个字"))
        elif folded in first:
            problems.append(LineProblem(at, f"与第{first[folded]}行重复，请删去一行"))
        else:
            first[folded] = at
            found.append(FirmLine(at, name, number))
    if len(found) + len(problems) > MOST:
        problems.insert(0, LineProblem(MOST + 1, f"一次最多登记{MOST}户，请分批登记"))
    return found, problems


def _parted(raw: str) -> tuple[str, str]:
    """Name and number; a blank inside a name does not part them."""
    parts: Sequence[str] = [part for part in _APART.split(raw) if part]
    last = unicodedata.normalize("NFKC", parts[-1]) if parts else ""
    digits = sum(letter.isdecimal() for letter in last)
    if _NUMBER.fullmatch(last) and digits >= 5:
        cut = raw.rindex(parts[-1])
        return raw[:cut].strip(" \t,，、;；|　"), last
    return raw.strip(" \t,，、;；|　"), ""
