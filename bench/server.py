"""`ledger serve` with the bare page beside the ledger: supervisor, web processes, worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.config import load
from ledger.work import serve

if TYPE_CHECKING:
    from .ground import Ground

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass
class Running:
    """A server that was started, and where it answers."""

    process: subprocess.Popen[bytes]
    port: int

    @classmethod
    def start(cls, place: Ground, port: int) -> Running:
        """Raises RuntimeError where it does not come up."""
        environment = {**os.environ, **place.environment(), "PYTHONPATH": str(ROOT)}
        # A line a request goes to the log, as it does at work.
        with (place.data_dir / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "bench.server", "serve", str(port)],
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                    return cls(process, port)
            except OSError:
                time.sleep(0.2)
        process.kill()
        raise RuntimeError("the server did not come up")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def memory(self) -> dict[str, int]:
        """PSS in KiB: of the supervisors, the web processes, and the worker."""
        top = self.process.pid
        found = {"supervisor": _pss(top), "web": 0, "worker": 0}
        for child in _children(top):
            if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found["worker"] += _pss(child)
                continue
            found["supervisor"] += _pss(child)
            found["web"] += sum(_pss(process) for process in _children(child))
        return found


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _pss(pid: int) -> int:
    """In KiB; Linux alone tells."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    role, port = sys.argv[1], int(sys.argv[2])
    place = serve.Place("127.0.0.1", port)
    if role == "serve":
        web = [sys.executable, "-m", "bench.server", "web", str(port)]
        worker = [sys.executable, "-m", "ledger.cli", "worker"]
        sys.exit(serve.supervise(web, worker, place, when_up=lambda: None))
    settings = load()
    front = Path(__file__).resolve().parent / "front"
    serve.serve_web(place, front, settings.workers, settings.blocking_threads)


if __name__ == "__main__":
    main()
