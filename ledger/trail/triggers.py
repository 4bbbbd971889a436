"""The triggers that keep `entry` append-only, on both engines, and the check that they stand.

On SQLite a REPLACE deletes without firing the DELETE trigger (unless recursive triggers are on
in that connection, which a hostile one will not have), so an INSERT over an existing row is
refused before it happens.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.engine import Connection

WORDS = "entry is append-only"

SQLITE = {
    "entry_no_update": f"""
        CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
        BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",
    "entry_no_delete": f"""
        CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
        BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",
    "entry_no_replace": f"""
        CREATE TRIGGER entry_no_replace BEFORE INSERT ON entry
        WHEN EXISTS (SELECT 1 FROM entry WHERE id = NEW.id
                     OR (stream = NEW.stream AND seq = NEW.seq))
        BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",  # noqa: S608
}

POSTGRESQL_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION entry_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$"""

POSTGRESQL = {
    "entry_no_update": """
        CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry
        FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()""",
    "entry_no_delete": """
        CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry
        FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()""",
    "entry_no_truncate": """
        CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry
        FOR EACH STATEMENT EXECUTE FUNCTION entry_refuse()""",
}


ALWAYS = "ALTER TABLE entry ENABLE ALWAYS TRIGGER "
"""So that they fire in a session that calls itself a replica, too."""

_BEFORE, _DELETE, _UPDATE, _TRUNCATE = 2, 8, 16, 32
POSTGRESQL_TYPES = {
    "entry_no_update": _BEFORE | _UPDATE,
    "entry_no_delete": _BEFORE | _DELETE,
    "entry_no_truncate": _BEFORE | _TRUNCATE,
}
"""pg_trigger.tgtype of each; the bit for "each row" is not among them."""


def create(connection: Connection) -> None:
    """Lay the triggers; called by the migration that creates `entry`."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(POSTGRESQL_FUNCTION))
        for name, statement in POSTGRESQL.items():
            connection.execute(text(statement))
            connection.execute(text(ALWAYS + name))
        return
    for statement in SQLITE.values():
        connection.execute(text(statement))


def missing(connection: Connection) -> list[str]:
    """Names of the triggers that do not stand as they were laid; empty when all is well.

    One that is disabled, has been given a condition or does something else is as good as none.
    """
    if connection.dialect.name == "postgresql":
        rows = connection.execute(
            text(
                "SELECT t.tgname, t.tgtype, p.prosrc FROM pg_trigger t"
                " JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
                " WHERE c.relname = 'entry' AND pg_table_is_visible(c.oid)"
                " AND t.tgenabled = 'A' AND t.tgqual IS NULL AND cardinality(t.tgattr) = 0"
            )
        )
        body = _words(POSTGRESQL_FUNCTION.split("$$")[1])
        standing = {
            name
            for name, kind, source in rows
            if kind == POSTGRESQL_TYPES.get(name) and _words(source) == body
        }
        return sorted(set(POSTGRESQL) - standing)
    laid = connection.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'entry'")
    )
    standing = {name for name, sql in laid if _words(sql) == _words(SQLITE.get(name, ""))}
    return sorted(set(SQLITE) - standing)


def _words(sql: str) -> list[str]:
    return sql.split()
