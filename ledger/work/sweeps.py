"""What is looked after by the clock: each sweep is a function that upper rooms register."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

Sweep = Callable[[datetime], object]


@dataclass(frozen=True)
class Registered:
    name: str
    every_seconds: int
    run: Sweep


_registry: dict[str, Registered] = {}


def register_sweep(name: str, every_seconds: int, function: Sweep) -> None:
    """Have `function(at)` called about every so many seconds, in an application context.

    It opens its own `writing()` and commits in small pieces. Several workers may run it at the
    same time, and a crash may cut it anywhere: what it does twice must be the same as once.
    """
    if every_seconds < 1:
        raise ValueError(f"{name}: every_seconds must be at least 1")
    _registry[name] = Registered(name, every_seconds, function)


def registered() -> tuple[Registered, ...]:
    return tuple(_registry.values())
