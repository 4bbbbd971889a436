"""Every implemented verb, in every state that can be reached, by everybody of the cast.

What the table allows succeeds and writes one entry (and is rolled back); what it refuses raises
with the table's status and leaves no row changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from cast import PEOPLE, Cast, said
from ledger.appeals import lifecycle
from ledger.appeals.conferring import Agreed, Held
from ledger.appeals.copying import Readers
from ledger.appeals.lifecycle import ENDS, OPEN
from ledger.appeals.models import Appeal
from ledger.appeals.outside import Paper
from ledger.appeals.record import Refused
from ledger.catalogue.queries import catalogue
from ledger.db import db, now, writing
from ledger.deadlines.calendar import end_of, last_day, local_day
from ledger.deadlines.queries import load_calendar
from ledger.files.models import Attachment
from ledger.people.actor import Actor, system
from ledger.people.models import Unit
from ledger.supervision.models import Paper as OrderPaper
from ledger.supervision.models import Urge, Wording
from ledger.trail.models import Entry

Doing = Callable[[Appeal, Actor, datetime], Any]

STATES = sorted(OPEN | ENDS)


def _reason(kind: str) -> str:
    return next(code for k, code in catalogue().reasons if k == kind)


def _uphold(appeal: Appeal, by: Actor, at: datetime) -> None:
    reason = "explained_unsatisfied" if appeal.undetermined else "unreachable"
    appeal.uphold(reason, "三次联系未接通", by=by, at=at)


def _ask_extension(appeal: Appeal, by: Actor, at: datetime, days: int = 2) -> None:
    units = {seat.unit_id for seat in by.seats}
    own = next((a for a in appeal.assignments if a.is_open and a.unit_id in units), None)
    clock = appeal.main_clock() if own is None else appeal.own_clock(own)
    until = clock.due_at if clock is not None else at
    until = end_of(load_calendar().add_working_days(last_day(until), days))
    appeal.ask_extension(until, _reason("extension"), "正在会商", firm_told=True, by=by, at=at)


def _file() -> Attachment:
    return Attachment(
        stored_name=secrets.token_hex(16),
        name="照片.jpg",
        media_type="image/jpeg",
        size=3,
        sha256="0" * 64,
        caption="现场",
        uploaded_at=now(),
    )


def doings(cast: Cast, masters: list[str]) -> dict[str, Doing]:
    bureau = cast.units["bureau"]

    def merge(appeal: Appeal, by: Actor, at: datetime) -> None:
        of_office = (Appeal.number.in_(masters), Appeal.office_id == appeal.office_id)
        into = db.session.scalars(select(Appeal).where(*of_office)).one()
        appeal.merge(into, "同一事项", by=by, at=at)

    def join(appeal: Appeal, by: Actor, at: datetime) -> None:
        of_office = (Appeal.number.in_(masters), Appeal.office_id == appeal.office_id)
        into = db.session.scalars(select(Appeal).where(*of_office)).one()
        appeal.join(into, "同一收费站", by=by, at=at)

    def answer(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.answer(
            "resolved",
            "已协调收费站恢复通行。",
            "您好，收费站入口已恢复通行。",
            evidence="经办人当日现场核实，已通行。",
            by=by,
            at=at,
        )

    def call_back(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.call_back(by=by, at=at, contacted=True, solved="solved", satisfaction="satisfied")

    def accept(appeal: Appeal, by: Actor, at: datetime) -> None:
        category = next(iter(catalogue().categories))
        appeal.accept(by=by, at=at, category_id=category, urgency="normal")

    def assign(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.assign(db.session.get_one(Unit, bureau), by=by, at=at)

    def receive(appeal: Appeal, by: Actor, at: datetime) -> None:
        found = [a for a in appeal.assignments if a.state == "offered"]
        if not found:
            raise Refused(lifecycle.may("receive", appeal.facts(at), by).status, "没有待签收的。")
        appeal.receive(found[0], by=by, at=at)

    def police(appeal: Appeal) -> int:
        return next((a.id for a in appeal.assists), 0)

    def add_assist(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.add_assist([db.session.get_one(Unit, cast.units["industry"])], "配合", by=by, at=at)

    def change_lead(appeal: Appeal, by: Actor, at: datetime) -> None:
        unit = db.session.get_one(Unit, cast.units["section"])
        appeal.change_lead(unit, "属其职责", by=by, at=at)

    def section(appeal: Appeal) -> int:
        return next((a.id for a in appeal.assignments if a.part == "child"), 0)

    def pass_on(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.pass_on([db.session.get_one(Unit, cast.units["second_section"])], by=by, at=at)

    def copy(appeal: Appeal, by: Actor, at: datetime) -> None:
        appeal.copy(Readers([db.session.get_one(Unit, cast.units["industry"])]), by=by, at=at)

    def uncopy(appeal: Appeal, by: Actor, at: datetime) -> None:
        standing = [one.id for one in appeal.copies if one.stands]
        if not standing:
            raise Refused(lifecycle.may("uncopy", appeal.facts(at), by).status, "没有抄送。")
        appeal.uncopy(standing, "不需要", by=by, at=at)

    def order(appeal: Appeal, by: Actor, at: datetime) -> None:
        until = at + timedelta(days=2)
        said = Wording(appeal.office_id, "至今未办结。", "请抓紧办理。", until, "专班办公室")
        OrderPaper.issue(appeal, "order", said, by=by, at=at)

    return {
        "pass_on": pass_on,
        "waive_child": lambda a, by, at: a.waive_child(section(a), "不需反馈", by=by, at=at),
        "release_child": lambda a, by, at: a.release_child(section(a), "无关", by=by, at=at),
        "send_back_child": lambda a, by, at: a.send_back_child(section(a), "缺照片", by=by, at=at),
        "rule_child_return": lambda a, by, at: a.rule_child_return(
            section(a), True, "", by=by, at=at
        ),
        "rule_child_extension": lambda a, by, at: a.rule_child_extension(
            section(a), True, "", by=by, at=at
        ),
        "copy": copy,
        "uncopy": uncopy,
        "order": order,
        "urge": lambda a, by, at: Urge.record(
            a, a.office_id, "phone", spoken_to="值班室", by=by, at=at
        ),
        "add_assist": add_assist,
        "change_lead": change_lead,
        "release_assist": lambda a, by, at: a.release_assist(police(a), "无关", by=by, at=at),
        "waive": lambda a, by, at: a.waive(police(a), "不需反馈", by=by, at=at),
        "send_back_assist": lambda a, by, at: a.send_back_assist(
            police(a), "缺照片", by=by, at=at
        ),
        "supplement": lambda a, by, at: a.supplement("又有一车被劝返", by=by, at=at),
        "attach": lambda a, by, at: a.attach([_file()], by=by, at=at),
        "ask_details": lambda a, by, at: a.ask_details("请补充车牌号", by=by, at=at),
        "correct": lambda a, by, at: a.correct({"place": "澄江镇"}, "地点有误", by=by, at=at),
        "accept": accept,
        "decline": lambda a, by, at: a.decline(_reason("decline"), "已电话告知", by=by, at=at),
        "merge": merge,
        "join": join,
        "unjoin": lambda a, by, at: a.unjoin("并非同一事项", by=by, at=at),
        "word_reply": lambda a, by, at: a.word_reply("您好，您的两辆车已放行。", by=by, at=at),
        "unmerge": lambda a, by, at: a.unmerge("并非同一事项", by=by, at=at),
        "assign": assign,
        "recall": lambda a, by, at: a.recall("改由他单位办理", by=by, at=at),
        "sign_for": lambda a, by, at: a.sign_for(by=by, at=at, handler_phone="13900000000"),
        "contact": lambda a, by, at: a.contact("phone", "已联系刘经理", by=by, at=at),
        "relay": lambda a, by, at: a.relay("phone", "已电话核实", by=by, at=at),
        "progress": lambda a, by, at: a.progress("正在协调", by=by, at=at),
        "answer": answer,
        "answer_directly": lambda a, by, at: a.answer_directly(
            "explained",
            "已查明。",
            "您好，现行规定如下，请按规定办理。",
            particulars=said(at),
            by=by,
            at=at,
        ),
        "link_remainder": lambda a, by, at: a.link_remainder(by=by, at=at),
        "send_back": lambda a, by, at: a.send_back("缺少佐证", by=by, at=at),
        "review": lambda a, by, at: a.review(by=by, at=at),
        "attempt": lambda a, by, at: a.attempt("phone", "无人接听", by=by, at=at),
        "call_back": call_back,
        "uphold": _uphold,
        "close": lambda a, by, at: a.close(by=by, at=at),
        "refuse_closing": lambda a, by, at: a.refuse_closing(
            "assigned", "问题未解决", by=by, at=at
        ),
        "tell": lambda a, by, at: a.tell("phone", "已告知", by=by, at=at),
        "recur": lambda a, by, at: a.recur("又被劝返", by=by, at=at),
        "hold": lambda a, by, at: a.hold("等待外省", at + timedelta(days=7), by=by, at=at),
        "resume": lambda a, by, at: a.resume("外省已回复", by=by, at=at),
        "reopen": lambda a, by, at: a.reopen("问题再次出现", by=by, at=at),
        "withdraw": lambda a, by, at: a.withdraw("void", "重复登记", by=by, at=at),
        "receive": receive,
        "ask_return": lambda a, by, at: a.ask_return(
            _reason("return"), "不在辖区内", by=by, at=at
        ),
        "rule_return": lambda a, by, at: a.rule_return(True, "", by=by, at=at),
        "ask_extension": _ask_extension,
        "rule_extension": lambda a, by, at: a.rule_extension(True, "", by=by, at=at),
        **_beyond(cast),
    }


def _beyond(cast: Cast) -> dict[str, Doing]:
    """Holds asked for, letters, the superior's office and conferences."""

    def write_out(appeal: Appeal, by: Actor, at: datetime) -> None:
        words = f"第{appeal.outside_count + 1}次致函"  # the same is not entered twice
        paper = Paper("out", "广东省交通运输厅", "letter", local_day(at), words)
        appeal.write_out(paper, by=by, at=at)

    def raise_up(appeal: Appeal, by: Actor, at: datetime) -> None:
        # The city's own office has nobody above it here.
        if appeal.office_id == cast.units["city_office"]:
            raise Refused(lifecycle.may("raise", appeal.facts(at), by).status, "没有上级。")
        appeal.raise_up("涉及外县", by=by, at=at)

    def note_reply(appeal: Appeal, by: Actor, at: datetime) -> None:
        record = next((r.id for r in appeal.outside_records), 0)
        appeal.note_reply(record, "同意放行", replied=True, on=local_day(at), by=by, at=at)

    def confer(appeal: Appeal, by: Actor, at: datetime) -> None:
        agreed = [Agreed("恢复通行", cast.units["bureau"], "交通局", local_day(at))]
        held = Held(at, "交通局、公安局", "当日恢复通行", "试/1", points=agreed)
        appeal.confer(held, by=by, at=at)

    def fulfil(appeal: Appeal, by: Actor, at: datetime) -> None:
        point = next((p.id for p in appeal.conference_points), 0)
        appeal.fulfil(point, "已恢复通行", local_day(at), by=by, at=at)

    week = timedelta(days=7)
    return {
        "ask_hold": lambda a, by, at: a.ask_hold(
            _reason("hold"), "等外省", at + week, by=by, at=at
        ),
        "rule_hold": lambda a, by, at: a.rule_hold(True, "", by=by, at=at),
        "review_hold": lambda a, by, at: a.review_hold("仍未回复", at + week, by=by, at=at),
        "write_out": write_out,
        "note_reply": note_reply,
        "raise": raise_up,
        "hand_back": lambda a, by, at: a.hand_back("由县里继续办理", by=by, at=at),
        "ask_coordination": lambda a, by, at: a.ask_coordination("管辖", "请会商", by=by, at=at),
        "drop_coordination": lambda a, by, at: a.drop_coordination("已解决", by=by, at=at),
        "confer": confer,
        "fulfil": fulfil,
    }


def _once(cast: Cast, number: str, act: Doing, who: str) -> None:
    cast.do(number, lambda a, at: act(a, cast.actor(who), at))


def _extend(cast: Cast, number: str, days: int) -> None:
    cast.do(number, lambda a, at: _ask_extension(a, cast.actor("chen"), at, days))


def _appeals(cast: Cast) -> dict[str, str]:
    """A number for each state, and for each turn within one that changes who may."""
    found = {state: cast.reach(state) for state in STATES}
    found["assigned, signed for"] = cast.reach("assigned")
    cast.do(found["assigned, signed for"], lambda a, at: a.sign_for(by=cast.actor("chen"), at=at))
    found["confidential"] = cast.register(confidential=True)
    cast.accept(found["confidential"])
    cast.assign(found["confidential"])
    found["recalled"] = cast.reach("assigned")
    cast.do(found["recalled"], lambda a, at: a.recall("改派", by=cast.actor("zhou"), at=at))
    found |= {turn: _with_assist(cast, turn) for turn in ASSISTED}
    explained = cast.reach("assigned")
    cast.answer(explained, outcome="explained")
    cast.review(explained)
    cast.call_back(explained, "unsatisfied")
    found["undetermined"] = explained
    found["partly"] = cast.reach("assigned")
    cast.answer(found["partly"], outcome="partly")
    rework = cast.reach("reviewed")
    cast.call_back(rework, "unsatisfied")
    found["rework"] = rework
    returned = cast.reach("assigned")
    cast.do(
        returned,
        lambda a, at: a.ask_return(_reason("return"), "不在辖区内", by=cast.actor("chen"), at=at),
    )
    found["contested"] = returned
    for turn, verb, who in (
        ("hold asked", "ask_hold", "chen"),
        ("put before the leaders", "ask_coordination", "chen"),
        ("conferred", "confer", "ma"),
        ("written", "write_out", "zhou"),
        ("raised", "raise", "zhou"),
    ):
        found[turn] = cast.reach("assigned")
        _once(cast, found[turn], _beyond(cast)[verb], who)
    for turn, days in (("extension asked", 2), ("long extension asked", 6)):
        found[turn] = cast.reach("assigned")
        _extend(cast, found[turn], days)
    found |= {turn: _passed_on(cast, turn) for turn in PASSED_ON}
    number = found["copied"] = cast.reach("registered")

    def copy(appeal: Appeal, at: datetime) -> None:
        appeal.copy(Readers([cast.unit("police")]), by=cast.actor("zhou"), at=at)

    cast.do(number, copy)
    return found


PASSED_ON = ("passed on", "child answered", "child contested", "child asks for time")


def _passed_on(cast: Cast, turn: str) -> str:
    """The bureau leads, its section has it from the bureau."""
    number = cast.reach("assigned")
    with cast.app.app_context():
        due = end_of(load_calendar().add_working_days(last_day(now()), 3))

    def pass_on(appeal: Appeal, at: datetime) -> None:
        appeal.pass_on([cast.unit("section")], due_at=due, by=cast.actor("chen"), at=at)

    def ask(appeal: Appeal, at: datetime) -> None:
        by = cast.actor("sun")
        if turn == "child contested":
            appeal.ask_return(_reason("return"), "不在职责内", by=by, at=at)
            return
        until = end_of(load_calendar().add_working_days(last_day(due), 2))
        appeal.ask_extension(until, _reason("extension"), "会商", firm_told=True, by=by, at=at)

    cast.do(number, pass_on)
    if turn == "child answered":
        cast.answer(number, by="sun")
    elif turn != "passed on":
        cast.do(number, ask)
    return number


ASSISTED = ("assist offered", "assist answered", "assist alone", "assist held")


def _with_assist(cast: Cast, turn: str) -> str:
    """Beside the bureau the police; alone after a recall; or both held."""
    number = cast.reach("accepted")

    def assign(appeal: Appeal, at: datetime) -> None:
        by = cast.actor("zhou")
        appeal.assign(cast.unit("bureau"), assists=[cast.unit("police")], by=by, at=at)

    cast.do(number, assign)
    if turn == "assist answered":
        cast.answer(number, by="he")
    if turn == "assist alone":
        cast.do(number, lambda a, at: a.recall("改派", by=cast.actor("zhou"), at=at))
    if turn == "assist held":
        until = now() + timedelta(days=7)
        cast.do(number, lambda a, at: a.hold("等外省", until, by=cast.actor("zhou"), at=at))
    return number


def _second_section(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        unit = Unit(code="360734-jt-bgs", name="办公室", kind="section", region_code="360734")
        db.session.add(unit)
        db.session.flush()
        unit.move_under(cast.unit("bureau"))
        db.session.commit()
        cast.units["second_section"] = unit.id
        db.session.remove()


def test_the_verbs_do_what_the_table_says(cast: Cast) -> None:
    _second_section(cast)
    numbers = _appeals(cast)
    masters = [cast.register(), cast.reach("accepted")]
    cast.do(masters[1], lambda a, at: a.raise_up("涉及外县", by=cast.actor("zhou"), at=at))
    acts = doings(cast, masters)
    wrong: list[str] = []
    allowed: set[tuple[str, str]] = set()
    asked = 0
    with cast.app.app_context():
        at = now()
        actors = {name: cast.actor(name, at) for name in PEOPLE} | {"系统": system()}
        before = _footprint()
        for turn, number in numbers.items():
            find = select(Appeal).where(Appeal.number == number)
            appeal = db.session.scalars(find).one()
            known = appeal.facts(at)
            for name, actor in actors.items():
                for verb, act in acts.items():
                    asked += 1
                    wanted = lifecycle.may(verb, known, actor).status
                    version = appeal.version
                    try:
                        act(appeal, actor, at)
                    except Refused as refused:
                        given = refused.status
                        if db.session.dirty or db.session.new:
                            wrong.append(f"{turn}: {verb} by {name} was refused and left rows")
                    else:
                        given = 200
                        allowed.add((turn, verb))
                        verb_row = lifecycle.BY_CODE[verb]
                        state = "same" if appeal.state == turn else appeal.state
                        if turn in STATES and state not in verb_row.to:
                            wrong.append(f"{turn}: {verb} leads to {appeal.state}")
                        if appeal.version != version + 1:
                            wrong.append(f"{turn}: {verb} by {name} wrote no single entry")
                        db.session.rollback()
                    if given != wanted:
                        wrong.append(f"{turn}: {verb} by {name} gave {given}, not {wanted}")
            db.session.rollback()
        assert _footprint() == before
    assert asked > 6000
    assert not wrong, f"{len(wrong)} of {asked}\n" + "\n".join(wrong[:30])
    assert {verb for _, verb in allowed} == set(acts), "each verb was admitted somewhere"


def _footprint() -> tuple[int, list[Any]]:
    db.session.rollback()
    entries = db.session.scalar(select(func.count()).select_from(Entry)) or 0
    rows = db.session.execute(
        select(Appeal.number, Appeal.version, Appeal.state, Appeal.head).order_by(Appeal.id)
    ).all()
    return entries, [tuple(row) for row in rows]


@pytest.mark.parametrize("name", ["shen", "an", "xi", "none", "yuan", "yan"])
def test_strangers_and_administrators_may_nothing(cast: Cast, name: str) -> None:
    number = cast.reach("confirmed")
    with cast.app.app_context():
        at = now()
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        actor = cast.actor(name)
        open_to = lifecycle.verbs_open_to(appeal.facts(at), actor, lifecycle.BY_CODE)
        assert open_to == []
