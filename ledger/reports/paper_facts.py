"""What stands on a paper: its fields in words, of an appeal that came through the reader's eyes.

Telephone numbers are masked as everywhere else. Who a confidential appellant is stands on no paper
that goes to a handling unit, whoever draws it up, and on no other for whoever may not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from ..appeals.confidence import names_him
from ..appeals.filters import Filters
from ..appeals.leaf import Handing, Leaf
from ..appeals.lines import HIDDEN, lines
from ..appeals.models import Appeal
from ..appeals.public_words import other_way
from ..appeals.queries import ledger_page
from ..appeals.show_queries import names_of_persons
from ..appeals.standing import ANSWERS
from ..catalogue.queries import catalogue
from ..catalogue.words import APPELLANT_TYPES, KINDS, SATISFACTION, SOLVED, URGENCIES
from ..db import db
from ..deadlines import clocks
from ..firms.phones import mask
from ..people.actor import Actor
from ..people.directory import UnitRow, directory
from ..people.regions import region_name
from ..supervision import queries as supervision
from ..supervision import wording
from ..supervision.models import Paper as Issued
from ..trail.models import ERASED
from .paper_kinds import LONG, PAPERS, QR, ROOMY, ROOMY_BESIDE_A_LETTER, Paper

WITHHELD = "按保密要求不予显示"
MOST_LISTED = 200
"""Appeals on one list; what is more goes on the next."""

_ENDED_UNHEARD = frozenset({"declined", "merged", "withdrawn"})
_REVIEWED = frozenset({"reviewed", "confirmed", "closed"})
_CALLED = frozenset({"confirmed", "closed"})
_TOLD_OF_SELF = frozenset({"firm", "sole_trader", "association"})
_RULED = {"granted": "同意", "refused": "不同意", "lapsed": "已失效"}

Values = dict[str, str]


@dataclass(frozen=True)
class Offered:
    """A paper that an appeal is ready for."""

    paper: Paper
    subject: int
    """Row of what it is about; 0 for the appeal itself."""
    about: str
    """Which of several."""

    @property
    def key(self) -> str:
        return f"{self.paper.code}/{self.subject}"


@dataclass
class Sheet:
    """A paper, filled in."""

    paper: Paper
    values: Values
    items: list[Values] = field(default_factory=list)
    signing_unit: UnitRow | None = None
    """Whose letterhead it bears."""
    label: str = ""
    names_persons: bool = False
    """Whether somebody is named on it: whoever draws it up is noted."""

    @property
    def title(self) -> str:
        return self.paper.name

    @property
    def below(self) -> list[str]:
        return self.paper.below.format_map(self.values).splitlines()

    @property
    def is_dense(self) -> bool:
        """Too much for type of full size."""
        wide = (row[0][1] for row in self.paper.rows if len(row) == 1 and row[0][1])
        most = ROOMY_BESIDE_A_LETTER if self.paper.is_letter else ROOMY
        return sum(len(self.values.get(name, "")) for name in wide) > most


# -- which there are ---------------------------------------------------------------------------


def offered(appeal: Leaf, issued: Sequence[Issued]) -> list[Offered]:
    """Every paper that stands in the state the appeal is in, in the order of its way."""
    found = [one for kind in PAPERS.values() for one in _of_kind(kind, appeal, issued)]
    return [one for one in found if one.paper.subject != "list"]


def _of_kind(paper: Paper, appeal: Leaf, issued: Sequence[Issued]) -> Iterator[Offered]:
    if paper.subject == "appeal":
        if _STANDS[paper.code](appeal):
            yield Offered(paper, 0, "")
    elif paper.subject == "assignment":
        passed_on = paper.code == "pass_on"
        for given in appeal.assignments:
            if given.released_at is None and (given.part == "child") is passed_on:
                part = {"lead": "主办", "assist": "协办"}.get(given.part, "转办")
                yield Offered(paper, given.id, f"{given.unit.label}（{part}）")
    elif paper.subject == "supervision":
        for one in issued:
            if one.kind == paper.code and one.state != "withdrawn":
                unit = directory().units[one.unit_id].label
                yield Offered(paper, one.id, f"{one.number} {unit}")
    elif paper.subject == "request":
        for asked in appeal.requests:
            if asked.kind == paper.code:
                unit = appeal.given_of(asked).unit.label
                yield Offered(paper, asked.id, f"{unit} {clocks.shown(asked.asked_at)}")
    elif paper.subject == "conference":
        for held in appeal.conferences:
            yield Offered(paper, held.id, held.number or clocks.shown(held.held_at))


_STANDS: dict[str, Callable[[Leaf], bool]] = {
    "intake": lambda a: a.state not in _ENDED_UNHEARD and a.closed_at is None,
    "decline": lambda a: a.state == "declined",
    "reply": lambda a: a.state in _REVIEWED and bool(a.public_reply) and a.public_reply != ERASED,
    "close": lambda a: a.state in _CALLED,
}


# -- what stands on one ------------------------------------------------------------------------


def sheet(appeal: Leaf, one: Offered, issued: Sequence[Issued], at: datetime) -> Sheet:
    """The paper, filled in for whoever reads the appeal."""
    paper = one.paper
    hides = not appeal.knows or (paper.audience == "unit" and appeal.confidential)
    office = directory().units[appeal.office_id]
    values = _of_appeal(appeal, office, at, hides)
    made = Sheet(paper, values, signing_unit=office, label=appeal.label)
    _FILLS[paper.subject](made, appeal, one.subject, issued, at, hides)
    if hides:
        _withhold(made, appeal)
    for name, most in LONG.items():
        if name in values:
            values[name] = _cut(values[name], most)
    made.names_persons = _names_persons(made)
    kept = set(paper.fields) - {QR}
    made.values = {name: values.get(name, "") for name in kept}
    return made


def _of_appeal(appeal: Leaf, office: UnitRow, at: datetime, hides: bool) -> Values:
    book = catalogue()
    clock = appeal.main_clock()
    lead = directory().units.get(appeal.lead_unit_id or 0)
    orders = [order.full_number for order in appeal.external_orders if order.is_theirs]
    wide = "、".join(orders)
    return {
        "落款单位": office.name,
        "日期": wording.dated(at),
        "文号": appeal.label,
        "诉求编号": appeal.label,
        "完整编号": appeal.number,
        "联系单位": office.name,
        "办公室电话": office.duty_phone or "",
        "诉求标题": appeal.title,
        "诉求内容": appeal.content,
        "诉求人要求": appeal.wish,
        "诉求主体": HIDDEN if hides else _named(appeal),
        "主体类型": APPELLANT_TYPES[appeal.appellant_type],
        "统一代码": HIDDEN if hides and appeal.uscc else appeal.uscc,
        "联系人": HIDDEN if hides else appeal.contact_name,
        "联系电话": HIDDEN if hides else _phone(appeal),
        "来源渠道": book.channel_name(appeal.channel),
        "外部工单号": wide if len(orders) < 4 else f"{'、'.join(orders[:3])}等{len(orders)}件",
        "诉求类型": KINDS[appeal.kind],
        "诉求类别": book.category_name(appeal.category_id) or "未定",
        "紧急程度": URGENCIES[appeal.urgency],
        "发生地点": appeal.place or region_name(appeal.region_code),
        "登记时间": moment(appeal.registered_at),
        "登记人": _person(appeal.registrar_id),
        "当前时限": until(clock.due_at) if clock is not None else "",
        "主办单位": lead.name if lead is not None else "",
    }


def _named(appeal: Leaf) -> str:
    return appeal.appellant_name or APPELLANT_TYPES[appeal.appellant_type]


def _phone(appeal: Leaf) -> str:
    if appeal.phone == ERASED:
        return ERASED
    return mask(appeal.phone or "") or ("电话保密" if appeal.phone_given == "withheld" else "")


def _person(person_id: int | None) -> str:
    return names_of_persons([person_id]).get(person_id, "")


def _one_appeal(
    made: Sheet, appeal: Leaf, _id: int, _issued: Sequence[Issued], at: datetime, hides: bool
) -> None:
    values, book = made.values, catalogue()
    days = {"decline": appeal.ended_at, "reply": appeal.reviewed_at, "close": appeal.closed_at}
    values["日期"] = wording.dated(days.get(made.paper.code) or at)
    to = "诉求人" if hides else _named(appeal)
    respect = "你单位" if appeal.appellant_type in _TOLD_OF_SELF else "您"
    matter = f"{respect}于{wording.dated(appeal.registered_at)}反映的“{appeal.title}”"
    if made.paper.code == "decline":
        code = db.session.scalar(select(Appeal.end_reason).where(Appeal.id == appeal.id)) or ""
        reason = book.reason_name("decline", code).removesuffix("（须写明）")
        values |= {
            "主送": to,
            "不予受理原因": reason,
            "其他途径": other_way(code),
            "正文": f"{matter}（编号：{appeal.label}）收悉。经审查，因{reason}，不予受理。",
            "要求": f"{other_way(code)}。\n特此告知。",
        }
    elif made.paper.code == "reply":
        outcome = book.outcome_name(appeal.outcome) if appeal.outcome else ""
        thanks = f"感谢{respect}的反映。如有疑问，请与我们联系"
        phone = made.values["办公室电话"]
        values |= {
            "主送": to,
            "答复": appeal.public_reply,
            "办理结果": outcome,
            "正文": f"{matter}（编号：{appeal.label}）收悉。经研究办理，现答复如下：\n"
            f"{appeal.public_reply}",
            "要求": f"{thanks}，电话：{phone}。" if phone else f"{thanks}。",
        }
    elif made.paper.code == "close":
        values |= _closing(appeal)


def _closing(appeal: Leaf) -> Values:
    book = catalogue()
    lead = appeal.lead
    clock = None
    if lead is not None:
        mine = [d for d in appeal.deadlines if d.assignment_id == lead.id and d.stage in ANSWERS]
        clock = max(mine, key=lambda d: (d.started_at, d.id), default=None)
    upheld = book.reason_name("uphold", appeal.upheld_for) if appeal.upheld_for else ""
    by = _person(appeal.upholder_id)
    is_called = bool(appeal.satisfaction) and appeal.called_at is not None
    closed = appeal.closed_at is not None
    return {
        "办理结果": book.outcome_name(appeal.outcome) if appeal.outcome else "",
        "办理情况": appeal.account,
        "对企业答复": appeal.public_reply,
        "办理时限": until(clock.due_at) if clock is not None else "",
        "办结时间": moment(appeal.answered_at) if appeal.answered_at else "",
        "回访时间": moment(appeal.called_at) if is_called and appeal.called_at else "",
        "回访人": _person(appeal.caller_id) if is_called else "",
        "是否解决": SOLVED.get(appeal.solved, ""),
        "满意情况": "免回访" if appeal.call_exempt else SATISFACTION.get(appeal.satisfaction, ""),
        "认定情况": f"{upheld}（{by}认定）" if upheld and by else upheld,
        "销号意见": "同意销号。" if closed else "",
        "销号人": _person(appeal.closer_id) if closed else "",
        "销号时间": moment(appeal.closed_at) if appeal.closed_at else "",
        "销号备注": "销号人人事关系在承办单位" if closed and appeal.closer_in_unit else "",
    }


def _assignment(
    made: Sheet, appeal: Leaf, given_id: int, _issued: Sequence[Issued], at: datetime, hides: bool
) -> None:
    given = next(one for one in appeal.assignments if one.id == given_id)
    values = made.values
    due = _last_due(appeal, given, ANSWERS)
    limit = f"，请于{until(due)}前" if due else "，请"
    number = given.letter_number or appeal.label
    values |= {
        "主送": given.unit.name,
        "日期": wording.dated(given.assigned_at),
        "文号": number,
        "文书编号": number,
        "交办时间": moment(given.assigned_at),
        "交办意见": given.note or "",
        "签收时限": until(signing) if (signing := _last_due(appeal, given, {"sign"})) else "",
        "办理时限": until(due) if due else "",
        "回复时限": until(due) if due else "",
    }
    about = _about(values)
    if given.part == "child":
        above = appeal.parent_of(given)
        signing_unit = above.unit if above is not None else made.signing_unit
        values["落款单位"] = signing_unit.name if signing_unit is not None else ""
        values["正文"] = f"现将{appeal.label}号企业诉求{about}转你单位办理{limit}反馈办理情况。"
        values["要求"] = given.note or "请抓紧办理，需要协调的事项请及时报告。"
        return
    part = "主办" if given.part == "lead" else "协办"
    done = "办结并反馈" if given.part == "lead" else "反馈协办意见"
    values["承办方式"] = part
    values["正文"] = f"现将{appeal.label}号企业诉求交由你单位{part}{limit}{done}。"
    values["要求"] = (
        "请按时签收，及时与诉求人联系，如实反馈办理情况。不属于本单位职责的，请在规定时限内申请退单；"
        "不能按时办结的，请提前申请延期。"
    )


def _about(values: Values) -> str:
    told = [values[name] for name in ("诉求类别", "发生地点") if values[name]]
    return f"（{'，'.join(told)}）" if told else ""


def _last_due(appeal: Leaf, given: Handing, stages: Any) -> datetime | None:
    mine = [d for d in appeal.deadlines if d.assignment_id == given.id and d.stage in stages]
    last = max(mine, key=lambda d: (d.started_at, d.id), default=None)
    return last.due_at if last is not None else None


def _supervision(
    made: Sheet, appeal: Leaf, paper_id: int, issued: Sequence[Issued], at: datetime, hides: bool
) -> None:
    paper = next(one for one in issued if one.id == paper_id)
    office = directory().units[paper.office_id]
    made.values |= {
        "落款单位": paper.signing_body,
        "日期": wording.dated(paper.issued_at),
        "文号": paper.letter_number or paper.number,
        "文书编号": paper.number,
        "办公室电话": office.duty_phone or "",
        "主送": directory().units[paper.unit_id].name,
        "正文": paper.paper_text,
        "要求": paper.demand,
        "回复时限": until(paper.reply_due_at),
    }


def _request(
    made: Sheet, appeal: Leaf, request_id: int, _issued: Sequence[Issued], at: datetime, hides: bool
) -> None:
    asked = next(one for one in appeal.requests if one.id == request_id)
    given = appeal.given_of(asked)
    before = [
        d
        for d in appeal.deadlines
        if d.assignment_id == given.id and d.stage in ANSWERS and d.started_at <= asked.asked_at
    ]
    clock = max(before, key=lambda d: (d.started_at, d.id), default=None)
    granted = asked.granted_until if asked.state == "granted" else None
    made.values |= {
        "落款单位": given.unit.name,
        "日期": wording.dated(asked.asked_at),
        "申请单位": given.unit.name,
        "申请人": _person(asked.asked_by_id),
        "申请时间": moment(asked.asked_at),
        "申请原因": catalogue().reason_name(asked.kind, asked.reason_code),
        "申请理由": asked.basis,
        "审批结果": _RULED.get(asked.state, ""),
        "审批意见": asked.ruling or "",
        "审批人": _person(asked.ruled_by_id),
        "审批时间": moment(asked.ruled_at) if asked.ruled_at else "",
        "原办理时限": until(clock.due_at) if clock is not None else "",
        "申请延至": until(asked.proposed_at) if asked.proposed_at else "",
        "准予延至": until(granted) if granted else "",
        "已向企业说明": "是" if asked.firm_told else "否",
    }


def _conference(
    made: Sheet, appeal: Leaf, held_id: int, _issued: Sequence[Issued], at: datetime, hides: bool
) -> None:
    held = next(one for one in appeal.conferences if one.id == held_id)
    points = [one for one in appeal.conference_points if one.conference_id == held.id]
    more = f"等{held.matters}件" if held.matters > 1 else ""
    made.values |= {
        "日期": wording.dated(held.held_at),
        "文号": (held.number or appeal.label).removeprefix("会商纪要"),
        "会商时间": moment(held.held_at),
        "会商地点": held.venue,
        "参加人员": held.participants,
        "议题": f"{appeal.label}号诉求“{appeal.title}”{more}",
        "会商结论": held.conclusion,
    }
    made.items = [
        {
            "序号": str(place),
            "事项": point.agreed,
            "责任单位": directory().units[point.unit_id].label,
            "完成时限": on_day(point.due_on),
        }
        for place, point in enumerate(points, 1)
    ]


_FILLS: dict[str, Callable[[Sheet, Leaf, int, Sequence[Issued], datetime, bool], None]] = {
    "appeal": _one_appeal,
    "assignment": _assignment,
    "supervision": _supervision,
    "request": _request,
    "conference": _conference,
}


def closing_list(actor: Actor, office: UnitRow, at: datetime) -> Sheet:
    """拟销号清单: what waits to be closed at an office, as far as the reader may see it."""
    filters = Filters(state="confirmed", office_id=office.id, sort="registered")
    rows: list[Any] = []
    cursor = ""
    while len(rows) < MOST_LISTED:
        page = ledger_page(actor, at, filters, cursor=cursor)
        rows += page.rows
        if not page.after:
            break
        cursor = page.after
    told = lines(rows[:MOST_LISTED], at)
    items = [
        {
            "序号": str(place),
            "诉求编号": line.label,
            "诉求主体": line.appellant,
            "诉求类别": line.category,
            "主办单位": line.unit,
            "登记日期": line.registered_day,
            "意见": "",
        }
        for place, line in enumerate(told, 1)
    ]
    values = {
        "落款单位": office.name,
        "日期": wording.dated(at),
        "文号": "",
        "联系单位": office.name,
        "办公室电话": office.duty_phone or "",
        "件数": str(len(items)),
    }
    paper = PAPERS["closing_list"]
    made = Sheet(paper, values, items, office, label=office.label)
    made.names_persons = any(line.appellant != HIDDEN for line in told)
    return made


def listed_offices(actor: Actor) -> list[UnitRow]:
    """Those whose 拟销号清单 this actor draws up: of his own posts in them, and of his
    jurisdiction."""
    over = actor.seats_as("coordinator", "closer", "manager", "supervisor")
    return [
        unit
        for unit in directory().offices
        if unit.active and any(seat.covers(unit.region_code) for seat in over)
    ]


# -- words -------------------------------------------------------------------------------------


def _withhold(made: Sheet, appeal: Leaf) -> None:
    """Free words may name him who is not to be named."""
    for values in (made.values, *made.items):
        for name, words in values.items():
            if words and words != HIDDEN and _tells(appeal, words):
                values[name] = WITHHELD


def _tells(appeal: Leaf, words: str) -> bool:
    return appeal.confidential and bool(names_him(appeal, words))


PERSONAL = frozenset(
    {"诉求主体", "联系人", "联系电话", "登记人", "申请人", "审批人", "回访人", "销号人", "主送",
     "参加人员"}
)  # fmt: skip


def _names_persons(made: Sheet) -> bool:
    shown = {name for cells in made.paper.rows for _, name in cells}
    shown |= {"主送"} if made.paper.audience == "appellant" else set()
    values = made.values
    return any(values.get(one, "") not in ("", HIDDEN) for one in shown & PERSONAL)


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most].rstrip()}……（全文见系统）"


def moment(at: datetime) -> str:
    """2026年11月20日09:30."""
    return f"{wording.dated(at)}{clocks.shown(at)[11:]}"


def until(at: datetime) -> str:
    """A due time: midnight is the 24:00 of the day that ends."""
    day, _, clock = clocks.shown_end(at).partition(" ")
    return f"{on_day(date.fromisoformat(day))}{clock}"


def on_day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def issued_of(appeal: Leaf) -> Sequence[Issued]:
    """The numbered papers of supervision, first to last, where there are any."""
    return supervision.papers_of(appeal.id)[::-1] if appeal.supervised or appeal.awaited else ()
