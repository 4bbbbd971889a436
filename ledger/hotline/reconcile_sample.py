"""A list as a hotline would send it, for the demo county: made of our own orders, with what goes
wrong between two ledgers."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta

from sqlalchemy import select

from ..appeals.models import Appeal
from ..appeals.parts import ExternalOrder
from ..config import SHANGHAI
from ..db import db
from ..people.actor import Actor
from .reconciling import Period, reconcile

_STATES = {
    "registered": "待签收",
    "reviewed": "已回复",
    "confirmed": "已回复",
    "closed": "已办结",
    "declined": "不予受理",
    "withdrawn": "已撤销",
}
_HEAD = ("工单编号", "工单标题", "工单内容", "来电人", "联系电话", "受理时间", "工单状态")
_ASTRAY = ("办理中", "退回重办", "已办结", "转省级平台")
"""What their list says of the first orders instead."""


def lay_sample(channel: str, office_id: int, *, by: Actor, at: datetime) -> int:
    """Reconcile a list of the last three weeks; gives the reconciliation's id."""
    rows = db.session.execute(
        select(ExternalOrder.order_number, ExternalOrder.received_at, Appeal.title, Appeal.state)
        .join(Appeal, Appeal.id == ExternalOrder.appeal_id)
        .where(ExternalOrder.source_system == channel, Appeal.office_id == office_id)
        # Those that are answered come first: there the two differ most.
        .order_by(Appeal.closed_at.is_(None), ExternalOrder.id)
    ).all()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEAD)
    for place, row in enumerate(rows[:-1]):  # the last one they do not have
        state = _ASTRAY[place] if place < len(_ASTRAY) else _STATES.get(row.state, "办理中")
        came = row.received_at.astimezone(SHANGHAI)
        writer.writerow((row.order_number, row.title, row.title, "", "", f"{came:%F %T}", state))
    came = (at - timedelta(days=1)).astimezone(SHANGHAI)
    writer.writerow(
        (
            f"{came:%Y%m%d}9001",
            "高速出口限高影响货车通行",
            "企业反映高速出口新设限高杆，厢式货车无法驶出，须绕行三十公里，请协调。",
            "钟先生",
            "13907979001",
            f"{came:%F %T}",
            "待签收",
        )
    )
    today = at.astimezone(SHANGHAI).date()
    return reconcile(
        out.getvalue().encode("utf-8-sig"),
        f"{channel}工单清单.csv",
        channel=channel,
        office_id=office_id,
        period=Period(today - timedelta(days=21), today),
        by=by,
    )
