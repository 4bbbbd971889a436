"""The calendar, the limits and the hours, as rows.

Each process keeps what it read in memory (see queries); their stamp changes with every
change here, so that every process knows when its copy no longer holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import (
    ForeignKey,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ledger.db import Base, code, pk, stamped

from .calendar import Hours
from .limits import SPECS, Caps, Rule

FORMAT = 1
"""Of the dicts that entries carry; a change of their shape takes the next number."""


class CalendarYear(Base):
    """The arrangement of one year: the State Council's ('' as region), or a region's own days."""

    __tablename__ = "calendar_year"
    __table_args__ = (UniqueConstraint("year_number", "region_code"),)

    id: Mapped[pk]
    year_number: Mapped[int] = mapped_column(SmallInteger)
    region_code: Mapped[code] = mapped_column(default="")
    published: Mapped[bool] = mapped_column(default=False)
    """False: nobody has said yet; Monday–Friday is assumed, and the screen says so."""
    source: Mapped[str] = mapped_column(default="")
    """The notice, by its number or title."""

    days: Mapped[list[CalendarDay]] = relationship(
        order_by="CalendarDay.on_day", back_populates="year", cascade="all, delete-orphan"
    )

    def describe(self) -> dict[str, Any]:
        """What an entry on the calendar carries: the whole arrangement as it now stands."""
        return {
            "format": FORMAT,
            "year": self.year_number,
            "region_code": self.region_code,
            "published": self.published,
            "source": self.source,
            "days": [
                {"day": day.on_day.isoformat(), "working": day.working, "name": day.name}
                for day in sorted(self.days, key=lambda day: day.on_day)
            ],
        }

    def publish(self, source: str) -> None:
        """The arrangement is known from now on. Due times already frozen do not move."""
        self.published = True
        self.source = source

    def declare(self, day: date, working: bool, name: str) -> None:
        """Say of one day whether it is worked; a day already named is corrected."""
        for known in self.days:
            if known.on_day == day:
                known.working, known.name = working, name
                return
        self.days.append(
            CalendarDay(on_day=day, region_code=self.region_code, working=working, name=name)
        )


    def forget(self, day: date) -> None:
        """The day is an ordinary one again: what its weekday or the arrangement above says."""
        self.days = [known for known in self.days if known.on_day != day]

    @property
    def stream(self) -> str:
        year = f"calendar/{self.year_number}"
        return f"{year}/{self.region_code}" if self.region_code else year


class CalendarDay(Base):
    """A day off (放假) or a make-up workday (调休上班).

    May lie outside its arrangement's year: the holiday of 元旦 2023 began on 2022-12-31.
    """

    __tablename__ = "calendar_day"
    __table_args__ = (UniqueConstraint("on_day", "region_code"),)

    id: Mapped[pk]
    year_id: Mapped[int] = mapped_column(ForeignKey("calendar_year.id"), index=True)
    on_day: Mapped[date]
    region_code: Mapped[code] = mapped_column(default="")
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(default="")

    year: Mapped[CalendarYear] = relationship(back_populates="days")


FIRST_DAY = date(1970, 1, 1)
"""Hours in force from this day on have been so from the beginning."""


class OfficeHours(Base):
    """One stretch of office time; a region without rows of its own has the ones of ''.

    Those of one region that take effect on the same day are one version. Once it is in force it
    never changes: a correction is the next one.
    """

    __tablename__ = "office_hours"
    __table_args__ = (UniqueConstraint("region_code", "effective_on", "opens"),)

    id: Mapped[pk]
    region_code: Mapped[code] = mapped_column(default="")
    effective_on: Mapped[date] = mapped_column(default=FIRST_DAY)
    opens: Mapped[time]
    """Shanghai wall clock."""
    closes: Mapped[time]
    """Shanghai wall clock; 00:00 is 24:00."""


@dataclass(frozen=True)
class HoursVersion:
    """工作时间: the stretches of one region that take effect on one day."""

    region_code: str
    effective_on: date
    hours: Hours

    @property
    def name(self) -> str:
        if self.effective_on == FIRST_DAY:
            return "建账时的工作时间"
        return f"{self.effective_on.isoformat()}起的工作时间"

    @property
    def stream(self) -> str:
        day = f"hours/{self.effective_on.isoformat()}"
        return f"{day}/{self.region_code}" if self.region_code else day

    def describe(self) -> dict[str, Any]:
        """What its entry carries."""
        return {
            "format": FORMAT,
            "name": self.name,
            "region_code": self.region_code,
            "effective_on": self.effective_on.isoformat(),
            "hours": [[f"{one:%H:%M}" for one in stretch] for stretch in self.hours],
        }

    def rows(self) -> list[OfficeHours]:
        return [
            OfficeHours(
                region_code=self.region_code,
                effective_on=self.effective_on,
                opens=opens,
                closes=closes,
            )
            for opens, closes in self.hours
        ]

    @staticmethod
    def of(rows: Iterable[OfficeHours]) -> list[HoursVersion]:
        """By the day they take effect, then by region."""
        found: dict[tuple[date, str], list[tuple[time, time]]] = {}
        for row in sorted(rows, key=lambda row: row.opens):
            key = (row.effective_on, row.region_code)
            found.setdefault(key, []).append((row.opens, row.closes))
        return [HoursVersion(key[1], key[0], tuple(hours)) for key, hours in sorted(found.items())]


class LimitVersion(Base):
    """A published table of limits. Once in force it never changes: a correction is the next one."""

    __tablename__ = "limit_version"

    id: Mapped[pk]
    name: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(index=True)
    """Applies to what starts from this moment on."""
    published_at: Mapped[datetime]
    published_by: Mapped[str] = mapped_column(default="")
    """Name and post as then; '' where the ledger was laid by itself."""
    note: Mapped[str] = mapped_column(String(1000), default="")

    rules: Mapped[list[LimitRule]] = relationship(
        order_by="LimitRule.rank, LimitRule.id", cascade="all, delete-orphan"
    )
    caps: Mapped[list[LimitCap]] = relationship(cascade="all, delete-orphan")

    @property
    def stream(self) -> str:
        return f"limits/{self.id}"

    @classmethod
    def publish(
        cls,
        name: str,
        rules: Sequence[Rule],
        caps: Caps,
        *,
        at: datetime,
        effective_from: datetime,
        by: str = "",
        note: str = "",
    ) -> LimitVersion:
        """A new version; the caller adds it to the session and appends its entry."""
        return cls(
            name=name,
            effective_from=effective_from,
            published_at=at,
            published_by=by,
            note=note,
            rules=[LimitRule.of(rule) for rule in sorted(rules, key=lambda rule: rule.rank)],
            caps=[LimitCap(name=cap, amount=amount) for cap, amount in asdict(caps).items()],
        )

    def amend(
        self,
        name: str,
        rules: Sequence[Rule],
        caps: Caps,
        *,
        at: datetime,
        effective_from: datetime,
        by: str,
        note: str,
    ) -> None:
        """Put right what is not in force yet. Raises ValueError once it is."""
        if self.effective_from <= at:
            raise ValueError("这个版本已经施行，不能修改，请发布新版本")
        self.name, self.effective_from, self.note = name, effective_from, note
        self.published_at, self.published_by = at, by
        self.rules = [LimitRule.of(rule) for rule in sorted(rules, key=lambda rule: rule.rank)]
        amounts = asdict(caps)
        for cap in self.caps:
            cap.amount = amounts.pop(cap.name, cap.amount)
        self.caps.extend(LimitCap(name=cap, amount=amount) for cap, amount in amounts.items())

    def describe(self) -> dict[str, Any]:
        """What the entry on this version carries: the whole table."""
        return {
            "format": FORMAT,
            "name": self.name,
            "effective_from": self.effective_from.astimezone(UTC).isoformat(),
            "published_at": self.published_at.astimezone(UTC).isoformat(),
            "published_by": self.published_by,
            "note": self.note,
            "rules": [rule.describe() for rule in self.rules],
            "caps": asdict(self.as_caps()),
        }

    def as_rules(self) -> tuple[Rule, ...]:
        return tuple(rule.as_rule() for rule in self.rules)

    def as_caps(self) -> Caps:
        """A cap that this version did not know yet has its default."""
        known = {cap.name for cap in fields(Caps)}
        return Caps(**{cap.name: cap.amount for cap in self.caps if cap.name in known})


class LimitRule(Base):
    """One line of a version. The limits are written as `clocks` reads them; '' means none."""

    __tablename__ = "limit_rule"

    id: Mapped[pk]
    version_id: Mapped[int] = mapped_column(ForeignKey("limit_version.id"), index=True)
    rank: Mapped[int]
    name: Mapped[str]
    channel: Mapped[code] = mapped_column(default="")
    kind: Mapped[code] = mapped_column(default="")
    category: Mapped[code] = mapped_column(default="")
    urgency: Mapped[code] = mapped_column(default="")
    accept_limit: Mapped[str] = mapped_column(String(20), default="")
    assign_limit: Mapped[str] = mapped_column(String(20), default="")
    sign_limit: Mapped[str] = mapped_column(String(20), default="")
    contact_limit: Mapped[str] = mapped_column(String(20), default="")
    report_limit: Mapped[str] = mapped_column(String(20), default="")
    assist_limit: Mapped[str] = mapped_column(String(20), default="")
    answer_limit: Mapped[str] = mapped_column(String(20), default="")
    review_limit: Mapped[str] = mapped_column(String(20), default="")
    call_back_limit: Mapped[str] = mapped_column(String(20), default="")
    close_limit: Mapped[str] = mapped_column(String(20), default="")
    rework_limit: Mapped[str] = mapped_column(String(20), default="")
    return_limit: Mapped[str] = mapped_column(String(20), default="")
    answer_most_limit: Mapped[str] = mapped_column(String(20), default="")
    extension_limit: Mapped[str] = mapped_column(String(20), default="")

    @classmethod
    def of(cls, rule: Rule) -> LimitRule:
        return cls(
            rank=rule.rank,
            name=rule.name,
            channel=rule.channel,
            kind=rule.kind,
            category=rule.category,
            urgency=rule.urgency,
            **{f"{stage}_limit": rule.spec(stage) for stage in SPECS},
        )

    def as_rule(self) -> Rule:
        stages = {stage: getattr(self, f"{stage}_limit") for stage in SPECS}
        return Rule(
            self.rank,
            self.name,
            self.channel,
            self.kind,
            self.category,
            self.urgency,
            {stage: spec for stage, spec in stages.items() if spec},
        )

    def describe(self) -> dict[str, Any]:
        rule = self.as_rule()
        return {
            "rank": rule.rank,
            "name": rule.name,
            "channel": rule.channel,
            "kind": rule.kind,
            "category": rule.category,
            "urgency": rule.urgency,
            "stages": dict(rule.stages),
        }


class LimitCap(Base):
    """One of `limits.Caps` in a version."""

    __tablename__ = "limit_cap"
    __table_args__ = (UniqueConstraint("version_id", "name"),)

    id: Mapped[pk]
    version_id: Mapped[int] = mapped_column(ForeignKey("limit_version.id"))
    name: Mapped[code]
    amount: Mapped[int]


stamped("deadlines", CalendarYear, CalendarDay, OfficeHours, LimitVersion, LimitRule, LimitCap)
