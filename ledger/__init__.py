"""企业诉求台账: the enterprise appeals ledger. `create_app()` wires the rooms together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .config import Config, load

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: Config | None = None) -> Flask:
    """The application for these settings; from the environment where none are given.

    Raises ConfigError where a LEDGER_* variable makes no sense.
    """
    # Here, not above: the supervisor of a served ledger needs none of it in its memory.
    from flask import Flask
    from htmx_flask import Htmx

    from . import cli, db, web
    from .appeals import views as appeals
    from .audit import health
    from .audit import views as audit
    from .deadlines import views as deadlines
    from .firms import views as firms
    from .hotline import reconcile_views as reconciliation
    from .hotline import views as hotline
    from .notices import views as notices
    from .people import views as people
    from .reports import export_views as exports
    from .reports import views as reports
    from .supervision import views as supervision
    from .work import logs

    settings = settings or load()
    app = Flask(
        "ledger",
        root_path=str(ROOT),
        template_folder=str(ROOT / "templates"),
        static_folder=str(ROOT / "static"),
    )
    app.config["SECRET_KEY"] = settings.secret_key
    app.config["TESTING"] = settings.mode == "test"
    app.url_map.converters["int"] = web.RowNumber
    logs.init_app(app)
    db.init_app(app, settings)
    Htmx(app)
    # The door before the token check: an ended session is to be told so.
    people.init_app(app)
    web.init_app(app)
    health.init_app(app)
    audit.init_app(app)
    firms.init_app(app)
    deadlines.init_app(app)
    appeals.init_app(app)
    hotline.init_app(app)
    reconciliation.init_app(app)
    supervision.init_app(app)
    notices.init_app(app)
    reports.init_app(app)
    exports.init_app(app)
    cli.init_app(app)
    return app
