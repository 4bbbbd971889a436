"""Configuration is read once, and refuses what makes no sense."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import engines
from ledger.config import Config, ConfigError, load

KEY = base64.urlsafe_b64encode(b"0" * 32).decode()
OTHER = base64.urlsafe_b64encode(b"1" * 32).decode()
GOOD = {
    "LEDGER_DATABASE_URL": "sqlite:////srv/ledger/ledger.db",
    "LEDGER_DATA_DIR": "/srv/ledger",
    "LEDGER_SECRET_KEY": "s" * 40,
    "LEDGER_FIELD_KEY": KEY,
    "LEDGER_REGION": "360734",
}


def with_(**changed: str) -> Config:
    return load({**GOOD, **changed})


def test_production_starts_with_everything_given() -> None:
    settings = load(GOOD)
    assert settings.mode == "production"
    assert settings.secure_cookies
    assert settings.is_sqlite
    assert settings.attachments_dir == Path("/srv/ledger/attachments")
    assert len(settings.field_keys) == 1


@pytest.mark.parametrize(
    "missing",
    ["LEDGER_DATABASE_URL", "LEDGER_SECRET_KEY", "LEDGER_FIELD_KEY", "LEDGER_REGION"],
)
@pytest.mark.parametrize("blank", [None, "", "   "])
def test_in_production_what_is_missing_stops_the_start(missing: str, blank: str | None) -> None:
    env = {name: value for name, value in GOOD.items() if name != missing}
    if blank is not None:
        env[missing] = blank
    with pytest.raises(ConfigError, match=missing):
        load(env)


@pytest.mark.parametrize(
    ("name", "nonsense"),
    [
        ("LEDGER_ENV", "staging"),
        ("LEDGER_DATABASE_URL", "mysql://localhost/ledger"),
        ("LEDGER_DATABASE_URL", "/srv/ledger.db"),
        ("LEDGER_SECRET_KEY", "short"),
        ("LEDGER_FIELD_KEY", "not base64!"),
        ("LEDGER_FIELD_KEY", base64.urlsafe_b64encode(b"0" * 16).decode()),
        ("LEDGER_FIELD_KEY", ","),
        ("LEDGER_FIELD_KEY", f"{KEY},{KEY}"),
        ("LEDGER_REGION", "寻乌"),
        ("LEDGER_REGION", "36073"),
        ("LEDGER_REGION", "060734"),
        ("LEDGER_LOCK_AFTER", "0"),
        ("LEDGER_LOCK_AFTER", "five"),
        ("LEDGER_LOCK_MINUTES", "-1"),
        ("LEDGER_IDLE_MINUTES", "1"),
        ("LEDGER_SECURE_COOKIES", "perhaps"),
        ("LEDGER_TRUST_PROXY", "yes"),
        ("LEDGER_WORKERS", "0"),
        ("LEDGER_BLOCKING_THREADS", "1"),
        ("LEDGER_BLOCKING_THREADS", "4.5"),
        ("LEDGER_STRICT_HOME_UNIT", "2"),
    ],
)
def test_nonsense_is_refused_by_the_name_of_the_variable(name: str, nonsense: str) -> None:
    with pytest.raises(ConfigError, match=name):
        with_(**{name: nonsense})


def test_each_variable_is_taken() -> None:
    settings = with_(
        LEDGER_LOCK_AFTER="3",
        LEDGER_LOCK_MINUTES="10",
        LEDGER_IDLE_MINUTES="15",
        LEDGER_SECURE_COOKIES="no",
        LEDGER_TRUST_PROXY="1",
        LEDGER_WORKERS="4",
        LEDGER_BLOCKING_THREADS="8",
        LEDGER_STRICT_HOME_UNIT="yes",
        LEDGER_REGION="110000",
    )
    assert (settings.lock_after, settings.lock_minutes, settings.idle_minutes) == (3, 10, 15)
    assert not settings.secure_cookies
    assert (settings.trust_proxy, settings.workers, settings.blocking_threads) == (1, 4, 8)
    assert settings.strict_home_unit
    assert settings.region == "110000"


def test_several_field_keys_the_first_of_which_encrypts() -> None:
    settings = with_(LEDGER_FIELD_KEY=f"{OTHER}, {KEY}")
    assert settings.field_keys == (b"1" * 32, b"0" * 32)


@pytest.mark.parametrize("prefix", ["postgres://", "postgresql://", "postgresql+psycopg://"])
def test_postgresql_is_spoken_to_by_one_driver(prefix: str) -> None:
    settings = with_(LEDGER_DATABASE_URL=f"{prefix}ledger:secret@localhost/ledger")
    assert settings.database_url == "postgresql+psycopg://ledger:secret@localhost/ledger"
    assert not settings.is_sqlite


def test_the_demo_makes_its_secrets_and_keeps_them(tmp_path: Path) -> None:
    env = {"LEDGER_ENV": "demo", "LEDGER_DATA_DIR": str(tmp_path)}
    first, second = load(env), load(env)
    assert (first.secret_key, first.field_keys) == (second.secret_key, second.field_keys)
    kept = tmp_path / "demo-secrets.env"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert first.database_url == f"sqlite:///{tmp_path / 'ledger.db'}"


def test_nothing_but_the_configuration_reads_the_environment() -> None:
    root = Path(__file__).resolve().parents[2] / "ledger"
    guilty = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if path != root / "config.py"
        and any(word in path.read_text() for word in ("os.environ", "os.getenv", "getenv("))
    ]
    assert guilty == []


def test_the_command_names_what_is_wrong_and_ends_with_two(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    env |= engines.environment(f"sqlite:///{tmp_path / 'l.db'}", tmp_path, LEDGER_WORKERS="many")
    done = subprocess.run(
        [sys.executable, "-m", "ledger.cli", "db", "upgrade"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "LEDGER_WORKERS" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
