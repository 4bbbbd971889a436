"""并案办理: one matter of several appellants, handled once, called back and closed one by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from cast import Cast
from ledger.appeals import unit_sight
from ledger.appeals.filters import Filters
from ledger.appeals.joined_queries import lock_kin
from ledger.appeals.leaf import leaf
from ledger.appeals.lines import lines
from ledger.appeals.models import Appeal
from ledger.appeals.parts import UnitSight
from ledger.appeals.queries import facts_of, find, some
from ledger.appeals.record import Invalid, Refused
from ledger.db import db, keyring, now, writing
from ledger.people.models import Post
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry


def named(number: str) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.number == number)).one()


def join(cast: Cast, number: str, master: str, by: str = "zhou") -> None:
    cast.do(
        number,
        lambda a, at: a.join(named(master), "同一收费站关闭", by=cast.actor(by), at=at),
    )


def look(cast: Cast, number: str, tell: Callable[[Appeal], Any]) -> Any:
    with cast.app.app_context():
        return tell(named(number))


def shape(cast: Cast, number: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = look(
        cast, number, lambda a: (a.state, a.lead_unit_id, a.due_at, a.due_stage, a.public_reply)
    )
    return found


def sound(cast: Cast) -> None:
    """Every stream replays to its rows, and what units see is what the assignments say."""
    with cast.app.app_context():
        problems = list(check_ledger(db.engine, keyring(), Report()))
        assert problems == []


def test_a_matter_of_three(cast: Cast) -> None:
    """From joining to closing: lead, clock, sight, reply and 回避 are the master's."""
    master, two, three = (cast.register(appellant_name=f"{n}号企业") for n in "一二三")
    cast.accept(master)
    cast.accept(three)
    cast.assign(three, "police")
    join(cast, two, master)  # from registered
    join(cast, three, master)  # from assigned
    assert look(cast, three, lambda a: a.assignments[0].release_reason) == "joined"
    assert look(cast, master, lambda a: a.joined_count) == 2
    m = shape(cast, master)
    assert shape(cast, two) == ("joined", None, *m[2:])
    cast.assign(master)
    m = shape(cast, master)
    bureau = cast.units["bureau"]
    assert m[1] == bureau
    assert shape(cast, two) == ("joined", bureau, m[2], "answer", "")
    cast.do(
        master,
        lambda a, at: a.set_due(at + timedelta(days=3), "企业急", by=cast.actor("zhou"), at=at),
    )
    assert shape(cast, three)[2] == shape(cast, master)[2] != m[2]
    with cast.app.app_context():
        chen, he = cast.actor("chen"), cast.actor("he")
        assert find(two, chen, now()) is not None
        assert find(two, he, now()) is None
        assert find(three, he, now()) is not None  # what it once had in its own right
        with pytest.raises(Refused, match="还有并入本件办理的诉求"):
            named(master).withdraw("void", "试", by=cast.actor("zhou"), at=now())
        assert {r.number for r in some(chen, now(), Filters(), 9)} == {master, two, three}
    cast.answer(master)
    cast.do(
        three,
        lambda a, at: a.word_reply(
            "三号企业您好，澄江收费站已恢复通行，您的两辆车可走二号口。",
            by=cast.actor("zhou"),
            at=at,
        ),
    )
    cast.review(master)
    assert shape(cast, two)[0] == "reviewed"
    assert shape(cast, two)[3:] == ("call_back", shape(cast, master)[4])
    assert shape(cast, three)[4].startswith("三号企业您好")
    sound(cast)
    # 回避: who answered the master may not call back or close what is joined, under any post.
    for verb, state in (("call_back", "reviewed"), ("close", "confirmed")):
        assert look(cast, two, lambda a: a.state) == state
        with cast.app.app_context():
            verdict = named(two).may(verb, cast.actor("chen"), now())
            assert verdict.status == 403
            rows = some(cast.actor("tang"), now(), Filters(state=state), 9)
            facts = facts_of(rows, now())
            for row in rows:
                alone = named(row.number).facts(now())
                assert facts[row.id].shared == alone.shared
                assert facts[row.id].first_keys == alone.first_keys == {cast.people["chen"]}
        cast.call_back(two) if verb == "call_back" else cast.close(two)
    # Dissatisfied alone: unjoined and reworked alone with the master's lead.
    cast.call_back(three, "unsatisfied")
    state, lead, _, stage, _ = shape(cast, three)
    assert (state, lead, stage) == ("assigned", bureau, "rework")
    assert look(cast, three, lambda a: (a.round, a.master_id)) == (2, None)
    assert look(cast, master, lambda a: a.joined_count) == 1
    with cast.app.app_context():
        assert named(three)._first_keys() == {cast.people["chen"]}
    cast.answer(three)
    cast.review(three)
    cast.call_back(three)
    cast.close(three)
    cast.call_back(master)
    cast.close(master)
    with cast.app.app_context():
        assert find(two, cast.actor("chen"), now()) is not None  # also after it was closed
        marks = {
            line.number: line.marks
            for line in lines(some(cast.actor("zhou"), now(), Filters(), 9), now())
        }
        assert (("并案", "") in marks[two], ("并案主件", "") in marks[master]) == (True, True)
        verbs = db.session.scalars(
            select(Entry.verb).where(Entry.stream == f"appeal/{three}").order_by(Entry.seq)
        ).all()
        assert verbs[:4] == ["register", "accept", "assign", "join"]
        assert "follow" in verbs and verbs.count("call_back") == 2
    sound(cast)


def act_on(cast: Cast, number: str, verb: str, *words: Any, by: str = "zhou", **more: Any) -> None:
    cast.do(number, lambda a, at: getattr(a, verb)(*words, by=cast.actor(by), at=at, **more))


def state(cast: Cast, number: str) -> str:
    return str(look(cast, number, lambda a: a.state))


def test_sent_back_held_and_resumed_with_its_master(cast: Cast) -> None:
    """What was not called back yet goes back with the master; what was confirmed stays."""
    master, two, three, four = (cast.register(appellant_name=f"{n}号企业") for n in "一二三四")
    cast.accept(master)
    cast.assign(master)
    join(cast, two, master)
    join(cast, three, master)
    cast.answer(master, outcome="referred")
    until = now() + timedelta(days=7)
    act_on(cast, master, "review", hold_review_at=until)
    assert [state(cast, n) for n in (master, two)] == ["held", "joined"]
    assert shape(cast, two)[2:4] == shape(cast, master)[2:4] == (shape(cast, two)[2], "hold_review")
    act_on(cast, master, "resume", "上级已答复", settled=True)
    assert {state(cast, n) for n in (master, two, three)} == {"reviewed"}
    cast.call_back(two)
    join(cast, four, master)  # past review: to the call-back at once
    assert shape(cast, four)[0] == "reviewed" and shape(cast, four)[4] == shape(cast, master)[4]
    act_on(cast, master, "send_back", "缺少佐证")
    assert [state(cast, n) for n in (master, two, three, four)] == [
        "assigned",
        "confirmed",
        "joined",
        "joined",
    ]
    assert shape(cast, three)[3:] == ("answer", "")
    sound(cast)
    # Sent back alone, it is handled alone by the master's lead; 回避 remembers the master's answer.
    act_on(cast, two, "send_back", "该户另有诉求")
    assert look(cast, two, lambda a: (a.state, a.master_id)) == ("assigned", None)
    assert look(cast, two, lambda a: a.lead is not None and a.lead.unit_id == a.lead_unit_id)
    assert shape(cast, two)[1] == cast.units["bureau"]
    with cast.app.app_context():
        assert named(two).may("call_back", cast.actor("chen"), now()).status == 403
        assert cast.people["chen"] in named(two).facts(now()).first_keys
    with pytest.raises(Invalid, match="已随另一主件答复过"):
        join(cast, two, cast.reach("assigned"))
    # Another lead of the master is theirs, too, and sees them; a closed one is seen along.
    act_on(cast, master, "change_lead", cast_unit(cast, "police"), "属其职责")
    assert shape(cast, three)[1] == cast.units["police"]
    with cast.app.app_context():
        assert find(three, cast.actor("he"), now()) and not find(two, cast.actor("he"), now())
    sound(cast)


def cast_unit(cast: Cast, name: str) -> Any:
    with cast.app.app_context():
        return cast.unit(name)


def test_what_units_see_is_made_anew_as_it_was(cast: Cast) -> None:
    """ledger reindex: the joined ones stay in sight, and what nobody was given is dropped."""
    master, two = cast.reach("assigned"), cast.register(appellant_name="二号企业")
    join(cast, two, master)
    with cast.app.app_context():
        with writing():
            kept = select(UnitSight.unit_id, UnitSight.appeal_id, UnitSight.duty).order_by(
                UnitSight.appeal_id
            )
            before = db.session.execute(kept).all()
            assert len(before) == 2
            db.session.execute(update(UnitSight).values(unit_id=cast.units["police"]))
            db.session.commit()
        unit_sight.rebuild(batch=1)
        assert db.session.execute(kept).all() == before
    sound(cast)


def test_leaving_a_master_by_every_door(cast: Cast) -> None:
    """By unjoining, to another master, by merging, by withdrawing: on the page as by the verb."""
    one, other, *rest = (cast.register(appellant_name=f"{n}号企业") for n in "一二三四五六")
    two, three, four, same = rest
    office = cast.client("zhou")
    for number in (one, other):
        cast.accept(number)
        cast.assign(number, "bureau" if number == one else "police")

    def send(number: str, act: str, **typed: str) -> Any:
        return office.post(f"/appeals/{number}/{act}", data=typed)

    spoken = look(cast, one, lambda a: a.label)  # as it is read aloud
    for number in rest:
        named_so = spoken if number == two else one
        assert send(number, "join", master=named_so, reason="同一收费站").status_code == 303
    refused = {
        one: "不能并入本件自身",
        two: "已并入其他诉求办理",
        "360734-2026-009999": "没有这个编号的诉求",
        "": "请选择主件，或填写主件编号",
    }
    alone = cast.register(appellant_name="七号企业")
    for typed, why in refused.items():
        number = alone if typed != one else one
        sent = send(number, "join", master=typed, reason="试一试")
        assert sent.status_code in (409, 422), (typed, sent.status_code)
        assert why in sent.text or "还有并入本件办理的诉求" in sent.text
        assert "试一试" in sent.text
    for verb in ("decline", "merge", "withdraw"):
        shown = office.get(f"/appeals/{one}/{verb}")
        assert shown.status_code == 409
    label = look(cast, two, lambda a: a.label)
    assert label in office.get(f"/appeals/{one}/withdraw").text
    assert look(cast, one, lambda a: a.joined_count) == 4
    # To another master in one submit.
    assert send(two, "unjoin", master=other, reason="并错了").status_code == 303
    assert shape(cast, two)[:2] == ("joined", cast.units["police"])
    with cast.app.app_context():
        assert find(two, cast.actor("he"), now()) and not find(two, cast.actor("chen"), now())
    # Alone: its own hand-off clock runs, and nobody's unit sees it.
    assert send(three, "unjoin", reason="事项不同").status_code == 303
    assert look(cast, three, lambda a: (a.state, a.due_stage, a.lead_unit_id)) == (
        "accepted",
        "assign",
        None,
    )
    with cast.app.app_context():
        assert not find(three, cast.actor("chen"), now())
    act_on(cast, four, "withdraw", "void", "重复登记")
    twin = cast.register(appellant_name="六号企业")
    assert send(same, "merge", master=twin, reason="同一户").status_code == 303
    assert look(cast, one, lambda a: a.joined_count) == 1  # the withdrawn one stays
    assert send(one, "withdraw", way="void", reason="作废").status_code == 303
    act_on(cast, same, "unmerge", "不是同一户")
    assert look(cast, same, lambda a: (a.master_id, a.handled_with_id)) == (None, None)
    told = office.get(f"/appeals/{one}").text
    assert "并入本件" in told and "不再并入本件" in told
    sound(cast)


def test_joining_while_the_master_is_reviewed(cast: Cast) -> None:
    """Whichever comes first, the joined one bears the answer and waits for its call-back; and
    leaving a master with a higher number waits for nobody's lock in a circle."""
    for first in ("review", "join"):
        two = cast.register(appellant_name="二号企业")
        master = cast.reach("answered")
        _at_once(cast, first, master, two)
        assert (state(cast, master), state(cast, two)) == ("reviewed", "reviewed")
        assert shape(cast, two)[4] == shape(cast, master)[4]
    two, master = cast.register(appellant_name="三号企业"), cast.reach("answered")
    join(cast, two, master)
    _at_once(cast, "review", master, two, leaving=True)
    assert state(cast, master) == "reviewed"
    assert state(cast, two) in ("reviewed", "accepted")
    sound(cast)


def _at_once(
    cast: Cast, first: str, master: str, number: str, *, leaving: bool = False
) -> None:
    """Both in transactions that overlap; `first` has its locks before the other begins."""
    begun, wrong = threading.Event(), []

    def review() -> None:
        with writing() as at:
            appeal = find(master, cast.actor("zhou"), at, lock=True)
            assert appeal is not None
            done("review")
            appeal.review(by=cast.actor("zhou"), at=at)
            db.session.commit()

    def move() -> None:
        with writing() as at:
            by = cast.actor("zhou")
            ids = [named(number).id, named(master).id]
            lock_kin(*ids)
            one, into = find(number, by, at, lock=True), find(master, by, at, lock=True)
            assert one is not None and into is not None
            done("join")
            if not leaving:
                one.join(into, "", by=by, at=at)
            elif one.state == "joined":
                one.unjoin("并错了", by=by, at=at)
            db.session.commit()

    def done(which: str) -> None:
        if which == first:
            begun.set()
            time.sleep(0.3)  # so long the other waits for what we hold

    def run(doing: Callable[[], None], which: str) -> None:
        if which != first:
            begun.wait(20)
        try:
            with cast.app.app_context():
                doing()
        except Exception as error:
            wrong.append(f"{which}: {error!r}")
            begun.set()

    hands = [
        threading.Thread(target=run, args=(review, "review")),
        threading.Thread(target=run, args=(move, "join")),
    ]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join(60)
    assert wrong == []


def test_desks_and_pages_ask_what_the_table_asks(cast: Cast) -> None:
    """Whoever answered the master, and whoever has a post at its units, finds none of what is
    joined under 待我回访 or 待我销号; the page's reading and the row's come to the same."""
    with cast.app.app_context(), writing():
        for name, role, unit in (
            ("chen", "operator", "office"),
            ("sun", "operator", "section"),
            ("sun", "closer", "section"),
            ("chen", "closer", "office"),
        ):
            post = {"person_id": cast.people[name], "unit_id": cast.units[unit], "role": role}
            db.session.add(Post(**post, starts_on=date(2020, 1, 1)))
        db.session.commit()
    master, two, three = (cast.register(appellant_name=f"{n}号企业") for n in "一二三")
    cast.accept(master)
    cast.assign(master)
    join(cast, two, master)
    join(cast, three, master)
    cast.answer(master)
    cast.review(master)
    cast.call_back(three)
    alone = cast.reach("reviewed")
    turns = (("to_call", "call_back", "reviewed"), ("to_close", "close", "confirmed"))
    with cast.app.app_context():
        at = now()
        for name in ("tang", "chen", "sun", "wu", "lin"):
            actor = cast.actor(name, at)
            for view, verb, waits in turns:
                shown = {r.number for r in some(actor, at, Filters(view=view), 20)}
                may = {
                    number
                    for number in (master, two, three, alone)
                    if state_now(number) == waits and named(number).may(verb, actor, at)
                }
                assert shown == may, (name, view)
        to_close = some(cast.actor("wu"), at, Filters(view="to_close"), 9)
        assert [row.number for row in to_close] == [three]
        for name in ("zhou", "tang", "lin"):
            actor = cast.actor(name, at)
            for number in (master, two, three):
                read = leaf(number, actor, at)
                assert read is not None and read.facts(at) == named(number).facts(at)


def state_now(number: str) -> str:
    return str(named(number).state)
