"""The shape of what is typed when one matter of several firms is logged at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from wtforms import Field
from wtforms.validators import ValidationError

from ..catalogue.queries import Catalogue
from ..catalogue.words import KINDS, URGENCIES
from ..firms.models import Firm
from ..web import Choice, Form, Hidden, LocalMoment, LongText, Text, Tick
from .firm_lines import MOST, FirmLine, LineProblem, read_firms
from .intake import Registration
from .register_forms import EARLY, NOT_BY_HAND

FIRST = "first"
"""Instead of a number: the first firm's appeal becomes the master."""


class ManyForm(Form):
    """诉求内容 once, and whom it concerns."""

    token = Hidden("提交标识", 64)
    firms = LongText(
        "企业名单",
        12000,
        rows=12,
        required=True,
        help=f"每行一户，最多{MOST}户；名称后空一格可写联系电话，"
        "如：寻乌县顺达物流有限公司 13807970001",
    )
    content = LongText("诉求内容", 5000, rows=6, required=True, id="appeal-content")
    title = Text("标题", 60, help="不填则取诉求内容首句")
    channel = Choice("来源渠道", required=True)
    kind = Choice("诉求类型", KINDS, blank=None, default="help")
    urgency = Choice("紧急程度", URGENCIES, blank=None, default="normal")
    received_at = LocalMoment("接收时间")
    region_code = Choice("所属地区", blank=None)
    category_id = Choice("诉求类别", blank="暂不确定，受理时选")
    complained_unit = Text("被反映单位", 200)
    place = Text("地点", 200)
    stranded = Tick("有车辆滞留（按特急办理）")
    master_id = Choice("主件", blank=None, default=FIRST)
    master = Text("主件编号", 40, help="并入不在上列的在办诉求时填写，如 寻2026-0123")

    lines: list[FirmLine]

    def offer(self, book: Catalogue, regions: list[tuple[str, str]], masters: Any) -> None:
        """Fill in the choices that are data. `masters` is None for whoever may join nothing."""
        self.channel.choices = dict(
            choice for choice in book.channel_choices() if choice[0] not in NOT_BY_HAND
        )
        self.category_id.choices = dict(book.category_choices())
        self.region_code.choices = dict(regions)
        if masters is None:
            del self.master_id
            del self.master
            return
        self.master_id.choices = {
            FIRST: "名单中的第一户",
            **{
                row.number: f"{row.label} {row.title}（已并入{row.joined_count}件）"
                for row in masters
            },
        }

    def validate_firms(self, field: Field) -> None:
        self.lines, problems = read_firms(field.data or "")
        self.blame(problems)
        if not self.lines and field.data and not problems:
            raise ValidationError("请填写“企业名单”，每行一户")

    def blame(self, problems: list[LineProblem]) -> None:
        self.firms.errors = [*self.firms.errors, *(problem.words for problem in problems)]

    def validate_at(self, at: datetime) -> bool:
        if self.received_at.data is not None and self.received_at.data > at + EARLY:
            self.received_at.errors = ["“接收时间”不能晚于现在，请核对"]
            return False
        return True

    @property
    def master_number(self) -> str:
        """'' where the first firm's appeal becomes the master."""
        if "master" not in self:
            return ""
        chosen = self.master_id.data if self.master_id.data != FIRST else ""
        return str(self.master.data or chosen or "")

    def registration(self, line: FirmLine, at: datetime, firm: Firm | None) -> Registration:
        """One firm's, in the words of the ledger; a name that is no firm of the register is
        待核实."""
        return Registration(
            appellant_name=firm.name if firm else line.name,
            appellant_type="firm" if firm else "unverified",
            content=self.content.data,
            channel=self.channel.data,
            received_at=min(self.received_at.data or at, at),
            title=self.title.data or "",
            kind=self.kind.data,
            urgency="critical" if self.stranded.data else self.urgency.data,
            category_id=int(self.category_id.data) if self.category_id.data else None,
            region_code=self.region_code.data,
            uscc=(firm.uscc or "") if firm else "",
            industry=firm.industry if firm else "",
            chain=firm.chain if firm else "",
            white_list=bool(firm and firm.white_list),
            phone_given="given" if line.phone else "none",
            phone=line.phone or None,
            place=self.place.data or "",
            stranded=bool(self.stranded.data),
            complained_unit=self.complained_unit.data or "",
        )
