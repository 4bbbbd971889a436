"""抄送: units and leaders who may read an appeal, and do nothing about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..db import db
from ..deadlines.calendar import local_day
from ..people.actor import Actor
from ..people.directory import directory
from ..people.models import Person, Unit
from .intake import Intake
from .parts import Copy
from .record import Invalid, Refused


@dataclass(frozen=True)
class Readers:
    """To whom an appeal is copied. A person is named for a post of his: a leader."""

    units: Sequence[Unit] = ()
    leaders: Sequence[Person] = ()

    def __bool__(self) -> bool:
        return bool(self.units or self.leaders)

    @property
    def names(self) -> list[str]:
        return [*(unit.name for unit in self.units), *(one.name for one in self.leaders)]


class Copying(Intake):
    """抄送、取消抄送."""

    __abstract__ = True

    def copy(
        self,
        readers: Readers,
        *,
        by: Actor,
        at: datetime,
        note: str = "",
        seen: int | None = None,
    ) -> None:
        if not readers:
            raise Invalid("reader_ids", "请选择抄送的单位或领导")
        self._check_readers(readers, at)
        with self.act("copy", by=by, at=at, seen=seen) as act:
            act.data["readers"] = list(readers.names)
            act.texts["note"] = note
            self._copy_to(readers, by, at)

    def uncopy(
        self,
        copy_ids: Sequence[int],
        reason: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """They do not see it any more, unless in another right."""
        if not reason.strip():
            raise Invalid("reason", "请填写取消抄送的理由")
        wanted = set(copy_ids)
        with self.act("uncopy", by=by, at=at, seen=seen) as act:
            found = [one for one in self.copies if one.stands and one.id in wanted]
            if not found or len(found) < len(wanted):
                raise Invalid("copy_ids", "所选抄送已经取消或不存在，请重新选择")
            act.data["readers"] = [self._reader_name(one) for one in found]
            act.texts["reason"] = reason
            for one in found:
                one.ended_at = at

    def _may_copy_along(
        self, readers: Readers, given: Sequence[Unit], by: Actor, at: datetime
    ) -> None:
        """With a hand-off to these units: whoever could do the verb of its own."""
        if not readers:
            return
        verdict = self.may("copy", by, at)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        self._check_readers(readers, at)
        for unit in readers.units:
            if unit in given:
                raise Invalid("reader_ids", f"“{unit.name}”承办本件，不必抄送，请取消选择")

    def _copy_to(self, readers: Readers, by: Actor, at: datetime) -> None:
        given = {"copied_at": at, "copied_by_id": by.id}
        self.copies.extend(Copy(unit_id=unit.id, **given) for unit in readers.units)
        self.copies.extend(Copy(person_id=one.id, **given) for one in readers.leaders)

    @staticmethod
    def _reader_name(copy: Copy) -> str:
        if copy.unit_id is not None:
            return directory().units[copy.unit_id].name
        return db.session.get_one(Person, copy.person_id).name

    def _check_readers(self, readers: Readers, at: datetime) -> None:
        units = {one.unit_id for one in self.copies if one.stands}
        leaders = {one.person_id for one in self.copies if one.stands}
        handling = {one.unit_id for one in self.assignments if one.is_open}
        day = local_day(at)
        for unit in readers.units:
            if not unit.active:
                raise Invalid("reader_ids", f"“{unit.name}”已停用，请取消选择")
            if unit.id == self.office_id:
                raise Invalid("reader_ids", "不必抄送给本办公室自身，请取消选择")
            if unit.id in handling:
                raise Invalid("reader_ids", f"“{unit.name}”正在办理本件，不必抄送")
            if unit.id in units:
                raise Invalid("reader_ids", f"已抄送“{unit.name}”，不必重复抄送")
        for leader in readers.leaders:
            if "manager" not in leader.roles_at(day):
                raise Invalid("reader_ids", f"“{leader.name}”没有领导岗位，请取消选择")
            if leader.id in leaders:
                raise Invalid("reader_ids", f"已抄送“{leader.name}”，不必重复抄送")
