"""What a published version of the limits, or of a year, changed: sentences for people. Pure.

Both sides are what `describe()` gave for an entry.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from ..catalogue.words import KINDS, URGENCIES
from .clocks import in_words, shown
from .limits import CAP_WORDS, POLICY, SPECS

Described = Mapping[str, Any]

EVERYTHING = "其他全部"


def applies_to(line: Described, categories: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """What a line of the table stands for, in words."""
    category = line["category"]
    words = (
        channels.get(line["channel"], line["channel"]),
        KINDS.get(line["kind"], line["kind"]),
        "政策性、跨区域类" if category == POLICY else categories.get(category, category),
        URGENCIES.get(line["urgency"], line["urgency"]),
    )
    return "、".join(filter(None, words)) or EVERYTHING


def limit_changes(
    old: Described | None,
    new: Described,
    categories: Mapping[str, str],
    channels: Mapping[str, str],
) -> list[str]:
    """From one table to another; a first one has nothing to differ from."""
    return [] if old is None else list(_limit_changes(old, new, categories, channels))


def _limit_changes(
    old: Described,
    new: Described,
    categories: Mapping[str, str],
    channels: Mapping[str, str],
) -> Iterator[str]:
    if old["name"] != new["name"]:
        yield f"版本名称：{old['name']} → {new['name']}"
    if old["effective_from"] != new["effective_from"]:
        yield f"施行时间：{_moment(old['effective_from'])} → {_moment(new['effective_from'])}"
    before = {line["name"]: line for line in old["rules"]}
    after = {line["name"]: line for line in new["rules"]}
    for name in before.keys() - after.keys():
        yield f"删去“{name}”一行"
    for name, line in after.items():
        was = before.get(name)
        if was is None:
            yield f"增加“{name}”一行（适用于{applies_to(line, categories, channels)}）"
            continue
        if was["rank"] != line["rank"]:
            yield f"“{name}”的顺序：{was['rank']} → {line['rank']}"
        scopes = [applies_to(one, categories, channels) for one in (was, line)]
        if scopes[0] != scopes[1]:
            yield f"“{name}”的适用范围：{scopes[0]} → {scopes[1]}"
        for stage, word in SPECS.items():
            specs = [one["stages"].get(stage, "") for one in (was, line)]
            if specs[0] != specs[1]:
                yield f"“{name}”的{word}：{in_words(specs[0])} → {in_words(specs[1])}"
    for cap, word in CAP_WORDS.items():
        amounts = old["caps"].get(cap), new["caps"].get(cap)
        if amounts[0] != amounts[1] and None not in amounts:
            yield f"{word}：{amounts[0]} → {amounts[1]}"


def calendar_changes(old: Described | None, new: Described) -> list[str]:
    """From one arrangement of a year to another."""
    return list(_calendar_changes(old or {"published": False, "source": "", "days": []}, new))


def _calendar_changes(old: Described, new: Described) -> Iterator[str]:
    if new["published"] and not old["published"]:
        yield f"公布{new['year']}年放假安排，依据：{new['source']}"
    elif old["source"] != new["source"]:
        yield f"依据：{old['source'] or '无'} → {new['source'] or '无'}"
    before, after = (
        {row["day"]: (row["working"], row["name"]) for row in side["days"]} for side in (old, new)
    )
    for day in sorted(before.keys() | after.keys()):
        if before.get(day) != after.get(day):
            yield f"{day_words(date.fromisoformat(day))}：{_day(before, day)} → {_day(after, day)}"


def hours_changes(old: Described | None, new: Described) -> list[str]:
    """From the hours before to these."""
    said = [f"自{new['effective_on']}施行"] if new["effective_on"] > "1980" else ["建账起施行"]
    was = None if old is None else _hours(old)
    now = _hours(new)
    return [*said, f"{was} → {now}" if was not in (None, now) else now]


def _hours(said: Described) -> str:
    return "、".join(
        f"{opens}—{'24:00' if closes == '00:00' else closes}" for opens, closes in said["hours"]
    )


def day_words(day: date) -> str:
    """2027-01-01（周五）."""
    return f"{day.isoformat()}（周{'一二三四五六日'[day.weekday()]}）"


def _day(days: Mapping[str, tuple[bool, str]], day: str) -> str:
    named = days.get(day)
    if named is None:
        return "按星期"
    working, name = named
    return f"{'上班' if working else '放假'}（{name}）" if name else "上班" if working else "放假"


def _moment(text: str) -> str:
    return shown(datetime.fromisoformat(text))
