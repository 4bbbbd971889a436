"""Handing out the sheet that units which work offline fill in."""

from __future__ import annotations

from io import BytesIO

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from .. import access
from ..config import SHANGHAI
from ..db import db, now, writing
from ..people.acting import current_actor
from ..people.directory import directory
from ..web import NotFound, Refused, as_download
from . import feedback_sheet
from .feedback import recording_seat
from .template import XLSX

blueprint = Blueprint("feedback", __name__, url_prefix="/imports/feedback")


@blueprint.get("/sheet")
def sheet() -> ResponseReturnValue:
    """The sheet of one unit, or of all that work offline."""
    actor, at = current_actor(), now()
    seat = recording_seat(actor)
    if seat is None:
        raise Refused("您的岗位不能导出承办单位反馈表。")
    asked = request.args.get("unit", "")
    unit_id = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 16 else 0
    if asked and unit_id not in directory().offline:
        raise NotFound("没有这个线下办理的单位，请返回重新选择。")
    made = feedback_sheet.workbook(seat.unit_id, unit_id, actor, at)
    whose = directory().units[unit_id].label if unit_id else "全部线下单位"
    with writing() as moment:
        access.record("exported", f"承办单位反馈表（{whose}）", f"{made.rows}行", at=moment)
        db.session.commit()
    day = at.astimezone(SHANGHAI).date()
    name = f"承办单位反馈表（{whose}）{day:%Y%m%d}.xlsx"
    return as_download(BytesIO(made.data), name=name, mimetype=XLSX)
