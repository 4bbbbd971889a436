"""The states of an appeal as a drawing, laid out from the table of acts. Pure.

The straight way stands in one row; what goes back or skips runs in lanes above it, what leaves it
in lanes below. SVG with presentation attributes only: the pages' policy allows no inline style.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise

from .lifecycle import OPEN, PATH, STATES, VERBS, Verb

WIDTH, HEIGHT, GAP = 112, 40, 66
LANE = 22
MARGIN = 20
INK, SOFT, ACCENT, PAPER = "#1d2429", "#566068", "#17506b", "#ffffff"

MAIN = tuple(state for state, _ in PATH)

Verbs = tuple[Verb, ...]


@dataclass(frozen=True)
class Bus:
    """Ways that share a lane: from each of the sources to each of the targets."""

    label: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def span(self, columns: dict[str, float]) -> float:
        ends = [columns[s] for s in (*self.sources, *self.targets)]
        return max(ends) - min(ends)


def moves(verbs: Verbs = VERBS) -> list[tuple[str, str, str]]:
    """(from, to, verb's label) for every change of state. A verb that goes back to a lead goes to
    待交办 where there is none: that second way is told in words, not drawn."""
    found = []
    for verb in verbs:
        targets = [t for t in verb.to if t != "same"]
        if "assigned" in targets and verb.frm:
            targets = [t for t in targets if t != "accepted"] if "held" not in verb.frm else targets
        for state in STATES:
            if state in verb.frm - verb.stays:
                found += [(state, to, verb.label) for to in targets if to != state]
    return found


def states(verbs: Verbs = VERBS) -> list[str]:
    """Those of the straight way, and what else these verbs lead to."""
    reached = {to for _, to, _ in moves(verbs)}
    return [state for state in STATES if state in MAIN or state in reached]


def forward(verbs: Verbs = VERBS) -> dict[tuple[str, str], list[str]]:
    """The steps of the straight way and the verbs that take them."""
    steps = dict.fromkeys(pairwise(MAIN))
    return {
        step: list(dict.fromkeys(label for frm, to, label in moves(verbs) if (frm, to) == step))
        for step in steps
    }


def buses(verbs: Verbs = VERBS) -> tuple[list[Bus], list[Bus], dict[str, list[str]]]:
    """Lanes above, lanes below, and for ends that every open state leads to: the verbs."""
    straight = set(forward(verbs))
    everywhere: dict[str, list[str]] = {}
    for verb in verbs:
        if verb.frm == OPEN:
            for to in verb.to:
                if to != "same":
                    everywhere.setdefault(to, []).append(verb.label)
    upper: dict[tuple[str, str], list[str]] = {}
    down: dict[tuple[str, str], list[str]] = {}
    out: dict[tuple[str, str], list[str]] = {}
    for frm, to, label in moves(verbs):
        if (frm, to) in straight or label in everywhere.get(to, ()):
            continue
        if frm in MAIN and to in MAIN:
            upper.setdefault((label, to), []).append(frm)
        elif frm in MAIN:
            down.setdefault((label, to), []).append(frm)
        else:
            out.setdefault((label, frm), []).append(to)
    above = _merged([(label, tuple(sources), (to,)) for (label, to), sources in upper.items()])
    below = _merged([(label, tuple(sources), (to,)) for (label, to), sources in down.items()])
    below += _merged([(label, (frm,), tuple(to)) for (label, frm), to in out.items()])
    return above, below, everywhere


def _merged(found: list[tuple[str, tuple[str, ...], tuple[str, ...]]]) -> list[Bus]:
    """One bus for several verbs that go the same way."""
    ways: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for label, sources, targets in found:
        ways.setdefault((sources, targets), []).append(label)
    return [
        Bus("、".join(dict.fromkeys(labels)), sources, targets)
        for (sources, targets), labels in ways.items()
    ]


class Drawing:
    """One SVG, put together."""

    def __init__(self, verbs: Verbs) -> None:
        self.verbs = verbs
        self.states = states(verbs)
        self.columns: dict[str, float] = {
            state: MARGIN + i * (WIDTH + GAP) for i, state in enumerate(MAIN)
        }
        below = [state for state in self.states if state not in MAIN]
        step = (len(MAIN) - 1) * (WIDTH + GAP) / max(len(below) - 1, 1)
        order = sorted(below, key=self._leaning)
        self.columns |= {state: MARGIN + i * step for i, state in enumerate(order)}
        self.above, self.below, self.everywhere = buses(verbs)
        self.above.sort(key=lambda b: b.span(self.columns))
        self.below.sort(key=lambda b: b.span(self.columns))
        self.top = MARGIN + LANE * len(self.above) + 14
        self.bottom = self.top + HEIGHT + LANE * len(self.below) + 60
        self.ports: dict[tuple[str, str], int] = {}
        self.used: dict[tuple[str, str], int] = {}
        self.parts: list[str] = []

    def _leaning(self, state: str) -> float:
        """Where along the straight way its neighbours lie."""
        near = [
            MAIN.index(other)
            for frm, to, _ in moves(self.verbs)
            for own, other in ((frm, to), (to, frm))
            if own == state and other in MAIN
        ]
        return sum(near) / len(near) if near else len(MAIN)

    def svg(self) -> str:
        self._count_ports()
        width = MARGIN * 2 + len(MAIN) * WIDTH + (len(MAIN) - 1) * GAP
        height = self.bottom + HEIGHT + MARGIN
        for number, bus in enumerate(self.above):
            self._draw(bus, "up", self.top - 18 - LANE * number)
        for number, bus in enumerate(self.below):
            self._draw(bus, "down", self.top + HEIGHT + 26 + LANE * number)
        self._draw_forward()
        for state in self.states:
            self._draw_state(state)
        for state, verbs in self.everywhere.items():
            x, y = self.columns[state] + WIDTH - 22, self.bottom
            self._line(x, y - 30, x, y, arrow=True)
            right = x > width - 120
            words = f"在办各环节：{'、'.join(verbs)}"
            self._text(x + (-6 if right else 6), y - 20, words, SOFT,
                       anchor="end" if right else "start")
        body = "\n".join(self.parts)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" font-size="12" '
            'font-family="PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif">\n'
            "<title>诉求办理流程</title>\n"
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto" markerUnits="userSpaceOnUse">'
            f'<path d="M0 0 8 4 0 8z" fill="{SOFT}"/></marker>'
            "</defs>\n"
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="{PAPER}"/>\n'
            f"{body}\n</svg>\n"
        )

    def _count_ports(self) -> None:
        for side, found in (("up", self.above), ("down", self.below)):
            for bus in found:
                for state in (*bus.sources, *bus.targets):
                    key = (state, side)
                    self.ports[key] = self.ports.get(key, 0) + 1

    def _port(self, state: str, side: str) -> float:
        """The next free place on a side of a box."""
        key = (state, side)
        self.used[key] = self.used.get(key, 0) + 1
        room = WIDTH if state in MAIN or state not in self.everywhere else WIDTH - 34
        return self.columns[state] + room * self.used[key] / (self.ports[key] + 1)

    def _edge(self, state: str, side: str) -> float:
        if state not in MAIN:
            return self.bottom
        return self.top if side == "up" else self.top + HEIGHT

    def _draw(self, bus: Bus, side: str, y: float) -> None:
        starts = [(self._port(s, side), self._edge(s, side)) for s in bus.sources]
        ends = [(self._port(t, side), self._edge(t, side)) for t in bus.targets]
        along = [x for x, _ in (*starts, *ends)]
        self._line(min(along), y, max(along), y)
        for x, edge in starts:
            self._line(x, edge, x, y)
        for x, edge in ends:
            self._line(x, y, x, edge, arrow=True)
        self._text((min(along) + max(along)) / 2, y - 4, bus.label, INK)

    def _draw_forward(self) -> None:
        y = self.top + HEIGHT / 2
        for (frm, to), labels in forward(self.verbs).items():
            start, end = self.columns[frm] + WIDTH, self.columns[to]
            self._line(start, y, end, y, arrow=True, color=ACCENT, weight=2)
            for row, label in enumerate(reversed(labels)):
                self._text((start + end) / 2 - 2, y - 5 - 14 * row, label, ACCENT, bold=True)

    def _draw_state(self, state: str) -> None:
        x = self.columns[state]
        y = self.top if state in MAIN else self.bottom
        dash = "" if state in OPEN else ' stroke-dasharray="5 3"'
        self.parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="3" '
            f'fill="#e8f0f4" stroke="{ACCENT}" stroke-width="1.5"{dash}/>'
        )
        words = "待签收 · 办理中" if state == "assigned" else STATES[state]
        self._text(x + WIDTH / 2, y + HEIGHT / 2 + 5, words, INK, bold=True, halo=False)

    def _line(
        self, x1: float, y1: float, x2: float, y2: float, *, arrow: bool = False,
        color: str = SOFT, weight: float = 1,
    ) -> None:  # fmt: skip
        tip = ' marker-end="url(#tip)"' if arrow else ""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}" stroke-width="{weight}"{tip}/>'
        )

    def _text(
        self, x: float, y: float, words: str, color: str, *, bold: bool = False,
        anchor: str = "middle", halo: bool = True,
    ) -> None:  # fmt: skip
        weight = ' font-weight="600"' if bold else ""
        around = f' stroke="{PAPER}" stroke-width="4" paint-order="stroke"' if halo else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{weight}{around}>'
            f"{escape(words)}</text>"
        )


def draw(verbs: Verbs = VERBS) -> str:
    """The drawing as an SVG document."""
    return Drawing(verbs).svg()
