"""The interface against who means it ill, or is merely odd: a problem each, and nobody held up."""

from __future__ import annotations

import json
import time

import pytest

from cast import Cast
from hotline.api_hand import ORDERS, Platform, connect
from hotline.push_hand import reported
from ledger.hotline import plain_json, pushed
from ledger.hotline.problems import Problem


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 200_000, b'"' * 200_000, b'{"a":"' + b"\\" * 9])
def test_strings_that_nobody_ends_take_no_time(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Problem) as caught:
        plain_json.read(body)
    assert caught.value.slug == "bad-json"
    assert time.process_time() - began < 5


def test_brackets_in_strings_are_no_nesting() -> None:
    assert plain_json.read(b'{"a\\"[": "' + b"[" * 50 + b'\\\\"}') == {'a"[': "[" * 50 + "\\"}


@pytest.mark.parametrize("engine", ["sqlite"])
def test_odd_requests_are_problems(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Platform(cast.app, connect(cast))
    far = ours.send("GET", ORDERS, at=999_999_999_999)
    assert (far.status_code, far.get_json()["type"]) == (401, "/problems/stale")

    first = ours.push("GZ1", previous="GZ0")
    again = ours.push("GZ1", previous="GZ0")
    assert (first.status_code, again.status_code) == (201, 200), "one that names what we never had"

    reported(cast, "GZ3", content="另一人所说，不便外传。")  # typed in by the office
    theirs = ours.push("GZ3")
    assert (theirs.status_code, theirs.get_json()["ours"]["content"]) == (409, "")

    def fall(*_: object) -> None:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(pushed, "create", fall)
    cast.app.config["PROPAGATE_EXCEPTIONS"] = False
    fault = ours.push("GZ2")
    assert (fault.status_code, fault.mimetype) == (500, "application/problem+json")
    assert json.loads(fault.data)["type"] == "/problems/fault"
