"""The load: eight kept connections in one process of its own, without a library between.

It reads a plan as JSON and writes what it measured as JSON. A client that itself takes long would
hide how long the limit does.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

CONNECTIONS = 8


@dataclass
class Connection:
    """One kept connection with at most one request under way."""

    sock: socket.socket
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    whole: int = 0
    """Length of head and body; 0 while the head is not complete."""
    busy: bool = False

    def send(self, request: bytes) -> None:
        self.received.clear()
        self.whole = 0
        self.busy = True
        self.began = time.perf_counter()
        # A request fits the socket's buffer: it never blocks.
        self.sock.sendall(request)

    def take(self) -> bool:
        """Read what is there; whether the answer is complete."""
        part = self.sock.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.received += part
        if not self.whole:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.received[:end]).lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.whole = end + 4 + length
        return len(self.received) >= self.whole

    @property
    def status(self) -> int:
        return int(self.received[9:12])

    @property
    def location(self) -> str:
        head = bytes(self.received).split(b"\r\n\r\n", 1)[0].decode("latin-1")
        for line in head.split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "location":
                return value.strip()
        return ""


def run(port: int, requests: list[bytes], seconds: float) -> dict[str, Any]:
    """Send the requests in order, each by whichever connection is free, until none is left or the
    time is up."""
    chooser = selectors.DefaultSelector()
    waiting = deque(requests)
    connections = []
    for _ in range(min(CONNECTIONS, len(requests))):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        chooser.register(sock, selectors.EVENT_READ, connection)
        connections.append(connection)
    spent: list[float] = []
    statuses: dict[int, int] = {}
    locations: list[str] = []
    size = 0
    started = time.perf_counter()
    until = started + seconds
    for connection in connections:
        connection.send(waiting.popleft())
    busy = len(connections)
    while busy:
        for key, _ in chooser.select(timeout=30):
            connection = key.data
            if not connection.take():
                continue
            now = time.perf_counter()
            spent.append(now - connection.began)
            status = connection.status
            statuses[status] = statuses.get(status, 0) + 1
            size += connection.whole
            if 300 <= status < 400:
                locations.append(connection.location)
            if waiting and now < until:
                connection.send(waiting.popleft())
            else:
                connection.busy = False
                busy -= 1
    elapsed = time.perf_counter() - started
    for connection in connections:
        connection.sock.close()
    return {
        "spent": spent,
        "elapsed": elapsed,
        "statuses": statuses,
        "locations": locations,
        "bytes": size,
    }


def main() -> None:
    """One plan a line, one result a line."""
    for line in sys.stdin:
        plan = json.loads(line)
        requests = [request.encode("latin-1") for request in plan["requests"]]
        print(json.dumps(run(plan["port"], requests, plan["seconds"])), flush=True)


if __name__ == "__main__":
    main()
