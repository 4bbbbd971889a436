"""帮助: the table of acts in words and as a drawing. Nothing here is written a second time: who
may, when and for what comes from the table, the lengths of limits from the version in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from flask import Response, render_template

from ..db import now
from ..deadlines.clocks import in_words
from ..deadlines.limits import Caps, Rule
from ..deadlines.queries import InForce, version_in_force
from ..people.roles import LABELS
from . import diagram
from .acts import ACTS
from .lifecycle import BY_CODE, ENDS, OPEN, STATES, VERBS, Row, Verb, Who, table
from .models import Appeal
from .pages import desk


@dataclass(frozen=True)
class Chapter:
    """A state, and what can be done in it beside what every open state allows."""

    state: str
    label: str
    is_end: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Sentence:
    """One act in one sentence."""

    verb: str
    label: str
    words: str


@dataclass(frozen=True)
class Help:
    begins: tuple[Row, ...]
    """What begins an appeal."""
    chapters: tuple[Chapter, ...]
    always: tuple[Row, ...]
    """What can be done as long as it is open."""
    ever: tuple[Row, ...]
    """What can be done in any state."""
    every: tuple[Sentence, ...]


ABOVE = frozenset({"urge", "order"})
"""What is done in a room above this one: supervision."""


@cache
def offered() -> tuple[Verb, ...]:
    """The verbs that can be done: what no page and no command does yet is not promised."""
    on_pages = {verb for act in ACTS.values() for verb in act.verbs}
    return tuple(
        v
        for v in VERBS
        if v.code in on_pages or v.code in ABOVE or callable(getattr(Appeal, v.code, None))
    )


def _help(version: InForce) -> Help:
    codes = {verb.code for verb in offered()}
    rows = [
        replace(row, by=tuple(_who(BY_CODE[row.verb], codes)), limit=_limit(row, version))
        for row in table(LABELS)
        if row.verb in codes
    ]
    always = tuple(r for r in rows if set(r.frm) == OPEN)
    ever = tuple(r for r in rows if set(r.frm) == set(STATES))
    apart = {r.verb for r in (*always, *ever)}
    chapters = tuple(
        Chapter(
            state,
            STATES[state],
            state in ENDS,
            tuple(r for r in rows if state in r.frm and r.verb not in apart),
        )
        for state in diagram.states(offered())
    )
    every = tuple(Sentence(r.verb, r.label, _sentence(r)) for r in rows)
    return Help(tuple(r for r in rows if not r.frm), chapters, always, ever, every)


# -- who ---------------------------------------------------------------------------------------

MACHINES = frozenset({"client", "firm", "system"})
"""Not persons who would look something up here."""

BY_ITSELF = "系统自动办理"

PLACES: Mapping[str, str] = {
    "own_office": "牵头办公室{}",
    "jurisdiction": "本辖区{}",
    "known": "{}（本人联系的企业，本人或本单位登记的诉求）",
    "handling": "承办单位{}",
    "lead": "主办单位{}",
    "parent": "转出单位{}（对其转办的交办件）",
    "addressee": "被督办、被批示单位的{}",
    "author": "登记人",
    "registrar": "登记人（受理前）",
}


def _who(verb: Verb, codes: set[str]) -> list[str]:
    """Whoever may, as an office says it: those of one place together."""
    found: dict[str, list[Who]] = {}
    for who in verb.by:
        if who.role in MACHINES or (who.scope == "parent" and "pass_on" not in codes):
            continue
        place = "特急，非工作时间" if who.critical_off_hours else who.scope
        found.setdefault(place, []).append(who)
    return [_at(place, some) for place, some in found.items()] or [BY_ITSELF]


def _at(place: str, some: list[Who]) -> str:
    roles = [who.role for who in some]
    # Of an office that is itself the unit, its coordinators handle.
    too = place == "handling" and "coordinator" in roles
    names = "、".join(
        LABELS[role].removeprefix("单位") if place == "handling" else LABELS[role]
        for role in roles
        if role in LABELS and not (too and role == "coordinator")
    )
    if place not in PLACES:
        return names if place == "anywhere" else f"{names}（{place}）"
    words = PLACES[place].format(names)
    return f"{words}（牵头办公室自行承办的，由其交办员）" if too else words


# -- by when -----------------------------------------------------------------------------------

STAGE_OF: Mapping[str, tuple[str, ...]] = {
    "accept": ("accept",),
    "assign": ("assign",),
    "sign_for": ("sign",),
    "contact": ("contact",),
    "relay": ("contact",),
    "progress": ("report",),
    "answer": ("answer", "assist"),
    "review": ("review",),
    "call_back": ("call_back",),
    "close": ("close",),
    "ask_return": ("return",),
}
"""The limits that a verb keeps; of several the second is an assist's."""

CAPPED: Mapping[str, Callable[[Caps], str]] = {
    "ask_return": lambda caps: f"每单位每轮{caps.returns}次",
    "rule_return": lambda caps: _within(caps.return_ruling_days),
    "ask_extension": lambda caps: (
        f"提前{caps.extension_ask_days}个工作日，最多延期{caps.extensions}次，"
        f"超过{caps.extension_manager_days}个工作日的由领导审批"
    ),
    "rule_extension": lambda caps: _within(caps.extension_ruling_days),
    "attempt": lambda caps: (
        f"在{caps.attempt_half_days}个半日尝试{caps.attempts}次仍未接通的，可以认定为无法回访"
    ),
    "hold": lambda caps: f"最长{caps.hold_review_days}天复核一次",
    "call_back": lambda caps: f"不满意的重办，最多{caps.reworks}次",
    "count_stated": lambda caps: f"补录最多回溯{caps.backdate_hours}小时",
}


def _within(days: int) -> str:
    return f"{days}个工作日内" if days else "当日内"


def _limit(row: Row, version: InForce) -> str:
    """What its limit is, and how long by the limits in force."""
    stages = STAGE_OF.get(row.verb, ())
    told = [_lengths(version.rules, stage) for stage in stages]
    if len(told) > 1 and all(told):
        told = [f"主办：{told[0]}", f"协办：{told[1]}"]
    capped = CAPPED.get(row.verb)
    return "。".join(
        part for part in (row.limit, *told, capped(version.caps) if capped else "") if part
    )


def _lengths(rules: tuple[Rule, ...], stage: str) -> str:
    """特急30分钟，紧急、12328 2个工作小时: lines that say the same together."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        if spec := rule.spec(stage):
            found.setdefault(spec, []).append(f"“{rule.name}”")
    return "，".join(f"{''.join(names)}{in_words(spec)}" for spec, names in found.items())


def _sentence(row: Row) -> str:
    if not row.frm:
        when = ""
    elif set(row.frm) == set(STATES):
        when = "任何时候，"
    elif set(row.frm) == OPEN:
        when = "销号前的各环节，"
    else:
        when = f"诉求在{'、'.join(f'“{STATES[s]}”' for s in row.frm)}时，"
    after = "，或".join("状态不变" if to == "same" else f"转为“{STATES[to]}”" for to in row.to)
    parts = [
        f"{when}由{'，或'.join(row.by)}{'' if row.by == (BY_ITSELF,) else '办理'}",
        f"需要：{row.needs}",
        f"时限：{row.limit}" if row.limit else "",
        f"之后{after}",
        f"回避：{row.apart}" if row.apart else "",
    ]
    return "。".join(part for part in parts if part) + "。"


@desk.get("/help")
def guide() -> str:
    return render_template("help/index.html", help=_help(version_in_force(now())), states=STATES)


@desk.get("/help/diagram.svg")
def drawing() -> Response:
    return Response(_drawn(), mimetype="image/svg+xml")


@cache
def _drawn() -> str:
    return diagram.draw(offered())
