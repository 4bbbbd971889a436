"""The description of the interface (OpenAPI 3.1), made of the schemas that read what is sent."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from . import bodies
from .problems import MEDIA_TYPE, TITLES

_DESCRIPTION = (
    "热线平台向企业诉求台账推送工单和更新、查询办理情况。每个请求都要签名：X-Key-Id、X-Timestamp"
    "（Unix秒，前后300秒内有效）、X-Nonce（每次不同）、X-Signature = base64(HMAC-SHA256(密钥, "
    "方法\\n路径和查询参数\\n时间戳\\n随机串\\nhex(SHA-256(请求体))))。时间按RFC 3339，不写时区的按"
    "北京时间。"
)
_REFUSED = {
    "400": "编码或JSON有误",
    "401": "没有签名、签名不符、密钥无效或时间戳失效",
    "404": "没有这张工单",
    "409": "重复的请求、内容冲突或现在不能办理",
    "413": "请求过大",
    "415": "不是JSON",
    "422": "栏目有误",
    "429": "请求过于频繁",
}
_HEADERS = ("X-Key-Id", "X-Timestamp", "X-Nonce", "X-Signature")
_UPDATES = (
    ("supplements", "补充", "TextBody"),
    ("urges", "催办", "TextBody"),
    ("withdrawal", "撤回工单（只结束该工单，诉求由办公室决定）", "WithdrawalBody"),
    ("attachments", "上传附件", "AttachmentBody"),
    ("call-backs", "热线平台回访结果", "CallBackBody"),
)


def described() -> dict[str, Any]:
    plugin = MarshmallowPlugin(schema_name_resolver=lambda schema: _name(schema))
    spec = APISpec(
        title="企业诉求台账·热线平台接口",
        version="1",
        openapi_version="3.1.0",
        info={"description": _DESCRIPTION},
        plugins=[plugin],
        servers=[{"url": "/"}],
    )
    for header in _HEADERS:
        spec.components.security_scheme(header, {"type": "apiKey", "in": "header", "name": header})
    for name in ("OrderBody", "TextBody", "WithdrawalBody", "AttachmentBody", "CallBackBody"):
        spec.components.schema(name, schema=getattr(bodies, name))
    for name in ("OrderAnswer", "OrdersAnswer", "ProblemAnswer"):
        spec.components.schema(name, schema=getattr(bodies, name))
    number = {
        "in": "path", "name": "order_number", "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 64},
    }  # fmt: skip
    key = {
        "in": "header", "name": "Idempotency-Key", "required": False,
        "schema": {"type": "string", "maxLength": 100, "pattern": "^[!-~]*$"},
    }  # fmt: skip
    spec.path(
        "/api/v1/orders",
        operations={
            "post": _operation(
                "推送工单", "OrderAnswer", ("200", "201", "202"), body="OrderBody", params=[key]
            ),
            "get": _operation(
                "本平台的工单，按顺序",
                "OrdersAnswer",
                ("200",),
                params=[_query("after", 2**53, "上一页的next"), _query("limit", 100, "每页件数")],
            ),
        },
    )
    sub = {
        "in": "query", "name": "sub_number", "required": False,
        "schema": {"type": "string", "maxLength": 64},
    }  # fmt: skip
    spec.path(
        "/api/v1/orders/{order_number}",
        parameters=[number],
        operations={"get": _operation("查询办理情况", "OrderAnswer", ("200",), params=[sub])},
    )
    for last, words, body in _UPDATES:
        spec.path(
            f"/api/v1/orders/{{order_number}}/{last}",
            parameters=[number],
            operations={
                "post": _operation(words, "OrderAnswer", ("200", "201"), body=body, params=[key])
            },
        )
    found: dict[str, Any] = spec.to_dict()
    found["security"] = [{header: [] for header in _HEADERS}]
    found["x-problems"] = {slug: title for slug, (_, title) in TITLES.items()}
    return found


def _name(schema: Any) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return str(kind.__name__)


def _query(name: str, most: int, words: str) -> dict[str, Any]:
    return {
        "in": "query", "name": name, "required": False, "description": words,
        "schema": {"type": "integer", "minimum": 0, "maximum": most},
    }  # fmt: skip


def _operation(
    words: str,
    answer: str,
    good: tuple[str, ...],
    *,
    body: str = "",
    params: list[dict[str, Any]],
) -> dict[str, Any]:
    said = {"200": "与此前相同", "201": "已登记", "202": "已列入重办建议"}
    fine = {
        status: {
            "description": said[status] if body else "查询结果",
            "content": {"application/json": {"schema": answer}},
        }
        for status in good
    }
    bad = {
        status: {"description": what, "content": {MEDIA_TYPE: {"schema": "ProblemAnswer"}}}
        for status, what in _REFUSED.items()
    }
    found: dict[str, Any] = {"summary": words, "parameters": params, "responses": {**fine, **bad}}
    if body:
        found["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": body}},
        }  # fmt: skip
    return found
