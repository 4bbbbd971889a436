"""The services that an address may name are known to the library that calls them."""

from __future__ import annotations

import importlib

import pytest

from ledger.notices.sending import SERVICES, address_problem

KEYS = {
    "wecombot": "wecombot://693a91f6-7a5e-4b1c-9f2e-0d2f7c4f3a21",
    "dingtalk": "dingtalk://f2c1a9d07b3e4c5d8a6b9e0f1d2c3b4a",
    "feishu": "feishu://abc123de-45f6-47a8-9b0c-1d2e3f4a5b6c",
    "schan": "schan://SCT123456TabcdefGHIJKLmnop",
}


@pytest.mark.parametrize("service", SERVICES)
def test_an_address_of_each_is_taken(service: str) -> None:
    apprise = importlib.import_module("apprise")
    assert address_problem(KEYS[service]) == ""
    assert apprise.Apprise().add(KEYS[service])
    assert not apprise.Apprise().add(f"{service}x://{'k' * 20}"), "of a service that there is not"
