"""Verbs of the first stretch: from registration to acceptance, or to an early end."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Self

from sqlalchemy import inspect

from ..catalogue.queries import catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, URGENCIES
from ..firms.names import fold
from ..people.actor import Actor
from ..people.models import Unit
from ..trail.act import columns_of
from .record import TITLE_LENGTH, AppealRecord, Invalid

if TYPE_CHECKING:
    from ..files.models import Attachment
    from ..firms.models import Firm
    from .parts import Assignment, ExternalOrder

QUERY_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No characters that are mistaken for one another when read aloud."""


@dataclass  # frozen, each field would be set at three times the cost
class Registration:
    """What is known of an appeal when it is logged. Moments carry their zone."""

    appellant_name: str
    content: str
    channel: str
    received_at: datetime
    appellant_type: str = "firm"
    title: str = ""
    kind: str = "help"
    urgency: str = "normal"
    category_id: int | None = None
    region_code: str = ""
    cross_region: bool = False
    uscc: str = ""
    industry: str = ""
    chain: str = ""
    white_list: bool = False
    confidential: bool = False
    real_name: bool = True
    contact_name: str = ""
    phone_given: str = "given"
    phone: str | None = None
    spot_name: str = ""
    spot_phone: str | None = None
    wish: str = ""
    place: str = ""
    route_from: str = ""
    route_to: str = ""
    goods: str = ""
    plates: str = ""
    stranded: bool = False
    stranded_since: datetime | None = None
    complained_unit: str = ""


CORRECTABLE: dict[str, str] = {
    "appellant_type": "主体类型",
    "appellant_name": "诉求主体",
    "contact_name": "联系人",
    "phone": "联系电话",
    "spot_name": "现场联系人",
    "spot_phone": "现场联系电话",
    "title": "标题",
    "content": "诉求内容",
    "wish": "诉求人期望",
    "kind": "诉求类型",
    "urgency": "紧急程度",
    "category_id": "诉求类别",
    "place": "地点",
    "route_from": "起点",
    "route_to": "终点",
    "goods": "货物",
    "plates": "车牌号",
    "uscc": "统一社会信用代码",
    "industry": "所属行业",
    "chain": "所属产业链",
    "complained_unit": "被反映单位",
    "confidential": "为诉求人保密",
    "cross_region": "跨区域事项",
}
"""Fields that 更正 may set, and what the screen calls them."""


def title_of(content: str) -> str:
    """A title from the first words: up to the first full stop or line, at most 30 characters."""
    first = content.strip().splitlines()[0] if content.strip() else ""
    for stop in "。！？；!?;":
        first = first.split(stop)[0]
    first = first.strip(" ，,、")
    return first if len(first) <= 30 else first[:29] + "…"


def query_code() -> str:
    """Six characters; that a few of a thousand million are likelier by a hair tells nobody."""
    drawn, code = int.from_bytes(secrets.token_bytes(12), "big"), ""
    for _ in range(6):
        drawn, place = divmod(drawn, len(QUERY_CODE_ALPHABET))
        code += QUERY_CODE_ALPHABET[place]
    return code


@cache
def _blanks_of(cls: type[AppealRecord]) -> dict[str, None]:
    """A new row's columns, lest they be looked for in the database."""
    return {
        attribute.key: None
        for attribute in inspect(cls).column_attrs
        if attribute.columns[0].default is None and not attribute.columns[0].primary_key
    }


class Intake(AppealRecord):
    """登记、补充、更正、受理、不予受理、合并、撤回."""

    __abstract__ = True

    @classmethod
    def register(
        cls,
        known: Registration,
        *,
        office: Unit,
        by: Actor,
        at: datetime,
        firm: Firm | None = None,
        attachments: Iterable[Attachment] = (),
        external_orders: Iterable[ExternalOrder] = (),
        happened_at: datetime | None = None,
        origin: AppealRecord | None = None,
    ) -> Self:
        """A new appeal of `office`, numbered, in state registered; of what `origin` left over.

        Raises Refused, or Invalid naming the field that is missing or makes no sense.
        """
        _check(known)
        appeal = cls._blank(known, office=office, by=by, at=at, firm=firm)
        with appeal.act("register", by=by, at=at, happened_at=happened_at) as act:
            act.begin_stream()
            if origin is not None:
                appeal.origin_id = origin.id
                act.data["origin"] = origin.number
            # Also where there are none: what was never set would be read back.
            appeal.add("attachments", attachments)
            appeal.add("external_orders", external_orders)
            if act.seat is not None:
                appeal.registrar_unit_id = act.seat.unit_id
            appeal.start_clock("accept", at, "登记")
        return appeal

    @classmethod
    def _blank(
        cls, known: Registration, *, office: Unit, by: Actor, at: datetime, firm: Firm | None
    ) -> Self:
        values = {**vars(known)}
        values["title"] = (known.title or title_of(known.content))[:TITLE_LENGTH]
        if known.stranded and known.urgency == "normal":
            values["urgency"] = "critical"
        appeal = cls()
        # As a loaded row is filled: there is no history to keep of what never was otherwise.
        vars(appeal).update(
            _blanks_of(cls),
            **values,
            office=office,
            office_id=office.id,
            firm=firm,
            firm_id=None if firm is None else firm.id,
            state="registered",
            round=1,
            version=0,
            attempts=0,
            reworks=0,
            joined_count=0,
            attempt_half_days="",
            undetermined=False,
            close_stopped=False,
            duty_unendorsed=False,
            details_asked=False,
            registered_at=at,
            registrar_id=by.id if by.kind == "person" else None,
            query_code=query_code(),
        )
        return appeal

    def supplement(
        self,
        words: str,
        *,
        by: Actor,
        at: datetime,
        attachments: Iterable[Attachment] = (),
        happened_at: datetime | None = None,
    ) -> None:
        files = list(attachments)
        if not words.strip() and not files:
            raise Invalid("words", "请填写补充内容或选择附件")
        with self.act("supplement", by=by, at=at, happened_at=happened_at) as act:
            act.texts["note"] = words
            if files:
                self.attachments.extend(files)
            if self.details_asked:
                self.details_asked = False
                self.details_question = ""

    def attach(self, attachments: Iterable[Attachment], *, by: Actor, at: datetime) -> None:
        files = list(attachments)
        if not files:
            raise Invalid("files", "请选择要上传的文件")
        with self.act("attach", by=by, at=at) as act:
            act.data["files"] = len(files)
            self.attachments.extend(files)

    def ask_details(
        self, question: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        if not question.strip():
            raise Invalid("question", "请写明需要补充什么")
        with self.act("ask_details", by=by, at=at, seen=seen):
            self.details_asked = True
            self.details_question = question

    def correct(
        self,
        changes: Mapping[str, object],
        reason: str,
        *,
        by: Actor,
        at: datetime,
        seen: int | None = None,
    ) -> None:
        """Set fields of CORRECTABLE anew; the old words stay readable in the entry.

        Raises Invalid where nothing changes. A changed urgency, kind or category moves the clock
        that runs until the hand-off; one already handed off is moved by 核定时限.
        """
        changed = {
            name: value for name, value in changes.items() if getattr(self, name) != value
        }
        if unknown := set(changed) - set(CORRECTABLE):
            raise TypeError(f"not correctable: {sorted(unknown)}")
        if not reason.strip():
            raise Invalid("reason", "请填写更正理由")
        if not changed:
            raise Invalid("reason", "没有任何栏目被修改")
        self._check_changes(changed)
        personal = {c.name for c in columns_of(type(self)) if c.kind == "personal"}
        with self.act("correct", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["fields"] = [*sorted(changed)]
            for name, value in changed.items():
                old = self.say(name)
                (act.personal if name in personal else act.texts)[f"old:{name}"] = old
                setattr(self, name, value)
                (act.personal if name in personal else act.texts)[f"new:{name}"] = self.say(name)
            if "phone" in changed:
                self.phone_given = "given" if self.phone else "none"
            if changed.keys() & {"urgency", "kind", "category_id", "cross_region"}:
                self._restart_hand_off_clock(at)

    def say(self, name: str) -> str:
        """A field's value as the screen says it."""
        value = getattr(self, name)
        if name == "category_id":
            return catalogue().category_name(value)
        words = {"kind": KINDS, "urgency": URGENCIES, "appellant_type": APPELLANT_TYPES}.get(name)
        if words is not None:
            return words[value]
        if isinstance(value, bool):
            return "是" if value else "否"
        return "" if value is None else str(value)

    def _check_changes(self, changed: Mapping[str, object]) -> None:
        for name in ("appellant_name", "content", "title"):
            if name in changed and not str(changed[name] or "").strip():
                raise Invalid(name, f"{CORRECTABLE[name]}不能为空")
        allowed = {"kind": KINDS, "urgency": URGENCIES, "appellant_type": APPELLANT_TYPES}
        for name, words in allowed.items():
            if name in changed and changed[name] not in words:
                raise Invalid(name, f"{CORRECTABLE[name]}不在可选范围内")

    def _restart_hand_off_clock(self, at: datetime) -> None:
        stage = {"registered": "accept", "accepted": "assign"}.get(self.state)
        for old in self.running(stage) if stage else []:
            if not old.spec:
                continue  # 核定时限: the office's own word stands
            old.end(at, "lapsed")
            self.start_clock(
                stage or "", at, self._hand_off_event(old.started_at), since=old.started_at
            )

    def _hand_off_event(self, since: datetime) -> str:
        """The word for what the hand-off's clock counts from."""
        return "登记" if since == self.registered_at else "重新计时"

    def accept(
        self,
        *,
        by: Actor,
        at: datetime,
        category_id: int | None,
        urgency: str,
        kind: str | None = None,
        appellant_type: str | None = None,
        note: str = "",
        happened_at: datetime | None = None,
        seen: int | None = None,
    ) -> None:
        """Needs appellant, category and urgency (design §3)."""
        kind = kind or self.kind
        appellant_type = appellant_type or self.appellant_type
        if category_id is None or category_id not in catalogue().categories:
            raise Invalid("category_id", "请选择诉求类别")
        if urgency not in URGENCIES:
            raise Invalid("urgency", "请选择紧急程度")
        if kind not in KINDS:
            raise Invalid("kind", "请选择诉求类型")
        if appellant_type == "unverified" or appellant_type not in APPELLANT_TYPES:
            raise Invalid("appellant_type", "请先核实诉求主体，选定主体类型")
        with self.act("accept", by=by, at=at, happened_at=happened_at, seen=seen) as act:
            act.texts["note"] = note
            self.state = "accepted"
            self.accepted_at = at
            self.category_id = category_id
            self.urgency = urgency
            self.kind = kind
            self.appellant_type = appellant_type
            was = min(self.running("accept"), key=lambda d: d.due_at, default=None)
            self.end_clocks(at, "accept")
            # One instant for both, counted from registration (or from the unmerging).
            since = was.started_at if was else self.registered_at
            fixed = was if was and not was.spec else None
            self.start_clock(
                "assign",
                at,
                self._hand_off_event(since),
                since=since,
                until=fixed.due_at if fixed else None,
                why=fixed.sentence if fixed else "",
            )
            if act.seat is not None and act.seat.role == "duty_officer":
                if urgency != "critical":
                    raise Invalid("urgency", "值班员只受理特急诉求，降为一般、紧急的留待办公室受理")
                self.duty_unendorsed = True

    def decline(
        self,
        reason_code: str,
        told: str,
        *,
        by: Actor,
        at: datetime,
        note: str = "",
        seen: int | None = None,
    ) -> None:
        """`told` says how and when the appellant was told; without it there is no declining."""
        _known_reason("decline", reason_code)
        if not told.strip():
            raise Invalid("told", "请写明何时、用什么方式告知了诉求人")
        with self.act("decline", by=by, at=at, seen=seen) as act:
            act.data["reason"] = reason_code
            act.texts["told"] = told
            act.texts["note"] = note
            self._release_all(at, "declined")
            self._end("declined", reason_code, at)

    def merge(
        self, master: Self, reason: str, *, by: Actor, at: datetime, seen: int | None = None
    ) -> None:
        """Same appellant, same matter; the number keeps resolving to its master."""
        if master.id == self.id:
            raise Invalid("master", "不能合并到本件自身")
        if not master.is_open:
            raise Invalid("master", f"主件{master.label}不在办，不能合并到该件")
        if master.office_id != self.office_id:
            raise Invalid("master", "只能合并到本办公室的诉求")
        if not self.same_appellant(master):
            raise Invalid("master", "诉求主体不同，请使用“并案办理”")
        with self.act("merge", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            act.data["master"] = master.number
            self._leave_master()
            self.master_id = master.id
            self._release_all(at, "merged")
            self._end("merged", "", at)

    def same_appellant(self, other: AppealRecord) -> bool:
        if self.firm_id is not None and self.firm_id == other.firm_id:
            return True
        if self.phone_index is not None and self.phone_index == other.phone_index:
            return True
        return (bool(self.uscc) and self.uscc == other.uscc) or (
            self.appellant_type == other.appellant_type
            and self.appellant_type not in ("anonymous", "unverified")
            and fold(self.appellant_name) == fold(other.appellant_name)
        )

    def unmerge(self, reason: str, *, by: Actor, at: datetime, seen: int | None = None) -> None:
        if not reason.strip():
            raise Invalid("reason", "请填写撤销合并的理由")
        with self.act("unmerge", by=by, at=at, seen=seen) as act:
            act.texts["reason"] = reason
            self.master_id = None
            self.ended_at = None
            self._forget_call()
            self._forget_answer()
            if self.accepted_at is None:
                self.state = "registered"
                self.start_clock("accept", at, "撤销合并")
            else:
                self.state = "accepted"
                self.lead_unit_id = None
                self.start_clock("assign", at, "撤销合并")

    def withdraw(
        self,
        way: str,
        reason: str,
        *,
        by: Actor,
        at: datetime,
        said: str = "",
        seen: int | None = None,
    ) -> None:
        """`way` is "appellant" (`said`: how the appellant said so) or "void" (number kept)."""
        if way not in ("appellant", "void"):
            raise Invalid("way", "请选择诉求人撤回或登记作废")
        if way == "appellant" and not said.strip():
            raise Invalid("said", "请写明诉求人何时、如何表示撤回")
        if not reason.strip():
            raise Invalid("reason", "请填写理由")
        with self.act("withdraw", by=by, at=at, seen=seen) as act:
            act.data["reason"] = way
            act.texts["reason"] = reason
            act.texts["told"] = said
            self._release_all(at, "withdrawn")
            self._end("withdrawn", way, at)

    def _end(self, state: str, reason_code: str, at: datetime) -> None:
        self.state = state
        self.ended_at = at
        self.end_reason = reason_code
        self.held_from = ""
        self.hold_review_on = None
        self.hold_reason = None
        self.end_coordination()
        self.lapse_clocks(at)
        for paused in self.deadlines:
            if paused.ended_as == "paused":
                paused.ended_as = "lapsed"

    def end_coordination(self) -> None:
        """Inside the act of whatever deals with what is put before the leaders, or ends it."""
        if not self.coordination_asked:
            return
        self.coordination_asked = False
        self.coordination_at = None
        self.coordination_by_id = None
        self.difficulty = self.proposal = self.proposed_leader = None

    def _forget_call(self) -> None:
        """A call-back that the appeal went back behind decides nothing any more."""
        self.caller_id = None
        self.upholder_id = None
        self.undetermined = False
        self.upheld_for = ""
        self.call_exempt = False
        self.close_stopped = False
        self.satisfaction = ""
        self.solved = ""
        self.reached = None
        self.contacted = None
        self.attempts = 0
        self.attempt_half_days = ""

    def _forget_answer(self) -> None:
        """Another will be given: the firm hears it anew, and it is judged anew."""
        self.told_at = None
        self.on_time = None
        self.on_time_original = None

    def _release_all(self, at: datetime, reason: str) -> None:
        """Open assignments are released, open requests lapse."""
        for assignment in self.assignments:
            if assignment.is_open:
                assignment.state = "released"
                assignment.released_at = at
                assignment.release_reason = reason
        self._lapse_requests()

    def _lapse_requests(self, given: Assignment | None = None) -> None:
        """What was asked, about one assignment or at all, needs no ruling any more."""
        if not (self.asked or self.asked_below):
            return
        for request in self.requests:
            if request.state == "asked" and (given is None or given.id == request.assignment_id):
                request.state = "lapsed"


def _known_reason(kind: str, reason_code: str) -> None:
    found = catalogue().reasons.get((kind, reason_code))
    if found is None or not found.active:
        raise Invalid("reason_code", "请选择理由")


def _check(known: Registration) -> None:
    if not known.appellant_name.strip():
        raise Invalid("appellant_name", "请填写诉求主体；暂不清楚的填“待核实”")
    if not known.content.strip():
        raise Invalid("content", "请填写诉求内容")
    channel = catalogue().channels.get(known.channel)
    if channel is None or not channel.active:
        raise Invalid("channel", "请选择来源渠道")
    for name, words in (
        ("kind", KINDS),
        ("urgency", URGENCIES),
        ("appellant_type", APPELLANT_TYPES),
        ("phone_given", {"given": "", "withheld": "", "none": ""}),
    ):
        if getattr(known, name) not in words:
            raise Invalid(name, "所选内容不在可选范围内")
    if known.phone_given == "given" and not known.phone:
        raise Invalid("phone", "请填写联系电话，或选择“保密”“未留”")
    for name, value in vars(known).items():
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(f"{name} needs its zone")
