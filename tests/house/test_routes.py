"""Closed by default: whoever has not signed in gets nowhere."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import AnyConverter, Rule
from werkzeug.routing.converters import NumberConverter

from ledger.people.sign_in import OPEN

DESCRIPTION = "api.description"
"""How machines are to speak: holds nothing of the ledger."""


def address(app: Flask, rule: Rule) -> str:
    """The rule with something plausible in each of its places."""
    given: dict[str, object] = {}
    for name, converter in rule._converters.items():
        if isinstance(converter, AnyConverter):
            given[name] = min(converter.items)
        else:
            given[name] = 1 if isinstance(converter, NumberConverter) else "360734-2026-000001"
    built = app.url_map.bind("localhost").build(rule.endpoint, given, force_external=False)
    return str(built)


def test_every_route_refuses_the_unsigned(app: Flask) -> None:
    client = app.test_client()
    let_in = []
    asked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint in (*OPEN, DESCRIPTION):
            continue
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            asked += 1
            answer = client.open(address(app, rule), method=method)
            sent_to_sign_in = answer.status_code in (302, 303) and "/sign-in" in answer.location
            if not (sent_to_sign_in or answer.status_code == 401):
                let_in.append(f"{method} {rule} {answer.status_code}")
    assert let_in == []
    assert asked > 30


def test_what_is_open_is_only_the_door_health_and_static(app: Flask) -> None:
    assert set(OPEN) == {"people.sign_in", "people.again", "healthz", "readyz", "static"}


def test_what_does_not_exist_tells_the_unsigned_nothing(app: Flask) -> None:
    """An address of nothing and one of something look the same from outside."""
    client = app.test_client()
    nothing, something = client.get("/no-such-page"), client.get("/appeals/")
    assert nothing.status_code == something.status_code
