"""The shape of what is typed about the hours of an office."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, time
from typing import Any

from ledger.web import Day, Text

from .calendar import Hours, check_hours
from .forms import SeenForm

STRETCHES = ("上午", "下午", "晚间")

_CLOCK = re.compile(r"([0-9]{1,2})[:：点时]([0-9]{2})?分?")


def read_clock(typed: str) -> time:
    """08:30, 8点30分, 24:00. Raises ValueError, in words."""
    found = _CLOCK.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", typed)))
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (99, 99)
    if (hour, minute) == (24, 0):
        return time()
    if hour > 23 or minute > 59:
        raise ValueError(f"“{typed[:10]}”不是时刻，应形如 08:30；午夜写 24:00")
    return time(hour, minute)


class _Hours(SeenForm):
    """The two ends of each stretch stand in HoursForm."""

    effective_on = Day(
        "施行日期", required=True, help="最早为明天；当日0:00起的工作时间按本版本计算"
    )
    note = Text("发布依据", 200, required=True, help="如：关于调整夏季作息时间的通知及文号")

    def stretches(self) -> Iterator[tuple[str, Any, Any]]:
        """Their names and both ends."""
        for place, name in enumerate(STRETCHES):
            yield name, self[f"opens{place}"], self[f"closes{place}"]

    def fill(self, hours: Hours) -> None:
        for (_, opens, closes), (start, end) in zip(self.stretches(), hours, strict=False):
            opens.data = f"{start:%H:%M}"
            closes.data = "24:00" if end == time() else f"{end:%H:%M}"

    def hours(self) -> Hours:
        """Of a form that is sound."""
        return tuple(
            (read_clock(opens.data), read_clock(closes.data))
            for _, opens, closes in self.stretches()
            if opens.data or closes.data
        )

    def validate(self, extra_validators: Any = None) -> bool:
        sound = bool(super().validate(extra_validators))
        for name, opens, closes in self.stretches():
            for end, other in ((opens, closes), (closes, opens)):
                if not end.data and other.data:
                    end.errors = [f"请填写{name}的{end.label.text.removeprefix(name)}时间"]
                    sound = False
                try:
                    read_clock(end.data or "0:00")
                except ValueError as error:
                    end.errors, sound = [str(error)], False
        if not sound:
            return False
        first = self["opens0"]
        if not self.hours():
            first.errors = ["至少填写一段工作时间"]
            return False
        try:
            check_hours(self.hours())
        except ValueError:
            first.errors = ["各段时间应从早到晚、互不重叠，且下班晚于上班"]
            return False
        return True

    @property
    def since(self) -> date:
        """Of a form that is sound."""
        return self.effective_on.data or date.max


_FIELDS: dict[str, Any] = {
    f"{end}{place}": Text(f"{name}{word}", 10)
    for place, name in enumerate(STRETCHES)
    for end, word in (("opens", "上班"), ("closes", "下班"))
}

HoursForm: Any = type("HoursForm", (_Hours,), _FIELDS)
"""So many stretches of a day; those left empty are none."""
