"""Administrative regions by their GB/T 2260 codes (行政区划代码): names and who lies in whom.

Pure. The names are python-stdnum's `cn/loc` table; six digits, of which two name the province,
four the city and all six the county.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

_PERIOD = re.compile(r"\[[^\]]*\]")


@cache
def _parts(region_code: str) -> tuple[str, str]:
    """Province and own name; empty where the table has no such region."""
    from stdnum import numdb

    found: list[tuple[str, dict[str, str]]] = numdb.get("cn/loc").info(region_code)
    names: dict[str, str] = {}
    for _digits, properties in found:
        names.update(properties)
    # A code reused over the years carries all its names with their periods: the last one holds.
    own = [part.strip(" ,，") for part in _PERIOD.split(names.get("county", ""))]
    return names.get("province", ""), next((name for name in reversed(own) if name), "")


def is_region(region_code: str) -> bool:
    """Whether it is six digits that GB/T 2260 has given to a region."""
    return bool(re.fullmatch(r"[1-9][0-9]{5}", region_code)) and bool(_parts(region_code)[1])


@lru_cache(maxsize=4096)
def region_name(region_code: str, *, full: bool = False) -> str:
    """寻乌县; full: 江西省赣州市寻乌县. Empty where the code is unknown."""
    if not is_region(region_code):
        return ""
    province, own = _parts(region_code)
    if not full or region_code.endswith("0000"):
        return own
    city = "" if region_code.endswith("00") else _parts(region_code[:4] + "00")[1]
    return "".join(dict.fromkeys(part for part in (province, city, own) if part))


def region_short(region_code: str) -> str:
    """The one character that ledger numbers begin with: 寻 for 寻乌县. Empty where unknown."""
    return region_name(region_code)[:1]


def significant(region_code: str) -> str:
    """The digits that say something: 36 of 360000, 3607 of 360700, 360734 whole."""
    return re.sub(r"(00){1,2}$", "", region_code)


def covers(region_code: str, other: str) -> bool:
    """Whether the region `other` is, or lies in, the region `region_code`; "" covers nothing."""
    return bool(region_code) and other.startswith(significant(region_code))
