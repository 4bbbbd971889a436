"""The life of an appeal: every state, every verb, who may do it, when, and what it needs.

Pure. This one table is what the buttons, the guards, the interface for machines, the
permission tests, the help page and the diagram are made from. A verb that is not here does not
exist; a way round it is a fault.

`may()` answers one question for all of them: may this actor do this verb on this appeal now?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ..people.actor import Actor, Seat
from ..people.roles import BUSINESS

# -- states ------------------------------------------------------------------------------------

STATES: dict[str, str] = {
    "registered": "待受理",
    "accepted": "待交办",
    "assigned": "办理中",
    "joined": "并案办理中",
    "answered": "待审核",
    "reviewed": "待回访",
    "confirmed": "待销号",
    "closed": "已销号",
    "held": "挂账跟踪",
    "declined": "不予受理",
    "merged": "已合并",
    "withdrawn": "诉求人已撤回",
}

OPEN: frozenset[str] = frozenset(
    {"registered", "accepted", "assigned", "joined", "answered", "reviewed", "confirmed", "held"}
)
ENDS: frozenset[str] = frozenset({"closed", "declined", "merged", "withdrawn"})
ANY: frozenset[str] = frozenset(STATES)
MERGED = "merged"
ON_PATH: dict[str, str] = {"joined": "assigned"}
"""As far along the straight way as another state."""

PATH: tuple[tuple[str, str], ...] = (
    ("registered", "登记"),
    ("accepted", "受理"),
    ("assigned", "交办"),
    ("answered", "反馈"),
    ("reviewed", "审核"),
    ("confirmed", "回访"),
    ("closed", "销号"),
)
"""The straight way, for the steps on an appeal's page."""

ASSIGNMENT_STATES: dict[str, str] = {
    "offered": "待签收",
    "taken": "办理中",
    "contested": "退单待裁定",
    "signing": "待审签",
    "answered": "已反馈",
    "waived": "已免办",
    "released": "已解除",
}
OPEN_ASSIGNMENT: frozenset[str] = frozenset({"offered", "taken", "contested", "signing"})


RETURN, EXTENSION, BY_MANAGER = 1, 2, 4
"""What a unit has asked for and nobody has ruled on: a sum of these. BY_MANAGER: the extension is
so long that a manager rules on it."""

HOLD, SIGNING = 8, 16
"""Beside these: a unit asks for 挂账; the lead's answer waits for the head of its unit to sign
it."""


def label(
    state: str,
    *,
    round_no: int = 1,
    signed: bool = True,
    undetermined: bool = False,
    asked: int = 0,
) -> str:
    """A state as the screen says it: the label names what the appeal waits for."""
    if state == "assigned":
        if asked & RETURN:
            return ASSIGNMENT_STATES["contested"]
        if asked & SIGNING:
            return ASSIGNMENT_STATES["signing"]
        if not signed:
            return "待签收"
        return "重办中" if round_no > 1 else "办理中"
    if state == "reviewed" and undetermined:
        return "待认定"
    return STATES[state]


# -- who ---------------------------------------------------------------------------------------

Scope = Literal[
    "anywhere",  # registering needs no appeal yet
    "own_office",  # a post in the office that owns the appeal
    "jurisdiction",  # a post whose region covers the owning office's
    "registrar",  # whoever registered it, until it is accepted
    "author",  # whoever registered it, at any time
    "known",  # an appeal the post can see in its own right (liaison, operator)
    "handling",  # a post in a unit with an open assignment
    "lead",  # a post in the unit that holds the lead assignment
    "parent",  # a post in the unit that passed the assignment on
    "raiser",  # a post in the office that put it before the one above
    "addressee",  # the unit or person an order or instruction was put to
    "on_behalf",  # a post in the owning office, for a unit that works offline
    "on_paper",  # a post in the owning office, for whoever approved on paper
    "own_order",  # a client, for an order of its own source
    "command",  # the ledger's own hand
]

SCOPES: dict[str, str] = {
    "anywhere": "",
    "own_office": "诉求所属牵头办公室",
    "jurisdiction": "辖区内",
    "registrar": "登记人本人，受理前",
    "author": "登记人本人",
    "known": "本人联系企业或本人、本单位登记的诉求",
    "handling": "有在办交办件的单位",
    "lead": "主办单位",
    "parent": "转办单位",
    "raiser": "提请上级协调的牵头办公室",
    "addressee": "被督办、被批示的单位或个人",
    "on_behalf": "诉求所属牵头办公室，为线下办理的单位代录",
    "on_paper": "诉求所属牵头办公室，代录销号审批人的纸质签批",
    "own_order": "本平台转来的工单",
    "command": "系统",
}


@dataclass(frozen=True)
class Who:
    """One way to be entitled: a role (or an actor kind) within a scope."""

    role: str
    scope: Scope
    critical_off_hours: bool = False
    """The duty officer's right: 特急, out of hours."""

    consult_only: bool = False


def _who(role: str, scope: Scope) -> Who:
    return Who(role, scope)


ANYBODY_REGISTERS = tuple(
    _who(role, "anywhere")
    for role in ("liaison", "operator", "coordinator", "duty_officer", "client", "firm", "system")
)
NOTERS = (
    _who("registrar", "author"),
    _who("liaison", "known"),
    _who("operator", "jurisdiction"),
    _who("coordinator", "own_office"),
    _who("coordinator", "raiser"),
    _who("duty_officer", "jurisdiction"),
    _who("client", "own_order"),
    _who("system", "command"),
)
COORDINATOR = (_who("coordinator", "own_office"),)
DUTY = Who("duty_officer", "jurisdiction", critical_off_hours=True)
HANDLERS = (
    _who("handler", "handling"),
    _who("unit_lead", "handling"),
    _who("coordinator", "handling"),
)
PARENTS = (
    _who("handler", "parent"),
    _who("unit_lead", "parent"),
    _who("coordinator", "parent"),
)
"""The unit that passed it on, for what it passed on."""
BY_UNIT = (*HANDLERS, _who("coordinator", "on_behalf"))
"""What the office records for a unit that works offline, in its stead (代签收、代录)."""
CLOSERS = (_who("closer", "jurisdiction"),)
REGISTRAR_THEN_COORDINATOR = (_who("registrar", "registrar"), _who("coordinator", "own_office"))

# -- verbs -------------------------------------------------------------------------------------

Apart = Literal["", "callers", "closers"]


@dataclass(frozen=True)
class Verb:
    """A row of the table.

    `frm` is empty for what begins an appeal; `to` names the states it may lead to, 'same' where
    none changes. `apart` is the 回避 that binds it (design §3, Two keys): 'callers' bars who
    answered and posts of handling units; 'closers' bars also who made the decisive call-back.
    `note` verbs never collide with another hand; `assignment` are the states of one's own
    assignment in which it can be done, or, where `part` is named, of an assignment of that part
    which is handed to the verb. `limit` says its time limit in words, for the help page.
    """

    code: str
    label: str
    frm: frozenset[str]
    to: tuple[str, ...]
    by: tuple[Who, ...]
    needs: str
    apart: Apart = ""
    note: bool = False
    assignment: frozenset[str] = frozenset()
    part: str = ""
    stays: frozenset[str] = frozenset()
    """States of `frm` that it never leads on from, whatever `to` says."""
    limit: str = ""
    past: str = ""

    @property
    def url(self) -> str:
        return self.code.replace("_", "-")

    @cached_property
    def roles(self) -> frozenset[str]:
        """Of those who may, wherever."""
        return frozenset(who.role for who in self.by)

    @property
    def done(self) -> str:
        """How the trail says it."""
        return self.past or self.label


def _states(*names: str) -> frozenset[str]:
    return frozenset(names)


SAME = ("same",)
AT_UNITS = _states("assigned", "held", "accepted")
"""States in which units have something in hand; accepted, where the lead was taken back and the
assists run on."""

VERBS: tuple[Verb, ...] = (
    Verb("register", "登记", frozenset(), ("registered",), ANYBODY_REGISTERS,
         "诉求主体（可为“待核实”）、诉求内容、来源渠道；标题默认取内容开头"),
    Verb("carry_over", "期初导入", frozenset(), ("registered", "assigned", "closed"),
         (_who("coordinator", "anywhere"), _who("system", "command")),
         "原台账的一行及其日期，整行留存；计入总量和存量，不计入各项率；办公室核定时限前不提醒"),
    Verb("supplement", "补充", OPEN, SAME, NOTERS, "补充的文字或附件", note=True),
    Verb("attach", "上传附件", OPEN, SAME, NOTERS, "文件及说明", note=True),
    Verb("ask_details", "请补充", OPEN, SAME, (*COORDINATOR, *HANDLERS),
         "需要补充什么；补充前列入“待我补充”"),
    Verb("correct", "更正", OPEN, SAME, REGISTRAR_THEN_COORDINATOR,
         "更正的栏目、原内容、新内容和理由"),
    Verb("accept", "受理", _states("registered"), ("accepted",), (*COORDINATOR, DUTY),
         "诉求主体、诉求类别、紧急程度", limit="与交办同一时限，自登记起算"),
    Verb("decline", "不予受理", _states("registered", "accepted"), ("declined",), COORDINATOR,
         "不予受理的情形，以及已告知诉求人"),
    Verb("set_due", "核定时限", OPEN, SAME, COORDINATOR, "新的应办结时间和理由"),
    Verb("recompute", "重算时限", OPEN, SAME, COORDINATOR, "采用的时限、日历版本和理由"),
    Verb("count_stated", "认可补录时间", OPEN, SAME, COORDINATOR,
         "认可的记录和理由；认可后，该记录是否按期以补录的发生时间为准"),
    Verb("merge", "合并", OPEN, ("merged",), COORDINATOR,
         "同一诉求主体、同一事项的在办主件（主体不同的请使用“并案办理”）"),
    Verb("unmerge", "撤销合并", _states("merged"), ("accepted", "registered"), COORDINATOR,
         "理由；已解除的交办不恢复"),
    Verb("join", "并案办理", _states("registered", "accepted", "assigned"), ("joined", "reviewed"),
         COORDINATOR, "在办且未并案、未合并的主件"),
    Verb("unjoin", "解除并案", _states("joined"), ("accepted",), COORDINATOR,
         "理由；可同时改并到其他主件"),
    Verb("follow", "随主件办理", _states("joined", "reviewed"), ("joined", "reviewed", "same"),
         (_who("system", "command"),), "主件的主办单位、时限变化，审核通过或被退回"),
    Verb("gather", "并案件变动", ANY, SAME, (_who("system", "command"),),
         "并入本件或不再并入本件的诉求", note=True),
    Verb("word_reply", "逐户答复", _states("joined", "reviewed"), SAME, COORDINATOR,
         "主件反馈后，对该企业的答复"),
    Verb("answer_directly", "直接答复", _states("accepted"), ("answered",), COORDINATOR,
         "办理结果、内部办理情况、对企业的答复；由他人销号"),
    Verb("assign", "交办", _states("accepted"), ("assigned",), (*COORDINATOR, DUTY),
         "一个主办单位、若干协办单位及各自时限；文号可不填", limit="与受理同一时限，自登记起算"),
    Verb("endorse", "追认", OPEN, SAME, COORDINATOR, "值班员受理并交办的特急诉求，次日上班追认"),
    Verb("add_assist", "增加协办", _states("assigned", "held"), SAME, COORDINATOR,
         "一个或几个协办单位及其时限，理由"),
    Verb("release_assist", "解除协办", _states("assigned", "held"), SAME, COORDINATOR,
         "解除哪个协办单位和理由", assignment=OPEN_ASSIGNMENT, part="assist"),
    Verb("waive", "免予协办反馈", _states("assigned", "held"), SAME, COORDINATOR,
         "免予哪个协办单位反馈和理由", assignment=OPEN_ASSIGNMENT, part="assist"),
    Verb("send_back_assist", "退回协办重报", _states("assigned", "held"), SAME, COORDINATOR,
         "退回哪个协办单位，缺什么、怎么补", assignment=_states("answered"), part="assist"),
    Verb("change_lead", "变更主办", _states("assigned", "held"), SAME, COORDINATOR,
         "新的主办单位和理由；原主办的各项时限终止，新主办重新计时"),
    Verb("recall", "收回", _states("assigned"), ("accepted",), COORDINATOR,
         "理由；协办未解除的继续办理"),
    Verb("raise", "提请上级协调", _states("accepted", "assigned"), ("accepted", "held", "same"),
         COORDINATOR, "理由；上级不用本系统的，登记报送对象、公文种类、文号、日期和下次跟进时间"),
    Verb("hand_back", "交回下级", _states("accepted", "assigned"), ("accepted",), COORDINATOR,
         "上级的裁定意见；交回提请的下级办公室，由其继续办理"),
    Verb("write_out", "登记对外联系", OPEN | _states("closed"), SAME, COORDINATOR,
         "发出或收到、对方单位、公文种类、日期、主要内容；文号、下次跟进日期可不填", note=True),
    Verb("note_reply", "登记回复", OPEN | _states("closed"), SAME, COORDINATOR,
         "哪一条对外联系、回复或跟进情况、日期", note=True),
    Verb("sign_for", "签收", AT_UNITS, SAME, BY_UNIT, "经办人和电话",
         assignment=_states("offered"), limit="签收时限，自交办起算"),
    Verb("contact", "联系企业", AT_UNITS, SAME, BY_UNIT,
         "联系时间、方式和情况", note=True, assignment=OPEN_ASSIGNMENT,
         limit="首次联系时限，自交办起算"),
    Verb("relay", "代为联系", AT_UNITS, SAME,
         (_who("operator", "jurisdiction"), *COORDINATOR, _who("duty_officer", "jurisdiction")),
         "为诉求人保密的，由热线或办公室联系：联系时间、方式和情况，不写诉求人姓名、电话",
         note=True, limit="首次联系时限，自交办起算"),
    Verb("progress", "阶段反馈", AT_UNITS, SAME, BY_UNIT,
         "进展情况；可写明计划办结时间", note=True, assignment=OPEN_ASSIGNMENT),
    Verb("pass_on", "转办", _states("assigned", "held"), SAME, HANDLERS,
         "几个下级单位及其时限，不得超过本单位时限；转办即视为签收",
         assignment=_states("offered", "taken")),
    Verb("waive_child", "免予下级反馈", AT_UNITS, SAME, PARENTS, "免予哪个下级单位反馈和理由",
         assignment=OPEN_ASSIGNMENT, part="child"),
    Verb("send_back_child", "退回下级重报", AT_UNITS, SAME, PARENTS,
         "退回哪个下级单位，缺什么、怎么补", assignment=_states("answered"), part="child"),
    Verb("release_child", "解除转办", AT_UNITS, SAME, PARENTS, "解除哪个下级单位和理由",
         assignment=OPEN_ASSIGNMENT, part="child"),
    Verb("rule_child_return", "下级退单裁定", _states("assigned", "accepted"), SAME, PARENTS,
         "同意退单（可另行转办）或不同意退单（请继续办理），本单位本轮只能申请一次",
         assignment=_states("contested"), part="child", limit="自申请起算"),
    Verb("rule_child_extension", "下级延期审批", _states("assigned", "accepted"), SAME, PARENTS,
         "同意（不得晚于转办单位的时限）或不同意", assignment=_states("offered", "taken"),
         part="child", limit="自申请起算"),
    Verb("copy", "抄送", OPEN, SAME, COORDINATOR, "抄送哪些单位、领导；只供查阅，不承担办理"),
    Verb("uncopy", "取消抄送", ANY, SAME, COORDINATOR, "取消哪些抄送和理由"),
    Verb("ask_return", "退单申请", _states("assigned"), SAME, BY_UNIT, "退单理由和依据",
         assignment=_states("offered", "taken"), limit="退单时限，自交办起算，不因签收而改变"),
    Verb("rule_return", "退单裁定", _states("assigned", "accepted"), ("same", "accepted"),
         COORDINATOR,
         "同意退单（改派）并写明新的主办单位，或不同意退单（请继续办理）；同一诉求本轮再次退单的，"
         "会商研究后裁定", limit="自申请起算"),
    Verb("ask_extension", "延期申请", _states("assigned"), SAME, BY_UNIT,
         "新的办结时间、理由、已向企业说明；特急不得延期",
         assignment=_states("offered", "taken"), limit="办结时限到期前提出"),
    Verb("rule_extension", "延期审批", _states("assigned", "accepted"), SAME,
         (*COORDINATOR, _who("manager", "jurisdiction")),
         "同意（可另定不晚于所申请的时间）或不同意；时间较长的由领导审批",
         limit="自申请起算"),
    Verb("ask_hold", "申请挂账", _states("assigned"), SAME, HANDLERS, "理由、建议的复核日期",
         assignment=_states("offered", "taken")),
    Verb("rule_hold", "挂账审批", _states("assigned", "accepted"), ("held", "same"), COORDINATOR,
         "同意挂账并写明下次复核日期，或不同意（请继续办理）", limit="申请次日起1个工作日内审批"),
    Verb("sign_off", "审签", _states("assigned", "accepted"), ("answered", "same"),
         (_who("unit_lead", "handling"),),
         "本单位设为反馈须经审签的：同意报送，或退回经办人并写明意见；负责人本人反馈的不再审签",
         assignment=_states("signing"), stays=_states("accepted"),
         limit="办结时限内报送，审签时间计入本单位时限"),
    Verb("answer", "办结反馈", _states("assigned", "accepted"), ("answered", "same"), BY_UNIT,
         "办理结果、内部办理情况、对企业的答复，以及该结果要求的佐证；反馈即视为签收。协办单位"
         "均已反馈或免予反馈后，主办单位方可办结反馈；转办给下级的，下级均已反馈或免予反馈后方可"
         "反馈；协办、下级反馈不改变诉求状态",
         assignment=_states("offered", "taken", "contested"), stays=_states("accepted"),
         limit="办结时限，自交办起算"),
    Verb("send_back", "退回重报", _states("answered", "reviewed", "confirmed"),
         ("assigned", "accepted"), COORDINATOR, "缺什么、怎么补"),
    Verb("review", "审核通过", _states("answered"), ("reviewed", "held", "confirmed"), COORDINATOR,
         "审核意见可不填；转上级、长期推进的写明下次复核日期", limit="审核时限，自反馈起算",
         past="审核通过"),
    Verb("link_remainder", "登记遗留问题", _states("answered", "reviewed", "confirmed", "closed"),
         SAME, COORDINATOR, "办理结果为“部分解决”的，将遗留问题登记为同一诉求主体的关联诉求"),
    Verb("attempt", "回访未接通", _states("reviewed"), SAME,
         (_who("operator", "jurisdiction"), _who("liaison", "known")),
         "何时、用什么方式联系", note=True),
    Verb("call_back", "回访", _states("reviewed"), ("confirmed", "assigned", "accepted", "same"),
         (_who("operator", "jurisdiction"), _who("liaison", "known"),
          _who("coordinator", "own_office"), _who("client", "own_order"),
          _who("system", "command")),
         "是否接通、承办单位是否联系、是否解决、是否满意", apart="callers",
         limit="回访时限，自审核通过起算"),
    Verb("uphold", "认定", _states("reviewed"), ("confirmed",),
         (_who("closer", "jurisdiction"), _who("manager", "jurisdiction")),
         "无法取得满意回访的情形和依据", apart="callers"),
    Verb("close", "销号", _states("confirmed"), ("closed",),
         (*CLOSERS, _who("coordinator", "on_paper")),
         "第二把钥匙：办理、回访之外的另一人。纸质签批的由另一人代录，附签批件照片",
         apart="closers", limit="销号时限，自回访起算"),
    Verb("refuse_closing", "不予销号", _states("confirmed"), ("assigned", "accepted", "reviewed"),
         CLOSERS, "理由；退回重新办理或重新回访"),
    Verb("tell", "告知企业", _states("answered", "reviewed", "confirmed", "closed"), SAME,
         (_who("liaison", "known"), _who("operator", "jurisdiction"),
          _who("coordinator", "own_office")), "何时、用什么方式告知", note=True),
    Verb("recur", "再次反映", _states("closed"), SAME,
         (_who("liaison", "known"), _who("operator", "jurisdiction"),
          _who("coordinator", "own_office"), _who("client", "own_order")),
         "再次反映的内容；提请办公室撤销销号", note=True),
    Verb("hold", "挂账跟踪", _states("accepted", "assigned", "reviewed"), ("held",), COORDINATOR,
         "情形、理由和下次复核日期，最长30天"),
    Verb("review_hold", "挂账复核", _states("held"), SAME, COORDINATOR,
         "复核情况和下次复核日期，最长30天", limit="下次复核日期当日"),
    Verb("resume", "恢复办理", _states("held"), ("accepted", "assigned", "reviewed"), COORDINATOR,
         "理由"),
    Verb("reopen", "撤销销号", _states("closed", "declined", "withdrawn"), ("accepted",),
         COORDINATOR, "理由；原轮次记录完整保留"),
    Verb("withdraw", "撤回", OPEN, ("withdrawn",), REGISTRAR_THEN_COORDINATOR,
         "诉求人撤回（写明如何表示）或登记作废（编号保留），以及理由"),
    Verb("urge", "催办", OPEN, SAME,
         (_who("supervisor", "jurisdiction"), _who("manager", "jurisdiction"),
          _who("coordinator", "own_office"), _who("operator", "jurisdiction"),
          _who("client", "own_order")), "方式、对象、答复和承诺时间", note=True),
    Verb("order", "督办", OPEN, SAME,
         (_who("supervisor", "jurisdiction"), _who("manager", "jurisdiction"),
          _who("coordinator", "own_office")), "督办单编号、时限和要求"),
    Verb("ask_coordination", "提请协调", OPEN, SAME,
         (_who("supervisor", "jurisdiction"), _who("manager", "jurisdiction"),
          _who("coordinator", "own_office"), *HANDLERS[:2]), "困难、建议、建议牵头领导"),
    Verb("drop_coordination", "撤回提请", OPEN, SAME,
         (_who("supervisor", "jurisdiction"), _who("manager", "jurisdiction"),
          _who("coordinator", "own_office"), *HANDLERS[:2]), "理由"),
    Verb("confer", "会商", OPEN, SAME,
         (_who("supervisor", "jurisdiction"), _who("manager", "jurisdiction"),
          _who("coordinator", "own_office")), "时间、参加单位、议定事项及单位和时限", note=True),
    Verb("fulfil", "回填落实情况", OPEN | _states("closed"), SAME, COORDINATOR,
         "哪一项议定事项、落实情况和日期"),
    Verb("reply", "回复督办、批示", ANY, SAME, (_who("handler", "addressee"),
         _who("unit_lead", "addressee"), _who("coordinator", "addressee")), "回复内容", note=True),
    Verb("instruct", "批示", ANY, SAME, (_who("manager", "jurisdiction"),
         _who("coordinator", "own_office")),
         "批示内容、办理单位；代录的写明何人、何时、原文，纸质的附照片", note=True),
    Verb("tag", "标记", ANY, SAME, (_who("manager", "jurisdiction"),
         _who("coordinator", "own_office")), "标记", note=True),
    Verb("exclude", "考核剔除", ANY, SAME, (_who("manager", "jurisdiction"),
         _who("coordinator", "own_office")), "理由和依据"),
    Verb("receive", "逾期未签收，视为签收", AT_UNITS, SAME,
         (_who("system", "command"),), "签收时限已过", assignment=_states("offered")),
    Verb("erase", "依法删除", ANY, SAME, (_who("system", "command"),),
         "法律依据；删除的文字由〔已依法删除〕代替，记录链条完整保留"),
)  # fmt: skip

BY_CODE: dict[str, Verb] = {verb.code: verb for verb in VERBS}

FIRST_KEY: frozenset[str] = frozenset({"answer", "answer_directly", "sign_off"})
"""Verbs whose doer has turned the first key (design §3, 回避 a)."""


# -- the question ------------------------------------------------------------------------------


def never_over(_verb: str) -> str:
    return ""


@dataclass(frozen=True)
class Held:
    """An assignment as the table sees it."""

    id: int
    unit_id: int
    unit_path: str
    part: str
    state: str
    upheld_return: bool = False
    parent_id: int | None = None
    """The assignment that was passed on to it."""
    parent_unit_id: int | None = None
    unit_name: str = ""
    past: bool = False
    """Of an earlier round."""
    over: Callable[[str], str] = field(default=never_over, compare=False)
    """Why a verb (ask_return, ask_extension, pass_on) cannot be done with it any more; '' where it
    can. Reckoned when it is asked for: it takes limits, caps and the calendar."""
    asks: int = 0
    """Of what was passed on: what it asks of the unit that did, RETURN and EXTENSION."""
    offline: bool = False
    """Its unit works offline: the owning office records what it does."""


@dataclass(frozen=True)
class Facts:
    """What the table must know of an appeal. Built by the appeal, or by a test."""

    state: str
    office_id: int
    office_region: str
    registrar_id: int | None = None
    ever_accepted: bool = False
    urgency: str = "normal"
    off_hours: bool = False
    source_systems: frozenset[str] = frozenset()
    known_to: frozenset[int] = frozenset()
    """Persons who see it as liaisons: they look after the firm, or they or their unit
    registered it."""
    known_to_units: frozenset[int] = frozenset()
    assignments: tuple[Held, ...] = ()
    shared: tuple[Held, ...] = ()
    """Of a joined appeal: its master's assignments (design §3, Joined appeals)."""
    first_keys: frozenset[int] = frozenset()
    """Persons who answered, signed off or keyed an answer, in any round."""
    decisive: frozenset[int] = frozenset()
    """Who made the decisive call-back, and who upheld."""
    undetermined: bool = False
    """待认定: dissatisfied, and no rework is owed."""
    reached_limit: bool = False
    """Enough attempts failed, or nobody can be called: upholding needs no dissatisfaction."""
    has_joined: bool = False
    joined_named: str = ""
    """Which they are, in words."""
    master_answered: bool = False
    """It is handled with a master that has answered."""
    close_stopped: bool = False
    """A hotline's own call-back came back dissatisfied after confirmation."""
    strict_home_unit: bool = False
    duty_unendorsed: bool = False
    opening: bool = False
    held_from: str = ""
    copied: bool = False
    asked: int = 0
    """What waits for a ruling: a sum of RETURN, EXTENSION, BY_MANAGER, SIGNING and HOLD."""
    none_stated: bool = False
    """No entry tells of an earlier time that could be accepted."""
    raised_by: int | None = None
    """The office below that put it before this one."""
    coordination_asked: bool = False
    outside_count: int = 0
    points_open: int = 0
    confidential: bool = False
    addressees: frozenset[int] = frozenset()
    """Units that an order or an instruction was put to."""
    remainder_due: bool = False
    """Solved in part, and what is left is no appeal of its own yet."""


@dataclass(frozen=True)
class Verdict:
    """The table's answer. `status` is 200, 403 (not yours), or 409 (not now)."""

    status: int
    reason: str = ""
    seat: Seat | None = None
    assignment_id: int | None = None

    def __bool__(self) -> bool:
        return self.status == 200


NOT_YOURS = "您的岗位不能办理这一步。"

ON_BEHALF: dict[str, str] = {
    "sign_for": "代签收",
    "contact": "代录联系",
    "progress": "代录阶段反馈",
    "answer": "代录反馈",
    "ask_return": "代录退单",
    "ask_extension": "代录延期",
    "close": "纸质签批销号",
}
"""How the screen calls it when the office does it for a unit that works offline, or for whoever
approved on paper."""
IN_STEAD = ("on_behalf", "on_paper")


def may(
    code: str,
    facts: Facts | None,
    actor: Actor,
    assignment_id: int | None = None,
    *,
    on_behalf: bool = False,
) -> Verdict:
    """Whether `actor` may do `code` on the appeal with these facts now, and under which seat.

    `facts` is None for what begins an appeal. `assignment_id` is the one he acts on, where his
    posts give him several. `on_behalf`: for a unit that works offline, and not in his own right.
    Raises KeyError for a verb that is not in the table.
    """
    verb = BY_CODE[code]
    candidates = list(_entitled(verb, facts, actor, assignment_id, on_behalf=on_behalf))
    if not candidates:
        refusal = _acts_itself(verb, facts, actor, assignment_id) if on_behalf else ""
        return Verdict(403, refusal or NOT_YOURS)
    if facts is None or not verb.frm:
        return Verdict(200, seat=candidates[0][0])
    if facts.state not in verb.frm:
        return Verdict(409, f"诉求现为“{STATES[facts.state]}”，不能{verb.label}。")
    refusal = _not_now(verb, facts)
    if code == "contact" and not on_behalf and not knows_appellant(facts, actor):
        refusal = NOT_TO_CONTACT
    if refusal:
        return Verdict(409, refusal)
    barred = _barred(verb, facts, actor, candidates)
    if isinstance(barred, str):
        return Verdict(403, barred)
    late = ""
    for seat, assignment, states in barred:
        if assignment is None:
            # Whoever does it says which assignment; there must be one.
            if states and not any(
                h.state in states and verb.part in ("", h.part) and not (verb.part and h.past)
                for h in facts.assignments
            ):
                continue
            return Verdict(200, seat=seat)
        if verb.part == "child":
            late = _not_below(verb, facts, assignment)
            if late:
                continue
        if states and assignment.state not in states:
            state = ASSIGNMENT_STATES[assignment.state]
            whose = assignment.unit_name if on_behalf else "本单位"
            late = f"{whose}的交办件现为“{state}”，不能{verb.label}。"
            continue
        if code == "answer" and assignment.part == "lead":
            waits_for = no_last_word(facts)
            if waits_for:
                late = waits_for
                continue
        if code == "answer" and (waits_for := _not_settled_below(facts, assignment)):
            late = waits_for
            continue
        if too_late := assignment.over(code):
            late = too_late
            continue
        return Verdict(200, seat=seat, assignment_id=assignment.id)
    return Verdict(409, late or NOTHING.get(code, f"没有可以{verb.label}的交办件。"))


NOT_TO_CONTACT = (
    "诉求人要求保密，由热线或牵头办公室联系；需要向诉求人了解的，请用“请补充”提出，由其转达。"
)


_OF_OFFICES = ("coordinator", "closer", "duty_officer", "manager", "supervisor", "operator")


def knows_appellant(facts: Facts, actor: Actor) -> bool:
    """Whether `actor` sees this appeal otherwise than through a unit that handles it: of a
    confidential one, whether he may deal with the appellant himself (design §6)."""
    if not facts.confidential or actor.kind != "person":
        return True
    return any(
        seat.covers(facts.office_region)
        if seat.role in _OF_OFFICES
        else seat.role == "liaison"
        and (actor.id in facts.known_to or seat.unit_id in facts.known_to_units)
        for seat in actor.seats
    )


NOTHING = {
    "release_assist": "没有在办的协办件。",
    "waive": "没有在办的协办件。",
    "send_back_assist": "没有已反馈的协办件。",
    "release_child": "没有在办的下级转办件。",
    "waive_child": "没有在办的下级转办件。",
    "send_back_child": "没有已反馈的下级转办件。",
    "rule_child_return": "没有待裁定的下级退单申请。",
    "rule_child_extension": "没有待审批的下级延期申请。",
}


def _acts_itself(
    verb: Verb, facts: Facts | None, actor: Actor, assignment_id: int | None
) -> str:
    """What a coordinator is told who would record something for a unit that works online; '' for
    everybody else."""
    by_office = facts is not None and any(
        seat.unit_id == facts.office_id for seat in actor.seats_as("coordinator")
    )
    if facts is None or not by_office or verb.code not in ON_BEHALF:
        return ""
    units = dict.fromkeys(
        h.unit_name
        for h in facts.assignments
        if assignment_id in (None, h.id) and not h.offline and h.state != "released"
    )
    if not units:
        return "本件没有线下办理的承办单位，不能代录。"
    named = "、".join(units)
    return f"{named}的办理方式为线上，请由该单位自行{verb.label}，办公室不能代录。"


def no_last_word(facts: Facts) -> str:
    """Why the lead cannot answer finally yet; '' where it can."""
    if facts.state != "assigned":
        return f"诉求现为“{STATES[facts.state]}”，主办单位不能办结反馈。"
    units = _unheard(facts)
    if not units:
        return ""
    named = "、".join(units)
    return f"协办单位{named}尚未反馈，待其反馈或由办公室免予协办反馈后，方可办结反馈。"


def _unheard(facts: Facts) -> list[str]:
    """The assists that are still open, by name."""
    return [
        h.unit_name for h in facts.assignments if h.part == "assist" and h.state in OPEN_ASSIGNMENT
    ]


def _not_below(verb: Verb, facts: Facts, held: Held) -> str:
    """Why nothing can be done to what was passed on; '' where it can."""
    above = next((h for h in facts.assignments if h.id == held.parent_id), None)
    if above is None or above.state not in OPEN_ASSIGNMENT:
        state = ASSIGNMENT_STATES["released" if above is None else above.state]
        return f"本单位的交办件现为“{state}”，不能{verb.label}。"
    asked = verb.code != "rule_child_extension" or held.asks & EXTENSION
    if held.state not in verb.assignment or not asked:
        return NOTHING[verb.code]
    return ""


def _not_settled_below(facts: Facts, held: Held) -> str:
    """Why a unit cannot answer yet that passed it on; '' where it can."""
    units = [
        h.unit_name
        for h in facts.assignments
        if h.parent_id == held.id and h.state in OPEN_ASSIGNMENT
    ]
    if not units:
        return ""
    named = "、".join(units)
    return f"下级单位{named}尚未反馈，待其反馈或由本单位免予下级反馈后，方可办结反馈。"


def hands(
    code: str, facts: Facts, actor: Actor, *, on_behalf: bool = False
) -> tuple[int, ...]:
    """The assignments on which `actor` may do `code` now, the likeliest first. Of several he has
    to say which."""
    verb = BY_CODE[code]
    if not verb.assignment or verb.part:
        return ()
    found = _entitled(verb, facts, actor, None, every=True, on_behalf=on_behalf)
    mine = dict.fromkeys(h.id for _, h, _ in found if h)
    return tuple(i for i in mine if may(code, facts, actor, i, on_behalf=on_behalf))


Candidate = tuple[Seat | None, Held | None, frozenset[str]]
"""A seat, the assignment it acts on, and the states that one must be in (empty: any)."""


def _entitled(
    verb: Verb,
    facts: Facts | None,
    actor: Actor,
    assignment_id: int | None,
    *,
    every: bool = False,
    on_behalf: bool = False,
) -> Iterable[Candidate]:
    """The seats (with the assignment they act on) that the table's `by` column admits."""
    for who in verb.by:
        if on_behalf != (who.scope in IN_STEAD):
            continue
        if actor.kind != "person":
            if who.role == actor.kind:
                yield None, None, verb.assignment
            continue
        if who.role == "registrar":
            yield from _as_registrar(who, facts, actor)
            continue
        # A unit that has answered, or was let off, has had its say.
        states = verb.assignment or (OPEN_ASSIGNMENT if who.scope == "handling" else frozenset())
        for seat in actor.seats_as(who.role):
            if who.critical_off_hours and not (
                facts and facts.urgency == "critical" and facts.off_hours and seat.on_duty
            ):
                continue
            for found, held in _in_scope(who.scope, facts, seat, actor, assignment_id, every):
                yield found, held, states


def _as_registrar(who: Who, facts: Facts | None, actor: Actor) -> Iterable[Candidate]:
    """Whoever registered it, under a post he holds today: first that of the unit he did it for.

    Who has no post any more, or has become an administrator, has no hand in appeals.
    """
    if facts is None or facts.registrar_id is None or facts.registrar_id != actor.id:
        return
    if who.scope == "registrar" and facts.ever_accepted:
        return
    seats = actor.seats_as(*BUSINESS)
    at_home = [seat for seat in seats if seat.unit_id in facts.known_to_units]
    for seat in (at_home or seats)[:1]:
        yield seat, None, frozenset()


def _in_scope(
    scope: Scope,
    facts: Facts | None,
    seat: Seat,
    actor: Actor,
    assignment_id: int | None,
    every: bool,
) -> Iterable[tuple[Seat, Held | None]]:
    if scope == "anywhere":
        yield seat, None
        return
    if facts is None:
        return
    if scope in ("own_office", "on_paper"):
        if seat.unit_id == facts.office_id:
            yield seat, None
    elif scope == "jurisdiction":
        if seat.covers(facts.office_region):
            yield seat, None
    elif scope == "known":
        if actor.id in facts.known_to or seat.unit_id in facts.known_to_units:
            yield seat, None
    elif scope == "addressee":
        if seat.unit_id in facts.addressees:
            yield seat, None
    elif scope in ("handling", "lead", "on_behalf"):
        # The open assignment first, the lead before assists: that is the one a person means.
        in_hand = (*facts.assignments, *(facts.shared if facts.state == "joined" else ()))
        if scope == "on_behalf":
            by_office = seat.unit_id == facts.office_id
            held = [h for h in in_hand if h.offline and by_office]
        else:
            held = [h for h in in_hand if h.unit_id == seat.unit_id]
        if scope == "lead":
            held = [h for h in held if h.part == "lead"]
        held = [h for h in held if h.state != "released" and not h.upheld_return]
        if assignment_id is not None:
            held = [h for h in held if h.id == assignment_id]
        held.sort(key=lambda h: (h.state not in OPEN_ASSIGNMENT, h.part != "lead", -h.id))
        for one in held if every else held[:1]:
            yield seat, one
    elif scope == "raiser":
        if seat.unit_id == facts.raised_by:
            yield seat, None
    elif scope == "parent":
        for one in facts.assignments:
            if one.parent_unit_id == seat.unit_id and assignment_id in (None, one.id):
                yield seat, one


NEEDS_LEAD = ("add_assist", "send_back_assist", "change_lead")
"""Not while held otherwise than from assigned: no lead works beside the assist."""


def _not_now(verb: Verb, facts: Facts) -> str:
    """Conditions of the appeal itself, apart from its state."""
    if verb.code in ("decline", "merge", "withdraw", "join") and facts.has_joined:
        named = f"（{facts.joined_named}）" if facts.joined_named else ""
        return f"还有并入本件办理的诉求{named}，请先解除并案或改并到其他主件。"
    if verb.code == "word_reply" and not facts.master_answered:
        return "本件没有并案办理，或主件尚未反馈，没有可以逐户修改的答复。"
    if verb.code == "uphold" and not (facts.undetermined or facts.reached_limit):
        return "还可以继续回访：未到规定的回访次数，也没有需要认定的不满意结果。"
    if verb.code == "call_back" and facts.undetermined:
        return "回访结果为不满意且不再重办，请由销号审批人或领导认定。"
    if verb.code == "close" and facts.close_stopped:
        return "热线回访结果为不满意，请退回重办或不予销号。"
    if verb.code == "endorse" and not facts.duty_unendorsed:
        return "没有需要追认的值班处置。"
    if verb.code == "link_remainder" and not facts.remainder_due:
        return "本件没有待登记的遗留问题：办理结果不是“部分解决”，或遗留问题已登记。"
    if verb.code == "answer_directly" and (units := _unheard(facts)):
        return (
            f"协办单位{'、'.join(units)}尚未反馈，待其反馈后方可直接答复；"
            "不再需要协办的，请交办后解除协办。"
        )
    if verb.code in NEEDS_LEAD and facts.held_from not in ("", "assigned"):
        return "本件挂账前没有主办单位在办，请先恢复办理。"
    if verb.code == "uncopy" and not facts.copied:
        return "本件没有抄送。"
    if verb.code == "rule_return" and not facts.asked & RETURN:
        return "没有待裁定的退单申请。"
    if verb.code == "rule_extension" and not facts.asked & EXTENSION:
        return "没有待审批的延期申请。"
    if verb.code == "count_stated" and facts.none_stated:
        return "没有可以认可的补录时间：只有补录的、且关系到时限的办理记录才需要认可。"
    if verb.code == "ask_hold" and facts.asked & HOLD:
        return "已有挂账申请待审批。"
    if verb.code == "rule_hold" and not facts.asked & HOLD:
        return "没有待审批的挂账申请。"
    if verb.code == "hand_back" and facts.raised_by is None:
        return "本件不是下级办公室提请的，没有可以交回的办公室。"
    if verb.code == "ask_coordination" and facts.coordination_asked:
        return "本件已提请协调，正等待领导研究。"
    if verb.code == "relay" and not facts.confidential:
        return "本件没有为诉求人保密，由承办单位联系企业。"
    if verb.code == "drop_coordination" and not facts.coordination_asked:
        return "本件没有等待研究的提请。"
    if verb.code == "note_reply" and not facts.outside_count:
        return "本件还没有对外联系记录，请先登记。"
    if verb.code == "fulfil" and not facts.points_open:
        return "没有待落实的议定事项。"
    return ""


def _barred(
    verb: Verb, facts: Facts, actor: Actor, candidates: list[Candidate]
) -> list[Candidate] | str:
    """Design §3, 回避: (a) binds the person, (b) the post; (c) only where an office is stricter.
    And §5: what a manager alone rules on."""
    if verb.code == "rule_extension" and facts.asked & BY_MANAGER:
        managers = [c for c in candidates if c[0] is not None and c[0].role == "manager"]
        return managers or "申请延期的时间较长，按规定由领导审批。"
    apart = verb.apart
    if verb.code == "withdraw" and facts.first_keys:
        # An answered appeal must not leave by the side door: as for closing, but for (c).
        apart = "closers"
    if not apart or actor.kind != "person":
        return candidates
    if actor.id in facts.first_keys:
        return f"您办理过本件的反馈，按回避规定不能{verb.label}。"
    if apart == "closers" and actor.id in facts.decisive:
        return f"您做过本件的回访或认定，按回避规定不能{verb.label}。"
    handled = (*facts.assignments, *facts.shared)
    units = [h.unit_path for h in handled if not h.upheld_return]
    at_home = any(actor.home_unit_path.startswith(path) for path in units)
    if verb.apart == "closers" and facts.strict_home_unit and at_home:
        return f"您的人事关系在本件的承办单位，按本地规定不能{verb.label}。"
    free = [
        candidate
        for candidate in candidates
        if candidate[0] is None or not any(candidate[0].within(path) for path in units)
    ]
    if not free:
        return f"您的岗位在本件的承办单位，按回避规定不能{verb.label}。"
    return free


def verbs_open_to(
    facts: Facts, actor: Actor, codes: Iterable[str], *, on_behalf: bool = False
) -> list[Verb]:
    """Those of `codes` that `actor` may do now, in the table's order."""
    wanted = set(codes).intersection(ON_BEHALF if on_behalf else BY_CODE)
    held = actor.roles | {"registrar"} if actor.kind == "person" else {actor.kind}
    # Most need not be asked in full: they are not for this state, or not for these posts.
    return [
        v
        for v in VERBS
        if facts.state in v.frm
        and v.code in wanted
        and not v.roles.isdisjoint(held)
        and may(v.code, facts, actor, on_behalf=on_behalf)
    ]


@dataclass(frozen=True)
class Row:
    """A row of the table as words, for the help page and `ledger lifecycle`."""

    verb: str
    label: str
    frm: tuple[str, ...]
    to: tuple[str, ...]
    by: tuple[str, ...]
    needs: str
    limit: str = ""
    apart: str = ""
    roles: tuple[str, ...] = field(default=())


def table(role_labels: dict[str, str]) -> list[Row]:
    """Every verb in words an office understands."""
    names = {
        **role_labels,
        "registrar": "登记人",
        "client": "热线平台",
        "firm": "企业",
        "system": "系统",
    }
    apart = {
        "": "",
        "callers": "办理过反馈的人、承办单位的岗位须回避",
        "closers": "办理过反馈或回访的人、承办单位的岗位须回避",
    }
    rows = []
    for verb in VERBS:
        by = []
        for who in verb.by:
            scope = SCOPES[who.scope]
            if who.critical_off_hours:
                scope = "特急，非工作时间"
            if who.role in ("registrar", "system", "client", "firm"):
                scope = {"registrar": "受理前", "own_order": scope}.get(who.scope, "")
            by.append(f"{names[who.role]}（{scope}）" if scope else names[who.role])
        rows.append(
            Row(
                verb=verb.code,
                label=verb.label,
                frm=tuple(s for s in STATES if s in verb.frm),
                to=verb.to,
                by=tuple(by),
                needs=verb.needs,
                limit=verb.limit,
                apart=apart[verb.apart],
                roles=tuple(who.role for who in verb.by),
            )
        )
    return rows
