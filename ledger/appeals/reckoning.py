"""重算时限: clocks that run, reckoned again by another version of the limits or the calendar as
it stands now. Nothing else ever moves a frozen due time when limits or calendar change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..deadlines import clocks
from ..deadlines.calendar import Calendar, last_day, local_day
from ..deadlines.limits import STAGES, NoRule, Rule, match
from ..deadlines.queries import InForce, calendar_editions, load_calendar, versions_published
from ..people.actor import Actor
from ..trail.canonical import Plain
from .opening import Opening
from .record import Invalid
from .standing import line_of
from .their_times import BOUND, beside, event_of

AS_IT_WAS = "own"
"""Instead of a version: each clock keeps its limit, and only the calendar counts anew."""

AS_IT_WAS_WORDS = "原时限不变，按最新工作日历重算"
MOST_VERSIONS = 5
NOTHING = "按所选版本重算，本件的各项时限都没有变化"


@dataclass(frozen=True)
class Reckoned:
    """What a clock comes to now, where that is not what it has."""

    clock: Any
    spec: str
    due: clocks.Due

    @property
    def words(self) -> str:
        """办结反馈2026-12-01 24:00 → 2026-12-02 24:00."""
        stage = STAGES.get(self.clock.stage, self.clock.stage)
        was, now = clocks.shown_end(self.clock.due_at), clocks.shown_end(self.due.at)
        if was == now:
            return f"{stage}{now}（{'转为暂定' if self.due.provisional else '时间不变，依据更新'}）"
        return f"{stage}{was} → {now}"


def versions_offered(at: datetime) -> dict[str, str]:
    """By which it can be reckoned: value → words, the version in force before its forerunners."""
    found = {AS_IT_WAS: AS_IT_WAS_WORDS}
    known = [one for one in versions_published() if one.effective_from <= at]
    for one in known[::-1][:MOST_VERSIONS]:
        found[str(one.version_id)] = f"按时限版本“{one.name}”和最新工作日历重算"
    return found


def version_named(value: str, at: datetime) -> InForce | None:
    """None for AS_IT_WAS. Raises Invalid for what is not offered."""
    if value == AS_IT_WAS:
        return None
    for one in versions_published():
        if str(one.version_id) == value and one.effective_from <= at:
            return one
    raise Invalid("version", "请选择已经施行的时限版本")


def rule_of(version: InForce, appeal: Any) -> Rule | None:
    """The line of that version which applies to an appeal (or its row), as it stands now."""
    path = line_of(appeal.category_id, appeal.cross_region)
    try:
        return match(version.rules, appeal.channel, appeal.kind, path, appeal.urgency)
    except NoRule:
        return None


def reckon(
    running: Iterable[Any],
    version: InForce | None,
    rule: Rule | None,
    calendar: Calendar,
    orders: Iterable[Any] = (),
) -> list[Reckoned]:
    """Those of the clocks that come to something else. `orders`: of hotlines, whose own due times
    count beside ours, also where they came after the hand-off.

    Only what counts from an event by a limit: what the office set itself (核定), what went on
    after a send-back or a hold, and stages that the version does not limit stay as they are.
    """
    found = []
    for clock in running:
        event = event_of(clock)
        spec = clock.spec
        if version is not None:
            spec = rule.spec(clock.stage) if rule and clock.stage in rule.stages else ""
        due = clocks.due(clock.started_at, spec, calendar, event) if event and spec else None
        if due is not None and clock.stage in BOUND:
            due = beside(
                due, orders, calendar, later=clock.round > 1, after=clock.started_at
            )
        if due is not None and (due.at, due.sentence) != (clock.due_at, clock.sentence):
            found.append(Reckoned(clock, spec, due))
    return found


def reckoned(appeal: Any, version: InForce | None) -> list[Reckoned]:
    """For an appeal, loaded or read."""
    rule = None if version is None else rule_of(version, appeal)
    return reckon(appeal.running(), version, rule, load_calendar(), appeal.external_orders)


def effects(appeal: Any, at: datetime) -> str:
    """What each version offered would come to."""
    said = []
    for value, words in versions_offered(at).items():
        changed = reckoned(appeal, version_named(value, at))
        said.append(f"{words}：{'；'.join(one.words for one in changed) or '没有变化'}。")
    return "".join(said)


class Reckoning(Opening):
    """重算时限."""

    __abstract__ = True

    def recompute(
        self,
        version: str,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """`version` is the number of one in force, or AS_IT_WAS.

        The first due time stays beside the new one. Raises Invalid where nothing would change.
        """
        if not reason.strip():
            raise Invalid("reason", "请填写重算时限的理由")
        named = version_named(version, at)
        changed = reckoned(self, named)
        if not changed:
            raise Invalid("version", NOTHING)
        with self.act("recompute", by=by, at=at, seen=seen) as act:
            calendar = load_calendar()
            act.texts["reason"] = reason
            act.data["version"] = "" if named is None else named.name
            act.data["calendar"] = self._calendar_editions(changed)
            act.data["clocks"] = [
                {
                    "stage": one.clock.stage,
                    "was": one.clock.due_at.isoformat(),
                    "due": one.due.at.isoformat(),
                }
                for one in changed
            ]
            for one in changed:
                clock = one.clock
                clock.spec = one.spec
                if named is not None:
                    clock.limit_version_id = named.version_id
                clock.due_at = one.due.at
                clock.sentence = one.due.sentence
                clock.provisional = one.due.provisional
                clock.warn_at = clock.look_at = clocks.yellow_from(
                    clock.started_at, one.due.at, one.spec, calendar
                )
            for given in self.assignments:
                if given.parent_id is None and given.is_open:
                    self._keep_within(given, at)

    @staticmethod
    def _calendar_editions(changed: Iterable[Reckoned]) -> dict[str, Plain]:
        """Which edition of each year's calendar was counted by."""
        days = [
            day
            for one in changed
            for day in (local_day(one.clock.started_at), last_day(one.due.at))
        ]
        return {**calendar_editions(min(days).year, max(days).year)}
