"""The code of a region that a list of firms names in words. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from stdnum import numdb

from ledger.people.regions import is_region

_OWN_NAME = re.compile(r"(?:\[\d*-(?P<until>\d*)\])?(?P<name>[^\[\],]+)$")
_KIND = re.compile(r"(?:(?:壮族|回族|维吾尔)?自治区|特别行政区|地区|省|市|县|区|盟|旗)$")

Regions = Mapping[str, tuple[str, ...]]
"""Name → the codes that have it."""


def region_of(words: str, *, near: str) -> str:
    """The GB/T 2260 code of 江西省赣州市寻乌县, 江西赣州, 寻乌县 or 360734; '' where no region or
    more than one can be meant.

    `near` is the office's own region: words that begin with no province mean one in the same;
    with "" they mean none.
    What follows the county is an address, and not read.
    """
    rest = "".join(unicodedata.normalize("NFKC", words).split())
    if rest.isascii():
        return rest if is_region(rest) else ""
    found, inside = "", f"{near[:2]}0000" if near else ""
    if (top := _begun(rest, _provinces())) is not None:
        rest, found = top
        inside = found
    while (step := _begun(rest, _within(inside))) is not None:
        rest, found = step
        inside = found
    return found


def _begun(words: str, regions: Regions) -> tuple[str, str] | None:
    """What follows the longest name that `words` begin with, and the code it means."""
    for length in range(min(len(words), 20), 1, -1):
        codes = regions.get(words[:length], ())
        if len(codes) > 1:
            # A city and a county of one name: the city is meant.
            codes = tuple(code for code in codes if code.endswith("00"))
        if len(codes) == 1:
            return words[length:], codes[0]
    return None


@cache
def _provinces() -> Regions:
    return _by_name(f"{digits}0000" for digits in range(11, 83))


@cache
def _within(region_code: str) -> Regions:
    """Today's regions inside one, by whole and by short names."""
    if not region_code.endswith("00"):
        return {}
    cities = [region_code]
    if region_code.endswith("0000"):
        cities = [f"{region_code[:2]}{digits:02}00" for digits in range(1, 100)]
    counties = (
        f"{city[:4]}{digits:02}" for city in cities if _name(city) for digits in range(1, 100)
    )
    return _by_name([*(city for city in cities if city != region_code), *counties])


def _by_name(codes: Iterable[str]) -> Regions:
    found: dict[str, tuple[str, ...]] = {}
    for code in codes:
        whole = _name(code)
        for name in {whole, _KIND.sub("", whole)}:
            if len(name) > 1:
                found[name] = (*found.get(name, ()), code)
    return found


def _name(region_code: str) -> str:
    """Its name today; '' for a region that is no more, or never was."""
    names: dict[str, str] = {}
    for _digits, properties in numdb.get("cn/loc").info(region_code):
        names.update(properties)
    found = _OWN_NAME.search(names.get("county", ""))
    return "" if found is None or found["until"] else found["name"]
