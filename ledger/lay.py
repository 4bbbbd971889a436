"""What `ledger db upgrade` lays on a new ledger, and only adds to on an old one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from .catalogue.lay import lay as lay_catalogue
from .db import config, db
from .deadlines.lay import lay_calendar, lay_hours, lay_limits
from .hotline.calls import lay_lines
from .people.actor import system
from .people.models import Unit
from .people.regions import region_name
from .reports.models import lay_formula
from .trail.models import lay_identity
from .trail.publish import publish


def lay(at: datetime) -> None:
    """Identity, catalogue, calendar, limits, and one office for the region. Idempotent.

    The caller holds the write transaction and commits.
    """
    session = db.session()
    lay_identity(session, at)
    lay_catalogue()
    lay_lines()
    lay_formula()
    by = system("系统安装")
    for year in lay_calendar():
        publish(f"calendar/{year.year_number}", "publish", year.describe(), by=by, at=at)
    for hours in lay_hours():
        publish(hours.stream, "publish", hours.describe(), by=by, at=at)
    version = lay_limits(at)
    if version is not None:
        publish(f"limits/{version.id}", "publish", version.describe(), by=by, at=at)
    lay_office(config().region)


def lay_office(region_code: str) -> Unit:
    """The region's own unit and its coordination office, where it has none yet."""
    session = db.session()
    standing = session.scalar(
        select(Unit).where(Unit.is_office.is_(True), Unit.region_code == region_code).limit(1)
    )
    if standing is not None:
        return standing
    name = region_name(region_code) or region_code
    seat = session.scalar(
        select(Unit).where(Unit.region_code == region_code, Unit.kind.in_(_GOVERNMENTS)).limit(1)
    )
    if seat is None:
        seat = Unit(
            code=region_code,
            name=name,
            short_name=name,
            kind=_kind_of(region_code),
            region_code=region_code,
        )
        session.add(seat)
        session.flush()
        seat.move_under(None)
    office = Unit(
        code=f"{region_code}-office",
        name=f"{name}物流保通保畅工作领导小组办公室",
        short_name="专班办公室",
        kind="office",
        region_code=region_code,
        is_office=True,
    )
    session.add(office)
    session.flush()
    office.move_under(seat)
    session.flush()
    return office


_GOVERNMENTS = ("province", "city", "county")


def _kind_of(region_code: str) -> str:
    if region_code.endswith("0000"):
        return "province"
    return "city" if region_code.endswith("00") else "county"
