"""The one form of 先处置后补录, for the office and the duty officer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask.typing import ResponseReturnValue
from wtforms.widgets import TelInput

from ..catalogue.queries import catalogue
from ..catalogue.words import URGENCIES
from ..db import config, now
from ..firms import phones
from ..firms.models import Firm
from ..people import queries as people
from ..people.acting import current_actor
from ..web import Choice, LocalMoment, LongText, Radio, Refused, Text, YesNo
from . import after
from .behalf import NAME_LENGTH, Behalf
from .behalf_forms import SOURCES, sound_phone
from .closing import WAYS
from .intake import Registration
from .models import Appeal
from .pages import blueprint
from .record import Invalid
from .register_forms import RegisterForm
from .register_views import registration, seat_of
from .unit_choices import offered_to


class AfterForm(RegisterForm):
    template = "appeals/after.html"
    draft = "register_after"
    landing = "appeals.show"

    urgency = Choice("紧急程度", URGENCIES, blank=None, default="critical")
    happened_at = LocalMoment("处置时间", required=True, help="最多补录72小时以内的")
    words = LongText(
        "处置情况", 5000, rows=5, required=True, help="接报后通知了谁、怎样处置、结果如何"
    )
    way = Radio("承办单位联系企业的方式", WAYS, default="phone", required=True)
    unit_id = Choice("主办单位", blank="暂不交办")
    source = Radio("代录来源", SOURCES, default="phone", required=True)
    counterpart = Text("对方姓名、职务", NAME_LENGTH, help="承办单位处置的人；线下单位的必填")
    counterpart_phone = Text("对方电话", 40, widget=TelInput(), validators=[sound_phone])
    finished = YesNo("是否已办结", default="no")
    outcome = Choice("办理结果", blank="未办结")
    public_reply = LongText("对企业的答复", 5000, rows=3, help="已办结的必填，企业看到的就是这段")
    evidence = LongText("佐证说明", 5000, rows=2, help="已办结的写明核实人、核实时间、方式和结果")

    def prefill(self, at: datetime) -> None:
        """It was received when it happened, unless somebody says otherwise."""

    @property
    def happened(self) -> datetime | None:
        found: datetime | None = self.happened_at.data
        return found

    def registration(self, at: datetime, firm: Firm | None) -> Registration:
        return super().registration(min(self.happened or at, at), firm)


def _settled(form: Any) -> after.Settled:
    unit = people.unit(int(form.unit_id.data)) if form.unit_id.data else None
    if form.unit_id.data and unit is None:
        raise Invalid("unit_id", "没有这个单位，请重新选择")
    return after.Settled(
        happened_at=form.happened_at.data,
        words=form.words.data,
        way=form.way.data,
        unit=unit,
        behalf=Behalf(
            source=form.source.data,
            counterpart=form.counterpart.data or "",
            phone=phones.normalise(form.counterpart_phone.data or ""),
            note="先处置后补录",
        ),
        finished=bool(form.finished.answer),
        outcome=form.outcome.data or "",
        public_reply=form.public_reply.data or "",
        evidence=form.evidence.data or "",
    )


@blueprint.route("/new/after", methods=["GET", "POST"])
def after_the_fact() -> ResponseReturnValue:
    actor = current_actor()
    seat = seat_of(actor)
    if not after.may_open(actor):
        raise Refused("先处置后补录由牵头办公室交办员或值班员办理，您可以登记诉求。")
    form: Any = AfterForm()
    region = seat.region_code if seat is not None else config().region
    form.unit_id.choices = offered_to(region, now())
    form.outcome.choices = dict(catalogue().outcome_choices())

    def then(appeal: Appeal, at: datetime) -> Sequence[str]:
        name = catalogue().outcome_name(form.outcome.data) if form.outcome.data else ""
        return after.carry_on(appeal, _settled(form), name, by=actor, at=at)

    return registration(form, actor, seat, then)
