"""What the worker does for notices: fan out entries and reminders, send."""

from __future__ import annotations

from ..work.outbox import register_topic
from ..work.sweeps import register_sweep
from .delivering import deliver
from .reminding import TOPIC, remind_of_replies, tell_reminder
from .rules import VERBS
from .telling import tell_entry

DELIVER_SECONDS = 10
REMIND_SECONDS = 10 * 60


def register() -> None:
    for verb in VERBS:
        register_topic(verb, tell_entry)
    register_topic(TOPIC, tell_reminder)
    register_sweep("notices", DELIVER_SECONDS, deliver)
    register_sweep("replies", REMIND_SECONDS, remind_of_replies)
