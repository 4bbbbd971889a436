"""The interface answers as it is described, whatever is sent: no fault, no answer unheard of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cast import Cast
from hotline.api_hand import Platform, connect
from ledger.hotline.openapi import described

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = {"sqlite": 10, "postgresql": 3}
"""Of each operation, rightly and wrongly made."""
BASE = "http://localhost"


def _asked(platform: Platform, case: Any) -> Any:
    """Sent as a platform would: signed after it was written out."""
    prepared = requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare()
    body = prepared.body or b""
    raw = body.encode() if isinstance(body, str) else body
    path = prepared.path_url
    headers = {**prepared.headers, **platform.signed(prepared.method or "GET", path, raw)}
    headers.pop("Content-Length", None)
    return platform.http.open(path, method=prepared.method, data=raw, headers=headers)


def _operations() -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(described())))
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        yield result.ok()


def test_every_answer_is_described(cast: Cast, engine: str) -> None:
    platform = Platform(cast.app, connect(cast))
    assert platform.push("GZ1").status_code == 201
    statuses: dict[int, int] = {}
    thorough = settings(
        max_examples=EXAMPLES[engine],
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for operation in _operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @thorough
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                if "order_number" in case.path_parameters and sum(statuses.values()) % 2:
                    case.path_parameters["order_number"] = "GZ1"
                answer = _asked(platform, case)
                statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
                case.validate_response(answer, checks=CHECKS)

            ask()
    assert {201, 200, 404, 422} <= statuses.keys(), statuses
    assert not {401, 500} & statuses.keys(), statuses


def test_the_description_is_served_and_names_every_address(cast: Cast) -> None:
    answer = cast.app.test_client().get("/api/v1/openapi.json")
    served = answer.get_json()
    assert (answer.status_code, served["openapi"]) == (200, "3.1.0")
    told = {path.replace("{order_number}", "<number>") for path in served["paths"]}
    rules = {
        str(rule) for rule in cast.app.url_map.iter_rules() if rule.endpoint.startswith("api.")
    }
    several = "/api/v1/orders/<number>/<any(supplements, urges, withdrawal, 'call-backs'):what>"
    for last in ("supplements", "urges", "withdrawal", "call-backs"):
        rules.add(several.rpartition("/")[0] + f"/{last}")
    rules -= {several, "/api/v1/openapi.json", "/api/v1/<path:rest>"}
    assert told == rules
