"""What every test may ask for: an application on either engine, and the cast."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

import engines
from cast import Cast, met_cast
from ledger.db import db

MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3

if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
    # A ledger of its own for every test is six hundred files written and removed again: on a disk
    # that took a third of the run.
    os.environ["TMPDIR"] = str(MEMORY)
    tempfile.tempdir = None

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(params=engines.ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each database test runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    url = engines.fresh(engine, tmp_path, people="cast" in request.fixturenames)
    yield url
    if engine == "postgresql":
        engines.drop_postgres_database(url)


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on a laid ledger, without persons where no cast is asked for. No context
    stays open: requests would share it, and with it who is signed in."""
    app = engines.application(database_url, tmp_path)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def cast(app: Flask) -> Cast:
    return met_cast(app)


@pytest.fixture
def real_data() -> Path:
    """The folder ../shared/data; tests that need it are skipped where it does not stand."""
    if not REAL_DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return REAL_DATA
