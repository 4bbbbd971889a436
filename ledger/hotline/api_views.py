"""The interface for hotline platforms: /api/v1. Machines only, known by their signatures."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, cast

import structlog
from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy import Table, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.exceptions import HTTPException, InternalServerError, RequestEntityTooLarge

from ..appeals.models import Appeal, Attachment
from ..appeals.parts import ExternalOrder, FormerOwner
from ..appeals.public_then import said_now
from ..appeals.public_words import Known, Said, say
from ..config import SHANGHAI
from ..db import config, db, now, writing
from ..files import check
from ..files.check import CheckedFile, FileProblem
from ..web import csrf
from . import plain_json, pushed, pushed_conflicts
from .api_models import ApiIdempotency
from .door import Caller, admit, body_of, headers_of, note, refuse
from .problems import FieldError, Problem
from .pushed import Done

BASE = "/api/v1"
MOST_ORDERS = 100
"""Of one answer."""
_log = structlog.get_logger("ledger.hotline")

blueprint = Blueprint("api", __name__, url_prefix=BASE)


def init_app(app: Flask) -> None:
    app.register_blueprint(blueprint)
    csrf.exempt(blueprint)
    app.extensions.setdefault("ledger_signed", set()).add(blueprint.name)


# -- the answers -------------------------------------------------------------------------------


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(SHANGHAI).isoformat(timespec="seconds")


def _answer(order: ExternalOrder, appeal: Appeal, said: Said) -> dict[str, Any]:
    return {
        "order_number": order.order_number,
        "sub_number": order.sub_number,
        "appeal": appeal.number,
        "label": appeal.label,
        "status": said.status,
        "status_note": said.note,
        "order_state": order.state,
        "public_reply": said.public_reply or None,
        "units": list(said.units),
        "expected_at": _moment(said.expected_at),
        "received_at": _moment(order.received_at),
    }


def _done(done: Done) -> dict[str, Any]:
    return {**_answer(done.order, done.appeal, _said_of(done.appeal)), **done.more}


def _said_of(appeal: Appeal) -> Said:
    # What is only registered has no units to be looked for.
    return say(Known("registered")) if appeal.state == "registered" else said_now(appeal)


def _json(status: int, body: str) -> Response:
    return Response(body, status, content_type="application/json; charset=utf-8")


def _refusal(problem: Problem) -> Response:
    body = json.dumps(problem.body(), ensure_ascii=False)
    return Response(body, problem.status, headers=dict(headers_of(problem)))


# -- one request -------------------------------------------------------------------------------


@dataclass
class Asking:
    """A request that was let in."""

    caller: Caller
    subject: str


@contextmanager
def _at_the_door() -> Iterator[Asking]:
    """Whoever may not come in is told why, and so is whoever asks for what cannot be done."""
    subject = f"{request.method} {request.path}"
    caller: Caller | None = None
    try:
        caller = admit(now())
        yield Asking(caller, subject)
    except Problem as problem:
        refuse(caller, subject, problem)
        raise


@blueprint.errorhandler(Problem)
def _problem(problem: Problem) -> Response:
    return _refusal(problem)


@blueprint.errorhandler(HTTPException)
@blueprint.errorhandler(400)
@blueprint.errorhandler(413)
@blueprint.errorhandler(500)
def _http(error: HTTPException) -> Response:
    """Also by their codes: those of the pages would be asked first."""
    db.session.rollback()
    if isinstance(error, RequestEntityTooLarge):
        return _refusal(Problem("too-large", "请求内容超过12MB，请压缩附件后分次发送。"))
    if isinstance(error, InternalServerError):
        _log.error("interface fault", path=request.path, exc_info=error.original_exception)
        return _refusal(
            Problem("fault", "系统出现故障，本次请求没有保存，请稍后以新的随机串重发。")
        )
    return _refusal(Problem("bad-json", "请求无法读取，请核对后重新发送。"))


def _said(kind: str) -> dict[str, Any]:
    """The body, read strictly. Raises Problem."""
    from . import bodies

    if request.mimetype != "application/json":
        raise Problem("not-json", "请求内容应为JSON（Content-Type: application/json）。")
    return bodies.load(getattr(bodies, kind), plain_json.read(body_of()))


def _idempotency_key() -> str:
    """Raises Problem."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 100 or not key.isascii() or not key.isprintable():
        detail = "应为不超过100个字符的字母、数字和符号"
        raise Problem(
            "invalid", f"请求头Idempotency-Key：{detail}。", [FieldError("Idempotency-Key", detail)]
        )
    return key


def _write(asking: Asking, act: Callable[[datetime], Done]) -> Response:
    """Done and noted in one commit; answered when it is on the disk."""
    key, digest = _idempotency_key(), ""
    if key:
        whole = f"{request.method} {request.path}\n".encode() + body_of()
        digest = hashlib.sha256(whole).hexdigest()
    try:
        return _written(asking, act, key, digest)
    except IntegrityError:
        # Another process was first with the same order or update (PostgreSQL): now it is known.
        return _written(asking, act, key, digest)


def _written(asking: Asking, act: Callable[[datetime], Done], key: str, digest: str) -> Response:
    with writing() as at:
        note(asking.caller, asking.subject, at)
        first = db.session.get(ApiIdempotency, (asking.caller.client_id, key)) if key else None
        if first is not None and first.digest != digest:
            raise Problem(
                "idempotency-mismatch",
                "该Idempotency-Key已用于另一请求，请为新的请求换用新的值。",
                [FieldError("Idempotency-Key", "已用于另一请求")],
            )
        if first is not None:
            status, text = first.status, first.answer
        else:
            done = act(at)
            db.session.flush()
            status, text = done.status, json.dumps(_done(done), ensure_ascii=False)
            if key:
                table = cast(Table, ApiIdempotency.__table__)
                db.session.connection().execute(
                    insert(table),
                    {
                        "client_id": asking.caller.client_id,
                        "name": key,
                        "digest": digest,
                        "status": status,
                        "answer": text,
                        "at": at,
                    },
                )
        db.session.commit()
    return _json(status, text)


# -- orders ------------------------------------------------------------------------------------


@blueprint.post("/orders")
def create() -> Response:
    with _at_the_door() as asking:
        said = _said("OrderBody")
        raw = body_of().decode()
        try:
            return _write(asking, lambda at: pushed.create(asking.caller, said, raw, at))
        except Problem as problem:
            if problem.slug != "order-conflict":
                raise
            with writing() as at:
                note(asking.caller, asking.subject, at, detail=problem.slug)
                pushed_conflicts.write(asking.caller, said, problem, at)
                db.session.commit()
            return _refusal(problem)


@blueprint.get("/orders/<number>")
def show(number: str) -> Response:
    with _at_the_door() as asking:
        with writing() as at:
            note(asking.caller, asking.subject, at)
            db.session.commit()
        order = pushed.order_of(asking.caller, number, request.args.get("sub_number", ""))
        appeal = db.session.get_one(Appeal, order.appeal_id)
        if not pushed.is_within(asking.caller, appeal):
            raise pushed.unknown(number, order.sub_number)
        text = json.dumps(_answer(order, appeal, _said_of(appeal)), ensure_ascii=False)
        db.session.rollback()
        return _json(200, text)


@blueprint.get("/orders")
def listed() -> Response:
    with _at_the_door() as asking:
        after = _number("after", 0, 2**53)
        limit = _number("limit", 50, MOST_ORDERS)
        with writing() as at:
            note(asking.caller, asking.subject, at)
            db.session.commit()
        rows = _own_orders(asking.caller, after, limit or 1)
        more = len(rows) > (limit or 1)
        rows = rows[: limit or 1]
        found = [_answer(one, one.appeal, _said_of(one.appeal)) for one in rows]
        following = str(rows[-1].id) if more else None
        text = json.dumps({"orders": found, "next": following}, ensure_ascii=False)
        db.session.rollback()
        return _json(200, text)


def _number(name: str, usual: int, most: int) -> int:
    """Raises Problem."""
    given = request.args.get(name, "")
    if not given:
        return usual
    if not (given.isascii() and given.isdecimal() and len(given) < 17 and int(given) <= most):
        detail = f"应为0到{most}的整数"
        raise Problem("invalid", f"查询参数{name}：{detail}。", [FieldError(name, detail)])
    return int(given)


def _own_orders(caller: Caller, after: int, limit: int) -> list[ExternalOrder]:
    """By key, one more than asked for."""
    owned = select(FormerOwner.appeal_id).where(FormerOwner.office_id == caller.office_id)
    wanted = (
        select(ExternalOrder)
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .where(
            ExternalOrder.source_system == caller.source_system,
            ExternalOrder.id > after,
            (Appeal.office_id == caller.office_id) | Appeal.id.in_(owned),
        )
        .order_by(ExternalOrder.id)
        .limit(limit + 1)
        .options(
            joinedload(ExternalOrder.appeal).selectinload(Appeal.assignments),
            joinedload(ExternalOrder.appeal).options(selectinload(Appeal.deadlines)),
        )
    )
    return list(db.session.scalars(wanted))


# -- what is said of them later ----------------------------------------------------------------

UPDATES: Mapping[str, tuple[str, str]] = {
    "supplements": ("supplement", "TextBody"),
    "urges": ("urge", "TextBody"),
    "withdrawal": ("withdrawal", "WithdrawalBody"),
    "attachments": ("attachment", "AttachmentBody"),
    "call-backs": ("call_back", "CallBackBody"),
}
"""The last part of the address → kind of message, and the schema of its body."""


@blueprint.post("/orders/<number>/<any(supplements, urges, withdrawal, 'call-backs'):what>")
def update(number: str, what: str) -> Response:
    kind, schema = UPDATES[what]
    with _at_the_door() as asking:
        said = _said(schema)
        if kind == "call_back" and said["reached"]:
            _whole_result(said)
        raw = body_of().decode()
        return _write(asking, lambda at: pushed.update(asking.caller, kind, number, said, raw, at))


def _whole_result(said: Mapping[str, Any]) -> None:
    """Raises Problem."""
    missing = [name for name in ("solved", "satisfied") if not said[name]]
    if missing:
        errors = [FieldError(name, "已接通的必须填写") for name in missing]
        raise Problem("invalid", f"栏目{missing[0]}：已接通的必须填写。", errors)


class _Sent:
    """A file that came within a message."""

    def __init__(self, filename: str, content: bytes) -> None:
        self.filename: str | None = filename
        self.stream: IO[bytes] = io.BytesIO(content)


@blueprint.post("/orders/<number>/attachments")
def attach(number: str) -> Response:
    with _at_the_door() as asking:
        said = _said("AttachmentBody")
        checked = check.check(_Sent(said["filename"], said["content"]), config().attachments_dir)
        if isinstance(checked, FileProblem):
            detail = f"{checked.message}。"
            raise Problem("invalid", detail, [FieldError("content", checked.message)])
        stored_name = ""
        try:
            stored_name = check.keep(checked, config().attachments_dir)
            digest = hashlib.sha256(said["content"]).hexdigest()
            whole = {**said, "content": f"sha256:{digest}"}
            raw = json.dumps(whole, ensure_ascii=False)
            return _write(
                asking,
                lambda at: pushed.update(
                    asking.caller,
                    "attachment",
                    number,
                    said,
                    raw,
                    at,
                    [_row(checked, stored_name, at)],
                ),
            )
        finally:
            check.discard(checked)


def _row(checked: CheckedFile, stored_name: str, at: datetime) -> Attachment:
    return Attachment(
        position=0,
        name=checked.name,
        caption="",
        media_type=checked.media_type,
        size=checked.size,
        sha256=checked.sha256,
        stored_name=stored_name,
        uploaded_at=at,
    )


# -- the description, and what there is not ----------------------------------------------------


@blueprint.get("/openapi.json")
def description() -> Response:
    kept: dict[str, str] = current_app.extensions.setdefault("ledger.api_description", {})
    if not kept:
        from .openapi import described

        kept["text"] = json.dumps(described(), ensure_ascii=False)
    return _json(200, kept["text"])


@blueprint.route(
    "/<path:rest>",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
    provide_automatic_options=False,
)
def nothing(rest: str) -> Response:
    with _at_the_door():
        raise Problem("not-found", "没有这个接口，或不支持该操作方式，请对照接口文档核对地址。")
