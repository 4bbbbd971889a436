"""The interface for hotline platforms: one order one appeal, and whatever is said of it later."""

from __future__ import annotations

import base64
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from sqlalchemy import func, select

from cast import Cast
from hotline.api_hand import ORDERS, Platform, ago, connect, counts, order
from ledger.access import AccessLog
from ledger.appeals.models import Appeal
from ledger.appeals.replay import check_appeal
from ledger.db import db
from ledger.hotline.api_models import ApiMessage
from ledger.hotline.models import ImportLine


def _appeal(cast: Cast, number: str) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.number == number)).one()


def _whole(cast: Cast, *numbers: str) -> None:
    with cast.app.app_context():
        for number in numbers:
            assert check_appeal(db.engine, number) == []


def test_an_order_is_an_appeal_once(cast: Cast) -> None:
    ours = Platform(cast.app, connect(cast))
    first = ours.push("GZ1", their_due_at=ago(-120), plates=["赣B12345"])
    assert first.status_code == 201, first.get_data(as_text=True)
    said = first.get_json()
    assert (said["status"], said["order_state"], said["public_reply"]) == ("已登记", "open", None)
    with cast.app.app_context():
        appeal = _appeal(cast, said["appeal"])
        assert (appeal.channel, appeal.plates, appeal.registrar_id) == ("12345", "赣B12345", None)
        kept = appeal.external_orders[0]
        assert json.loads(kept.raw or "")["order_number"] == "GZ1" and kept.their_due_at
    before = counts(cast.app)
    again = ours.push("GZ1", content="澄江镇收费站入口关闭,三辆货车被劝返，请协调放行")
    assert (again.status_code, again.get_json()["appeal"]) == (200, said["appeal"])
    assert {**counts(cast.app), "api_nonce": 0} == {**before, "api_nonce": 0}
    other = ours.push("GZ1", content="完全不同的另一件事情，需要另行办理。")
    assert other.status_code == 409 and other.mimetype == "application/problem+json"
    problem = other.get_json()
    assert problem["type"] == "/problems/order-conflict"
    assert problem["ours"]["content"].startswith("澄江镇")
    assert problem["theirs"]["content"].startswith("完全不同")
    assert ours.push("GZ1", content="完全不同的另一件事情，需要另行办理。").status_code == 409
    with cast.app.app_context():
        line = db.session.scalars(select(ImportLine)).one()
        assert (line.outcome, line.order_number) == ("conflict", "GZ1")
    page = cast.client("tang").get(f"/imports/{line.run_id}").get_data(as_text=True)
    assert "GZ1" in page
    key = {"Idempotency-Key": "key-1"}
    made = ours.send("POST", ORDERS, order("GZ2"), headers=key)
    repeated = ours.send("POST", ORDERS, order("GZ2"), headers=key)
    assert (made.status_code, repeated.status_code) == (201, 201)
    assert made.get_json() == repeated.get_json()
    mismatch = ours.send("POST", ORDERS, order("GZ3"), headers=key)
    assert mismatch.get_json()["type"] == "/problems/idempotency-mismatch"
    _whole(cast, said["appeal"], made.get_json()["appeal"])


def test_a_further_order_of_the_matter_is_for_the_office(cast: Cast) -> None:
    ours = Platform(cast.app, connect(cast))
    number = ours.push("GZ1").get_json()["appeal"]
    redo = {"content": "来电人称仍被劝返，请重办。"}
    first = ours.push("GZ1", sub_number="2", **redo)
    assert (first.status_code, first.get_json()["appeal"]) == (202, number)
    assert ours.push("GZ1", sub_number="2", **redo).status_code == 200
    with cast.app.app_context():
        assert _appeal(cast, number).rework_suggested_at is not None
    cast.do(number, lambda a, at: a.answer_suggestion(True, "", by=cast.actor("zhou"), at=at))
    assert ours.push("GZ1", redo=True, **redo).status_code == 202
    assert ours.push("GZ1", redo=True, **redo).status_code == 200
    linked = ours.push("GZ7", previous="GZ1", **redo)
    assert (linked.status_code, linked.get_json()["appeal"]) == (201, number)
    unheard = {"previous": "GZ0", "content": "前一工单不在本系统的另一件事。"}
    assert [ours.push("GZ8", **unheard).status_code for _ in range(2)] == [201, 200]
    with cast.app.app_context():
        orders = {one.full_number for one in _appeal(cast, number).external_orders}
        assert orders == {"GZ1", "GZ1-2", "GZ7"}
        assert db.session.scalar(select(func.count()).select_from(Appeal)) == 2
    _whole(cast, number)


def test_updates_come_once_late_and_not_at_all(cast: Cast) -> None:
    ours = Platform(cast.app, connect(cast))
    theirs = Platform(cast.app, connect(cast, "12328"))
    elsewhere = Platform(cast.app, connect(cast, office="city_office"))
    number = ours.push("GZ1").get_json()["appeal"]
    path = f"{ORDERS}/GZ1/supplements"

    def say(update_id: str, text: str, **more: Any) -> Any:
        return ours.send("POST", path, {"update_id": update_id, "text": text, **more})

    unknown = ours.send("POST", f"{ORDERS}/GZ9/urges", {"update_id": "1", "text": "催"})
    assert (unknown.status_code, unknown.get_json()["retry"]) == (404, True)
    assert say("u2", "又来一辆", at=ago(2)).status_code == 201
    assert say("u2", "又来一辆", at=ago(2)).status_code == 200
    assert say("u2", "不同").get_json()["type"] == "/problems/update-conflict"
    late = say("u1", "早些时候的补充", at=ago(3))
    assert (late.status_code, late.get_json()["late"]) == (201, True)
    urged = ours.send("POST", f"{ORDERS}/GZ1/urges", {"update_id": "u3", "text": "请抓紧"})
    assert urged.status_code == 201, urged.get_data(as_text=True)
    image = base64.b64encode(_PNG).decode()
    file = {"update_id": "u4", "filename": "现场.png", "content": image}
    assert ours.send("POST", f"{ORDERS}/GZ1/attachments", file).status_code == 201
    assert ours.send("POST", f"{ORDERS}/GZ1/attachments", file).status_code == 200
    bad = {**file, "update_id": "u5", "filename": "x.exe", "content": "TVqQAAMAAAAEAAAA"}
    refused = ours.send("POST", f"{ORDERS}/GZ1/attachments", bad).get_json()
    assert (refused["status"], refused["field"]) == (422, "content")
    result = {"update_id": "u6", "reached": True, "solved": "solved", "satisfied": "satisfied",
              "contacted": True, "at": ago(1)}  # fmt: skip
    early = ours.send("POST", f"{ORDERS}/GZ1/call-backs", result)
    assert early.status_code == 201, early.get_data(as_text=True)
    html = cast.client("zhou").get(f"/appeals/{number}").get_data(as_text=True)
    assert "早些时候的补充" in html and "补录" in html and "请抓紧" in html and "现场.png" in html
    for stranger in (theirs, elsewhere):
        assert stranger.send("GET", f"{ORDERS}/GZ1").status_code == 404
        assert stranger.send("GET", ORDERS).get_json() == {"orders": [], "next": None}
    assert elsewhere.push("GZ1").get_json()["type"] == "/problems/order-elsewhere"
    gone = {"update_id": "u7", "reason": "来电人撤回"}
    withdrawn = ours.send("POST", f"{ORDERS}/GZ1/withdrawal", gone)
    assert (withdrawn.status_code, withdrawn.get_json()["order_state"]) == (201, "ended")
    assert say("u8", "还有").get_json()["type"] == "/problems/order-ended"
    ours.push("GZ2", content="另一件事：高速口拥堵。")
    one = ours.send("GET", f"{ORDERS}?limit=1").get_json()
    two = ours.send("GET", f"{ORDERS}?limit=1&after={one['next']}").get_json()
    assert [o["order_number"] for o in (*one["orders"], *two["orders"])] == ["GZ1", "GZ2"]
    assert two["next"] is None
    shown = ours.send("GET", f"{ORDERS}/GZ2").get_json()
    assert (shown["status"], shown["order_state"]) == ("已登记", "open")
    with cast.app.app_context():
        assert _appeal(cast, number).is_open
        kept = {m.update_id: m.kind for m in db.session.scalars(select(ApiMessage))}
        assert kept == {"u1": "supplement", "u2": "supplement", "u3": "urge", "u4": "attachment",
                        "u6": "call_back", "u7": "withdrawal"}  # fmt: skip
    _whole(cast, number)


_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_each_refusal_is_its_own_problem_and_writes_nothing(cast: Cast) -> None:
    made = connect(cast)
    ours = Platform(cast.app, made)
    sent = ours.send("POST", ORDERS, order("GZ1"), nonce="once-and-no-more-1")
    assert sent.status_code == 201
    whole = json.dumps(order("GZ2")).encode()
    deep = b'{"order_number":' + b"[" * 5000 + b"]" * 5000 + b"}"
    now = int(time.time())
    cases: list[tuple[int, str, Any, dict[str, Any]]] = [
        (409, "replayed", order("GZ2"), {"nonce": "once-and-no-more-1"}),
        (401, "stale", order("GZ2"), {"at": now - 301}),
        (401, "stale", order("GZ2"), {"at": now + 320}),
        (401, "bad-signature", order("GZ2"), {"headers": {"X-Signature": "AAAA"}}),
        (401, "bad-signature", order("GZ2"), {"headers": {"X-Signature": "é" * 44}}),
        (401, "bad-signature", order("GZ2"), {"nonce": "short"}),
        (401, "unknown-key", order("GZ2"), {"headers": {"X-Key-Id": "ak-none"}}),
        (401, "unsigned", order("GZ2"), {"headers": {"X-Nonce": ""}}),
        (413, "too-large", b"x" * (12 * 1024 * 1024 + 1), {}),
        (415, "not-json", whole, {"content_type": "text/plain"}),
        (400, "bad-encoding", json.dumps(order("GZ2"), ensure_ascii=False).encode("gbk"), {}),
        (400, "bad-json", whole[:-1], {}),
        (400, "bad-json", b"", {}),
        (400, "too-deep", deep, {}),
        (400, "duplicate-name", whole[:-1] + b',"order_number":"GZ3"}', {}),
        (400, "not-a-number", whole[:-1] + b',"urgency":NaN}', {}),
        (422, "invalid", order("GZ2", order_number=2), {}),
        (422, "invalid", order("GZ2", urgent=True), {}),
        (422, "invalid", order("GZ2", caller={"phone": ["1"]}), {}),
        (422, "invalid", order("GZ2", content="\ud800"), {}),
        (422, "invalid", order("GZ2", received_at="2999-01-01T00:00:00Z"), {}),
        (422, "invalid", order("GZ2", firm={"uscc": "123"}), {}),
        (422, "invalid", order("GZ2", category="none-such"), {}),
        (422, "invalid", ["GZ2"], {}),
        (422, "invalid", order("GZ2"), {"headers": {"Idempotency-Key": "k" * 101}}),
    ]  # fmt: skip
    before = counts(cast.app)
    for status, slug, body, how in cases:
        with cast.app.app_context():
            lines = db.session.scalar(select(func.count()).select_from(AccessLog)) or 0
        answer = ours.send("POST", ORDERS, body, **how)
        said = answer.get_json()
        assert (answer.status_code, said["type"]) == (status, f"/problems/{slug}"), said
        assert answer.mimetype == "application/problem+json"
        assert said["status"] == status and re.search("[一-鿿]{4}", said["detail"]), said
        assert counts(cast.app) == before, slug
        with cast.app.app_context():
            after = db.session.scalar(select(func.count()).select_from(AccessLog)) or 0
            assert after == lines + 1, slug
    fields = [
        ours.send("POST", ORDERS, body).get_json()["field"]
        for body in (order("GZ2", caller={"phone": ["1"]}), order("GZ2", urgent=True))
    ]
    assert fields == ["caller.phone", "urgent"]
    nowhere = ours.send("PUT", f"{ORDERS}/GZ1")
    assert (nowhere.status_code, nowhere.get_json()["type"]) == (404, "/problems/not-found")
    assert cast.client("xi").get(f"{ORDERS}/GZ1").status_code == 401


def test_several_processes_register_an_order_once(cast: Cast) -> None:
    made = connect(cast)
    together = Barrier(4)

    def push(_turn: int) -> tuple[int, str]:
        platform = Platform(cast.app, made)
        together.wait()
        answer = platform.push("GZ1")
        return answer.status_code, answer.get_json()["appeal"]

    with ThreadPoolExecutor(4) as hands:
        answers = list(hands.map(push, range(4)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 201]
    assert len({number for _, number in answers}) == 1
    with cast.app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Appeal)) == 1


def test_keys_are_changed_and_ended_in_the_browser(cast: Cast) -> None:
    admin = cast.client("xi")
    assert cast.client("zhou").get("/clients/").status_code == 403
    typed = {"source_system": "12345", "office_id": str(cast.units["office"]), "name": "市12345",
             "rate": "30", "active": "y"}  # fmt: skip
    wrong = admin.post("/clients/new", data={**typed, "callback_url": "ftp://x"})
    assert wrong.status_code == 422 and "回告地址应以http" in wrong.get_data(as_text=True)
    shown = admin.post("/clients/new", data=typed).get_data(as_text=True)
    secret = shown.split('id="one-time-secret">')[1].split("<")[0]
    key_id = shown.split("X-Key-Id")[1].split("<code>")[1].split("<")[0]
    from ledger.hotline.clients import Made

    ours = Platform(cast.app, Made(1, key_id, secret))
    assert ours.push("GZ1").status_code == 201
    page = admin.get("/clients/1").get_data(as_text=True)
    assert secret not in page and key_id in page
    renewed = admin.post("/clients/1/keys").get_data(as_text=True)
    assert ours.push("GZ1").status_code == 200  # the old one is good for some days yet
    assert 'id="one-time-secret"' in renewed
    assert admin.post("/clients/1/keys/1/end").status_code == 303
    assert ours.push("GZ1").get_json()["type"] == "/problems/unknown-key"
    fresh = Platform(
        cast.app,
        Made(
            1,
            renewed.split("X-Key-Id")[1].split("<code>")[1].split("<")[0],
            renewed.split('id="one-time-secret">')[1].split("<")[0],
        ),
    )
    statuses = [fresh.push("GZ1").status_code for _ in range(40)]
    too_many = statuses.index(429)
    assert too_many >= 20 and set(statuses[too_many:]) == {429}
    page = admin.get("/clients/").get_data(as_text=True)
    assert "请求过于频繁" in page and f"未识别（{key_id}）" in page and "市12345" in page
    log = cast.client("shen").get("/audit/?action=api_key_ended").get_data(as_text=True)
    assert key_id in log
