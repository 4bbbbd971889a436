"""The tokens of each appeal, and what makes them searchable: an FTS5 table, or two GIN indexes.

Laid whole by a migration; the metadata of the other tables know nothing of it, as they could not
describe it. The FTS5 table takes its content from `search_text`: one without content refuses
DELETE on SQLite 3.40. No ranks are asked for, so the sizes of columns are not kept. The tokenizer
`ascii` takes whatever is not ASCII as part of a token. GIN stands without a pending list, which
every search would have to read through.
"""

from __future__ import annotations

from sqlalchemy import Column, MetaData, Table, Text, text
from sqlalchemy.engine import Connection

from ..db import Id

search_text = Table(
    "search_text",
    MetaData(),
    Column("appeal_id", Id, primary_key=True, autoincrement=False),
    Column("common", Text, nullable=False),
    Column("sealed", Text, nullable=False),
)
"""One row an appeal, derived from it. No foreign key: this room is below the appeals.

`common` is what whoever sees the appeal may find it by. Of a confidential appeal it lacks what
tells of the appellant; `sealed` then holds the tokens of the whole, for those who may know. Of any
other appeal `sealed` is empty.
"""

INDEX = "search_index"

GRAMS = "search_grams({column}, appeal_id)"

FINE, COARSE, SAMPLED = 512, 16_384, 256
"""On PostgreSQL an appeal is indexed under the stretches of ids in which it lies, and one appeal
in so many as a sample: a GIN index gives hits in no order and all at once, and so is asked for
those of the newest stretches alone."""

FUNCTION = f"""
    CREATE OR REPLACE FUNCTION search_grams(tokens text, appeal_id bigint) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE COST 1000 AS $$
    BEGIN
        RETURN array_to_tsvector(
            string_to_array(tokens, ' ')
            || ('Ｙ' || (appeal_id / {FINE})::text)
            || ('Ｚ' || (appeal_id / {COARSE})::text)
            || CASE WHEN appeal_id % {SAMPLED} = 0 THEN 'Ｗ' ELSE 'Ｖ' END
        );
    END $$"""
"""Not the text parser, which would take 12-34 apart. The cost is what it takes: as it is, the
planner thinks nothing of working it out for every row of the table. No question can hold the
full-width letters (tokens.py)."""

SQLITE = (
    """
    CREATE VIRTUAL TABLE search_index USING fts5(
        common, sealed, content='search_text', content_rowid='appeal_id',
        tokenize='ascii', prefix='1', detail='full', columnsize=0)""",
    """
    CREATE TRIGGER search_text_insert AFTER INSERT ON search_text BEGIN
        INSERT INTO search_index (rowid, common, sealed)
        VALUES (NEW.appeal_id, NEW.common, NEW.sealed);
    END""",
    """
    CREATE TRIGGER search_text_delete AFTER DELETE ON search_text BEGIN
        INSERT INTO search_index (search_index, rowid, common, sealed)
        VALUES ('delete', OLD.appeal_id, OLD.common, OLD.sealed);
    END""",
    """
    CREATE TRIGGER search_text_update AFTER UPDATE ON search_text BEGIN
        INSERT INTO search_index (search_index, rowid, common, sealed)
        VALUES ('delete', OLD.appeal_id, OLD.common, OLD.sealed);
        INSERT INTO search_index (rowid, common, sealed)
        VALUES (NEW.appeal_id, NEW.common, NEW.sealed);
    END""",
)

POSTGRESQL = (
    FUNCTION,
    f"""
    CREATE INDEX ix_search_text_common_grams ON search_text
    USING gin ({GRAMS.format(column="common")}) WITH (fastupdate = off)""",
    f"""
    CREATE INDEX ix_search_text_sealed_grams ON search_text
    USING gin ({GRAMS.format(column="sealed")}) WITH (fastupdate = off) WHERE sealed <> ''""",
)


def create(connection: Connection) -> None:
    """Lay the table and its index."""
    search_text.create(connection)
    postgresql = connection.dialect.name == "postgresql"
    for statement in POSTGRESQL if postgresql else SQLITE:
        connection.execute(text(statement))


def drop(connection: Connection) -> None:
    """Take all of it away: nothing here that the appeals don't say."""
    if connection.dialect.name != "postgresql":
        connection.execute(text("DROP TABLE IF EXISTS search_index"))
    search_text.drop(connection, checkfirst=True)
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP FUNCTION IF EXISTS search_grams(text, bigint)"))


def index_anew(connection: Connection) -> None:
    """What an index laid by an earlier release lacks. The tokens stay."""
    if connection.dialect.name == "postgresql":
        for column in ("common", "sealed"):
            connection.execute(text(f"DROP INDEX IF EXISTS ix_search_text_{column}_grams"))
        for statement in POSTGRESQL:
            connection.execute(text(statement))


def rebuild(connection: Connection) -> None:
    """The index anew from `search_text`: also what was erased leaves its last traces in it."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("REINDEX INDEX ix_search_text_common_grams"))
        connection.execute(text("REINDEX INDEX ix_search_text_sealed_grams"))
        connection.execute(text("ANALYZE search_text"))
        return
    connection.execute(text("INSERT INTO search_index (search_index) VALUES ('rebuild')"))
    connection.execute(text("INSERT INTO search_index (search_index) VALUES ('optimize')"))
    # Without figures SQLite takes every index for nearly unique, and walks one past all rare words.
    connection.execute(text("ANALYZE"))


def is_ours(name: str | None) -> bool:
    """Whether a table or index was laid here, and is to be passed over by Alembic."""
    return name is not None and name.startswith((search_text.name, INDEX, f"ix_{search_text.name}"))
