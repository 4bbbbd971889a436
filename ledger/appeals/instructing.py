"""批示 and 批示办理情况: a leader's word on an appeal, and what the named units did about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from ..config import SHANGHAI
from ..people.actor import Actor, Seat
from ..people.models import Unit
from .instructions import SOURCES, UNIT_READERS, Instruction, InstructionUnit
from .opening import Opening
from .record import Invalid, Refused

if TYPE_CHECKING:
    from ..files.models import Attachment

NOT_ADDRESSED = "没有交您所在单位办理的批示。"


class Instructing(Opening):
    """批示、回复批示."""

    __abstract__ = True

    if TYPE_CHECKING:
        from sqlalchemy.orm import Mapped

        instructions: Mapped[list[Instruction]]
        instruction_units: Mapped[list[InstructionUnit]]

    def instruct(
        self,
        words: str,
        units: Sequence[Unit],
        *,
        by: Actor,
        at: datetime,
        reply_by: date | None = None,
        source: str = "",
        leader: tuple[int | None, str] = (None, ""),
        dated_on: date | None = None,
        attachments: Iterable[Attachment] = (),
    ) -> None:
        """批示, put to `units`. A manager's is his own; the office records on behalf (代录), with
        the `source` by which it came, the `leader` (his id where he has an account, and his
        name), the day on it, and of what came on paper the photograph."""
        files, today = list(attachments), at.astimezone(SHANGHAI).date()
        if not words.strip():
            raise Invalid("words", "请填写批示内容")
        if not units:
            raise Invalid("instructed_ids", "请选择由哪些单位办理")
        for unit in units:
            if not unit.active:
                raise Invalid("instructed_ids", f"“{unit.name}”已停用，请另选单位")
        if reply_by is not None and reply_by < today:
            raise Invalid("reply_by", "反馈期限不能早于今天")
        verdict = self.may("instruct", by, at)
        if not verdict:
            raise Refused(verdict.status, verdict.reason)
        own = verdict.seat is not None and verdict.seat.role == "manager"
        if own:
            source, leader, dated_on = "", (by.id, by.name), today
        else:
            self._check_recorded(source, leader[1], dated_on, today, files)
        with self.act("instruct", by=by, at=at, on_behalf=source) as act:
            act.data["units"] = [unit.name for unit in units]
            instruction = Instruction(
                office_id=self.office_id,
                leader_id=leader[0],
                leader_name=leader[1],
                dated_on=dated_on,
                source=source,
                words=words,
                reply_by=reply_by,
                entry_seq=(self.version or 0) + 1,
            )
            self.instructed = True
            self.end_coordination()  # it was put before the leaders, and here is their word
            self.instructions.append(instruction)
            self.instruction_units.extend(
                InstructionUnit(instruction=instruction, unit_id=unit.id) for unit in units
            )
            self.attachments.extend(files)

    @staticmethod
    def _check_recorded(
        source: str,
        leader_name: str,
        dated_on: date | None,
        today: date,
        files: Sequence[Attachment],
    ) -> None:
        if source not in SOURCES:
            raise Invalid("source", "请选择批示是怎样收到的")
        if not leader_name.strip():
            raise Invalid("leader_name", "请选择批示领导，或填写姓名和职务")
        if dated_on is None:
            raise Invalid("dated_on", "请填写批示日期")
        if dated_on > today:
            raise Invalid("dated_on", "批示日期不能晚于今天")
        if source == "paper" and not files:
            raise Invalid("files", "代录纸质批示的，请上传批示原件的照片")

    def reply_instruction(
        self,
        named_id: int,
        words: str,
        *,
        by: Actor,
        at: datetime,
        attachments: Iterable[Attachment] = (),
    ) -> None:
        """批示办理情况, of the unit in this row of `instruction_units`. A later one stands in the
        place of the former, which stays in the trail."""
        if not words.strip():
            raise Invalid("words", "请填写批示办理情况")
        files = list(attachments)
        named = next((one for one in self.instruction_units if one.id == named_id), None)
        seat = None if named is None else _seat_in(by, named.unit_id)
        if named is None or seat is None:
            raise Refused(403, NOT_ADDRESSED)
        with self.act("reply", by=by, at=at) as act:
            act.seat = seat
            seq = (self.version or 0) + 1
            act.data["instruction"] = named.instruction.entry_seq
            named.replied_at = at
            named.replied_by_id = by.id
            named.words = words
            named.seqs = f"{named.seqs} {seq}".strip()
            self.attachments.extend(files)


def _seat_in(by: Actor, unit_id: int) -> Seat | None:
    return next((seat for seat in by.seats_as(*UNIT_READERS) if seat.unit_id == unit_id), None)
