"""Urgings and papers by their people: numbered, replied to, withdrawn; all of it in the trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from cast import Cast
from ledger.appeals.models import Appeal
from ledger.appeals.record import Invalid, Refused
from ledger.config import SHANGHAI
from ledger.db import db, now, writing
from ledger.supervision import sweeps
from ledger.supervision.models import Paper, Reminder, Urge
from ledger.trail.models import Entry
from supervision_ground import due_of, issue, problems, said, with_paper

YEAR = now().astimezone(SHANGHAI).year


def stands(cast: Cast, number: str) -> tuple[int | None, str | None, int | None]:
    with cast.app.app_context():
        row = db.session.execute(
            select(Appeal.urged, Appeal.supervised, Appeal.awaited).where(Appeal.number == number)
        ).one()
        db.session.remove()
        return row.urged, row.supervised, row.awaited


def last(cast: Cast, number: str) -> Entry:
    with cast.app.app_context():
        query = select(Entry).where(Entry.stream == f"appeal/{number}")
        found = db.session.scalars(query.order_by(Entry.seq.desc())).first()
        assert found is not None
        db.session.remove()
        return found


def test_the_steps_from_a_call_to_a_talk(cast: Cast) -> None:
    number = cast.reach("assigned")

    def call(appeal: Appeal, at: object) -> None:
        moment = now()
        given: dict[str, Any] = {"by": cast.actor("tang"), "at": moment}
        Urge.record(
            appeal, cast.units["bureau"], "phone", spoken_to="张科长", answer="下午去现场",
            promised_at=moment + timedelta(hours=5), **given,
        )  # fmt: skip
        Urge.record(appeal, cast.units["bureau"], "wechat", urging="请尽快办理", **given)

    cast.do(number, call)
    assert stands(cast, number) == (2, None, None)
    # Each kind of paper counts by itself, in one office and year.
    orders = [issue(cast, number, "order"), issue(cast, number, "order", by="ma")]
    talk = issue(
        cast, number, "talk", by="zhou",
        meeting_at=now() + timedelta(days=1), meeting_place="县政府三楼会议室",
    )  # fmt: skip
    with cast.app.app_context():
        numbers = [db.session.get_one(Paper, i).number for i in (*orders, talk)]
        db.session.remove()
    assert numbers == [f"督办〔{YEAR}〕1号", f"督办〔{YEAR}〕2号", f"约谈〔{YEAR}〕1号"]
    assert stands(cast, number) == (2, "talk", 3)

    with_paper(cast, orders[0], lambda p, at: p.answer("已办结", by=cast.actor("chen"), at=at))
    assert stands(cast, number) == (2, "talk", 2)
    # Issued by mistake: its number stays with it, and nobody owes it a reply.
    with_paper(cast, talk, lambda p, at: p.withdraw("误发", by=cast.actor("du"), at=at))
    assert stands(cast, number) == (2, "order", 1)
    with pytest.raises(Refused, match="已经撤销"):
        with_paper(cast, talk, lambda p, at: p.answer("到会", by=cast.actor("chen"), at=at))
    with pytest.raises(Refused, match="已经回复"):
        with_paper(cast, orders[0], lambda p, at: p.answer("再报", by=cast.actor("chen"), at=at))
    # Late, and it shows.
    late = with_paper(cast, orders[1], lambda p, _at: p.reply_due_at) + timedelta(hours=1)
    with_paper(cast, orders[1], lambda p, _at: p.answer("已办结", by=cast.actor("chen"), at=late))
    assert with_paper(cast, orders[1], lambda p, at: p.is_late(at))
    assert '"late":true' in last(cast, number).payload
    assert stands(cast, number) == (2, "order", None)
    assert problems(cast) == []


def _reply_by(cast: Cast, name: str) -> Any:
    return lambda paper, at: paper.answer("甲", by=cast.actor(name), at=at)


def test_whom_it_was_put_to_replies_and_nobody_else(cast: Cast) -> None:
    number = cast.reach("assigned")
    paper = issue(cast, number)
    for name in ("he", "sun", "du", "zhou", "yan", "lin", "none"):
        with pytest.raises(Refused) as refused:
            with_paper(cast, paper, _reply_by(cast, name))
        assert refused.value.status == 403, name
    with_paper(cast, paper, lambda p, at: p.answer("已办结", by=cast.actor("qian"), at=at))
    # To the office itself: its coordinators reply.
    to_office = issue(cast, number, unit="office")
    with pytest.raises(Refused):
        with_paper(cast, to_office, lambda p, at: p.answer("甲", by=cast.actor("chen"), at=at))
    with_paper(cast, to_office, lambda p, at: p.answer("已交办", by=cast.actor("zhou"), at=at))


@pytest.mark.parametrize("name", ["chen", "he", "lin", "tang", "wu", "yuan", "xi", "none"])
def test_who_may_not_issue(cast: Cast, name: str) -> None:
    number = cast.reach("assigned")
    with pytest.raises(Refused) as refused:
        issue(cast, number, by=name)
    assert refused.value.status == 403


def test_what_makes_no_sense_is_refused_before_a_number_is_taken(cast: Cast) -> None:
    number = cast.reach("assigned")
    for field, more in (
        ("unit_id", {"unit": "police"}),
        ("reply_due_at", {"reply_due_at": now() - timedelta(hours=1)}),
        ("paper_text", {"paper_text": "  "}),
        ("demand", {"demand": ""}),
        ("signing_body", {"signing_body": ""}),
    ):
        with pytest.raises(Invalid) as invalid:
            issue(cast, number, **more)
        assert invalid.value.field == field
    with pytest.raises(Invalid) as invalid:
        issue(cast, number, "talk")
    assert invalid.value.field == "meeting_at"
    closed = cast.reach("closed")
    with pytest.raises(Refused) as refused:
        issue(cast, closed)
    assert refused.value.status == 409
    issue(cast, number)
    with cast.app.app_context():
        assert db.session.scalars(select(Paper.paper_number)).all() == [1]


def test_a_suggestion_is_issued_or_discarded_once(cast: Cast) -> None:
    number = cast.reach("assigned")
    with cast.app.app_context():
        sweeps.sweep(due_of(cast, number) + timedelta(days=1))

    def draft_of() -> Reminder:
        return db.session.scalars(select(Reminder).where(Reminder.step != "")).one()

    def issued(appeal: Appeal, at: object) -> None:
        moment = now()
        Paper.issue(
            appeal, "notice", said(cast, moment), by=cast.actor("du"), at=moment, draft=draft_of()
        )

    cast.do(number, issued)
    for again in (
        issued,
        lambda a, at: draft_of().discard(a, "不必", by=cast.actor("du"), at=at),
    ):
        with pytest.raises(Refused, match="已由他人签发"):
            cast.do(number, again)
    with cast.app.app_context(), writing():
        assert (draft_of().settled_as, draft_of().waits) == ("issued", False)

    other = cast.reach("assigned")
    with cast.app.app_context():
        sweeps.sweep(due_of(cast, other) + timedelta(days=1))

    def discard(appeal: Appeal, at: object) -> None:
        draft = db.session.scalars(select(Reminder).where(Reminder.waits.is_(True))).one()
        with pytest.raises(Refused, match="您的岗位"):
            draft.discard(appeal, "不必", by=cast.actor("chen"), at=now())
        draft.discard(appeal, "已电话说明，明日办结", by=cast.actor("du"), at=now())

    cast.do(other, discard)
    assert '"done":"discarded"' in last(cast, other).payload
    assert problems(cast) == []


def test_erased_words_leave_the_paper_too(cast: Cast) -> None:
    number = cast.reach("assigned")
    paper = issue(cast, number, paper_text="本件涉及刘某某，身份证号三六〇……")
    seq = last(cast, number).seq
    done = cast.app.test_cli_runner().invoke(
        args=["erase", number, "--seq", str(seq), "--place",
              f"supervision_paper.{paper}.paper_text", "--basis", "依法删除个人信息"]
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert with_paper(cast, paper, lambda p, _at: p.paper_text) == "〔已依法删除〕"
    assert problems(cast) == []
