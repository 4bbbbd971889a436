"""`ledger serve`: the web server and the worker under one roof, stopped together.

The supervisor starts both as processes of their own session, so that Ctrl-C reaches it alone and
it can end them in order. Whoever loses its parent ends by itself: nothing is left behind, also
where the supervisor was killed.

`python -m ledger.work.serve supervise|web HOST PORT`: the command line becomes one of these two
once it has looked after the ledger, so that neither keeps the application in its memory. What the
supervisor is to say once the web answers comes by its standard input.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal, NoReturn

from ledger.config import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]

BACKLOG = 2048
BACKPRESSURE = 1024
"""Connections a web process holds at once. Browsers keep several open each without using them, so
a small number would let a few dozen idle ones shut everybody else out."""

STOP_SECONDS = 25
"""How long the web server and the worker may finish what they have in hand."""

_PR_SET_PDEATHSIG = 1


class AddressTaken(OSError):
    """Somebody else listens there already."""


@dataclass(frozen=True)
class Place:
    """Where to listen."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{host}:{self.port}"


def die_with_parent(sent: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends (Linux; else nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sent))


def check_free(place: Place) -> None:
    """Raises AddressTaken, or OSError where the host is none of this machine's."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as error:
            raise AddressTaken(str(error)) from error


def supervise(
    web: Sequence[str], worker: Sequence[str], place: Place, when_up: Callable[[], None]
) -> int:
    """Run both until told to stop or one of them ends; gives the exit code of the whole.

    `when_up` is called once the web answers. After SIGINT or SIGTERM the code is 0.
    """
    told: list[int] = []

    def tell(number: int, _frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, tell)
    children = [_start(web), _start(worker)]
    try:
        up = False
        while not told:
            ended = [child.poll() for child in children]
            if any(code is not None for code in ended):
                return next(code for code in ended if code is not None) or 1
            if not up and _answers(place):
                up = True
                when_up()
            time.sleep(0.2)
        return 0
    finally:
        _stop(children)


def become(role: Literal["supervise", "web"], place: Place, words: str = "") -> NoReturn:
    """Leave this program for one of the two; `words` for the supervisor to say."""
    here, there = os.pipe()
    os.write(there, words.encode()[: 60 * 1024])  # fits a pipe's buffer
    os.close(there)
    os.dup2(here, 0)
    sys.stdout.flush()
    os.execv(sys.executable, _command(role, place))  # noqa: S606  # our own interpreter


def _command(role: str, place: Place) -> list[str]:
    return [sys.executable, "-m", __spec__.name, role, place.host, str(place.port)]


def main() -> int:
    role, host, port = sys.argv[1:]
    place = Place(host, int(port))
    try:
        settings = load()
    except ConfigError as error:
        sys.stderr.write(f"配置有误：{error}\n")
        return 2
    if role == "web":
        serve_web(place, ROOT, settings.workers, settings.blocking_threads)
        return 0
    words = sys.stdin.read()
    worker = [sys.executable, "-m", "ledger.cli", "worker"]

    def say() -> None:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()

    code = supervise(_command("web", place), worker, place, say)
    if code:
        sys.stderr.write("网站或后台任务意外停止，已全部停止。\n")
    return code


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  # our own interpreter with our own arguments
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
    )


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    end = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _answers(place: Place) -> bool:
    try:
        with urllib.request.urlopen(f"{place.url}/healthz", timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def serve_web(place: Place, root: Path, workers: int, blocking_threads: int) -> None:
    """The web server itself, until a signal. No access log: addresses carry what was searched."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    Granian(
        "wsgi:app",
        address=place.host,
        port=place.port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=blocking_threads,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=BACKPRESSURE,
        log_access=False,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS - 5,
    ).serve(target_loader=partial(load_app, str(root)), wrap_loader=False)


def load_app(root: str) -> Any:
    """In each web process: the application, and an end with the parent."""
    import importlib

    die_with_parent(signal.SIGKILL)
    sys.path.insert(0, root)
    app = importlib.import_module("wsgi").app
    # What stands now stands as long as the process; of a request's own objects hardly any form
    # rings. Looking through all of them every 700 took a tenth of a request's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    return app


_LOGS: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr"}},
    "loggers": {
        "_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "granian.access": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}


if __name__ == "__main__":
    sys.exit(main())
