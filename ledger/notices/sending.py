"""The two doors out of the house: addresses by Apprise, and text messages by an HTTP gateway.

Neither can be talked into calling somewhere else: an address names one of a few services whose
hosts are fixed, and the gateway is the one the environment names.
"""

from __future__ import annotations

import http.client
import importlib
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus, urlsplit

from ..config import SmsGateway

TIMEOUT = 10
"""Seconds, to connect and to answer."""
MOST_ANSWER = 64 * 1024

SERVICES: dict[str, str] = {
    "wecombot": "企业微信群机器人",
    "dingtalk": "钉钉群机器人",
    "feishu": "飞书群机器人",
    "schan": "Server酱",
}
"""Apprise's names of services with a host of their own: nothing else can be called by them."""

_ADDRESS = re.compile(r"({})://[A-Za-z0-9@_./-]{{8,300}}".format("|".join(SERVICES)))


class Unsent(Exception):
    """It was not sent; says why in Chinese, without a secret."""


# -- addresses ---------------------------------------------------------------------------------


def address_problem(raw: str) -> str:
    """What is wrong with an address; '' where nothing is. Options (?…) are none of ours: they
    could switch off the check of certificates."""
    if _ADDRESS.fullmatch(raw):
        return ""
    named = "、".join(f"{name}://（{label}）" for name, label in SERVICES.items())
    return f"通知地址应以下列之一开头，后接机器人的密钥，不带“?”参数：{named}"


def masked(address: str) -> str:
    """wecombot://********3f2a: enough to tell two apart."""
    service, _, key = address.partition("://")
    return f"{service}://********{key[-4:]}"


def service_of(address: str) -> str:
    return SERVICES.get(address.partition("://")[0], "")


def send_to_address(address: str, words: str) -> None:
    """Raises Unsent."""
    if address_problem(address):
        raise Unsent("通知地址无效")
    try:
        apprise: Any = importlib.import_module("apprise")
    except ModuleNotFoundError as error:
        raise Unsent("服务器没有安装 Apprise，不能发机器人通知") from error
    try:
        box = apprise.Apprise()
        taken = box.add(address) and box.notify(body=words)
    except Exception as error:
        # Whatever a service's code stumbles over; its message may hold the address.
        raise Unsent(f"通知服务出错（{type(error).__name__}）") from error
    if not taken:
        raise Unsent("通知服务没有接收，请核对机器人密钥")


# -- text messages -----------------------------------------------------------------------------


def send_message(gateway: SmsGateway, phone: str, words: str, number: int) -> None:
    """Hand one message to the gateway. Raises Unsent."""
    parts = urlsplit(gateway.url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    body = filled(gateway, phone, words, number)
    path, query = parts.path or "/", parts.query
    if gateway.method == "GET":
        query = f"{query}&{body}" if query else body
        body = ""
    kind = {"json": "application/json", "form": "application/x-www-form-urlencoded"}[gateway.kind]
    headers = {"User-Agent": "ledger", "Accept": "*/*"}
    if body:
        headers["Content-Type"] = f"{kind}; charset=utf-8"
    if gateway.header is not None:
        headers[gateway.header[0]] = gateway.header[1]
    try:
        address = _resolved(host, port, private=gateway.private)
        connection = _Pinned(host, port, address, secure=secure)
        try:
            target = f"{path}?{query}" if query else path
            connection.request(gateway.method, target, body.encode() or None, headers)
            answer = connection.getresponse()
            said = answer.read(MOST_ANSWER).decode(errors="replace")
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise Unsent(f"短信网关连接失败（{type(error).__name__}）") from error
    # A redirection is not followed: it would lead to a host that nobody named.
    if not 200 <= answer.status < 300:
        raise Unsent(f"短信网关拒绝接收（HTTP {answer.status}）")
    if gateway.accepted and gateway.accepted not in said:
        raise Unsent("短信网关的答复不是接收成功")


def filled(gateway: SmsGateway, phone: str, words: str, number: int) -> str:
    """The gateway's body with what is said put in as its kind writes it."""
    said = {"phone": phone, "text": words, "id": str(number)}
    write = _in_json if gateway.kind == "json" else quote_plus
    written = {name: write(value) for name, value in said.items()}
    return re.sub(r"\{(phone|text|id)\}", lambda found: written[found[1]], gateway.body)


def _in_json(words: str) -> str:
    return json.dumps(words, ensure_ascii=False)[1:-1]


def _resolved(host: str, port: int, *, private: bool) -> str:
    """The address to call: looked up once, judged, and called as it was judged."""
    found: Sequence[Any] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise Unsent("短信网关的域名指向不允许的地址")
        if not address.is_global and not private:
            raise Unsent("短信网关的域名指向内网地址；网关确在内网的，请设 LEDGER_SMS_PRIVATE=yes")
    return str(found[0][4][0])


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was judged, under the host's own name."""

    def __init__(self, host: str, port: int, address: str, *, secure: bool) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._address, self._secure = address, secure

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), TIMEOUT)
        if not self._secure:
            self.sock = plain
            return
        secured = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        self.sock = secured
