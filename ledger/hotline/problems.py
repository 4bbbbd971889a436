"""What the interface refuses, and how it says so (RFC 9457): one table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

MEDIA_TYPE: Final = "application/problem+json"

TITLES: Final[dict[str, tuple[int, str]]] = {
    "unsigned": (401, "没有签名"),
    "unknown-key": (401, "密钥无效"),
    "bad-signature": (401, "签名不符"),
    "stale": (401, "时间戳已失效"),
    "replayed": (409, "重复的请求"),
    "too-many": (429, "请求过于频繁"),
    "too-large": (413, "请求过大"),
    "not-json": (415, "不是JSON"),
    "bad-encoding": (400, "不是UTF-8编码"),
    "bad-json": (400, "JSON有误"),
    "too-deep": (400, "JSON嵌套过深"),
    "duplicate-name": (400, "JSON栏目重复"),
    "not-a-number": (400, "JSON数值有误"),
    "invalid": (422, "内容有误"),
    "idempotency-mismatch": (422, "幂等键已用于其他内容"),
    "unknown-order": (404, "没有这张工单"),
    "not-found": (404, "没有这个接口"),
    "order-conflict": (409, "工单内容不一致"),
    "order-elsewhere": (409, "工单属于其他办公室"),
    "order-ended": (409, "工单已撤回"),
    "update-conflict": (409, "更新内容不一致"),
    "not-now": (409, "现在不能办理"),
    "fault": (500, "系统故障"),
}
"""Slug → status and title."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; `field` is its path, as caller.phone."""

    field: str
    detail: str


@dataclass(eq=False)
class Problem(Exception):
    """A refusal on its way out. `more` are further members of the answer."""

    slug: str
    detail: str
    errors: Sequence[FieldError] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    retry_after: int = 0

    @property
    def status(self) -> int:
        return TITLES[self.slug][0]

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": f"/problems/{self.slug}",
            "title": TITLES[self.slug][1],
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            found["field"] = self.errors[0].field
            found["errors"] = [{"field": e.field, "detail": e.detail} for e in self.errors]
        return {**found, **self.more}
