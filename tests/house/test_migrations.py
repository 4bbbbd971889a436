"""The migrations from nothing: equal to the models, with the triggers, and safe to run again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError

import engines
from ledger.catalogue.models import Channel
from ledger.db import db
from ledger.people.models import Unit
from ledger.search import ddl as search_ddl
from ledger.trail import triggers
from ledger.trail.models import Entry, Identity

VERSIONS = Path(__file__).resolve().parents[2] / "migrations" / "versions"


@pytest.fixture
def empty_url(engine: str, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'fresh' / 'ledger.db'}"
        return
    url = engines.new_postgres_database()
    yield url
    engines.drop_postgres_database(url)


@pytest.fixture
def migrated(empty_url: str, tmp_path: Path) -> Iterator[Flask]:
    app = engines.application(empty_url, tmp_path)
    done = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert done.exit_code == 0, done.output
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def ours_alone(name: str | None, kind: str, _parents: object) -> bool:
    """But for what the search room lays by itself."""
    return kind not in ("table", "index") or not search_ddl.is_ours(name)


def test_up_from_nothing_equals_the_models(migrated: Flask) -> None:
    with migrated.app_context(), db.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_name": ours_alone}
        )
        assert compare_metadata(context, db.metadata) == []


def test_every_table_and_constraint_has_a_name(migrated: Flask) -> None:
    with migrated.app_context():
        seen = inspect(db.engine)
        for table in db.metadata.tables:
            for key in seen.get_foreign_keys(table):
                assert key["name"], f"{table}: {key['constrained_columns']}"
            for unique in seen.get_unique_constraints(table):
                assert unique["name"], f"{table}: {unique['column_names']}"


def test_the_triggers_stand_and_refuse(migrated: Flask) -> None:
    with migrated.app_context():
        postgres = db.engine.dialect.name == "postgresql"
        with db.engine.connect() as connection:
            assert triggers.missing(connection) == []
        tries = [
            "UPDATE entry SET actor_name = 'x'",
            "DELETE FROM entry",
            "TRUNCATE entry CASCADE"
            if postgres
            else "REPLACE INTO entry SELECT * FROM entry LIMIT 1",
        ]
        for statement in tries:
            with (
                pytest.raises(DBAPIError, match="append-only"),
                db.engine.begin() as connection,
            ):
                connection.execute(text(statement))


def test_one_office_for_the_region_and_all_that_a_ledger_needs(migrated: Flask) -> None:
    with migrated.app_context():
        offices = db.session.scalars(select(Unit).where(Unit.is_office)).all()
        assert [office.region_code for office in offices] == [engines.REGION]
        assert db.session.scalar(select(func.count()).select_from(Channel))
        assert db.session.scalar(select(func.count()).select_from(Identity)) == 1


def test_a_second_run_changes_nothing(migrated: Flask) -> None:
    def everything() -> dict[str, list[str]]:
        with migrated.app_context(), db.engine.connect() as connection:
            return {
                name: sorted(map(repr, connection.execute(select(table))))
                for name, table in db.metadata.tables.items()
            }

    before = everything()
    done = migrated.test_cli_runner().invoke(args=["db", "upgrade"])
    assert done.exit_code == 0, done.output
    assert everything() == before
    assert before["entry"]


@pytest.mark.processes
def test_two_that_start_at_once_lay_one_ledger(empty_url: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    env |= engines.environment(empty_url, tmp_path)
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "ledger.cli", "db", "upgrade"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    app = engines.application(empty_url, tmp_path)
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Identity)) == 1
        assert db.session.scalar(select(func.count()).select_from(Unit)) == 2
        streams = select(func.count(Entry.id)).group_by(Entry.stream)
        assert set(db.session.scalars(streams)) == {1}
        db.session.remove()
        db.engine.dispose()


def test_versions_are_numbered_one_after_another() -> None:
    names = sorted(path.name for path in VERSIONS.glob("*.py"))
    assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]
    for name, before in zip(names, [None, *names], strict=False):
        source = (VERSIONS / name).read_text()
        found = re.search(r"^down_revision = (.*)$", source, re.MULTILINE)
        assert found is not None
        assert found[1].strip("\"'") == (before[:4] if before else "None")


def test_no_migration_copies_a_table() -> None:
    for path in VERSIONS.glob("*.py"):
        source = path.read_text()
        assert "batch_alter_table" not in source
        assert not re.search(r"(drop_table|rename_table)\(\s*[\"']entry[\"']", source)


def test_names_in_the_database_are_fit_for_its_relatives() -> None:
    """Lower case, no longer than the shortest limit among them, none reserved."""
    reserved = {
        "user", "order", "level", "comment", "date", "limit", "group", "table", "column", "end",
        "check", "default", "index", "select", "where", "with", "case", "when", "then", "desc",
    }  # fmt: skip
    for table in db.metadata.tables.values():
        for name in (table.name, *(column.name for column in table.columns)):
            assert re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name), name
            assert name not in reserved, f"{table.name}.{name}"
