from __future__ import annotations

import pytest

from ledger.deadlines.clocks import parse
from ledger.deadlines.limits import (
    CAP_WORDS,
    DEFAULTS,
    POLICY,
    STAGES,
    Caps,
    NoRule,
    Rule,
    match,
)


@pytest.mark.parametrize(
    ("channel", "kind", "path", "urgency", "name"),
    [
        ("visit", "help", (), "normal", "一般"),
        ("visit", "help", ("traffic",), "urgent", "紧急"),
        ("12328", "complaint", (), "normal", "12328（货车司机）"),
        ("12328", "consult", (), "normal", "咨询"),
        ("12345", "consult", (POLICY, "finance"), "normal", "咨询"),
        ("12345", "help", (POLICY, "finance"), "normal", "政策性、跨区域"),
        ("12328", "consult", (POLICY, "finance"), "critical", "特急"),
    ],
)
def test_the_defaults_choose(
    channel: str, kind: str, path: tuple[str, ...], urgency: str, name: str
) -> None:
    assert match(DEFAULTS, channel, kind, path, urgency).name == name


@pytest.mark.parametrize(
    ("urgency", "kind", "specs"),
    [
        ("critical", "help", ("15m", "30m", "30m", "2h", "24h", "2h", "24h", "1wd")),
        ("urgent", "help", ("2h", "2wh", "today", "2wd", "5wd", "1wd", "2wd", "2wd")),
        ("normal", "help", ("today@16", "1wd", "1wd", "", "7wd", "1wd", "2wd", "2wd")),
        ("normal", "consult", ("today", "", "", "", "3wd", "", "", "1wd")),
    ],
)
def test_the_defaults_are_the_designs_table(
    urgency: str, kind: str, specs: tuple[str, ...]
) -> None:
    rule = match(DEFAULTS, "visit", kind, (), urgency)
    order = ("accept", "sign", "contact", "report", "answer", "review", "call_back", "close")
    assert tuple(rule.spec(stage) for stage in order) == specs
    assert rule.spec("assign") == rule.spec("accept")


def test_the_most_specific_of_a_rank_wins_and_a_lower_rank_before_it() -> None:
    rules = [
        Rule(50, "any"),
        Rule(50, "branch", category="traffic"),
        Rule(50, "leaf", category="traffic.toll"),
        Rule(50, "both", category="traffic", kind="help"),
        Rule(60, "all", "12345", "help", "traffic.toll", "normal"),
    ]
    path = ("traffic", "traffic.toll")
    assert match(rules, "12345", "report", path, "normal").name == "leaf"
    assert match(rules, "12345", "help", path, "normal").name == "both"
    assert match(rules, "12345", "help", (), "normal").name == "any"
    assert match(reversed(rules), "12345", "report", path[:1], "normal").name == "branch"


def test_no_line_is_an_error_not_a_guess() -> None:
    with pytest.raises(NoRule):
        match([Rule(1, "only", channel="12345")], "visit", "help", (), "normal")


def test_a_line_refuses_unknown_stages_and_limits() -> None:
    with pytest.raises(ValueError, match="stage"):
        Rule(1, "x", stages={"sing": "1wd"})
    with pytest.raises(ValueError, match="无法识别"):
        Rule(1, "x", stages={"sign": "1 day"})
    with pytest.raises(KeyError):
        DEFAULTS[0].spec("sing")


def test_every_default_reads_and_something_fits_everything() -> None:
    for rule in DEFAULTS:
        for stage in STAGES:
            parse(rule.spec(stage))
    assert match(DEFAULTS, "", "", (), "").name == "一般"
    assert not match(DEFAULTS, "", "", (), "critical").spec("extension")


def test_every_cap_has_its_words() -> None:
    assert set(CAP_WORDS) == set(Caps.__dataclass_fields__)
