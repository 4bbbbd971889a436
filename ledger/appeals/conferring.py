"""What is put before the leaders, and what comes of it: 提请协调、撤回提请、会商、回填落实情况."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select

from ..config import SHANGHAI
from ..db import db
from ..deadlines.calendar import local_day
from ..people.actor import Actor
from ..trail.models import next_serial
from .opening import Opening
from .outside_parts import Conference, ConferencePoint
from .record import Invalid

FURTHEST = timedelta(days=366)


@dataclass(frozen=True)
class Agreed:
    """A point that was agreed on. `field` names what was typed wrong about it."""

    words: str
    unit_id: int
    unit_name: str
    due_on: date
    field: str = "due_on"


@dataclass(frozen=True)
class Held:
    """A conference, as it is entered on each of the appeals that it treated."""

    held_at: datetime
    participants: str
    conclusion: str
    mark: str
    venue: str = ""
    points: Sequence[Agreed] = ()
    matters: int = 1
    number: str = ""


def next_number(office_id: int, held_at: datetime) -> str:
    """会商纪要〔2026〕3号: of the office and the year in which it was held."""
    year = held_at.astimezone(SHANGHAI).year
    return f"会商纪要〔{year}〕{next_serial(db.session(), 'conference', office_id, year)}号"


class Conferring(Opening):
    """提请协调、撤回提请、会商、回填落实情况."""

    __abstract__ = True

    def ask_coordination(
        self,
        difficulty: str,
        proposal: str,
        *,
        by: Actor,
        at: datetime,
        leader: str = "",
        seen: int | None = None,
    ) -> None:
        """提请协调: the appeal stays as it is, and stands first before the managers of its
        jurisdiction until one of them has dealt with it."""
        if not difficulty.strip():
            raise Invalid("difficulty", "请填写遇到的困难")
        if not proposal.strip():
            raise Invalid("proposal", "请填写协调建议")
        with self.act("ask_coordination", by=by, at=at, seen=seen):
            self.coordination_asked = True
            self.coordination_at = at
            self.coordination_by_id = by.id
            self.difficulty = difficulty
            self.proposal = proposal
            self.proposed_leader = leader or None

    def drop_coordination(
        self, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """撤回提请: it needs no leader any more."""
        if not reason.strip():
            raise Invalid("reason", "请填写撤回提请的理由")
        with self.act("drop_coordination", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            self.end_coordination()

    def confer(self, held: Held, *, by: Actor, at: datetime) -> None:
        """会商: what was agreed, entered on this appeal; whoever enters it does so on each that
        it treated."""
        self.check_conference(held, at)
        with self.act("confer", by=by, at=at) as act:
            conference = Conference(
                mark=held.mark,
                matters=held.matters,
                number=held.number,
                held_at=held.held_at,
                venue=held.venue,
                participants=held.participants,
                conclusion=held.conclusion,
            )
            self.conferences.append(conference)
            self.conference_points.extend(
                ConferencePoint(
                    conference=conference,
                    place=place,
                    agreed=point.words,
                    unit_id=point.unit_id,
                    due_on=point.due_on,
                    done_words="",
                )
                for place, point in enumerate(held.points, 1)
            )
            act.data["units"] = [point.unit_name for point in held.points]
            self.end_coordination()

    @staticmethod
    def check_conference(held: Held, at: datetime) -> None:
        if held.held_at > at + timedelta(minutes=5):
            raise Invalid("held_at", "会商时间不能晚于现在")
        if held.held_at < at - FURTHEST:
            raise Invalid("held_at", "会商时间过早，请核对年份")
        if not held.participants.strip():
            raise Invalid("participants", "请填写参加人员")
        if not held.conclusion.strip():
            raise Invalid("conclusion", "请填写会商结论")
        for point in held.points:
            if point.due_on < local_day(held.held_at):
                raise Invalid(point.field, "完成时限不能早于会商当日")
            if point.due_on > local_day(at) + 3 * FURTHEST:
                raise Invalid(point.field, "完成时限过晚，请核对年份")

    def point(self, point_id: int) -> ConferencePoint:
        """Raises Invalid where nothing like it is open."""
        found = next((p for p in self.conference_points if p.id == point_id), None)
        if found is None:
            raise Invalid("point_id", "没有这项议定事项，请重新选择")
        return found

    def same_point(self, point: ConferencePoint) -> ConferencePoint | None:
        """The point as it stands on this appeal, where the conference treated this one too and it
        is not done yet."""
        return next(
            (
                own
                for own in self.conference_points
                if own.done_on is None
                and (own.conference.mark, own.place) == (point.conference.mark, point.place)
            ),
            None,
        )

    def fulfil(
        self,
        point_id: int,
        words: str,
        done_on: date | None,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """回填落实情况: a point of a conference is done."""
        if not words.strip():
            raise Invalid("words", "请填写落实情况")
        if done_on is None:
            raise Invalid("done_on", "请填写落实日期")
        if done_on > local_day(at):
            raise Invalid("done_on", "落实日期不能晚于今天")
        with self.act("fulfil", by=by, at=at, seen=seen) as act:
            point = self.point(point_id)
            if point.done_on is not None:
                raise Invalid("point_id", "这项议定事项已经回填")
            if done_on < local_day(point.conference.held_at):
                raise Invalid("done_on", "落实日期不能早于会商当日")
            act.data["point"] = point.id
            point.done_on = done_on
            point.done_words = words


def treated_with(point: ConferencePoint) -> list[str]:
    """Numbers of the other appeals that the same conference treated."""
    from .models import Appeal

    return list(
        db.session.scalars(
            select(Appeal.number)
            .join(Conference, Conference.appeal_id == Appeal.id)
            .where(Conference.mark == point.conference.mark, Appeal.id != point.appeal_id)
            .order_by(Appeal.id)
        )
    )
