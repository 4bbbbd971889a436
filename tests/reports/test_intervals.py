"""How appeals stood, stretch by stretch, is what their entries say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random

from sqlalchemy import delete, select, update

import engines
from cast import PEOPLE, Cast, lay_cast
from desk_ground import lay
from ledger.appeals import intervals
from ledger.appeals.intake import Registration
from ledger.appeals.intervals import TABLE
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.db import db, writing
from ledger_damage import problems
from ledger_pages import move
from matrix.test_clocks_of_a_life import START, STEPS


def wrong(cast: Cast) -> list[str]:
    with cast.app.app_context():
        return list(intervals.wrong(db.session.connection()))


def askew(cast: Cast) -> list[str]:
    with cast.app.app_context():
        return list(intervals.askew(db.session.connection()))


def move_back(cast: Cast, number: str) -> None:
    """To the due time that its clock says."""
    with cast.app.app_context():
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == number)).one()
        clock = appeal.main_clock()
        assert clock is not None
        due_at, warn_at = clock.due_at, clock.warn_at
        db.session.remove()
    move(cast, number, due_at=due_at, warn_at=warn_at)


def test_every_act_keeps_them(cast: Cast) -> None:
    """Also of what is joined, whose due time is its master's; damage is found and mended."""
    laid = lay(cast)
    for state in ("joined", "held", "declined", "withdrawn", "merged"):
        cast.reach(state)
    master = cast.reach("assigned")
    others = [cast.register() for _ in range(3)]

    def join(appeal: Appeal, at: object) -> None:
        into = db.session.scalars(select(Appeal).where(Appeal.number == master)).one()
        appeal.join(into, "同一事项", by=cast.actor("zhou"), at=at)  # type: ignore[arg-type]

    for other in others:
        cast.do(other, join)
    later = timedelta(days=30)
    cast.do(master, lambda a, at: a.set_due(at + later, "复杂", by=cast.actor("zhou"), at=at))
    cast.do(others[0], lambda a, at: a.unjoin("另办", by=cast.actor("zhou"), at=at))
    cast.answer(master)
    cast.do(master, lambda a, at: a.review(by=cast.actor("zhou"), at=at))
    cast.call_back(others[1], "unsatisfied")
    cast.call_back(others[2])
    # The due time of the late one was moved behind the verbs' back.
    assert wrong(cast) == [laid["late"]]
    cast.app.test_cli_runner().invoke(args=["rebuild-intervals"])
    assert askew(cast) == [laid["late"]]
    move_back(cast, laid["late"])
    assert wrong(cast) == askew(cast) == []
    with cast.app.app_context(), writing():
        some = select(Appeal.id).where(Appeal.number == master).scalar_subquery()
        db.session.execute(update(TABLE).where(TABLE.c.appeal_id == some).values(kind="report"))
        db.session.commit()
    assert wrong(cast) == [master] == askew(cast)
    assert any("状态区间" in str(one) for one in problems(cast.app))
    run = cast.app.test_cli_runner().invoke(args=["rebuild-intervals", "--check"])
    assert run.exit_code == 1 and master in run.output
    assert cast.app.test_cli_runner().invoke(args=["rebuild-intervals"]).exit_code == 0
    assert wrong(cast) == []
    assert problems(cast.app) == []
    # As an earlier release leaves a ledger: `db upgrade` makes them all.
    with cast.app.app_context():
        with writing():
            db.session.execute(delete(TABLE))
            db.session.commit()
        assert intervals.complete() > 20
        assert intervals.complete() == 0
    assert wrong(cast) == []


def test_in_every_life_they_are_what_the_entries_say(engine: str, tmp_path: Path) -> None:
    """Whatever is done in whatever order, with the steps of the lives that are walked elsewhere."""
    cast = lay_cast(engines.application(engines.fresh(engine, tmp_path), tmp_path))
    drawn = Random(20220418)
    forward = ["accept", "assign bureau", "answer", "review", "satisfied", "attempt"]
    names = sorted(STEPS.keys() - {"withdraw", "decline", "merge"}) + forward * 5
    with cast.app.app_context():
        actors = {name: cast.actor(name, START) for name in PEOPLE}
        at = START
        for life in range(24):
            with writing():
                known = Registration(
                    appellant_name="顺达物流",
                    content="收费站入口关闭",
                    channel="visit",
                    received_at=at,
                    title="本件" if life else "主件",
                    kind=drawn.choice(["help", "consult"]),
                    phone="13807970001",
                )
                office = cast.unit("office")
                appeal = Appeal.register(known, office=office, by=actors["lin"], at=at)
                for _ in range(25 if life else 0):
                    at += timedelta(hours=drawn.randint(1, 60))
                    for name in drawn.sample(names, 12):
                        try:
                            STEPS[name](appeal, actors.__getitem__, at)
                        except (Refused, Invalid):
                            continue
                        break
                db.session.commit()
        connection = db.session.connection()
        assert list(intervals.wrong(connection)) == list(intervals.askew(connection)) == []
        verbs = set(db.session.scalars(select(TABLE.c.verb)))
        assert verbs >= {"call_back", "attempt", "ask_return", "refuse_closing", "close", "reopen"}
        db.session.remove()
