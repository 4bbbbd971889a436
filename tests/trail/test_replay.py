"""Whatever its people do, in whatever order: the rows are what the entries tell.

A machine does verbs at random by members of the cast. What the table of acts refuses must leave
no trace; after everything else the appeal's rows equal the replay of its entries.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import func, select

import engines
from cast import PEOPLE, Cast, lay_cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.appeals.replay import check_appeal
from ledger.audit.verify import MOST
from ledger.catalogue.queries import catalogue
from ledger.db import db, keyring, writing
from ledger.people.actor import Actor, system
from ledger.trail.act import StaleForm
from ledger.trail.check import Report, check_ledger
from ledger.trail.erasure import NothingToErase
from ledger.trail.models import Entry, EntryText

# Who does most; the others of the cast are mostly refused.
HANDS = ("lin", "tang", "zhou", "zhou", "wu", "chen", "chen", "sun", "he", "ma", "du", "yuan")
WORDS = st.sampled_from(
    ["", " ", "入口已恢复通行，车辆放行。", "🚚甲\n乙", "〔已依法删除〕", "长" * 900]
)
PHONES = st.sampled_from([None, "13807970001", "13907970009", "0797-1234567"])


class Office(RuleBasedStateMachine):
    cast: Cast

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[str] = []

    @initialize()
    def begin(self) -> None:
        self.numbers = [self.cast.register(plates="赣B12345"), self.cast.reach("assigned")]

    def attempt(self, which: int, verb: Callable[[Appeal, datetime], Any]) -> None:
        """Do a verb; refused or not, the rows equal their replay afterwards."""
        number = self.numbers[which % len(self.numbers)]
        with self.cast.app.app_context():
            before = _count(number)
            refused = False
            try:
                with writing() as at:
                    appeal = db.session.scalars(
                        select(Appeal).where(Appeal.number == number).with_for_update(of=Appeal)
                    ).one()
                    verb(appeal, at)
                    db.session.commit()
            except (Refused, Invalid, StaleForm, NothingToErase):
                refused = True
            db.session.remove()
            assert (_count(number) == before) is refused
            assert check_appeal(db.engine, number) == []
            db.session.remove()

    def by(self, name: str) -> Actor:
        return self.cast.actor(name)

    @rule(kind=st.sampled_from(["help", "consult"]), phone=PHONES, words=WORDS)
    def register(self, kind: str, phone: str | None, words: str) -> None:
        if len(self.numbers) < 4:
            given = "given" if phone else "none"
            content = words.strip() or "限高杆"
            self.numbers.append(
                self.cast.register(kind=kind, phone=phone, phone_given=given, content=content)
            )

    @rule(which=st.integers(0, 3), name=st.sampled_from(HANDS), words=WORDS)
    def note(self, which: int, name: str, words: str) -> None:
        self.attempt(which, lambda a, at: a.supplement(words, by=self.by(name), at=at))

    @rule(which=st.integers(0, 3), name=st.sampled_from(HANDS), words=WORDS)
    def ask(self, which: int, name: str, words: str) -> None:
        self.attempt(which, lambda a, at: a.ask_details(words, by=self.by(name), at=at))

    @rule(
        which=st.integers(0, 3),
        name=st.sampled_from(HANDS),
        changes=st.fixed_dictionaries(
            {},
            optional={
                "phone": PHONES,
                "content": WORDS,
                "plates": st.sampled_from(["", "赣B12345", "赣B12345 赣B6789挂", "赣B6789挂"]),
                "urgency": st.sampled_from(["normal", "critical", "x"]),
                "confidential": st.booleans(),
            },
        ),
        seen=st.none() | st.integers(1, 6),
    )
    def correct(self, which: int, name: str, changes: dict[str, Any], seen: int | None) -> None:
        self.attempt(
            which, lambda a, at: a.correct(changes, "笔误", by=self.by(name), at=at, seen=seen)
        )

    @rule(which=st.integers(0, 3), name=st.sampled_from(HANDS), words=WORDS)
    def onwards(self, which: int, name: str, words: str) -> None:
        """The next step of the straight way, by whoever tries."""

        def step(a: Appeal, at: datetime) -> None:
            by = self.by(name)
            text = words.strip() or "已办结，车辆放行。"
            if a.state == "registered":
                category = next(iter(catalogue().categories))
                a.accept(by=by, at=at, category_id=category, urgency="normal", note=words)
            elif a.state == "accepted":
                a.assign(self.cast.unit("police" if a.round > 1 else "bureau"), by=by, at=at)
            elif a.state == "assigned":
                a.answer("resolved", text, text, evidence=text, by=by, at=at)
            elif a.state == "answered":
                a.review(by=by, at=at, public_reply=words)
            elif a.state == "reviewed":
                a.call_back(by=by, at=at, contacted=True, solved="solved", satisfaction="satisfied")
            elif a.state == "confirmed":
                a.close(by=by, at=at, note=words)
            else:
                a.reopen("再次反映", by=by, at=at)

        self.attempt(which, step)

    @rule(
        which=st.integers(0, 3),
        name=st.sampled_from(HANDS),
        verb=st.sampled_from(
            ["sign", "contact", "progress", "recall", "send_back", "attempt", "unsatisfied",
             "uphold", "refuse", "refuse2", "tell", "recur", "hold", "resume", "withdraw",
             "merge", "unmerge", "decline", "add_assist", "release_assist", "waive",
             "send_back_assist", "change_lead", "answer", "partly", "direct", "left"]
        ),
        words=WORDS,
        days=st.integers(-2, 60),
    )  # fmt: skip
    def aside(self, which: int, name: str, verb: str, words: str, days: int) -> None:
        def act(a: Appeal, at: datetime) -> None:
            by = self.by(name)
            verbs: dict[str, Callable[[], Any]] = {
                "sign": lambda: a.sign_for(by=by, at=at, handler_phone="13707970003"),
                "contact": lambda: a.contact("phone", words, by=by, at=at),
                "progress": lambda: a.progress(words, by=by, at=at, planned_at=at),
                "recall": lambda: a.recall(words, by=by, at=at, release_assists=days > 20),
                "add_assist": lambda: a.add_assist(
                    [self.cast.unit("police"), self.cast.unit("section")][: days % 3],
                    words,
                    by=by,
                    at=at,
                    note=words,
                ),
                "release_assist": lambda: a.release_assist(_assist(a, days), words, by=by, at=at),
                "waive": lambda: a.waive(_assist(a, days), words, by=by, at=at),
                "send_back_assist": lambda: a.send_back_assist(
                    _assist(a, days), words, by=by, at=at
                ),
                "change_lead": lambda: a.change_lead(
                    self.cast.unit("police"), words, by=by, at=at
                ),
                "answer": lambda: a.answer(
                    "resolved", words, words, evidence=words, by=by, at=at
                ),
                "partly": lambda: a.answer(
                    "partly", words, words, evidence=words, particulars={"remaining": words},
                    by=by, at=at,
                ),
                "direct": lambda: a.answer_directly(
                    "explained", words, words, particulars={"points": words}, by=by, at=at
                ),
                "left": lambda: a.link_remainder(by=by, at=at),
                "send_back": lambda: a.send_back(words, by=by, at=at),
                "attempt": lambda: a.attempt("phone", words, by=by, at=at),
                "unsatisfied": lambda: a.call_back(
                    by=by,
                    at=at,
                    contacted=False,
                    solved="unsolved",
                    satisfaction="unsatisfied",
                    words=words,
                ),
                "uphold": lambda: a.uphold(_reason("uphold"), words, by=by, at=at),
                "refuse": lambda: a.refuse_closing("assigned", words, by=by, at=at),
                "refuse2": lambda: a.refuse_closing("reviewed", words, by=by, at=at),
                "tell": lambda: a.tell(
                    "phone", words, by=by, at=at, happened_at=at - timedelta(hours=1)
                ),
                "recur": lambda: a.recur(words, by=by, at=at),
                "hold": lambda: a.hold(words, at + timedelta(days=days), by=by, at=at),
                "resume": lambda: a.resume(words, by=by, at=at, settled=days > 20),
                "withdraw": lambda: a.withdraw("void", words, by=by, at=at),
                "merge": lambda: a.merge(_other(self.numbers[0]), words, by=by, at=at),
                "unmerge": lambda: a.unmerge(words, by=by, at=at),
                "decline": lambda: a.decline(_reason("decline"), words, by=by, at=at),
            }
            verbs[verb]()

        self.attempt(which, act)

    @rule(which=st.integers(0, 3), pick=st.integers(0, 30))
    def erase(self, which: int, pick: int) -> None:
        def act(a: Appeal, at: datetime) -> None:
            standing = db.session.execute(
                select(Entry.seq, EntryText.place)
                .join(Entry.texts)
                .where(Entry.stream == a.stream, EntryText.erased_by.is_(None))
                .order_by(Entry.seq, EntryText.place)
            ).all()
            if not standing:
                raise NothingToErase(0, "", [])
            seq, place = standing[pick % len(standing)]
            a.erase({seq: [place]}, "某法", by=system(), at=at)

        if pick % 5 == 0:
            self.attempt(which, act)

    def teardown(self) -> None:
        with self.cast.app.app_context():
            found = list(check_ledger(db.engine, keyring(), Report()))
            assert found[:MOST] == []
            db.session.remove()


def _count(number: str) -> int:
    wanted = select(func.count(Entry.id)).where(Entry.stream == f"appeal/{number}")
    return db.session.scalar(wanted) or 0


def _assist(appeal: Appeal, pick: int) -> int:
    ids = [given.id for given in appeal.assists]
    return ids[pick % len(ids)] if ids else 0


def _other(number: str) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.number == number)).one()


def _reason(kind: str) -> str:
    return next(code for k, code in catalogue().reasons if k == kind)


@pytest.fixture(params=engines.ENGINES)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[type[Office]]:
    url = engines.fresh(request.param, tmp_path)
    cast = lay_cast(engines.application(url, Path(tempfile.mkdtemp(dir=tmp_path))))
    yield type("OfficeOfCast", (Office,), {"cast": cast})
    with cast.app.app_context():
        db.session.remove()
        db.engine.dispose()
    if request.param == "postgresql":
        engines.drop_postgres_database(url)


def test_the_rows_are_what_the_entries_tell(office: type[Office]) -> None:
    assert set(HANDS) <= set(PEOPLE)
    run_state_machine_as_test(
        office,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
