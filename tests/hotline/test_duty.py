"""值班: from the roster's page to the night's call, to the next morning's desk."""

from __future__ import annotations

import re
import sys
from datetime import UTC, date, datetime, timedelta
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from cast import Cast
from ledger import db as db_module
from ledger.access import AccessLog
from ledger.catalogue.queries import catalogue
from ledger.config import SHANGHAI
from ledger.db import db, writing
from ledger.hotline import duty
from ledger.people.models import DutyShift

FRIDAY = datetime(2026, 11, 20, 10, tzinfo=SHANGHAI)


def test_hours_that_nobody_keeps() -> None:
    day = date(2026, 11, 20)
    at = FRIDAY.replace(hour=0)
    working = [(at + timedelta(hours=9), at + timedelta(hours=17))]
    night = (at + timedelta(hours=18), at + timedelta(hours=32))
    assert [duty.stretch_words(s) for s in duty.out_of_hours(day, working)] == [
        "00:00–09:00",
        "17:00–24:00",
    ]
    turns = [
        duty.Turn(1, 1, "甲", *night, "", ""),
        duty.Turn(2, 2, "乙", *night, "", ""),
        duty.Turn(3, 3, "丙", *night, "12345", ""),
    ]
    days = duty.days_of(day, 2, turns, {day: working, day + timedelta(days=1): []}, day)
    assert [one.gaps for one in days] == [["00:00–09:00", "17:00–18:00"], ["08:00–24:00"]]
    assert days[0].doubled == ["甲、乙"] and days[0].turns[0].words == "18:00–次日08:00"
    # A day that is past is not complained of; nor a roster that nobody keeps.
    later = day + timedelta(days=2)
    assert duty.days_of(day, 1, turns, {day: working}, later)[0].gaps == []
    assert duty.days_of(day, 1, [], {day: working}, day)[0].gaps == []
    assert duty.problem(*reversed(night)) and duty.problem(night[0], night[0] + timedelta(days=8))


class Clock:
    """Every page's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = FRIDAY
        real = db_module.now
        for name, module in list(sys.modules.items()):
            if name.startswith("ledger") and getattr(module, "now", None) is real:
                monkeypatch.setattr(module, "now", lambda: self.at.astimezone(UTC))

    def set(self, day: int, hour: int, minute: int = 0) -> None:
        self.at = FRIDAY.replace(day=day, hour=hour, minute=minute)


def words(response: TestResponse) -> str:
    return unescape(re.sub(r"\s+", " ", response.get_data(as_text=True)))


def upload(client: FlaskClient, content: str, **more: str) -> str:
    sent = {"file": (BytesIO(content.encode()), "值班表.csv"), **more}
    return words(client.post("/hotline/duty/import", data=sent, content_type="multipart/form-data"))


ROSTER = """日期,值班人员,开始时间,结束时间,值守线路,备注
2026-11-21,赵值班,17:30,次日08:30,,
2026-11-21,唐接线、周交办,8:00,20:00,12345,周六
2026-11-22,钱局长,17:30,08:30,,
2026-11-19,赵值班,17:30,08:30,,
2026-11-21,赵值班,20:00,23:00,,
2026-11-23,赵值班,25:00,08:30,,
2026-11-23,唐接线,08:00,20:00,54321,
"""


def test_from_the_roster_to_the_next_mornings_desk(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    zhou, zhao, tang = cast.client("zhou"), cast.client("zhao"), cast.client("tang")
    office = str(cast.units["office"])

    # The roster: by whoever keeps it, with every mistake told beside its field.
    assert "还没有排班" in words(zhou.get("/hotline/duty/"))
    turn = {"person_id": str(cast.people["zhao"]), "starts_at": "2026-11-20T17:30",
            "ends_at": "2026-11-21T08:30", "office": office}  # fmt: skip
    add = "/hotline/duty/add"
    assert tang.post(add, data=turn).status_code == 403
    assert cast.client("chen").get("/hotline/duty/").status_code == 403
    assert cast.client("yuan").post(add, data=turn).status_code == 404
    for wrong, said in (
        ({"ends_at": "2026-11-20T17:00"}, "结束时间必须晚于开始时间"),
        ({"starts_at": "2026-11-19T17:30"}, "开始时间不能早于今天"),
        ({"starts_at": "2026-11-20T07:00", "ends_at": "2026-11-20T09:00"}, "已经过去"),
        ({"person_id": str(cast.people["chen"])}, "选项无效"),
        ({"starts_at": "soon"}, "不是有效的时间"),
        ({"line": "54321"}, "选项无效"),
    ):
        answer = zhou.post(add, data={**turn, **wrong})
        assert answer.status_code == 422 and said in words(answer), said
    assert zhou.post(add, data=turn).status_code == 303
    again = zhou.post(
        add, data={**turn, "starts_at": "2026-11-21T08:00", "ends_at": "2026-11-21T09:00"}
    )
    assert again.status_code == 422 and "赵值班在这段时间已有班次" in words(again)
    week = words(cast.client("xi").get(f"/hotline/duty/?office={office}&span=month"))
    assert "17:30–次日08:30" in week and "非工作时间无人值班" in week and "排班" in week

    # By file: tried, taken, taken again.
    trial = upload(zhou, ROSTER, office=office, dry_run="y")
    assert "检查结果（没有写入） 新增 3 · 已存在 0 · 未导入 5".replace(" ", "") in re.sub(
        r"<[^>]+>| ", "", trial
    )
    for said in ("钱局长”不是本办公室", "班次已经过去", "已有班次", "不是有效的时间", "54321"):
        assert said in trial
    with cast.app.app_context():
        assert len(db.session.scalars(select(DutyShift)).all()) == 1
    upload(zhou, ROSTER, office=office)
    assert "已存在 3" in upload(zhou, ROSTER, office=office)
    assert "没有" in upload(zhou, "甲,乙\n1,2\n", office=office)

    # By day the duty officer may not accept; by night 特急 alone, and only whoever is on duty.
    assert "现值班：值班表上没有人" in words(zhou.get("/desk"))
    clock.set(20, 20)
    assert "现值班：赵值班（至11-21 08:30）" in words(zhao.get("/desk"))
    number = rings(zhao, cast, "特急：鲜活货物在寻乌南收费站被拦。", "critical")
    plain = rings(zhao, cast, "想了解通行证怎么办。", "normal")
    clock.set(20, 11)
    assert hand_off(zhao, cast, number).status_code == 403
    clock.set(20, 17, 20)
    assert hand_off(zhao, cast, number).status_code == 403  # not yet on duty
    clock.set(20, 20, 30)
    assert hand_off(zhao, cast, plain, urgency="critical").status_code == 403
    lowered = hand_off(zhao, cast, number, urgency="normal")
    assert lowered.status_code == 422 and "值班员只受理特急诉求" in words(lowered)
    assert "受理并交办" in words(zhao.get(f"/appeals/{number}"))
    assert hand_off(zhao, cast, number).status_code == 303

    # What the shift leaves: its calls, and what is urgent and open.
    clock.set(21, 8)
    page = words(zhao.get("/hotline/handovers/"))
    label = number.replace("360734-2026-00", "寻2026-")
    assert "特急未了（1）" in page and "本班来电（2）" in page and page.count(label) >= 2
    out = {"office": office, "starts_at": "2026-11-20T17:30", "ticked": ["critical", "keys"],
           "words": "收费站已答应放行，盯到放行。"}  # fmt: skip
    assert zhao.post("/hotline/handovers/out", data={**out, "words": ""}).status_code == 422
    late = zhao.post("/hotline/handovers/out", data={**out, "starts_at": "2026-11-25T00:00"})
    assert late.status_code == 422 and "盯到放行" in words(late)
    assert cast.client("wu").post("/hotline/handovers/out", data=out).status_code == 403
    here = zhao.post("/hotline/handovers/out", data=out).headers["Location"]
    assert tang.post("/hotline/handovers/out", data=out).status_code == 409
    seen = seen_on(tang, here)
    clock.set(21, 8, 5)
    assert zhao.post("/hotline/handovers/out", data=out).headers["Location"] == here  # signed anew
    assert tang.post(f"{here}/in", data={"seen": seen}).status_code == 409
    took = {"seen": seen_on(tang, here), "in_words": "已核对。"}
    assert zhao.post(f"{here}/in", data=took).status_code == 403
    assert cast.client("yuan").post(f"{here}/in", data=took).status_code == 404
    assert tang.post(f"{here}/in", data=took).status_code == 303
    assert tang.post(f"{here}/in", data=took).status_code == 409
    paper = words(zhou.get(f"{here}/print"))
    assert "☑ 特急未了的诉求已逐件交代" in paper and "盯到放行" in paper and "唐接线" in paper
    assert "2026-11-21 08:05" in words(zhou.get("/hotline/handovers/"))

    # A shift that is over stays as it was; one that has begun only ends otherwise.
    first, second = shift_ids(cast, "zhao")
    assert zhou.post(f"/hotline/duty/{first}/edit", data=turn).status_code == 303
    clock.set(21, 9)
    assert zhou.post(f"/hotline/duty/{first}/remove", data={"office": office}).status_code == 409
    assert zhou.get(f"/hotline/duty/{first}/edit?office={office}").status_code == 409
    assert zhou.post(f"/hotline/duty/{second}/remove", data={"office": office}).status_code == 303
    clock.set(21, 20)
    assert "现值班：值班表上没有人" in words(zhou.get("/desk"))

    # Monday: the office finds it under 待追认, and endorses.
    clock.set(23, 9)
    assert "待追认" in words(zhou.get("/desk")) and label in words(zhou.get("/desk"))
    listed = words(zhou.get("/appeals/?view=unendorsed"))
    assert label in listed
    done = zhou.post(f"/appeals/{number}/endorse", data={"note": "同意", "seen": "99"})
    assert done.status_code == 303, words(done)
    zhou.get("/desk")  # says that it is done
    assert label not in words(zhou.get("/appeals/?view=unendorsed"))

    runner = cast.app.test_cli_runner()
    found = runner.invoke(args=["verify"])
    assert found.exit_code == 0, found.output
    with cast.app.app_context(), writing():
        details = db.session.scalars(
            select(AccessLog.detail).where(AccessLog.action == "duty_changed")
        ).all()
        assert any("排班：赵值班 2026-11-20 17:30" in one for one in details)
        db.session.execute(text("UPDATE shift_handover SET calls = 0"))
        db.session.commit()
    found = runner.invoke(args=["verify"])
    assert found.exit_code == 1 and "交接班记录与签字时的内容不一致" in found.output


def rings(client: FlaskClient, cast: Cast, content: str, urgency: str) -> str:
    """A call at the desk that becomes an appeal."""
    token = re.search(r'name="token"[^>]*value="([^"]+)"', client.get("/hotline/desk").text)
    assert token
    sent = {"token": token[1], "line": "12345", "phone": "13807970001", "phone_given": "given",
            "appellant_name": "寻乌县顺达物流有限公司", "content": content, "become": "appeal",
            "urgency": urgency}  # fmt: skip
    done = client.post("/hotline/desk", data=sent)
    assert done.status_code == 303, words(done)
    return done.headers["Location"].rpartition("/")[2]


def hand_off(client: FlaskClient, cast: Cast, number: str, **typed: str) -> TestResponse:
    with cast.app.app_context():
        category = str(next(iter(catalogue().categories)))
    sent = {"category_id": category, "unit_id": str(cast.units["bureau"]), "urgency": "critical",
            "kind": "help", "appellant_type": "firm", "seen": "1", **typed}  # fmt: skip
    return client.post(f"/appeals/{number}/accept-and-assign", data=sent)


def seen_on(client: FlaskClient, here: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', client.get(here).text)
    assert found
    return found[1]


def shift_ids(cast: Cast, name: str) -> list[Any]:
    with cast.app.app_context():
        wanted = select(DutyShift.id).where(DutyShift.person_id == cast.people[name])
        return list(db.session.scalars(wanted.order_by(DutyShift.id)))
