"""Wiring of the room's pages; the views themselves stand by what they show."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the room's pages."""
    from . import (
        act_views,
        after_views,
        call_round_views,
        desk_views,
        instruction_views,
        joined_views,
        list_views,
        many_views,
        recompute_views,
        register_views,
        show_views,
    )
    from .nav import init_nav
    from .pages import blueprint, desk

    # These hang their routes.
    _ = (act_views, after_views, desk_views, instruction_views, list_views, register_views)
    _ = (call_round_views, joined_views, many_views, show_views)
    recompute_views.init_recompute(app)
    app.register_blueprint(blueprint)
    app.register_blueprint(desk)
    init_nav(app)
