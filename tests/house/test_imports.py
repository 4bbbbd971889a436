"""Imports only look down."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "ledger"

PURE = (
    "deadlines/calendar.py",
    "deadlines/clocks.py",
    "deadlines/limits.py",
    "appeals/lifecycle.py",
    "people/roles.py",
    "people/regions.py",
    "people/actor.py",
    "firms/names.py",
    "trail/canonical.py",
    "files/naming.py",
)


def test_the_contract_of_rooms_is_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PURE)
def test_a_rule_that_a_clerk_could_read_aloud_knows_no_framework_and_no_clock(name: str) -> None:
    source = (LEDGER / name).read_text()
    assert not re.search(r"^\s*(from|import) (flask|sqlalchemy)\b", source, re.MULTILINE)
    assert not re.search(r"\b(datetime\.now|date\.today|time\.time)\(", source)


def test_no_room_is_named_for_what_does_not_fit_elsewhere() -> None:
    landfill = {"utils", "helpers", "common", "services", "manager", "misc"}
    assert not [p for p in LEDGER.rglob("*.py") if p.stem in landfill or p.parent.name in landfill]
