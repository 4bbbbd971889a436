"""接口推送: what a hotline hears of its orders, whatever its platform does meanwhile."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import select

from cast import Cast
from hotline.push_hand import Book, hearing, reported, rested, told
from ledger.appeals.models import Appeal
from ledger.appeals.parts import ExternalOrder
from ledger.db import db, now, writing
from ledger.hotline import pushing
from ledger.hotline.api_models import ApiClient
from ledger.hotline.clients import rotate
from ledger.hotline.platforms import Key, Platform, kept_by, key_of, platforms
from ledger.hotline.push_models import OrderMessage, PushTurn
from ledger.people.actor import system
from ledger.work import outbox

REPLY = "您好，澄江收费站入口已恢复通行，感谢反映。"


def states(cast: Cast) -> list[tuple[int, str, str, int]]:
    with cast.app.app_context():
        wanted = select(OrderMessage).order_by(OrderMessage.order_id, OrderMessage.sequence)
        found = [(m.sequence, m.event, m.state, m.attempts) for m in db.session.scalars(wanted)]
        db.session.remove()
        return found


def test_each_step_is_heard_in_the_words_that_stood_then(cast: Cast) -> None:
    """The whole life is lived before anything is sent: no message knows what came after it."""
    with hearing(cast) as platform:
        number = reported(cast, "GZ2549", "1")
        cast.accept(number)
        cast.assign(number)
        cast.answer(number)
        cast.review(number)
        cast.call_back(number)
        cast.close(number)
        assert told(cast) > 0 and platform.forged == 0
        said = [(m["sequence"], m["event"], m["status"]) for m in platform.heard]
        assert said == [
            (1, "accepted", "办理中"),
            (2, "assigned", "办理中"),
            (3, "answered", "已答复"),
            (4, "closed", "已办结"),
        ]
        first, given, answered, closed = platform.heard
        assert first["units"] == [] and first["status_note"] == ""
        assert given["units"] == ["寻乌县交通运输局"] and "预计答复日期" in given["status_note"]
        assert "expected_at" in given and "public_reply" not in given
        assert answered["public_reply"] == closed["public_reply"] == REPLY
        assert {(m["order_number"], m["sub_number"], m["appeal"]) for m in platform.heard} == {
            ("GZ2549", "1", number)
        }
        assert told(cast) == 0  # marked once
        assert {state for _, _, state, _ in states(cast)} == {"delivered"}


def test_what_happens_inside_the_house_is_not_heard(cast: Cast) -> None:
    """Return and refusal, a talk, a new term within the same day, a send-back before the reply
    passed: the public words stay what they were."""
    with hearing(cast) as platform:
        number = reported(cast, "GZ1")
        cast.accept(number)
        cast.assign(number)
        told(cast)
        heard = len(platform.heard)

        def inside(appeal: Appeal, at: Any) -> None:
            mine = cast.actor("chen")
            appeal.sign_for(handler_name="陈海涛", by=mine, at=at)
            appeal.progress("MARK正在核实", by=mine, at=at)

        cast.do(number, inside)
        cast.answer(number)
        cast.do(number, lambda a, at: a.send_back("MARK缺照片", by=cast.actor("zhou"), at=at))
        told(cast)
        assert len(platform.heard) == heard


def test_a_platform_that_fails_half_the_time_hears_all_in_order(cast: Cast) -> None:
    chance = random.Random(5)
    with hearing(cast) as platform:
        platform.answers = lambda _body: chance.choice((200, 200, 500, None))
        numbers = {}
        for place in range(6):
            numbers[f"GZ{place}"] = number = reported(cast, f"GZ{place}")
            cast.accept(number)
            cast.assign(number)
            if place % 2:
                cast.answer(number)
                cast.review(number)
        for _ in range(60):
            told(cast)
            if all(state == "delivered" for _, _, state, _ in states(cast)):
                break
            rested(cast)
        for order, number in numbers.items():
            taken = platform.taken(order)
            assert [m["sequence"] for m in taken] == list(range(1, len(taken) + 1))
            assert len(taken) == (3 if int(order[2:]) % 2 else 2)
            assert {m["appeal"] for m in taken} == {number}
            # A later one is never even tried before the earlier one was taken.
            places = [m["sequence"] for m in platform.heard if m["order_number"] == order]
            assert places == sorted(places)
        assert len({m["raw"] for m in platform.heard}) == len(platform.taken())
        assert platform.forged == 0
        with cast.app.app_context():
            done = db.session.scalars(select(OrderMessage)).all()
            assert all(m.state == "delivered" and m.done_at is not None for m in done)
            assert sum(m.attempts for m in done) >= len(platform.heard)
            db.session.remove()


def test_one_worker_alone_speaks_to_a_platform_and_a_dead_one_is_followed(cast: Cast) -> None:
    with hearing(cast) as platform:
        for place in range(4):
            cast.accept(reported(cast, f"GZ{place}"))
        with cast.app.app_context():
            outbox.drain(now())
            one = platforms()[0]
            gate = threading.Barrier(3)
            tried: list[int] = []

        def work() -> None:
            with cast.app.app_context():
                gate.wait()
                tried.append(pushing.turn(one, now()))
                db.session.remove()

        hands = [threading.Thread(target=work) for _ in range(3)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        assert sum(tried) == len(platform.heard) == 4

        # It sends, and dies before it has noted so; who follows sends the same again.
        cast.assign(reported_number(cast, "GZ0"))
        with cast.app.app_context():
            outbox.drain(now())
            at = now()
            assert pushing.take_turn(one.id, "dies", at)
            batch = pushing._due(one.id, now(), 9)
            with requests.Session() as session:
                key = key_of(one.id)
                assert key is not None
                sent = [pushing.send(session, one.callback_url, key, m) for m in batch]
            assert len(sent) == 1 and not sent[0].fault
            assert pushing.turn(one, at) == 0  # the lease holds
            assert pushing.turn(one, at + timedelta(minutes=5)) == 1
            assert not pushing.settle(one.id, "dies", sent, at)  # no longer its own
            db.session.remove()
        assert platform.heard[-1]["raw"] == platform.heard[-2]["raw"]
        assert {state for _, _, state, _ in states(cast)} == {"delivered"}


def reported_number(cast: Cast, order: str) -> str:
    with cast.app.app_context():
        found = db.session.scalars(
            select(Appeal.number).join(ExternalOrder).where(ExternalOrder.order_number == order)
        ).one()
        db.session.remove()
        return found


def test_what_is_never_taken_stops_at_a_list(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushing, "MOST_ATTEMPTS", 3)
    with hearing(cast) as platform:
        platform.answers = lambda body: 302 if body["order_number"] == "GZ0" else 200
        for place in range(2):
            number = reported(cast, f"GZ{place}")
            cast.accept(number)
            cast.assign(number)
        for _ in range(4):
            told(cast)
            rested(cast)
        assert states(cast) == [
            (1, "accepted", "failed", 3),
            (2, "assigned", "queued", 0),
            (1, "accepted", "delivered", 1),
            (2, "assigned", "delivered", 1),
        ]
        assert {m["http"] for m in platform.heard} == {200, 302}  # nobody went elsewhere
        with cast.app.app_context():
            failed = db.session.scalars(
                select(OrderMessage).where(OrderMessage.state == "failed")
            ).one()
            assert failed.error == "平台返回HTTP 302"
            db.session.remove()


def test_a_platform_that_is_away_rests_and_says_so(cast: Cast) -> None:
    with hearing(cast) as platform:
        platform.answers = lambda _body: None
        for place in range(5):
            cast.accept(reported(cast, f"GZ{place}"))
        assert told(cast) == pushing.IN_A_ROW  # so many tell that nobody is there
        assert told(cast) == 0
        with cast.app.app_context():
            turn = db.session.scalars(select(PushTurn)).one()
            assert turn.rests == 1 and turn.rest_until is not None
            assert "连接平台失败" in {
                e.split("（")[0] for e in db.session.scalars(select(OrderMessage.error)) if e
            }
            db.session.remove()
        platform.answers = lambda _body: 200
        assert told(cast, timedelta(minutes=1)) == 5


def test_one_broken_line_is_not_a_platform_that_is_away(cast: Cast) -> None:
    with hearing(cast) as platform:
        platform.answers = lambda body: None if body["order_number"] in ("GZ0", "GZ2") else 200
        for place in range(5):
            cast.accept(reported(cast, f"GZ{place}"))
        assert told(cast) == 5
        assert len(platform.taken()) == 3
        with cast.app.app_context():
            assert db.session.scalars(select(PushTurn)).one().rests == 0
            db.session.remove()


def test_a_slow_platform_holds_up_no_other(cast: Cast) -> None:
    """The worker's own way: each platform by a thread of its own."""
    with hearing(cast) as slow, hearing(cast, source="12328") as quick:
        hold = threading.Event()
        slow.answers = lambda _body: 200 if hold.wait(30) else 500
        office = cast.units["office"]
        both = [Platform(7, "市12345平台", "12345", office, slow.url)]
        kept_by(Book([*both, Platform(8, "省12328平台", "12328", office, quick.url)]))
        for source in ("12345", "12328"):
            for place in range(3):
                cast.accept(reported(cast, f"{source}-{place}", source=source))
        with cast.app.app_context():
            outbox.drain(now())
            assert pushing.push(now()) == 2
            assert pushing.push(now()) == 0  # they are being spoken to
            hands = list(pushing._hands.values())
            db.session.remove()
        hands[1].join(20)
        assert len(quick.taken()) == 3 and slow.taken() == []
        hold.set()
        hands[0].join(20)
        assert len(slow.taken()) == 3
        assert {state for _, _, state, _ in states(cast)} == {"delivered"}


def test_a_client_of_the_interface_hears_by_its_newest_key(cast: Cast) -> None:
    with hearing(cast, client=True) as platform:
        number = reported(cast, "GZ1")
        cast.accept(number)
        assert told(cast) == 1 and platform.forged == 0
        with cast.app.app_context(), writing() as at:
            client = db.session.scalars(select(ApiClient)).one()
            made = rotate(client, at=at)
            platform.key = Key(made.key_id, made.secret.encode())
            db.session.commit()
        cast.assign(number)
        assert told(cast) == 1 and platform.forged == 0
        assert [m["event"] for m in platform.taken("GZ1")] == ["accepted", "assigned"]


def test_what_is_merged_hears_what_its_master_is_told(cast: Cast) -> None:
    with hearing(cast) as platform:
        master, other = reported(cast, "GZ1"), reported(cast, "GZ2")
        cast.accept(master)

        def merge(appeal: Appeal, at: Any) -> None:
            into = db.session.scalars(select(Appeal).where(Appeal.number == master)).one()
            appeal.merge(into, "同一事项", by=cast.actor("zhou"), at=at)

        cast.do(other, merge)
        cast.assign(master)
        cast.answer(master)
        cast.review(master)
        told(cast)
        for order, number in (("GZ1", master), ("GZ2", other)):
            taken = platform.taken(order)
            assert [m["event"] for m in taken] == ["accepted", "assigned", "answered"]
            assert {m["appeal"] for m in taken} == {number}
            assert taken[-1]["public_reply"] == REPLY


def test_a_law_that_erases_a_reply_reaches_what_was_kept_of_it(cast: Cast) -> None:
    with hearing(cast):
        number = reported(cast, "GZ1")
        for step in (cast.accept, cast.assign, cast.answer, cast.review):
            step(number)
        told(cast)

        def erase(appeal: Appeal, at: Any) -> None:
            from ledger.trail.models import Entry, EntryText

            seq = db.session.scalars(
                select(Entry.seq)
                .join(EntryText)
                .where(Entry.stream == appeal.stream, EntryText.place == "appeal.public_reply")
            ).first()
            assert seq is not None
            appeal.erase({seq: ["appeal.public_reply"]}, "法院裁定", by=system(), at=at)

        cast.do(number, erase)
        told(cast)
        with cast.app.app_context(), writing():
            bodies = db.session.scalars(select(OrderMessage.body)).all()
            assert not any(REPLY in body for body in bodies)
            assert any("已依法删除" in body for body in bodies)
