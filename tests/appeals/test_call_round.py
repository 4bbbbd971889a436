"""逐户答复 and 逐户回访: a master and those joined to it, each on one page."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from cast import Cast
from ledger.access.models import AccessLog
from ledger.appeals.models import Appeal
from ledger.db import db, keyring
from ledger.trail.check import Report, check_ledger
from ledger.trail.models import Entry

SATISFIED = {"reached": "yes", "contacted": "yes", "solved": "solved", "satisfaction": "satisfied"}


def family(cast: Cast, size: int = 4) -> list[str]:
    """A master and what is joined to it, handed to the bureau."""
    numbers = [
        cast.register(by="tang", appellant_name=f"{n}号企业", phone=f"1380797000{n}")
        for n in range(size)
    ]

    def join(appeal: Appeal, at: Any) -> None:
        master = db.session.scalars(select(Appeal).where(Appeal.number == numbers[0])).one()
        appeal.join(master, "", by=cast.actor("zhou"), at=at)

    for number in numbers[1:]:
        cast.do(number, join)
    cast.accept(numbers[0])
    cast.assign(numbers[0])
    return numbers


def column(cast: Cast, number: str, name: str) -> Any:
    with cast.app.app_context():
        return db.session.scalar(select(getattr(Appeal, name)).where(Appeal.number == number))


def row(cast: Cast, number: str, **typed: str) -> dict[str, str]:
    """The fields of one firm on the page."""
    key = f"r{column(cast, number, 'id')}"
    seen = str(column(cast, number, "version"))
    return {f"{key}-{name}": value for name, value in {"seen": seen, **typed}.items()}


def test_each_firm_is_answered_and_called_back(cast: Cast) -> None:
    master, two, three, four = family(cast)
    office, operator = cast.client("zhou"), cast.client("tang")
    cast.answer(master)
    # 逐户答复, before the review.
    page = office.get(f"/appeals/{master}/replies")
    reply = "您好，澄江收费站入口已恢复通行，感谢反映。"
    assert page.text.count(reply) == 3
    assert cast.client("tang").get(f"/appeals/{master}/replies").status_code == 403
    own = "2号企业您好：您的两辆车可走二号口，已与站方说好。"
    short = office.post(
        f"/appeals/{master}/replies",
        data={
            **row(cast, two, public_reply=own),
            **row(cast, three, public_reply="收悉"),
            **row(cast, four, public_reply=reply),
        },
    )
    assert short.status_code == 422
    assert "“收悉”不是答复" in short.text and "收悉</textarea>" in short.text
    assert column(cast, two, "public_reply") == own
    assert column(cast, four, "public_reply") == ""
    cast.review(master)
    assert [column(cast, n, "public_reply") for n in (two, three)] == [own, reply]
    # 逐户回访: numbers at one click, noted once.
    calls = f"/appeals/{master}/calls"
    page = operator.get(calls)
    assert page.text.count("138****") == 4 and "13807970001" not in page.text
    typed = row(cast, two, words="正在通话")
    shown = operator.post(calls, data={"phones": "1", **typed})
    assert all(f"1380797000{n}" in shown.text for n in range(4)) and "正在通话" in shown.text
    with cast.app.app_context():
        log = db.session.scalars(select(AccessLog).where(AccessLog.action == "phone_read")).all()
        assert len(log) == 1 and "办理联系" in log[0].detail and "4户" in log[0].subject
        assert "1380797" not in log[0].detail + log[0].subject
    # 回避 holds for each: who answered the master calls back nobody.
    handler = cast.client("chen").get(calls)
    assert handler.status_code == 200 and handler.text.count("您的岗位不能办理这一步") == 4
    barred = cast.client("chen").post(calls, data=row(cast, two, **SATISFIED))
    assert barred.status_code == 422 and column(cast, two, "state") == "reviewed"
    assert operator.post(calls, data={}).status_code == 422
    # Three filled, one of them wrong, one not reached; what is wrong comes back as typed.
    data = {
        **row(cast, master),
        **row(cast, two, **SATISFIED, words="满意"),
        **row(cast, three, **{**SATISFIED, "satisfaction": "unsatisfied", "solved": "unsolved"}),
        **row(cast, four, reached="no", words="无人接听"),
    }
    sent = operator.post(calls, data=data)
    assert sent.status_code == 422
    assert "已登记2户，1户没有登记" in sent.text and "不满意的，请写明诉求人的意见" in sent.text
    ticked = rf'name="r{column(cast, three, "id")}-satisfaction" value="unsatisfied" checked'
    assert re.search(ticked, sent.text)
    states = [column(cast, n, "state") for n in (master, two, three, four)]
    assert states == ["reviewed", "confirmed", "reviewed", "reviewed"]
    assert column(cast, four, "attempts") == 1
    # The same once more, with what was missing: what was done is not done twice.
    key = f"r{column(cast, three, 'id')}"
    again = operator.post(calls, data={**data, f"{key}-words": "我的车仍被劝返"})
    assert again.status_code == 303
    assert column(cast, four, "attempts") == 1
    with cast.app.app_context():
        alone = db.session.scalars(select(Appeal).where(Appeal.number == three)).one()
        assert (alone.state, alone.round, alone.master_id) == ("assigned", 2, None)
        assert alone.lead is not None and alone.lead.unit_id == cast.units["bureau"]
        for number, verb in ((two, "call_back"), (four, "attempt"), (three, "call_back")):
            done = db.session.scalars(
                select(Entry.verb).where(
                    Entry.stream == f"appeal/{number}", Entry.actor_id == cast.people["tang"]
                )
            ).all()
            assert done == ["register", verb]
        assert list(check_ledger(db.engine, keyring(), Report())) == []
    # Its page tells the whole story; the master's lists two still joined.
    story = office.get(f"/appeals/{three}").text
    for words in ("并案办理", "随主件办理", "审核通过（周交办）", "第2轮"):
        assert words in story, words
    assert "并入本件2件" in office.get(f"/appeals/{master}").text
    assert cast.client("he").get(calls).status_code == 404
