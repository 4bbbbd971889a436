"""A body as JSON, read strictly: UTF-8, no name twice, no NaN, not nested for mischief. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from .problems import Problem

DEEPEST = 16
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""Also one that nobody ends: looked for again behind each quote in it, it would take for ever."""
_BRACKETS = re.compile(r"[\[\]{}]")
_MOST_BRACKETS = 20_000


def read(body: bytes) -> Any:
    """Raises Problem, each for its own fault."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(
            "bad-encoding", "请求内容不是UTF-8编码（可能是GBK），请转换为UTF-8后重新发送。"
        ) from None
    _refuse_deep(text)
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        where = ""
        if isinstance(error, json.JSONDecodeError):
            where = f"（第{error.lineno}行第{error.colno}个字符处）"
        raise Problem("bad-json", f"请求内容不是有效的JSON{where}，请核对后重新发送。") from None


def _refuse_deep(text: str) -> None:
    depth = 0
    for count, found in enumerate(_BRACKETS.finditer(_STRINGS.sub("", text))):
        depth += 1 if found[0] in "[{" else -1
        if depth > DEEPEST or count > _MOST_BRACKETS:
            raise _too_deep()


def _too_deep() -> Problem:
    return Problem("too-deep", f"JSON嵌套超过{DEEPEST}层或结构过多，请按接口文档的结构发送。")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Problem("duplicate-name", f"栏目“{_short(name)}”出现了两次，请只保留一个。")
        found[name] = value
    return found


def _short(name: str) -> str:
    name = "".join(c for c in name if c.isprintable())
    return name if len(name) <= 40 else f"{name[:40]}…"


def _no_constant(name: str) -> Any:
    raise Problem("not-a-number", f"JSON中不能使用{name}，请改为数值或省略该栏目。")
