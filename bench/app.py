"""The ledger and the bare page behind one door: the same server, workers and threads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from ledger import create_app
from ledger.db import config, db
from ledger.people.models import Unit

from .limit import PATH, create_bare


def create() -> Any:
    ledger = create_app()
    with ledger.app_context():
        office = db.session.scalar(
            select(Unit.id).where(
                Unit.is_office.is_(True), Unit.region_code == config().region
            )
        )
        bare = create_bare(config().database_url, office or 0)
        db.session.remove()
        # Connections are not to be shared by the processes that fork from here.
        db.engine.dispose()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen = bare if environ["PATH_INFO"] == PATH else ledger
        return chosen(environ, start_response)

    return app
