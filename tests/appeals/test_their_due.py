"""上级要求反馈时限: the due time that a hotline states holds ours back, on every way in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from appeals.register_hand import number_of, send, words_of
from cast import Cast
from hotline.test_import_orders import HEAD, bring, order, workbook
from ledger.appeals.models import Appeal
from ledger.appeals.parts import Deadline, ExternalOrder
from ledger.appeals.their_times import beside
from ledger.audit.verify import verify_command
from ledger.config import SHANGHAI
from ledger.db import db
from ledger.deadlines import clocks
from ledger.deadlines.calendar import Calendar
from ledger.deadlines.queries import load_calendar

CALENDAR = Calendar({}, frozenset({2026}))


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI)


RECEIVED = at("2026-11-16 09:00")


@dataclass
class Order:
    their_due_at: datetime | None
    received_at: datetime = RECEIVED
    source_system: str = "12345"
    state: str = "open"


def reckoned(*orders: Order, since: str = "2026-11-16 10:00", first: bool = True) -> clocks.Due:
    start = at(since)
    ours = clocks.due(start, "7wd", CALENDAR)
    assert ours is not None
    return beside(ours, orders, CALENDAR, later=not first, after=start)


def test_the_earliest_of_several_orders_counts_and_names_its_hotline() -> None:
    ours = clocks.due(at("2026-11-16 10:00"), "7wd", CALENDAR)
    one = Order(at("2026-11-24 17:00"))
    other = Order(at("2026-11-20 17:00"), source_system="12328")
    assert reckoned(one).at == at("2026-11-23 17:00")
    both = reckoned(one, other)
    assert both.at == at("2026-11-19 17:00")
    assert both.sentence.startswith("按12328要求2026-11-20 17:00前办结，预留1个工作日审核")
    assert reckoned(other, one) == both
    assert reckoned(Order(at("2026-12-31 17:00")), Order(None)) == ours
    ended = Order(at("2026-11-18 17:00"), state="ended")
    assert reckoned(ended) == ours


def test_a_later_round_heeds_only_what_still_lies_ahead() -> None:
    past, ahead = Order(at("2026-11-18 17:00")), Order(at("2026-12-02 17:00"))
    late = "2026-11-25 10:00"
    ours = clocks.due(at(late), "7wd", CALENDAR)
    assert reckoned(past, since=late).at == at("2026-11-17 22:20")
    assert reckoned(past, since=late, first=False) == ours
    assert reckoned(past, ahead, since=late, first=False).at == at("2026-12-01 17:00")


def _answer_clock(cast: Cast, number: str) -> Deadline:
    with cast.app.app_context():
        return db.session.scalars(
            select(Deadline)
            .join(Appeal, Appeal.id == Deadline.appeal_id)
            .where(Appeal.number == number, Deadline.stage == "answer")
        ).one()


def _promised(cast: Cast, theirs: datetime, number: str) -> clocks.Due:
    with cast.app.app_context():
        received = db.session.scalars(
            select(ExternalOrder.received_at)
            .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
            .where(Appeal.number == number)
        ).first()
        assert received is not None
        return clocks.against_theirs(None, theirs, received, load_calendar())


def test_it_counts_by_hand_by_file_and_once_recomputed(cast: Cast) -> None:
    client = cast.client("zhou")
    theirs = (datetime.now(SHANGHAI) + timedelta(days=4)).replace(second=0, microsecond=0)
    typed = f"{theirs:%Y-%m-%d %H:%M}"

    # By hand: without a number it says so, and nothing of what was typed is lost.
    alone = send(client, order_due=typed)
    assert alone.status_code == 422
    assert "填写了“上级要求反馈时限”，请填写“外部工单编号”" in words_of(alone)
    early = send(client, order_system="12345", order_number="8801", order_due="2020-01-01 09:00")
    assert "“上级要求反馈时限”须在接收之后、一年以内" in words_of(early)
    by_hand = number_of(send(client, order_system="12345", order_number="8801", order_due=typed))
    promised = _promised(cast, theirs, by_hand)
    receipt = client.get(f"/appeals/{by_hand}/receipt").text
    assert f"{clocks.shown_end(promised.at)[:10]}" in receipt

    # By file.
    row = [*order("8802"), f"{theirs:%Y-%m-%d %H:%M}"]
    assert bring(cast, workbook(row, head=[*HEAD, "办结时限"])).created == 1
    with cast.app.app_context():
        by_file = db.session.scalars(select(Appeal.number).where(Appeal.number != by_hand)).one()

    for number in (by_hand, by_file):
        cast.accept(number)
        cast.assign(number)
        promised, clock = _promised(cast, theirs, number), _answer_clock(cast, number)
        assert (clock.due_at, clock.sentence) == (promised.at, promised.sentence)
        assert clock.original_due_at == promised.at
        page = client.get(f"/appeals/{number}").text
        assert f"平台要求{clocks.shown_end(theirs)}前反馈" in page
        assert "按12345要求" in page
        assert "首次转办" in page

    # One that came after the hand-off and was never heeded counts when the office recomputes.
    later = cast.register()
    cast.accept(later)
    cast.assign(later)
    before = _answer_clock(cast, later)

    def bear(appeal: Appeal, moment: datetime) -> None:
        with appeal.act("supplement", by=cast.actor("zhou"), at=moment) as act:
            act.texts["note"] = "12345转来同一事项"
            appeal.external_orders.append(
                ExternalOrder(
                    source_system="12345",
                    order_number="8803",
                    state="open",
                    received_at=moment,
                    their_due_at=theirs,
                )
            )

    cast.do(later, bear)
    assert _answer_clock(cast, later).due_at == before.due_at
    assert later in client.get("/appeals/recompute?version=own").text
    cast.do(
        later,
        lambda a, moment: a.recompute("own", "12345转来限时", by=cast.actor("zhou"), at=moment),
    )
    moved = _answer_clock(cast, later)
    assert moved.due_at == _promised(cast, theirs, later).at < before.due_at
    assert moved.original_due_at == before.due_at

    found = cast.app.test_cli_runner().invoke(verify_command)
    assert found.exit_code == 0, found.output
