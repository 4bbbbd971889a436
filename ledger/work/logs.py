"""Structured logs on standard error: one JSON line an event, without personal data.

A request is told by its method, endpoint, status and time; never by its address, which may carry
what somebody typed into a search box.
"""

from __future__ import annotations

import logging
import sys
import time
import uuid

import structlog
from flask import Flask, Response, g, request

_log = structlog.get_logger("ledger")


def init_app(app: Flask) -> None:
    """Configure logging once a process, and log each request but static files and health."""
    configure()

    @app.before_request
    def _begin() -> None:
        g.request_began = time.perf_counter()
        g.request_id = uuid.uuid4().hex[:16]

    @app.after_request
    def _end(response: Response) -> Response:
        if request.endpoint in ("static", "healthz", "readyz"):
            return response
        if app.config["LEDGER"].mode == "demo" and response.status_code < 500:
            return response  # its terminal shows where to go and who to be
        began = g.get("request_began")
        _log.info(
            "request",
            id=g.get("request_id"),
            method=request.method,
            endpoint=request.endpoint or "",
            status=response.status_code,
            ms=round((time.perf_counter() - began) * 1000, 1) if began else None,
        )
        return response


def configure(level: int = logging.INFO) -> None:
    """JSON lines on standard error: a command's standard output carries its answer alone."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
