"""The trail told to a reader: from entries to lines of 办理记录. Pure.

Entries are told in their order, since each says only what it changed: a replay runs along, so
that an answer given anew tells its outcome also where it is the same as before. What a reader
may not know is told by its label and 按规定不予显示; what was erased by law, as 〔已依法删除〕.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from ..catalogue.words import APPELLANT_TYPES, KINDS, SATISFACTION, SOLVED, URGENCIES
from ..deadlines.clocks import shown, shown_end
from ..deadlines.limits import STAGES
from ..deadlines.rhythm import ONCE, RHYTHMS
from ..firms.phones import mask
from ..people.roles import LABELS as ROLES
from ..trail.replay import Rows, apply_body, read
from . import beyond_story, outcomes, urging
from .lifecycle import BY_CODE, STATES
from .lifecycle import ON_BEHALF as BY_OFFICE

WITHHELD = "按规定不予显示"
UNSIGNED = "未经承办单位负责人审签，不予显示"

WITHDRAWALS: dict[str, str] = {"appellant": "诉求人撤回", "void": "登记作废"}

ON_BEHALF: dict[str, str] = {
    "phone": "电话",
    "wechat": "微信",
    "paper": "纸质",
    "fax": "传真",
    "visit": "当面",
    "sheet": "反馈表",
}
"""By which way a unit that works offline said it."""

FIELDS: dict[str, str] = {
    "details_question": "需要补充",
    "public_reply": "对企业的答复",
    "account": "内部办理情况",
    "evidence": "佐证",
    "particulars": "办理结果要件",
    "note": "交办意见",
    "handler_name": "经办人",
    "handler_phone": "经办人电话",
    "sent_back_for": "退回理由",
    "basis": "依据",
    "ruling": "裁定意见",
    "signing_note": "退回意见",
    "party": "对方单位",
    "summary": "主要内容",
    "reply": "回复内容",
    "difficulty": "困难",
    "proposal": "建议",
    "proposed_leader": "建议牵头领导",
    "venue": "会商地点",
    "participants": "参加人员",
    "conclusion": "会商结论",
    "done_words": "落实情况",
    "spoken_to": "催办对象",
    "urging": "催办内容",
    "urge_answer": "对方答复",
    "paper_text": "正文",
    "demand": "要求",
    "meeting_place": "约谈地点",
    "summoned": "约谈对象",
    "unit_reply": "回复",
    "withdrawn_for": "撤销理由",
}
"""Columns that no correction sets, as the screen calls them."""

IDENTITY = frozenset(
    {
        "appellant_name",
        "contact_name",
        "phone",
        "spot_name",
        "spot_phone",
        "plates",
        "uscc",
        "raw",
    }
)
"""What tells who the appellant is."""

NEVER_TOLD = frozenset({"query_code", "raw"})
"""Kept in the ink, but no part of the story: the firm's own key, and a file's row as it came."""

SPOKEN_WITH = frozenset({"attempt", "tell", "decline", "withdraw"})
"""Verbs whose notes tell of a talk with the appellant, often by name."""

FIRST = ("account", "public_reply", "particulars", "evidence")
"""What an answer says comes before everything else."""

WORDS: dict[str, str] = {
    "note": "说明",
    "reason": "理由",
    "told": "告知情况",
    "basis": "依据",
    "ruling": "裁定意见",
    "counterpart": "对方",
    "counterpart_phone": "对方电话",
    "source_note": "代录说明",
}
"""Words that belong to an entry alone."""

NOTES: dict[tuple[str, str], str] = {
    ("supplement", "note"): "补充内容",
    ("contact", "note"): "联系情况",
    ("relay", "note"): "联系情况",
    ("progress", "note"): "进展情况",
    ("attempt", "note"): "联系情况",
    ("call_back", "note"): "诉求人意见",
    ("tell", "note"): "告知情况",
    ("recur", "note"): "再次反映",
    ("review", "note"): "审核意见",
    ("accept", "note"): "受理意见",
    ("close", "note"): "销号意见",
    ("close", "counterpart"): "签批人",
    ("endorse", "note"): "追认意见",
    ("sign_off", "note"): "审签意见",
    ("set_due", "reason"): "核定理由",
    ("recall", "reason"): "收回理由",
    ("reopen", "reason"): "撤销理由",
    ("refuse_closing", "reason"): "不予销号理由",
    ("recompute", "reason"): "重算理由",
    ("count_stated", "reason"): "认可理由",
    ("send_back", "reason"): "退回理由",
    ("send_back_assist", "reason"): "退回理由",
    ("withdraw", "told"): "诉求人表示",
    ("uphold", "basis"): "认定依据",
    ("ask_return", "basis"): "退单依据",
    ("ask_extension", "basis"): "延期理由",
    ("rule_extension", "ruling"): "审批意见",
    ("rule_child_extension", "ruling"): "审批意见",
    ("send_back_child", "reason"): "退回理由",
    ("pass_on", "note"): "转办意见",
    ("ask_hold", "basis"): "挂账理由",
    ("rule_hold", "ruling"): "审批意见",
    ("review_hold", "note"): "复核情况",
    ("note_reply", "note"): "跟进情况",
    ("erase", "basis"): "法律依据",
}

ASSIGNED_WITH = {"pass_on": "note", "call_back": "note", "refuse_closing": "reason"}
"""Of verbs that hand an appeal out again, which of their words stand on the new assignment."""

LEAVES = frozenset({"call_back", "send_back", "refuse_closing"})
"""What has a joined appeal handled again, alone."""

RULINGS: dict[tuple[str, bool], str] = {
    ("rule_return", True): "同意退单（改派）",
    ("rule_return", False): "不同意退单（请继续办理）",
    ("rule_extension", True): "同意延期",
    ("rule_extension", False): "不同意延期",
    ("rule_child_return", True): "同意退单",
    ("rule_child_return", False): "不同意退单（请继续办理）",
    ("rule_child_extension", True): "同意延期",
    ("rule_child_extension", False): "不同意延期",
    ("rule_hold", True): "同意挂账",
    ("rule_hold", False): "不同意挂账",
}
"""By verb, and whether it was granted."""

CHILDREN = frozenset(
    {
        "waive_child",
        "release_child",
        "send_back_child",
        "rule_child_return",
        "rule_child_extension",
    }
)
"""What is done to what was passed on."""
MASTERS = {"join": "主件", "follow": "主件"}
"""What the appeal that an entry names is to this one; else it was merged into it."""

INSTRUCTED: dict[tuple[str, str], str] = {
    ("instruction", "leader_name"): "批示领导",
    ("instruction", "words"): "批示内容",
    ("instruction_unit", "words"): "批示办理情况",
}
"""By table and column."""

REASONS = {
    "decline": "decline",
    "send_back": "send_back",
    "uphold": "uphold",
    "refuse_closing": "refuse",
    "recall": "recall",
    "reopen": "reopen",
    "hold": "hold",
    "ask_return": "return",
    "ask_extension": "extension",
    "ask_hold": "hold",
}
"""Verb → the catalogue's kind of reason."""


class Names(Protocol):
    """What a catalogue says for its codes."""

    def category_name(self, category_id: int | None) -> str: ...
    def channel_name(self, code: str) -> str: ...
    def outcome_name(self, code: str) -> str: ...
    def reason_name(self, kind: str, code: str) -> str: ...


class Text(NamedTuple):
    """The words behind a commitment. `personal`: kept as ciphertext; `erased`: by law."""

    words: str
    personal: bool = False
    erased: bool = False


class Ink(NamedTuple):
    """An entry, read: its columns, and its texts by place."""

    seq: int
    at: datetime
    happened_at: datetime
    form: int
    verb: str
    from_state: str
    to_state: str
    round: int
    assignment_id: int | None
    actor_kind: str
    actor_name: str
    post_unit: str
    post_role: str
    on_behalf: str
    payload: str
    texts: Mapping[str, Text] = MappingProxyType({})


class Told(NamedTuple):
    """One labelled piece of an entry. `quiet`: withheld or erased; `old` where it was corrected."""

    label: str
    words: str
    quiet: bool = False
    old: str | None = None


class Line(NamedTuple):
    """One line of 办理记录."""

    seq: int
    at: datetime
    happened_at: datetime | None
    """Only where it differs from `at`: 补录."""
    verb: str
    label: str
    who: str
    post: str
    from_label: str
    to_label: str
    """Both empty where the state did not change."""
    round: int
    on_behalf: str
    by_system: bool
    told: tuple[Told, ...] = ()
    more: tuple[Told, ...] = ()
    """What is folded away: the registration's own words, which the page shows above."""
    withheld: bool = False
    """Nothing of it is told but its number."""

    @property
    def sentence(self) -> str:
        """For whoever finds that something changed: 2026-11-20 09:30 周交办（专班办公室·交办员）
        受理，状态变为“待交办”。"""
        if self.withheld:
            return f"第{self.seq}号记录：{WITHHELD}。"
        post = f"（{self.post}）" if self.post else ""
        moved = f"，状态变为“{self.to_label}”" if self.to_label else ""
        said = "；".join(
            f"{told.label}：{told.old} → {told.words}" if told.old is not None
            else f"{told.label}：{told.words}"
            for told in self.told
            if len(told.words) <= 80
        )
        return f"{shown(self.at)} {self.who}{post}{self.label}{moved}。{said}"


@dataclass(frozen=True)
class Reader:
    """What the telling leans on, and what the reader may know."""

    names: Names
    fields: Mapping[str, str]
    """Correctable columns and what the screen calls them, in the form's order."""
    ways: Mapping[str, str]
    """How somebody was reached."""
    knows_identity: bool
    unit_name: Callable[[int], str] = str
    unread: frozenset[int] = frozenset()
    """Assignments whose answers he may not read before they are signed."""
    withheld: frozenset[int] = frozenset()
    """Numbers of entries of which the reader sees no more."""

    @cached_property
    def called(self) -> dict[str, str]:
        """Every column that is told, and what the screen calls it."""
        return {**self.fields, **FIELDS}

    @cached_property
    def order(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.called)}


def tell(entries: Iterable[Ink], reader: Reader) -> list[Line]:
    """The lines of a stream, in its order."""
    rows: Rows = {}
    lines: list[Line] = []
    drafts: dict[int | None, tuple[int, Line]] = {}
    for ink in entries:
        if ink.seq in reader.withheld:
            # What it set is its own alone: no later entry is told by it.
            lines.append(_untold(ink))
            continue
        # Only acceptance tells what it changed from what it left as it was.
        before = dict(rows.get("appeal", {}).get("", {})) if ink.verb == "accept" else {}
        body = read(ink.form, ink.payload)
        apply_body(rows, body, {place: text.words for place, text in ink.texts.items()})
        line = _Teller(ink, body, rows, before, reader).line()
        if ink.assignment_id in reader.unread:
            if "drafted_at" in _row(body.get("set", {}), "assignment"):
                drafts[ink.assignment_id] = (len(lines), line)
                line = _kept_back(line)
            elif ink.verb == "sign_off" and not body.get("data", {}).get("sent"):
                line = _kept_back(line)
            elif ink.verb == "sign_off" and ink.assignment_id in drafts:
                place, whole = drafts.pop(ink.assignment_id)
                lines[place] = whole
        lines.append(line)
    return lines


def _kept_back(line: Line) -> Line:
    return line._replace(told=(Told("内容", UNSIGNED, quiet=True),), more=())


def _untold(ink: Ink) -> Line:
    nobody = Line(
        seq=ink.seq, at=ink.at, happened_at=None, verb="", label=WITHHELD, who="", post="",
        from_label="", to_label="", round=ink.round, on_behalf="", by_system=False,
    )  # fmt: skip
    return nobody._replace(withheld=True)


class _Teller:
    """One entry's line. `rows` are as the entry left them, `before` the appeal's row until then."""

    def __init__(
        self,
        ink: Ink,
        body: Mapping[str, Any],
        rows: Rows,
        before: dict[str, Any],
        reader: Reader,
    ) -> None:
        self.ink = ink
        self.rows = rows
        self.before = before
        self.reader = reader
        self.names = reader.names
        self.knows = reader.knows_identity
        self.fields = reader.called
        self.order = reader.order
        self.data: dict[str, Any] = body.get("data", {})
        self.set: dict[str, Any] = body.get("set", {})
        self.told: list[Told] = []
        self.more: list[Told] = []

    def line(self) -> Line:
        ink = self.ink
        self._facts()
        if ink.verb == "correct":
            self._corrections()
        self._texts()
        moved = ink.from_state != ink.to_state
        who = ink.actor_name or "系统"
        if ink.actor_kind == "firm" and not self.knows:
            who = "诉求人"
        return Line(
            seq=ink.seq,
            at=ink.at,
            happened_at=None if ink.happened_at == ink.at else ink.happened_at,
            verb=ink.verb,
            label=self._label_of_verb(),
            who=who,
            post=self._post(),
            from_label=STATES.get(ink.from_state, "") if moved else "",
            to_label=STATES.get(ink.to_state, "") if moved else "",
            round=ink.round,
            on_behalf=ON_BEHALF.get(ink.on_behalf, ink.on_behalf),
            by_system=ink.actor_kind == "system",
            told=tuple(self.told),
            more=tuple(self.more),
        )

    def _label_of_verb(self) -> str:
        verb = self.ink.verb
        if self.ink.on_behalf and verb in BY_OFFICE:
            return BY_OFFICE[verb]
        if verb == "reply" and "instruction" in self.data:
            return "回复批示"
        if verb == "answer" and self._assignment("part") == "assist":
            return "协办反馈"
        if verb == "answer" and self._assignment("part") == "child":
            return "转办反馈"
        if done := urging.DONE.get(str(self.data.get("done", ""))):
            return f"{done}{urging.PAPERS.get(str(self.data.get('kind')), '')}"
        kind = BY_CODE.get(verb)
        return kind.done if kind else verb

    def _post(self) -> str:
        role = ROLES.get(self.ink.post_role, "")
        return "·".join(part for part in (self.ink.post_unit, role) if part)

    # -- facts -----------------------------------------------------------------------------

    def _say(self, label: str, words: str) -> None:
        if words:
            self.told.append(Told(label, words))

    def _facts(self) -> None:
        """What the entry's data and plain columns say, by verb."""
        data, verb = self.data, self.ink.verb
        appeal: dict[str, Any] = self.set.get("appeal", {}).get("", {})
        if self.ink.on_behalf and verb in BY_OFFICE and self.ink.assignment_id is not None:
            self._say("承办单位", self.reader.unit_name(int(self._assignment("unit_id") or 0)))
        if verb == "register":
            self._say("来源渠道", self.names.channel_name(appeal.get("channel", "")))
            received = _moment(appeal.get("received_at"))
            if received is not None and shown(received) != shown(self.ink.at):
                self._say("收到时间", shown(received))
        if verb == "accept":
            for name in ("category_id", "kind", "urgency", "appellant_type"):
                value = self.rows["appeal"][""].get(name)
                if name in ("category_id", "urgency") or value != self.before.get(name):
                    self._say(self.fields[name], self._value(name, value))
        if verb == "assign":
            self._say("主办单位", str(data.get("unit", "")))
            self._say("协办单位", "、".join(data.get("assists", ())))
            self._say("文号", self._assignment("letter_number"))
            self._say("应办结", self._due("answer", "rework"))
            self._say("协办应反馈", self._due("assist"))
            self._say("反馈频次", self._rhythm())
            self._say("抄送", "、".join(data.get("readers", ())))
        if verb in ("copy", "uncopy"):
            self._say("抄送" if verb == "copy" else "取消", "、".join(data.get("readers", ())))
        if verb == "pass_on":
            self._say("下级单位", "、".join(data.get("units", ())))
            self._say("文号", str(_new(self.set, "assignment").get("letter_number") or ""))
            self._say("应反馈", self._due("child"))
            self._say("反馈频次", self._rhythm())
        if verb in CHILDREN:
            self._say("下级单位", str(data.get("unit", "")))
            self._say("应反馈", self._due("child") if verb == "send_back_child" else "")
        if verb == "add_assist":
            self._say("反馈频次", self._rhythm())
            self._say("协办单位", "、".join(data.get("assists", ())))
            self._say("文号", self._assignment("letter_number"))
            self._say("应反馈", self._due("assist"))
        if verb in ("release_assist", "waive", "send_back_assist"):
            self._say("协办单位", str(data.get("unit", "")))
            self._say("应反馈", self._due("assist"))
        if verb == "change_lead":
            self._say("原主办单位", str(data.get("former", "")))
            self._say("主办单位", str(data.get("unit", "")))
            self._say("文号", self._assignment("letter_number"))
            self._say("应办结", self._due("answer", "rework"))
        if verb == "recall":
            self._say("同时解除协办", "、".join(data.get("assists", ())))
        if (verb, True) in RULINGS:
            self._ruling()
        if (told := beyond_story.TOLD.get(verb)) is not None:
            for label, words in told(data, self.set, self.rows, ink_texts(self.ink)):
                self._say(label, words)
        if verb == "instruct":
            self._instruction()
        if verb == "reply" and (seq := data.get("instruction")):
            self._say("回复", f"第{seq}号记录的批示")
        if verb == "set_due":
            self._say("协办单位", str(data.get("unit", "")))
        extended = verb in ("rule_extension", "rule_child_extension") and data.get("granted")
        if verb == "set_due" or extended:
            self._new_due()
        if verb == "ask_extension":
            self._asked_until()
        if verb == "recompute":
            self._recomputed()
        if verb == "count_stated":
            self._counted()
        if verb == "sign_off":
            self._say("审签", "同意报送" if data.get("sent") else "退回经办人")
        if verb == "answer" and "drafted_at" in _row(self.set, "assignment"):
            self._say("报送", "报本单位负责人审签")
        if verb == "answer" or (verb == "sign_off" and data.get("sent")):
            self._say("办理结果", self.names.outcome_name(self._assignment("outcome")))
        if verb == "sign_for":
            self._say("经办人", self._assignment("handler_name"))
        if verb == "answer_directly":
            outcome = self.rows["appeal"][""].get("outcome", "")
            self._say("办理结果", self.names.outcome_name(outcome))
        if verb == "progress":
            planned = _moment(_row(self.set, "assignment").get("planned_at"))
            self._say("计划办结", shown(planned) if planned else "")
        if verb == "receive":
            self._say("签收单位", self.reader.unit_name(int(self._assignment("unit_id") or 0)))
        if verb in ("urge", "order", "reply"):
            self._supervised()
        review_on = appeal.get("hold_review_on")
        if review_on:
            self._say("下次复核", str(review_on))
        if "on_time" in appeal:
            self._say("按期反馈", _in_time(self.rows["appeal"][""]))
        if verb == "review" and appeal.get("call_exempt"):
            self._say("回访", "免回访（咨询件未抽中）")
        if verb == "call_back" and appeal.get("undetermined"):
            self._say("下一步", "不再重办，待认定")
        self._data()

    def _ruling(self) -> None:
        label = "裁定" if self.ink.verb.endswith("return") else "审批"
        self._say(label, RULINGS[self.ink.verb, bool(self.data.get("granted"))])
        if self.data.get("joint_study"):
            self._say("会商研究", "本轮再次退单，经会商研究，本裁定为最终意见")
        if conference := self.data.get("conference"):
            self._say("依据", beyond_story.conference(self.rows, conference))
        unit = self.data.get("unit")
        if unit and self.ink.verb not in CHILDREN:
            self._say("主办单位", str(unit))
            self._say("文号", str(_new(self.set, "assignment").get("letter_number") or ""))
            self._say("应办结", self._due("answer", "rework"))

    def _supervised(self) -> None:
        data = self.data
        self._say("方式", urging.WAYS.get(str(data.get("urge_way", "")), ""))
        self._say("文书", str(data.get("paper", "")))
        self._say("单位", str(data.get("unit", "")))
        paper, urged = _row(self.set, "supervision_paper"), _row(self.set, "supervision_urge")
        self._say("文号", str(paper.get("letter_number") or ""))
        for label, raw in (
            ("回复时限", paper.get("reply_due_at")),
            ("约谈时间", paper.get("meeting_at")),
            ("承诺办结", urged.get("promised_at")),
        ):
            moment = _moment(raw)
            self._say(label, shown_end(moment) if moment else "")
        self._say("注意", "逾期回复" if data.get("late") else "")

    def _asked_until(self) -> None:
        row = _row(self.set, "request")
        until = _moment(row.get("proposed_at"))
        self._say("申请延至", shown_end(until) if until else "")
        self._say("已向企业说明", "是" if row.get("firm_told") else "")
        self._say("审批人", "由领导审批" if row.get("by_manager") else "")

    def _instruction(self) -> None:
        row = _row(self.set, "instruction")
        self._say("批示日期", str(row.get("dated_on") or ""))
        self._say("办理单位", "、".join(self.data.get("units", ())))
        self._say("反馈期限", str(row.get("reply_by") or ""))

    def _data(self) -> None:
        data, verb = self.data, self.ink.verb
        if way := data.get("way"):
            self._say("方式", self.reader.ways.get(way, way))
        if "contacted" in data:
            self._say("承办单位是否联系", "是" if data["contacted"] else "否")
        if solved := data.get("solved"):
            self._say("是否解决", SOLVED.get(solved, solved))
        if satisfaction := data.get("satisfaction"):
            self._say("是否满意", SATISFACTION.get(satisfaction, satisfaction))
        if reason := data.get("reason"):
            kind = REASONS.get(verb, "")
            words = WITHDRAWALS.get(reason) if verb == "withdraw" else None
            self._say("情形", words or self.names.reason_name(kind, reason))
        if master := data.get("master"):
            self._say(MASTERS.get(verb, "合并到"), str(master))
        self._joined()
        self._say("关联诉求", str(data.get("remainder", "")))
        self._say("由此件遗留问题登记", str(data.get("origin", "")))
        if data.get("receipt"):
            self._say("注意", "答复只是回执，经再次提交确认")
        if data.get("suggests_order"):
            self._say("提示", "重办次数已达规定，建议发督办单")
        self._attachments()
        self._say("签批日期", str(data.get("signed_on") or ""))
        if data.get("closer_in_unit"):
            self._say("注意", "销号人人事关系在承办单位")
        if erases := data.get("erases"):
            seqs = sorted({item["seq"] for item in erases})
            self._say("涉及记录", "、".join(f"第{seq}号" for seq in seqs))

    def _joined(self) -> None:
        """What an appeal follows its master in, and what the master's own trail tells of them."""
        data, verb = self.data, self.ink.verb
        if verb == "unjoin":
            self._say("原主件", str(data.get("former", "")))
        if verb in LEAVES and _left_master(self.set):
            self._say("并案", "不再随原主件办理，由本件单独办理")
        if verb == "gather":
            self._say("并入本件", "、".join(data.get("joined", ())))
            self._say("不再并入本件", "、".join(data.get("left", ())))
        if verb == "follow":
            step = BY_CODE.get(str(data.get("step", "")))
            said = f"{step.done}（{data['by']}）" if step and data.get("by") else ""
            self._say("主件办理", said)
            self._say("主办单位", str(data.get("unit", "")))
            due = _moment(data.get("due"))
            self._say("应办结", shown_end(due) if due and due.year < 9000 else "")

    def _attachments(self) -> None:
        """The names of the files that came with the entry, or how many where they have none."""
        found: dict[str, list[str]] = {}
        for place, text in self.ink.texts.items():
            table, _, rest = place.partition(".")
            if table == "attachment":
                key, _, column = rest.partition(".")
                found.setdefault(key, ["", ""])[column == "caption"] = text.words
        said = [f"{name}（{caption}）" if caption else name for name, caption in found.values()]
        if not said and self.data.get("files"):
            said = [f"{self.data['files']}个"]
        self._say("附件", "、".join(said))

    def _assignment(self, column: str) -> str:
        row = self.rows.get("assignment", {}).get(str(self.ink.assignment_id))
        if row is None:
            # A hand-off's entry is written before its assignment has a number of its own there.
            new: dict[str, Any] = self.set.get("assignment", {})
            # Of several the lead's is meant; keys do not stand in the order of the rows.
            key = next((k for k, r in new.items() if r.get("part") == "lead"), next(iter(new), ""))
            row = self.rows.get("assignment", {}).get(key, new.get(key, {}))
        value = row.get(column)
        return "" if value is None else str(value)

    def _rhythm(self) -> str:
        rhythm = str(_new(self.set, "assignment").get("rhythm") or ONCE)
        return RHYTHMS.get(rhythm, "") if rhythm != ONCE else ""

    def _due(self, *stages: str) -> str:
        """The due times of the clocks of these stages that began, where they are all the same."""
        found = {
            row.get("due_at")
            for row in self.set.get("deadline", {}).values()
            if row.get("stage") in stages
        }
        due = _moment(found.pop()) if len(found) == 1 else None
        return shown_end(due) if due else ""

    def _new_due(self) -> None:
        """The due time set, and the one in whose place it stands."""
        was = new = ""
        for key, row in self.set.get("deadline", {}).items():
            clock = self.rows["deadline"][key]
            if clock.get("assignment_id") != self.ink.assignment_id:
                continue  # moved along with it, of those it was passed on to
            at = _moment(clock.get("due_at"))
            if "due_at" in row:
                new = shown_end(at) if at else ""
            elif clock.get("stage") != self.ink.verb:  # the ruling's own clock has ended, too
                was = shown_end(at) if at else ""
        self.told.append(Told("应办结", new, old=was or None))

    def _recomputed(self) -> None:
        """Each clock's due time before and after, and by what it was reckoned."""
        self._say("时限版本", str(self.data.get("version") or "原时限"))
        editions = self.data.get("calendar", {})
        self._say("工作日历", "、".join(f"{year}（第{n}版）" for year, n in editions.items()))
        for one in self.data.get("clocks", ()):
            was, due = _moment(one.get("was")), _moment(one.get("due"))
            if was is not None and due is not None:
                label = f"{STAGES.get(one['stage'], one['stage'])}时限"
                self.told.append(Told(label, shown_end(due), old=shown_end(was)))

    def _counted(self) -> None:
        """The entry whose time was accepted, and what that makes of each clock that it ended."""
        kind = BY_CODE.get(str(self.data.get("verb")))
        done = f"（{kind.done}）" if kind is not None else ""
        self._say("认可记录", f"第{self.data.get('entry')}号{done}")
        for one in self.data.get("clocks", ()):
            was, now, due = (_moment(one.get(name)) for name in ("was", "now", "due"))
            if was is not None and now is not None and due is not None:
                label = f"{STAGES.get(one['stage'], one['stage'])}时间"
                held = "按期" if now <= due else "超期"
                self.told.append(Told(label, f"{shown(now)}（{held}）", old=shown(was)))

    # -- words -----------------------------------------------------------------------------

    def _corrections(self) -> None:
        for name in self.data.get("fields", ()):
            label = self.fields.get(name, name)
            old, new = (self.ink.texts.get(f"{side}:{name}") for side in ("old", "new"))
            if name in IDENTITY and not self.knows:
                self.told.append(Told(label, WITHHELD, quiet=True))
                continue
            self.told.append(
                Told(
                    label,
                    _words(new) or "（空）",
                    quiet=new is not None and new.erased,
                    old=_words(old) or "（空）",
                )
            )

    def _texts(self) -> None:
        corrected = set(self.data.get("fields", ())) if self.ink.verb == "correct" else set()
        heard = {told.words for told in self.told}
        for place, text in self._in_order():
            column = place.rpartition(".")[2]
            if ":" in place or column in NEVER_TOLD or column in corrected:
                continue
            if place.startswith(("attachment.", "conference_point.")) and column != "done_words":
                continue
            if self._is_withheld(place, column, text):
                told = Told(self._label(place, column), WITHHELD, quiet=True)
            elif column == "particulars" and not text.erased:
                said = [Told(label, words) for label, words in outcomes.told(text.words)]
                self.told += [one for one in said if one not in self.told]
                continue
            else:
                words = _words(text)
                if words in heard and not text.erased:
                    continue  # the same words stand on the assignment and on the appeal
                heard.add(words)
                told = Told(self._label(place, column), words, quiet=text.erased)
            if told in self.told or told in self.more:
                continue
            folded = self.ink.verb in ("register", "carry_over") and "." in place
            (self.more if folded else self.told).append(told)

    def _in_order(self) -> list[tuple[str, Text]]:
        """Form order: the columns as the forms list them, the entry's own words last."""
        if len(self.ink.texts) < 2:
            return list(self.ink.texts.items())

        def key(item: tuple[str, Text]) -> tuple[int, int, str]:
            place = item[0]
            column = place.rpartition(".")[2]
            if column in FIRST:
                return (0, FIRST.index(column), place)
            return (1 if "." in place else 2, self.order.get(column, 99), place)

        return sorted(self.ink.texts.items(), key=key)

    def _is_withheld(self, place: str, column: str, text: Text) -> bool:
        if self.knows or text.erased:
            return False
        if place.startswith("assignment."):
            return False  # the unit's own people
        if place.startswith("outside_record.") or self.ink.verb == "note_reply":
            return column != "handler_name"  # a letter may name the appellant
        return text.personal or column in IDENTITY or self._is_talk(place)

    def _is_talk(self, place: str) -> bool:
        return "." not in place and place != "reason" and self.ink.verb in SPOKEN_WITH

    def _label(self, place: str, column: str) -> str:
        if "." not in place:
            return NOTES.get((self.ink.verb, place)) or WORDS.get(place, "说明")
        if label := INSTRUCTED.get((place.partition(".")[0], column)):
            return label
        if column == "note" and (said := ASSIGNED_WITH.get(self.ink.verb)):
            return NOTES[self.ink.verb, said]
        if place.startswith("request."):
            column = NOTES.get((self.ink.verb, column)) or column
            return self.fields.get(column, column)
        return self.fields.get(column, "其他")

    def _value(self, name: str, value: Any) -> str:
        if name == "category_id":
            return self.names.category_name(value)
        words = {"kind": KINDS, "urgency": URGENCIES, "appellant_type": APPELLANT_TYPES}[name]
        return words.get(value, str(value))


def _left_master(changed: Mapping[str, Any]) -> bool:
    appeal: Mapping[str, Any] = changed.get("appeal", {}).get("", {})
    return appeal.get("master_id", "") is None


def ink_texts(ink: Ink) -> dict[str, str]:
    return {place: text.words for place, text in ink.texts.items()}


def _words(text: Text | None) -> str:
    """As the screen may show it: a number is always masked here, revealing has its own door."""
    if text is None:
        return ""
    return mask(text.words) if text.personal and not text.erased else text.words


def _in_time(appeal: Mapping[str, Any]) -> str:
    """'' where nothing was judged."""
    in_time, originally = appeal.get("on_time"), appeal.get("on_time_original")
    if in_time is None:
        return ""
    if in_time and originally is False:
        return "按期（按延期后的时限；超过原时限）"
    return "按期" if in_time else "超期"


def _row(changed: Mapping[str, Any], table: str) -> dict[str, Any]:
    """The first row of a table that the entry set."""
    found: dict[str, Any] = next(iter(changed.get(table, {}).values()), {})
    return found


def _new(changed: Mapping[str, Any], table: str) -> dict[str, Any]:
    """The row of a table that the entry began."""
    rows = changed.get(table, {}).values()
    found: dict[str, Any] = next((row for row in rows if "unit_id" in row), {})
    return found


def _moment(value: Any) -> datetime | None:
    """A payload's moment."""
    if not value:
        return None
    found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return found if found.tzinfo else None

