"""Units, persons, their posts, the duty roster, failed sign-ins and drafts.

Nobody is deleted: persons and units are disabled, posts end. Entries name them for ever.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime
from typing import Any

from flask_security import UserMixin
from sqlalchemy import (
    Connection,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    event,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Mapper, mapped_column, relationship
from sqlalchemy.orm.attributes import set_committed_value

from ledger.db import DERIVED, Base, Secret, code, long_text, now, pk, stamped

from . import roles

UNIT_KINDS: dict[str, str] = {
    "province": "省级",
    "city": "市级",
    "county": "县级",
    "department": "部门",
    "section": "科室（股室）",
    "office": "专班办公室",
    "town": "乡镇（街道）",
    "vertical": "垂直管理、派驻单位",
    "other": "其他",
}


class Unit(Base):
    """A unit (单位) of the tree province → city → county → department → section.

    `path` names every unit above it and itself ("/1/4/9/"), so that a subtree is one prefix.
    """

    __tablename__ = "unit"
    __table_args__ = (Index("ix_unit_path", "path"),)

    id: Mapped[pk]
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str]
    short_name: Mapped[str] = mapped_column(String(40), default="")
    kind: Mapped[str] = mapped_column(String(40), default="department")
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    path: Mapped[str] = mapped_column(String(400), default="", info=DERIVED)
    region_code: Mapped[str] = mapped_column(String(12), default="", index=True)
    number_prefix: Mapped[str] = mapped_column(String(8), default="")
    """What its ledger numbers begin with (寻2026-0123); empty: the region's first character."""
    is_office: Mapped[bool] = mapped_column(default=False)
    offline: Mapped[bool] = mapped_column(default=False)
    needs_sign_off: Mapped[bool] = mapped_column(default=False)
    contact_a: Mapped[str] = mapped_column(String(100), default="")
    contact_a_phone: Mapped[str | None] = mapped_column(Secret("unit.contact_a_phone"))
    contact_b: Mapped[str] = mapped_column(String(100), default="")
    contact_b_phone: Mapped[str | None] = mapped_column(Secret("unit.contact_b_phone"))
    duty_phone: Mapped[str] = mapped_column(String(40), default="")
    """The 24-hour telephone: a public number, no personal data."""
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)

    parent: Mapped[Unit | None] = relationship(remote_side="Unit.id", back_populates="children")
    children: Mapped[list[Unit]] = relationship(back_populates="parent", order_by="Unit.code")

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """The short name where it has one."""
        return self.short_name or self.name

    @property
    def ancestor_ids(self) -> list[int]:
        """Those above, from the top down, and itself last."""
        return [int(part) for part in self.path.split("/") if part]

    @property
    def depth(self) -> int:
        """0 at the top."""
        return max(self.path.count("/") - 2, 0)

    def is_within(self, other: Unit) -> bool:
        """Whether it is `other` or stands below it."""
        return bool(other.path) and self.path.startswith(other.path)

    def rename(self, name: str, short_name: str = "") -> None:
        """Past entries keep the name as it was then."""
        self.name, self.short_name = name, short_name

    def move_under(self, parent: Unit | None) -> None:
        """Hang it, with all below it, under another unit.

        Raises ValueError where it would come to stand below itself.
        """
        if parent is not None and parent.is_within(self):
            raise ValueError(f"“{parent.name}”在“{self.name}”之下，不能作为它的上级单位。")
        self.parent = parent
        self._trace("/" if parent is None else parent.path)

    def _trace(self, above: str) -> None:
        self.path = f"{above}{self.id}/"
        for child in self.children:
            child._trace(self.path)

    def disable(self) -> None:
        """Its posts lie still; what it handles has to be handed to another unit."""
        self.active = False

    def enable(self) -> None:
        self.active = True


@event.listens_for(Unit, "after_insert")
def _trace_new_unit(_mapper: Mapper[Unit], connection: Connection, unit: Unit) -> None:
    # The path contains the row's own number, which is not known before the row is in.
    table = Unit.__table__
    above = "/"
    if unit.parent_id is not None:
        above = connection.scalar(select(table.c.path).where(table.c.id == unit.parent_id)) or "/"
    path = f"{above}{unit.id}/"
    connection.execute(update(Unit).where(table.c.id == unit.id).values(path=path))
    set_committed_value(unit, "path", path)


class Person(Base, UserMixin):
    """A person with an account, one home unit (人事关系) and any number of posts."""

    __tablename__ = "person"

    id: Mapped[pk]
    username: Mapped[str] = mapped_column(String(64), unique=True)
    """As `usernames.fold` returns it: lower case, half width."""
    name: Mapped[str] = mapped_column(String(100))
    password: Mapped[str] = mapped_column(String(255), default="")
    """argon2id; empty admits nobody."""
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(
        String(64), unique=True, default=lambda: secrets.token_hex(32)
    )
    """What a session names the person by; a new one ends every session."""
    home_unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    phone: Mapped[str | None] = mapped_column(Secret("person.phone"))
    must_change_password: Mapped[bool] = mapped_column(default=True)
    password_changed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    left_on: Mapped[date | None]
    last_login_at: Mapped[datetime | None]  # type: ignore[assignment]  # none before the first
    last_login_ip: Mapped[str | None] = mapped_column(String(64))
    current_login_at: Mapped[datetime | None]  # type: ignore[assignment]  # none before the first
    current_login_ip: Mapped[str | None] = mapped_column(String(64))
    login_count: Mapped[int] = mapped_column(default=0)
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    tf_phone_number: Mapped[str | None] = mapped_column(String(128))

    home_unit: Mapped[Unit] = relationship(lazy="joined", innerjoin=True)
    posts: Mapped[list[Post]] = relationship(
        back_populates="person", foreign_keys="Post.person_id", order_by="Post.id"
    )

    def __str__(self) -> str:
        return self.name

    def posts_at(self, day: date) -> list[Post]:
        """The posts in force on `day` (Shanghai), their units loaded; none once disabled."""
        return [post for post in self.posts if self.active and post.is_in_force(day)]

    def roles_at(self, day: date) -> set[str]:
        return {post.role for post in self.posts_at(day)}

    def grant(
        self,
        role: str,
        unit: Unit,
        *,
        starts_on: date,
        ends_on: date | None = None,
        by: Person,
        at: datetime,
        reason: str,
    ) -> Post:
        """Give a post. Raises ValueError, in Chinese, where the rules of roles forbid it."""
        if by.id == self.id:
            raise ValueError("不得为本人授予岗位。")
        if not self.active:
            raise ValueError("该人员已停用，不能授予岗位。")
        if not unit.active:
            raise ValueError(f"“{unit.name}”已停用，不能设岗。")
        if why := roles.misplaced(role, is_office=unit.is_office):
            raise ValueError(why)
        # Also posts that have yet to begin: two that exclude each other must never meet.
        beside = [post for post in self.posts if post.overlaps(starts_on, ends_on)]
        if why := roles.clash([post.role for post in beside], role):
            raise ValueError(why)
        if any(post.role == role and post.unit_id == unit.id for post in beside):
            raise ValueError(f"{self.name}在该期间已任“{unit.name}”的“{roles.label(role)}”。")
        post = Post(
            unit=unit,
            role=role,
            starts_on=starts_on,
            ends_on=ends_on,
            granted_by=by,
            granted_at=at,
            reason=reason,
        )
        self.posts.append(post)
        return post

    def disable(self) -> None:
        """Shut the account and end its sessions; entries keep the name."""
        self.active = False
        self.end_sessions()

    def enable(self) -> None:
        self.active = True
        self.left_on = None

    def leave(self, on: date, *, by: Person, at: datetime, reason: str) -> None:
        """Gone from `on`: every post that still runs ends, and the account is shut."""
        for post in self.posts:
            if post.ends_on is None or post.ends_on > on:
                post.end(on=on, by=by, at=at, reason=reason)
        self.left_on = on
        self.disable()

    def take_password(self, hashed: str, *, at: datetime) -> None:
        """A password of the person's own choice; every other session ends."""
        self.password = hashed
        self.password_changed_at = at
        self.must_change_password = False
        self.end_sessions()

    def be_handed_password(self, hashed: str) -> None:
        """A one-time password: the next sign-in has to replace it."""
        self.password = hashed
        self.must_change_password = True
        self.end_sessions()

    def end_sessions(self) -> None:
        self.fs_uniquifier = secrets.token_hex(32)

    def has_role(self, role: Any) -> bool:
        """Always no: rights come from posts, never from Flask-Security's own roles."""
        return False

    def has_permission(self, permission: str) -> bool:
        return False


class Post(Base):
    """A post (岗位): one person, one unit, one role, from a day until another."""

    __tablename__ = "post"
    __table_args__ = (Index("ix_post_unit_id_role", "unit_id", "role"),)

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    role: Mapped[code]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    """The first day it is no longer held; None while it runs."""
    reason: Mapped[str] = mapped_column(default="")
    granted_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    """None: laid by a command (the first administrators, the demo)."""
    granted_at: Mapped[datetime] = mapped_column(default=now)
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str] = mapped_column(default="")

    person: Mapped[Person] = relationship(back_populates="posts", foreign_keys=[person_id])
    unit: Mapped[Unit] = relationship(lazy="joined", innerjoin=True)
    granted_by: Mapped[Person | None] = relationship(foreign_keys=[granted_by_id])
    ended_by: Mapped[Person | None] = relationship(foreign_keys=[ended_by_id])

    def __str__(self) -> str:
        return f"{self.unit.label} {self.role_label}"

    @property
    def role_label(self) -> str:
        return roles.label(self.role)

    def is_in_force(self, day: date) -> bool:
        """Whether it is held on `day` (Shanghai); never in a disabled unit."""
        return (
            self.starts_on <= day
            and (self.ends_on is None or day < self.ends_on)
            and self.unit.active
        )

    def overlaps(self, starts_on: date, ends_on: date | None) -> bool:
        """Whether it is held on some day of [starts_on, ends_on)."""
        return (
            self.ends_on is None or (starts_on < self.ends_on and self.starts_on < self.ends_on)
        ) and (ends_on is None or self.starts_on < ends_on)

    def end(self, *, on: date, by: Person | None, at: datetime, reason: str = "") -> None:
        """Held until the day before `on`. Raises ValueError if it had ended by then."""
        if self.ends_on is not None and self.ends_on <= on:
            raise ValueError(f"该岗位已于{self.ends_on:%Y-%m-%d}停止。")
        # One that had not begun by then is never held at all.
        self.ends_on = max(on, self.starts_on)
        self.ended_by, self.ended_at, self.end_reason = by, at, reason


class PostProposal(Base):
    """A post that a roster asks for: it waits until the security administrator has ruled."""

    __tablename__ = "post_proposal"
    __table_args__ = (UniqueConstraint("person_id", "unit_id", "role"),)

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    role: Mapped[code]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    proposed_at: Mapped[datetime] = mapped_column(default=now)
    ruled_at: Mapped[datetime | None]
    ruled_by_id: Mapped[int | None] = mapped_column(ForeignKey("person.id"))
    granted: Mapped[bool | None]

    person: Mapped[Person] = relationship(foreign_keys=[person_id])
    unit: Mapped[Unit] = relationship(lazy="joined", innerjoin=True)
    proposed_by: Mapped[Person] = relationship(foreign_keys=[proposed_by_id])

    @property
    def role_label(self) -> str:
        return roles.label(self.role)

    def rule(self, granted: bool, *, by: Person, at: datetime) -> None:
        self.granted, self.ruled_by_id, self.ruled_at = granted, by.id, at


class SignInAttempt(Base):
    """One try to sign in. Failed ones lock an account and slow an address down."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_username_at", "username", "at"),
        Index("ix_sign_in_attempt_address_at", "address", "at"),
    )

    id: Mapped[pk]
    at: Mapped[datetime]
    username: Mapped[str] = mapped_column(String(64))
    """The account name, or a keyed digest where there is no such account: people do type
    their password into the wrong field."""
    address: Mapped[str] = mapped_column(String(64), default="")
    success: Mapped[bool]
    locks_until: Mapped[datetime | None]
    """On the failure that locked the account: until when."""


class DutyShift(Base):
    """One turn of the duty roster (值班表): who keeps which office, from when until when."""

    __tablename__ = "duty_shift"
    __table_args__ = (Index("ix_duty_shift_unit_id_starts_at", "unit_id", "starts_at"),)

    id: Mapped[pk]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    line: Mapped[str] = mapped_column(String(40), default="")
    """Which line he answers (12345); '' for the duty of the whole office."""
    note: Mapped[str] = mapped_column(default="")

    unit: Mapped[Unit] = relationship()
    person: Mapped[Person] = relationship()

    def covers(self, at: datetime) -> bool:
        return self.starts_at <= at < self.ends_at


class Draft(Base):
    """What somebody has typed and not yet sent; ciphertext, since it may name anybody."""

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("person_id", "form_key"),)

    id: Mapped[pk]
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    form_key: Mapped[str]
    content: Mapped[long_text] = mapped_column(Secret("draft.content"))
    updated_at: Mapped[datetime] = mapped_column(default=now)


# Kept by every process (see directory); not what signing in writes down.
stamped("people", Unit, Post, DutyShift)
stamped(
    "people",
    Person,
    but=(
        "password",
        "last_login_at",
        "last_login_ip",
        "current_login_at",
        "current_login_ip",
        "login_count",
    ),
)
