"""`ledger serve`: everything starts together and nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

import engines

pytestmark = pytest.mark.processes
PATIENCE = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A served ledger that answers, and its port."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    env |= engines.environment(engines.fresh("sqlite", tmp_path), tmp_path)
    server = subprocess.Popen(
        [sys.executable, "-m", "ledger.cli", "serve", "--port", str(port)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    assert f"http://127.0.0.1:{port}" in server.stdout.readline()
    family = psutil.Process(server.pid).children(recursive=True)
    yield server, port
    for process in family:
        if process.is_running():
            process.kill()
    if server.poll() is None:
        server.kill()
    server.wait()


def below(server: subprocess.Popen[str]) -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process(server.pid).children(recursive=True)
    assert len(found) >= 4, "web server, two web processes, worker"
    return found


def all_gone(processes: list[psutil.Process]) -> bool:
    _gone, alive = psutil.wait_procs(processes, timeout=PATIENCE)
    return not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it(
    served: tuple[subprocess.Popen[str], int], sent: signal.Signals
) -> None:
    server, port = served
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        assert answer.status == 200
    family = below(server)
    server.send_signal(sent)
    assert server.wait(PATIENCE) == 0
    assert all_gone(family)


def test_nothing_is_left_when_it_was_killed(served: tuple[subprocess.Popen[str], int]) -> None:
    server, _port = served
    family = below(server)
    server.kill()
    assert all_gone(family)


@pytest.mark.parametrize("which", ["web", "worker"])
def test_when_either_dies_the_whole_stops_and_says_so(
    served: tuple[subprocess.Popen[str], int], which: str
) -> None:
    server, _port = served
    family = below(server)
    next(p for p in psutil.Process(server.pid).children() if which in p.cmdline()).kill()
    assert server.wait(PATIENCE) != 0
    assert all_gone(family)


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    env |= engines.environment(engines.fresh("sqlite", tmp_path), tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "ledger.cli", "serve", "--port", str(port)],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert time.monotonic() - began < PATIENCE
