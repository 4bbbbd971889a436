"""How Alembic meets this ledger: its engine, its metadata, and what must never happen to `entry`.

No migration copies a table (`render_as_batch` stays off): SQLite's copy-and-rename would take the
triggers of `entry` with it, and what was signed would have been written anew.
"""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app

from ledger.db import Moment, Secret, db
from ledger.search import ddl as search_ddl


def render_item(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Our column types as what they are in the database: a migration outlives the program."""
    if kind == "type" and isinstance(item, Moment):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Secret):
        return "sa.Text()"
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """The search room lays its own tables and indexes, which no metadata could describe."""
    return kind not in ("table", "index") or not search_ddl.is_ours(name)


def nothing_where_nothing_changed(migration: Any, _revision: Any, directives: list[Any]) -> None:
    if getattr(context.config.cmd_opts, "autogenerate", False) and directives[
        0
    ].upgrade_ops.is_empty():
        directives.clear()


def run() -> None:
    settings = current_app.extensions["migrate"].configure_args
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            # Our driver begins every transaction by itself, so that on SQLite too a migration is
            # there whole or not at all.
            transactional_ddl=True,
            process_revision_directives=nothing_where_nothing_changed,
            render_item=render_item,
            include_name=include_name,
            **settings,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
