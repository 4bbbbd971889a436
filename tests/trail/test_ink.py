"""An entry is never changed, and no trailed row changes without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Table, delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cast import Cast
from ledger.appeals.models import Appeal, Assignment, Deadline
from ledger.appeals.record import Invalid, Refused
from ledger.catalogue.queries import catalogue
from ledger.db import db, now, writing
from ledger.people.actor import system
from ledger.trail import triggers
from ledger.trail.act import StaleForm, TrailBypassed
from ledger.trail.canonical import canonical, moment_text, quick
from ledger.trail.models import Entry, EntryText
from ledger.trail.publish import publish
from ledger_damage import problems


@dataclass
class Load:
    cast: Cast
    number: str

    def __call__(self) -> Appeal:
        return db.session.scalars(select(Appeal).where(Appeal.number == self.number)).one()


@pytest.fixture
def load(cast: Cast) -> Load:
    return Load(cast, cast.reach("assigned"))


# -- the engine refuses ------------------------------------------------------------------------

FORBIDDEN = {
    "update": "UPDATE entry SET verb = 'x' WHERE seq = 1",
    "update of nothing that changes": "UPDATE entry SET verb = verb",
    "delete": "DELETE FROM entry WHERE seq = 2",
    "delete all": "DELETE FROM entry",
}
OF_SQLITE = {
    "replace": "INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE seq = 1",
    "replace statement": "REPLACE INTO entry SELECT * FROM entry WHERE seq = 1",
    "replace by stream and seq": "INSERT OR REPLACE INTO entry SELECT id + 1000, stream, seq, at,"
    " happened_at, form, verb, from_state, to_state, round, assignment_id, actor_kind, actor_id,"
    " actor_name, post_unit_id, post_unit, post_role, on_behalf, payload, prev, hash, algorithm"
    " FROM entry",
    "update or replace": "UPDATE OR REPLACE entry SET seq = 1",
    "upsert": "INSERT INTO entry SELECT * FROM entry WHERE true"
    " ON CONFLICT DO UPDATE SET verb = 'x'",
}
OF_POSTGRESQL = {
    "truncate": "TRUNCATE entry CASCADE",
    "upsert": "INSERT INTO entry SELECT * FROM entry ON CONFLICT (id) DO UPDATE SET verb = 'x'",
    "merge": "MERGE INTO entry USING (SELECT 1) AS one ON true"
    " WHEN MATCHED THEN UPDATE SET verb = 'x'",
    "as a replica": "SET session_replication_role = replica; DELETE FROM entry",
}


def test_the_engine_refuses_every_way_to_change_an_entry(load: Load, engine: str) -> None:
    ways = FORBIDDEN | (OF_SQLITE if engine == "sqlite" else OF_POSTGRESQL)
    with load.cast.app.app_context():
        for way, statement in ways.items():
            with db.engine.connect() as connection:
                if engine == "sqlite":
                    # As in a connection that is not ours.
                    connection.exec_driver_sql("PRAGMA recursive_triggers=OFF")
                with pytest.raises(DBAPIError, match="append-only"):
                    for part in statement.split(";"):
                        connection.execute(text(part))
                    pytest.fail(way)
                connection.invalidate()
        with db.engine.connect() as connection:
            assert triggers.missing(connection) == []
    assert problems(load.cast.app) == []


# -- the program refuses -----------------------------------------------------------------------


def set_a_column(appeal: Appeal) -> None:
    appeal.state = "closed"


def unset_a_column(appeal: Appeal) -> None:
    del appeal.title


def set_a_child(appeal: Appeal) -> None:
    appeal.assignments[0].state = "answered"


def move_a_child(appeal: Appeal) -> None:
    appeal.assignments[0].appeal_id = appeal.id + 1


def drop_a_child(appeal: Appeal) -> None:
    appeal.assignments.clear()


def renumber(appeal: Appeal) -> None:
    appeal.number = "360734-2026-999999"


def set_by_relationship(appeal: Appeal) -> None:
    appeal.assignments[0].unit = db.session.get_one(type(appeal.office), appeal.office_id)


def add_a_child(appeal: Appeal) -> None:
    appeal.deadlines.append(
        Deadline(stage="x", round=1, started_at=now(), due_at=now(), original_due_at=now())
    )


def remove(appeal: Appeal) -> None:
    db.session.delete(appeal)


def bulk_update(appeal: Appeal) -> None:
    db.session.execute(update(Appeal).values(state="closed"))


def bulk_update_core(appeal: Appeal) -> None:
    table = inspect(Appeal).local_table
    assert isinstance(table, Table)
    db.session.execute(update(table).values(state="closed"))


def bulk_delete(appeal: Appeal) -> None:
    db.session.execute(delete(Deadline))


def bulk_insert(appeal: Appeal) -> None:
    db.session.execute(insert(Assignment), [{"appeal_id": appeal.id}])


def edit_an_entry(appeal: Appeal) -> None:
    db.session.scalars(select(Entry)).first().verb = "x"  # type: ignore[union-attr]


def edit_a_text(appeal: Appeal) -> None:
    db.session.scalars(select(EntryText)).first().body = "x"  # type: ignore[union-attr]


def delete_a_text(appeal: Appeal) -> None:
    db.session.delete(db.session.scalars(select(EntryText)).first())


@pytest.mark.parametrize(
    "change",
    [
        set_a_column, unset_a_column, set_a_child, move_a_child, drop_a_child, renumber,
        set_by_relationship, add_a_child, remove, bulk_update, bulk_update_core, bulk_delete,
        bulk_insert, edit_an_entry, edit_a_text, delete_a_text,
    ],
    ids=lambda change: change.__name__,
)  # fmt: skip
def test_nothing_goes_round_the_trail(load: Load, change: Callable[[Appeal], None]) -> None:
    with load.cast.app.app_context():
        with pytest.raises(TrailBypassed), writing():
            change(load())
            db.session.commit()
        with pytest.raises(TrailBypassed), writing():
            appeal = load()
            _ = appeal.assignments, appeal.title
            change(appeal)
            db.session.flush()
    assert problems(load.cast.app) == []


def test_what_is_flushed_inside_an_act_before_its_ink_is_refused(load: Load) -> None:
    with load.cast.app.app_context(), pytest.raises(TrailBypassed), writing() as at:
        appeal = load()
        with appeal.act("erase", by=system(), at=at):
            appeal.title = "改题"
            db.session.flush()


def test_an_act_inside_an_act_is_refused(load: Load) -> None:
    with load.cast.app.app_context(), pytest.raises(TrailBypassed), writing() as at:
        appeal = load()
        with appeal.act("erase", by=system(), at=at):
            appeal.supplement("话", by=system(), at=at)


def test_an_act_changes_rows_of_its_own_stream_alone(load: Load) -> None:
    load.cast.reach("registered")
    with load.cast.app.app_context(), pytest.raises(TrailBypassed), writing() as at:
        appeal = load()
        other = db.session.scalars(select(Appeal).where(Appeal.number != load.number)).one()
        with appeal.act("erase", by=system(), at=at):
            other.title = "改题"


def test_a_failed_act_cannot_be_committed(load: Load) -> None:
    with load.cast.app.app_context(), writing() as at:
        appeal = load()
        with pytest.raises(TypeError), appeal.act("erase", by=system(), at=at) as act:
            act.data["share"] = 0.5  # type: ignore[assignment]
            appeal.start_clock("review", at, "审核")
        with pytest.raises(TrailBypassed):
            db.session.commit()
    assert problems(load.cast.app) == []


def test_a_failed_act_in_a_savepoint_leaves_the_rest_to_be_committed(load: Load) -> None:
    with load.cast.app.app_context(), writing() as at:
        appeal = load()
        with pytest.raises(Invalid), db.session.begin_nested():
            appeal.supplement("甲\x00乙", by=system(), at=at)
        appeal = load()
        appeal.supplement("丙", by=system(), at=at)
        db.session.commit()
        assert appeal.version == 4
    assert problems(load.cast.app) == []


def test_a_column_set_by_its_relationship_is_inked(load: Load) -> None:
    with load.cast.app.app_context(), writing() as at:
        appeal = load()
        with appeal.act("erase", by=system(), at=at):
            appeal.assignments[0].unit = load.cast.unit("police")
        db.session.commit()
    assert problems(load.cast.app) == []


@pytest.mark.parametrize("words", ["甲\x00乙", "甲\ud800乙"])
def test_words_that_no_engine_keeps_are_refused_with_their_field(load: Load, words: str) -> None:
    with load.cast.app.app_context():
        by = load.cast.actor("zhou")
        with pytest.raises(Invalid) as refused, writing() as at:
            load().correct({"content": words}, "笔误", by=by, at=at)
        assert refused.value.field in ("content", "old:content", "new:content")
        with pytest.raises(Invalid) as refused, writing() as at:
            load().supplement(words, by=by, at=at)
        assert refused.value.field == "note"
        with pytest.raises(Invalid), writing() as at:
            load().correct({"phone": words}, "笔误", by=by, at=at)
    with pytest.raises(Invalid):
        load.cast.register(content=words)
    with pytest.raises(Invalid):
        load.cast.register(phone=words)
    assert problems(load.cast.app) == []


@pytest.mark.parametrize("words", ["🚚" * 300, "长" * 9000, '\u2028\x7f\x01"\\/', "ﬃ é e\u0301"])
def test_unusual_words_are_kept_exactly(cast: Cast, words: str) -> None:
    number = cast.register(content=words)
    assert problems(cast.app) == []
    with cast.app.app_context():
        assert Load(cast, number)().content == words


# -- two hands at once -------------------------------------------------------------------------


def correct(cast: Cast, number: str, seen: int | None, **changes: object) -> None:
    cast.do(
        number,
        lambda a, at: a.correct(changes, "笔误", by=cast.actor("zhou"), at=at, seen=seen),
    )


def test_a_form_is_stale_where_a_field_it_sets_has_changed_since(load: Load) -> None:
    correct(load.cast, load.number, 3, title="先来的题目")
    with pytest.raises(StaleForm) as stale:
        correct(load.cast, load.number, 3, title="后来的题目")
    assert stale.value.columns == ["appeal..title"]
    assert [entry.verb for entry in stale.value.since] == ["correct"]
    correct(load.cast, load.number, 4, title="后来的题目")
    assert problems(load.cast.app) == []


def test_a_form_is_not_stale_for_what_others_set_beside_it(load: Load) -> None:
    correct(load.cast, load.number, 3, title="题目")
    correct(load.cast, load.number, 3, phone="13807970002")
    correct(load.cast, load.number, 3, place="澄江")
    with pytest.raises(StaleForm) as stale:
        correct(load.cast, load.number, 3, phone="13807970003", place="南桥")
    assert stale.value.columns == ["appeal..phone", "appeal..place"]


def test_a_note_never_collides(load: Load) -> None:
    correct(load.cast, load.number, None, title="题目")
    cast = load.cast
    cast.do(load.number, lambda a, at: a.supplement("话", by=cast.actor("lin"), at=at))


def test_two_acts_of_one_submit_are_one_hand(cast: Cast) -> None:
    number = cast.reach("registered")

    def both(appeal: Appeal, at: datetime) -> None:
        by = cast.actor("zhou")
        category = next(iter(catalogue().categories))
        appeal.accept(by=by, at=at, category_id=category, urgency="urgent", seen=1)
        appeal.assign(cast.unit("bureau"), by=by, at=at, seen=1)

    cast.do(number, both)
    assert problems(cast.app) == []


def test_two_acts_of_one_submit_still_see_another_hand(cast: Cast) -> None:
    number = cast.reach("registered")
    correct_by = cast.actor
    cast.do(
        number,
        lambda a, at: a.correct({"urgency": "urgent"}, "急", by=correct_by("lin"), at=at),
    )

    def both(appeal: Appeal, at: datetime) -> None:
        by = cast.actor("zhou")
        category = next(iter(catalogue().categories))
        appeal.accept(by=by, at=at, category_id=category, urgency="normal", seen=1)

    with pytest.raises(StaleForm):
        cast.do(number, both)


# -- time --------------------------------------------------------------------------------------


def test_moments_of_a_stream_strictly_increase_where_the_clock_does_not(load: Load) -> None:
    still = now() - timedelta(days=1)
    with load.cast.app.app_context():
        for _ in range(3):
            with writing():
                load().supplement("话", by=system(), at=still)
                db.session.commit()
        moments = db.session.scalars(
            select(Entry.at).where(Entry.stream == f"appeal/{load.number}").order_by(Entry.seq)
        ).all()
        assert all(a < b for a, b in pairwise(moments))
        with writing():
            publish("limits/1", "publish", {}, by=system(), at=still)
            publish("limits/1", "publish", {}, by=system(), at=still)
            moments = db.session.scalars(
                select(Entry.at).where(Entry.stream == "limits/1").order_by(Entry.seq)
            ).all()
            assert all(a < b for a, b in pairwise(moments))


# -- the canonical form ------------------------------------------------------------------------

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no fault."""


@UNHURRIED
@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), VALUES, max_size=4))
def test_the_quick_encoder_writes_what_rfc_8785_says(body: dict[str, Any]) -> None:
    assert quick(body) == canonical(body) == rfc8785.dumps(body).decode()


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@UNHURRIED
@given(st.dictionaries(WORDS, st.dictionaries(WORDS, st.lists(VALUES), max_size=4), max_size=4))
def test_keys_in_any_script_stand_in_the_order_of_rfc_8785(body: dict[str, Any]) -> None:
    assert canonical(body) == rfc8785.dumps(body).decode()


@pytest.mark.parametrize("value", [0.5, 2**53, float("nan"), b"x", {1.0}])
def test_what_is_inexact_has_no_canonical_form(value: object) -> None:
    with pytest.raises(TypeError):
        canonical({"value": value})  # type: ignore[dict-item]


def test_a_moment_without_a_zone_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="zone"):
        moment_text(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_refused_verb_changes_nothing(load: Load) -> None:
    with pytest.raises(Refused):
        load.cast.close(load.number)
    with load.cast.app.app_context(), Session(db.engine) as session:
        count = session.scalars(select(Entry.seq).where(Entry.stream.like("appeal/%"))).all()
        assert list(count) == [1, 2, 3]
