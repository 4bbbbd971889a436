"""Who is told of what and when, and what may leave the house: pure."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from ledger.appeals import lifecycle
from ledger.appeals.show_views import CLOCKS
from ledger.config import SHANGHAI, ConfigError, SmsGateway, load
from ledger.notices import rules, times
from ledger.notices.sending import address_problem, filled, masked
from ledger.supervision import rules as supervision


def told(verb: str, *, to_state: str = "", part: str = "", pressing: bool = False) -> list[str]:
    found = rules.rules_for(verb, to_state=to_state, part=part, pressing=pressing, by_manager=False)
    return [f"{rule.event}:{','.join(rule.to)}" for rule in found]


def test_every_rule_names_a_verb_a_state_and_an_event_that_there_are() -> None:
    for rule in rules.RULES:
        verb = lifecycle.BY_CODE[rule.verb]
        assert rule.event in rules.EVENTS and rule.to
        assert rule.state in {"", *verb.to, *verb.frm, *lifecycle.STATES}
    # Every clock of an appeal's page, but for the limit to ask for a return, which is no duty.
    assert set(rules.CLOCKS) == set(CLOCKS) - {"return"}
    # And every clock that supervision reminds of, with whatever it says of it.
    assert set(rules.CLOCKS) == supervision.REMINDED_OF
    suggested = {"notice", "order", "rework"}
    assert set(rules.REMINDERS) == set(supervision.EVENTS) - suggested
    for stage in rules.CLOCKS:
        of_units = stage in supervision.OF_UNITS | supervision.OF_UNITS_ABOVE
        assert all((to in rules.UNITS) is of_units for to in rules.CLOCKS[stage])
        assert all(rules.reminder(stage, event) in rules.EVENTS for event in rules.REMINDERS)
        assert not any(rules.reminder(stage, event) for event in suggested)
    for event in rules.EVENTS.values():
        assert event.words and "批示" not in event.outward.replace("督办、批示", "")
    assert "批示" not in rules.EVENTS["instructed"].outward


def test_the_table_tells_whom_the_step_concerns() -> None:
    assert told("assign") == ["given:given"]
    assert told("answer", to_state="answered", part="lead") == ["answered:office"]
    assert told("answer", to_state="assigned", part="assist") == ["assist_answered:lead,office"]
    assert told("call_back", to_state="confirmed") == ["confirmed:closers"]
    assert told("call_back", to_state="assigned") == ["reworked:lead,office"]
    assert told("review", to_state="reviewed") == ["reviewed:callers"]
    assert told("ask_details") == ["details:registrar"]
    assert told("register") == []
    assert told("register", pressing=True) == ["registered:office,duty"]
    assert told("contact") == told("tell") == []


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "goes"),
    [
        ("2026-11-20T06:00", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-20T09:00"),
        ("2026-11-20T09:01", "2026-11-20T15:00"),
        ("2026-11-20T15:00:01", "2026-11-21T09:00"),
        ("2026-11-20T23:30", "2026-11-21T09:00"),
    ],
)
def test_what_is_not_critical_is_gathered_at_nine_and_three(at: str, goes: str) -> None:
    assert times.send_at(local(at), urgent=False) == local(goes)
    assert times.send_at(local(at), urgent=True) == local(at)


@pytest.mark.parametrize(
    ("at", "goes"),
    [
        ("2026-11-20T21:59", "2026-11-20T21:59"),
        ("2026-11-20T22:00", "2026-11-21T07:00"),
        ("2026-11-21T06:59", "2026-11-21T07:00"),
        ("2026-11-21T07:00", "2026-11-21T07:00"),
    ],
)
def test_nothing_is_tried_again_in_the_quiet_hours(at: str, goes: str) -> None:
    assert times.allowed_at(local(at), urgent=False) == local(goes)
    assert times.allowed_at(local(at), urgent=True) == local(at)
    assert times.pause_after(1) == timedelta(minutes=1)
    assert times.pause_after(20) == timedelta(hours=1)


def test_a_message_gathers_its_lines_and_bears_its_number() -> None:
    line = rules.outward(
        label="寻2026-0123", event="given", category="通行受阻", due="11月25日24:00",
        unit="交通局", link="https://a.example/appeals/1",
    )  # fmt: skip
    assert line == (
        "寻2026-0123有新的交办件，待签收，类别：通行受阻，应于11月25日24:00前办理，"
        "承办：交通局。https://a.example/appeals/1"
    )
    assert rules.message([line], 7) == f"【企业诉求台账】{line}（通知7）"
    many = rules.message([f"第{n}件。" for n in range(12)], 8)
    assert "有12项通知" in many and "另有2项" in many and many.endswith("（通知8）")


def test_an_address_names_a_known_service_and_no_host() -> None:
    assert address_problem("wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa") == ""
    for bad in (
        "json://169.254.169.254/latest", "http://10.0.0.1/", "wecombot://key12345?verify=no",
        "mailto://a:b@mail.example", "wecombot://", "WECOMBOT://12345678", "file:///etc/passwd",
        "wecombot://key12345\njson://x", "wecombot://密钥密钥密钥密钥",
    ):  # fmt: skip
        assert "企业微信" in address_problem(bad), bad
    assert masked("dingtalk://abcdefgh1234") == "dingtalk://********1234"


GATEWAY = {
    "LEDGER_ENV": "test",
    "LEDGER_SECRET_KEY": "x" * 40,
    "LEDGER_FIELD_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "LEDGER_DATABASE_URL": "sqlite:////tmp/none.db",
    "LEDGER_SMS_URL": "https://sms.example/send",
    "LEDGER_SMS_BODY": '{"m":"{phone}","c":"{text}","i":{id}}',
    "LEDGER_SMS_HEADER": "Authorization: Bearer s3cret",
}


def test_the_gateway_is_what_the_environment_says_and_its_secret_is_not_shown() -> None:
    found = load(GATEWAY).sms
    assert found is not None and found.header == ("Authorization", "Bearer s3cret")
    assert "s3cret" not in repr(load(GATEWAY))
    assert filled(found, "138", '引"号\n', 3) == '{"m":"138","c":"引\\"号\\n","i":3}'
    form = SmsGateway("https://sms.example", "GET", "form", "p={phone}&t={text}")
    assert filled(form, "138", "a&b={phone}", 3) == "p=138&t=a%26b%3D%7Bphone%7D"
    for name, wrong in (
        ("LEDGER_SMS_URL", "ftp://sms.example"),
        ("LEDGER_SMS_URL", "https://user:pw@sms.example"),
        ("LEDGER_SMS_METHOD", "DELETE"),
        ("LEDGER_SMS_TYPE", "xml"),
        ("LEDGER_SMS_BODY", "{phone}"),
        ("LEDGER_SMS_HEADER", "Bearer"),
        ("LEDGER_SMS_HEADER", "A: b\r\nC: d"),
        ("LEDGER_PUBLIC_URL", "ledger.example"),
    ):
        with pytest.raises(ConfigError, match=name):
            load({**GATEWAY, name: wrong})
