"""Locks and manifests name packages; whence they come is each machine's own affair."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HOST = re.compile(
    "|".join(
        [
            r"registry\.npm",
            r"\bnpmmirror",
            r"pypi\.(?:org|python|tuna)",
            r"files\.pythonhosted",
            r"--(?:extra-)?index-url",
            r"--find-links",
            r"--trusted-host",
        ]
    )
)
SKIPPED = {".git", ".venv", "node_modules", "vendor", "__pycache__", "var", "build", "dist"}
TEXT = {".txt", ".json", ".cfg", ".toml", ".md", ".py", ".mako", ".html", ".js", ".css", "", ".sh"}


def test_no_file_names_a_registry() -> None:
    guilty = []
    for path in ROOT.rglob("*"):
        if SKIPPED & set(path.relative_to(ROOT).parts) or not path.is_file():
            continue
        if path.suffix not in TEXT or path == Path(__file__) or path.name.startswith("."):
            continue
        if path.parts[-2].startswith(".") or path.stat().st_size > 2_000_000:
            continue
        if HOST.search(path.read_text(errors="ignore")):
            guilty.append(path.relative_to(ROOT).as_posix())
    assert guilty == []


def test_every_locked_package_has_its_hash() -> None:
    for lock in ROOT.glob("requirements*.txt"):
        text = lock.read_text()
        packages = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
        assert packages
        assert all(line.endswith("\\") for line in packages), lock.name
        assert "://" not in text
