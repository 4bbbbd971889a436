"""What units see is kept beside the assignments, and always what they say."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from cast import PEOPLE, Cast
from desk_ground import lay
from ledger.appeals import unit_sight
from ledger.appeals.models import Appeal
from ledger.appeals.parts import UnitSight
from ledger.appeals.queries import visible_to
from ledger.appeals.sight import admits
from ledger.config import SHANGHAI
from ledger.db import db, now, writing


def wrong(cast: Cast) -> list[str]:
    with cast.app.app_context():
        return list(unit_sight.wrong(db.session.connection()))


def damage(cast: Cast) -> None:
    with cast.app.app_context(), writing():
        last = db.session.scalar(select(UnitSight.appeal_id).order_by(UnitSight.appeal_id.desc()))
        db.session.execute(delete(UnitSight).where(UnitSight.appeal_id == last))
        db.session.execute(update(UnitSight).values(duty=UnitSight.duty + 1))
        free = select(Appeal.id).where(Appeal.id.not_in(select(UnitSight.appeal_id))).limit(1)
        row = db.session.scalars(select(UnitSight).limit(1)).one()
        db.session.add(
            UnitSight(
                unit_id=cast.units["other_bureau"],
                appeal_id=db.session.scalar(free),
                **{name: getattr(row, name) for name in unit_sight.KEPT[2:]},
            )
        )
        db.session.commit()


def test_every_act_keeps_it(cast: Cast) -> None:
    """Also an upheld return, a rework, and what was handed to a section."""
    lay(cast)
    returned = cast.reach("assigned")
    cast.do(returned, lambda a, at: a.recall("另交", by=cast.actor("zhou"), at=at))
    cast.assign(returned, "police")
    assert wrong(cast) == []
    with cast.app.app_context():
        duties = set(db.session.scalars(select(UnitSight.duty)))
    assert duties >= {0, unit_sight.SIGN, unit_sight.HAND, unit_sight.HAND + unit_sight.AGAIN}


def test_damage_is_found_and_mended(cast: Cast) -> None:
    lay(cast)
    damage(cast)
    verify = cast.app.test_cli_runner().invoke(args=["verify"])
    assert verify.exit_code == 1
    assert "承办单位的可见范围与交办件不一致" in verify.output
    assert cast.app.test_cli_runner().invoke(args=["reindex"]).exit_code == 0
    assert wrong(cast) == []


def test_the_two_forms_of_the_predicate_agree(cast: Cast) -> None:
    """visible_to finds, admits asks of what was found."""
    lay(cast)
    with cast.app.app_context():
        at = now()
        day = at.astimezone(SHANGHAI).date()
        for name in PEOPLE:
            actor = cast.actor(name, at)
            found = set(db.session.scalars(select(Appeal.id).where(visible_to(actor, day))))
            admitted = set(db.session.scalars(select(Appeal.id).where(admits(actor, day))))
            assert found == admitted, name
