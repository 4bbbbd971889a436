"""A signed-in person's browser, as far as the bench needs one: cookie, token, addresses."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from urllib.parse import urlencode

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """Signs in by the door, as everybody does."""

    def __init__(self, port: int, username: str, password: str) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}
        self.token = ""
        self.get("/sign-in")
        status, _ = self.post("/sign-in", {"username": username, "password": password})
        if status != 303:
            raise RuntimeError(f"{username} could not sign in: {status}")
        self.get("/desk")

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": self._cookie()}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        link.request(method, path, body or None, headers)
        answer = link.getresponse()
        page = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.split(";", 1)[0]
        link.close()
        if found := _TOKEN.search(page):
            self.token = found.group(1)
        return answer.status, page

    def _cookie(self) -> str:
        return "; ".join(f"{key}={value}" for key, value in self.cookies.items())

    def get(self, path: str) -> tuple[int, str]:
        return self._ask("GET", path)

    def post(self, path: str, fields: Mapping[str, str]) -> tuple[int, str]:
        return self._ask("POST", path, urlencode({**fields, "csrf_token": self.token}))

    def refresh(self) -> None:
        """As a browser keeps the cookie that each page may renew: the server need not, then."""
        self.get("/desk")

    # -- requests for the load ---------------------------------------------------------------

    def raw_get(self, path: str) -> str:
        return (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self._cookie()}\r\n"
            "Accept: text/html\r\n\r\n"
        )

    def raw_post(self, path: str, fields: Mapping[str, str]) -> str:
        body = urlencode({**fields, "csrf_token": self.token})
        return (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {self._cookie()}\r\n"
            "Accept: text/html\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
