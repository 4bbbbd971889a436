"""What a platform pushes under a number that says something else: a line for a person to settle,
beside those of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from ..appeals.parts import ExternalOrder
from ..config import SHANGHAI
from ..db import db
from .clients import channel_of
from .door import Caller
from .models import ImportLine, ImportRun
from .problems import Problem
from .pushed import orders_numbered

KIND = "orders"


def write(caller: Caller, said: Mapping[str, Any], problem: Problem, at: datetime) -> None:
    """Inside a write transaction. What was written down already, and is not settled, is not
    written again: a platform that is refused sends it again and again."""
    numbered = orders_numbered(caller, said["order_number"])
    order = db.session.scalar(numbered.where(ExternalOrder.sub_number == said["sub_number"]))
    if order is None:
        return
    theirs = json.dumps(problem.more["theirs"], ensure_ascii=False)
    run = _run_of(caller, at)
    standing = db.session.scalars(
        select(ImportLine).where(
            ImportLine.appeal_id == order.appeal_id,
            ImportLine.outcome == "conflict",
            ImportLine.settled_at.is_(None),
        )
    )
    if any(one.theirs == theirs for one in standing):
        return
    rows = db.session.scalar(
        select(func.max(ImportLine.row_number)).where(ImportLine.run_id == run.id)
    )
    run.rows += 1
    run.conflicts += 1
    db.session.add(
        ImportLine(
            run_id=run.id,
            row_number=(rows or 0) + 1,
            outcome="conflict",
            reason=f"内容不一致：{order.full_number}已登记，内容与原来不同",
            order_number=order.full_number,
            appeal_id=order.appeal_id,
            theirs=theirs,
        )
    )


def _run_of(caller: Caller, at: datetime) -> ImportRun:
    """One for each client and day."""
    day = f"{at.astimezone(SHANGHAI):%Y-%m-%d}"
    mark = hashlib.sha256(f"api:{caller.client_id}:{day}".encode()).hexdigest()
    run = db.session.scalar(
        select(ImportRun)
        .where(ImportRun.office_id == caller.office_id, ImportRun.file_sha256 == mark)
        .order_by(ImportRun.id)
        .limit(1)
        .with_for_update()
    )
    if run is None:
        run = ImportRun(
            kind=KIND,
            channel=channel_of(caller.source_system),
            office_id=caller.office_id,
            file_name=f"接口推送 {day}",
            file_sha256=mark,
            begun_at=at,
            by_name=caller.name,
            rows=0,
            created=0,
            repeated=0,
            conflicts=0,
            rejected=0,
            finished=True,
        )
        db.session.add(run)
        db.session.flush()
    return run
