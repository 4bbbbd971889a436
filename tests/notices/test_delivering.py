"""Out of the house: gathered, sent once, tried again, by several hands."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.config import SHANGHAI, SmsGateway
from ledger.db import db, now, writing
from ledger.notices import delivering
from ledger.notices.delivering import claim, deliver, done, send
from ledger.notices.models import NoticeAddress, NoticeDelivery
from ledger.notices.sending import Unsent, send_message, send_to_address
from ledger.people.models import Person
from notices.notice_hands import KEY, Robots


def wait(cast: Cast, at: datetime, count: int = 1, **known: Any) -> int:
    """So many lines for the bureau's robot, due at `at`; gives the address."""
    with cast.app.app_context(), writing():
        one = NoticeAddress(label="群", address=KEY, created_at=at, unit_id=cast.units["bureau"])
        db.session.add(one)
        db.session.flush()
        for place in range(count):
            facts = {"way": "apprise", "unit_id": cast.units["bureau"], "address_id": one.id}
            db.session.add(
                NoticeDelivery(
                    **{**facts, **known}, office_id=cast.units["office"], urgent=False,
                    line=f"寻2026-{place:04}有新的交办件。", run_at=at, created_at=at,
                )
            )  # fmt: skip
        db.session.commit()
        return one.id


def states(cast: Cast) -> list[tuple[str, int, str]]:
    with cast.app.app_context():
        asked = select(NoticeDelivery.state, NoticeDelivery.attempts, NoticeDelivery.error)
        rows = db.session.execute(asked.order_by(NoticeDelivery.id))
        found = [(row.state, row.attempts, row.error) for row in rows]
        db.session.remove()
        return found


def test_lines_of_one_recipient_go_as_one_message_and_once(cast: Cast, robots: Robots) -> None:
    at = now()
    wait(cast, at, 3)
    with cast.app.app_context():
        assert deliver(at - timedelta(hours=1)) == 0
        assert deliver(at) == 1
        assert deliver(at + timedelta(hours=1)) == 0
    ((address, words),) = robots.sent
    assert address == KEY and "有3项通知" in words and "寻2026-0002" in words
    assert [state for state, *_ in states(cast)] == ["sent"] * 3


def test_two_workers_never_send_the_same_and_a_dead_one_is_followed(
    cast: Cast, robots: Robots
) -> None:
    at = now()
    for _ in range(6):
        wait(cast, at, 2)
    tried: list[int] = []
    gate = threading.Barrier(3)

    def work(name: str) -> None:
        with cast.app.app_context():
            gate.wait()
            tried.append(deliver(at, name))
            db.session.remove()

    hands = [threading.Thread(target=work, args=(f"worker-{n}",)) for n in range(3)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    # Every line stands in exactly one message, and none was lost. (Two hands that reach for one
    # recipient at the same moment may make two messages of his lines.)
    said = [words for _, words in robots.sent]
    assert sum(tried) == len(said) == len(set(said)) and 6 <= len(said) <= 12
    assert [sum(words.count(f"寻2026-000{n}") for words in said) for n in (0, 1)] == [6, 6]
    assert {state for state, *_ in states(cast)} == {"sent"}

    # It sends, and dies before it has noted so: another sends the same under the same number.
    wait(cast, at, 2)
    with cast.app.app_context():
        first = claim(at, "dies")
        assert first is not None
        send(first)
        assert claim(now(), "other") is None  # the lease holds
        wait_more = claim(now() + timedelta(minutes=10), "other")
        assert wait_more is not None and wait_more.words == first.words
        assert f"（通知{first.head_id}）" in first.words
        send(wait_more)
        # The first comes back to life: what it notes is no longer its own.
        done(first)
        assert "sending" in {state for state, *_ in states(cast)}
        done(wait_more)
        db.session.remove()
    assert {state for state, *_ in states(cast)} == {"sent"}
    assert robots.sent[-1] == robots.sent[-2]


def test_what_fails_is_tried_again_ever_later_and_given_up_in_sight(
    cast: Cast, robots: Robots, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime(2026, 11, 20, 21, 50, tzinfo=SHANGHAI)
    moment = [begun]
    monkeypatch.setattr("ledger.db.now", lambda: moment[0])
    wait(cast, begun)
    robots.refuses = True
    with cast.app.app_context():
        assert deliver(begun) == 1
        row = db.session.scalars(select(NoticeDelivery)).one()
        assert (row.state, row.attempts) == ("waiting", 1) and "没有接收" in row.error
        assert KEY not in row.error
        pauses = []
        for _ in range(delivering.MOST_ATTEMPTS - 1):
            db.session.expire_all()
            row = db.session.scalars(select(NoticeDelivery)).one()
            local = row.run_at.astimezone(SHANGHAI)
            assert 7 <= local.hour < 22
            pauses.append(row.run_at - moment[0])
            moment[0] = row.run_at
            assert deliver(row.run_at) == 1
        assert pauses[0] == timedelta(minutes=1) and max(pauses) > timedelta(hours=8)
        db.session.expire_all()
        row = db.session.scalars(select(NoticeDelivery)).one()
        assert (row.state, row.attempts) == ("failed", delivering.MOST_ATTEMPTS)
        row_id, later = row.id, row.run_at + timedelta(days=1)
        assert deliver(later) == 0
        db.session.remove()
    page = cast.client("xi").get("/notices/deliveries?state=failed").text
    assert "通知服务没有接收" in page and "寻2026-0000" not in page
    assert cast.client("zhou").get("/notices/deliveries").status_code == 403
    assert cast.client("zhou").post(f"/notices/deliveries/{row_id}/again").status_code == 403
    assert cast.client("xi").post(f"/notices/deliveries/{row_id}/again").status_code == 303
    assert cast.client("xi").post(f"/notices/deliveries/{row_id}/again").status_code == 409
    robots.refuses = False
    with cast.app.app_context():
        assert deliver(moment[0] + timedelta(seconds=1)) == 1
        db.session.remove()
    assert [state for state, *_ in states(cast)] == ["sent"]


class Taken(BaseHTTPRequestHandler):
    got: list[tuple[str, str, str, str]]
    answer: tuple[int, str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        secret = self.headers.get("X-Key", "")
        self.got.append((self.path, self.headers["Host"], secret, body))
        status, words = self.answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(words.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[tuple[type[Taken], str]]:
    kind = type("Kind", (Taken,), {"got": [], "answer": (200, '{"code":0}')})
    found = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    yield kind, f"http://127.0.0.1:{found.server_port}/send?v=1"
    found.shutdown()
    found.server_close()


def test_the_gateway_is_called_and_nothing_else(server: tuple[type[Taken], str]) -> None:
    kind, url = server
    gateway = SmsGateway(
        url, "POST", "json", '{"m":"{phone}","c":"{text}","i":"{id}"}', ("X-Key", "s3cret"),
        accepted='"code":0', private=True,
    )  # fmt: skip
    send_message(gateway, "13900000009", "第1件“急”", 42)
    ((path, host, secret, body),) = kind.got
    assert (path, secret) == ("/send?v=1", "s3cret") and host.startswith("127.0.0.1:")
    assert json.loads(body) == {"m": "13900000009", "c": "第1件“急”", "i": "42"}
    for answer, said in (((302, ""), "HTTP 302"), ((500, ""), "HTTP 500"),
                         ((200, '{"code":7}'), "不是接收成功")):  # fmt: skip
        kind.answer = answer
        with pytest.raises(Unsent, match=said):
            send_message(gateway, "13900000009", "x", 1)
    assert len(kind.got) == 4
    with pytest.raises(Unsent, match="内网地址"):
        send_message(replace(gateway, private=False), "13900000009", "x", 1)
    for metadata in ("http://169.254.169.254/", "http://0.0.0.0:9/", "http://[fe80::1]/"):
        with pytest.raises(Unsent, match=r"不允许的地址|连接失败"):
            send_message(replace(gateway, url=metadata), "13900000009", "x", 1)
    with pytest.raises(Unsent, match="连接失败") as lost:
        send_message(replace(gateway, url="http://127.0.0.1:9/"), "13900000009", "x", 1)
    assert "s3cret" not in str(lost.value) and "139" not in str(lost.value)
    assert len(kind.got) == 4


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Unsent, match="没有安装 Apprise"):
        send_to_address(KEY, "x")


def test_messages_wait_for_a_list_or_go_by_the_gateway(
    cast: Cast, server: tuple[type[Taken], str]
) -> None:
    at = now()
    with cast.app.app_context(), writing():
        db.session.get_one(Person, cast.people["chen"]).phone = "13900000009"
        db.session.commit()
    chen = {"way": "sms", "unit_id": None, "address_id": None, "person_id": cast.people["chen"]}
    wait(cast, at, 2, **chen)
    with cast.app.app_context():
        assert deliver(at) == 0
        db.session.remove()
    settings = cast.app.config["LEDGER"]
    kind, url = server
    gateway = SmsGateway(url, "POST", "form", "m={phone}&c={text}", private=True)
    cast.app.config["LEDGER"] = replace(settings, sms=gateway)
    with cast.app.app_context():
        assert deliver(at) == 1
        db.session.remove()
    assert kind.got[0][3].startswith("m=13900000009&c=")
    cast.app.config["LEDGER"] = settings
    assert {state for state, *_ in states(cast)} == {"sent"}
