"""The Chromium that the browser tests drive: found, or installed by `python -m tests.chromium`."""

# ruff: noqa: T201  # it speaks to whoever runs `make test`

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@cache
def path() -> str | None:
    """The program to start, or None where this machine has none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    return _of_playwright()


def _of_playwright() -> str | None:
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            where = Path(playwright.chromium.executable_path)
    except Exception:
        return None
    return str(where) if where.is_file() else None


def install() -> None:
    """Debian's package where we are root on such a machine, otherwise Playwright's own."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _try(["apt-get", "-q", "update"], quiet)
        _try(["apt-get", "-qy", "install", "chromium", "fonts-noto-cjk"], quiet)
        if any(shutil.which(name) for name in NAMES):
            return
    _try([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))


def _try(command: list[str], env: dict[str, str]) -> None:
    try:
        subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=900, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)


def main() -> int:
    """0 where there is a Chromium, or where there is none and this is no CI."""
    if path() is None:
        print("No Chromium on this machine: installing one for the browser tests.", flush=True)
        install()
        path.cache_clear()
    if found := path():
        print(f"browser tests use {found}")
        return 0
    ci = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    line = "!" * 78
    print(
        f"{line}\nNO CHROMIUM COULD BE FOUND OR INSTALLED: THE BROWSER TESTS "
        f"{'CANNOT RUN, AND THIS IS CI: FAILED' if ci else 'ARE SKIPPED'}.\n"
        f"Install the package chromium, or run: {sys.executable} -m playwright install chromium\n"
        f"{line}",
        file=sys.stderr,
    )
    return 1 if ci else 0


if __name__ == "__main__":
    sys.exit(main())
