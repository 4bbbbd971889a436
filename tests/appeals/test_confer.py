"""提请协调 before the leaders, 会商 on several matters at once, and what was agreed on done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from cast import Cast
from desk_hand import blocks
from ledger.appeals.intake import Registration
from ledger.appeals.models import Appeal
from ledger.appeals.outside_parts import Conference, ConferencePoint
from ledger.appeals.parts import Request
from ledger.appeals.replay import check_appeal
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.deadlines.calendar import local_day
from ledger.trail.models import Entry, Serial
from request_hand import FRAGMENT, Seen, do

DAY = timedelta(days=1)


def conference(cast: Cast, **more: Any) -> dict[str, Any]:
    held = (now() - timedelta(minutes=10)).astimezone(SHANGHAI)
    return {
        "held_at": f"{held:%Y-%m-%dT%H:%M}",
        "venue": "县政府三楼会议室",
        "participants": "马县长，交通局、公安局、专班办公室负责同志",
        "conclusion": "收费站入口当日恢复通行，检查点后移。",
        "agreed_1": "恢复收费站入口通行",
        "unit_1": f"{cast.units['bureau']}",
        "until_1": f"{held.date() + 2 * DAY}",
        "agreed_2": "后移检查点",
        "unit_2": f"{cast.units['office']}",
        "until_2": f"{held.date()}",
        "numbered": "y",
        **more,
    }


def count(cast: Cast, kind: Any) -> int:
    with cast.app.app_context():
        return db.session.scalar(select(func.count()).select_from(kind)) or 0


def registered_elsewhere(cast: Cast) -> str:
    """An appeal of the neighbouring county."""
    with cast.app.app_context(), writing() as at:
        known = Registration("安远县货运有限公司", "货车被劝返。", "visit", at, phone="13807970002")
        yuan = cast.actor("yuan", at)
        appeal = Appeal.register(known, office=cast.unit("other_office"), by=yuan, at=at)
        db.session.commit()
        return appeal.number


def sound(cast: Cast, *numbers: str) -> None:
    with cast.app.app_context():
        for number in numbers:
            assert check_appeal(db.engine, number) == []


def test_what_a_unit_cannot_solve_tops_the_managers_page_until_dealt_with(cast: Cast) -> None:
    number, other = cast.reach("assigned"), cast.reach("assigned")
    before = Seen(cast, number)
    unit, manager = cast.client("chen"), cast.client("ma")
    url = f"/appeals/{number}/ask-coordination"
    typed = {"difficulty": "两县对路段管养有争议", "proposal": "请县政府会商", "leader": "马县长"}
    assert cast.client("he").post(url, data=typed).status_code == 404
    assert cast.client("tang").post(url, data=typed).status_code == 403
    assert unit.post(url, data={**typed, "proposal": ""}).status_code == 422
    assert unit.post(url, data=typed).status_code == 303
    seen = Seen(cast, number)
    assert (seen.state, seen.due_at) == (before.state, before.due_at), "it goes on meanwhile"
    found = blocks(cast, "ma", now())
    assert next(iter(found)) == "coordination" and found["coordination"] == [number]
    assert "coordination" not in blocks(cast, "shi", now())
    desk = manager.get("/desk").text
    assert "两县对路段管养有争议（建议由马县长牵头）" in desk
    assert f'href="/appeals/{number}/confer"' in desk
    page = unit.get(f"/appeals/{number}").text
    assert "建议由马县长牵头" in page and "请县政府会商" in page
    twice = unit.post(url, data={**typed, "difficulty": "又一件"})
    assert twice.status_code == 409 and "又一件" in twice.text
    dropped = unit.post(f"/appeals/{number}/drop-coordination", data={"reason": "已自行解决"})
    assert dropped.status_code == 303
    assert "coordination" not in blocks(cast, "ma", now())
    assert unit.post(url, data=typed).status_code == 303
    # What has ended waits for no leader.
    assert unit.post(f"/appeals/{other}/ask-coordination", data=typed).status_code == 303
    withdrawn = {"way": "void", "reason": "重复"}
    assert cast.client("zhou").post(f"/appeals/{other}/withdraw", data=withdrawn).status_code == 303
    assert blocks(cast, "ma", now())["coordination"] == [number]
    url = f"/appeals/{number}/confer"
    done = manager.post(url, data=conference(cast), headers=FRAGMENT)
    assert done.status_code == 200 and "已登记会商" in done.text
    assert "coordination" not in blocks(cast, "ma", now())
    sound(cast, number, other)
    # And by the leader's own word.
    word = cast.register()
    asked = cast.client("zhou").post(f"/appeals/{word}/ask-coordination", data=typed)
    assert asked.status_code == 303
    assert blocks(cast, "ma", now())["coordination"] == [word]
    with cast.app.app_context(), writing() as at:
        appeal = db.session.scalars(select(Appeal).where(Appeal.number == word)).one()
        appeal.instruct("请交通局牵头", [cast.unit("bureau")], by=cast.actor("ma"), at=at)
        db.session.commit()
        assert check_appeal(db.engine, word) == []
    assert "coordination" not in blocks(cast, "ma", now())


def test_one_conference_on_several_matters_and_its_points_done(cast: Cast) -> None:
    first, second, third = (cast.reach("assigned") for _ in range(3))
    office = cast.client("zhou")
    url = f"/appeals/{second}/confer"
    assert cast.client("chen").post(url, data=conference(cast)).status_code == 403
    elsewhere = registered_elsewhere(cast)
    for wrong, said in (
        ({"until_1": ""}, "请填写“完成时限1”"),
        ({"unit_2": ""}, "请选择“责任单位2”"),
        ({"until_1": "2020-01-01"}, "完成时限不能早于会商当日"),
        ({"held_at": f"{datetime.now(SHANGHAI) + DAY:%Y-%m-%dT%H:%M}"}, "会商时间不能晚于现在"),
        ({"others": f"{first} 360734-2026-999999"}, "没有编号为“360734-2026-999999”的诉求"),
        ({"others": f"{first} {elsewhere}"}, f"没有编号为“{elsewhere}”的诉求"),
    ):
        answer = office.post(url, data=conference(cast, **wrong))
        assert answer.status_code == 422 and said in answer.text, wrong
        assert "检查点后移" in answer.text, "nothing typed is lost"
    assert (count(cast, Conference), count(cast, Serial)) == (0, 2), "and nothing half written"

    closed = cast.reach("closed")
    refused = office.post(url, data=conference(cast, others=closed))
    assert refused.status_code == 409 and count(cast, Conference) == 0
    typed = conference(cast, others=f"{third}，{first}")
    assert office.post(url, data=typed).status_code == 303
    assert office.post(url, data=typed).status_code == 303, "a second click"
    assert (count(cast, Conference), count(cast, ConferencePoint)) == (3, 6)
    year = local_day(now()).year
    with cast.app.app_context():
        entries = db.session.scalars(
            select(Entry.stream).where(Entry.verb == "confer").order_by(Entry.id)
        ).all()
        numbers = set(db.session.scalars(select(Conference.number)))
    assert entries == [f"appeal/{n}" for n in (first, second, third)]
    assert numbers == {f"会商纪要〔{year}〕1号"}
    for number in (first, second, third):
        page = cast.client("chen").get(f"/appeals/{number}").text
        for words in (f"会商纪要〔{year}〕1号", "共研究诉求3件", "后移检查点", "待落实"):
            assert words in page, words

    with cast.app.app_context():
        point = db.session.scalars(
            select(ConferencePoint.id)
            .join(Appeal, Appeal.id == ConferencePoint.appeal_id)
            .where(Appeal.number == second, ConferencePoint.place == 1)
        ).one()
    do(cast, third, "zhou", now(), lambda a, h: a.withdraw("void", "重复", **h))
    url = f"/appeals/{second}/fulfil"
    typed = {"point_id": f"{point}", "words": "入口已恢复通行", "all_matters": "y"}
    early = office.post(url, data={**typed, "done_on": "2020-01-01"})
    assert early.status_code == 422 and "落实日期不能早于会商当日" in early.text
    typed["done_on"] = f"{local_day(now())}"
    assert cast.client("chen").post(url, data=typed).status_code == 403
    assert office.post(url, data=typed).status_code == 303
    assert office.post(url, data=typed).status_code == 422, "done once"
    with cast.app.app_context():
        done = db.session.execute(
            select(Appeal.number, ConferencePoint.place)
            .join(Appeal, Appeal.id == ConferencePoint.appeal_id)
            .where(ConferencePoint.done_on.is_not(None))
            .order_by(Appeal.id)
        ).all()
    assert [tuple(row) for row in done] == [(first, 1), (second, 1)], "what ended stays as it was"
    page = office.get(f"/appeals/{first}").text
    assert "已落实" in page and "入口已恢复通行" in page
    sound(cast, first, second, third, closed)


def test_the_ruling_on_a_second_return_names_its_conference(cast: Cast) -> None:
    number = cast.reach("assigned")
    office = cast.client("zhou")
    for unit, who in (("", "chen"), ("police", "he")):
        if unit:
            do(cast, number, "zhou", now(),
               lambda a, h: a.rule_return(True, "", unit=cast.unit("police"), **h))  # fmt: skip
        do(cast, number, who, now(), lambda a, h: a.ask_return("unclear", "不属本单位", **h))
    assert 'name="conference"' not in office.get(f"/appeals/{number}/rule-return").text
    assert office.post(f"/appeals/{number}/confer", data=conference(cast)).status_code == 303
    form = office.get(f"/appeals/{number}/rule-return").text
    year = local_day(now()).year
    assert 'name="conference"' in form and f"会商纪要〔{year}〕1号" in form
    with cast.app.app_context():
        held = db.session.scalars(select(Conference.id)).one()
    typed = {"granted": "refused", "ruling": "经会商由交管大队牵头", "conference": "999"}
    assert office.post(f"/appeals/{number}/rule-return", data=typed).status_code == 422
    typed["conference"] = f"{held}"
    assert office.post(f"/appeals/{number}/rule-return", data=typed).status_code == 303
    with cast.app.app_context():
        ruled = db.session.scalars(select(Request).order_by(Request.id.desc())).first()
        assert ruled is not None and (ruled.conference_id, ruled.state) == (held, "refused")
    page = office.get(f"/appeals/{number}").text
    assert f"（依据会商纪要〔{year}〕1号）" in page
    sound(cast, number)
